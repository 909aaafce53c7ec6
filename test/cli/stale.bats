#!/usr/bin/env bats
# Rules that know how late an update is.

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=1 -s 1 -o c --no-sync
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o g0.safetensors
	mkdir past
	for r in 0 1 2; do	# three rounds of client 0 alone
		cp g$r.safetensors past/
		fl-local-train -m g$r.safetensors c/0000.safetensors -o u$r.sts
		fl-aggregate -n 1 -m g$r.safetensors -o g$((r + 1)).safetensors u$r.sts
	done
	fl-local-train -m g0.safetensors c/0001.safetensors -o late2.sts
	fl-local-train -m g1.safetensors c/0002.safetensors -o late1.sts
	fl-local-train -m g2.safetensors c/0000.safetensors -o now.sts
}

setup() { cd "$BATS_FILE_TMPDIR"; }

@test "fedfix: without anybody late it is the mean, byte for byte" {
	fl-local-train -m g2.safetensors c/*.safetensors -o all.sts
	fl-aggregate --no-prov -n 3 -m g2.safetensors -R fedfix -o a.safetensors all.sts
	fl-aggregate --no-prov -n 3 -m g2.safetensors -o b.safetensors all.sts
	cmp a.safetensors b.safetensors
	fl-aggregate --no-prov -n 3 -m g2.safetensors -R fedfix:weight=uniform,denominator=3 -o a.safetensors all.sts
	fl-aggregate --no-prov -n 3 -m g2.safetensors -R mean:weight=uniform -o b.safetensors all.sts
	cmp a.safetensors b.safetensors
}

@test "fedfix: late updates count age + 1 times, as NumPy has it; order and threads do not matter" {
	for spec in fedfix fedfix:denominator=5000 fedfix:weight=uniform,denominator=9; do
		o="-n 3 -m g2.safetensors --stale 2 --history past -R $spec"
		fl-aggregate $o -o got.safetensors now.sts late1.sts late2.sts
		fl-aggregate $o -j 2 late2.sts now.sts late1.sts | cmp - got.safetensors
		"$PYTHON" - $spec <<-END
			import sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load, stream
			spec = sys.argv[1]
			u = [next(stream(f + ".sts")) for f in ("now", "late1", "late2")]
			n = [float(m["fl.examples"]) if "uniform" not in spec else 1 for _, m, _ in u]
			d = [(age + 1) * x for age, x in enumerate(n)]
			total = 5000 if "5000" in spec else 9 if "=9" in spec else sum(d)
			w, got = load("g2.safetensors")[0], load("got.safetensors")[0]
			for k in w:
			    want = w[k].astype(float) + sum(a * t[k].astype(float) for a, (t, _, _) in zip(d, u)) / total
			    assert np.allclose(got[k], want, rtol=1e-6, atol=1e-7), k
		END
	done
}

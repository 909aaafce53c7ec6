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

@test "fedasync: late models are mixed from where the model is now, as NumPy has it" {
	for spec in fedasync fedasync:alpha=0.3,decay=const fedasync:decay=hinge,a=10,b=1 \
		fedasync:of=update,alpha=1 fedasync:alpha=0.9,decay=poly,a=2; do
		o="-n 3 -m g2.safetensors --stale 2 --history past -R $spec"
		fl-aggregate $o -o got.safetensors now.sts late1.sts late2.sts
		fl-aggregate $o -j 2 late2.sts now.sts late1.sts | cmp - got.safetensors
		cat now.sts late2.sts late1.sts | fl-aggregate $o | cmp - got.safetensors
		"$PYTHON" - $spec <<-END
			import sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load, stream
			p = dict(x.split("=") for x in sys.argv[1].partition(":")[2].split(",") if x)
			alpha, a, b = float(p.get("alpha", .6)), float(p.get("a", .5)), float(p.get("b", 4))
			s = {"const": lambda t: 1, "poly": lambda t: (t + 1) ** -a,
			     "hinge": lambda t: 1 if t <= b else 1 / (a * (t - b) + 1)}[p.get("decay", "poly")]
			u = [next(stream(f + ".sts"))[0] for f in ("now", "late1", "late2")]
			g = [load("g%d.safetensors" % r)[0] for r in (2, 1, 0)]
			w, got = g[0], load("got.safetensors")[0]
			for k in w:
			    move = 0
			    for age in range(3):
			        trained = g[age][k].astype(float) + u[age][k]
			        move = move + alpha * s(age) * (u[age][k].astype(float) if "of" in p else trained - w[k]) / 3
			    assert np.allclose(got[k], w[k] + move, rtol=1e-6, atol=1e-7), k
		END
	done
}

@test "fedasync: alpha=1 without decay takes a late client's model; without anybody late it is the mean" {
	fl-aggregate -n 1 -m g2.safetensors --stale 2 --history past -R fedasync:alpha=1,decay=const -o got.safetensors late2.sts
	fl-aggregate -n 1 -m g0.safetensors -o want.safetensors late2.sts
	st-cmp --rtol=1e-6 --atol=1e-7 <(st-cat --plain got.safetensors) <(st-cat --plain want.safetensors)
	fl-local-train -m g2.safetensors c/*.safetensors -o all.sts
	fl-aggregate --no-prov -n 3 -m g2.safetensors -R fedasync:alpha=1 -o a.safetensors all.sts
	fl-aggregate --no-prov -n 3 -m g2.safetensors -R mean:weight=uniform -o b.safetensors all.sts
	cmp a.safetensors b.safetensors
	fl-aggregate -n 2 -m g2.safetensors --stale 2 --history past -R fedasync --partial -o p.sts late1.sts late2.sts
	fl-aggregate -n 3 -m g2.safetensors --stale 2 --history past -R fedasync -o a.safetensors p.sts now.sts
	fl-aggregate -n 3 -m g2.safetensors --stale 2 --history past -R fedasync now.sts late1.sts late2.sts | cmp - a.safetensors
}

@test "fedasync mixes running statistics as the rest of a model; other rules take their mean" {
	fl-init -a '{"input":[64],"layers":[{"layer":"batchnorm"},{"layer":"linear","out":10}]}' -s 1 -o b0.safetensors
	mkdir batch
	cp b0.safetensors batch/
	fl-local-train -m b0.safetensors -o first.sts c/0000.safetensors
	fl-local-train -m b0.safetensors -o then.sts c/0001.safetensors
	fl-aggregate -n 1 -m b0.safetensors -o b1.safetensors first.sts
	fl-local-train -m b1.safetensors -o again.sts c/0000.safetensors
	for spec in fedasync:alpha=0.3,a=1 fedasync:alpha=0.3,a=1,of=update mean:weight=uniform; do
		o="-m b1.safetensors --stale 1 --history batch -R $spec"
		fl-aggregate -n 2 $o -o got.safetensors again.sts then.sts
		fl-aggregate -n 1 $o --partial -o p.sts then.sts
		fl-aggregate -n 2 $o p.sts again.sts | cmp - got.safetensors
		"$PYTHON" - $spec <<-END
			import sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load, stream
			now, then, got = (load(f + ".safetensors")[0] for f in ("b1", "b0", "got"))
			u, late = (next(stream(f + ".sts"))[0] for f in ("again", "then"))
			running = ["0.running_mean", "0.running_var", "0.num_batches_tracked"]
			seen = 0
			for k in now:
			    w, u0, u1 = now[k].astype(float), u[k].astype(float), late[k].astype(float)
			    if sys.argv[1] == "fedasync:alpha=0.3,a=1":
			        move = (.3 * u0 + .15 * (then[k] + u1 - w)) / 2
			    elif k in running:
			        move = (u0 + then[k] + u1 - w) / 2
			    else:
			        move = (.3 * u0 + .15 * u1) / 2 if "fedasync" in sys.argv[1] else (u0 + u1) / 2
			    assert np.allclose(got[k], w + move, rtol=1e-5, atol=1e-6), k
			    seen += k in running and not np.allclose(now[k], then[k])
			assert seen == 3, seen
		END
	done
	# Differences of variances, summed as they are, would fall below 0.
	for rule in median trimmean geomed fedmgda; do
		fl-aggregate -n 2 -m b1.safetensors --stale 1 --history batch -R $rule -o got.safetensors again.sts then.sts
		fl-aggregate -n 2 -m b1.safetensors --stale 1 --history batch -R $rule then.sts again.sts | cmp - got.safetensors
	done
}

@test "late updates of sub-networks: blocks, masks, and what they leave out" {
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import json
		import numpy as np
		from fed_record import load, save
		w, _, base = load("g1.safetensors")
		r = np.random.default_rng(3)
		name = next(k for k, v in w.items() if v.shape == (8, 64))
		own = np.zeros((8, 64), "u1")
		own[:3, 5:20] = 1
		x = r.normal(size=(8, 64)).astype("f4") * own
		m = dict(kind="update", client=5, round=2, base=base, examples=7)
		save("block.safetensors", {name: x[:3, 5:20]}, slice=json.dumps({name: [[0, 3], [5, 20]]}), **m)
		save("mask.safetensors", {name: x, "@mask/" + name: own}, **m)
	END
	for rule in mean median fedasync fedfix; do
		o="-n 2 -m g2.safetensors --no-prov --stale 2 --history past -R $rule"
		fl-aggregate $o -o a.safetensors now.sts block.safetensors
		fl-aggregate $o now.sts mask.safetensors | cmp - a.safetensors
	done
	# Alone, what it does not have stays.
	fl-aggregate -n 1 -m g2.safetensors --stale 2 --history past -R fedasync:alpha=1,decay=const -o a.safetensors mask.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		now, then, got, u = (load(f + ".safetensors")[0] for f in ("g2", "g1", "a", "mask"))
		for k, v in now.items():
		    own = u.get("@mask/" + k, np.zeros(v.shape)) > 0
		    want = np.where(own, then[k].astype(float) + u.get(k, 0 * v), v)
		    assert np.allclose(got[k], want, rtol=1e-6, atol=1e-7) and (got[k][~own] == v[~own]).all(), k
	END
}

@test "rules that see everything at once take late updates" {
	fl-init -a '{"input":[64],"layers":[{"layer":"lora","out":10,"rank":4}]}' -s 1 -o l0.safetensors
	mkdir -p old
	cp l0.safetensors old/
	fl-local-train -m l0.safetensors -o l0.sts c/0000.safetensors
	fl-local-train -m l0.safetensors -o late.sts c/0001.safetensors
	fl-aggregate -n 1 -m l0.safetensors -o l1.safetensors l0.sts
	fl-local-train -m l1.safetensors -o now1.sts c/0000.safetensors
	for rule in flora hetlora; do
		fl-aggregate -n 2 -m l1.safetensors --stale 1 --history old -R $rule -o a.safetensors now1.sts late.sts
		fl-aggregate -n 2 -m l1.safetensors --stale 1 --history old -R $rule late.sts now1.sts | cmp - a.safetensors
	done
}

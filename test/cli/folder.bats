#!/usr/bin/env bats
# Rules over a folder of models that differ: each gets the combined update of what it holds.

load fails

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -q -d digits -k 4 -B dirichlet:alpha=1 -s 1 -o clients --no-sync
	mkdir m
	for k in 0 1 2 3; do	# bodies of two widths, heads of one
		fl-init -a mlp:in=64,hidden=$((10 + k / 2 * 4))+8,out=10 -s $k -o m/000$k.safetensors
	done
	fl-local-train -m m clients/*.safetensors -o u.sts
	st-cat --tensor '4.*' u.sts -o heads.sts
}

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	cp -r "$BATS_FILE_TMPDIR"/* .
}

@test "own: each model is its own plus its update, networks of any shape" {
	fl-aggregate -n 4 -m m -R own -o out u.sts
	for k in 0 1 2 3; do
		st-cat --client=$k --one -o one.sts u.sts
		fl-aggregate -n 1 -m m/000$k.safetensors -o want.safetensors one.sts
		st-cmp want.safetensors out/000$k.safetensors
	done
	st-ls --meta out/0002.safetensors | grep -q 'fl.client	2'
	st-ls --meta out/0002.safetensors | grep -q 'fl.round	1'
}

@test "the mean of the tensors that models share, and each keeps the rest (LG-FedAvg)" {
	fl-aggregate -n 4 -m m -o out heads.sts
	fl-aggregate -n 4 -m m -o again -j 2 <(st-cat --client=3 heads.sts) <(st-cat --client=0-2 heads.sts)
	for k in 0 1 2 3; do cmp out/000$k.safetensors again/000$k.safetensors; done
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		u = [(t, float(m["fl.examples"])) for t, m, _ in stream("heads.sts")]
		n = sum(e for _, e in u)
		for k in range(4):
		    (w, _, base), (v, m, _) = load("m/000%d.safetensors" % k), load("out/000%d.safetensors" % k)
		    assert m["fl.parent"] == base and m["fl.client"] == str(k)
		    for name in w:
		        want = w[name].astype(float)
		        if name.startswith("4."):
		            want = want + sum(e * t[name].astype(float) for t, e in u) / n
		        assert np.allclose(v[name], want, rtol=1e-6, atol=1e-7), name
		        assert name.startswith("4.") or (v[name] == w[name]).all(), name
	END
}

@test "clients that hold a tensor share it; a model whose client is away gets it, too" {
	st-cat --client=0-1 u.sts -o two.sts
	fl-aggregate -n 2 -m m -R median -o out <(st-cat --tensor '0.*' --tensor '4.*' two.sts)
	part() { st-cat --tensor "$1" --one --strip-meta "$2/000$3.safetensors"; }
	for k in 2 3; do	# another width: not the same tensor
		part '0.*' m $k | cmp - <(part '0.*' out $k)
		! part '4.*' m $k | cmp -s - <(part '4.*' out $k)
	done
	! part '0.*' m 1 | cmp -s - <(part '0.*' out 1)
	part '2.*' m 1 | cmp - <(part '2.*' out 1)
}

@test "equal models in a folder are one model: the same bytes of weights" {
	for k in 1 2 3; do cp m/0000.safetensors m/000$k.safetensors; done
	fl-local-train -m m clients/*.safetensors -o u.sts
	for rule in mean median krum:f=0 geomed; do
		fl-aggregate -n 4 -m m/0000.safetensors -R $rule -o one.safetensors u.sts
		fl-aggregate -n 4 -m m -R $rule -S sgd:lr=1 -o out u.sts
		st-cmp one.safetensors out/0003.safetensors
		rm -r out
	done
}

@test "what cannot be is refused, and nothing is written" {
	fails 3 "client 2: tensor '0.bias' is 14, that of another client 10" fl-aggregate -n 4 -m m -o out u.sts
	[ ! -e out ]
	fails 2 "-o FOLDER" fl-aggregate -n 4 -m m heads.sts
	fails 2 "nothing is kept" fl-aggregate -n 4 -m m -S fedadam -o out heads.sts
	fails 2 "m is a folder: server fedexp looks at the whole update of one model" \
		fl-aggregate -n 4 -m m -S fedexp -o out heads.sts
	fails 2 "nothing is kept" fl-aggregate -n 4 -m m --partial -o out heads.sts
	rm m/0002.safetensors
	fails 3 "client 2: no model 0002.safetensors" fl-aggregate -n 4 -m m -o out heads.sts
	[ ! -e out ]
	fl-aggregate -n 1 -m m/0001.safetensors -o m/0001.safetensors <(st-cat --client=1 --one u.sts)
	fails 3 "is of round 1" fl-aggregate -n 4 -m m -o out heads.sts
}

@test "fedgh: a round over unlike networks; the head is the server's, then training is FedAvg's" {
	fl-stats -m m classmean clients/*.safetensors >c.sts
	fl-init -a logreg:in=8,out=10 -s 9 -o head.safetensors
	fl-distill -m head.safetensors -M fedgh --with c.sts -e 20 -o head.safetensors
	fl-local-train -m m -M fedgh --with head.safetensors -j 2 clients/*.safetensors -o v.sts
	fl-local-train -m m -M fedgh --with head.safetensors clients/*.safetensors | cmp - v.sts
	fl-aggregate -n 4 -m m -R own -o out v.sts
	# The same by hand: the head goes into each model, which is then trained.
	mkdir by-hand
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		from fed_record import load, save
		h = load("head.safetensors")[0]
		for k in range(4):
		    w, m, _ = load("m/000%d.safetensors" % k)
		    w = {**w, "4.weight": h["0.weight"], "4.bias": h["0.bias"]}
		    m = {k[3:]: v for k, v in m.items() if k != "fl.v"}
		    save("by-hand/000%d.safetensors" % k, w, **m)
	END
	fl-local-train -m by-hand clients/*.safetensors |
		fl-aggregate -n 4 -m by-hand -R own -o want
	for k in 0 1 2 3; do st-cmp --atol 1e-7 out/000$k.safetensors want/000$k.safetensors; done
	# A folder of heads: each client's own.
	mkdir heads
	for k in 0 1 2 3; do cp head.safetensors heads/000$k.safetensors; done
	fl-local-train -m m -M fedgh --with heads clients/*.safetensors | cmp - v.sts
	rm heads/0001.safetensors
	fails 3 "no such record of client 1" fl-local-train -m m -M fedgh --with heads -o out.safetensors clients/*.safetensors
	fails 2 "method fedgh reads a record of kind model by --with: the head" \
		fl-local-train -m m -M fedgh -o out.safetensors clients/*.safetensors
	fl-init -a logreg:in=7,out=10 -o bad.safetensors
	fails 3 "is not of the shape of '4.weight'" \
		fl-local-train -m m -M fedgh --with bad.safetensors -o out.safetensors clients/0000.safetensors
	fails 2 "method fedavg has no use for head.safetensors" \
		fl-local-train -m m --with head.safetensors -o out.safetensors clients/0000.safetensors
}

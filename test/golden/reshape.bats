#!/usr/bin/env bats
# Models that differ, at their true sizes: fl-reshape, clients, fl-aggregate against NumPy.

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden/reshape
	cd "$BATS_TEST_TMPDIR"
}

# rounds N TRAIN-OPTION... : from model0 by sizes.txt, to g.safetensors.
rounds() {
	cp model0.safetensors g.safetensors
	for _ in $(seq "$1"); do
		fl-reshape -m g.safetensors --sizes sizes.txt -o parts --no-sync
		fl-local-train -m parts --opt sgd:lr=0.05 -b 4 -e 2 --shuffle none -j 2 client?.safetensors |
			fl-aggregate -n 5 -m g.safetensors "${@:2}" -o g.safetensors --no-sync
	done
}

# like NET MODE SCALER WEIGHT ROUNDS
like() {
	"$PYTHON" "$G/ref.py" "$@" .
	rounds "$5" -R mean:weight="$4"
	st-cmp --atol 2e-6 --rtol 1e-5 g.safetensors want.safetensors
}

@test "HeteroFL: five widths of a perceptron" {
	like mlp static 0 examples 3
	like mlp static 1 uniform 3
}

@test "HeteroFL: five widths of a convolutional net" {
	like cnn static 0 uniform 2
	like cnn static 1 examples 2
}

@test "FedRolex: windows that roll, and wrap round" {
	like mlp rolling 0 uniform 20
	like cnn rolling 1 examples 2
	[ "$(st-ls --meta parts/0001.safetensors | grep -o '"c1.bias":.*' | cut -d, -f1-2)" = '"c1.bias":[[1,9]]' ]
}

@test "the golden tells static from rolling, and scaled from not" {
	"$PYTHON" "$G/ref.py" mlp static 1 uniform 3 .
	sed -i s/,scaler=on// sizes.txt
	rounds 3 -R mean:weight=uniform
	run ! st-cmp --atol 2e-6 --rtol 1e-5 g.safetensors want.safetensors
	sed -i s/width/rolling/ sizes.txt
	rounds 3 -R mean:weight=uniform
	run ! st-cmp --atol 2e-6 --rtol 1e-5 g.safetensors want.safetensors
}

@test "parts are small: files of the widths a to e" {
	fl-init -a fedavg-cnn -o model0.safetensors
	for r in 1 0.5 0.25 0.125 0.0625; do
		fl-reshape -m model0.safetensors "width:ratio=$r" -o "$r.safetensors"
	done
	"$PYTHON" - <<-'END'
		import os
		full = os.path.getsize("1.safetensors")
		for r in (.5, .25, .125, .0625):
		    assert os.path.getsize(f"{r}.safetensors") < 1.1 * r * r * full + 20000, r
	END
}

@test "fl.slice says where each tensor of a part comes from, for every architecture that can be cut" {
	for a in fedavg-cnn lenet5 pfl-cnn resnet18-gn eemlp tutorial-cnn asymvlm; do
		fl-init -a "$a" -s 3 -o m.safetensors
		fl-reshape -q -m m.safetensors width:ratio=0.5 -o w.safetensors
		fl-reshape -q -m w.safetensors rolling:ratio=0.5 -o v.safetensors
		fl-reshape -q -m m.safetensors rolling:ratio=0.75,step=3 -o r.safetensors
		"$PYTHON" - <<-END
			import json, sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load
			whole, _, base = load("m.safetensors")
			for f in "wvr":
			    part, meta, _ = load(f + ".safetensors")
			    assert meta["fl.base"] == base and part.keys() == whole.keys()
			    where = json.loads(meta["fl.slice"])
			    for n, t in part.items():
			        if n in where:
			            at = [np.concatenate([np.arange(*ab) for ab in ([r] if np.ndim(r) == 1 else r)])
			                  for r in where[n]]
			            assert (whole[n][np.ix_(*at)] == t).all(), n
			        else:
			            assert (whole[n] == t).all(), n
			    assert sum(t.size for t in part.values()) < .8 * sum(t.size for t in whole.values())
		END
	done
}

@test "all widths 1 are FedAvg, byte for byte" {
	"$PYTHON" "$G/ref.py" cnn static 1 examples 1 .
	for k in 0 1 2 3 4; do echo "$k width:ratio=1,scaler=on"; done >sizes.txt
	rounds 2 --no-prov
	mv g.safetensors parts.safetensors
	for k in 0 1 2 3 4; do echo "$k -"; done >sizes.txt
	rounds 2 --no-prov
	cmp g.safetensors parts.safetensors
	cp model0.safetensors g.safetensors
	for _ in 1 2; do
		fl-local-train -m g.safetensors --opt sgd:lr=0.05 -b 4 -e 2 --shuffle none client?.safetensors |
			fl-aggregate -n 5 -m g.safetensors --no-prov -o g.safetensors
	done
	cmp g.safetensors parts.safetensors
}

@test "Fed-EE with shallow clients: what PyTorch says, and what the whole net does with its deep layers frozen" {
	D=$ROOT/test/golden/method/fedee
	cp "$D"/client0.safetensors "$D"/client1.safetensors .
	cp "$D/model0.safetensors" g.safetensors
	printf '0 depth:exit=exit1\n1 -\n' >sizes.txt
	for r in 1 2; do
		fl-reshape -m g.safetensors --sizes sizes.txt -o parts
		fl-local-train -m parts --opt sgd:lr=0.1 -b 5 -e 2 --shuffle none client?.safetensors -o u.sts
		fl-local-train -m g.safetensors -M fedee:exit=exit1 --opt sgd:lr=0.1 -b 5 -e 2 \
			--shuffle none client0.safetensors -o frozen.sts
		st-cat --client=0 u.sts | st-cmp --atol 1e-7 - frozen.sts
		[ "$(st-ls -l u.sts | grep -c 'fc3')" = 2 ]	# client 1's
		fl-aggregate -n 2 -m g.safetensors -o g.safetensors u.sts
		st-cmp --atol 1e-6 g.safetensors "$D/model$r.safetensors"
	done
}

@test "SCAFFOLD over parts: with all of width 1 SCAFFOLD's, and its variates are cut and put back" {
	"$PYTHON" "$G/ref.py" mlp static 0 examples 1 .
	for k in 0 1 2 3 4; do echo "$k width:ratio=1"; done >sizes.txt
	train() { fl-local-train -M scaffold --opt sgd:lr=0.05 -b 4 -e 2 "$@" client?.safetensors; }
	cp model0.safetensors a.safetensors
	cp model0.safetensors b.safetensors
	for _ in 1 2 3; do
		fl-reshape -m a.safetensors --sizes sizes.txt -o parts
		train -m parts --state sa | fl-aggregate -n 5 -m a.safetensors --no-prov -o a.safetensors
		train -m b.safetensors --state sb | fl-aggregate -n 5 -m b.safetensors --no-prov -o b.safetensors
	done
	cmp a.safetensors b.safetensors
	printf '0 -\n1 width:ratio=0.5\n2 width:ratio=0.5\n3 width:ratio=0.25\n4 width:ratio=0.25\n' >sizes.txt
	for _ in 1 2; do
		fl-reshape -m a.safetensors --sizes sizes.txt -o parts
		train -m parts --state sc | fl-aggregate -n 5 -m a.safetensors -o a.safetensors
	done
	st-ls -l a.safetensors | grep -q '@scaffold/c/0.weight	F32	16x12'
	st-ls -l parts/0003.safetensors | grep -q '@scaffold/c/0.weight	F32	4x12'
	sed -i s/width/rolling/ sizes.txt
	fl-reshape -m a.safetensors --sizes sizes.txt -o parts
	run train -m parts --state sc -o x.sts
	[ "$status" = 3 ]
	[[ $output == *"client 1: its state is of other units of the model (fl.slice)"* ]]
}

# The same outputs of two models over the digits as images of SHAPE.
same_outputs() {
	fl-stats -m "$1" -d "$3" outputs:of=logits >a.sts
	fl-stats -m "$2" -d "$3" outputs:of=logits >b.sts
	st-cat --tensor logits a.sts -n 1 >a; st-cat --tensor logits b.sts -n 1 >b
	st-cmp --atol 1e-5 a b
}

@test "widen and deepen compute the same: outputs of perceptrons, exits, residual and normalised nets" {
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import save
		r = np.random.default_rng(1)
		save("img.safetensors", {"x": r.normal(size=(50, 1, 8, 8)).astype("f4"), "y": r.integers(0, 10, 50)},
		     kind="data", client=0, classes=10)
	END
	cat >res.json <<-'END'
		{"input":[1,8,8],"layers":[
		 {"layer":"conv2d","name":"c","out":6,"padding":1},{"layer":"batchnorm","name":"n"},{"layer":"relu"},
		 {"layer":"residual","name":"r1","body":[{"layer":"conv2d","out":5,"padding":1},{"layer":"relu"},
		                                         {"layer":"conv2d","out":6,"padding":1}]},{"layer":"relu"},
		 {"layer":"residual","name":"r2","body":[{"layer":"conv2d","out":9,"padding":1,"stride":2}],
		  "shortcut":[{"layer":"conv2d","out":9,"kernel":1,"stride":2}]},{"layer":"relu"},
		 {"layer":"concat","name":"t","body":[{"layer":"flatten"},{"layer":"linear","out":7}],
		  "shortcut":[{"layer":"maxpool"},{"layer":"tanh"}]},
		 {"layer":"linear","name":"l","out":11},{"layer":"relu","name":"h"},
		 {"layer":"linear","name":"z","out":10}]}
	END
	fl-init -a res.json -s 1 -o res.safetensors
	# Statistics of batches that are not 0 and 1.
	fl-local-train -m res.safetensors img.safetensors | fl-aggregate -n 1 -m res.safetensors -o res.safetensors
	fl-init -a mlp:in=64,hidden=20+9,out=10 -s 1 -o mlp.safetensors
	fl-init -a eemlp:in=64,hidden=8+9+7,out=10 -s 1 -o ee.safetensors
	for m in mlp ee res; do
		for how in widen widen:factor=1.3 deepen "deepen widen:factor=3" "widen deepen deepen:after=*.relu"; do
			fl-reshape -m $m.safetensors -s 5 $how -o big.safetensors
			same_outputs $m.safetensors big.safetensors img.safetensors
			[ "$(stat -c %s big.safetensors)" -gt "$(stat -c %s $m.safetensors)" ]
		done
	done
	fl-reshape -m res.safetensors widen:layers=l deepen:after=h -o big.safetensors
	same_outputs res.safetensors big.safetensors img.safetensors
	[ "$(st-ls --meta big.safetensors | grep -o 'fl.parent\|fl.base\|fl.slice')" = fl.parent ]
	# It trains on, as a model of its own.
	fl-local-train -m big.safetensors img.safetensors | fl-aggregate -n 1 -m big.safetensors -o big.safetensors
	fl-reshape -m mlp.safetensors -s 5 widen -o a; fl-reshape -m mlp.safetensors -s 5 widen -o b
	cmp a b
}

@test "depth: the first blocks of every stage, under the names that all depths share" {
	block() { echo '{"layer":"residual","name":"'"$1"'","body":[{"layer":"linear","name":"f","out":'"$2"'},{"layer":"relu"}]'"$3"'},{"layer":"relu","name":"'"$1"'a"}'; }
	cat >deep.json <<-END
		{"input":[64],"layers":[{"layer":"linear","name":"in","out":8},{"layer":"relu"},
		 $(block s1.0 8),$(block s1.1 8),$(block s1.2 8),
		 $(block s2.0 6 ',"shortcut":[{"layer":"linear","name":"p","out":6}]'),$(block s2.1 6),$(block s2.2 6),
		 {"layer":"linear","name":"out","out":10}]}
	END
	fl-init -a deep.json -s 1 -o g.safetensors
	fl-partition -q -d digits -k 3 -B iid -s 1 -o c --no-sync
	printf '0 depth:blocks=1\n1 depth:blocks=2\n2 -\n' >sizes.txt
	fl-reshape -m g.safetensors --sizes sizes.txt -o parts
	names() { st-ls -l "$1" | tr -s '\t' ' ' | cut -d' ' -f2 | grep 'f.weight\|p.weight' | tr '\n' ' '; }
	[ "$(names parts/0000.safetensors)" = "s1.0.f.weight s2.0.f.weight s2.0.p.weight " ]
	[ "$(names parts/0001.safetensors)" = "s1.0.f.weight s1.1.f.weight s2.0.f.weight s2.0.p.weight s2.1.f.weight " ]
	fl-local-train -m parts c/*.safetensors -o u.sts
	fl-aggregate -n 3 -m g.safetensors -o next.safetensors u.sts
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		w, v = load("g.safetensors")[0], load("next.safetensors")[0]
		u = [(t, float(m["fl.examples"])) for t, m, _ in stream("u.sts")]
		for n in w:
		    has = [(t[n].astype(float), k) for t, k in u if n in t]
		    want = w[n] + sum(t * k for t, k in has) / sum(k for _, k in has)
		    assert np.allclose(v[n], want, rtol=1e-6, atol=1e-7), n
		    assert len(has) == (1 if ".2." in n else 2 if ".1." in n else 3), n
	END
}

@test "InCo: depths of residual nets, whose later blocks learn from the first of their stage" {
	block() {
		echo '{"layer":"residual","name":"'"$1"'","body":[
		 {"layer":"conv2d","name":"conv1","out":'"$2"',"padding":1,"bias":false},{"layer":"batchnorm","name":"bn1"},
		 {"layer":"relu"},{"layer":"conv2d","name":"conv2","out":'"$2"',"padding":1,"bias":false},
		 {"layer":"batchnorm","name":"bn2"}]'"$3"'},{"layer":"relu","name":"'"$1"'.relu"}'
	}
	down=',"shortcut":[{"layer":"conv2d","name":"downsample.0","out":23,"kernel":1,"bias":false}]'
	cat >deep.json <<-END
		{"input":[1,8,8],"layers":[{"layer":"conv2d","name":"conv1","out":5,"padding":1},{"layer":"relu"},
		 $(block layer1.0 5),$(block layer1.1 5),$(block layer1.2 5),
		 $(block layer2.0 23 "$down"),$(block layer2.1 23),$(block layer2.2 23),
		 {"layer":"globalpool"},{"layer":"flatten"},{"layer":"linear","name":"fc","out":10}]}
	END
	fl-init -a deep.json -s 1 -o g.safetensors
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=1 -s 1 -o c --no-sync
	printf '0 depth:blocks=1\n1 depth:blocks=2\n2 -\n' >sizes.txt
	fl-reshape -m g.safetensors --sizes sizes.txt -o parts
	fl-local-train -m parts --opt sgd:lr=0.1 c/*.safetensors -j 2 -o u.sts
	for at in 5,0.1 0.3,0.002; do
		fl-aggregate -n 3 -m g.safetensors -S inco:clip=${at%,*},bound=${at#*,} -o next.safetensors u.sts
		"$PYTHON" "$G/inco.py" g.safetensors u.sts want.safetensors "${at%,*}" "${at#*,}"
		st-cmp --atol 1e-6 next.safetensors want.safetensors
		fl-aggregate -m g.safetensors -n 3 -j 4 -S inco:clip=${at%,*},bound=${at#*,} u.sts | cmp - next.safetensors
	done
	# What does not learn is FedAvg's; what does is not. By coordinate and by weights alike.
	for rule in mean median; do
		fl-aggregate -n 3 -m g.safetensors -R $rule -o plain.safetensors u.sts
		fl-aggregate -n 3 -m g.safetensors -R $rule -S inco -o next.safetensors u.sts
		run st-cmp plain.safetensors next.safetensors
		[ "$(grep -c values <<<"$output")" = 8 ]
		[ "$(grep -c 'layer[12].[12].conv[12].weight' <<<"$output")" = 8 ]
	done
	# Shallow clients alone: nobody brings the later blocks, which stay.
	st-cat --client=0 u.sts | fl-aggregate -m g.safetensors -S inco -o next.safetensors
	st-cat --client=0 u.sts | fl-aggregate -m g.safetensors -o plain.safetensors
	st-cmp plain.safetensors next.safetensors
	fl-reshape -m g.safetensors --apart depth:blocks=1 -o flat.safetensors
	fl-local-train -m flat.safetensors c/0000.safetensors -o v.sts
	run fl-aggregate -m flat.safetensors -S inco v.sts
	[ "$status" = 3 ]
	[[ $output == *"server inco: no stage of the model has a later residual block"* ]]
}

@test "sparse: the largest numbers of all that train, and updates that go into the whole model" {
	"$PYTHON" "$G/ref.py" cnn static 0 examples 1 .
	for d in 0.0001 0.1 0.5 1; do
		fl-reshape -m model0.safetensors sparse:density=$d -o s.safetensors
		fl-reshape -m model0.safetensors "sparse:density=$d,tensors=f.*" -o f.safetensors
		"$PYTHON" - <<-END
			import sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load
			whole, _, base = load("model0.safetensors")
			for name, chosen in (("s", whole), ("f", [n for n in whole if n.startswith("f.")])):
			    part, meta, _ = load(name + ".safetensors")
			    assert meta["fl.base"] == base and "fl.slice" not in meta
			    v = np.concatenate([whole[n].ravel() for n in chosen])
			    k = int(v.size * $d + 1e-9)
			    least = np.sort(np.abs(v))[::-1][k - 1] if k else np.inf
			    for n in whole:
			        keep = np.abs(whole[n]) >= least if n in chosen else True
			        assert (part[n] == np.where(keep, whole[n], 0)).all(), n
		END
	done
	# Of equal numbers the first stay: 3 of 10.
	fl-init -a '{"input":[4],"layers":[{"layer":"linear","out":2,"init":"zero"}]}' -o z.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, save
		m = load("z.safetensors")[1]
		save("one.safetensors", {"0.weight": np.full((2, 4), -1, "f4"), "0.bias": np.full(2, 1, "f4")},
		     kind="model", round=0, arch=m["fl.arch"])
	END
	fl-reshape -m one.safetensors sparse:density=0.3 -o s.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		from fed_record import load
		t = load("s.safetensors")[0]
		assert t["0.weight"].ravel().tolist() == [-1] * 3 + [0] * 5 and t["0.bias"].tolist() == [0, 0]
	END
	# A round from a sparse model: the update is what a model of its own would get, and goes into the whole one.
	fl-reshape -m model0.safetensors sparse:density=0.25 | gzip >s.gz
	fl-reshape -m model0.safetensors --apart sparse:density=0.25 -o a.safetensors
	fl-local-train -m s.gz client0.safetensors -o u.safetensors -q
	fl-local-train -m a.safetensors client0.safetensors -o v.safetensors -q
	st-cmp u.safetensors v.safetensors
	fl-aggregate -n 1 -m model0.safetensors -o next.safetensors u.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		w, v = load("model0.safetensors")[0], load("next.safetensors")[0]
		u = next(stream("u.safetensors"))[0]
		assert all(np.allclose(v[n], w[n] + u[n], rtol=1e-6, atol=1e-7) for n in w)
	END
	# All of it is the model.
	fl-reshape -m model0.safetensors sparse:density=1 -o s.safetensors
	fl-local-train -m s.safetensors client0.safetensors | fl-aggregate -n 1 -m model0.safetensors --no-prov -o a
	fl-local-train -m model0.safetensors client0.safetensors | fl-aggregate -n 1 -m model0.safetensors --no-prov | cmp - a
	run fl-reshape -m model0.safetensors sparse:tensors=nope.* -o x
	[ "$status" = 2 ]
}

#!/usr/bin/env bats
# fl-init: one model record from architecture and seed.

setup() {
	cd "$BATS_TEST_TMPDIR"
	cat >net.json <<-'END'
	{"input": [28, 28], "layers": [{"layer": "flatten"},
	 {"layer": "linear", "out": 5, "name": "fc"}]}
	END
}

@test "a perceptron has torch.nn.Sequential's names and shapes, in PyTorch's range" {
	fl-init -a mlp:in=20,hidden=8,out=3 -s 7 -o m.safetensors
	run "$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		state, meta, _ = load("m.safetensors")
		assert {k: v.shape for k, v in state.items()} == {
		    "0.weight": (8, 20), "0.bias": (8,), "2.weight": (3, 8), "2.bias": (3,)}
		for k, v in state.items():
		    assert np.abs(v).max() <= {"0": 20, "2": 8}[k[0]] ** -.5 and np.unique(v).size == v.size
		print(*(meta["fl." + k] for k in ("kind", "round", "seed", "arch")))
	END
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "model 0 7 mlp:in=20,hidden=8,out=3" ]
}

@test "equal arguments give equal bytes, in every instruction set" {
	fl-init -a mlp -s 3 >a
	fl-init -s3 --arch=mlp:out=10 -o b
	FL_CPU=ref fl-init -a mlp -s 3 -o c
	cmp a b
	cmp a c
	fl-init -a mlp -s 4 >d
	! cmp -s a d
}

@test "a JSON file, its text and its canonical text give the same bytes" {
	fl-init -a net.json -s 1 >a
	fl-init -a "$(cat net.json)" -s 1 >b
	fl-init -v -a net.json 2>log >/dev/null
	canonical=$(sed -E 's/^fl-init: (.*\}): .*/\1/' log)
	fl-init -a "$canonical" -s 1 >c
	cmp a b
	cmp a c
	st-ls -l a | grep -q 'fc.weight'
}

@test "provenance names the architecture, never a file; --no-prov leaves it out" {
	fl-init -a net.json | st-ls -n 1 --meta >meta
	grep -q 'fl-init .*--arch={"input":\[28,28\]' meta
	! grep -q net.json meta
	fl-init -a net.json --no-prov | st-ls -n 1 --meta >meta
	! grep -q fl.prov meta
}

@test "-v counts parameters and multiply-adds" {
	fl-init -v -a logreg:in=5,out=3 -o m 2>log
	[ "$(cat log)" = "fl-init: logreg:in=5,out=3: 18 parameters, 15 multiply-adds an example" ]
}

@test "--list=arch has a line a preset, with its size at the defaults" {
	fl-init --list=arch >list
	grep -qP '^tutorial-cnn\t[^\t]*; 62006 parameters, 651720 multiply-adds$' list
	while IFS=$'\t' read -r name rest; do
		fl-init -v -a "$name" -o m 2>log
		[[ $rest == *"; $(sed -E 's/.*: ([0-9]+ parameters, [0-9]+ multiply-adds).*/\1/' log)"* ]]
	done <list
	[ "$(awk -F'\t' 'NF != 2' list)" = "" ]
}

# renamed FROM TO PREFIX [END]: the tensors of a model, but those whose names end so.
renamed() {
	PYTHONPATH=$ROOT/test/golden PYTHONDONTWRITEBYTECODE=1 "$PYTHON" - "$@" <<-'END'
	import sys
	import fed_record
	t, meta, _ = next(fed_record.stream(sys.argv[1]))
	fed_record.save(sys.argv[2], {sys.argv[3] + k: v for k, v in t.items()
	                              if len(sys.argv) < 5 or not k.endswith(sys.argv[4])})
	END
}

@test "--weights: a prefix before all names, batches that were not counted" {
	"$PYTHON" -c 'import numpy' || skip "no NumPy"
	net='{"input":[4],"layers":[{"layer":"batchnorm"},{"layer":"linear","out":2}]}'
	fl-init -a "$net" -s 7 --no-prov -o a
	for prefix in module. _orig_mod. module.net.; do
		renamed a b "$prefix"
		fl-init -v -a "$net" --weights b --no-prov -s 7 -o c 2>log
		cmp a c
		grep -qF "without '$prefix'" log
		renamed a b "$prefix" num_batches_tracked
		fl-init -a "$net" --weights b --no-prov -s 7 -o c
		cmp a c
	done
	renamed a b module. 1.bias
	run fl-init -a "$net" --weights b -o m
	[ "$status" = 3 ]
	[ "$output" = "fl-init: b: tensor 'module.1.bias' is missing" ]
	renamed a b x
	run fl-init -a "$net" --weights b -o m
	[ "$status" = 3 ]
	[[ $output == "fl-init: b: tensor 'x"*"' is none of the architecture's, which has 0.weight, 0.bias, 0.running_mean, 0.running_var, ..." ]]
}

@test "--weights takes a record's weights, all of them and no others" {
	fl-init -a mlp:in=20,hidden=8,out=3 -s 7 --no-prov -o a
	fl-init -a mlp:in=20,hidden=8,out=3 --weights a --no-prov -o b
	st-cmp a b
	run fl-init -a mlp:in=20,hidden=8,out=4 --weights a -o m
	[ "$status" = 3 ]
	[ "$output" = "fl-init: a: tensor '2.weight' is 3x8, the architecture has 4x8" ]
	run fl-init -a mlp:in=20,hidden=8+3,out=3 --weights a -o m
	[ "$status" = 3 ]
	run fl-init -a logreg:in=20,out=8 --weights a -o m
	[ "$status" = 3 ]
	[ "$output" = "fl-init: a: tensor '2.bias' is none of the architecture's, which has 0.weight, 0.bias" ]
	run fl-init -a logreg:in=20,out=8 --weights none -o m
	[ "$status" = 4 ]
	[ ! -e m ]
}

@test "residual networks begin as torchvision's, pfl-cnn as pfl-research's" {
	fl-init -a resnet18-gn -s 3 --no-prov -o r
	fl-init -a pfl-cnn -s 3 --no-prov -o p
	"$PYTHON" - "$ROOT/test/golden" <<-'END'
	import sys
	import numpy as np
	sys.path.insert(0, sys.argv[1])
	from fed_record import load

	def off(v, std):      # moments of v, in standard errors
	    n = v.size
	    return abs(v.mean()) * n**.5 / std, abs(v.std() / std - 1) * (2 * n)**.5

	for k, v in load("r")[0].items():
	    if v.ndim == 4:     # kaiming_normal_(mode="fan_out", nonlinearity="relu")
	        assert max(off(v, (2 / (v.shape[0] * v.shape[2] * v.shape[3]))**.5)) < 4.5, k
	        assert abs(v).max() > 3.2 * v.std(), k
	    elif k.startswith("fc"):
	        assert abs(v).max() <= 512**-.5 and v.std() > 0, k
	    else:
	        assert (v == (1 if k.endswith("weight") else 0)).all(), k
	for k, v in load("p")[0].items():
	    if v.ndim == 1:
	        assert not v.any(), k
	        continue
	    field = v[0, 0].size
	    bound = (6 / (field * (v.shape[0] + v.shape[1])))**.5      # xavier_uniform_
	    assert abs(v).max() <= bound * (1 + 1e-6) and max(off(v, bound / 3**.5)) < 4.5, k
	END
}

@test "bad architectures are usage, say where, and publish nothing" {
	for a in mpl mlp:hiden=3 mlp:in=0 none.json '{' '{"input":[3],"layers":[]}' \
		'{"input":[3],"layers":[{"layer":"linear","ouput":2}]}' \
		cellpainting-cnn:size=4 cellpainting-cnn:groups=5 mlp:in=16777216,hidden=1048576; do
		run fl-init -a "$a" -o m
		echo "$a: $output"
		[ "$status" = 2 ] || [ "$a" = none.json ]
		[ ! -e m ]
	done
	run fl-init -a '{"input":[3],"layers":[{"layer":"linear","ouput":2}]}'
	[ "$output" = "fl-init: --arch: architecture: layers[0]: unknown key 'ouput', did you mean 'out'?" ]
	run fl-init -a none.json
	[ "$status" = 4 ]
	[[ $output == "fl-init: --arch: none.json: "* ]]
	run fl-init
	[ "$status" = 2 ]
}

@test "architectures changed at random are built, or refused with the place in the JSON" {
	"$PYTHON" "$ROOT/test/cli/arch.py" 800
	fails() {
		run fl-init -a "$1" -o m
		[ "$status" = 2 ]
		[ "$output" = "fl-init: --arch: architecture: $2" ]
	}
	fails '{"input":[4],"layers":[{"layer":"residual","body":[{"layer":"linear","out":4},{"layer":"convd"}]}]}' \
		"layers[0]: body[1]: unknown layer 'convd', did you mean 'conv2d'?"
	fails '{"input":[4],"layers":[{"layer":"residual","body":[{"layer":"linear","out":4},{"layer":"conv2d","out":2}]}]}' \
		"layers[0]: body[1]: conv2d: input is 4, not channels x rows x columns"
	fails '{"input":[4],"layers":[{"layer":"linear","out":2}],"los":"ce"}' "unknown key 'los', did you mean 'loss'?"
}

@test "a full disk is a system error" {
	run sh -c 'fl-init -a mlp >/dev/full'
	[ "$status" = 4 ]
}

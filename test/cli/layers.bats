#!/usr/bin/env bats
# Nets of many kinds of layers through the tools.

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -d digits -k 3 -B iid -s 1 -o c
	fl-partition -d digits -k 3 -B iid -s 1 --scale '{"div":1}' -o words
	cat >net.json <<-'END'
	{"input":[1,8,8],"layers":[
	 {"layer":"conv2d","out":8,"padding":1},{"layer":"batchnorm"},{"layer":"gelu"},
	 {"layer":"residual","body":[{"layer":"conv2d","out":8,"padding":1,"groups":2},
	  {"layer":"groupnorm"},{"layer":"tanh"}]},
	 {"layer":"maxpool"},{"layer":"wsconv2d","out":12,"kernel":2},{"layer":"leaky"},
	 {"layer":"avgpool","kernel":2,"stride":1},{"layer":"flatten"},{"layer":"layernorm"},
	 {"layer":"dropout","p":0.2},{"layer":"linear","out":16},{"layer":"sigmoid"},
	 {"layer":"linear","out":10}]}
	END
	cat >words.json <<-'END'
	{"input":[64],"layers":[{"layer":"embedding","num":17,"dim":5},
	 {"layer":"lstm","hidden":9},{"layer":"lstm","hidden":7,"level":1,"last":true},
	 {"layer":"lora","out":10}]}
	END
	cat >vit.json <<-'END'
	{"input":[1,8,8],"layers":[{"layer":"conv2d","out":8,"kernel":2,"stride":2},
	 {"layer":"tokens"},{"layer":"position"},
	 {"layer":"residual","body":[{"layer":"layernorm"},{"layer":"attention","heads":2}]},
	 {"layer":"residual","body":[{"layer":"layernorm"},{"layer":"steplinear","out":16},
	  {"layer":"gelu"},{"layer":"steplinear","out":8}]},
	 {"layer":"flatten"},{"layer":"linear","out":10}]}
	END
	fl-init -a net.json -s 1 -o net.safetensors
	fl-init -a vit.json -s 1 -o vit.safetensors
	fl-init -a words.json -s 1 -o words.safetensors
}

setup() {
	cd "$BATS_FILE_TMPDIR"
}

# train NET DATA [OPTION...]
train() {
	fl-local-train -m "$1.safetensors" --opt sgd:lr=0.05,momentum=0.9 -e 1 -b 16 -s 3 \
		"${@:3}" "$2"/*.safetensors
}

@test "training gives the same bytes whatever the instruction set and -j" {
	for m in "net c" "vit c" "words words"; do
		FL_CPU=ref train $m >want	# two words
		for cpu in sse2 avx2 avx512; do
			FL_CPU=$cpu fl-init -a logreg -s 1 >/dev/null 2>&1 || continue	# not this processor's
			FL_CPU=$cpu train $m | cmp - want
		done
		train $m -j3 | cmp - want
	done
}

@test "dropout depends on the seed" {
	train net c >a
	train net c -s 4 >b
	! cmp -s a b
}

@test "a round with batch normalisation learns, and its statistics travel" {
	train net c | fl-aggregate -m net.safetensors -n 3 -o next.safetensors
	before=$(fl-eval -m net.safetensors --format json -d digits:split=test | tail -n 1 |
		sed 's/.*"accuracy":\([0-9.]*\).*/\1/')
	fl-eval -m next.safetensors -d digits:split=test --min accuracy=0.3
	awk "BEGIN { exit !($before < .2) }"
	st-cat --one -o n.safetensors next.safetensors
	run "$PYTHON" - <<-'END'
	import json, struct
	import numpy as np
	b = open("n.safetensors", "rb").read()
	n = struct.unpack("<Q", b[:8])[0]
	h = json.loads(b[8:8 + n])
	get = lambda k: np.frombuffer(b[8 + n:][slice(*h[k]["data_offsets"])], "<f4")
	assert h["1.num_batches_tracked"]["shape"] == []
	assert get("1.num_batches_tracked")[0] > 20, get("1.num_batches_tracked")
	assert get("1.running_var").std() > 0
	END
	[ "$status" = 0 ]
}

@test "an index outside the embedding is a numeric error" {
	sed 's/"num":17/"num":3/' words.json >few.json
	fl-init -a few.json -s 1 -o few.safetensors
	run train few words
	[ "$status" = 5 ]
	[[ $output == *"loss is not finite"* ]]
}

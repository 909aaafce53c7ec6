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
	  {"layer":"loraconv2d","out":8,"kernel":1},{"layer":"groupnorm"},{"layer":"tanh"}]},
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
	  {"layer":"gelu","approximate":"none"},{"layer":"steplinear","out":8}]},
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

# names FILE: the tensors of its first record.
names() {
	st-cat --one --no-sync -o one.safetensors "$1" 2>/dev/null || cp "$1" one.safetensors
	"$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden')
from fed_record import load
print(*sorted(load('one.safetensors')[0]))"
}

# means FILE NAME: running means, from a model or a state's newest record.
means() {
	"$PYTHON" -c "
import json, struct, sys
import numpy as np
b, at, out = open('$1', 'rb').read(), 0, None
while at < len(b):
    n = struct.unpack('<Q', b[at:at + 8])[0]
    h = json.loads(b[at + 8:at + 8 + n])
    at += 8 + n
    t = {k: v for k, v in h.items() if k != '__metadata__'}
    if '$2' in t:
        out = np.frombuffer(b[at:], '<f4')[t['$2']['data_offsets'][0] // 4:t['$2']['data_offsets'][1] // 4]
    at += max((v['data_offsets'][1] for v in t.values()), default=0)
print(*out)"
}

@test "--buffers: running statistics are averaged, kept by the client, or left out" {
	train net c >all.sts
	train net c --buffers global | cmp - all.sts
	train net c --buffers drop >drop.sts
	train net c --buffers local --state own >local.sts
	st-cmp drop.sts local.sts
	st-cat --client 0 drop.sts -o one.sts
	[[ $(names one.sts) != *running* ]]
	for f in drop local; do
		fl-aggregate -m net.safetensors -n 3 -o $f.safetensors $f.sts
		[ "$(means $f.safetensors 1.running_mean)" = "0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0" ]
	done
	# A client's statistics are what it would have sent; weights do not differ.
	st-cat --client 1 --no-sync -o one.sts all.sts
	[ "$(means own/0001.sts @private/1.running_mean)" = "$(means one.sts 1.running_mean)" ]
	st-cmp --atol=0 <(st-cat --tensor '*.weight' --strip-meta all.sts) <(st-cat --tensor '*.weight' --strip-meta drop.sts)
}

@test "--buffers=local goes on where the client was" {
	train net c --opt sgd:lr=0 --shuffle none -e 2 --buffers local --state once >/dev/null
	m=net.safetensors
	for r in 1 2; do
		train ${m%.safetensors} c --opt sgd:lr=0 --shuffle none -e 1 --buffers local --state twice |
			fl-aggregate -m $m -n 3 -o again.safetensors
		m=again.safetensors
	done
	for k in 0 1 2; do
		[ "$(means once/000$k.sts @private/1.running_mean)" = "$(means twice/000$k.sts @private/1.running_mean)" ]
	done
	[ "$(means once/0000.sts @private/1.running_mean)" != "$(means once/0001.sts @private/1.running_mean)" ]
	run train net c --buffers local
	[ "$status" = 2 ]
	[[ $output == *"--buffers=local keeps state between rounds"* ]]
}

@test "fl-eval --state lays what clients keep over the model" {
	train net c --buffers local --state kept | fl-aggregate -m net.safetensors -n 3 -o shared.safetensors
	fl-eval -m shared.safetensors --state kept --format json c/*.safetensors >got.json
	fl-eval -m shared.safetensors --state kept --format json -j3 c/*.safetensors | cmp - got.json
	mkdir -p own
	for k in 0 1 2; do
		"$PYTHON" - $k <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, save
		k = sys.argv[1]
		w, meta, _ = load("shared.safetensors")
		mean = np.array("$(means kept/000$k.sts @private/1.running_mean)".split(), np.float32)
		var = np.array("$(means kept/000$k.sts @private/1.running_var)".split(), np.float32)
		assert abs(mean).max() > 0
		save(f"own/000{k}.safetensors", dict(w, **{"1.running_mean": mean, "1.running_var": var}),
		     **{m[3:]: v for m, v in meta.items() if m[:3] == "fl." and m != "fl.v"})
		END
	done
	fl-eval -m own --format json c/*.safetensors | cmp - got.json
	fl-eval -m shared.safetensors --format json c/*.safetensors >without.json
	! cmp -s got.json without.json
	# Clients without state have the model's.
	fl-eval -m shared.safetensors --state nowhere --format json c/*.safetensors | cmp - without.json
	# Models of a folder are laid over as one is.
	mkdir same
	for k in 0 1 2; do cp shared.safetensors same/000$k.safetensors; done
	fl-eval -m same --state kept --format json c/*.safetensors | cmp - got.json
	fl-eval -m same --state nowhere --format json -j3 c/*.safetensors | cmp - without.json
	run fl-eval -m shared.safetensors --state kept -d digits:split=test
	[ "$status" = 3 ]
}

@test "an update lacks the weights that LoRA freezes" {
	train words words >u.sts
	st-cat --client 0 --no-sync -o one.sts u.sts
	[[ $(names one.sts) == *"3.lora_A 3.lora_B" ]]
	fl-aggregate -m words.safetensors -n 3 -o next.safetensors u.sts
	st-cmp <(st-cat --one --tensor 3.weight --tensor 3.bias --strip-meta words.safetensors) \
		<(st-cat --one --tensor 3.weight --tensor 3.bias --strip-meta next.safetensors)
}

@test "an index outside the embedding is a numeric error" {
	sed 's/"num":17/"num":3/' words.json >few.json
	fl-init -a few.json -s 1 -o few.safetensors
	run train few words
	[ "$status" = 5 ]
	[[ $output == *"loss is not finite"* ]]
}

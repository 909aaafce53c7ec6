#!/usr/bin/env bats
# Low-rank adapters of different ranks, combined without bias.

setup() {
	cd "$BATS_TEST_TMPDIR"
	fl-init -a '{"input":[64],"layers":[{"layer":"lora","out":32,"rank":6},{"layer":"relu"},{"layer":"lora","out":10,"rank":6}]}' \
		-s 1 -o m.safetensors
	fl-partition -d digits -k 3 -B dirichlet:alpha=1 -s 1 -o c
}

train() {	# train CLIENT RANK [REST]
	fl-local-train -m m.safetensors -M hetlora:rank=$2,rest=${3:-zero} --opt sgd:lr=0.2,momentum=0.9,wd=1e-3 \
		-e 2 "c/000$1.safetensors" | st-cat -1 -n 1 -o "u$1.safetensors"
}

@test "the mean of products goes into the weight, whatever the ranks" {
	for rest in zero keep; do
		train 0 2 $rest
		train 1 6 $rest
		train 2 4 $rest
		fl-aggregate -m m.safetensors -R flora -n 3 -o n.safetensors u?.safetensors
		"$PYTHON" "$ROOT/test/golden/flora/check.py" "$ROOT/test/golden" m.safetensors n.safetensors \
			2,6,4 $rest u?.safetensors
	done
	# A row that nobody has stays.
	rm u1.safetensors
	train 0 2
	train 2 4
	fl-aggregate -m m.safetensors -R flora -n 2 -o n.safetensors u?.safetensors
	"$PYTHON" - "$ROOT/test/golden" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import load
		m, n = (load(f)[0] for f in ("m.safetensors", "n.safetensors"))
		for layer in "02":
		    a, b = m[layer + ".lora_A"], n[layer + ".lora_A"]
		    assert (a[4:] == b[4:]).all() and (a[2:4] != b[2:4]).any()
	END
}

@test "one client: the model after the round computes what the client's did" {
	train 1 6
	fl-aggregate -m m.safetensors -R flora -n 1 -o n.safetensors u1.safetensors
	fl-aggregate -m m.safetensors -n 1 -o w.safetensors u1.safetensors
	fl-eval -m n.safetensors --format json c/*.safetensors | jq -c 'select(.kind == "summary") | .loss * 1e4 | round' >a
	fl-eval -m w.safetensors --format json c/*.safetensors | jq -c 'select(.kind == "summary") | .loss * 1e4 | round' >b
	diff a b
}

@test "a model without adapters is refused by rule and method" {
	fl-init -a logreg:in=64 -s 1 -o l.safetensors
	run fl-local-train -m l.safetensors -M hetlora c/0000.safetensors
	[ "$status" = 3 ]
	[[ $output == *"no tensor lora_A"* ]]
	fl-local-train -m l.safetensors c/0000.safetensors >u.sts
	run fl-aggregate -m l.safetensors -R flora -o n.safetensors u.sts
	[ "$status" = 3 ]
	[[ $output == *"no layer with lora_A"* ]]
	[ ! -e n.safetensors ]
}

#!/usr/bin/env bats
# Presets against PyTorch: preset/preset.py says how and how near.

setup() {
	cd "$BATS_TEST_TMPDIR"
	PRESET=$ROOT/test/golden/preset/preset.py
}

# train NAME BATCH LR: leaves its update.
train() {
	"$PYTHON" "$PRESET" data "$1" .
	[ -e "$1.model.safetensors" ] || fl-init -a "$1" -s 7 -o "$1.model.safetensors"
	fl-local-train -m "$1.model.safetensors" --opt sgd:lr="$3",momentum=.9,wd=5e-4 \
		-e 1 -b "$2" -s 7 --shuffle none "$1.data.safetensors" |
		st-cat --one --no-sync -o "$1.safetensors"
}

@test "steps of every preset equal PyTorch's" {
	"$PYTHON" "$PRESET" names >names
	# Adapters, which have a recipe or a fit, and nets that a server trains, which have no
	# classes (loss mse), are measured elsewhere.
	(cd "$ROOT/lib/model" && grep -lE '^const struct fl_arch ' *.c | xargs grep -LE '^[[:space:]]\.(recipe|fit) =|\\"loss\\":\\"mse') |
		sed 's/\.c$//' | sort | diff - <(cut -d' ' -f1 names | sort)
	while read -r name batch lr; do
		train "$name" "$batch" "$lr"
		"$PYTHON" "$PRESET" check "$name" .
	done <names
}

@test "another learning rate, another batch, other weights do not pass" {
	train lenet5 8 .0101
	run "$PYTHON" "$PRESET" check lenet5 .
	[[ $status == 1 && $output == *"limit"* ]]
	train lenet5 5 .01
	run "$PYTHON" "$PRESET" check lenet5 .
	[[ $status == 1 && $output == *"limit"* ]]
	fl-init -a lenet5 -s 8 -o lenet5.model.safetensors
	run "$PYTHON" "$PRESET" check lenet5 .
	[[ $status == 1 && $output == *"other weights"* ]]
}

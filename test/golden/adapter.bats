#!/usr/bin/env bats
# A hundred steps of each adapter as its authors train it, against PyTorch's
# (adapter/steps.py), by vlm-adapt and by fl-local-train.

setup() {
	S=$ROOT/test/golden/adapter/steps
	cd "$BATS_TEST_TMPDIR"
	cp "$S/data.safetensors" .
	METHODS="asymvlm-vmf asymvlm-ps pfe pcmepp prolip probvlm clip clip-free"
}

# trained METHOD OPTION...: the steps, with what the recipe says unless given.
trained() {
	local m=$1
	shift
	vlm-adapt -m "$S/init-$m.safetensors" --texts data.safetensors#text \
		--images data.safetensors#image --pairs data.safetensors -e 20 -b 8 --shuffle none \
		--no-sync -o "$m.safetensors" "$@"
}

@test "weights after a hundred steps are PyTorch's to 1e-5, for every adapter and recipe" {
	for m in $METHODS; do
		trained $m
		st-cat -1 --tensor='*.*' -o want.safetensors "$S/want-$m.safetensors" --no-sync
		st-cmp --rtol=1e-5 --atol=1e-5 $m.safetensors want.safetensors
	done
}

@test "so are the losses of its epochs" {
	for m in $METHODS; do
		trained $m --log log
		"$PYTHON" "$ROOT/test/golden/adapter/check.py" "$S/want-$m.safetensors" log
	done
}

@test "another rate does not pass" {
	trained pfe --opt sgd:lr=.0011,momentum=.9,wd=5e-4
	st-cat -1 --tensor='*.*' -o want.safetensors "$S/want-pfe.safetensors" --no-sync
	run st-cmp --rtol=1e-5 --atol=1e-5 pfe.safetensors want.safetensors
	[ "$status" = 1 ]
}

@test "fl-local-train takes the same steps at a constant rate" {
	for m in $METHODS; do
		trained $m --opt sgd:lr=.001,momentum=.9 --lr-end .001
		fl-local-train -m "$S/init-$m.safetensors" --opt sgd:lr=.001,momentum=.9 -e 20 -b 8 \
			--shuffle none data.safetensors -o update.sts --no-sync
		fl-aggregate -m "$S/init-$m.safetensors" update.sts -o by-update.safetensors --no-sync
		st-cmp --rtol=1e-6 --atol=1e-6 by-update.safetensors $m.safetensors
	done
}

@test "so does a clipped one, by any optimiser, over epochs of a schedule" {
	for o in "sgd:lr=.01,momentum=.9 --clip .05" "adam --clip .01" "lars:lr=.1" "yogi"; do
		trained asymvlm-vmf --opt $o --schedule constant
		trained asymvlm-vmf --opt ${o%% *} --schedule constant -o free.safetensors
		fl-local-train -m "$S/init-asymvlm-vmf.safetensors" --opt $o -e 20 -b 8 --shuffle none \
			data.safetensors -o update.sts --no-sync
		fl-aggregate -m "$S/init-asymvlm-vmf.safetensors" update.sts -o by-update.safetensors --no-sync
		st-cmp --rtol=1e-6 --atol=1e-6 by-update.safetensors asymvlm-vmf.safetensors
		[[ $o != *clip* ]] || ! st-cmp --rtol=1e-3 --atol=1e-3 free.safetensors asymvlm-vmf.safetensors
	done
}

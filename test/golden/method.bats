#!/usr/bin/env bats
# Local methods against PyTorch: method/NAME/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/method
	SMALL="--opt sgd:lr=0.1 -b 5 -e 2 --shuffle none"
}

# two_rounds NAME SPEC: trains rounds 1 and 2 from the models there.
two_rounds() {
	local r
	for r in 1 2; do
		fl-local-train -m "$G/$1/model$((r - 1)).safetensors" -M "$2" $SMALL --state state \
			-o "got$r.sts" "$G/$1/data.safetensors"
		st-cmp --rtol=2e-5 --atol=2e-7 "got$r.sts" "$G/$1/want$r.safetensors"
	done
}

perceptron() {
	fl-init -a adafedadam-mlp -s 1 -o m.safetensors
	"$PYTHON" "$G/fedavg/make.py" data .
	fl-local-train -m m.safetensors --opt sgd:lr=.01,momentum=.9,wd=5e-4 -e 1 -b 32 \
		--shuffle none -o u.sts data.safetensors
}

@test "an epoch of AdaFedAdam's perceptron equals PyTorch's, as committed" {
	perceptron
	"$PYTHON" "$G/fedavg/make.py" check m.safetensors u.sts
}

@test "an epoch of AdaFedAdam's perceptron equals PyTorch's, every weight, trained now" {
	"$PYTHON" -c 'import torch' || skip "no python3-torch"
	perceptron
	"$PYTHON" "$G/fedavg/make.py" live m.safetensors u.sts
}

@test "fedprox equals the reference" {
	two_rounds fedprox fedprox:mu=0.3
}

@test "fedprox with mu 0 is fedavg" {
	for m in fedavg fedprox:mu=0; do
		fl-local-train -m "$G/fedprox/model0.safetensors" -M $m $SMALL --no-prov \
			"$G/fedprox/data.safetensors" >$m.sts
	done
	st-cmp fedavg.sts fedprox:mu=0.sts
}

@test "scaffold equals the reference: updates, increments of c, state" {
	two_rounds scaffold scaffold:fraction=0.25
	# The state file keeps both rounds.
	cat "$G"/scaffold/state[12].safetensors >want.sts
	st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
}

@test "ditto equals the reference: updates, personal models" {
	two_rounds ditto ditto:lambda=0.7,epochs=3
	cat "$G"/ditto/state[12].safetensors >want.sts
	st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
}

@test "fedcac equals the reference: updates, and masks to the bit" {
	two_rounds fedcac fedcac:tau=0.4
	st-ls got1.sts >/dev/null
	st-cat --tensor '@fedcac/*' -o masks.sts got1.sts
	st-cat --tensor '@fedcac/*' -o want.sts "$G/fedcac/want1.safetensors"
	st-cmp masks.sts want.sts
}

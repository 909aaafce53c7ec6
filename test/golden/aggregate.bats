#!/usr/bin/env bats
# Rules against NumPy and SciPy: aggregate/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/aggregate
}

aggregate() {
	fl-aggregate -m "$G/model.safetensors" --no-prov "$@" "$G/updates.sts"
}

# equals NAME RULE [TOLERANCE]: the model is NAME.safetensors.
equals() {
	aggregate -R "$2" >got.safetensors
	st-cmp -v --rtol="${3:-2e-7}" --atol="${3:-1e-7}" got.safetensors "$G/$1.safetensors"
}

@test "fednova: plain steps, momentum, a proximal term" {
	equals fednova fednova
	equals fednova-momentum fednova:momentum=0.9
	equals fednova-prox fednova:mu=2
}

@test "fednova with equal steps is the mean, byte for byte" {
	local s
	fl-partition -q -d digits -k 4 -B iid -s 1 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	for s in 8 6; do
		fl-local-train -m m.safetensors --steps $s clients/*.safetensors >u.sts
		fl-aggregate -m m.safetensors --no-prov <u.sts >mean.safetensors
		fl-aggregate -m m.safetensors --no-prov -R fednova <u.sts >nova.safetensors
		st-cmp mean.safetensors nova.safetensors
	done
}

@test "fednova refuses momentum with mu, and a rate too large for mu" {
	run fl-aggregate -m "$G/model.safetensors" -R fednova:momentum=0.5,mu=1 "$G/updates.sts"
	[ "$status" = 2 ]
	run fl-aggregate -m "$G/model.safetensors" -R fednova:mu=1000 "$G/updates.sts"
	[ "$status" = 3 ]
	[[ $output == *"lr mu below 1"* ]]
}

@test "geomed is the minimum that a general method finds" {
	equals geomed geomed:iterations=5000 2e-6
	equals geomed-uniform geomed:weight=uniform,iterations=5000 2e-6
}

@test "fedmgda: weights within eps of FedAvg's; MGDA itself" {
	equals fedmgda fedmgda 2e-6
	equals mgda fedmgda:eps=1,normalise=off 2e-6
}

@test "fedmgda with eps 0 and lengths is the mean" {
	aggregate -R fedmgda:eps=0,normalise=off >got.safetensors
	aggregate >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 got.safetensors want.safetensors
}

@test "fedfv turns conflicting updates" {
	equals fedfv fedfv:alpha=0.34
	equals fedfv-all fedfv:alpha=0
	aggregate -R fedfv:alpha=1 >got.safetensors
	aggregate -R mean:weight=uniform >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 got.safetensors want.safetensors
}

@test "term, propfair, afl weigh by the loss" {
	equals term term:t=0.7
	equals propfair propfair
	equals afl afl:gamma=0.3
}

@test "term with t 0 and afl with gamma 0 are the mean, byte for byte" {
	aggregate >want.safetensors
	aggregate -R term:t=0 >term.safetensors
	aggregate -R afl:gamma=0 --state afl.sts >afl.safetensors
	st-cmp term.safetensors want.safetensors
	st-cmp afl.safetensors want.safetensors
}

@test "weights beyond a double are refused, with the client" {
	run fl-aggregate -m "$G/model.safetensors" -R term:t=500 "$G/updates.sts"
	[ "$status" = 5 ]
	[[ $output == *"client"*"beyond a double"* ]]
}

#!/usr/bin/env bats
# Optimisers, clipping and schedules against PyTorch: opt/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/opt
}

train() {
	fl-local-train -m "$G/model0.safetensors" -b 5 -e 2 --shuffle none --no-prov "$@" \
		"$G/data.safetensors"
}

# equals NAME ARGS: the update is NAME.safetensors.
equals() {
	local want=$G/$1.safetensors
	shift
	train "$@" >got.sts
	st-cmp -v --rtol=5e-5 --atol=5e-7 got.sts "$want"
}

@test "sgd with momentum, dampening, weight decay; Nesterov" {
	equals sgd --opt sgd:lr=0.1,momentum=0.9,dampening=0.25,wd=0.01
	equals nesterov --opt sgd:lr=0.1,momentum=0.9,nesterov=on
}

@test "adam, amsgrad, adamw, adagrad equal PyTorch's" {
	equals adam --opt adam:lr=0.01,wd=0.02
	equals amsgrad --opt adam:lr=0.01,beta1=0.8,beta2=0.9,amsgrad=on
	equals adamw --opt adamw:lr=0.02,wd=0.1
	equals adagrad --opt adagrad:lr=0.05,decay=0.1,wd=0.01,s0=0.2
}

@test "yogi and lars equal their papers' steps" {
	equals yogi --opt yogi:wd=0.01
	equals yogi-corrected --opt yogi:bias_correction=on
	equals lars --opt lars:lr=5,wd=0.01,trust=0.01
}

@test "a gradient longer than --clip is cut as PyTorch does" {
	equals clip --opt sgd:lr=0.1 --clip 0.6
	train --opt sgd:lr=0.1 >plain.sts
	train --opt sgd:lr=0.1 --clip 1e9 >high.sts
	st-cmp plain.sts high.sts
}

@test "every optimiser gives the same bytes with every instruction set, and without state" {
	local o c
	for o in adam adam:amsgrad=on adamw adagrad yogi lars; do
		FL_CPU=ref train --opt $o >ref.sts
		for c in sse2 avx2 avx512; do
			FL_CPU=$c train --opt $o >got.sts 2>err || { grep -q processor err; continue; }
			st-cmp ref.sts got.sts
		done
	done
}

# model_of ROUND: m.safetensors, from which that round trains; a digit is as long as any.
model_of() {
	LC_ALL=C sed "s/\"fl.round\":\"0\"/\"fl.round\":\"$(($1 - 1))\"/" "$G/model0.safetensors" \
		>m.safetensors
}

# rate ROUND SPEC: fl.lr of an update of that round at rate 1.
rate() {
	model_of "$1"
	fl-local-train -m m.safetensors -e 0 --opt sgd:lr=1 --schedule "$2" "$G/data.safetensors" |
		st-ls --meta - | awk '$2 == "fl.lr" { print $3 }'
}

near() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && (a - b)^2 < 1e-24) }' ||
		{ echo "$1 is not $2"; false; }
}

@test "schedules: constant, step, cosine, warm-up" {
	near "$(rate 7 constant)" 1
	near "$(rate 4 step:gamma=0.5)" 0.125
	near "$(rate 4 step:every=2,gamma=0.5)" 0.5
	near "$(rate 1 cosine:rounds=10)" 1
	near "$(rate 6 cosine:rounds=10,min=0.1)" 0.55
	near "$(rate 9 cosine:rounds=8,min=0.1)" 0.1
	near "$(rate 1 constant:warmup=4)" 0.25
	near "$(rate 3 step:gamma=0.5,warmup=4)" 0.1875
	near "$(rate 5 constant:warmup=4)" 1
}

@test "a schedule's round is as training at that rate" {
	model_of 4
	for o in "sgd:lr=0.1 step:gamma=0.5" "sgd:lr=0.0125 constant"; do
		set -- $o
		fl-local-train -m m.safetensors --opt $1 --schedule $2 "$G/data.safetensors" \
			>$1.sts
	done
	st-cmp sgd:lr=0.1.sts sgd:lr=0.0125.sts
}

#!/usr/bin/env bats
# Whole trajectories against PyTorch's, round by round, and the equalities of
# methods that hold over rounds. trajectory/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	MAKE=$ROOT/test/golden/trajectory/make.py
	"$PYTHON" "$MAKE" data .
	EPOCHS="--opt sgd:lr=.05,momentum=.9,wd=5e-4 -b 8 -e 2 --shuffle none"
}

# rounds N RULE SERVER TRAINING...: leaves N models, 1.safetensors to N.
rounds() {
	local n=$1 rule=$2 server=$3 measure now=model.safetensors r
	shift 3
	measure=$(fl-aggregate --needs -R "$rule" -S "$server")
	for ((r = 1; r <= n; r++)); do
		fl-local-train -m $now "$@" ${measure:+--measure "$measure"} client?.safetensors |
			fl-aggregate -n 4 -m $now -R "$rule" -S "$server" --state state.sts --no-sync -o $r.safetensors
		now=$r.safetensors
	done
}

@test "twenty rounds of FedAvg equal PyTorch's" {
	rounds 20 mean sgd $EPOCHS
	"$PYTHON" "$MAKE" check fedavg .
}

@test "twenty rounds of FedAdam equal PyTorch's" {
	rounds 20 mean fedadam:lr=.01 $EPOCHS
	"$PYTHON" "$MAKE" check fedadam .
}

@test "twenty rounds of AdaFedAdam equal PyTorch's" {
	rounds 20 mean adafedadam $EPOCHS
	"$PYTHON" "$MAKE" check adafedadam .
}

@test "another method's trajectory does not pass" {
	rounds 20 mean fedadam:lr=.011 $EPOCHS
	run "$PYTHON" "$MAKE" check fedadam .
	[ "$status" = 1 ]
}

@test "alpha has no effect in the first round, and has in the second" {
	for a in 0 3; do
		rm -f state.sts
		rounds 2 mean adafedadam:alpha=$a $EPOCHS
		for r in 1 2; do st-cat --one --plain -o a$a.$r.safetensors $r.safetensors; done
	done
	st-cmp a0.1.safetensors a3.1.safetensors
	run st-cmp a0.2.safetensors a3.2.safetensors
	[ "$status" = 1 ]
}

@test "q-FedAvg with q 0 is the mean of clients that count alike" {
	rounds 3 qfedavg:q=0 sgd $EPOCHS
	mv 3.safetensors q.safetensors
	rounds 3 mean:weight=uniform sgd $EPOCHS
	st-cmp --rtol=1e-6 --atol=1e-7 q.safetensors 3.safetensors
}

@test "FedNova is FedAvg where all clients take as many steps, and is not where they do not" {
	steps="--opt sgd:lr=.05,momentum=.9 -b 8 --steps 6 --shuffle none"
	rounds 3 fednova sgd $steps
	mv 3.safetensors nova.safetensors
	rounds 3 mean sgd $steps
	st-cmp --rtol=1e-5 --atol=1e-6 nova.safetensors 3.safetensors
	rounds 1 fednova sgd $EPOCHS
	mv 1.safetensors nova.safetensors
	rounds 1 mean sgd $EPOCHS
	run st-cmp --rtol=1e-2 --atol=1e-2 nova.safetensors 1.safetensors
	[ "$status" = 1 ]
}

@test "certainty 1 is Adam: AdaFedAdam of one full step a client is FedAdam, whose step has no scale" {
	one="--opt sgd:lr=.05 -b 61 --steps 1 --shuffle none"
	rounds 8 mean adafedadam:lr=.01,alpha=0,eps=1e-30 $one
	mv 8.safetensors ada.safetensors
	rm state.sts
	rounds 8 mean fedadam:lr=.01,beta2=.999,tau=1e-30,bias_correction=on $one
	st-cmp --rtol=1e-4 --atol=1e-5 ada.safetensors 8.safetensors
	rm state.sts
	rounds 8 mean adafedadam:lr=.01,alpha=0,eps=1e-30 ${one/steps 1/steps 3}
	run st-cmp --rtol=1e-2 --atol=1e-3 ada.safetensors 8.safetensors
	[ "$status" = 1 ]
}

@test "one client: AdaFedAdam does not depend on alpha" {
	for a in 0 5; do
		now=model.safetensors
		rm -f state.sts
		for r in 1 2 3; do
			fl-local-train -m $now $EPOCHS --measure loss0,gradnorm client0.safetensors |
				fl-aggregate -n 1 -m $now -S adafedadam:alpha=$a --state state.sts --no-sync -o $a.$r.safetensors
			now=$a.$r.safetensors
		done
	done
	st-cmp 0.3.safetensors 5.3.safetensors
}

@test "FedProx with mu 0 is FedAvg, over rounds" {
	rounds 3 mean sgd $EPOCHS
	mv 3.safetensors avg.safetensors
	rounds 3 mean sgd $EPOCHS -M fedprox:mu=0
	st-cmp avg.safetensors 3.safetensors
}

@test "Mime with one full step and no momentum is gradient descent on all examples" {
	now=model.safetensors
	for r in 1 2 3; do
		fl-stats -m $now gradient client?.safetensors | fl-aggregate -n 4 -o G.safetensors
		fl-local-train -m $now -M mime:beta=0 --with G.safetensors --opt sgd:lr=.5 -b 61 --steps 1 \
			--shuffle none client?.safetensors | fl-aggregate -n 4 -m $now --no-sync -o $r.safetensors
		now=$r.safetensors
	done
	st-cat --one --plain -o mime.safetensors 3.safetensors
	rounds 3 mean sgd --opt sgd:lr=.5 -b 61 --steps 1 --shuffle none
	st-cmp --rtol=1e-5 --atol=1e-6 mime.safetensors 3.safetensors
	# Its clients agree where FedAvg's do not.
	fl-local-train -m model.safetensors -M mime:beta=0 --with <(fl-stats -m model.safetensors gradient client?.safetensors |
		fl-aggregate) --opt sgd:lr=.5 -b 61 --steps 1 --shuffle none client[01].safetensors | st-cat --plain --split u
	st-cmp --rtol=1e-4 --atol=1e-6 u/0000.safetensors u/0001.safetensors
}

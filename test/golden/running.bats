#!/usr/bin/env bats
# Running statistics are no parameters: running/check.py says in NumPy what becomes of them.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/running
}

net() {
	cat >net.json <<-'END'
	{"input":[4],"layers":[{"layer":"batchnorm"},{"layer":"linear","out":2}]}
	END
	check data
	fl-init -a net.json -s 1 -o m.safetensors
}

check() {
	"$PYTHON" "$G/check.py" "$@"
}

# Seven clients, one epoch of batches of 8; client 3's trained tensors times -20 in liar.sts.
clients() {
	net
	fl-local-train -m m.safetensors -e 1 -b 8 --measure loss0,gradnorm -o u.sts [0-6].safetensors
	cp u.sts liar.sts
	check lie liar.sts
}

# rules UPDATES SPEC...
rules() {
	local u=$1 r
	shift
	for r; do
		fl-aggregate -m m.safetensors -R "$r" -o n.safetensors "$u"
		check rule "$r" m.safetensors "$u" n.safetensors
	done
}

@test "krum does not take the liar; distances and norms are of what trains" {
	clients
	rules liar.sts krum:f=1 krum:f=2,m=3 geomed:iterations=5000 fedmgda fedmgda:eps=0.3 fedfv:alpha=0.34
	fl-aggregate -m m.safetensors -R krum:f=1 -o lied.safetensors liar.sts
	fl-aggregate -m m.safetensors -R krum:f=1 -o honest.safetensors u.sts
	# That of client 5 or so, and the same whether or not another lies.
	st-cmp --rtol=0.05 --atol=0.05 lied.safetensors honest.safetensors
}

@test "each rule combines them by its clients' weights" {
	clients
	rules u.sts mean mean:weight=uniform mean:denominator=99999 qfedavg qfedavg:q=3,L=5,weight=examples \
		fednova term:t=0.5 krum geomed:iterations=5000 fedmgda fedfv:alpha=0.34 median trimmean:beta=0.2
	fl-aggregate -m m.safetensors -R afl -o n.safetensors u.sts
	check rule mean:weight=uniform m.safetensors u.sts n.safetensors
	fl-local-train -m m.safetensors --steps 1 -b 9999 --measure loss0 -o one.sts [0-6].safetensors
	for r in qfedsgd:q=2 qfedsgd:q=2,static=on; do
		fl-aggregate -m m.safetensors -R $r -o n.safetensors one.sts
		check stats qfedavg:q=2 m.safetensors one.sts n.safetensors
	done
}

@test "where nothing trains they are the mean of all" {
	net
	fl-local-train -m m.safetensors --opt sgd:lr=0 -b 8 --measure loss0 -o u.sts [0-6].safetensors
	fl-aggregate -m m.safetensors -R fedfv -o n.safetensors u.sts
	check stats mean:weight=uniform m.safetensors u.sts n.safetensors
	fl-aggregate -m m.safetensors -R fedmgda -o n.safetensors u.sts
	check stats mean m.safetensors u.sts n.safetensors
}

@test "a server adds them at rate one and keeps nothing of them" {
	local s r
	clients
	for s in sgd:lr=0.3 momentum feddyn fedadam:lr=0.1 fedyogi fedadagrad; do
		cp m.safetensors 0
		for r in 1 2 3; do
			fl-local-train -m $((r - 1)) -e 1 -b 8 -o $r.sts [0-6].safetensors
			fl-aggregate -m $((r - 1)) -S $s --state s.sts -o $r $r.sts
			check stats mean $((r - 1)) $r.sts $r
		done
		[ $s = sgd:lr=0.3 ] || check none s.sts
		rm -f s.sts
	done
	fl-eval -m 3 [0-6].safetensors >rows
	st-check 3
	# Its own weights, norms without them.
	fl-aggregate -m m.safetensors -S adafedadam --state s.sts -o n.safetensors u.sts
	check stats adafedadam m.safetensors u.sts n.safetensors
	check none s.sts
	check adam m.safetensors u.sts n.safetensors s.sts
}

@test "moments of them in a state of an earlier version end there" {
	local s
	clients
	for s in momentum fedadam adafedadam feddyn; do
		rm -f s.sts
		fl-aggregate -m m.safetensors -S $s --state s.sts -o 1 u.sts
		fl-local-train -m 1 -e 1 -b 8 --measure loss0,gradnorm -o 2.sts [0-6].safetensors
		cp s.sts old.sts
		check plant old.sts "@$s/$(case $s in momentum) echo v ;; feddyn) echo s ;; *) echo m ;; esac)/"
		run check none old.sts
		[ "$status" = 1 ]
		fl-aggregate -m 1 -S $s --state s.sts -o want.safetensors 2.sts
		fl-aggregate -m 1 -S $s --state old.sts -o got.safetensors 2.sts
		cmp got.safetensors want.safetensors
		check last old.sts s.sts
	done
}

@test "a tree of partial records equals the flat aggregation" {
	local o
	clients
	for o in "-R mean" "-R qfedavg" "-R fednova" "-R term" "-S adafedadam"; do
		fl-aggregate -m m.safetensors $o --no-prov -o flat.safetensors u.sts
		fl-local-train -m m.safetensors -e 1 -b 8 --measure loss0,gradnorm -o a.sts [05].safetensors
		fl-local-train -m m.safetensors -e 1 -b 8 --measure loss0,gradnorm -o b.sts [1-46].safetensors
		fl-aggregate -m m.safetensors $o --partial -o pa.sts a.sts
		fl-aggregate -m m.safetensors $o --partial -o pb.sts b.sts
		fl-aggregate -m m.safetensors $o --partial pb.sts pa.sts |
			fl-aggregate -m m.safetensors $o -n 7 --no-prov | cmp - flat.safetensors
	done
	check old pa.sts
	run fl-aggregate -m m.safetensors -S adafedadam -o never pa.sts pb.sts
	[ "$status" = 3 ]
	[[ $output == *"pa.sts: tensor '@bins/0.num_batches_tracked': running statistics as an earlier version summed them: write the partial anew"* ]]
	[ ! -e never ]
}

@test "sub-networks: coordinate by coordinate over those who own them" {
	local o
	clients
	check mask u.sts
	for o in mean mean:denominator=99999 term:t=0.5 median; do
		fl-aggregate -m m.safetensors -R $o -o n.safetensors u.sts
		check stats $o m.safetensors u.sts n.safetensors
	done
	fl-aggregate -m m.safetensors -R afl -o n.safetensors u.sts
	check stats mean:weight=uniform m.safetensors u.sts n.safetensors
}

@test "clients that keep them to themselves count in no mean of them" {
	clients
	fl-local-train -m m.safetensors -e 1 -b 8 --measure loss0 --buffers drop -o some.sts [0-2].safetensors
	fl-local-train -m m.safetensors -e 1 -b 8 --measure loss0 -o rest.sts [3-6].safetensors
	for r in mean qfedavg fednova geomed fedmgda krum:m=5 fedfv median; do
		fl-aggregate -m m.safetensors -R $r -o n.safetensors some.sts rest.sts
		fl-aggregate -m m.safetensors -R $r -o all.safetensors u.sts
		# What trains is as ever.
		st-cat --tensor='*.weight' --tensor='*.bias' n.safetensors >a
		st-cat --tensor='*.weight' --tensor='*.bias' all.safetensors >b
		st-cmp a b
	done
	fl-aggregate -m m.safetensors -o n.safetensors some.sts rest.sts
	check stats mean m.safetensors rest.sts n.safetensors
}

@test "a variance below 0 is status 5, and nothing is published" {
	local c
	clients
	cp u.sts l.sts
	check lie l.sts all
	run fl-aggregate -m m.safetensors -o never l.sts
	[ "$status" = 5 ]
	[[ $output == *"the next model, by an update that is wrong: tensor '0.running_var': element 0 is -"*", but no variance is below 0" ]]
	[ ! -e never ]
	# Rules that bear a liar bear this one.
	for c in krum median; do fl-aggregate -m m.safetensors -R $c -o n.safetensors l.sts; done
	cp m.safetensors bad.safetensors
	check put bad.safetensors 0.running_var -0.25
	for c in "fl-eval -m bad.safetensors 0.safetensors" "st-check bad.safetensors" \
	         "fl-local-train -m bad.safetensors -o never 0.safetensors" \
	         "fl-aggregate -m bad.safetensors -o never u.sts" \
	         "fl-stats -m bad.safetensors classmean -o never 0.safetensors"; do
		run $c
		[ "$status" = 5 ]
		[[ $output == *"bad.safetensors: "*"tensor '0.running_var': element 0 is -0.25, but no variance is below 0" ]]
		[ ! -e never ]
	done
	# Of a client's own.
	fl-local-train -m m.safetensors -b 8 --buffers local --state k -o u.sts 0.safetensors
	fl-aggregate -m m.safetensors -o n.safetensors u.sts
	fl-eval -m n.safetensors --state k 0.safetensors
	check put k/0000.sts @private/0.running_var -1
	run fl-eval -m n.safetensors --state k 0.safetensors
	[ "$status" = 5 ]
	run st-check k/0000.sts
	[ "$status" = 5 ]
	st-check --plain k/0000.sts u.sts
}

@test "a variance that falls to 0 is 0, not less by rounding" {
	net
	sed 's/"batchnorm"/"batchnorm","momentum":1/' net.json >one.json
	fl-init -a one.json -s 1 -o 0
	fl-local-train -m 0 -b 8 [0-6].safetensors | fl-aggregate -m 0 -o m.safetensors
	check constant
	fl-local-train -m m.safetensors -b 8 -o u.sts [0-6].safetensors
	for r in mean "mean:weight=uniform" median trimmean:beta=0.2 geomed; do
		fl-aggregate -m m.safetensors -R $r -o n.safetensors u.sts
		check zero n.safetensors
		fl-eval -m n.safetensors 0.safetensors
	done
}

@test "methods keep nothing of them, and pass over what earlier versions kept" {
	local m with
	net
	fl-stats -m m.safetensors gradient -o g.sts [0-6].safetensors
	fl-aggregate -o all.safetensors g.sts
	for m in scaffold feddyn fedspeed fedspeed:form=paper,lambda=10 fedcm mime mimelite; do
		rm -rf k old
		with=
		[ $m != mime ] || with="--with all.safetensors"
		train() { fl-local-train -M $m $with -b 8 "$@"; }
		train -m m.safetensors --state k -o u.sts [0-6].safetensors
		check none u.sts
		[ ! -d k ] || check none k/*
		[ $m != mime ] || continue
		fl-aggregate -m m.safetensors -o n.safetensors u.sts
		cp n.safetensors o.safetensors
		[ ! -d k ] || cp -r k old
		case $m in
		scaffold) check plant o.safetensors @scaffold/c/; check plant old/0003.sts @scaffold/c/ ;;
		feddyn|fedspeed*) check plant old/0003.sts @${m%:*}/h/ ;;
		fedcm) check plant o.safetensors @fedcm/d/ ;;
		mimelite) check plant o.safetensors @mimelite/m/ ;;
		esac
		train -m n.safetensors --state k 3.safetensors | st-cat --strip-meta >want.sts
		train -m o.safetensors --state old 3.safetensors | st-cat --strip-meta >got.sts
		cmp got.sts want.sts
		[ ! -d k ] || check last old/0003.sts k/0003.sts
		# The layer is the first: what it sees does not depend on the method.
		fl-local-train -m n.safetensors -b 8 3.safetensors | statistics >plain.sts
		statistics want.sts | cmp - plain.sts
	done
}

statistics() {
	st-cat --strip-meta --tensor='0.running*' --tensor=0.num_batches_tracked "$@"
}

@test "an optimiser that is kept has no moments of them" {
	net
	for o in sgd:momentum=0.9 adam; do
		rm -rf k
		fl-local-train -m m.safetensors --opt $o --keep-opt --state k -b 8 -o u.sts 3.safetensors
		check none k/*
		fl-aggregate -m m.safetensors -o n.safetensors u.sts
		cp -r k old
		check plant old/0003.sts "@opt/0/$(case $o in adam) echo exp_avg ;; *) echo momentum_buffer ;; esac)/"
		fl-local-train -m n.safetensors --opt $o --keep-opt --state k -b 8 -o want.sts 3.safetensors
		fl-local-train -m n.safetensors --opt $o --keep-opt --state old -b 8 -o got.sts 3.safetensors
		cmp got.sts want.sts
		rm -r old
	done
}

@test "none is critical to fedcac" {
	net
	mkdir p
	fl-local-train -m m.safetensors -M fedcac -b 8 -o u.sts [0-6].safetensors
	run check none u.sts
	[ "$status" = 0 ]
	fl-aggregate -m m.safetensors -R fedcac -o now u.sts
	for k in 0 3 6; do check stats mean m.safetensors u.sts now/000$k.safetensors; done
	cp u.sts old.sts
	check plant old.sts @fedcac/mask/
	fl-aggregate -m m.safetensors -R fedcac -o then old.sts
	cp u.sts l.sts
	check lie l.sts all
	run fl-aggregate -m m.safetensors -R fedcac -o never l.sts
	[ "$status" = 5 ]
	[[ $output == *"the next model of client 0, by an update that is wrong: tensor '0.running_var'"* ]]
	[ ! -e never ]
	for k in 0 1 2 3 4 5 6; do cmp now/000$k.safetensors then/000$k.safetensors; done
}

@test "a batch of one has no variance: PyTorch's statistics of the batches before" {
	"$PYTHON" -c 'import torch' || skip "no python3-torch"
	net
	check rows 17
	fl-local-train -m m.safetensors --opt sgd:lr=0 -b 8 --shuffle none -o u.sts 17.safetensors
	fl-aggregate -m m.safetensors -o n.safetensors u.sts
	check torch 17.safetensors 8 n.safetensors
	# A plane of one channel has values enough.
	fl-init -a '{"input":[1,2,2],"layers":[{"layer":"batchnorm"},{"layer":"flatten"},{"layer":"linear","out":2}]}' \
		-o m.safetensors
	fl-local-train -m m.safetensors --opt sgd:lr=0 -b 1 --steps 1 --shuffle none -o u.sts 17.safetensors 2>log
	[ ! -s log ]
	fl-aggregate -m m.safetensors -o n.safetensors u.sts
	check torch 17.safetensors 1 n.safetensors
}

@test "batches of one alone: nothing moves but what stands after, and a word of it" {
	net
	fl-local-train -m m.safetensors -b 1 -o u.sts 0.safetensors 2>log
	grep -q "client 0: batches of one example have no variance: '0.running_var' stays, and what stands before it does not train" log
	fl-aggregate -m m.safetensors -o n.safetensors u.sts
	statistics m.safetensors >a
	statistics n.safetensors | cmp - a
	fl-local-train -m m.safetensors -b 2 -o u.sts 0.safetensors 2>log
	[ ! -s log ]
}

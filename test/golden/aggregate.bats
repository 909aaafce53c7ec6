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
	equals fednova fednova:momentum=0,mu=0
	equals fednova-momentum fednova:momentum=0.9,mu=0
	equals fednova-prox fednova:momentum=0,mu=2
}

@test "fednova counts steps as each update says that it took them" {
	fl-aggregate -m "$G/model.safetensors" --no-prov -R fednova "$G/how.sts" >got.safetensors
	st-cmp -v --rtol=2e-7 --atol=1e-7 got.safetensors "$G/fednova-how.safetensors"
}

@test "fednova with momentum and a pull: the norm of shares that change sign" {
	equals fednova-swing-99 fednova:momentum=0.99,mu=15
	fl-aggregate -m "$G/model.safetensors" --no-prov -R fednova "$G/swing.sts" >got.safetensors
	st-cmp -v --rtol=2e-7 --atol=1e-7 got.safetensors "$G/fednova-swing.safetensors"
}

@test "fednova with tau_eff=steps: as its code with a proximal term; without any, the same" {
	equals fednova-tau fednova:momentum=0,mu=2,tau_eff=steps
	for t in norm steps; do aggregate -R fednova:momentum=0,mu=0,tau_eff=$t >$t.safetensors; done
	st-cmp norm.safetensors steps.safetensors
}

# refused STATUS TEXT ARGUMENT...
refused() {
	local want=$1 text=$2
	shift 2
	run fl-aggregate -m "$G/model.safetensors" -o never "$@"
	echo "$output"
	[ "$status" = "$want" ]
	[[ $output == *"$text"* ]]
	[ ! -e never ]
}

@test "fednova refuses what it cannot count, and contradictions" {
	refused 3 "client 3: fl.opt is missing; rule fednova needs it, or momentum=" -R fednova "$G/updates.sts"
	refused 3 "client 3: fl.method is missing; rule fednova needs it, or mu=" -R fednova:momentum=0 "$G/updates.sts"
	refused 3 "client 0: fl.opt says that momentum is 0, but rule fednova was given 0.9" \
		-R fednova:momentum=0.9 "$G/how.sts"
	refused 3 "client 0: fl.method says that mu is 0, but rule fednova was given 1" -R fednova:mu=1 "$G/how.sts"
	refused 3 "client 3: fl.lr is 0.05 and mu 20; rule fednova wants lr mu below 1" -R fednova:momentum=0,mu=20 "$G/updates.sts"
	"$PYTHON" - "$G" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/..")
		from fed_record import load, save
		t, _, base = load(sys.argv[1] + "/model.safetensors")
		save("far.safetensors", t, kind="update", client=0, round=1, base=base, examples=1, lr=.05, steps=10 ** 18)
	END
	fl-aggregate -m "$G/model.safetensors" -R fednova:momentum=0.5,mu=0 far.safetensors >/dev/null
	refused 3 "client 0: fl.steps is 1000000000000000000; with momentum and mu, rule fednova counts 10000000 at most" \
		-R fednova:momentum=0.5,mu=1 far.safetensors
	fl-partition -q -d digits -k 2 -B iid -s 1 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	fl-local-train -m m.safetensors --opt adam clients/*.safetensors >u.sts
	run fl-aggregate -m m.safetensors -R fednova -o never u.sts
	[ "$status" = 3 ]
	[[ $output == *"client 0: fl.opt is adam, whose steps are not linear in the gradients"* ]]
	# Moments of the round before are noticed; plain steps have none, nor has a first round.
	for opt in sgd sgd:momentum=0.9; do
		cp m.safetensors next
		for r in 1 2; do
			fl-local-train -m next --opt $opt --keep-opt --state k clients/*.safetensors >u.sts
			[ $r$opt = 2sgd:momentum=0.9 ] || fl-aggregate -m next -R fednova -o next u.sts
		done
		rm -r k
	done
	run fl-aggregate -m next -R fednova -o never u.sts
	[ "$status" = 3 ]
	[[ $output == *"client 0: its optimiser went on with moments of the round before (--keep-opt)"* ]]
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
	equals fedfv-one fedfv
	aggregate -R fedfv:alpha=1 >got.safetensors
	aggregate -R mean:weight=uniform >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 got.safetensors want.safetensors
}

@test "term, propfair, aflexp weigh by the loss" {
	equals term term:t=0.7
	equals propfair propfair
	equals aflexp aflexp:gamma=0.3
}

@test "term with t 0 and aflexp with gamma 0 are the mean, byte for byte" {
	aggregate >want.safetensors
	aggregate -R term:t=0 >term.safetensors
	aggregate -R aflexp:gamma=0 --state afl.sts >afl.safetensors
	st-cmp term.safetensors want.safetensors
	st-cmp afl.safetensors want.safetensors
}

@test "weights beyond a double are refused, with the client" {
	run fl-aggregate -m "$G/model.safetensors" -R term:t=500 "$G/updates.sts"
	[ "$status" = 5 ]
	[[ $output == *"client"*"beyond a double"* ]]
}

# afl_round R OPTION...: updates of round R, and its model.
afl_round() {
	local r=$1
	shift
	fl-local-train -m "$((r - 1)).safetensors" --measure loss0 --opt sgd:lr=0.5 -b 1000 --steps 1 \
		--shuffle none clients/*.safetensors >"u$r.sts"
	fl-aggregate -m "$((r - 1)).safetensors" --state afl.sts "$@" -o "$r.safetensors" "u$r.sts"
}

# afl_rounds RULE: eight rounds with a client away and one that is late.
afl_rounds() {
	local r
	fl-partition -q -d digits -k 4 -B dirichlet:alpha=0.2 -s 3 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o 0.safetensors
	mv clients/0003.safetensors late
	afl_round 1 -R "$1"
	afl_round 2 -R "$1"
	mv late clients/0003.safetensors
	afl_round 3 -R "$1"
	mv clients/0001.safetensors away
	afl_round 4 -R "$1"
	mv away clients/0001.safetensors
	for r in 5 6 7 8; do afl_round $r -R "$1"; done
}

@test "afl: projected ascent, as NumPy has it, with a client away and one that is late" {
	afl_rounds afl:gamma=0.4
	"$PYTHON" "$G/afl.py" 0.4 8
	run fl-aggregate -m 8.safetensors -R aflexp --state afl.sts -o never u8.sts
	[ "$status" = 3 ]
	[[ $output == *"the state of server sgd:lr=1 afl:gamma=0.4,weight=uniform,absent=share, not of sgd aflexp"* ]]
	run fl-aggregate -m 7.safetensors -R afl -o never u8.sts
	[ "$status" = 3 ]
	[[ $output == *"no state before round 8, which rule afl keeps"* ]]
}

@test "afl:absent=estimate: those at hand stand for all, whose weights are projected" {
	afl_rounds afl:gamma=0.4,absent=estimate
	"$PYTHON" "$G/afl.py" 0.4 8 estimate
}

@test "afl with all at hand is the same, whatever becomes of those away" {
	for a in share estimate; do aggregate -R afl:gamma=0.4,absent=$a --state $a.sts >$a.safetensors; done
	cmp share.safetensors estimate.safetensors
	for a in share estimate; do st-cat --tensor '@rows/*' --plain $a.sts >$a.rows; done
	st-cmp share.rows estimate.rows
}

@test "afl with gamma 0 is the mean with the first weights" {
	aggregate -R afl:gamma=0 --state a.sts >afl.safetensors
	aggregate -R mean:weight=uniform >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 afl.safetensors want.safetensors
	aggregate -R afl:gamma=0,weight=examples --state b.sts >afl.safetensors
	aggregate >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 afl.safetensors want.safetensors
}

@test "qfedsgd: one gradient is qfedavg's; L and the step as given; more steps are refused" {
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.2 -s 3 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	fl-local-train -m m.safetensors --measure loss0 --opt sgd:lr=0.5 -b 1000 -e 1 --shuffle none \
		clients/*.safetensors >u.sts
	for q in 0 1 5; do
		fl-aggregate -m m.safetensors --no-prov -R qfedsgd:q=$q u.sts >sgd.safetensors
		fl-aggregate -m m.safetensors --no-prov -R qfedavg:q=$q u.sts >avg.safetensors
		st-cmp --rtol=1e-6 --atol=1e-7 sgd.safetensors avg.safetensors
	done
	for o in q=2,L=7 q=2,L=7,static=on q=1,L=3,weight=examples; do
		fl-aggregate -m m.safetensors --no-prov -R qfedsgd:$o u.sts >sgd.safetensors
		"$PYTHON" "$G/qfedsgd.py" m.safetensors u.sts "$o" sgd.safetensors
	done
	fl-local-train -m m.safetensors --measure loss0 --steps 2 clients/*.safetensors >u.sts
	run fl-aggregate -m m.safetensors -R qfedsgd -o never u.sts
	[ "$status" = 3 ]
	[[ $output == *"client 0"*"fl.steps is 2; rule qfedsgd wants one step"* ]]
}

@test "sub-networks: coordinate by coordinate over those who own it, in any order and tree" {
	m=$G/model.safetensors
	"$PYTHON" "$G/mask.py" make "$m"
	fl-aggregate -m "$m" -o a.safetensors [012].safetensors
	"$PYTHON" "$G/mask.py" check "$m" a.safetensors examples 0 1 2
	fl-aggregate -m "$m" -R mean:weight=uniform -o a.safetensors [0123].safetensors
	"$PYTHON" "$G/mask.py" check "$m" a.safetensors uniform 0 1 2 3
	fl-aggregate -m "$m" -o a.safetensors [0123].safetensors
	"$PYTHON" "$G/mask.py" check "$m" a.safetensors examples 0 1 2 3
	cat 3.safetensors 1.safetensors 0.safetensors 2.safetensors | fl-aggregate -m "$m" -n 4 -j 3 | cmp - a.safetensors
	fl-aggregate -m "$m" --partial -o p.sts [13].safetensors
	fl-aggregate -m "$m" --partial -o q.sts [02].safetensors
	fl-aggregate -m "$m" --partial q.sts p.sts -o r.sts
	fl-aggregate -m "$m" r.sts | cmp - a.safetensors
	FL_CPU=ref fl-aggregate -m "$m" [0123].safetensors | cmp - a.safetensors
	for rule in median trimmean:beta=0.34; do
		fl-aggregate -m "$m" -R $rule -j 2 -o b.safetensors [0123].safetensors
		"$PYTHON" "$G/mask.py" check "$m" b.safetensors ${rule%:*} 0 1 2 3
		cat [31].safetensors [20].safetensors | fl-aggregate -m "$m" -R $rule -n 4 | cmp - b.safetensors
		fl-aggregate -m "$m" -R $rule -o b.safetensors [012].safetensors
		"$PYTHON" "$G/mask.py" check "$m" b.safetensors ${rule%:*} 0 1 2
	done
	for weight in examples uniform; do
		fl-aggregate -m "$m" -R afl:weight=$weight --state afl-$weight -o b.safetensors [012].safetensors
		"$PYTHON" "$G/mask.py" check "$m" b.safetensors $weight 0 1 2
	done
	fl-aggregate -m "$m" -S adafedadam --state ada.sts -o b.safetensors [0123].safetensors
	"$PYTHON" "$G/mask.py" ada "$m" ada.sts
	# Full masks are none.
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, save
		for k in range(4):
		    t, m, _ = load("%d.safetensors" % k)
		    m = {a[3:]: v for a, v in m.items() if a != "fl.v"}
		    t = {n: v for n, v in t.items() if n[0] != "@"}
		    save("plain%d.safetensors" % k, t, **m)
		    save("full%d.safetensors" % k, {**t, **{"@mask/" + n: np.ones(v.shape, "u1") for n, v in t.items()}}, **m)
		    if k == 0:
		        t["@mask/0.weight"] = np.zeros(t["0.weight"].shape, "u1")
		        save("outside.safetensors", t, **m)
		        t["@mask/0.weight"] = np.full(t["0.weight"].shape, 2, "u1")
		        save("two.safetensors", t, **m)
		        t["@mask/0.weight"] = np.ones(3, "u1")
		        save("shape.safetensors", t, **m)
	END
	fl-aggregate -m "$m" -o a.safetensors plain?.safetensors
	fl-aggregate -m "$m" full?.safetensors | cmp - a.safetensors
	fl-aggregate -m "$m" full[02].safetensors plain[13].safetensors | cmp - a.safetensors
	refused 3 "client 0: tensor '0.weight': element 5 is" outside.safetensors
	refused 3 "client 0: tensor '@mask/0.weight': element 0 is 2, want 0 or 1" two.safetensors
	refused 3 "client 0: tensor '@mask/0.weight' is not U8 or F32 of the shape of an F32 tensor '0.weight'" shape.safetensors
	refused 3 "client 0: tensor '0.bias': rule krum does not combine sub-networks; weighted means and coordinate-wise rules do" -R krum full0.safetensors
}

@test "weights by coordinate: precision means, in folds, partials and weigh rules" {
	m=$G/model.safetensors
	"$PYTHON" "$G/precision.py" make "$m"
	for weight in examples uniform; do
		fl-aggregate -m "$m" -R mean:weight=$weight -o a.safetensors [01234].safetensors
		"$PYTHON" "$G/precision.py" check "$m" a.safetensors $weight 0 1 2 3 4
		fl-aggregate -m "$m" -R mean:weight=$weight -o b.safetensors [012].safetensors
		"$PYTHON" "$G/precision.py" check "$m" b.safetensors $weight 0 1 2
		fl-aggregate -m "$m" -R afl:weight=$weight --new-state -o c.safetensors [012].safetensors
		"$PYTHON" - b.safetensors c.safetensors <<-END
			import sys; sys.path.insert(0, "$ROOT/test/golden")
			import numpy as np
			from fed_record import load
			a, b = load(sys.argv[1])[0], load(sys.argv[2])[0]
			assert all(np.allclose(a[n], b[n], rtol=1e-6, atol=1e-7) for n in a)
		END
	done
	fl-aggregate -m "$m" -o a.safetensors [01234].safetensors
	cat 3.safetensors 1.safetensors 4.safetensors 0.safetensors 2.safetensors |
		fl-aggregate -m "$m" -n 5 -j 3 | cmp - a.safetensors
	fl-aggregate -m "$m" --partial -o p.sts [13].safetensors
	fl-aggregate -m "$m" --partial -o q.sts [024].safetensors
	fl-aggregate -m "$m" --partial q.sts p.sts -o r.sts
	fl-aggregate -m "$m" r.sts | cmp - a.safetensors
	FL_CPU=ref fl-aggregate -m "$m" [01234].safetensors | cmp - a.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, save
		t, m, _ = load("4.safetensors")
		m = {a[3:]: v for a, v in m.items() if a != "fl.v"}
		one = {**t, **{"@mask/" + n: np.ones(v.shape, "f4") for n, v in t.items()}}
		save("one.safetensors", one, **m)
		for name, v in ("below", -1), ("nan", np.nan), ("inf", np.inf):
		    bad = np.ones(t["0.weight"].shape, "f4")
		    bad.reshape(-1)[5] = v
		    save(name + ".safetensors", {**one, "@mask/0.weight": bad}, **m)
		save("wide.safetensors", {**one, "@mask/0.weight": one["@mask/0.weight"].astype("f8")}, **m)
	END
	# Weights of 1 are none.
	fl-aggregate -m "$m" [0123].safetensors one.safetensors | cmp - a.safetensors
	fl-aggregate -m "$m" -o b.safetensors 4.safetensors
	fl-aggregate -m "$m" one.safetensors | cmp - b.safetensors
	refused() {
		run fl-aggregate -m "$m" "${@:3}"
		echo "$output"
		[ "$status" = 3 ] && [[ $output == "fl-aggregate: $1.safetensors: client 4: $2"* ]]
		[ $# = 3 ] || return 0	# no rule: what is wrong is the record's
		run st-check "$1.safetensors"
		echo "$output"
		[ "$status" = 3 ] && [[ $output == "st-check: $1.safetensors: record 1 at byte 0: client 4: $2"* ]]
	}
	w="tensor '@mask/0.weight': element 5 is"
	refused below "$w -1, want a weight, 0 or more" below.safetensors
	refused nan "$w nan, want a weight, 0 or more" nan.safetensors
	refused inf "$w inf, want a weight, 0 or more" inf.safetensors
	refused wide "tensor '@mask/0.weight' is not U8 or F32 of the shape of an F32 tensor '0.weight'" wide.safetensors
	refused one "tensor '0.bias': its coordinates have weights (@mask/ of F32), which rule median does not combine; weighted means do" -R median one.safetensors
	refused one "tensor '0.bias': its coordinates have weights (@mask/ of F32), which rule krum does not combine" -R krum:f=0 one.safetensors
}

@test "sub-networks that send blocks: what masks say" {
	"$PYTHON" "$G/slice.py"
	for rule in mean median; do
		fl-aggregate -m model.safetensors --no-prov -R $rule -o want.safetensors mask?.safetensors
		fl-aggregate -m model.safetensors --no-prov -R $rule block?.safetensors | cmp - want.safetensors
		cat block[20].safetensors mask1.safetensors |
			fl-aggregate -m model.safetensors --no-prov -R $rule -n 3 | cmp - want.safetensors
	done
	for bad in bad??.safetensors both.safetensors; do
		echo "$bad"
		run fl-aggregate -m model.safetensors "$bad"
		[ "$status" = 3 ]
		[[ $output == "fl-aggregate: $bad: client 2: "* ]]
	done
	refused() { run fl-aggregate -m model.safetensors "$2"; echo "$output"; [[ $output == *"client 2: $1" ]]; }
	refused "fl.slice: tensor '9.weight' is not F32 in update and model" bad02.safetensors
	refused "fl.slice: tensor '2.weight': not a range for each of 2 dimensions" bad03.safetensors
	refused "fl.slice: tensor '2.weight': dimension 1 is not [from, to) within 4" bad04.safetensors
	refused "fl.slice: tensor '2.weight': dimension 1 has 4, its range 3" bad07.safetensors
	refused "fl.slice: tensor '2.weight': dimension 1: its ranges overlap" bad12.safetensors
	refused "fl.slice: tensor '2.weight': dimension 1 is not [from, to) within 4, or several" bad13.safetensors
	for rule in mean median; do
		fl-aggregate -m model.safetensors --no-prov -R $rule -o want.safetensors mask?.safetensors window-mask.safetensors
		fl-aggregate -m model.safetensors --no-prov -R $rule block?.safetensors window.safetensors | cmp - want.safetensors
	done
	fl-aggregate -m model.safetensors --no-prov -o want.safetensors less-mask.safetensors
	fl-aggregate -m model.safetensors --no-prov less.safetensors | cmp - want.safetensors
	st-check block?.safetensors mask?.safetensors window*.safetensors weighed.safetensors
	run st-check bad01.safetensors
	[ "$status" = 3 ]
	run fl-aggregate -m model.safetensors -R krum block?.safetensors
	[ "$status" = 3 ]
	[[ $output == *"client 0: tensor '0.bias': rule krum does not combine sub-networks; "* ]]
	# What the coordinates of a block count is of the block, too.
	fl-aggregate -m model.safetensors --no-prov -o want.safetensors mask[02].safetensors weighed-mask.safetensors
	fl-aggregate -m model.safetensors --no-prov block[02].safetensors weighed.safetensors | cmp - want.safetensors
	run fl-aggregate -m model.safetensors weighed-whole.safetensors
	[ "$status" = 3 ]
	[[ $output == *"client 9: fl.slice: tensor '@mask/0.weight': dimension 0 has 6, its range 4" ]]
}

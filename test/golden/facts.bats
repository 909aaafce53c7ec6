#!/usr/bin/env bats
# Rules over what clients measure, over each tensor and with a matrix, against NumPy:
# facts/check.py.

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -q -d digits -k 7 -B dirichlet:alpha=0.3 -s 1 -o clients --no-sync
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o m.safetensors
	fl-local-train -m m.safetensors -e 2 --measure loss0,counts -o u.sts clients/*.safetensors
	fl-local-train -m m.safetensors -e 2 --measure loss0 --no-prov -o plain.sts clients/*.safetensors
}

setup() {
	cd "$BATS_FILE_TMPDIR"
	T=$BATS_TEST_TMPDIR
}

check() {
	"$PYTHON" "$ROOT/test/golden/facts/check.py" "$@"
}

# aggregate RULE OPTION...: the next model in $T/got.safetensors.
aggregate() {
	fl-aggregate -m m.safetensors -n 7 -o "$T/got.safetensors" -R "$@" u.sts
}

# close FILE: its numbers are those of got.safetensors.
close() {
	st-cmp --rtol=1e-6 --atol=1e-7 "$T/got.safetensors" "$1"
}

@test "facts are what NumPy counts, and in nobody's sum" {
	"$PYTHON" - "$ROOT/test/golden" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import load, stream
		for u, m, _ in stream("u.sts"):
		    y = load("clients/%04d.safetensors" % int(m["fl.client"]))[0]["y"]
		    assert u["@fact/counts"].tolist() == np.bincount(y, minlength=10).tolist()
	END
	for r in mean median krum flag; do
		fl-aggregate -m m.safetensors --no-prov -R $r -o "$T/a" u.sts
		fl-aggregate -m m.safetensors --no-prov -R $r -o "$T/b" plain.sts
		cmp "$T/a" "$T/b"
	done
	fl-aggregate -m m.safetensors --no-prov -R own -o "$T/o" u.sts
	fl-aggregate -m m.safetensors --no-prov -R own -o "$T/q" plain.sts
	cmp "$T/o/0003.safetensors" "$T/q/0003.safetensors"
	fl-init -a '{"input":[64],"layers":[{"layer":"lora","out":10,"rank":2}],"loss":"ce"}' -s 1 -o "$T/l.safetensors"
	for r in flora hetlora; do
		for m in counts loss; do
			fl-local-train -m "$T/l.safetensors" --no-prov --measure $m clients/*.safetensors |
				fl-aggregate -m "$T/l.safetensors" --no-prov -R $r -o "$T/$m"
		done
		cmp "$T/counts" "$T/loss"
	done
	fl-aggregate -m m.safetensors --partial -o "$T/p" u.sts
	fl-aggregate -m m.safetensors --no-prov -o "$T/a" "$T/p"
	fl-aggregate -m m.safetensors --no-prov -o "$T/b" plain.sts
	cmp "$T/a" "$T/b"
}

@test "feddisco: each discrepancy, and a reference by --with" {
	for m in kl l1 l2 cosine; do
		aggregate feddisco:a=0.3,b=0.05,metric=$m
		check feddisco $m 0.3 0.05 m.safetensors u.sts "$T/got.safetensors"
	done
	aggregate feddisco
	check feddisco kl 0.5 0.1 m.safetensors u.sts "$T/got.safetensors"
	fl-stats -m m.safetensors classmean clients/*.safetensors | fl-aggregate -o "$T/stat.safetensors"
	for m in kl cosine; do
		aggregate feddisco:a=2,metric=$m --with "$T/stat.safetensors"
		check feddisco $m 2 0.1 m.safetensors u.sts "$T/got.safetensors" "$T/stat.safetensors"
	done
}

@test "feddisco without discrepancies, or without a weight above 0, is the mean" {
	aggregate mean && mv "$T/got.safetensors" "$T/mean.safetensors"
	for spec in a=0,b=0 a=100,b=-50; do
		aggregate feddisco:$spec
		close "$T/mean.safetensors"
	done
}

@test "what a rule wants is listed, and its lack is told with field, client and rule" {
	[ "$(fl-aggregate --needs -R feddisco)" = counts ]
	[ "$(fl-aggregate --needs -R cafed)" = loss0 ]
	run fl-aggregate -m m.safetensors -R feddisco -o "$T/never" plain.sts
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"plain.sts: client 0: @fact/counts is missing; rule feddisco needs it: fl-local-train --measure counts"* ]]
	run fl-aggregate -m m.safetensors -R mean --with u.sts -o "$T/never" u.sts
	[ "$status" = 2 ]
	[[ $output == *"--with: rule mean has no use for u.sts"* ]]
	run fl-aggregate -m m.safetensors -R feddisco --with m.safetensors -o "$T/never" u.sts
	[ "$status" = 3 ]
	[[ $output == *"holds model, but rule feddisco reads statistic classmean"* ]]
	[ ! -e "$T/never" ]
	"$PYTHON" - "$ROOT/test/golden" "$T" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import record, stream
		for name, n in ("short", np.ones(3, "i8")), ("minus", -np.ones(10, "i8")), \
		        ("zero", np.zeros(10, "i8")), ("real", np.ones(10, "f8")):
		    with open(sys.argv[2] + "/" + name, "wb") as f:
		        for i, (u, m, _) in enumerate(stream("u.sts")):
		            u = dict(u, **({"@fact/counts": n} if i == 2 else {}))
		            f.write(record(u, **{k[3:]: v for k, v in m.items()})[0])
	END
	for f in short:"is of 3 classes, want 10" minus:"element 0 is -1, want 0 or more" \
		zero:"has no example" real:"is F64 of 1 dimensions; rule feddisco wants I64 of 1"; do
		run fl-aggregate -m m.safetensors -n 7 -R feddisco -o "$T/never" "$T/${f%%:*}"
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == *"client 2"*"@fact/counts"*"${f#*:}"* ]]
		[ ! -e "$T/never" ]
	done
}

@test "flag: its subspace by singular vectors of the updates themselves, wholes and tensors" {
	for a in "0 0 1" "2 0 1" "3 0.5 1" "2 3 6" "0 0 20" "1 0 4"; do
		for per in model tensor; do
			set -- $a
			rank=${1/#0/} && rank=${rank:+rank=$rank,}
			aggregate flag:${rank}lambda=$2,iterations=$3,per=$per
			check flag $1 $2 $3 $per m.safetensors u.sts "$T/got.safetensors"
		done
	done
}

@test "flag: equal updates give their direction, and so does one alone" {
	"$PYTHON" - "$ROOT/test/golden" "$T" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import record, stream
		u, m, _ = next(stream("u.sts"))
		for n in 1, 4:
		    with open(f"{sys.argv[2]}/{n}.sts", "wb") as f:
		        for k in range(n):
		            f.write(record(u, **{key[3:]: v for key, v in m.items()} | {"client": k})[0])
	END
	for n in 1 4; do
		fl-aggregate -m m.safetensors -n $n -R flag:rank=$n -o "$T/$n.safetensors" "$T/$n.sts"
		check flag $n 0 1 model m.safetensors "$T/$n.sts" "$T/$n.safetensors"
	done
	st-cmp --rtol=1e-5 --atol=1e-6 "$T/1.safetensors" "$T/4.safetensors"
}

@test "cafed: who is left out, over rounds of clients that come and go" {
	for exclude in on off; do
		cp m.safetensors "$T/0.safetensors"
		(
			cd "$T"
			for r in 1 2 3 4 5 6; do
				case $r in 1 | 4) who="0 1 2 3" ;; 2) who="1 2" ;; 3) who="1 2 5" ;; *) who="0 1 4 6" ;; esac
				facts=loss0
				[ $r -gt 2 ] || facts=loss0,optimum:iterations=5
				fl-local-train -m $((r - 1)).safetensors --measure $facts -o u$r.sts \
					$(printf "$BATS_FILE_TMPDIR/clients/%04d.safetensors " $who)
				fl-aggregate -m $((r - 1)).safetensors -j 2 --state s.sts -o $r.safetensors \
					-R cafed:kappa=0.5,rho=0.2,prior=3,pi=0.6,lambda=0.2,exclude=$exclude u$r.sts
			done
			check cafed 0.5 0.2 3 0.6 0.2 $exclude 6
			rm s.sts
		)
	done
}

@test "cafed with everybody there and nobody left out is the mean" {
	fl-aggregate -m m.safetensors -o "$T/mean.safetensors" u.sts
	aggregate cafed:prior=0,exclude=off --state "$T/s.sts"
	close "$T/mean.safetensors"
}

@test "the least loss: of a convex net the one that many steps lead to" {
	fl-init -a logreg:in=64,out=10 -s 1 -o "$T/l.safetensors"
	fl-local-train -m "$T/l.safetensors" --measure loss,optimum:iterations=40 --opt sgd:lr=0.5 -e 300 \
		-b 100000 -o "$T/l.sts" clients/0000.safetensors
	"$PYTHON" - "$ROOT/test/golden" "$T" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import stream
		u, m, _ = next(stream(sys.argv[2] + "/l.sts"))
		print(u["@fact/optimum"], m["fl.loss"])
		assert u["@fact/optimum"].shape == () and 0 <= u["@fact/optimum"] < float(m["fl.loss"]) < 0.3
	END
}

@test "fedpub: mixtures by how alike models answer, from one model and from models of their own" {
	fl-aggregate -m m.safetensors -R fedpub:probes=130,seed=5 -n 7 -o "$T/a" plain.sts
	check fedpub 10 130 5 plain.sts "$T/a" m.safetensors
	fl-local-train -m "$T/a" -o "$T/v.sts" clients/*.safetensors
	fl-aggregate -m "$T/a" -R fedpub:scale=3 -j 3 -n 7 -o "$T/b" "$T/v.sts"
	check fedpub 3 500 0 "$T/v.sts" "$T/b" "$T"/a/000?.safetensors
	cat "$T/v.sts" | fl-aggregate -m "$T/a" -R fedpub:scale=3 -o "$T/c"
	cmp "$T/b/0003.safetensors" "$T/c/0003.safetensors"
}

@test "fedpub with scale 0 is the mean of all, with a large one each its own" {
	fl-aggregate -m m.safetensors -R mean:weight=uniform -n 7 -o "$T/got.safetensors" plain.sts
	fl-aggregate -m m.safetensors -R fedpub:scale=0 -n 7 -o "$T/a" plain.sts
	st-cmp --rtol=1e-6 --atol=1e-7 "$T/got.safetensors" "$T/a/0004.safetensors"
	fl-aggregate -m m.safetensors -R own -n 7 -o "$T/own" plain.sts
	fl-aggregate -m m.safetensors -R fedpub:scale=1000000 -n 7 -o "$T/b" plain.sts
	st-cmp --rtol=1e-6 --atol=1e-7 "$T/own/0004.safetensors" "$T/b/0004.safetensors"
}

@test "fedpub refuses networks that differ, and models that read tokens" {
	mkdir "$T/models"
	cp m.safetensors "$T/models/0000.safetensors"
	fl-init -a '{"input":[64],"layers":[{"layer":"linear","out":8},{"layer":"tanh"},{"layer":"linear","out":10}],"loss":"ce"}' \
		-s 1 -o "$T/models/0001.safetensors"
	fl-local-train -m "$T/models" -o "$T/z.sts" clients/000[01].safetensors
	run fl-aggregate -m "$T/models" -R fedpub -o "$T/never" "$T/z.sts"
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"client 1: its model has another architecture than that of client 0"* ]]
	fl-init -a '{"input":[4],"layers":[{"layer":"embedding","num":5,"dim":2},{"layer":"flatten"},{"layer":"linear","out":2}]}' \
		-s 1 -o "$T/tokens.safetensors"
	"$PYTHON" - "$ROOT/test/golden" "$T" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import load, save
		t, m, base = load(sys.argv[2] + "/tokens.safetensors")
		save(sys.argv[2] + "/tokens.sts", t, kind="update", client=0, round=1, base=base, examples=1)
	END
	run fl-aggregate -m "$T/tokens.safetensors" -n 1 -R fedpub -o "$T/never" "$T/tokens.sts"
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"the model reads tokens; rule fedpub asks models about random numbers"* ]]
	[ ! -e "$T/never" ]
}

#!/usr/bin/env bats
# Rules that keep something of every client: its last update, its reputation.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/aggregate
	fl-init -a logreg:in=3,out=2 -s 1 -o m0.safetensors
}

# update ROUND CLIENT VALUE: an update of the newest model m{ROUND-1}
update() {
	"$PYTHON" - "$@" <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import load, save
		t, k, v = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
		w, _, base = load("m%d.safetensors" % (t - 1))
		save("u%d-%d.safetensors" % (t, k), {a: np.full(x.shape, v, "f4") for a, x in w.items()},
		     kind="update", client=k, round=t, base=base, examples=2 + k)
	END
}

@test "fedstale, FedVARP and MIFA are what NumPy has over six rounds" {
	for rule in fedstale fedstale:beta=0 fedstale:beta=1,p=share,weight=uniform \
		fedstale:beta=1,p=one fedstale:beta=0.3,p=share fedstale:p=count,denominator=200; do
		rm -rf t
		"$PYTHON" "$G/fedstale.py" m0.safetensors "$rule"
	done
}

@test "with all there in every round, beta=0 and the first round of any are the mean, byte for byte" {
	for t in 1 2; do
		update $t 0 1.5; update $t 1 -0.25; update $t 7 3
		fl-aggregate --no-prov -m m$((t - 1)).safetensors -o want.safetensors u$t-?.safetensors
		fl-aggregate --no-prov -m m$((t - 1)).safetensors -R fedstale:beta=0 --state s -o m$t.safetensors u$t-?.safetensors
		cmp want.safetensors m$t.safetensors
	done
	fl-aggregate --no-prov -m m0.safetensors -R fedstale:beta=0.7 --state s2 -o a.safetensors u1-?.safetensors
	cmp a.safetensors m1.safetensors
}

@test "order, threads and how updates come do not matter, nor what kept files are beside" {
	update 1 0 1; update 1 1 2; update 1 2 3
	fl-aggregate -m m0.safetensors -R fedstale --state s -o m1.safetensors u1-?.safetensors
	update 2 1 5; update 2 2 7; update 2 3 1e-3
	cp -r s s2; cp -r s s3
	fl-aggregate -m m1.safetensors -R fedstale --state s -o m2.safetensors u2-?.safetensors
	cat u2-3.safetensors u2-1.safetensors u2-2.safetensors |
		fl-aggregate -n 3 -m m1.safetensors -j 2 -R fedstale --state s2 -o b.safetensors
	cmp m2.safetensors b.safetensors
	diff -r s s2
	rm s3/0000.sts	# of a client that is away: not read
	FL_CPU=ref fl-aggregate -m m1.safetensors -R fedstale --state s3 -o b.safetensors u2-?.safetensors
	cmp m2.safetensors b.safetensors
}

@test "hundreds of clients need few descriptors" {
	"$PYTHON" - <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import load, record
		w, _, base = load("m0.safetensors")
		with open("many.sts", "wb") as f:
		    for k in range(300):
		        f.write(record({a: np.full(v.shape, k, "f4") for a, v in w.items()}, v=1, kind="update",
		                       client=k, round=1, base=base, examples=3)[0])
	END
	(ulimit -n 32; fl-aggregate -n 300 --no-sync -m m0.safetensors -R fedstale --state s -o m1.safetensors many.sts)
	[ "$(find s -name '[0-9]*.sts' | wc -l)" = 300 ]
}

@test "a round that is done again, with others, forgets what the first try kept" {
	update 1 0 1; update 1 1 2
	fl-aggregate -m m0.safetensors -R fedstale --state s -o m1.safetensors u1-?.safetensors
	update 2 0 4; update 2 1 8
	cp -r s clean
	fl-aggregate -m m1.safetensors -R fedstale --state s -o no.safetensors u2-0.safetensors u2-1.safetensors
	for d in s clean; do
		fl-aggregate -m m1.safetensors -R fedstale --state $d -o $d.safetensors u2-1.safetensors
	done
	cmp s.safetensors clean.safetensors
	cp s.safetensors m2.safetensors
	update 3 0 9
	for d in s clean; do
		fl-aggregate -m m2.safetensors -R fedstale --state $d -o $d.safetensors u3-0.safetensors
	done
	cmp s.safetensors clean.safetensors
}

@test "a fault publishes nothing, neither model nor kept updates" {
	update 1 0 1; update 1 1 2
	head -c 100 u1-1.safetensors >cut.safetensors
	run fl-aggregate -m m0.safetensors -R fedstale --state s -o m1.safetensors u1-0.safetensors cut.safetensors
	[ "$status" = 3 ]
	[ ! -e m1.safetensors ]
	[ -z "$(ls -A s)" ]
	update 1 2 nan
	run fl-aggregate -m m0.safetensors -R fedstale --state s -o m1.safetensors u1-0.safetensors u1-2.safetensors
	[ "$status" = 3 ] && [[ $output == *"client 2: tensor '0.bias': element 0 is nan"* ]]
	[ -z "$(ls -A s)" ]
}

@test "wrong use is refused with what to do" {
	update 1 0 1; update 1 1 2
	refused() {	# STATUS TEXT ARGUMENT...
		run fl-aggregate "${@:3}" -o no.safetensors
		echo "$output"
		[ "$status" = "$1" ] && [[ $output == *"$2"* ]] && [ ! -e no.safetensors ]
	}
	refused 2 "rule fedstale keeps the last update of every client: --state FOLDER" -m m0.safetensors -R fedstale u1-0.safetensors
	refused 2 "--partial: rule fedstale keeps updates, which no partial holds" -m m0.safetensors -R fedstale --state s --partial u1-0.safetensors
	fl-aggregate -m m0.safetensors --partial -o p.sts u1-0.safetensors
	refused 3 "p.sts: a partial record; rule fedstale keeps updates, which no partial holds" -m m0.safetensors -R fedstale --state s p.sts
	fl-aggregate -m m0.safetensors -R fedstale --state s -o m1.safetensors u1-?.safetensors
	update 2 0 1
	refused 3 "no state before round 2" -m m1.safetensors -R fedstale --state other u2-0.safetensors
	refused 3 "s/server.sts: the state of server sgd:lr=1 fedstale" -m m1.safetensors -R afl --state s/server.sts u2-0.safetensors
	: >file
	refused 4 "file/server.sts: Not a directory" -m m1.safetensors -R fedstale --state file u2-0.safetensors
	mv s/0000.sts gone
	refused 4 "s/0000.sts: No such file or directory" -m m1.safetensors -R fedstale --state s u2-0.safetensors
	head -c 300 gone >s/0000.sts
	refused 3 "fl-aggregate: s/0000.sts: record 1 at byte 0: truncated" -m m1.safetensors -R fedstale --state s u2-0.safetensors
	cp s/0001.sts s/0000.sts
	refused 3 "fl-aggregate: s/0000.sts: holds updates of client 1" -m m1.safetensors -R fedstale --state s u2-0.safetensors
	damage() {	# WHAT
		cp good s/server.sts
		"$PYTHON" - "$1" <<-'END'
			import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
			from fed_record import save, stream
			(t, m, _), = stream("good")
			t["@rows/value"] = row = t["@rows/value"].copy()
			exec(sys.argv[1])
			save("bad.safetensors", t, **{a[3:]: v for a, v in m.items() if a != "fl.v"})
		END
		st-cat bad.safetensors >s/server.sts
	}
	mv gone s/0000.sts
	cp s/server.sts good
	for bad in nan inf; do
		damage "row[0, 2] = float('$bad')"
		refused 3 "s/server.sts: '@rows/value' of client 0 is $bad" -m m1.safetensors -R fedstale --state s u2-0.safetensors
	done
	for bad in 0 -1 2; do
		damage "row[0, 0] = $bad"
		refused 3 "s: the last update of client 0 is of round $bad, in round 2" -m m1.safetensors -R fedstale --state s u2-0.safetensors
	done
	cp good s/server.sts
	# A tensor less than before.
	"$PYTHON" - <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		from fed_record import load, save
		t, m, _ = load("u2-0.safetensors")
		m = {a[3:]: v for a, v in m.items() if a != "fl.v"}
		del t["0.bias"]
		save("less.safetensors", t, **m)
		save("extra.safetensors", {**t, "@scaffold/0.weight": t["0.weight"]}, **m)
	END
	refused 3 "the state keeps 2 tensors of each client, the updates have 1: rule fedstale wants the same" -m m1.safetensors -R fedstale --state s less.safetensors
	refused 3 "rule fedstale does not combine extras" -m m1.safetensors -R fedstale --state s extra.safetensors
}

# own ROUND CLIENT VALUE: an update of the client's own model in the folder p{ROUND-1}
own() {
	"$PYTHON" - "$@" <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import load, save
		t, k, v = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
		w, _, base = load("m0.safetensors" if t == 1 else "p%d/%04d.safetensors" % (t - 1, k))
		save("o%d-%d.safetensors" % (t, k), {a: np.full(x.shape, v, "f4") for a, x in w.items()},
		     kind="update", client=k, round=t, base=base, examples=2 + k)
	END
}

@test "rffl: reputations over rounds are what NumPy has" {
	for clip in none 0.5; do
		rm -rf m? rep.sts
		"$PYTHON" "$G/rffl.py" m0.safetensors $clip
	done
}

@test "rffl: who does all alike is given all; a round again is the same, and one that is killed, too" {
	own 1 0 1; own 1 1 1
	fl-aggregate -m m0.safetensors -R rffl --state r.sts -o p1 o1-?.safetensors
	"$PYTHON" - <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		from fed_record import load
		w = load("m0.safetensors")[0]
		for k in 0, 1:
		    got = load("p1/000%d.safetensors" % k)[0]
		    assert all((got[a] == w[a] + 2).all() for a in w), got
	END
	cp -r p1 before; cp r.sts r0.sts
	fl-aggregate -m m0.safetensors -R rffl --state r.sts -j 2 -o p1 o1-1.safetensors o1-0.safetensors
	diff -r before p1
	cmp r0.sts r.sts
	own 2 0 1; own 2 1 -0.5
	fl-aggregate -m p1 -R rffl --state r.sts -o p2 o2-?.safetensors
	cp -r p2 before2
	fl-aggregate -m p1 -R rffl --state r.sts -o p2 o2-?.safetensors
	diff -r before2 p2
}

@test "state of personal rules: wrong use is refused with what to do" {
	own 1 0 1; own 1 1 2
	fl-aggregate -m m0.safetensors -R rffl --state r.sts -o p1 o1-?.safetensors
	own 2 0 1
	refused() {
		run fl-aggregate "${@:3}" -o no
		echo "$output"
		[ "$status" = "$1" ] && [[ $output == *"$2"* ]] && [ ! -e no ]
	}
	refused 3 "no --state: no state before round 2, which rule rffl keeps from the first round on" -m p1 -R rffl o2-0.safetensors
	refused 2 "rule own has no use for --state" -m p1 -R own --state r.sts o2-0.safetensors
	refused 3 "r.sts: holds the state that led to p1" -m p1 -R rffl --state r.sts --new-state o2-0.safetensors
	fl-aggregate -m p1 -R rffl --state r.sts -o p2 o2-0.safetensors
	# Another model than the state led to.
	fl-aggregate -m p1 -R rffl --new-state -o q2 o2-0.safetensors
	cp q2/0000.safetensors p2/0000.safetensors
	"$PYTHON" - <<-'END'
		import os, sys; sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		from fed_record import load, save
		w, m, _ = load("p2/0000.safetensors")
		m = {a[3:]: v for a, v in m.items() if a != "fl.v"}
		save("p2/0000.safetensors", {a: v + 1 for a, v in w.items()}, **m)
	END
	own 3 0 1
	refused 3 "r.sts: client 0: the state that leads to model" -m p2 -R rffl --state r.sts o3-0.safetensors
	run fl-aggregate -m m0.safetensors -R rffl -o p9 o1-?.safetensors
	[ "$status" = 0 ]
	[[ $output == *"rule rffl keeps state from round to round, and there is no --state FILE: round 2 cannot go on from this one" ]]
}

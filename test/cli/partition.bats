#!/usr/bin/env bats
# fl-partition: who gets what, folders replaced whole, bad data refused.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden
	cd "$BATS_TEST_TMPDIR"
}

need_numpy() {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
}

whole() {
	fl-partition -d "${1-digits}" -k 1 -B iid -o whole --no-sync
}

@test "every scheme gives every example once, and partition.json is NumPy's" {
	need_numpy
	whole
	for by in iid dirichlet:alpha=0.3 dirichlet:alpha=0.2,balance=lt,min_size=1 shards:s=3 \
		inner:alpha=0.1,law=linear mix:iid=0.2,by=pathological%3Am%3D9 continuous embed; do
		fl-partition -d digits -k 7 -B "$by" -s 3 -o c --no-sync
		"$PYTHON" "$G/part/check.py" whole/0000.safetensors c
	done
}

@test "a part held out, an index, both" {
	need_numpy
	whole
	args=(-d digits -k 9 -B dirichlet:alpha=0.3,min_size=2 --test-frac 0.2 --no-sync)
	fl-partition "${args[@]}" -o c --test-output t
	"$PYTHON" "$G/part/check.py" whole/0000.safetensors c t
	[ "$(jq -r .part c/partition.json t/partition.json | xargs)" = "train test" ]
	[ "$(st-ls --meta t/0003.safetensors | awk '$2 == "split" { print $3 }')" = test ]
	fl-partition "${args[@]}" --index -o ci --test-output ti
	"$PYTHON" "$G/part/check.py" whole/0000.safetensors ci ti
	cmp <(jq .counts t/partition.json) <(jq .counts ti/partition.json)
}

@test "the index form evaluates as the copies do, wherever the source lies" {
	mkdir -p a/b
	fl-partition -d digits -k 1 -B iid -o a/whole --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	fl-partition -d digits -k 6 -B iid -o copies --no-sync
	fl-eval -m m.safetensors copies/*.safetensors >want
	fl-partition -d a/whole/0000.safetensors -k 6 -B iid --index -o a/b/near --no-sync
	st-ls --meta a/b/near/0002.safetensors | grep -F "../../whole/0000.safetensors"
	fl-eval -m m.safetensors a/b/near/*.safetensors | cmp - want
	(cd a/b/near && fl-eval -m ../../../m.safetensors ./*.safetensors) | cmp - want
	fl-partition -d digits -k 6 -B iid --index -o own --no-sync
	st-check own/source.sts
	fl-eval -m m.safetensors own/*.safetensors | cmp - want
	fl-partition -d a/whole/0000.safetensors -k 6 -B iid --index -o - |
		fl-eval -m m.safetensors | cmp - want
	fl-partition -d digits -k 1 -s 5 -B iid -o a/whole --no-sync --scale '{"div":2}' --no-prov
	mv a/whole/0000.safetensors x
	st-cat x | head -c 50000 >a/whole/0000.safetensors
	run ! fl-eval -m m.safetensors a/b/near/0000.safetensors
}

@test "equal arguments give equal bytes, whatever -j; the seed matters" {
	args=(-d digits -k 5 -B dirichlet --test-frac 0.1 --no-sync)
	fl-partition "${args[@]}" -s 1 -o a --test-output at
	fl-partition "${args[@]}" -s 1 -o b --test-output bt -j 3
	fl-partition "${args[@]}" -s 2 -o c --test-output ct
	diff -r a b
	diff -r at bt
	run ! diff -rq a c
	fl-partition -d digits -k 5 -B dirichlet -s 1 -o d --no-sync
	fl-partition -d digits -k 5 -B dirichlet -s 1 -o - >s.sts
	cat d/*.safetensors | cmp -n "$(cat d/*.safetensors | wc -c)" - s.sts
	st-check s.sts
}

@test "Fashion-MNIST's files are read, from where dir says" {
	need_numpy
	mkdir f
	"$PYTHON" - <<-END
		import gzip, struct
		import numpy as np
		r = np.random.default_rng(1)
		for name, kind, a in (("images", 3, r.integers(0, 256, (100, 28, 28))), ("labels", 1, np.arange(100) % 10)):
		    with gzip.open("f/t10k-%s-idx%d-ubyte.gz" % (name, kind), "wb") as f:
		        f.write(struct.pack(">HBB%dI" % a.ndim, 0, 8, a.ndim, *a.shape) + a.astype("u1").tobytes())
	END
	fl-partition -d fashion-mnist:split=test,dir=f -k 3 -B iid -o c --no-sync
	st-check c/*.safetensors
	st-ls -l c/0001.safetensors | grep -P 'x\tU8\t33x28x28'
	fl-partition -d fashion-mnist:split=test,dir=f -k 1 -B iid -o whole --no-sync
	"$PYTHON" "$G/part/check.py" whole/0000.safetensors c
}

@test "Fashion-MNIST that is not there names the package" {
	fails 4 "dataset-fashion-mnist" fl-partition -d fashion-mnist:dir=nowhere -k 2 -B iid -o c
}

@test "a folder of ours is replaced, any other is not" {
	mkdir empty
	fl-partition -d digits -k 3 -B iid -o empty --no-sync
	fl-partition -d digits -k 2 -B iid -o empty/ --no-sync
	[ "$(ls empty | xargs)" = "0000.safetensors 0001.safetensors partition.json" ]
	touch empty/notes
	fails 4 "holds 'notes'" fl-partition -d digits -k 3 -B iid -o empty
	rm empty/notes empty/partition.json
	fails 4 "no partition.json" fl-partition -d digits -k 3 -B iid -o empty
	echo '{}' >empty/partition.json
	fails 4 "no partition.json" fl-partition -d digits -k 3 -B iid -o empty
	[ "$(ls empty | wc -l)" = 3 ]
	touch file
	fails 4 "file: Not a directory" fl-partition -d digits -k 3 -B iid -o file
	fails 4 "no/where: No such file or directory: there is no folder 'no'" fl-partition -d digits -k 3 -B iid -o no/where
	mkdir other
	touch other/x
	fails 4 "other: holds 'x'" fl-partition -d digits -k 3 -B iid -o new --test-frac 0.5 --test-output other
	[ ! -e new ]
	ln -s empty2 link
	fl-partition -d digits -k 3 -B iid -o empty2 --no-sync
	fl-partition -d digits -k 4 -B iid -o link --no-sync
	[ -L link ] && [ -e empty2/0003.safetensors ]
}

@test "a kill leaves the old folder or the new one, and the next run tidies up" {
	command -v strace >/dev/null || skip "no strace"
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace"
	fl-partition -d digits -k 2 -B iid -o c --no-sync
	cp -r c old
	fl-partition -d digits -k 3 -B iid -o new --no-sync
	kills=0
	for call in mkdir:1 openat,open:9 openat:12 write:1 write:3 write:4 renameat2:1 rename:1 renameat2:2 \
		unlinkat:1 unlinkat:3 rmdir:1; do
		ASAN_OPTIONS=detect_leaks=0 strace -f -o log -e trace="${call%:*}" \
			-e inject="${call%:*}:signal=KILL:when=${call#*:}" \
			fl-partition -d digits -k 3 -B iid -o c --no-sync || kills=$((kills + 1))
		if [ -e c/0002.safetensors ]; then
			diff -r c new
			fl-partition -d digits -k 2 -B iid -o c --no-sync
		fi
		diff -r c old
	done
	[ "$kills" -ge 6 ]
	fl-partition -d digits -k 2 -B iid -o c --no-sync
	[ -z "$(find . -name '.*.tmp')" ]
}

@test "a disk that is full fails whole" {
	[ -w /dev/full ] || skip
	run --separate-stderr bash -c 'fl-partition -d digits -k 3 -B iid -o - >/dev/full'
	[ "$status" = 4 ]
	[[ $stderr == *"No space left"* ]]
	fl-partition -d digits -k 2 -B iid -o c --no-sync
	cp -r c old
	(ulimit -f 20; fails 4 "File too large" fl-partition -d digits -k 3 -B iid -o c)
	diff -r c old
}

@test "conditions that cannot be met name the smallest client" {
	fails 3 "client 1437 would have 0" fl-partition -d digits -k 1438 -B iid -o c
	fails 3 "at most 7" fl-partition -d digits -k 200 -B dirichlet -o c
	fails 3 "after 3 draws client " \
		fl-partition -d digits -k 20 -B dirichlet:alpha=0.01,max_tries=3 -o c
	fails 3 "at least as many" fl-partition -d digits -k 1000 -B shards:s=2 -o c
	[ ! -e c ]
	fl-partition -d digits -k 1437 -B iid -o c --test-frac 0.5 --test-output t --no-sync
	[ "$(ls c | wc -l)" = 1438 ]
	[ "$(ls t)" = partition.json ]
}

@test "shares are of the decimal that is written: halves round up, .29 of 100 are 29" {
	{ echo x,y,group; for k in $(seq 100); do echo "$k,$((k % 2)),$((k == 7))"; done; } >t.csv
	head -51 t.csv >50.csv
	fl-partition -q -d csv:file=50.csv,label=y,drop=group -k 1 -B iid -o c --test-frac 0.29 --test-output t --no-sync
	[ "$(jq -c .sizes t/partition.json)" = "[15]" ]
	fl-partition -q -d csv:file=t.csv,label=y,group=group -s 2 -B mix:iid=0.58,by=natural -k 2 -o m --no-sync
	[ "$(jq -c .sizes m/partition.json)" = "[70,30]" ]
}

@test "natural clients: as many as ids, which subsets keep" {
	whole
	fl-partition -d whole/0000.safetensors -B natural:group=500 -o n --no-sync
	[ "$(jq -c .sizes n/partition.json)" = "[500,500,437]" ]
	fl-partition -d n/0001.safetensors -B natural -o m --no-sync
	[ "$(jq .clients m/partition.json)" = 500 ]
	fails 3 "make 3 clients, not 4" fl-partition -d whole/0000.safetensors -k 4 -B natural:group=500 -o x
	fails 3 "no tensor 'group'" fl-partition -d digits -B natural -o x
}

@test "the scheme is recorded with what a preset makes of it" {
	fl-partition -d digits -k 5 -B dirichlet:compat=pfllib -o c --no-sync
	[[ $(jq -r .by c/partition.json) == *,min_size=40,*,balance=lt,* ]]
	st-ls --meta c/0000.safetensors | grep -q 'compat=pfllib.*min_size=40'
	fl-partition -d digits -k 5 -B "$(jq -r .by c/partition.json)" -o d --no-sync
	cmp c/0003.safetensors d/0003.safetensors
}

@test "a test part of whole groups: no compound on both sides" {
	need_numpy
	fl-partition -d moa:plates=4,compounds=6 -k 3 -B uniform:unit=group --test-groups -o c \
		--test-frac 0.25 --test-output t --no-sync
	PYTHONPATH=$G/part "$PYTHON" - <<-'END'
	from check import load
	seen, held, n = {}, 0, 0
	for d in "ct":
	    for k in range(3):
	        t = load("%s/%04d.safetensors" % (d, k))[1]
	        for g in t["group"]:
	            assert seen.setdefault(int(g), (d, k)) == (d, k)
	        n += len(t["y"])
	        held += len(t["y"]) * (d == "t")
	assert n == 60 * 6 + 40 and len(seen) == 64 and .25 <= held / n < .32, held
	END
	fails 3 "no tensor 'group'" fl-partition -d digits -k 2 -B iid -o x --test-groups \
		--test-frac 0.2 --test-output y
	fails 2 "--test-groups needs --test-frac as well" fl-partition -d moa -k 2 -B iid -o x --test-groups
}

@test "groups on both sides of a test part are named, and refused where asked" {
	moa=(fl-partition -d moa:plates=4,compounds=6 --test-frac 0.25 --no-sync -s 1 -o c --test-output t)
	run --separate-stderr "${moa[@]}" -k 3 -B uniform:unit=group
	[ "$status" = 0 ]
	echo "$stderr"
	[[ $stderr =~ ^"fl-partition: moa:plates=4,compounds=6: "([0-9]+)" of 64 groups are in both training and test parts, such as group "([0-9]+)", of client "([0-2])" to train on and of client "([0-2])" to test: --test-groups holds whole groups out"$ ]]
	need_numpy
	PYTHONPATH=$G/part "$PYTHON" - "${BASH_REMATCH[@]:1}" <<-'END'
	import sys
	from check import load
	side = [{int(g): k for k in range(3) for g in load("%s/%04d.safetensors" % (d, k))[1]["group"]} for d in "ct"]
	both = sorted(side[0].keys() & side[1].keys())
	assert [len(both), both[0], side[0][both[0]], side[1][both[0]]] == [int(a) for a in sys.argv[1:]]
	END
	rm -r c t
	fails 3 "groups are in both" "${moa[@]}" -k 3 -B uniform:unit=group --leaks refuse
	[ ! -e c ] && [ ! -e t ]
	fails 3 "a scheme with unit=group keeps it with one client" \
		"${moa[@]}" -k 3 -B iid --test-groups --leaks refuse
	run --separate-stderr "${moa[@]}" -k 3 -B uniform:unit=group --leaks allow
	[ "$status$stderr" = 0 ]
	# No leak: whole groups, groups that are clients, examples without groups.
	run --separate-stderr "${moa[@]}" -k 3 -B uniform:unit=group --test-groups --leaks refuse
	[ "$status$stderr" = 0 ]
	run --separate-stderr fl-partition -d moa:plates=4,group=plate -B natural --test-frac 0.2 \
		--leaks refuse --no-sync -o c --test-output t
	[ "$status$stderr" = 0 ]
	run --separate-stderr fl-partition -d moa:plates=4,group=plate -k 8 -B domains --test-frac 0.2 \
		--leaks refuse --no-sync -o c --test-output t
	[ "$status$stderr" = 0 ]
	run --separate-stderr fl-partition -d digits -k 3 -B iid --test-frac 0.2 --leaks refuse --no-sync -o c \
		--test-output t
	[ "$status$stderr" = 0 ]
	fl-partition -d c/0000.safetensors -k 3 -B iid --test-frac 0.2 --leaks refuse --no-sync -o d --test-output t
}

@test "domains: a client is of one, and those of one have as much of it" {
	need_numpy
	fl-partition -d moa:plates=3,group=plate,compounds=4 -k 8 -B domains -s 1 -o c --no-sync
	PYTHONPATH=$G/part "$PYTHON" - <<-'END'
	from check import load
	n = [[], [], []]
	for k in range(8):
	    g = set(load("c/%04d.safetensors" % k)[1]["group"].tolist())
	    assert g == {k % 3}, (k, g)
	    n[k % 3].append(len(load("c/%04d.safetensors" % k)[1]["y"]))
	assert all(max(a) - min(a) <= 1 for a in n) and sum(map(sum, n)) == 40 * 6 + 30
	END
	fl-partition -d moa:plates=3,group=plate,compounds=4 -B domains -s 1 -o d --no-sync
	fl-partition -d moa:plates=3,group=plate,compounds=4 -B natural -s 1 -o n --no-sync
	[ "$(jq -c .sizes d/partition.json)" = "$(jq -c .sizes n/partition.json)" ]
	fails 3 "2 clients cannot be of 3 domains" fl-partition -d moa:plates=3,group=plate -k 2 -B domains -o x
	fails 3 "no tensor 'group'" fl-partition -d digits -B domains -o x
}

@test "missing modalities: blank for all of a client, at the rate, never all" {
	need_numpy
	args=(-d digits -k 200 -B iid -s 2 --no-sync)
	fl-partition "${args[@]}" -o plain
	fl-partition "${args[@]}" -o some --shift missing:rate=0.6
	fl-partition "${args[@]}" -o half --test-frac 0.3 --test-output held --shift missing:modalities=2,rate=0.5,fill=7
	PYTHONPATH=$G/part "$PYTHON" - <<-'END'
	import numpy as np
	from check import load
	lost = []
	for k in range(200):
	    p, s, a, b = (load("%s/%04d.safetensors" % (d, k))[1] for d in ("plain", "some", "half", "held"))
	    x, q = p["x"].reshape(len(p["y"]), 8, -1), s["x"].reshape(len(p["y"]), 8, -1)
	    gone = [m for m in range(8) if (q[:, m] == 0).all() and (x[:, m] != 0).any()]
	    kept = [m for m in range(8) if m not in gone]
	    assert (q[:, kept] == x[:, kept]).all() and kept
	    lost.append(len(gone))
	    for h in np.concatenate([a["x"], b["x"]]).reshape(len(p["y"]), 2, -1).swapaxes(0, 1)[None]:
	        blank = [(m == 7).all() for m in h]
	        assert not all(blank)
	        lost.append(sum(blank) * 1000)
	# 8 rows at .6: 1600 draws, within 4 deviations; one of 2 blocks at .5: 3/4 lack one.
	n = sum(v for v in lost if v < 1000)
	assert abs(n - 960) < 4 * np.sqrt(1600 * .24) + 4, n
	n = sum(v for v in lost if v >= 1000) / 1000
	assert abs(n - 150) < 4 * np.sqrt(200 * .75 * .25), n
	END
	fails 3 "9 modalities want as many channels" fl-partition -d digits -k 2 -B iid -o x --shift missing:modalities=9
	fails 3 "no byte" fl-partition -d digits -k 2 -B iid -o x --shift missing:fill=0.5
	fl-partition -d moa -k 2 -B iid --shift missing:fill=-0.5,modalities=3 -o x --no-sync
}

@test "shift unlabelled hides labels of training, by client or by class, and of no test set" {
	need_numpy
	args=(-d digits -k 4 -B dirichlet:alpha=1 -s 2 --test-frac 0.3 --no-sync)
	fl-partition "${args[@]}" -o plain --test-output held
	fl-partition "${args[@]}" -o some --test-output tested --shift unlabelled
	fl-partition "${args[@]}" -o classes --test-output tested2 --shift unlabelled:share=0.3,each=class
	fl-partition "${args[@]}" -o none --test-output tested3 --shift unlabelled:share=0
	fl-partition -d digits -k 4 -B dirichlet:alpha=1 -s 2 --no-sync -o all --shift unlabelled:share=1
	for k in 0 1 2 3; do
		st-cat -1 --tensor '[xy]' -o a held/000$k.safetensors
		st-cat -1 --tensor '[xy]' -o b tested/000$k.safetensors
		st-cmp a b
	done
	PYTHONPATH=$G/part "$PYTHON" - <<-'END'
	import numpy as np
	from check import load
	first = []
	for k in range(4):
	    p, s, c, n, a = (load("%s/%04d.safetensors" % (d, k))[1]
	                     for d in ("plain", "some", "classes", "none", "all"))
	    y = p["y"]
	    assert (n["y"] == y).all() and (a["y"] == -1).all() and (s["x"] == p["x"]).all()
	    for q in s, c:
	        assert ((q["y"] == y) | (q["y"] == -1)).all() and (q["y"] == -1).any()
	    assert (s["y"] == -1).sum() == int(np.floor(.8 * len(y) + .5)), k
	    for v in range(10):
	        assert (c["y"][y == v] == -1).sum() == int(np.floor(.3 * (y == v).sum() + .5)), (k, v)
	    first.append((s["y"][:20] == -1).tolist())
	assert any(f != first[0] for f in first)
	END
	fails 3 "is not labelled (y is -1)" fl-eval -m <(fl-init -a logreg:in=64,out=10 -s 1) some/0000.safetensors
}

@test "shifts: turned, noisy, renamed; a client's parts alike" {
	need_numpy
	args=(-d digits -k 5 -B uniform -s 2 --no-sync)
	fl-partition "${args[@]}" -o plain
	fl-partition "${args[@]}" -o turned --shift rotate:turns=4
	fl-partition "${args[@]}" -o noisy --shift noise:sigma=0.2
	fl-partition "${args[@]}" -o train --test-frac 0.3 --test-output held --shift noise:sigma=0.2
	fl-partition "${args[@]}" -o renamed --shift labelswap:groups=3,pairs=2
	fl-partition "${args[@]}" -o - --shift rotate >s.sts
	st-cat turned/000?.safetensors | cmp - s.sts
	[ "$(jq -r .shift noisy/partition.json)" = noise:sigma=0.2 ]
	PYTHONPATH=$G/part "$PYTHON" - <<-'END'
	import numpy as np
	from check import load
	maps = {}
	for k in range(5):
	    p, t, n, a, b, r = (load("%s/%04d.safetensors" % (d, k))[1]
	                        for d in ("plain", "turned", "noisy", "train", "held", "renamed"))
	    assert (t["x"] == np.rot90(p["x"], k % 4, (-2, -1))).all() and (t["y"] == p["y"]).all()
	    # 8x8 of 0..16: noise of .2 k/4 in units of 16, rounded; clipped at 0.
	    mid = p["x"] >= 12
	    d = n["x"][mid].astype(float) - p["x"][mid]
	    assert abs(np.sqrt(np.mean(d**2) - (k > 0) / 12) - .2 * k / 4 * 16) < .2, k
	    both = np.concatenate([a["id"], b["id"]])
	    x = np.concatenate([a["x"], b["x"]])[np.argsort(both)]
	    assert (x == n["x"][np.argsort(n["id"])]).all()
	    m = tuple(sorted(set(zip(p["y"].tolist(), r["y"].tolist()))))
	    assert len(m) == 10 and maps.setdefault(k % 3, m) == m
	    assert sum(u != v for u, v in m) == (4 if k % 3 else 0) and (r["x"] == p["x"]).all()
	assert maps[1] != maps[2]
	END
	fails 2 "--index and --shift exclude each other" fl-partition -d digits -k 2 -B iid -o x --index --shift noise
	fails 3 "make 5" fl-partition -d digits -k 2 -B iid -o x --shift labelswap:pairs=6
	fails 3 "want square images" fl-partition -d moa -k 2 -B iid -o x --shift rotate
	fails 2 "did you mean 'noise'" fl-partition -d digits -k 2 -B iid -o x --shift nose
}

@test "the counts as a picture" {
	need_numpy
	fl-partition -d digits -k 6 -B pathological:m=3 -o c --plot p.svg --no-sync
	"$PYTHON" - <<-'END'
	import json, re
	import xml.dom.minidom as m
	n = json.load(open("c/partition.json"))["counts"]
	text = [t.firstChild.data for t in m.parse("p.svg").getElementsByTagName("title")]
	seen = {tuple(map(int, re.findall(r"\d+", t))) for t in text}
	assert seen == {(k, c, v) for k, r in enumerate(n) for c, v in enumerate(r) if v}
	END
	fl-partition -d digits -k 700 -B iid -o - --plot q.svg >/dev/null
	[ "$(wc -c <q.svg)" -lt 400000 ]
	grep -q 'client 697-699, class 0' q.svg
	run script -qec "fl-partition -d digits -k 6 -B iid -o d --plot p.svg --no-sync" /dev/null
	[ "${#lines[@]}" = 6 ]
	[[ ${lines[5]} == "5            |"*"| 239"* ]]
	fails 4 "nowhere" fl-partition -d digits -k 6 -B iid -o e --plot nowhere/p.svg
	[ ! -e e ]
}

@test "a test set split as the training set was" {
	fl-partition -d digits -k 4 -B dirichlet:alpha=0.3 -o c --no-sync
	fl-partition -d digits:split=test -B like:file=c/partition.json -o t --no-sync
	jq -s '[.[].counts] as [$a, $b] | [range(4) as $k | range(10) as $c |
		(($a | map(.[$c]) | add) as $n | ($b | map(.[$c]) | add) as $m |
		 $b[$k][$c] - $a[$k][$c] * $m / $n | fabs)] | max < 1' c/partition.json t/partition.json |
		grep -qx true
	fails 3 "4 clients, not 5" fl-partition -d digits -k 5 -B like:file=c/partition.json -o x
	fails 3 "the data have 11" fl-partition -d moa -B like:file=c/partition.json -o x
	echo '{"counts":[[1,-1]]}' >bad.json
	fails 3 "counts of 2 classes" fl-partition -d digits -B like:file=bad.json -o x
	echo '{"counts":[[1,1,1,1,1,1,1,1,1,"1"]]}' >bad.json
	fails 3 "client 0, class 9: no count" fl-partition -d digits -B like:file=bad.json -o x
	echo '{"counts":3}' >bad.json
	fails 3 "no list of rows" fl-partition -d digits -B like:file=bad.json -o x
	head -c 300 c/partition.json >bad.json
	fails 3 "bad.json: " fl-partition -d digits -B like:file=bad.json -o x
}

@test "usage" {
	fails 2 "--by iid wants --clients" fl-partition -d digits -B iid -o c
	fails 2 "in [1," fl-partition -d digits -k 0 -B iid -o c
	fails 2 "did you mean 'dirichlet'" fl-partition -d digits -k 2 -B dirichlt -o c
	fails 2 "alpha" fl-partition -d digits -k 2 -B dirichlet:alpha=-1 -o c
	fails 2 "no split" fl-partition -d digits -k 2 -B mix:by=x -o c
	fails 2 "did you mean 'digits'" fl-partition -d digit -k 2 -B iid -o c
	fails 2 "no data source 'csx'" fl-partition -d csx:file=x,label=y -k 2 -B iid -o c
	fails 2 "train|test" fl-partition -d digits:split=all -k 2 -B iid -o c
	fails 2 "--test-frac needs --test-output as well" fl-partition -d digits -k 2 -B iid -o c --test-frac 0.2
	fails 2 "--test-output needs --test-frac as well" fl-partition -d digits -k 2 -B iid -o c --test-output t
	for t in c ./c/ c/t . "$PWD/c" "$PWD/c/../c/t"; do
		fails 2 "one folder, or one is in the other" \
			fl-partition -d digits -k 2 -B iid -o c --test-frac 0.2 --test-output "$t"
		mkdir -p c
	done
	rmdir c
	fails 2 "--scale: div is 0" fl-partition -d digits -k 2 -B iid -o c --scale '{"div":0}'
	fails 2 "no operand" fl-partition -d digits -k 2 -B iid -o c extra
	fails 2 "no plain record" fl-partition -d digits -k 2 -B iid --index -o -
	run script -qec "fl-partition -d digits -k 2 -B iid -o -" /dev/null </dev/null
	[ "$status" = 2 ]
}

@test "bad data" {
	cp "$G/data/u8.safetensors" "$G/data/images-idx3-ubyte" "$G/data/labels-idx1-ubyte.gz" .
	p() { fl-partition -d "$1" -k 2 -B iid -o c; }
	fails 4 "No such file" p nowhere.safetensors
	fails 4 "./: is a folder; want a record, two files joined by a comma" p ./
	fails 3 "holds more than one record" p <(cat u8.safetensors u8.safetensors)
	head -c 1000 u8.safetensors >cut
	fails 3 "truncated" p cut
	gzip -c u8.safetensors >u8.gz
	head -c 900 u8.gz >cut.gz
	fails 3 "gzip: truncated" p cut.gz
	fails 3 "standard input: " p - <cut.gz
	: >empty
	fails 3 "holds no record" p empty
	gunzip -c labels-idx1-ubyte.gz >labels
	for n in 0 3 7 77; do
		head -c "$n" labels >short
		fails 3 "short: " p images-idx3-ubyte,short
	done
	(cat labels; echo) >long
	fails 3 "long: bytes follow" p images-idx3-ubyte,long
	head -c 60 labels-idx1-ubyte.gz >short.gz
	fails 3 "short.gz: gzip" p images-idx3-ubyte,short.gz
	printf '\0\0\7\1\0\0\0\1x' >type
	fails 3 "type: is not IDX: begins 00000701" p images-idx3-ubyte,type
	printf '\0\0\10\0' >dims
	fails 3 "0 dimensions" p images-idx3-ubyte,dims
	printf '\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377' >huge
	fails 3 "too large" p huge,labels
	printf '\0\0\10\1\377\377\377\377' >promise
	fails 3 "4294967295 values promised in a file of 8 bytes" p images-idx3-ubyte,promise
	printf '\0\0\10\1\0\0\0\2\1\2' >two
	fails 3 "'x' is 70x4x2 and 'y' is 2" p images-idx3-ubyte,two
	fails 4 "labels2: No such file" p images-idx3-ubyte,labels2
	fails 4 "not a regular file" p images-idx3-ubyte,.
	mkfifo fifo
	fails 4 "not a regular file" p fifo,labels
	printf '\0\0\15\2\0\0\0\1\0\0\0\1\177\300\0\0' >nan
	printf '\0\0\10\1\0\0\0\1\1' >one
	fails 3 "row 0: tensor 'x' value 0 is nan" p nan,one
	[ ! -e c ]
}

@test "hostile names do not reach the terminal" {
	name=$'a\e[31m\n.safetensors'
	fails 4 'a\x1b[31m\x0a.safetensors' fl-partition -d "$name" -k 2 -B iid -o c
	cp "$G/data/u8.safetensors" "$name"
	fl-partition -d "$name" -k 2 -B iid --index -o $'c\n' --no-sync
	fl-init -a logreg:in=24,out=5 -s 1 -o m.safetensors
	fl-eval -m m.safetensors $'c\n'/*.safetensors
}

@test "ten thousand clients by index, at once" {
	"$PYTHON" - <<-'END' || skip "no NumPy"
	import json, struct, numpy as np
	y = np.random.default_rng(1).integers(0, 10, 60000).astype(np.uint8)
	h = json.dumps({"x": {"dtype": "U8", "shape": [60000, 1], "data_offsets": [0, 60000]},
	                "y": {"dtype": "U8", "shape": [60000], "data_offsets": [60000, 120000]}}).encode()
	open("d.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + y.tobytes() + y.tobytes())
	END
	fl-partition -d d.safetensors -k 10000 -B iid --index -o c --no-sync
	[ "$(jq '.sizes | min, max' c/partition.json | xargs)" = "6 6" ]
	[ "$(find c -name '*.safetensors' | wc -l)" = 10000 ]
}

@test "a million clients by index, in the memory of a small machine" {
	fl-partition -d moa:mechanisms=10,compounds=10000,wells=10,dmso=0,dim=1 -k 1 -B iid -o c --no-sync
	[ -n "$(ulimit -v 400000 2>/dev/null && fl-partition -h)" ] || skip "no limit on memory here"
	(ulimit -v 400000 && fl-partition -d c/0000.safetensors -k 1000000 -B iid --index -o - | tail -c 100) >end
	grep -aq '"fl.count":"1000000","fl.kind":"end"' end
}

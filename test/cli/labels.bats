#!/usr/bin/env bats
# Labels: what a number or a word means is the same whatever else is in a file, and
# examples without a label are no class.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	export PYTHONPATH=$ROOT/test/golden
	cd "$BATS_TEST_TMPDIR"
}

need_numpy() {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
}

# record FILE LABELS [KEY=VALUE...]: x of two columns and these labels, as an expression.
record() {
	"$PYTHON" - "$@" <<-'END'
	import sys
	import numpy as np
	from fed_record import save
	y = np.array(eval(sys.argv[2]), np.int64)
	x = np.stack([np.arange(len(y)) % 7, y], 1).astype(np.float32)
	save(sys.argv[1], {"x": x, "y": y}, **{"kind": "data", "client": 0,
	     **dict(a.split("=", 1) for a in sys.argv[3:])})
	END
}

@test "a record's examples without a label are split, counted and no class" {
	need_numpy
	record d.safetensors '[0, -1, 2, 1, -1, -1] * 10'
	for by in iid dirichlet:alpha=5 shards:s=2 uniform pathological:m=2; do
		fl-partition -v -d d.safetensors -k 3 -B "$by" -s 1 -o c --no-sync 2>log
		grep -q "60 examples of 3 classes, 30 not labelled, over 3 clients" log
		jq -e '.classes == 3 and (.unlabelled | add) == 30 and (.counts | map(add) | add) == 30
			and (.counts | map(length) | unique) == [3]' c/partition.json
	done
	[ "$(jq 'has("unlabelled")' <(fl-partition -d digits -k 2 -B iid -o e --no-sync; cat e/partition.json))" = false ]
	"$PYTHON" - <<-'END'
	from fed_record import load
	y = [v for k in range(3) for v in load(f"c/{k:04}.safetensors")[0]["y"].tolist()]
	assert sorted(y) == [-1] * 30 + [0] * 10 + [1] * 10 + [2] * 10
	assert all(load(f"c/{k:04}.safetensors")[1]["fl.classes"] == "3" for k in range(3))
	END
	fl-partition -d d.safetensors -k 3 -B iid --shift labelswap -o s --no-sync
	"$PYTHON" -c '
from fed_record import load
assert sum((load(f"s/{k:04}.safetensors")[0]["y"] < 0).sum() for k in range(3)) == 30'
	st-check c/*.safetensors
}

@test "what wants a label names the first row without" {
	need_numpy
	record d.safetensors '[0, 1, -1, 1, -1]'
	record bad.safetensors '[0, 1, -2]'
	fl-init -a logreg:in=2,out=2 -s 1 -o m.safetensors
	why="row 2 is not labelled (y is -1); of 5 rows 2 are not"
	fails 3 "client 0: d.safetensors: $why" fl-local-train -m m.safetensors d.safetensors
	fails 3 "$why" fl-eval -m m.safetensors d.safetensors
	fails 3 "$why" fl-eval -m m.safetensors --confusion conf -d d.safetensors
	fails 3 "$why" fl-stats -m m.safetensors classmean d.safetensors
	fails 3 "$why" fl-stats -m m.safetensors gradient d.safetensors
	fails 3 "row 2: label -2 is outside [0,1000000), and is not -1" fl-eval -m m.safetensors bad.safetensors
}

@test "arrays have no such sign: -1 is refused by row" {
	need_numpy
	"$PYTHON" -c '
import numpy as np
x, y = np.zeros((3, 2), np.float32), np.array([1, -1, 1])
np.savez("a.npz", x=x, y=y); np.save("x.npy", x); np.save("y.npy", y)'
	fails 3 "a.npz: row 1: label -1: classes are 0, 1" fl-partition -d a.npz -k 1 -B iid -o c
	fails 3 "x.npy,y.npy: row 1: label -1" fl-partition -d x.npy,y.npy -k 1 -B iid -o c
}

# table LINES [PARAMETERS]: t.csv of columns a and y read as one client: c/0000.safetensors.
table() {
	printf "a,y\n$1" >t.csv
	fl-partition -d "csv:file=t.csv,label=y${2-}" -k 1 -B iid -o c --no-sync
}

# labels: y, fl.classes and fl.labels of what table read.
labels() {
	"$PYTHON" -c '
from fed_record import load
t, m, _ = load("c/0000.safetensors")
print(*t["y"].tolist(), m["fl.classes"], m.get("fl.labels", "-"))'
}

# gives WANT LINES [PARAMETERS]
gives() {
	local want=$1
	shift
	table "$@"
	echo "$(labels), want $want"
	[ "$(labels)" = "$want" ]
}

# refuses WHY LINES [PARAMETERS]; the same of LIBSVM text with the same labels.
refuses() {
	local why=$1
	shift
	run --separate-stderr table "$@"
	echo "status $status: $stderr"
	[ "$status" = 3 ]
	[[ $stderr == *"t.csv: $why"* ]]
	tail -n +2 t.csv | sed 's/\(.*\),\(.*\)/\2 1:\1/' >t.svm
	fails 3 "t.svm: line $((${why:5:1} - 1))${why:6}" \
		fl-partition -d "libsvm:file=t.svm${2-}" -k 1 -B iid -o c
}

@test "whole numbers are classes as they stand, whatever else is in the table" {
	need_numpy
	gives '1 1 2 -' '1,1\n2,1\n'
	gives '1 0 2 -' '1,1\n2,0\n'
	gives '1 2 3 4 -' '1,1\n2,2\n3,3\n'
	gives '0 999999 1000000 -' '1,0\n2,999999\n'
	gives '2 0 7 2 8 -' '1,2.0\n1,-0\n1,+7\n1,20e-1\n'
	gives '-1 3 0 4 -' '1,NA\n1,3\n1,0\n' ,unlabelled=NA
	gives '-1 3 0 4 -' '1,\n1,3\n1,0\n' ,unlabelled=
	gives '-1 3 0 4 -' '1,-1.0\n1,3\n1,0\n' ,unlabelled=-1
	gives '-1 -1 1 -' '1,9\n1,9\n' ,unlabelled=9
}

@test "only -1 and 1, or -1 alone, are 0 and 1" {
	need_numpy
	gives '0 1 0 2 ["-1","+1"]' '1,-1\n1,1\n1,-1\n'
	gives '0 1 2 ["-1","+1"]' '1,-1\n1,+1.0\n'
	gives '0 0 2 ["-1","+1"]' '1,-1\n1,-1\n'
	gives '1 2 -' '1,1\n'
	gives '0 -1 1 2 ["-1","+1"]' '1,-1\n1,0\n1,1\n' ,unlabelled=0
	printf -- '-1 1:1 \r\n+1 2:1\r\n-1 1:2 # note\r' >t.svm
	fl-partition -d libsvm:file=t.svm -k 1 -B iid -o c --no-sync
	[ "$(labels)" = '0 1 0 2 ["-1","+1"]' ]
}

@test "a class without an example is noted, with what names the others" {
	table '1,1\n2,3\n3,2\n' 2>log
	grep -q "t.csv: labels are classes as they stand: 4, of which 0 has no example; labels=1+2+3 makes them 3" log
	table '1,1\n2,1\n' 2>log
	[ ! -s log ]
	fl-partition -v -d csv:file=t.csv,label=y -k 1 -B iid -o c --no-sync 2>&1 | grep -q "the only label, 1, is a class as it stands, of 2"
	table '1,0\n2,9\n' 2>log
	[ ! -s log ]
	table "$(printf '1,%d\\n' {2..30})" 2>log
	grep -q "31, of which 0 .* labels=2+3+4+5+6+7+8+9+10+11+12+13+... makes them 29" log
}

@test "other words are refused by line" {
	local more=": labels=A+B or labels=@FILE lists the classes in order, or a model has them"
	refuses "line 3: label 'sick' is a word$more" '1,0\n2,sick\n'
	refuses "line 2: label '-1' stands beside others than -1 and 1; if it" '1,-1\n2,2\n'
	refuses "line 3: label '-2' is negative$more" '1,1\n2,-2\n'
	refuses "line 2: label '1000000' is above 999999$more" '1,1000000\n'
	refuses "line 3: label '9007199254740993' is above 999999$more" '1,0\n1,9007199254740993\n'
	refuses "line 2: label '1.5' is no whole number$more" '1,1.5\n'
	refuses "line 2: label '0.99999999999999999999' is no whole number$more" '1,0.99999999999999999999\n'
	for w in NA nan NaN null N/A '?'; do
		refuses "line 4: label '$w' is a missing value; unlabelled=$w takes such rows as examples without" "1,10\n1,2\n1,$w\n"
	done
}

@test "labels= lists words and numbers of any size in order" {
	need_numpy
	gives '1 0 2 ["well","sick"]' '1,sick\n1,well\n' ,labels=well+sick
	gives '0 0 3 ["well","sick","dead"]' '1,well\n1,well\n' ,labels=well+sick+dead
	gives '1 0 1 2 ["a+b","c%,=: d"]' '1,"c%%,=: d"\n1,a+b\n1,"c%%,=: d"\n' ,labels=a%2Bb+c%25%2C%3D%3A%20d
	gives '1 0 2 ["9007199254740993","9007199254740992"]' '1,9007199254740992\n1,9007199254740993\n' \
		,labels=9007199254740993+9007199254740992
	gives '2 0 1 3 ["-5","NA","07"]' '1,7.0\n1,-5\n1,NA\n' ,labels=-5+NA+07
	gives '0 1 -1 2 ["EU","NA"]' '1,EU\n1,NA\n1,\n' ,labels=EU+NA,unlabelled=
	printf 'well\r\n  sick and\ttired \n' >names
	gives '1 0 2 ["well","sick and\ttired"]' '1,sick and\ttired\n1,well\n' ,labels=@names
	gzip -c names >names.gz
	gives '1 2 ["well","sick and\ttired"]' '1,"sick and\ttired"\n' ,labels=@names.gz
	cp c/0000.safetensors r.safetensors
	gives '0 2 ["well","sick and\ttired"]' '1,well\n' ,labels=@r.safetensors
	refuses "line 3: label 'wel' is none of the 2 classes; did you mean 'well'?" '1,sick\n1,wel\n' ,labels=well+sick
	refuses "line 2: label '0' is none of the 2 classes" '1,0\n' ,labels=well+sick
	refuses "line 2: label 'NA' is a missing value" '1,NA\n' ,labels=well+sick
}

@test "lists of names that are none" {
	printf 'a,y\n1,0\n' >t.csv
	bad() { fails "$1" "$2" fl-partition -d "csv:file=t.csv,label=y,labels=$3" -k 1 -B iid -o c; }
	bad 2 "two or more, such as sick+well; @FILE, with a name a line; or a record, which 'a' is not" a
	bad 2 "names 1 and 3 are one: 'a'" a+b+a
	bad 2 "names 1 and 2 are one" %2B1+1.0
	bad 2 "name 2 of 3 is empty" a++b
	bad 2 "'%2' is not a %XX escape" a+b%2
	bad 4 "none: No such file" @none
	printf 'a\n\nb\n' >names
	bad 3 "names: name 2 of 3 is empty" @names
	: >names
	bad 3 "names: want 2 to" @names
	printf 'a\n\377\n' >names
	printf 'a,y\n1,a\n' >t.csv
	bad 3 "is not UTF-8" @names
	printf 'a\n\0\n' >names
	bad 3 "is NUL" @names
	fl-init -a logreg:in=1,out=2 -s 1 -o m.safetensors
	bad 3 "m.safetensors: has no fl.labels" @m.safetensors
	[ ! -e c ]
}

@test "groups and ids that differ beyond doubles stay apart, and numbers come before words" {
	need_numpy
	printf 'a,y,g\n' >t.csv
	for g in 10 2 NA 9007199254740993 9007199254740992 99999999999999999999 99999999999999999998 1.5; do
		echo "0,0,$g" >>t.csv
	done
	fl-partition -d csv:file=t.csv,label=y,group=g -B natural -o c --no-sync
	[ "$(jq .clients c/partition.json)" = 8 ]
	fl-partition -d csv:file=t.csv,label=y,group=g -k 1 -B iid -o c --no-sync
	"$PYTHON" -c '
from fed_record import load
assert load("c/0000.safetensors")[0]["group"].tolist() == [2, 1, 7, 4, 3, 6, 5, 0]'
}

@test "LIBSVM: nothing after a carriage return is lost" {
	bad() { printf "$2" >b.svm; fails 3 "$1" fl-partition -d libsvm:file=b.svm -k 1 -B iid -o c; }
	bad "line 1: carriage return inside" '1 1:1\r-1 2:1\r'
	bad "line 1: carriage return inside" '1 1:1 # note\r-1 2:1\r\n'
	bad "line 2: carriage return inside" '1 1:1\r\n1 1:1\r\r\n'
	bad "line 1: carriage return inside" '\r1 1:1\n'
}

@test "half a million columns are checked at once; drop= splits first, then decodes" {
	need_numpy
	"$PYTHON" - <<-'END'
	n = 485000
	row = ",".join(["0.5"] * n)
	head = ",".join("cg%08d" % i for i in range(n))
	open("wide.csv", "w").write(f"{head},y\n{row},0\n{row},1\n")
	open("two.csv", "w").write(f"{head},cg00000007,y\n{row},1,0\n")
	open("drop", "w").write("+".join("cg%08d" % i for i in range(0, n, 100)))
	END
	timeout 300 fl-partition -d csv:file=wide.csv,label=y,drop="$(cat drop)" -k 1 -B iid -o c --no-sync
	st-ls -l c/0000.safetensors | grep -q $'x\tF32\t2x480150'
	fails 3 "two.csv: line 1: two columns 'cg00000007'" timeout 300 fl-partition -d csv:file=two.csv,label=y -k 1 -B iid -o c2
	printf 'a+b,c,"d%%",,y\n1,2,3,4,0\n' >t.csv
	fl-partition -d csv:file=t.csv,label=y,drop=a%2Bb+d%25 -k 1 -B iid -o c --no-sync
	st-ls -l c/0000.safetensors | grep -q $'x\tF32\t1x2'
	fl-partition -d csv:file=t.csv,label=y,drop= -k 1 -B iid -o c --no-sync
	st-ls -l c/0000.safetensors | grep -q $'x\tF32\t1x3'
}

@test "a column that is not there: the nearest, and the first ones, are named" {
	printf 'age,Sex,outcome,s1,s2,s3,s4,s5,s6\n1,0\n' >t.csv
	bad() { fails 3 "$1" fl-partition -d "csv:file=t.csv,$2" -k 1 -B iid -o c; }
	bad "line 1: no column 'outcom'; did you mean 'outcome'? there are 'age', 'Sex', 'outcome', 's1', 's2', 's3', 's4', 's5' and 1 more" label=outcom
	bad "no column 'sex'; did you mean 'Sex'? there are" label=outcome,drop=s1+sex
	bad "no column 'hospital'; there are 'age', 'Sex'" label=outcome,group=hospital
	bad "no column 'hospital'; there are" label=outcome,id=hospital
}

# Three sites: tables whose words come in another order each, one without a sick case.
sites() {
	printf 'a,b,state\n2,-1,sick\n-2,1,well\n2,-2,sick\n-1,2,well\n' >s0.csv
	printf 'a,b,state\n-2,1,well\n-1,1,well\n-3,1,well\n' >s1.csv
	printf 'a,b,state\n-1,1,well\n3,-1,sick\n1,-2,sick\n' >s2.csv
}

# site K ORDER: client K of its table, c/K.safetensors, alone in its process.
site() {
	fl-partition -d "csv:file=s$1.csv,label=state" ${2:+-m "$2"} -k 1 -B iid -o one --no-sync
	"$PYTHON" - "$1" <<-'END'
	import sys
	from fed_record import load, save
	t, m, _ = load("one/0000.safetensors")
	save(f"s{sys.argv[1]}.safetensors", t, kind="data", client=sys.argv[1],
	     **{k[3:]: m[k] for k in ("fl.classes", "fl.labels")})
	END
}

named() {
	st-ls --meta "$1" | grep -F $'fl.labels\t["well","sick"]' >/dev/null
}

@test "sites with a table each learn as one table does, by the names of the model" {
	need_numpy
	sites
	fl-init -a logreg:in=2,out=2 --labels well+sick -s 1 -o m.safetensors
	named m.safetensors
	printf 'well\nsick\n' >names
	for from in @names m.safetensors @m.safetensors; do
		fl-init -a logreg:in=2,out=2 --labels "$from" -s 1 -o n.safetensors
		cmp m.safetensors n.safetensors
	done
	for k in 0 1 2; do site $k m.safetensors; done
	named s1.safetensors
	for k in 0 1 2; do
		fl-local-train -m m.safetensors --opt sgd:lr=1 -e 20 -b 4 s$k.safetensors
	done >u.sts
	named u.sts
	fl-aggregate -n 3 -m m.safetensors -o m1.safetensors u.sts
	fl-aggregate --partial -n 3 -m m.safetensors -o p.sts u.sts
	named p.sts
	fl-aggregate -n 3 -m m.safetensors p.sts | cmp - m1.safetensors
	named m1.safetensors
	fl-stats -m m1.safetensors classmean s?.safetensors | fl-aggregate -n 3 -o pool.safetensors
	named pool.safetensors
	fl-eval -m m1.safetensors --min accuracy=1 s?.safetensors
	fl-eval -m m1.safetensors --min accuracy=1 -d csv:file=s0.csv,label=state -d csv:file=s2.csv,label=state
	(cat s0.csv; tail -n +2 s1.csv; tail -n +2 s2.csv) >all.csv
	fl-eval -m m1.safetensors --min accuracy=1 -d csv:file=all.csv,label=state,labels=well+sick
	sed 's/well/0/; s/sick/1/' all.csv >numbers.csv
	fl-eval -m m1.safetensors --min accuracy=1 -d csv:file=numbers.csv,label=state
	sed '1d; s/\(.*\),\(.*\),\(.*\)/\3 1:\1 2:\2/' all.csv >all.svm
	fl-eval -m m1.safetensors --min accuracy=1 -d libsvm:file=all.svm
	sed 's/0$/2/' numbers.csv >more.csv
	fails 3 "line 2: label '1' is none" fl-eval -m m1.safetensors -d csv:file=more.csv,label=state,labels=2+3
	fails 3 "line 3: label '2' is above the classes that the model names" \
		fl-eval -m m1.safetensors -d csv:file=more.csv,label=state
	printf 'a,b,state\n1,1,1\n2,2,2\n' >gap.csv
	fl-init -a logreg:in=2,out=3 --labels well+sick+dead -s 1 -o three.safetensors
	fl-eval -m three.safetensors -d csv:file=gap.csv,label=state 2>&1 | grep -q "3, of which 0 has no example; labels=1+2 makes"
	sed 's/well/wel/' all.csv >typo.csv
	fails 3 "line 3: label 'wel' is none of the 2 classes; did you mean 'well'?" \
		fl-eval -m m1.safetensors -d csv:file=typo.csv,label=state
}

@test "names that are numbers are names; a model may have a class without one" {
	need_numpy
	fl-init -a logreg:in=1,out=3 --labels 5+2+10 -s 1 -o m.safetensors
	printf 'a,y\n1,10\n1,5.0\n1,+2\n' >t.csv
	fl-partition -d csv:file=t.csv,label=y -m m.safetensors -k 1 -B iid -o c --no-sync
	[ "$(labels)" = '2 0 1 3 ["5","2","10"]' ]
	printf 'a,y\n1,10\n1,0\n' >t.csv
	fails 3 "line 3: label '0' is none of the 3 classes" \
		fl-partition -d csv:file=t.csv,label=y -m m.safetensors -k 1 -B iid -o d
	fl-init -a logreg:in=1,out=3 --labels x+y+z -s 1 -o m.safetensors
	printf 'a,y\n1,1\n1,-1\n' >t.csv
	fl-partition -d csv:file=t.csv,label=y -m m.safetensors -k 1 -B iid -o c --no-sync
	[ "$(labels)" = '1 0 3 ["x","y","z"]' ]
	printf 'a,y\n1,1\n1,NA\n' >t.csv
	fails 3 "line 3: label 'NA' is a missing value" \
		fl-partition -d csv:file=t.csv,label=y -m m.safetensors -k 1 -B iid -o d
	record r.safetensors '[0, 1, 2]' 'labels=["x","","z"]' classes=3
	fl-partition -d r.safetensors -m m.safetensors -k 1 -B iid -o c --no-sync
	fails 3 "line 2: label '1' is none of the 3 classes" \
		fl-partition -d csv:file=t.csv,label=y,unlabelled=NA,labels=@r.safetensors -k 1 -B iid -o d
	printf 'a,y\n1,z\n' >t.csv
	fl-partition -d csv:file=t.csv,label=y,labels=@r.safetensors -k 1 -B iid -o c --no-sync
	[ "$(labels)" = '2 3 ["x","","z"]' ]
}

@test "records, and record and model, that contradict one another are refused" {
	need_numpy
	fl-init -a logreg:in=2,out=2 --labels well+sick -s 1 -o m.safetensors
	fl-init -a logreg:in=2,out=2 -s 1 -o plain.safetensors
	record a.safetensors '[0, 1]' 'labels=["well","sick"]' client=1
	record b.safetensors '[0, 1]' 'labels=["sick","well"]' client=2
	record none.safetensors '[0, 1]' client=3
	record short.safetensors '[0, 0]' 'labels=["well"]' client=4
	why="b.safetensors: client 2: class 0 is 'sick', but 'well' in m.safetensors"
	for tool in fl-local-train fl-eval 'fl-stats classmean'; do
		fails 3 "$why" $tool -m m.safetensors none.safetensors b.safetensors
		fails 3 "b.safetensors: client 2: class 0 is 'sick', but 'well' in a.safetensors: client 1" \
			$tool -m plain.safetensors a.safetensors none.safetensors b.safetensors
		$tool -m m.safetensors a.safetensors none.safetensors short.safetensors >/dev/null
		for j in 1 2; do
			run --separate-stderr $tool -j $j -m m.safetensors a.safetensors b.safetensors
			[ "$status" = 3 ]
			[[ $stderr == *"$why"* ]]
		done
	done
	fails 3 "$why" fl-eval -m m.safetensors -d b.safetensors
	fails 3 "$why" fl-partition -m m.safetensors -d b.safetensors -k 1 -B iid -o c
	mkdir own
	"$PYTHON" -c '
from fed_record import load, save
t, m, _ = load("m.safetensors")
save("own/0002.safetensors", t, client=2, **{k[3:]: v for k, v in m.items() if k != "fl.v"})'
	for tool in fl-local-train fl-eval 'fl-stats classmean'; do
		fails 3 "b.safetensors: client 2: class 0 is 'sick', but 'well' in own: client 2" $tool -m own b.safetensors
	done
	for k in a b; do
		fl-local-train -m plain.safetensors $k.safetensors >$k.sts
		fl-stats -m plain.safetensors classmean $k.safetensors >$k.stats
	done
	fails 3 "b.sts: client 2: class 0 is 'sick', but 'well' in a.sts: client 1" \
		fl-aggregate -m plain.safetensors a.sts b.sts
	fails 3 "a.sts: client 1: class 0 is 'well', but 'sick' in b.sts: client 2" \
		fl-aggregate -m plain.safetensors -R median b.sts a.sts
	fails 3 "b.stats: client 2: class 0 is 'sick', but 'well' in a.stats: client 1" fl-aggregate a.stats b.stats
	fl-aggregate --partial -m plain.safetensors -o p.sts b.sts
	fails 3 "p.sts: class 0 is 'sick', but 'well' in m.safetensors" fl-aggregate -m m.safetensors p.sts
	fails 3 "b.sts: client 2: class 0 is 'sick', but 'well' in m.safetensors" \
		fl-distill -m m.safetensors -M feddf -d none.safetensors b.sts
	fails 3 "b.stats: client 2: class 0 is 'sick', but 'well' in m.safetensors" \
		fl-local-train -m m.safetensors -M fedproto --with b.stats none.safetensors
}

@test "lists for a model that are none" {
	bad() { fails "$1" "$2" fl-init -a logreg:in=2,out=3 --labels "$3" -o out.safetensors; }
	bad 2 "--labels: 2 names, but the architecture tells 3 classes apart" a+b
	bad 2 "--labels: names 1 and 3 are one: 'a'" a+b+a
	bad 2 "two or more, such as sick+well; @FILE, with a name a line; or a record, which 'a' is not" a
	bad 4 "--labels: none: No such file" @none
	printf 'a\nb\nc\nd\n' >names
	bad 2 "--labels: 4 names" @names
	fl-init -a logreg:in=2,out=3 -o m.safetensors
	bad_record() { fails 3 "$1" fl-init -a logreg:in=2,out=3 --labels m.safetensors -o out.safetensors; }
	bad_record "--labels: m.safetensors: has no fl.labels"
	fails 3 "m.safetensors: has no fl.labels: no names of classes; fl-init --labels" \
		fl-partition -m m.safetensors -d digits -k 1 -B iid -o c
	fails 2 "the data and the model cannot both be standard input" fl-partition -m - -d - -k 1 -B iid -o c
	fails 2 "--labels: 2 names, but the architecture tells 0 classes apart" fl-init -a asymvlm:dim=4 --labels a+b -o out.safetensors
}

@test "labels beside embeddings: -1 is no class" {
	need_numpy
	"$PYTHON" - <<-'END'
	import numpy as np
	from fed_record import save
	e = np.eye(4, dtype=np.float32)
	for name, y in ("q", [0, -1, 1, 0]), ("g", [0, -1, 1, -1]):
	    save(name + ".safetensors", {"emb": e, "label": np.array(y)}, kind="embed")
	END
	fails 3 "query row 1 is not labelled (-1), 1 of 4 are not: --skip-unmatched passes over them" \
		vlm-retrieve --queries q.safetensors --gallery g.safetensors --truth label --metric map
	vlm-retrieve --queries q.safetensors --gallery g.safetensors --truth label --metric hit@1 --no-hits \
		--skip-unmatched --format json >r
	[ "$(jq -c '[.skipped, ."hit@1"]' r)" = "[1,0.6666666666666666]" ]
}

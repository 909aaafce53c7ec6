#!/usr/bin/env bats
# Tables as clients' data: missing values, inputs standardised by the training part.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	T=$ROOT/test/golden/data/tables.py
	export PYTHONDONTWRITEBYTECODE=1
	cd "$BATS_TEST_TMPDIR"
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	"$PYTHON" "$T" write
	S=csv:file=t.csv,label=sick,id=id,group=site,na=-9
	HELD=(-B natural --test-frac 0.3 --test-output test -o train -s 3 --no-sync)
}

@test "means and deviations are of the training part of all clients, and of values that are there" {
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}"
	"$PYTHON" "$T" check off train test
	st-check train/*.safetensors test/*.safetensors
	fl-partition -d "$S,missing=mean+indicator,scale=standard" "${HELD[@]}"
	"$PYTHON" "$T" check on train test
	# The same whatever number of threads, in a stream, and by rows of a source.
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}" -j 2
	"$PYTHON" "$T" check off train test
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	fl-eval -m m test/*.safetensors >want
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}" --index
	fl-eval -m m test/*.safetensors | cmp - want
	# A part of a client's data is scaled and filled as the client's are.
	fl-partition -d test/0001.safetensors -k 2 -B iid -o again --no-sync
	[ "$(st-ls --meta again/0001.safetensors | grep -E 'fl.(fill|scale)')" = \
		"$(st-ls --meta test/0001.safetensors | grep -E 'fl.(fill|scale)')" ]
}

@test "a model sees what stands for missing values, scaled" {
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}"
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	for r in 1 2 3 4 5; do
		fl-local-train -m m -e 2 -b 16 --opt sgd:lr=0.1 train/*.safetensors |
			fl-aggregate -m m -o m --no-sync
	done
	fl-eval -m m test/*.safetensors --format json | tail -1 >got
	"$PYTHON" -c "
import json, sys
want, got = float(sys.argv[1]), json.load(open('got'))
print(want, got['loss'], got['accuracy'])
assert abs(want - got['loss']) < 1e-5 and got['accuracy'] > .8" "$("$PYTHON" "$T" loss m test)"
}

@test "rows without a value: refused by line, or left out and counted" {
	fails 3 "is not a number; missing=drop leaves out rows without a value, missing=mean fills them" \
		fl-partition -d "$S" "${HELD[@]}"
	printf 'a,b,y\n1,2,0\n1,-9.0,1\n3,4,1\n' >n.csv
	fails 3 "line 3: column 'b': '-9.0' is a missing value; missing=drop" \
		fl-partition -d csv:file=n.csv,label=y,na=-9 -k 1 -B iid -o n
	fl-partition -d csv:file=n.csv,label=y,na=-9,missing=drop -k 1 -B iid -o n --no-sync 2>err
	grep -qF "n.csv: 1 of 3 rows left out, as asked, which lack a value" err
	[ "$(jq .examples n/partition.json)" = 2 ]
	printf 'a,y\n?,0\nNA,1\n' >none.csv
	fails 3 "no row has all its values" fl-partition -d csv:file=none.csv,label=y,missing=drop -k 1 -B iid -o n2
	fails 3 "column 'a' has no value in any row, and so no mean; drop=a leaves it out" \
		fl-partition -d csv:file=none.csv,label=y,missing=mean -k 1 -B iid -o n2
	printf 'p+q,b,y\nword,1,0\n2,2,1\n' >w.csv
	fails 3 "line 2: column 'p+q': 'word' is not a number; drop=p%2Bq leaves the column out" \
		fl-partition -d csv:file=w.csv,label=y,missing=mean -k 1 -B iid -o n2
	fl-partition -d csv:file=w.csv,label=y,drop=p%2Bq -k 1 -B iid -o n2 --no-sync
	fails 3 "line 2: column 'p+q': 'word' is no whole number, as id= wants" \
		fl-partition -d csv:file=w.csv,label=y,id=p%2Bq -k 1 -B iid -o n3
	fails 2 "missing" fl-partition -d csv:file=w.csv,label=y,missing=median -k 1 -B iid -o n3
	# A value in the test part alone is no value to train with.
	printf 'a,b,y\n1,,0\n2,5,0\n' >t1.csv
	for seed in 1 2 3 4 5 6 7 8; do
		fl-partition -k 1 -B iid -o n3 -s $seed --no-sync --test-frac 0.5 --test-output n4 \
			-d csv:file=t1.csv,label=y,missing=mean 2>>err && continue
	done
	grep -q "input 2 of 2 has no value in any training example" err
}

@test "hospitals apart: pooled statistics of columns are those of one table" {
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}"
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	fl-stats -m m columns train/*.safetensors >own.sts
	fl-aggregate -n 4 -o pooled own.sts
	for i in 0 1 2 3; do
		part=(fl-partition -d "csv:file=site-$i.csv,label=sick,id=id,drop=site,na=-9,missing=mean,scale=standard" \
			-k 1 -B iid --no-sync)
		[ $i != 2 ] || fails 3 "column 'd' has no value in any row" "${part[@]}" -o s
		"${part[@]}" -o "s$i" --scale-from pooled
		"${part[@]}" -o "d$i" --scale-from train/0000.safetensors
		cmp <(st-ls --meta "s$i/0000.safetensors" | grep -E 'fl.(fill|scale)') \
			<(st-ls --meta "d$i/0000.safetensors" | grep -E 'fl.(fill|scale)')
	done
	"$PYTHON" - <<-'END'
	import sys, json, os
	sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
	import numpy as np
	from fed_record import load
	a, b = (json.loads(load(f)[1]["fl.scale"]) for f in ("train/0000.safetensors", "s0/0000.safetensors"))
	for k in "mean", "std":
	    assert np.allclose(a[k], b[k], rtol=1e-6, atol=1e-7), (a, b)
	END
	# Clients of several partitions, by number; a test part of its own seed.
	fl-partition -d s3/0000.safetensors -k 2 --first 12 -B iid -o more --no-sync \
		--test-frac 0.3 --test-output more-test
	[ "$(ls more | xargs)" = "0012.safetensors 0013.safetensors partition.json" ]
	[ "$(st-ls more-test/0013.safetensors | cut -f3)" = 13 ]
	[ "$(jq .first more-test/partition.json)" = 12 ]
	# A test set of its own is read as the training part was.
	fl-eval -m m -d "csv:file=site-1.csv,label=sick,drop=id+site,na=-9,missing=mean" \
		--scale-from train/0000.safetensors >got
	cut -f2-7 got >a
	fl-eval -m m s1/0000.safetensors | cut -f2-7 >b
	cmp <(sed 's/^-/0/' a) <(sed 's/^-/0/' b)
}

@test "a scale that waits for a training part is no scale yet" {
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	U=csv:file=t.csv,label=sick,drop=id+site,na=-9
	for how in missing=mean scale=standard,missing=mean; do
		fails 3 "of which training examples? fl-partition says it, and --scale-from takes it" \
			fl-eval -m m -d "$U,$how"
	done
	fails 2 "--scale and --scale-from exclude each other" \
		fl-eval -m m -d "$U,missing=mean" --scale '{"div":2}' --scale-from m
	fails 3 "--scale-from: m: holds model, want a client's data or a statistic of columns" \
		fl-eval -m m -d "$U,missing=mean" --scale-from m
	fl-partition -d digits -k 1 -B iid -o digits --no-sync
	fails 3 "has no fl.fill, which missing=mean waits for" \
		fl-eval -m m -d "$U,missing=mean" --scale-from digits/0000.safetensors
	fl-stats -m <(fl-init -a logreg:in=64,out=10) columns digits/0000.safetensors | fl-aggregate -o wide --no-sync
	fails 3 "fl.fill has 64 values, an example has 5" fl-eval -m m -d "$U,missing=mean" --scale-from wide
	fl-stats -m <(fl-init -a logreg:in=64,out=10) moments digits/0000.safetensors | fl-aggregate -o moments --no-sync
	fails 3 "is no statistic of columns: fl-stats columns writes one" \
		fl-eval -m m -d "$U,missing=mean" --scale-from moments
	fails 4 "none: No such file" fl-eval -m m -d "$U,missing=mean" --scale-from none
}

@test "--scale standard: of any table, of no pictures" {
	"$PYTHON" -c "import numpy as np
r = np.random.RandomState(1); x = (r.randn(40, 3) * 9 + 4).astype('f4')
np.savez('x.npz', x=x, y=np.arange(40) % 2); np.save('mean.npy', x.mean(0)); np.save('std.npy', x.std(0))
np.savez('p.npz', x=x.reshape(10, 3, 2, 2), y=np.arange(10))"
	fl-partition -d x.npz -k 2 -B iid -o c --scale standard --no-sync
	"$PYTHON" - <<-'END'
	import sys, json, os
	sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
	import numpy as np
	from fed_record import load
	s = json.loads(load("c/0001.safetensors")[1]["fl.scale"])
	assert np.allclose(s["mean"], np.load("mean.npy"), rtol=1e-5) and np.allclose(s["std"], np.load("std.npy"), rtol=1e-5)
	END
	fl-init -a logreg:in=3,out=2 -o m --no-sync
	fails 3 "scale=standard of which training examples?" fl-eval -m m -d x.npz --scale standard
	fails 3 "standard is of the columns of a table, but 'x' has 4 dimensions" \
		fl-partition -d p.npz -k 2 -B iid -o d --scale standard
}

@test "fl.fill that is wrong, and values that nothing stands for" {
	record() {
		"$PYTHON" - "$1" "$2" "$3" <<-'END'
		import sys, os
		sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import save
		x = np.array([[1, np.nan], [3, 4]], np.float32)
		x[0, 1] = float(sys.argv[2])
		meta = {"fill": sys.argv[3]} if sys.argv[3] else {}
		save(sys.argv[1], {"x": x, "y": np.array([0, 1])}, kind="data", client=1, **meta)
		END
	}
	fl-init -a logreg:in=2,out=2 -o m --no-sync
	record a nan '[0,7.5]'
	st-check a
	fl-eval -m m a >got
	record b 7.5 ''
	fl-eval -m m b | cmp - got
	record c nan ''
	fails 3 "element 1 of 4 is not finite" st-check c
	fails 3 "row 0: tensor 'x' value 1 is nan" fl-eval -m m c
	record c inf '[0,7.5]'
	fails 3 "element 1 of 4 is not finite" st-check c
	fails 3 "row 0: tensor 'x' value 1 is inf" fl-eval -m m c
	for fill in '[1]' '[1,2,3]' '{}' '[1,null]' '[1,1e99]' '[1,' '7'; do
		record c nan "$fill"
		fails 3 "fl.fill" fl-eval -m m c
	done
	record c nan mean
	fails 3 "missing=mean of which training examples?" fl-local-train -m m c
}

@test "hospitals keep their names: in records, partition.json and the rows of fl-eval" {
	fl-partition -d "$S,missing=mean" "${HELD[@]}"
	[ "$(jq -c .name train/partition.json)" = '["A","B","C","D"]' ]
	[ "$(jq -c .name test/partition.json)" = '["A","B","C","D"]' ]
	[ "$(for f in t*/000?.safetensors; do st-ls --meta "$f" | awk '$2 == "fl.name" { print $3 }'; done | xargs)" = "A B C D A B C D" ]
	st-ls --meta train/0001.safetensors | grep -qF 'fl.groups	{"1":"B"}'
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	fl-eval -m m test/*.safetensors --confusion c.tsv >rows.tsv
	[ "$(cut -f1-6 rows.tsv | head -3)" = "$(printf 'kind\tclient\tname\tround\tsplit\tn\nclient\t0\tA\t0\ttest\t%s\nclient\t1\tB\t0\ttest\t%s' \
		$(jq -r '.sizes[0,1]' test/partition.json))" ]
	[ "$(tail -1 rows.tsv | cut -f1-3)" = $'summary\t-\t-' ]
	[ "$(awk -F'\t' '{ print NF }' rows.tsv | sort -u | wc -l)" = 1 ]
	[ "$(cut -f1-3,7 c.tsv | sed -n 1,2p)" = $'kind\tclient\tname\tclass\nclient\t0\tA\t0' ]
	fl-eval -m m test/*.safetensors --format json >rows
	[ "$(jq -r .name rows | xargs)" = "A B C D null" ]
	[ "$(head -1 rows | jq -c 'keys_unsorted[:7]')" = '["schema","kind","client","name","round","split","n"]' ]
	# Where some have none; where none has one, there is no such field.
	fl-partition -d "$S,missing=mean" -k 2 -B iid -o mixed --no-sync
	[ "$(jq -c .name mixed/partition.json)" = '[null,null]' ]
	st-ls --meta mixed/0001.safetensors | grep -qF 'fl.groups	{"0":"A","1":"B","2":"C","3":"D"}'
	[ "$(fl-eval -m m mixed/*.safetensors | head -1 | cut -f1-3)" = $'kind\tclient\tround' ]
	st-ls --meta mixed/0000.safetensors >meta
	run -1 grep -q fl.name meta
	# What was split is split again by the same names, and a part of a hospital is of it.
	fl-partition -d mixed/0000.safetensors -B natural -o again --no-sync
	[ "$(jq -c .name again/partition.json)" = '["A","B","C","D"]' ]
	fl-partition -d again/0002.safetensors -k 2 -B iid -o parts --no-sync --first 7 --index
	[ "$(fl-eval -m m parts/*.safetensors --format json | jq -r '.name, .client' | xargs)" = "C 7 C 8 null null" ]
}

@test "names of groups: any text, a play's speakers, none where they are no UTF-8" {
	printf 'a,y,g\n1,0,"Malm\303\266 ""\303\226st"""\n2,1,Basel\n3,0,Basel\n' >u.csv
	fl-partition -d csv:file=u.csv,label=y,group=g -B natural -o u --no-sync
	[ "$(jq -r '.name[1]' u/partition.json)" = 'Malmö "Öst"' ]
	fl-init -a logreg:in=1,out=2 -s 2 -o m --no-sync
	[ "$(fl-eval -m m u/*.safetensors | sed -n 3p | cut -f3)" = 'Malmö "Öst"' ]
	printf 'a,y,g\n1,0,Malm\366\n2,1,Basel\n' >l.csv
	fl-partition -d csv:file=l.csv,label=y,group=g -B natural -o l --no-sync 2>err
	grep -q "is not UTF-8: groups keep their numbers, and no names" err
	[ "$(jq .name l/partition.json)" = null ]
	printf 'a,y,g\n1,0,7\n2,1,3\n' >n.csv
	fl-partition -d csv:file=n.csv,label=y,group=g -B natural -o n --no-sync
	[ "$(jq .name n/partition.json)" = null ]
	printf 'ANNA:\nTo be or not.\n\nBOB:\nAye, or aye not.\n' >play.txt
	fl-partition -d text:file=play.txt,window=3,by=speaker -B natural -o p --no-sync
	[ "$(jq -c .name p/partition.json)" = '["ANNA","BOB"]' ]
	for groups in '[]' '{"a":"b"}' '{"1":2}' '{"1":"a","1":"b"}' x; do
		"$PYTHON" - "$groups" <<-'END'
		import sys, os
		sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import save
		save("bad", {"x": np.ones((2, 1), np.float32), "y": np.array([0, 1]), "group": np.array([1, 2])},
		     kind="data", client=1, groups=sys.argv[1])
		END
		fails 3 "fl.groups" fl-eval -m m bad
	done
}

@test "a loss beyond reason brings a word, once a run, and the result all the same" {
	fl-partition -d "$S,missing=mean" "${HELD[@]}"
	fl-init -a logreg:in=5,out=2 -s 2 -o m --no-sync
	fl-local-train -m m -e 2 train/*.safetensors 2>err >u
	[ "$(wc -l <err)" = 1 ]
	grep -qE "^fl-local-train: client 0: training loss .*, where guessing has 0.693: are inputs of like size" err
	[ "$(st-ls u | wc -l)" = 4 ]
	fl-aggregate -m m -o m1 --no-sync u
	fl-eval -m m1 test/*.safetensors -j 2 2>err >rows
	[ "$(wc -l <err)" = 1 ]
	grep -qE "^fl-eval: test/000.*: loss .*, where guessing has 0.693" err
	[ "$(wc -l <rows)" = 6 ]
	fl-eval -q -m m1 test/*.safetensors 2>err >/dev/null
	[ ! -s err ]
	fl-eval -m m1 --metric accuracy test/*.safetensors 2>err >/dev/null
	[ ! -s err ]
	fl-partition -d "$S,missing=mean,scale=standard" "${HELD[@]}"
	fl-local-train -m m -e 2 train/*.safetensors 2>err >u
	[ ! -s err ]
}

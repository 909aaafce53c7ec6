#!/usr/bin/env bats
# fl-table: what is read, what is refused, and what is certain. Values against SciPy are in
# test/unit/sheet.c.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	command -v jq >/dev/null || skip "no jq"
	for d in a b; do
		for m in x y z; do
			for s in 1 2 3 4 5; do
				jq -nc --arg d $d --arg m $m --argjson s $s \
					'{d: $d, m: $m, seed: $s, acc: ({x: 0.5, y: 0.6, z: 0.601}[$m] + $s / 1000 + (if $m == "z" then ($s % 2) / 50 else 0 end)), loss: 1}'
			done
		done
	done >rows
	T=(fl-table --rows m --columns d --value acc)
}

@test "means by cell, deviations with n-1, in the order of the keys" {
	"${T[@]}" rows >got
	head -1 got | grep -qP '^m\td\tvalue\tn\tmean\tsd\tlow\thigh\tbest$'
	[ "$(cut -f1,2 got | tail -n +2 | tr '\t\n' '- ')" = "x-a x-b y-a y-b z-a z-b " ]
	awk -F'\t' '$1 == "x" && ($4 != 5 || ($5 - 0.503)^2 > 1e-24 || ($6 - sqrt(2.5e-6))^2 > 1e-24) { exit 1 }' got
	fl-table --columns m --rows d --value acc --format json rows | jq -es 'length == 6 and all(.[]; .schema == "fl-table/1" and .kind == "cell" and .n == 5 and .low < .mean)'
}

@test "neither the order of rows, nor that of files, nor -j changes a byte" {
	"${T[@]}" --interval bootstrap rows >want
	sort -R --random-source=<(yes) rows >mixed
	! cmp -s rows mixed
	"${T[@]}" --interval bootstrap -j 2 mixed | cmp - want
	split -n l/3 mixed part.
	"${T[@]}" --interval bootstrap part.ac part.aa part.ab | cmp - want
	"${T[@]}" --interval bootstrap <mixed | cmp - want
	gzip -c mixed >mixed.gz
	"${T[@]}" --interval bootstrap mixed.gz | cmp - want
	[ "$("${T[@]}" --interval bootstrap:n=100 -s 1 rows | md5sum)" != "$("${T[@]}" --interval bootstrap:n=100 rows | md5sum)" ]
	"${T[@]}" --sort input mixed | sed -n 2p | grep -q "^$(head -1 mixed | jq -r .m)	"
}

@test "the best is marked only where it beats every other row" {
	# z leads y by 0.001 + 0.02, 0, 0.02, ...: certain over x, not over y.
	[ "$("${T[@]}" rows | awk -F'\t' '$9 == 1' | wc -l)" = 0 ]
	"${T[@]}" --where 'm!=y' rows | awk -F'\t' '$1 == "z" && $9 != 1 { exit 1 }'
	[ "$("${T[@]}" --where 'm!=y' --best never rows | awk -F'\t' '$9 == 1' | wc -l)" = 0 ]
	# Less is better: then x, and by differences without any spread nothing is tested.
	[ "$("${T[@]}" --where 'm!=y' --lower acc rows | awk -F'\t' '$9 == 1 { print $1 }' | sort -u)" = x ]
	[ "$("${T[@]}" --where 'm!=z' rows | awk -F'\t' '$9 == 1' | wc -l)" = 0 ]
	# By signs, five repetitions are never enough, and ten are.
	[ "$("${T[@]}" --where 'm!=y' --test signflip rows | awk -F'\t' '$9 == 1' | wc -l)" = 0 ]
	[ "$(fl-table --rows m --over seed,d --value acc --where 'm!=y' --test signflip rows | awk -F'\t' '$8 == 1 { print $1 }')" = z ]
	"${T[@]}" --where 'm!=y' --format markdown rows | grep -qE '^\| z \| \*\*0\.61[0-9] ± 0\.01[0-9]\*\* \|'
}

@test "differences: every pair or from one row, corrected for all of the column" {
	"${T[@]}" --differences rows >all
	[ "$(wc -l <all)" = 7 ]
	awk -F'\t' '$3 == "x" && $4 == "z" && !($6 < -0.109 && $7 < $6 && $6 < $8 && $10 > $9 && $10 < 0.05) { exit 1 }' all
	"${T[@]}" --differences=x rows >one
	[ "$(wc -l <one)" = 5 ]
	[ "$(awk -F'\t' '$3 == "z" && $1 == "a" { print $9 == $10 }' <("${T[@]}" --differences=x --correction none rows))" = 1 ]
	# Differences that are all equal have no p.
	[ "$(awk -F'\t' '$1 == "a" && $3 == "y" && $4 == "x"' <("${T[@]}" --differences=x rows | sed 's/0\.0999[0-9]*/0.1/') | wc -l)" = 1 ]
	fails 3 "no row is 'X'; did you mean 'x'?" "${T[@]}" --differences=X rows
}

@test "what is missing is said, and never averaged away" {
	grep -v '"d":"b","m":"y","seed":\(2\|4\),' rows >less
	"${T[@]}" less >got 2>err
	grep -qF "m=y, b: 3 of 5, without seed=2; seed=4" err
	[ "$(wc -l <err)" = 1 ]
	[ "$(awk -F'\t' '$1 == "y" && $2 == "b" { print $4 }' got)" = 3 ]
	"${T[@]}" --format markdown -q less 2>err | grep -qE '^\| y \| .* \| .* \(n=3\) \|'
	[ ! -s err ]
	grep -v '"d":"b","m":"y"' rows >none
	"${T[@]}" none 2>err | grep -qP '^y\tb\tacc\t0\t-\t-\t-\t-\t0$'
	grep -qF "m=y, b: 0 of 5" err
	"${T[@]}" --format latex none 2>/dev/null | grep -qE '^y & .* & -- '
	# A number that was not finite is null: an error, unless it is left out on request.
	sed '7s/"acc":[^,]*/"acc":null/' rows >null
	fails 3 "null: line 7: 'acc' is null or missing; --missing skip leaves such rows out" "${T[@]}" null
	"${T[@]}" --missing skip null 2>err | awk -F'\t' '$1 == "y" && $2 == "a" && $4 != 4 { exit 1 }'
	grep -qF "1 rows without a value left out, as asked" err
}

@test "a repetition that occurs twice is refused with both of its lines" {
	cat rows rows >twice
	fails 3 "twice: line 31: a second acc of seed=1, m=x, d=a; the first is twice: line 1; --where or --last" "${T[@]}" twice
	fails 3 "rows: line 1: a second acc of seed=1, m=x, d=a; the first is rows: line 1" "${T[@]}" rows rows
	# The last round of each.
	jq -c '. + {round: 9, acc: 0.1}, . + {round: 10, acc: 0.2}' rows >rounds
	[ "$("${T[@]}" --last round rounds | cut -f5 | sort -u | xargs)" = "0.2 mean" ]
	[ "$("${T[@]}" --where 'round<10' rounds | cut -f5 | sort -u | xargs)" = "0.1 mean" ]
	cat rounds rounds >again
	fails 3 "a second acc" "${T[@]}" --last round again
}

@test "what is no number, no row or no field: file, line and what is near" {
	sed '3s/"acc":[^,]*/"acc":"0.8"/' rows >text
	fails 3 "text: line 3: 'acc' is the text \"0.8\", no number" "${T[@]}" text
	sed '3s/"acc":[^,]*/"acc":[1]/' rows >list
	fails 3 "list: line 3: 'acc' is an array, no number" "${T[@]}" list
	sed '3s/"acc":[^,]*/"acc":true/' rows >bool
	fails 3 "bool: line 3: 'acc' is a truth value, no number" "${T[@]}" bool
	sed '3s/"acc":[^,]*/"acc":NaN/' rows >nan
	fails 3 "nan: line 3: byte" "${T[@]}" nan
	sed '3s/"m":"[^"]*"/"m":{}/' rows >object
	fails 3 "object: line 3: 'm' is an object, no key" "${T[@]}" object
	fails 3 "rows: line 1: has no 'M'; did you mean 'm'?" fl-table --rows M --value acc rows
	fails 3 "rows: line 1: has no 'accuracy'" fl-table --rows m --value accuracy rows
	fails 3 "none of 30 rows has m=w" "${T[@]}" --where m=w rows
	fails 3 "none of 30 rows has a field 'kind', as --where kind=summary asks" "${T[@]}" --where kind=summary rows
	fails 3 "no row at all in /dev/null; JSON Lines are read" "${T[@]}" /dev/null
	echo '{"m":"a","acc":1}' >unseeded
	fails 3 "--over: unseeded: line 1: has no 'seed'" fl-table --rows m --value acc unseeded
	echo '[1]' >array
	fails 3 "array: begins with '['" "${T[@]}" array
	printf '{"m":1}\n7\n' >seven
	fails 3 "seven: line 2: byte" fl-table --value m --over '' seven
	printf '{"m":1,"m":2}\n' >dup
	fails 3 "dup: line 1: " fl-table --value m --over '' dup
	printf '{"m":1e400}\n' >huge
	fails 3 "huge: line 1: " fl-table --value m --over '' huge
	printf '{"m":1e308,"seed":1}\n{"m":1.5e308,"seed":2}\n' >large
	fails 5 "no mean or deviation" fl-table --value m large
	fails 3 "NUL" "${T[@]}" <(printf '{"a":1}\n\0')
	fails 4 "none: No such file" "${T[@]}" none
}

@test "usage: fields in two places, no value, names of results, conditions" {
	fails 2 "'m' is in --rows and again in --columns" fl-table --rows m --columns m --value acc rows
	fails 2 "--value" fl-table --rows m rows
	fails 2 "--lower: 'x' is no --value" "${T[@]}" --lower x rows
	jq -c '. + {mean: .m}' rows >mean
	fails 2 "would be called 'mean'" fl-table --rows mean --columns d --value acc mean
	fails 2 "is no condition" "${T[@]}" --where m rows
	fails 2 "'x' is no number" "${T[@]}" --where 'seed<x' rows
	fails 2 "exclude" "${T[@]}" --rank meanrank --differences rows
	fails 2 "'runs/x': names no field" "${T[@]}" --path runs/x rows
	fails 2 "no format 'pdf'" "${T[@]}" --format pdf rows
	fails 2 "no test 'ttest'" "${T[@]}" --test ttest rows
}

@test "tables with a header are read as well, fields from files' names, nested fields" {
	mkdir -p r/x/1 r/x/2 r/y/1 r/y/2
	for f in r/*/*; do printf 'kind\tacc\tn\nclient\tNA\t1\nsummary\t0.%s\t5\n' "${f##*/}" >$f/m.tsv; done
	P=(fl-table --path '{m}/{seed}/m.tsv' --rows m --value acc)
	"${P[@]}" --where kind=summary r/*/*/m.tsv | tail -n +2 >got
	[ "$(cut -f1,3 got | xargs)" = "x 2 y 2" ]
	awk -F'\t' '($4 - 0.15)^2 > 1e-30 { exit 1 }' got
	fails 3 "r/x/1/m.tsv: line 2: 'acc' is null or missing" "${P[@]}" r/x/1/m.tsv
	fails 3 "rows: is not of the form {m}/{seed}/m.tsv" "${P[@]}" rows
	printf 'seed\tacc\n2\t1\n' >r/x/1/m.tsv
	fails 3 "'seed' is 2 here and 1 in the name of the file" "${P[@]}" r/x/1/m.tsv
	printf 'a\tb\n1\n' >short
	fails 3 "short: line 2: 1 fields, the header has 2" fl-table --value a --over '' short
	printf 'a\ta\n' >same
	fails 3 "two columns are called 'a'" fl-table --value a same
	printf 'acc\n0.5x\n' >word
	fails 3 "word: line 2: 'acc' is '0.5x', no number" fl-table --value acc --over '' word
	echo '{"seed":1,"eval":{"acc":0.25}}' | fl-table --value eval.acc --percent | grep -q '^eval.acc	1	25	'
}

@test "ranks: worths of rows from rankings of some of them" {
	"${T[@]}" --rank plackett-luce --format json rows | jq -es '
		map(.m) == ["z", "y", "x"] and map(.rank) == [1, 2, 3] and all(.[]; .rankings == 10 and .kind == "rank") and
		(map(.worth) | add - 1 | fabs < 1e-12) and (map(.logworth) | add | fabs < 1e-9)'
	"${T[@]}" --rank meanrank --lower acc rows | awk -F'\t' 'NR == 2 && ($2 != "x" || $4 != 1) { exit 1 }'
	fails 3 "'x' always wins or always loses, or meets no other" "${T[@]}" --rank plackett-luce:prior=0 rows
	fails 3 "there is nothing to rank by" "${T[@]}" --where m=x --rank meanrank rows
}

@test "a table replaces a file whole, or not at all" {
	"${T[@]}" -o t.tsv rows
	"${T[@]}" rows | cmp - t.tsv
	run "${T[@]}" -o t.tsv text
	[ "$status" = 4 ]
	"${T[@]}" rows | cmp - t.tsv
	run sh -c 'fl-table --rows m --columns d --value acc rows >/dev/full'
	[ "$status" = 4 ]
}

@test "rows of fl-eval, over clients" {
	fl-partition -q -d digits -k 4 -B iid -s 1 -o c --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o g
	fl-eval -m g --format json c/*.safetensors >m.jsonl
	fl-eval -m g c/*.safetensors >m.tsv
	fl-table --value accuracy,loss --over client --where kind=client m.jsonl >a
	fl-table --value accuracy,loss --over client --where kind=client m.tsv | cut -f1,2 | cmp - <(cut -f1,2 a)
	[ "$(sed -n 2p a | cut -f3)" = "$(tail -1 m.jsonl | jq .accuracy_mean)" ]
}

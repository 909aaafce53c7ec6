#!/usr/bin/env bats
# fl-select: populations, statistics, what is refused. Probabilities are in test/unit/policy.c.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	command -v jq >/dev/null || skip "no jq"
	fl-partition -q -d digits -k 6 -B dirichlet:alpha=0.5 -s 1 -o c --no-sync
}

@test "ids ascend, one a line; equal seed and round, equal bytes; others differ" {
	fl-select uniform:k=20 -k 100 -s 3 -r 5 >a
	[ "$(wc -l <a)" = 20 ]
	sort -n a | cmp - a
	fl-select uniform:k=20 -k 100 -s 3 -r 5 -j 4 | cmp - a
	for other in "-s 4 -r 5" "-s 3 -r 6"; do
		fl-select uniform:k=20 -k 100 $other >b
		! cmp -s a b
	done
	fl-select uniform:k=20 -k 100 -s 3 -r 5 --probs | tail -n +2 | cut -f1 | cmp - a
	[ "$(fl-select all -k 3 --probs | xargs)" = "client probability 0 1 1 1 2 1" ]
	fl-select uniform:k=20 -k 100 -s 3 -r 5 -o file
	cmp a file
}

@test "the same clients from partition.json, a table, rows of JSON, ids alone" {
	jq -r '.sizes | to_entries[] | "\(.key)\t\(.value)"' c/partition.json | { printf 'client\texamples\n'; cat; } >t.tsv
	jq -c '.sizes | to_entries[] | {client: .key, n: .value}' c/partition.json >rows
	fl-select weighted:k=2 c/partition.json -s 9 --probs >want
	[ "$(wc -l <want)" = 3 ]
	for f in t.tsv rows; do fl-select weighted:k=2 $f -s 9 --probs | cmp - want; done
	fl-select weighted:k=2 - -s 9 --probs <t.tsv | cmp - want
	tac rows | fl-select weighted:k=2 - -s 9 --probs | cmp - want
	gzip -c rows >rows.gz
	fl-select weighted:k=2 rows.gz -s 9 --probs | cmp - want
	fl-select all c/partition.json | fl-select weighted:k=2 - --with t.tsv -s 9 --probs | cmp - want
	fl-select weighted:k=2 -k 6 --with c/partition.json -s 9 --probs | cmp - want
	# Of a client's rows that of the last round counts, and the summary does not.
	{ jq -c '. + {n: 1, round: 1, kind: "client"}' rows; jq -c '. + {round: 2, kind: "client"}' rows; echo '{"kind":"summary","n":9}'; } >rounds
	fl-select weighted:k=2 rounds -s 9 --probs | cmp - want
	fl-partition -q -d c/0000.safetensors -k 2 --first 12 -B iid -o more --no-sync
	[ "$(fl-select all more/partition.json | xargs)" = "12 13" ]
}

@test "one policy among those whom another finds there" {
	for r in 1 2 3 4; do
		fl-select bernoulli:p=0.5 -k 50 -r $r >there
		fl-select uniform:k=3 there -r $r >three
		[ "$(wc -l <three)" = 3 ]
		[ "$(sort three there | uniq -d | wc -l)" = 3 ]
	done
	fl-select uniform:k=3 -k 2 2>err | cmp - <(printf '0\n1\n')
	grep -q "3 clients asked for, there are 2" err
	[ -z "$(fl-select bernoulli:p=0 -k 5 2>err)" ]
	grep -q "round 1: 0 of 5 clients" err
	fl-select bernoulli:p=0 -k 5 -q | fl-select uniform:k=3 - -q 2>err
	[ ! -s err ]
}

@test "losses, embeddings and labels: policies that look at the clients" {
	fl-init -a logreg:in=64,out=10 -s 1 -o g --no-sync
	fl-eval -m g --format json c/*.safetensors >rows
	fl-stats -m g classmean c/*.safetensors >means.sts
	[ "$(fl-select power-of-choice:k=2,d=6 c/partition.json --with rows | xargs)" = \
		"$(jq -sr 'map(select(.kind == "client")) | sort_by(-.loss)[:2] | map(.client) | sort | join(" ")' rows)" ]
	fl-select facility:k=3 c/partition.json --with means.sts >a
	[ "$(wc -l <a)" = 3 ]
	fl-select facility:k=3 c/partition.json --with means.sts -s 5 -r 9 | cmp - a
	fl-select labelled:floor=0.3 c/partition.json --probs -s 2 | awk -F'\t' 'NR > 1 && ($2 < 0.3 || $2 > 1) { exit 1 }'
	fails 3 "wants 'loss' of each client" fl-select power-of-choice c/partition.json
	fails 3 "wants centres of each client's embeddings" fl-select facility c/partition.json
	fails 3 "wants each client's counts of labels" fl-select labelled -k 6
	head -3 rows >few
	fails 3 "client 3 has no 'loss', which policy power-of-choice wants" fl-select power-of-choice c/partition.json --with few
	fails 3 "without fl.client or a float tensor 'mean'" fl-select facility c/partition.json --with g
}

@test "a trace says who is there: rounds, stays, over and over" {
	printf 'client\tround\n0\t1\n1\t2\n1\t3\n9\t1\n' >rounds
	printf 'client\tstart\tend\n1\t2\t4\n0\t1\t2\n1\t3\t4\n' >stays
	for f in rounds stays; do
		for r in 1 2 3 4; do fl-select trace:file=$f -k 3 -r $r -q | xargs; done >got
		[ "$(cat got)" = "$(printf '0\n1\n1\n\n')" ]
	done
	[ "$(fl-select trace:file=stays,period=3 -k 3 -r 5)" = 1 ]
	printf 'client\tstart\tend\n1\t4\t2\n' >back
	fails 3 "back: line 2: ends at 2, before its start 4" fl-select trace:file=back -k 3
	printf 'client\tstart\n1\t4\n' >half
	fails 3 "half: line 2: want numbers 'client' and 'round', or" fl-select trace:file=half -k 3
	fails 4 "No such file" fl-select trace:file=none -k 3
}

@test "drop-outs and stragglers, as a plan that fl-local-train reads" {
	fl-select all -k 2000 --dropout 0.25 --probs >t
	[ "$(tail -n +2 t | cut -f2 | sort -u)" = 0.75 ]
	[ "$(wc -l <t)" -gt 1400 ] && [ "$(wc -l <t)" -lt 1600 ]
	fl-select all -k 2000 --plan plan --steps 10 --stragglers 0.5 >ids
	cut -d' ' -f1 plan | cmp - ids
	awk '$2 < 1 || $2 > 10 { exit 1 } $2 == 10 { n++ } END { exit !(n > 1000 && n < 1200) }' plan
	fl-init -a logreg:in=64,out=10 -s 1 -o g --no-sync
	fl-select uniform:k=3 -k 6 --plan plan --steps 5 --stragglers 0.9 | xargs printf 'c/%04d.safetensors\n' |
		xargs fl-local-train -m g --plan plan -o u
	[ "$(st-ls --meta u | awk '$2 == "fl.client" { c = $3 } $2 == "fl.steps" { print c, $3 }')" = "$(cat plan)" ]
	fails 2 "steps" fl-select all -k 2 --plan plan
	fails 2 "plan" fl-select all -k 2 --stragglers 0.5
}

@test "usage and bad populations" {
	fails 2 "want a policy" fl-select
	fails 2 "who is there?" fl-select all
	fails 2 "--clients says who there is, and so does 'c/partition.json'" fl-select all c/partition.json -k 3
	fails 2 "one file of clients" fl-select all c/partition.json c/partition.json
	fails 2 "no policy 'unifrom'; did you mean 'uniform'?" fl-select unifrom -k 3
	fails 2 "[1," fl-select uniform:k=0 -k 3
	fails 2 "round" fl-select all -k 3 -r 0
	printf 'client\tn\n1\t2\n1\t3\n' >twice
	fails 3 "twice: client 1 occurs twice" fl-select all twice
	printf 'client\tn\n1.5\t2\n' >half
	fails 3 "half: line 2: client 1.5 is no id" fl-select all half
	printf 'cleint\tn\n1\t2\n' >name
	fails 3 "name: line 2: has no 'client'; did you mean 'cleint'?" fl-select all name
	printf '1\n2x\n' >ids
	fails 3 "ids: line 2: '2x' is no client id" fl-select all ids
	printf 'client\tn\n1\t-2\n' >minus
	fails 3 "client 1: 'n' is -2, no weight" fl-select weighted:by=n minus
	printf 'client\tn\n1\t0\n' >zero
	fails 3 "'n' is 0 of every client" fl-select weighted:by=n zero
	printf '{"schema":"fl-partition/1","sizes":[]}' >empty
	fails 3 "empty: has no 'sizes' of clients" fl-select all empty
	printf '{"schema":"fl-partition/1","sizes":[1,2],"counts":[[1],[1,2]]}' >ragged
	fails 3 "ragged: 'counts' row 1: want 1 numbers" fl-select all ragged
	fails 4 "none: No such file" fl-select all none
	fails 3 "is a record, as safetensors has them; fl-partition -d takes it" \
		fl-select all c/0000.safetensors
	fails 3 "wants 'size' of each client" fl-select weighted:by=size -k 3
	run sh -c 'fl-select all -k 3 >/dev/full'
	[ "$status" = 4 ]
}

@test "a million clients" {
	[ "$(fl-select uniform:k=1000 -k 1000000 -s 1 | wc -l)" = 1000 ]
	n=$(fl-select markov:p=0.5,lambda=0.9 -k 1000000 -s 1 -r 100 | wc -l)
	[ "$n" -gt 498000 ] && [ "$n" -lt 502000 ]
}

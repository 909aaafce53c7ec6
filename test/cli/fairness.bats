#!/usr/bin/env bats
# The study of fairness, on the digits: from nothing to tables and pictures, killed
# and gone on with, and nothing done twice.

setup() {
	cd "$ROOT"
	OUT=$BATS_TEST_TMPDIR/out
	STUDY=(make --no-print-directory -C pipelines/fairness CASES=digits-5 ROUNDS=4 LAST=2 "SEEDS=1 2"
		"METHODS=fedavg qfedavg-q1 fedadam-lr.01 adafedadam-a1")
	unset MAKEFLAGS MAKELEVEL MFLAGS
}

@test "runs, tables and pictures; a second make does nothing" {
	run "${STUDY[@]}" -j2 "OUT=$OUT"
	echo "$output"
	[ "$status" = 0 ]
	for s in 1 2; do
		for m in fedavg qfedavg-q1 fedadam-lr.01 adafedadam-a1; do
			jq -es '(.[0] | .schema == "fairness/1" and .kind == "run" and (.command | startswith("fl-local-train "))) and
				([.[] | select(.kind == "summary") | .round] == [0, 1, 2, 3, 4]) and
				([.[] | select(.kind == "client")] | length == 25)' "$OUT/digits-5/$s/$m.jsonl"
		done
	done
	[ "$(grep -c '^| .*± ' "$OUT/RESULTS.md")" = 7 ]
	for p in convergence pareto clients; do
		head -c 100 "$OUT/digits-5/$p.svg" | grep -q '<?xml'
	done
	run "${STUDY[@]}" "OUT=$OUT"
	[ "$(grep -cE '^\./(run|split|rounds|table|plot)' <<<"$output")" = 0 ]
}

@test "rounds and ratios of losses are those of the rows" {
	"${STUDY[@]}" SEEDS=1 METHODS=fedavg "OUT=$OUT"
	jq -rs 'map(select(.kind == "client")) | (map(select(.round == 0)) | map({key: (.client | tostring), value: .loss}) |
			from_entries) as $start | map(select(.round == 3)) | map(.loss / $start[.client | tostring]) | max' \
		"$OUT/digits-5/1/fedavg.jsonl" >"$BATS_TEST_TMPDIR/want"
	awk -F '\t' '$3 == 3 { print $9 }' "$OUT/digits-5/rounds.tsv" | diff - "$BATS_TEST_TMPDIR/want"
	jq -r 'select(.kind == "summary" and .round == 4) | [.accuracy, .accuracy_std, .accuracy_min, .accuracy_worst30] |
		@tsv' "$OUT/digits-5/1/fedavg.jsonl" >"$BATS_TEST_TMPDIR/want"
	awk -F '\t' '$3 == 4 { OFS = FS; print $4, $5, $6, $7 }' "$OUT/digits-5/rounds.tsv" | diff - "$BATS_TEST_TMPDIR/want"
}

@test "reach: the first round at a target, from above or below, or none" {
	PATH=$PWD/pipelines/fairness:$PATH
	cd "$BATS_TEST_TMPDIR"
	for r in 0 1 2 3; do
		printf '{"kind":"client","round":%d,"accuracy":0.99}\n' $r
		printf '{"kind":"summary","round":%d,"accuracy":%s,"loss":%s}\n' $r "$(jq -n "[.9, .2, null, .6][$r]")" "$(jq -n "[.1, 3, 2, 1][$r]")"
	done >a.jsonl
	cp a.jsonl b.jsonl
	run reach accuracy 0.5 a.jsonl b.jsonl
	[ "$output" = "$(printf 'a.jsonl\t3\nb.jsonl\t3')" ]
	[ "$(reach accuracy 0.1 a.jsonl)" = "$(printf 'a.jsonl\t1')" ]
	[ "$(reach accuracy 0.7 a.jsonl)" = "$(printf 'a.jsonl\t-')" ]
	[ "$(reach loss -2.5 a.jsonl)" = "$(printf 'a.jsonl\t2')" ]
	[ "$(reach loss -0.5 a.jsonl)" = "$(printf 'a.jsonl\t-')" ]
	run reach nothing 1 a.jsonl
	[ "$status" != 0 ]
	[[ $output == *"no field nothing"* ]]
}

@test "a study that is killed, again and again, ends in the same bytes" {
	"${STUDY[@]}" "OUT=$OUT"
	for ms in 1 2 4 6; do
		setsid "${STUDY[@]}" -j2 "OUT=$OUT.killed" >/dev/null 2>&1 &
		sleep "0.$ms"
		kill -KILL -- -$! 2>/dev/null || true
		wait $! || true
	done
	"${STUDY[@]}" "OUT=$OUT.killed"
	(cd "$OUT" && sha256sum digits-5/?/*.jsonl digits-5/table.md) >"$BATS_TEST_TMPDIR/want"
	(cd "$OUT.killed" && sha256sum -c --quiet "$BATS_TEST_TMPDIR/want")
}

@test "a case whose data are not there says what is missing" {
	run "${STUDY[@]}" CASES=mnist-k5 METHODS=fedavg DATA="$BATS_TEST_TMPDIR" "OUT=$OUT"
	[ "$status" != 0 ]
	[[ $output == *"has no mnist-train*-{images,labels}-*-ubyte.gz"* ]]
}

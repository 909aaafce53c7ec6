#!/usr/bin/env bats
# The pipeline on embeddings, with what is in the tree: tables and pictures, nothing done
# twice, and a figure that is not the recorded one.

setup() {
	cd "$ROOT"
	OUT=$BATS_TEST_TMPDIR/out
	VLM=(make --no-print-directory -C pipelines/vlm "OUT=$OUT" STUDIES=)
	unset MAKEFLAGS MAKELEVEL MFLAGS DATA
}

@test "tables and pictures; a second make does nothing" {
	run "${VLM[@]}" -j2
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^| small |.*\[.*\]' "$OUT/RESULTS.md")" = 4 ]
	[ "$(grep -c '^| small-retrieval |' "$OUT/RESULTS.md")" = 3 ]
	[ "$(grep -c '^| small | 35 |' "$OUT/RESULTS.md")" = 4 ]
	run grep -nE 'null|nan|undefined' "$OUT/RESULTS.md"
	[ "$status" = 1 ]
	for p in small small-retrieval; do
		head -c 100 "$OUT/$p.svg" | grep -q '<?xml'
	done
	run "${VLM[@]}"
	[ "$(grep -cE '^\./(run|plot|table)' <<<"$output")" = 0 ]
}

@test "one page with the studies of adapters, ablation and robust fine-tuning" {
	run make --no-print-directory -C pipelines/vlm "OUT=$OUT" CASES=small SEEDS=1 \
		METHODS="frozen asymvlm-vmf asymvlm-t2i" RUNS="frozen vmf-0"
	echo "$output"
	[ "$status" = 0 ]
	for what in '>Classification<' '>Adapters<' 'Ablation:' '<td>one-sided: text to image</td>' \
			'>Robust fine-tuning<' '<td>0.75</td>' 'figcaption>R@1 of texts by bins'; do
		grep -q "$what" "$OUT/report.html"
	done
	# Half the way there is as good as the embeddings where they were trained, nearly.
	jq -se '(map(select(.alpha == 0.5 and .where == "in").hit)[0]) > 0.8' "$OUT/../robust/planted/1/vmf-0.json"
	before=$(stat -c %Y.%i "$OUT"/report.html)
	make --no-print-directory -C pipelines/vlm "OUT=$OUT" CASES=small SEEDS=1 \
		METHODS="frozen asymvlm-vmf asymvlm-t2i" RUNS="frozen vmf-0"
	[ "$before" = "$(stat -c %Y.%i "$OUT"/report.html)" ]
}

@test "a row of the table is what the command beside it says" {
	"${VLM[@]}" small
	command=$(jq -r 'select(.kind == "case") | .command' "$OUT/small.jsonl")
	$command | jq -c . >"$BATS_TEST_TMPDIR/got"
	jq -c 'select(.uncertainty == "maxprob") | del(.uncertainty)' "$OUT/small.jsonl" | cmp - "$BATS_TEST_TMPDIR/got"
}

@test "a figure that differs from the recorded one fails, and is named" {
	cp -r pipelines test "$BATS_TEST_TMPDIR"
	sed -i 's/accuracy=0.644/accuracy=0.744/' "$BATS_TEST_TMPDIR/pipelines/vlm/cases.tsv"
	run make --no-print-directory -C "$BATS_TEST_TMPDIR/pipelines/vlm" "OUT=$OUT" small
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"small: accuracy differs by -0."* ]]
	[ ! -e "$OUT/small.jsonl" ]
}

@test "cases of data that are not in the tree want DATA" {
	run "${VLM[@]}" coco500
	[ "$status" = 2 ]
	[[ $output == *"coco500 wants DATA"* ]]
}

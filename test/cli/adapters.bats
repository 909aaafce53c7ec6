#!/usr/bin/env bats
# The studies of adapters, small, on generated pairs.

setup() {
	OUT=$BATS_TEST_TMPDIR/out
}

study() {
	make -s -C "$ROOT/pipelines/$1" B="$B" OUT="$OUT" SEEDS=1 "${@:2}"
}

@test "adapters: a table and a page; what is there is not made again" {
	study adapt METHODS="frozen asymvlm-vmf"
	grep -q '^| AsymVLM, vMF, start at the embeddings | 0\.' "$OUT/RESULTS.md"
	grep -q '<td>embeddings as they are</td>' "$OUT/report.html"
	# Learnt certainty knows which answers are right, on pairs planted so.
	jq -se '.[1]["uncertainty.s_r2"] > 0.5 and .[1]["uncertainty.auroc"] > 0.7' "$OUT/planted/1/asymvlm-vmf.json"
	before=$(stat -c %Y.%i "$OUT"/planted/1/*.json)
	study adapt METHODS="frozen asymvlm-vmf"
	[ "$before" = "$(stat -c %Y.%i "$OUT"/planted/1/*.json)" ]
	# Another seed is made though a table is there.
	study adapt METHODS="frozen asymvlm-vmf" SEEDS="1 2"
	grep -q '^| AsymVLM, vMF, start at the embeddings | 0\.[0-9]* ± ' "$OUT/RESULTS.md"
	[ "$before" = "$(stat -c %Y.%i "$OUT"/planted/1/*.json)" ]
}

@test "federated adaptation: adapters by FedAvg, low ranks by HetLoRA and FLoRA" {
	study fedvlm ROUNDS=1 RUNS="frozen fedavg lora-hetlora lora-flora"
	[ "$(grep -c '^| ' "$OUT/RESULTS.md")" = 5 ]
	grep -q '<table>' "$OUT/report.html"
}

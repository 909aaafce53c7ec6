#!/usr/bin/env bats
# The demo: from nothing to pictures, killed and gone on with.

setup() {
	cd "$ROOT"
	export RUN=$BATS_TEST_TMPDIR/run ROUNDS=6 DATASET=digits CLIENTS=5 JOBS=2
}

models() {
	(cd "$1" && sha256sum models/*.safetensors)
}

@test "six rounds leave models, metrics and two pictures" {
	run pipelines/demo/run
	echo "$output"
	[ "$status" = 0 ]
	[ "$(ls "$RUN"/models/*.safetensors | wc -l)" = 7 ]
	[ "$(jq -s 'map(select(.kind == "summary")) | map(.round) | tostring' "$RUN/metrics.jsonl")" = '"[1,2,3,4,5,6]"' ]
	[ "$(grep -cE '^ +[1-6]  +0\.[0-9]{4} ' <<<"$output")" = 6 ]
	head -c 100 "$RUN/accuracy.svg" | grep -q '<?xml'
	head -c 100 "$RUN/partition.svg" | grep -q '<?xml'
	# It learns: chance is .1.
	jq -es 'map(select(.kind == "summary")) | last | .accuracy > .4' "$RUN/metrics.jsonl"
}

@test "a demo that is killed, again and again, ends in the same bytes" {
	pipelines/demo/run
	RUN=$BATS_TEST_TMPDIR/killed
	for ms in 05 10 20 30 40 50 60; do
		setsid pipelines/demo/run >/dev/null 2>&1 &
		sleep "0.$ms"
		kill -KILL -- -$! 2>/dev/null || true
		wait $! || true
	done
	run pipelines/demo/run
	[ "$status" = 0 ]
	diff <(models "$BATS_TEST_TMPDIR/run") <(models "$RUN")
	diff "$BATS_TEST_TMPDIR/run/metrics.jsonl" "$RUN/metrics.jsonl"
}

@test "a folder with another run's settings is not gone on with" {
	ROUNDS=1 pipelines/demo/run
	SEED=8 run pipelines/demo/run
	[ "$status" = 1 ]
	[[ $output == *"other settings"* ]]
}

@test "without Fashion-MNIST the demo says so and runs on the digits" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	cp -r "$BIN" "$BATS_TEST_TMPDIR/build-bin"
	printf '#!/bin/sh\ncase "$*" in *fashion-mnist*) exit 4 ;; esac\nexec "%s/fl-partition" "$@"\n' "$BIN" \
		>"$BATS_TEST_TMPDIR/build-bin/fl-partition.new"
	chmod +x "$BATS_TEST_TMPDIR/build-bin/fl-partition.new"
	mv "$BATS_TEST_TMPDIR/build-bin/fl-partition.new" "$BATS_TEST_TMPDIR/build-bin/fl-partition"
	mkdir -p "$BATS_TEST_TMPDIR/tree/build"
	cp -r pipelines "$BATS_TEST_TMPDIR/tree/"
	mv "$BATS_TEST_TMPDIR/build-bin" "$BATS_TEST_TMPDIR/tree/build/bin"
	unset DATASET
	ROUNDS=1 B=build run "$BATS_TEST_TMPDIR/tree/pipelines/demo/run"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"no Fashion-MNIST here"* ]]
	[[ $output == *"UCI digits, 5 clients"* ]]
}

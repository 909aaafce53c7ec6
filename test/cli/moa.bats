#!/usr/bin/env bats
# The study of mechanisms of action, small: from nothing to tables and a page, killed
# and gone on with, nothing done twice; no compound in both training and test; data
# prepared from records as those of DATA are.

setup() {
	bats_require_minimum_version 1.5.0
	cd "$ROOT"
	OUT=$BATS_TEST_TMPDIR/out
	STUDY=(make --no-print-directory -C pipelines/moa CASES=small "SEEDS=1 2" "PYTHON=$PYTHON")
	[ -x "$PYTHON" ] || skip "no Python"
	unset MAKEFLAGS MAKELEVEL MFLAGS
}

need_numpy() {
	"$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
}

@test "runs, tables and a page; a second make does nothing" {
	run "${STUDY[@]}" -j2 "OUT=$OUT"
	echo "$output"
	[ "$status" = 0 ]
	runs=$(awk -F '\t' '!/^#/ && $3 != "weeks" { print $1 }' pipelines/moa/runs.tsv)
	for s in 1 2; do
		for r in $runs; do
			jq -es --arg run "$r" '(.[0] | .schema == "moa/1" and .run == $run and .leak == false and
					(.command | startswith("fl-local-train "))) and
				(map(select(.schema == "fl-eval/1")) | length == if $run | startswith("ll-") then 3 else 1 end) and
				(map(select(.schema == "fl-confusion/1")) | length == if $run | startswith("ll-") then 15 else 5 end) and
				([.[1:][] | select(.kind != "summary")] == [])' "$OUT/small/$s/$r.jsonl"
		done
		# The specialised client has its share of the mechanism, and every compound is on one side.
		[ "$(jq '.counts[0]['"$(jq .special "$OUT/small/$s/split.json")"'] / (.counts | map(.['"$(jq .special \
			"$OUT/small/$s/split.json")"']) | add) >= 0.6' "$OUT/small/$s/specialised/partition.json")" = true ]
	done
	for q in "(a)" "(b)" "(c)" "(d)"; do grep -qF "**$q" "$OUT/RESULTS.md"; done
	[ "$(grep -c '± ' "$OUT/RESULTS.md")" -gt 40 ]
	grep -q 'mechanism 3' "$OUT/RESULTS.md"
	run "${STUDY[@]}" "OUT=$OUT"
	[ "$(grep -cE '^\./(run|split)|^report$' <<<"$output")" = 0 ]
}

@test "the page is one file, well-formed, with pictures; tables are means of the runs" {
	"${STUDY[@]}" -j2 "OUT=$OUT" RUNS="central fl-uniform ll-uniform"
	"$PYTHON" - "$OUT" <<-'END'
	import json, re, sys, xml.dom.minidom
	from pathlib import Path
	out = Path(sys.argv[1])
	page = (out / "report.html").read_text()
	pictures = re.findall("<svg.*?</svg>", page, re.S)
	assert len(pictures) == 5, len(pictures)
	for p in pictures:
	    xml.dom.minidom.parseString(p)
	assert not re.search("<(script|link|img)|https?:", page)
	def f1(run):
	    v = []
	    for s in "12":
	        rows = [json.loads(l) for l in open(out / "small" / s / (run + ".jsonl"))]
	        m = [r["f1"] for r in rows if r.get("schema") == "fl-eval/1"]
	        v.append(sum(m) / len(m))
	    return v
	def line(v, sign=""):
	    m, d = sum(v) / 2, abs(v[0] - v[1]) / 2  # of two: sd/sqrt(2) = half the difference
	    return f"{m:{sign}.3f} ± {12.706 * d:.3f}"
	tables = (out / "RESULTS.md").read_text()
	assert "| central | " + line(f1("central")) in tables
	assert "| local, uniform | " + line(f1("ll-uniform")) in tables
	gain = [a - b for a, b in zip(f1("fl-uniform"), f1("ll-uniform"))]
	assert "| federated - local, uniform | " + line(gain, "+") in tables
	END
}

@test "no compound is trained on and tested, and none is at two clients" {
	need_numpy
	pipelines/moa/split small 3 "$OUT"
	PYTHONPATH=$ROOT/test/golden/part "$PYTHON" - "$OUT" <<-'END'
	import sys
	from pathlib import Path
	from check import load
	out = Path(sys.argv[1])
	groups = lambda f: set(load(str(f))[1]["group"].tolist())
	test, train = groups(out / "test.safetensors"), groups(out / "train.safetensors")
	assert test and train and not test & train
	for name in "uniform", "unbalanced", "specialised", "participants":
	    at = [groups(f) for f in sorted((out / name).glob("0*.safetensors"))]
	    assert set().union(*at) == train and sum(map(len, at)) == len(train), name
	END
}

@test "a study that is killed, again and again, ends in the same bytes" {
	STUDY+=(SEEDS=1 RUNS="central fl-specialised ll-unbalanced without-special adafedadam qfedavg-q1")
	"${STUDY[@]}" -j2 "OUT=$OUT"
	grep -q ' RUNS="central .*ROUNDS=3' <("${STUDY[@]}" ROUNDS=3 "OUT=$OUT.three" >/dev/null; cat "$OUT.three/RESULTS.md")
	for ms in 1 3 5; do
		setsid "${STUDY[@]}" -j2 "OUT=$OUT.killed" >/dev/null 2>&1 &
		sleep "0.$ms"
		kill -KILL -- -$! 2>/dev/null || true
		wait $! || true
	done
	"${STUDY[@]}" "OUT=$OUT.killed"
	(cd "$OUT" && sha256sum small/?/*.jsonl RESULTS.md report.html) >"$BATS_TEST_TMPDIR/want"
	(cd "$OUT.killed" && sha256sum -c --quiet "$BATS_TEST_TMPDIR/want")
}

@test "DATA as the real ones are: DMSO left out, tails clipped, weeks as clients; leaks are said" {
	need_numpy
	mkdir -p "$BATS_TEST_TMPDIR/moa"
	"$PYTHON" - "$BATS_TEST_TMPDIR/moa" pipelines/moa <<-'END'
	import importlib.machinery, importlib.util, json, sys
	import numpy as np
	sys.dont_write_bytecode = True
	sys.path.insert(0, sys.argv[2])
	loader = importlib.machinery.SourceFileLoader("prepare", sys.argv[2] + "/prepare")
	prepare = importlib.util.module_from_spec(importlib.util.spec_from_loader("prepare", loader))
	loader.exec_module(prepare)
	rng = np.random.default_rng(1)
	names = ["A", "DMSO"] + list("BCDEFGHIJKL")
	y = np.repeat(np.arange(13), 30).astype(np.int32)
	compound = (y * 3 + np.tile(np.arange(30) // 10, 13)).astype(np.int32)
	week = (compound % 4).astype(np.int32)
	x = rng.normal(size=(390, 189)).astype(np.float32)
	x[np.arange(390), y] += 4
	x[5, 7] = 1e4
	prepare.save(sys.argv[1] + "/bbbc021-wells.safetensors",
	             {"compound": compound, "week": week, "y": y, "x_norm": x}, {"classes": json.dumps(names)})
	prepare.main(sys.argv[1] + "/bbbc021-wells.safetensors", sys.argv[1] + "/out")
	t, meta = prepare.load(sys.argv[1] + "/out")
	assert json.loads(meta["fl.labels"]) == [n for n in names if n != "DMSO"] and meta["fl.classes"] == "12"
	keep = y != 1
	assert (t["y"] == np.where(y > 1, y - 1, y)[keep]).all() and (t["group"] == compound[keep]).all()
	assert (t["id"] == week[keep]).all() and np.abs(t["x"]).max() == 5
	want = (x[keep] - x[keep].mean(0)) / x[keep].std(0)
	assert np.abs(t["x"] - np.clip(want, -5, 5)).max() < 1e-5
	END
	make --no-print-directory -C pipelines/moa -j2 CASES=bbbc021-wells SEEDS=1 ROUNDS=2 "DATA=$BATS_TEST_TMPDIR" \
		RUNS="central fl-uniform ll-uniform fl-weeks ll-weeks" "PYTHON=$PYTHON" "OUT=$OUT"
	[ "$(find "$OUT/bbbc021-wells/1/weeks" -name '0*.safetensors' | wc -l)" = 4 ]
	[ "$(jq -s 'map(select(.schema == "fl-eval/1")) | length' "$OUT/bbbc021-wells/1/ll-weeks.jsonl")" = 4 ]
	grep -q '^| federated - local, weeks | ' "$OUT/RESULTS.md"
	! grep -q "$BATS_TEST_TMPDIR" "$OUT/RESULTS.md" "$OUT/report.html"
	run make --no-print-directory -C pipelines/moa CASES=bbbc021-crops DATA="$BATS_TEST_TMPDIR" "OUT=$OUT"
	[ "$status" != 0 ]
	[[ $output == *"bbbc021-cells-1k.safetensors"* ]]
}

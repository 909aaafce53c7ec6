#!/usr/bin/env bats
# The study of mechanisms of action on a user's own profiles: a table and a record of the
# same wells, end to end; what is missing, constant or contradicts is filled or named.

setup() {
	bats_require_minimum_version 1.5.0
	cd "$ROOT"
	OUT=$BATS_TEST_TMPDIR/out
	T=$BATS_TEST_TMPDIR
	[ -x "$PYTHON" ] || skip "no Python"
	"$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	unset MAKEFLAGS MAKELEVEL MFLAGS
	make_profiles
}

# wells.csv and its own wells.csv.gz; wells.safetensors, the same in F64. 4 mechanisms of 4
# compounds of 4 wells on 4 plates, and DMSO; feature 3 is constant, some values are missing.
make_profiles() {
	PYTHONPATH=pipelines/moa PYTHONDONTWRITEBYTECODE=1 "$PYTHON" - "$T" <<-'END'
	import gzip, json, sys
	import numpy as np
	import profiles
	rng = np.random.default_rng(5)
	mechanisms = ["Aurora, kinase", "DMSO", "Eg5", "Protein synthesis", "Tubulin"]
	rows = [(m, f"c{m}-{k}", f"plate{(k + w) % 4}") for m in range(5) for k in range(4) for w in range(4)]
	x = rng.normal(size=(80, 8))
	x[np.arange(80), [m for m, _, _ in rows]] += 4
	x[:, 5] = 0.1
	x[7, 0], x[40, 6] = np.nan, np.inf
	lines = ["Metadata_Plate,Metadata_Well,Metadata_compound,moa," + ",".join(f"Cells_f{j}" for j in range(8))]
	for i, (m, c, p) in enumerate(rows):
	    values = ["" if np.isnan(v) else repr(float(v)) for v in x[i]]
	    lines.append(f'{p},A{i:02d},{c},"{mechanisms[m]}",' + ",".join(values))
	text = "\n".join(lines) + "\n"
	open(sys.argv[1] + "/wells.csv", "w").write(text)
	gzip.open(sys.argv[1] + "/wells.csv.gz", "wt").write(text)
	rank = lambda j: np.unique([r[j] for r in rows], return_inverse=True)[1].astype(np.int64)
	profiles.save(sys.argv[1] + "/wells.safetensors",
	              {"x": x, "compound": rank(1), "plate": rank(2), "y": np.array([m for m, _, _ in rows])},
	              {"classes": json.dumps(mechanisms)})
	END
}

study() {
	make --no-print-directory -C pipelines/moa -j2 SEEDS=1 ROUNDS=2 "PYTHON=$PYTHON" "$@"
}

refused() {
	run --separate-stderr pipelines/moa/own "$1" "$T"
	echo "$stderr"
	[ "$status" = 1 ]
	[[ $stderr == *"$2"* ]]
	[ ! -e "$T/data.safetensors" ]
}

TABLE='label=moa,group=Metadata_compound,client=Metadata_Plate,missing=mean'

@test "a table with plates: tables, page, all questions; a second make does nothing; a changed file all" {
	own="csv:file=$T/wells.csv.gz,$TABLE"
	run study "OUT=$OUT" "OWN=$own"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"no inputs, by their names: 'Metadata_Well'"* ]]
	[[ $output == *"of one value in all rows, so of no use: 'Cells_f5'"* ]]
	[[ $output == *"64 rows, 8 inputs, 16 compounds, 4 mechanisms"* ]]
	for q in "(a)" "(b)" "(c)" "(d)"; do grep -qF "**$q" "$OUT/RESULTS.md"; done
	grep -q '^| federated, by Metadata_Plate | ' "$OUT/RESULTS.md"
	grep -q '^| federated - local, Metadata_Plate | ' "$OUT/RESULTS.md"
	grep -q '^| Aurora, kinase | ' "$OUT/RESULTS.md"
	grep -qF "OWN='$own'" "$OUT/RESULTS.md"
	! grep -q DMSO "$OUT/report.html"
	[ "$(find "$OUT/own/1/weeks" -name '0*.safetensors' | wc -l)" = 4 ]
	PYTHONPATH=test/golden/part "$PYTHON" - "$OUT/own/1" <<-'END'
	import sys
	from check import load
	test, train = (set(load(f"{sys.argv[1]}/{n}.safetensors")[1]["group"].tolist()) for n in ("test", "train"))
	assert test and train and not test & train and len(test | train) == 16
	END
	run study "OUT=$OUT" "OWN=$own"
	[ "$(grep -cE '^\./(run|split)|^report$' <<<"$output")" = 0 ]
	sed 1q "$T/wells.csv" >"$T/less.csv"
	grep -v c4-3 "$T/wells.csv" | sed 1d >>"$T/less.csv"
	gzip -c "$T/less.csv" >"$T/wells.csv.gz"
	run study "OUT=$OUT" "OWN=$own" RUNS=central
	echo "$output"
	[ "$status" != 0 ]
	[[ $output == *"60 rows, 8 inputs, 15 compounds"*"clients=3 in OWN"* ]]
	run study "OUT=$OUT" "OWN=$own,clients=3" RUNS=central
	[[ $status = 0 && $output == *"./run own central 1"* ]]
	grep -q '^3 clients (8 in question b)' "$OUT/RESULTS.md"
}

@test "a record in F64 gives the bytes that the table gives" {
	mkdir -p "$OUT/csv" "$OUT/st"
	pipelines/moa/own "csv:file=$T/wells.csv,$TABLE" "$OUT/csv"
	pipelines/moa/own "st:file=$T/wells.safetensors,client=plate,missing=mean" "$OUT/st"
	cmp "$OUT/csv/data.safetensors" "$OUT/st/data.safetensors"
	study "OUT=$OUT" "OWN=st:file=$T/wells.safetensors,missing=mean" RUNS="central fl-uniform ll-uniform"
	grep -q '^| federated - local, uniform | ' "$OUT/RESULTS.md"
	# Without natural clients there are no runs of them.
	[ ! -e "$OUT/own/1/weeks" ]
}

@test "values are those of NumPy: means for what is missing, deviations 1, a constant is 0" {
	mkdir -p "$OUT/a" "$OUT/b" "$OUT/c"
	pipelines/moa/own "csv:file=$T/wells.csv,$TABLE" "$OUT/a"
	pipelines/moa/own "csv:file=$T/wells.csv,$TABLE+indicator,scale=none,drop=Cells_f5+Cells_f7" "$OUT/b"
	pipelines/moa/own "csv:file=$T/wells.csv,${TABLE%mean}drop" "$OUT/c"
	PYTHONPATH=pipelines/moa PYTHONDONTWRITEBYTECODE=1 "$PYTHON" - "$T" "$OUT" <<-'END'
	import json, sys
	import numpy as np
	import profiles
	t, meta = profiles.load(sys.argv[1] + "/wells.safetensors")
	keep = t["y"] != 1
	x = np.where(np.isinf(t["x"]), np.nan, t["x"])[keep]
	gone = np.isnan(x)
	filled = np.where(gone, np.nanmean(x, 0), x)
	got, meta = profiles.load(sys.argv[2] + "/a/data.safetensors")
	std = np.where(np.arange(8) == 5, 1, filled.std(0))
	want = np.clip((filled - filled.mean(0)) / std, -5, 5)
	assert gone.sum() == 2 and np.abs(got["x"] - want).max() < 1e-5 and (got["x"][:, 5] == 0).all()
	assert json.loads(meta["fl.labels"]) == ["Aurora, kinase", "Eg5", "Protein synthesis", "Tubulin"]
	got, _ = profiles.load(sys.argv[2] + "/b/data.safetensors")
	part = [0, 1, 2, 3, 4, 6]
	assert np.array_equal(got["x"], np.hstack([filled[:, part], gone[:, part]]).astype(np.float32))
	got, _ = profiles.load(sys.argv[2] + "/c/data.safetensors")
	assert len(got["x"]) == len(got["y"]) == len(got["group"]) == len(got["id"]) == 62
	END
}

@test "1000 features, some constant, some with gaps" {
	"$PYTHON" - "$T" <<-'END'
	import sys
	import numpy as np
	rng = np.random.default_rng(2)
	with open(sys.argv[1] + "/wide.tsv", "w") as f:
	    print("moa", "compound", *(f"f{j}" for j in range(1000)), sep="\t", file=f)
	    for i in range(96):
	        x = [f"{v:.6g}" for v in rng.normal(size=1000)]
	        x[10:20] = ["3"] * 10
	        x[20 + i] = "NA"
	        print(f"m{i % 3}", f"m{i % 3}c{i // 24}", *x, sep="\t", file=f)
	END
	run study "OUT=$OUT" "OWN=csv:file=$T/wide.tsv,label=moa,group=compound,missing=mean" RUNS="central fl-uniform"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"96 missing values of 96 features became means"* ]]
	[[ $output == *"of no use: 'f10', 'f11', 'f12', 'f13', 'f14' and 5 more"* ]]
}

@test "what is wrong is named, with what to do, and leaves nothing" {
	t=$T/wells.csv
	refused "$t" "csv:file=F,label=COLUMN,group=COLUMN"
	refused "csv:file=$t,label=moa" "csv wants group=, the column of compounds"
	refused "csv:file=$t,label=moa,group=Metadata_compound,compound=x" "csv has no 'compound'; it has file, label, group,"
	refused "csv:file=$t,label=moa,group=Metadata_compound,missing=median" "missing=median: one of refuse, drop, mean"
	refused "csv:file=$t,label=moa,group=Metadata_compound,clients=1" "clients=1: a number from 2 to 1000"
	refused "csv:file=$t,label=MOA,group=Metadata_compound" "label=MOA: no such column; there are 'moa'"
	refused "csv:file=$t,label=moa,group=compound" "group=compound: no such column; there are 'Metadata_compound'"
	refused "csv:file=$T/none.csv,label=moa,group=compound" "none.csv"
	refused "csv:file=$t,label=moa,group=Metadata_compound" \
		"2 values are missing or infinite, of 2 features, 'Cells_f0', 'Cells_f6'; missing=mean fills them, missing=drop leaves 2 of 64 rows out"
	refused "csv:file=$t,label=moa,group=Metadata_Plate,missing=mean" "compound 'plate0' has two mechanisms: 'Aurora, kinase' in line 2, 'Eg5' in line"
	awk -F , -v OFS=, 'NR > 1 { $7 = "NA" } 1' <(sed 's/Aurora, kinase/Aurora/' "$t") >"$T/empty.csv"
	refused "csv:file=$T/empty.csv,$TABLE" "no value at all in 'Cells_f2'"
	sed '3s/c0-0/c3-1/' "$t" >"$T/two.csv"
	refused "csv:file=$T/two.csv,$TABLE" "compound 'c3-1' has two mechanisms: 'Aurora, kinase' in line 3, 'Protein synthesis' in line 54"
	sed '5s/A03/A03,1/' "$t" >"$T/long.csv"
	refused "csv:file=$T/long.csv,$TABLE" "line 5: 13 fields, the header has 12"
	sed 's/Metadata_Well/Well/' "$t" >"$T/word.csv"
	refused "csv:file=$T/word.csv,$TABLE" "line 2: column 'Well': 'A00' is not a number; drop=Well"
	sed '4s/"Aurora, kinase"//' "$t" >"$T/bare.csv"
	refused "csv:file=$T/bare.csv,$TABLE" "line 4: column 'moa' is missing; unlabelled= leaves such rows out"
	refused "st:file=$T/wells.safetensors,group=well" "no tensor 'well'; there are 'x', 'compound', 'plate', 'y'"
	refused "st:file=$t" "is no safetensors file"
	# Nothing is left behind by make either.
	run study "OUT=$OUT" "OWN=csv:file=$T/two.csv,$TABLE"
	[ "$status" != 0 ]
	[[ $output == *"moa: OWN=csv:file="*"has two mechanisms"* ]]
	[ ! -e "$OUT/own/data.safetensors" ] && [ ! -e "$OUT/RESULTS.md" ]
}

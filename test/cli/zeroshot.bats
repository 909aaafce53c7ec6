#!/usr/bin/env bats
# vlm-zeroshot: the summary against NumPy's, scikit-learn's and mpmath's, groupings,
# rows, written files, threads, bad input.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden/zeroshot
	cd "$BATS_TEST_TMPDIR"
	cp "$G"/*.safetensors .
	ALL=(--images images.safetensors --texts texts.safetensors --no-sync)
}

# near WANT FILE: every field of WANT within 2e-6 in FILE, null where it is null.
near() {
	jq -n --slurpfile w "$1" --slurpfile g "$2" '[$w[0] | to_entries[] | .key as $k | .value as $v |
		$g[0][$k] as $x | select(if ($v | type) != "number" or ($x | type) != "number" then $v != $x
		else ([$v - $x, $x - $v] | max) > 2e-6 * ([1, $v, -$v] | max) end) | "\($k): \($x), want \($v)"]' >differ
	cat differ
	[ "$(jq length differ)" = 0 ]
}

@test "every field is what NumPy, scikit-learn and mpmath say, plain and weighted by kappa" {
	for weights in uniform kappa; do
		vlm-zeroshot "${ALL[@]}" --val val.safetensors --unknown unknown.safetensors \
			--scores maxprob,entropy,energy,cosine,kappa,vmf,ps --logit-scale 20 \
			--weights "$weights" --format json >got
		jq ".$weights" "$G/want.json" >want
		near want got
		[ "$(jq -c 'keys - ["schema", "kind"]' got)" = "$(jq -c keys want)" ]
	done
	[ "$(jq -r '"\(.schema) \(.kind)"' got)" = "vlm-zeroshot/1 summary" ]
}

@test "the table has the numbers of the JSON" {
	vlm-zeroshot "${ALL[@]}" --format json >j
	vlm-zeroshot "${ALL[@]}" >t
	[ "$(head -1 t)" = "$(printf 'field\tvalue')" ]
	[ "$(tail -n +2 t | awk -F '\t' '{ print $1 }' | xargs)" = "$(jq -r 'keys_unsorted - ["schema", "kind"] | join(" ")' j)" ]
	cmp <(tail -n +2 t | cut -f 2 | jq -c .) <(jq -c 'del(.schema, .kind)[]' j)
}

@test "equal bytes for any -j and any instruction set" {
	vlm-zeroshot "${ALL[@]}" --val val.safetensors --unknown unknown.safetensors --scores vmf,ps \
		--bootstrap 50 --rows want.rows >want
	vlm-zeroshot "${ALL[@]}" --val val.safetensors --unknown unknown.safetensors --scores vmf,ps \
		--bootstrap 50 --rows got.rows -j 3 | cmp - want
	cmp want.rows got.rows
	FL_CPU=ref vlm-zeroshot "${ALL[@]}" --val val.safetensors --unknown unknown.safetensors \
		--scores vmf,ps --bootstrap 50 --rows got.rows | cmp - want
	cmp want.rows got.rows
}

@test "rows: the summary follows from them" {
	vlm-zeroshot "${ALL[@]}" --unknown unknown.safetensors --rows r --format json >s
	[ "$(grep -c '"kind":"image"' r)" = 90 ]
	[ "$(grep -c '"kind":"unknown"' r)" = 35 ]
	[ "$(jq -s '[.[] | select(.kind == "image")] | (map(select(.class == .label)) | length) / length' r)" = "$(jq .accuracy s)" ]
	[ "$(jq -s '[.[] | select(.rank == 1)] | length' r)" = "$(jq -s '[.[] | select(.class == .label)] | length' r)" ]
	[ "$(head -1 r | jq .id)" = 100 ]
	[ "$(jq -s 'map(select(.kind == "unknown"))[0] | has("label")' r)" = false ]
	vlm-zeroshot "${ALL[@]}" --rows t >/dev/null
	[ "$(head -1 t | tr '\t' ' ')" = "kind id class name probability label rank uncertainty" ]
	[ "$(awk -F '\t' 'NR > 1 && $3 == $6' t | wc -l)" = "$(jq -s '[.[] | select(.class == .label)] | length' r)" ]
}

@test "texts of a class: labels, the same in JSON, templates one after the other, names" {
	vlm-zeroshot "${ALL[@]}" >want
	echo '{"0":[0,1,2],"1":3,"2":[4,5],"3":[6],"4":[7,8,9,10],"5":[11],"6":[12,13]}' >g.json
	vlm-zeroshot "${ALL[@]}" --classes g.json | cmp - want
	echo '{"ant":[0,2,1],"bee":[3],"cat":[5,4],"dog":[6],"eel":[10,8,9,7],"fox":11,"gnu":[12,13]}' >n.json
	vlm-zeroshot "${ALL[@]}" --classes n.json --rows r --format json >got
	[ "$(jq .n got)" = 90 ]
	[ "$(jq -r 'select(.class == 3) | .name' r | sort -u)" = dog ]
	vlm-zeroshot --images images.safetensors --texts texts.safetensors --texts texts.safetensors \
		--classes each:14 >each
	vlm-zeroshot --images images.safetensors --texts texts.safetensors --classes rows | cmp - each
	[ "$(awk '$1 == "classes" { print $2 }' each)" = 14 ]
}

@test "classes written are classes read" {
	vlm-zeroshot "${ALL[@]}" --weights kappa --write-classes c.safetensors >want
	vlm-zeroshot --images images.safetensors --texts c.safetensors >got
	awk 'NR == FNR { v[$1] = $2; next } FNR > 1 && ($2 - v[$1]) ^ 2 > 1e-10 { print; bad = 1 }
		END { exit bad }' want got
	[ "$(st-ls -l c.safetensors | grep -cE 'emb|kappa|label')" = 3 ]
	[ "$(st-ls --meta c.safetensors | grep -c 'fl.prov.*vlm-zeroshot.*--weights=kappa')" = 1 ]
}

@test "an adapter applied here is the adapter applied before" {
	echo '{"0":0,"3":1,"5":2}' >pairs.json
	vlm-adapt -a asymvlm:dim=12,hidden=16 --images images.safetensors --texts texts.safetensors \
		--pairs pairs.json -e 2 -s 1 -o m.safetensors
	vlm-adapt --apply m.safetensors --side text texts.safetensors -o t.safetensors
	for s in images unknown; do
		vlm-adapt --apply m.safetensors --side image $s.safetensors -o $s.adapted
	done
	vlm-zeroshot --images images.adapted --texts t.safetensors --unknown unknown.adapted \
		--scores vmf,kappa >want
	vlm-zeroshot "${ALL[@]}" --adapter m.safetensors --unknown unknown.safetensors \
		--scores vmf,kappa -j 2 | cmp - want
	! vlm-zeroshot "${ALL[@]}" --unknown unknown.safetensors --scores vmf,kappa | cmp -s - want
	fails 3 "texts.safetensors" vlm-zeroshot "${ALL[@]}" --adapter texts.safetensors
}

@test "lines to plot: bins whose mean is the accuracy, a curve that ends at the error rate" {
	vlm-zeroshot "${ALL[@]}" --bins 9 --curve c --format json >s
	[ "$(grep -c "^bin	images	10	" c)" = 9 ]
	awk '$1 == "bin" { n += $3; y += $3 * $5 } END { printf "%.12f\n", y / n }' c >got
	jq .accuracy s | awk '{ printf "%.12f\n", $1 }' | cmp - got
	tail -1 c | awk '{ printf "%s %s %.12f\n", $1, $3, 1 - $4 }' >got
	jq .accuracy s | awk '{ printf "risk 1 %.12f\n", $1 }' | cmp - got
	awk '$1 == "risk" && $3 <= last { bad = 1 } $1 == "risk" { last = $3 } END { exit bad }' c
}

@test "intervals hold what they are of, and depend on the seed alone" {
	vlm-zeroshot "${ALL[@]}" --bootstrap 200 --format json >a
	for k in aurc auroc; do
		jq -e --arg k "uncertainty.$k" '.[$k + ".lo"] < .[$k] and .[$k] < .[$k + ".hi"]' a
	done
	vlm-zeroshot "${ALL[@]}" --bootstrap 200 --format json -j 2 | cmp - a
	vlm-zeroshot "${ALL[@]}" --bootstrap 200 --format json -s 1 >b
	[ "$(jq '.["uncertainty.aurc"]' a)" = "$(jq '.["uncertainty.aurc"]' b)" ]
	[ "$(jq '.["uncertainty.aurc.lo"]' a)" != "$(jq '.["uncertainty.aurc.lo"]' b)" ]
}

@test "without kappa of texts: given, fitted to the validation set, or refused" {
	st-cat -1 --tensor emb --tensor label texts.safetensors >t.safetensors
	fails 2 "give --kappa, or --val" vlm-zeroshot --images images.safetensors --texts t.safetensors \
		--unknown unknown.safetensors --scores vmf
	fails 3 "no tensor 'kappa' to weigh texts by" vlm-zeroshot --images images.safetensors \
		--texts t.safetensors --weights kappa
	vlm-zeroshot --images images.safetensors --texts t.safetensors --unknown unknown.safetensors \
		--scores vmf --kappa 12 --format json >given
	[ "$(jq .kappa given)" = 12 ]
	vlm-zeroshot --images images.safetensors --texts t.safetensors --unknown unknown.safetensors \
		--scores vmf,cosine --val val.safetensors --format json >fitted
	# One concentration for all: the likelihood orders as the cosine does.
	[ "$(jq '.["unknown.vmf.auroc"] == .["unknown.cosine.auroc"] and .kappa > 5 and .kappa < 40' fitted)" = true ]
	[ "$(jq '.["unknown.vmf.known_kept"] > .["unknown.vmf.kept"]' fitted)" = true ]
}

@test "a temperature that no labels ask for stays as it was, and is said not to be fitted" {
	vlm-zeroshot "${ALL[@]}" --val val.safetensors --format json >s
	jq -e .t_fitted s
	"$PYTHON" - "$ROOT/test/golden" <<-'END' || skip "no NumPy"
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import save
		rng = np.random.default_rng(1)
		t = np.eye(3, 8, dtype="f4")
		x = (t.repeat(5, 0) + 0.1 * rng.standard_normal((15, 8))).astype("f4")
		y = np.arange(15) // 5
		save("t.safetensors", {"emb": t, "label": np.arange(3)}, kind="embed")
		save("right.safetensors", {"emb": x, "label": y}, kind="embed")
		save("wrong.safetensors", {"emb": x, "label": (y + 1) % 3}, kind="embed")
		save("equal.safetensors", {"emb": np.ones((4, 8), "f4"), "label": np.arange(4) % 3}, kind="embed")
		y[0] = 1
		save("most.safetensors", {"emb": x, "label": y}, kind="embed")
	END
	a=(--images most.safetensors --texts t.safetensors --logit-scale 20)
	for v in right wrong equal; do
		run --separate-stderr vlm-zeroshot "${a[@]}" --val $v.safetensors --format json
		[ "$status" = 0 ]
		[[ $stderr == *"$v.safetensors: no temperature is fitted, it stays 1"* ]]
		jq -e '.t_fitted == false and .temperature == 1 and .["scaled.nll"] == .nll and
			.["scaled.ece"] == .ece' <<<"$output"
		vlm-zeroshot "${a[@]}" --val $v.safetensors 2>/dev/null | grep -q '^t_fitted	false$'
		vlm-adapt -a temperature --images $v.safetensors --texts t.safetensors --scale 30 --no-sync \
			-o m.safetensors 2>err
		grep -q "no scale is fitted, it stays 30" err
		st-cat -1 --tensor scale.weight m.safetensors | tail -c 4 | od -An -tf4 | grep -qx ' *30'
	done
	run --separate-stderr vlm-zeroshot "${a[@]}" --val most.safetensors --format json
	[ -z "$stderr" ]
	jq -e '.t_fitted and .temperature > 1 and .["scaled.nll"] < .nll' <<<"$output"
}

@test "images without labels: rows alone, and a word on labels where nothing else is asked" {
	vlm-zeroshot --images unknown.safetensors --texts texts.safetensors --rows r --format json >s 2>err
	[ ! -s err ]
	[ "$(jq -c 'keys_unsorted' s)" = '["schema","kind","n","classes"]' ]
	[ "$(jq -s 'length' r)" = 35 ]
	run --separate-stderr vlm-zeroshot --images unknown.safetensors --texts texts.safetensors
	[ "$status" = 0 ]
	[[ $stderr == *"unknown.safetensors: no labels beside the rows, so the answers are not measured; --labels"* ]]
	fails 3 "no labels to measure by; --labels gives them" vlm-zeroshot --images unknown.safetensors \
		--texts texts.safetensors --curve c
	fails 3 "no labels to fit to; --val-labels gives them" vlm-zeroshot "${ALL[@]}" --val unknown.safetensors
}

@test "labels from a source of their own are those beside the rows" {
	st-cat -1 --tensor emb --tensor id images.safetensors >x.safetensors
	st-cat -1 --tensor emb val.safetensors >v.safetensors
	vlm-zeroshot "${ALL[@]}" --val val.safetensors --rows want.rows >want
	own=(--texts texts.safetensors --images x.safetensors --labels images.safetensors#label --rows r)
	vlm-zeroshot "${own[@]}" --val v.safetensors --val-labels val.safetensors#label | cmp - want
	cmp r want.rows
	vlm-zeroshot "${ALL[@]}" --labels images.safetensors#label --val val.safetensors | cmp - want
	fails 3 "'label' is I64 40, must be 90 integers" vlm-zeroshot --texts texts.safetensors \
		--images x.safetensors --labels val.safetensors#label
	fails 3 "tensor 'lable' is missing" vlm-zeroshot --texts texts.safetensors --images x.safetensors \
		--labels images.safetensors#lable
	vlm-zeroshot "${own[@]}" --val v.safetensors --val-labels val.safetensors#label --labels images.safetensors |
		cmp - want
	fails 3 "images.safetensors#id: row 0: label 100, there are 7 classes" vlm-zeroshot \
		--texts texts.safetensors --images x.safetensors --labels images.safetensors#id
	fails 2 "is where another output is written" vlm-zeroshot "${ALL[@]}" --rows both --curve both
	[ ! -e both ]
	fails 2 "--val-labels needs --val as well" vlm-zeroshot "${ALL[@]}" --val-labels val.safetensors#label
}

@test "no cosine is beyond 1, though products of rows are" {
	"$PYTHON" - "$ROOT/test/golden" <<-'END' || skip "no NumPy"
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import save
		x = np.random.default_rng(1).standard_normal((40, 64)).astype("f4")
		save("x.safetensors", {"emb": np.concatenate([x, 3 * x]), "label": np.arange(80) % 40}, kind="embed")
		save("t.safetensors", {"emb": x, "label": np.arange(40)}, kind="embed")
	END
	vlm-zeroshot --images x.safetensors --texts t.safetensors --uncertainty cosine --rows r --format json >s
	jq -s -e 'map(.uncertainty) | min == 0 and max < 1e-6' r
	jq -e '.accuracy == 1' s
	vlm-zeroshot --images t.safetensors --texts t.safetensors --uncertainty energy --logit-scale 1000 --rows r >s
	awk 'NR > 1 && $8 < -1000 { exit 1 }' r
}

@test "fewer images than bins, and a text without concentration: the rest is said" {
	vlm-zeroshot "${ALL[@]}" --format json >want
	run --separate-stderr vlm-zeroshot "${ALL[@]}" --bins 91 --format json --bootstrap 3
	[ "$status" = 0 ]
	[[ $stderr == *"images.safetensors: 90 answers do not fill 91 bins"* ]]
	jq -e --slurpfile w want '.accuracy == $w[0].accuracy and .["uncertainty.aurc"] == $w[0]["uncertainty.aurc"] and
		.["uncertainty.spearman"] == null and .["uncertainty.s_r2"] == null and .["uncertainty.s_r2.lo"] == null and
		.["uncertainty.aurc.lo"] <= .["uncertainty.aurc"]' <<<"$output"
	"$PYTHON" - "$ROOT/test/golden" <<-'END' || skip "no NumPy"
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import save, stream
		t = {k: v.copy() for k, v in next(iter(stream("texts.safetensors")))[0].items()}
		t["kappa"][3] = 0
		save("zero.safetensors", t, kind="embed")
		t["kappa"][3] = 1e-30
		save("tiny.safetensors", t, kind="embed")
	END
	# The text of class 1; its direction is the text's, however little it weighs.
	for weights in uniform kappa; do
		for k in zero tiny; do
			vlm-zeroshot --images images.safetensors --texts $k.safetensors --weights $weights --no-prov \
				--unknown unknown.safetensors --scores kappa --uncertainty kappa \
				--write-classes $k.c >$k.$weights
		done
		cmp {zero,tiny}.$weights
		cmp <(st-cat -1 --tensor emb zero.c) <(st-cat -1 --tensor emb tiny.c)
	done
	vlm-zeroshot --images images.safetensors --texts zero.safetensors --uncertainty kappa --format json |
		jq -e '.accuracy > 0.5 and .["uncertainty.auroc"] != null'
}

@test "fewer than five classes have no accuracy@5" {
	echo '{"0":[0],"1":[3],"2":[4],"3":[6]}' >g.json
	fails 3 "there are 4 classes" vlm-zeroshot "${ALL[@]}" --classes g.json
	vlm-zeroshot --images texts.safetensors --texts texts.safetensors >/dev/null
	"$PYTHON" - "$ROOT/test/golden" <<-'END' || skip "no NumPy"
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import save
		x = np.eye(4, 12, dtype="f4").repeat(5, 0)
		save("few.safetensors", {"emb": x, "label": np.arange(20) // 5}, kind="embed")
	END
	vlm-zeroshot --images few.safetensors --texts texts.safetensors --classes g.json --format json >s
	[ "$(jq '.["accuracy@5"]' s)" = null ]
}

@test "bad input is refused by name and row" {
	fails 2 "--images must be given" vlm-zeroshot --texts texts.safetensors
	fails 2 "want each:C" vlm-zeroshot "${ALL[@]}" --classes each:0
	fails 3 "14 texts are not as many for each of 4 classes" vlm-zeroshot "${ALL[@]}" --classes each:4
	fails 4 "nowhere.json" vlm-zeroshot "${ALL[@]}" --classes nowhere.json
	echo '{"0":[0],"2":[1]}' >g.json
	vlm-zeroshot --images unknown.safetensors --texts texts.safetensors --classes g.json --rows r >/dev/null
	[ "$(awk -F '\t' 'NR > 1 { print $4 }' r | sort -u | xargs)" = "0 2" ]
	echo '{"0":[0],"1":[]}' >g.json
	fails 3 "class 1 has no text" vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '{"0":[0],"1":[14]}' >g.json
	fails 3 '"1": text row 14, there are 14' vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '{"0":[0,3,0],"1":[1]}' >g.json
	fails 3 '"0": text row 0 occurs twice' vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '{"0":[-1]}' >g.json
	fails 3 'text row -1' vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '{"0":["x"]}' >g.json
	fails 3 'want text rows' vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '[]' >g.json
	fails 3 'want an object' vlm-zeroshot "${ALL[@]}" --classes g.json
	echo '{}' >g.json
	fails 3 'want an object' vlm-zeroshot "${ALL[@]}" --classes g.json
	fails 2 "vmf is given twice" vlm-zeroshot "${ALL[@]}" --scores vmf,vmf
	fails 2 "did you mean 'energy'" vlm-zeroshot "${ALL[@]}" --scores enrgy
	"$PYTHON" - "$ROOT/test/golden" <<-'END' || skip "no NumPy"
		import sys
		sys.path.insert(0, sys.argv[1])
		import numpy as np
		from fed_record import save, stream
		t = {k: v.copy() for k, v in next(iter(stream("texts.safetensors")))[0].items()}
		bad = dict(t, emb=t["emb"].copy()); bad["emb"][3] = 0; save("zero.safetensors", bad, kind="embed")
		bad = dict(t, emb=t["emb"].copy()); bad["emb"][2, 1] = np.nan; save("nan.safetensors", bad, kind="embed")
		bad = dict(t, kappa=t["kappa"].copy()); bad["kappa"][5] = -1; save("kappa.safetensors", bad, kind="embed")
		bad = dict(t, kappa=t["kappa"].astype("f8")); bad["kappa"][4] = 1e101; save("large.safetensors", bad, kind="embed")
		bad = dict(t, label=t["label"].copy()); bad["label"][13] = 99; save("label.safetensors", bad, kind="embed")
		bad = dict(t, emb=t["emb"].copy()); bad["emb"][5] = -bad["emb"][4]; save("cancel.safetensors", bad, kind="embed")
		save("wide.safetensors", {"emb": np.ones((3, 5), "f4")}, kind="embed")
	END
	fails 3 "row 3" vlm-zeroshot --images images.safetensors --texts zero.safetensors
	fails 3 "row 2" vlm-zeroshot --images images.safetensors --texts nan.safetensors
	fails 3 "row 2" vlm-zeroshot --images nan.safetensors --texts texts.safetensors
	fails 3 "kappa of row 4 is 1e+101, want one from 0 to 1e+100" vlm-zeroshot --images images.safetensors --texts large.safetensors
	fails 3 "kappa of row 5 is -1" vlm-zeroshot --images images.safetensors --texts kappa.safetensors
	fails 3 "text row 13: label 99" vlm-zeroshot --images images.safetensors --texts label.safetensors
	fails 3 "class 2: its texts have no common direction" vlm-zeroshot --images images.safetensors --texts cancel.safetensors
	fails 3 "rows of 5, texts are of 12" vlm-zeroshot --images wide.safetensors --texts texts.safetensors
	fails 3 "row 13: label 99" vlm-zeroshot --images label.safetensors --texts texts.safetensors
}

@test "nothing is published on failure" {
	fails 4 "/nowhere/x" vlm-zeroshot "${ALL[@]}" --rows r --write-classes c --curve /nowhere/x
	[ ! -e r ] && [ ! -e c ]
	run ! sh -c 'vlm-zeroshot "$@" --rows r >/dev/full' sh "${ALL[@]}"
	[ ! -e r ]
	[ -z "$(ls -A | grep -F .tmp)" ]
}

@test "records cut short anywhere are refused, each with a message" {
	for cut in $(seq 0 97 "$(($(stat -c %s unknown.safetensors) - 1))"); do
		head -c "$cut" unknown.safetensors >cut.safetensors
		run --separate-stderr vlm-zeroshot "${ALL[@]}" --unknown cut.safetensors
		[ "$status" = 3 ]
		[[ $stderr == *cut.safetensors* ]]
	done
}

@test "the manual's examples run" {
	vlm-zeroshot --images images.safetensors --texts texts.safetensors \
		--bootstrap 1000 --format json | jq -e '.["uncertainty.s_r2.lo"] <= .["uncertainty.s_r2"]' >/dev/null
	vlm-zeroshot --images images.safetensors --texts texts.safetensors \
		--val val.safetensors --unknown unknown.safetensors --scores maxprob,vmf >s
	[ "$(grep -cE '^(temperature|unknown\.vmf)' s)" = 5 ]
	vlm-zeroshot --images images.safetensors --texts texts.safetensors \
		--weights kappa --write-classes classes.safetensors >/dev/null
	st-check classes.safetensors
}

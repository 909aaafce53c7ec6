#!/usr/bin/env bats
# vlm-retrieve: hits and metrics against a naive search in double, formats, merging,
# selections, adapters' scores, bad input.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	E=$ROOT/test/golden/embed
	cd "$BATS_TEST_TMPDIR"
	"$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	"$PYTHON" "$ROOT/test/golden/retrieve/naive.py" make .
}

# npy FILE EXPRESSION: an array in NumPy.
npy() {
	"$PYTHON" -c "import numpy as np, sys; np.save(sys.argv[1], $2)" "$1"
}

naive() {
	"$PYTHON" "$ROOT/test/golden/retrieve/naive.py" check . "$@"
}

both() {
	local name=$1
	shift
	vlm-retrieve --gallery "$name-image.safetensors" --queries "$name-text.safetensors" --both \
		--truth groups:3 --metric hit@1,hit@5,recall@5,mrr,medr,meanr,rsum --format json "$@"
}

@test "hits and metrics of both directions are those of a naive search in double" {
	for name in ints floats; do
		for score in ip cosine vmf ps csd product; do
			both $name --score $score --top 7 >$name-out
			naive $name-out
			vlm-retrieve --queries $name-image.safetensors --gallery $name-text.safetensors --both \
				--truth groups:3 --metric hit@1,hit@5,recall@5,mrr,medr,meanr,rsum \
				--format json --images --score $score --top 200 >$name-out
			naive $name-out images
		done
	done
}

@test "equal bytes for any -j, memory, first pass and instruction set" {
	for score in cosine vmf ps csd product; do
		both floats --score $score >want
		for first in exact bf16 int8; do
			both floats --score $score --first-pass $first -j 3 --memory 1M | cmp - want
		done
		for cpu in ref sse2 avx2; do
			if ! FL_CPU=$cpu fl-init --version >/dev/null 2>&1; then continue; fi
			FL_CPU=$cpu both floats --score $score | cmp - want
		done
	done
}

@test "a planted tie at the last hit is counted" {
	both ints --score ip --top 7 | tail -1 >s
	[ "$(jq .queries_with_tie_at_k s)" -gt 0 ]
	[ "$(jq .queries s) $(jq .gallery s) $(jq .positives s)" = "180 60 180" ]
}

@test "ties in favour of positives and against them enclose the order by id" {
	for t in optimistic index pessimistic; do
		both ints --score ip --ties $t | tail -1 | jq '.["hit@1"]'
	done >h
	[ "$(sort -gr h)" = "$(cat h)" ]
	[ "$(sort -u h | wc -l)" -gt 1 ]
}

@test "numbers are those that a shell, sort and jq read: 10 is not 1e1" {
	"$PYTHON" - <<-END
		import numpy as np
		e = np.eye(12, dtype="f4") + 10
		np.save("g.npy", e)
		np.save("p.npy", np.full(12, 9))
	END
	vlm-retrieve --gallery g.npy --queries g.npy --score ip --truth diagonal --metric medr,meanr,rsum --both \
		--no-hits >diagonal
	grep -qx '#rsum	600' diagonal
	m=$(vlm-retrieve --gallery g.npy --queries g.npy --score ip --truth p.npy --metric medr --no-hits |
		awk '$1 == "#medr" { print $2 }')
	[ "$m" -le 10 ] && [ "$m" -ge 9 ]
	vlm-retrieve --gallery g.npy --queries g.npy --score ip --top 1 >t
	[ "$(cut -f 4 t | sort -u)" = 1221 ]
	npy g.npy '1e3 * np.arange(1, 4, dtype="f4")[:, None]'
	[ "$(vlm-retrieve --gallery g.npy --queries g.npy --score ip | cut -f 4 | sort -nr | xargs)" = \
		"9000000 6000000 6000000 4000000 3000000 3000000 2000000 2000000 1000000" ]
}

@test "a cosine is at most 1: rows of one direction tie, in one gallery and in shards" {
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import write
		from pathlib import Path
		r = np.random.default_rng(1)
		x = r.standard_normal((30, 64)).astype("f4")
		g = np.concatenate([x, 2 * x, -x, x, 7 * x])
		id = r.permutation(500)[:150]
		write(Path("q"), emb=x, id=1000 + np.arange(30), kappa=np.full(30, 100.0))
		write(Path("g"), emb=g, id=id)
		for k in range(3):
		    write(Path("g%d" % k), emb=g[k::3], id=id[k::3])
	END
	for score in cosine vmf ps; do
		a="--queries q --score $score --top 5 --format json"
		vlm-retrieve --gallery g $a >want
		for cpu in ref sse2 avx2; do
			if ! FL_CPU=$cpu fl-init --version >/dev/null 2>&1; then continue; fi
			for first in exact bf16 int8; do FL_CPU=$cpu vlm-retrieve --gallery g $a --first-pass $first | cmp - want; done
		done
		for k in 0 1 2; do vlm-retrieve --gallery g$k $a >part$k; done
		vlm-retrieve --merge --top 5 --format json part? | cmp - want
	done
	vlm-retrieve --gallery g --queries q --score cosine --top 150 >t
	[ "$(awk '$4 > 1 || $4 < -1' t | wc -l)" = 0 ]
	[ "$(awk '$4 == 1' t | wc -l)" -gt 30 ] && [ "$(awk '$4 == -1' t | wc -l)" -gt 5 ]
	# Those of cosine 1 go by id.
	awk '$4 == 1 && $1 == q && $3 < id { exit 1 } { q = $1; id = $3 }' t
}

@test "TSV, JSON, TREC, ranking and npy say the same" {
	args="--gallery floats-image.safetensors --queries floats-text.safetensors --top 4"
	vlm-retrieve $args --ranking r.json --ids i.npy --scores s.npy -o t --no-sync
	vlm-retrieve $args --format json >j
	vlm-retrieve $args --format trec >trec
	jq -r '.query as $q | range(.ids | length) as $k | [$q, $k + 1, .ids[$k], .scores[$k]] | @tsv' j |
		awk '{ print $1, $2, $3 }' >j3
	awk '{ print $1, $2, $3 }' t | cmp - j3
	awk '{ print $1, $4, $3 }' trec | cmp - j3
	[ "$(awk '{ print NF, $2, $6 }' trec | sort -u)" = "6 Q0 fltools" ]
	jq -r 'to_entries[] | .key as $q | .value | to_entries[] | "\($q) \(.key + 1) \(.value)"' r.json | cmp - j3
	"$PYTHON" - <<-END
		import numpy as np
		i, s = np.load("i.npy"), np.load("s.npy")
		t = np.loadtxt("t", dtype=str)
		assert (i.ravel() == t[:, 2].astype(int)).all() and i.shape == s.shape == (180, 4)
		assert (s.astype("f4").ravel() == t[:, 3].astype("f4")).all()
	END
}

@test "answers of parts of a gallery merge to the answer of the whole" {
	npy rows.npy 'np.random.default_rng(1).standard_normal((90, 12)).astype("f4")'
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import write
		from pathlib import Path
		x = np.load("rows.npy")
		x[60:] = x[:30]
		for name, a, b in (("a", 0, 40), ("b", 40, 43), ("c", 43, 90)):
		    write(Path(name), emb=x[a:b], id=np.arange(a, b) * 7 % 90)
	END
	q="--queries floats-text.safetensors --top 6 --score cosine"
	for f in json tsv; do
		vlm-retrieve --gallery a --gallery b --gallery c $q --format $f >want
		for g in a b c; do vlm-retrieve --gallery $g $q --format $f >$g.$f; done
		vlm-retrieve --merge --top 6 --format $f a.$f b.$f c.$f | cmp - want
		cat c.$f a.$f b.$f | vlm-retrieve --merge --top 6 --format $f | cmp - want
	done
	fails 3 "id 0 is in two answers" vlm-retrieve --merge --top 6 a.json a.json
	fails 3 "a.json: line 1: query" vlm-retrieve --merge --top 7 a.json b.json
	fails 3 "line 1: holds a NUL byte" vlm-retrieve --merge rows.npy
	echo "1 2 3 4" >bad
	fails 3 "not query, rank, id and score" vlm-retrieve --merge bad
	head -c 100 a.json >cut
	fails 3 "cut: line 1: truncated" vlm-retrieve --merge cut
	: >none
	fails 3 "none: empty" vlm-retrieve --merge --top 6 none a.json -o out
	head -n 2 b.json >cut
	fails 3 "in 2: one was cut short" vlm-retrieve --merge --top 6 a.json cut -o out
	[ ! -e out ]
	vlm-retrieve --merge --top 6 a.tsv none >/dev/null
}

@test "shards, a stream of them, and one record are the same gallery" {
	vlm-retrieve --gallery "$E/f32.safetensors" --queries "$E/f4.npy" >want
	vlm-retrieve --gallery "$E/shards.sts" --queries "$E/f4.npy" | cmp - want
	vlm-retrieve --gallery - --queries "$E/f4.npy" <"$E/shards.sts" | cmp - want
	vlm-retrieve --gallery "$E/f32.safetensors" --queries "$E/f4.fvecs" | cmp - want
	vlm-retrieve --gallery "$E/f4.npy" --gallery "$E/f4.fbin" --queries "$E/f4.npy" --top 14 >two
	[ "$(cut -f 3 two | sort -un | tail -1)" = 13 ]
}

@test "--self, --min-score, --only and --except" {
	npy g.npy 'np.eye(6, 8, dtype="f4")[[0, 1, 2, 0, 3, 1]]'
	vlm-retrieve --gallery g.npy --queries g.npy --self --min-score 0.5 >t
	[ "$(awk '{ printf "%s-%s ", $1, $3 }' t)" = "0-3 1-5 3-0 5-1 " ]
	printf '0\n3\n\n' >ids
	[ "$(vlm-retrieve --gallery g.npy --queries g.npy --only ids --top 1 | cut -f 3 | xargs)" = "0 0 0 0 0 0" ]
	[ "$(vlm-retrieve --gallery g.npy --queries g.npy --except ids --top 9 | cut -f 3 | sort -u | xargs)" = "1 2 4 5" ]
	echo 77 >>ids
	run --separate-stderr vlm-retrieve --gallery g.npy --queries g.npy --only ids --top 1
	[ "$status" = 0 ]
	[[ $stderr == *"ids: 1 ids that no row of the gallery has"* ]]
	echo 77 >ids
	fails 3 "leave no row" vlm-retrieve -q --gallery g.npy --queries g.npy --only ids
	echo 7x >ids
	fails 3 "ids: line 1 is not an id" vlm-retrieve --gallery g.npy --queries g.npy --except ids
}

@test "metrics over a part of the gallery are those of a gallery of that part" {
	"$PYTHON" -c 'for i in range(30): print(i)' >ids
	npy i.npy 'np.random.default_rng(1).standard_normal((60, 9)).astype("f4")'
	npy t.npy 'np.load("i.npy").repeat(2, 0) + np.random.default_rng(2).standard_normal((120, 9)).astype("f4")'
	npy i2.npy 'np.load("i.npy")[:30]'
	npy t2.npy 'np.load("t.npy")[:60]'
	m="--truth groups:2 --both --no-hits --metric hit@1,meanr,mrr"
	vlm-retrieve --gallery i2.npy --queries t2.npy $m | grep -E '#(reverse.)?(hit|mean|mrr)' >want
	fails 3 "query row 60 has no positive among the rows searched" vlm-retrieve --gallery i.npy --queries t.npy --only ids --truth groups:2
	vlm-retrieve --gallery i.npy --queries t.npy --only ids --skip-unmatched $m >got
	grep -q '^#skipped	60$' got
	# the queries passed over still are rows that others rank
	cmp <(grep -E '#(hit|mean|mrr)' got) <(grep -v reverse want)
}

@test "any truth, with --self, --both, folds, parts and shards: as matrices of NumPy have it" {
	measured=$("$PYTHON" "$ROOT/test/golden/retrieve/relation.py" . 0 320)
	[ "$measured" -gt 160 ]
}

@test "positives by id are the same relation in both directions" {
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import write
		from pathlib import Path
		e = np.eye(3, dtype="f4")
		write(Path("q"), emb=e[[1, 2, 0]], id=np.arange(3))
		write(Path("g"), emb=e, id=np.arange(3))
		write(Path("far"), emb=e, id=np.array([50, 51, 52]))
	END
	echo '{"0":[1],"1":[2],"2":[0]}' >t.json
	vlm-retrieve --queries q --gallery g --truth t.json --both --no-hits --metric hit@1 --format json >s
	[ "$(jq -c '[.["hit@1"], .["reverse.hit@1"], .positives, .["reverse.positives"]]' s)" = "[1,1,3,3]" ]
	echo '{"0":[51],"1":[52],"2":[52,60],"9":[50]}' >t.json
	run --separate-stderr vlm-retrieve --queries q --gallery far --truth t.json --both --no-hits \
		--metric hit@1 --format json --skip-unmatched
	[ "$(jq -c '[.["hit@1"], .["reverse.hit@1"], .skipped, .["reverse.skipped"]]' <<<"$output")" = "[0.6666666666666666,1,0,1]" ]
	[[ $stderr == *"2 entries with ids that no row has are passed over"* ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	echo '{"0":[51],"1":[52],"2":[52]}' >t.json
	fails 3 "t.json: gallery row 0 has no positive; 1 of 3 have none" \
		vlm-retrieve --queries q --gallery far --truth t.json --both --no-hits
}

@test "a row of the gallery that is left out needs no positive" {
	npy g.npy 'np.eye(4, dtype="f4")'
	npy q.npy 'np.eye(4, dtype="f4")[[2, 0]]'
	npy of.npy 'np.array([2, 0])'
	printf '0\n2\n' >some
	m="--gallery g.npy --queries q.npy --truth of.npy --both --no-hits --metric hit@1 --format json"
	fails 3 "of.npy: gallery row 1 has no positive; 2 of 4 have none" vlm-retrieve $m
	vlm-retrieve $m --only some | jq -e '.["hit@1"] == 1 and .["reverse.hit@1"] == 1 and .gallery == 2'
	printf '0\n1\n2\n' >some
	fails 3 "gallery row 1 has no positive among the rows searched" vlm-retrieve $m --only some
}

@test "--self is by id: one row of the gallery as the query" {
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import write
		from pathlib import Path
		g, label = np.eye(4, dtype="f4") + 1, np.array([0, 0, 1, 1], "i4")
		write(Path("g"), emb=g, id=np.arange(10, 14), label=label)
		write(Path("q"), emb=g[[2]], id=np.array([12]), label=label[[2]])
		write(Path("other"), emb=g[[2]], id=np.array([70]), label=label[[2]])
	END
	m="--gallery g --truth label --self --metric map --format json"
	[ "$(vlm-retrieve --queries q $m --no-hits | jq -c '[.positives, .["map@r"]]')" = "[1,0]" ]
	[ "$(vlm-retrieve --queries q $m | head -1 | jq -c .ids)" = "[10,11,13]" ]
	run --separate-stderr vlm-retrieve --queries other $m --no-hits
	[ "$(jq .positives <<<"$output")" = 2 ]
	[[ $stderr == *"--self: no query has the id of a row of the gallery"* ]]
}

@test "little to go by: what can be said is NumPy's, the rest is null" {
	nulls=$("$PYTHON" "$ROOT/test/golden/retrieve/little.py" . 0 100)
	[ "$nulls" -gt 100 ]
}

@test "what few rows leave open is said, unless it was asked for" {
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import write
		from pathlib import Path
		e = np.eye(4, dtype="f4")
		write(Path("i"), emb=e)
		write(Path("t"), emb=e, kappa=np.array([3, 0, 2, 5.0]))
		write(Path("u"), emb=e, uncertainty=np.array([-3, np.inf, -np.inf, 0]))
		write(Path("n"), emb=e, uncertainty=np.array([3, np.nan, 2, 5.0]))
		write(Path("k"), emb=e, kappa=np.array([3, 1, -2, 5.0]))
		write(Path("l"), emb=e, kappa=np.array([3, 1e30, 1e31, 5.0]), var=np.full((4, 4), 1e36, "f4"))
	END
	a="--gallery i --truth diagonal --no-hits --format json"
	run --separate-stderr vlm-retrieve $a --queries t
	[ "$status" = 0 ]
	[[ $stderr == *"4 answers do not fill 10 bins, so nothing is said over bins; --bins takes fewer"* ]]
	jq -e '.["hit@1"] == 1 and .["hit@5"] == null and .["hit@10"] == null and .["uncertainty.spearman"] == null
		and .["uncertainty.aurc"] == 0' <<<"$output"
	vlm-retrieve $a --queries u --bins 2 --curve c >s
	jq -e '.["uncertainty.risk@80"] == 0' s
	[ "$(cut -f 1,4-7 c | head -2 | tr '\t' ' ')" = "$(printf 'bin -inf 1 -inf -3\nbin inf 1 0 inf')" ]
	vlm-retrieve -q $a --queries t --min-score 2 >s
	vlm-retrieve -q $a --queries t --curve c >s
	[ "$(cut -f 1 c | sort -u)" = risk ]
	fails 3 "hit@5 looks at 5 places, the gallery has 4 rows" vlm-retrieve -q $a --queries t --metric hit@1,hit@5
	fails 3 "n: 'uncertainty' of row 1 is nan, want a number" vlm-retrieve $a --queries n
	for score in vmf ps product; do
		fails 3 "l: kappa of row 2 is 1e+31, beyond 1e+30, which score $score can tell" \
			vlm-retrieve --queries l --gallery l --score $score
	done
	fails 3 "l: var of row 0 is 4e+36" vlm-retrieve --queries l --gallery l --score csd
	echo 2 >two
	[ "$(vlm-retrieve --queries i --gallery l --except two --score vmf --images --top 3 | wc -l)" = 12 ]
	fails 3 "k: 'kappa' of row 2 is -2, want one from 0 on" vlm-retrieve $a --queries k
}

@test "folds are means over runs of images with their texts" {
	npy i.npy 'np.random.default_rng(1).standard_normal((60, 9)).astype("f4")'
	npy t.npy 'np.load("i.npy").repeat(2, 0) + np.random.default_rng(2).standard_normal((120, 9)).astype("f4")'
	m="--truth groups:2 --both --no-hits --metric hit@1,meanr --format json"
	for f in 0 1 2; do
		npy i$f.npy "np.load('i.npy')[20 * $f:][:20]"
		npy t$f.npy "np.load('t.npy')[40 * $f:][:40]"
		vlm-retrieve --gallery i$f.npy --queries t$f.npy $m
	done >parts
	vlm-retrieve --gallery i.npy --queries t.npy $m --folds 3 >got
	for k in 'hit@1' meanr reverse.hit@1 reverse.meanr; do
		"$PYTHON" -c "import json; p = [json.loads(x) for x in open('parts')]; g = json.load(open('got'))
assert abs(sum(x['$k'] for x in p) / 3 - g['$k']) < 1e-12"
	done
	vlm-retrieve --images --queries i.npy --gallery t.npy $m --folds 3 >turned
	[ "$(jq '.["reverse.hit@1"]' got)" = "$(jq '.["hit@1"]' turned)" ]
	fails 3 "60 images are not 7 folds" vlm-retrieve --gallery i.npy --queries t.npy $m --folds 7
	fails 3 "fold 0: hit@11 looks at 11 places" \
		vlm-retrieve --gallery i.npy --queries t.npy --truth groups:2 --no-hits --metric hit@11 --folds 6
	fails 2 "--folds needs --truth as well" vlm-retrieve --gallery i.npy --queries t.npy --folds 3
}

@test "plausible matches: R-precision by attributes is NumPy's" {
	"$PYTHON" "$ROOT/test/golden/retrieve/pmrp.py" make .
	both=(--queries text.safetensors --gallery image.safetensors --both --no-hits --format json --skip-unmatched)
	for z in "" :0 :1 :4; do
		vlm-retrieve "${both[@]}" --truth "attributes$z" --metric pmrp,hit@1 >p
		z=${z#:}
		"$PYTHON" "$ROOT/test/golden/retrieve/pmrp.py" check . p "${z:-2}"
	done
	# With one grade it is R-precision.
	vlm-retrieve "${both[@]}" --truth attributes:0 --metric pmrp,rprecision >p
	jq -e '.pmrp == .rprecision and .["reverse.pmrp"] == .["reverse.rprecision"]' p
	fails 3 "row 9 has no attribute at all; --skip-unmatched" vlm-retrieve --queries text.safetensors \
		--gallery image.safetensors --truth attributes --metric pmrp
	fails 3 "no attributes beside the rows" vlm-retrieve --queries floats-text.safetensors \
		--gallery floats-image.safetensors --truth attributes
	fails 2 "want a number from 0 to 64" vlm-retrieve --queries text.safetensors --gallery image.safetensors \
		--truth attributes:x --skip-unmatched
	fails 2 "pmrp wants --truth attributes" vlm-retrieve --queries text.safetensors --gallery image.safetensors \
		--truth groups:3 --metric pmrp
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		from naive import read, write
		from pathlib import Path
		r = {k: v.copy() for k, v in read(Path("image.safetensors")).items()}
		r["attributes"][5, 2] = 2
		write(Path("two.safetensors"), **r)
		r["attributes"] = r["attributes"][:, :7]
		r["attributes"][5, 2] = 1
		write(Path("few.safetensors"), **r)
	END
	fails 3 "two.safetensors: row 5: attribute 2 is neither 0 nor 1" vlm-retrieve --queries text.safetensors \
		--gallery two.safetensors --truth attributes --skip-unmatched
	fails 3 "text.safetensors has 9 attributes, few.safetensors 7" vlm-retrieve --queries text.safetensors \
		--gallery few.safetensors --truth attributes --skip-unmatched
}

@test "an adapter's model is applied to both sides, as by itself before" {
	vlm-adapt -a asymvlm:dim=12,hidden=8 --texts floats-text.safetensors --images floats-image.safetensors \
		--pairs groups:3 -e 1 -b 64 -s 1 --no-sync -o m.safetensors
	vlm-adapt --apply m.safetensors floats-text.safetensors --no-sync -o t.safetensors
	vlm-retrieve --adapter m.safetensors --gallery floats-image.safetensors --queries floats-text.safetensors \
		--truth groups:3 --format json >got
	vlm-adapt --apply m.safetensors --side image floats-image.safetensors --no-sync -o i.safetensors
	vlm-retrieve --gallery i.safetensors --queries t.safetensors --truth groups:3 --format json | cmp - got
	[ "$(tail -1 got | jq -r .score)" = vmf ]
	[ "$(tail -1 got | jq '.["uncertainty.aurc"] != null')" = true ]
}

@test "labels as truth, each row without itself" {
	vlm-retrieve --gallery floats-image.safetensors --queries floats-image.safetensors --self \
		--truth label --metric hit@1,meanr --no-hits --format json >s
	"$PYTHON" - <<-END
		import json, sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		import numpy as np
		from naive import read
		from pathlib import Path
		r = read(Path("floats-image.safetensors"))
		x = r["emb"].astype(float)
		x /= np.linalg.norm(x, axis=1, keepdims=True)
		c = np.round(x @ x.T, 12)
		c[np.diag_indices(60)] = -9
		first = []
		for q in range(60):
		    order = np.lexsort((r["id"], -c[q]))
		    first.append(min(k for k, g in enumerate(order) if r["label"][g] == r["label"][q] and g != q))
		s = json.load(open("s"))
		assert abs(s["hit@1"] - np.mean(np.array(first) < 1)) < 1e-9, (s, np.mean(np.array(first) < 1))
		assert abs(s["meanr"] - np.mean(first) - 1) < 1e-9
	END
}

@test "uncertainty of texts: of who asks, and of what was found" {
	both floats --score cosine --bins 5 --bootstrap 50 --no-hits --curve curve >s
	[ "$(jq '.["uncertainty.auroc"] != null and .["reverse.uncertainty.aurc"] != null and
		.["uncertainty.aurc.lo"] <= .["uncertainty.aurc"] and .["uncertainty.aurc"] <= .["uncertainty.aurc.hi"]' s)" = true ]
	[ "$(grep -c '^bin' curve)" = 10 ]
	grep -q '^risk	reverse	1	' curve
}

@test "a record says its score; texts and images that disagree are refused" {
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden/retrieve")
		from naive import read, write
		from pathlib import Path
		for side, score in (("text", "vmf"), ("image", "csd"), ("image", "nix")):
		    write(Path(side + "." + score), {"fl.metric": score}, **read(Path("floats-" + side + ".safetensors")))
	END
	vlm-retrieve --gallery floats-image.safetensors --queries text.vmf | cmp - \
		<(vlm-retrieve --gallery floats-image.safetensors --queries floats-text.safetensors --score vmf)
	fails 3 "fl.metric is vmf of the queries, csd of the gallery" vlm-retrieve --gallery image.csd --queries text.vmf
	fails 3 "fl.metric is nix, which is not known" vlm-retrieve --gallery image.nix --queries text.vmf
}

@test "pairs in a NumPy file are those of the record" {
	npy g.npy 'np.arange(180) // 3'
	npy p.npy 'np.stack([np.arange(180), np.arange(180) // 3], 1)'
	npy bad.npy 'np.array([[0, 0], [7, 60]])'
	npy real.npy 'np.zeros((3, 2))'
	a="--gallery floats-image.safetensors --queries floats-text.safetensors --metric hit@1,mrr --no-hits"
	vlm-retrieve $a --truth groups:3 >want
	vlm-retrieve $a --truth g.npy | cmp - want
	vlm-retrieve $a --truth p.npy | cmp - want
	fails 3 "bad.npy: pairs[1]: image row 60, there are 60" vlm-retrieve $a --truth bad.npy
	fails 3 "real.npy: tensor 'pairs' is F64 3x2, want integers" vlm-retrieve $a --truth real.npy
	fails 4 "diagonl: No such file or directory (no file, and not diagonal or groups:K)" \
		vlm-retrieve $a --truth diagonl
}

@test "bad rows are named, with their file" {
	npy g.npy 'np.ones((30, 4), "f4")'
	npy z.npy 'np.ones((30, 4), "f4") * (np.arange(30) != 7)[:, None].astype("f4")'
	npy n.npy 'np.where(np.arange(120).reshape(30, 4) == 50, np.nan, 1).astype("f4")'
	npy w.npy 'np.ones((30, 5), "f4")'
	npy h.npy 'np.full((30, 4), 3e38, "f4")'
	fails 3 "z.npy: row 7 is all zeros" vlm-retrieve --gallery z.npy --queries g.npy
	fails 3 "z.npy: row 7 is all zeros" vlm-retrieve --gallery g.npy --queries z.npy
	vlm-retrieve --gallery z.npy --queries g.npy --score ip >/dev/null
	fails 3 "n.npy: row 12 is not finite" vlm-retrieve --gallery g.npy --gallery n.npy --queries g.npy
	fails 3 "w.npy has rows of 5 values, g.npy of 4" vlm-retrieve --gallery g.npy --gallery w.npy --queries g.npy
	fails 3 "w.npy has rows of 5 values, g.npy of 4" vlm-retrieve --gallery g.npy --queries w.npy
	fails 5 "may leave the range of F32" vlm-retrieve --gallery h.npy --queries h.npy --score ip
	fails 3 "hit@31 looks at 31 places, the gallery has 30 rows" \
		vlm-retrieve --gallery g.npy --queries g.npy --truth diagonal --metric hit@31
	fails 3 "no kappa beside the rows" vlm-retrieve --gallery g.npy --queries g.npy --score vmf
	fails 4 "No such file" vlm-retrieve --gallery g.npy --queries none.npy
}

@test "options that contradict each other" {
	a="--gallery floats-image.safetensors --queries floats-text.safetensors"
	fails 2 "--gallery must be given, or --merge" vlm-retrieve --queries floats-text.safetensors
	fails 2 "--gallery and --merge exclude each other" vlm-retrieve $a --merge
	fails 2 "--both and --self exclude each other" vlm-retrieve $a --both --self
	fails 2 "--folds and --ids exclude each other" \
		vlm-retrieve $a --truth groups:3 --no-hits --folds 3 --ids x
	fails 2 "--metric needs --truth as well" vlm-retrieve $a --metric hit@1
	fails 2 "rsum adds up both directions: --both" vlm-retrieve $a --truth groups:3 --metric rsum
	fails 2 "--both has two rankings" vlm-retrieve $a --both
	fails 2 "a TREC run holds no metrics" vlm-retrieve $a --truth groups:3 --format trec
	fails 2 "standard input is given twice" vlm-retrieve --gallery - --queries -
	fails 2 "'x': operands need --merge" vlm-retrieve $a x
	fails 2 "unknown score" vlm-retrieve $a --score cosin || fails 2 "cosine" vlm-retrieve $a --score cosin
}

@test "nothing appears where something fails" {
	a="--gallery floats-image.safetensors --queries floats-text.safetensors"
	fails 4 "No such file" vlm-retrieve $a --ids i.npy --ranking none/r.json -o out
	[ ! -e out ] && [ ! -e i.npy ]
	run sh -c "vlm-retrieve $a >/dev/full"
	[ "$status" = 4 ]
}

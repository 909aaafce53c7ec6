#!/usr/bin/env bats
# vlm-adapt: training, validation, log, resume, divergence, applying, ensembling, fits,
# the same bytes for any -j and any format, bad input.

load fails

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -d planted:pairs=1500,dim=8,levels=6,seed=1 -k 1 -B iid -o t --no-sync
	fl-partition -d planted:pairs=60,dim=8,seed=5 -k 1 -B iid -o v --no-sync
	fl-partition -d planted:pairs=60,dim=6,seed=5 -k 1 -B iid -o n --no-sync
}

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_FILE_TMPDIR"
	T=t/0000.safetensors V=v/0000.safetensors N=n/0000.safetensors
	W=$BATS_TEST_TMPDIR
	SMALL="-a asymvlm:hidden=12,residual=on --texts $V#text --images $V#image --pairs $V -b 16 --no-sync"
}

# numbers EXPRESSION FILE...: Python over the files' tensors, r[0], r[1], ...
numbers() {
	local what=$1
	shift
	"$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	PYTHONPATH=$ROOT/test/golden PYTHONDONTWRITEBYTECODE=1 "$PYTHON" - "$what" "$@" <<'END'
import sys
import numpy as np
import fed_record

def rank(x):
    s = np.sort(x)
    return (np.searchsorted(s, x, "left") + np.searchsorted(s, x, "right")) / 2

r = [next(fed_record.stream(f))[0] for f in sys.argv[2:]]
ok = eval("(" + sys.argv[1] + ")")
print(sys.argv[1], ok)
sys.exit(not ok)
END
}

@test "learnt concentration ranks what was planted" {
	for a in asymvlm:hidden=32,residual=on asymvlm:hidden=32,residual=on,dist=ps pfe:hidden=32; do
		vlm-adapt -a $a --texts $T#text --images $T#image --pairs $T -e 30 -b 64 --no-sync -o "$W/a"
		vlm-adapt --apply "$W/a" $T#text --no-sync -o "$W/x"
		numbers 'np.corrcoef(rank(-r[0]["uncertainty"]), rank(r[1]["y"]))[0, 1] > .9' "$W/x" $T
	done
}

@test "the plain contrastive adapter brings widths together, for retrieval and zero-shot" {
	"$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	cd "$W"
	"$PYTHON" - <<'END'
import json
import numpy as np
r = np.random.default_rng(1)
c = r.normal(size=(300, 6))
t, i = (c @ r.normal(size=(6, d)) + .1 * r.normal(size=(300, d)) for d in (24, 10))
for n, x in ("t", t), ("i", i):
    np.save(n + ".npy", x[:200].astype("f4"))
    np.save("val-" + n + ".npy", x[200:].astype("f4"))
json.dump({str(k): k for k in range(100)}, open("truth.json", "w"))
np.save("labels.npy", np.arange(100))
END
	go() { vlm-adapt -a clip:hidden=32,out=8 --texts t.npy --images i.npy --no-sync "$@"; }
	for j in 1 3; do
		go -e 60 -b 64 --opt adam:lr=0.003 -j $j -o m$j
	done
	cmp m1 m3
	st-ls --meta m1 | grep -F 'fl.arch	clip:dim=24,image=10,out=8,hidden=32'
	# Chance is 0.01.
	vlm-retrieve --gallery val-i.npy --queries val-t.npy --adapter m1 --truth truth.json \
		--metric hit@1 --no-hits --format json | jq -e '.["hit@1"] > 0.9'
	vlm-zeroshot --images val-i.npy --texts val-t.npy --adapter m1 --labels labels.npy --format json |
		jq -e 'select(.accuracy) | .accuracy > 0.9'
	fails 3 "val-t.npy has rows of 24 values, val-i.npy of 10" \
		vlm-retrieve --gallery val-i.npy --queries val-t.npy
	fails 3 "val-i.npy: rows of 10 values, the adapter takes 24" vlm-adapt --apply m1 val-i.npy
	fails 2 "dim, image and out are one; not 24, 10 and 8" go -a clip:out=8,residual=on -o never
	fails 3 "i.npy: rows of 10 values, the adapter takes 24" go -a asymvlm -o never
	fails 2 "prefixes: 8 of 8 numbers are no prefix" go -a clip:out=8,prefixes=4+8 -o never

	# As pairs and as parts it is the same data to a client, to the bit; none may be missing.
	fl-partition -d pairs:texts=t.npy,images=i.npy -k 3 -B iid -s 1 -o pairs --no-sync
	fl-partition -d join:names=image+text,files=i.npy+t.npy -k 3 -B iid -s 1 -o parts --no-sync
	for d in pairs parts; do
		fl-local-train -m m1 -e 2 -b 16 --opt sgd:lr=0.1 --no-prov --no-sync -o $d.sts $d/*.safetensors
	done
	cmp pairs.sts parts.sts
	fl-partition -d join:names=image+text,files=i.npy+t.npy -k 1 -B iid --no-sync -o lost \
		--shift missing:by=example,rate=0.2
	fails 3 "loss clip compares both" fl-local-train -m m1 -o never lost/0000.safetensors
	[ ! -e never ]

	# At the embeddings themselves: scores of before.
	vlm-adapt -a clip --texts t.npy --images t.npy -e 0 --no-sync -o same
	vlm-adapt --apply same val-t.npy --no-sync -o x
	numbers 'np.abs(r[0]["emb"] - (t := np.load("val-t.npy")) / np.linalg.norm(t, axis=1)[:, None]).max() < 1e-6' x
	# Cut at 4 numbers, embeddings of a model that was to serve so are the better ones.
	for p in none 2+4; do
		go -a clip:hidden=32,out=16,prefixes=$p -e 60 -b 64 --opt adam:lr=0.003 -o p
		for s in t i; do
			vlm-adapt --apply p --side $([ $s = t ] && echo text || echo image) val-$s.npy --no-sync -o e-$s
		done
		PYTHONPATH=$ROOT/test/golden "$PYTHON" - $p <<'END'
import sys
import numpy as np
import fed_record
t, i = (next(fed_record.stream(f))[0]["emb"][:, :4] for f in ("e-t", "e-i"))
unit = lambda x: x / np.linalg.norm(x, axis=1)[:, None]
hit = ((unit(t) @ unit(i).T).argmax(1) == np.arange(100)).mean()
print(sys.argv[1], hit)
open("hits", "a").write(f"{hit}\n")
END
	done
	awk 'NR == 1 { a = $1 } NR == 2 { exit !($1 > a + 0.1) }' hits
}

@test "each baseline orders what was planted in the direction that the manual says" {
	for a in probvlm,0.2,1 prolip,-1,-0.4 pcmepp,-1,-0.8; do
		IFS=, read -r name lo hi <<<"$a"
		vlm-adapt -a $name:hidden=64 --texts $T#text --images $T#image --pairs $T -e 30 -b 64 -s 1 \
			--no-sync -o "$W/a"
		vlm-adapt --apply "$W/a" $T#text --no-sync -o "$W/x"
		numbers "$lo < np.corrcoef(rank(r[0]['uncertainty']), rank(-r[1]['y']))[0, 1] < $hi" "$W/x" $T
	done
}

@test "with mean=fixed the means stay, and concentration still ranks" {
	vlm-adapt -a asymvlm:hidden=32,mean=fixed --texts $T#text --images $T#image --pairs $T -e 30 -b 64 \
		--no-sync -o "$W/a"
	vlm-adapt --apply "$W/a" $T#text --no-sync -o "$W/x"
	numbers 'np.abs(r[0]["emb"] - r[1]["text"]).max() < 1e-6 and
		np.corrcoef(rank(r[0]["kappa"]), rank(r[1]["y"]))[0, 1] > .8' "$W/x" $T
}

@test "residual=on begins at the embeddings: no epoch, no change" {
	vlm-adapt $SMALL -e 0 -o "$W/a"
	vlm-adapt --apply "$W/a" $V#text --no-sync -o "$W/x"
	numbers 'np.abs(r[0]["emb"] - r[1]["text"]).max() < 1e-6 and
		np.abs(r[0]["kappa"] - 10).max() < 1e-4 and
		np.allclose(r[0]["uncertainty"] * r[0]["kappa"], 1)' "$W/x" $V
}

@test "running statistics follow the batches, as NumPy's do" {
	cat >"$W/bn.json" <<-'END'
	{"input":[16],"layers":[{"layer":"concat","body":[{"layer":"slice","size":8},{"layer":"batchnorm"},
	 {"layer":"linear","out":8}],"shortcut":[{"layer":"slice","begin":8,"size":8}]},
	 {"layer":"append","tensor":"tau","scalar":true}],"loss":"asymvlm"}
	END
	vlm-adapt -a "$W/bn.json" --texts $V#text --images $V#image --pairs $V --opt sgd:lr=0 -b 100 -e 2 \
		--no-sync -o "$W/bn.safetensors"
	numbers "np.allclose(r[0]['0.body.1.running_mean'], .19 * r[1]['text'][r[1]['pairs'][:, 0]].mean(0),
		atol=1e-6) and np.allclose(r[0]['0.body.1.running_var'], .81 + .19 *
		r[1]['text'][r[1]['pairs'][:, 0]].var(0, ddof=1), atol=1e-6) and r[0]['0.body.1.num_batches_tracked'] == 2" \
		"$W/bn.safetensors" $V
}

@test "training in two halves gives the bytes of one, whatever -j and the format" {
	"$PYTHON" -c 'import numpy' || skip "no NumPy"
	"$PYTHON" - $V "$W" "$ROOT" <<'END'
import sys
import numpy as np
sys.path.insert(0, sys.argv[3] + "/test/golden")
import fed_record
r = next(fed_record.stream(sys.argv[1]))[0]
for side in "text", "image":
    np.save(f"{sys.argv[2]}/{side}.npy", r[side])
    np.savez(f"{sys.argv[2]}/{side}.npz", a=r[side][:7], b=r[side][7:])
END
	vlm-adapt $SMALL -e 6 --val-texts $T#text --val-images $T#image --val-pairs $T --log "$W/1.log" -o "$W/1"
	vlm-adapt -j2 -a asymvlm:hidden=12,residual=on --texts "$W/text.npy" --images "$W/image.npz#a" \
		--images "$W/image.npz#b" --pairs $V -b 16 -e 6 --val-texts $T#text --val-images $T#image \
		--val-pairs $T --log "$W/2.log" -o "$W/2" --no-sync
	cmp "$W/1" "$W/2"
	cmp "$W/1.log" "$W/2.log"
	# Killed in the middle: the first line of the log means a whole epoch is kept.
	vlm-adapt $SMALL -e 6 --val-texts $T#text --val-images $T#image --val-pairs $T --log "$W/3.log" \
		--state "$W/s" -o "$W/3" &
	while [ ! -s "$W/3.log" ] && kill -0 $! 2>/dev/null; do :; done
	kill -9 $! 2>/dev/null || true
	wait $! || true
	vlm-adapt $SMALL -e 6 --val-texts $T#text --val-images $T#image --val-pairs $T --log "$W/3.log" \
		--state "$W/s" -o "$W/3"
	cmp "$W/1" "$W/3"
	cmp "$W/1.log" "$W/3.log"
}

@test "bf16 gives the same bytes everywhere, near those of f32, and says so" {
	local large="-a asymvlm:hidden=40,residual=on --texts $T#text --images $T#image --pairs $T -b 700 -e 2 --no-sync"
	vlm-adapt $large -o "$W/f32"
	vlm-adapt $large --precision bf16 -o "$W/1"
	for cpu in ref sse2 avx2 avx512; do
		run env FL_CPU=$cpu vlm-adapt -j2 $large --precision bf16 -o "$W/2"
		[[ $output == *"this processor has only"* ]] || cmp "$W/1" "$W/2"
	done
	numbers 'not all(np.array_equal(r[0][k], r[1][k]) for k in r[0]) and
		all(np.abs(r[0][k] - r[1][k]).max() < 2e-3 for k in r[0])' "$W/f32" "$W/1"
	st-ls --meta "$W/1" | grep -- "--precision=bf16"
	fails 2 "--precision and --apply exclude each other" vlm-adapt --apply "$W/1" --precision bf16 $V#text -o "$W/3"
}

@test "a large batch gives the same bytes by one thread and by several" {
	for j in 1 2 3 5; do
		vlm-adapt -j$j -a asymvlm:hidden=40 --texts $T#text --images $T#image --pairs $T -b 1100 -e 1 \
			-o "$W/$j" --no-sync
		vlm-adapt -j$j -a prolip:hidden=40 --texts $T#text --images $T#image --pairs $T -b 1100 -e 1 \
			-o "$W/p$j" --no-sync
		cmp "$W/1" "$W/$j"
		cmp "$W/p1" "$W/p$j"
	done
}

@test "a schedule goes by epochs; without one nothing changes" {
	local o="--texts $V#text --images $V#image --pairs $V -b 16 --no-sync --shuffle none --no-prov"
	vlm-adapt -a asymvlm:hidden=12,residual=on $o --opt sgd:lr=.5 --schedule step:gamma=0.5 -e 3 -o "$W/all"
	vlm-adapt -a asymvlm:hidden=12,residual=on $o --opt sgd:lr=.5 --lr-end .5 -e 1 -o "$W/1"
	vlm-adapt -m "$W/1" $o --opt sgd:lr=.25 --lr-end .25 -e 1 -o "$W/2"
	vlm-adapt -m "$W/2" $o --opt sgd:lr=.125 --lr-end .125 -e 1 -o "$W/3"
	st-cmp "$W/all" "$W/3"
	fails 2 "--lr-end and --schedule exclude each other" vlm-adapt $SMALL --schedule step --lr-end 0
	vlm-adapt $SMALL -e 1 --state "$W/s" -o "$W/x"
	fails 3 "is of another run" vlm-adapt $SMALL -e 1 --schedule step --state "$W/s"
	fails 3 "is of another run" vlm-adapt $SMALL -e 1 --clip 1 --state "$W/s"
}

@test "a state of another run is refused" {
	vlm-adapt $SMALL -e 2 --state "$W/s" -o "$W/a"
	fails 3 "is of another run" vlm-adapt $SMALL -e 3 --state "$W/s"
	fails 3 "is of another run" vlm-adapt $SMALL -e 2 -s 4 --state "$W/s"
	vlm-adapt $SMALL -e 2 --state "$W/s" -o "$W/b"
	cmp "$W/a" "$W/b"
}

@test "a state whose numbers are written as they were before goes on" {
	small=${SMALL/residual=on/residual=on,kappa=100}
	vlm-adapt $small -e 2 --lr-end 0 --state "$W/s" -o "$W/a"
	grep -c -a 'adapt.run.*kappa=100;' "$W/s"
	LC_ALL=C sed -i 's/kappa=100;/kappa=1e2;/' "$W/s"
	run --separate-stderr vlm-adapt -v $small -e 2 --lr-end 0 --state "$W/s" -o "$W/b"
	[ "$status" = 0 ]
	[[ $stderr == *"going on after epoch 2"* ]]
	cmp "$W/a" "$W/b"
	LC_ALL=C sed -i 's/kappa=1e2;/kappa=1e3;/' "$W/s"
	fails 3 "is of another run" vlm-adapt $small -e 2 --lr-end 0 --state "$W/s"
}

@test "the log has a line for every epoch, and validation is in it" {
	vlm-adapt $SMALL -e 3 --val-texts $T#text --val-images $T#image --val-pairs $T --log "$W/log" -o "$W/a"
	[ "$(wc -l <"$W/log")" = 3 ]
	for key in schema kind epoch steps lr loss val_loss val_t2i_hit@1 val_i2t_hit@1 mean_kappa; do
		[ "$(grep -c "\"$key\":" "$W/log")" = 3 ]
	done
}

@test "hit@1 of validation is vlm-retrieve's" {
	"$PYTHON" -c 'import json' || skip "no Python"
	for a in asymvlm:hidden=12 asymvlm:hidden=12,dist=ps asymvlm:hidden=12,images=adapted pcmepp:hidden=12,score=csd prolip:hidden=12; do
		vlm-adapt -a $a --texts $V#text --images $V#image --pairs $V -b 16 -e 1 --val-texts $T#text \
			--val-images $T#image --val-pairs $T --log "$W/log" -o "$W/a" --no-sync
		for way in t2i i2t; do
			q=text g=image
			[ $way = t2i ] || q=image g=text
			vlm-retrieve --adapter "$W/a" --queries $T#$q --gallery $T#$g $([ $way = t2i ] || echo --images) \
				--truth $T --metric hit@1 --no-hits --format json >"$W/r"
			"$PYTHON" -c 'import json, sys
a = json.loads(open(sys.argv[1]).readlines()[-1])["val_" + sys.argv[3] + "_hit@1"]
b = json.loads(open(sys.argv[2]).readlines()[-1])["hit@1"]
print(a, b)
sys.exit(abs(a - b) > 1e-12)' "$W/log" "$W/r" $way
		done
	done
}

@test "patience stops early and keeps the best epoch" {
	vlm-adapt -a asymvlm:hidden=12 --texts $V#text --images $V#image --pairs $V -b 60 -e 200 --patience 2 \
		--opt sgd:lr=3,momentum=0.9 --val-texts $T#text --val-images $T#image --val-pairs $T \
		--log "$W/log" -o "$W/a" --no-sync || true
	[ "$(wc -l <"$W/log")" -lt 200 ]
	fails 2 "--patience needs --val-pairs or --val-texts or --val-images as well" vlm-adapt $SMALL --patience 3
}

@test "divergence is exit 5, and the last whole epoch is kept" {
	run --separate-stderr vlm-adapt -a asymvlm:hidden=12 --texts $V#text --images $V#image --pairs $V \
		-b 20 -e 60 --opt sgd:lr=2e4 --lr-end 2e4 --state "$W/s" --log "$W/log" -o "$W/a" --no-sync
	echo "$status $stderr"
	[ "$status" = 5 ]
	[[ $stderr == *"not finite"* ]]
	if [ -s "$W/log" ]; then
		st-check "$W/a"
		st-check "$W/s"
		[[ $stderr == *"holds the model of epoch $(wc -l <"$W/log")"* ]]
	fi
}

@test "pairs of validation that are trained on are refused, whatever file they are in" {
	fails 3 "is training pair" vlm-adapt $SMALL --val-pairs $V
	st-cat -1 --tensor='*' -o "$W/copy" $V --no-sync
	fails 3 "is training pair" vlm-adapt $SMALL --val-pairs "$W/copy" --val-texts "$W/copy#text" \
		--val-images "$W/copy#image"
}

@test "bad input: widths, pairs, rows" {
	fl-partition -d "pairs:texts=$V#text,images=$N#image" -k 2 -B iid -o "$W/c" --no-sync
	fl-init -a asymvlm:dim=8,hidden=4 -o "$W/g" --no-sync
	fails 3 "pairs are a text of 8 and an image of 6 values, the model takes 16 in all" \
		fl-local-train -m "$W/g" -o "$W/u" "$W"/c/0000.safetensors
	[ ! -e "$W/u" ]
	fails 3 "rows of 6 values, the adapter takes 8" vlm-adapt -a asymvlm:hidden=4 --texts $V#text \
		--images $N#image --pairs $V
	fails 3 "rows of 8 values, the adapter takes 9" vlm-adapt -a asymvlm:hidden=4,dim=9 --texts $V#text \
		--images $V#image --pairs $V
	echo '{"0": 0, "3": 60}' >"$W/pairs.json"
	fails 3 "60" vlm-adapt -a asymvlm:hidden=4 --texts $V#text --images $V#image --pairs "$W/pairs.json"
	echo '{}' >"$W/none.json"
	fails 3 "none.json: no pair" vlm-adapt -a asymvlm:hidden=4 --texts $V#text --images $V#image \
		--pairs "$W/none.json" -o "$W/nothing"
	[ ! -e "$W/nothing" ]
	"$PYTHON" -c 'import numpy' || skip "no NumPy"
	"$PYTHON" -c 'import numpy as np, sys
x = np.ones((5, 8), "f4"); x[3] = 0; np.save(sys.argv[1] + "/zero.npy", x)
x[3] = np.nan; np.save(sys.argv[1] + "/nan.npy", x)' "$W"
	fails 3 "row 3 is all zeros" vlm-adapt -a pfe:hidden=4 --texts "$W/zero.npy" --images "$W/zero.npy"
	fails 3 "row 3 is not finite" vlm-adapt -a pfe:hidden=4 --texts "$W/nan.npy" --images "$W/nan.npy"
	echo '{"0": 0, "1": 1}' >"$W/two.json"
	vlm-adapt -a pfe:hidden=4 --texts "$W/zero.npy" --images "$W/zero.npy" --pairs "$W/two.json" -e 1 \
		-o "$W/a" --no-sync
	fails 3 "row 3 is all zeros" vlm-adapt --apply "$W/a" "$W/zero.npy"
	fails 4 "no-such" vlm-adapt -a pfe --texts no-such.npy --images no-such.npy
}

@test "bad input: adapters" {
	vlm-adapt $SMALL -e 0 -o "$W/a"
	fails 3 "rows of 6 values, the adapter takes 8" vlm-adapt --apply "$W/a" $N#text
	fl-init -a logreg:in=8,out=2 -o "$W/l" --no-sync
	fails 3 "not an adapter of pairs" vlm-adapt --apply "$W/l" $V#text
	fails 3 "not an adapter of pairs" vlm-adapt -m "$W/l" --texts $V#text --images $V#image
	fails 2 "not an adapter of pairs" vlm-adapt -a logreg --texts $V#text --images $V#image
	fails 3 "metric accuracy: the model has distributions of pairs" fl-eval -m "$W/a" $V
	fl-eval -m "$W/a" --metric loss $V
	fails 3 "--confusion: the model has distributions of pairs" fl-eval -m "$W/a" --metric loss --confusion "$W/k" $V
	[ ! -e "$W/k" ]
	for s in classmean classlogit moments; do
		fails 3 "no classes: $s is of classes" fl-stats -m "$W/a" $s $V
	done
	fl-stats -m "$W/a" gradient $V | st-ls -n 1 | grep -q stats
	fails 2 "class texts: --texts" vlm-adapt -a zeroshot --images $V#image --labels $V#y
	fails 2 "-a (--arch) must be given, or --model or --apply" vlm-adapt --texts $V#text --images $V#image
	fails 2 "asymvlm" vlm-adapt -a asymvl --texts $V#text --images $V#image
	fails 2 "operands need --apply" vlm-adapt $SMALL $V#text
}

@test "applying is the same for any -j, and for shards" {
	vlm-adapt $SMALL -e 1 -o "$W/a"
	vlm-adapt --apply "$W/a" $T#text -o "$W/1" --no-sync
	vlm-adapt -j3 --apply "$W/a" $T#text -o "$W/3" --no-sync
	cmp "$W/1" "$W/3"
	vlm-adapt --apply "$W/a" --side image $V#image -o "$W/i" --no-sync
	numbers 'np.abs(r[0]["emb"] - r[1]["image"]).max() < 1e-6 and "kappa" not in r[0]' "$W/i" $V
	vlm-adapt --apply "$W/a" $V#text $V#text | st-ls -n 1 | grep -q embed
}

@test "applying holds a few rows at a time, whatever their number" {
	[[ $B != *san* ]] || skip "sanitizers reserve memory"
	"$PYTHON" -c 'import numpy as np, sys
np.save(sys.argv[1], np.random.default_rng(0).standard_normal((400000, 16), dtype=np.float32))' "$W/r.npy" ||
		skip "no NumPy"
	fl-init -a prolip:dim=16,hidden=4 -o "$W/m" --no-sync
	# 52 MB of means and variances, 16 MB of data segments
	(ulimit -d 16000 && vlm-adapt --apply "$W/m" "$W/r.npy" --no-sync -o "$W/x")
	(ulimit -d 16000 && vlm-adapt --apply "$W/m" "$W/r.npy") | cmp - "$W/x"
	st-check "$W/x"
	# A row that is refused after others were written leaves nothing.
	"$PYTHON" -c 'import numpy as np, sys
x = np.load(sys.argv[1]); x[399999] = 0; np.save(sys.argv[1], x)' "$W/r.npy"
	fails 3 "row 399999 is all zeros" vlm-adapt --apply "$W/m" "$W/r.npy"
	fails 3 "row 399999 is all zeros" vlm-adapt --apply "$W/m" "$W/r.npy" -o "$W/y"
	[ ! -e "$W/y" ]
	fails 4 "nowhere: cannot keep embeddings there" env TMPDIR=nowhere vlm-adapt --apply "$W/m" $W/x#emb
}

@test "ensembles are NumPy's" {
	vlm-adapt $SMALL -e 1 -o "$W/a"
	vlm-adapt --apply "$W/a" $T#text -o "$W/x" --no-sync
	for how in plain weighted; do
		vlm-adapt --apply "$W/a" --ensemble $how --groups $T#y $T#text -o "$W/$how" --no-sync
	done
	unit='(lambda m: m / np.linalg.norm(m, axis=1, keepdims=True))'
	mean='np.stack([(r[0]["emb"].astype("f8") * w[:, None])[r[1]["y"] == g].mean(0) for g in range(6)])'
	numbers "(lambda w: np.abs($unit($mean) - r[2]['emb']).max())(np.ones(1500)) < 1e-6" "$W/x" $T "$W/plain"
	numbers "(lambda w: np.abs($unit($mean) - r[2]['emb']).max())(r[0]['kappa'].astype('f8')) < 1e-6 and
		(lambda w: np.abs(np.linalg.norm($mean, axis=1) / r[2]['kappa'] - 1).max())(r[0]['kappa'].astype('f8')) < 1e-5 and
		np.allclose(r[2]['uncertainty'] * r[2]['kappa'], 1)" "$W/x" $T "$W/weighted"
	fails 3 "no labels beside the rows" vlm-adapt --apply "$W/a" --ensemble plain $T#text
	fails 3 "must be 60 integers" vlm-adapt --apply "$W/a" --ensemble plain --groups $T#y $V#text
}

@test "federated: clients' pairs, any method, any rule" {
	fl-init -a asymvlm:dim=8,hidden=12,residual=on -o "$W/g" --no-sync
	fl-partition -d "pairs:texts=$T#text,images=$T#image" -k 3 -B iid -o "$W/c" --no-sync
	fl-local-train -m "$W/g" -M fedprox:mu=0.1 --opt sgd:lr=0.01,momentum=0.9 -b 64 "$W"/c/*.safetensors |
		fl-aggregate -m "$W/g" -S fedadam:lr=0.001 -o "$W/g1" --no-sync
	vlm-adapt --apply "$W/g1" $T#text | st-ls -n 1 | grep -q embed
}

@test "adapters of labelled images are fitted at once" {
	"$PYTHON" -c 'import numpy' || skip "no NumPy"
	"$PYTHON" -c 'import numpy as np, sys
r = np.random.default_rng(1); t = r.normal(size=(4, 8)).astype("f4"); y = np.arange(40) % 4
np.save(sys.argv[1] + "/t.npy", t); np.save(sys.argv[1] + "/y.npy", y)
np.save(sys.argv[1] + "/x.npy", t[y] + .5 * r.normal(size=(40, 8)).astype("f4"))
np.save(sys.argv[1] + "/v.npy", t[y] + .5 * r.normal(size=(40, 8)).astype("f4"))' "$W"
	vlm-adapt -a temperature --images "$W/x.npy" --labels "$W/y.npy" --texts "$W/t.npy" \
		-o "$W/a" --no-sync
	st-ls --meta "$W/a" | grep -q 'temperature:dim=8,classes=4'
	# The data say how many keys; sets hold what they were calibrated to hold.
	vlm-adapt -a tip --images "$W/x.npy" --labels "$W/y.npy" --texts "$W/t.npy" -o "$W/tip"
	st-ls --meta "$W/tip" | grep -q "keys=$("$PYTHON" -c "import numpy; print(len(numpy.load('$W/y.npy')))")"
	vlm-adapt -a conformal:level=0.2 --images "$W/x.npy" --labels "$W/y.npy" --texts "$W/t.npy" -o "$W/c"
	fl-eval -m "$W/c" -d "$W/x.npy,$W/y.npy" --metric coverage,setsize --format json |
		jq -e 'select(.kind == "summary") | .coverage >= 0.8 and .setsize >= .coverage'
	fails 3 "no layer 'conformal'" fl-eval -m "$W/tip" -d "$W/x.npy,$W/y.npy" --metric coverage
	fails 2 "fitted to labelled images" vlm-adapt -a temperature --images "$W/x.npy" --labels "$W/y.npy" \
		--texts "$W/t.npy" --pairs diagonal
	fails 3 "no labels beside the rows" vlm-adapt -a temperature --images "$W/x.npy" --texts "$W/t.npy"
}

@test "a # in a folder's name belongs to the folder, wherever a tensor can be named" {
	local d="$W/a#b"
	mkdir "$d"
	cp $V "$d/v"
	images="$d/v#image" texts="$d/v#text"
	for truth in "$d/v" "$d/v#pairs"; do
		vlm-retrieve --gallery "$images" --queries "$texts" --truth "$truth" --no-hits >"$W/r"
		vlm-retrieve --gallery $V#image --queries $V#text --truth $V --no-hits | cmp - "$W/r"
		vlm-adapt -a asymvlm:hidden=4 --images "$images" --texts "$texts" --pairs "$truth" -e 1 \
			-o "$W/m" --no-sync
	done
	fails 4 "a#b/none: No such file" vlm-retrieve --gallery "$images" --queries "$texts" --truth "$d/none"
	fails 3 "a#b/v: tensor 'x/y' is missing" vlm-retrieve --gallery "$images" --queries "$texts" \
		--truth "$d/v#x/y"
	"$PYTHON" -c 'import numpy' || skip "no NumPy"
	"$PYTHON" -c 'import numpy as np, sys
r = np.random.default_rng(1); t = r.normal(size=(4, 8)).astype("f4"); y = np.arange(40) % 4
np.savez(sys.argv[1] + "/n.npz", t=t, y=y, x=t[y] + .5 * r.normal(size=(40, 8)).astype("f4"),
         pairs=np.arange(60))' "$d"
	n="$d/n.npz"
	vlm-retrieve --gallery "$images" --queries "$texts" --truth "$n#pairs" --no-hits | cmp - "$W/r"
	for labels in "$n#y" "$d/y.npy"; do
		[ -e "$labels" ] || "$PYTHON" -c 'import numpy, sys
numpy.save(sys.argv[1] + "/y.npy", numpy.arange(40) % 4)' "$d"
		vlm-adapt -a temperature --images "$n#x" --labels "$labels" --texts "$n#t" -o "$W/t" --no-sync
	done
	fails 3 "n.npz: holds 4 arrays: name one" vlm-adapt -a temperature --images "$n#x" --labels "$n" \
		--texts "$n#t"
	fails 3 ".npy holds one array, without a name" vlm-adapt -a temperature --images "$n#x" \
		--labels "$d/y.npy#y" --texts "$n#t"
}

#!/usr/bin/env bats
# fl-local-train: clients in, updates out.

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -d digits -k 4 -B iid -s 1 -o clients
	fl-init -a mlp:in=64,hidden=16,out=10 -s 3 -o m.safetensors
}

load fails

setup() {
	D=$BATS_FILE_TMPDIR
	M=$D/m.safetensors
	cd "$BATS_TEST_TMPDIR"
}

# record FILE TENSORS META: a record made by Python.
record() {
	PYTHONPATH=$ROOT/test/golden/method "$PYTHON" -c "
import numpy as np
from ref import save
save('$1', $2, $3)"
}

# One float example a row, of width $2, client $3.
floats() {
	record "$1" "{'x': np.ones((8, $2), np.float32) * np.arange(8, dtype=np.float32)[:, None], 'y': np.arange(8) % 4}" \
		"{'fl.kind': 'data', 'fl.client': '$3'}"
}

@test "an update carries what the contract says" {
	fl-local-train -m "$M" --opt sgd:lr=0.05,momentum=0.9 -e 2 -b 16 -s 9 --measure loss0,gradnorm,loss \
		"$D/clients/0002.safetensors" >u.sts
	st-cat --one -o u.safetensors u.sts
	run "$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden/method')
from ref import load
t, m = load('u.safetensors'); d, dm = load('$D/clients/0002.safetensors')
n = len(d['y'])
w, wm = load('$M')
assert sorted(t) == sorted(w) and all(t[k].shape == w[k].shape and t[k].dtype == 'float32' for k in t)
assert m['fl.kind'] == 'update' and m['fl.client'] == '2' and m['fl.round'] == '1', m
assert m['fl.examples'] == str(n) and m['fl.steps'] == str(2 * -(-n // 16)), m
assert m['fl.lr'] == '0.05' and m['fl.seed'] == '9' and m['fl.method'] == 'fedavg', m
assert m['fl.opt'].startswith('sgd:lr=0.05,momentum=0.9'), m
assert float(m['fl.loss']) < float(m['fl.loss0']) and float(m['fl.gradnorm']) > 0, m
sys.path.insert(0, '$ROOT/test/golden')
import fed_record
assert m['fl.base'] == fed_record.load('$M')[2], m
assert m['fl.prov'].startswith('fl-local-train ') and '.safetensors' not in m['fl.prov'], m
print('fine')"
	echo "$output"
	[ "$output" = fine ]
}

@test "bytes do not depend on -j, nor on files, pipe or gzip" {
	fl-local-train -m "$M" "$D"/clients/*.safetensors >want
	for j in 2 3 7; do
		fl-local-train -m "$M" -j $j "$D"/clients/*.safetensors | cmp - want
	done
	cat "$D"/clients/*.safetensors >all.sts
	fl-local-train -m "$M" -n 4 <all.sts | cmp - want
	fl-local-train -m "$M" -n 4 -j 3 - <all.sts | cmp - want
	cat all.sts | fl-local-train -m "$M" -n 4 -j 2 | cmp - want
	gzip all.sts
	fl-local-train -m "$M" -j 2 all.sts.gz | cmp - want
	st-cat "$D"/clients/*.safetensors | fl-local-train -m "$M" | cmp - want
}

@test "bytes do not depend on the instruction set" {
	FL_CPU=ref fl-local-train -m "$M" --measure gradnorm,loss0 "$D"/clients/*.safetensors >want
	for c in sse2 avx2 avx512; do
		FL_CPU=$c fl-local-train -m "$M" --measure gradnorm,loss0 "$D"/clients/*.safetensors >got || continue
		cmp got want
	done
}

@test "a process for all clients, one each under xargs, one each under parallel" {
	fl-local-train -m "$M" --opt sgd:lr=0.1 "$D"/clients/*.safetensors >one.sts
	mkdir each par
	ls "$D"/clients/*.safetensors | xargs -P2 -I{} sh -c \
		'fl-local-train -m "$0" --opt sgd:lr=0.1 -o "each/$(basename "$1" .safetensors).sts" "$1"' "$M" {}
	parallel --will-cite -j2 fl-local-train -m "$M" --opt sgd:lr=0.1 -o par/{/.}.sts {} ::: \
		"$D"/clients/*.safetensors
	for d in each par; do
		st-cat $d/*.sts | cmp - one.sts
		fl-aggregate -m "$M" -n 4 $(ls -r $d/*.sts) >$d.safetensors
	done
	fl-aggregate -m "$M" -n 4 one.sts >one.safetensors
	cmp one.safetensors each.safetensors
	cmp one.safetensors par.safetensors
}

@test "the order of examples depends on seed and round; stored order does not" {
	c=$D/clients/0000.safetensors
	fl-local-train --no-prov -m "$M" -s 1 "$c" >a
	fl-local-train --no-prov -m "$M" -s 2 "$c" >b
	fl-local-train --no-prov -m "$M" -s 1 --shuffle none "$c" >c
	fl-local-train --no-prov -m "$M" -s 2 --shuffle none "$c" >d
	run st-cmp a b
	[ "$status" = 1 ]
	run st-cmp a c
	[ "$status" = 1 ]
	st-cmp c d
}

@test "--steps runs on into the next epoch, and 0 steps change nothing" {
	c=$D/clients/0000.safetensors
	n=$(st-cat --one --strip-meta "$c" -o x.safetensors; "$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden/method')
from ref import load
print(-(-len(load('$c')[0]['y']) // 32))")
	fl-local-train --no-prov -m "$M" -e 2 "$c" >a
	fl-local-train --no-prov -m "$M" --steps $((2 * n)) "$c" >b
	cmp a b
	fl-local-train --no-prov -m "$M" --steps $((n + 1)) "$c" >c
	run st-cmp a c
	[ "$status" = 1 ]
	fl-local-train -m "$M" --steps 0 "$c" | fl-aggregate -m "$M" -n 1 >same
	st-cmp same "$M"
}

@test "measured loss is fl-eval's, and the gradient is that of one full step" {
	c=$D/clients/0001.safetensors
	fl-local-train -m "$M" --steps 1 -b 100000 --opt sgd:lr=1 --measure loss0,gradnorm,loss "$c" >u.sts
	st-cat --one -o u.safetensors u.sts
	fl-eval -m "$M" --metric loss --format json "$c" >before.json
	fl-aggregate -m "$M" -n 1 u.sts >after.safetensors
	fl-eval -m after.safetensors --metric loss --format json "$c" >after.json
	"$PYTHON" -c "
import sys, json, math; sys.path.insert(0, '$ROOT/test/golden/method')
from ref import load
t, m = load('u.safetensors')
norm = math.sqrt(sum((v.astype('float64') ** 2).sum() for v in t.values()))
loss = [json.loads(open(f).readline())['loss'] for f in ('before.json', 'after.json')]
print(m['fl.gradnorm'], norm, m['fl.loss0'], m['fl.loss'], loss)
assert abs(float(m['fl.gradnorm']) / norm - 1) < 1e-5
assert abs(float(m['fl.loss0']) / loss[0] - 1) < 1e-6
assert abs(float(m['fl.loss']) / loss[1] - 1) < 1e-5"
}

@test "a sample for measuring is drawn by seed; one as large as the set is the set" {
	c=$D/clients/0001.safetensors
	loss0() { fl-local-train --no-prov -m "$M" --steps 0 "$@" "$c" | strings | grep -o '"fl.loss0":"[^"]*"'; }
	[ "$(loss0 --measure loss0:sample=50 -s 1)" != "$(loss0 --measure loss0:sample=50 -s 2)" ]
	[ "$(loss0 --measure loss0:sample=50 -s 1)" = "$(loss0 --measure loss0:sample=50,gradnorm -s 1)" ]
	[ "$(loss0 --measure loss0:sample=100000)" = "$(loss0 --measure loss0)" ]
}

@test "data in index form give the bytes of the copies, from any folder" {
	mkdir pool
	cp "$D/clients/0000.safetensors" pool/all.safetensors
	fl-partition -d pool/all.safetensors -k 2 -B iid -s 1 -o copies
	fl-partition -d pool/all.safetensors -k 2 -B iid -s 1 --index -o rows
	fl-local-train -m "$M" copies/*.safetensors >want
	fl-local-train -m "$M" rows/*.safetensors | cmp - want
	fl-local-train -m "$M" -j 2 rows/*.safetensors | cmp - want
	cd pool
	fl-local-train -m "$M" ../rows/*.safetensors | cmp - ../want
}

@test "a round of fedcac: personal models in, personal models out" {
	mkdir own
	for i in 0 1 2 3; do cp "$M" own/000$i.safetensors; done
	for r in 1 2; do
		fl-local-train -m own -M fedcac --opt sgd:lr=0.1 -j 2 "$D"/clients/*.safetensors |
			fl-aggregate -n 4 -m own -R fedcac -o own
	done
	! cmp -s own/0000.safetensors own/0001.safetensors
	# A disk that is full at the third model: none is published.
	fl-local-train -m own -M fedcac -o u.sts "$D"/clients/*.safetensors
	cp -r own before
	ASAN_OPTIONS=detect_leaks=0 run strace -o log -e trace=write \
		-e inject=write:error=ENOSPC:when=3 fl-aggregate -m own -R fedcac -o own u.sts
	[ "$status" = 4 ]
	diff -r own before
	run fl-local-train -m own -r 2 "$D/clients/0000.safetensors"
	[ "$status" = 3 ]
	[[ $output == *"client 0: "*"round 2, so this is round 3, not 2" ]]
}

@test "personal models are replaced all at once: killed anywhere, the same call does the same" {
	strace -o /dev/null true 2>/dev/null || skip "no strace"
	mkdir own
	for i in 0 1 2 3; do cp "$M" own/000$i.safetensors; done
	echo mine >own/notes
	fl-local-train -m own -M fedcac --opt sgd:lr=0.1 -o u.sts "$D"/clients/000[012].safetensors
	cp -r own before
	cp -r own after
	fl-aggregate -m after -R fedcac -o after u.sts
	cmp after/0003.safetensors before/0003.safetensors
	cmp after/notes before/notes
	! cmp -s after/0000.safetensors before/0000.safetensors
	killed=0
	for call in mkdir linkat fsync syncfs renameat2 rename unlinkat rmdir; do
		for when in 1 2 3; do
			run strace -f -qq -o /dev/null -e inject=$call:signal=KILL:when=$when \
				fl-aggregate -m own -R fedcac -o own u.sts
			[ "$status" = 137 ] || break
			killed=$((killed + 1))
			# What clients see is the round before or after, never a mixture.
			if ! diff -r own after >/dev/null; then
				diff -r own before
				fl-aggregate -m own -R fedcac -o own u.sts
			fi
			diff -r own after
			rm -r own
			cp -r before own
		done
		rm -r own
		cp -r before own
	done
	echo "$killed"
	[ "$killed" -ge 8 ]
	fl-aggregate -m own -R fedcac -o own u.sts
	[ -z "$(find . -name '.*.tmp')" ]
}

@test "two at once keep each other's personal models; a folder within is refused" {
	mkdir own
	for i in 0 1 2 3; do cp "$M" own/000$i.safetensors; done
	fl-local-train -m own -M fedcac --opt sgd:lr=0.1 "$D"/clients/000[01].safetensors >a.sts
	fl-local-train -m own -M fedcac --opt sgd:lr=0.1 "$D"/clients/000[23].safetensors >b.sts
	cp -r own now
	for f in a b; do fl-aggregate -m now -R fedcac -o "$f" $f.sts; done
	for f in a b; do fl-aggregate --no-sync -m now -R fedcac -o own $f.sts & done
	wait
	for i in 0 1; do cmp own/000$i.safetensors a/000$i.safetensors; done
	for i in 2 3; do cmp own/000$i.safetensors b/000$i.safetensors; done
	mkdir own/folder
	run fl-aggregate -m now -R fedcac -o own a.sts
	[ "$status" = 4 ]
	[[ $output == *"holds the folder 'folder': it is not replaced"* ]]
	[ -d own/folder ]
}

@test "the round is the model's plus one" {
	c=$D/clients/0000.safetensors
	fl-local-train -m "$M" -r 1 "$c" >/dev/null
	run fl-local-train -m "$M" -r 2 -o u.sts "$c"
	[ "$status" = 3 ]
	[[ $output == *"the model is of round 0, so this is round 1, not 2" ]]
	[ ! -e u.sts ]
}

@test "a client that occurs twice is refused, and no end record is written" {
	c=$D/clients/0001.safetensors
	for j in 1 3; do
		run --separate-stderr sh -c "fl-local-train -j $j -m '$M' '$c' '$D/clients/0000.safetensors' '$c' >out.sts"
		[ "$status" = 3 ]
		[[ $stderr == *"0001.safetensors: client 1 occurs twice" ]]
		run st-check <out.sts
		[ "$status" = 3 ]
	done
	mkdir new
	run fl-local-train -m "$M" -o new/u.sts "$c" "$c"
	[ "$status" = 3 ]
	[ -z "$(ls -A new)" ]
}

@test "no client" {
	: >empty
	run fl-local-train -m "$M" empty
	[ "$status" = 3 ]
	fl-local-train -m "$M" --allow-empty empty | st-check --allow-empty
	run sh -c "fl-local-train -m '$M' <'$D/clients/0000.safetensors'"
	[ "$status" = 3 ]
	[[ $output == *"without an end record"* ]]
	run sh -c "fl-local-train -m '$M' -n 2 '$D/clients/0000.safetensors' >/dev/null"
	[ "$status" = 3 ]
}

@test "data that do not fit the model, with both shapes" {
	floats wide.safetensors 65 5
	run fl-local-train -m "$M" -o u.sts wide.safetensors
	[ "$status" = 3 ]
	[[ $output == *"client 5: "*"65"*"64"* ]]
	[ ! -e u.sts ]
}

@test "more classes than the model has" {
	record many.safetensors "{'x': np.ones((4, 64), np.float32), 'y': np.array([0, 1, 2, 11])}" \
		"{'fl.kind': 'data', 'fl.client': '6'}"
	run fl-local-train -m "$M" -o u.sts many.safetensors
	[ "$status" = 3 ]
	[[ $output == *"12 classes"*"10"* ]]
}

@test "a label out of range, a value that is no number, no client id" {
	record label.safetensors "{'x': np.ones((4, 64), np.float32), 'y': np.array([0, 1, -2, 2])}" \
		"{'fl.kind': 'data', 'fl.client': '6', 'fl.classes': '10'}"
	record nan.safetensors "{'x': np.full((4, 64), np.nan, np.float32), 'y': np.zeros(4, np.int64)}" \
		"{'fl.kind': 'data', 'fl.client': '6'}"
	record nobody.safetensors "{'x': np.ones((4, 64), np.float32), 'y': np.zeros(4, np.int64)}" \
		"{'fl.kind': 'data'}"
	for f in label nan nobody; do
		run fl-local-train -m "$M" -o u.sts $f.safetensors
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == "fl-local-train: $f.safetensors: "* ]]
		[ ! -e u.sts ]
	done
}

@test "a record of another kind, and one that is cut off" {
	run fl-local-train -m "$M" "$M"
	[ "$status" = 3 ]
	head -c 1000 "$D/clients/0000.safetensors" >cut
	run fl-local-train -m "$M" cut
	[ "$status" = 3 ]
	run fl-local-train -m "$D/clients/0000.safetensors" "$D/clients/0000.safetensors"
	[ "$status" = 3 ]
}

@test "--augment: same bytes whatever -j and instruction set, other bytes by seed" {
	augment() { fl-local-train -m "$M" --no-prov -e 2 --augment crop:pad=2,flip "$@" "$D"/clients/*.safetensors; }
	augment >want
	augment -j3 | cmp - want
	FL_CPU=ref augment | cmp - want
	augment -s 5 --shuffle none >a
	augment -s 6 --shuffle none >b
	run st-cmp a b
	[ "$status" = 1 ]
	fl-local-train -m "$M" --no-prov -e 2 "$D"/clients/*.safetensors >plain
	augment --augment crop:pad=0,flip:p=0 | cmp - plain
	run st-cmp want plain
	[ "$status" = 1 ]
}

@test "--augment=flip:p=1 trains on mirror images, but measures what is stored" {
	c=$D/clients/0000.safetensors
	"$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden/method')
from ref import load, save
t, m = load('$c')
t = dict(t, x=t['x'].reshape(-1, 8, 8))
save('images', t, m)
save('mirror', dict(t, x=t['x'][:, :, ::-1].copy()), m)"
	fl-local-train -m "$M" --no-prov mirror >want
	fl-local-train -m "$M" --no-prov --augment flip:p=1 images >got
	cmp got want
	# What fixed models say is of the images that are trained on, too.
	for method in fedntd:beta=3 moon:mu=3; do
		mkdir -p s t
		train() { fl-local-train -M $method -e 2 -b 7 --no-prov "$@"; }
		cp "$M" g
		for r in 1 2; do
			train -m g --state s mirror >want
			train -m g --state t --augment flip:p=1 images >got
			cmp got want
			fl-local-train -m g -e 2 -b 7 --no-prov mirror | st-cat --strip-meta >plain
			! st-cat --strip-meta want | cmp -s - plain || [ $r = 1 ]
			fl-aggregate -m g -o g got
		done
		rm -r s t
	done
	loss0() { st-ls -n 1 --meta "$1" | grep fl.loss0; }
	fl-local-train -m "$M" --no-prov --measure loss0 images >a
	fl-local-train -m "$M" --no-prov --measure loss0 --augment flip:p=1 images >b
	[ "$(loss0 a)" = "$(loss0 b)" ]
}

@test "vectors are augmented by noise and mixup, the same whatever -j and instruction set" {
	floats flat.safetensors 64 5
	fl-partition -q -d planted:pairs=20,dim=4,levels=4,seed=1 -k 1 -B iid -o p --no-sync
	augment() { fl-local-train -m "$M" --no-prov -e 2 -b 3 --augment noise:sigma=.2,mixup flat.safetensors "$@" "$D"/clients/*.safetensors; }
	augment >want
	augment -j3 | cmp - want
	FL_CPU=ref augment | cmp - want
	fl-local-train -m "$M" --no-prov -e 2 -b 3 --augment noise:sigma=0 flat.safetensors >a
	fl-local-train -m "$M" --no-prov -e 2 -b 3 flat.safetensors | cmp - a
	run fl-local-train -m "$M" --augment mixup,noise -o u.sts flat.safetensors
	[[ $status == 2 && $output == *"mixup mixes whole batches, so it comes last in a list of augmentations" ]]
	fl-init -a asymvlm:dim=4,hidden=4 -s 1 -o v.safetensors
	run fl-local-train -m v.safetensors --augment mixup -o u.sts p/0000.safetensors
	[[ $status == 3 && $output == *"mixup mixes classes or targets; pairs have none" ]]
	[ ! -e u.sts ]
	fl-local-train -m v.safetensors --augment noise:sigma=0.01 -b 5 p/0000.safetensors >/dev/null
}

@test "what is no image is not augmented" {
	floats flat.safetensors 64 5
	run fl-local-train -m "$M" --augment flip -o u.sts flat.safetensors
	[ "$status" = 3 ]
	[ "$output" = "fl-local-train: client 5: flat.safetensors: examples are no images to augment: 'x' is 8x64" ]
	[ ! -e u.sts ]
	for a in flop flip:p=2 crop:pad=x; do
		run fl-local-train -m "$M" --augment $a "$D/clients/0000.safetensors"
		[ "$status" = 2 ]
	done
}

@test "a learning rate that diverges says client, epoch and step" {
	fl-init -a logreg:in=64,out=10 -s 1 -o l.safetensors
	record far.safetensors "{'x': np.full((8, 64), 1e20, np.float32) * np.arange(8, dtype=np.float32)[:, None], 'y': np.arange(8)}" \
		"{'fl.kind': 'data', 'fl.client': '1'}"
	run fl-local-train -m l.safetensors --opt sgd:lr=1e6 -b 4 -e 2 -o u.sts far.safetensors
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == "fl-local-train: client 1: epoch 1, step 2: loss is not finite" ]]
	[ ! -e u.sts ]
}

@test "weights that overflow in the last step are no update" {
	floats big.safetensors 64 7
	fl-init -a logreg:in=64,out=10 -s 1 -o l.safetensors
	record huge.safetensors "{'x': np.full((4, 64), 3e38, np.float32), 'y': np.array([0, 1, 2, 3])}" \
		"{'fl.kind': 'data', 'fl.client': '7'}"
	run fl-local-train -m l.safetensors --opt sgd:lr=1e6 --steps 1 -o u.sts huge.safetensors
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"client 7: epoch 1, step 1: "* ]]
}

@test "a gradient that overflows though the loss does not: client, epoch, step, no update" {
	record x.safetensors "{'x': np.repeat(np.array([1, 1, 1, 1e30], np.float32), 2).reshape(4, 2), 'y': np.array([0, 0, 0, 1])}" \
		"{'fl.kind': 'data', 'fl.client': '4'}"
	record weights.safetensors "{'0.weight': np.zeros((2, 2), np.float32), '0.bias': np.full(2, 1e-20, np.float32), '2.weight': np.array([[1e10, 1e10], [-1e10, -1e10]], np.float32), '2.bias': np.zeros(2, np.float32)}" "{}"
	fl-init -a mlp:in=2,hidden=2,out=2 --weights weights.safetensors -o steep.safetensors
	for o in "" "-M fedsam" "--clip 1" "--opt adam"; do
		run fl-local-train -m steep.safetensors $o --shuffle none -b 1 --opt sgd:lr=1e-30 $o -o u.sts x.safetensors
		echo "$output"
		[ "$status" = 5 ]
		[[ $output == "fl-local-train: client 4: epoch 1, step "*": "*" is not finite" ]]
		[ ! -e u.sts ]
	done
	run fl-local-train -m steep.safetensors --shuffle none -b 1 --opt sgd:lr=1e-30 -o u.sts x.safetensors
	[ "$output" = "fl-local-train: client 4: epoch 1, step 4: gradient of tensor '0.weight' is not finite" ]
	# A measured gradient is of no step.
	run fl-local-train -m steep.safetensors --measure gradnorm -o u.sts x.safetensors
	[ "$status" = 5 ]
	[ "$output" = "fl-local-train: client 4: gradient over the local set is not finite" ]
	[ ! -e u.sts ]
}

@test "a full disk" {
	run sh -c "fl-local-train -m '$M' '$D/clients/0000.safetensors' >/dev/full"
	[ "$status" = 4 ]
	run fl-local-train -m "$M" -o /dev/null/x "$D/clients/0000.safetensors"
	[ "$status" = 4 ]
	run fl-local-train -m "$M" "$D/clients/9999.safetensors"
	[ "$status" = 4 ]
}

@test "updates are not written to a terminal" {
	run script -qec "fl-local-train -m $M $D/clients/0000.safetensors" /dev/null
	[ "$status" = 2 ]
	[[ $output == *terminal* ]]
}

@test "usage: state without a folder, epochs and steps, one standard input for two" {
	c=$D/clients/0000.safetensors
	for o in "-M scaffold" "-M ditto" --keep-opt "-e 1 --steps 1" "-M fedavgg" "--measure loss1" \
		"--opt sgd:lr=-1" "-b 0" "-M fedcac:tau=2"; do
		run fl-local-train -m "$M" $o "$c"
		echo "$output"
		[ "$status" = 2 ]
	done
	run sh -c "fl-local-train -m - <'$M'"
	[ "$status" = 2 ]
}

@test "a client trained twice for a round gives the same bytes, and so do later rounds" {
	train() { fl-local-train -m "$1" -M scaffold --opt sgd:lr=0.1 --state "$2" "$D"/clients/*.safetensors; }
	next() { fl-aggregate -n 4 -m "$1" -R mean:weight=uniform -o "$2" "$3"; }
	train "$M" s >u1.sts
	train "$M" s | cmp - u1.sts
	next "$M" m1.safetensors u1.sts
	train m1.safetensors s >u2.sts
	# As after a kill between state and update, in both rounds.
	train m1.safetensors s | cmp - u2.sts
	train "$M" t >/dev/null
	train m1.safetensors t | cmp - u2.sts
	cmp s/0003.sts t/0003.sts
	rm -r t
	run st-cmp <(train m1.safetensors t) u2.sts
	[ "$status" = 1 ]
}

@test "scaffold's c is the mean of the clients' c_k, by way of the update" {
	fl-local-train -m "$M" -M scaffold --opt sgd:lr=0.1 --state s "$D"/clients/*.safetensors |
		fl-aggregate -n 4 -m "$M" -R mean:weight=uniform -o m1.safetensors
	"$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden/method')
import numpy as np
from ref import load
m = load('m1.safetensors')[0]
c = [load('s/%04d.sts' % k)[0] for k in range(4)]
for k in c[0]:
    want = np.mean([x[k] for x in c], axis=0)
    assert np.abs(m[k] - want).max() < 1e-6, k
    assert np.abs(want).max() > 1e-3, k"
}

@test "ditto's state is a folder of personal models" {
	fl-local-train -m "$M" -M ditto -e 3 --opt sgd:lr=0.1 --state s "$D"/clients/*.safetensors >/dev/null
	fl-eval -m s --format json "$D"/clients/*.safetensors | grep -q '"kind":"summary"'
	fl-local-train -m "$M" -e 3 --opt sgd:lr=0.1 --no-prov "$D/clients/0001.safetensors" >plain.sts
	fl-local-train -m "$M" -M ditto -e 3 --opt sgd:lr=0.1 --no-prov --state t "$D/clients/0001.safetensors" >ditto.sts
	st-cmp plain.sts ditto.sts
}

@test "each client trains the model that a folder has of it" {
	mkdir own
	cp "$M" own/0000.safetensors
	fl-init -a mlp:in=64,hidden=16,out=10 -s 4 -o own/0001.safetensors
	fl-init -a logreg:in=64,out=10 -s 4 -o own/0002.safetensors
	set -- "$D"/clients/000[012].safetensors
	fl-local-train -m own -M fedcac -j 2 "$@" >got
	for i in 0 1 2; do
		fl-local-train -m own/000$i.safetensors -M fedcac "$D/clients/000$i.safetensors"
	done | st-cat >want
	cmp got want
	run fl-local-train -m own "$D/clients/0003.safetensors"
	[ "$status" = 3 ]
	[[ $output == *"client 3: no model 0003.safetensors"* ]]
}

@test "--keep-opt goes on as one run would" {
	c=$D/clients/0000.safetensors
	o="--opt sgd:lr=0.05,momentum=0.9 --shuffle none"
	fl-local-train -m "$M" $o -e 2 "$c" | fl-aggregate -n 1 -m "$M" -o once.safetensors
	cp "$M" w.safetensors
	for r in 1 2; do
		fl-local-train -m w.safetensors $o -e 1 --keep-opt --state s "$c" |
			fl-aggregate -n 1 -m w.safetensors -o w.safetensors
	done
	st-cmp --atol=1e-6 w.safetensors once.safetensors
	for r in 1 2; do
		fl-local-train -m "$M" $o -e 1 "$c" | fl-aggregate -n 1 -m "$M" -o fresh.safetensors
	done
	run st-cmp --atol=1e-3 fresh.safetensors once.safetensors
	[ "$status" = 1 ]
}

@test "a state of another model, method, client or time is refused" {
	c=$D/clients/0000.safetensors
	refuses() {
		local text=$1
		shift
		run fl-local-train -o never "$@"
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == *"$text"* ]]
		[ ! -e never ]
	}
	cp "$M" 0.safetensors
	for r in 1 2 3; do
		fl-local-train -m $((r - 1)).safetensors -M scaffold --state s -o u.sts "$c"
		fl-aggregate -n 1 -m $((r - 1)).safetensors -o $r.safetensors u.sts
		cp -r s s$r
	done
	refuses "client 0: its state: fl.method is 'scaffold" -m 3.safetensors -M feddyn --state s "$c"
	# Another experiment's model of the same round.
	fl-local-train -m 0.safetensors -o u.sts "$D/clients/0001.safetensors"
	fl-aggregate -n 1 -m 0.safetensors -o other.safetensors u.sts
	fl-aggregate -n 1 -m other.safetensors -o other2.safetensors \
		<(fl-local-train -m other.safetensors "$D/clients/0001.safetensors")
	refuses ", but this model was made from " -m other2.safetensors -M scaffold --state s2 "$c"
	mv s1/0000.sts s1/0001.sts
	refuses "client 1: its state is of client 0" -m 1.safetensors -M scaffold --state s1 "$D/clients/0001.safetensors"
	# Back to round 2: rounds 2 and 3 are kept, round 1's is gone. Back to round 1 begins anew.
	refuses "begins after round 2: what was kept before is gone" -m 1.safetensors -M scaffold --state s "$c"
	fl-local-train -m 2.safetensors -M scaffold --state s "$c" >/dev/null
	fl-local-train -m 0.safetensors -M scaffold --state s "$c" >/dev/null
	fl-local-train -m 0.safetensors --keep-opt --opt adam --state k "$c" >/dev/null
	refuses "client 0: its state: fl.opt is 'adam" -m 1.safetensors --keep-opt --state k "$c"
}

@test "a damaged state is refused" {
	c=$D/clients/0000.safetensors
	fl-local-train -m "$M" -M scaffold --state s "$c" >/dev/null
	fl-local-train -m "$M" "$c" | fl-aggregate -n 1 -m "$M" -o m1.safetensors
	head -c 500 s/0000.sts >x
	mv x s/0000.sts
	run fl-local-train -m m1.safetensors -M scaffold --state s -o u.sts "$c"
	[ "$status" = 3 ]
	[ ! -e u.sts ]
}

@test "-v says what was trained, -q nothing" {
	run --separate-stderr sh -c "fl-local-train -v -m '$M' '$D/clients/0000.safetensors' >/dev/null"
	[[ $stderr == "fl-local-train: client 0: "*" examples, "*" steps, training loss "* ]]
	run --separate-stderr sh -c "fl-local-train -q -m '$M' '$D/clients/0000.safetensors' >/dev/null"
	[ -z "$stderr" ]
}

@test "methods in one run: any order, idle ones change nothing, clashes by name, state, FedNova" {
	local o=(-m "$M" --opt sgd:lr=0.1 -e 2 --state s) c=$D/clients/0000.safetensors
	fl-local-train "${o[@]}" -M fedprox:mu=.25,logitadj,scaffold -o a.sts "$c"
	rm -rf s
	fl-local-train "${o[@]}" -M scaffold,logitadj,fedprox:mu=.25 -o b.sts "$c"
	cmp a.sts b.sts
	fl-aggregate -m "$M" -o next.safetensors a.sts
	run fl-local-train -m next.safetensors --state s -M scaffold -o never "$c"
	echo "$output"
	[[ $status == 3 && $output == *"its state: fl.method is 'fedprox:mu=0.25,logitadj:tau=1,smooth=1,scaffold:fraction=1', but this is scaffold" ]]
	fl-local-train -m next.safetensors --state s -M scaffold,logitadj,fedprox:mu=2 -o b.sts "$c"
	fl-local-train "${o[@]}" --no-prov -M fedprox:mu=0,fedsam:rho=0,logitadj:tau=0 "$c" | st-cat --plain -o idle.sts
	fl-local-train "${o[@]}" --no-prov "$c" | st-cat --plain -o plain.sts
	st-cmp idle.sts plain.sts
	refuses() {
		run fl-local-train "${o[@]}" -M "$2" -o never "$c"
		echo "$output"
		[[ $status == 2 && $output == *"$1" && ! -e never ]]
	}
	refuses "--method: methods fedsam and mime clash: each has a hook batch of its own" mime,fedsam
	refuses "--method: methods ditto and hetlora clash: each has a hook train of its own" ditto,fedprox,hetlora
	refuses "--method: methods fedcm and mimelite clash: each has a hook mix of its own" fedcm,mimelite
	refuses "--method: method fedprox is given twice" fedprox:mu=1,fedprox:mu=2
	refuses "--method: no method 'fedprux'; did you mean 'fedprox'?" scaffold,fedprux
	refuses "--method names none" ""
	# Proximal terms add up, for those who ask how steps were taken, too.
	for m in fedprox:mu=.25,feddyn:alpha=.5 fedprox:mu=.75; do
		rm -rf s
		fl-local-train -m "$M" --opt sgd:lr=.1 --state s -M $m --no-prov "$D"/clients/000[12].safetensors |
			fl-aggregate -m "$M" -R fednova --no-prov -o "$m.safetensors"
	done
	st-cmp --rtol=1e-6 --atol=1e-7 fedprox:mu=.25,feddyn:alpha=.5.safetensors fedprox:mu=.75.safetensors
}

@test "--plan: each client does what its line says, the others what the options say" {
	d=("$D"/clients/*.safetensors)
	printf '# stragglers\n\n3 4 # slow\n1 7 fedprox:mu=0.5\n0 - logitadj,fedprox\n' >plan
	fl-local-train -m "$M" --plan plan -j 2 "${d[@]}" -o got.sts
	fl-local-train -m "$M" --plan plan "${d[@]}" | cmp - got.sts
	fl-local-train -m "$M" -M logitadj,fedprox "${d[0]}" -o 0.sts
	fl-local-train -m "$M" -M fedprox:mu=0.5 --steps 7 "${d[1]}" -o 1.sts
	fl-local-train -m "$M" "${d[2]}" -o 2.sts
	fl-local-train -m "$M" --steps 4 "${d[3]}" -o 3.sts
	for k in 0 1 2 3; do
		st-cmp <(st-cat --client=$k --one --strip-meta got.sts) <(st-cat --one --strip-meta $k.sts)
	done
	[ "$(st-ls --meta got.sts | awk '$2 == "fl.steps" && $1 == 4 {print $3}')" = 4 ]
	fl-local-train -m "$M" --plan /dev/null "${d[2]}" | cmp - 2.sts
	refuses() {
		printf "$3" >plan
		fails "$1" "$2" fl-local-train -m "$M" --plan plan -o out.safetensors "${d[@]}"
	}
	refuses 3 "plan: line 1: client 3: a line is CLIENT STEPS [METHOD]" '3\n'
	refuses 3 "plan: line 2: 'x' is no client" '3 1\nx 1\n'
	refuses 3 "plan: line 1: client 3: 'many' is no number of steps, nor -" '3 many\n'
	refuses 3 "plan: client 3 is there twice" '3 1\n3 2\n'
	refuses 3 "plan: line 1: client 3: " '3 - fedprx\n'
	refuses 2 "--state must be given" '3 - scaffold\n'
	fails 4 "never" fl-local-train -m "$M" --plan never -o out.safetensors "${d[@]}"
}

@test "two towers, their contrasts and a head over each, for any -j and instruction set: M3CoL's sample" {
	fl-partition -q -d digits -k 3 -B iid -s 1 -o c --test-frac 0.3 --test-output held --no-sync
	fl-init -a "$ROOT/samples/m3col.json" -s 1 -o g.safetensors --no-sync
	for r in 1 2 3 4; do
		go() { fl-local-train -m g.safetensors -M m3col:rounds=2 --opt adam:lr=0.01 -e 3 "$@" c/*.safetensors; }
		go >one
		[ $r -gt 3 ] || { go -j 3 | cmp - one; }
		for cpu in ref avx2; do [ $r -gt 1 ] || FL_CPU=$cpu go | cmp - one || [ $cpu = avx2 ]; done
		fl-aggregate -m g.safetensors -o g.safetensors one
	done
	fl-eval -m g.safetensors --metric accuracy,accuracy@a,accuracy@b --format json held/*.safetensors |
		jq -se '.[-1] | .accuracy > 0.85 and ."accuracy@a" > 0.6 and ."accuracy@b" > 0.6'
}

@test "clients of three depths train one net with early exits" {
	fl-partition -q -d digits -k 6 -B iid -s 1 -o c --test-frac 0.3 --test-output held --no-sync
	fl-init -a eemlp:in=64,hidden=24+24+24,out=10 -s 1 -o g.safetensors --no-sync
	printf '%s - fedee:exit=%s\n' 0 exit1 1 exit2 3 exit1 4 exit2 >plan
	for r in 1 2 3 4 5; do
		fl-local-train -m g.safetensors -M fedee --plan plan --opt adam:lr=0.01 -e 4 -b 16 c/*.safetensors |
			fl-aggregate -m g.safetensors -o g.safetensors
	done
	fl-eval -m g.safetensors --metric accuracy,accuracy@exit1,accuracy@exit2 --format json held/*.safetensors |
		jq -se '.[-1] | .accuracy > 0.85 and ."accuracy@exit1" > 0.85 and ."accuracy@exit2" > 0.85'
}

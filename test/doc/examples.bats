#!/usr/bin/env bats
# Every display under EXAMPLES of a manual page runs as it stands there, one after the
# other, in a folder that has what the page speaks of: clients, a model, updates.

setup() {
	cd "$BATS_TEST_TMPDIR"
	command -v jq >/dev/null || skip "no jq"
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -q -d digits -k 10 -B iid -s 1 -o clients --no-sync
	fl-init -a mlp:in=64,hidden=16,out=10 -s 1 -o g.safetensors --no-sync
	cp g.safetensors model.safetensors
	fl-local-train -m g.safetensors clients/*.safetensors -o updates.sts --no-sync
	st-cat clients/*.safetensors -o data.sts --no-sync
}

# blocks PAGE: the displays under EXAMPLES as 01.sh, 02.sh and so on.
blocks() {
	awk '/^\.Sh / { on = /^\.Sh EXAMPLES/ }
		on && /^\.Bd -literal/ { name = sprintf("%02d.sh", ++n); next }
		/^\.Ed/ { name = "" }
		name { gsub(/\\e/, "\\"); gsub(/\\-/, "-"); gsub(/\\&/, ""); gsub(/\\\(aq/, "\047"); print >name }' "$1"
}

# works PAGE [NAME...]: these of what setup_file made are there.
works() {
	local page=$1 n
	shift
	for n; do cp -r "$BATS_FILE_TMPDIR/$n" .; done
	blocks "$ROOT/man/$page"
	[ -e 01.sh ]
	mkdir -p bin
	for n in [0-9]*.sh; do
		PATH=$PWD/bin:$PATH bash -euo pipefail "$n" >out 2>err </dev/null || {
			echo "$page, example:"
			cat "$n" err
			return 1
		}
	done
}

# save FILE TENSOR=EXPRESSION...: a record of NumPy arrays; r is a generator.
save() {
	"$PYTHON" - "$@" <<-END
		import sys
		sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import save
		r = np.random.default_rng(len(sys.argv[1]))
		save(sys.argv[1], {n: eval(x) for n, x in (a.split("=", 1) for a in sys.argv[2:])}, kind="embed")
	END
}

@test "fl-aggregate" {
	mkdir a b
	st-cat --client 0-4 --split a --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	st-cat --client 5-9 --split b --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	works fl-aggregate.1.in clients g.safetensors updates.sts
}

@test "fl-distill" {
	works fl-distill.1.in
}

@test "fl-eval" {
	works fl-eval.1.in
}

@test "fl-init" {
	works fl-init.1.in
}

@test "fl-local-train" {
	works fl-local-train.1.in
}

@test "fl-metrics" {
	fl-eval -m "$BATS_FILE_TMPDIR/g.safetensors" --format json "$BATS_FILE_TMPDIR"/clients/*.safetensors >metrics.jsonl
	works fl-metrics.5 clients g.safetensors
}

@test "fl-partition" {
	works fl-partition.1.in
}

@test "fl-stats" {
	works fl-stats.1.in
}

@test "fl-select" {
	works fl-select.1.in
}

@test "fl-table" {
	works fl-table.1.in
}

@test "st-cat" {
	mkdir node1 node2
	st-cat --client 0-4 -o node1/updates.sts --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	st-cat --client 5-9 -o node2/updates.sts --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	works st-cat.1.in model.safetensors data.sts updates.sts
}

@test "st-check" {
	works st-check.1.in model.safetensors updates.sts
}

@test "st-cmp" {
	st-cat --client 0-4 -o a.sts --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	st-cat --client 5-9 -o b.sts --no-sync "$BATS_FILE_TMPDIR/updates.sts"
	cp "$BATS_FILE_TMPDIR/model.safetensors" ours.safetensors
	cp ours.safetensors torch.safetensors
	works st-cmp.1.in model.safetensors
}

@test "st-ls" {
	works st-ls.1.in model.safetensors updates.sts
}

@test "vlm-adapt" {
	works vlm-adapt.1.in
}

@test "vlm-retrieve" {
	mkdir bin
	printf '#!/bin/sh\nshift\nexec "$@"\n' >bin/ssh
	chmod +x bin/ssh
	save ours.safetensors 'emb=r.normal(size=(20, 8)).astype("f4")' 'id=np.arange(20)'
	save theirs.safetensors 'emb=r.normal(size=(30, 8)).astype("f4")' 'id=np.arange(20, 50)'
	save q.safetensors 'emb=r.normal(size=(3, 8)).astype("f4")' 'id=np.arange(3)'
	works vlm-retrieve.1.in
}

@test "fl-reshape" {
	works fl-reshape.1.in
}

@test "vlm-zeroshot" {
	for part in images val unknown; do
		save $part.safetensors 'emb=r.normal(size=(60, 8)).astype("f4")' 'label=np.arange(60) % 4'
	done
	save texts.safetensors 'emb=r.normal(size=(8, 8)).astype("f4")' 'label=np.arange(8) % 4' \
		'kappa=r.uniform(1, 9, 8).astype("f4")'
	works vlm-zeroshot.1.in
}

# README's blocks of shell, on the digits and for three rounds.
readme() {
	awk '/^```sh$/ { name = sprintf("readme.%d", ++n); next } /^```$/ { name = "" } name { print >name }' "$ROOT/README.md"
	sed -i 's/fashion-mnist/digits/; s/in=784/in=64/; s/seq 20/seq 3/' readme.*
}

@test "README: the first round, other methods, a study in short" {
	readme
	first=$(grep -l 'clients-test' readme.* | head -1) other=$(grep -l 'fedprox:mu' readme.*)
	bash -euo pipefail "$first"
	sed '/^# networks by name/,$d' "$other" | bash -euo pipefail
	for m in g adam ada; do st-ls --meta $m.safetensors >$m; done
	[ "$(awk '$2 == "fl.round" { printf "%s ", $3 }' g adam ada)" = "4 3 3 " ]
	[ "$(st-ls adam.sts | grep -c state) $(st-ls ada.sts | grep -c state)" = "2 2" ]
	study=$(grep -l 'unit=group' readme.*)
	sed '/^make /d; s/seq 30/seq 2/' "$study" | bash -euo pipefail
	[ -s mistaken.tsv ]
}

@test "every page with examples is among these" {
	grep -l '^\.Sh EXAMPLES' "$ROOT"/man/* | sed 's|.*/||' | sort >pages
	{
		sed -n 's/^\tworks \([^ ]*\).*/\1/p' "$BATS_TEST_FILENAME"
		echo fl-stream.5	# Python, which stream.bats runs
	} | sort | diff - pages
}

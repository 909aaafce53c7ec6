#!/usr/bin/env bats
# Files of before: test/old holds one of every kind, written by version 0.1.0
# (test/old/make.sh), whose models are known by CRC-32. They are read as they were.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	cp -r "$ROOT"/test/old/* .
}

train() { fl-local-train --opt sgd:lr=0.1 -b 4 "$@"; }
# hashes FILE: fl.base, fl.parent and fl.source_hash of its records
hashes() { st-ls --meta "$1" | grep -oE '"?fl\.(base|parent|source_hash)[^0-9a-f]+[0-9a-f]+' | grep -oE '[0-9a-f]+$'; }

@test "every kind of file of before is well formed" {
	for f in *.safetensors clients/* index/* personal/* history/*; do st-check "$f"; done
	for f in *.sts clients.sts.gz; do st-check "$f"; done
	for f in states/*; do st-check -n 1 "$f"; done
	st-check p1.sts
	[ "$(st-ls clients.sts.gz | wc -l)" -ge 3 ]
}

@test "a round of before goes on: its updates, its state, and a new client's update in one" {
	fl-aggregate -n 3 -m g1.safetensors -S fedadam:lr=0.1 --state server.sts -o g.safetensors u2.sts
	st-cmp g.safetensors g2.safetensors
	[ "$(hashes g.safetensors | awk '{print length($0)}')" = 64 ]
	cp -r "$ROOT"/test/old/server.sts .
	st-cat --client=0 u2.sts -o two.sts
	train -m g1.safetensors clients/0001.safetensors clients/0002.safetensors -o new.sts
	cat two.sts new.sts | fl-aggregate -n 3 -m g1.safetensors -S fedadam:lr=0.1 --state server.sts -o h.safetensors
	cmp g.safetensors h.safetensors
}

@test "the round after one of before finds its state, and the one after that, too" {
	fl-aggregate -n 3 -m g1.safetensors -S fedadam:lr=0.1 --state server.sts -o g.safetensors u2.sts
	train -m g.safetensors clients/* |
		fl-aggregate -n 3 -m g.safetensors -S fedadam:lr=0.1 --state server.sts -o g.safetensors
	[ "$(hashes server.sts | awk '{print length($0)}' | sort -u)" = 64 ]
}

@test "partials of before join those of now, and another model's are refused" {
	fl-aggregate -n 3 -m g1.safetensors -o a.safetensors p0.sts p1.sts
	st-cmp a.safetensors mean2.safetensors
	st-cat --client=0 u2.sts | fl-aggregate -m g1.safetensors --partial -o new.sts
	fl-aggregate -n 3 -m g1.safetensors -o b.safetensors new.sts p1.sts
	cmp a.safetensors b.safetensors
	fl-init -a mlp:in=4,hidden=3,out=3 -s 2 -o other.safetensors
	fl-local-train -m other.safetensors --steps 0 clients/0000.safetensors |
		fl-aggregate -m other.safetensors -o other.safetensors
	fails 3 'fl.base is' fl-aggregate -n 3 -m other.safetensors -o out.safetensors p0.sts p1.sts
}

@test "stale updates of before find their model in --history" {
	st-cat --client=0 u1.sts -o stale.sts
	st-cat --client=1 u2.sts -o fresh.sts
	fl-aggregate -n 2 -m g1.safetensors --stale 1 --history history -o a.safetensors stale.sts fresh.sts
	train -m g0.safetensors clients/0000.safetensors -o stale.sts
	fl-aggregate -n 2 -m g1.safetensors --stale 1 --history history -o b.safetensors stale.sts fresh.sts
	cmp a.safetensors b.safetensors
}

@test "clients' states of before go on, as do personal models and rules' rows" {
	train -m scaffold1.safetensors -M scaffold --state states clients/* -o a.sts
	st-cmp a.sts scaffold2.sts
	fl-eval -m personal clients/* >rows.tsv
	[ "$(wc -l <rows.tsv)" = 5 ]
	train -m afl1.safetensors --measure loss0 clients/* |
		fl-aggregate -n 3 -m afl1.safetensors -R afl --state rows.sts -o g.safetensors
}

@test "rows of a source of before are found, and a changed source is noticed" {
	fl-eval -m g1.safetensors index/* >/dev/null
	cp clients/0001.safetensors source.safetensors
	fails 3 'it is not the file this record was made from' fl-eval -m g1.safetensors index/0000.safetensors
}

@test "statistics, running statistics and adapters of before" {
	fl-aggregate -o m.safetensors means.sts
	for f in m mean; do st-cat --one --strip-meta --tensor mean --tensor count -o $f.old $f.safetensors; done
	st-cmp m.old mean.old
	fl-aggregate -o g.safetensors gradients.sts
	train -m g1.safetensors -M mime --with g.safetensors -o u.sts clients/*
	fl-aggregate -n 3 -m norm0.safetensors -o n.safetensors norm1.sts
	st-cmp n.safetensors norm1.safetensors
	vlm-adapt --apply adapter.safetensors pairs.safetensors#text -o t.safetensors
	st-cmp t.safetensors texts.safetensors
	vlm-adapt -a asymvlm:hidden=4 --texts pairs.safetensors#text --images pairs.safetensors#image \
		--pairs pairs.safetensors#pairs -e 2 -b 8 --state adapter.sts -o a.safetensors
	st-cmp a.safetensors adapter.safetensors
}

@test "models of one seed that differ by what they compute are two" {
	for f in relu tanh; do
		printf '{"input":[4],"layers":[{"layer":"linear","out":3},{"layer":"%s"},{"layer":"linear","out":3}]}' $f >$f.json
		fl-init -a $f.json -s 1 -o $f.safetensors
	done
	train -m relu.safetensors clients/0000.safetensors -o u.sts
	fl-aggregate -n 1 -m relu.safetensors -o g.safetensors u.sts
	fails 3 'but the model'"'"'s is' fl-aggregate -n 1 -m tanh.safetensors -o out.safetensors u.sts
}

@test "fl.base is what fl-stream(5) says, by another program" {
	train -m scaffold1.safetensors -j 2 -M scaffold --state states clients/* -o u.sts
	sed -n '/^import hashlib/,/^\.Ed/p' "$ROOT"/man/fl-stream.5 | grep -v '^\.Ed' |
		sed 's/\\(dq/"/g; s/\\e/\\/g; s/\\-/-/g' >base.py
	[ "$("$PYTHON" base.py scaffold1.safetensors)" = "$(hashes u.sts | sort -u)" ]
	b2sum -l 256 /dev/null | grep -q '^0e5751c026e5'
}

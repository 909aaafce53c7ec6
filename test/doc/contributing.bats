#!/usr/bin/env bats
# CONTRIBUTING.md: its picture is that of the includes, its worked example builds and works.

setup() {
	cd "$BATS_TEST_TMPDIR"
	. "$ROOT/test/doc/worked.sh"
}

# sh tools/house.sh --draw makes it anew.
@test "the picture of the house is that of the includes" {
	cd "$ROOT"
	diff <(sed -n '/^<!-- picture -->/,/^<!-- \/picture -->/p' CONTRIBUTING.md | sed '/^<!--/d; /^```/d') \
		<(sh tools/house.sh --picture)
}

@test "the worked method is one file, and nothing more" {
	[ "$B" = build ] || skip "another build folder"
	worked_build
	fl-local-train --list=method | grep -q '^fedl1\b'
	fl-local-train --man <man/fl-local-train.1.in | grep -q 'sign(w - w0)'
	run fl-local-train -M fedl1:mu=-1 -m x y
	[ "$status" = 2 ]
	[[ $output == *mu*'[0,'* ]]

	fl-partition -q -d digits -k 2 -B iid -s 1 -o c --no-sync
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o m.safetensors
	for m in fedavg fedl1:mu=0 fedl1:mu=0.01; do
		fl-local-train --no-prov -m m.safetensors -M $m --opt sgd:lr=.1 -e 1 c/0000.safetensors >$m.sts
	done
	st-cmp fedavg.sts fedl1:mu=0.sts
	run st-cmp fedavg.sts fedl1:mu=0.01.sts
	[ "$status" = 1 ]
}

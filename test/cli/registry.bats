#!/usr/bin/env bats
# The registry of a family takes every entry of its folder, or says which it cannot read.

setup() {
	mkdir "$BATS_TEST_TMPDIR/rule"
	cd "$BATS_TEST_TMPDIR"
}

registry() {
	sh "$ROOT/tools/registry.sh" rule rule fed/agg/agg.h
}

@test "entries stand in the list by name" {
	echo 'const struct fl_rule fl_rule_b = {' >rule/y.c
	echo 'const struct fl_rule fl_rule_a = { .flags = 1 };' >rule/x.c
	printf '\tfl_rule_a = found;\n\treturn fl_rule_b == found;\n' >>rule/x.c
	[ "$(registry | grep '\.e,')" = "$(printf '\t&fl_rule_a.e,\n\t&fl_rule_b.e,')" ]
}

@test "a definition that it does not read is refused, by file and line" {
	echo 'const struct fl_rule fl_rule_a = {' >rule/a.c
	for text in 'static const struct fl_rule fl_rule_b = {' 'const struct fl_rule fl_rule_b={' \
		'struct fl_rule fl_rule_b = {' 'const struct fl_rule fl_rule_B = {' \
		'const struct fl_rule
fl_rule_b = {' 'const struct fl_rule fl_rule_b'; do
		printf '%s\n' '/* b */' "$text" >rule/b.c
		run registry
		echo "$text: $output"
		[ "$status" = 1 ]
		[[ $output == rule/b.c:[23]:\ * && $output == *'begin the line: const struct fl_TYPE fl_rule_NAME = {' ]]
	done
}

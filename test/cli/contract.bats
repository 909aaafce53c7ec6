#!/usr/bin/env bats
# What every tool does alike: options, statuses, descriptors.

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	PROGRAMS=$(cd "$BIN" && ls)
}

@test "--help prints the usage on standard output" {
	for p in $PROGRAMS; do
		run --separate-stderr "$p" --help
		[ "$status" = 0 ]
		[[ $output == "usage: $p "* ]]
		[ -z "$stderr" ]
	done
}

@test "--version names tool and version" {
	for p in $PROGRAMS; do
		run "$p" --version
		[ "$status" = 0 ]
		[[ $output =~ ^"$p (fltools) "[0-9]+\.[0-9]+ ]]
	done
}

@test "an unknown option is usage, with the nearest one" {
	for p in $PROGRAMS; do
		run "$p" --hepl
		[ "$status" = 2 ]
		[ "$output" = "$p: unknown option --hepl; did you mean --help?" ]
		run "$p" -@
		[ "$status" = 2 ]
	done
}

@test "long options are not abbreviated" {
	for p in $PROGRAMS; do
		run "$p" --vers
		[ "$status" = 2 ]
	done
}

@test "--help to a full disk is a system error" {
	for p in $PROGRAMS; do
		run sh -c "$p --help >/dev/full"
		[ "$status" = 4 ]
		[[ $output == "$p: standard output: "* ]]
	done
}

@test "--help with standard output closed is a system error" {
	for p in $PROGRAMS; do
		run sh -c "$p --help >&-"
		[ "$status" = 4 ]
	done
}

@test "--list=family prints name, tab, one line" {
	for p in $PROGRAMS; do
		for f in $("$p" --list | cut -f1); do
			run "$p" --list="$f"
			[ "$status" = 0 ]
			[ -n "$output" ]
			! grep -vP '^[a-z0-9_-]+\t[^\t]+$' <<<"$output"
		done
		run "$p" --list=nonsense
		[ "$status" = 2 ]
	done
}

@test "an unknown FL_CPU is usage" {
	run env FL_CPU=z80 fl-init -a logreg -s 1 -o x.safetensors
	[ "$status" = 2 ]
	[ ! -e x.safetensors ]
}

@test "--complete offers every long option" {
	for p in $PROGRAMS; do
		for o in $("$p" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE '\-\-[a-z0-9-]+'); do
			"$p" --complete | grep -qE "^$o=?\$"
		done
	done
}

@test "completion knows values after --option=, --option and -o, and files elsewhere" {
	cat >ask <<-END
		. "$ROOT/share/fl.bash"
		compopt() { :; }
		COMP_WORDS=("\$@") COMP_CWORD=\$((\$# - 1))
		_fltools
		echo "\${COMPREPLY[*]}"
	END
	touch fedy.safetensors
	[ "$(bash ask fl-aggregate --server = fedy)" = "fedy.safetensors fedyogi" ]
	[ "$(bash ask fl-aggregate --server fedy)" = "fedy.safetensors fedyogi" ]
	[ "$(bash ask fl-aggregate -S fedy)" = "fedy.safetensors fedyogi" ]
	[ "$(bash ask fl-aggregate -q fedy)" = fedy.safetensors ]
	[ "$(bash ask fl-aggregate fedy)" = fedy.safetensors ]
	[[ "$(bash ask fl-aggregate --serv)" == "--server= --server=adafedadam "* ]]
	[ "$(bash ask fl-init -a shake)" = shakespeare-lstm ]
	[ "$(bash ask fl-partition -d fashion)" = fashion-mnist ]
}

@test "a terminal as standard input prints the short usage" {
	for p in fl-local-train fl-aggregate fl-stats fl-eval; do
		args="-m m.safetensors"
		[ "$p" = fl-stats ] && args="$args classmean"
		run script -qec "$p $args" /dev/null
		[ "$status" = 2 ]
		[[ $output == *"usage: $p "* ]]
	done
	for p in st-ls st-cat st-check; do
		run script -qec "$p" /dev/null
		[ "$status" = 2 ]
		[[ $output == *"usage: $p "* ]]
	done
}

@test "binary data is not written to a terminal" {
	run script -qec "fl-init -a logreg -s 1" /dev/null
	[ "$status" = 2 ]
	[[ $output == *"terminal"* ]]
}

@test "a reader that goes away ends a tool with 141" {
	run bash -c 'fl-init -a mlp:hidden=1024+1024 -s 1 | head -c 100 >/dev/null; echo "${PIPESTATUS[0]}"'
	[ "$output" = 141 ]
	run bash -c 'trap "" PIPE; fl-init -a mlp:hidden=1024+1024 -s 1 2>err | head -c 100 >/dev/null; echo "${PIPESTATUS[0]}"'
	[ "$output" = 141 ]
	[ ! -s err ]
}

@test "what a rule needs can be passed on to --measure, also where it is nothing" {
	fl-partition -q -d digits -k 2 -B iid -s 1 --no-sync -o c
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o m.safetensors
	for server in sgd adafedadam; do
		fl-local-train -m m.safetensors --measure "$(fl-aggregate --needs -S $server)" c/*.safetensors |
			fl-aggregate -n 2 -m m.safetensors -S $server -o next.safetensors
	done
}

@test "every tool takes -j, and one that writes takes -o" {
	for p in $PROGRAMS; do
		"$p" --complete | grep -qx -e --threads=
		[ "$p" = st-check ] || "$p" --complete | grep -qx -e --output=
	done
	fl-init -a logreg:in=4,out=2 -s 1 -o a -j 2
	fl-init -a logreg:in=4,out=2 -s 2 -o b
	for c in "st-ls -l a" "st-cmp a b" "st-cmp --meta a a"; do
		run $c -j 7
		echo old >out
		s=$status
		$c -o out || [ $? = "$s" ]
		[ "$(cat out)" = "$output" ]
	done
	head -c 100 b >cut
	echo old >out
	run st-ls -o out a cut
	[ "$status" = 3 ]
	[ "$(cat out)" = old ]
	run st-cmp -o out a cut
	[ "$status" = 3 ]
	[ "$(cat out)" = old ]
}

@test "FL_BLAS is openblas, where programs were built with it" {
	fl-partition -q -d digits -k 1 -B iid -s 1 --no-sync -o c
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	FL_BLAS=mkl run fl-local-train -m m.safetensors c/0000.safetensors
	[ "$status" = 2 ]
	[[ $output == *FL_BLAS* ]]
	FL_BLAS=openblas run --separate-stderr fl-local-train -m m.safetensors -o u.sts c/0000.safetensors
	if [ "$status" = 0 ]; then
		st-ls --meta u.sts | grep -q 'fl.prov.*FL_BLAS=openblas'
	else
		[ "$status" = 2 ]
		[ "$stderr" = "fl-local-train: FL_BLAS=openblas: this program was built without OpenBLAS (Debian: libopenblas-serial-dev)" ]
	fi
}

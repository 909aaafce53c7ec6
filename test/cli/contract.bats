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

# meant MESSAGE COMMAND...: usage, and what it says.
meant() {
	run "${@:2}"
	echo "$output"
	[ "$status" = 2 ]
	[ "$output" = "$2: $1" ]
}

@test "an option that others have, or that is a parameter here, is answered by what is meant" {
	meant "unknown option --lr; did you mean --opt sgd:lr=0.1?" fl-local-train -m g --lr 0.1
	meant "unknown option --learning_rate; did you mean --opt adam:lr=0.1?" fl-local-train -m g --opt adam --learning_rate=0.1
	meant "unknown option --lr; did you mean --opt sgd:lr=eta?" fl-local-train --lr -m g
	meant "unknown option --mu; did you mean --method moon:mu=2?" fl-local-train -m g -M moon --mu 2
	meant "unknown option --alpha; did you mean --by dirichlet:alpha=0.3?" fl-partition -d digits -k 2 --alpha 0.3
	meant "unknown option --partition; did you mean --by?" fl-partition --partition iid
	meant "unknown option --num-clients; did you mean --clients?" fl-partition --num-clients 10
	meant "unknown option --model; did you mean --arch?" fl-init --model mlp
	meant "unknown option --scaffold; did you mean --method scaffold?" fl-local-train --scaffold
	meant "unknown option --Seed; did you mean --seed?" fl-init --Seed 3
	meant "unknown option --nonsense; --help lists them" fl-init --nonsense
	meant "--metric: no metric 'R@1'; --list=metric shows them" fl-eval -m g --metric R@1
	meant "--metric: no ranking metric 'R@5'; did you mean 'hit@5'?" vlm-retrieve --gallery g --metric hit@1,R@5
}

@test "a file in a folder that is not there: which folder" {
	run fl-init -a logreg -o no/such/m.safetensors
	[ "$status" = 4 ]
	[ "$output" = "fl-init: no/such/m.safetensors: No such file or directory: there is no folder 'no/such'" ]
}

@test "a name of another family is answered by a tool and option that take it" {
	n=0
	for m in $(fl-local-train --list=method | cut -f1); do
		! fl-aggregate --list=rule | grep -qE "^$m	|called.*\\b$m\\b" || continue
		run fl-aggregate -m g -R "$m"
		[ "$status" = 2 ]
		[[ "$output; " == *"$m is a method: fl-local-train -M $m; "* ]]
		n=$((n + 1))
	done
	[ "$n" -gt 10 ]
	for r in $(fl-aggregate --list=rule | cut -f1); do
		! fl-local-train --list=method | grep -q "^$r	" || continue
		run fl-local-train -m g -M "$r"
		[[ $output == *"$r is a rule: fl-aggregate -R $r"* || $output == *"did you mean"* ]]
	done
}

@test "FedAvg is fedavg on both sides: a name of rule mean, which help, pages and completion know" {
	[[ "$(fl-aggregate --list=rule | grep '^mean	')" == *"(also called fedavg)" ]]
	fl-aggregate --complete | grep -qx -e --rule=fedavg
	grep -A8 '^.It Cm mean$' "$ROOT/$B/man/fl-aggregate.1" | grep -q 'also called fedavg'
	fl-partition -q -d digits -k 2 -B iid -s 1 --no-sync -o c
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	fl-local-train -m m.safetensors -M fedavg -o u.sts c/*.safetensors
	fl-aggregate -m m.safetensors -R fedavg -o a u.sts
	fl-aggregate -m m.safetensors -o b u.sts
	cmp a b
	for l in maxpool maxpool2d; do
		fl-init -a '{"input":[3,8,8],"layers":[{"layer":"conv2d","out":2,"kernel":3},{"layer":"'$l'","kernel":2},{"layer":"flatten"},{"layer":"linear","out":2}]}' -o $l
	done
	cmp maxpool maxpool2d
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

@test "completion knows values after --option=, --option and -o, and names and files elsewhere" {
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
	touch wide.safetensors
	[ "$(bash ask fl-reshape -m g.safetensors wid)" = "wide.safetensors widen width" ]
	[[ "$(bash ask fl-stats classm)" == classmean ]]
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

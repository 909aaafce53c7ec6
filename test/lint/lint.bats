#!/usr/bin/env bats
# Rules of the house that a machine can check.

setup() {
	cd "$ROOT"
	PROGRAMS=$(cd "$BIN" && ls)
}

# sources: what is in the repository, or where there is none, what is not built.
sources() {
	git ls-files 2>/dev/null ||
		find . \( -path ./build -o -path ./runs -o -name .git \) -prune -o -type f -print | sed 's|^\./||'
}

@test "includes point downwards in LAYERS" {
	run awk -f test/lint/layers.awk LAYERS $(find lib -name '*.[ch]')
	echo "$output"
	[ "$status" = 0 ]
}

@test "the layer checker sees an include that points upwards" {
	d=$BATS_TEST_TMPDIR/lib/base
	mkdir -p "$d"
	echo '#include "cli/tool.h"' >"$d/x.c"
	run awk -f test/lint/layers.awk LAYERS "$d/x.c"
	[ "$status" = 1 ]
	[[ $output == *'x.c:1: base may not include "cli/tool.h"' ]]
}

@test "the library neither prints nor exits below cli" {
	run sh -c "find $B/obj/lib -name '*.o' ! -path '*/cli/*' -exec nm -A {} + |
		grep -E ' U (_?exit|abort|printf|puts|putchar|perror|fprintf|vprintf|stderr|stdout|__(f|v)?printf_chk)\$'"
	echo "$output"
	[ "$status" = 1 ]
}

@test "banned functions are not used" {
	run grep -nE '\b(atoi|atof|strtok|sprintf|rand|srand|gets)\(' -r lib tools --include='*.[ch]'
	echo "$output"
	[ "$status" = 1 ]
}

@test "a part of a count is fl_num_part's: .29 of 100 is 29" {
	run grep -nE '\((size_t|u?int(32|64)_t)\)\([^;]*\* \(double\)' -r lib tools --include='*.[ch]' --exclude=num.c
	echo "$output"
	[ "$status" = 1 ]
}

@test "every header compiles alone" {
	for h in $(find lib -name '*.h'); do
		run ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -Wall -Wextra -Werror -fsyntax-only -x c "$h"
		echo "$h: $output"
		[ "$status" = 0 ]
	done
}

@test "all headers compile together: no tag is there twice" {
	find lib -name '*.h' | sed 's/.*/#include "&"/' >"$BATS_TEST_TMPDIR/all.c"
	run ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -I. -Ilib -Wall -Wextra -Werror -fsyntax-only "$BATS_TEST_TMPDIR/all.c"
	echo "$output"
	[ "$status" = 0 ]
}

@test "shell scripts pass shellcheck" {
	shellcheck -x $(sources | xargs grep -lE '^#!.*(ba)?sh$' | grep -v '\.bats$') tools/*.sh
}

@test "manual pages pass mandoc's lint" {
	for m in "$B"/man/*.[157]; do
		run mandoc -Tlint -Wwarning "$m"
		echo "$output"
		[ "$status" = 0 ]
	done
}

# Values of another system: golden files and their scripts, or Python within a test.
@test "every entry of every family is named where values of another system are" {
	grep -rhowE --include='*.py' --include='*.bats' --include='*.h' --include='*.c' '[a-z][a-z0-9_-]*' \
		test/golden test/goldens test/unit test/grad $(grep -l PYTHON test/cli/*.bats) |
		LC_ALL=C sort -u >"$BATS_TEST_TMPDIR/named"
	for list in "$B"/gen/*_list.c; do
		f=${list##*/}
		f=${f%_list.c}
		sed -n "s/^	&fl_${f}_\(.*\)\.e,/\1/p" "$list" | tr _ - | LC_ALL=C sort >"$BATS_TEST_TMPDIR/entries"
		run comm -23 "$BATS_TEST_TMPDIR/entries" "$BATS_TEST_TMPDIR/named"
		echo "$f: $output"
		[ -z "$output" ]
	done
}

@test "every tool has a manual page, and every cross reference exists" {
	for p in $PROGRAMS; do
		[ -s "$B/man/$p.1" ]
	done
	for x in $(sed -nE 's/^\.Xr (fl-|vlm-|st-)([a-z-]+) ([0-9]).*/\1\2.\3/p' "$B"/man/* | sort -u); do
		echo "$x"
		[ -s "$B/man/$x" ]
	done
}

@test "options of --help and of the manual page are the same" {
	for p in $PROGRAMS; do
		"$BIN/$p" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE '\-\-[a-z0-9-]+' | sort -u >"$BATS_TEST_TMPDIR/help"
		grep -E '^\.It Fl' "$B/man/$p.1" | grep -oE '\\-[a-z0-9-]+' | sed 's/^\\-/--/' | sort -u >"$BATS_TEST_TMPDIR/man"
		diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/man"
	done
}

@test "what an option needs or excludes is an option of its tool" {
	for c in tools/*.c; do
		p=$(basename "$c" .c)
		"$BIN/$p" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | sed 's/.*--//' >"$BATS_TEST_TMPDIR/has"
		for x in $(grep -ohE '\.(needs|excludes|operands_need) = "[^"]*"' "$c" |
			sed 's/^[^"]*"//; s/"$//' | tr '|' ' '); do
			grep -qxF -e "$x" "$BATS_TEST_TMPDIR/has" || { echo "$c: no option $x"; false; }
		done
	done
}

@test "no file knows a host, a home or a machine's path" {
	run sh -c "grep -nIE '(^|[^A-Za-z0-9_.])/(home|root)/[A-Za-z.]' $(sources | grep -v '^test/lint/' | tr '\n' ' ')"
	echo "$output"
	[ "$status" = 1 ]
}

#!/usr/bin/env bats
# Every target of the Makefile, in a copy of this folder; what it asks for, and what it says
# where that is lacking.

setup_file() {
	bats_require_minimum_version 1.5.0
	[ "$B" = build ] || return 0
	mkdir "$BATS_FILE_TMPDIR/a copy"
	cd "$ROOT"
	tar -cf - --exclude=.git --exclude=./build --exclude=./runs . | tar -xf - -C "$BATS_FILE_TMPDIR/a copy"
	mkdir "$BATS_FILE_TMPDIR/a copy/build"
	for f in build/*; do
		[ "$f" = build/san ] || cp -a "$f" "$BATS_FILE_TMPDIR/a copy/build/"
	done
}

setup() {
	[ "$B" = build ] || skip "another build folder"
	# Variables of the make that runs this, but for which tests it runs.
	args=()
	[[ ${MAKEFLAGS:-} != *' -- '* ]] || eval "args=(${MAKEFLAGS#* -- })"
	[ ${#args[@]} != 0 ] || args=("CC=$(sed 's/ -std=c11 .*//' "$ROOT/build/flags")")
	args+=(TESTS= DEPS=: B=build)
	unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
	cd "$BATS_FILE_TMPDIR/a copy"
}

# made TARGET [VARIABLE=VALUE...]: without a word about folders entered; bats inside is another.
made() {
	(
		PATH=${PATH//"$BATS_LIBEXEC":/}
		unset "${!BATS_@}"
		make --no-print-directory "${args[@]}" "$@"
	)
}

@test "make builds what is not there, and nothing twice" {
	for t in all tests man; do
		run made $t
		echo "$output"
		[ "$status" = 0 ]
		[ -z "$output" ]
	done
	rm build/bin/st-ls
	run made
	[ "$status" = 0 ]
	[ "$output" = "  LD   bin/st-ls" ]
	[ "$(build/bin/st-ls --version)" = "$(st-ls --version)" ]
}

@test "make help names every target" {
	diff <(made help | awk '{ print $2 }' | sort) \
		<(made -pn help | sed -n 's/^\.PHONY: //p' | tr ' ' '\n' | grep -vx FORCE | sort)
	[ -z "$(made help | awk 'NF < 4')" ]
}

@test "make man" {
	rm -r build/man
	made man
	diff -r build/man "$ROOT/build/man"
}

@test "make install puts programs, pages and completion in place; make uninstall takes all away" {
	for prefix in "/opt/fl tools" /usr/local; do
		made install "DESTDIR=$PWD/stage one" "PREFIX=$prefix"
		p="stage one$prefix"
		for t in $(ls build/bin); do
			[ "$("$p/bin/$t" --version)" = "$("$t" --version)" ]
			[ -s "$p/share/man/man1/$t.1" ]
			[ -s "$p/share/bash-completion/completions/$t" ]
		done
		[ -s "$p/share/man/man5/fl-stream.5" ] && [ -s "$p/share/man/man7/fl-methods.7" ]
		touch "$p/share/man/man1/other.1"
		made uninstall "DESTDIR=$PWD/stage one" "PREFIX=$prefix"
		[ "$(cd "stage one" && find . ! -type d)" = ".$prefix/share/man/man1/other.1" ]
		rm "$p/share/man/man1/other.1"
		made uninstall "DESTDIR=$PWD/stage one" "PREFIX=$prefix"
		[ "$prefix" = /usr/local ] || [ ! -e "$p" ]
	done
}

@test "make demo" {
	run made demo DATASET=digits CLIENTS=2 ROUNDS=1 RUN=one JOBS=1
	echo "$output"
	[ "$status" = 0 ]
	[ -s one/metrics.jsonl ] && [ -s one/models/0001.safetensors ]
}

@test "make check ends with what passed and what failed, and fails with it" {
	run made check TESTS=unit/num
	[ "$status" = 0 ]
	[[ ${lines[-1]} =~ ^[1-9][0-9]*' passed, 0 failed'$ ]]
	run made check TESTS=nothing
	[ "$status" != 0 ]
	mkdir fake
	printf '#!/bin/sh\necho "ok 1 a\nnot ok 2 b\nok 3 c # skip no c"\nexit 1\n' >fake/bats
	chmod +x fake/bats
	PATH=$PWD/fake:$PATH run made check TESTS=cli/contract
	[ "$status" != 0 ]
	[[ $output == *$'\n1 skipped\n1 passed, 1 failed\n'* ]]
}

@test "make lint" {
	run made lint
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[-1]} =~ ^[1-9][0-9]*' passed, 0 failed'$ ]]
}

# The suites run themselves elsewhere; here, that each runs the files of its folder.
@test "make check-goldens, make check-blas" {
	mkdir -p fake
	printf '#!/bin/sh\necho "ok 1 $2"\n' >fake/bats
	chmod +x fake/bats
	for s in goldens blas; do
		PATH=$PWD/fake:$PATH run made check-$s
		echo "$output"
		[ "$status" = 0 ]
		[ "${lines[-1]}" = "$(ls test/$s/*.bats | wc -l) passed, 0 failed" ]
		grep -q "[ ,]check-$s[ ,?]" tools/packages.txt
	done
	[ "$(made -pn help | sed -n 's/^SUITES := //p')" = "check-goldens check-blas" ]
}

@test "make bench" {
	run made bench BENCH=nothing
	[ "$status" != 0 ]
	[[ $output == *"bench: no workload 'nothing'; there are start, step, "* ]]
}

@test "without OpenBLAS everything builds, and FL_BLAS=openblas says so" {
	run made all OPENBLAS=
	echo "$output"
	[ "$status" = 0 ]
	[[ $output != *CC* ]]
	run --separate-stderr env FL_BLAS=openblas build/bin/fl-eval -m m.safetensors
	[ "$status" = 2 ]
	[ "$stderr" = "fl-eval: FL_BLAS=openblas: this program was built without OpenBLAS (Debian: libopenblas-serial-dev)" ]
}

@test "make clean" {
	cp -a build kept
	made clean
	[ ! -e build ]
	mv kept build
}

# A machine with this list of packages, these commands, and apt only where it is asked for.
machine() {
	cd "$BATS_TEST_TMPDIR"
	mkdir bin
	for c in sh awk sed dirname grep "$@"; do ln -s "$(command -v $c)" bin/; done
	printf '#!/bin/sh\necho "/usr/lib/${1##*=}"\n' >bin/cc
	chmod +x bin/cc
	cat >list <<-END
		# Debian package, seen by, targets, what for
		gcc       \$CC             build
		sed       sed             demo,check   words
		none      no-such-command check,bench  nothing
		picture   no-such-plot    demo?        pictures
		python    python:no_such  bench        more
	END
	DEPS=(env PATH="$PWD/bin" PACKAGES=list CC="cc -x" PYTHON="$PYTHON" /bin/sh "$ROOT/tools/deps.sh")
}

@test "make deps: a target asks for its own packages, and stops at once without apt" {
	machine
	run "${DEPS[@]}" build
	[ "$status" = 0 ] && [ -z "$output" ]
	run "${DEPS[@]}" build demo
	[ "$status" = 0 ]
	[ "$output" = "make deps: not there, and not needed for: build demo
  picture (no-such-plot) pictures" ]
	run "${DEPS[@]}" build check
	[ "$status" = 1 ]
	[ "$output" = "make deps: lacking for: build check
  none (no-such-command) nothing" ]
	run "${DEPS[@]}" build bench
	[ "$status" = 1 ]
	[[ $output == *"  none (no-such-command) nothing"*"  python (python:no_such) more" ]]
	rm bin/cc
	run "${DEPS[@]}" build
	[ "$status" = 1 ]
	[[ $output == *'  gcc ($CC)' ]]
}

@test "make deps: root installs what is lacking, others are told how" {
	machine
	printf '#!/bin/sh\necho "$*" >>apt.log\n[ "$1" != install ] || [ -e updated ] || { : >updated; exit 100; }\n' >bin/apt-get
	chmod +x bin/apt-get
	printf '#!/bin/sh\necho 0\n' >bin/id
	chmod +x bin/id
	run "${DEPS[@]}" build check demo
	[ "$status" = 0 ]
	[ "$(cat apt.log)" = "install -y --no-install-recommends -q none picture
update -q
install -y --no-install-recommends -q none picture" ]
	rm apt.log
	"${DEPS[@]}" build
	[ ! -e apt.log ]
	printf '#!/bin/sh\necho 1000\n' >bin/id
	run "${DEPS[@]}" build check demo
	[ "$status" = 1 ]
	[[ $output == *"as root: apt-get install --no-install-recommends none" ]]
	[ ! -e apt.log ]
	run "${DEPS[@]}" build demo
	[ "$status" = 0 ]
}

@test "make deps: a target that can do without packages stops at once where it cannot" {
	machine
	cp -R "$ROOT/tools" .
	cp list tools/packages.txt
	for c in make mkdir cmp echo find patsubst; do ! command -v $c >/dev/null || ln -sf "$(command -v $c)" bin/; done
	for t in check bench; do
		run env PATH="$PWD/bin" make -f "$ROOT/Makefile" --no-print-directory CC="cc -x" $t
		echo "$output"
		[ "$status" != 0 ]
		[[ $output == *"lacking for: build $t"* ]]
		[ ! -e build ]
	done
}

@test "every target is run here" {
	for t in $(made -pn help | sed -n 's/^\.PHONY: //p'); do
		case $t in FORCE | deps) continue ;; esac
		grep -qE "made $t( |\$)|made check-\\\$s|for t in .*\b$t\b" "$BATS_TEST_FILENAME"
	done
}

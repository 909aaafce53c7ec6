#!/usr/bin/env bats
# Every file below test/golden is what a script beside it makes, from nothing. A script called
# make.py does so when it is run; others, and those that want arguments, say in a line
# "remake: COMMAND" how.

# commands: the folder and the command of every script, a line each.
commands() {
	local f line
	for f in $(find . -name '*.py'); do
		line=$(sed -n 's/^remake: //p' "$f")
		[ -n "$line" ] || [ "${f##*/}" != make.py ] || line='$PYTHON make.py'
		[ -z "$line" ] || printf 'cd %s && { %s; }\n' "${f%/*}" "$line"
	done
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	cp -R "$ROOT/test/golden" .
	cd golden
	find . -type f ! -name '*.py' -exec rm -- {} +
	export PYTHONDONTWRITEBYTECODE=1
	commands | tr '\n' '\0' | xargs -0 -P "$(nproc)" -I{} bash -c '{} >/dev/null 2>>remake.log || echo "failed: {}"' >failed
}

@test "every script makes its files" {
	cd "$BATS_FILE_TMPDIR/golden"
	cat failed
	[ ! -s failed ] || cat remake.log
	[ ! -s failed ]
	[ "$(commands | wc -l)" -gt 30 ]
}

@test "every golden file is made by a script, and equal to rounding" {
	cd "$ROOT/test/golden"
	find . -type f ! -name '*.py' ! -name '*.bats' ! -path '*/__pycache__/*' -print0 |
		xargs -0 "$PYTHON" "$ROOT/test/goldens/same.py" . "$BATS_FILE_TMPDIR/golden"
}

@test "another number, another text, a missing file do not pass" {
	cd "$BATS_TEST_TMPDIR"
	mkdir a b
	same() { "$PYTHON" "$ROOT/test/goldens/same.py" a b "$1"; }
	echo "{ 0.25, 1e-3, 0x1.8p+1, x7 }" >a/x.h
	echo "{ 0.25000000000001, .001, 3.0, x7 }" >b/x.h
	same x.h
	for other in "{ 0.2501, 1e-3, 0x1.8p+1, x7 }" "{ 0.25, 1e-3, 0x1.8p+1, x8 }" "{ 0.25, 1e-3, 0x1.8p+1 }"; do
		echo "$other" >b/x.h
		run same x.h
		[ "$status" = 1 ]
	done
	touch a/y
	run same y
	[ "$status" = 1 ]
	cp "$ROOT/test/golden/opt/adam.safetensors" a/r.safetensors
	cp "$ROOT/test/golden/opt/adamw.safetensors" b/r.safetensors
	run same r.safetensors
	[ "$status" = 1 ]
}

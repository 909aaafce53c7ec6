#!/usr/bin/env bats
# Lack of memory at every allocation: status 4 and nothing published, or, where
# the C library does without, the right result.

# The tools bring their C library; here they are linked with one that can be replaced.
setup_file() {
	for t in st-cat st-cmp st-ls st-check vlm-zeroshot; do
		${CC:-cc} -o "$BATS_FILE_TMPDIR/$t" "$ROOT/$B/obj/tools/$t.o" "$ROOT/$B/libfl.a" \
			$(sed -n 's/^LIBS *:= //p' "$ROOT/Makefile") || [[ $B == *san* ]]
	done
	${CC:-cc} -shared -fPIC -O1 -o "$BATS_FILE_TMPDIR/oom.so" "$ROOT/test/cli/oom.c"
}

setup() {
	bats_require_minimum_version 1.5.0
	[[ $B != *san* ]] || skip "sanitizers bring their own allocator"
	G=$ROOT/test/golden/stream PATH=$BATS_FILE_TMPDIR:$PATH
	cd "$BATS_TEST_TMPDIR"
}

# everywhere COMMAND...: until three allocations in a row were not reached.
everywhere() {
	local k=0 fine=0
	while [ "$fine" -lt 3 ] && [ "$k" -lt 5000 ]; do
		rm -f out
		status=0
		env OOM_K="$k" LD_PRELOAD="$BATS_FILE_TMPDIR/oom.so" "$@" >stdout 2>err || status=$?
		if [ "$status" = 0 ]; then
			fine=$((fine + 1))
			check
		else
			fine=0
			echo "allocation $k: status $status: $(cat err)"
			[ "$status" = 4 ]
			[ "$(wc -l <err)" = 1 ]
			[ ! -e out ]
		fi
		[ -z "$(find . -name '.*.tmp')" ]
		k=$((k + 1))
	done
	echo "$k allocations"
	[ "$k" -gt 50 ]
	[ "$fine" = 3 ]
}

@test "st-cat without memory" {
	gzip -c "$G/types.safetensors" >t.gz
	check() { cmp out "$G/types.safetensors"; }
	everywhere st-cat --one -o out t.gz
	OOM_ALL=1 everywhere st-cat --one -o out t.gz
}

@test "st-cmp without memory" {
	check() { [ ! -s stdout ]; }
	everywhere st-cmp --meta --tol 'x=1' "$G/update.safetensors" "$G/update.safetensors"
}

@test "st-ls and st-check without memory" {
	st-ls -l "$G/update.safetensors" >want
	check() { cmp stdout want; }
	everywhere st-ls -l "$G/update.safetensors"
	check() { :; }
	everywhere st-check "$G/update.safetensors"
}

@test "vlm-zeroshot without memory" {
	cp "$ROOT"/test/golden/zeroshot/*.safetensors .
	echo '{"ant":[0,2,1],"bee":[3],"cat":[5,4],"dog":[6],"eel":[10,8],"fox":11,"gnu":[12]}' >g.json
	check() { cmp out want && [ -e rows ] && [ -e curve ]; }
	vlm-zeroshot --images images.safetensors --texts texts.safetensors --classes g.json -o want
	everywhere vlm-zeroshot --images images.safetensors --texts texts.safetensors --classes g.json \
		--scores vmf --rows rows --curve curve -o out --no-sync
}

#!/usr/bin/env bats
# Hostile input, failing systems, sudden deaths: see hostile.py.

setup() {
	cd "$BATS_TEST_TMPDIR"
}

hostile() {
	"$PYTHON" -B "$ROOT/test/cli/hostile.py" "$1"
}

@test "an update that lies: a status, client and file, no output" {
	hostile matrix
}

@test "a flipped bit or a truncation of any input is data or bad data, for every tool" {
	hostile flips
}

@test "every write, fsync, rename and open that fails is status 4 and publishes nothing" {
	hostile failures
}

@test "a round killed anywhere and repeated gives the bytes of one that was not" {
	hostile kills
}

@test "a signal that ends a program takes its temporaries along" {
	hostile signals
}

@test "so does a reader of standard output that goes away" {
	hostile reader_gone
}

@test "clients trained twice and models made twice change nothing" {
	hostile twice
}

@test "writers of one name: always a whole file" {
	hostile race
}

@test "a hundred rounds, some killed, end in the same bytes" {
	hostile long
}

@test "a fold's memory does not grow with the clients" {
	[[ $B != *san* ]] || skip "sanitizers take memory"
	hostile memory
}

@test "too little memory is status 4" {
	[[ $B != *san* ]] || skip "sanitizers reserve memory"
	hostile out_of_memory
}

@test "names in records never become paths" {
	hostile names
}

@test "the mask of permissions holds for files written by several threads" {
	fl-init -a logreg:in=64,out=10 -o g
	fl-partition -d digits -k 40 -B iid -o c
	umask 027
	# The leak checker cannot work where strace does.
	ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=umask -o log fl-local-train -m g -M scaffold --state s -j4 --no-sync \
		-o u.sts c/*.safetensors
	# Looking at the mask changes it: twice a process, not twice a file.
	[ "$(grep -c 'umask(' log)" = 2 ]
	[ "$(stat -c %a s/* u.sts | sort -u)" = 640 ]
}

@test "opening a FIFO for data does not end its writer" {
	fl-init -a logreg:in=64,out=10 -o g
	fl-partition -d digits -k 2 -B iid -o c
	mkfifo f
	cat c/0000.safetensors >f &
	fl-eval -m g -d f >rows
	wait $!
	fl-eval -m g c/0000.safetensors | cmp - rows
}

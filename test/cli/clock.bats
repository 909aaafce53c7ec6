#!/usr/bin/env bats
# fl-select --clock: virtual time, against another simulation (test/golden/policy/clock.py).

load fails

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/policy
	S=(fl-select all -k 7 --clock "$G/speeds.tsv" --steps 2)
}

@test "sync, async, fedbuff, fedfix and fedcompass equal the other simulation" {
	"${S[@]}" --rounds 4 | cmp - "$G/sync.tsv"
	"${S[@]}" --rounds 40 --pace async | cmp - "$G/async.tsv"
	"${S[@]}" --rounds 20 --pace fedbuff:c=3 | cmp - "$G/fedbuff.tsv"
	"${S[@]}" --rounds 12 --pace fedfix:dt=0.6875 | cmp - "$G/fedfix.tsv"
	"${S[@]}" --rounds 40 --pace fedcompass:qmin=2,qmax=9,late=1.25 | cmp - "$G/fedcompass.tsv"
	"${S[@]}" --rounds 40 --pace fedasync | cmp - "$G/async.tsv"
	"${S[@]}" --rounds 40 --pace fedbuff:c=1 | cmp - "$G/async.tsv"
	# Who starts first is drawn, and decides only what comes at the same time.
	"${S[@]}" --rounds 20 --pace fedast:models=1,active=7,c=3 | sort | cmp - <(sort "$G/fedast.tsv")
	"${S[@]}" --rounds 35 --pace fedasmu:period=2.5,m=7 | cmp - "$G/fedasmu.tsv"
	# A beat as long as the slowest is in step with all, but for who waits for it.
	"${S[@]}" --rounds 4 --pace fedfix:dt=2 | cmp - "$G/sync.tsv"
}

@test "the same file again, byte for byte, whatever -j; another seed, another" {
	sed '1s/$/\tjitter/; 2,$s/$/\t0.5/' "$G/speeds.tsv" >j.tsv
	for p in fedbuff:c=2 fedasmu:period=1,m=2 fedast:models=2,active=2,c=2 fedcompass:qmin=2,qmax=6; do
		D=(fl-select uniform:k=4 -k 7 --clock j.tsv --steps 3 --until 200 --dropout 0.1 --pace $p)
		"${D[@]}" -s 1 >a
		[ "$(wc -l <a)" -gt 50 ]
		"${D[@]}" -s 1 -j 3 | cmp - a
		"${D[@]}" -s 2 >b
		! cmp -s a b
		# Nobody starts from a version that is not there yet; time goes on to its end.
		awk -F'\t' 'NR > 1 { if ($7 != "-" && $4 >= $7) exit 1; t = $1 } END { exit t > 200 || t < 150 }' a
		[[ $p == fedcompass* ]] || tail -n +2 a | cut -f1 | sort -gc
		grep -qP '\t-$' a
	done
}

@test "under way are never more than were asked for, and each client once" {
	fl-select uniform:k=3 -k 7 --clock "$G/speeds.tsv" --steps 2 --rounds 200 --pace async >a
	# Without a waiting room an update is at most so many versions late that others arrived.
	awk -F'\t' 'NR > 1 { s[$2] += 2 } END { for (k in s) n++; exit n != 7 }' a
	fl-select uniform:k=1 -k 7 --clock "$G/speeds.tsv" --steps 2 --rounds 50 --pace async |
		awk -F'\t' 'NR > 1 && $4 != $7 - 1 { exit 1 }'
}

@test "late, lost, fresh: what a round cuts off, and what is asked for halfway" {
	"${S[@]}" --rounds 3 --pace sync:first=2 | awk -F'\t' 'NR > 1 { n[$7]++ } END { exit !(n[1] == 2 && n[3] == 2 && n["-"] == 15) }'
	[ "$("${S[@]}" --rounds 1 --pace sync:deadline=1 | cut -f1,2,7 | tail -n +2 | xargs)" = \
		"0.5 4 1 0.625 6 1 0.875 3 1 1 2 - 1 5 - 1 1 - 1 0 -" ]
	"${S[@]}" --rounds 60 --pace fedasmu:period=0.5,m=2,stale=2 -s 3 |
		awk -F'\t' 'NR > 1 { if ($5 < $4) exit 1; f += $5 > $4; l += $7 == "-" } END { exit !(f && l) }'
}

@test "bandwidth, own steps, availability by slots" {
	printf 'client\tstep\tsteps\tdown\tup\n0\t0.5\t2\t100\t50\n1\t0.5\t4\t100\t50\n' >b.tsv
	[ "$(fl-select all -k 2 --clock b.tsv --bytes 100 --rounds 1 | cut -f1,6 | tail -n +2 | xargs)" = "4 2 5 4" ]
	printf 'client\tstart\tend\n0\t3\t5\n1\t1\t2\n' >trace
	# Client 1 is there in [0,10) seconds, client 0 in [20,40): they start again while they are.
	fl-select trace:file=trace -k 2 --clock b.tsv --bytes 0 --slot 10 --until 60 --pace async |
		tail -n +2 | cut -f1,2 >got
	{ seq 2 2 10 | sed 's/$/\t1/'; seq 21 40 | sed 's/$/\t0/'; } | cmp - got
}

@test "usage and bad clocks" {
	fails 2 "--clock wants an end" "${S[@]}"
	fails 2 "pace async takes clients one by one" fl-select roundrobin:k=2 -k 7 --clock "$G/speeds.tsv" --steps 1 --rounds 2 --pace async
	fails 3 "--clock wants 'steps' of each client" fl-select all -k 7 --clock "$G/speeds.tsv" --rounds 2
	fails 3 "client 7 has no 'step', which --clock wants" fl-select all -k 8 --clock "$G/speeds.tsv" --steps 1 --rounds 2
	printf 'client\tstep\n0\t0\n' >zero
	fails 3 "client 0: 'step' is 0, must be at least" fl-select all -k 1 --clock zero --steps 1 --rounds 2
	fails 3 "nobody is idle for model" fl-select all -k 3 --clock "$G/speeds.tsv" --steps 1 --rounds 2 --pace fedast:active=5
	fails 2 "qmin=9 is above qmax=2" "${S[@]}" --rounds 1 --pace fedcompass:qmin=9,qmax=2
	fails 2 "clock" fl-select all -k 7 --pace async
	fails 2 "probs" "${S[@]}" --rounds 1 --probs
	fails 2 "--round and --clock exclude" "${S[@]}" --rounds 1 -r 4
	run "${S[@]}" --rounds 1000000 -o /dev/full
	[ "$status" = 4 ]
}

@test "a million clients, a day" {
	awk 'BEGIN { print "client\tstep"; for (i = 0; i < 1000000; i++) print i "\t" 1 + i % 7 }' >m.tsv
	[ "$(fl-select uniform:k=100 -k 1000000 --clock m.tsv --steps 50 --pace fedbuff:c=10 --until 86400 | wc -l)" -gt 30000 ]
}

#!/usr/bin/env bats
# Records and streams through st-ls, st-cat, st-cmp and st-check.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden/stream
	cd "$BATS_TEST_TMPDIR"
}

@test "a record is written byte for byte as the reference writes it" {
	st-cat --one "$G/types.safetensors" | cmp - "$G/types.safetensors"
}

@test "a foreign record is read and comes out in canonical form" {
	st-cat --one "$G/foreign.safetensors" | cmp - "$G/types.safetensors"
	st-cmp --meta "$G/foreign.safetensors" "$G/types.safetensors"
}

@test "NumPy reads what we write" {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	sed -n '/^import json, numpy/,/^\.Ed/p' "$ROOT/man/fl-stream.5" | sed '$d; s/\\e/\\/g' >read.py
	st-cat "$G/updates.sts" | "$PYTHON" read.py >out
	[ "$(sed -n 3p out)" = "update {'0.bias': (2,), '0.weight': (2, 3), '@scaffold/0.bias': (2,), '@mask/0.bias': (2,)}" ]
	[ "$(tail -n 1 out)" = "end {}" ]
}

@test "st-cat joins files, pipes and gzip" {
	gzip -c "$G/updates.sts" >u.sts.gz
	cat u.sts.gz u.sts.gz >two.sts.gz
	st-cat "$G/updates.sts" u.sts.gz - two.sts.gz <"$G/updates.sts" >all.sts
	[ "$(st-ls all.sts | wc -l)" = 15 ]
	cat "$G/updates.sts" "$G/update.safetensors" "$G/empty.sts" >bad.sts
	fails 3 "fl.count is 0, but 1 records came before" st-cat -o out.sts bad.sts
	[ ! -e out.sts ]
	cat "$G/updates.sts" "$G/empty.sts" "$G/updates.sts" | st-cat | st-ls -n 6
}

@test "cat joins streams with end records" {
	cat "$G/updates.sts" "$G/updates.sts" | st-cat >joined.sts
	[ "$(st-ls --format json joined.sts | jq -s 'map(.client) | join(",")')" = '"4,5,6,4,5,6"' ]
}

@test "every truncation of a stream is bad input, and nothing is written" {
	f=$G/updates.sts
	n=$(stat -c %s "$f")
	for i in $(seq 1 $((n - 1))); do
		head -c "$i" "$f" >cut.sts
		status=0
		st-cat -o out.sts - <cut.sts 2>err || status=$?
		[ "$status" = 3 ]
		[ "$(wc -l <err)" = 1 ]
		[ ! -e out.sts ]
	done
	[ -z "$(find . -name '.*.tmp')" ]
}

@test "a truncation names input, record, byte and what is missing" {
	head -c 900 "$G/updates.sts" >cut.sts
	fails 3 "st-check: cut.sts: record 3 at byte 852: truncated: 40 of 376 bytes of the header" st-check cut.sts
	head -c 420 "$G/updates.sts" >cut.sts
	fails 3 "st-check: cut.sts: record 1 at byte 0: truncated: 36 of 42 bytes of the buffer" st-check cut.sts
	head -c 3 "$G/updates.sts" >cut.sts
	fails 3 "truncated: 3 of 8 bytes of the header's length" st-check cut.sts
}

@test "flipped bits of a header are read or refused" {
	f=$G/update.safetensors
	for i in $(seq 0 7 380); do
		head -c "$i" "$f" >x
		printf "\\x$(printf %x $((0x$(tail -c +$((i + 1)) "$f" | head -c 1 | od -An -tx1 | tr -d ' ') ^ 1 << i % 8)))" >>x
		tail -c +$((i + 2)) "$f" >>x
		status=0
		st-check x 2>err || status=$?
		[ "$status" = 0 ] || [ "$status" = 3 ]
	done
}

@test "standard input must end with an end record, unless -n is given" {
	fails 3 "without an end record" st-check - <"$G/update.safetensors"
	st-ls -n 1 - <"$G/update.safetensors"
	fails 3 "2 expected" st-check -n 2 "$G/update.safetensors"
	fails 3 "more than the 2 records expected" st-check -n 2 "$G/updates.sts"
}

@test "a stream without records is refused unless allowed" {
	fails 3 "no record" st-cat "$G/empty.sts"
	st-cat --allow-empty "$G/empty.sts" | cmp - "$G/empty.sts"
	fails 3 "without an end record" st-ls --allow-empty - </dev/null
	: >nothing
	fails 3 "no record" st-ls nothing
}

@test "bad input of other kinds" {
	(cat "$G/updates.sts"; echo hi) >x
	fails 3 "record 4 at byte" st-check x
	(gzip -c "$G/updates.sts"; echo hi) >x.gz
	fails 3 "follow the compressed data" st-check x.gz
	echo "this is no record, it is text" >x
	fails 3 "x: record 1 at byte 0: is text" st-check x
	printf '\x08\0\0\0\0\0\0\0{"a":1}' >x
	fails 3 "truncated: 7 of 8" st-check x
	printf '\x07\0\0\0\0\0\0\0{"a":1}' >x
	fails 3 "tensor 'a'" st-check x
	fails 4 "No such file" st-check nothere
	fails 4 ".: is a folder; ./*.safetensors are the records in it" st-check .
}

@test "usage errors" {
	fails 2 "standard input is given 2 times" st-cat - -
	fails 2 "standard input is given twice" st-cmp - -
	fails 2 "1 operands, want 2" st-cmp a
	fails 2 "did you mean --tensors" st-ls --tensor x
	fails 2 "neither a client id nor a range" st-cat --client 3-x "$G/updates.sts"
	fails 2 "neither a client id nor a range" st-cat --client 9-5 "$G/updates.sts"
	fails 2 "name it .sts" st-cat -o x.safetensors "$G/updates.sts"
	fails 2 "--one and --split exclude each other" st-cat --split d --one "$G/updates.sts"
	fails 2 "want --format json" st-ls --tensors --meta "$G/updates.sts"
	fails 2 "has no '='" st-cmp --tol x "$G/updates.sts" "$G/updates.sts"
	fails 2 "0 or more" st-cmp --tol 'x=-1' "$G/updates.sts" "$G/updates.sts"
}

@test "a full disk is a system error" {
	run sh -c "st-cat '$G/updates.sts' >/dev/full"
	[ "$status" = 4 ]
	run sh -c "st-ls '$G/updates.sts' >/dev/full"
	[ "$status" = 4 ]
	run sh -c "st-cmp '$G/updates.sts' '$G/types.safetensors' >/dev/full"
	[ "$status" = 4 ]
}

@test "a stream is not written to a terminal" {
	run script -qec "st-cat '$G/updates.sts'" /dev/null
	[ "$status" = 2 ]
	[[ $output == *terminal* ]]
}

@test "st-ls lists records, tensors, metadata" {
	run -0 st-ls "$G/updates.sts"
	[ "${lines[1]}" = $'2\tupdate\t5\t1\t4\t12\t42' ]
	[ "${#lines[@]}" = 3 ]
	run -0 st-ls -l "$G/types.safetensors"
	[ "${lines[3]}" = $'1\tnone\tF64\t3x0\t144\t0' ]
	[ "${lines[9]}" = $'1\t@m/"x\\\\\u00e9\\n\\x01\\x7f\tF16\t5\t232\t10' ]
	run -0 st-ls --meta "$G/types.safetensors"
	[ "${lines[0]}" = $'1\ta "b"\\\\\\t\\x1f\t\u20ac\U0001f600/' ]
}

@test "st-ls --format json is JSON Lines" {
	st-ls --format json -l --meta "$G/updates.sts" "$G/types.safetensors" >out
	[ "$(wc -l <out)" = 4 ]
	[ "$(jq -c '[.schema,.record,.offset,.kind,.client,.round,.tensors,.elements,.bytes]' out | tail -n 2)" = \
'["st-ls/1",3,852,"update",6,1,4,12,42]
["st-ls/1",4,0,"stats",null,null,16,84,296]' ]
	[ "$(jq -r '.meta["a \"b\"\\\t\u001f"] // empty' out)" = $'\u20ac\U0001f600/' ]
	[ "$(jq -c 'select(.record == 4) | .tensor[3]' out)" = '{"name":"none","dtype":"F64","shape":[3,0],"offset":144,"bytes":0}' ]
}

@test "integers that JSON readers round are text" {
	st-cat --one --client 4 "$G/updates.sts" >u
	sed -i 's/"fl.client":"4"/"fl.client":"9007199254740992"/' u
	n=$(($(stat -c %s u) - 8 - 42))
	{ printf "\\x$(printf %02x $((n % 256)))\\x$(printf %02x $((n / 256)))\0\0\0\0\0\0"; tail -c +9 u; } >v
	[ "$(st-ls --format json v | jq .client)" = '"9007199254740992"' ]
}

@test "st-cat selects clients" {
	[ "$(st-cat --client 0-4,6 "$G/updates.sts" | st-ls | cut -f3 | xargs)" = "4 6" ]
	[ "$(st-cat --client 7 "$G/updates.sts" "$G/types.safetensors" | st-ls --allow-empty)" = "" ]
}

@test "st-cat selects tensors and says so in the provenance" {
	st-cat --tensor '*.weight' --tensor '*bias' "$G/updates.sts" >out.sts
	[ "$(st-ls -l out.sts | cut -f2 | head -n 4 | xargs)" = "0.bias 0.weight @scaffold/0.bias @mask/0.bias" ]
	[ "$(st-ls --meta out.sts | grep -c fl.prov)" = 0 ]
	st-cat --tensor '0.*' --tensor 'a,b' "$G/updates.sts" >out.sts
	[ "$(st-ls -l out.sts | cut -f2 | sort -u | xargs)" = "0.bias 0.weight" ]
	st-ls --meta out.sts | grep -q $'1\tfl.prov\tst-cat [0-9.]* --tensor=0\.\*,a%252Cb --plain=off$'
	[ "$(st-cat --tensor '0.*' --no-prov "$G/updates.sts" | st-ls --meta | grep -c fl.prov)" = 0 ]
	[ "$(st-cat --no-prov out.sts | st-ls --meta | grep -c fl.prov)" = 0 ]
}

@test "st-cat --plain strips the tensors of methods, --strip-meta the metadata" {
	st-cat --one --plain --strip-meta -o u.safetensors "$G/update.safetensors"
	[ "$(st-ls --format json -l --meta u.safetensors | jq -c '[.meta,(.tensor|map(.name))]')" = '[{},["0.bias","0.weight"]]' ]
	[ "$(head -c 9 u.safetensors | tail -c 1)" = "{" ]
}

@test "st-cat --one writes one record without an end record" {
	st-cat --one --client 5 "$G/updates.sts" >u
	[ "$(st-ls u | wc -l)" = 1 ]
	run ! grep -q fl.count u
	fails 3 "more than one record" st-cat --one "$G/updates.sts"
	[ -z "$output" ]
	fails 3 "no record is left" st-cat --one --client 9 -o x.safetensors "$G/updates.sts"
	[ ! -e x.safetensors ]
}

@test "st-cat --split writes one file a record" {
	st-cat --split d --no-sync "$G/updates.sts"
	[ "$(ls d | xargs)" = "0004.safetensors 0005.safetensors 0006.safetensors" ]
	cmp d/0004.safetensors "$G/update.safetensors"
	st-cat d/*.safetensors | cmp - "$G/updates.sts"
	st-cat --split e "$G/types.safetensors"
	[ "$(ls e)" = 0001.safetensors ]
	fails 3 "a second record for f/0004.safetensors" st-cat --split f "$G/updates.sts" "$G/update.safetensors"
	head -c 1000 "$G/updates.sts" >cut.sts
	fails 3 "truncated" st-cat --split f cut.sts
	fails 3 "4 expected" st-cat --split f -n 4 "$G/updates.sts"
	[ -z "$(ls -A f)" ]
}

@test "st-cat --split removes what a killed call left, and nothing else" {
	mkdir d
	sleep 0 & dead=$!
	wait "$dead"
	touch "d/.0009.safetensors.$dead.abcdef.tmp" "d/.0009.safetensors.$$.abcdef.tmp" d/.x.tmp "d/.$dead.abcdef.tmp"
	st-cat --split d "$G/update.safetensors"
	[ "$(ls -A d | xargs)" = "$(printf '%s\n' ".$dead.abcdef.tmp" ".0009.safetensors.$$.abcdef.tmp" .x.tmp 0004.safetensors | sort | xargs)" ]
}

@test "st-cmp finds what differs" {
	st-cmp "$G/updates.sts" "$G/updates.sts"
	run -1 st-cmp "$G/updates.sts" "$G/update.safetensors"
	[ "$output" = $'2\t-\trecord only in a\n3\t-\trecord only in a' ]
	st-cat --tensor '0.*' "$G/update.safetensors" >a
	run -1 st-cmp --meta a "$G/update.safetensors" --expect 1
	[ "$output" = $'1\t@scaffold/0.bias\tonly in b\n1\t@mask/0.bias\tonly in b\n1\tfl.prov\tmeta only in a' ]
	run -1 --separate-stderr st-cmp "$G/updates.sts" <(st-cat --client 4,6 "$G/updates.sts"; cat "$G/update.safetensors")
	[ -z "$stderr" ]
}

# record HEADER BUFFER: a file of both.
record() {
	local n=${#1}
	printf "$(printf '\\x%02x\\x%02x' $((n % 256)) $((n / 256)))\0\0\0\0\0\0%s$2" "$1"
}

f32() {
	record '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' "$1"
}

@test "st-cmp: tolerances" {
	f32 '\0\0\x80\x3f\0\0\0\x40' >a		# 1, 2
	f32 '\0\0\x80\x3f\x01\0\0\x40' >b	# 1, 2 + 2^-22
	run -1 st-cmp a b
	[ "$output" = $'1\tw\tvalues\tmax_abs=2.384185791015625e-7\tmax_rel=1.1920927533992823e-7\tfirst=1\tcount=1/2' ]
	st-cmp --rtol 1.2e-7 a b
	run -1 st-cmp --rtol 1.1e-7 a b
	st-cmp --atol 2.4e-7 a b
	run -1 st-cmp --atol 2.3e-7 a b
	st-cmp --tol 'w=0,1e-6' a b
	st-cmp --tol '*=1e-6' a b
	run -1 st-cmp --rtol 1 --tol '*=0' a b
	st-cmp --tol '*=0' --tol 'w=1e-6' a b
}

@test "st-cmp: zeros and what is not a number" {
	f32 '\0\0\0\0\0\0\xc0\x7f' >a		# 0, nan
	f32 '\0\0\0\x80\0\0\xc0\x7f' >b		# -0, nan
	f32 '\0\0\0\0\x01\0\xc0\x7f' >c		# 0, another nan
	f32 '\0\0\0\0\0\0\x80\x7f' >d		# 0, inf
	st-cmp a a
	run -1 st-cmp a b
	[ "$output" = $'1\tw\tvalues\tmax_abs=0\tmax_rel=0\tfirst=0\tcount=1/2' ]
	st-cmp --atol 1e-9 a b
	run -1 st-cmp --rtol 1 a c
	[ "$output" = $'1\tw\tvalues\tmax_abs=nan\tmax_rel=nan\tfirst=1\tcount=1/2' ]
	run -1 st-cmp --rtol 1 a d
	st-cmp d d
}

@test "st-cmp: types and shapes" {
	f32 '\0\0\0\0\0\0\0\0' >a
	record '{"w":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}' '\0\0\0\0\0\0\0\0' >b
	record '{"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}' '\0\0\0\0\0\0\0\0' >c
	run -1 st-cmp a b
	[ "$output" = $'1\tw\tdtype\tF32\tI32' ]
	run -1 st-cmp a c
	[ "$output" = $'1\tw\tshape\t2\t2x1' ]
}

@test "st-check says nothing, or how much with -v" {
	run -0 st-check "$G/updates.sts" "$G/types.safetensors"
	[ -z "$output" ]
	run -0 --separate-stderr st-check -v "$G/updates.sts" "$G/types.safetensors"
	[ "$stderr" = "st-check: 4 records with 28 tensors are right" ]
}

@test "st-check finds values that are not finite" {
	f32 '\0\0\x80\x3f\0\0\xc0\x7f' >a
	fails 3 "st-check: a: record 1 at byte 0: tensor 'w': element 1 of 2 is not finite" st-check a
	st-check --allow-nonfinite a
}

@test "st-check: a BOOL is 0 or 1" {
	record '{"w":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}' '\0\1\0' >a
	st-check a
	record '{"w":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}' '\0\2\0' >a
	fails 3 "st-check: a: record 1 at byte 0: tensor 'w': element 1 of 3 is 2, a BOOL is 0 or 1" \
		st-check --plain --allow-nonfinite a
}

# A record with tensors x, y of data and one of each type that is not computed with.
newer() {
	local head='"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"y":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}'
	local at=10 data='\0\0\0\0\0\0\x80\x3f\0\1' type n
	while read -r type n; do
		head+=",\"$type\":{\"dtype\":\"$type\",\"shape\":[2,2],\"data_offsets\":[$at,$((at + n))]}"
		at=$((at + n))
		for ((; n > 0; n--)); do data+="\\${1-7}"; done
	done <<-'END'
		F4 2
		F6_E2M3 3
		F6_E3M2 3
		F8_E5M2 4
		F8_E4M3 4
		F8_E8M0 4
		F8_E4M3FNUZ 4
		F8_E5M2FNUZ 4
		C64 32
	END
	record "{\"__metadata__\":{\"fl.v\":\"1\",\"fl.kind\":\"data\",\"fl.client\":\"0\"},$head}" "$data"
}

@test "types that are not computed with are listed, copied, compared; refused by name where needed" {
	newer >a
	st-check a
	st-ls -l a | awk '{ print $2, $3, $4, $6 }' >list
	[ "$(grep -c 'F8_' list)" = 5 ]
	grep -qx "F6_E2M3 F6_E2M3 2x2 3" list
	# Written in the order of the reference, and read again.
	st-cat -1 --no-prov a >b
	[ "$(st-ls -l b | awk '{ print $2 }' | xargs)" = \
		"C64 x F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 y F6_E3M2 F6_E2M3 F4" ]
	st-cmp a b
	newer 1 >c
	run -1 st-cmp --rtol 1 a c
	[[ $output == *$'F8_E4M3\tvalues\tmax_abs=nan\tmax_rel=nan\tfirst=0\tcount=4/4'* ]]
	[[ $output == *$'F6_E2M3\tvalues\tmax_abs=nan\tmax_rel=nan\tfirst=0\tcount=3/3'* ]]
	# What nothing reads is in nobody's way.
	fl-init -a logreg:in=1,out=2 -s 1 -o m --no-sync
	fl-eval -m m a | grep -q '^client'
	fl-local-train -m m a | fl-aggregate -m m -o m1 --no-sync
	for t in F8_E4M3 C64 F4; do
		fails 3 "tensor '$t' is $t, which is not computed with" \
			fl-partition -d "st:file=a,x=$t" -k 1 -B iid -o d
		fails 3 "'$t' is $t" vlm-retrieve --gallery "a#$t" --queries "a#x"
		fails 3 "tensor '$t' is $t, must be an integer type" \
			fl-partition -d "st:file=a,y=$t" -k 1 -B iid -o d
	done
}

meta() {
	record "{\"__metadata__\":{$1},\"w\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}" ''
}

@test "st-check knows the contract" {
	meta '"a":"b"' >x
	st-check x
	meta '"fl.kind":"model","fl.round":"0"' >x
	fails 3 "fl.v is missing" st-check x
	meta '"fl.v":"2"' >x
	fails 3 "fl.v is '2'" st-check x
	meta '"fl.v":"1","fl.kind":"modle"' >x
	fails 3 "fl.kind is 'modle'" st-check x
	st-check --plain x
	meta '"fl.v":"1","fl.kind":"model"' >x
	fails 3 "fl.round is missing" st-check x
	meta '"fl.v":"1","fl.kind":"model","fl.round":"-1"' >x
	fails 3 "fl.round is '-1'" st-check x
	meta '"fl.v":"1","fl.kind":"data","fl.labels":"[1"' >x
	fails 3 "fl.labels: byte 2" st-check x
	meta '"fl.v":"1","fl.kind":"data","fl.labels":"{}"' >x
	fails 3 "fl.labels is not a JSON array" st-check x
	meta '"fl.v":"1","fl.kind":"data","fl.labels":"[\"a\",1]"' >x
	fails 3 "fl.labels: the name of class 1 is no string" st-check x
	meta '"fl.v":"1","fl.kind":"data","fl.client":"3","fl.source_crc":"ABCDEF01"' >x
	fails 3 "client 3: fl.source_crc" st-check x
	meta '"fl.v":"1","fl.kind":"update","fl.loss":"nan"' >x
	fails 3 "fl.client is missing" st-check x
}

@test "st-check knows the shapes of data and embeddings" {
	record '{"__metadata__":{"fl.v":"1","fl.kind":"data"},"x":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}' 'abc' >x
	fails 3 "'y' has 1 rows, 'x' has 2" st-check x
	record '{"__metadata__":{"fl.v":"1","fl.kind":"data"},"x":{"dtype":"U16","shape":[1],"data_offsets":[0,2]}}' 'ab' >x
	fails 3 "'x' is U16 1, want rows of U8 or F32" st-check x
	record '{"__metadata__":{"fl.v":"1","fl.kind":"embed"},"emb":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}' 'ab' >x
	fails 3 "want a matrix" st-check x
	record '{"__metadata__":{"fl.v":"1","fl.kind":"embed"}}' '' >x
	fails 3 "'emb' is missing" st-check x
}

@test "a promise of a terabyte costs no memory" {
	[[ $B != *san* ]] || skip "sanitizers reserve memory"
	record '{"w":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}' 'abc' >x
	fails 3 "truncated: 3 of 1099511627776 bytes of the buffer" sh -c 'ulimit -v 100000; st-check x'
	fails 3 "truncated: 3 of 1099511627776 bytes of the buffer" sh -c 'ulimit -v 100000; cat x | st-check -n 1'
	gzip x
	fails 3 "truncated: 3 of 1099511627776 bytes of the buffer" sh -c 'ulimit -v 100000; st-check x.gz'
}

@test "listing a compressed bomb takes little memory" {
	[[ $B != *san* ]] || skip "sanitizers reserve memory"
	n=300000000
	{ record "{\"w\":{\"dtype\":\"U8\",\"shape\":[$n],\"data_offsets\":[0,$n]}}" ''; head -c $n /dev/zero; } | gzip -1 >x.gz
	run -0 sh -c 'ulimit -v 100000; st-ls x.gz'
	[ "$output" = $'1\t-\t-\t-\t1\t300000000\t300000000' ]
}

@test "names never drive a terminal" {
	record '{"\u001b[2J":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}' 'a' >x
	fails 3 "tensor '\\x1b[2J'" st-check x
	record '{"\u001b[2J":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 'a' >x
	[ "$(st-ls -l x)" = $'1\t\\x1b[2J\tU8\t1\t0\t1' ]
}

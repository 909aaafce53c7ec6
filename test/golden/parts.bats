#!/usr/bin/env bats
# Examples of several parts, of which some lack some: nn/parts.py.

setup() {
	G=$ROOT/test/golden/parts
	cd "$BATS_TEST_TMPDIR"
	fl-init -a "$G/net.json" --weights "$G/init.safetensors" -o g.safetensors --no-sync
}

trained() {
	fl-local-train -m g.safetensors --opt sgd:lr=0.1,momentum=0.9 -e 2 -b 8 --shuffle none "$@" |
		st-cat --one --no-sync -o got.safetensors
	st-cat -1 --tensor='*.*' --no-sync -o bare.safetensors got.safetensors
}

@test "an update over parts that examples lack is PyTorch's, with stand-ins and attention" {
	trained "$G/data.safetensors"
	st-cmp --rtol=1e-4 --atol=1e-6 bare.safetensors "$G/want.safetensors"
}

@test "one step more, or a part that is not missing, is another" {
	trained "$G/data.safetensors" -e 3
	run st-cmp -q --rtol=1e-4 --atol=1e-6 bare.safetensors "$G/want.safetensors"
	[ "$status" = 1 ]
	"$PYTHON" - "$G/data.safetensors" 1.safetensors <<-'END'
	import struct, sys
	b = bytearray(open(sys.argv[1], "rb").read())
	# The first -1 of the table becomes 0.
	at = b.index(struct.pack("<q", -1), 8 + struct.unpack("<Q", b[:8])[0])
	b[at:at + 8] = struct.pack("<q", 0)
	open(sys.argv[2], "wb").write(b)
	END
	trained 1.safetensors
	run st-cmp -q --rtol=1e-4 --atol=1e-6 bare.safetensors "$G/want.safetensors"
	[ "$status" = 1 ]
}

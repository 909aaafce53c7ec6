#!/usr/bin/env bats
# fl-reshape: what it refuses, and what becomes of parts elsewhere.

load fails

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -q -d digits -k 3 -B iid -s 1 -o c --no-sync
	fl-init -a mlp:in=64,hidden=12+8,out=10 -s 1 -o g.safetensors
	fl-init -a eemlp:in=64,hidden=8+8+8,out=10 -s 1 -o ee.safetensors
	printf '0 -\n1 width:ratio=0.5\n2 rolling:ratio=0.4\n' >sizes
	fl-reshape -m g.safetensors --sizes sizes -o parts
	fl-local-train -m parts c/*.safetensors -o u.sts
}

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	cp -r "$BATS_FILE_TMPDIR"/* .
}

reshape() { fails "$1" "$2" fl-reshape -m "${MODEL:-g.safetensors}" "${@:3}" -o out.safetensors; }

@test "a share that is none is usage, with its range" {
	reshape 2 "ratio" width:ratio=0
	reshape 2 "ratio" width:ratio=1.5
	reshape 2 "ratio" rolling:ratio=-1
	reshape 2 "factor" widen:factor=0.5
	reshape 2 "blocks" depth:blocks=0
	reshape 2 "did you mean 'width'" widht
	reshape 2 "how must be said"
	reshape 2 "one of exit=NAME and blocks=N is due" depth
	reshape 2 "one of exit=NAME and blocks=N is due" depth:exit=a,blocks=1
	fails 2 "-m (--model) must be given" fl-reshape width
}

@test "what the model has not is named" {
	reshape 2 "layers=9 names no layer of the model" width:layers=9
	reshape 3 "layers=4: no hidden layer's units are free" width:layers=4
	reshape 2 "after=x* names no layer of the model" 'deepen:after=x*'
	reshape 3 "0: linear is no relu" deepen:after=0
	reshape 3 "the model has no residual blocks" depth:blocks=1
	reshape 3 "the model has no tap 'exit1'" depth:exit=exit1
	MODEL=ee.safetensors
	reshape 3 "the model has no tap 'exit9'; it has exit1, exit2" depth:exit=exit9
	MODEL=c/0000.safetensors
	reshape 3 "kind" width
	MODEL=none.safetensors
	reshape 4 "No such file" width
}

@test "what cannot be reshaped is refused, with the layer and why" {
	fl-init -a logreg:in=64,out=10 -o out.safetensors; mv out.safetensors lin.safetensors
	MODEL=lin.safetensors
	reshape 3 "width: there is no hidden layer between inputs and outputs" width
	fl-init -a resnet8-gn -o gn.safetensors
	MODEL=gn.safetensors
	reshape 3 "groupnorm: 2 groups do not divide 1 channels" width:ratio=0.0625
	reshape 3 "widen: bn1: groupnorm normalises units together" widen
	fl-init -a '{"input":[4,8,8],"layers":[{"layer":"conv2d","name":"a","out":4,"groups":4},
		{"layer":"flatten"},{"layer":"linear","out":3}]}' -o dw.safetensors
	MODEL=dw.safetensors
	reshape 3 "width: a: conv2d takes units all together" width
	# Taps without a loss, or that more than what they look at is left of.
	fl-init -a '{"input":[4],"layers":[{"layer":"linear","name":"a","out":4},{"layer":"relu","name":"h"},
		{"layer":"linear","name":"z","out":3}],"taps":[{"name":"t","of":["h"]}]}' -o tap.safetensors
	MODEL=tap.safetensors
	reshape 3 "tap 't' has no loss, so it is no exit" depth:exit=t
	fl-init -a '{"input":[4],"layers":[{"layer":"linear","name":"a","out":4},{"layer":"relu","name":"h"},
		{"layer":"linear","name":"late","from":"a","out":4},{"layer":"linear","name":"z","from":"h","out":4}],
		"taps":[{"name":"late","of":["late"],"loss":"ce"},{"name":"a","of":["a"],"loss":"ce"}]}' -o odd.safetensors
	MODEL=odd.safetensors
	reshape 3 "tap 'a' is not the last of the layers that are left, 'late'" depth:exit=a
	# What is taken all together stays, and a line says so.
	fl-init -a '{"input":[6],"layers":[{"layer":"linear","name":"a","out":8},{"layer":"slice","name":"s","size":4},
		{"layer":"linear","name":"f","out":8},{"layer":"relu"},{"layer":"linear","out":3}]}' -o s.safetensors
	run fl-reshape -m s.safetensors width:ratio=0.5 -o w.safetensors
	[ "$status $output" = "0 fl-reshape: a: linear stays whole: slice s takes its units all together" ]
	[ "$(st-ls -l w.safetensors | grep -c 'f.weight	F32	4x4\|a.weight	F32	8x6')" = 2 ]
	run fl-reshape -m s.safetensors width:ratio=0.5,layers=f -o w.safetensors
	[ "$status $output" = "0 " ]
}

@test "records that lie: tensors that the architecture has not, ranges that are none" {
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, save
		def again(path, of, drop=None, **more):
		    t, m, _ = load(of)
		    m = {k[3:]: v for k, v in m.items() if k != "fl.v"}
		    save(path, {n: v for n, v in t.items() if n != drop}, **{**m, **more})
		again("missing.safetensors", "g.safetensors", drop="2.bias")
		again("arch.safetensors", "g.safetensors", arch="mlp:in=64,hidden=12+9,out=10")
		again("noarch.safetensors", "g.safetensors", arch="")
		again("slice.safetensors", "parts/0001.safetensors", slice='{"0.weight":[[0,6],[0,63]]}')
		again("huge.safetensors", "parts/0001.safetensors", slice='{"0.weight":[[0,6],[9223372036854775743,9223372036854775807]]}')
		again("text.safetensors", "parts/0001.safetensors", slice='[')
		again("base.safetensors", "parts/0001.safetensors", base="x")
		t, m, _ = load("g.safetensors")
		save("noround.safetensors", t, kind="model", arch=m["fl.arch"])
	END
	MODEL=missing.safetensors
	reshape 3 "2.bias" width
	MODEL=arch.safetensors
	reshape 3 "tensor '2.weight' is 8x12" width
	MODEL=noarch.safetensors
	reshape 3 "fl.arch" width
	MODEL=slice.safetensors
	reshape 3 "fl.slice: tensor '0.weight': dimension 1 has 64, its range 63" width
	MODEL=huge.safetensors
	reshape 3 "fl.slice: tensor '0.weight': a range ends at" width
	MODEL=text.safetensors
	reshape 3 "fl.slice" width
	MODEL=noround.safetensors
	reshape 3 "fl.round is missing" rolling
	fl-reshape -m noround.safetensors width -o w.safetensors
	fails 3 "fl.base is 'x'" fl-local-train -m base.safetensors c/0001.safetensors
}

@test "an update whose slice does not fit the model, or that is not of it, is refused" {
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		from fed_record import save, stream
		for t, m, _ in stream("u.sts"):
		    m = {k[3:]: v for k, v in m.items() if k != "fl.v"}
		    k = int(m["client"])
		    if k:
		        save(f"far{k}.safetensors", t, **{**m, "slice": m["slice"].replace("[0,64]", "[9,73]")})
		        del m["slice"]
		        save(f"none{k}.safetensors", t, **m)
	END
	fails 3 "far1.safetensors: client 1: fl.slice: tensor '0.weight': dimension 1 is not [from, to) within 64" \
		fl-aggregate -m g.safetensors -o out.safetensors far1.safetensors
	fails 3 "none1.safetensors: client 1: tensor '0.bias' is 6, want 12" \
		fl-aggregate -m g.safetensors -o out.safetensors none1.safetensors
	fl-init -a mlp:in=64,hidden=12+8,out=10 -s 2 -o other.safetensors
	fails 3 "client 1: fl.base is" fl-aggregate -m other.safetensors -o out.safetensors <(st-cat --client=1 u.sts)
	fails 3 "does not combine sub-networks" fl-aggregate -n 3 -m g.safetensors -R krum:f=0 -o out.safetensors u.sts
}

@test "a part is no model of fl-aggregate, and with --apart it is" {
	fails 3 "parts/0001.safetensors: is a part of another model, into which its updates go" \
		fl-aggregate -m parts/0001.safetensors -o out.safetensors <(st-cat --client=1 u.sts)
	fails 3 "client 1: its model: is a part of another model" \
		fl-aggregate -n 3 -m parts -R own -o out u.sts
	fl-reshape -m g.safetensors --apart width -o p.safetensors
	[ "$(st-ls --meta p.safetensors | grep -o 'fl.parent\|fl.base\|fl.slice')" = fl.parent ]
	fl-local-train -m p.safetensors c/*.safetensors | fl-aggregate -n 3 -m p.safetensors -o p.safetensors
	# A part of what grew is one of that; what grew out of a part is no part.
	fl-reshape -m parts/0001.safetensors widen -o w.safetensors
	[ "$(st-ls --meta w.safetensors | grep -o 'fl.base\|fl.slice' | wc -l)" = 0 ]
}

@test "folders for clients: whole, in any order of lines, as each by itself" {
	printf '# a comment\n\n2 rolling:ratio=0.4 # the window\n1 width:ratio=0.5\n0 -\n' >again
	fl-reshape -m g.safetensors --sizes again -o parts -j 3
	[ "$(ls parts | tr '\n' ' ')" = "0000.safetensors 0001.safetensors 0002.safetensors " ]
	fl-reshape -m g.safetensors rolling:ratio=0.4 -o r.safetensors
	st-cmp r.safetensors parts/0002.safetensors
	st-cmp g.safetensors parts/0000.safetensors
	printf '1 width\n' >again
	fl-reshape -m g.safetensors --sizes again -o parts
	[ "$(ls parts)" = 0001.safetensors ]	# the others are no client's of this round
	bad() {
		printf "$2" >bad
		fails 3 "bad: line $1" fl-reshape -m g.safetensors --sizes bad -o out
		[ ! -e out ]
	}
	bad "1: 'x' is no client" 'x width\n'
	bad "1: client 1: a line is CLIENT HOW" '1\n'
	bad "2: client 1: width: ratio" '0 -\n1 width:ratio=0\n'
	bad "1: client 0: more than 8" "0 $(printf 'width %.0s' {1..9})\n"
	printf '0 -\n0 width\n' >bad
	fails 3 "client 0 is there twice" fl-reshape -m g.safetensors --sizes bad -o out
	: >bad
	fails 3 "bad: names no client" fl-reshape -m g.safetensors --sizes bad -o out
	fails 2 "--sizes" fl-reshape -m g.safetensors --sizes again
	fails 2 "'width' has no place" fl-reshape -m g.safetensors --sizes again -o out width
	printf '0 -\n1 depth:exit=exit1\n' >bad
	fails 3 "client 1: depth: the model has no tap 'exit1'" fl-reshape -m g.safetensors --sizes bad -o out
	[ ! -e out ]
	mkdir full; : >full/notes.txt
	fails 4 "full" fl-reshape -m g.safetensors --sizes again -o full
	[ -e full/notes.txt ]
}

@test "parts of parts are parts of the whole; the order of clients and threads makes no difference" {
	fl-reshape -m ee.safetensors depth:exit=exit2 width:ratio=0.5 rolling:ratio=0.5 -o out1
	fl-reshape -m ee.safetensors depth:exit=exit2 | fl-reshape -m - width:ratio=0.5 |
		fl-reshape -m - rolling:ratio=0.5 >out2
	st-cmp --meta out1 out2 || st-cmp out1 out2
	[ "$(st-ls --meta out1 | grep fl.base)" = "$(st-ls --meta out2 | grep fl.base)" ]
	[ "$(st-ls --meta out1 | grep fl.slice)" = "$(st-ls --meta out2 | grep fl.slice)" ]
	fl-local-train -m out1 c/0000.safetensors | fl-aggregate -n 1 -m ee.safetensors -o next.safetensors
	for k in 2 1 0; do st-cat --client=$k --one -o $k.safetensors u.sts; done
	fl-aggregate -m g.safetensors -j 4 -o a.safetensors {2,0,1}.safetensors
	fl-aggregate -n 3 -m g.safetensors u.sts | cmp - a.safetensors
	fl-aggregate -m g.safetensors --partial -o p0 0.safetensors
	fl-aggregate -m g.safetensors --partial -o p1 {1,2}.safetensors
	fl-aggregate -m g.safetensors p1 p0 | cmp - a.safetensors
	fl-aggregate -n 3 -m g.safetensors -R median -o m.safetensors u.sts
	fl-aggregate -m g.safetensors -R median {2,0,1}.safetensors | cmp - m.safetensors
}

@test "a server that distils makes of a part a model of its own, and takes no part's update" {
	fl-stats -m parts/0001.safetensors moments c/*.safetensors | fl-aggregate - >moments.safetensors
	fl-distill -m parts/0001.safetensors -M ccvr --with moments.safetensors -o d.safetensors
	[ "$(st-ls --meta d.safetensors | grep -o 'fl.parent\|fl.base\|fl.slice')" = fl.parent ]
	fl-reshape -m g.safetensors width -o p.safetensors
	fl-local-train -m p.safetensors c/*.safetensors >u.sts
	fails 3 "client 0: tensor '0.weight' is 6x64" \
		fl-distill -m g.safetensors -M feddf -d digits -e 1 -o out.safetensors u.sts
}

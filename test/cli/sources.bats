#!/usr/bin/env bats
# Data sources: what other programs wrote is read to the bit, bad files are refused.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden
	cd "$BATS_TEST_TMPDIR"
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	"$PYTHON" "$G/data/sources.py" write .
}

# reads SOURCE WANT: one client gets all, in order.
reads() {
	fl-partition -d "$1" -k 1 -B iid -o c --no-sync
	"$PYTHON" "$G/data/sources.py" check "$2" c/0000.safetensors
}

# refused STATUS MESSAGE SOURCE
refused() {
	run --separate-stderr fl-partition -d "$3" -k 1 -B iid -o bad --no-sync
	echo "status $status: $stderr"
	[ "$status" = "$1" ]
	[[ $stderr == *"$2"* ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[ ! -e bad ]
}

@test "CSV and TSV: quotes, blanks, CRLF, words as labels and groups" {
	run reads 'csv:file=t.csv,label=kind,labels=high+low+mid%2C "so",id=who,group=place,drop=note' t.csv.want.npz
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = '["high","low","mid, \"so\""]' ]
	[ "$(reads csv:file=t.tsv.gz,label=y t.tsv.gz.want.npz)" = - ]
}

@test "LIBSVM text" {
	[ "$(reads libsvm:file=t.svm,dim=7,labels=-1+%2B1+3 t.svm.want.npz)" = '["-1","+1","3"]' ]
}

@test "NumPy's files, pairs and archives" {
	reads x.npy,y.npy npy.want.npz
	reads s.npz npz.want.npz
	reads c.npz npz.want.npz
	# Saved in Fortran order, as a transposed array is.
	reads f.npy,y.npy npy.want.npz
	reads f.npz npz.want.npz
}

@test "channels last: refused where the model has them first, or moved" {
	fl-init -a '{"input":[2,4,4],"layers":[{"layer":"conv2d","out":3,"kernel":3},{"layer":"flatten"},
		{"layer":"linear","out":3}]}' -s 1 -o m.safetensors --no-sync
	fl-partition -d hwc.npy,y.npy -k 1 -B iid -o hwc --no-sync
	for tool in fl-local-train fl-eval "fl-stats classmean" "fl-distill -M feddf"; do
		read -r tool what <<<"$tool"
		data=(hwc/0000.safetensors)
		[ "$tool" != fl-distill ] || data=(-d hwc.npy,y.npy)
		fails 3 "examples are 4x4x2, the model takes 2x4x4: channels are last" \
			"$tool" -m m.safetensors $what "${data[@]}"
	done
	fl-partition -d hwc.npy,y.npy --channels-last -k 1 -B iid -o chw --no-sync
	"$PYTHON" "$G/data/sources.py" check hwc.want.npz chw/0000.safetensors
	fl-eval -m m.safetensors -d hwc.npy,y.npy --channels-last >a
	fl-eval -m m.safetensors -d s.npz >b
	cmp a b
	# A source that lies in the other order is not what rows are numbered in.
	fl-partition -d hwc/0000.safetensors --channels-last --index -k 2 -B iid -o ix --no-sync
	fl-eval -m m.safetensors ix/*.safetensors >/dev/null
	fails 3 "--channels-last: tensor 'x' is 12x3: no dimension" \
		fl-eval -m m.safetensors -d x.npy,y.npy --channels-last
	fails 3 "tensor 'x' is missing" \
		fl-eval -m m.safetensors -d ix/0000.safetensors --channels-last
}

@test "bytes that go in unscaled: a word, once a run, and none where they are meant so" {
	warns() { "$@" 2>err >out; [ "$(grep -c "bytes such as .* --scale '{\"div\":255}'" err)" = 1 ] && [ "$(wc -l <err)" = 1 ]; }
	quiet() { "$@" 2>err >out; cat err; [ ! -s err ]; }
	part=(fl-partition -k 2 -B iid --no-sync)
	warns "${part[@]}" -d s.npz -o raw
	quiet "${part[@]}" -d s.npz -o scaled --scale '{"div":255}'
	quiet "${part[@]}" -d s.npz -o meant --scale '{"div":1}'
	quiet "${part[@]}" -d x.npy,y.npy -o floats
	"$PYTHON" -c "import numpy as np; np.save('flags.npy', np.arange(36).reshape(12, 3).astype('u1') % 2)
np.save('codes.npy', np.arange(36).reshape(12, 3).astype('u1') + 50)"
	quiet "${part[@]}" -d flags.npy,y.npy -o flags
	quiet "${part[@]}" -d codes.npy,y.npy -o codes
	fl-init -a '{"input":[2,4,4],"layers":[{"layer":"flatten"},{"layer":"linear","out":3}]}' -o m --no-sync
	fl-init -a '{"input":[2,4,4],"layers":[{"layer":"flatten"},{"layer":"unit"},{"layer":"linear","out":3}]}' \
		-o unit --no-sync
	fl-init -a '{"input":[3],"layers":[{"layer":"embedding","num":99,"dim":2},{"layer":"flatten"},
		{"layer":"linear","out":3}]}' -o words --no-sync
	fl-init -a logreg:in=3,out=3 -o table --no-sync
	warns fl-local-train -m m raw/*.safetensors
	warns fl-local-train -m m raw/*.safetensors -j 2
	warns fl-eval -m m raw/*.safetensors -d s.npz
	warns fl-stats -m m classmean raw/*.safetensors
	warns fl-local-train -m table codes/*.safetensors
	quiet fl-local-train -q -m m raw/*.safetensors
	quiet fl-local-train -m m scaled/*.safetensors
	quiet fl-local-train -m m meant/*.safetensors
	quiet fl-eval -m m -d s.npz --scale '{"div":255}'
	quiet fl-local-train -m unit raw/*.safetensors
	quiet fl-local-train -m words codes/*.safetensors
	quiet fl-local-train -m table floats/*.safetensors
	quiet fl-local-train -m table flags/*.safetensors
}

@test "tensors of any record, CIFAR-10" {
	fl-partition -d s.npz -k 1 -B iid -o c --no-sync
	reads st:file=c/0000.safetensors,group=group npz.want.npz
	refused 3 "want the same number of rows" st:file=c/0000.safetensors,y=x
	refused 3 "tensor 'z' is missing" st:file=c/0000.safetensors,y=z
	refused 4 "No such file" st:file=none.safetensors
	mkdir cifar
	head -c 30730000 /dev/zero >cifar/test_batch.bin
	fl-partition -d cifar10:dir=cifar,split=test -k 4 -B iid -o d --no-sync
	[ "$(jq -c .sizes d/partition.json)" = "[2500,2500,2500,2500]" ]
	head -c 30729999 /dev/zero >cifar/test_batch.bin
	refused 3 "truncated in example 9999" cifar10:dir=cifar,split=test
	printf '\12' | dd of=cifar/test_batch.bin bs=1 seek=3073 conv=notrunc status=none
	refused 3 "example 1: label 10" cifar10:dir=cifar,split=test
	refused 4 "data_batch_1.bin: No such file" cifar10:dir=cifar
	refused 2 "wants dir=" cifar10
}

@test "Synthetic(alpha, beta) is the authors' definition, split by its clients" {
	for a in 1,beta=0.5,iid=off 0,beta=2,iid=on; do
		fl-partition -d "synthetic:alpha=$a,clients=5,seed=3,mu=1,sigma=1,least=7" -k 1 -B iid \
			-o c --no-sync
		IFS=,= read -r alpha _ beta _ iid <<<"$a"
		"$PYTHON" "$G/data/sources.py" synthetic c/0000.safetensors "$alpha" "$beta" 5 3 "$iid"
	done
	fl-partition -d synthetic:clients=12,sigma=1 -B natural -o n --no-sync
	[ "$(jq .clients n/partition.json)" = 12 ]
}

@test "FCUBE: mirrored octants, labels even, every client its own" {
	fl-partition -d fcube:n=500,seed=4 -B natural -o f --no-sync
	[ "$(jq -c .counts f/partition.json | tr -d '\n ')" = "[[250,250],[250,250],[250,250],[250,250]]" ]
	PYTHONPATH=$G/data "$PYTHON" - <<-'END'
	from sources import load
	import numpy as np
	seen = set()
	for k in range(4):
	    t = load("f/%04d.safetensors" % k)[1]
	    x, y = t["x"], t["y"]
	    assert ((x[:, 0] < 0) == y).all() and (np.abs(x) < 1).all()
	    octant = {tuple(v) for v in np.sign(x * np.sign(x[:, :1])).astype(int)}
	    assert len(octant) == 1
	    seen |= octant
	    assert abs(np.abs(x).mean() - .5) < .03
	assert len(seen) == 4
	END
}

@test "made-up mechanisms of action: learnt from other compounds, the better normalised" {
	fl-partition -d moa:dmso=12,plates=6 -B natural -o g --no-sync
	[ "$(jq .clients g/partition.json)" = 206 ]
	for n in off on; do
		fl-partition -d "moa:normalise=$n" -k 1 -B iid -o "$n" --no-sync
	done
	"$PYTHON" - <<-'END'
	import importlib.util, os
	import numpy as np
	s = importlib.util.spec_from_file_location("s", os.environ["ROOT"] + "/test/golden/data/sources.py")
	m = importlib.util.module_from_spec(s); s.loader.exec_module(m)
	acc = []
	for n in ("off", "on"):
	    _, t = m.load(n + "/0000.safetensors")
	    x, y, g = t["x"].astype(float), t["y"], t["group"]
	    assert len(y) == 10 * 20 * 6 + 18 * 10 and y.max() == 10
	    keep = y < 10
	    x, y, g = x[keep], y[keep], g[keep]
	    test = g % 5 == 0
	    c = np.array([x[~test & (y == k)].mean(0) for k in range(10)])
	    acc.append((np.argmin(((x[test][:, None] - c)**2).sum(2), 1) == y[test]).mean())
	print(acc)
	assert .2 < acc[0] < acc[1] < 1
	END
}

@test "bad tables" {
	refused 4 "No such file" csv:file=none,label=y
	refused 2 "wants file= and label=" csv:file=t.csv
	refused 3 "no column 'y'" csv:file=t.csv,label=y
	refused 3 "no column 'z'" csv:file=t.csv,label=kind,drop=note+z
	refused 3 "line 2: column 'place': 'site " csv:file=t.csv,label=kind,drop=note
	bad() { printf "$2" >b.csv; refused 3 "$1" csv:file=b.csv,label=y; }
	bad "line 3: 2 fields, the header has 3" 'a,b,y\n1,2,0\n1,2\n'
	bad "line 3: 4 fields" 'a,b,y\n1,2,0\n1,2,3,4\n'
	bad "line 2: column 'b': 'nan' is not a number" 'a,b,y\n1,nan,0\n'
	bad "line 2: column 'b': '' is not" 'a,b,y\n1,,0\n'
	bad "line 2: column 'a': '1e99' is too large" 'a,b,y\n1e99,1,0\n'
	bad "line 2: label '' is a missing value; unlabelled= takes" 'a,y\n1,\n'
	bad "line 2: quote is not closed" 'a,y\n1,"0\n'
	bad "line 2: 'x' after a closing quote" 'a,y\n1,"0"x\n'
	bad "two columns 'a'" 'a,a,y\n1,1,0\n'
	bad "no column is left" 'y\n1\n'
	bad "holds no example" 'a,y\n'
	bad "is empty" ''
	bad "byte 3 is NUL" 'a,y\0\n'
	gzip -c t.csv | head -c 100 >cut.gz
	refused 3 "cut.gz: " csv:file=cut.gz,label=kind
	bad() { printf "$2" >b.svm; refused 3 "$1" libsvm:file=b.svm; }
	bad "line 2: index 2 does not ascend" '1 1:1\n1 2:1 2:2\n'
	bad "line 1: index 0 is below 1" '1 0:1\n'
	bad "line 1: 'x' is no index:value" '1 x\n'
	bad "line 1: '1:inf' is no" '1 1:inf\n'
	bad "line 1: label 'a' is a word: labels=A+B" 'a 1:1\n'
	bad "index 99999999 is too large" '1 99999999:1\n'
	bad "no example" '\n'
}

@test "files of other formats are called what they are, wherever a record or a table is due" {
	# says MESSAGE FILE
	says() {
		local tool
		for tool in "fl-partition -k 1 -B iid -o bad -d" "fl-eval -m m" "fl-local-train -m m" st-check; do
			fails 3 "$2: record 1 at byte 0: $1" $tool "$2"
		done
	}
	fl-init -a logreg:in=3,out=3 -o m --no-sync
	mkdir folder
	cp m folder/m.safetensors
	says "is text; a table is read as -d csv:file=FILE,label=COLUMN" t.csv
	says "is text; a table" t.tsv.gz
	printf 'a,b' >short.csv
	says "is text; a table" short.csv
	printf ' {"schema":"fl-partition/1"}' >p.json
	says "is JSON text" p.json
	says "is an array of NumPy's; -d takes two of them, x.npy,y.npy" x.npy
	printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR' >a.png
	says "is a PNG picture; pictures go in as an array" a.png
	printf '\xff\xd8\xff\xe0\0\x10JFIF\0' >a.jpg
	says "is a JPEG picture" a.jpg
	printf '\x80\2\x8a\nl\xfc\x9cF\xf9 j' >old.pt
	says "is a Python pickle, such as torch.save writes; in Python, safetensors.torch.save_file" old.pt
	"$PYTHON" -c 'import zipfile
for name, member in ("own.pt", "own/data.pkl"), ("a.xlsx", "[Content_Types].xml"):
    with zipfile.ZipFile(name, "w") as z: z.writestr(member, "x" * 50)'
	for tool in "fl-partition -k 1 -B iid -o bad -d" "fl-eval -m m"; do
		fails 3 "is a zip archive, such as torch.save writes" $tool own.pt
		fails 3 "is a document of an office program; save the table as CSV" $tool a.xlsx
	done
	printf '\0\0\x08\3\0\0\xea\x60\0\0\0\x1c' >idx
	says "is IDX; -d takes two such files, images,labels" idx
	printf '\x89HDF\r\n\x1a\n\0' >a.h5
	says "is HDF5; numpy.savez" a.h5
	fails 3 "record 1 at byte 0: is an .npz archive; -d takes one with x and y" fl-eval -m m s.npz
	fails 2 "own.pt: is a zip archive, such as torch.save writes" fl-init -a own.pt
	fails 3 "own.pt: record 1 at byte 0: is a zip archive" fl-init -a logreg:in=3,out=3 --weights own.pt
	refused 3 "a.xlsx: is a document" csv:file=a.xlsx,label=y
	refused 3 "m: is a record" csv:file=m,label=y
	refused 3 "t.csv: is text" t.csv,y.npy
	refused 3 "a.png: is a PNG picture" a.png,y.npy
	refused 4 "folder: is a folder; want a record, two files joined by a comma" folder
	fails 4 "folder: is a folder; folder/*.safetensors are the records in it" fl-local-train -m m folder
	fails 4 "folder/: is a folder; folder/*.safetensors are" fl-eval -m m folder/
	# A header that is only too long is no other format.
	printf '\0\0\0\2\0\0\0\0{"a":' >long
	says "header of 33554432 bytes, limit 16777216" long
}

@test "bad arrays" {
	refused 3 "type '|O' is not supported" o.npy,y.npy
	refused 3 "tensor 'x' value" nan.npy,y.npy
	refused 3 "must be an integer type" x.npy,x.npy
	refused 3 "array 'y' is missing" noy.npz
	size=$(stat -c %s x.npy)
	for n in 8 11 60 130 $((size - 1)); do
		head -c "$n" x.npy >cut.npy
		refused 3 "cut.npy" cut.npy,y.npy
	done
	sed 's/(12, 3)/(99, 3)/' x.npy >big.npy
	refused 3 "297 values promised" big.npy,y.npy
	sed "s/'descr'/__import/" x.npy >eval.npy
	refused 3 "header: not descr" eval.npy,y.npy
	size=$(stat -c %s c.npz)
	for n in 30 200 $((size / 2)) $((size - 30)) $((size - 1)); do
		head -c "$n" c.npz >cut.npz
		refused 3 "cut.npz" cut.npz
	done
	"$PYTHON" -c 'b = bytearray(open("s.npz", "rb").read()); b[300] ^= 1; open("flip.npz", "wb").write(b)'
	refused 3 "wrong checksum" flip.npz
}

# A play with what plays have: an empty speech, blank lines, a colon within a speech, a
# speaker who says too little, characters that LEAF does not know.
play() {
	printf 'ANNA:\nTo be: or not to be,\nthat is the question:\n\nBOB:\n\nANNA:\nWhether $5 {or} more.\n\n\nCHORUS OF MANY:\n%s\n\nBOB:\nAy.\n' \
		"$(printf 'Sing high, sing low. %.0s' 1 2 3)" >play.txt
}

@test "text: windows of characters and the next one, each speaker apart" {
	play
	fl-partition -d text:file=play.txt,window=7,stride=2,by=speaker -B natural -o c --no-sync
	fl-partition -d text:file=play.txt,window=7,stride=3 -k 1 -B iid -o all --no-sync
	fl-partition -d text:file=play.txt,window=7,stride=3,vocab=tff -k 1 -B iid -o tff --no-sync
	fl-partition -d text:file=play.txt,window=7,vocab=file -k 1 -B iid -o own --no-sync
	"$PYTHON" - "$G" <<-'END'
	import glob, json, sys
	sys.path.insert(0, sys.argv[1])
	from fed_record import load
	text = open("play.txt").read()
	leaf = "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz}"
	tff = ('dhlptx@DHLPTX $(,048cgkoswCGKOSW[_#\'/37;?bfjnrvzBFJNRVZ"&*.26:\naeimquyAEIMQUY]!%)-159\r')
	assert len(leaf) == 80 and len(tff) == 86

	def check(folder, k, string, stride, code, classes):
	    t, m, _ = load(f"{folder}/{k:04}.safetensors")
	    code = [code(c) for c in string]
	    code = [c for c in code if c is not None]
	    want = [code[i:i + 8] for i in range(0, len(code) - 7, stride)]
	    assert want == [list(x) + [y] for x, y in zip(t["x"].tolist(), t["y"].tolist())], folder
	    assert m["fl.classes"] == str(classes) and len(json.loads(m["fl.labels"])) == classes
	    return t, json.loads(m["fl.labels"])

	said = {"ANNA": "To be: or not to be,\nthat is the question:\nWhether 5 or} more.\n",
	        "CHORUS OF MANY": "Sing high, sing low. " * 3 + "\n"}
	assert len(glob.glob("c/*.safetensors")) == 2     # Bob has no window
	for k, string in enumerate(said.values()):
	    t, labels = check("c", k, string, 2, lambda c: leaf.find(c), 80)
	    assert set(t["group"].tolist()) == {[0, 2][k]}, t["group"]
	    assert labels == list(leaf)
	check("all", 0, text, 3, lambda c: leaf.find(c) if c in leaf else None, 80)
	_, labels = check("tff", 0, text, 3, lambda c: tff.find(c) + 1 if c in tff else 87, 90)
	assert labels == [""] + list(tff) + [""] * 3
	_, labels = check("own", 0, text, 1, sorted(set(text)).index, len(set(text)))
	assert labels == sorted(set(text))
	END
}

@test "text that is none" {
	play
	refused 2 "text wants file=" text:window=3
	refused 2 "vocab" text:file=play.txt,vocab=utf8
	refused 3 "no text is longer than window=4000" text:file=play.txt,window=4000
	refused 3 "no line 'NAME:' begins a speech" text:file=t.csv,by=speaker
	refused 4 "No such file" text:file=none.txt
	printf 'a\0b' >zero.txt
	refused 3 "zero.txt" text:file=zero.txt
	: >empty.txt
	refused 3 "empty.txt" text:file=empty.txt
	# Any bytes: three of them are in LEAF's vocabulary.
	printf 'a\377\200b\303\244c' >bytes.txt
	fl-partition -d text:file=bytes.txt,window=2 -k 1 -B iid -o c --no-sync
	fl-partition -d text:file=bytes.txt,window=6,vocab=file -k 1 -B iid -o d --no-sync
	st-ls -n 1 --meta d/0000.safetensors | grep -qF '"0xff"'
}

@test "a character LSTM learns a text that repeats, better than letter frequencies can" {
	for i in $(seq 40); do echo "the quick brown fox jumps over the lazy dog."; done >fox.txt
	fl-partition -d text:file=fox.txt,window=8 -k 1 -B iid -o c --no-sync
	fl-init -a shakespeare-lstm:length=8,hidden=24 -s 1 -o m.safetensors
	fl-local-train -m m.safetensors --opt adam:lr=0.02 -b 32 -e 4 c/0000.safetensors |
		fl-aggregate -n 1 -m m.safetensors -o m1.safetensors
	fl-eval -m m1.safetensors --metric loss --format json c/0000.safetensors >loss.json
	"$PYTHON" -c "
import collections, json, math
t = open('fox.txt').read()
entropy = -sum(v / len(t) * math.log(v / len(t)) for v in collections.Counter(t).values())
loss = json.loads(open('loss.json').readline())['loss']
print(loss, entropy)
assert loss < entropy / 2"
}

@test "inputs in F64 are read as those in F32, by every way in" {
	"$PYTHON" - <<-'END'
	import json, struct
	import numpy as np
	rng = np.random.default_rng(3)
	x, y = rng.normal(size=(12, 3)), np.arange(12) % 2
	for name, dtype, text in (("wide", np.float64, "F64"), ("single", np.float32, "F32")):
	    parts = [("y", y.astype(np.int64), "I64"), ("x", x.astype(dtype), text)]
	    head, at = {"__metadata__": {"fl.v": "1", "fl.kind": "data", "fl.client": "0"}}, 0
	    for key, v, t in parts:
	        head[key] = {"dtype": t, "shape": list(v.shape), "data_offsets": [at, at + v.nbytes]}
	        at += v.nbytes
	    b = json.dumps(head).encode()
	    b += b" " * (-len(b) % 8)
	    with open(name + ".safetensors", "wb") as f:
	        f.write(struct.pack("<Q", len(b)) + b + b"".join(v.tobytes() for _, v, _ in parts))
	END
	fl-init -a logreg:in=3,out=2 -s 1 -o m.safetensors
	for n in wide single; do
		fl-partition -d "$n.safetensors" -k 2 -B iid -s 1 -o "$n" --no-sync -q
		fl-partition -d "st:file=$n.safetensors" -k 2 -B iid -s 1 -o "$n-st" --no-sync -q
		fl-partition -d "$n.safetensors" -k 2 -B iid -s 1 --index -o "$n-index" --no-sync -q
		fl-local-train -m m.safetensors -s 1 "$n-index/0000.safetensors" | st-cat --plain >"$n.update"
		fl-local-train -m m.safetensors -s 1 "$n.safetensors" | st-cat --plain >"$n.whole"
	done
	cmp wide/0000.safetensors single/0000.safetensors
	cmp wide-st/0001.safetensors single-st/0001.safetensors
	cmp wide.update single.update
	cmp wide.whole single.whole
}

#!/usr/bin/env bats
# Examples of several parts: joined from files, split over clients, lost by some, trained on.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR"
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	PYTHONPATH=$ROOT/test/golden/nn "$PYTHON" - <<-'END'
	import json, struct
	import numpy as np

	def save(path, tensors, **meta):
	    head, at, types = {"__metadata__": meta}, 0, {"<f4": "F32", "<i8": "I64"}
	    for n, a in tensors.items():
	        head[n] = {"dtype": types[a.dtype.str], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
	        at += a.nbytes
	    text = json.dumps(head).encode()
	    open(path, "wb").write(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values()))

	r = np.random.default_rng(2)
	N = 60
	id, y = np.arange(N) * 3 + 5, np.arange(N) % 3
	rows = lambda *d: (r.normal(size=(3, *d))[y] + .4 * r.normal(size=(N, *d))).astype("<f4")
	a, b, c = rows(4), rows(2, 3), rows(5)
	kind = {"fl.v": "1", "fl.kind": "data", "fl.classes": "3", "fl.labels": '["u","v","w"]'}
	save("a.safetensors", {"id": id, "y": y, "x": a}, **kind)
	save("b.safetensors", {"id": id[::-1].copy(), "y": y[::-1].copy(), "x": b[::-1].copy()}, **kind)
	save("c.safetensors", {"id": id[10:50].copy(), "emb": c[10:50].copy()})
	np.save("c.npy", c)
	save("other.safetensors", {"id": id, "y": (y + 1) % 3, "x": a}, **kind)
	END
	cat >net.json <<-'END'
	{"parts": {"text": 4, "b": [2, 3], "c": 5},
	 "layers": [
	  {"layer": "concat", "name": "m",
	   "body": [{"layer": "concat", "name": "n",
	     "body": [{"layer": "part", "of": "b"}, {"layer": "flatten"},
	              {"layer": "linear", "out": 8}, {"layer": "relu"}],
	     "shortcut": [{"layer": "part", "of": "c"}, {"layer": "linear", "out": 8},
	                  {"layer": "impute", "learnt": false}]},
	     {"layer": "fuse", "of": "b+c"}],
	   "shortcut": [{"layer": "part", "of": "text"}, {"layer": "impute", "name": "lost"}]},
	  {"layer": "linear", "out": 3}]}
	END
	ROWS=join:names=text+c,files=a.safetensors+c.npy
	IDS=join:names=text+b+c,files=a.safetensors+b.safetensors+c.safetensors,by=id
}

# looks EXPRESSION FILE...: of records r[0], r[1] ...
looks() {
	"$PYTHON" - "$@" <<-'END'
	import json, struct, sys
	import numpy as np

	def load(path):
	    b = open(path, "rb").read()
	    n = struct.unpack("<Q", b[:8])[0]
	    t = {"F32": "<f4", "I64": "<i8"}
	    return {k: np.frombuffer(b, t[v["dtype"]], offset=8 + n + v["data_offsets"][0],
	                             count=int(np.prod(v["shape"]))).reshape(v["shape"])
	            for k, v in json.loads(b[8:8 + n]).items() if k != "__metadata__"}

	r = [load(f) for f in sys.argv[2:]]
	assert eval("(" + sys.argv[1] + ")", globals()), sys.argv[1]
	END
}

@test "files are joined row by row, or by id, where some are missing in some" {
	fl-partition -d "$ROWS" -k 1 -B iid -o r --no-sync
	st-check r/0000.safetensors
	looks '(r[0]["x.text"] == r[1]["x"]).all() and r[0]["x.c"].shape == (60, 5) and
	       (r[0]["part"] == np.arange(60)[:, None]).all() and (r[0]["id"] == r[1]["id"]).all()' \
		r/0000.safetensors a.safetensors
	fl-partition -d "$IDS" -k 1 -B iid -o i --no-sync
	st-check i/0000.safetensors
	# Columns are text, b, c. Rows of b came the other way round; c knows 40 of 60.
	looks 'r[0]["x.b"].shape == (60, 2, 3) and (r[0]["part"][:, 1] == np.arange(60)[::-1]).all() and
	       (r[0]["part"][:, 2] == np.r_[[-1] * 10, :40, [-1] * 10]).all() and
	       (r[0]["y"] == r[1]["y"]).all() and len(r) == 2' i/0000.safetensors a.safetensors
	fl-partition -d "$IDS,keep=common" -k 1 -B iid -o k --no-sync
	looks 'r[0]["part"].shape == (40, 3) and r[0]["part"].min() == 0 and
	       (r[0]["id"] == np.arange(10, 50) * 3 + 5).all() and len(r[0]["x.text"]) == 40' k/0000.safetensors
	st-ls --meta i/0000.safetensors | grep -F $'fl.labels\t["u","v","w"]'

	fails 2 "2 names for 1 files" fl-partition -d join:names=a+b,files=c.npy -k 1 -B iid -o x
	fails 2 "'a' is there twice" fl-partition -d join:names=a+a,files=c.npy+c.npy -k 1 -B iid -o x
	fails 2 "must be given" fl-partition -d join:names=a -k 1 -B iid -o x
	fails 3 "a.safetensors has 60 rows, c.safetensors has 40: by=id" \
		fl-partition -d join:names=a+c,files=a.safetensors+c.safetensors -k 1 -B iid -o x
	fails 3 "row 0 is id 5 in a.safetensors and id 182 in b.safetensors" \
		fl-partition -d join:names=a+b,files=a.safetensors+b.safetensors -k 1 -B iid -o x
	fails 3 "c.npy: by=id, but there is no tensor 'id'" fl-partition -d "$ROWS,by=id" -k 1 -B iid -o x
	fails 3 "class 0 in a.safetensors and class 1 in other.safetensors" \
		fl-partition -d join:names=a+b,files=a.safetensors+other.safetensors -k 1 -B iid -o x
	fails 4 "nowhere.npy" fl-partition -d join:names=a,files=nowhere.npy -k 1 -B iid -o x
	fails 3 "is of several parts itself" fl-partition -d join:names=a,files=r/0000.safetensors -k 1 -B iid -o x
	[ ! -e x ]
}

@test "an architecture takes the sizes of data, parts or not" {
	fl-partition -d "$IDS" -k 1 -B iid -o i --no-sync
	"$PYTHON" -c 'import json; n = json.load(open("net.json")); del n["parts"]; json.dump(n, open("bare.json", "w"))'
	fl-init -a net.json -s 3 --no-prov -o want.safetensors --no-sync
	fl-init -a bare.json -d i/0000.safetensors -s 3 --no-prov -o got.safetensors --no-sync
	cmp want.safetensors got.safetensors
	fl-init -a bare.json -d - -s 3 --no-prov --no-sync <i/0000.safetensors | cmp - want.safetensors
	L='{"layer":"flatten"},{"layer":"linear","out":3}'
	fl-init -a "{\"layers\":[$L]}" -d b.safetensors --no-prov -o got.safetensors --no-sync
	fl-init -a "{\"input\":[2,3],\"layers\":[$L]}" --no-prov | cmp - got.safetensors
	fails 2 "sizes of its own" fl-init -a net.json -d i/0000.safetensors -o x
	fails 2 "a spec's sizes are its parameters" fl-init -a mlp:hidden=3 -d b.safetensors -o x
	fails 2 "the architecture has no \"parts\"" fl-init -a bare.json -d b.safetensors -o x
	fails 2 "input: not a list" fl-init -a bare.json -o x
	fails 3 "truncated" fl-init -a bare.json -d <(head -c 300 i/0000.safetensors) -o x
	[ ! -e x ]
}

@test "clients get the rows of their examples, and parts of a part are parts" {
	fl-partition -d "$IDS" -k 4 -B dirichlet:alpha=1 -s 3 -o c --test-frac 0.25 --test-output t --no-sync
	st-check c/*.safetensors t/*.safetensors
	for f in c/*.safetensors t/*.safetensors; do
		fl-partition -d "$f" -k 1 -B iid -o again --no-sync
		looks 'all((r[0][k] == r[1][k]).all() for k in r[0])' "$f" again/0000.safetensors
		looks 'all((r[0]["x." + n][p[p >= 0]] == r[1]["x." + n][q[q >= 0]]).all() and
		           (np.sort(p[p >= 0]) == np.arange(len(r[0]["x." + n]))).all()
		           for m, n in enumerate(("text", "b", "c"))
		           for p in [r[0]["part"][:, m]]
		           for q in [r[1]["part"][(r[0]["id"] - 5) // 3, m]])' "$f" <(fl-partition -d "$IDS" -k 1 -B iid -o i --no-sync; cat i/0000.safetensors)
	done
	fails 2 "several parts have no index form" fl-partition -d "$IDS" -k 2 -B iid --index -o x
	fails 2 "is of examples with 'x', not of those of several parts" \
		fl-partition -d "$IDS" -k 2 -B iid --scale '{"div":2}' -o x
	fails 2 "is of examples with 'x', not of those of several parts" \
		fl-partition -d "$IDS" -k 2 -B iid --scale-from a.safetensors -o x
	# What looks at inputs wants all of them.
	fails 3 "no example lacks a part" fl-partition -d "$IDS" -k 2 -B embed -o x
	fl-partition -d "$IDS,keep=common" -k 2 -B embed:min_size=1 -o whole --no-sync
	fails 2 "not for those of several" fl-partition -d "$IDS" -k 2 -B iid --shift noise -o x
}

@test "missing by client, and by example: never all, rows that nobody has go" {
	fl-partition -d "$IDS,keep=common" -k 5 -B iid -s 3 --shift missing:by=example,rate=0.6 -o e --no-sync
	fl-partition -d "$IDS,keep=common" -k 5 -B iid -s 3 --shift missing:rate=0.6 -o c --no-sync
	fl-partition -d "$IDS,keep=common" -k 5 -B iid -s 3 --shift missing:by=example,rate=1 -o one --no-sync
	fl-partition -d "$IDS,keep=common" -k 5 -B iid -s 3 --shift missing:by=example,rate=0 -o all --no-sync
	fl-partition -d "$IDS,keep=common" -k 5 -B iid -s 3 -o plain --no-sync
	st-check {e,c,one,all}/*.safetensors
	looks 'all((p >= 0).any(1).all() for p in [a["part"] for a in r]) and
	       .4 < np.mean([(a["part"] < 0).mean() for a in r]) < .7 and
	       all(len(a["x." + n]) == (a["part"][:, m] >= 0).sum() for a in r for m, n in enumerate(("text", "b", "c"))) and
	       len({tuple(v) for a in r for v in a["part"] < 0}) == 7' e/*.safetensors
	looks 'all((p == p[:1]).all() and not p[0].all() for p in [a["part"] < 0 for a in r])' c/*.safetensors
	looks 'all(((a["part"] >= 0).sum(1) == 1).all() for a in r)' one/*.safetensors
	# Whole channels of x by example, too.
	fl-partition -d b.safetensors -k 2 -B iid -s 3 --shift missing:by=example,rate=0.5,fill=-1 -o x --no-sync
	looks 'all(set((a["x"] == -1).sum(2).flatten()) == {0, 3} and 0 < (a["x"][:, 0, 0] == -1).mean() < .8 and
	           not (a["x"] == -1).all((1, 2)).any() for a in r)' x/*.safetensors
	fails 3 "examples have 3 parts, not 2 modalities" \
		fl-partition -d "$IDS" -k 2 -B iid --shift missing:modalities=2 -o y

	# Rate 0 is as if there were no shift, to the bit of an update.
	fl-init -a net.json -s 1 -o g.safetensors --no-sync
	for d in all plain; do
		fl-local-train -m g.safetensors --opt adam -e 2 -b 4 --no-prov -o $d.sts --no-sync $d/*.safetensors
	done
	cmp all.sts plain.sts
	fl-local-train -m g.safetensors --opt adam -e 2 -b 4 --no-prov -o e.sts --no-sync e/*.safetensors
	! cmp -s all.sts e.sts
}

@test "a net learns from what is there, at any number of threads" {
	fl-init -a net.json -s 1 -o g.safetensors --no-sync
	fl-partition -d "$IDS" -k 3 -B iid -s 3 --shift missing:by=example,rate=0.4 -o c --no-sync
	for j in 1 2; do
		cp g.safetensors h$j.safetensors
		for r in 1 2 3 4; do
			fl-local-train -j $j -m h$j.safetensors --opt adam:lr=0.02 -e 5 -b 8 c/*.safetensors |
				fl-aggregate -n 3 -m h$j.safetensors -o h$j.safetensors --no-sync
		done
	done
	cmp h1.safetensors h2.safetensors
	fl-eval -m h1.safetensors --min accuracy=0.8 c/*.safetensors >/dev/null
	# The stand-in has learnt; without missing texts it stays 0.
	looks 'r[0]["m.lost.value"].all()' h1.safetensors
	fl-partition -d "$IDS,keep=common" -k 1 -B iid -o w --no-sync
	fl-local-train -m g.safetensors --opt sgd:lr=0.1 -e 2 --no-sync -o v.sts w/*.safetensors
	st-cat --one --tensor='m.lost.value' v.sts -o v.safetensors --no-sync
	looks 'not r[0]["m.lost.value"].any()' v.safetensors
	fails 3 "examples have no parts but 'x', the model takes parts text (4), b (2x3), c (5)" \
		fl-local-train -m g.safetensors -o x "$ROOT/test/golden/data/u8.safetensors"
	fl-partition -d "$ROWS" -k 1 -B iid -o r --no-sync
	fails 3 "examples have parts text (4), c (5), the model takes parts text (4), b (2x3), c (5)" \
		fl-local-train -m g.safetensors -o x r/0000.safetensors
	# A net that knows no parts takes them all as one, where none is missing.
	fl-init -a '{"input":[9],"layers":[{"layer":"linear","out":3}]}' -o f.safetensors --no-sync
	fl-local-train -m f.safetensors -o /dev/null r/0000.safetensors
	fl-init -a '{"input":[15],"layers":[{"layer":"linear","out":3}]}' -o f.safetensors --no-sync
	fails 3 "lacks part" fl-local-train -m f.safetensors -o x c/0000.safetensors
	[ ! -e x ]
}

@test "m3col contrasts towers of parts of unlike widths as it does those of columns" {
	"$PYTHON" - "$ROOT/samples/m3col.json" <<-'END'
	import json, sys
	net = json.load(open(sys.argv[1]))
	first, second = net["layers"][0]["body"], net["layers"][0]["shortcut"]
	net["layers"][-1]["out"] = net["layers"][6]["out"] = net["layers"][3]["out"] = 3
	net["input"], first[0]["size"], second[0]["begin"], second[0]["size"] = [9], 4, 4, 5
	json.dump(net, open("columns.json", "w"))
	del net["input"]
	net["parts"] = {"c": 5, "text": 4}
	first[0], second[0] = {"layer": "part", "of": "text"}, {"layer": "part", "of": "c"}
	json.dump(net, open("parts.json", "w"))
	END
	fl-partition -d "$ROWS" -k 1 -B iid -o parts --no-sync
	mkdir columns
	"$PYTHON" - parts/0000.safetensors columns/0000.safetensors <<-'END'
	import json, struct, sys
	import numpy as np
	b = open(sys.argv[1], "rb").read()
	n = struct.unpack("<Q", b[:8])[0]
	h = json.loads(b[8:8 + n])
	t = {k: np.frombuffer(b, {"F32": "<f4", "I64": "<i8"}[v["dtype"]], offset=8 + n + v["data_offsets"][0],
	                      count=int(np.prod(v["shape"]))).reshape(v["shape"]) for k, v in h.items() if k[0] != "_"}
	p, out = t["part"], {"y": t["y"]}
	out["x"] = np.hstack([t["x.text"][p[:, 0]], t["x.c"][p[:, 1]]])
	head, at = {"__metadata__": h["__metadata__"]}, 0
	for k, a in out.items():
	    head[k] = {"dtype": {"<f4": "F32", "<i8": "I64"}[a.dtype.str], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
	    at += a.nbytes
	text = json.dumps(head).encode()
	open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in out.values()))
	END
	for d in columns parts; do
		fl-init -a $d.json -s 2 -o $d.safetensors --no-sync
		fl-local-train -m $d.safetensors -M m3col:rounds=1 -e 3 -b 8 --opt sgd:lr=0.2 -o $d.sts --no-sync \
			$d/0000.safetensors
	done
	st-cmp columns.sts parts.sts
	fl-partition -d "$ROWS" -k 1 -B iid -o lost --shift missing:by=example,rate=0.3 --no-sync
	# What is not there has no likeness to anything; heads do without, and so do taps of weight 0.
	fails 3 "lacks a part which loss mixco of tap 'mixab' compares" \
		fl-local-train -m parts.safetensors -M m3col:rounds=1 -e 3 -b 8 -o x --no-sync lost/0000.safetensors
	[ ! -e x ]
	fails 3 "lacks a part which loss mixco of tap 'mixab' compares" fl-eval -m parts.safetensors lost/0000.safetensors
	fails 3 "lacks a part which loss softclip of tap 'soft' compares" \
		fl-eval -m parts.safetensors --metric loss@soft lost/0000.safetensors
	fl-eval -m parts.safetensors --metric accuracy,accuracy@a lost/0000.safetensors
	sed 's/"weight": 0.1/"weight": 0/g' parts.json >heads.json
	fl-init -a heads.json -s 2 -o heads.safetensors --no-sync
	fl-local-train -m heads.safetensors -o heads.sts --no-sync lost/0000.safetensors
	fl-eval -m heads.safetensors lost/0000.safetensors
	fails 3 "of tap 'soft' compares" fl-eval -m heads.safetensors --metric loss@soft lost/0000.safetensors
	# The same as the loss of the net itself.
	for loss in mixco softclip; do
		cat >own.json <<-END
		{"parts": {"c": 5, "text": 4}, "loss": "$loss", "layers": [
		  {"layer": "concat", "body": [{"layer": "part", "of": "text"}, {"layer": "impute"}, {"layer": "linear", "out": 8}],
		   "shortcut": [{"layer": "part", "of": "c"}, {"layer": "impute"}, {"layer": "linear", "out": 8}]}]}
		END
		fl-init -a own.json -s 1 -o own.safetensors --no-sync
		fl-local-train -m own.safetensors -o /dev/null parts/0000.safetensors
		fails 3 "loss $loss compares both" fl-local-train -m own.safetensors -o x lost/0000.safetensors
	done
}

@test "a tower that is fused wants one of its parts, others want theirs, stand-in or not" {
	cat >towers.json <<-'END'
	{"parts": {"text": 4, "b": [2, 3], "c": 5},
	 "layers": [
	  {"layer": "concat", "name": "m",
	   "body": [{"layer": "concat", "name": "n",
	     "body": [{"layer": "part", "of": "b"}, {"layer": "flatten"}, {"layer": "linear", "out": 8}],
	     "shortcut": [{"layer": "part", "of": "c"}, {"layer": "linear", "out": 8}]},
	     {"layer": "fuse", "name": "f", "of": "b+c"}],
	   "shortcut": [{"layer": "part", "of": "text"}, {"layer": "impute"}, {"layer": "linear", "name": "t", "out": 8}]},
	  {"layer": "linear", "out": 3}],
	 "taps": [{"name": "soft", "of": ["m.f", "m.t"], "loss": "softclip"}]}
	END
	sed 's/"m.f", "m.t"/"m"/' towers.json >joint.json
	fl-partition -d "$IDS" -k 1 -B iid -o i --no-sync
	for net in towers joint; do
		fl-init -a $net.json -s 1 -o $net.safetensors --no-sync
		fl-local-train -m $net.safetensors -o /dev/null i/0000.safetensors
	done
	fl-partition -d "$IDS" -k 1 -B iid -o lost --shift missing:by=example,rate=0.5 --no-sync
	for net in towers joint; do
		fails 3 "of tap 'soft' compares" fl-local-train -m $net.safetensors -o x lost/0000.safetensors
	done
}

@test "st-check looks at parts" {
	# bad EXPRESSION MESSAGE: of the record with one thing changed.
	bad() {
		"$PYTHON" - "$1" <<-'END'
		import json, struct, sys
		import numpy as np
		t = {"x.a": np.zeros((3, 2), "<f4"), "x.b": np.zeros((1, 2), "<f4"),
		     "part": np.array([[0, 0], [1, -1]]), "y": np.array([0, 1])}
		exec(sys.argv[1])
		head, at = {"__metadata__": {"fl.v": "1", "fl.kind": "data"}}, 0
		for n, a in t.items():
		    head[n] = {"dtype": {"<f4": "F32", "<i8": "I64"}[a.dtype.str], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
		    at += a.nbytes
		text = json.dumps(head).encode()
		open("b.st", "wb").write(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in t.values()))
		END
		[ -z "$2" ] || fails 3 "$2" st-check b.st
	}
	bad pass ""
	st-check b.st
	bad 't["part"][1, 0] = -2' "example 1: row -2 is neither a row nor -1"
	bad 't["part"][1] = -1' "example 1 has no part at all"
	bad 't["part"][1, 0] = 3' "tensor 'part': example 1: row 3, tensor 'x.a' has 3"
	bad 't["part"] = t["part"][:, :1].copy()' "want (N,2) integers"
	bad 'del t["x.a"], t["x.b"]' "no tensor x.NAME"
	bad 't["x.a"] = t["y"]' "want rows of floats"
	bad 't["y"] = t["y"][:1]' "tensor 'y' has 1 rows, 'part' has 2"
}

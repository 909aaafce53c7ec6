#!/usr/bin/env bats
# Labels: what a number or a word means is the same whatever else is in a file, and
# examples without a label are no class.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	export PYTHONPATH=$ROOT/test/golden
	cd "$BATS_TEST_TMPDIR"
}

need_numpy() {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
}

# record FILE LABELS [KEY=VALUE...]: x of two columns and these labels, as an expression.
record() {
	"$PYTHON" - "$@" <<-'END'
	import sys
	import numpy as np
	from fed_record import save
	y = np.array(eval(sys.argv[2]), np.int64)
	x = np.stack([np.arange(len(y)) % 7, y], 1).astype(np.float32)
	save(sys.argv[1], {"x": x, "y": y}, **{"kind": "data", "client": 0,
	     **dict(a.split("=", 1) for a in sys.argv[3:])})
	END
}

@test "a record's examples without a label are split, counted and no class" {
	need_numpy
	record d.safetensors '[0, -1, 2, 1, -1, -1] * 10'
	for by in iid dirichlet:alpha=5 shards:s=2 uniform pathological:m=2; do
		fl-partition -v -d d.safetensors -k 3 -B "$by" -s 1 -o c --no-sync 2>log
		grep -q "60 examples of 3 classes, 30 not labelled, over 3 clients" log
		jq -e '.classes == 3 and (.unlabelled | add) == 30 and (.counts | map(add) | add) == 30
			and (.counts | map(length) | unique) == [3]' c/partition.json
	done
	[ "$(jq 'has("unlabelled")' <(fl-partition -d digits -k 2 -B iid -o e --no-sync; cat e/partition.json))" = false ]
	"$PYTHON" - <<-'END'
	from fed_record import load
	y = [v for k in range(3) for v in load(f"c/{k:04}.safetensors")[0]["y"].tolist()]
	assert sorted(y) == [-1] * 30 + [0] * 10 + [1] * 10 + [2] * 10
	assert all(load(f"c/{k:04}.safetensors")[1]["fl.classes"] == "3" for k in range(3))
	END
	fl-partition -d d.safetensors -k 3 -B iid --shift labelswap -o s --no-sync
	"$PYTHON" -c '
from fed_record import load
assert sum((load(f"s/{k:04}.safetensors")[0]["y"] < 0).sum() for k in range(3)) == 30'
	st-check c/*.safetensors
}

@test "what wants a label names the first row without" {
	need_numpy
	record d.safetensors '[0, 1, -1, 1, -1]'
	record bad.safetensors '[0, 1, -2]'
	fl-init -a logreg:in=2,out=2 -s 1 -o m.safetensors
	why="row 2 is not labelled (y is -1); of 5 rows 2 are not"
	fails 3 "client 0: d.safetensors: $why" fl-local-train -m m.safetensors d.safetensors
	fails 3 "$why" fl-eval -m m.safetensors d.safetensors
	fails 3 "$why" fl-eval -m m.safetensors --confusion conf -d d.safetensors
	fails 3 "$why" fl-stats -m m.safetensors classmean d.safetensors
	fails 3 "$why" fl-stats -m m.safetensors gradient d.safetensors
	fails 3 "row 2: label -2 is outside [0,1000000), and is not -1" fl-eval -m m.safetensors bad.safetensors
}

@test "arrays have no such sign: -1 is refused by row" {
	need_numpy
	"$PYTHON" -c '
import numpy as np
x, y = np.zeros((3, 2), np.float32), np.array([1, -1, 1])
np.savez("a.npz", x=x, y=y); np.save("x.npy", x); np.save("y.npy", y)'
	fails 3 "a.npz: row 1: label -1: classes are 0, 1" fl-partition -d a.npz -k 1 -B iid -o c
	fails 3 "x.npy,y.npy: row 1: label -1" fl-partition -d x.npy,y.npy -k 1 -B iid -o c
}

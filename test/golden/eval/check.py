#!/usr/bin/python3
"""Checks what fl-eval --format json printed of a logistic regression, by NumPy in double.

usage: check.py MODEL CLIENT... <fl-eval's output
"""
import json
import sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[1] / "metric"))
sys.path.insert(0, str(Path(__file__).parents[1] / "part"))
from make import FIELDS, spread
from check import load

FIELDS = FIELDS.split()
rows = [json.loads(line) for line in sys.stdin]
_, model = load(sys.argv[1])
W, b = (model[k].astype(float) for k in ("0.weight", "0.bias"))
want = []
for f in sys.argv[2:]:
    meta, r = load(f)
    s = json.loads(meta["fl.scale"])
    x = r["x"].reshape(len(r["y"]), -1) / s["div"]
    z = (x - s.get("mean", [0])[0]) / s.get("std", [1])[0] @ W.T + b
    top = z.max(1, keepdims=True)
    lse = np.log(np.exp(z - top).sum(1)) + top[:, 0]
    loss = (lse - z[np.arange(len(z)), r["y"]]).mean()
    want.append((int(meta["fl.client"]), meta["split"], len(z), (z.argmax(1) == r["y"]).mean(), loss))
want.sort()
assert len(rows) == len(want) + 1
for got, (client, split, n, accuracy, loss) in zip(rows, want):
    assert list(got) == "schema kind client round split n accuracy loss".split()
    assert got["schema"] == "fl-eval/1" and got["kind"] == "client" and got["round"] == 0
    assert (got["client"], got["split"], got["n"]) == (client, split, n)
    assert abs(got["accuracy"] - accuracy) < 1e-12, (got, accuracy)
    assert abs(got["loss"] - loss) < 1e-6 * loss, (got, loss)
got = rows[-1]
names = [m + ("_" + f if f != "weighted" else "") for m in ("accuracy", "loss") for f in FIELDS]
assert list(got) == "schema kind client round split n clients".split() + names, list(got)
assert got["kind"] == "summary" and got["client"] is None and got["clients"] == len(want)
assert got["n"] == sum(w[2] for w in want)
n = [w[2] for w in want]
for m, column, higher in ("accuracy", 3, 1), ("loss", 4, 0):
    for f, v in zip(FIELDS, spread([w[column] for w in want], n, higher)):
        have = got[m + ("_" + f if f != "weighted" else "")]
        assert abs(have - v) < 1e-5 * max(1, abs(v)), (m, f, have, v)

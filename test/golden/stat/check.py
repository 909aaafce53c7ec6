#!/usr/bin/python3
"""Statistics of clients against NumPy over a perceptron of one hidden layer.
usage: check.py MODEL STAT STATS.sts POOLED CLIENT..."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, stream

model, stat, stats, pooled = sys.argv[1:5]
w = {k: v.astype(float) for k, v in load(model)[0].items()}
base = load(model)[2]


def inputs(path):
    d, m, _ = load(path)
    c = json.loads(m["fl.scale"])
    x = d["x"].reshape(len(d["y"]), -1).astype(float)
    if stat == "columns":       # of what is stored
        return x, d["y"].astype(int)
    x /= c.get("div", 1)
    return (x - c.get("mean", [0])[0]) / c.get("std", [1])[0], d["y"].astype(int)


def outputs(x):
    h = np.maximum(x @ w["0.weight"].T + w["0.bias"], 0)
    return h, h @ w["2.weight"].T + w["2.bias"]


def gradient(x, y):
    h, z = outputs(x)
    p = np.exp(z - z.max(1, keepdims=True))
    dz = (p / p.sum(1, keepdims=True) - np.eye(z.shape[1])[y]) / len(y)
    dh = dz @ w["2.weight"] * (h > 0)
    return {"2.weight": dz.T @ h, "2.bias": dz.sum(0), "0.weight": dh.T @ x, "0.bias": dh.sum(0)}


def by_class(rows, y, cov):
    out = {"count": np.bincount(y, minlength=10), "mean": np.zeros((10, rows.shape[1]))}
    out["cov"] = np.zeros((10, rows.shape[1], rows.shape[1]))
    for c in range(10):
        if (y == c).any():
            out["mean"][c] = rows[y == c].mean(0)
        if (y == c).sum() > 1:
            out["cov"][c] = np.cov(rows[y == c].T)
    return out if cov else {k: out[k] for k in ("count", "mean")}


def want(x, y):
    if stat == "columns":
        return {"count": (~np.isnan(x)).sum(0), "mean": np.nanmean(x, 0), "var": np.nanvar(x, 0)}
    h, z = outputs(x)
    return gradient(x, y) if stat == "gradient" else by_class(z if stat == "classlogit" else h, y,
                                                                stat == "moments")


def compare(got, expect, what):
    assert sorted(got) == sorted(expect), (what, sorted(got))
    for k, v in expect.items():
        scale = max(1e-3, np.abs(v).max())
        assert np.abs(got[k] - v).max() < 2e-5 * scale, (what, k, np.abs(got[k] - v).max())


all_, each = [inputs(p) for p in sys.argv[5:]], list(stream(stats))
assert len(all_) == len(each)
for (x, y), (t, m, _) in zip(all_, each):
    assert m["fl.kind"] == "stats" and m["fl.base"] == base and int(m["fl.examples"]) == len(y)
    compare(t, want(x, y), m["fl.client"])
x, y = (np.concatenate(a) for a in zip(*all_))
t, m, _ = load(pooled)
assert "fl.client" not in m and m["fl.base"] == base and int(m["fl.examples"]) == len(y), m
expect = want(x, y)
if stat in ("classmean", "classlogit"):
    expect["clients"] = sum((np.bincount(y, minlength=10) > 0).astype(int) for _, y in all_)
compare(t, expect, "pooled")

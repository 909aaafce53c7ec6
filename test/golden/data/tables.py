#!/usr/bin/python3
"""Tables with missing values, and NumPy's figures for what fl-partition makes of them.

usage: tables.py write                    t.csv, one table of four sites; site-N.csv, each of them
       tables.py check FLAGS TRAIN TEST   records of the folders against t.csv
       tables.py loss MODEL TEST          cross-entropy of a logistic regression
"""
import csv
import glob
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from fed_record import load  # noqa: E402

N, D = 300, 5
GAPS = ["", "NA", "nan", "-9", "?", "-9.0"]


def write():
    r = np.random.RandomState(3)
    x = (r.randn(N, D) * [1, 50, 1e-3, 1000, 0] + [0, 120, 5, -4e4, 7]).astype(np.float32)
    site = r.randint(0, 4, N)
    y = (x[:, 1] + 20 * r.randn(N) > 120).astype(int)
    gap = r.rand(N, D) < [0, .2, .1, .3, .05]
    gap[:, 3] |= site == 2                      # a site that never measured it
    head = ["id", "a", "b", "c", "d", "e", "sick", "site"]
    rows = [[i] + ["%.9g" % v if not g else GAPS[r.randint(len(GAPS))] for v, g in zip(x[i], gap[i])] +
            [y[i], "ABCD"[site[i]]] for i in range(N)]
    for name, keep in [("t", range(N))] + [("site-%d" % s, np.flatnonzero(site == s)) for s in range(4)]:
        with open(name + ".csv", "w") as f:
            csv.writer(f).writerows([head] + [rows[i] for i in keep])


def table():
    rows = list(csv.DictReader(open("t.csv")))
    x = np.array([[np.nan if v[c] in GAPS else v[c] for c in "abcde"] for v in rows], float)
    return x.astype(np.float32), np.array([int(v["sick"]) for v in rows])


def parts(folder):
    return [load(f)[:2] for f in sorted(glob.glob(folder + "/*.safetensors"))]


def figures(x):
    """Means and deviations of the values that are there."""
    x = x.astype(float)
    std = np.nanstd(x, 0)
    return np.nanmean(x, 0), np.where(std > 0, std, 1)


def check(flags, train, test):
    x, y = table()
    if flags == "on":
        x = np.hstack([x, np.isnan(x)]).astype(np.float32)
    train, test = parts(train), parts(test)
    rows = np.concatenate([t["id"] for t, _ in train])
    assert len(set(rows) | set(np.concatenate([t["id"] for t, _ in test]))) == N
    mean, std = figures(x[rows])
    for t, meta in train + test:
        assert np.array_equal(t["x"], x[t["id"]], equal_nan=True)
        assert (t["y"] == y[t["id"]]).all()
        assert np.allclose(json.loads(meta["fl.fill"]), mean, rtol=1e-6, atol=1e-7)
        scale = json.loads(meta["fl.scale"])
        assert scale["div"] == 1
        assert np.allclose(scale["mean"], mean, rtol=1e-6, atol=1e-7)
        assert np.allclose(scale["std"], std, rtol=1e-6)
        assert meta["fl.scale"] == train[0][1]["fl.scale"] and meta["fl.fill"] == train[0][1]["fl.fill"]


def loss(model, test):
    w, n, total = load(model)[0], 0, 0
    for t, meta in parts(test):
        s = json.loads(meta["fl.scale"])
        x = np.where(np.isnan(t["x"]), json.loads(meta["fl.fill"]), t["x"])
        z = (x - s["mean"]) / s["std"] @ w["0.weight"].T.astype(float) + w["0.bias"]
        z -= z.max(1, keepdims=True)
        z -= np.log(np.exp(z).sum(1, keepdims=True))
        total -= z[np.arange(len(z)), t["y"]].sum()
        n += len(z)
    print(total / n)


if __name__ == "__main__":
    {"write": write, "check": check, "loss": loss}[sys.argv[1]](*sys.argv[2:])

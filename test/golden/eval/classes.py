#!/usr/bin/python3
"""Checks macro-F1, balanced accuracy and confusion of a logistic regression by
scikit-learn: rows of fl-eval --metric accuracy,f1,balanced and of --confusion.

usage: classes.py MODEL ROWS CONFUSION CLIENT...
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[1] / "part"))
from check import load

warnings.simplefilter("ignore")
rows, classes = ([json.loads(line) for line in open(f)] for f in sys.argv[2:4])
_, model = load(sys.argv[1])
W, b = (model[k].astype(float) for k in ("0.weight", "0.bias"))
C = len(b)
clients = []
for f in sys.argv[4:]:
    meta, r = load(f)
    s = json.loads(meta["fl.scale"])
    x = r["x"].reshape(len(r["y"]), -1) / s["div"]
    clients.append((int(meta["fl.client"]), r["y"], (x @ W.T + b).argmax(1)))
clients.sort()
everyone = (None, *(np.concatenate([c[i] for c in clients]) for i in (1, 2)))
assert len(rows) == len(clients) + 1 and len(classes) == C * len(rows)
per_client = {"f1": [], "balanced": []}
for i, (k, y, p) in enumerate([*clients, everyone]):
    kind = "client" if k is not None else "summary"
    f1, balanced = f1_score(y, p, average="macro"), balanced_accuracy_score(y, p)
    assert (rows[i]["kind"], rows[i]["client"]) == (kind, k)
    assert abs(rows[i]["f1"] - f1) < 1e-12 and abs(rows[i]["balanced"] - balanced) < 1e-12
    if k is not None:
        per_client["f1"].append(f1)
        per_client["balanced"].append(balanced)
    want = confusion_matrix(y, p, labels=np.arange(C))
    for c, row in enumerate(classes[i * C:(i + 1) * C]):
        assert list(row) == ("schema kind client round split n class recall precision f1 counts "
                             "none").split()
        assert row["schema"] == "fl-confusion/1"
        assert (row["kind"], row["client"], row["class"]) == (kind, k, c)
        assert row["counts"] == want[c].tolist() and row["none"] == 0
        n, hits = (y == c).sum(), want[c, c]
        assert row["n"] == n and row["recall"] == (hits / n if n else None)
for m, v in per_client.items():
    assert abs(rows[-1][m + "_mean"] - np.mean(v)) < 1e-12
    assert abs(rows[-1][m + "_std"] - np.std(v)) < 1e-12
    assert abs(rows[-1][m] - np.mean(v)) > 1e-6  # of all together, not a mean

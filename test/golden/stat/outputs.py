#!/usr/bin/python3
"""Outputs of a perceptron of one hidden layer, and how they are pooled, by NumPy.
usage: outputs.py FOLDER-OF-MODELS DATA OF POOL CERTAIN STATS.sts POOLED"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, stream

folder, data, of, how, certain, stats, pooled = sys.argv[1:]
d, m, _ = load(data)
scale = json.loads(m["fl.scale"])
x = (d["x"].reshape(len(d["y"]), -1) / scale.get("div", 1) - scale.get("mean", [0])[0]) / scale.get("std", [1])[0]


def soften(z):
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


rows = []
for client, (t, meta, _) in enumerate(stream(stats)):
    assert int(meta["fl.client"]) == client and meta["fl.kind"] == "stats"
    w, _, base = load("%s/%04d.safetensors" % (folder, client))
    assert meta["fl.base"] == base
    h = np.maximum(x @ w["0.weight"].astype(float).T + w["0.bias"], 0)
    z = h @ w["2.weight"].astype(float).T + w["2.bias"]
    want = {"logits": z, "probs": soften(z), "features": h,
            "loss": -np.log(soften(z)[np.arange(len(z)), d["y"]])}[of]
    assert np.allclose(t[of], want, rtol=1e-4, atol=1e-5), of
    assert (t["y"] == d["y"]).all()
    rows.append(t[of].astype(float))
got = load(pooled)[0]
name = "probs" if how in ("vote", "entropy") else of
answers = [soften(r) if of == "logits" else r for r in rows] if of in ("logits", "probs") else None
if how in ("mean", "agree"):
    want = np.mean(rows, 0)
elif how == "vote":
    want = np.mean([np.eye(r.shape[1])[r.argmax(1)] for r in answers], 0)
else:
    v = np.exp([np.sum(np.where(r > 0, r * np.log(np.maximum(r, 1e-300)), 0), 1) for r in answers])
    want = np.einsum("ki,kic->ic", v, np.array(answers)) / v.sum(0)[:, None]
assert np.allclose(got[name], want, rtol=1e-6, atol=1e-7), name
if answers is None:
    assert "label" not in got
    sys.exit()
label = want.argmax(1)
if how == "agree":
    label[~(np.ptp([r.argmax(1) for r in answers], 0) == 0)] = -1
p = soften(want) if name == "logits" else want
best = p.max(1)
if float(certain) > 0:
    whole = label.copy()
    for c in range(p.shape[1]):
        if (whole == c).any():
            label[(whole == c) & (best < min(np.median(best[whole == c]), float(certain)))] = -1
assert (got["label"] == label).mean() > 0.997, (got["label"] != label).sum()  # an answer at the limit may fall on either side
assert -1 in label or how != "agree"

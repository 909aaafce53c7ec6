#!/usr/bin/python3
"""InCo aggregation by NumPy: the model after a round, from it and the clients' updates, each a
mean over those who hold a tensor. usage: inco.py MODEL UPDATES OUT
Blocks are NAME.0, NAME.1, ...; convolutions of later ones learn from NAME.0.conv2."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save, stream

CLIP, BOUND = float(sys.argv[4]), float(sys.argv[5])
w, meta, _ = load(sys.argv[1])
u = [(t, float(m["fl.examples"])) for t, m, _ in stream(sys.argv[2])]
g = {}
for n in w:
    has = [(t[n].astype(float), k) for t, k in u if n in t]
    g[n] = sum(t * k for t, k in has) / sum(k for _, k in has) if has else np.zeros(w[n].shape)
new = dict(g)
for n in w:
    at = re.match(r"(.*)\.([1-9])\.conv[12]\.weight$", n)
    if not at:
        continue
    b, a = g[n], g[at[1] + ".0.conv2.weight"]
    nb = np.linalg.norm(b, axis=(2, 3), keepdims=True)
    na = np.linalg.norm(a, axis=(2, 3), keepdims=True)
    v = np.clip(np.abs((a * b).sum((2, 3), keepdims=True)) / (na ** 2 + 1e-7), 0, CLIP)
    new[n] = np.clip((b / (nb + 1e-7) + v * a / (na + 1e-7)) * (nb + na) / 2, -BOUND, BOUND)
save(sys.argv[3], {n: (w[n] + new[n]).astype("f4") for n in w}, kind="model", round=1,
     arch=meta["fl.arch"])

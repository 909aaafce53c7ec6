#!/usr/bin/python3
"""q-FedSGD's step from its formula. usage: qfedsgd.py MODEL UPDATES PARAMETERS AFTER"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, stream

model, after = load(sys.argv[1])[0], load(sys.argv[4])[0]
p = dict(x.split("=") for x in sys.argv[3].split(","))
q, L, h, total = float(p["q"]), float(p["L"]), 0., {n: 0. for n in model}
for u, m, _ in stream(sys.argv[2]):
    g = {n: -v.astype(float) / float(m["fl.lr"]) for n, v in u.items()}
    F = float(m["fl.loss0"])
    n = float(m["fl.examples"]) if p.get("weight") == "examples" else 1
    square = sum((v ** 2).sum() for v in g.values())
    h += n * (L if p.get("static") == "on" else q * F ** (q - 1) * square + L * F ** q)
    for name in g:
        total[name] = total[name] + n * F ** q * g[name]
for name in model:
    assert np.allclose(after[name], model[name] - total[name] / h, rtol=1e-6, atol=1e-7), name

#!/usr/bin/python3
"""Rounds 1..N of AFL from updates uR.sts and models R.safetensors in this folder: the
simplex projection by bisection, and the models. usage: afl.py GAMMA N [ABSENT]"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, stream

gamma, rounds = float(sys.argv[1]), int(sys.argv[2])
estimate = sys.argv[3:] == ["estimate"]


def project(y):
    lo, hi = y.min() - 1, y.max()
    for _ in range(200):
        t = (lo + hi) / 2
        lo, hi = (t, hi) if np.maximum(y - t, 0).sum() > 1 else (lo, t)
    return np.maximum(y - (lo + hi) / 2, 0)


for y, want in (([.5, .6, .7], [.7 / 3, 1 / 3, 1.3 / 3]), ([.9, .8, -.6], [.55, .45, 0]),
                ([2, .5, .4], [1, 0, 0]), ([1.4, .3, .1], [1, 0, 0])):
    assert np.allclose(project(np.array(y)), want), y

known = {}
for r in range(1, rounds + 1):
    model, _, _ = load(f"{r - 1}.safetensors")
    after, _, _ = load(f"{r}.safetensors")
    got = sorted(((int(m["fl.client"]), float(m["fl.loss0"]), u) for u, m, _ in stream(f"u{r}.sts")),
                 key=lambda x: x[0])
    mean = np.mean(list(known.values())) if known else 1
    known.update({k: mean for k, _, _ in got if k not in known})
    ids = sorted(known) if estimate else [k for k, _, _ in got]
    at = [ids.index(k) for k, _, _ in got]
    times = len(ids) / len(got)
    held = np.array([known[k] for k in ids])
    share = held / held.sum()
    loss = np.zeros(len(ids))
    loss[at] = [f for _, f, _ in got]
    for name in model:
        want = model[name] + times * sum(s * u[name].astype(float) for s, (_, _, u) in zip(share[at], got))
        assert np.allclose(after[name], want, rtol=1e-6, atol=1e-7), (r, name)
    known.update(zip(ids, held.sum() * project(share + gamma * times * loss)))
assert min(known.values()) == 0, known		# the projection has cut something off

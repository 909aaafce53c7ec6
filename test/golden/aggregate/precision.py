#!/usr/bin/python3
"""Weights by coordinate, @mask/NAME of F32: sum_i w_i m_i u_i / sum_i w_i m_i.
usage: precision.py make MODEL | precision.py check MODEL AFTER WEIGHT CLIENT...
make: updates 0..4.safetensors: weights over many powers of two, 0 among them; a mask of U8; none.
Sums are math.fsum of products, each rounded once: the next model is that, bit by bit."""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save

model, _, base = load(sys.argv[2])
N = [10, 25, 5, 60, 8]


def draw(k):
    r = np.random.default_rng(70 + k)
    u = {n: r.normal(size=v.shape).astype("f4") for n, v in model.items()}
    if k == 4:
        return u, {}
    if k == 3:
        m = {n: (r.random(v.shape) < 0.5).astype("u1") for n, v in model.items()}
        return {n: u[n] * m[n] for n in u}, m
    m = {n: (2.0 ** r.integers(-12, 12, v.shape) * r.random(v.shape)).astype("f4")
         for n, v in model.items()}
    for v in m.values():
        v.reshape(-1)[r.integers(0, v.size, 1 + v.size // 8)] = 0
        v.reshape(-1)[0] = 0
    return u, m


if sys.argv[1] == "make":
    for k in range(5):
        u, m = draw(k)
        save(f"{k}.safetensors", {**u, **{"@mask/" + n: v for n, v in m.items()}}, kind="update",
             client=k, round=1, base=base, examples=N[k], loss0=1 + k)
    sys.exit()

after, clients = load(sys.argv[3])[0], [int(k) for k in sys.argv[5:]]
w = [1.0 if sys.argv[4] == "uniform" else float(N[k]) for k in clients]
for n, v in model.items():
    u = [draw(k)[0][n].astype(float).ravel() for k in clients]
    m = [draw(k)[1].get(n, np.ones(v.shape)).astype(float).ravel() for k in clients]
    want = v.ravel().copy()
    for i in range(v.size):
        s = math.fsum(a * c[i] for a, c in zip(w, m))
        if s > 0:
            want[i] = np.float32(float(v.ravel()[i]) +
                                 math.fsum(a * (c[i] * b[i]) for a, b, c in zip(w, u, m)) * (1 / s))
    assert np.array_equal(after[n].ravel(), want), (n, after[n].ravel() - want)
assert sorted(after) == sorted(model), sorted(after)

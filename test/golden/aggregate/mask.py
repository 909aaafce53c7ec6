#!/usr/bin/python3
"""Means of sub-networks. usage: mask.py make MODEL | mask.py check MODEL AFTER WEIGHT
make: updates 0..3.safetensors of MODEL with masks, one of them whole."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save

model, _, base = load(sys.argv[2])
N = [10, 25, 5, 60]


def draw(k):
    r = np.random.default_rng(k)
    u = {n: r.normal(size=v.shape).astype("f4") for n, v in model.items()}
    m = {n: (r.random(v.shape) < 0.4).astype("u1") for n, v in model.items()}
    if k == 3:
        return u, {}
    if k == 1:
        del m["0.bias"]			# owns it all
    for n in m:
        m[n].reshape(-1)[0] = 0
        u[n] *= m[n]
    return u, m


if sys.argv[1] == "make":
    for k in range(4):
        u, m = draw(k)
        save(f"{k}.safetensors", {**u, **{"@mask/" + n: v for n, v in m.items()}}, kind="update",
             client=k, round=1, base=base, examples=N[k])
else:
    after, clients = load(sys.argv[3])[0], [int(k) for k in sys.argv[5:]]
    for n, v in model.items():
        total, weight = np.zeros(v.shape), np.zeros(v.shape)
        for k in clients:
            u, m = draw(k)
            w = N[k] if sys.argv[4] == "examples" else 1
            own = m.get(n, np.ones(v.shape))
            total += w * u[n].astype(float) * own
            weight += w * own
        want = v + np.where(weight > 0, total / np.maximum(weight, 1e-9), 0)
        assert np.allclose(after[n], want, rtol=1e-6, atol=1e-6), n
        assert 3 in clients or (weight == 0).any() or n == "0.bias", n
    assert sorted(after) == sorted(model), sorted(after)

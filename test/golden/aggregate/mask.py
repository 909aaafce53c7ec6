#!/usr/bin/python3
"""Sub-networks, coordinate by coordinate over those who own it.
usage: mask.py make MODEL | mask.py check MODEL AFTER RULE CLIENT... | mask.py ada MODEL STATE
make: updates 0..3.safetensors of MODEL with masks, one of them whole. ada: the pseudo-gradient
of adafedadam's first round, all four clients."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save

model, _, base = load(sys.argv[2])
N = [10, 25, 5, 60]
LOSS, GRADNORM, LR = [1.5, 0.5, 2, 1], [3, 1, 2, 0.5], 0.1
RULES = {
    "examples": lambda u, n: (u * n).sum() / n.sum(),
    "uniform": lambda u, n: u.mean(),
    "median": lambda u, n: np.median(u),
    "trimmean": lambda u, n: np.sort(u)[len(u) // 3:len(u) - len(u) // 3].mean(),	# beta=0.34
}


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
             client=k, round=1, base=base, examples=N[k], loss0=LOSS[k], gradnorm=GRADNORM[k],
             lr=LR, steps=7)
    sys.exit()


def combine(clients, factor, weight, rule):
    """rule(values, weights) of each coordinate's owners, 0 where there are none."""
    drawn = [draw(k) for k in clients]
    out = {}
    for n, v in model.items():
        u = np.stack([d[0][n].ravel() * float(f) for d, f in zip(drawn, factor)])
        own = np.stack([d[1].get(n, np.ones(v.shape)).ravel() for d in drawn]) > 0
        out[n] = np.array([rule(u[own[:, i], i], weight[own[:, i]]) if own[:, i].any() else 0
                           for i in range(v.size)]).reshape(v.shape)
        assert 3 in clients or n == "0.bias" or not own.any(0).all(), n
    return out


if sys.argv[1] == "check":
    after, clients = load(sys.argv[3])[0], [int(k) for k in sys.argv[5:]]
    u = combine(clients, np.ones(len(clients)), np.array([float(N[k]) for k in clients]),
                RULES[sys.argv[4]])
    for n, v in model.items():
        assert np.allclose(after[n], v + u[n], rtol=1e-6, atol=1e-6), n
    assert sorted(after) == sorted(model), sorted(after)
else:					# losses are relative to those of this round: n alone weighs
    norm = [np.sqrt(sum((x.astype(float) ** 2).sum() for x in draw(k)[0].values())) for k in range(4)]
    g = combine(range(4), [-a / b for a, b in zip(GRADNORM, norm)], np.array(N, float), RULES["examples"])
    state = load(sys.argv[3])[0]
    for n in model:
        assert np.allclose(state["@adafedadam/m/" + n] / (1 - state["@adafedadam/c_m"]), g[n], rtol=1e-6), n

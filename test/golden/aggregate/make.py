#!/usr/bin/python3
"""A model, six updates of 4 x 5 + 3 weights, and the models that rules make of them,
in NumPy and SciPy in float64, over the vectors themselves. usage: make.py"""
import math
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from fed_record import record, save
from scipy.optimize import minimize

rng = np.random.default_rng(11)
K, SHAPES = 6, {"0.weight": (4, 5), "0.bias": (3,)}
D = 23
model = rng.normal(size=D).astype("f4")
u = rng.normal(size=(K, D)).astype("f4")
u[1:] += 0.4 * u[0]
u[4] *= 5
n = np.array([10, 20, 30, 15, 25, 40])
steps = np.array([1, 5, 20, 7, 2, 12])
loss = np.array([0.9, 2.1, 0.4, 4.9, 1.3, 1.3])
LR = 0.05
# How a client says that it trained: fl.opt, fl.method; and momentum, dampening,
# Nesterov's, pull. Client by client, against what the rule makes of the words.
HOW = [("sgd:lr=0.05", "fedavg", 0, 0, 0, 0), ("sgd:lr=0.05,momentum=0.9", "fedavg", .9, 0, 0, 0),
       ("sgd:lr=0.05,momentum=0.5,dampening=0.2,wd=0.001", "fedlc", .5, .2, 0, 0),
       ("sgd:lr=0.05,momentum=0.9,nesterov=on", "fedavg", .9, 0, 1, 0),
       ("sgd:lr=0.05", "fedprox:mu=2", 0, 0, 0, 2),
       ("sgd:lr=0.05,momentum=0.8", "feddyn:alpha=1.5", .8, 0, 0, 1.5)]
# Momentum and a pull: gradients swing, and their shares change sign.
SWING = [(f"sgd:lr=0.05,momentum={m},dampening={d},nesterov={'on' if v else 'off'}", f"fedprox:mu={mu}",
          m, d, v, mu) for m, d, v, mu in [(.99, 0, 0, 15), (.9, .5, 0, 8), (.99, 0, 1, 12), (.5, 1, 0, 19),
                                           (1, 0, 0, 3), (.9, .3, 1, .1)]]


def tensors(v):
    return {"0.weight": v[:20].reshape(4, 5).astype("f4"), "0.bias": v[20:].astype("f4")}


base = save(f"{here}/model.safetensors", tensors(model), kind="model", round=0,
            arch="mlp:in=5,hidden=4,out=3")
with open(f"{here}/updates.sts", "wb") as f:
    for k in (3, 0, 5, 1, 4, 2):		# the order of arrival is nobody's business
        f.write(record(tensors(u[k]), v=1, kind="update", client=k, round=1, base=base,
                       examples=n[k], steps=steps[k], loss0=loss[k], lr=LR)[0])
    f.write(record({}, v=1, kind="end", count=K)[0])
for name, how in ("how", HOW), ("swing", SWING):
    with open(f"{here}/{name}.sts", "wb") as f:
        for k in range(K):
            f.write(record(tensors(u[k]), v=1, kind="update", client=k, round=1, base=base,
                           examples=n[k], steps=steps[k], lr=LR, opt=how[k][0], method=how[k][1])[0])
        f.write(record({}, v=1, kind="end", count=K)[0])
u, p = u.astype(float), n / n.sum()


def weighted(w):
    return w @ u / w.sum()


def fednova(a):
    return (p @ a) * ((p / a) @ u)


def momentum(t, beta=0.9):
    """The sum of a step's gradient's shares, unrolled."""
    return sum(sum(beta ** i for i in range(j)) for j in range(1, t + 1))


def shares(t, momentum, dampening, nesterov, pull):
    """Gradient by gradient: what each contributes to the end, then the norm."""
    total = 0
    for j in range(t):
        w = m = 0.
        for i in range(t):
            g = (i == j) - LR * pull * w
            m = momentum * m + (1 if i == 0 else 1 - dampening) * g if momentum else g
            w += g + momentum * m if nesterov else m
        total += abs(w)
    return total


def prox(t, mu=2.0):
    return sum((1 - LR * mu) ** j for j in range(t))


assert np.allclose([momentum(1), momentum(5), momentum(20)], [1, 13.1441, 120.9418989132])


def geomed(share):
    """By a general minimiser, then Newton steps of SciPy's."""
    f = lambda x: share @ np.linalg.norm(x - u, axis=1)
    g = lambda x: (share / np.linalg.norm(x - u, axis=1)) @ (x - u)
    return minimize(f, share @ u, jac=g, method="BFGS", options={"gtol": 1e-11}).x


def mgda(eps, d):
    Q = d @ d.T
    w = minimize(lambda w: w @ Q @ w, p, jac=lambda w: 2 * Q @ w, method="SLSQP",
                 bounds=[(max(0, x - eps), min(1, x + eps)) for x in p],
                 constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
                 options={"ftol": 1e-16, "maxiter": 1000}).x
    return w @ d


def fedfv(alpha):
    order = np.argsort(loss, kind="stable")
    keep = set(order[math.ceil((K - 1) * (1 - alpha)):] if alpha else [])	# as in its code
    out = []
    for k in order:
        g = u[k].copy()
        for j in order:
            if j != k and k not in keep and g @ u[j] < 0:
                g -= (g @ u[j]) / (u[j] @ u[j]) * u[j]
        out.append(g)
    g = np.mean(out, 0)
    return g / np.linalg.norm(g) * np.linalg.norm(u.mean(0))


assert any(u[i] @ u[j] < 0 for i in range(K) for j in range(K))
unit = u / np.linalg.norm(u, axis=1)[:, None]
for name, step in {
        "fednova": fednova(steps.astype(float)),
        "fednova-momentum": fednova(np.array([momentum(t) for t in steps])),
        "fednova-how": fednova(np.array([shares(t, *h[2:]) for t, h in zip(steps, HOW)])),
        "fednova-swing": fednova(np.array([shares(t, *h[2:]) for t, h in zip(steps, SWING)])),
        "fednova-swing-99": fednova(np.array([shares(t, .99, 0, 0, 15) for t in steps])),
        "fednova-tau": (p @ steps) * ((p / np.array([prox(t) for t in steps])) @ u),
        "fednova-prox": fednova(np.array([prox(t) for t in steps])),
        "geomed": geomed(p), "geomed-uniform": geomed(np.full(K, 1 / K)),
        "fedmgda": mgda(0.1, unit), "mgda": mgda(1, u),
        "fedfv": fedfv(0.34), "fedfv-all": fedfv(0), "fedfv-one": fedfv(0.1),
        "term": weighted(n * np.exp(0.7 * loss)),
        "propfair": weighted(n / np.maximum(5 - loss, 0.2)),
        "aflexp": weighted(n * np.exp(0.3 * loss))}.items():
    save(f"{here}/{name}.safetensors", tensors(model + step))

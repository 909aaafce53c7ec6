#!/usr/bin/python3
"""Twenty rounds of FedAvg, FedAdam (Reddi et al., algorithm 2) and AdaFedAdam
(Ju et al., as published, alpha 1) on four unequal, skewed clients, in PyTorch and
double, from the formulas alone. usage:
  make.py data DIR            writes DIR/model.safetensors and DIR/client0..3.safetensors
  make.py want                writes want.safetensors here: METHOD/NAME/ROUND
  make.py check METHOD DIR    compares DIR/1..20.safetensors with want.safetensors
  make.py adam LR DIR         full-batch steps of all clients together by torch.optim.Adam,
                              against DIR/1..20.safetensors

fltools trains in float: every round adds rounding errors of about 2^-24 of a
weight, and local training multiplies those that are there. The limit for the
relative error of all weights after round r, |a - b| / |b|, is therefore GROWTH r:
four times what was measured at worst, over rounds and methods.
remake: $PYTHON make.py want
"""
import os
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
from fed_record import load, save  # noqa: E402
from ref import lcg  # noqa: E402

GROWTH = 2.5e-7
ROUNDS, BATCH, EPOCHS, LR, MOMENTUM, DECAY = 20, 8, 2, 0.05, 0.9, 5e-4
SIZES = (19, 30, 44, 61)
SHAPES = {"0.weight": (8, 10), "0.bias": (8,), "2.weight": (4, 8), "2.bias": (4,)}


def start():
    """Weights in [-.5, .5], exact in float."""
    return {k: ((lcg(int(np.prod(s)), 40 + i).astype(np.float32) - 127.5) / 255).reshape(s)
            for i, (k, s) in enumerate(SHAPES.items())}


def client(k):
    """Noise, brighter where the class is; of client k half are of class k."""
    n = SIZES[k]
    y = (lcg(n, 50 + k) >> 4) % 4
    y[::2] = k
    x = (lcg(n * 10, 60 + k) // 2).reshape(n, 10)
    for c in range(4):
        x[y == c, 2 * c:2 * c + 2] += 60
    return x, y.astype(np.int64)


def write(folder):
    save(f"{folder}/model.safetensors", start(), kind="model", round=0, arch="mlp:in=10,hidden=8,out=4")
    for k in range(len(SIZES)):
        x, y = client(k)
        save(f"{folder}/client{k}.safetensors", {"x": x, "y": y}, kind="data", client=k, classes=4,
             scale='{"div":255,"mean":[0.5],"std":[0.25]}')


def tensors(w):
    return [torch.tensor(w[k].astype(np.float64), requires_grad=True) for k in SHAPES]


def inputs(k):
    x, y = client(k)
    return (torch.tensor(x.astype(np.float64)) / 255 - 0.5) / 0.25, torch.tensor(y)


def loss(p, x, y):
    h = torch.relu(x @ p[0].T + p[1])
    return torch.nn.functional.cross_entropy(h @ p[2].T + p[3], y)


def flat(p):
    return torch.cat([t.detach().reshape(-1) for t in p]).numpy().copy()


def unflat(v):
    out, at = {}, 0
    for k, s in SHAPES.items():
        n = int(np.prod(s))
        out[k], at = v[at:at + n].reshape(s), at + n
    return out


def local(v, k):
    """Update, mean loss and norm of its gradient at v, for client k."""
    x, y = inputs(k)
    p = tensors(unflat(v))
    first = loss(p, x, y)
    first.backward()
    norm = np.sqrt(sum(float((t.grad ** 2).sum()) for t in p))
    opt = torch.optim.SGD(p, lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            opt.zero_grad()
            loss(p, x[i:i + BATCH], y[i:i + BATCH]).backward()
            opt.step()
    return flat(p) - v, float(first.detach()), norm


def fedavg(v, up, s):
    return v + sum(n * u for n, (u, _, _) in zip(SIZES, up)) / sum(SIZES)


def fedadam(v, up, s, lr=0.01, b1=0.9, b2=0.99, tau=1e-3):
    d = fedavg(0, up, s)
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * d
    s["v"] = b2 * s.get("v", tau * tau) + (1 - b2) * d * d
    return v + lr * s["m"] / (np.sqrt(s["v"]) + tau)


def adafedadam(v, up, s, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8, alpha=1):
    f0 = s.setdefault("f0", [f for _, f, _ in up])
    w = np.array([n * (f / a) ** alpha for n, (_, f, _), a in zip(SIZES, up, f0)])
    w /= w.sum()
    rate = [np.linalg.norm(u) / g for u, _, g in up]
    g = sum(wk * -u / r for wk, (u, _, _), r in zip(w, up, rate))
    C = sum(wk * (np.log(r / LR) + 1) for wk, r in zip(w, rate))
    s["m"] = b1 ** C * s.get("m", 0) + (1 - b1 ** C) * g
    s["v"] = b2 ** C * s.get("v", 0) + (1 - b2 ** C) * g * g
    s["cm"], s["cv"] = s.get("cm", 1) * b1 ** C, s.get("cv", 1) * b2 ** C
    return v - C * lr * s["m"] / (1 - s["cm"]) / (np.sqrt(s["v"] / (1 - s["cv"])) + eps)


METHODS = {"fedavg": fedavg, "fedadam": fedadam, "adafedadam": adafedadam}


def trajectory(method):
    v, state, out = flat(tensors(start())), {}, []
    for _ in range(ROUNDS):
        v = METHODS[method](v, [local(v, k) for k in range(len(SIZES))], state)
        out.append(v)
    return np.array(out)


def adam(lr):
    """Adam on the mean loss of all examples."""
    x, y = (torch.cat(t) for t in zip(*(inputs(k) for k in range(len(SIZES)))))
    p, out = tensors(start()), []
    opt = torch.optim.Adam(p, lr=lr)
    for _ in range(ROUNDS):
        opt.zero_grad()
        loss(p, x, y).backward()
        opt.step()
        out.append(flat(p))
    return np.array(out)


def compare(want, folder):
    worst = 0
    for r in range(1, ROUNDS + 1):
        w = load(f"{folder}/{r}.safetensors")[0]
        got = np.concatenate([w[k].reshape(-1) for k in SHAPES]).astype(np.float64)
        e = np.linalg.norm(got - want[r - 1]) / np.linalg.norm(want[r - 1])
        worst = max(worst, e / (GROWTH * r))
        print(f"round {r}: error {e:.1e}, limit {GROWTH * r:.1e}")
    return int(worst > 1)


def main(what, *args):
    if what in ("want", "adam"):
        global torch    # only those need it
        import torch
        torch.set_num_threads(1)
    if what == "data":
        return write(*args)
    if what == "want":
        return save(f"{here}/want.safetensors", {m: trajectory(m).astype(np.float32) for m in METHODS},
                    made="test/golden/trajectory/make.py") and 0
    if what == "adam":
        return compare(adam(float(args[0])), args[1])
    return compare(load(f"{here}/want.safetensors")[0][args[0]].astype(np.float64), args[1])


sys.exit(main(*sys.argv[1:]))

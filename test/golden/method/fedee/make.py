#!/usr/bin/python3
"""Fed-EE on a perceptron with early exits, by PyTorch's autograd in double: two rounds of two
clients, one that trains up to the first exit and one that trains all; every tensor is the
mean by examples over those who train it. Writes a model, two clients' data, the updates of
round 1 and the model of either round. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import BATCH, EPOCHS, LR, lcg, save, scaled_data, small_data

ARCH = "eemlp:in=12,hidden=7+6+5,out=3,weight=0.5"
SHAPES = {"fc1": (7, 12), "exit1": (3, 7), "fc2": (6, 7), "exit2": (3, 6), "fc3": (5, 6),
          "exit3": (3, 5)}
ROWS = [slice(0, 9), slice(9, 23)]
DEPTH = [1, 3]

x, y = small_data()
for k, rows in enumerate(ROWS):
    save(f"{here}/client{k}.safetensors", {"x": x[rows], "y": y[rows]},
         {"fl.kind": "data", "fl.client": str(k), "fl.classes": "3",
          "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
x, y = scaled_data()

w = {}
for i, (name, shape) in enumerate(SHAPES.items()):
    for j, (part, s) in enumerate(((".weight", shape), (".bias", shape[:1]))):
        v = (lcg(int(np.prod(s)), 71 + 2 * i + j).astype(np.float32) - 127.5) / 127.5
        w[name + part] = (v * (0.6, 0.2)[j]).reshape(s).astype(np.float32)
save(f"{here}/model0.safetensors", w, {"fl.kind": "model", "fl.round": "0", "fl.arch": ARCH})


def loss(w, x, y, depth):
    total, h = 0, torch.tensor(x)
    for i in range(1, depth + 1):
        h = torch.relu(h @ w[f"fc{i}.weight"].T + w[f"fc{i}.bias"])
        z = h @ w[f"exit{i}.weight"].T + w[f"exit{i}.bias"]
        total = total + (1 if i == 3 else .5) * torch.nn.functional.cross_entropy(z, torch.tensor(y))
    return total


def update(w0, rows, depth):
    own = [k for k in w0 if int(k[k.index(".") - 1]) <= depth]
    w = {k: torch.tensor(w0[k], requires_grad=True) for k in own}
    for _ in range(EPOCHS):
        for i in range(rows.start, rows.stop, BATCH):
            b = slice(i, min(i + BATCH, rows.stop))
            g = torch.autograd.grad(loss(w, x[b], y[b], depth), list(w.values()))
            w = {k: (v - LR * d).detach().requires_grad_() for (k, v), d in zip(w.items(), g)}
    return {k: w[k].detach().numpy() - w0[k] for k in own}


w = {k: v.astype(np.float64) for k, v in w.items()}
for r in (1, 2):
    updates = [update(w, *c) for c in zip(ROWS, DEPTH)]
    if r == 1:
        for k, u in enumerate(updates):
            save(f"{here}/want{k}.safetensors", {s: v.astype(np.float32) for s, v in u.items()}, {})
    n = [s.stop - s.start for s in ROWS]
    for s in w:
        have = [k for k in (0, 1) if s in updates[k]]
        w[s] = w[s] + sum(n[k] * updates[k][s] for k in have) / sum(n[k] for k in have)
    save(f"{here}/model{r}.safetensors", {s: v.astype(np.float32) for s, v in w.items()}, {})

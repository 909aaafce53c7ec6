#!/usr/bin/python3
"""FedTGP's trainable prototypes in PyTorch's autograd, in double: class means of two clients, one of
which lacks a class, two passes in batches of two. Writes the means, the network, what becomes of it
with the adaptive margin and with a small one, and its prototypes.
remake: $PYTHON fedtgp.py
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import lcg, save

C, D = 3, 4


def fill(shapes, seed, scale):
    out = {}
    for i, (k, s) in enumerate(shapes.items()):
        v = (lcg(int(np.prod(s)), seed + i).astype(np.float32) - 127.5) / 127.5 * scale
        out[k] = v.reshape(s).astype(np.float32)
    return out


rows, classes = [], []
for k, count in enumerate(([3, 1, 2], [5, 4, 0])):
    mean = fill({"mean": (C, D)}, 30 + k, 2)["mean"]
    save(f"{here}/fedtgp-{k}.safetensors", {"mean": mean, "count": np.array(count)},
         {"fl.kind": "stats", "fl.client": str(k), "fl.method": "classmean", "fl.examples": str(sum(count))})
    for c in np.flatnonzero(count):
        rows.append(mean[c].astype(float))
        classes.append(int(c))
p, y = torch.tensor(np.array(rows)), torch.tensor(classes)
w0 = fill({"0.weight": (C, D), "2.weight": (D, D), "2.bias": (D,), "4.weight": (D, D), "4.bias": (D,)}, 70, 1)
save(f"{here}/fedtgp-g.safetensors", w0,
     {"fl.kind": "model", "fl.round": "3", "fl.arch": f"fedtgp:classes={C},dim={D}"})


def made(w):
    return torch.relu(w["0.weight"] @ w["2.weight"].T + w["2.bias"]) @ w["4.weight"].T + w["4.bias"]


centre = torch.stack([p[y == c].mean(0) for c in range(C)])
gap = torch.cdist(centre, centre)
gap.fill_diagonal_(float("inf"))
for name, most in ("want", 100.), ("small", 0.25):
    margin = min(gap.min(1)[0].max().item(), most)
    assert (margin < most) == (name == "want")
    w = {k: torch.tensor(v.astype(float), requires_grad=True) for k, v in w0.items()}
    for _ in range(2):
        for i in range(0, len(y), 2):
            g, b = made(w), slice(i, i + 2)
            far = ((p[b, None] - g) ** 2).sum(2).sqrt() + margin * torch.nn.functional.one_hot(y[b], C)
            d = torch.autograd.grad(torch.nn.functional.cross_entropy(-far, y[b]), list(w.values()))
            w = {k: (v - 0.1 * dv).detach().requires_grad_() for (k, v), dv in zip(w.items(), d)}
    save(f"{here}/fedtgp-{name}.safetensors", {k: v.detach().numpy().astype(np.float32) for k, v in w.items()}, {})
    if name == "want":
        save(f"{here}/fedtgp-made.safetensors",
             {"mean": made(w).detach().numpy().astype(np.float32), "count": np.ones(C, np.int64)}, {})

#!/usr/bin/python3
"""Checks the rows of fl-eval --metric robust on standard input against projected gradient by
PyTorch's autograd in double. usage: robust.py MODEL NORM EPS STEPS CLIENT..."""
import json
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fed_record import load

model, norm, eps, steps = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
w = {k: torch.tensor(v.astype(np.float64)) for k, v in load(model)[0].items()}
alpha = 2.5 * eps / steps


def logits(x):
    return torch.relu(x @ w["0.weight"].T + w["0.bias"]) @ w["2.weight"].T + w["2.bias"]


def attack(x, y):
    v = x.clone()
    for _ in range(steps):
        v.requires_grad_()
        g, = torch.autograd.grad(torch.nn.functional.cross_entropy(logits(v), y), v)
        v = v.detach()
        if norm == "linf":
            v = torch.minimum(torch.maximum(v + alpha * g.sign(), x - eps), x + eps)
        else:
            v = v + alpha * g / g.norm(dim=1, keepdim=True).clamp(min=1e-300)
            d = v - x
            v = x + d * (eps / d.norm(dim=1, keepdim=True).clamp(min=1e-300)).clamp(max=1)
    return v


rows = [json.loads(line) for line in sys.stdin]
key, = (k for k in rows[0] if k.startswith("robust@"))
for row, path in zip(rows, sorted(sys.argv[5:])):
    t = load(path)[0]
    y = torch.tensor(t["y"].astype(np.int64))
    x = torch.tensor(t["x"].reshape(len(y), -1) / 16.0)
    want = (logits(attack(x, y)).argmax(1) == y).double().mean().item()
    assert abs(row[key] - want) < 1e-9, (path, row[key], want)

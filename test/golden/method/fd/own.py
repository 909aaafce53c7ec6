#!/usr/bin/python3
"""Federated distillation towards the mean logits of the other clients (Jeong et al. 2018):
two others have logits of their own, the client those of its examples at the received
model; --with has the mean over all three, by examples or by clients. usage: own.py
remake: $PYTHON own.py
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, lcg, load, minus, named, outputs, save, scaled_data, train

F = torch.nn.functional
x, y = scaled_data()
mine = np.bincount(y, minlength=3)
counts = {"examples": np.array([[5, 0, 9], [4, 0, 2]]),	# of class 1, nobody else has any
          "uniform": np.array([[5, 0, 9], [4, 8, 0]])}
w0, meta = load(f"{here}/model0.safetensors")
w0 = {k: v.astype(float) for k, v in w0.items()}
logits = outputs(w0, x)[1]
own = np.stack([logits[y == c].mean(0) for c in range(3)])
others = (lcg(18, 77).reshape(2, 3, 3) - 127.5) / 100
for kind, n in counts.items():
    part = n.astype(float) if kind == "examples" else (n > 0).astype(float)
    me = mine.astype(float) if kind == "examples" else np.ones(3)
    rest = (part[:, :, None] * others).sum(0)
    all_ = (rest + me[:, None] * own) / (part.sum(0) + me)[:, None]
    save(f"{here}/own-with-{kind}.safetensors",
         {"mean": all_.astype(np.float32), "count": n.sum(0) + mine, "clients": (n > 0).sum(0) + 1},
         {"fl.kind": "stats", "fl.method": f"classlogit:weight={kind}",
          "fl.examples": str((n.sum() + mine.sum()))})
    known = part.sum(0) > 0
    near = np.where(known[:, None], rest / np.maximum(part.sum(0), 1)[:, None], 0)

    def loss(h, z, y):
        to = torch.as_tensor(near)[y]
        to = torch.where(torch.as_tensor(known)[y][:, None], to, z.detach())
        return F.cross_entropy(z, y) + 1.5 * F.mse_loss(z, to)

    w, _ = train(w0, grad=lambda w, x, y, rows: gradient(w, x, y, loss))
    save(f"{here}/own-{kind}.safetensors", named("", minus(w, w0)), {})

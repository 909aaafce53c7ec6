#!/usr/bin/python3
"""Federated distillation as HtFLlib has it: MSELoss of the logits against their classes'
mean logits, an example's own where there are none. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, inputs, lcg, minus, named, save, train

GAMMA = 1.5
F = torch.nn.functional
P = [(lcg(3 * 3, 31 + r).reshape(3, 3) - 127.5) / 100 for r in (0, 1)]
P = [p.astype(np.float32).astype(float) for p in P]
count = [np.array([5, 0, 9]), np.array([5, 2, 9])]	# in round 1, nobody has class 1

for r, w0 in enumerate(inputs(here)):
    P[r][count[r] == 0] = 0
    save(f"{here}/with{r + 1}.safetensors", {"mean": P[r].astype(np.float32), "count": count[r]},
         {"fl.kind": "stats", "fl.method": "classlogit:weight=examples", "fl.examples": str(count[r].sum())})

    def grad(w, x, y, rows):
        def loss(h, z, y):
            mean = torch.as_tensor(P[r])[y]
            mean = torch.where(torch.as_tensor(count[r])[y][:, None] > 0, mean, z.detach())
            return F.cross_entropy(z, y) + GAMMA * F.mse_loss(z, mean)
        return gradient(w, x, y, loss)

    w, _ = train(w0, grad=grad)
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

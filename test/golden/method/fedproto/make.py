#!/usr/bin/python3
"""FedProto (Tan et al. 2022), as the authors' code has it: MSELoss of the features
against their classes' prototypes, an example's own features where there is none. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, inputs, lcg, minus, named, save, train

LAMBDA = 1.5
F = torch.nn.functional
P = [(lcg(3 * 7, 31 + r).reshape(3, 7) - 127.5) / 100 for r in (0, 1)]
P = [p.astype(np.float32).astype(float) for p in P]
count = [np.array([5, 0, 9]), np.array([5, 2, 9])]	# in round 1, nobody has class 1

for r, w0 in enumerate(inputs(here)):
    P[r][count[r] == 0] = 0
    save(f"{here}/with{r + 1}.safetensors", {"mean": P[r].astype(np.float32), "count": count[r]},
         {"fl.kind": "stats", "fl.method": "classmean:weight=examples", "fl.examples": str(count[r].sum())})

    def grad(w, x, y, rows):
        def loss(h, z, y):
            proto = torch.as_tensor(P[r])[y]
            proto = torch.where(torch.as_tensor(count[r])[y][:, None] > 0, proto, h.detach())
            return F.cross_entropy(z, y) + LAMBDA * F.mse_loss(h, proto)
        return gradient(w, x, y, loss)

    w, _ = train(w0, grad=grad)
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

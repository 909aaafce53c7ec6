#!/usr/bin/python3
"""Federated mutual learning (Shen et al. 2020): both models' losses of a batch from outputs
before either moves, the other's softmax detached. The client's own net is 12-5-3; in round 2
it goes on. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import BATCH, EPOCHS, LR, inputs, lcg, minus, named, save, scaled_data

ALPHA, BETA, ARCH = 0.3, 0.6, "mlp:in=12,hidden=5,out=3"
SHAPES = {"0.weight": (5, 12), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}
F = torch.nn.functional
x, y = (torch.as_tensor(v) for v in scaled_data())


def start():
    n = sum(int(np.prod(s)) for s in SHAPES.values())
    v, out, at = (lcg(n, 77).astype(np.float32) - 127.5) / 255, {}, 0
    for k, s in SHAPES.items():
        m = int(np.prod(s))
        out[k] = v[at:at + m].reshape(s).astype(np.float32)
        at += m
    return out


def logits(w, x):
    h = torch.relu(x @ w["0.weight"].T + w["0.bias"])
    return h @ w["2.weight"].T + w["2.bias"]


def step(w, loss):
    g = torch.autograd.grad(loss, list(w.values()), retain_graph=True)
    return {k: (v - LR * d).detach().requires_grad_() for (k, v), d in zip(w.items(), g)}


def mutual(share, z, other, t):
    q = F.softmax(other.detach(), 1)
    return share * F.cross_entropy(z, t) + (1 - share) * F.kl_div(F.log_softmax(z, 1), q,
                                                                  reduction="batchmean")


first = start()
save(f"{here}/with1.safetensors", first, {"fl.kind": "model", "fl.round": "0", "fl.arch": ARCH})
own = {k: torch.tensor(v.astype(np.float64), requires_grad=True) for k, v in first.items()}
for r, w0 in enumerate(inputs(here)):
    w = {k: torch.tensor(w0[k], requires_grad=True) for k in SHAPES}
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            b, t = x[i:i + BATCH], y[i:i + BATCH]
            z, zo = logits(w, b), logits(own, b)
            w, own = step(w, mutual(BETA, z, zo, t)), step(own, mutual(ALPHA, zo, z, t))
    w = {k: v.detach().numpy() for k, v in w.items()}
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})
    save(f"{here}/state{r + 1}.safetensors", named("", {k: v.detach().numpy() for k, v in own.items()}), {})

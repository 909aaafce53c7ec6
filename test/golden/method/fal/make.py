#!/usr/bin/python3
"""FAL (Li, Song and Yang, ICML 2023): steps on examples that projected gradient has moved
against the model, by PyTorch's autograd in double. linf with bounds and a step of its own
(want), l2 (l2-), and the fast gradient sign (fgsm-). usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, inputs, minus, named, save, train


def input_gradient(w, x, y):
    x = torch.tensor(x, requires_grad=True)
    t = {k: torch.tensor(v) for k, v in w.items()}
    z = torch.relu(x @ t["0.weight"].T + t["0.bias"]) @ t["2.weight"].T + t["2.bias"]
    return torch.autograd.grad(torch.nn.functional.cross_entropy(z, torch.as_tensor(y)), x)[0].numpy()


def linf(w, x, y, eps, alpha, steps, lo=-np.inf, hi=np.inf):
    v = np.clip(x, lo, hi)
    for _ in range(steps):
        v = np.clip(v + alpha * np.sign(input_gradient(w, v, y)), x - eps, x + eps)
        v = np.clip(v, lo, hi)
    return v


def l2(w, x, y, eps, steps):
    v = x
    length = lambda v: np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-300)
    for _ in range(steps):
        g = input_gradient(w, v, y)     # 0 where no unit is above 0
        v = v + 2.5 * eps / steps * g / length(g)
        v = x + (v - x) * np.minimum(1, eps / length(v - x))
    return v


ATTACKS = {
    "want": lambda w, x, y: linf(w, x, y, .3, .12, 4, -1.5, 1.7),
    "l2-": lambda w, x, y: l2(w, x, y, .8, 3),
    "fgsm-": lambda w, x, y: linf(w, x, y, .25, .25, 1),
}

for r, w0 in enumerate(inputs(here)):
    for name, attack in ATTACKS.items():
        w, _ = train(w0, grad=lambda w, x, y, rows: gradient(w, attack(w, x, y), y))
        save(f"{here}/{name}{r + 1}.safetensors", named("", minus(w, w0)), {})

#!/usr/bin/python3
"""Optimisers over the small net of ../method/ref.py, two epochs in stored order, in
double: torch.optim's own, and Yogi and LARS in NumPy from their papers. Writes
NAME.safetensors, the update. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import BATCH, EPOCHS, SHAPES, gradient, inputs, minus, named, save, small_data


def yogi(lr=0.01, b1=0.9, b2=0.999, eps=1e-3, wd=0, v0=1e-6, correct=False):
    m = {k: np.full(s, v0) for k, s in SHAPES.items()}
    v = {k: np.full(s, v0) for k, s in SHAPES.items()}

    def step(k, w, g, t):
        d = g + wd * w
        m[k] = b1 * m[k] + (1 - b1) * d
        v[k] = v[k] - (1 - b2) * np.sign(v[k] - d * d) * d * d
        c1, c2 = (1 - b1 ** t, 1 - b2 ** t) if correct else (1, 1)
        return w - lr * (m[k] / c1) / (np.sqrt(v[k] / c2) + eps)
    return step


def lars(lr=1, momentum=0.9, wd=0, trust=0.001):
    m = {k: np.zeros(s) for k, s in SHAPES.items()}

    def step(k, w, g, t):
        nw, ng = np.linalg.norm(w), np.linalg.norm(g)
        m[k] = momentum * m[k] + lr * trust * nw / (ng + wd * nw) * (g + wd * w)
        return w - m[k]
    return step


def of_torch(make):
    """One torch optimiser over all tensors, stepped when the last gradient is there."""
    t = {k: torch.zeros(s, dtype=torch.float64, requires_grad=True) for k, s in SHAPES.items()}
    opts = {k: make([t[k]]) for k in SHAPES}

    def step(k, w, g, _):
        t[k].data[:] = torch.as_tensor(w)
        t[k].grad = torch.as_tensor(g)
        opts[k].step()
        return t[k].detach().numpy().copy()
    return step


def clipped(g, limit):
    """torch.nn.utils.clip_grad_norm_ over all tensors."""
    t = {k: torch.zeros(v.shape, dtype=torch.float64, requires_grad=True) for k, v in g.items()}
    for k in g:
        t[k].grad = torch.as_tensor(g[k]).clone()
    torch.nn.utils.clip_grad_norm_(list(t.values()), limit)
    return {k: v.grad.numpy() for k, v in t.items()}


def train(w0, step, limit=None):
    x, y = small_data()
    x = (x.astype(np.float64) / 255 - 0.5) / 0.25
    w, t = {k: w0[k].copy() for k in SHAPES}, 0
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            t += 1
            g = gradient(w, x[i:i + BATCH], y[i:i + BATCH])
            g = clipped(g, limit) if limit else g
            w = {k: step(k, w[k], g[k], t) for k in SHAPES}
    return w


w0 = inputs(here)[0]
os.remove(f"{here}/model1.safetensors")
for name, step in {
        "sgd": of_torch(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.25,
                                                  weight_decay=0.01)),
        "nesterov": of_torch(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
        "adam": of_torch(lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.02)),
        "amsgrad": of_torch(lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.9),
                                                       amsgrad=True)),
        "adamw": of_torch(lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1)),
        "adagrad": of_torch(lambda p: torch.optim.Adagrad(
            p, lr=0.05, lr_decay=0.1, weight_decay=0.01, initial_accumulator_value=0.2)),
        "yogi": yogi(wd=0.01),
        "yogi-corrected": yogi(correct=True),
        "lars": lars(lr=5, wd=0.01, trust=0.01)}.items():
    save(f"{here}/{name}.safetensors", named("", minus(train(w0, step), w0)), {})

plain = of_torch(lambda p: torch.optim.SGD(p, lr=0.1))
save(f"{here}/clip.safetensors", named("", minus(train(w0, plain, limit=0.6), w0)), {})

#!/usr/bin/python3
"""MOON with the projection head of the authors' code: features, then linear, relu, linear,
whose output is what is compared and what the last layer sees. usage: head.py
remake: $PYTHON head.py
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import BATCH, EPOCHS, LR, lcg, save, scaled_data

F = torch.nn.functional
MU, TAU = 2, 0.4
ARCH = ('{"input":[12],"layers":[{"layer":"linear","out":7},{"layer":"relu"},'
        '{"layer":"linear","out":6},{"layer":"relu"},{"layer":"linear","out":4},'
        '{"layer":"linear","out":3}],"loss":"ce"}')
SHAPES = {"0": (7, 12), "2": (6, 7), "4": (4, 6), "5": (3, 4)}


def weights(seed):
    out = {}
    for i, (k, s) in enumerate(SHAPES.items()):
        v = (lcg(s[0] * (s[1] + 1), seed + i).astype(np.float32) - 127.5) / np.float32(255)
        out[k + ".weight"], out[k + ".bias"] = v[:s[0] * s[1]].reshape(s), v[s[0] * s[1]:]
    return out


def forward(w, x):
    layer = lambda k, h: h @ w[k + ".weight"].T + w[k + ".bias"]
    p = layer("4", torch.relu(layer("2", torch.relu(layer("0", x)))))
    return p, layer("5", p)


x, y = (torch.as_tensor(v) for v in scaled_data())
last = None
for r in (0, 1):
    m = weights(41 + 10 * r)
    save(f"{here}/head-model{r}.safetensors", m,
         {"fl.kind": "model", "fl.round": str(r), "fl.arch": ARCH})
    w0 = {k: torch.tensor(v.astype(float)) for k, v in m.items()}
    w = {k: v.clone().requires_grad_() for k, v in w0.items()}
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            a, b = x[i:i + BATCH], y[i:i + BATCH]
            p, z = forward(w, a)
            loss = F.cross_entropy(z, b)
            if last is not None:
                with torch.no_grad():
                    now, old = forward(w0, a)[0], forward(last, a)[0]
                both = torch.stack([F.cosine_similarity(p, now), F.cosine_similarity(p, old)], 1) / TAU
                loss = loss + MU * F.cross_entropy(both, torch.zeros(len(b), dtype=torch.long))
            g = torch.autograd.grad(loss, list(w.values()))
            w = {k: (v - LR * d).detach().requires_grad_() for (k, v), d in zip(w.items(), g)}
    last = {k: v.detach() for k, v in w.items()}
    save(f"{here}/head-want{r + 1}.safetensors",
         {k: (last[k] - w0[k]).numpy().astype(np.float32) for k in w0}, {})

#!/usr/bin/python3
"""FedCM (Xu et al. 2021): w -= lr (alpha grad + (1 - alpha) d). The second model
brings a d; the update brings (w0 - w)/(steps lr) - d. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import LR, SHAPES, gradient, inputs, minus, named, save, train

ALPHA = 0.3
for r, m in enumerate(inputs(here, extra="@fedcm/d/")):
    d = {k: m.get("@fedcm/d/" + k, np.zeros(s)) for k, s in SHAPES.items()}

    def grad(w, x, y, rows):
        g = gradient(w, x, y)
        return {k: ALPHA * g[k] + (1 - ALPHA) * d[k] for k in w}

    w, steps = train(m, grad=grad)
    new = {k: (m[k] - w[k]) / (steps * LR) - d[k] for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors",
         {**named("", minus(w, m)), **named("@fedcm/d/", new)}, {})

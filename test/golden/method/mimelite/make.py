#!/usr/bin/python3
"""MimeLite (Karimireddy et al. 2021) with momentum: w -= lr ((1 - beta) grad + beta m).
The second model brings an m; the update brings (1 - beta)(full gradient at w0 - m). usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import SHAPES, gradient, inputs, minus, named, save, scaled_data, train

BETA = 0.6
for r, model in enumerate(inputs(here, extra="@mimelite/m/")):
    m = {k: model.get("@mimelite/m/" + k, np.zeros(s)) for k, s in SHAPES.items()}
    w0 = {k: model[k] for k in SHAPES}

    def grad(w, x, y, rows):
        g = gradient(w, x, y)
        return {k: (1 - BETA) * g[k] + BETA * m[k] for k in w}

    w, _ = train(w0, grad=grad)
    full = gradient(w0, *scaled_data())
    new = {k: (1 - BETA) * (full[k] - m[k]) for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors",
         {**named("", minus(w, w0)), **named("@mimelite/m/", new)}, {})

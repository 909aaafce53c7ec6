#!/usr/bin/python3
"""FedSpeed (Sun et al. 2023): g = (1 - alpha) g1 + alpha grad(w + rho g1/|g1|);
w -= lr (g + lambda (w - w0 + h)), h += w - w0. And in the paper's variables: x -= lr (g -
g_i + (x - x0)/L), g_i -= (x - x0)/L, with x - L g_i sent. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import SHAPES, gradient, inputs, minus, named, save, train, uphill

LAMBDA, RHO, ALPHA = 0.4, 0.2, 0.7
h = {k: np.zeros(s) for k, s in SHAPES.items()}


def grad(w, x, y, rows):
    g1 = gradient(w, x, y)
    g2 = gradient(uphill(w, x, y, RHO, g1), x, y)
    return {k: (1 - ALPHA) * g1[k] + ALPHA * g2[k] for k in w}


for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0, lambda k, v: LAMBDA * (v - w0[k] + h[k]), grad=grad)
    h = {k: h[k] + w[k] - w0[k] for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})
    save(f"{here}/state{r + 1}.safetensors", named("@fedspeed/h/", h), {})

L = 2.5		# the paper's lambda
gi = {k: np.zeros(s) for k, s in SHAPES.items()}
for r, x0 in enumerate(inputs(here)):
    x, _ = train(x0, lambda k, v: (v - x0[k]) / L - gi[k], grad=grad)
    gi = {k: gi[k] - (x[k] - x0[k]) / L for k in SHAPES}
    sent = {k: x[k] - L * gi[k] for k in SHAPES}
    save(f"{here}/paper{r + 1}.safetensors", named("", minus(sent, x0)), {})

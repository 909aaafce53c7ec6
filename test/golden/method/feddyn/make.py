#!/usr/bin/python3
"""FedDyn (Acar et al. 2021) in the paper's own variables: L_k, the gradient of
client k, from -L_k . w + alpha/2 |w - w0|^2, L_k -= alpha (w - w0). The state held
is -L_k/alpha. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import SHAPES, inputs, minus, named, save, train

ALPHA = 0.3
L = {k: np.zeros(s) for k, s in SHAPES.items()}
for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0, lambda k, v: -L[k] + ALPHA * (v - w0[k]))
    L = {k: L[k] - ALPHA * (w[k] - w0[k]) for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})
    save(f"{here}/state{r + 1}.safetensors",
         named("@feddyn/h/", {k: -v / ALPHA for k, v in L.items()}), {})

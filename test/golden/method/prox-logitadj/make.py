#!/usr/bin/python3
"""FedProx and logit adjustment in one run: cross-entropy of z_c + tau ln pi_c with
pi_c = (n_c + smooth)/(N + smooth C), and mu (w - w0) in each gradient. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, inputs, minus, named, save, small_data, train

MU, TAU, SMOOTH = 0.3, 1.5, 2
n = np.bincount(small_data()[1], minlength=3)
shift = torch.as_tensor(TAU * np.log((n + SMOOTH) / (n.sum() + 3 * SMOOTH)))


def loss(h, z, y):
    return torch.nn.functional.cross_entropy(z + shift, y)


for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0, lambda k, v: MU * (v - w0[k]),
                 grad=lambda w, x, y, rows: gradient(w, x, y, loss))
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

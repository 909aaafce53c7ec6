#!/usr/bin/python3
"""FedLC (Zhang et al. 2022): cross-entropy of z_c - tau n_c^(-1/4). usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import gradient, inputs, minus, named, save, small_data, train

TAU = 1.5
n = np.bincount(small_data()[1], minlength=3)
shift = torch.as_tensor(-TAU * n ** -0.25)


def loss(h, z, y):
    return torch.nn.functional.cross_entropy(z + shift, y)


for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0, grad=lambda w, x, y, rows: gradient(w, x, y, loss))
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

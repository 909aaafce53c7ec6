#!/usr/bin/python3
"""FedCAC (Wu et al. 2023): sensitivity |(w - w0) w|; in each tensor the
floor(tau n) largest are critical (mask 1). usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import inputs, minus, named, save, train

TAU = 0.4


def mask(s):
    k = int(TAU * s.size)
    t = np.sort(s, axis=None)[::-1][k - 1] if k else np.inf
    if t <= 1e-10 and (s > 1e-20).any():
        t = s[s > 1e-20].min()
    return (s >= t).astype(np.uint8)


for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0)
    m = {k: mask(np.abs((w[k] - w0[k]) * w[k])) for k in w}
    save(f"{here}/want{r + 1}.safetensors",
         {**named("", minus(w, w0)), **named("@fedcac/mask/", m, np.uint8)}, {})

#!/usr/bin/python3
"""SCAFFOLD (Karimireddy et al. 2020), option II: w -= lr (grad - c_k + c),
c_k+ = c_k - c + (w0 - w)/(steps lr). Two rounds of one client; the second
model brings a c. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import LR, SHAPES, inputs, minus, named, save, train

FRACTION = 0.25
ck = {k: np.zeros(s) for k, s in SHAPES.items()}
for r, m in enumerate(inputs(here, extra="@scaffold/c/")):
    c = {k: m.get("@scaffold/c/" + k, ck[k] * 0) for k in SHAPES}
    w, steps = train(m, lambda k, v: c[k] - ck[k])
    plus = {k: ck[k] - c[k] + (m[k] - w[k]) / (steps * LR) for k in SHAPES}
    step = {k: FRACTION * (plus[k] - ck[k]) for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors",
         {**named("", minus(w, m)), **named("@scaffold/c/", step)}, {})
    save(f"{here}/state{r + 1}.safetensors", named("@scaffold/c/", plus), {})
    ck = plus

#!/usr/bin/python3
"""FedSAM (Qu et al. 2022): w -= lr grad(w + rho g/|g|). usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from ref import gradient, inputs, minus, named, save, train, uphill

RHO = 0.2


def grad(w, x, y, rows):
    return gradient(uphill(w, x, y, RHO, gradient(w, x, y)), x, y)


for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0, grad=grad)
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

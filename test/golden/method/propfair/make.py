#!/usr/bin/python3
"""PropFair (Zhang et al. 2022): each step on -log(M - loss) of its batch, as the authors'
code has it with its option huber, low=tangent, and without, low=constant. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import torch
from ref import gradient, inputs, minus, named, save, train

M, EPS = 1.3, 0.25
seen = set()


def fair(huber):
    def loss(h, z, y):
        ce = torch.nn.functional.cross_entropy(z, y)
        seen.add(bool(M - ce < EPS))
        if M - ce < EPS:
            return ce / EPS if huber else ce / M
        return -torch.log(1 - ce / M)
    return loss


for r, w0 in enumerate(inputs(here)):
    for name, huber in ("want", True), ("constant", False):
        w, _ = train(w0, grad=lambda w, x, y, rows: gradient(w, x, y, fair(huber)))
        save(f"{here}/{name}{r + 1}.safetensors", named("", minus(w, w0)), {})
assert seen == {True, False}

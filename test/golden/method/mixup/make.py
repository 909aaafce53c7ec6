#!/usr/bin/python3
"""mixup (Zhang et al. 2018) as the authors' code has it: one lambda ~ Beta(alpha, alpha) and
one permutation a batch, lambda CE(z, y) + (1 - lambda) CE(z, y[perm]) on mixed inputs. The
random numbers are those of numpy.random.Philox under the names that base/rng.h gives, drawn
as test/golden/part/schemes.py does. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(here), os.path.join(here, "../../part")]
import numpy as np
import torch
from ref import BATCH, CLIENT, EPOCHS, LR, SHAPES, gradient, inputs, minus, named, save, scaled_data
from schemes import Rng

ALPHA, SEED, MIX = 0.4, 3, 11
ce = torch.nn.functional.cross_entropy


def draws(round_, epoch, i0):
    r = Rng(0, 0, 0)
    start = (round_ << 64 | CLIENT << 128 | (i0 | epoch << 32) << 192) - 1
    r.g = np.random.Philox(key=SEED | MIX << 64, counter=start % 2**256)
    return r


for r, w0 in enumerate(inputs(here)):
    x, y = scaled_data()
    w = {k: w0[k].copy() for k in SHAPES}
    for epoch in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            xb, yb = x[i:i + BATCH], y[i:i + BATCH]
            rng = draws(r + 1, epoch, i)
            lam = rng.dirichlet([ALPHA, ALPHA])[0]
            perm = list(range(len(yb)))
            rng.shuffle(perm)
            mixed = lam * xb + (1 - lam) * xb[perm]
            other = torch.as_tensor(yb[perm])
            g = gradient(w, mixed, yb, lambda h, z, t: lam * ce(z, t) + (1 - lam) * ce(z, other))
            w = {k: w[k] - LR * g[k] for k in w}
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

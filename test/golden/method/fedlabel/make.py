#!/usr/bin/python3
"""FedLabel (Cho, Joshi and Dimitriadis 2023), three stages, without augmentation; batches of
the unlabelled stage are of the examples whose labels are used. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import BATCH, CLIENT, EPOCHS, LR, SHAPES, gradient, inputs, named, outputs, save, scaled_data, small_data

BETA, LAMBDA = 0.45, 0.7
F = torch.nn.functional
x, y = scaled_data()
hidden = np.arange(len(y)) % 3 > 0


def train(w, rows, loss_of):
    for _ in range(EPOCHS):
        for i in range(0, len(rows), BATCH):
            r = rows[i:i + BATCH]
            g = gradient(w, x[r], y[r], loss_of(r))
            w = {k: w[k] - LR * g[k] for k in w}
    return w


models = inputs(here)
xs, ys = small_data()
save(f"{here}/data.safetensors", {"x": xs, "y": np.where(hidden, -1, ys)},
     {"fl.kind": "data", "fl.client": str(CLIENT), "fl.classes": "3",
      "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
for r, w0 in enumerate(models):
    w0 = {k: w0[k] for k in SHAPES}
    local = train(w0, np.flatnonzero(~hidden), lambda r: None)
    zg, zl = outputs(w0, x)[1], outputs(local, x)[1]
    hg, hl = zg.var(1, ddof=1), zl.var(1, ddof=1)
    surer = np.where((hg > hl)[:, None], zg, zl)
    other = np.where((hg > hl)[:, None], zl, zg)
    p = torch.softmax(torch.as_tensor(surer), 1).numpy()
    label = surer.argmax(1)
    weight = np.where(other.argmax(1) == label, LAMBDA * np.minimum(hg, hl) / np.maximum(hg, hl), 0)
    rows = np.flatnonzero(hidden & (p.max(1) > BETA))
    margin = np.abs(np.r_[p.max(1)[hidden] - BETA, hg[hidden] - hl[hidden]]).min()
    print(f"round {r + 1}: {len(rows)} of {hidden.sum()} used, {(weight[rows] > 0).sum()} agree, "
          f"nearest decision {margin:.2g}", file=sys.stderr)
    assert margin > 1e-4 and 3 < len(rows) < hidden.sum()
    assert 0 < (weight[rows] > 0).sum() < len(rows) or r

    def loss_of(r):
        t, q = torch.as_tensor(label[r]), torch.softmax(torch.as_tensor(other[r]), 1)

        def loss(h, z, y):
            kl = F.kl_div(F.log_softmax(z, 1), q, reduction="none").sum(1)
            return F.cross_entropy(z, t) + (torch.as_tensor(weight[r]) * kl).mean()
        return loss

    unlabelled = train(w0, rows, loss_of)
    move = {k: local[k] + unlabelled[k] - 2 * w0[k] for k in SHAPES}
    save(f"{here}/want{r + 1}.safetensors", named("", move),
         {"fl.examples": str((~hidden).sum() + len(rows))})

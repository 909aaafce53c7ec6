#!/usr/bin/python3
"""A client of FedGen, by PyTorch's autograd in double: two rounds of which the server's generator
draws features for its head. The random numbers are those of numpy's Philox under the names that
base/rng.h gives. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
import torch
from ref import BATCH, CLIENT, EPOCHS, LR, SHAPES, inputs, lcg, minus, save, scaled_data

F = torch.nn.functional
NOISE, C, HIDDEN, D, METHOD = 4, 3, 5, 7, 8
ALPHA, BETA, DECAY, SAMPLES = 0.8, 0.6, 0.5, 4
SHARE = np.array([0.5, 0.125, 0.375])
GEN = {"0.weight": (HIDDEN, NOISE + C), "0.bias": (HIDDEN,), "1.weight": (HIDDEN,), "1.bias": (HIDDEN,),
       "1.running_mean": (HIDDEN,), "3.weight": (D, HIDDEN), "3.bias": (D,)}


class Draws:
    """Seed 0; client, round and step name them."""

    def __init__(self, round, step):
        start = (round << 64 | CLIENT << 128 | step << 192) - 1
        self.g = np.random.Philox(key=METHOD << 64, counter=start % 2 ** 256)

    def real(self):
        return (int(self.g.random_raw()) >> 11) / 2 ** 53

    def classes(self, n):
        return [int(np.searchsorted(np.cumsum(SHARE), self.real(), side="right")) for _ in range(n)]


def features(g, r, y):
    """As in evaluation: batch normalisation by the running statistics."""
    x = torch.tensor([[r.real() for _ in range(NOISE)] + [float(c == v) for c in range(C)] for v in y],
                     dtype=torch.float64)
    h = F.batch_norm(x @ g["0.weight"].T + g["0.bias"], g["1.running_mean"], g["1.running_var"],
                     g["1.weight"], g["1.bias"], False)
    return torch.relu(h) @ g["3.weight"].T + g["3.bias"]


def generator(r):
    g = {}
    for i, (k, s) in enumerate(GEN.items()):
        g[k] = ((lcg(int(np.prod(s)), 90 + 10 * r + i).astype(np.float32) - 127.5) / 160).reshape(s)
    g["1.running_var"] = (lcg(HIDDEN, 99 + r).astype(np.float32) + 60) / 150
    g["1.num_batches_tracked"] = np.array(7, np.int64)
    g["@generator/classes"] = SHARE
    g["@generator/noise"] = np.array(1, np.int64)
    save(f"{here}/with{r}.safetensors", g,
         {"fl.kind": "model", "fl.round": str(r - 1),
          "fl.arch": f"generator:noise={NOISE},classes={C},hidden={HIDDEN},out={D},norm=batch"})
    return {k: torch.tensor(np.asarray(v, float)) for k, v in g.items()}


for r, w0 in enumerate(inputs(here), 1):
    g, (x, y), step = generator(r), scaled_data(), 0
    w = {k: w0[k].copy() for k in SHAPES}
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            t = {k: torch.tensor(v, requires_grad=True) for k, v in w.items()}
            xb, yb = torch.tensor(x[i:i + BATCH]), torch.tensor(y[i:i + BATCH])
            z = torch.relu(xb @ t["0.weight"].T + t["0.bias"]) @ t["2.weight"].T + t["2.bias"]
            draws = Draws(r, step)
            drawn = draws.classes(SAMPLES)
            head = lambda f: f @ t["2.weight"].T + t["2.bias"]
            loss = F.cross_entropy(z, yb)
            loss = loss + ALPHA * DECAY ** (r - 1) * SAMPLES / len(yb) * F.cross_entropy(
                head(features(g, draws, drawn)), torch.tensor(drawn))
            target = F.softmax(head(features(g, draws, yb.tolist())), 1).detach()
            loss = loss + BETA * DECAY ** (r - 1) * F.kl_div(F.log_softmax(z, 1), target,
                                                            reduction="batchmean")
            d = torch.autograd.grad(loss, list(t.values()))
            w = {k: v - LR * dv.numpy() for (k, v), dv in zip(w.items(), d)}
            step += 1
    save(f"{here}/want{r}.safetensors", {k: v.astype(np.float32) for k, v in minus(w, w0).items()}, {})

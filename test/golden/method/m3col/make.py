#!/usr/bin/python3
"""M3CoL's two phases on two small towers, by PyTorch's autograd in double: round 1 with the
mixup contrast, whose draws come from numpy's Philox as the tool names its random numbers
(seed 3), round 2 with the soft one. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(here), os.path.join(here, "../../nn")]
import numpy as np
import torch
from ref import BATCH, CLIENT, EPOCHS, LR, lcg, named, save, scaled_data, small_data
from taps import mixco, softclip

F = torch.nn.functional
SEED, DROPOUT, ALPHA, SHARE = 3, 6, 0.15, 0.5
LINEAR = '{"layer":"linear","name":"%s","out":%d%s}'
ARCH = ('{"input":[12],"layers":[{"layer":"concat","name":"enc","body":[{"layer":"slice","size":7},'
        + LINEAR % ("a0", 6, "") + ',{"layer":"relu"},' + LINEAR % ("a", 4, "") +
        '],"shortcut":[{"layer":"slice","begin":7,"size":5},' + LINEAR % ("b", 4, "") + ']},' +
        LINEAR % ("ya", 3, ',"from":"enc.a"') + ',' + LINEAR % ("yb", 3, ',"from":"enc.b"') +
        ',{"layer":"mixup","name":"ma","from":"enc.a"},{"layer":"mixup","name":"mb","from":"enc.b"},'
        + LINEAR % ("y", 3, ',"from":"enc"') + '],"taps":[{"name":"a","of":["ya"],"loss":"ce"},'
        '{"name":"b","of":["yb"],"loss":"ce"},'
        '{"name":"mixab","of":["ma","enc.b"],"loss":"mixco","weight":0.2},'
        '{"name":"mixba","of":["mb","enc.a"],"loss":"mixco","weight":0.3},'
        '{"name":"soft","of":["enc.a","enc.b"],"loss":"softclip","weight":0.4}]}')
SHAPES = {"enc.a0": (6, 7), "enc.a": (4, 6), "enc.b": (4, 5), "ya": (3, 4), "yb": (3, 4), "y": (3, 8)}


class Draws:
    """The words of one named stream, as numbers (lib/base/rng.h)."""

    def __init__(self, round, epoch):
        before = [(1 << 64) - 1, round, CLIENT, epoch]  # numpy steps its counter first
        value = sum(c << 64 * i for i, c in enumerate(before)) - (1 << 64)
        self.words = np.random.Philox(key=np.array([SEED, DROPOUT], np.uint64), counter=np.array(
            [value >> 64 * i & (1 << 64) - 1 for i in range(4)], np.uint64))
        self.spare = None

    def word(self):
        return int(self.words.random_raw())

    def below(self, n):
        m = self.word() * n
        while m % 2**64 < (2**64 - n) % n:
            m = self.word() * n
        return m >> 64

    def real(self):
        return (self.word() >> 11) * 2.**-53

    def open(self):
        return ((self.word() >> 12) + .5) * 2.**-52

    def normal(self):
        if self.spare is not None:
            x, self.spare = self.spare, None
            return x
        s = 1
        while s >= 1 or s == 0:
            u, v = 2 * self.real() - 1, 2 * self.real() - 1
            s = u * u + v * v
        f = np.sqrt(-2 * np.log(s) / s)
        self.spare = v * f
        return u * f

    def log_gamma(self, a):
        boost = np.log(self.open()) / a
        d = a + 1 - 1 / 3
        while True:
            x = self.normal()
            v = (1 + x / np.sqrt(9 * d)) ** 3
            if v <= 0:
                continue
            if np.log(self.open()) < .5 * x * x + d - d * v + d * np.log(v):
                return np.log(d * v) + boost

    def mixup(self, B):
        """Weights and partners."""
        j = np.arange(B)
        for i in range(B - 1, 0, -1):
            k = self.below(i + 1)
            j[i], j[k] = j[k], j[i]
        beta = np.ones(B)
        for i in range(B):
            if self.real() < SHARE:
                a, b = self.log_gamma(ALPHA), self.log_gamma(ALPHA)
                beta[i] = 1 / (1 + np.exp(b - a))
        return torch.tensor(beta), torch.tensor(j)


def contrast(a, b, draws, mixing):
    if not mixing:
        return .4 * softclip(a, b)
    total = 0
    for weight, own, other in (.2, a, b), (.3, b, a):
        beta, j = draws.mixup(len(own))
        mixed = beta[:, None] * own + (1 - beta[:, None]) * own[j]
        total = total + weight * mixco(mixed, beta, j, other)
    return total


def loss(w, x, y, draws, mixing):
    lin = lambda x, s: x @ w[s + ".weight"].T + w[s + ".bias"]
    a = lin(torch.relu(lin(x[:, :7], "enc.a0")), "enc.a")
    b = lin(x[:, 7:], "enc.b")
    heads = [lin(a, "ya"), lin(b, "yb"), lin(torch.cat([a, b], 1), "y")]
    return sum(F.cross_entropy(z, y) for z in heads) + contrast(a, b, draws, mixing)


x, y = small_data()
save(f"{here}/data.safetensors", {"x": x, "y": y},
     {"fl.kind": "data", "fl.client": str(CLIENT), "fl.classes": "3",
      "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
x, y = (torch.tensor(v) for v in scaled_data())
for r in (1, 2):
    w0 = {}
    for i, (name, shape) in enumerate(SHAPES.items()):
        for j, (part, s) in enumerate(((".weight", shape), (".bias", shape[:1]))):
            v = (lcg(int(np.prod(s)), 40 * r + 2 * i + j).astype(np.float32) - 127.5) / 127.5
            w0[name + part] = (v * (0.6, 0.2)[j]).reshape(s).astype(np.float32)
    save(f"{here}/model{r - 1}.safetensors", w0,
         {"fl.kind": "model", "fl.round": str(r - 1), "fl.arch": ARCH})
    w = {k: torch.tensor(v.astype(float), requires_grad=True) for k, v in w0.items()}
    for epoch in range(EPOCHS):
        draws = Draws(r, epoch)
        for i in range(0, len(y), BATCH):
            g = torch.autograd.grad(loss(w, x[i:i + BATCH], y[i:i + BATCH], draws, r == 1),
                                    list(w.values()))
            w = {k: (v - LR * d).detach().requires_grad_() for (k, v), d in zip(w.items(), g)}
    save(f"{here}/want{r}.safetensors",
         {k: (v.detach().numpy() - w0[k].astype(float)).astype(np.float32) for k, v in w.items()}, {})

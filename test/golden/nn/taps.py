#!/usr/bin/env python3
"""Writes beside this script, by PyTorch in float64: taps.safetensors, nets whose layers
read earlier ones and whose inner outputs have losses, as cases.py writes others; and
towers.safetensors, losses over two towers with their gradients by the outputs, as
../adapter/losses.py writes others. Needs numpy and torch (made with 1.13.1).
remake: $PYTHON taps.py
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cases import LR, MOMENTUM, RELU, SAMPLES, STEPS, fill, layer, run, supcon
from make import save


def soft_entropy(s, p):
    return -(s.log_softmax(1) * p).sum(1).mean()


def mixco(a, beta, j, b, tau=.1):
    """mixco_nce of the released code but for j = i, whose target is 1."""
    s = F.normalize(a) @ F.normalize(b).T / tau
    p = torch.diag(beta).index_put((torch.arange(len(a)), j), 1 - beta, accumulate=True)
    return (soft_entropy(s, p) + soft_entropy(s.T, p.T)) / 2


def softclip(a, b, tau=.125):
    """soft_clip_loss of the released code."""
    a, b = F.normalize(a), F.normalize(b)
    r, s = (b @ b.T / tau).softmax(1), a @ b.T / tau
    return (soft_entropy(s, r) + soft_entropy(s.T, r)) / 2


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, by):
        ctx.by = by
        return x.view_as(x)

    @staticmethod
    def backward(ctx, d):
        return -ctx.by * d, None


class Exits(nn.Module):
    """An exit after each hidden layer, the last of which is the output."""

    def __init__(self, hidden, C):
        super().__init__()
        for i, (n, m) in enumerate(zip(hidden, hidden[1:])):
            self.add_module(f"fc{i}", nn.Linear(n, m))
            self.add_module(f"exit{i}", nn.Linear(m, C))

    def forward(self, x):
        self.z, i = [], 0
        while hasattr(self, f"fc{i}"):
            x = torch.relu(getattr(self, f"fc{i}")(x))
            self.z.append(getattr(self, f"exit{i}")(x))
            i += 1
        return self.z[-1]


class Towers(nn.Module):
    """Two encoders, a head over both and one over each, and a contrast."""

    def __init__(self, soft):
        super().__init__()
        self.soft = soft
        self.enc = nn.ModuleDict({"a0": nn.Linear(5, 6), "a2": nn.Linear(6, 4),
                                  "b0": nn.Linear(4, 6), "b2": nn.Linear(6, 4)})
        self.ya, self.yb, self.y = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(8, 3)

    def forward(self, x):
        tower = lambda s, x: self.enc[s + "2"](torch.relu(self.enc[s + "0"](x)))
        a, b = tower("a", x[:, :5]), tower("b", x[:, 5:])
        self.heads = self.ya(a), self.yb(b)
        one, same = torch.ones(len(x)).double(), torch.arange(len(x))
        self.contrast = softclip(a, b) if self.soft else \
            mixco(a, one, same, b) + mixco(b, one, same, a)
        return self.y(torch.cat([a, b], 1))

    def loss(self, z, y):
        return sum(F.cross_entropy(o, y) for o in (z, *self.heads)) + .1 * self.contrast


class Domains(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.y, self.domain = nn.Linear(7, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        self.d = self.domain(Reverse.apply(h, .7))
        return self.y(h)


class Inner(nn.Module):
    """Outputs of two layers together, of an activation that a relu follows."""

    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(7, 6), nn.Linear(6, 4)

    def forward(self, x):
        self.h = self.fc(x)
        self.z = self.out(torch.relu(self.h))
        return self.z


def tap(name, *of, **keys):
    return dict(name=name, of=list(of), **keys)


def linear(name, out, **keys):
    return layer("linear", name=name, out=out, **keys)


def towers(*taps):
    enc = layer("concat", name="enc",
                body=[layer("slice", name="a", size=5), linear("a0", 6), RELU, linear("a2", 4)],
                shortcut=[layer("slice", name="b", begin=5, size=4), linear("b0", 6), RELU,
                          linear("b2", 4)])
    return [enc, linear("ya", 3, **{"from": "enc.a2"}), linear("yb", 3, **{"from": "enc.b2"}),
            layer("mixup", name="ma", **{"from": "enc.a2"}),
            layer("mixup", name="mb", **{"from": "enc.b2"}), linear("y", 3, **{"from": "enc"})]


HEADS = [tap("a", "ya", loss="ce"), tap("b", "yb", loss="ce")]
BARE = [tap("m", "ma", "mb")]
EXITS = [linear("fc0", 7), layer("relu", name="r0"), linear("exit0", 4),
         linear("fc1", 6, **{"from": "r0"}), layer("relu", name="r1"), linear("exit1", 4),
         linear("fc2", 5, **{"from": "r1"}), RELU, linear("exit2", 4)]

# name: (input, layers, taps, weight, module, loss, batch, classes)
CASES = {
    "exits": ([6], EXITS, [tap("first", "exit0", loss="ce:smoothing=0.1", weight=.3),
                           tap("second", "exit1", loss="ce")], .5, Exits((6, 7, 6, 5), 4),
              lambda n, z, y: .5 * F.cross_entropy(z, y) + F.cross_entropy(n.z[1], y) +
              .3 * F.cross_entropy(n.z[0], y, label_smoothing=.1), 9, 4),
    "towers": ([9], towers(), HEADS + [tap("ab", "ma", "enc.b2", loss="mixco", weight=.1),
                                       tap("ba", "mb", "enc.a2", loss="mixco", weight=.1)], 1,
               Towers(0), Towers.loss, 8, 3),
    "soft": ([9], towers(), HEADS + BARE + [tap("ab", "enc", loss="softclip", weight=.1)], 1,
             Towers(1), Towers.loss, 8, 3),
    "domains": ([7], [linear("body", 6), layer("tanh", name="h"),
                      layer("reverse", **{"lambda": .7}), linear("domain", 3),
                      linear("y", 3, **{"from": "h"})], [tap("d", "domain", loss="ce", weight=2)],
                1, Domains(), lambda n, z, y: F.cross_entropy(z, y) + 2 * F.cross_entropy(n.d, y),
                9, 3),
    "inner": ([7], [linear("fc", 6), RELU, linear("out", 4)],
              [tap("both", "fc", "out", loss="supcon:tau=0.5", weight=.4),
               tap("z", "out", loss="mse"), tap("seen", "1")], 0, Inner(),
              lambda n, z, y: .4 * supcon(torch.cat([n.h, n.z], 1), y, .5) +
              F.mse_loss(z, F.one_hot(y, 4).double()), 9, 4),
}


def nets():
    out, meta = {}, {"steps": str(STEPS), "sgd": f"sgd:lr={LR},momentum={MOMENTUM}"}
    for name, (shape, layers, taps, weight, net, loss, B, C) in CASES.items():
        x = torch.from_numpy(fill("x", (B, *shape))).double()
        y = torch.arange(B) * 7 % C
        losses, logits, state = run(net, lambda z, y: loss(net, z, y), x, y)
        meta[name] = json.dumps({"input": shape, "layers": layers, "taps": taps, "weight": weight})
        out[name + "/loss"], out[name + "/logits"] = losses, logits
        for k, v in state.items():
            v = v.double().flatten().numpy()
            at = np.arange(SAMPLES) * (len(v) - 1) // (SAMPLES - 1)
            out[f"{name}//{k}"] = np.concatenate([v[at], [np.linalg.norm(v)]])
    return out, meta


G = torch.Generator().manual_seed(6)


def rnd(*shape):
    return torch.randn(*shape, generator=G, dtype=torch.float64)


def mixed(B, d, *fixed):
    """Rows, weights and partners, of which those in fixed are their own."""
    j = torch.randperm(B, generator=G)
    j[list(fixed)] = torch.tensor(fixed, dtype=torch.long)
    beta = torch.rand(B, generator=G, dtype=torch.float64)
    beta[::3] = 1
    return torch.cat([rnd(B, d), beta[:, None], j[:, None].double(), rnd(B, d)], 1)


def of_mixco(tau):
    def f(o):
        d = o.shape[1] // 2 - 1
        return mixco(o[:, :d], o[:, d].detach(), o[:, d + 1].detach().long(), o[:, d + 2:], tau)
    return f


def of_softclip(tau):
    return lambda o: softclip(*o.split(o.shape[1] // 2, 1), tau)


# name: (spec, function, outputs)
TOWERS = {
    "mixco": ("mixco", of_mixco(.1), mixed(9, 5)),
    "mixco-own": ("mixco:tau=0.5", of_mixco(.5), mixed(6, 3, 1, 4)),
    "mixco-many": ("mixco:tau=1", of_mixco(1), mixed(40, 2)),
    "mixco-one": ("mixco", of_mixco(.1), mixed(1, 4)),
    "softclip": ("softclip", of_softclip(.125), rnd(9, 10)),
    "softclip-warm": ("softclip:tau=1", of_softclip(1), rnd(40, 4)),
    "softclip-one": ("softclip", of_softclip(.125), rnd(1, 6)),
}


def losses():
    out, meta = {}, {}
    for name, (spec, f, o) in TOWERS.items():
        o = o.float().double().requires_grad_()
        loss = f(o)
        loss.backward()
        out[name + "/loss"] = loss.detach().numpy()
        out[name + "/outputs"] = o.detach().float().numpy()
        out[name + "/grad"] = o.grad.numpy()
        meta[name] = f"{spec} 1e-11 2e-5 1"
    return out, meta


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(here, "taps.safetensors"), *nets())
    save(os.path.join(here, "towers.safetensors"), *losses())

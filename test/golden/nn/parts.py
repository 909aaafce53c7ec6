#!/usr/bin/env python3
"""Writes parts.safetensors beside this script, by PyTorch in float64: nets over the parts
of an example, of which every example lacks one (part i of example b where (b + 2i) % 3 is
0), as cases.py writes others. Missing parts are masked here, where ours come as NaN.
Needs numpy and torch (made with 1.13.1).
remake: $PYTHON parts.py
"""
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cases import LR, MOMENTUM, RELU, SAMPLES, STEPS, fill, layer, run
from make import save

H = 4


class Impute(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self, x, there):
        return torch.where(there.reshape(-1, *[1] * (x.ndim - 1)), x, self.value)


class Fuse(nn.Module):
    def __init__(self, how, M):
        super().__init__()
        self.how = how
        if how == "gate":
            self.weight = nn.Parameter(torch.zeros(M, H))
            self.bias = nn.Parameter(torch.zeros(M))
        if how == "attention":
            self.query = nn.Parameter(torch.zeros(H))

    def forward(self, h, there):
        """h (B,M,H), there (B,M)."""
        if self.how == "mean":
            return (h * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        s = (h * self.weight).sum(2) + self.bias if self.how == "gate" else \
            h @ self.query / math.sqrt(H)
        return (s.masked_fill(~there, -math.inf).softmax(1)[..., None] * h).sum(1)


class Net(nn.Module):
    """Parts text (3), a (2,2), b (5): a stand-in of the first, one of what encodes the
    second, and none of the third, whose numbers are then 0."""

    def __init__(self, how):
        super().__init__()
        self.standin, self.token = Impute(3), Impute(H)
        self.text, self.a, self.b = nn.Linear(3, H), nn.Linear(4, H), nn.Linear(5, H)
        self.fuse, self.out = Fuse(how, 3), nn.Linear(H, 3)

    def forward(self, x):
        there = (torch.arange(len(x))[:, None] + 2 * torch.arange(3)) % 3 != 0
        text, a, b = x.split((3, 4, 5), 1)
        text = torch.relu(self.text(self.standin(text, there[:, 0])))
        a = self.token(self.a(a), there[:, 1])
        b = torch.tanh(self.b(b * there[:, 2:]))
        return self.out(self.fuse(torch.stack([text, a, b], 1), there))


class Product(nn.Module):
    """Both parts at every example, multiplied number by number."""

    def __init__(self):
        super().__init__()
        self.p = nn.ModuleDict({"body": nn.Linear(3, H), "shortcut": nn.Linear(4, H)})
        self.out = nn.Linear(H, 3)

    def forward(self, x):
        there = (torch.arange(len(x))[:, None] + 2 * torch.arange(2)) % 3 != 0
        a, b = x[:, :3] * there[:, :1], x[:, 3:] * there[:, 1:]
        return self.out(self.p["body"](a) * torch.sigmoid(self.p["shortcut"](b)))


def part(of):
    return layer("part", of=of, **{"from": "input"})


def linear(name, out):
    return layer("linear", name=name, out=out)


def both(body, shortcut, name="c", kind="concat"):
    return layer(kind, name=name, body=body, shortcut=shortcut)


def nets(how):
    """The names of layers in blocks are relative to the blocks', which have none here."""
    tokens = both([part("text"), layer("impute", name="standin"), linear("text", H), RELU],
                  [part("a"), layer("flatten"), linear("a", H), layer("impute", name="token")],
                  "n")
    return [both([tokens], [part("b"), linear("b", H), layer("tanh")], "m"),
            layer("fuse", name="fuse", how=how, of="text+a+b"), linear("out", 3)]


PARTS = {"b": 5, "text": [3], "a": [2, 2]}
PRODUCT = [both([part("a"), linear("body", H)],
                [part("b"), linear("shortcut", H), layer("sigmoid")], "p", "product"),
           linear("out", 3)]
# name: (parts, layers, module, numbers an example)
CASES = {how: (PARTS, nets(how), Net(how), 12) for how in ("mean", "gate", "attention")}
CASES["product"] = ({"a": [3], "b": [4]}, PRODUCT, Product(), 7)
INNER = {"standin": "m.n", "text": "m.n", "token": "m.n", "a": "m.n", "b": "m"}


def ours(name):
    """A tensor's name in the architecture, where blocks' names stand before."""
    head = name.split(".")[0]
    return f"{INNER[head]}.{name}" if head in INNER else name


class Named(nn.Module):
    """The module with our names for its tensors, from which its weights are drawn."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)

    def state_dict(self, *a, **k):
        return {ours(n): v for n, v in self.net.state_dict().items()}

    def load_state_dict(self, state):
        self.net.load_state_dict({n: state[ours(n)] for n in self.net.state_dict()})


def main():
    out, meta = {}, {"steps": str(STEPS), "sgd": f"sgd:lr={LR},momentum={MOMENTUM}"}
    for name, (parts, layers, net, d) in CASES.items():
        x = torch.from_numpy(fill("x", (9, d))).double()
        losses, logits, state = run(Named(net), F.cross_entropy, x, torch.arange(9) * 7 % 3)
        meta[name] = json.dumps({"parts": parts, "layers": layers})
        out[name + "/loss"], out[name + "/logits"] = losses, logits
        for k, v in state.items():
            v = v.double().flatten().numpy()
            at = np.arange(SAMPLES) * (len(v) - 1) // (SAMPLES - 1)
            out[f"{name}//{k}"] = np.concatenate([v[at], [np.linalg.norm(v)]])
    save(os.path.join(os.path.dirname(os.path.abspath(__file__)), "parts.safetensors"), out, meta)


if __name__ == "__main__":
    main()

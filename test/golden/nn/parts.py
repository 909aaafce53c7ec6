#!/usr/bin/env python3
"""Writes parts.safetensors beside this script, by PyTorch in float64: nets over the parts
of an example, of which every example lacks one (part i of example b where (b + 2i) % 3 is
0), as cases.py writes others; and in ../parts a client's record of three parts, of which
examples lack any, weights, and the update after two epochs of SGD. Missing parts are
masked here, where ours come as NaN.
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
    """Parts text (3), a (2,2), b (5), all fused, which leaves out what is missing; beside
    that the first with a stand-in and the second with one of what encodes it."""

    def __init__(self, how):
        super().__init__()
        self.standin, self.token = Impute(3), Impute(H)
        self.text, self.a, self.b = nn.Linear(3, H), nn.Linear(4, H), nn.Linear(5, H)
        self.a2 = nn.Linear(4, H)
        self.fuse, self.out = Fuse(how, 3), nn.Linear(H + 3 + H, 3)

    def forward(self, x, there=None):
        if there is None:
            there = (torch.arange(len(x))[:, None] + 2 * torch.arange(3)) % 3 != 0
        text, a, b = x.split((3, 4, 5), 1)
        h = [torch.relu(self.text(text)), self.a(a), torch.tanh(self.b(b))]
        return self.out(torch.cat([self.fuse(torch.stack(h, 1), there),
                                   self.standin(text, there[:, 0]),
                                   self.token(self.a2(a), there[:, 1])], 1))


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
    """The names of layers in blocks are relative to the blocks'."""
    two = both([part("text"), linear("text", H), RELU],
               [part("a"), layer("flatten"), linear("a", H)], "n")
    three = both([two], [part("b"), linear("b", H), layer("tanh")], "m")
    lost = both([part("text"), layer("impute", name="standin")],
                [part("a"), layer("flatten"), linear("a2", H), layer("impute", name="token")], "l")
    return [both([three, layer("fuse", name="fuse", how=how, of="text+a+b")], [lost], "z"),
            linear("out", 3)]


PARTS = {"b": 5, "text": [3], "a": [2, 2]}
PRODUCT = [both([part("a"), linear("body", H)],
                [part("b"), linear("shortcut", H), layer("sigmoid")], "p", "product"),
           linear("out", 3)]
# name: (parts, layers, module, numbers an example)
CASES = {how: (PARTS, nets(how), Net(how), 12) for how in ("mean", "gate", "attention")}
CASES["product"] = ({"a": [3], "b": [4]}, PRODUCT, Product(), 7)
INNER = {"standin": "z.l", "text": "z.m.n", "token": "z.l", "a": "z.m.n", "b": "z.m", "a2": "z.l",
         "fuse": "z"}


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


def client():
    """Rows of parts in no order, some of them twice and some in no example."""
    r = np.random.default_rng(4)
    N, rows, here = 22, {"text": 17, "a": 20, "b": 9}, os.path.dirname(os.path.abspath(__file__))
    shape = {"text": (3,), "a": (2, 2), "b": (5,)}
    x = {k: r.normal(size=(n, *shape[k])).astype(np.float32) for k, n in rows.items()}
    part = np.stack([r.integers(-n // 2, n, N).clip(-1) for n in rows.values()], 1)
    part[(part < 0).all(1), 0] = 3
    y = r.integers(0, 3, N)
    net = Net("attention")
    state = {n: torch.from_numpy(.5 * r.normal(size=tuple(v.shape)).astype(np.float32))
             for n, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.double()
    there = torch.from_numpy(part >= 0)
    flat = torch.from_numpy(np.concatenate(
        [x[k][part[:, i]].reshape(N, -1) for i, k in enumerate(rows)], 1)).double()
    sgd = torch.optim.SGD(net.parameters(), lr=.1, momentum=.9)
    for _ in range(2):
        for i in range(0, N, 8):
            sgd.zero_grad()
            z = net(flat[i:i + 8], there[i:i + 8])
            F.cross_entropy(z, torch.from_numpy(y[i:i + 8])).backward()
            sgd.step()
    path = lambda name: os.path.join(here, "../parts", name)
    meta = {"fl.v": "1", "fl.kind": "data", "fl.client": "3", "fl.classes": "3"}
    save(path("data.safetensors"), {**{"x." + k: v for k, v in x.items()}, "part": part, "y": y},
         meta)
    save(path("init.safetensors"), {ours(n): v.numpy() for n, v in state.items()}, {})
    save(path("want.safetensors"), {ours(n): (v - state[n].double()).float().numpy()
                                    for n, v in net.state_dict().items()}, {})
    with open(path("net.json"), "w") as f:
        json.dump({"parts": PARTS, "layers": nets("attention")}, f, indent=1)
        f.write("\n")


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
    client()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""FedGen's generator in PyTorch's autograd, in double: two members whose networks differ below
seven features, Adam with weight decay over four batches of six drawn examples. The random numbers
are those of numpy's Philox under the names that base/rng.h gives. Writes the members (models), how
many examples of each class they have, generators with and without batch normalisation, and what
becomes of them: by the paper's objective, by that of its authors' code, and with diversity measured
below the last layer.
remake: $PYTHON fedgen.py
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import lcg, save

F = torch.nn.functional
SEED, ROUND, METHOD, SERVER = 3, 0, 8, 2 ** 64 - 1
B, STEPS, NOISE, C, HIDDEN, D = 6, 4, 4, 3, 5, 7
COUNT = np.array([[5, 0, 1], [2, 4, 1]])


class Draws:
    """The numbers of one step."""

    def __init__(self, t):
        start = (ROUND << 64 | SERVER << 128 | t << 192) - 1
        self.g = np.random.Philox(key=SEED | METHOD << 64, counter=start % 2 ** 256)
        self.kept = None

    def real(self):
        return (int(self.g.random_raw()) >> 11) / 2 ** 53

    def normal(self):
        """Marsaglia's polar method."""
        if self.kept is not None:
            v, self.kept = self.kept, None
            return v
        while True:
            u, v = 2 * self.real() - 1, 2 * self.real() - 1
            s = u * u + v * v
            if 0 < s < 1:
                f = np.sqrt(-2 * np.log(s) / s)
                self.kept = v * f
                return u * f

    def batch(self, share, noise):
        x, y = [], []
        for _ in range(B):
            y.append(int(np.searchsorted(np.cumsum(share), self.real(), side="right")))
            x.append([noise(self) for _ in range(NOISE)] + [float(c == y[-1]) for c in range(C)])
        return torch.tensor(x, dtype=torch.float64), torch.tensor(y)


def fill(shapes, seed, scale):
    out = {}
    for i, (k, s) in enumerate(shapes.items()):
        v = (lcg(int(np.prod(s)), seed + i).astype(np.float32) - 127.5) / 127.5 * scale
        out[k] = v.reshape(s).astype(np.float32)
    return out


members = [fill({"0.weight": (7, 12), "0.bias": (7,), "2.weight": (3, 7), "2.bias": (3,)}, 40, 0.9),
           fill({"0.weight": (5, 12), "0.bias": (5,), "2.weight": (7, 5), "2.bias": (7,),
                 "4.weight": (3, 7), "4.bias": (3,)}, 60, 0.9)]
for k, (w, hidden) in enumerate(zip(members, ("7", "5+7"))):
    save(f"{here}/fedgen-{k}.safetensors", w,
         {"fl.kind": "model", "fl.client": str(k), "fl.round": "0",
          "fl.arch": f"mlp:in=12,hidden={hidden},out=3"})
    save(f"{here}/fedgen-count{k}.safetensors", {"mean": np.zeros((3, 7), np.float32), "count": COUNT[k]},
         {"fl.kind": "stats", "fl.client": str(k), "fl.method": "classmean", "fl.examples": "7"})
heads = [[torch.tensor(w[f"{i}.{p}"].astype(float)) for p in ("weight", "bias")]
         for w, i in zip(members, (2, 4))]

for norm in "none", "batch":
    last = 3 if norm == "batch" else 2
    w = fill({"0.weight": (HIDDEN, NOISE + C), "0.bias": (HIDDEN,), f"{last}.weight": (D, HIDDEN),
              f"{last}.bias": (D,)}, 80, 0.7)
    if norm == "batch":
        w.update({"1.weight": np.full(HIDDEN, 1.5, np.float32), "1.bias": np.full(HIDDEN, .1, np.float32),
                  "1.running_mean": np.zeros(HIDDEN, np.float32),
                  "1.running_var": np.ones(HIDDEN, np.float32),
                  "1.num_batches_tracked": np.zeros((), np.int64)})
    save(f"{here}/fedgen-g-{norm}.safetensors", w,
         {"fl.kind": "model", "fl.round": "0",
          "fl.arch": f"generator:noise={NOISE},classes={C},hidden={HIDDEN},out={D},norm={norm}"})


def train(w, norm, ensemble, share, noise, where, eta):
    w = {k: torch.tensor(v.astype(float)) for k, v in w.items()}
    trained = [k for k in w if "running" not in k and "tracked" not in k]
    for k in trained:
        w[k].requires_grad_()
    opt = torch.optim.Adam([w[k] for k in trained], lr=0.05, weight_decay=0.01)
    last = 3 if norm == "batch" else 2
    for t in range(STEPS):
        x, y = Draws(t).batch(share, noise)
        h = x @ w["0.weight"].T + w["0.bias"]
        if norm == "batch":
            h = F.batch_norm(h, w["1.running_mean"], w["1.running_var"], w["1.weight"], w["1.bias"], True)
            w["1.num_batches_tracked"] += 1
        h = torch.relu(h)
        g = h @ w[f"{last}.weight"].T + w[f"{last}.bias"]
        z = [g @ a.T + b for a, b in heads]
        if ensemble == "logits":
            loss = F.cross_entropy(sum(z) / len(z), y)
        else:
            by = torch.tensor(COUNT / COUNT.sum(0))
            loss = sum((by[k][y] * F.cross_entropy(v, y, reduction="none")).mean() for k, v in enumerate(z))
        v, e = (g if where == "output" else h), x[:, :NOISE]
        far = (v[:, None] - v).abs().mean(2)
        loss = loss + eta * torch.exp(-(((e[:, None] - e) ** 2).mean(2) * far).mean())
        opt.zero_grad()
        loss.backward()
        opt.step()
    out = {k: v.detach().numpy().astype(np.float32).reshape(v.shape) for k, v in w.items()}
    out["@generator/classes"] = np.array(share)
    out["@generator/noise"] = np.array(int(noise is Draws.real), np.int64)
    return out


def generator(norm):
    from ref import load
    return load(f"{here}/fedgen-g-{norm}.safetensors")[0]


counts = list(COUNT.sum(0) / COUNT.sum())
uniform = [.5, .5, 0.]			# nobody has two examples of the last class
for name, norm, how in (("paper", "none", ("logits", counts, Draws.normal, "output", 1)),
                        ("code", "batch", ("losses", uniform, Draws.real, "output", 1)),
                        ("hidden", "batch", ("logits", counts, Draws.normal, "hidden", 2.5))):
    save(f"{here}/fedgen-{name}.safetensors", train(generator(norm), norm, *how), {})

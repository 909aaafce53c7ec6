#!/usr/bin/python3
"""HetLoRA (Cho et al. 2024): clients of ranks 2, 3 and 9 in PyTorch, whose adapters are as
small as their ranks, with the penalty on the last ranks and pruning; the server in NumPy
pads with zeros and weighs by the norm of the product. Two rounds. usage: make.py"""
import json
import os
import sys
import zlib

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import BATCH, EPOCHS, LR, lcg, save, scaled_data, small_data

F = torch.nn.functional
torch.set_default_dtype(torch.float64)
ADAPTERS = {"0": (7, 12, 5, 10), "2": (6, 7, 4, 2)}	# out, in, rank, alpha
ARCH = json.dumps({"input": [12], "layers": [
    {"layer": "lora", "out": 7, "rank": 5, "alpha": 10}, {"layer": "relu"},
    {"layer": "lora", "out": 6, "rank": 4, "alpha": 2}, {"layer": "relu"},
    {"layer": "linear", "out": 3}]})
SHAPES = {"4.weight": (3, 6), "4.bias": (3,)}
for name, (o, i, r, _) in ADAPTERS.items():
    SHAPES.update({f"{name}.weight": (o, i), f"{name}.lora_A": (r, i), f"{name}.lora_B": (o, r),
                   f"{name}.bias": (o,)})
# Rank, gamma, lambda, examples' weight.
CLIENTS = {3: (2, 1, .01, 10), 4: (3, .5, 1.5, 23), 7: (9, .99, .01, 40)}


def weights(seed):
    out = {}
    for j, (k, s) in enumerate(sorted(SHAPES.items())):
        n = int(np.prod(s))
        out[k] = ((lcg(n, seed + j).astype(np.float32) - 127.5) / np.float32(255)).reshape(s)
    return out


def forward(w, x):
    h = x
    for name, (_, _, rank, alpha) in ADAPTERS.items():
        h = torch.relu(h @ w[f"{name}.weight"].T + w[f"{name}.bias"] +
                       alpha / rank * h @ w[f"{name}.lora_A"].T @ w[f"{name}.lora_B"].T)
    return h @ w["4.weight"].T + w["4.bias"]


def cut(w, rank):
    return {k: v[:rank] if k.endswith("lora_A") else v[:, :rank] if k.endswith("lora_B") else v
            for k, v in w.items()}


def tails(w, t):
    return sum(torch.linalg.norm(w[f"{n}.lora_B"][:, t:]) * torch.linalg.norm(w[f"{n}.lora_A"][t:])
               for n in ADAPTERS)


def client(server, rank, gamma, lam, x, y):
    """Its trained adapters, padded, and its rank from now on."""
    rank = min(rank, 5)
    t = max(1, int(gamma * rank + 1e-9))
    w = {k: torch.tensor(v.astype(float)) for k, v in cut(server, rank).items()}
    before = tails(w, t)
    train = [k for k in w if "lora" in k or k.startswith("4.")]
    for _ in range(EPOCHS):
        for i in range(0, len(y), BATCH):
            for k in train:
                w[k].requires_grad_()
            loss = F.cross_entropy(forward(w, x[i:i + BATCH]), y[i:i + BATCH])
            if t < rank:
                loss = loss + lam * tails(w, t)
            g = torch.autograd.grad(loss, [w[k] for k in train])
            w.update({k: (w[k] - LR * d).detach() for k, d in zip(train, g)})
    if t < rank and tails(w, t) < before:
        rank = t
        w = cut(w, rank)
    out = {}
    for k in train:
        v = w[k].numpy()
        out[k] = np.pad(v, [(0, s - n) for s, n in zip(SHAPES[k], v.shape)])
    return out, rank


def server(model, sent, per):
    out = {k: v.astype(float) for k, v in model.items()}
    n = np.array([CLIENTS[c][3] for c in sent], float)
    norms = np.array([[a / r * np.linalg.norm(w[f"{name}.lora_B"] @ w[f"{name}.lora_A"])
                       for name, (_, _, r, a) in ADAPTERS.items()] for w in sent.values()])
    for i, name in enumerate(ADAPTERS):
        s = norms[:, i] if per == "layer" else np.sqrt((norms ** 2).sum(1))
        for side in "AB":
            k = f"{name}.lora_{side}"
            out[k] = sum(p * w[k] for p, w in zip(s / s.sum(), sent.values()))
    for k in ("4.weight", "4.bias"):
        out[k] = sum(p * w[k] for p, w in zip(n / n.sum(), sent.values()))
    return {k: v.astype(np.float32) for k, v in out.items()}


def base_of(path):
    with open(path, "rb") as f:
        data = f.read()
    return "%08x" % zlib.crc32(data[8 + int.from_bytes(data[:8], "little"):])


x, y = small_data()
for c in CLIENTS:
    rows = slice(0, None) if c == 4 else slice(0, 14) if c == 3 else slice(9, None)
    save(f"{here}/data{c}.safetensors", {"x": x[rows], "y": y[rows]},
         {"fl.kind": "data", "fl.client": str(c), "fl.classes": "3",
          "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
rank = {c: v[0] for c, v in CLIENTS.items()}
x, y = (torch.as_tensor(v) for v in scaled_data())
pruned = []
for r in (0, 1):
    model = weights(101 + 20 * r)
    save(f"{here}/model{r}.safetensors", model,
         {"fl.kind": "model", "fl.round": str(r), "fl.arch": ARCH})
    base, sent = base_of(f"{here}/model{r}.safetensors"), {}
    for c, (_, gamma, lam, n) in CLIENTS.items():
        rows = slice(0, None) if c == 4 else slice(0, 14) if c == 3 else slice(9, None)
        sent[c], now = client(model, rank[c], gamma, lam, x[rows], y[rows])
        pruned += [(c, r, rank[c], now)]
        rank[c] = now
        save(f"{here}/want{c}-{r + 1}.safetensors",
             {k: (v - model[k]).astype(np.float32) for k, v in sent[c].items()},
             {"fl.kind": "update", "fl.client": str(c), "fl.round": str(r + 1), "fl.base": base,
              "fl.examples": str(n)})
    for per in ("layer", "model"):
        save(f"{here}/by-{per}{r + 1}.safetensors", server(model, sent, per), {})
print(pruned)
assert (4, 0, 3, 1) in pruned, pruned

#!/usr/bin/python3
"""Servers that train, in PyTorch in double, on the small net of the methods' goldens.
feddf: three updates, their ensemble on 23 examples, Adam in stored order from the mean.
ccvr: moments without variance, so that virtual features are the means, whatever is
drawn; the classifier by SGD with momentum in stored order, as one layer and as two
over the features of a deeper net. usage: make.py"""
import os
import sys
import zlib

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import ARCH, SHAPES, lcg, named, save, scaled_data, small_data, weights

F = torch.nn.functional
torch.set_default_dtype(torch.float64)


def base_of(path):
    with open(path, "rb") as f:
        data = f.read()
    return "%08x" % zlib.crc32(data[8 + int.from_bytes(data[:8], "little"):])


w0 = weights(11, 0.5)
save(f"{here}/model.safetensors", w0, {"fl.kind": "model", "fl.round": "0", "fl.arch": ARCH})
x, y = small_data()
save(f"{here}/data.safetensors", {"x": x, "y": y},
     {"fl.kind": "data", "fl.classes": "3", "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
x, _ = scaled_data()
x = torch.tensor(x)
base = base_of(f"{here}/model.safetensors")

K, n = 3, [10, 25, 5]
updates = [weights(51 + k, 0.4) for k in range(K)]
for k in (2, 0, 1):			# the order of arrival is nobody's business
    save(f"{here}/{k}.safetensors", updates[k],
         {"fl.kind": "update", "fl.client": str(k), "fl.round": "1", "fl.base": base,
          "fl.examples": str(n[k])})
clients = [{s: torch.tensor((w0[s] + u[s]).astype(float)) for s in SHAPES} for u in updates]


def logits(w, x):
    return torch.relu(x @ w["0.weight"].T + w["0.bias"]) @ w["2.weight"].T + w["2.bias"]


for name, tau, share in ("feddf", 2, [1 / 3] * 3), ("feddf-examples", 1, [a / 40 for a in n]):
    teacher = F.softmax(sum(s * logits(c, x) for s, c in zip(share, clients)) / tau, 1)
    w = {s: sum(a / 40 * c[s] for a, c in zip(n, clients)).requires_grad_() for s in SHAPES}
    opt = torch.optim.Adam(w.values(), lr=0.02)
    for _ in range(4):
        for i in range(0, 23, 5):
            opt.zero_grad()
            (tau ** 2 * F.kl_div(F.log_softmax(logits(w, x[i:i + 5]) / tau, 1), teacher[i:i + 5],
                                 reduction="batchmean")).backward()
            opt.step()
    save(f"{here}/{name}.safetensors", named("", {s: v.detach().numpy() for s, v in w.items()}), {})

mean = (lcg(21, 61).reshape(3, 7) - 127.5) / 100
count = np.array([4, 0, 9])		# nobody has class 1
save(f"{here}/moments.safetensors", {"mean": mean, "cov": np.zeros((3, 7, 7)), "count": count},
     {"fl.kind": "stats", "fl.method": "moments", "fl.examples": "13"})


def features(n):
    """n[c] virtual features of class c."""
    h = np.repeat(mean[[0, 2]].astype(np.float32).astype(float), n, 0)
    return torch.tensor(h), torch.tensor([0] * n[0] + [2] * n[1])


def classifier(w, names, logits, n=(6, 6)):
    """Trains these tensors of w: the whole model."""
    h, y = features(n)
    head = [torch.tensor(w[s].astype(float), requires_grad=True) for s in names]
    opt = torch.optim.SGD(head, lr=0.1, momentum=0.9)
    for _ in range(3):
        for i in range(0, sum(n), 5):
            opt.zero_grad()
            F.cross_entropy(logits(h[i:i + 5], *head), y[i:i + 5]).backward()
            opt.step()
    return named("", {**w, **{s: t.detach().numpy() for s, t in zip(names, head)}})


save(f"{here}/ccvr.safetensors",
     classifier(w0, ["2.weight", "2.bias"], lambda h, a, b: h @ a.T + b), {})
# Of 12 features in all, 4 and 9 of 13 examples make 3.7 and 8.3; 1 of a million makes 1.
for name, n in ("frequency", (4, 8)), ("rare", (1, 12)):
    save(f"{here}/ccvr-{name}.safetensors",
         classifier(w0, ["2.weight", "2.bias"], lambda h, a, b: h @ a.T + b, n), {})

DEEP = ('{"input":[12],"layers":[{"layer":"linear","out":7},{"layer":"relu"},'
        '{"layer":"linear","out":5},{"layer":"tanh"},{"layer":"linear","out":3}],"features":2}')
deep = {"0.weight": w0["0.weight"], "0.bias": w0["0.bias"],
        "2.weight": (lcg(35, 31).reshape(5, 7).astype(np.float32) - 127.5) / 200,
        "2.bias": (lcg(5, 32).astype(np.float32) - 127.5) / 500,
        "4.weight": (lcg(15, 33).reshape(3, 5).astype(np.float32) - 127.5) / 200,
        "4.bias": (lcg(3, 34).astype(np.float32) - 127.5) / 500}
deep = {s: v.astype(np.float32) for s, v in deep.items()}
save(f"{here}/deep.safetensors", deep, {"fl.kind": "model", "fl.round": "0", "fl.arch": DEEP})
save(f"{here}/ccvr-deep.safetensors",
     classifier(deep, ["2.weight", "2.bias", "4.weight", "4.bias"],
                lambda h, a, b, c, d: torch.tanh(h @ a.T + b) @ c.T + d), {})

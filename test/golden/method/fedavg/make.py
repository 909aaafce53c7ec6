#!/usr/bin/python3
"""The perceptron of AdaFedAdam, 784-128-64-10, one epoch over 2,000 examples in
stored order: batch 32, torch.optim.SGD with lr .01, momentum .9, weight decay
5e-4, in float. usage:
  make.py data DIR                writes DIR/data.safetensors
  make.py want MODEL              trains MODEL and writes want.safetensors here
  make.py check MODEL UPDATE      compares with want.safetensors
  make.py live MODEL UPDATE       trains MODEL and compares every weight

want.safetensors holds every seventh weight of the first layer, all others, and
each tensor's norm. The relative error of a tensor is |a - b| / |b| over what is
held; the limit is 1e-5, for weights and for updates.
remake: fl-init -a adafedadam-mlp -s 1 -o m.safetensors && $PYTHON make.py want m.safetensors
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import numpy as np
from ref import lcg, load, save

N, EVERY = 2000, {"encoder.0.weight": 7}
NAMES = ["encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias",
         "classifier.weight", "classifier.bias"]


def examples():
    """Noise, and in two rows of pixels the class."""
    x = lcg(N * 784, 1).reshape(N, 28, 28)
    y = (lcg(N, 2) % 10).astype(np.int64)
    for c in range(10):
        x[y == c, 2 * c:2 * c + 2, :] |= 128
    return x, y


def write_data(folder):
    x, y = examples()
    save(f"{folder}/data.safetensors", {"x": x, "y": y},
         {"fl.kind": "data", "fl.client": "0", "fl.classes": "10",
          "fl.scale": '{"div":255,"mean":[0.286],"std":[0.353]}'})


def trained(model):
    import torch
    torch.set_num_threads(1)
    x, y = examples()
    x = torch.tensor((x.reshape(N, 784).astype(np.float32) / 255 - np.float32(.286)) /
                     np.float32(.353))
    y = torch.tensor(y)
    w = {k: torch.tensor(model[k], requires_grad=True) for k in NAMES}
    opt = torch.optim.SGD(list(w.values()), lr=.01, momentum=.9, weight_decay=5e-4)
    F = torch.nn.functional
    for i in range(0, N, 32):
        h = F.relu(F.linear(x[i:i + 32], w["encoder.0.weight"], w["encoder.0.bias"]))
        h = F.relu(F.linear(h, w["encoder.2.weight"], w["encoder.2.bias"]))
        z = F.linear(h, w["classifier.weight"], w["classifier.bias"])
        opt.zero_grad()
        F.cross_entropy(z, y[i:i + 32]).backward()
        opt.step()
    return {k: v.detach().numpy() for k, v in w.items()}


def thin(w):
    return {k: v.reshape(-1)[::EVERY.get(k, 1)] for k, v in w.items()}


def error(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def compare(w0, u, want, norm):
    bad = 0
    for k in NAMES:
        w = w0[k] + u[k]
        e = error(thin({k: w})[k], want[k])
        eu = error(thin({k: u[k]})[k], want[k].astype(np.float64) - thin({k: w0[k]})[k])
        en = abs(np.linalg.norm(w.astype(np.float64)) / norm[k] - 1)
        print(f"{k}: weights {e:.1e} update {eu:.1e} norm {en:.1e}")
        bad |= not (e <= 1e-5 and eu <= 1e-5 and en <= 1e-5)
    return bad


def main(what, *args):
    if what == "data":
        return write_data(*args)
    w0 = load(args[0])[0]
    if what == "check":
        want = load(f"{here}/want.safetensors")[0]
        return compare(w0, load(args[1])[0], want, {k: float(want["norm/" + k]) for k in NAMES})
    w = trained(w0)
    norm = {k: np.linalg.norm(v.astype(np.float64)) for k, v in w.items()}
    if what == "live":
        EVERY.clear()
        return compare(w0, load(args[1])[0], {k: v.reshape(-1) for k, v in w.items()}, norm)
    save(f"{here}/want.safetensors",
         {**thin(w), **{"norm/" + k: np.array(v) for k, v in norm.items()}}, {})


sys.exit(main(*sys.argv[1:]))

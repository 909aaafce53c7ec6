#!/usr/bin/env python3
"""Writes mlp.safetensors beside this script: a small perceptron in PyTorch, in
float64 from float32 inputs: logits, loss, gradients, and the weights after three
steps of torch.optim.SGD on one batch. Needs numpy and torch (made with 1.13.1)."""
import json
import os
import struct

import numpy as np
import torch

SGD = {
    "sgd:lr=0.1": dict(lr=0.1),
    "sgd:lr=0.1,wd=0.01": dict(lr=0.1, weight_decay=0.01),
    "sgd:lr=0.1,momentum=0.9,wd=0.01": dict(lr=0.1, momentum=0.9, weight_decay=0.01),
    "sgd:lr=0.1,momentum=0.9,dampening=0.3": dict(lr=0.1, momentum=0.9, dampening=0.3),
    "sgd:lr=0.1,momentum=0.9,wd=0.01,nesterov=on": dict(
        lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
}
STEPS = 3
TYPES = {"float64": "F64", "int64": "I64", "float32": "F32"}


def save(path, tensors, meta):
    order = list(TYPES)
    names = sorted(tensors, key=lambda n: (order.index(str(tensors[n].dtype)), n))
    head, at = {"__metadata__": meta}, 0
    for n in names:
        a = tensors[n]
        head[n] = {"dtype": TYPES[str(a.dtype)], "shape": list(a.shape),
                   "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for n in names:
            f.write(np.ascontiguousarray(tensors[n]).tobytes())


def mlp():
    return torch.nn.Sequential(
        torch.nn.Linear(12, 9), torch.nn.ReLU(), torch.nn.Linear(9, 6), torch.nn.ReLU(),
        torch.nn.Linear(6, 5))


def loss_of(net, x, y):
    return torch.nn.functional.cross_entropy(net(x), y)


def main():
    torch.manual_seed(3)
    start = {k: v.numpy().copy() for k, v in mlp().state_dict().items()}
    x = torch.randn(7, 12)
    y = torch.randint(0, 5, (7,))
    out = dict(start, x=x.numpy(), y=y.numpy())

    def fresh():
        net = mlp().double()
        net.load_state_dict({k: torch.from_numpy(v).double() for k, v in start.items()})
        return net

    x = x.double()
    net = fresh()
    loss_of(net, x, y).backward()
    out["logits"] = net(x).detach().numpy()
    out["loss"] = loss_of(net, x, y).detach().numpy()
    for n, p in net.named_parameters():
        out["grad/" + n] = p.grad.numpy()
    for i, opt in enumerate(SGD.values()):
        net = fresh()
        sgd = torch.optim.SGD(net.parameters(), **opt)
        for _ in range(STEPS):
            sgd.zero_grad()
            loss_of(net, x, y).backward()
            sgd.step()
        for n, p in net.named_parameters():
            out[f"sgd{i}/{n}"] = p.detach().numpy()
    meta = {f"sgd{i}": spec for i, spec in enumerate(SGD)}
    meta.update(arch="mlp:in=12,hidden=9+6,out=5", steps=str(STEPS))
    here = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(here, "mlp.safetensors"), out, meta)


if __name__ == "__main__":
    main()

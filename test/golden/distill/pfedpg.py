#!/usr/bin/python3
"""pFedPG's server in PyTorch's autograd, in double: a generator of three prompts of four numbers
for three clients, with a query a client and with one a prompt. Writes the generators, the models
that clients 0 and 2 ended with, what the generators make for all of them, and what becomes of the
first by one step of gradient descent (the product of its Jacobian with the clients' updates) and
of the second by three of Adam, a client a step.
remake: $PYTHON pfedpg.py
"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "method"))
import numpy as np
import torch
from ref import lcg, save

N, K, D, KEY = 3, 3, 4, 5
CLIENT = ('{"input":[2,4],"layers":[{"layer":"prompt","name":"prompt","prompts":3},'
          '{"layer":"attention","name":"attention"},{"layer":"flatten"},'
          '{"layer":"linear","name":"head","out":3}]}')


def fill(shapes, seed, scale):
    out = {}
    for i, (k, s) in enumerate(shapes.items()):
        v = (lcg(int(np.prod(s)), seed + i).astype(np.float32) - 127.5) / 127.5 * scale
        out[k] = v.reshape(s).astype(np.float32)
    return out


def generate(w, k, each):
    d = w["descriptor.weight"][k].reshape(K if each else 1, D)
    base = w["prompts.base"]
    query, key, value = (v @ w[f"prompts.{n}.weight"].T for v, n in
                         ((d, "query"), (base, "key"), (base, "value")))
    return base + torch.softmax(query @ key.T / KEY ** 0.5, 1) @ value @ w["prompts.out.weight"].T


members = {k: fill({"prompt.weight": (K, D), "attention.in_proj_weight": (3 * D, D),
                    "attention.in_proj_bias": (3 * D,), "attention.out_proj.weight": (D, D),
                    "attention.out_proj.bias": (D,), "head.weight": (3, 20), "head.bias": (3,)}, 20 + k, 1)
           for k in (0, 2)}
for k, w in members.items():
    save(f"{here}/pfedpg-{k}.safetensors", w,
         {"fl.kind": "model", "fl.client": str(k), "fl.round": "4", "fl.arch": CLIENT})
save(f"{here}/pfedpg-base.safetensors", members[0],
     {"fl.kind": "model", "fl.round": "0", "fl.arch": CLIENT})

for each in (0, 1):
    w0 = fill({"descriptor.weight": (N, D * (K if each else 1)), "prompts.base": (K, D),
               "prompts.query.weight": (KEY, D), "prompts.key.weight": (KEY, D),
               "prompts.value.weight": (KEY, D), "prompts.out.weight": (D, KEY)}, 50, 1.1)
    arch = f"pfedpg:clients={N},prompts={K},dim={D},key={KEY},each=" + ("on" if each else "off")
    save(f"{here}/pfedpg-h{each}.safetensors", w0, {"fl.kind": "model", "fl.round": "4", "fl.arch": arch})
    w = {k: torch.tensor(v.astype(float), requires_grad=True) for k, v in w0.items()}
    save(f"{here}/pfedpg-made{each}.safetensors",
         {str(k): generate(w, k, each).detach().numpy().astype(np.float32) for k in range(N)}, {})
    target = {k: torch.tensor(m["prompt.weight"].astype(float)) for k, m in members.items()}
    if each:
        opt = torch.optim.Adam(w.values(), lr=0.02)
        for _ in range(3):
            for k in target:
                opt.zero_grad()
                (((generate(w, k, each) - target[k]) ** 2).sum() / 2).backward()
                opt.step()
    else:
        made = {k: generate(w, k, each) for k in target}
        step = torch.autograd.grad(list(made.values()), list(w.values()),
                                   [made[k].detach() - target[k] for k in target])
        w = {k: v - 0.1 * g for (k, v), g in zip(w.items(), step)}
    save(f"{here}/pfedpg-want{each}.safetensors",
         {k: v.detach().numpy().astype(np.float32) for k, v in w.items()}, {})

#!/usr/bin/env python3
"""Writes steps/ beside this script: a hundred steps of each adapter as its authors train
it (optimiser, weight decay, a rate that falls as half a cosine every step), in PyTorch
in float64 from float32 weights, in stored order: data, first weights, weights and mean
loss of an epoch. Losses are those of losses.py. Needs numpy and torch (made with 1.13.1).
remake: $PYTHON steps.py
"""
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize, softplus

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import fed_record  # noqa: E402
import losses as made  # noqa: E402

DIM, HIDDEN, PAIRS, BATCH, EPOCHS = 16, 12, 38, 8, 20


def mlp(out=DIM):
    parts, last = [], DIM
    for _ in range(3):
        parts += [nn.Linear(last, HIDDEN), nn.ReLU()]
        last = HIDDEN
    return nn.Sequential(*parts, nn.Linear(HIDDEN, out))


class Part(nn.Module):
    """A module of named parts."""

    def __init__(self, **parts):
        super().__init__()
        for name, p in parts.items():
            setattr(self, name, p)


def columns(B, *scalars):
    return [s.reshape(1, 1).expand(B, 1) for s in scalars]


class AsymVLM(Part):
    def __init__(self, dist):
        super().__init__(text_adaptor=Part(etta=mlp(),
                                           temperature=nn.Parameter(torch.tensor(1.))))
        self.dist = dist

    def loss(self, t, x):
        a = self.text_adaptor
        return made.asymvlm(torch.cat([a.etta(t), normalize(x), *columns(len(t), a.temperature)], 1),
                            self.dist)


class PFE(Part):
    def __init__(self):
        super().__init__(image_adaptor=Part(logvar=mlp()), text_adaptor=Part(logvar=mlp()))

    def loss(self, t, x):
        return made.pfe(torch.cat([softplus(self.image_adaptor.logvar(x)),
                                   softplus(self.text_adaptor.logvar(t)), t, x], 1))


class Gauss(Part):
    def __init__(self, scale):
        super().__init__(img_enc=Part(logvar=mlp()), txt_enc=Part(logvar=mlp()))
        if scale:
            self.loss_func = Part(shift=nn.Parameter(5 * torch.ones(1)),
                                  negative_scale=nn.Parameter(5 * torch.ones(1)))

    def loss(self, t, x):
        t, x = normalize(t), normalize(x)
        o = [self.img_enc.logvar(x), self.txt_enc.logvar(t), t, x]
        if not hasattr(self, "loss_func"):
            return made.prolip(torch.cat(o, 1))
        f = self.loss_func
        return made.pcmepp(torch.cat(o + columns(len(t), f.shift, f.negative_scale), 1))


class BayesCap(nn.Module):
    def __init__(self):
        super().__init__()
        self.mod = nn.Sequential(nn.Linear(DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN),
                                 nn.ReLU(), nn.Identity(), nn.Linear(HIDDEN, DIM))
        for name in "block_mu", "block_alpha", "block_beta":
            setattr(self, name, nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, DIM)))

    def forward(self, x):
        h = x + self.mod(x)
        return [softplus(self.block_beta(h)), softplus(self.block_alpha(h)), self.block_mu(h)]


class ProbVLM(Part):
    def __init__(self):
        super().__init__(img_BayesCap=BayesCap(), txt_BayesCap=BayesCap())

    def loss(self, t, x):
        return made.probvlm(torch.cat(self.img_BayesCap(x) + self.txt_BayesCap(t) + [t, x], 1))


class Clip(Part):
    def __init__(self, residual, tau):
        tower = lambda: nn.Sequential(nn.Linear(DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, DIM))
        scale = nn.Parameter(-torch.log(torch.tensor(tau)))
        super().__init__(adaptor=Part(text=tower(), image=tower(), logit_scale=scale))
        self.residual = residual
        for t in (self.adaptor.text, self.adaptor.image) if residual else ():
            nn.init.zeros_(t[2].weight)
            nn.init.zeros_(t[2].bias)

    def loss(self, t, x):
        a = self.adaptor
        u, v = [self.residual * z + g(z) for g, z in ((a.text, normalize(t)), (a.image, normalize(x)))]
        return made.clip(torch.cat([u, v, *columns(len(t), a.logit_scale)], 1), learn=True)


ARCH = f"dim={DIM},hidden={HIDDEN}"
METHODS = {
    "asymvlm-vmf": (f"asymvlm:{ARCH},dist=vmf", lambda: AsymVLM("vmf")),
    "asymvlm-ps": (f"asymvlm:{ARCH},dist=ps", lambda: AsymVLM("ps")),
    "pfe": (f"pfe:{ARCH}", PFE),
    "pcmepp": (f"pcmepp:{ARCH}", lambda: Gauss(True)),
    "prolip": (f"prolip:{ARCH}", lambda: Gauss(False)),
    "probvlm": (f"probvlm:{ARCH}", ProbVLM),
    "clip": (f"clip:{ARCH},tau=0.5", lambda: Clip(1, .5)),
    "clip-free": (f"clip:{ARCH},residual=off", lambda: Clip(0, .07)),
}


def optimiser(name, params):
    sgd = lambda lr: torch.optim.SGD(params, lr=lr, momentum=.9, weight_decay=5e-4)
    adamw = lambda lr, wd: torch.optim.AdamW(params, lr=lr, weight_decay=wd)
    return {"asymvlm-vmf": lambda: sgd(1e-2), "asymvlm-ps": lambda: sgd(1e-2),
            "pfe": lambda: sgd(1e-3), "pcmepp": lambda: adamw(5e-4, 1e-4),
            "prolip": lambda: adamw(5e-4, 5e-4), "probvlm": lambda: adamw(1e-4, 5e-4),
            "clip": lambda: adamw(5e-4, 1e-4), "clip-free": lambda: adamw(5e-4, 1e-4)}[name]()


def train(name, net, t, x):
    net = net.double()
    opt = optimiser(name, net.parameters())
    steps = -(-PAIRS // BATCH)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=EPOCHS * steps, eta_min=1e-6)
    losses = []
    for _ in range(EPOCHS):
        total = 0
        for i in range(0, PAIRS, BATCH):
            loss = net.loss(t[i:i + BATCH], x[i:i + BATCH])
            opt.zero_grad()
            loss.backward()
            opt.step()
            rate.step()
            total += loss.item() * len(t[i:i + BATCH])
        losses.append(total / PAIRS)
    return np.array(losses)


def weights(net):
    return {k: v.detach().float().numpy().copy() for k, v in net.state_dict().items()}


def main():
    folder = os.path.join(HERE, "steps")
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(2)
    t = 2 * torch.randn(PAIRS, DIM)
    x = t + torch.randn(PAIRS, DIM)
    pairs = np.stack([np.arange(PAIRS)] * 2, 1)
    fed_record.save(os.path.join(folder, "data.safetensors"),
                    dict(text=t.numpy(), image=x.numpy(), pairs=pairs), kind="data", client=0)
    for name, (arch, build) in METHODS.items():
        net = build()
        fed_record.save(os.path.join(folder, f"init-{name}.safetensors"), weights(net),
                        kind="model", arch=arch, round=0)
        losses = train(name, net, t.double(), x.double())
        fed_record.save(os.path.join(folder, f"want-{name}.safetensors"),
                        dict(weights(net), losses=losses))


if __name__ == "__main__":
    main()

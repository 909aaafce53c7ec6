#!/usr/bin/env python3
"""Writes golden.safetensors beside this script: five steps of FedOpt's servers
and ten of AdaFedAdam's on four parameters, in NumPy's float64; and Adam's by
torch.optim.Adam. Needs numpy and torch (made with 1.24 and 1.13)."""
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from fed_record import check, save  # noqa: E402

i = np.arange(4)
BETA2, TAU = 0.99, 1e-3


def fedopt(second, v0, beta1=0.9, lr=0.1):
    """Reddi et al., algorithm 2; x after each of five rounds."""
    x, m, v, out = np.zeros(4), np.zeros(4), np.full(4, v0), []
    for t in range(5):
        d = 0.1 * np.sin(1 + i + 3 * t)
        m = beta1 * m + (1 - beta1) * d
        v = second(v, d * d)
        x = x + lr * m / (np.sqrt(v) + TAU)
        out.append(x)
    return np.array(out)


def adagrad(v, d2):
    return v + d2


def adam(v, d2):
    return BETA2 * v + (1 - BETA2) * d2


def yogi(v, d2):
    return v - (1 - BETA2) * d2 * np.sign(v - d2)


def momentum():
    x, v, out = np.zeros(4), np.zeros(4), []
    for t in range(5):
        v = 0.9 * v + 0.1 * np.sin(1 + i + 3 * t)
        x = x + v
        out.append(x)
    return np.array(out)


def feddyn(fraction, alpha=0.3):
    """Acar et al., algorithm 1, in the paper's h: the clients' mean change is d."""
    x, h, out = np.zeros(4), np.zeros(4), []
    for t in range(5):
        d = 0.1 * np.sin(1 + i + 3 * t)
        h = h - alpha * fraction * d
        x = x + d - h / alpha
        out.append(x)
    return np.array(out)


def adafedadam(warmup, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    x, m, v, cm, cv, out = np.zeros(4), np.zeros(4), np.zeros(4), 1, 1, []
    for t in range(10):
        g, C = np.sin(1 + i + 3 * t), 1 + t / 2
        m = b1 ** C * m + (1 - b1 ** C) * g
        v = b2 ** C * v + (1 - b2 ** C) * g * g
        cm, cv = cm * b1 ** C, cv * b2 ** C
        x = x - lr * (C if t >= warmup else 1) * (m / (1 - cm)) / (np.sqrt(v / (1 - cv)) + eps)
        out.append(x)
    return np.array(out)


def torch_adam(**opts):
    x = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    opt, out = torch.optim.Adam([x], **opts), []
    for t in range(10):
        x.grad = torch.from_numpy(np.sin(1 + i + 3 * t))
        opt.step()
        out.append(x.detach().numpy().copy())
    return np.array(out)


def main():
    out = {
        "fedadagrad:lr=0.1": fedopt(adagrad, TAU ** 2, 0),
        "fedadagrad:lr=0.1,v0=0": fedopt(adagrad, 0, 0),
        "fedadam:lr=0.1": fedopt(adam, TAU ** 2),
        "fedadam:lr=0.1,v0=0": fedopt(adam, 0),
        "fedyogi:lr=0.1": fedopt(yogi, TAU ** 2),
        "fedyogi:lr=0.1,v0=0": fedopt(yogi, 0),
        "momentum:lr=1": momentum(),
        "feddyn:fraction=0.3": feddyn(0.3),
        "adafedadam": adafedadam(0),
        "adafedadam:warmup=6": adafedadam(6),
        "torch/adam": torch_adam(lr=1e-3),
        "torch/fedadam": torch_adam(lr=0.1, betas=(0.9, 0.99), eps=1e-3),
    }
    # Worked examples, x after the first and the fifth round.
    for name, first, fifth in (
            ("fedadagrad:lr=0.1", (0.0988186661, 0.0989062969, 0.0931645871, -0.0986873807),
             (0.0724745703, 0.0803680338, 0.0788746626, -0.0696519944)),
            ("fedadagrad:lr=0.1,v0=0", (0.0988255619, 0.0989122128, 0.0933827425, -0.0986958832),
             (0.0724800445, 0.0803727821, 0.0790613702, -0.0696586762)),
            ("fedadam:lr=0.1", (0.0888252470, 0.0896102327, 0.0517549112, -0.0876623671),
             (0.1684770368, 0.1531550050, 0.0618591312, -0.1699226637)),
            ("fedadam:lr=0.1,v0=0", (0.0893783237, 0.0900921178, 0.0585268760, -0.0883286988),
             (0.1692237472, 0.1537154207, 0.0678742269, -0.1708576423)),
            ("fedyogi:lr=0.1", (0.0888197147, 0.0896054060, 0.0517000527, -0.0876557165),
             (0.1678267743, 0.1527048076, 0.0617067317, -0.1692346592)),
            ("fedyogi:lr=0.1,v0=0", (0.0893783237, 0.0900921178, 0.0585268760, -0.0883286988),
             (0.1685815840, 0.1532715996, 0.0677685729, -0.1701795250))):
        check(name, out[name][0], *first)
        check(name, out[name][4], *fifth)
    check("momentum", out["momentum:lr=1"][4], 0.2010224657, 0.2197710124, 0.0364631038,
          -0.1803688143)
    # The authors' optimiser, in float64.
    for t, want in (
            (0, (-0.000999999988116, -0.000999999989002, -0.000999999929138, 0.000999999986787)),
            (1, (-0.000788439726278, -0.000712490380256, -0.000468897501985, 0.000805746472845)),
            (5, (-0.00106781167779, -0.000883900443465, -0.000549095155789, 0.00112672668491)),
            (6, (-0.00133433543244, -0.0018702018622, -0.00194064442684, 0.00107386159088)),
            (9, (-0.00228351880289, -0.000798160649935, -0.000115824336689, 0.00258626163961))):
        check("adafedadam %d" % t, out["adafedadam:warmup=6"][t], *want, tol=6e-15)
    save(os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, "golden.safetensors"), out,
         made="test/golden/server/make.py")


main()

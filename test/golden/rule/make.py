#!/usr/bin/env python3
"""Writes golden.safetensors beside this script: what NumPy, in float64, gives
for q-FedAvg and AdaFedAdam's weights on three clients with four parameters, and
for median, trimmed mean, Krum and FedCAC on seven. Needs numpy (made with 1.24)."""
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from fed_record import check, save  # noqa: E402

i = np.arange(4)
CHANGE = np.array([-0.1 * np.sin(1 + i + 2 * k) for k in range(3)])	# w_k - w
GRAD = np.array([0.5 * np.cos(1 + i + 2 * k) for k in range(3)])
EXAMPLES = np.array([10, 20, 30])
LOSS = np.array([0.5, 1, 2])
LOSS_START = np.array([1, 1.25, 2])
RATE = 0.1


def qfedavg(q, L=10.0):
    norm2 = L * L * (CHANGE ** 2).sum(1)
    h = q * LOSS ** (q - 1) * norm2 + L * LOSS ** q
    return h, (L * LOSS[:, None] ** q * CHANGE).sum(0) / h.sum()


def adafedadam(alpha, loss_start=LOSS_START):
    norm, gnorm = np.linalg.norm(CHANGE, axis=1), np.linalg.norm(GRAD, axis=1)
    W = EXAMPLES * (LOSS / loss_start) ** alpha
    w = W / W.sum()
    certainty = np.log(norm / gnorm / RATE) + 1
    return w, w @ (-CHANGE * (gnorm / norm)[:, None]), w @ certainty, certainty


def krum(u, f, m):
    K = len(u)
    d = ((u[:, None] - u[None]) ** 2).sum(2)
    score = np.array([np.sort(np.delete(d[k], k))[:K - f - 2].sum() for k in range(K)])
    return u[np.argsort(score, kind="stable")[:m]].mean(0)


def trimmean(u, beta):
    cut = int(beta * len(u))
    return np.sort(u, 0)[cut:len(u) - cut].mean(0)


def fedcac(w, mask, n, beta, t):
    K = len(w)
    O = np.array([[1 - np.abs(mask[a] - mask[b]).sum() / (2 * mask[a].sum()) for b in range(K)]
                  for a in range(K)])
    off = O[~np.eye(K, dtype=bool)]
    T = off.mean() + (t + 1) / beta * (off.max() - off.mean())
    mean = (n[:, None] * w).sum(0) / n.sum()
    near = (O >= T) | np.eye(K, dtype=bool)
    assert 0 < (near.sum() - K) < K * K - K		# some collaborate, not all
    assert np.abs(off - T).min() > 1e-9		# nobody stands on the threshold
    return np.array([np.where(mask[k] == 1, w[near[k]].mean(0), mean) for k in range(K)])


def main():
    out = {}
    # The worked examples of the papers' formulas, to ten digits.
    for q, h, w in (
            (0, (10, 10, 10), (-0.0007888906, 0.0042306856, 0.0053605889, 0.0015619916)),
            (1, (7.1275601023, 11.5902736588, 22.4080699162),
             (0.0329717508, 0.0209353400, -0.0103489258, -0.0321184370)),
            (5, (0.9773625320, 17.9513682938, 512.6455932984),
             (0.0574109008, 0.0181906508, -0.0377539997, -0.0589877970))):
        out["q%d/h" % q], out["q%d/w" % q] = qfedavg(q)
        check("q%d h" % q, out["q%d/h" % q], *h)
        check("q%d w" % q, out["q%d/w" % q], *w)
    for alpha, C, g in (
            (0, 1.7379933905, (-0.1001813762, -0.1409764524, -0.0521584284, 0.0846138141)),
            (1, 1.7559442985, (-0.1633693112, -0.1711368788, -0.0215619893, 0.1478368937)),
            (2, 1.7750005464, (-0.2118441463, -0.1833049970, 0.0137639212, 0.1981783537))):
        _, out["a%d/g" % alpha], out["a%d/C" % alpha], each = adafedadam(alpha)
        check("a%d g" % alpha, out["a%d/g" % alpha], *g)
        check("a%d C" % alpha, out["a%d/C" % alpha], C)
        check("C_k", each, 1.7570139269, 1.4853436426, 1.9000863769)
    _, out["raw/g"], out["raw/C"], _ = adafedadam(1, np.ones(3))
    check("authors' g", out["raw/g"], -0.2315233031, -0.1646934905, 0.0535547578, 0.2225650087)
    check("authors' C", out["raw/C"], 1.7940838248)
    out["mean/w"] = EXAMPLES @ CHANGE / 60
    check("mean", out["mean/w"], 0.0292176971, 0.0240425676, -0.0032371876, -0.0275406875)
    out["in/change"], out["in/gradnorm"] = CHANGE, np.linalg.norm(GRAD, axis=1)

    # Seven clients with float32 updates of 3 x 5, and masks.
    rng = np.random.default_rng(7)
    u = rng.normal(size=(7, 15)).astype("f4")
    u[5] *= 20
    model = rng.normal(size=15).astype("f4")
    mask = np.zeros((7, 15), "u1")
    for k in range(7):
        mask[k, rng.permutation(15)[:7]] = 1
        if k in (2, 3):
            mask[k, :10] = mask[0, :10]
    n = rng.integers(1, 100, 7)
    d = u.astype(float)
    out.update({"rob/u": u, "rob/model": model, "rob/mask": mask, "rob/n": n.astype("i8"),
                "rob/median": np.median(d, 0), "rob/median6": np.median(d[:6], 0),
                "rob/trimmean": trimmean(d, 0.3), "rob/krum": krum(d, 2, 1),
                "rob/multikrum": krum(d, 1, 4),
                "rob/fedcac": fedcac(model + d, mask.astype(float), n, 10.0, 2)})
    save(os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, "golden.safetensors"),
         {k: np.asarray(v) for k, v in out.items()}, made="test/golden/rule/make.py")


main()

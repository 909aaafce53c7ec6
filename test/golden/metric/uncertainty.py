#!/usr/bin/python3
"""Prints uncertainty.h: answers ordered by uncertainty and calibration, by scikit-learn,
SciPy and NumPy, for test/unit/uncertainty.c. Curves over ties by averaging every order
of the tied answers where these are few.
remake: $PYTHON uncertainty.py >uncertainty.h
"""
import itertools
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import linregress, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

warnings.simplefilter("ignore")
nan = float("nan")


def bins(u, y, B):
    order = np.argsort(u, kind="stable")
    n = len(u) // B
    yb = y[order][: n * B].reshape(B, n).mean(1)
    if np.ptp(yb) == 0:
        return [nan] * 4
    s = spearmanr(np.arange(B), yb).correlation
    line = linregress(np.arange(B), yb)
    return [s, line.rvalue**2, -s * line.rvalue**2, np.corrcoef(np.arange(B), yb)[0, 1]]


def orders(u):
    """Every order by u, all those of equal u included; one where there are too many."""
    groups = [np.flatnonzero(u == v) for v in np.unique(u)]
    if np.prod([float(np.prod(np.arange(1, len(g) + 1.0))) for g in groups]) > 50000:
        return None
    return [np.concatenate(p) for p in itertools.product(*[itertools.permutations(g) for g in groups])]


def risks(u, y):
    """Expected risk of the i most certain, i = 1..n."""
    o = orders(u)
    if o is not None:
        err = 1 - y[np.array([list(map(int, p)) for p in o])]
        return (np.cumsum(err, 1) / np.arange(1, len(u) + 1)).mean(0)
    err = np.empty(len(u))
    order = np.argsort(u, kind="stable")
    for v in np.unique(u):
        err[u[order] == v] = (1 - y[u == v]).mean()
    return np.cumsum(err) / np.arange(1, len(u) + 1)


def coverage(u, y, risk):
    best = 0
    for v in np.unique(u):
        if (1 - y[u <= v]).mean() <= risk + 1e-15:
            best = (u <= v).mean()
    return best


def doubt(u, y, B):
    u, y = np.array(u, float), np.array(y, float)
    n, r = len(u), 1 - y.mean()
    curve = risks(u, y)
    best = (np.cumsum(np.sort(1 - y)) / np.arange(1, n + 1)).mean()
    binary = np.all((y == 0) | (y == 1))
    opt = r + (0 if r == 1 else (1 - r) * np.log(1 - r))
    right = y >= 0.5
    out = bins(u, y, B) + [curve.mean(), curve.mean() - opt if binary else nan, curve.mean() - best]
    out += [curve[-(-p * n // 100) - 1] for p in (80, 90, 95)]
    out += [coverage(u, y, 0.01), coverage(u, y, 0.05)]
    if 0 < right.sum() < n:
        fpr, tpr, _ = roc_curve(right, -u, drop_intermediate=False)
        k = np.argmax(tpr >= 0.95)
        at = fpr[k - 1] + (fpr[k] - fpr[k - 1]) * (0.95 - tpr[k - 1]) / (tpr[k] - tpr[k - 1])
        out += [roc_auc_score(~right, u), at]
    else:
        out += [nan, nan]
    out.append(average_precision_score(right, -u) if right.any() else nan)
    out.append(average_precision_score(~right, u) if (~right).any() else nan)
    return out


def calibration(conf, right, M):
    edges, n = np.linspace(0, 1, M + 1), len(conf)
    gaps = []
    for b in range(M):
        at = (conf > edges[b]) & (conf <= edges[b + 1])
        if b == 0:
            at |= conf == 0
        if at.any():
            gaps.append((at.sum(), abs(right[at].mean() - conf[at].mean())))
    runs = np.array_split(np.argsort(conf, kind="stable"), M)
    ace = sum(len(r) * abs(right[r].mean() - conf[r].mean()) for r in runs if len(r)) / n
    return [sum(k * g for k, g in gaps) / n, max(g for _, g in gaps), ace]


def text(values):
    return ", ".join("NAN" if np.isnan(v) else repr(float(v)) for v in values)


def main():
    rng = np.random.default_rng(7)
    print("/* Printed by uncertainty.py. */\n#include <math.h>\n")
    print("static const struct { int n, bins; double u[200], y[200], want[16]; } golden[] = {")

    def case(u, y, B):
        print(f"\t{{ {len(u)}, {B}, {{ {text(u)} }},\n\t  {{ {text(y)} }},\n\t  {{ {text(doubt(u, y, B))} }} }},")

    u = rng.random(60)
    case(u, (rng.random(60) > u).astype(float), 5)
    case(u, (rng.random(60) > 1 - u).astype(float), 4)
    u = np.round(rng.random(103), 1)
    case(u, (rng.random(103) > 0.7 * u).astype(float), 10)
    u = np.array([0.5, 0.1, 0.1, 0.9, 0.5, 0.5, 0.1, 0.7, 0.9, 0.3, 0.2])
    case(u, [1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1], 3)
    case(u, [1, 0.25, 0.5, 0, 1, 0.75, 1, 0.125, 0, 1, 1], 2)
    case(rng.random(12), np.ones(12), 3)
    case(rng.random(12), np.zeros(12), 3)
    case(np.zeros(20), (np.arange(20) % 4 > 0).astype(float), 5)
    u = rng.random(150)
    case(u, np.round(np.clip(1 - 0.5 * u + 0.2 * rng.normal(size=150), 0, 1), 2), 10)
    case(np.arange(200), (np.arange(200) < 170).astype(float), 10)
    print("};")

    print("static const struct { int n, M; double conf[60], right[60], want[3]; } binned[] = {")
    for conf, M in (rng.random(60), 15), (np.round(rng.random(50), 1), 10), (np.array([0, 0.2, 1, 0.2, 1.0]), 5), \
            (np.arange(16) / 15, 15), (rng.random(7) ** 0.1, 15):
        right = (rng.random(len(conf)) < conf).astype(float)
        print(f"\t{{ {len(conf)}, {M}, {{ {text(conf)} }},\n\t  {{ {text(right)} }},\n"
              f"\t  {{ {text(calibration(conf, right, M))} }} }},")
    print("};")

    print("static const struct { int n, c, y[40]; float z[200]; double beta, top[40], place[40],")
    print("\tconf[40], nll[40], brier[40], best; } logits[] = {")
    for n, C, beta in (40, 5, 1.0), (40, 5, 3.5), (20, 2, 0.25):
        z = rng.normal(size=(n, C)).astype(np.float32) * np.float32(2)
        z[0] = z[0, 0]
        z[1, :2] = 9
        y = np.where(rng.random(n) < 0.7, z.argmax(1), rng.integers(0, C, n))
        p, lp = softmax(beta * z.astype(float), 1), log_softmax(beta * z.astype(float), 1)
        i = np.arange(n)
        place = [int((z[k] > z[k, y[k]]).sum() + (z[k, : y[k]] == z[k, y[k]]).sum()) for k in i]
        brier = ((p - np.eye(C)[y]) ** 2).sum(1)
        best = minimize_scalar(lambda t: -log_softmax(np.exp(t) * z.astype(float), 1)[i, y].mean(),
                               bracket=(-1, 1), tol=1e-14)
        print(f"\t{{ {n}, {C}, {{ {', '.join(map(str, y))} }}, {{ {', '.join(repr(float(v)) for v in z.ravel())} }},")
        print(f"\t  {beta}, {{ {text(z.argmax(1))} }}, {{ {text(place)} }},\n\t  {{ {text(p.max(1))} }},")
        print(f"\t  {{ {text(-lp[i, y])} }},\n\t  {{ {text(brier)} }}, {float(np.exp(best.x))!r} }},")
    print("};")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Rules over facts, in NumPy in float64: what they make of files, against what they should.
usage: check.py feddisco METRIC A B MODEL UPDATES GOT [STATISTIC]
       check.py flag RANK LAMBDA ITERATIONS PER MODEL UPDATES GOT
       check.py cafed KAPPA RHO PRIOR PI LAMBDA EXCLUDE ROUNDS
       check.py fedpub SCALE PROBES SEED UPDATES FOLDER MODEL..."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, stream


def updates(path):
    got = [(int(m["fl.client"]), {n: t.astype(float) for n, t in u.items()}, m) for u, m, _ in stream(path)]
    return sorted(got, key=lambda x: x[0])


def same(what, got, want, rtol=2e-6, atol=2e-7):
    assert np.allclose(got, want, rtol=rtol, atol=atol), (what, np.abs(got - want).max())


def moved(model, got):
    return {n: got[n].astype(float) - model[n] for n in model if not n.startswith("@")}


def feddisco(metric, a, b, model, ups, got, stat=None):
    us = updates(ups)
    D = np.array([u["@fact/counts"] / u["@fact/counts"].sum() for _, u, _ in us])
    R = np.full(D.shape[1], 1 / D.shape[1])
    if stat:
        n = load(stat)[0]["count"]
        R = n / n.sum()
    if metric == "kl":
        with np.errstate(divide="ignore", invalid="ignore"):
            d = np.where(D > 0, D * np.log(D / R), 0).sum(1)
        d = d / d.sum() if d.sum() > 0 else d
    elif metric == "cosine":
        d = 1 - D @ R / np.linalg.norm(D, axis=1) / np.linalg.norm(R)
    else:
        d = np.linalg.norm(D - R, ord=int(metric[1]), axis=1)
    n = np.array([float(m["fl.examples"]) for _, _, m in us])
    p = n / n.sum()
    w = np.maximum(p - float(a) * d + float(b), 0)
    w = w / w.sum() if w.sum() > 0 else p
    print("weights", w)
    for name, step in moved(load(model)[0], load(got)[0]).items():
        same(name, step, sum(x * u[name] for x, (_, u, _) in zip(w, us)))


def flag_of(X, r, lam, its):
    """Columns X (d,K) of unit length or zeros; singular vectors of the columns themselves."""
    K = X.shape[1]
    r = r or -(-(K + 1) // 2)
    Y, last = np.zeros((X.shape[0], 0)), None
    err = [K]
    for _ in range(its):
        def w(v):
            return (abs(1 - np.sum((Y.T @ v) ** 2)) + 1e-7) ** -.25
        cols = [w(X[:, i]) * X[:, i] for i in range(K)]
        if lam > 0:
            cols += [w(X[:, i] - X[:, j]) * lam / (K * (K - 1)) * (X[:, i] - X[:, j])
                     for i in range(K) for j in range(K) if i != j]
        U, s, _ = np.linalg.svd(np.stack(cols, 1), full_matrices=False)
        last, Y = Y, U[:, :r][:, s[:r] > 1e-6 * s[0]]
        err.append(np.sqrt(np.maximum(1 - np.sum((Y.T @ X) ** 2, 0), 0)).sum())
        gain = err[-2] - err[-1]
        if len(err) > 2 and not gain > 0:
            Y = last
        if gain <= 1e-10 or err[-1] <= 1e-10:
            break
    return (Y @ (Y.T @ X)).sum(1) / r


def flag(rank, lam, its, per, model, ups, got):
    us = updates(ups)
    steps = moved(load(model)[0], load(got)[0])
    groups = [[n] for n in steps] if per == "tensor" else [list(steps)]
    for g in groups:
        X = np.stack([np.concatenate([u[n].ravel() for n in g]) for _, u, _ in us], 1)
        X = X / np.maximum(np.linalg.norm(X, axis=0), 1e-300)
        same(g, np.concatenate([steps[n].ravel() for n in g]),
             flag_of(X, int(rank), float(lam), int(its)), rtol=2e-5, atol=1e-6)


def cafed(kappa, rho, prior, pi, lam, exclude, rounds):
    """Rounds 1..N of uR.sts and models R.safetensors: from who was there, anew each round."""
    kappa, rho, s, pi0, lam0 = map(float, (kappa, rho, prior, pi, lam))
    there, loss, n, best, out = {}, {}, {}, {}, 0
    for r in range(1, int(rounds) + 1):
        us = updates(f"u{r}.sts")
        for k, u, m in us:
            there.setdefault(k, [0] * (r - 1))
            f = float(m["fl.loss0"])
            loss[k] = rho * loss[k] + (1 - rho) * f if k in loss else f
            n[k] = float(m["fl.examples"])
            best[k] = float(u.get("@fact/optimum", best.get(k, 0)))
        ids = sorted(there)
        for k in ids:
            there[k].append(int(k in [x[0] for x in us]))
        def rate(count, of, prior):
            return (count + s * prior) / (of + s) if of + s else prior
        hist = np.array([there[k] for k in ids])
        P = np.array([rate(h.sum(), r, pi0) for h in hist])
        A, B = hist[:, :-1], hist[:, 1:]
        L = np.array([rate((a & b).sum(), a.sum(), lam0 + (1 - lam0) * pi0) +
                      rate(((1 - a) & (1 - b)).sum(), (1 - a).sum(), 1 - (1 - lam0) * pi0) - 1
                      for a, b in zip(A, B)])
        alpha = np.array([n[k] for k in ids])
        alpha /= alpha.sum()
        gap = np.array([loss[k] - best[k] for k in ids])
        def J(q):
            w = P * q / (P * q).sum()
            return w @ gap + kappa * gap.max() * (abs(alpha - w).sum() / 2) ** 2
        q = alpha / P
        for order in (sorted(range(len(ids)), key=lambda i: -abs(L[i])), sorted(range(len(ids)), key=lambda i: P[i])):
            for i in order if exclude == "on" else []:
                t = q.copy()
                t[i] = 0
                if not t.any():
                    break
                if J(t) <= J(q):
                    q = t
        out += (q == 0).sum()
        before, after = load(f"{r - 1}.safetensors")[0], load(f"{r}.safetensors")[0]
        for name, step in moved(before, after).items():
            same((r, name), step, sum(q[ids.index(k)] * u[name] for k, u, _ in us))
    print("left out", out)
    assert (out > 0) == (exclude == "on")


def normal(seed, sub):
    """N(0,1) by Marsaglia's polar method from Philox, as base/rng.h has them."""
    g = np.random.Philox(key=seed | 8 << 64, counter=((sub << 192) - 1) % 2 ** 256)
    while True:
        u, v = (2 * (int(x) >> 11) / 2 ** 53 - 1 for x in g.random_raw(2))
        s = u * u + v * v
        if 0 < s < 1:
            f = np.sqrt(-2 * np.log(s) / s)
            yield u * f
            yield v * f


def fedpub(scale, probes, seed, ups, folder, *models):
    us = updates(ups)
    base = [load(models[k % len(models)])[0] for k in range(len(us))]
    w = [{n: b[n].astype(float) + u.get(n, 0) for n in b} for b, (_, u, _) in zip(base, us)]
    d = w[0]["0.weight"].shape[1]
    x = np.array([[z for z, _ in zip(normal(int(seed), i), range(d))] for i in range(int(probes))])
    def answer(m):
        h = np.maximum(x @ m["0.weight"].T + m["0.bias"], 0)
        return (h @ m["2.weight"].T + m["2.bias"]).mean(0)
    e = np.array([answer(m) for m in w])
    c = e @ e.T / np.linalg.norm(e, axis=1) / np.linalg.norm(e, axis=1)[:, None]
    S = np.exp(float(scale) * c)
    S /= S.sum(1)[:, None]
    print(S.round(3))
    for i, (k, _, _) in enumerate(us):
        got = load(f"{folder}/{k:04d}.safetensors")[0]
        for n in got:
            same((k, n), got[n], sum(s * m[n] for s, m in zip(S[i], w)), rtol=2e-5, atol=2e-6)


globals()[sys.argv[1]](*sys.argv[2:])

#!/usr/bin/python3
"""Servers that see all of an update before they step, and what clients sent beside it: NumPy's
float64 beside two rounds of the tools.
usage: whole.py fedexp MODEL | whole.py mimeadam (a folder is filled where it runs)"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save


def run(*args):
    subprocess.run(args, check=True)


def fedexp(path):
    """Equal directions need no longer step; others do."""
    for case, spread in enumerate([0.01, 1.0, 9.0]):
        w, _, base = load(path)
        n, u, files = [10, 12, 9], [], []
        r = np.random.default_rng(case)
        common = {a: r.normal(size=v.shape) for a, v in w.items()}
        for k in range(3):
            u.append({a: (common[a] + spread * r.normal(size=v.shape)).astype("f4") for a, v in w.items()})
            files.append(f"{case}-{k}.safetensors")
            save(files[-1], u[k], kind="update", client=k, round=1, base=base, examples=n[k])
        for weight, p in ("examples", np.array(n) / sum(n)), ("uniform", np.ones(3) / 3):
            run("fl-aggregate", "-m", path, "-S", f"fedexp:eps=0.1,weight={weight}", "-o", "got", *files)
            square = sum(p[k] * sum((v.astype(float) ** 2).sum() for v in u[k].values()) for k in range(3))
            mean = {a: sum(p[k] * u[k][a].astype(float) for k in range(3)) for a in w}
            rate = max(1, square / (2 * (sum((v ** 2).sum() for v in mean.values()) + 0.1)))
            assert (rate > 1) == (spread > 2), rate
            for a in w:
                assert np.allclose(load("got")[0][a], w[a] + rate * mean[a], rtol=1e-6, atol=1e-6), a


def gradient(w, x, y):
    z = x @ w["0.weight"].T + w["0.bias"]
    q = np.exp(z - z.max(1, keepdims=True))
    q = q / q.sum(1, keepdims=True) - np.eye(z.shape[1])[y]
    return {"0.weight": q.T @ x / len(y), "0.bias": q.mean(0)}


def mimeadam():
    B1, B2, V0, EPS, LR = 0.8, 0.9, 0.5, 0.01, 0.3
    r = np.random.default_rng(5)
    data = []
    for k, n in enumerate([6, 9]):
        x, y = r.normal(size=(n, 4)).astype("f4"), r.integers(0, 3, n)
        data.append((x.astype(float), y))
        save(f"c{k}.safetensors", {"x": x, "y": y.astype("i8")}, kind="data", client=k, classes=3)
    run("fl-init", "-a", "logreg:in=4,out=3", "-s", "1", "-o", "g0.safetensors")
    w = {a: v.astype(float) for a, v in load("g0.safetensors")[0].items()}
    m = {a: 0 * v for a, v in w.items()}
    v = {a: 0 * x + V0 for a, x in w.items()}
    for t in range(3):
        run("fl-local-train", "-m", f"g{t}.safetensors", "-M", f"mimeadam:beta1={B1},eps={EPS},v0={V0}",
            "--opt", f"sgd:lr={LR}", "-b", "3", "-e", "2", "--shuffle", "none", "-o", "u.sts",
            "c0.safetensors", "c1.safetensors")
        run("fl-aggregate", "-n", "2", "-m", f"g{t}.safetensors", "-S", f"mimeadam:beta1={B1},beta2={B2},v0={V0}",
            "--state", "s", "-j", "2", "-o", f"g{t + 1}.safetensors", "u.sts")
        new, c, total = {a: 0 for a in w}, {a: 0 for a in w}, sum(len(y) for _, y in data)
        for x, y in data:
            own, share = dict(w), len(y) / total
            for _ in range(2):
                for i in range(0, len(y), 3):
                    g = gradient(own, x[i:i + 3], y[i:i + 3])
                    own = {a: own[a] - LR * ((1 - B1) * g[a] + B1 * m[a]) / (np.sqrt(v[a]) + EPS) for a in own}
            full = gradient(w, x, y)
            for a in w:
                new[a] = new[a] + share * own[a]
                c[a] = c[a] + share * full[a]
        m = {a: B1 * m[a] + (1 - B1) * c[a] for a in w}
        v = {a: B2 * v[a] + (1 - B2) * c[a] ** 2 for a in w}
        w = new
        got = load(f"g{t + 1}.safetensors")[0]
        assert sorted(got) == sorted([*w] + [f"@mimeadam/{s}/{a}" for s in "mv" for a in w]), sorted(got)
        for a in w:
            assert np.allclose(got[a], w[a], rtol=1e-5, atol=1e-6), (t, a)
            assert np.allclose(got["@mimeadam/m/" + a], m[a], rtol=1e-4, atol=1e-7), (t, a)
            assert np.allclose(got["@mimeadam/v/" + a], v[a], rtol=1e-4, atol=1e-7), (t, a)


fedexp(sys.argv[2]) if sys.argv[1] == "fedexp" else mimeadam()

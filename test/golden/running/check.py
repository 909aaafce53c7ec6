#!/usr/bin/python3
"""What becomes of running statistics, in NumPy in float64: seven clients of a small net
with batch normalisation, one of them a liar.

usage: check.py WHAT ARGUMENT...: the functions below. What is asked to change a file
replaces it."""
import itertools
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fed_record import record, stream  # noqa: E402

STATS = ("running_mean", "running_var", "num_batches_tracked")
ROWS = (80, 800, 1600, 2000, 2400, 3200, 4000)
LIAR, TIMES = 3, -20


def is_stat(name):
    return name.rsplit(".", 1)[-1] in STATS and name[0] != "@"


def write(path, records):
    with open(path, "wb") as f:
        for tensors, meta, _ in records:
            f.write(record(tensors, **{k[3:]: v for k, v in meta.items()})[0])
        if path.endswith(".sts"):
            f.write(record({}, v=1, kind="end", count=len(records))[0])


def client(k, x, y):
    write(f"{k}.safetensors", [({"x": x.astype("f4"), "y": y}, {
        "fl.v": 1, "fl.kind": "data", "fl.client": k, "fl.classes": 2}, None)])


def data():
    """Clients 0 to 6, of 80 to 4000 rows."""
    rng = np.random.default_rng(12)
    for k, n in enumerate(ROWS):
        x = rng.normal(size=(n, 4)) * (1 + k) + np.array([3 * k, -1, 0.1 * k, 2])
        y = (x @ np.array([1, -1, 0.5, 2]) - 3 * k + rng.normal(size=n) > 4).astype("i8")
        client(k, x, y)


def constant():
    """Seven clients whose inputs never change."""
    for k in range(7):
        client(k, np.full((24, 4), 0.3 + k), np.arange(24) % 2)


def rows(n):
    """A client of so many rows."""
    client(n, np.random.default_rng(3).normal(size=(int(n), 4)) + 1, np.arange(int(n)) % 2)


def lie(path, everything=""):
    """Client 3's trained tensors, or all of them, times -20."""
    out = list(stream(path))
    for tensors, meta, _ in out:
        if int(meta["fl.client"]) == LIAR:
            tensors.update({n: np.float32(TIMES) * t for n, t in tensors.items()
                            if n[0] != "@" and (everything or not is_stat(n))})
    write(path, out)


def mask(path):
    """Clients 0, 2, ... own the first half of what is not a scalar."""
    out = list(stream(path))
    for tensors, meta, _ in out:
        for n, t in list(tensors.items()):
            if int(meta["fl.client"]) % 2 == 0 and t.ndim:
                own = (np.arange(t.size) < t.size // 2).reshape(t.shape)
                tensors[n] = t * own
                tensors["@mask/" + n] = own.astype("u1")
    write(path, out)


def old(path):
    """A partial of an earlier version."""
    out = list(stream(path))
    for tensors, _, _ in out:
        for n in [n for n in tensors if n.startswith("@mean/")]:
            tensors["@bins/" + n[6:]] = tensors.pop(n)
    write(path, out)


# --- rules: (what is added to the weights, what clients count in a mean) ---

class Round:
    def __init__(self, path):
        rec = sorted(stream(path), key=lambda r: int(r[1]["fl.client"]))
        self.update = [r[0] for r in rec]
        self.u = np.array([np.concatenate([t.astype(float).ravel() for n, t in sorted(r[0].items())
                                           if n[0] != "@" and not is_stat(n)]) for r in rec])
        self.K = len(rec)
        for key in ("examples", "steps", "lr", "loss0", "gradnorm"):
            setattr(self, key, np.array([float(r[1].get("fl." + key, "nan")) for r in rec]))
        self.norm = np.linalg.norm(self.u, axis=1)
        self.equal = np.ones(self.K)


def mean(r, weight="examples", denominator=None):
    w = r.examples if weight == "examples" else r.equal
    return w @ r.u / (float(denominator) if denominator else w.sum()), w


def qfedavg(r, q="1", L=None, weight="uniform"):
    q, L = float(q), float(L) if L else 1 / r.lr
    w = (r.examples if weight == "examples" else r.equal) * r.loss0 ** q
    n = r.examples if weight == "examples" else r.equal
    h = n * (q * r.loss0 ** (q - 1) * (L * r.norm) ** 2 + L * r.loss0 ** q)
    return (w * L) @ r.u / h.sum(), w


def fednova(r):
    p = r.examples / r.examples.sum()
    return (p @ r.steps) * ((p / r.steps) @ r.u), p


def term(r, t="1"):
    w = r.examples * np.exp(float(t) * r.loss0)
    return w @ r.u / w.sum(), w


def krum(r, f="1", m="1"):
    f, m = int(f), int(m)
    d = ((r.u[:, None] - r.u[None]) ** 2).sum(2)
    score = np.array([np.sort(np.delete(d[k], k))[:r.K - f - 2].sum() for k in range(r.K)])
    w = np.zeros(r.K)
    w[np.argsort(score, kind="stable")[:m]] = 1
    return w @ r.u / m, w


def geomed(r, iterations):
    p = r.examples / r.examples.sum()
    w = p
    for _ in range(int(iterations)):
        d = p / np.maximum(np.linalg.norm(w @ r.u - r.u, axis=1), 1e-6)
        w = d / d.sum()
    return w @ r.u, w


def fedfv(r, alpha="0.1"):
    keep = 1 + int(float(alpha) * (r.K - 1))
    order = np.argsort(r.loss0, kind="stable")
    W = np.zeros(r.K)
    for at, k in enumerate(order):
        a = np.eye(r.K)[k]
        for j in order:
            s = a @ r.u @ r.u[j]
            if j != k and at < r.K - keep and s < 0:
                a[j] -= s / (r.u[j] @ r.u[j])
        W += a
    return W @ r.u * (np.linalg.norm(r.u.mean(0)) / np.linalg.norm(W @ r.u)), W


def fedmgda(r, eps="0.1"):
    """Every choice of weights at their bounds, and the rest from Lagrange's conditions."""
    p, d = r.examples / r.examples.sum(), r.u / r.norm[:, None]
    low, high, Q = np.maximum(p - float(eps), 0), np.minimum(p + float(eps), 1), d @ d.T
    best = None
    for at in itertools.product((0, 1, 2), repeat=r.K):
        at, w = np.array(at), np.where(np.array(at) == 1, high, low)
        free = at == 2
        if free.any():
            n = free.sum()
            A = np.block([[Q[free][:, free], np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
            b = np.append(-Q[free][:, ~free] @ w[~free], 1 - w[~free].sum())
            w[free] = np.linalg.lstsq(A, b, rcond=None)[0][:n]
        if abs(w.sum() - 1) < 1e-9 and (w > low - 1e-12).all() and (w < high + 1e-12).all():
            if best is None or w @ Q @ w < best @ Q @ best:
                best = w
    return best @ d, best


def adafedadam(r, alpha="1"):
    """The weights and the direction alone; all clients are new, so that I is 1."""
    return (r.examples * r.gradnorm / r.norm) @ r.u / r.examples.sum(), r.examples


def by_coordinate(of):
    return lambda r, **p: (of(r.u, **p), of)


def trimmed(v, beta="0.1"):
    cut = int(float(beta) * len(v))
    return np.sort(v, 0)[cut:len(v) - cut].mean(0)


RULES = {f.__name__: f for f in (mean, qfedavg, fednova, term, krum, geomed, fedfv, fedmgda,
                                 adafedadam)}
RULES["median"] = by_coordinate(lambda v: np.median(v, 0))
RULES["trimmean"] = by_coordinate(trimmed)


def close(name, got, want, tol):
    worst = np.abs(got - want).max()
    assert worst <= tol * max(1, np.abs(want).max()), (name, got, want)


def rule(spec, model, updates, out, stats_only=False):
    """What the rule makes of the model at server sgd."""
    name, _, rest = spec.partition(":")
    par = dict(kv.split("=") for kv in rest.split(",") if kv)
    r, (old, _, _), (new, meta, _) = Round(updates), next(stream(model)), next(stream(out))
    step, share = RULES[name](r, **par)
    at = 0
    for n in sorted(n for n in old if n[0] != "@" and not is_stat(n)):
        if not stats_only:
            close(n, new[n].ravel() - old[n].ravel().astype(float), step[at:at + old[n].size], 3e-6)
        at += old[n].size
    for n in filter(is_stat, old):
        v = np.array([u[n].astype(float) for u in r.update])
        own = np.array([u.get("@mask/" + n, np.ones(u[n].shape)) for u in r.update], float)
        if callable(share):
            want = np.empty(v.shape[1:])
            for i in np.ndindex(want.shape):
                want[i] = share(v[(..., *i)][own[(..., *i)] == 1], **par)
        else:
            want = np.tensordot(share, v * own, 1) / np.tensordot(share, own, 1)
        close(n, new[n], old[n] + want, 1e-6 if name == "geomed" else 3e-7)


def stats(spec, model, updates, out):
    """The same of running statistics alone, whatever the server."""
    rule(spec, model, updates, out, True)


def adam(model, updates, out, state, lr=1e-3, beta1=0.9, eps=1e-8):
    """A first round of AdaFedAdam: weights and first moments."""
    r, (old, _, _), (new, _, _) = Round(updates), next(stream(model)), next(stream(out))
    u, W = adafedadam(r)
    C = W @ (np.log(r.norm / r.gradnorm / r.lr) + 1) / W.sum()
    moments, at = list(stream(state))[-1][0], 0
    assert C > 0.5, C
    for n in sorted(n for n in old if n[0] != "@" and not is_stat(n)):
        g = -u[at:at + old[n].size].reshape(old[n].shape)
        close(n, moments["@adafedadam/m/" + n], (1 - beta1 ** C) * g, 1e-6)
        close(n, new[n], old[n] - C * lr * g / (np.abs(g) + eps), 1e-6)
        at += old[n].size


# --- records ---

def none(*paths):
    """No tensor of a method is of running statistics."""
    bad = [(p, n) for p in paths for t, _, _ in stream(p) for n in t
           if n[0] == "@" and n.rsplit(".", 1)[-1] in STATS]
    assert not bad, bad


def plant(path, prefix):
    """Tensors of a method of running statistics, as earlier versions kept them."""
    out = list(stream(path))
    for tensors, meta, _ in out:
        if meta["fl.kind"] != "model":
            assert prefix + "0.weight" in tensors, (path, prefix)
        like = tensors.get(prefix + "0.weight", tensors.get("0.weight"))
        for n in STATS:
            tensors[f"{prefix}0.{n}"] = np.ones(() if n == STATS[2] else like.shape, like.dtype)
    write(path, out)


def last(a, b):
    """The last records are the same, byte for byte."""
    a, b = (list(stream(p))[-1] for p in (a, b))
    assert a[2] == b[2] and set(a[0]) == set(b[0]), (sorted(a[0]), sorted(b[0]))


def zero(path):
    """Variances of 0."""
    v = next(stream(path))[0]["0.running_var"]
    assert (v == 0).all() and not np.signbit(v).any(), v


def put(path, name, value):
    """The first element of a tensor."""
    out = list(stream(path))
    for tensors, _, _ in out:
        t = tensors[name].copy()
        t.flat[0] = float(value)
        tensors[name] = t
    write(path, out)


def torch(data, batch, model):
    """The running statistics of whole batches, in PyTorch."""
    import torch
    x, (m, _, _) = torch.tensor(next(stream(data))[0]["x"]), next(stream(model))
    bn = torch.nn.BatchNorm1d(len(m["0.running_mean"]))
    x = x.reshape(len(x), bn.num_features, -1)
    for i in range(0, len(x) if x.shape[2] == 1 else int(batch), int(batch)):
        if len(x[i:i + int(batch)]) * x.shape[2] > 1:	# PyTorch refuses one value
            bn(x[i:i + int(batch)])
    for n in STATS:
        close(n, m["0." + n], getattr(bn, n).numpy().astype(float), 1e-6)


globals()[sys.argv[1]](*sys.argv[2:])

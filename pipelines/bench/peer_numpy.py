"""Aggregation as NumPy programs do it. Commands on standard input, seconds on
standard output.

  files F...       the updates                                       -> ok
  mean             Flower's: list of arrays, weighted products, reduce -> seconds
  inplace          in place: acc += w * x                             -> seconds
  median           np.median over the stack                           -> seconds
  trimmean         np.partition, a tenth from each end                -> seconds
  krum F           pairwise distances in a loop, as Flower's          -> seconds
  geomed           Weiszfeld's iteration over the updates             -> seconds
  partition K DIR  Fashion-MNIST, Dirichlet(.5), a JSON file a client -> seconds
"""
import functools
import gzip
import json
import sys
import time

import numpy as np

from st import load


def read(files):
    return [(list(t.values()), int(m["fl.examples"])) for t, m in map(load, files)]


def mean(files):
    results = read(files)
    total = sum(n for _, n in results)
    weighted = [[layer * n for layer in weights] for weights, n in results]
    return [functools.reduce(np.add, layers) / total for layers in zip(*weighted)]


def inplace(files):
    acc, total = None, 0
    for f in files:
        (weights, n), = read([f])
        if acc is None:
            acc = [np.zeros_like(w) for w in weights]
        for a, w in zip(acc, weights):
            a += w * np.float32(n)
        total += n
    return [a / total for a in acc]


def median(files):
    return [np.median(np.stack(layers), axis=0) for layers in zip(*[w for w, _ in read(files)])]


def trimmean(files):
    def one(layers):
        x = np.stack(layers)
        cut = len(x) // 10
        return np.partition(x, (cut, len(x) - cut - 1), axis=0)[cut:len(x) - cut].mean(axis=0)
    return [one(layers) for layers in zip(*[w for w, _ in read(files)])]


def partition(k, folder):
    """As AdaFedAdam's code has it: floats, one JSON file a client."""
    def idx(name, skip):
        with gzip.open(f"/usr/share/datasets/fashion-mnist/train-{name}.gz") as f:
            return np.frombuffer(f.read()[skip:], np.uint8)
    x, y = idx("images-idx3-ubyte", 16).reshape(-1, 784), idx("labels-idx1-ubyte", 8)
    rng, parts = np.random.default_rng(0), [[] for _ in range(k)]
    for c in range(10):
        rows = rng.permutation(np.flatnonzero(y == c))
        cuts = (np.cumsum(rng.dirichlet([.5] * k)) * len(rows)).astype(int)[:-1]
        for part, piece in zip(parts, np.split(rows, cuts)):
            part.extend(piece)
    for i, part in enumerate(parts):
        with open(f"{folder}/{i}.json", "w") as f:
            json.dump({"x": (x[part] / 255).tolist(), "y": y[part].tolist()}, f)


def geomed(files):
    """RFA's weights, until none moves by more than 1e-15, at most 100 times."""
    updates = read(files)
    x = np.stack([np.concatenate([a.ravel() for a in w]) for w, _ in updates])
    share = np.array([n for _, n in updates], float)
    share /= share.sum()
    w = share
    for _ in range(100):
        far = np.linalg.norm(x - (w @ x).astype(np.float32), axis=1)
        new = share / np.maximum(far, 1e-6)
        new /= new.sum()
        w, change = new, np.abs(new - w).max()
        if change <= 1e-15:
            break
    return w @ x


def krum(files, f):
    flat = [np.concatenate([x.ravel() for x in w]) for w, _ in read(files)]
    k = len(flat)
    d = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            d[i, j] = np.linalg.norm(flat[i] - flat[j]) ** 2
    scores = [np.sort(row)[:k - f - 1].sum() for row in d]
    return flat[int(np.argmin(scores))]


def main():
    files = []
    for line in sys.stdin:
        cmd = line.split()
        start = time.perf_counter()
        if cmd[0] == "files":
            files = cmd[1:]
            print("ok", flush=True)
            continue
        {"mean": lambda: mean(files), "inplace": lambda: inplace(files),
         "median": lambda: median(files), "trimmean": lambda: trimmean(files), "geomed": lambda: geomed(files),
         "partition": lambda: partition(int(cmd[1]), cmd[2]), "krum": lambda: krum(files, int(cmd[1]))}[cmd[0]]()
        print(time.perf_counter() - start, flush=True)


main()

"""Aggregation as NumPy programs do it. Commands on standard input, seconds on
standard output.

  files F...       the updates                                       -> ok
  mean             Flower's: list of arrays, weighted products, reduce -> seconds
  inplace          in place: acc += w * x                             -> seconds
  median           np.median over the stack                           -> seconds
  krum F           pairwise distances in a loop, as Flower's          -> seconds
"""
import functools
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
         "median": lambda: median(files), "krum": lambda: krum(files, int(cmd[1]))}[cmd[0]]()
        print(time.perf_counter() - start, flush=True)


main()

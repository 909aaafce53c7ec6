#!/usr/bin/python3
"""Little to go by: vlm-retrieve on a handful of rows, some without any concentration.

usage: little.py FOLDER FROM TO      tries the seeds FROM ... TO - 1 in FOLDER

What the definitions say of so few answers is compared with the summary; what they do not
say must be null there, and nothing else. Texts with kappa 0 are the least certain.
Exits 1 with the first difference.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from naive import scores, write

BINS = 4


def area(u, y):
    """Risk of the i most certain, expected over the order of equal u; the mean over i."""
    risk, before = [], 0.0
    for v in np.unique(u):
        wrong, n = (1 - y[u == v]).sum(), (u == v).sum()
        risk += [(before + wrong * (i + 1) / n) / ((u < v).sum() + i + 1) for i in range(n)]
        before += wrong
    return np.mean(risk)


def doubt(u, y):
    names = ("aurc", "auroc", "pearson", "risk@80", "coverage@5")
    if not len(u):
        return dict.fromkeys(names)
    pearson = None
    if len(u) >= BINS:
        n = len(u) // BINS
        mean = y[np.argsort(u, kind="stable")][:n * BINS].reshape(BINS, n).mean(1)
        pearson = None if np.ptp(mean) == 0 else np.corrcoef(np.arange(BINS), mean)[0, 1]
    wrong, right = u[y == 0], u[y == 1]
    pairs = (wrong[:, None] > right) + (wrong[:, None] == right) / 2
    kept, cover = -(-80 * len(u) // 100), 0.0
    for v in np.unique(u):
        if (1 - y[u <= v]).mean() <= 0.05:
            cover = (u <= v).mean()
    edge = np.sort(u)[kept - 1]
    risk = ((1 - y[u < edge]).sum() + (1 - y[u == edge]).mean() * (kept - (u < edge).sum())) / kept
    return dict(zip(names, (area(u, y), pairs.mean() if pairs.size else None, pearson, risk, cover)))


def best(score, good):
    """Places of the best positives of rows that have one."""
    return np.array([np.flatnonzero(good[q][np.argsort(-score[q], kind="stable")])[0]
                     for q in np.flatnonzero(good.any(1))])


def want_of(place, u, G):
    want = {f"hit@{k}": (place < k).mean() if k <= G else None for k in (1, 5, 10)}
    want.update(medr=np.floor(np.median(place)) + 1, meanr=place.mean() + 1)
    want.update({"uncertainty." + k: v for k, v in doubt(u, (place == 0).astype(float)).items()})
    return want


def one_seed(seed):
    rng = np.random.default_rng(seed)
    Q, G, d = int(rng.integers(1, 12)), int(rng.integers(1, 12)), 4
    text = {"emb": rng.standard_normal((Q, d)).astype(np.float32), "kappa": rng.integers(0, 3, Q) * 7.5}
    image = {"emb": rng.standard_normal((G, d)).astype(np.float32)}
    good = rng.random((Q, G)) < 0.3
    good[0, 0] = True
    write(Path("t"), **text)
    write(Path("i"), **image)
    write(Path("p"), emb=np.ones((1, 1), np.float32), pairs=np.argwhere(good))
    kind = str(rng.choice(["cosine", "vmf", "ps"]))
    out = subprocess.run(["vlm-retrieve", "-q", "--queries", "t", "--gallery", "i", "--truth", "p", "--both", "--no-hits",
                          "--skip-unmatched", "--score", kind, "--bins", str(BINS), "--bootstrap", "5", "--format", "json"],
                         capture_output=True, text=True)
    if out.returncode or out.stderr:
        raise AssertionError(f"seed {seed}: status {out.returncode}: {out.stderr}")
    got = json.loads(out.stdout)
    s = scores(kind, text, image)
    u = np.array([np.inf if k == 0 else 1 / k for k in text["kappa"]])
    # Images have no uncertainty: where they ask, that of the text found first counts.
    wants = {"": want_of(best(s, good), u[good.any(1)], G),
             "reverse.": want_of(best(s.T, good.T), u[s.T.argmax(1)][good.any(0)], Q)}
    for prefix, want in wants.items():
        for key, v in want.items():
            x = got[prefix + key]
            if (x is None) != (v is None) or (v is not None and abs(x - v) > 1e-9 * max(1, abs(v))):
                raise AssertionError(f"seed {seed}: {kind}: {prefix}{key} is {x}, not {v}")
    return sum(v is None for want in wants.values() for v in want.values())


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    try:
        print(sum(one_seed(seed) for seed in range(int(sys.argv[2]), int(sys.argv[3]))))
    except AssertionError as x:
        sys.exit(str(x))

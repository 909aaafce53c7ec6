#!/usr/bin/python3
"""Plausible-match R-precision by its definition, against which vlm-retrieve is held.

usage: pmrp.py make FOLDER           writes 40 images, 120 texts of them, with attributes
       pmrp.py check FOLDER ANSWER Z compares a summary of --both

Rows that show nothing known (three of the images, with their texts) are no queries and
stand in no ranking. Every image has itself among its like, so no query is without one."""
import json
import sys
from pathlib import Path

import numpy as np

from naive import read, write


def make(out):
    rng = np.random.default_rng(11)
    image = rng.standard_normal((40, 8))
    show = (rng.random((40, 9)) < 0.25).astype(np.int64)
    show[:, 0] |= ~show.any(1)
    show[[3, 17, 30]] = 0
    write(out / "image.safetensors", emb=image.astype(np.float32), id=rng.permutation(90)[:40], attributes=show)
    write(out / "text.safetensors", emb=(image.repeat(3, 0) + rng.standard_normal((120, 8))).astype(np.float32),
          id=rng.permutation(900)[:120], attributes=show.repeat(3, 0))


def pmrp(a, b, Z):
    """Of queries a in gallery b."""
    unit = [x["emb"].astype(float) / np.linalg.norm(x["emb"].astype(float), axis=1, keepdims=True) for x in (a, b)]
    known = [np.flatnonzero(x["attributes"].any(1)) for x in (a, b)]
    values = []
    for z in range(Z + 1):
        for q in known[0]:
            score = unit[1][known[1]] @ unit[0][q]
            order = known[1][np.lexsort((b["id"][known[1]], -score))]
            far = np.abs(b["attributes"][order] - a["attributes"][q]).sum(1)
            R = (far <= z).sum()
            values.append((far[:R] <= z).mean())
    return np.mean(values)


def check(folder, answer, Z):
    got = json.loads(Path(answer).read_text())
    t, i = (read(folder / f"{s}.safetensors") for s in ("text", "image"))
    for key, want in (("pmrp", pmrp(t, i, Z)), ("reverse.pmrp", pmrp(i, t, Z))):
        if abs(got[key] - want) > 1e-12:
            sys.exit(f"{key}: {got[key]} for {want}")
    if (got["queries"], got["gallery"], got["skipped"], got["reverse.skipped"]) != (111, 37, 9, 3):
        sys.exit("rows that show nothing")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        check(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))

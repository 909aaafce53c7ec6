#!/usr/bin/python3
"""Naive retrieval in double precision, against which vlm-retrieve is held.

usage: naive.py make FOLDER          writes texts and images with planted ties
       naive.py check FOLDER ANSWERS [images]
                                     compares JSON answers of --both with a full sort

Rows hold whole numbers for inner products without rounding (ints.*), or normal numbers
of which some rows are there twice (floats.*). Exits 1 with the first difference.
"""
import json
import struct
import sys
from math import lgamma, log, pi
from pathlib import Path

import numpy as np



def write(path, meta=(), **tensors):
    kinds = {"float64": "F64", "float32": "F32", "int64": "I64", "int32": "I32"}
    order = sorted(tensors.items(), key=lambda kv: (-kv[1].itemsize, kv[0]))
    head, at = {"__metadata__": dict(meta, **{"fl.kind": "embed", "fl.v": "1"})}, 0
    for key, a in order:
        head[key] = {"dtype": kinds[str(a.dtype)], "shape": a.shape, "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for _, a in order))


def make(out):
    rng = np.random.default_rng(5)
    for name in ("ints", "floats"):
        image = rng.integers(-2, 3, (60, 12)) if name == "ints" else rng.standard_normal((60, 12))
        image[:, 0] += 4
        image[40:] = image[:20]
        text = image.repeat(3, 0) + (rng.integers(-1, 2, (180, 12)) if name == "ints" else rng.standard_normal((180, 12)))
        text[:, 1] += 9
        text[90:120] = text[30:60]
        kappa = rng.uniform(20, 200, 180)
        write(out / f"{name}-image.safetensors", emb=image.astype(np.float32), id=rng.permutation(1000)[:60],
              label=(np.arange(60) % 7).astype(np.int32), kappa=np.linspace(5, 80, 60), var=rng.uniform(0, .1, (60, 12)).astype(np.float32))
        write(out / f"{name}-text.safetensors", emb=text.astype(np.float32), id=rng.permutation(5000)[:180] - 100,
              label=(np.arange(180) % 7).astype(np.int32), kappa=kappa, uncertainty=rng.uniform(0, 1, 180),
              var=rng.uniform(0, .1, (180, 12)).astype(np.float32))
    # positives by id: every text its image, and every third one the next image, too
    image, text = (read(out / f"floats-{s}.safetensors")["id"] for s in ("image", "text"))
    truth = {str(text[i]): [int(image[i // 3])] + ([int(image[(i // 3 + 1) % 60])] if i % 3 == 0 else [])
             for i in range(180)}
    (out / "truth.json").write_text(json.dumps(truth))


def read(path):
    b = path.read_bytes()
    n = int.from_bytes(b[:8], "little")
    kinds = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4"}
    return {k: np.frombuffer(b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], kinds[v["dtype"]]).reshape(v["shape"])
            for k, v in json.loads(b[8:8 + n]).items() if k != "__metadata__"}


def scores(kind, t, i):
    """(texts, images) in double."""
    a, b = t["emb"].astype(np.float64), i["emb"].astype(np.float64)
    if kind == "ip":
        return a @ b.T
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    c, k, d = a @ b.T, t["kappa"][:, None], a.shape[1]
    if kind == "cosine":
        return c
    if kind == "csd":
        return -(np.square(a[:, None] - b[None]).sum(2) + t["var"].astype(float).sum(1)[:, None] + i["var"].astype(float).sum(1))
    h, e = (d - 1) / 2, (d + 1) / 2

    def approx(k):
        u, v = np.sqrt(h * h + k * k), np.sqrt(e * e + k * k)
        return h / 2 * np.log(h + u) - u / 2 + h / 2 * np.log(h + v) - v / 2

    if kind == "vmf":
        return k * c + approx(k)
    if kind == "product":
        i = i["kappa"][None]
        return approx(k) + approx(i) - approx(np.sqrt(k * k + i * i + 2 * k * i * c)) - approx(0)
    logc = np.array([lgamma(2 * h + x) - lgamma(h + x) - (2 * h + x) * log(2) - h * log(pi) for x in t["kappa"]])
    return k * np.log1p(c) + logc[:, None]


def same(ids, got, score, gid, top, tol):
    """Whether got is the top of score, by score descending, then id ascending; scores
    that differ by less than tol may change places, but none may be missing."""
    order = np.lexsort((gid, -score))
    want = order[:top]
    if len(ids) != min(top, len(score)):
        return f"{len(ids)} hits"
    where = {int(g): k for k, g in enumerate(gid)}
    rows = [where[g] for g in ids]
    if len(set(rows)) != len(rows):
        return "a hit twice"
    if np.abs(score[rows] - score[want]).max() > tol or np.abs(score[rows] - got).max() > tol:
        return f"scores {score[rows]} for {score[want]}"
    if tol == 0 and rows != list(want):
        return f"ids {ids} for {gid[want]}"
    return None


def check(folder, answers, images):
    lines = [json.loads(x) for x in open(answers)]
    head = lines.pop()
    if head["kind"] != "summary":
        sys.exit("no summary")
    name = Path(answers).name.split("-")[0]
    t, i = (read(folder / f"{name}-{s}.safetensors") for s in ("text", "image"))
    s = scores(head["score"], t, i)
    tol = 0 if head["score"] == "ip" and name == "ints" else 2e-6 * max(1, np.abs(s).max())
    own, other = (i, t) if images else (t, i)
    m = s.T if images else s
    for kind, a, b, score in (("hits", own, other, m), ("reverse", other, own, m.T)):
        part = [x for x in lines if x["kind"] == kind]
        if [x["query"] for x in part] != list(a["id"]):
            sys.exit(f"{kind}: queries differ")
        for q, x in enumerate(part):
            fault = same(x["ids"], np.array(x["scores"]), score[q], b["id"], x["top"], tol)
            if fault:
                sys.exit(f"{kind}, query {x['query']}: {fault}")
            # equal scores: ids ascend
            for k in range(len(x["ids"]) - 1):
                if x["scores"][k] == x["scores"][k + 1] and x["ids"][k] > x["ids"][k + 1]:
                    sys.exit(f"{kind}, query {x['query']}: tie at {k} not by id")
    # metrics, by the definitions, for groups of three texts and an image
    if "hit@1" not in head:
        return
    truth = np.zeros(m.shape, bool)
    for q in range(180):
        truth[(q // 3, q) if images else (q, q // 3)] = True
    rsum = 0
    for prefix, score, good, a, b in (("", m, truth, own, other), ("reverse.", m.T, truth.T, other, own)):
        order = np.stack([np.lexsort((b["id"], -row)) for row in score])
        rank = np.sort(np.where(np.take_along_axis(good, order, 1), np.arange(good.shape[1]), 10 ** 9), 1)
        first = rank[:, 0]
        R = good.sum(1)
        rsum += sum(100 * (first < k).mean() for k in (1, 5, 10))
        want = {"hit@1": (first < 1).mean(), "hit@5": (first < 5).mean(), "mrr": (1 / (first + 1)).mean(),
                "medr": np.floor(np.median(first)) + 1, "meanr": first.mean() + 1,
                "recall@5": (np.take_along_axis(good, order, 1)[:, :5].sum(1) / R).mean()}
        for key, v in want.items():
            if key in head and abs(head[prefix + key] - v) > (1e-12 if tol == 0 else 0.02 * max(1, v)):
                sys.exit(f"{prefix}{key}: {head[prefix + key]} for {v}")
    if abs(head["rsum"] - rsum) > (1e-9 if tol == 0 else 2) or "reverse.rsum" in head:
        sys.exit(f"rsum: {head['rsum']} for {rsum}")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        check(Path(sys.argv[2]), sys.argv[3], len(sys.argv) > 4)

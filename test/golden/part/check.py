#!/usr/bin/python3
"""Checks folders that fl-partition wrote: every example once, and partition.json by NumPy.

usage: check.py SOURCE.safetensors FOLDER [TEST_FOLDER]   (SOURCE: one record; with id = row)
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

TYPE = {"U8": np.uint8, "I64": np.int64, "F32": np.float32, "I32": np.int32}


def load(path):
    b = Path(path).read_bytes()
    n = struct.unpack("<Q", b[:8])[0]
    head = json.loads(b[8:8 + n])
    meta = head.pop("__metadata__")
    out = {}
    for name, t in head.items():
        lo, hi = t["data_offsets"]
        out[name] = np.frombuffer(b[8 + n + lo:8 + n + hi], TYPE[t["dtype"]]).reshape(t["shape"])
    assert 8 + n + max(t["data_offsets"][1] for t in head.values()) == len(b), "one record"
    return meta, out


def skew(counts):
    n, total = counts.sum(1), counts.sum()
    q = counts.sum(0) / total
    P = counts[n > 0] / n[n > 0][:, None]

    def H(p):
        p = p[p > 0]
        return -(p * np.log(p)).sum()

    h = np.array([H(p) for p in P])
    tv = np.abs(P - q).sum(1) / 2
    K = len(n)
    return {
        "entropy": h.mean(), "eff_classes": np.exp(h).mean(), "tv": tv.mean(), "tv_max": tv.max(),
        "js": np.mean([H((p + q) / 2) - (H(p) + H(q)) / 2 for p in P]),
        "hellinger": np.mean([np.sqrt(max(0, 1 - np.sqrt(p * q).sum())) for p in P]),
        "size_cv": n.std() / n.mean(),
        "size_gini": np.abs(n[:, None] - n).sum() / (2 * K * total),
    }


def check(source, folders):
    _, src = load(source)
    N, seen = len(src["y"]), []
    for folder in folders:
        folder = Path(folder)
        m = json.loads((folder / "partition.json").read_text())
        assert list(m) == """schema by seed tries part test_frac clients classes examples source_examples
            sizes skew counts""".split(), list(m)
        counts = np.zeros((m["clients"], m["classes"]), int)
        files = sorted(folder.glob("*.safetensors"))
        for f in files:
            meta, r = load(f)
            k = int(meta["fl.client"])
            assert f.name == f"{k:04d}.safetensors" and meta["fl.classes"] == str(m["classes"])
            rows = r["index"] if "index" in r else r["id"]
            assert (np.diff(rows) > 0).all(), "ascending rows"
            seen.extend(rows)
            if "index" in r:
                assert (f.parent / meta["fl.source"]).exists()
            else:
                assert (r["x"] == src["x"][rows]).all() and (r["y"] == src["y"][rows]).all()
                assert r["x"].dtype == src["x"].dtype
            counts[k] += np.bincount(src["y"][rows], minlength=m["classes"])
        assert (counts == m["counts"]).all() and (counts.sum(1) == m["sizes"]).all()
        assert m["examples"] == counts.sum() and m["source_examples"] == N
        for key, want in skew(counts).items():
            assert abs(m["skew"][key] - want) < 1e-7, (key, m["skew"][key], want)
    assert sorted(seen) == list(range(N)), "every example exactly once"


if __name__ == "__main__":
    check(sys.argv[1], sys.argv[2:])

#!/usr/bin/python3
"""Writes one matrix in every format that embeddings are read from, and what NumPy
makes of each in F32.

usage: make.py [FOLDER]
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
NAME = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "uint8": "U8"}


def bf16(a):
    """Upper halves of F32, cut: BF16 as uint16."""
    return (a.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def record(meta, **tensors):
    order = sorted(tensors.items(), key=lambda kv: (-kv[1].itemsize, kv[0]))
    head, at = {"__metadata__": meta}, 0
    for key, a in order:
        kind = "BF16" if a.dtype == np.uint16 else NAME[str(a.dtype)]
        head[key.replace("__", ".")] = {"dtype": kind, "shape": a.shape, "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for _, a in order)


def write(name, data):
    (OUT / name).write_bytes(data)


rng = np.random.default_rng(11)
x = rng.standard_normal((7, 5))
x[2, 3], x[4, 0] = 6e-6, -65504  # a subnormal and the largest half
f4, f2, u1 = x.astype(np.float32), x.astype(np.float16), rng.integers(0, 256, (7, 5)).astype(np.uint8)
ids, label = np.array([30, 7, -2, 1 << 40, 5, 6, 99]), np.array([1, 0, 2, 2, 1, 0, 1], np.int32)
embed = {"fl.kind": "embed", "fl.v": "1"}

write("f32.safetensors", record(embed, emb=f4, id=ids, label=label, kappa=f4[:, 0].copy()))
write("bf16.safetensors", record({}, emb=bf16(f4), id=ids.astype(np.int32), label=label.astype(np.int64)))
write("f64.safetensors", record(embed, emb=x))
write("named.safetensors", record({}, image=f2, image_label=label, test__text=f4, test__id=ids))
shards = [record(embed, emb=f4[a:b], id=ids[a:b]) for a, b in ((0, 3), (3, 3), (3, 7))]
write("shards.sts", b"".join(shards) + record({"fl.count": "3", "fl.kind": "end", "fl.v": "1"}))
np.save(OUT / "f4.npy", f4)
np.save(OUT / "f2.npy", f2)
np.save(OUT / "f8.npy", x)
np.save(OUT / "big.npy", f4.astype(">f4"))
np.save(OUT / "columns.npy", np.asfortranarray(f4))
np.savez(OUT / "stored.npz", text=f4, image=f2)
np.savez_compressed(OUT / "deflated.npz", only=f4)
write("f4.fvecs", b"".join(struct.pack("<i", 5) + r.tobytes() for r in f4))
write("u1.bvecs", b"".join(struct.pack("<i", 5) + r.tobytes() for r in u1))
write("f4.fbin", struct.pack("<II", 7, 5) + f4.tobytes())
write("f2.hbin", struct.pack("<II", 7, 5) + f2.tobytes())
write("u1.u8bin", struct.pack("<II", 7, 5) + u1.tobytes())

# want.f32: F32, F16, BF16 and U8 in turn.
want = [f4, f2.astype(np.float32), (bf16(f4).astype(np.uint32) << 16).view(np.float32), u1.astype(np.float32)]
write("want.f32", b"".join(a.astype("<f4").tobytes() for a in want))

#!/usr/bin/python3
"""Writes the data sets of test/unit/data.c and the inputs that NumPy makes of them.

usage: make.py [FOLDER]
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
SCALE = {"div": 200, "mean": [0.1, 0.25, -0.5], "std": [0.3, 1.5, 0.7]}
NAME = {"uint8": "U8", "int16": "I16", "float32": "F32"}


def record(name, meta, **tensors):
    order = sorted(tensors.items(), key=lambda kv: (-kv[1].itemsize, kv[0]))
    head, at = {"__metadata__": meta}, 0
    for key, a in order:
        head[key] = {"dtype": NAME[str(a.dtype)], "shape": a.shape, "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 8)
    data = b"".join(a.tobytes() for _, a in order)
    (OUT / name).write_bytes(struct.pack("<Q", len(text)) + text + data)


def idx(a, kind):
    return struct.pack(">HBB", 0, kind, a.ndim) + struct.pack(f">{a.ndim}I", *a.shape) + \
        a.astype(a.dtype.newbyteorder(">")).tobytes()


rng = np.random.default_rng(7)
meta = {"fl.classes": "5", "fl.client": "3", "fl.kind": "data", "fl.scale": json.dumps(SCALE), "fl.v": "1"}
y = rng.integers(0, 5, 70)
mean, std = (np.array(SCALE[k], np.float32)[:, None, None] for k in ("mean", "std"))

u8 = rng.integers(0, 256, (70, 3, 4, 2)).astype(np.uint8)
record("u8.safetensors", meta, x=u8, y=y.astype(np.uint8))
want = (u8.astype(np.float32) / np.float32(200) - mean) / std
f32 = rng.normal(size=(70, 3, 4, 2)).astype(np.float32)
record("f32.safetensors", meta, x=f32, y=y.astype(np.int16))
want32 = (f32 / np.float32(200) - mean) / std
assert want.dtype == want32.dtype == np.float32
(OUT / "want.f32").write_bytes(want.tobytes() + want32.tobytes())

(OUT / "images-idx3-ubyte").write_bytes(idx(u8[:, 0], 0x08))
(OUT / "labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y.astype(np.uint8), 0x08), 9, mtime=0))
(OUT / "floats-idx2.gz").write_bytes(gzip.compress(idx(f32[:, 0, 0], 0x0D), 9, mtime=0))
(OUT / "labels-idx1-i32").write_bytes(idx(y.astype(np.int32), 0x0C))

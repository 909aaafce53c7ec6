#!/usr/bin/python3
"""Writes the records of this folder with json and NumPy alone: what the
safetensors reference writer gives for the same content (its header is what
json prints without blanks), and the same content as a foreign writer might
put it. usage: make.py FOLDER
remake: $PYTHON make.py .
"""
import json
import struct
import sys
import zlib

import numpy as np

ORDER = ["U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"]
NUMPY = {"U64": "<u8", "I64": "<i8", "F64": "<f8", "F32": "<f4", "U32": "<u4", "I32": "<i4",
         "BF16": "<u2", "F16": "<f2", "U16": "<u2", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "u1"}


def record(tensors, meta, foreign=False):
    """tensors: {name: (dtype, array)}"""
    names = sorted(tensors, key=lambda n: (ORDER.index(tensors[n][0]), n.encode()), reverse=foreign)
    head, buffer = {}, b""
    if meta and not foreign:
        head["__metadata__"] = dict(sorted(meta.items()))
    for n in names:
        dtype, x = tensors[n]
        data = x.astype(NUMPY[dtype]).tobytes()
        head[n] = {"dtype": dtype, "shape": list(x.shape),
                   "data_offsets": [len(buffer), len(buffer) + len(data)]}
        buffer += data
    if foreign:
        head["__metadata__"] = meta
        text = b" \n" + json.dumps(head, indent=1).encode() + b"\t"
        return struct.pack("<Q", len(text)) + text + buffer
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 8)
    return struct.pack("<Q", len(text)) + text + buffer


def end(count):
    return record({}, {"fl.v": "1", "fl.kind": "end", "fl.count": str(count)})


def main(folder):
    rng = np.random.default_rng(1)
    types = {t.lower(): (t, rng.integers(0, 2, (2, 3))) for t in ORDER}
    types["scalar"] = ("F32", np.float32(0.5))
    types["none"] = ("F64", np.zeros((3, 0)))
    types["@m/\"x\\\u00e9\n\x01\x7f"] = ("F16", rng.normal(size=5))
    meta = {"fl.v": "1", "fl.kind": "stats", "z": "", "a \"b\"\\\t\x1f": "\u20ac\U0001f600/"}
    update = []
    for k in range(3):
        t = {"0.weight": ("F32", rng.normal(size=(2, 3))), "0.bias": ("F32", rng.normal(size=2)),
             "@scaffold/0.bias": ("F32", rng.normal(size=2)), "@mask/0.bias": ("U8", np.ones(2))}
        update.append(record(t, {"fl.v": "1", "fl.kind": "update", "fl.client": str(k + 4), "fl.round": "1",
                                 "fl.base": "%08x" % zlib.crc32(b"base"), "fl.examples": str(10 * k)}))
    files = {
        "types.safetensors": record(types, meta),
        "foreign.safetensors": record(types, meta, foreign=True),
        "updates.sts": b"".join(update) + end(3),
        "update.safetensors": update[0],
        "empty.sts": end(0),
    }
    for name, data in files.items():
        with open(f"{folder}/{name}", "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main(sys.argv[1])

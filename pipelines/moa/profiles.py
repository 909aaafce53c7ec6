"""Records of profiles, read and written with NumPy, and features brought to one scale."""
import json
import os
import struct

import numpy as np

TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
         "I16": np.int16, "I8": np.int8, "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8}
CLIP = 5


def load(path):
    """{name: tensor}, metadata."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 8 or (n := struct.unpack("<Q", data[:8])[0]) > len(data) - 8:
        raise ValueError("is no safetensors file")
    header = json.loads(data[8:8 + n])
    meta = header.pop("__metadata__", {})
    tensors = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        if t["dtype"] not in TYPES:
            continue
        tensors[name] = np.frombuffer(data[8 + n + a:8 + n + b], TYPES[t["dtype"]]).reshape(t["shape"])
    return tensors, meta


def save(path, tensors, meta):
    """Tensors in the order given: those of the widest type first."""
    names = {np.dtype(v): k for k, v in TYPES.items()}
    header, at = {"__metadata__": meta}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": names[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(np.ascontiguousarray(t).tobytes())
    os.rename(path + ".tmp", path)


def standardise(x):
    """Mean 0 and deviation 1 over all rows, which looks at no label, clipped at CLIP
    deviations; a feature of one value is 0."""
    x = x.astype(np.float64)
    differs = np.ptp(x, 0) > 0
    z = np.where(differs, (x - x.mean(0)) / np.where(differs, x.std(0), 1), 0)
    return np.clip(z, -CLIP, CLIP).astype(np.float32)

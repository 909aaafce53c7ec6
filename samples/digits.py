#!/usr/bin/python3
"""Writes digits.safetensors.gz: the UCI digits that scikit-learn carries.

1,797 handwritten digits, 8x8 pixels of 0..16 (E. Alpaydin and C. Kaynak, Optical
Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, CC BY 4.0;
scikit-learn's copy is the repository's test part). A stream of two data records in
the order of that copy: the first 1,437 examples are train, the last 360 are test. The split
is by position, not at random: the last ones come from other writers.

usage: digits.py [FILE]
"""
import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np

TRAIN = 1437


def record(meta, tensors):
    """One safetensors record; tensors in the format's order."""
    head, at = {"__metadata__": dict(sorted(meta.items()))}, 0
    for name, a in tensors:
        head[name] = {
            "dtype": "U8",
            "shape": list(a.shape),
            "data_offsets": [at, at + a.nbytes],
        }
        at += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for _, a in tensors)


def stream(x, y):
    meta = {"fl.v": "1", "fl.kind": "data", "fl.classes": "10", "fl.scale": '{"div":16}'}
    out = b""
    for split, part in ("train", slice(None, TRAIN)), ("test", slice(TRAIN, None)):
        out += record(meta | {"split": split}, [("x", x[part]), ("y", y[part])])
    return out + record({"fl.v": "1", "fl.kind": "end", "fl.count": "2"}, [])


def main():
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    assert x.shape == (1797, 8, 8) and x.max() == 16 and (x == digits.images).all()
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "digits.safetensors.gz"
    path.write_bytes(gzip.compress(stream(x, y), 9, mtime=0))


if __name__ == "__main__":
    main()

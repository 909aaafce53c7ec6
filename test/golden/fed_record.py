"""Records by json, hashlib and NumPy alone, for scripts that make golden values."""
import hashlib
import json
import re
import struct

import numpy as np

TYPES = {"int64": "I64", "float64": "F64", "float32": "F32", "int32": "I32",
         "uint8": "U8"}
NUMPY = {v: k for k, v in TYPES.items()}


def base_of(head, buf, arch):
    """What fl.base says of a model: head as in the record, its tensors in the format's order."""
    def digest(b):
        return hashlib.blake2b(b, digest_size=32).hexdigest()
    lines = arch + "\n"
    for name, t in head.items():
        lines += "%s %s %s %s\n" % (
            t["dtype"], "x".join(map(str, t["shape"])) or "scalar",
            re.sub(r"[\x00- \x7f%]", lambda c: "%%%02X" % ord(c[0]), name),
            digest(buf[t["data_offsets"][0]:t["data_offsets"][1]]))
    return digest(lines.encode())


def record(tensors, **meta):
    """(bytes, fl.base); meta without the prefix: kind="update", client=3."""
    order = list(TYPES)
    head = {}
    buf = b""
    for n in sorted(tensors, key=lambda n: (order.index(str(tensors[n].dtype)), n)):
        a = np.ascontiguousarray(tensors[n])
        head[n] = {"dtype": TYPES[str(a.dtype)], "shape": list(np.shape(tensors[n])),
                   "data_offsets": [len(buf), len(buf) + a.nbytes]}
        buf += a.tobytes()
    base = base_of(head, buf, str(meta.get("arch", "")))
    head = {"__metadata__": {"fl." + k: str(v) for k, v in sorted(meta.items())}, **head}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + buf, base


def save(path, tensors, **meta):
    data, base = record(tensors, v=1, **meta)
    with open(path, "wb") as f:
        f.write(data)
    return base


def stream(path):
    """({name: array}, {key: text}, fl.base) of each record of a file but the ends."""
    with open(path, "rb") as f:
        data = f.read()
    while data:
        n = 8 + struct.unpack("<Q", data[:8])[0]
        head = json.loads(data[8:n])
        meta = head.pop("__metadata__", {})
        out, end = {}, n
        for name, t in head.items():
            a, b = (n + x for x in t["data_offsets"])
            out[name] = np.frombuffer(data[a:b], NUMPY[t["dtype"]]).reshape(t["shape"])
            end = max(end, b)
        if meta.get("fl.kind") != "end":
            yield out, meta, base_of(head, data[n:end], meta.get("fl.arch", ""))
        data = data[end:]


def load(path):
    """The same of a file with one record."""
    return next(stream(path))


def check(name, got, *want, tol=6e-11):
    """That what NumPy gives is what the literature's worked example says."""
    got = np.asarray(got, float).ravel()
    assert np.allclose(got, want, rtol=0, atol=tol), (name, got, want)

#!/usr/bin/python3
"""Other writers' files, and what fl-partition must have read of them.

usage: sources.py write FOLDER        files, and want.npz beside each
       sources.py check WANT.npz FOLDER/0000.safetensors
       sources.py synthetic FOLDER/0000.safetensors ALPHA BETA CLIENTS SEED IID
"""
import gzip
import importlib.util
import json
import struct
import sys
from pathlib import Path

import numpy as np

TYPE = {"U8": np.uint8, "I64": np.int64, "F32": np.float32, "I32": np.int32, "I16": np.int16}


def load(path):
    b = Path(path).read_bytes()
    n = struct.unpack("<Q", b[:8])[0]
    head = json.loads(b[8:8 + n])
    meta = head.pop("__metadata__")
    return meta, {k: np.frombuffer(b[8 + n:][slice(*t["data_offsets"])], TYPE[t["dtype"]])
                  .reshape(t["shape"]) for k, t in head.items()}


def want(path, **t):
    np.savez(str(path) + ".want.npz", **t)


def write(d):
    r = np.random.RandomState(1)
    x = r.randn(12, 3).astype(np.float32)
    y = r.permutation(np.arange(12) % 3)
    g = r.randint(-5, 99, 12)
    # CSV: quoted fields, blanks, a comma inside, CRLF, no newline at the end.
    names = np.array(["low", "mid, \"so\"", "high"])
    rank = np.argsort(np.argsort(names))
    rows = ["a, b ,\"c\",kind,who,place,note"]
    for i in range(12):
        rows.append(",".join(["%.9g" % x[i, 0], " %.9g" % x[i, 1], "+%.9g" % x[i, 2] if x[i, 2] > 0
                              else "%.9g" % x[i, 2], '"%s"' % names[y[i]].replace('"', '""'),
                              str(1000 + i), "site %d" % (g[i] % 4), '"two\nlines"']))
    text = "\r\n".join(rows)
    (d / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    places = np.unique(["site %d" % (v % 4) for v in g], return_inverse=True)[1]
    want(d / "t.csv", x=x, y=rank[y], id=1000 + np.arange(12), group=places)
    with gzip.open(d / "t.tsv.gz", "wt") as f:
        f.write("y\tu\tv\n" + "".join("%d\t%.9g\t%.9g\n" % (y[i], x[i, 0], x[i, 1])
                                      for i in range(12)))
    want(d / "t.tsv.gz", x=x[:, :2], y=y)
    # LIBSVM: labels -1, +1, 3; sparse; a comment.
    s = np.where(r.rand(12, 5) < .5, 0, r.randn(12, 5)).astype(np.float32)
    with open(d / "t.svm", "w") as f:
        f.write("# made up\n")
        for i in range(12):
            f.write(["-1", "+1", "3"][y[i]] + "".join(" %d:%.9g" % (j + 1, v)
                                                     for j, v in enumerate(s[i]) if v) + " # x\n")
    want(d / "t.svm", x=np.pad(s, ((0, 0), (0, 2))), y=y)
    # NumPy: doubles become single, big-endian, an image of bytes.
    np.save(d / "x.npy", x.astype(">f8"))
    np.save(d / "y.npy", y.astype(">i2"))
    want(d / "npy", x=x.astype("f8").astype("f4"), y=y)
    img = r.randint(0, 256, (12, 2, 4, 4)).astype(np.uint8)
    np.savez(d / "s.npz", x=img, y=y, group=g)
    np.savez_compressed(d / "c.npz", x=img, y=y, group=g, other=np.zeros(99))
    want(d / "npz", x=img, y=y, group=g)
    np.save(d / "hwc.npy", np.moveaxis(img, 1, -1))
    want(d / "hwc", x=img, y=y)
    np.save(d / "f.npy", np.asfortranarray(x.astype(">f8")))
    np.savez(d / "f.npz", x=np.asfortranarray(img), y=y, group=g)
    np.save(d / "o.npy", np.array([{}]), allow_pickle=True)
    np.save(d / "nan.npy", np.where(x > 0, np.nan, x))
    np.savez(d / "noy.npz", x=img)


def check(want_path, path):
    w, (meta, t) = np.load(want_path), load(path)
    for k in w.files:
        assert t[k].shape == w[k].shape, (k, t[k].shape, w[k].shape)
        assert (t[k] == w[k]).all(), k
    print(meta.get("fl.labels", "-"))


def synthetic(path, alpha, beta, clients, seed, iid):
    """The FedProx authors' generator with the random numbers of base/rng.h."""
    spec = importlib.util.spec_from_file_location("p", Path(__file__).parents[1] / "part/schemes.py")
    part = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(part)
    part.PARTITION = 9      # the purpose: data
    d, C = 60, 10
    X, Y, G = [], [], []
    for k in range(clients):
        n = int(np.exp(1 + 1 * part.Rng(seed, k, 0).normal())) + 7
        r = part.Rng(seed, k, 1)
        u, B = alpha * r.normal(), beta * r.normal()
        v = np.full(d, B) if iid else np.array([B + r.normal() for _ in range(d)])
        if iid:
            r, u = part.Rng(seed, 0, 3), 0
        W = np.array([[u + r.normal() for _ in range(d)] for _ in range(C)])
        b = np.array([u + r.normal() for _ in range(C)])
        r = part.Rng(seed, k, 2)
        x = np.array([[v[j] + (j + 1)**-.6 * r.normal() for j in range(d)] for _ in range(n)])
        X.append(x)
        Y.append(np.argmax(x @ W.T + b, 1))
        G += [k] * n
    meta, t = load(path)
    assert t["x"].shape == (len(G), d) and (t["group"] == G).all()
    assert np.abs(t["x"] - np.concatenate(X)).max() < 1e-6
    assert (t["y"] == np.concatenate(Y)).all() and meta["fl.classes"] == "10"


def main():
    a = sys.argv[1:]
    if a[0] == "write":
        write(Path(a[1]))
    elif a[0] == "check":
        check(a[1], a[2])
    else:
        synthetic(a[1], float(a[2]), float(a[3]), int(a[4]), int(a[5]), a[6] == "on")


if __name__ == "__main__":
    main()

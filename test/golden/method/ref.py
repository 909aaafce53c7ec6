"""Records, deterministic data and a reference trainer in double (PyTorch's
autograd) for the goldens of local methods. Knows nothing of fltools' code."""
import json
import struct

import numpy as np

ORDER = ["I64", "F64", "F32", "U8"]
NAME = {"int64": "I64", "float64": "F64", "float32": "F32", "uint8": "U8"}


def save(path, tensors, meta):
    meta = {"fl.v": "1", **meta}
    header, parts, at = {"__metadata__": dict(sorted(meta.items()))}, [], 0
    for k in sorted(tensors, key=lambda k: (ORDER.index(NAME[tensors[k].dtype.name]), k)):
        t = np.ascontiguousarray(tensors[k])
        header[k] = {"dtype": NAME[t.dtype.name], "shape": list(tensors[k].shape),
                     "data_offsets": [at, at + t.nbytes]}
        parts.append(t.tobytes())
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def load(path, record=0):
    """Tensors and metadata of one record of a stream."""
    b = open(path, "rb").read()
    while True:
        n = struct.unpack("<Q", b[:8])[0]
        h = json.loads(b[8:8 + n])
        meta = h.pop("__metadata__", {})
        end = 8 + n + max([v["data_offsets"][1] for v in h.values()], default=0)
        if record == 0:
            break
        b, record = b[end:], record - 1
    types = {v: np.dtype(k) for k, v in NAME.items()}
    cut = lambda v: b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
    return {k: np.frombuffer(cut(v), types[v["dtype"]]).reshape(v["shape"]).copy()
            for k, v in h.items()}, meta


def lcg(n, seed):
    """n bytes of a 32-bit linear congruential generator (Numerical Recipes)."""
    out, s = np.empty(n, np.uint8), seed
    for i in range(n):
        s = (1664525 * s + 1013904223) & 0xffffffff
        out[i] = s >> 24
    return out


# --- a small net: 12-7-3, 23 examples, batches of 5 in stored order ---

ARCH = "mlp:in=12,hidden=7,out=3"
LR, BATCH, EPOCHS, CLIENT = 0.1, 5, 2, 4
OPT = ["--opt", f"sgd:lr={LR}", "-b", str(BATCH), "-e", str(EPOCHS), "--shuffle", "none"]
SHAPES = {"0.weight": (7, 12), "0.bias": (7,), "2.weight": (3, 7), "2.bias": (3,)}


def weights(seed, scale):
    n = sum(int(np.prod(s)) for s in SHAPES.values())
    v = (lcg(n, seed).astype(np.float32) - 127.5) / 127.5 * np.float32(scale)
    out, at = {}, 0
    for k, s in SHAPES.items():
        m = int(np.prod(s))
        out[k] = v[at:at + m].reshape(s).astype(np.float32)
        at += m
    return out


def small_data():
    x = lcg(23 * 12, 5).reshape(23, 12)
    y = (lcg(23, 6) % 3).astype(np.int64)
    return x, y


def inputs(folder, extra=None):
    """Writes data, and the models of rounds 0 and 1; returns the models in double."""
    x, y = small_data()
    save(f"{folder}/data.safetensors", {"x": x, "y": y},
         {"fl.kind": "data", "fl.client": str(CLIENT), "fl.classes": "3",
          "fl.scale": '{"div":255,"mean":[0.5],"std":[0.25]}'})
    models = []
    for r in (0, 1):
        w = weights(11 + r, 0.5)
        if r and extra:
            w.update({extra + k: v for k, v in weights(21, 0.05).items()})
        save(f"{folder}/model{r}.safetensors", w,
             {"fl.kind": "model", "fl.round": str(r), "fl.arch": ARCH})
        models.append({k: v.astype(np.float64) for k, v in w.items()})
    return models


def gradient(w, x, y, loss=None):
    """Of the mean cross-entropy, or of loss(features, logits, y)."""
    import torch
    t = {k: torch.tensor(v, requires_grad=True) for k, v in w.items()}
    h = torch.relu(torch.as_tensor(x) @ t["0.weight"].T + t["0.bias"])
    z = h @ t["2.weight"].T + t["2.bias"]
    loss = (loss or (lambda h, z, y: torch.nn.functional.cross_entropy(z, y)))(
        h, z, torch.as_tensor(y))
    return dict(zip(t, (g.numpy() for g in torch.autograd.grad(loss, list(t.values())))))


def outputs(w, x):
    """Features and logits, as arrays."""
    h = np.maximum(x @ w["0.weight"].T + w["0.bias"], 0)
    return h, h @ w["2.weight"].T + w["2.bias"]


def scaled_data():
    x, y = small_data()
    return (x.astype(np.float64) / 255 - 0.5) / 0.25, y


def uphill(w, x, y, rho, g):
    """w + rho g/|g|, the norm over all tensors."""
    n = np.sqrt(sum((v ** 2).sum() for v in g.values()))
    return {k: w[k] + rho * g[k] / n for k in w}


def train(w0, term=lambda k, w: 0, epochs=EPOCHS, grad=lambda w, x, y, rows: gradient(w, x, y)):
    """SGD from w0; term(name, weights) is added to that tensor's gradient, which is
    that of grad for examples x, y, the data's rows."""
    x, y = scaled_data()
    w, steps = {k: w0[k].copy() for k in SHAPES}, 0
    for _ in range(epochs):
        for i in range(0, len(y), BATCH):
            rows = slice(i, min(i + BATCH, len(y)))
            g = grad(w, x[rows], y[rows], rows)
            w = {k: w[k] - LR * (g[k] + term(k, w[k])) for k in w}
            steps += 1
    return w, steps


def minus(a, b):
    return {k: (a[k] - b[k]) for k in SHAPES}


def named(prefix, v, dtype=np.float32):
    return {prefix + k: t.astype(dtype) for k, t in v.items()}


def near_class_means(folder, stat, width, what, weight=1.5):
    """Cross-entropy + weight * MSELoss(what(features, logits), the means of their classes), an
    example's own where there is none: two rounds, and their statistics for --with."""
    import torch
    F = torch.nn.functional
    means = [(lcg(3 * width, 31 + r).reshape(3, width) - 127.5) / 100 for r in (0, 1)]
    count = [np.array([5, 0, 9]), np.array([5, 2, 9])]	# in round 1, nobody has class 1

    for r, w0 in enumerate(inputs(folder)):
        mean = means[r].astype(np.float32)
        mean[count[r] == 0] = 0
        save(f"{folder}/with{r + 1}.safetensors", {"mean": mean, "count": count[r]},
             {"fl.kind": "stats", "fl.method": stat + ":weight=examples",
              "fl.examples": str(count[r].sum())})

        def loss(h, z, y):
            v = what(h, z)
            near = torch.as_tensor(mean.astype(float))[y]
            near = torch.where(torch.as_tensor(count[r])[y][:, None] > 0, near, v.detach())
            return F.cross_entropy(z, y) + weight * F.mse_loss(v, near)

        w, _ = train(w0, grad=lambda w, x, y, rows: gradient(w, x, y, loss))
        save(f"{folder}/want{r + 1}.safetensors", named("", minus(w, w0)), {})

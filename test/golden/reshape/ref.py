#!/usr/bin/python3
"""HeteroFL and FedRolex by NumPy alone, in double: a perceptron and a small convolutional net,
rounds of five clients of widths 1, 1/2, 1/4, 1/8 and 1/16. Every client trains a net that is
really small: index lists take its rows and columns out of the whole one, SGD moves them, and
the server gives each number of the whole net the mean over those who have it.
usage: ref.py NET static|rolling SCALER(0|1) examples|uniform ROUNDS FOLDER
Writes FOLDER/model0.safetensors, client*.safetensors, sizes.txt and want.safetensors."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import save

RATES = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
LR, BATCH, EPOCHS = 0.05, 4, 2
EXAMPLES = [5, 9, 8, 6, 11]


class Linear:
    def __init__(self, name, out, inputs):
        self.name, self.shape = name, (out, inputs)

    def forward(self, w, x):
        self.x = x
        return x @ w[self.name + ".weight"].T + w[self.name + ".bias"]

    def backward(self, w, dy, g):
        g[self.name + ".weight"] = dy.T @ self.x
        g[self.name + ".bias"] = dy.sum(0)
        return dy @ w[self.name + ".weight"]


class Conv:
    """3x3, a border of zeros."""
    def __init__(self, name, out, inputs):
        self.name, self.shape = name, (out, inputs, 3, 3)

    def forward(self, w, x):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        self.win = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        return (np.einsum("bchwij,ocij->bohw", self.win, w[self.name + ".weight"]) +
                w[self.name + ".bias"][:, None, None])

    def backward(self, w, dy, g):
        g[self.name + ".weight"] = np.einsum("bchwij,bohw->ocij", self.win, dy)
        g[self.name + ".bias"] = dy.sum((0, 2, 3))
        padded = np.pad(dy, ((0, 0), (0, 0), (1, 1), (1, 1)))
        win = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        return np.einsum("bohwij,ocij->bchw", win, w[self.name + ".weight"][:, :, ::-1, ::-1])


class Scale:
    def __init__(self, rate):
        self.rate = rate

    def forward(self, w, x):
        return x / self.rate

    def backward(self, w, dy, g):
        return dy / self.rate


class Relu:
    def forward(self, w, x):
        self.on = x > 0
        return x * self.on

    def backward(self, w, dy, g):
        return dy * self.on


class Pool:
    """Means of 2x2."""
    def forward(self, w, x):
        b, c, h, v = x.shape
        return x.reshape(b, c, h // 2, 2, v // 2, 2).mean((3, 5))

    def backward(self, w, dy, g):
        return np.repeat(np.repeat(dy, 2, 2), 2, 3) / 4


class Flat:
    def forward(self, w, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, w, dy, g):
        return dy.reshape(self.shape)


# Layers, the field that a channel becomes where it is read flat, and the architecture.
NETS = {
    "mlp": ([Linear("0", 16, 12), Relu(), Linear("2", 20, 16), Relu(), Linear("4", 3, 20)],
            {"0": 1, "2": 1, "4": 1}, (12,), "mlp:in=12,hidden=16+20,out=3"),
    "cnn": ([Conv("c1", 16, 2), Relu(), Pool(), Conv("c2", 18, 16), Relu(), Pool(), Flat(),
             Linear("f", 17, 18 * 4), Relu(), Linear("z", 3, 17)],
            {"c1": 1, "c2": 1, "f": 4, "z": 1}, (2, 8, 8),
            '{"input":[2,8,8],"layers":[{"layer":"conv2d","name":"c1","out":16,"padding":1},'
            '{"layer":"relu","name":"a"},{"layer":"avgpool","name":"b"},'
            '{"layer":"conv2d","name":"c2","out":18,"padding":1},{"layer":"relu","name":"d"},'
            '{"layer":"avgpool","name":"e"},{"layer":"flatten","name":"g"},'
            '{"layer":"linear","name":"f","out":17},{"layer":"relu","name":"h"},'
            '{"layer":"linear","name":"z","out":3}]}'),
}


def indices(layers, fields, rate, start):
    """Of every tensor, what a client of that rate has: the window of each hidden layer from
    start on, the outputs whole."""
    idx, before = {}, None
    own = [l for l in layers if hasattr(l, "name")]
    for l in own:
        n, field = l.shape[0], fields[l.name]
        if before is None:
            before = np.arange(l.shape[1])
        rows = np.arange(n)
        if l is not own[-1]:
            rows = np.roll(rows, -(start % n))[:int(np.ceil(n * rate))]
        cols = (before[:, None] * field + np.arange(field)).ravel()
        idx[l.name + ".weight"], idx[l.name + ".bias"] = np.ix_(rows, cols), rows
        before = rows
    return idx


def train(layers, w, x, y):
    w = {k: v.copy() for k, v in w.items()}
    for _ in range(EPOCHS):
        for i in range(0, len(x), BATCH):
            h = x[i:i + BATCH]
            for l in layers:
                h = l.forward(w, h)
            p = np.exp(h - h.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(p)), y[i:i + BATCH]] -= 1
            dy, g = p / len(p), {}
            for l in reversed(layers):
                dy = l.backward(w, dy, g)
            for k in g:
                w[k] = w[k] - LR * g[k]
    return w


def main(net, mode, scaler, weight, rounds, folder):
    layers, fields, shape, arch = NETS[net]
    r = np.random.default_rng(7)
    w = {}
    for l in layers:
        if hasattr(l, "name"):
            bound = (3 / np.prod(l.shape[1:])) ** .5
            w[l.name + ".weight"] = r.uniform(-bound, bound, l.shape).astype("f4")
            w[l.name + ".bias"] = r.uniform(-.1, .1, l.shape[0]).astype("f4")
    save(f"{folder}/model0.safetensors", w, kind="model", round=0, arch=arch)
    data = []
    for k, n in enumerate(EXAMPLES):
        x, y = r.normal(size=(n, *shape)).astype("f4"), r.integers(0, 3, n)
        save(f"{folder}/client{k}.safetensors", {"x": x, "y": y}, kind="data", client=k, classes=3)
        data.append((x.astype(float), y))
    how = {"static": "width", "rolling": "rolling"}[mode]
    with open(f"{folder}/sizes.txt", "w") as f:
        for k, rate in enumerate(RATES):
            f.write(f"{k} {how}:ratio={rate}{',scaler=on' if scaler else ''}\n")
    w = {k: v.astype(float) for k, v in w.items()}
    for t in range(rounds):
        total, count = {k: np.zeros_like(v) for k, v in w.items()}, {k: np.zeros_like(v) for k, v in w.items()}
        for (x, y), rate in zip(data, RATES):
            idx = indices(layers, fields, rate, t if mode == "rolling" else 0)
            local = []
            for l in layers:
                local.append(l)
                if scaler and rate < 1 and hasattr(l, "name") and l is not layers[-1]:
                    local.append(Scale(rate))
            n = len(x) if weight == "examples" else 1
            for k, v in train(local, {k: w[k][i] for k, i in idx.items()}, x, y).items():
                total[k][idx[k]] += n * v
                count[k][idx[k]] += n
        w = {k: np.where(count[k] > 0, total[k] / np.maximum(count[k], 1), w[k]) for k in w}
    save(f"{folder}/want.safetensors", {k: v.astype("f4") for k, v in w.items()}, kind="model",
         round=rounds, arch=arch)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "1", sys.argv[4], int(sys.argv[5]), sys.argv[6])

#!/usr/bin/python3
"""Presets against PyTorch: some steps of training, and weights both ways. usage:
  preset.py data NAME DIR     writes DIR/NAME.data.safetensors, its batches
  preset.py check NAME DIR    compares the update in DIR/NAME.safetensors with want.safetensors
  preset.py want NAME...      trains these in PyTorch, or all, and writes want.safetensors
  preset.py names             those that want.safetensors holds, with batch and learning rate
  preset.py load DIR          our models in PyTorch (strict), and what both make of examples
  preset.py save DIR          PyTorch's own initial weights, as it saves them, in our tools

Both sides begin with the weights that fl-init draws, which want.safetensors knows
by their checksum, and take the examples in stored order, momentum, weight decay and
dropout included: its masks are those of the counter generator, which NumPy has, too.
PyTorch computes in double. Of each tensor's update, w - w0, the golden record
holds its norm and 16 sums (element i counts in sum i mod 16, with a random sign). The
error is that of the sums over the norm, and what the norms differ by; the signs make
that the relative error of the update on average. Its limit stands in TRAIN:
about four times what was measured. It is larger than float's precision where relu and
pooling switch because a sum crosses 0, where dead units make updates small, and where
a weight moves by few of its units in the last place: the deepest net takes two large
steps, because after twenty of them PyTorch's own float is far from its double.

load and save compare the log-probabilities of all classes, relative to the largest:
fl-eval's loss of an example, once for each class it could have.
remake: $PYTHON preset.py want
"""
import json
import os
import subprocess
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from fed_record import load, save  # noqa: E402

SEED, MOMENTUM, DECAY, SUMS = 7, 0.9, 5e-4, 16
SAME = 5e-6     # largest error of log-probabilities
DROPOUT = 6     # the generator's purpose of that name, in lib/base/rng.h

# preset: (steps, examples a step, learning rate, limit of the relative error of an update)
TRAIN = {
    "logreg": (20, 8, 0.01, 2.5e-6),
    "mlp": (20, 8, 0.01, 1.2e-5),
    "eemlp": (20, 8, 0.01, 1.2e-5),
    "adafedadam-mlp": (20, 8, 0.01, 1.2e-5),
    "adafedadam-cnn": (20, 4, 0.01, 5e-5),
    "fedavg-cnn": (20, 4, 0.01, 2.5e-5),
    "lenet5": (20, 8, 0.01, 5e-5),
    "pfl-cnn": (20, 4, 0.01, 1.2e-5),
    "tutorial-cnn": (20, 8, 0.01, 4e-5),
    "resnet8-gn": (20, 4, 0.01, 4e-4),
    "resnet18-gn": (2, 2, 0.1, 8e-5),
    "shakespeare-lstm": (20, 4, 0.1, 8e-5),
    "cellpainting-cnn": (20, 4, 0.01, 2e-4),
}
# What they read, and classes, where that is not (3, 32, 32) and 10.
SHAPES = {"logreg": (784,), "mlp": (784,), "eemlp": (784,), "adafedadam-mlp": (784,), "shakespeare-lstm": (80,),
          "fedavg-cnn": (1, 28, 28), "lenet5": (1, 28, 28), "cellpainting-cnn": (5, 64, 64)}
CLASSES = {"shakespeare-lstm": 80, "cellpainting-cnn": 13}
# Dropout before these modules.
DROPS = {"adafedadam-cnn": {"fc2": 0.5}, "pfl-cnn": {"7": 0.25, "11": 0.5}}


def nets():
    """name: (architecture, torch module, input shape, batch, classes)"""
    global torch
    import torch
    from torch import nn
    sys.path.insert(0, os.path.join(os.path.dirname(here), "nn"))
    from cases import CASES, cellpainting_cnn, named

    class Characters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(80, 8)
            self.lstm = nn.LSTM(8, 256, num_layers=2, batch_first=True)
            self.fc = nn.Linear(256, 80)

        def forward(self, x):
            return self.fc(self.lstm(self.embedding(x.long()))[0][:, -1])

    class EarlyExits(nn.Module):
        """In training, what each exit says."""

        def __init__(self):
            super().__init__()
            for i, d in enumerate((784, 128, 128), 1):
                setattr(self, f"fc{i}", nn.Linear(d, 128))
                setattr(self, f"exit{i}", nn.Linear(128, 10))

        def forward(self, x):
            z = []
            for i in 1, 2, 3:
                x = torch.relu(getattr(self, f"fc{i}")(x))
                z.append(getattr(self, f"exit{i}")(x))
            return z if self.training else z[-1]

    torch.set_num_threads(1)
    mlp = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                        nn.Linear(64, 10))
    encoder = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
    extra = {
        "logreg": (nn.Sequential(nn.Linear(784, 10)), SHAPES["logreg"], 10),
        "mlp": (mlp, SHAPES["mlp"], 10),
        "eemlp": (EarlyExits(), SHAPES["eemlp"], 10),
        "adafedadam-mlp": (named(encoder=encoder, classifier=nn.Linear(64, 10)),
                           SHAPES["adafedadam-mlp"], 10),
        "shakespeare-lstm": (Characters(), SHAPES["shakespeare-lstm"], 80),
        "cellpainting-cnn": (cellpainting_cnn(5, (16, 32, 64), 8, 13), SHAPES["cellpainting-cnn"], 13),
    }
    return dict(CASES, **{n: (n, net, shape, 4, C) for n, (net, shape, C) in extra.items()})


def presets():
    out = subprocess.run(["fl-init", "--list=arch"], check=True, capture_output=True, text=True)
    return [n for n in (line.split("\t")[0] for line in out.stdout.splitlines()) if n in TRAIN]


def words(key, n):
    """n numbers of 64 bits of the counter generator, whose first block is 0."""
    seed, purpose, round_, client, sub = key
    before = ((sub << 192 | client << 128 | round_ << 64) - 1) % (1 << 256)
    counter = [before >> 64 * i & (1 << 64) - 1 for i in range(4)]
    return np.random.Philox(key=np.array([seed, purpose], np.uint64),
                            counter=np.array(counter, np.uint64)).random_raw(n)


def examples(name, shape, n, classes):
    """Bytes and classes. Tokens are below 80 where the preset reads tokens."""
    d = n * int(np.prod(shape))
    x = words((SEED, 99, 0, 0, 0), -(-d // 8)).view(np.uint8)[:d].reshape((n,) + shape)
    return (x % 80 if "lstm" in name else x), np.arange(n, dtype=np.int64) * 7 % classes


def scale(name):
    return {} if "lstm" in name else {"scale": '{"div":255,"mean":[0.5],"std":[0.25]}'}


def inputs(name, x):
    x = torch.from_numpy(x.astype(np.float64))
    return x if "lstm" in name else (x / 255 - 0.5) / 0.25


def data(name, folder):
    shape, classes = SHAPES.get(name, (3, 32, 32)), CLASSES.get(name, 10)
    x, y = examples(name, shape, TRAIN[name][0] * TRAIN[name][1], classes)
    save(f"{folder}/{name}.data.safetensors", {"x": x, "y": y}, kind="data", client=0,
         classes=classes, **scale(name))


class Masks:
    """Dropout of the first epoch of round 1, drawn from one stream in order."""

    def __init__(self):
        self.at = 0

    def __call__(self, p, x):
        n = x.numel()
        u = words((SEED, DROPOUT, 1, 0, 0), self.at + (n + 1) // 2)[self.at:]
        self.at += len(u)
        low = u.astype("<u8").view("<u4")[:n] < int(p * 2**32)
        return x * torch.from_numpy(np.where(low, 0, 1 / (1 - p))).reshape(x.shape)


def drop(net, name):
    masks = Masks()
    for module, p in DROPS.get(name, {}).items():
        net.get_submodule(module).register_forward_pre_hook(
            lambda m, x, p=p: masks(p, x[0]))


def state_of(path, net):
    """A record as a state_dict in the module's types."""
    types = net.state_dict()
    return {k: torch.from_numpy(v.copy()).to(types[k].dtype) if k in types else v
            for k, v in load(path)[0].items()}


def summary(d):
    d = d.reshape(-1).astype(np.float64)
    bits = np.unpackbits(words((SEED, 98, 0, 0, 0), len(d) // 64 + 1).view(np.uint8))[:len(d)]
    padded = np.zeros(-(-len(d) // SUMS) * SUMS)
    padded[:len(d)] = np.where(bits, d, -d)
    return np.append(padded.reshape(-1, SUMS).sum(0), np.linalg.norm(d))


def train(name, net, shape, classes, model):
    net.double().load_state_dict(state_of(model, net), strict=True)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    drop(net, name)
    steps, B, lr, _ = TRAIN[name]
    x, y = examples(name, shape, steps * B, classes)
    x, y = inputs(name, x), torch.from_numpy(y)
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM, weight_decay=DECAY)
    for i in range(0, len(y), B):
        opt.zero_grad()
        z = net(x[i:i + B])
        loss = torch.nn.functional.cross_entropy
        sum(loss(exit, y[i:i + B]) for exit in (z if isinstance(z, list) else [z])).backward()
        opt.step()
    return {k: summary((v - before[k]).numpy()) for k, v in net.state_dict().items()}


def init(name, path, *options):
    subprocess.run(["fl-init", "-a", name, "-s", str(SEED), "-o", path, *options], check=True)


def want(names):
    path, cases = f"{here}/want.safetensors", nets()
    out, meta = load(path)[:2] if names else ({}, {})
    out, meta = dict(out), {k[3:]: v for k, v in meta.items() if k != "fl.v"}
    for name in names or presets():
        model = f"/tmp/preset-{os.getpid()}.safetensors"
        init(name, model)
        meta[f"base/{name}"] = load(model)[2]
        sums = train(name, cases[name][1], cases[name][2], cases[name][4], model)
        out.update({f"{name}/{k}": v for k, v in sums.items()})
        os.unlink(model)
        print(name, len(sums), "tensors", file=sys.stderr)
    save(path, out, **meta)


def check(name, folder):
    sums, meta, _ = load(f"{here}/want.safetensors")
    model = load(f"{folder}/{name}.model.safetensors")
    update = load(f"{folder}/{name}.safetensors")[0]
    if meta.get(f"fl.base/{name}") != model[2]:
        print(f"{name}: fl-init draws other weights than when want.safetensors was made")
        return 1
    tensors = {k[len(name) + 1:]: v for k, v in sums.items() if k.startswith(name + "/")}
    assert sorted(tensors) == sorted(update) == sorted(model[0]), name
    worst = (0, "")
    for k, w in tensors.items():
        got = summary(update[k])
        e = np.linalg.norm(got[:SUMS] - w[:SUMS]) / w[SUMS], abs(got[SUMS] / w[SUMS] - 1)
        worst = max(worst, (max(e), k))
    print(f"{name}: {worst[1]}: error {worst[0]:.1e}, limit {TRAIN[name][3]:.1e}")
    return int(not worst[0] <= TRAIN[name][3])


def evaluated(name, model, x, classes, folder):
    """Log-probabilities (n, classes) by fl-eval."""
    path = f"{folder}/examples.sts"
    if os.path.exists(path):
        os.unlink(path)
    for i in range(len(x) * classes):
        one = f"{folder}/one.safetensors"
        save(one, {"x": x[i // classes:i // classes + 1], "y": np.array([i % classes])},
             kind="data", client=i, classes=classes, **scale(name))
        with open(path, "ab") as f, open(one, "rb") as g:
            f.write(g.read())
    out = subprocess.run(["fl-eval", "-m", model, "--metric=nll", "--format=json", path],
                         check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in out.stdout.splitlines()]
    return -np.array([r["nll"] for r in rows if r["kind"] == "client"]).reshape(-1, classes)


def compare(name, net, model, shape, classes, folder):
    x = examples(name, shape, 2, classes)[0] % 5 if name == "lstm" else \
        examples(name, shape, 2, classes)[0]
    with torch.no_grad():
        want = torch.log_softmax(net.double().eval()(inputs(name, x)), 1).numpy()
    e = np.abs(evaluated(name, model, x, classes, folder) - want).max() / np.abs(want).max()
    print(f"{name}: log-probabilities differ by {e:.1e}, limit {SAME}")
    return int(not e <= SAME)


def both(what, folder):
    bad, cases = 0, nets()
    losses = sys.modules["cases"].LOSSES        # one net with several
    names = [n for n in dict.fromkeys(presets() + list(cases)) if n not in losses]
    for name in names:
        arch, net, shape, _, classes = cases[name]
        model = f"{folder}/m.safetensors"
        if what == "load":
            init(arch, model)
            net.load_state_dict(state_of(model, net), strict=True)
        else:
            path = f"{folder}/torch.safetensors"
            save_state(path, net.state_dict())
            init(arch, model, "--weights", path)
        bad += compare(name, net, model, shape, classes, folder)
    return int(bad > 0)


def save_state(path, state):
    """As safetensors.torch.save_file writes it, which knows nothing of our keys."""
    import struct
    types = {"float32": "F32", "int64": "I64"}
    head, buf = {"__metadata__": {"format": "pt"}}, b""
    for k, v in state.items():
        a = v.numpy()
        head[k] = {"dtype": types[str(a.dtype)], "shape": list(a.shape),
                   "data_offsets": [len(buf), len(buf) + a.nbytes]}
        buf += a.tobytes()
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + buf)


def main(what, *args):
    if what == "names":
        print("\n".join(f"{n} {b} {lr}" for n, (_, b, lr, _) in TRAIN.items()))
        return 0
    if what == "want":
        return want(args)
    if what in ("load", "save"):
        return both(what, *args)
    return {"data": data, "check": check}[what](*args)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

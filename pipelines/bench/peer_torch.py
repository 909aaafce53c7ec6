"""The PyTorch loop that people write: DataLoader, module, SGD. Reads commands on
standard input, answers each with seconds on standard output.

  client FILE          one more client's data record      -> ok
  model FILE           initial weights                    -> ok
  cnn FILE [NAME]      the same, of a convolutional net   -> ok
  batch N, threads N   of training; of PyTorch            -> ok
  epoch I              one local epoch of client I        -> seconds, steps
  round                every client an epoch, then FedAvg -> seconds
  steps1               every client one step, then FedAvg -> seconds
  step FILE OUT        one step on the first batch as stored, from the weights as
                       they are; the difference, raw F32 by name -> loss
  sum F...             updates, weighted, by add_         -> seconds
  eval FILE B          accuracy of the model, batches of B -> seconds, accuracy
"""
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from st import load

torch.set_num_threads(1)
BATCH = 32


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                                 nn.Linear(64, 10))

    def forward(self, x):
        return self.net(x)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv3 = nn.Conv2d(128, 256, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(4096, 512), nn.Linear(512, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        x = torch.relu(self.fc1(x.flatten(1)))
        return self.fc2(nn.functional.dropout(x, .5, self.training))


class Tutorial(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


def pfl():
    """The places of its tensors are those of pfl-research's module."""
    return nn.Sequential(nn.Identity(), nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(.25), nn.Flatten(),
                         nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(.5), nn.Linear(128, 10))


CNNS = {"adafedadam-cnn": CNN, "pfl-cnn": pfl, "tutorial-cnn": Tutorial}


def dataset(path):
    t, _ = load(path)
    if t["x"].ndim == 4:
        return TensorDataset(torch.from_numpy(t["x"].astype("float32") / 255),
                             torch.from_numpy(t["y"].astype("int64")))
    x = torch.from_numpy(t["x"].astype("float32").reshape(len(t["y"]), -1) / 255)
    return TensorDataset((x - .286) / .353, torch.from_numpy(t["y"].astype("int64")))


def local_epoch(model, data, max_steps=None, batch=BATCH):
    opt = torch.optim.SGD(model.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
    loss_fn = nn.CrossEntropyLoss()
    steps = 0
    for x, y in DataLoader(data, batch_size=batch, shuffle=True):
        opt.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        opt.step()
        steps += 1
        if steps == max_steps:
            break
    return steps


def check_step(model, data, out):
    """The weights' difference after one step, tensors by name."""
    old = {k: v.clone() for k, v in model.state_dict().items()}
    opt = torch.optim.SGD(model.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
    x, y = next(iter(DataLoader(data, batch_size=BATCH)))
    loss = nn.CrossEntropyLoss()(model(x), y)
    loss.backward()
    opt.step()
    new = model.state_dict()
    with open(out, "wb") as f:
        for k in sorted(new):
            f.write((new[k] - old[k]).numpy().tobytes())
    model.load_state_dict(old)
    return loss.item()


def add_up(files):
    start = time.perf_counter()
    acc, total = None, 0
    for f in files:
        t, meta = load(f)
        n = int(meta["fl.examples"])
        acc = acc or {k: torch.zeros(v.shape) for k, v in t.items()}
        for k, v in t.items():
            acc[k].add_(torch.from_numpy(v.copy()), alpha=n)
        total += n
    for v in acc.values():
        v /= total
    return time.perf_counter() - start


def fed_round(model, clients, max_steps=None):
    start = time.perf_counter()
    glob = {k: v.clone() for k, v in model.state_dict().items()}
    total = sum(len(c) for c in clients)
    new = {k: torch.zeros_like(v) for k, v in glob.items()}
    for c in clients:
        model.load_state_dict(glob)
        local_epoch(model, c, max_steps)
        for k, v in model.state_dict().items():
            new[k] += v * (len(c) / total)
    model.load_state_dict(new)
    return time.perf_counter() - start


def evaluate(model, data, batch):
    start = time.perf_counter()
    right = 0
    model.eval()
    with torch.no_grad():
        for x, y in DataLoader(data, batch_size=batch):
            right += (model(x).argmax(1) == y).sum().item()
    model.train()
    return time.perf_counter() - start, right / len(data)


def main():
    clients, model, batch = [], MLP(), BATCH
    for line in sys.stdin:
        cmd = line.split()
        if cmd[0] == "client":
            clients.append(dataset(cmd[1]))
            answer = "ok"
        elif cmd[0] == "model":
            t, _ = load(cmd[1])
            model.load_state_dict({"net." + k: torch.from_numpy(v.copy()) for k, v in t.items()})
            answer = "ok"
        elif cmd[0] == "cnn":
            model = CNNS[cmd[2] if len(cmd) > 2 else "adafedadam-cnn"]()
            model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in load(cmd[1])[0].items()})
            answer = "ok"
        elif cmd[0] == "batch":
            batch, answer = int(cmd[1]), "ok"
        elif cmd[0] == "threads":
            torch.set_num_threads(int(cmd[1]))
            answer = "ok"
        elif cmd[0] == "epoch":
            start = time.perf_counter()
            steps = local_epoch(model, clients[int(cmd[1])], batch=batch)
            answer = f"{time.perf_counter() - start} {steps}"
        elif cmd[0] == "round":
            answer = fed_round(model, clients)
        elif cmd[0] == "steps1":
            answer = fed_round(model, clients, 1)
        elif cmd[0] == "step":
            answer = check_step(model, dataset(cmd[1]), cmd[2])
        elif cmd[0] == "sum":
            answer = add_up(cmd[1:])
        elif cmd[0] == "eval":
            answer = "%g %g" % evaluate(model, dataset(cmd[1]), int(cmd[2]))
        else:
            answer = "?"
        print(answer, flush=True)


main()

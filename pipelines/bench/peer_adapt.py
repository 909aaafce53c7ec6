"""AsymVLM's training as its authors write it: DataLoader, module, SGD with momentum,
a rate that falls every step. Reads commands on standard input:

  data FILE            pairs: text, image, pairs          -> ok
  model FILE DIST      initial weights, vmf or ps         -> ok
  threads N                                               -> ok
  epoch SHUFFLE        one epoch (1: shuffled)            -> seconds, steps, loss
"""
import math
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from st import load

BATCH, EPOCHS = 2048, 200


class Adaptor(nn.Module):
    def __init__(self, dist, d=512, hidden=1024):
        super().__init__()
        self.dist = dist
        self.etta = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                  nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, d))
        self.temperature = nn.Parameter(torch.tensor(1.0))

    def normaliser(self, k, d):
        if self.dist == "ps":
            a, b = (d - 1) / 2 + k, (d - 1) / 2
            return -((a + b) * math.log(2) + torch.lgamma(a) - torch.lgamma(a + b) + b * math.log(math.pi))
        a, b = (d - 1) / 2, (d + 1) / 2
        u, t = torch.sqrt(a * a + k * k), torch.sqrt(b * b + k * k)
        return a / 2 * (torch.log(a + u) + torch.log(a + t)) - u / 2 - t / 2

    def forward(self, text, image):
        eta = self.etta(text)
        kappa = eta.norm(dim=-1, keepdim=True)
        c = nn.functional.normalize(image, dim=-1) @ (eta / kappa).t()
        delta = (torch.log1p(c) if self.dist == "ps" else c) * kappa.t()
        delta = (delta + self.normaliser(kappa.t(), text.shape[1])) * self.temperature
        own = torch.arange(len(text))
        return (nn.functional.cross_entropy(delta, own) + nn.functional.cross_entropy(delta.t(), own)) / 2


def epoch(net, opt, rate, data, shuffle):
    losses, steps, start = 0., 0, time.perf_counter()
    for text, image in DataLoader(data, batch_size=BATCH, shuffle=shuffle):
        loss = net(text, image)
        opt.zero_grad()
        loss.backward()
        opt.step()
        rate.step()
        losses += loss.item() * len(text)
        steps += 1
    return time.perf_counter() - start, steps, losses / len(data)


def main():
    net = opt = rate = data = None
    for line in sys.stdin:
        cmd, *args = line.split()
        answer = "ok"
        if cmd == "data":
            t, _ = load(args[0])
            pairs = torch.from_numpy(t["pairs"].astype("int64"))
            data = TensorDataset(torch.from_numpy(t["text"].copy())[pairs[:, 0]],
                                 torch.from_numpy(t["image"].copy())[pairs[:, 1]])
        elif cmd == "model":
            t, _ = load(args[0])
            net = Adaptor(args[1])
            net.load_state_dict({k.split(".", 1)[1]: torch.from_numpy(v.copy()) for k, v in t.items()})
            opt = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=.9, weight_decay=5e-4)
            rate = torch.optim.lr_scheduler.CosineAnnealingLR(opt, EPOCHS * -(-len(data) // BATCH), 1e-6)
        elif cmd == "threads":
            torch.set_num_threads(int(args[0]))
        elif cmd == "epoch":
            answer = "%.9g %d %.9g" % epoch(net, opt, rate, data, args[0] == "1")
        print(answer, flush=True)


main()

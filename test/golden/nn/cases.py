#!/usr/bin/env python3
"""Writes cases.safetensors beside this script: nets in PyTorch, in float64, three
steps of SGD each. Weights and inputs come from fill(), which the test repeats, so
the record holds only losses, logits and a few elements and the norm of each
tensor after the steps. Dropout is off. Needs numpy and torch (made with 1.13.1).
remake: $PYTHON cases.py
"""
import json
import os
import sys
import zlib

import numpy as np
import torch
from torch import nn

from make import save

STEPS, LR, MOMENTUM, SAMPLES = 3, 0.01, 0.9, 9


def fill(name, shape):
    """Numbers in [-1,1) from the name and the index alone."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint32)
    with np.errstate(over="ignore"):
        h = (i + np.uint32(zlib.crc32(name.encode()))) * np.uint32(2654435761)
        h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
        h = h ^ (h >> np.uint32(13))
    return (h.astype(np.float64) / 2**31 - 1).astype(np.float32).reshape(shape)


def weight(name, shape):
    u = fill(name, shape)
    if name.endswith(("running_var",)) or (name.endswith("weight") and len(shape) == 1):
        return (1 + u / 8).astype(np.float32)
    if len(shape) < 2:
        return u / 8
    fan_in = int(np.prod(shape[1:]))
    return (u * np.float32(np.sqrt(3 / fan_in))).astype(np.float32)


def named(**modules):
    """A Sequential with these names for its modules that have tensors."""
    net = nn.Sequential()
    for i, (name, m) in enumerate(modules.items()):
        net.add_module(name, m)
    return net


def cnn(kernel, widths, padding, inputs, hidden, out, channels):
    parts = {}
    for i, w in enumerate(widths):
        parts[f"conv{i + 1}"] = nn.Conv2d(channels, w, kernel, padding=padding[i])
        parts[f"relu{i}"] = nn.ReLU()
        parts[f"pool{i}"] = nn.MaxPool2d(2)
        channels = w
    parts["flatten"] = nn.Flatten()
    for i, h in enumerate(hidden):
        parts[f"fc{i + 1}"] = nn.Linear(inputs, h)
        parts[f"act{i}"] = nn.ReLU()
        inputs = h
    parts[f"fc{len(hidden) + 1}"] = nn.Linear(inputs, out)
    return named(**parts)


def pfl_cnn():
    return nn.Sequential(
        nn.Identity(), nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Identity(), nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU(),
        nn.Identity(), nn.Linear(128, 10))


def cellpainting_cnn(channels, widths, groups, out):
    parts = []
    for w in widths:
        parts += [nn.Conv2d(channels, w, 3, 1, 1, bias=False), nn.GroupNorm(groups, w), nn.ReLU(),
                  nn.MaxPool2d(2)]
        channels = w
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, out))


class Block(nn.Module):
    def __init__(self, cin, cout, stride, groups=2):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.GroupNorm(groups, cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.GroupNorm(groups, cout)
        self.downsample = None
        if stride > 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False),
                                            nn.GroupNorm(groups, cout))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def resnet(widths, blocks):
    parts = dict(conv1=nn.Conv2d(3, widths[0], 3, 1, 1, bias=False),
                 bn1=nn.GroupNorm(2, widths[0]), relu=nn.ReLU())
    last = widths[0]
    for s, w in enumerate(widths):
        stage = []
        for i in range(blocks):
            stage.append(Block(last, w, 2 if s and not i else 1))
            last = w
        parts[f"layer{s + 1}"] = nn.Sequential(*stage)
    parts.update(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(last, 10))
    return named(**parts)


def spec(shape, *layers, loss="ce"):
    return json.dumps({"input": shape, "layers": list(layers), "loss": loss})


def layer(kind, **keys):
    return dict(layer=kind, **keys)


FLAT, RELU = layer("flatten"), layer("relu")

# name: (architecture, torch module, input shape, batch, classes)
CASES = {
    "adafedadam-cnn": ("adafedadam-cnn", cnn(3, (64, 128, 256), (1, 1, 1), 4096, (512,), 10, 3),
                       (3, 32, 32), 2, 10),
    "fedavg-cnn": ("fedavg-cnn", cnn(5, (32, 64), (2, 2), 3136, (512,), 10, 1), (1, 28, 28), 3, 10),
    "lenet5": ("lenet5", cnn(5, (6, 16), (2, 0), 400, (120, 84), 10, 1), (1, 28, 28), 4, 10),
    "tutorial-cnn": ("tutorial-cnn", cnn(5, (6, 16), (0, 0), 400, (120, 84), 10, 3),
                     (3, 32, 32), 4, 10),
    "pfl-cnn": ("pfl-cnn", pfl_cnn(), (3, 32, 32), 2, 10),
    "resnet8-gn": ("resnet8-gn", resnet((16, 32, 64), 1), (3, 32, 32), 3, 10),
    "resnet18-gn": ("resnet18-gn", resnet((64, 128, 256, 512), 2), (3, 32, 32), 2, 10),
    "cellpainting-cnn": ("cellpainting-cnn:channels=5,size=19,width=8+12,groups=4,out=6",
                         cellpainting_cnn(5, (8, 12), 4, 6), (5, 19, 19), 4, 6),
    "conv": (spec([4, 9, 8], layer("conv2d", out=6, kernel=[3, 2], stride=[2, 1], padding=[1, 2],
                                   groups=2),
                  layer("avgpool", kernel=3, stride=2, padding=1),
                  layer("conv2d", out=5, kernel=1, bias=False), RELU,
                  layer("maxpool", kernel=3, stride=1, padding=1), layer("globalpool"), FLAT,
                  layer("linear", out=3)),
             nn.Sequential(nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), groups=2),
                           nn.AvgPool2d(3, 2, 1), nn.Conv2d(6, 5, 1, bias=False), nn.ReLU(),
                           nn.MaxPool2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                           nn.Linear(5, 3)), (4, 9, 8), 5, 3),
    "norms": (spec([3, 6, 5], layer("conv2d", out=6, kernel=2), layer("batchnorm"),
                   layer("leaky", slope=0.2), layer("groupnorm", groups=3), layer("gelu"), FLAT,
                   layer("linear", out=7), layer("layernorm"), layer("sigmoid"),
                   layer("linear", out=8), layer("batchnorm", momentum=0.3), layer("tanh"),
                   layer("linear", out=4)),
              nn.Sequential(nn.Conv2d(3, 6, 2), nn.BatchNorm2d(6), nn.LeakyReLU(0.2),
                            nn.GroupNorm(3, 6), nn.GELU(approximate="tanh"), nn.Flatten(),
                            nn.Linear(120, 7), nn.LayerNorm(7), nn.Sigmoid(), nn.Linear(7, 8),
                            nn.BatchNorm1d(8, momentum=0.3), nn.Tanh(), nn.Linear(8, 4)),
              (3, 6, 5), 6, 4),
}


class Words(nn.Module):
    """Tokens 0 to 4."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.lstm = nn.LSTM(4, 6, num_layers=2, batch_first=True)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        return self.fc(self.lstm(self.embed(x.long()))[0][:, -1])


class Lora(nn.Linear):
    def __init__(self, cin, cout, rank, alpha):
        super().__init__(cin, cout)
        self.weight.requires_grad_(False)
        self.bias.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.zeros(rank, cin))
        self.lora_B = nn.Parameter(torch.zeros(cout, rank))
        self.scale = alpha / rank

    def forward(self, x):
        return super().forward(x) + self.scale * (x @ self.lora_A.T) @ self.lora_B.T


class LoraConv(nn.Conv2d):
    """As Hugging Face's peft: two convolutions beside the frozen one."""

    def __init__(self, cin, cout, kernel, rank, alpha, **keys):
        super().__init__(cin, cout, kernel, **keys)
        for p in self.parameters():
            p.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.zeros(rank, cin, *self.kernel_size))
        self.lora_B = nn.Parameter(torch.zeros(cout, rank, 1, 1))
        self.scale = alpha / rank

    def forward(self, x):
        low = nn.functional.conv2d(x, self.lora_A, None, self.stride, self.padding)
        return super().forward(x) + self.scale * nn.functional.conv2d(low, self.lora_B)


class WsConv(nn.Conv2d):
    def __init__(self, *args, **keys):
        super().__init__(*args, **keys)
        self.gain = nn.Parameter(torch.ones(self.out_channels, 1, 1, 1))

    def forward(self, x):
        d = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        v = self.gain * d / (d * d).sum((1, 2, 3), keepdim=True).clamp(min=1e-4).sqrt()
        return self._conv_forward(x, v, self.bias)


class Attention(nn.MultiheadAttention):
    def __init__(self, dim, heads, causal=False):
        super().__init__(dim, heads, batch_first=True)
        self.causal = causal

    def forward(self, x):
        mask = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
        return super().forward(x, x, x, attn_mask=mask if self.causal else None)[0]


class Tokens(nn.Module):
    def forward(self, x):
        return x.flatten(2).transpose(1, 2)


class Position(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return x + self.weight


class Residual(nn.Module):
    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x):
        return x + self.body(x)


def head(loss):
    return (spec([6], layer("linear", out=4), loss=loss), nn.Sequential(nn.Linear(6, 4)), (6,), 9, 4)


def one_hot(f):
    return lambda z, y: f(z, nn.functional.one_hot(y, z.shape[1]).double())


def supcon(z, y, tau):
    u = nn.functional.normalize(z)
    s = u @ u.T / tau
    other = ~torch.eye(len(y), dtype=torch.bool)
    same = (y[:, None] == y[None]) & other
    logp = s - torch.logsumexp(s.masked_fill(~other, -torch.inf), 1, keepdim=True)
    has = same.any(1)
    return -((logp * same).sum(1)[has] / same.sum(1)[has]).mean()


def keys(z):
    """Targets, of the outputs' shape."""
    return torch.from_numpy(fill("target", tuple(z.shape))).double()


def kd(z, y, T, alpha):
    q, p = keys(z) / T, z / T
    soft = nn.functional.kl_div(torch.log_softmax(p, 1), torch.log_softmax(q, 1),
                                reduction="batchmean", log_target=True)
    return alpha * T * T * soft + (1 - alpha) * nn.functional.cross_entropy(z, y)


def infonce(z, y, tau):
    u, v = nn.functional.normalize(z), nn.functional.normalize(keys(z))
    return nn.functional.cross_entropy(u @ v.T / tau, torch.arange(len(y)))


LOSSES = {
    "ce-smooth": ("ce:smoothing=0.1,weights=1+0.5+2+0.25",
                  nn.CrossEntropyLoss(torch.tensor([1, .5, 2, .25]).double(), label_smoothing=0.1)),
    "mse": ("mse", one_hot(nn.functional.mse_loss)),
    "bce": ("bce", one_hot(nn.functional.binary_cross_entropy_with_logits)),
    "kd": ("kd:T=3,alpha=0.7", lambda z, y: kd(z, y, 3, 0.7)),
    "infonce": ("infonce:tau=0.3", lambda z, y: infonce(z, y, 0.3)),
    "supcon": ("supcon:tau=0.5", lambda z, y: supcon(z, y, 0.5)),
}
CASES["lora"] = (spec([9], layer("lora", out=8, rank=3, alpha=6.0), layer("tanh"),
                      layer("lora", out=4, rank=1)),
                 nn.Sequential(Lora(9, 8, 3, 6), nn.Tanh(), Lora(8, 4, 1, 8)), (9,), 6, 4)
CASES["loraconv"] = (spec([3, 9, 8], layer("loraconv2d", out=8, kernel=[3, 2], stride=[2, 1],
                                           padding=[1, 0], rank=3, alpha=6.0),
                          layer("gelu", approximate="none"),
                          layer("loraconv2d", out=4, kernel=2, rank=1, bias=False), FLAT,
                          layer("linear", out=4)),
                     nn.Sequential(LoraConv(3, 8, (3, 2), 3, 6, stride=(2, 1), padding=(1, 0)),
                                   nn.GELU(), LoraConv(8, 4, 2, 1, 8, bias=False), nn.Flatten(),
                                   nn.Linear(96, 4)), (3, 9, 8), 6, 4)
CASES["wsconv"] = (spec([2, 7, 7], layer("wsconv2d", out=17, stride=2), RELU,
                        layer("wsconv2d", out=6, kernel=2, bias=False), FLAT,
                        layer("linear", out=3)),
                   nn.Sequential(WsConv(2, 17, 3, stride=2), nn.ReLU(),
                                 WsConv(17, 6, 2, bias=False), nn.Flatten(), nn.Linear(24, 3)),
                   (2, 7, 7), 5, 3)
CASES["vit"] = (
    spec([2, 6, 6], layer("conv2d", out=8, kernel=2, stride=2), layer("tokens"), layer("position"),
         layer("residual", body=[layer("layernorm"), layer("attention", heads=2)]),
         layer("residual", body=[layer("layernorm"), layer("steplinear", out=12), layer("gelu"),
                                 layer("steplinear", out=8)]),
         layer("residual", body=[layer("layernorm"), layer("attention", heads=4, causal=True)]),
         FLAT, layer("linear", out=4)),
    nn.Sequential(nn.Conv2d(2, 8, 2, 2), Tokens(), Position(9, 8),
                  Residual(nn.LayerNorm(8), Attention(8, 2)),
                  Residual(nn.LayerNorm(8), nn.Linear(8, 12), nn.GELU(approximate="tanh"),
                           nn.Linear(12, 8)),
                  Residual(nn.LayerNorm(8), Attention(8, 4, True)),
                  nn.Flatten(), nn.Linear(72, 4)), (2, 6, 6), 5, 4)
CASES["lstm"] = (spec([7], layer("embedding", name="embed", num=5, dim=4),
                      layer("lstm", name="lstm", hidden=6),
                      layer("lstm", name="lstm", hidden=6, level=1, last=True),
                      layer("linear", name="fc", out=5)), Words(), (7,), 6, 5)
CASES.update({name: head(loss) for name, (loss, _) in LOSSES.items()})


def run(net, loss, x, y):
    net = net.double()
    net.load_state_dict({k: torch.from_numpy(weight(k, tuple(v.shape))).to(v.dtype)
                         if v.is_floating_point() else v for k, v in net.state_dict().items()})
    sgd = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    losses, logits = [], None
    for _ in range(STEPS):
        z = net(x)
        logits = z if logits is None else logits
        value = loss(z, y)
        losses.append(value.item())
        sgd.zero_grad()
        value.backward()
        sgd.step()
    return np.array(losses), logits.detach().numpy(), net.state_dict()


def main():
    torch.set_default_dtype(torch.float32)
    out, meta = {}, {"steps": str(STEPS), "sgd": f"sgd:lr={LR},momentum={MOMENTUM}"}
    for name, (arch, net, shape, B, C) in CASES.items():
        x = torch.from_numpy(fill("x", (B,) + shape)).double()
        if isinstance(net, Words):
            x = torch.floor((x + 1) * 2.5)
        y = torch.arange(B) * 7 % C
        loss = LOSSES[name][1] if name in LOSSES else nn.functional.cross_entropy
        losses, logits, state = run(net, loss, x, y)
        meta[name] = arch
        out[name + "/loss"], out[name + "/logits"] = losses, logits
        count = sum(v.numel() for v in net.parameters())
        print(f"{name}: {count} parameters, losses {losses}", file=sys.stderr)
        for k, v in state.items():
            v = v.double().flatten().numpy()
            at = np.arange(SAMPLES) * (len(v) - 1) // (SAMPLES - 1)
            out[f"{name}//{k}"] = np.concatenate([v[at], [np.linalg.norm(v)]])
    here = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(here, "cases.safetensors"), out, meta)


if __name__ == "__main__":
    main()

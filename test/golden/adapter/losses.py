#!/usr/bin/env python3
"""Writes losses.safetensors beside this script: losses of adapters and their gradients
by the outputs in PyTorch, in float64, at random points and at extremes. Needs numpy and
torch (made with 1.13.1).
remake: $PYTHON losses.py
"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../nn"))
from make import save  # noqa: E402


def norm_vmf(k, d):
    a, b = (d - 1) / 2, (d + 1) / 2
    u, t = torch.sqrt(a * a + k * k), torch.sqrt(b * b + k * k)
    return a / 2 * torch.log(a + u) - u / 2 + a / 2 * torch.log(a + t) - t / 2


def norm_ps(k, d):
    b = (d - 1) / 2
    a = b + k
    return -((a + b) * math.log(2) + torch.lgamma(a) - torch.lgamma(a + b) + b * math.log(math.pi))


def infonce(delta, tau, direction):
    y = torch.arange(len(delta))
    i2t, t2i = F.cross_entropy(tau * delta, y), F.cross_entropy(tau * delta.T, y)
    return {"both": (i2t + t2i) / 2, "i2t": i2t, "t2i": t2i}[direction]


def asymvlm(o, dist="vmf", direction="both", images="fixed"):
    d = o.shape[1] // 2
    eta, z, tau = o[:, :d], o[:, d:2 * d], o[0, -1]
    k = eta.norm(dim=1)
    if images == "adapted":
        r = (z[:, None] + eta[None]).norm(dim=2)
        f = lambda x: norm_vmf(x, d)
        return infonce(f(k)[None] + f(z.norm(dim=1))[:, None] - f(r), tau, direction)
    z = z.detach()
    if dist == "vmf":
        return infonce(z @ eta.T + norm_vmf(k, d)[None], tau, direction)
    return infonce(k[None] * torch.log1p(z @ (eta / k[:, None]).T) + norm_ps(k, d)[None], tau,
                   direction)


def pfe(o):
    d = o.shape[1] // 4
    vi, vt, t, x = o[:, :d], o[:, d:2 * d], o[:, 2 * d:3 * d].detach(), o[:, 3 * d:].detach()
    return ((x - t) ** 2 / (vi + vt) + torch.log(vi + vt)).sum(1).mean()


def pcmepp(o):
    d = (o.shape[1] - 2) // 4
    si, st, t, x = o[:, :d], o[:, d:2 * d], o[:, 2 * d:3 * d].detach(), o[:, 3 * d:4 * d].detach()
    D = ((x[:, None] - t[None]) ** 2).sum(2) + si.exp().sum(1)[:, None] + st.exp().sum(1)[None]
    return 2 * F.binary_cross_entropy_with_logits(o[0, -2] - o[0, -1] * D,
                                                  torch.eye(len(o), dtype=o.dtype))


def kl(m, s):
    return -.5 * (1 + s / 2 - m ** 2 - (s / 2).exp()).mean()


def prolip(o, vib=1e-5):
    d = o.shape[1] // 4
    si, st, t, x = o[:, :d], o[:, d:2 * d], o[:, 2 * d:3 * d].detach(), o[:, 3 * d:].detach()
    logits = x @ t.T - (si.exp().sum(1)[:, None] + st.exp().sum(1)[None]) / 2
    y = 2 * torch.eye(len(o), dtype=o.dtype) - 1
    both = kl(x, si) + kl(t, st)
    return -F.logsigmoid(y * logits).sum() / len(o) + vib * both


def gen_gauss(m, ia, b, z):
    ia, b = ia + 1e-4, b + 1e-4
    return (((m - z).abs() * ia * b).clamp(1e-4, 1e3) - ia.log() + torch.lgamma(1 / b)
            - b.log()).mean()


def probvlm(o, mean="free"):
    n = 8 if mean == "free" else 6
    d = o.shape[1] // n
    part = [o[:, i * d:(i + 1) * d] for i in range(n)]
    t, x = part[-2].detach(), part[-1].detach()
    if mean == "fixed":
        return .05 * (gen_gauss(x, part[1], part[0], t) + gen_gauss(t, part[3], part[2], x))
    crit = lambda q, z: (q[2] - z).abs().mean() + .05 * gen_gauss(q[2], q[1], q[0], z)
    i, u = part[:3], part[3:6]
    return crit(i, x) + crit(u, t) + 1e-4 * (crit(i, t) + crit(u, x))


def clip(o, tau=.07, learn=False, direction="both", intra=None, prefixes=()):
    d = o.shape[1] // 2
    tau = (-o[0, -1]).exp() if learn else tau
    y, total = torch.arange(len(o)), 0
    for n in (d, *prefixes):
        u, v = F.normalize(o[:, :n], dim=1), F.normalize(o[:, d:d + n], dim=1)
        side = {}
        for way, a, b in ("t2i", u, v), ("i2t", v, u):
            z = a @ b.T / tau
            if intra is not None:
                own = intra * a @ a.T / tau
                z = torch.cat([z, own.masked_fill(torch.eye(len(o), dtype=torch.bool), -math.inf)], 1)
            side[way] = F.cross_entropy(z, y)
        total = total + {"both": (side["t2i"] + side["i2t"]) / 2, **side}[direction]
    return total


G = torch.Generator().manual_seed(5)


def rnd(*shape):
    return torch.randn(*shape, generator=G, dtype=torch.float64)


def unit(x):
    return F.normalize(x, dim=1)


def column(B, *values):
    return torch.tensor([values] * B, dtype=torch.float64)


def sphere(B, d, kappa, tau=1., own=0., adapted=0):
    """eta of length kappa, directed own times at its image; images of length adapted."""
    z = unit(rnd(B, d))
    e = unit(abs(own) * torch.sign(torch.tensor(own)) * z + (1 - abs(own)) * unit(rnd(B, d)))
    e = e * torch.as_tensor(kappa, dtype=torch.float64).reshape(-1, 1)
    return torch.cat([e, z * adapted if adapted else z, column(B, tau)], 1)


def gauss(B, d, s, *more):
    return torch.cat([rnd(B, d) * .3 + s, rnd(B, d) * .3 + s, unit(rnd(B, d)), unit(rnd(B, d)),
                      column(B, *more)] if more else
                     [rnd(B, d) * .3 + s, rnd(B, d) * .3 + s, unit(rnd(B, d)), unit(rnd(B, d))], 1)


def faces(B, d, scale):
    return torch.cat([scale * rnd(B, 2 * d).exp(), rnd(B, 2 * d)], 1)


def bayes(B, d, beta, ia, noise=.1):
    x, t = rnd(B, d), rnd(B, d)
    side = lambda m: [beta * rnd(B, d).exp(), ia * rnd(B, d).exp(), m + noise * rnd(B, d)]
    return torch.cat(side(x) + side(t) + [t, x], 1)


def fixed(o):
    d = o.shape[1] // 8
    return torch.cat([o[:, :2 * d], o[:, 3 * d:5 * d], o[:, 6 * d:]], 1)


# name: (spec, function, outputs, tolerance in double, and in float or 0: no float)
CASES = {}
# Cases too extreme for central differences.
STIFF = ("huge", "tiny", "narrow", "mixed", "flat", "sharp", "exact", "wide", "against", "hot",
         "broad", "certain")


def case(name, spec, f, o, tol=1e-11, tol32=2e-5):
    CASES[name] = (spec, f, o, tol, tol32)


for dist in "vmf", "ps":
    for way in "both", "t2i", "i2t":
        case(f"{dist}-{way}", f"asymvlm:dist={dist},direction={way}",
             lambda o, dist=dist, way=way: asymvlm(o, dist, way), sphere(7, 8, 3., .7))
    spec, f = f"asymvlm:dist={dist}", lambda o, dist=dist: asymvlm(o, dist)
    case(f"{dist}-wide", spec, f, sphere(3, 128, torch.linspace(.5, 20, 3), 5.), 1e-10, 1e-3)
    case(f"{dist}-many", spec, f, sphere(35, 3, torch.linspace(.5, 20, 35), 5.), 1e-10, 1e-3)
    case(f"{dist}-tiny", spec, f, sphere(3, 9, 1e-6, 1.), 1e-10)
    case(f"{dist}-huge", spec, f, sphere(5, 16, torch.tensor([1e3, 1e4, 1e5, 1e6, 2.]), 1.), 1e-9, 0)
    case(f"{dist}-mixed", spec, f, sphere(6, 3, torch.tensor([1e-8, 1., 1e3, .1, 30, 1e-3]), 2.),
         1e-9, 1e-3)
    case(f"{dist}-along", spec, f, sphere(4, 5, 5., 3., own=1.), 1e-7)
    case(f"{dist}-against", spec, f, sphere(4, 5, 5., 3., own=-.99), 1e-9, 2e-3)
    case(f"{dist}-plane", spec, f, sphere(4, 2, 2., 1.), 1e-10, 1e-4)
    case(f"{dist}-one", spec, f, sphere(1, 8, 3., 1.))
    case(f"{dist}-cold", spec, f, sphere(3, 5, 3., 1e-3))
    case(f"{dist}-hot", spec, f, sphere(3, 5, 3., 1e3), 1e-9, 1e-3)
for way in "both", "t2i", "i2t":
    case(f"pair-{way}", f"asymvlm:images=adapted,direction={way}",
         lambda o, way=way: asymvlm(o, direction=way, images="adapted"),
         sphere(7, 8, 3., .7, adapted=2.), 1e-10, 1e-4)
both = lambda o: asymvlm(o, images="adapted")
case("pair-wide", "asymvlm:images=adapted", both,
     sphere(3, 96, torch.linspace(.5, 40, 3), 5., adapted=10.), 1e-9, 1e-3)
case("pair-many", "asymvlm:images=adapted", both,
     sphere(19, 3, torch.linspace(.5, 40, 19), 5., adapted=10.), 1e-9, 1e-3)
case("pair-huge", "asymvlm:images=adapted", both, sphere(3, 9, 1e4, 1e-2, adapted=1e4), 1e-8, 0)
case("pair-tiny", "asymvlm:images=adapted", both, sphere(3, 9, 1e-4, 1., adapted=1e-4), 1e-6, 0)
case("pair-against", "asymvlm:images=adapted", both, sphere(3, 9, 3., 1., own=-.999, adapted=3.),
     1e-9, 1e-3)
case("pfe", "pfe", pfe, faces(9, 8, 1.))
case("pfe-narrow", "pfe", pfe, faces(3, 5, 1e-8))
case("pfe-broad", "pfe", pfe, faces(3, 5, 1e8))
case("pfe-one", "pfe", pfe, faces(1, 5, 1.))
case("pcmepp", "pcmepp", pcmepp, gauss(9, 8, -3., 5., 5.))
case("pcmepp-wide", "pcmepp", pcmepp, gauss(3, 24, -6., 2., 9.), 1e-11, 1e-4)
case("pcmepp-many", "pcmepp", pcmepp, gauss(20, 3, -4., 2., 5.), 1e-11, 1e-4)
case("pcmepp-one", "pcmepp", pcmepp, gauss(1, 8, -3., 5., 5.))
case("pcmepp-certain", "pcmepp", pcmepp, gauss(3, 5, -50., 1., 3.), 1e-11, 1e-4)
case("pcmepp-vague", "pcmepp", pcmepp, gauss(3, 5, 5., 5., 5.))
case("pcmepp-zero", "pcmepp", pcmepp, gauss(3, 5, -3., 1., 0.))
case("prolip", "prolip", prolip, gauss(9, 8, -3.))
case("prolip-vib", "prolip:vib=0.3", lambda o: prolip(o, .3), gauss(5, 4, -1.))
case("prolip-one", "prolip", prolip, gauss(1, 8, -3.))
case("prolip-certain", "prolip", prolip, gauss(3, 5, -50.))
case("prolip-vague", "prolip:vib=0", lambda o: prolip(o, 0), gauss(3, 5, 4.))
case("probvlm", "probvlm", probvlm, bayes(5, 5, 1., 1.))
case("probvlm-fixed", "probvlm:mean=fixed", lambda o: probvlm(o, "fixed"), fixed(bayes(5, 5, 1., 1.)))
case("probvlm-one", "probvlm", probvlm, bayes(1, 5, 1., 1.))
case("probvlm-sharp", "probvlm", probvlm, bayes(3, 3, 30., 1e4), 1e-11, 1e-4)
case("probvlm-flat", "probvlm", probvlm, bayes(3, 3, 1e-6, 1e-6), 1e-11, 1e-4)
case("probvlm-exact", "probvlm", probvlm, bayes(3, 3, 1., 1., 0.), 1e-11, 1e-4)
for way in "both", "t2i", "i2t":
    case(f"clip-{way}", f"clip:direction={way}", lambda o, way=way: clip(o, direction=way), rnd(9, 10))
case("clip-warm", "clip:tau=2", lambda o: clip(o, 2), rnd(40, 6))
case("clip-one", "clip", clip, rnd(1, 8))
case("clip-learn", "clip:learn=on", lambda o: clip(o, learn=True),
     torch.cat([rnd(7, 12), column(7, 2.5)], 1))
case("clip-intra", "clip:tau=0.03,intra=0.8", lambda o: clip(o, .03, intra=.8), rnd(9, 8), 1e-11, 1e-4)
case("clip-intra-t2i", "clip:tau=0.5,intra=1.5,direction=t2i,learn=on",
     lambda o: clip(o, learn=True, intra=1.5, direction="t2i"), torch.cat([rnd(5, 6), column(5, .7)], 1))
case("clip-prefixes", "clip:prefixes=2+5,learn=on,intra=0.5",
     lambda o: clip(o, learn=True, prefixes=(2, 5), intra=.5),
     torch.cat([rnd(11, 16), column(11, 1.5)], 1))


def main():
    out, meta = {}, {}
    for name, (spec, f, o, tol, tol32) in CASES.items():
        o = o.float().double().requires_grad_()
        loss = f(o)
        loss.backward()
        out[name + "/loss"] = loss.detach().numpy()
        out[name + "/outputs"] = o.detach().float().numpy()
        out[name + "/grad"] = o.grad.numpy()
        assert np.isfinite(out[name + "/grad"]).all() and np.isfinite(out[name + "/loss"]), name
        meta[name] = f"{spec} {tol:g} {tol32:g} {int(not name.endswith(STIFF))}"
    here = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(here, "losses.safetensors"), out, meta)


if __name__ == "__main__":
    main()

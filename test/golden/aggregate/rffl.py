#!/usr/bin/python3
"""RFFL over rounds in NumPy: reputations, who is left out, and what each is given.
usage: rffl.py MODEL CLIP|none: folders m1, m2... of models are made where it runs. Client 3 works
against the others; client 4 comes in round 3, client 1 is away in round 4."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save, stream

HERE = [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 2, 3, 4]]
N = [10, 25, 5, 12, 8]
ALPHA, BETA, FROM = 0.8, 0.5, 2

path = sys.argv[1]
clip = None if sys.argv[2] == "none" else float(sys.argv[2])
start = load(path)[0]
names = sorted(start)
model = {k: {a: v.copy() for a, v in start.items()} for k in range(5)}
rep, out = {}, set()
common = {a: np.random.default_rng(7).normal(size=v.shape) for a, v in start.items()}
for t, here in enumerate(HERE, 1):
    d, files = {}, []
    for k in here:
        own = f"{path}/{k:04d}.safetensors" if os.path.isdir(path) else path
        if os.path.isdir(path) and not os.path.exists(own):      # late, or away for a round
            old = f"m{t - 2}/{k:04d}.safetensors"
            shutil.copy(old if os.path.exists(old) else sys.argv[1], own)
        _, held, base = load(own)
        r = np.random.default_rng(10 * t + k)
        u = {a: ((-1 if k == 3 else 1) * common[a] + (0.2 + 0.1 * k) * r.normal(size=v.shape)).astype("f4")
             for a, v in start.items()}
        files.append(f"u{t}-{k}.safetensors")
        save(files[-1], u, kind="update", client=k, round=int(held["fl.round"]) + 1, base=base, examples=N[k])
        flat = np.concatenate([u[a].ravel().astype(float) for a in names])
        norm = np.linalg.norm(flat)
        d[k] = flat * (clip / norm if clip and norm > clip else 1)
    spec = f"rffl:alpha={ALPHA},beta={BETA},from={FROM}" + (f",clip={clip}" if clip else "")
    subprocess.run(["fl-aggregate", "-m", path, "-R", spec, "--state", "rep.sts", "-o", f"m{t}"] + files,
                   check=True)
    w = {k: rep.get(k, 1 / len(here)) if t > 1 else N[k] for k in here}
    u = sum(w[k] * d[k] for k in here) / sum(w.values())
    r = {}
    for k in here:
        old = rep.get(k, 1 / len(here) if t > 1 else 0)
        r[k] = 0 if k in out else ALPHA * old + (1 - ALPHA) * (d[k] @ u) / np.linalg.norm(d[k]) / np.linalg.norm(u)
    total = sum(r.values())
    r = {k: v / total for k, v in r.items()}
    left = len(set(here) - out)
    if t - 1 >= FROM:
        for k in here:
            if r[k] < BETA / left:
                r[k] = 0
                out.add(k)
    total = sum(r.values())
    r = {k: v / total for k, v in r.items()}
    rep.update(r)
    for k in here:
        got = load(f"m{t}/{k:04d}.safetensors")[0]
        at = 0
        for a in names:
            n = start[a].size
            layer, own = u[at:at + n], d[k][at:at + n]
            many = int(np.ceil(n * r[k] / max(r.values()) - 1e-9))
            give = np.zeros(n)
            if many > 0:
                top = np.argsort(-abs(layer))[:many]
                give[top] = layer[top]
            want = model[k][a].ravel() + own + give
            assert np.allclose(got[a].ravel(), want, rtol=1e-5, atol=1e-5), (t, k, a)
            model[k][a] = got[a]
            at += n
    state = [s for s in stream("rep.sts") if s[1]["fl.round"] == str(t)][0][0]
    assert list(state["@rows/client"]) == sorted(rep)
    assert np.allclose(state["@rows/value"][:, 0], [rep[k] for k in sorted(rep)], rtol=1e-5, atol=1e-7)
    path = f"m{t}"
assert 3 in out and 0 not in out, out

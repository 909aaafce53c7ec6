#!/usr/bin/python3
"""FedStale, FedVARP and MIFA over rounds that clients come and go in, as NumPy has them.
usage: fedstale.py MODEL RULE: a folder t of states, models and updates is made where it runs."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import load, save

HERE = [[0, 1, 2, 3], [1, 3], [0, 1], [4, 2, 3], [1], [0, 1, 2, 3, 4]]
N = [10, 25, 5, 60, 8]

path, rule = sys.argv[1:]
name, _, rest = rule.partition(":")
opt = dict(x.split("=") for x in rest.split(",") if x)
beta, p = float(opt.get("beta", 0.5)), opt.get("p", "count")
n = [1.0 if opt.get("weight") == "uniform" else float(x) for x in N]
os.mkdir("t")
h, came = {}, [0] * 5
for t, here in enumerate(HERE, 1):
    w, _, base = load(path)
    files, u = [], {}
    for k in here:
        r = np.random.default_rng(100 * t + k)
        u[k] = {a: r.normal(size=v.shape).astype("f4") for a, v in w.items()}
        files.append(f"t/u{t}-{k}.safetensors")
        save(files[-1], u[k], kind="update", client=k, round=t, base=base, examples=N[k])
        came[k] += 1
    out = f"t/m{t}.safetensors"
    subprocess.run(["fl-aggregate", "-m", path, "-R", rule, "--state", "t/state", "-o", out] + files,
                   check=True)
    known = set(h) | set(here)
    total = float(opt.get("denominator", sum(n[k] for k in known)))
    got = load(out)[0]
    for a, v in w.items():
        want = v.astype(float)
        if p == "share" and beta == 1 and "uniform" in rule:      # FedVARP, as its paper has it
            want = want + sum(u[k][a] - h.get(k, {a: 0 * v})[a].astype(float) for k in here) / len(here)
            want = want + sum(h[k][a].astype(float) for k in h) / len(known)
        elif p == "one" and beta == 1:                            # MIFA: the mean of all last ones
            last = {**h, **u}
            want = want + sum(n[k] * last[k][a].astype(float) for k in last) / total
        else:
            for k in known:
                alpha = n[k] / total
                pk = {"count": came[k] / t, "share": len(here) / len(known), "one": 1}[p]
                if k in u:
                    want = want + alpha / pk * u[k][a].astype(float)
                if k in h:
                    stale = alpha - alpha / pk if k in u else alpha
                    want = want + beta * stale * h[k][a].astype(float)
        assert np.allclose(got[a], want, rtol=1e-6, atol=1e-6), (t, a, got[a] - want)
    h.update(u)
    path = out
    files = sorted(os.listdir("t/state"))
    assert files == sorted(["server.sts"] + ["%04d.sts" % k for k in h]), files

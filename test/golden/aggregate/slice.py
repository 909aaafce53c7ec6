#!/usr/bin/python3
"""Sub-networks as blocks and as masks. usage: slice.py
model.safetensors, block0..2.safetensors with fl.slice, mask0..2.safetensors that say the same."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import numpy as np
from fed_record import save

r = np.random.default_rng(3)
SHAPES = {"0.weight": (6, 5), "0.bias": (6,), "1.weight": (4, 3, 2, 5), "1.scale": (), "2.weight": (3, 4)}
base = save("model.safetensors", {n: np.asarray(r.normal(size=s), "f4") for n, s in SHAPES.items()},
            kind="model", round=0)
for k in range(3):
    blocks, masks, ranges = {}, {}, {}
    for n, s in SHAPES.items():
        u = np.asarray(r.normal(size=s), "f4")
        if n == "2.weight" or k == 2 and n == "0.bias":
            blocks[n] = masks[n] = u		# whole
            continue
        ranges[n] = [sorted(map(int, r.choice(d + 1, 2, replace=False))) for d in s]
        at = tuple(slice(*ab) for ab in ranges[n])
        own = np.zeros(s, "u1")
        own[at] = 1
        blocks[n], masks[n], masks["@mask/" + n] = u[at], u * own, own
    meta = dict(kind="update", client=k, round=1, base=base, examples=10 + 7 * k)
    save(f"block{k}.safetensors", blocks, slice=json.dumps(ranges), **meta)
    save(f"mask{k}.safetensors", masks, **meta)
BAD = ["[", "[]", '{"9.weight":[[0,1]]}', '{"2.weight":[[0,3]]}', '{"2.weight":[[0,3],[0,5]]}',
       '{"2.weight":[[0,3],[4,4]]}', '{"2.weight":[[0,3],[-1,4]]}', '{"2.weight":[[0,3],[0,3]]}',
       '{"2.weight":[[0,3],[0,4.0]]}', '{"2.weight":[[0,3],[0,4,5]]}', '{"2.weight":[[0,3],4]}',
       '{"2.weight":[[0,3],[0,4]],"2.weight":[[0,3],[0,4]]}']
for i, text in enumerate(BAD):
    save(f"bad{i:02}.safetensors", blocks, slice=text, **meta)
save("both.safetensors", {**masks, "@mask/2.weight": np.ones((3, 4), "u1")},
     slice='{"2.weight":[[0,3],[0,4]]}', **meta)

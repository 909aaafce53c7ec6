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
# Windows that wrap round: several ranges, laid end to end, and what a method sends of the same.
WINDOWS = {"0.weight": [[[4, 6], [0, 2]], [[3, 5], [0, 1]]], "0.bias": [[[4, 6], [0, 2]]],
           "1.weight": [[1, 3], [[2, 3], [0, 1]], [0, 2], [[4, 5], [0, 1], [2, 3]]]}
TAKE = {n: np.ix_(*[np.concatenate([np.arange(*ab) for ab in ([r] if np.ndim(r) == 1 else r)])
                    for r in w]) for n, w in WINDOWS.items()}
blocks, masks = {}, {}
for n, s in {**SHAPES, "@m/c/0.weight": SHAPES["0.weight"]}.items():
    u = np.asarray(r.normal(size=s), "f4")
    blocks[n] = masks[n] = u
    at = TAKE.get(n.replace("@m/c/", ""))
    if at:
        own = np.zeros(s, "u1")
        own[at] = 1
        blocks[n], masks[n], masks["@mask/" + n] = u[at], u * own, own
meta = dict(kind="update", client=9, round=1, base=base, examples=5)
save("window.safetensors", blocks, slice=json.dumps(WINDOWS), **meta)
save("window-mask.safetensors", masks, **meta)
# What each coordinate of a block counts: of the block's shape, 0 outside.
weight = {"@mask/" + n: r.random(size=SHAPES[n]).astype("f4") for n in WINDOWS}
save("weighed-mask.safetensors", {**masks, **{m: w * masks[m] for m, w in weight.items()}}, **meta)
save("weighed-whole.safetensors", {**blocks, **weight}, slice=json.dumps(WINDOWS), **meta)
save("weighed.safetensors", {**blocks, **{m: w[TAKE[m[6:]]] for m, w in weight.items()}},
     slice=json.dumps(WINDOWS), **meta)
# A tensor that fl.slice names need not be there.
for t in blocks, masks:
    del t["0.bias"]
masks.pop("@mask/0.bias")
save("less.safetensors", blocks, slice=json.dumps(WINDOWS), **meta)
save("less-mask.safetensors", masks, **meta)

blocks = {n: np.zeros(s, "f4") for n, s in SHAPES.items()}
meta = dict(kind="update", client=2, round=1, base=base, examples=10)
BAD = ["[", "[]", '{"9.weight":[[0,1]]}', '{"2.weight":[[0,3]]}', '{"2.weight":[[0,3],[0,5]]}',
       '{"2.weight":[[0,3],[4,4]]}', '{"2.weight":[[0,3],[-1,4]]}', '{"2.weight":[[0,3],[0,3]]}',
       '{"2.weight":[[0,3],[0,4.0]]}', '{"2.weight":[[0,3],[0,4,5]]}', '{"2.weight":[[0,3],4]}',
       '{"2.weight":[[0,3],[0,4]],"2.weight":[[0,3],[0,4]]}',
       '{"2.weight":[[0,3],[[0,2],[1,3]]]}', '{"2.weight":[[0,3],[[0,2],[3,5]]]}',
       '{"2.weight":[[0,3],[[0,4],[0,4],[0,4]]]}', '{"2.weight":[[0,3],[[0,2],4]]}',
       '{"2.weight":[[0,3],[[]]]}', '{"2.weight":[[0,3],[]]}',
       '{"2.weight":[[0,3],[[0,1],[1,3]]]}', '{"9.weight":[[0,1]],"2.weight":[[0,3],[0,4]]}']
for i, text in enumerate(BAD):
    save(f"bad{i:02}.safetensors", blocks, slice=text, **meta)
save("both.safetensors", {**masks, "@mask/2.weight": np.ones((3, 4), "u1")},
     slice='{"2.weight":[[0,3],[0,4]]}', **meta)

#!/usr/bin/python3
"""Writes philox.inc: { key[2], ctr[4], words[4] } by numpy, which steps its
counter before the first block, so its counter is set one lower."""
import random
import numpy as np

rnd = random.Random(2)
MASK = (1 << 64) - 1

with open(__file__.rsplit("/", 1)[0] + "/philox.inc", "w") as out:
    for n in range(32):
        key = [rnd.getrandbits(64 if n % 2 else 8) for _ in range(2)]
        ctr = [rnd.getrandbits(64 if n % 3 else 8) for _ in range(4)]
        before = (sum(c << 64 * i for i, c in enumerate(ctr)) - 1) % (1 << 256)
        gen = np.random.Philox(key=np.array(key, dtype=np.uint64),
                               counter=np.array([before >> 64 * i & MASK for i in range(4)],
                                                dtype=np.uint64))
        rows = [", ".join("UINT64_C(0x%x)" % w for w in part)
                for part in (key, ctr, gen.random_raw(4).tolist())]
        out.write("{ { %s }, { %s }, { %s } },\n" % tuple(rows))

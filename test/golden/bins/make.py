#!/usr/bin/python3
"""Writes sums.inc: { n, values, sum }: values that three bins hold without
loss, and their sum as math.fsum rounds it (once)."""
import math
import random

rnd = random.Random(3)
MAX = 12

with open(__file__.rsplit("/", 1)[0] + "/sums.inc", "w") as out:
    for case in range(120):
        low = 40 * rnd.randint(0, 45) - 960
        n = rnd.randint(1, MAX)
        v = [math.ldexp(rnd.randint(-2**52, 2**52), low + rnd.randint(0, 66)) for _ in range(n)]
        if case % 3 == 0:           # planted cancellation and ties
            v[n // 2:] = [-x for x in v[:n - n // 2]]
            v[0] = math.ldexp(2**53 - 1, low + 50)
            v[-1] = math.ldexp(1, low + 49 - case % 2)
        out.write("{ %d, { %s }, %s },\n" % (
            n, ", ".join(x.hex() for x in v), math.fsum(v).hex()))

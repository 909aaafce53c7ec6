#!/usr/bin/python3
"""Writes table.inc: { function, x, y, value, what value lacks } by mpmath."""
import math
import random
from mpmath import mp, mpf
import mpmath as m

mp.prec = 300
rnd = random.Random(1)


def spread(lo, hi):
    """A magnitude, uniform in its exponent, of either sign."""
    return rnd.choice((-1, 1)) * math.ldexp(1 + rnd.random(), rnd.randint(lo, hi))


def turns(f):
    return lambda x, y: f(2 * mp.pi * x)


def draws(name):
    for i in range(160):
        y = 0.0
        if name in ("exp", "expm1"):
            x = (rnd.uniform(-2, 2), rnd.uniform(-37, 700), spread(-60, 8))[i % 3]
        elif name == "log":
            x = (rnd.uniform(.5, 2), abs(spread(-1022, 1023)), rnd.uniform(.99, 1.01))[i % 3]
        elif name == "log1p":
            x = (rnd.uniform(-.9, 2), abs(spread(-60, 1000)), rnd.uniform(-.01, .01))[i % 3]
        elif name == "tanh":
            x = (rnd.uniform(-1, 1), rnd.uniform(-23, 23), spread(-60, 3))[i % 3]
        elif name == "erf":
            x = (rnd.uniform(-1, 1), rnd.uniform(-7, 7), spread(-60, 1))[i % 3]
        elif name == "lgamma":
            x = (rnd.uniform(0, 10), rnd.uniform(.9, 2.1), abs(spread(-300, 300)))[i % 3]
        elif name in ("cos2pi", "sin2pi"):
            x = (rnd.uniform(-1, 1), rnd.uniform(-2.**20, 2.**20), spread(-60, -3))[i % 3]
        else:
            x = (rnd.uniform(.5, 2), abs(spread(-300, 300)), 1 + rnd.uniform(-1e-6, 1e-6))[i % 3]
            y = 230 / math.log(x) * rnd.uniform(-1, 1)
        yield x, y


FUNCTIONS = {
    "exp": lambda x, y: m.exp(x), "expm1": lambda x, y: m.expm1(x),
    "log": lambda x, y: m.log(x), "log1p": lambda x, y: m.log1p(x),
    "pow": lambda x, y: m.power(x, y), "tanh": lambda x, y: m.tanh(x),
    "lgamma": lambda x, y: m.loggamma(x),
    "cos2pi": turns(m.cos), "sin2pi": turns(m.sin), "erf": lambda x, y: m.erf(x),
}

with open(__file__.rsplit("/", 1)[0] + "/table.inc", "w") as out:
    for name, f in FUNCTIONS.items():
        for x, y in draws(name):
            v = f(mpf(x), mpf(y))
            h = float(v)
            out.write("{ F_%s, %s, %s, %s, %s },\n" % (
                name, x.hex(), y.hex(), h.hex(), float(v - mpf(h)).hex()))

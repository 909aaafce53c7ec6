#!/usr/bin/python3
"""Prints spread.h: statistics over clients by their definitions, for test/unit/metric.c.
Every value is computed with a hundred digits and rounded once, so that no sum's order
and no processor decides the last digit. NumPy only draws the inputs.
remake: $PYTHON make.py >spread.h
"""
from decimal import Decimal, getcontext

import numpy as np

getcontext().prec = 100
FIELDS = """weighted mean var std min max worst10 worst20 worst30 best10 jain gini entropy cos"""


def mean(v):
    return sum(v) / len(v)


def spread(v, n, higher):
    v, n = [Decimal(float(x)) for x in v], [Decimal(float(x)) for x in n]
    K, s, total = len(v), sorted(v), sum(v)

    def tail(p, largest):
        m = max(1, K * p // 100)
        return mean(s[-m:] if largest else s[:m])

    var = mean([x * x for x in v]) - mean(v) ** 2
    p = [x / total for x in v if x]
    return [float(x) for x in (
        sum(a * b for a, b in zip(n, v)) / sum(n), mean(v), var, var.sqrt(), s[0], s[-1],
        tail(10, not higher), tail(20, not higher), tail(30, not higher), tail(10, higher),
        total ** 2 / (K * sum(x * x for x in v)),
        sum(abs(a - b) for a in v for b in v) / (2 * K * total),
        -sum(x * x.ln() for x in p),
        total / (sum(x * x for x in v) * K).sqrt(),
    )]


def row(v, n, higher):
    want = ", ".join(map(repr, spread(v, n, higher)))
    v, n = (", ".join(repr(float(x)) for x in a) for a in (v, n))
    return f"\t{{ {higher}, {len(v.split())}, {{ {v} }}, {{ {n} }},\n\t  {{ {want} }} }},"


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    print("/* Printed by make.py. */")
    print("static const struct { int higher, K; double v[40], n[40], want[14]; } golden[] = {")
    print(row([0.5], [7], 1))
    print(row([0.25, 0.75], [3, 1], 1))
    print(row([0, 0, 1], [1, 2, 3], 1))
    for K, higher in (9, 1), (10, 1), (10, 0), (37, 1), (40, 0):
        v = rng.random(K).round(6) * (1 if higher else 3)
        print(row(v, rng.integers(1, 500, K), higher))
    print("};")

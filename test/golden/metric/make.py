#!/usr/bin/python3
"""Prints spread.h: statistics over clients by NumPy, for test/unit/metric.c."""
import numpy as np

FIELDS = """weighted mean var std min max worst10 worst20 worst30 best10 jain gini entropy cos"""


def spread(v, n, higher):
    v, n = np.array(v, float), np.array(n, float)
    K, s = len(v), np.sort(v)

    def tail(p, largest):
        m = max(1, K * p // 100)
        return (s[-m:] if largest else s[:m]).mean()

    p = v[v > 0] / v.sum()
    return [
        (n * v).sum() / n.sum(), v.mean(), v.var(), v.std(), v.min(), v.max(),
        tail(10, not higher), tail(20, not higher), tail(30, not higher), tail(10, higher),
        v.sum() ** 2 / (K * (v**2).sum()),
        np.abs(v[:, None] - v).sum() / (2 * K * v.sum()),
        -(p * np.log(p)).sum(),
        v @ np.ones(K) / (np.linalg.norm(v) * np.sqrt(K)),
    ]


def row(v, n, higher):
    want = ", ".join(repr(float(x)) for x in spread(v, n, higher))
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

#!/usr/bin/python3
"""Writes debye.inc: the coefficients of lbessel.c's expansion, exact in
rationals and then rounded.

I_v(v z) ~ e^(v eta) / sqrt(2 pi v) (1 + z^2)^(-1/4) sum_k u_k(p) / v^k with
p = (1 + z^2)^(-1/2) and (DLMF 10.41.9)
u_{k+1} = p^2 (1 - p^2) u_k' / 2 + int_0^p (1 - 5 s^2) u_k(s) ds / 8.
The logarithm of the sum is sum_k p^k q_k(p^2) / v^k = sum_k q_k(p^2) / w^k,
w = sqrt(v^2 + (v z)^2). Row k of the table is q_k from the constant up."""
from fractions import Fraction as Q
import os

K = 16


def add(a, b, scale=Q(1)):
    n = max(len(a), len(b))
    a = a + [Q(0)] * (n - len(a))
    b = b + [Q(0)] * (n - len(b))
    return [x + scale * y for x, y in zip(a, b)]


def mul(a, b):
    y = [Q(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, z in enumerate(b):
            y[i + j] += x * z
    return y


def derive(a):
    return [i * x for i, x in enumerate(a)][1:] or [Q(0)]


def integrate(a):
    return [Q(0)] + [x / (i + 1) for i, x in enumerate(a)]


u = [[Q(1)]]
for k in range(K):
    u.append(add(mul([0, 0, Q(1, 2), 0, Q(-1, 2)], derive(u[k])),
                 integrate(mul([Q(1, 8), 0, Q(-5, 8)], u[k]))))
# k u_k = sum_{j=1..k} j D_j u_{k-j} for D = log u
D = [[Q(0)]]
for k in range(1, K + 1):
    s = [k * x for x in u[k]]
    for j in range(1, k):
        s = add(s, mul(D[j], u[k - j]), Q(-j))
    D.append([x / k for x in s])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "debye.inc"), "w") as out:
    for k in range(1, K + 1):
        q = D[k][k:3 * k + 1:2]
        assert all(x == 0 for i, x in enumerate(D[k]) if i < k or (i - k) % 2)
        for i in range(0, k + 1, 4):
            out.write("\t" + " ".join(float(x).hex() + "," for x in q[i:i + 4]) + "\n")

#!/usr/bin/python3
"""Prints the coefficients of erfcx_core() in lib/base/fmath.c, by mpmath: Chebyshev's
expansion of exp(z^2) erfc(z) in u in [-1,1], where t = 2 / (2 + z) runs over
[1/4, 4/5], as a polynomial in u."""
import mpmath as m
from mpmath import mp, mpf

mp.prec = 300
NODES, TERMS = 48, 18
LOW, HIGH = mpf(1) / 4, mpf(4) / 5


def value(u):
    z = 2 / (LOW + (HIGH - LOW) * (u + 1) / 2) - 2
    return m.erfc(z) * m.exp(z * z)


angle = [m.pi * (k + mpf(1) / 2) / NODES for k in range(NODES)]
at = [value(m.cos(a)) for a in angle]
c = [2 / mpf(NODES) * sum(v * m.cos(j * a) for v, a in zip(at, angle)) for j in range(TERMS)]
c[0] /= 2
T = [[mpf(1)], [mpf(0), mpf(1)]]        # Chebyshev's polynomials
for n in range(2, TERMS):
    T.append([2 * p - q for p, q in zip([0] + T[-1], T[-2] + [0, 0])])
for i in range(TERMS):
    print(float(sum(c[n] * T[n][i] for n in range(i, TERMS))).hex())

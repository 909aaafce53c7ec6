#!/usr/bin/python3
"""Prints the coefficients of normal_one() in lib/kernel/vmath.c, by mpmath: Chebyshev's
expansion of exp(a^2/2) P(-a) / t in u in [-1,1], where P is the standard normal
distribution and t = 1 / (1 + 0.45 a) runs over [1/8, 1], as a polynomial in u."""
import mpmath as m
from mpmath import mp, mpf

mp.prec = 200
NODES, TERMS = 48, 11
LOW, HIGH = mpf(1) / 8, mpf(1)
SLOPE = mpf(float.fromhex("0x1.cccccep-2"))     # 0.45 in F32


def value(u):
    t = LOW + (HIGH - LOW) * (u + 1) / 2
    z = (1 / t - 1) / SLOPE / m.sqrt(2)
    return m.erfc(z) * m.exp(z * z) / 2 / t


angle = [m.pi * (k + mpf(1) / 2) / NODES for k in range(NODES)]
at = [value(m.cos(a)) for a in angle]
c = [2 / mpf(NODES) * sum(v * m.cos(j * a) for v, a in zip(at, angle)) for j in range(TERMS)]
c[0] /= 2
T = [[mpf(1)], [mpf(0), mpf(1)]]        # Chebyshev's polynomials
for n in range(2, TERMS):
    T.append([2 * p - q for p, q in zip([0] + T[-1], T[-2] + [0, 0])])
for i in range(TERMS):
    v = sum(c[n] * T[n][i] for n in range(i, TERMS))
    e = m.floor(m.log(abs(v), 2)) - 23  # to F32's 24 bits
    print(float(m.nint(v / m.mpf(2) ** e) * m.mpf(2) ** e).hex())

#!/usr/bin/python3
"""Writes the tables of test/unit/sphere.c with mpmath at 400 bits: point.inc
(values on a grid of d and kappa), kl.inc (divergences and log densities), inverse.inc
(kappa from a mean resultant), gamma.inc (differences of lgamma and digamma) and
quantile.inc (equal-probability edges of the cosine's marginal, by numerical
integration with numpy). Definitions as in the papers the headers cite; none of
the routes of the library is used."""
import os
import numpy as np
from mpmath import mp, mpf, log, loggamma, psi, pi, sqrt, nstr

mp.prec = 400
HERE = os.path.dirname(os.path.abspath(__file__))
DIMS = (2, 3, 4, 5, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 2048, 4096)
KAPPAS = (0., 1e-8, 1e-6, 1e-4, 1e-2, .1, .25, .3, .5, 1., 2., 4.68, 10., 20., 29.9, 30.1,
          50., 100., 200., 500., 1e3, 1e4, 1e5, 1e6)


def num(x):
    return nstr(mpf(x), 20, min_fixed=1, max_fixed=0) if x else "0"


def text(x):
    if isinstance(x, tuple):
        return "{ " + ", ".join(map(text, x)) + " }"
    return x if isinstance(x, str) else num(x)


def out(name, rows):
    with open(os.path.join(HERE, name), "w") as f:
        for r in rows:
            f.write(text(r) + ",\n")


def hyp0f1(b, x):
    """sum x^n / (n! (b)_n), all terms positive."""
    n, term, s = 0, mpf(1), mpf(1)
    while term > s * mpf(2)**-420:
        term *= x / ((n + 1) * (b + n))
        s += term
        n += 1
    return s


def logc0(d):
    return loggamma(mpf(d) / 2) - log(2) - mpf(d) / 2 * log(pi)


memo = {}


def vmf(d, k):
    """log C - log C(0), A, A'."""
    if (d, k) not in memo:
        h, x = mpf(d) / 2, mpf(k)**2 / 4
        f0, f1 = hyp0f1(h, x), hyp0f1(h + 1, x)
        a = mpf(k) / d * f1 / f0
        slope = 1 - a * a - (d - 1) * (f1 / f0) / d
        memo[d, k] = -log(f0), a, slope
    return memo[d, k]


def approx(d, k):
    a, b, k = mpf(d - 1) / 2, mpf(d + 1) / 2, mpf(k)
    u, t = sqrt(a * a + k * k), sqrt(b * b + k * k)
    return a / 2 * log(a + u) - u / 2 + a / 2 * log(a + t) - t / 2, \
        -(k / (a + u) + k / (a + t)) / 2


def ps(d, k):
    """log C, its derivative."""
    a, b = mpf(d - 1) / 2 + mpf(k), mpf(d - 1) / 2
    c = -((a + b) * log(2) + loggamma(a) - loggamma(a + b) + b * log(pi))
    return c, psi(0, a + b) - psi(0, a) - log(2)


def point(d, k):
    diff, a, slope = vmf(d, k)
    c0, h, m = logc0(d), mpf(d) / 2, mpf(k)
    logi = -diff + (h - 1) * log(m / 2) - loggamma(h) if k else \
        ("-INFINITY" if d > 2 else mpf(0))
    f, f1 = approx(d, k)
    p, p1 = ps(d, k)
    return (str(d), k, (
        c0 + diff, diff, a, slope, -c0 - diff - m * a, diff + m * a, logi,
        f, f - approx(d, 0)[0], f1,
        p, p - c0 if k and k != 1 else 0, p1, -p + m * p1, p - c0 - m * p1 if k else 0))


def kls():
    for d in (2, 3, 16, 512, 4096):
        for k1, k2 in ((.01, .02), (3., 3.), (3., 5.), (.5, 2000.), (2000., .5), (1e6, 9e5),
                       (700., 700.), (250., 300.), (30., 1e5), (0., 10.), (10., 0.)):
            for c in (-1., -.25, 0., .75, 1 - 2.**-20, 1.):
                d1, a1, _ = vmf(d, k1)
                d2 = vmf(d, k2)[0]
                p, p1 = ps(d, k1)
                r = mpf(k1) / (mpf(k1) + d - 1)
                yield str(d), k1, k2, c, (
                    d1 - d2 + a1 * (mpf(k1) - mpf(k2) * mpf(c)),
                    p - mpf(k1) * p1 - logc0(d) - d2 - mpf(k2) * mpf(c) * r,
                    logc0(d) + d1 + mpf(k1) * mpf(c),
                    p + mpf(k1) * log(1 + mpf(c)) if c > -1 else "-INFINITY" if k1 else p)


def inverses():
    """r is a rounded A(kappa): two terms of the inverse's Taylor series lead from kappa to
    the solution for the r that is stored."""
    for d in DIMS:
        for k in (1e-6, .1, 1., 7., 25., 60., 300., 5000., 1e6):
            _, a, slope = vmf(d, k)
            r = float(a)
            x, shift = mpf(k), mpf(r) - a
            curve = -2 * a * slope - (d - 1) * (slope / x - a / x**2)
            step = shift / slope
            yield str(d), r, x + step - curve / slope * step**2 / 2


def gammas():
    for x in (.5, 1., 1.5, 3., 7.5, 8., 20.5, 511.5, 2047.5, 1e6):
        for h in (0., 1e-12, 1e-3, .5, 1., 6., 300., 1e6):
            u, v = mpf(x), mpf(x) + mpf(h)
            def s(y):
                return loggamma(y) - (y - mpf(1) / 2) * log(y) + y - log(2 * pi) / 2
            yield x, h, (loggamma(v) - loggamma(u) if h else 0, psi(0, v) - psi(0, u) if h else 0,
                         psi(1, u), s(u), s(v) - s(u) if h else 0)


BINS = 20
LAWS = ((2, 0.), (2, 3.), (2, 500.), (3, 2.), (4, 0.), (4, 1e4), (5, .5), (16, 10.), (16, 300.),
        (64, 40.), (512, 5.), (512, 200.), (512, 1e5), (4096, 1000.))


def quantiles():
    """Angles t at equal steps of the distribution function of t, whose density is
    proportional to sin^(d-2) t exp(kappa cos t) or sin^(d-2) t (1 + cos t)^kappa. Stored as
    1 - cos t."""
    for d, k in LAWS:
        for law in (0, 1):
            def density(t):
                with np.errstate(divide="ignore", invalid="ignore"):
                    y = -2 * k * np.sin(t / 2)**2 if law == 0 else 2 * k * np.log(np.cos(t / 2))
                    if d > 2:
                        y = y + (d - 2) * np.log(np.sin(t))
                return np.where(np.isfinite(y), y, -np.inf)
            t = np.linspace(0, np.pi, 1 << 16)
            y = density(t)
            live = t[y > y.max() - 60]
            t = np.linspace(max(0, live[0] - 1e-4), min(np.pi, live[-1] + 1e-4), 1 << 20)
            y = density(t)
            f = np.exp(y - y.max())
            cdf = np.concatenate(([0], np.cumsum((f[1:] + f[:-1]) / 2)))
            edge = np.interp(np.arange(1, BINS) / BINS, cdf / cdf[-1], t)
            yield str(d), k, str(law), tuple("%.15g" % (2 * np.sin(e / 2)**2) for e in edge)


out("point.inc", (point(d, k) for d in DIMS for k in KAPPAS))
out("kl.inc", kls())
out("inverse.inc", inverses())
out("gamma.inc", gammas())
out("quantile.inc", quantiles())

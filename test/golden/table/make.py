#!/usr/bin/env python3
"""Golden values of lib/table from SciPy, as the C header cases.h in this folder.

Distributions and tests are SciPy's, critical values of t mpmath's, as SciPy's are off in the
tenth digit; the signed-rank test with ties is counted
over all signs, as SciPy takes the normal distribution there; Plackett-Luce is found by
scipy.optimize on the likelihood as it is written down.
"""
import itertools
import sys

import mpmath
import numpy as np
from scipy import optimize, special, stats

r = np.random.RandomState(5)


def num(v):
    return "INFINITY" if v == np.inf else repr(float(v))


def array(v):
    return "{ " + ", ".join(num(x) for x in v) + " }"


def critical(p, nu):
    mpmath.mp.dps = 30
    half, nu = mpmath.mpf(1) / 2, mpmath.mpf(nu)
    tails = lambda t: mpmath.betainc(nu / 2, half, 0, nu / (nu + t * t), regularized=True) - p
    return float(mpmath.findroot(tails, stats.t.isf(p / 2, float(nu))))


def student():
    print("static const struct { double t, nu, tails; } student[] = {")
    for nu in (1, 2, 3, 4, 9, 29.5, 100, 1e4, 1e6):
        for t in (1e-6, 0.1, 0.9, 1, 2.5, 7, 40, 1e3):
            print("\t{ %s, %s, %s }," % (num(t), num(nu), num(2 * stats.t.sf(t, nu))))
    print("};\nstatic const struct { double x, a, b, part; } beta[] = {")
    for x, a, b in [(.1, .5, .5), (.9, 3, 2), (.5, 10, 20.5), (.999, 500, .5), (1e-5, .5, 7)]:
        print("\t{ %s, %s, %s, %s }," % (num(x), num(a), num(b), num(special.betainc(a, b, x))))
    print("};\nstatic const struct { double z, tails; } normal[] = {")
    for z in (0, 1e-3, .5, 1, 1.4, 1.5, 1.96, 3, 8, 20):
        print("\t{ %s, %s }," % (num(z), num(2 * stats.norm.sf(z))))
    print("};\nstatic const struct { double tails, nu, t; } critical[] = {")
    for p in (.5, .1, .05, .01, 1e-6):
        for nu in (1, 2, 4, 30, 1e5):
            print("\t{ %s, %s, %s }," % (num(p), num(nu), num(critical(p, nu))))
    print("};")


def signed_ranks(d):
    d = d[d != 0]
    ranks = stats.rankdata(abs(d))
    w = ranks[d > 0].sum()
    if len(d) > 50:
        n, (_, t) = len(d), np.unique(abs(d), return_counts=True)
        z = (w - n * (n + 1) / 4) / np.sqrt(n * (n + 1) * (2 * n + 1) / 24 - (t**3 - t).sum() / 48)
        assert abs(2 * stats.norm.sf(abs(z)) - stats.wilcoxon(d, mode="approx").pvalue) < 1e-12
        return 2 * stats.norm.sf(abs(z))
    if len(set(abs(d))) == len(d):
        return stats.wilcoxon(d, mode="exact").pvalue
    all_w = np.array([(ranks * s).sum() for s in itertools.product((0, 1), repeat=len(d))])
    return min(1, 2 * min((all_w <= w).mean(), (all_w >= w).mean()))


def flips(d):
    return stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue


def tests():
    samples = {
        "five seeds": r.normal(.3, 1, 5),
        "ten seeds": r.normal(.8, 1, 10),
        "all one way": abs(r.normal(0, 1, 6)),
        "ties and zeros": np.array([1, 1, -1, 2, 0, 2, 3, -2, 1, 0, 5.0]),
        "two": np.array([.25, .75]),
        "many": np.round(r.normal(.2, 1, 70), 1),
    }
    print("static const struct {\n\tconst char *name;\n\tdouble d[80];\n\tsize_t n;")
    print("\tdouble mean, sd, low, high, t, wilcoxon, signflip;	/* low, high: 95 %; NAN: too many */\n} tests[] = {")
    for name, d in samples.items():
        half = critical(.05, len(d) - 1) * stats.sem(d)
        low, high = d.mean() - half, d.mean() + half
        print('\t{ "%s", %s, %d, %s, %s, %s, %s,\n\t  %s, %s, %s },' % (
            name, array(d), len(d), num(d.mean()), num(d.std(ddof=1)), num(low), num(high),
            num(stats.ttest_1samp(d, 0).pvalue), num(signed_ranks(d)),
            num(flips(d)) if len(d) <= 11 else "NAN"))
    print("};")


def corrections():
    p = [.01, .04, .03, .005, .5, .04, .9]
    m, order = len(p), np.argsort(p)
    holm, bh = np.empty(m), np.empty(m)
    holm[order] = np.minimum(1, np.maximum.accumulate(np.sort(p) * (m - np.arange(m))))
    bh[order] = np.minimum.accumulate((np.sort(p) * m / (1 + np.arange(m)))[::-1])[::-1]
    print("static const double raw_p[] = %s, holm_p[] = %s,\n\tbh_p[] = %s;" % (array(p), array(holm), array(bh)))


def luce(ballots, n, prior):
    """ballots: [[group of tied rows, ...], ...] from the best on."""
    def loss(theta):
        w, v = np.exp(theta), 0
        for b in ballots:
            for i, g in enumerate(b):
                left = w[[x for h in b[i:] for x in h]].sum()
                v += sum(theta[x] for x in g) - len(g) * np.log(left)
        v += prior * (theta - 2 * np.log1p(w)).sum()
        return -v

    theta = optimize.minimize(loss, np.zeros(n), method="BFGS", options={"gtol": 1e-10}).x
    theta = optimize.minimize(loss, theta, method="Nelder-Mead",
                              options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 20000}).x
    h = np.empty((n, n))
    step = 1e-3
    for i in range(n):
        for j in range(n):
            a, b = np.eye(n)[i] * step, np.eye(n)[j] * step
            h[i, j] = (loss(theta + a + b) - loss(theta + a - b) - loss(theta - a + b) + loss(theta - a - b)) / (4 * step**2)
    c = np.eye(n) - 1 / n
    se = np.sqrt(np.diag(c @ np.linalg.inv(h + (0 if prior else np.ones((n, n)))) @ c))
    return np.round(theta - theta.mean(), 8), np.round(se, 5)


def mean_ranks(places):
    """Means of ranks and their standard errors, rows without a ranking aside."""
    ranks = np.full(places.shape, np.nan)
    for i, p in enumerate(places):
        ranks[i, p >= 0] = stats.rankdata(p[p >= 0])
    return np.nanmean(ranks, 0), stats.sem(ranks, axis=0, nan_policy="omit")


def rankings():
    cases = {
        "whole": ([[[0], [1], [2], [3]], [[1], [0], [2], [3]], [[0], [2], [3], [1]], [[3], [0], [1], [2]]], 4, 0),
        "parts": ([[[0], [1]], [[1], [2]], [[2], [0]], [[0], [2], [3]], [[3], [1]], [[0], [1]]], 4, 0),
        "prior": ([[[0], [1], [2]], [[0], [1], [2]], [[0], [2]]], 3, .5),
        "ties": ([[[0, 1], [2]], [[2], [0, 1]], [[1], [0, 2]], [[0], [1], [2]]], 3, .5),
    }
    print("static const struct {\n\tconst char *name;\n\tint place[6][4];	/* -1: not in this ranking */")
    print("\tsize_t ballots, rows;\n\tdouble prior, logworth[4], se[4], meanrank[4], meanrank_se[4];\n} luces[] = {")
    for name, (ballots, n, prior) in cases.items():
        theta, se = luce(ballots, n, prior)
        places = []
        for b in ballots:
            at = [-1] * 4
            for i, g in enumerate(b):
                for x in g:
                    at[x] = i
            places.append(at)
        mean, mean_se = mean_ranks(np.array(places)[:, :n])
        print('\t{ "%s", { %s }, %d, %d, %s,\n\t  %s, %s, %s, %s },' % (
            name, ", ".join("{ " + ", ".join(map(str, at)) + " }" for at in places), len(ballots), n,
            num(prior), array(theta), array(se), array(mean), array(np.asarray(mean_se))))
    print("};")


sys.stdout = open("cases.h", "w")
print("/* Made by make.py with SciPy. */")
student()
tests()
corrections()
rankings()

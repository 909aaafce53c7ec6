#!/usr/bin/python3
"""Writes eigen.inc: { name, n, matrix, eigenvalues, vectors } by numpy.linalg.eigh, largest
eigenvalue first, a vector's largest component positive. Rows of vectors are zero where
eigenvalues are equal, whose basis is a matter of choice."""
import numpy as np

rnd = np.random.default_rng(5)
rosser = np.array([
    [611, 196, -192, 407, -8, -52, -49, 29], [196, 899, 113, -192, -71, -43, -8, -44],
    [-192, 113, 899, 196, 61, 49, 8, 52], [407, -192, 196, 611, 8, 44, 59, -23],
    [-8, -71, 61, 8, 411, -599, 208, 208], [-52, -43, 49, 44, -599, 411, 208, 208],
    [-49, -8, 8, 59, 208, 208, 99, -911], [29, -44, 52, -23, 208, 208, -911, 99]], float)
i = np.arange(9)
x = rnd.normal(size=(12, 4))
cases = {
    "one": np.array([[-3.]]),
    "two": np.array([[1., 2.], [2., -1.]]),
    "smaller index": np.minimum.outer(i + 1., i + 1.),
    "wilkinson": np.diag(np.abs(i - 4.)) + np.eye(9, k=1) + np.eye(9, k=-1),
    "rosser": rosser,
    "rank 4 of 12": x @ x.T,
    "three equal": np.ones((4, 4)) - 4 * np.eye(4),
    "normal": (lambda a: a + a.T)(rnd.normal(size=(15, 15))),
}


def text(v):
    return "{ " + ", ".join(float(t).hex() for t in np.ravel(v)) + " }"


with open(__file__.rsplit("/", 1)[0] + "/eigen.inc", "w") as out:
    for name, a in cases.items():
        w, v = np.linalg.eigh(a)
        w, v = w[::-1], v.T[::-1].copy()
        gap = np.abs(np.subtract.outer(w, w)) + np.diag(np.full(len(w), np.inf))
        for k in range(len(w)):
            v[k] *= np.sign(v[k][np.argmax(np.abs(v[k]))])
            rest = np.sort(np.abs(v[k]))
            if gap[k].min() < 1e-2 * np.abs(w).max() or (len(w) > 1 and rest[-1] - rest[-2] < 1e-3):
                v[k] = 0
        out.write("{ \"%s\", %d,\n  %s,\n  %s,\n  %s },\n" % (name, len(w), text(a), text(w), text(v)))

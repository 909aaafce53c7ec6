#!/usr/bin/env python3
"""Inclusion probabilities of policies by NumPy, another way than lib/policy: systematic by
bisection for the factor, power-of-choice over all sets of candidates; a greedy cover. Writes
cases.h in this folder."""
import itertools

import numpy as np

r = np.random.RandomState(3)
n = 12
examples = np.array([1, 2, 3, 4, 5, 6, 7, 80, 9, 200, 0, 12.0])
loss = np.round(r.uniform(0, 1, n), 3)
loss[4] = loss[2]


def array(v):
    return "{ " + ", ".join(repr(float(x)) for x in v) + " }"


def systematic(w, k):
    """min(1, c w) that adds up to k."""
    low, high = 0.0, k / w[w > 0].min()
    for _ in range(200):
        c = (low + high) / 2
        low, high = (c, high) if np.minimum(1, c * w).sum() < k else (low, c)
    return np.minimum(1, high * w)


def power_of_choice(k, d):
    p, sets = np.zeros(n), list(itertools.combinations(range(n), d))
    for s in sets:
        p[sorted(s, key=lambda i: (-loss[i], i))[:k]] += 1
    return p / len(sets)


def cover(centres, k):
    x = np.concatenate(centres)
    near = np.array([(x @ c.T).max(1) for c in centres])
    chosen = []
    for _ in range(k):
        gain = [-1 if i in chosen else np.max(near[chosen + [i]], 0).mean() for i in range(len(centres))]
        chosen.append(int(np.argmax(gain)))
    return sorted(chosen)


centres = [r.normal(size=(2, 3)) for _ in range(7)]
centres = [c / np.linalg.norm(c, axis=1, keepdims=True) for c in centres]
with open("cases.h", "w") as f:
    print("/* Made by make.py with NumPy. */", file=f)
    print("static const double examples[] = %s,\n\tloss[] = %s;" % (array(examples), array(loss)), file=f)
    print("static const struct { const char *spec; double chance[%d]; } closed[] = {" % n, file=f)
    for spec, p in [
        ("all", np.ones(n)),
        ("uniform:k=5", np.full(n, 5 / n)),
        ("uniform:share=0.3", np.full(n, 4 / n)),
        ("roundrobin:k=5", np.full(n, 5 / n)),
        ("weighted:k=3", systematic(examples, 3)),
        ("weighted:k=6", systematic(examples, 6)),
        ("weighted:k=1", systematic(examples, 1)),
        ("weighted:k=4,design=multinomial", 1 - (1 - examples / examples.sum()) ** 4),
        ("bernoulli:p=0.3", np.full(n, .3)),
        ("markov:p=0.3,lambda=0.8", np.full(n, .3)),
        ("markov:p=0.4,lambda=-0.6", np.full(n, .4)),
        ("cyclic:p=0.3,period=10", np.full(n, .3)),
        ("cyclic:p=0.3,period=4", np.full(n, .25)),
        ("power-of-choice:k=2,d=5,by=one", power_of_choice(2, 5)),
        ("power-of-choice:k=4,d=4,by=one", power_of_choice(4, 4)),
    ]:
        print('\t{ "%s", %s },' % (spec, array(p)), file=f)
    print("};\nstatic const float centre[] = %s;" % array(np.float32(np.concatenate(centres)).ravel()), file=f)
    print("static const int covering[] = { %s };	/* facility:k=3 of 7 clients, 2 centres each */" % ", ".join(map(str, cover(centres, 3))), file=f)

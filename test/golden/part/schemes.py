#!/usr/bin/python3
"""Prints want.tsv: splits of 240 labels by the definitions of the schemes.

Each scheme is written from its definition (NIID-Bench, Flower, FedLab, PFLlib, FedProx, the
AdaFedAdam paper's code, LEAF), with lists and NumPy where those use them; the random numbers
are those of numpy.random.Philox under the names that base/rng.h gives. Columns: scheme, clients,
seed, owner of every example (- is left out).
remake: $PYTHON schemes.py >want.tsv
"""
import math

import numpy as np

N, C = 240, 6
Y = np.array([(i * i * 7 + i // 3) % C for i in range(N)])
GROUP = np.array([(i * 37 % 23) * 6 + Y[i] - 40 for i in range(N)])
PARTITION = 2
LAST = 2**64 - 1


class Rng:
    def __init__(self, seed, index, sub, level=0):
        start = (index << 128 | sub << 192 | level << 64) - 1
        self.g = np.random.Philox(key=seed | PARTITION << 64, counter=start % 2**256)
        self.spare = None

    def u64(self):
        return int(self.g.random_raw())

    def below(self, n):
        m = self.u64() * n
        if m % 2**64 < n:
            while m % 2**64 < (2**64 - n) % n:
                m = self.u64() * n
        return m >> 64

    def real(self):
        return (self.u64() >> 11) * 2.0**-53

    def open(self):
        return ((self.u64() >> 12) + .5) * 2.0**-52

    def normal(self):
        if self.spare is not None:
            v, self.spare = self.spare, None
            return v
        while True:
            u, v = 2 * self.real() - 1, 2 * self.real() - 1
            s = u * u + v * v
            if 0 < s < 1:
                break
        f = math.sqrt(-2 * math.log(s) / s)
        self.spare = v * f
        return u * f

    def log_gamma(self, a):
        boost = 0
        if a < 1:
            boost = math.log(self.open()) / a
            a += 1
        d = a - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self.normal()
            v = 1 + c * x
            if v <= 0:
                continue
            v = v * v * v
            if math.log(self.open()) < .5 * x * x + d - d * v + d * math.log(v):
                return math.log(d * v) + boost

    def dirichlet(self, alpha):
        g = np.array([self.log_gamma(a) for a in alpha])
        p = np.exp(g - g.max())
        return p / p.sum()

    def shuffle(self, v):
        for i in range(len(v), 1, -1):
            j = self.below(i)
            v[i - 1], v[j] = v[j], v[i - 1]
        return v


def members(y, seed, shuffle=True, level=0):
    rows = [list(np.where(y == c)[0]) for c in range(y.max() + 1)]
    return [Rng(seed, c, 0, level).shuffle(r) if shuffle else r for c, r in enumerate(rows)]


def owners(parts, n=N):
    o = [-1] * n
    for k, rows in enumerate(parts):
        for i in rows:
            assert o[i] == -1
            o[i] = k
    return o


# --- class by class over clients ---

def classwise(K, seed, alpha, min_size, balance="none", shuffle=True, cut="cumulative",
              min_share=0, holders=None, y=Y, level=0, draw=None):
    """NIID-Bench's loop; holders(C): sets of clients, as in PFLlib's exdir."""
    n = len(y)
    draw = draw or (lambda c, t: Rng(seed, c, 1 + t, level).dirichlet([alpha] * K) if alpha
                    else np.ones(K) / K)
    rows = members(y, seed, shuffle, level)
    for t in range(1000):
        batch, total = [[] for _ in range(K)], np.zeros(K)
        for c in range(len(rows)):
            p = draw(c, t)
            if balance == "lt":
                p = np.array([q * (len(b) < n / K) for q, b in zip(p, batch)])
            if balance == "gt":
                p = np.array([q * (len(b) <= n / K) for q, b in zip(p, batch)])
            if holders:
                p = p * [k in holders[c] for k in range(K)]
            p = p / p.sum()
            total += p
            m = len(rows[c])
            if cut == "cell":
                ends = np.cumsum(np.floor(p * m).astype(int))
                pieces = np.split(np.array(rows[c]), ends)[:-1]
            else:
                ends = (np.cumsum(p) * m).astype(int)
                ends[np.max(np.nonzero(p)):] = m
                pieces = np.split(np.array(rows[c]), ends[:-1])
            batch = [b + list(q) for b, q in zip(batch, pieces)]
        if min(map(len, batch)) >= min_size and total.min() * K >= min_share:
            return owners(batch, n)
    raise ValueError


def class_sets(K, seed, m, assign, t=0):
    out = []
    for k in range(K):
        r = Rng(seed, k, 2**32 + t)
        v = [(c + (k if assign == "rotate" else 0)) % C for c in range(C)]
        for i in range(m):
            j = 0 if assign == "rotate" else k % C if assign == "first" and not i else r.below(C - i)
            v[i], v[i + j] = v[i + j], v[i]
        out.append(set(v[:m]))
    return out


def exdir(K, seed, m, alpha, min_size):
    for t in range(1000):
        sets = class_sets(K, seed, m, "random", t)
        holders = [{k for k in range(K) if c in sets[k]} for c in range(C)]
        if min(map(len, holders)) >= max(m * K // C // 2, 1):
            break
    return classwise(K, seed, alpha, min_size, "lt", holders=holders)


def pathological(K, seed, m, assign):
    sets, parts = class_sets(K, seed, m, assign), [[] for _ in range(K)]
    for c, rows in enumerate(members(Y, seed)):
        who = [k for k in range(K) if c in sets[k]]
        if who:
            for k, piece in zip(who, np.array_split(rows, len(who))):
                parts[k] += list(piece)
    return owners(parts)


# --- sizes ---

def law(K, seed, name, t=0, sigma=1, beta=.5, power=1):
    r = Rng(seed, LAST, t)
    if name == "equal":
        return [len(a) for a in np.array_split(range(N), K)]
    if name == "dirichlet":
        u = r.dirichlet([beta] * K)
    else:
        u = np.array([{"linear": lambda k: k, "square": lambda k: k * k, "exp": math.exp,
                       "lognormal": lambda k: math.exp(sigma * r.normal()),
                       "power": lambda k: r.open()**(1 / power),
                       "zipf": lambda k: k**-power}[name](k) for k in range(1, K + 1)], float)
    n = [int(N * v / u.sum()) for v in u]
    n[int(np.argmax(u))] += N - sum(n)
    return n


def size(K, seed, name, **kw):
    order = Rng(seed, 0, 0).shuffle(list(range(N)))
    return owners(np.split(order, np.cumsum(law(K, seed, name, **kw))[:-1]))


def inner(K, seed, alpha, sizes):
    """Flower's InnerDirichletPartitioner; alpha(C)."""
    q = [Rng(seed, k, 1).dirichlet(alpha) for k in range(K)]
    left, want, parts = members(Y, seed), list(sizes), [[] for _ in range(K)]
    open_, r = [k for k in range(K) if want[k]], Rng(seed, 0, 2)
    while open_:
        i = r.below(len(open_))
        k = open_[i]
        w = [q[k][c] if left[c] else 0 for c in range(C)]
        if not sum(w) > 0:
            w = [len(v) for v in left]
        u, total = r.real(), 0
        for c in range(C):
            total += w[c]
            if w[c] > 0 and u * sum(w) < total:
                break
        parts[k].append(left[c].pop())
        want[k] -= 1
        if not want[k]:
            open_[i] = open_[-1]
            open_.pop()
    return owners(parts)


def distribution(K, seed, m, base, sigma):
    parts, cols = [[] for _ in range(K)], K * m // C
    for c, rows in enumerate(members(Y, seed)):
        r = Rng(seed, c, 1)
        w = np.exp([sigma * r.normal() for _ in range(cols)])
        n = np.floor(w / w.sum() * (len(rows) - base * cols)).astype(int) + base
        n[r.below(cols)] += len(rows) - n.sum()
        who = [k for b in range(K // C) for i in range(m) for k in [(c - i) % C + b * C]]
        for k, piece in zip(who, np.split(rows, np.cumsum(n)[:-1])):
            assert c in {(k + i) % C for i in range(m)}
            parts[k] += list(piece)
    return owners(parts)


# --- natural ids, units ---

def natural(K, group, mode):
    ids = sorted(set(GROUP))
    if mode == "allow-bigger":
        sets = np.array_split(ids, len(ids) // group)
    else:
        sets = [ids[i:i + group] for i in range(0, len(ids), group)]
        if mode == "drop":
            sets = [s for s in sets if len(s) == group]
    assert len(sets) == K
    return owners([[i for i in range(N) if GROUP[i] in set(s)] for s in sets])


def units(seed, unit):
    """Lists of examples, class by class, each class shuffled."""
    out = []
    for c in range(C):
        rows = list(np.where(Y == c)[0])
        if unit == "group":
            u = [[i for i in rows if GROUP[i] == g] for g in sorted(set(GROUP[rows]))]
        else:
            u = [rows[i:i + unit] for i in range(0, len(rows), unit)]
        out.append(Rng(seed, c, 0).shuffle(u))
    return out


def uniform(K, seed, unit=1):
    parts, i = [[] for _ in range(K)], 0
    order = Rng(seed, LAST, 0).shuffle(list(range(K)))
    for u in sum(units(seed, unit), []):
        parts[order[i % K]] += u
        i += 1
    return owners(parts)


def dealt(K, seed, weights, unit=1):
    """weights(c): share of every client."""
    parts = [[] for _ in range(K)]
    for c, us in enumerate(units(seed, unit)):
        v, w = Rng(seed, c, 1).real(), np.array(weights(c))
        ends = np.floor(len(us) * np.cumsum(w) + v).astype(int).clip(0, len(us))
        ends[np.max(np.nonzero(w)):] = len(us)
        for k, (lo, hi) in enumerate(zip([0, *ends[:-1]], ends)):
            parts[k] += sum(us[lo:hi], [])
    return owners(parts)


def mix(K, seed, iid, alpha, min_size):
    order, m = Rng(seed, 0, 0).shuffle(list(range(N))), int(iid * N)
    o = [None] * N
    for i in range(m):
        o[order[i]] = i * K // m
    rest = sorted(order[m:])
    sub = classwise(K, seed, alpha, min_size, y=Y[rest], level=1)
    for i, k in zip(rest, sub):
        o[i] = k
    return o


def by_label(K, seed, strictness):
    z = (Y - Y.mean()) / Y.std()
    r = Rng(seed, 0, 1)
    b = [strictness * v + (1 - strictness) * r.normal() for v in z]
    return owners(np.array_split(np.argsort(b, kind="stable"), K))


def shards(K, seed, size_, keep):
    rows = np.argsort(Y, kind="stable")
    pieces = [rows[i:i + size_] for i in range(0, N, size_)]
    pieces = [p for p in pieces if keep or len(p) == size_]
    counts = [len(a) for a in np.array_split(range(len(pieces)), K)]
    who = Rng(seed, 0, 0).shuffle([k for k in range(K) for _ in range(counts[k])])
    return owners([[i for p, w in zip(pieces, who) if w == k for i in p] for k in range(K)])


def authors():
    """compat=adafedadam with the generator and data of the paper's code gives its sizes."""
    for K, alpha, sizes in [
            (5, .05, [15864, 6608, 8014, 4407, 25095]),
            (16, .1, [2982, 3862, 2874, 5822, 3193, 1562, 4411, 7217, 3170, 2983, 4012, 428, 5948,
                      5879, 1906, 3703])]:
        r = np.random.RandomState(0)
        o = classwise(K, 0, alpha, 1, shuffle=False, cut="cell", min_share=.1,
                      y=np.arange(60000) % 10, draw=lambda c, t: r.dirichlet([alpha] * K))
        assert [o.count(k) for k in range(K)] == sizes


def main():
    authors()
    even = lambda K: [len(a) for a in np.array_split(range(N), K)]
    share = np.bincount(Y, minlength=C) / N
    geo = np.array([.6**k for k in range(6)])
    special = lambda c: [.7 if k == 2 else .1 for k in range(4)] if c in (1, 4) else [.25] * 4
    out = lambda *a: print(*a[:3], ",".join("-" if v < 0 else str(v) for v in a[3]), sep="\t")
    out("dirichlet:min_size=5", 7, 1, classwise(7, 1, .5, 5))
    out("dirichlet:alpha=0.2,compat=flower", 4, 2, classwise(4, 2, .2, 10, shuffle=False))
    out("dirichlet:compat=niid", 6, 3, classwise(6, 3, .5, 10, "lt"))
    out("dirichlet:alpha=0.1,compat=pfllib", 8, 4, classwise(8, 4, .1, 15, "lt"))
    out("dirichlet:alpha=0.3,compat=fedlab", 9, 5, classwise(9, 5, .3, C, "lt"))
    out("dirichlet:alpha=0.9,compat=flbench", 5, 6, classwise(5, 6, .9, 10))
    out("dirichlet:alpha=0.05,compat=adafedadam", 5, 7,
        classwise(5, 7, .05, 1, cut="cell", min_share=.1))
    out("dirichlet:alpha=0,compat=adafedadam", 7, 7,
        classwise(7, 7, 0, 1, cut="cell", min_share=.1))
    out("dirichlet:balance=gt,min_size=1", 11, 8, classwise(11, 8, .5, 1, "gt"))
    out("dirichlet:axis=client,alpha=0.3,min_size=1", 7, 9, inner(7, 9, [.3] * C, even(7)))
    out("dirichlet:axis=client,prior=global,alpha=2", 5, 9, inner(5, 9, 2 * share, even(5)))
    out("inner:alpha=0.1,law=linear", 6, 10, inner(6, 10, [.1] * C, law(6, 10, "linear")))
    out("exdir:m=3,min_size=4", 10, 11, exdir(10, 11, 3, .5, 4))
    for i, assign in enumerate(["random", "rotate", "first"]):
        out(f"pathological:m=2,assign={assign}", 9, 12 + i, pathological(9, 12 + i, 2, assign))
    out("pathological:m=1,assign=rotate", 4, 3, pathological(4, 3, 1, "rotate"))
    out("size:law=dirichlet,beta=2", 6, 20, size(6, 20, "dirichlet", beta=2))
    for name in ["linear", "square", "lognormal", "power", "zipf", "equal"]:
        out(f"size:law={name},max_tries=1", 6, 41, size(6, 41, name))
    out("size:law=exp", 4, 21, size(4, 21, "exp"))
    out("distribution:m=2,base=3", 12, 22, distribution(12, 22, 2, 3, 2))
    out("distribution:m=3,base=0,sigma=0.5", 6, 23, distribution(6, 23, 3, 0, .5))
    ids = len(set(GROUP))
    out("natural", ids, 0, natural(ids, 1, "strict"))
    out("natural:group=7", -(-ids // 7), 0, natural(-(-ids // 7), 7, "allow-smaller"))
    out("natural:group=7,mode=allow-bigger", ids // 7, 0, natural(ids // 7, 7, "allow-bigger"))
    out("natural:group=7,mode=drop", ids // 7, 0, natural(ids // 7, 7, "drop"))
    out("uniform", 7, 24, uniform(7, 24))
    out("uniform:unit=block,block=4", 5, 25, uniform(5, 25, 4))
    out("uniform:unit=group", 5, 25, uniform(5, 25, "group"))
    out("unbalanced:base=0.6", 6, 26, dealt(6, 26, lambda c: geo / geo.sum()))
    out("unbalanced:sizes=ratio,ratio=1+2+5,unit=block,block=3", 3, 27,
        dealt(3, 27, lambda c: np.array([1, 2, 5]) / 8, 3))
    out("specialised:client=2,classes=1+4,share=0.7", 4, 28, dealt(4, 28, special))
    out("specialised:client=2,classes=1+4,share=1,unit=group", 4, 29,
        dealt(4, 29, lambda c: [k == 2 for k in range(4)] if c in (1, 4) else [.25] * 4, "group"))
    out("mix:iid=0.3,by=dirichlet%3Amin_size%3D2", 5, 30, mix(5, 30, .3, .5, 2))
    out("continuous:property=label,strictness=0.6", 7, 31, by_label(7, 31, .6))
    out("shards:size=13", 5, 32, shards(5, 32, 13, True))
    out("shards:size=13,rest=drop", 5, 32, shards(5, 32, 13, False))


if __name__ == "__main__":
    main()

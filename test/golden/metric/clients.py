#!/usr/bin/python3
"""Prints clients.h: metrics of three clients and of all of them together, for
test/unit/metric.c: AUC and Brier by scikit-learn, quantiles by NumPy, the calibration error
and groups by their definitions in double.
remake: $PYTHON clients.py >clients.h
"""
import numpy as np
from sklearn.metrics import roc_auc_score, top_k_accuracy_score

C, ROWS = 4, 40
NAMES = "ece@15 ece@3 auc brier top@2 quantile@0.9 quantile@0.5 group@7 worstgroup".split()


def softmax(z):
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def ece(p, y, bins):
    conf, right = p.max(1), p.argmax(1) == y
    b = np.maximum(np.ceil(conf * bins), 1)
    return sum(abs(right[b == i].sum() - conf[b == i].sum()) for i in np.unique(b)) / len(y)


def metrics(z, y, g):
    """-1 for what the examples do not say."""
    z = z.astype(float)
    p = softmax(z)
    hit = p.argmax(1) == y
    nll = -np.log(p[np.arange(len(y)), y])
    both = [c for c in range(C) if 0 < (y == c).sum() < len(y)]
    auc = np.mean([roc_auc_score(y == c, p[:, c]) for c in both]) if both else -1
    if len(both) == C:
        assert abs(auc - roc_auc_score(y, p, multi_class="ovr")) < 1e-12
    return [
        ece(p, y, 15), ece(p, y, 3), auc, ((p - np.eye(C)[y]) ** 2).sum(1).mean(),
        top_k_accuracy_score(y, p, k=2, labels=range(C)),
        np.quantile(nll, 0.9), np.quantile(nll, 0.5),
        hit[g == 7].mean() if (g == 7).any() else -1,
        min(hit[g == k].mean() for k in np.unique(g)),
    ]


def row(z, y, g):
    def text(a):
        return "{ " + ", ".join(map(repr, np.ravel(a).tolist())) + " }"

    return f"\t{{ {len(y)}, {text(y)},\n\t  {text(g)},\n\t  {text(z)},\n\t  {text(metrics(z, y, g))} }},"


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    clients = []
    for n, classes, groups in (11, 2, [3, 5]), (1, 1, [3]), (23, C, [5, 7, 9]):
        z = (rng.normal(size=(n, C)) * 3).round(4).astype(np.float32)
        y, g = rng.integers(0, classes, n), rng.choice(groups, n)
        z[n // 2] = z[0]                                   # examples of equal scores
        clients.append((z, y, g))
    clients[1] = (clients[1][0], np.array([2]), clients[1][2])
    print("/* Printed by clients.py. */")
    print("static const char *const client_metric[] = { %s };" % ", ".join(f'"{n}"' for n in NAMES))
    print("static const struct {\n\tint n, y[%d], g[%d];\n\tfloat z[%d];\n\tdouble want[%d];\n} clients[] = {"
          % (ROWS, ROWS, ROWS * C, len(NAMES)))
    for c in clients:
        print(row(*c))
    print(row(*(np.concatenate([c[i] for c in clients]) for i in range(3))))
    print("};")

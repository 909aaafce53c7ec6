#!/usr/bin/python3
"""Prints classes.h: F1 and recalls by class by scikit-learn, for test/unit/metric.c.
A prediction of -1 is one of no class.
remake: $PYTHON classes.py >classes.h
"""
import warnings

import numpy as np
from sklearn.metrics import (balanced_accuracy_score, confusion_matrix, f1_score,
                             precision_recall_fscore_support)

ROWS, CLASSES = 60, 7
warnings.simplefilter("ignore")  # classes without examples or predictions are meant


def case(C, y, p):
    classes = np.arange(C)
    present = sorted(set(y) | set(p) - {-1})
    precision, recall, f1, n = precision_recall_fscore_support(
        y, p, labels=classes, zero_division=0)
    counts = confusion_matrix(y, p, labels=np.arange(-1, C))[1:]
    counts = np.concatenate([counts[:, 1:], counts[:, :1]], 1)
    macro = f1_score(y, p, labels=present, average="macro")
    if -1 not in p:
        assert macro == f1_score(y, p, average="macro")
    balanced = balanced_accuracy_score(y, p)

    def text(a):
        return "{ " + ", ".join(str(x) for x in np.ravel(a)) + " }"

    return (f"\t{{ {C}, {len(y)}, {text(y)},\n\t  {text(p)},\n\t  {macro!r}, {balanced!r},\n"
            f"\t  {text(recall)}, {text(precision)}, {text(f1)},\n\t  {text(counts)} }},")


if __name__ == "__main__":
    rng = np.random.default_rng(1)
    print("/* Printed by classes.py. */")
    print("static const struct {\n\tint C, n, y[%d], p[%d];\n\tdouble f1, balanced, recall[%d], "
          "precision[%d], by_class[%d];\n\tint counts[%d];\n} classes[] = {"
          % (ROWS, ROWS, CLASSES, CLASSES, CLASSES, CLASSES * (CLASSES + 1)))
    print(case(2, [0, 1], [0, 1]))
    print(case(2, [0, 1], [1, 0]))
    print(case(3, [0, 0, 2], [0, 1, 2]))  # class 1: predictions alone
    print(case(4, [1, 1, 3], [1, 3, 3]))  # classes 0 and 2: nothing
    print(case(3, [0, 1, 2, 2], [0, -1, 2, -1]))
    for C in 3, 5, 7:
        y = rng.integers(0, C, ROWS)
        p = np.where(rng.random(ROWS) < .5, y, rng.integers(0, C, ROWS))
        print(case(C, y, p))
    y = rng.integers(0, 6, ROWS) ** 2 // 5
    print(case(7, y, np.where(rng.random(ROWS) < .7, y, rng.integers(-1, 7, ROWS))))
    print("};")

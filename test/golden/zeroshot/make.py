#!/usr/bin/python3
"""Writes the records of a small zero-shot task and, into want.json, what NumPy,
scikit-learn and mpmath say of it: ragged texts, equal classes, concentrations, unknown
images, a temperature."""
import json
import os
import sys

import mpmath
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score, roc_curve

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "metric")]
from fed_record import save
from uncertainty import calibration, doubt

mpmath.mp.dps = 30
D, C, SCALE = 12, 7, 20.0
DOUBT = ("spearman r2 s_r2 pearson aurc eaurc eaurc_finite risk@80 risk@90 risk@95 coverage@1 "
         "coverage@5 auroc fpr95 aupr_success aupr_error").split()


def unit(x):
    x = np.asarray(x, float)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def logc(kappa, d):
    v = mpmath.mpf(d) / 2 - 1
    return v * mpmath.log(kappa) - (v + 1) * mpmath.log(2 * mpmath.pi) - mpmath.log(mpmath.besseli(v, kappa))


def vmf_norm(kappa, d):
    zero = mpmath.loggamma(mpmath.mpf(d) / 2) - mpmath.log(2) - mpmath.mpf(d) / 2 * mpmath.log(mpmath.pi)
    return float(logc(mpmath.mpf(float(kappa)), d) - zero)


def ps_norm(kappa, d):
    def c(k):
        a = mpmath.mpf(d - 1) / 2
        return -((2 * a + k) * mpmath.log(2) + mpmath.loggamma(a + k) - mpmath.loggamma(2 * a + k) + a * mpmath.log(mpmath.pi))
    return float(c(mpmath.mpf(float(kappa))) - c(mpmath.mpf(0)))


def probabilities(z, y, bins):
    lp = log_softmax(z, 1)
    p, i = np.exp(lp), np.arange(len(y))
    # The lowest class of equal ones.
    right = (z.argmax(1) == y).astype(float)
    ece, mce, ace = calibration(p.max(1), right, bins)
    return right, {"nll": -lp[i, y].mean(), "brier": ((p - np.eye(z.shape[1])[y]) ** 2).sum(1).mean(),
                   "ece": ece, "mce": mce, "ace": ace}


def unknown_scores(cos, kappa, norms):
    z = SCALE * cos
    lse = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1)
    p = np.exp(z - lse[:, None])
    return {"maxprob": 1 - p.max(1), "entropy": -(p * np.log(p)).sum(1), "energy": -lse,
            "cosine": 1 - cos.max(1), "kappa": 1 / kappa[cos.argmax(1)],
            "vmf": -(kappa * cos + norms[0]).max(1), "ps": -(kappa * np.log1p(cos) + norms[1]).max(1)}


def apart(known, unknown):
    s, y = np.concatenate([known, unknown]), np.repeat([0, 1], [len(known), len(unknown)])
    fpr, tpr, _ = roc_curve(1 - y, -s, drop_intermediate=False)
    k = np.argmax(tpr >= 0.95)
    at = fpr[k - 1] + (fpr[k] - fpr[k - 1]) * (0.95 - tpr[k - 1]) / (tpr[k] - tpr[k - 1])
    return roc_auc_score(y, s), at


def main():
    rng = np.random.default_rng(3)
    label = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 5, 6, 6], np.int64)
    mean = unit(rng.normal(size=(C, D)))
    text = (mean[label] + 0.15 * rng.normal(size=(len(label), D))).astype(np.float32)
    text[11] = text[6]          # classes 3 and 5 are one
    kappa = (5 + 20 * rng.random(len(label))).astype(np.float32)

    def images(n, spread):
        y = rng.integers(0, C, n)
        return (mean[y] + spread * rng.normal(size=(n, D))).astype(np.float32), y.astype(np.int64)

    x, y = images(90, 0.35)
    val, val_y = images(40, 0.35)
    other = rng.normal(size=(35, D)).astype(np.float32)
    # Labels of classes that no image has, too.
    y[y == 6] = 0
    save(os.path.join(HERE, "texts.safetensors"), {"emb": text, "label": label, "kappa": kappa}, kind="embed")
    save(os.path.join(HERE, "images.safetensors"), {"emb": x, "label": y, "id": 100 + np.arange(90)}, kind="embed")
    save(os.path.join(HERE, "val.safetensors"), {"emb": val, "label": val_y}, kind="embed")
    save(os.path.join(HERE, "unknown.safetensors"), {"emb": other}, kind="embed")

    want = {}
    for weights in "uniform", "kappa":
        k = kappa.astype(float)
        weighted = np.array([(k[label == c, None] * unit(text[label == c])).sum(0) for c in range(C)])
        plain = np.array([unit(text[label == c]).mean(0) for c in range(C)])
        w = unit(plain if weights == "uniform" else weighted)
        kc = np.linalg.norm(weighted, axis=1) / np.bincount(label)
        cos, cos_other = unit(x) @ w.T, unit(other) @ w.T
        # They differ by the rounding of their weights at most.
        cos[:, 5], cos_other[:, 5] = cos[:, 3], cos_other[:, 3]
        right, out = probabilities(SCALE * cos, y, 15)
        place = np.array([(r > r[c]).sum() + (r[:c] == r[c]).sum() for r, c in zip(cos, y)])
        out["n"], out["classes"] = len(y), C
        out["accuracy"], out["accuracy@5"] = right.mean(), (place < 5).mean()
        out["balanced"] = np.mean([right[y == c].mean() for c in range(C) if (y == c).any()])
        zv = unit(val) @ w.T
        nll = lambda t: -log_softmax(np.exp(t) * zv, 1)[np.arange(len(val_y)), val_y].mean()
        beta = np.exp(minimize_scalar(nll, bracket=(0, 5), tol=1e-14).x)
        out["temperature"], out["t_fitted"] = SCALE / beta, True
        scaled = probabilities(beta * cos, y, 15)[1]
        out.update({"scaled." + n: v for n, v in scaled.items()})
        norms = (np.array([vmf_norm(v, D) for v in kc]), np.array([ps_norm(v, D) for v in kc]))
        known = unknown_scores(cos, kc, norms)
        far = unknown_scores(cos_other, kc, norms)
        out["unknown.n"] = len(other)
        for name in known:
            out[f"unknown.{name}.auroc"], out[f"unknown.{name}.fpr95"] = apart(known[name], far[name])
        for name in "vmf", "ps":
            out[f"unknown.{name}.known_kept"] = (known[name] <= 0).mean()
            out[f"unknown.{name}.kept"] = (far[name] <= 0).mean()
        out.update(zip(["uncertainty." + n for n in DOUBT], doubt(known["maxprob"], right, 10)))
        want[weights] = {n: None if np.isnan(v) else v if v is True else float(v) for n, v in out.items()}
    with open(os.path.join(HERE, "want.json"), "w") as f:
        json.dump(want, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main()

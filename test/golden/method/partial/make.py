#!/usr/bin/python3
"""Partial models, two rounds each: FedPer (Arivazhagan et al. 2019) with a head of the
client's own, FedRep (Collins et al. 2021), whose head trains first, alone, then the body,
alone, and FedBABU (Oh et al. 2022), whose head does not train. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from ref import BATCH, EPOCHS, LR, SHAPES, gradient, inputs, named, save, scaled_data

HEAD, BODY, FIRST = ("2.weight", "2.bias"), ("0.weight", "0.bias"), 3
x, y = scaled_data()


def train(w, names, epochs):
    for _ in range(epochs):
        for i in range(0, len(y), BATCH):
            g = gradient(w, x[i:i + BATCH], y[i:i + BATCH])
            w = {k: w[k] - LR * g[k] if k in names else w[k] for k in w}
    return w


def fedper(w):
    return train(w, HEAD + BODY, EPOCHS)


def fedrep(w):
    return train(train(w, HEAD, FIRST), BODY, EPOCHS)


def fedbabu(w):
    return train(w, BODY, EPOCHS)


for way in fedper, fedrep, fedbabu:
    own = {}
    for r, m in enumerate(inputs(here)):
        start = {k: own.get(k, m[k]) for k in SHAPES}
        w = way(start)
        save(f"{here}/want{way.__name__}{r + 1}.safetensors", named("", {k: w[k] - start[k] for k in BODY}), {})
        if way is not fedbabu:
            own = {k: w[k] for k in HEAD}
            save(f"{here}/{way.__name__}{r + 1}.safetensors", named("@private/", own), {})

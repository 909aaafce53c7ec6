#!/usr/bin/python3
"""Ditto (Li et al. 2021): the update is FedAvg's; beside it v -= lr (grad F(v) +
lambda (v - w0)), w0 the received model, v kept between rounds and first the
model first received. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from ref import inputs, minus, named, save, train

LAMBDA, EPOCHS = 0.7, 3
v = None
for r, w0 in enumerate(inputs(here)):
    w, _ = train(w0)
    v, _ = train(v or w0, lambda k, x: LAMBDA * (x - w0[k]), EPOCHS)
    save(f"{here}/want{r + 1}.safetensors", named("", minus(w, w0)), {})
    save(f"{here}/state{r + 1}.safetensors", named("", v), {})

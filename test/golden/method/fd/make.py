#!/usr/bin/python3
"""Federated distillation as HtFLlib has it: MSELoss of the logits against their classes'
mean logits, an example's own where there are none. usage: make.py"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
from ref import near_class_means

near_class_means(here, "classlogit", 3, lambda h, z: z)

#!/usr/bin/env python3
"""check.py WANT LOG: exit 1 unless the losses of a log of vlm-adapt are those of WANT to
1e-5. Needs NumPy alone."""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import fed_record  # noqa: E402

want = next(fed_record.stream(sys.argv[1]))[0]["losses"]
with open(sys.argv[2]) as f:
    got = np.array([json.loads(line)["loss"] for line in f])
worst = np.abs(got / want - 1).max() if got.shape == want.shape else np.inf
print(f"{sys.argv[1]}: losses differ by {worst:.2g}")
sys.exit(not worst <= 1e-5)

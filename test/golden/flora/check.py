"""What fl-aggregate -R flora made of updates, by NumPy:
check.py FOLDER-OF-fed_record MODEL NEXT RANKS zero|keep UPDATE..."""
import sys

import numpy as np

sys.path.insert(0, sys.argv[1])
import fed_record

model, meta, _ = fed_record.load(sys.argv[2])
after, _, _ = fed_record.load(sys.argv[3])
ranks = [int(r) for r in sys.argv[4].split(",")]
keep = sys.argv[5] == "keep"	# clients leave A's rows beyond their rank as they were
updates = [fed_record.load(f)[:2] for f in sys.argv[6:]]
n = np.array([float(m["fl.examples"]) for _, m in updates])
p = n / n.sum()
d = {k: v.astype(float) for k, v in model.items()}
for layer in ("0", "2"):
    A, B, W = (d[f"{layer}.{t}"] for t in ("lora_A", "lora_B", "weight"))
    want, sum_A, share = W.copy(), 0, np.zeros((len(A), 1))
    for q, rank, (u, _) in zip(p, ranks, updates):
        Ak, Bk = A + u[f"{layer}.lora_A"], B + u[f"{layer}.lora_B"]
        assert not (u[f"{layer}.lora_A"] if keep else Ak)[rank:].any() and not Bk[:, rank:].any()
        assert u[f"{layer}.lora_B"][:, :rank].any()
        assert np.linalg.matrix_rank(Bk @ Ak, tol=1e-7) <= rank
        want += q * 8 / 6 * Bk @ Ak
        sum_A = sum_A + q * Ak
        share[:None if keep else rank] += q
    assert not after[f"{layer}.lora_B"].any()
    assert np.abs(after[f"{layer}.weight"] - want).max() < 1e-6
    assert np.abs(after[f"{layer}.lora_A"] - sum_A / share).max() < 1e-6
    assert np.abs(want - W).max() > 1e-4

"""What fl-aggregate -R flora made of updates, by NumPy:
check.py FOLDER-OF-fed_record MODEL NEXT RANKS UPDATE..."""
import sys

import numpy as np

sys.path.insert(0, sys.argv[1])
import fed_record

model, meta, _ = fed_record.load(sys.argv[2])
after, _, _ = fed_record.load(sys.argv[3])
ranks = [int(r) for r in sys.argv[4].split(",")]
updates = [fed_record.load(f)[:2] for f in sys.argv[5:]]
n = np.array([float(m["fl.examples"]) for _, m in updates])
p = n / n.sum()
d = {k: v.astype(float) for k, v in model.items()}
for layer in ("0", "2"):
    A, B, W = (d[f"{layer}.{t}"] for t in ("lora_A", "lora_B", "weight"))
    want, mean_A = W.copy(), 0
    for q, rank, (u, _) in zip(p, ranks, updates):
        Ak, Bk = A + u[f"{layer}.lora_A"], B + u[f"{layer}.lora_B"]
        assert not u[f"{layer}.lora_A"][rank:].any() and not u[f"{layer}.lora_B"][:, rank:].any()
        assert u[f"{layer}.lora_B"][:, :rank].any()
        assert np.linalg.matrix_rank(Bk @ Ak, tol=1e-7) <= rank
        want += q * 8 / 6 * Bk @ Ak
        mean_A = mean_A + q * Ak
    assert not after[f"{layer}.lora_B"].any()
    assert np.abs(after[f"{layer}.weight"] - want).max() < 1e-6
    assert np.abs(after[f"{layer}.lora_A"] - mean_A).max() < 1e-6
    assert np.abs(want - W).max() > 1e-4

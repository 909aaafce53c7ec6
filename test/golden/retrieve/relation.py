#!/usr/bin/python3
"""Who belongs to whom: metrics of vlm-retrieve against matrices of zeros and ones.

usage: relation.py FOLDER FROM TO    tries the seeds FROM ... TO - 1 in FOLDER

A seed draws two sides, rows of small whole numbers, whose inner products are exact and
often equal. The queries are rows of their own or some of the gallery's, in any order,
with ids or without. It draws a truth in any of its forms, a part of the gallery, and
--self or --both or --folds. What the tool says is compared with the definitions, applied
to a matrix of scores, one of who belongs to whom, and one of who is the same row.
Exits 1 with the first difference.
"""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from naive import write

K = 3
METRICS = [f"hit@{K}", "hit@1", f"recall@{K}", "mrr", "medr", "meanr", "map@r", "rprecision", f"ndcg@{K}"]
FORMS = ["label", "pairs", "image of each text", "rows", "ids", "groups", "diagonal", "attributes"]


def draw_sides(rng, form):
    """Queries, gallery, and of each query the gallery row that it is, or -1."""
    G, d = int(rng.integers(4, 14)), 5
    g = {"emb": rng.integers(-1, 2, (G, d)).astype(np.float32), "label": rng.integers(0, 4, G).astype(np.int32),
         "attributes": (rng.random((G, 6)) < 0.4).astype(np.int64)}
    by_id = form == "ids" or (form != "rows" and rng.random() < 0.7)
    if by_id:
        g["id"] = rng.permutation(60)[:G] - 5
    if rng.random() < 0.6 and form not in ("groups", "diagonal"):
        rows = rng.permutation(G)[:rng.integers(1, G + 1)] if by_id else np.arange(rng.integers(1, G + 1))
        q = {k: v[rows] for k, v in g.items()}
    else:
        Q = {"groups": 2 * G, "diagonal": G}.get(form, int(rng.integers(2, 14)))
        q = {"emb": rng.integers(-1, 2, (Q, d)).astype(np.float32), "label": rng.integers(0, 4, Q).astype(np.int32),
             "attributes": (rng.random((Q, 6)) < 0.4).astype(np.int64)}
        if by_id:
            q["id"] = rng.permutation(60)[:Q] - 5
    return q, g


def ids(side):
    return side["id"] if "id" in side else np.arange(len(side["emb"]))


def draw_truth(rng, form, q, g, images):
    """What --truth says, and (Q,G) who belongs to whom. Texts are the queries unless images."""
    Q, G = len(q["emb"]), len(g["emb"])
    T, I = (G, Q) if images else (Q, G)
    if form == "label":
        return "label", q["label"][:, None] == g["label"]
    if form == "attributes":
        far = np.abs(q["attributes"][:, None] - g["attributes"]).sum(2)
        return "attributes:2", (far <= 2) & q["attributes"].any(1)[:, None] & g["attributes"].any(1)
    if form == "diagonal":
        return "diagonal", np.eye(Q, dtype=bool)
    if form == "groups":
        if images:
            return f"groups:{T // I}", np.arange(Q)[:, None] == np.arange(G) // (G // Q)
        return f"groups:{T // I}", np.arange(Q)[:, None] // (Q // G) == np.arange(G)
    if form == "image of each text":
        of = rng.integers(0, I, T)
        m = of[:, None] == np.arange(I)
        write(Path("truth.safetensors"), emb=np.ones((1, 1), np.float32), of=of)
        return "truth.safetensors#of", m.T if images else m
    m = rng.random((T, I)) < 0.3
    if form == "pairs":
        p = rng.permutation(np.argwhere(m))
        write(Path("truth.safetensors"), emb=np.ones((1, 1), np.float32), pairs=np.ascontiguousarray(p.reshape(-1, 2)))
        return "truth.safetensors", m.T if images else m
    if form == "rows":
        Path("truth.json").write_text(json.dumps({str(t): ([int(i) for i in np.flatnonzero(m[t])] if m[t].sum() != 1
                                                           else int(np.flatnonzero(m[t])[0])) for t in range(T)}))
        return "truth.json", m.T if images else m
    # By ids the keys are the queries', whatever they are; some are of no row at all.
    m = m.T if images else m
    said = {str(ids(q)[a]): [int(ids(g)[b]) for b in np.flatnonzero(m[a])] for a in rng.permutation(Q)}
    said["777"] = [int(ids(g)[0])]
    said[str(ids(q)[0])].append(888)
    Path("truth.json").write_text(json.dumps(said))
    return "truth.json", m


def places(score, order, good, here):
    """Of each positive: how many rows that are here come before it."""
    out = []
    for q in range(len(score)):
        rows = [r for r in np.lexsort((order, -score[q])) if here[q, r]]
        out.append([k for k, r in enumerate(rows) if good[q, r]])
    return out


def metrics(at):
    asked = [np.array(p) for p in at if p]
    first, R = np.array([p[0] for p in asked]), np.array([len(p) for p in asked])

    def mean(f):
        return np.mean([f(p, len(p)) for p in asked])

    def gain(p):
        return (1 / np.log2(np.asarray(p) + 2.0)).sum()

    return {f"hit@{K}": (first < K).mean(), "hit@1": (first < 1).mean(),
            f"recall@{K}": mean(lambda p, R: (p < K).sum() / R), "mrr": (1 / (first + 1)).mean(),
            "medr": np.floor(np.median(first)) + 1, "meanr": first.mean() + 1,
            "map@r": mean(lambda p, R: sum((i + 1) / (x + 1) for i, x in enumerate(p) if x < R) / R),
            "rprecision": mean(lambda p, R: (p < R).sum() / R),
            f"ndcg@{K}": mean(lambda p, R: gain(p[p < K]) / gain(np.arange(min(R, K)))), "positives": R.sum()}


def run(args):
    return subprocess.run(["vlm-retrieve", *args], capture_output=True, text=True)


def compare(what, got, want, prefix=""):
    for key, v in want.items():
        if not abs(got[prefix + key] - v) <= 1e-12 * max(1, abs(v)):
            raise AssertionError(f"{what}: {prefix}{key} is {got[prefix + key]}, not {v}")


def check_hits(what, lines, kind, score, a, b, here):
    for q, line in enumerate([x for x in lines if x["kind"] == kind]):
        want = [int(ids(b)[r]) for r in np.lexsort((ids(b), -score[q])) if here[q, r]][:4]
        if line["query"] != ids(a)[q] or line["ids"] != want:
            raise AssertionError(f"{what}: {kind} of {line['query']}: {line['ids']}, not {want}")


def check_shards(rng, what, g, args, lines):
    """Each shard of the gallery searched alone, then all answers as one."""
    part, names = rng.integers(0, 3, len(g["emb"])), []
    for k in range(3):
        if (part == k).any():
            write(Path(f"shard{k}"), **{name: v[part == k] for name, v in g.items()})
            out = run(["--gallery", f"shard{k}", *args])
            Path(f"answer{k}").write_text(out.stdout)
            names.append(f"answer{k}")
    got = run(["--merge", "--top", "4", "--format", "json", *names])
    if [json.loads(x) for x in got.stdout.splitlines()] != [x for x in lines if x["kind"] == "hits"]:
        raise AssertionError(f"{what}: shards merge to other answers: {got.stderr}")


def fold_means(score, good, q, g, images, n):
    """Metrics of each fold both ways, their means; None where a text is of no fold, or two."""
    text, image = (good.T, score.T) if images else (good, score)
    length = max(1, text.shape[1] // n)
    of = [{int(i) // length for i in np.flatnonzero(t)} for t in text]
    if text.shape[1] % n or any(len(x) != 1 for x in of):
        return None
    sums = [{}, {}]
    for f in range(n):
        rows = [t for t in range(len(of)) if of[t] == {f}]
        cols = list(range(f * length, (f + 1) * length))
        here = np.ix_(cols, rows) if images else np.ix_(rows, cols)
        s, r = score[here], good[here]
        qid, gid = (ids(q)[cols], ids(g)[rows]) if images else (ids(q)[rows], ids(g)[cols])
        if not r.any() or min(s.shape) < K:
            return None
        for out, x, y, order in ((sums[0], s, r, gid), (sums[1], s.T, r.T, qid)):
            for key, v in metrics(places(x, order, y, np.ones(x.shape, bool))).items():
                out[key] = out.get(key, 0) + v / n
    for out in sums:
        del out["positives"]
    return sums


def one_seed(seed):
    rng = np.random.default_rng(seed)
    form, images = FORMS[seed % len(FORMS)], bool(rng.integers(2))
    q, g = draw_sides(rng, form)
    if form == "groups" and images:
        q, g = g, q
    source, good = draw_truth(rng, form, q, g, images)
    mode = rng.choice(["plain", "self", "both", "folds"])
    what = f"seed {seed}: {form}, {mode}{', images' if images else ''}"
    score = q["emb"].astype(float) @ g["emb"].astype(float).T
    here, asks, some = np.ones(good.shape, bool), np.ones(len(good), bool), np.ones(good.shape[1], bool)
    write(Path("q"), **q)
    write(Path("g"), **g)
    args = ["--queries", "q", "--score", "ip", "--format", "json", "--top", "4"]
    more = ["--truth", source, "--skip-unmatched", "--metric", ",".join(METRICS)]
    if images:
        args += ["--images"]
    if mode == "folds":
        want = fold_means(score, good, q, g, images, 2)
        got = run(["--gallery", "g", *args, *more, "--folds", "2", "--both", "--no-hits"])
        if want and (form != "attributes"):
            summary = json.loads(got.stdout)
            compare(what, summary, want[0])
            compare(what, summary, want[1], "reverse.")
        elif got.returncode not in (2, 3):
            raise AssertionError(f"{what}: status {got.returncode}: {got.stderr}")
        return bool(want)
    if mode == "self":
        more.append("--self")
        args.append("--self")
        here &= ids(q)[:, None] != ids(g)
    if rng.random() < 0.4:
        some = rng.random(len(g["emb"])) < 0.7
        Path("some").write_text("".join(f"{x}\n" for x in ids(g)[some]))
        args += ["--only", "some"] if rng.integers(2) else ["--except", "some"]
        some = some if args[-2] == "--only" else ~some
        shards = False
    else:
        shards = "id" in g
    if form == "attributes":    # what shows nothing neither asks nor is found
        some = some & g["attributes"].any(1)
        asks = q["attributes"].any(1)
    if mode == "both":
        more.append("--both")
    got = run(["--gallery", "g", *args, *more])
    here &= some
    good = good & here & asks[:, None]
    if not good.any() or some.sum() < K or (mode == "both" and asks.sum() < K):
        if got.returncode != 3:
            raise AssertionError(f"{what}: status {got.returncode}, not 3: {got.stderr}")
        return False
    if got.returncode:
        raise AssertionError(f"{what}: status {got.returncode}: {got.stderr}")
    lines = [json.loads(x) for x in got.stdout.splitlines()]
    q, score, good, here = {k: v[asks] for k, v in q.items()} | ({} if "id" in q else {"id": np.flatnonzero(asks)}), \
        score[asks], good[asks], here[asks]
    check_hits(what, lines, "hits", score, q, g, here)
    at = places(score, ids(g), good, here)
    compare(what, lines[-1], dict(metrics(at), skipped=sum(not p for p in at) + (~asks).sum()))
    if mode == "both":
        cols = np.flatnonzero(some)
        g = {k: v[cols] for k, v in g.items()} | ({} if "id" in g else {"id": cols})
        score, good = score[:, cols].T, good[:, cols].T
        check_hits(what, lines, "reverse", score, g, q, np.ones(score.shape, bool))
        compare(what, lines[-1], metrics(places(score, ids(q), good, np.ones(score.shape, bool))), "reverse.")
    elif shards and form != "attributes":
        check_shards(rng, what, g, args, lines)
    return True


if __name__ == "__main__":
    import os
    os.chdir(sys.argv[1])
    measured = 0
    for seed in range(int(sys.argv[2]), int(sys.argv[3])):
        try:
            measured += one_seed(seed)
        except AssertionError as x:
            sys.exit(str(x))
    print(measured)

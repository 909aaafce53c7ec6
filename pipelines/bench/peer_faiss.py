"""Exact search by FAISS (IndexFlatIP) and by NumPy. Commands on standard input,
seconds on standard output; ids and scores go to OUT.npy and OUT.scores.npy.

  threads N              of FAISS; those of BLAS are set before the start
  gallery FILE           rows, .npy                       -> ok
  faiss QUERIES K OUT    IndexFlatIP.search               -> seconds
  numpy QUERIES K OUT    blocks of products, argpartition -> seconds
  both QUERIES K OUT     FAISS, then QUERIES as gallery   -> seconds
"""
import sys
import time

import faiss
import numpy as np

BLOCK = 1000  # queries of a product: fits memory whatever the gallery


def flat(rows):
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return index


def by_numpy(rows, queries, k):
    ids, scores = [], []
    for i in range(0, len(queries), BLOCK):
        s = queries[i:i + BLOCK] @ rows.T
        part = np.argpartition(-s, k - 1, 1)[:, :k]
        s = np.take_along_axis(s, part, 1)
        order = np.lexsort((part, -s))
        ids.append(np.take_along_axis(part, order, 1))
        scores.append(np.take_along_axis(s, order, 1))
    return np.concatenate(scores), np.concatenate(ids)


def main():
    rows, index = None, None
    for line in sys.stdin:
        cmd, *a = line.split()
        if cmd == "threads":
            faiss.omp_set_num_threads(int(a[0]))
        elif cmd == "gallery":
            rows = np.load(a[0])
            index = flat(rows)
        else:
            q, k = np.load(a[0]), int(a[1])
            start = time.perf_counter()
            s, i = by_numpy(rows, q, k) if cmd == "numpy" else index.search(q, k)
            if cmd == "both":
                flat(q).search(rows, k)
            print(time.perf_counter() - start, flush=True)
            np.save(a[2], i)
            np.save(a[2] + ".scores", s)
            continue
        print("ok", flush=True)


main()

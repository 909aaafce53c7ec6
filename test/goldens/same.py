#!/usr/bin/python3
"""Whether files made anew say what the golden ones do. Records are compared by st-cmp, texts
number by number, archives by what they hold, all else by bytes. Numbers may differ in
their last digits, which depend on the processor.

usage: same.py GOLDEN-FOLDER FOLDER PATH...     prints the paths that differ, exits 1"""
import gzip
import math
import re
import subprocess
import sys

NUMBER = re.compile(rb"(?<![\w.])[-+]?(?:0x[\da-f.]+p[-+]?\d+|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)", re.I)
RECORDS = "--rtol=1e-5", "--atol=1e-6"     # some are trained in float
TEXTS = dict(rel_tol=1e-9, abs_tol=1e-12)


def number(s):
    return float.fromhex(s.decode()) if b"x" in s.lower() else float(s)


def text(a, b):
    if NUMBER.sub(b"", a) != NUMBER.sub(b"", b):
        return False
    return all(x == y or math.isclose(number(x), number(y), **TEXTS)
               for x, y in zip(NUMBER.findall(a), NUMBER.findall(b)))


def same(want, got):
    with open(want, "rb") as f, open(got, "rb") as g:
        a, b = f.read(), g.read()
    if a != b and want.endswith((".safetensors", ".sts")):
        return subprocess.run(["st-cmp", "--meta", *RECORDS, want, got]).returncode == 0
    if want.endswith(".gz"):
        a, b = gzip.decompress(a), gzip.decompress(b)
    return a == b or (want.endswith((".h", ".inc", ".tsv", ".json")) and text(a, b))


def main(want, got, *paths):
    bad = 0
    for p in paths:
        try:
            ok = same(f"{want}/{p}", f"{got}/{p}")
        except OSError as e:
            ok = print(e)
        if not ok:
            print(f"differs: {p}")
            bad = 1
    return bad


sys.exit(main(*sys.argv[1:]))

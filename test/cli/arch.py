#!/usr/bin/python3
"""Architectures changed at random, by a fixed seed. fl-init either makes a model of
them or says in one line where they are wrong. usage: arch.py N"""
import copy
import json
import random
import re
import subprocess
import sys

START = [
    {"input": [2, 8, 8], "layers": [
        {"layer": "conv2d", "out": 4, "kernel": [3, 3], "padding": 1, "groups": 2},
        {"layer": "batchnorm", "name": "bn"}, {"layer": "relu"},
        {"layer": "residual", "body": [{"layer": "conv2d", "out": 4, "padding": 1},
                                       {"layer": "residual", "body": [{"layer": "relu"}]},
                                       {"layer": "groupnorm", "groups": 2}],
         "shortcut": [{"layer": "loraconv2d", "out": 4, "kernel": 1, "rank": 2}]},
        {"layer": "maxpool", "kernel": 2}, {"layer": "flatten"}, {"layer": "dropout", "p": 0.5},
        {"layer": "linear", "out": 5, "bias": False}], "loss": "ce:smoothing=0.1", "features": 4},
    {"input": [6], "layers": [
        {"layer": "embedding", "num": 9, "dim": 4}, {"layer": "lstm", "hidden": 3},
        {"layer": "attention", "heads": 1}, {"layer": "position"}, {"layer": "flatten"},
        {"layer": "lora", "out": 4, "rank": 2, "alpha": 1.5}, {"layer": "gelu"},
        {"layer": "linear", "out": 3}]},
]
VALUES = [-1, 0, 1, 2, 3, 7, 1000, 2**31, 2**63, 2**70, 0.5, -1e300, "", "relu", "linear", "none",
          "x" * 300, "a\nb", "@a", None, True, [], [0], [1], [2, 3], [1, 2, 3], [-1], [[1]], {},
          {"layer": "relu"}, [{"layer": "relu"}], [{}], [None]]
PLACE = re.compile(r"layers(\[\d+\])?|input(\[\d+\])?|loss|features|two layers have a tensor|"
                   r"unknown key|not a JSON object|no layer has parameters")


def places(node, out):
    """Every (container, key)."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for k, v in items:
        out.append((node, k))
        if isinstance(v, (dict, list)):
            places(v, out)
    return out


def change(rnd, arch):
    node, key = rnd.choice(places(arch, []) or [(arch, "input")])
    what = rnd.randrange(6)
    if what == 0:
        node.pop(key, None) if isinstance(node, dict) else node.pop(key)
    elif what == 1 and isinstance(node, dict):
        node[rnd.choice(["layer", "out", "names", "kernel", "body", "p", key + "s"])] = node.pop(key, 1)
    elif what == 2 and isinstance(node, list):
        node.insert(key, copy.deepcopy(rnd.choice(node)))
    elif what == 3 and isinstance(node[key] if isinstance(node, list) else node.get(key), (int, float)):
        node[key] = node[key] + rnd.choice([-1, 1, 0.5])
    else:
        node[key] = copy.deepcopy(rnd.choice(VALUES))


def main(n):
    rnd, good, bad = random.Random(3), 0, 0
    for i in range(n):
        arch = copy.deepcopy(START[i % len(START)])
        for _ in range(rnd.choice([1, 1, 2, 3])):
            change(rnd, arch)
        text = json.dumps(arch)
        if rnd.random() < 0.1:      # no JSON any more
            at = rnd.randrange(len(text))
            text = "{" + text[1:at] + text[at + 1:]
        r = subprocess.run(["fl-init", "-a", text, "-o", "/dev/null", "--no-sync"],
                           capture_output=True, text=True)
        lines = r.stderr.splitlines()
        if r.returncode == 0:
            good += 1
            assert not lines, (text, r.stderr)
            continue
        bad += 1
        assert r.returncode == 2 and len(lines) == 1, (text, r.returncode, r.stderr)
        assert lines[0].startswith("fl-init: --arch: architecture: "), (text, lines)
        where = lines[0][len("fl-init: --arch: architecture: "):]
        assert PLACE.match(where) or "line" in where, (text, where)
    print(f"{good} models, {bad} refused")
    assert good > n / 20 and bad > n / 3


main(int(sys.argv[1]))

"""make bench: ours and a peer in turn, in one run; ratios, never absolute claims.

Writes $B/bench.jsonl, one object a row (workload, threads, ours, peer, unit,
ratio: how many times better than the peer, target, peak_share, rss_mb,
peer_rss_mb), and prints the table. A peer that is not installed is skipped.
"""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

B = os.environ.get("B", "build")
HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS = 5
broken = []


def note(**row):
    full = {k: row.get(k) for k in ("workload", "threads", "ours", "peer", "unit", "ratio", "target",
                                    "peak_share", "rss_mb", "peer_rss_mb", "note")}
    with open(f"{B}/bench.jsonl", "a") as f:
        f.write(json.dumps(full) + "\n")
    show = lambda v, f="%.4g": "-" if v is None else f % v
    print("%-44s j%-2s %10s %10s %-8s %8s %8s %7s  %s" % (
        full["workload"], full["threads"] or 1, show(full["ours"]), show(full["peer"]), full["unit"],
        show(full["ratio"], "%.2f"), show(full["target"], "%g"), show(full["rss_mb"], "%.0f"),
        full["note"] or ""), flush=True)


def sh(command):
    """Seconds and peak MB (largest process) of a shell command."""
    start = time.perf_counter()
    pid = os.posix_spawn("/bin/bash", ["bash", "-c", "set -o pipefail; " + command], os.environ)
    _, status, use = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"bench: failed: {command}")
    return seconds, use.ru_maxrss / 1024


def one(argv):
    """Seconds of one program, no shell; what it prints is thrown away."""
    null = os.open(os.devnull, os.O_WRONLY)
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, _ = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    os.close(null)
    if status:
        raise SystemExit("bench: failed: " + " ".join(argv))
    return seconds


def spawn(n, *argv):
    """Milliseconds (median) and peak MB of n runs, from a parent that is small itself."""
    out = subprocess.run(["spawn", str(n), *argv], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit("bench: failed: " + " ".join(argv))
    f = out.stdout.split()
    return float(f[0]), float(f[2]) / 1024


def rss(argv):
    return spawn(1, *argv)[1]


def law(what, holds):
    """A growth law: printed, and a failure of the whole bench where it does not hold."""
    print(f"  law: {what}: {'holds' if holds else 'DOES NOT HOLD'}", flush=True)
    if not holds:
        broken.append(what)


class Peer:
    """A peer process that answers commands; its start-up is not counted."""

    def __init__(self, script, module, **env):
        python = sys.executable
        self.p = None
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            print(f"peer {module} is not installed: skipped", flush=True)
            return
        self.p = subprocess.Popen([python, os.path.join(HERE, script)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env={**os.environ, **env})

    def ask(self, line):
        if not self.p:
            return None
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        if not answer:
            raise SystemExit("bench: peer died at: " + line)
        return [float(x) for x in answer.split()] if answer.strip() != "ok" else None

    def mb(self):
        if not self.p:
            return None
        with open(f"/proc/{self.p.pid}/status") as f:
            return next(int(x.split()[1]) / 1024 for x in f if x.startswith("VmHWM"))


def pairs(ours, theirs, n=PAIRS):
    """n interleaved pairs after a warm-up: median ours, theirs, ratio, spread."""
    ours(), theirs()
    a, b = [], []
    for _ in range(n):
        a.append(ours())
        b.append(theirs())
    med = statistics.median
    if b[0] is None:
        return med(a), None, None, ""
    ratios = [y / x for x, y in zip(a, b)]
    return med(a), med(b), med(ratios), "%.2f to %.2f" % (min(ratios), max(ratios))


def bench_start(tmp):
    m = f"{tmp}/one.safetensors"
    sh(f"fl-init -a mlp:in=2,hidden=2,out=2 -s 1 --no-sync -o {m}")
    peer, peer_mb = spawn(200, "/bin/sh", "-c", ":")
    for tool in sorted(os.listdir(f"{B}/bin")):
        blas = tool in ("fl-local-train", "fl-eval", "fl-stats")
        ms, mb = spawn(200, tool, "--version")
        note(workload=f"start {tool} --version", ours=ms, peer=peer, unit="ms", ratio=peer / ms,
             rss_mb=mb, peer_rss_mb=peer_mb,
             note="peer sh -c :; target %s ms" % (1 if blas else .6))
        if tool.startswith("st-"):
            ms, mb = spawn(100, tool, *([m, m] if tool == "st-cmp" else [m]))
            note(workload=f"start {tool}, one small record", ours=ms, peer=peer, unit="ms",
                 ratio=peer / ms, rss_mb=mb, peer_rss_mb=peer_mb)
    ms, mb = spawn(20, sys.executable, "-c", "pass")
    note(workload="start python3 -c pass", ours=None, peer=ms, unit="ms", peer_rss_mb=mb)


# Sizes that the code of AdaFedAdam gives Fashion-MNIST with 5 clients and seed 0; four
# fifths of each are for training.
SIZES = [15864, 6608, 8014, 4407, 25095]
STEPS = [-(-n * 4 // 5 // 32) for n in SIZES]


def official(tmp):
    """Training shards of that partition, largest last: NumPy's generator, as theirs."""
    import numpy as np

    from st import load, save
    d = f"{tmp}/official"
    files = [f"{d}/{k}.safetensors" for k in range(5)]
    if os.path.exists(d):
        return files
    whole = partitioned(tmp, 1, "iid") + "/0000.safetensors"
    t, meta = load(whole)
    r, y = np.random.RandomState(0), t["y"]
    while True:
        p = r.dirichlet([.05] * 5, 10)
        if p.sum(0).min() * 5 >= .1:
            break
    parts = [[] for _ in range(5)]
    for c in range(10):
        rows = np.flatnonzero(y == c)
        ends = np.cumsum(np.floor(p[c] * len(rows)).astype(int))
        for part, piece in zip(parts, np.split(rows, ends)):
            part.append(piece)
    parts = [r.permutation(np.concatenate(x)) for x in parts]
    assert [len(x) for x in parts] == SIZES, [len(x) for x in parts]
    os.mkdir(d)
    for k, x in enumerate(parts):
        for name, rows in (("", x[:len(x) * 4 // 5]), ("-test", x[len(x) * 4 // 5:])):
            save(f"{d}/{k}{name}.safetensors", {n: v[rows] for n, v in t.items()},
                 dict(meta, **{"fl.client": str(k)}))
    return files


def partitioned(tmp, k, by, extra=""):
    d = f"{tmp}/{k}-{by.replace(':', '-')}"
    if not os.path.exists(d):
        sh(f"fl-partition -d fashion-mnist -k {k} -B {by} -s 0 -o {d} {extra}")
    return d


MLP = "mlp:in=784,hidden=128+64,out=10"
OPT = "--opt sgd:lr=0.01,momentum=0.9,wd=0.0005 -b 32"


def model(tmp):
    m = f"{tmp}/model.safetensors"
    if not os.path.exists(m):
        sh(f"fl-init -a {MLP} -s 0 --no-sync -o {m}")
    return m


def same_step(tmp, m, client, peer):
    """Largest difference of a weight after one step from the same weights on the same
    batch; a bench of programs that compute something else would be worth nothing."""
    import numpy as np

    from st import load
    sh(f"fl-local-train -m {m} {OPT} --shuffle none --steps 1 --no-sync -o {tmp}/ours {client}")
    if not peer.p:
        return ""
    peer.ask(f"step {client} {tmp}/theirs")
    t, _ = load(f"{tmp}/ours")
    ours = np.concatenate([t[k].ravel() for k in sorted(t)])
    far = float(np.abs(ours - np.fromfile(f"{tmp}/theirs", np.float32)).max())
    if not far < 1e-5:
        raise SystemExit(f"bench: a step differs from the peer's by {far:g}")
    return f"same step to {far:.0e}; "


def peak():
    """GFLOP/s of one core."""
    return float(subprocess.check_output(["peak"]))


def bench_step(tmp):
    m, client = model(tmp), official(tmp)[4]
    steps = STEPS[4]
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"model {m}")
    peer.ask(f"client {client}")
    same = same_step(tmp, m, client, peer)
    train = ["fl-local-train", "-m", m, *OPT.split()]

    def ours():
        t = [one([*train, "-e", str(e), client]) for e in (1, 6)]
        return (t[1] - t[0]) / 5 / steps * 1e6

    def theirs():
        r = peer.ask("epoch 0")
        return r and r[0] / r[1] * 1e6

    a, b, ratio, spread = pairs(ours, theirs)
    rate = 14.54e3 / a
    note(workload="step: MLP 784-128-64-10, batch 32", ours=a, peer=b, unit="us/step", ratio=ratio,
         target=8, peak_share=rate / peak(), rss_mb=rss([*train, client]), peer_rss_mb=peer.mb(),
         note=f"{spread}; {same}{rate:.0f} GFLOP/s")
    shard = os.path.getsize(client) / 1e6
    mb = {e: rss([*train, "-e", str(e), client]) for e in (1, 3)}
    law("memory of training is constant in epochs", mb[3] < mb[1] * 1.15)
    law(f"a client of a {shard:.0f} MB shard stays below 25 MB", mb[1] < 25)


def rounds(tmp, server, j, files, m, theirs):
    """Five rounds through the pipeline; seconds of rounds 2 to 5, ours and the peer's,
    and the mean accuracy over the clients' test sets."""
    need = subprocess.check_output(["fl-aggregate", "--needs", "-m", m, "-S", server], text=True).strip()
    measure = f"--measure {need}" if need else ""
    state = "" if server == "sgd" else f"--state {tmp}/state-{j}"
    now, a, b = m, [], []
    for r in range(1, 6):
        nxt = f"{tmp}/r{r}.safetensors"
        a.append(sh(f"fl-local-train -m {now} {OPT} -e 1 -j{j} {measure} {' '.join(files)} |"
                    f" fl-aggregate -n 5 -m {now} -S {server} {state} --no-sync -o {nxt}")[0])
        b.append(theirs())
        now = nxt
    tests = [f.replace(".safetensors", "-test.safetensors") for f in files]
    last = subprocess.check_output(["fl-eval", "-m", now, "--format", "json", *tests], text=True).splitlines()[-1]
    for f in os.listdir(tmp):
        if f.startswith(f"state-{j}"):
            os.remove(f"{tmp}/{f}")
    return a[1:], b[1:], json.loads(last)["accuracy_mean"]


def bench_round(tmp):
    files, m, med = official(tmp), model(tmp), statistics.median
    for server in ("sgd", "fedadam:lr=0.001", "adafedadam"):
        for j, target in ((1, 6.5), (2, 12)):
            peer = Peer("peer_torch.py", "torch") if server == "sgd" else None
            for line in [f"model {m}", *(f"client {f}" for f in files)] if peer else ():
                peer.ask(line)

            def theirs():
                r = peer and peer.ask("round")
                return r and r[0]

            a, b, accuracy = rounds(tmp, server, j, files, m, theirs)
            ratios = [y / x for x, y in zip(a, b)] if b[0] else None
            note(workload=f"round: 5 clients, {server.split(':')[0]}", threads=j, ours=med(a),
                 peer=b[0] and med(b), unit="s", ratio=ratios and med(ratios),
                 target=target if ratios else None,
                 rss_mb=rss(["fl-local-train", "-m", m, *OPT.split(), f"-j{j}", *files]),
                 peer_rss_mb=peer and peer.mb(),
                 note="%saccuracy %.3f after 5 rounds" % (
                     "%.2f to %.2f; " % (min(ratios), max(ratios)) if ratios else "", accuracy))
            if peer and peer.p:
                peer.p.kill()


def bench_overhead(tmp):
    m = model(tmp)
    d = f"{tmp}/small"
    sh(f"fl-partition -d fashion-mnist -k 1000 -B iid -s 0 --no-sync -o {d}")
    every = sorted(f"{d}/{f}" for f in os.listdir(d) if f.endswith(".safetensors"))
    files = every[:100]
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"model {m}")
    for f in files:
        peer.ask(f"client {f}")
    train = f"fl-local-train -m {m} {OPT} --steps 1"
    agg = f"fl-aggregate -m {m} --no-sync -o {tmp}/next.safetensors"

    def theirs():
        r = peer.ask("steps1")
        return r and r[0] / 100 * 1e3

    alone = lambda n=100: sh(f"{train} {' '.join(every[:n])} | {agg} -n {n}")[0] / n * 1e3
    many = lambda: sh(f"mkdir -p {tmp}/u; for f in {' '.join(files)}; do"
                      f" {train} --no-sync -o {tmp}/u/${{f##*/}} $f; done; {agg} -n 100 {tmp}/u/*")[0] / 100 * 1e3
    for name, ours in (("one process", alone), ("a process each", many)):
        a, b, ratio, spread = pairs(ours, theirs)
        note(workload=f"overhead a client: {name}", ours=a, peer=b, unit="ms", ratio=ratio,
             note=f"{spread}; target 1.5 ms")
    ms = {n: min(alone(n) for _ in range(3)) for n in (100, 1000)}
    law("overhead a client of 1,000 is that of 100, within 15 %", ms[1000] < ms[100] * 1.15)


DRAWS = 20


def updates(tmp, P, K):
    """K updates of about P weights for a two-layer model; returns model, files."""
    import numpy as np
    from st import load, save
    d = f"{tmp}/updates-{P}"
    m = f"{d}/model.safetensors"
    if not os.path.exists(d):
        os.mkdir(d)
        hidden = (P - 10) // 795
        sh(f"fl-init -a mlp:in=784,hidden={hidden},out=10 -s 1 --no-sync -o {m}")
    have = len([f for f in os.listdir(d) if f.startswith("u")])
    tensors, _ = load(m)
    with open(m, "rb") as f:
        data = f.read()
    import struct
    import zlib
    (n,) = struct.unpack("<Q", data[:8])
    base = "%08x" % zlib.crc32(data[8 + n:])
    draws = {}
    for k in range(have, K):
        if k % DRAWS not in draws:  # more would only take longer to make
            rng = np.random.default_rng(k % DRAWS)
            draws[k % DRAWS] = {name: rng.standard_normal(t.shape, dtype=np.float32) * np.float32(.01)
                                for name, t in tensors.items()}
        u = draws[k % DRAWS]
        save(f"{d}/u{k:04d}.safetensors", u, {
            "fl.base": base, "fl.client": str(k), "fl.examples": str(100 + k), "fl.kind": "update",
            "fl.loss0": "1.5", "fl.lr": "0.01", "fl.round": "1", "fl.steps": "5", "fl.v": "1"})
    return m, [f"{d}/u{k:04d}.safetensors" for k in range(K)]


def aggregate(tmp, m, files, *more):
    return ["fl-aggregate", "-m", m, "-n", str(len(files)), "--no-sync", "-o", f"{tmp}/out.safetensors",
            *more, *files]


def asker(peer, line):
    def theirs():
        r = peer.ask(line)
        return r and r[0]
    return theirs


def bench_reduce(tmp):
    fold = {}
    for P, K, j, what, target in (
            (109386, 10, 1, "whole process", 40), (109386, 30, 1, "Flower", None),
            (109386, 100, 1, "Flower", None), (109386, 300, 1, "Flower", None),
            (2473610, 10, 2, "Flower", None), (2473610, 30, 2, "Flower", None),
            (2473610, 100, 2, "Flower", 10), (2473610, 100, 2, "in place", 4.5),
            (2473610, 100, 2, "torch add_", None), (2473610, 300, 2, "in place", None)):
        m, files = updates(tmp, P, K)
        size = sum(os.path.getsize(f) for f in files)
        argv = aggregate(tmp, m, files, f"-j{j}")
        peer = Peer("peer_torch.py", "torch") if what == "torch add_" else Peer("peer_numpy.py", "numpy")
        if what == "torch add_":
            theirs = asker(peer, "sum " + " ".join(files))
        elif what == "whole process":
            text = "files %s\nmean\n" % " ".join(files)
            script = [sys.executable, os.path.join(HERE, "peer_numpy.py")]

            def theirs():
                start = time.perf_counter()
                subprocess.run(script, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
                return time.perf_counter() - start if peer.p else None
        else:
            peer.ask("files " + " ".join(files))
            theirs = asker(peer, "mean" if what == "Flower" else "inplace")
        a, b, ratio, spread = pairs(lambda: one(argv), theirs, PAIRS if size < 5e8 else 3)
        read = min(float(subprocess.check_output(["readbw", *files]).split()[0]) for _ in range(3))
        fold[P, K] = a
        note(workload=f"mean K={K} P={P}: {what}", threads=j, ours=a, peer=b, unit="s", ratio=ratio,
             target=target, peak_share=read / a, rss_mb=rss(argv), peer_rss_mb=peer.mb(),
             note=f"{spread}; {4 * K * P / a / 1e9:.1f} GB/s, one reader {size / read / 1e9:.1f}")
        if peer.p:
            peer.p.kill()
    law("time of a mean is linear in K: 300 clients cost three times what 100 do, or at most 20 % more",
        fold[2473610, 300] < 1.2 * 3 * fold[2473610, 100])
    bench_reduce_stream(tmp)


def bench_reduce_stream(tmp):
    """The same from a pipe, and what memory does."""
    for P in (109386, 2473610):
        m, files = updates(tmp, P, 100)
        sh(f"cat {' '.join(files)} >{tmp}/all.sts")
        size = os.path.getsize(f"{tmp}/all.sts")
        ours = lambda: sh(f"cat {tmp}/all.sts | fl-aggregate -m {m} -n 100 --no-sync -o {tmp}/out.safetensors")[0]
        cat = lambda: sh(f"cat {tmp}/all.sts | cat >/dev/null")[0]
        a, b, ratio, spread = pairs(ours, cat, 3)
        note(workload=f"mean K=100 P={P}, on a pipe", ours=a, peer=b, unit="s", ratio=ratio,
             note=f"peer cat | cat; {spread}; {size / a / 1e9:.1f} GB/s")
    m, files = updates(tmp, 109386, 300)
    # Mapped input counts as resident, so memory of its own is seen where input is a pipe.
    kb = {k: 1024 * rss(["/bin/sh", "-c", f"cat {' '.join(files[:k])} | "
                         f"fl-aggregate -m {m} -n {k} --no-sync -o {tmp}/out.safetensors"]) for k in (10, 100, 300)}
    note(workload="mean: memory on a pipe, K=300", ours=kb[300] / 1024, peer=kb[10] / 1024, unit="MB",
         note=f"peer: itself with K=10; {(kb[300] - kb[10]) / 290:.2f} KB a client")
    law("memory of a mean grows by at most 1 KB a client", kb[300] - kb[10] <= 290 + 256)
    law("memory of a mean: at most 24 bytes a parameter, its model twice and 8 MB",
        kb[300] / 1024 < 109386 * 32 / 2**20 + 8)
    m, files = updates(tmp, 7960, 2000)
    sh(f"ulimit -n 256; fl-aggregate -m {m} -n 2000 --no-sync -o {tmp}/out.safetensors {os.path.dirname(m)}/u*")
    law("2,000 files with 256 descriptors", True)


def bench_robust(tmp):
    for P, K, rule, peer_cmd, target in (
            (109386, 10, "median", "median", 12), (109386, 100, "median", "median", 4),
            (2473610, 10, "median", "median", 12),
            (109386, 10, "trimmean:beta=0.1", "trimmean", 12), (109386, 100, "trimmean:beta=0.1", "trimmean", 4),
            (109386, 10, "geomed", "geomed", None), (109386, 100, "geomed", "geomed", None),
            (109386, 10, "krum:f=1", "krum 1", None), (109386, 100, "krum:f=10", "krum 10", 17)):
        m, files = updates(tmp, P, K)
        peer = Peer("peer_numpy.py", "numpy")
        peer.ask("files " + " ".join(files))
        argv = aggregate(tmp, m, files, "-R", rule, "-j2")
        a, b, ratio, spread = pairs(lambda: one(argv), asker(peer, peer_cmd), 3)
        note(workload=f"{rule.split(':')[0]} K={K} P={P}", threads=2, ours=a, peer=b, unit="s", ratio=ratio,
             target=target, rss_mb=rss(argv), peer_rss_mb=peer.mb(), note=spread)
        if peer.p:
            peer.p.kill()


def bench_partition(tmp):
    peer = Peer("peer_numpy.py", "numpy")
    for k, by in ((5, "dirichlet:alpha=0.5,min_size=1"), (5, "dirichlet:alpha=0.05,min_size=1"), (5, "iid"),
                  (5, "unbalanced"), (100, "dirichlet:alpha=0.5,min_size=1"),
                  (1000, "dirichlet:alpha=0.5,min_size=1")):
        argv = ["fl-partition", "-d", "fashion-mnist", "-k", str(k), "-B", by, "-s", "0", "--no-sync",
                "-o", f"{tmp}/p{k}"]
        s, theirs = statistics.median(one(argv) for _ in range(3)), None
        if k == 5 and by.startswith("dirichlet:alpha=0.5") and peer.p:
            os.mkdir(f"{tmp}/json")
            theirs = peer.ask(f"partition {k} {tmp}/json")[0]
            shutil.rmtree(f"{tmp}/json")
        note(workload=f"partition 60,000 into {k}, {by.split(',')[0]}", ours=s, peer=theirs, unit="s",
             ratio=theirs and theirs / s, target=theirs and 35, rss_mb=rss(argv),
             peer_rss_mb=peer.mb() if theirs else None)
    # By index, as a stream: 10,000 small files would measure the disk. The million are
    # examples of one feature, a client for each.
    for what, data, k in (("60,000", "fashion-mnist", 10000),
                          ("1,000,000", "moa:mechanisms=10,compounds=10000,wells=10,dmso=0,dim=1", 1000000)):
        one(["fl-partition", "-d", data, "-k", "1", "-B", "iid", "--no-sync", "-o", f"{tmp}/plain"])
        argv = ["fl-partition", "-d", f"{tmp}/plain/0000.safetensors", "-k", str(k), "-B", "iid", "--index", "-s", "0",
                "-o", "-"]
        note(workload=f"partition {what} into {k:,} by index", ours=statistics.median(one(argv) for _ in range(3)),
             unit="s", rss_mb=rss(argv))


def bench_stream(tmp):
    m, files = updates(tmp, 2473610, 100)
    chain = " ".join(files)
    size = sum(os.path.getsize(f) for f in files)
    ours = lambda: sh(f"st-cat {chain} | st-cat | st-cat >/dev/null")[0]
    cat = lambda: sh(f"cat {chain} | cat | cat >/dev/null")[0]
    a, b, ratio, spread = pairs(ours, cat, 3)
    note(workload="stream: st-cat three times, 1 GB", threads=3, ours=a, peer=b, unit="s", ratio=ratio,
         target=.8, rss_mb=rss(["st-cat", *files[:10]]), note=f"peer cat; {spread}; {size / a / 1e9:.2f} GB/s")


def images(path, n, client=0):
    """n images of 3x32x32 bytes from a fixed generator, ten classes."""
    import numpy as np

    from st import save
    rng = np.random.Generator(np.random.PCG64(1))
    save(path, {"x": rng.integers(0, 256, (n, 3, 32, 32), np.uint8), "y": np.arange(n) % 10},
         {"fl.kind": "data", "fl.v": "1", "fl.client": str(client), "fl.classes": "10",
          "fl.scale": '{"div":255}'})


# Preset, batch, images, multiply-adds of an image's step (3 forward, less the first
# layer's input gradient), cores and clients at a time, target.
CNNS = (("adafedadam-cnn", 32, 3200, 123.1e6, 1, 1.7), ("adafedadam-cnn", 32, 3200, 123.1e6, 2, 2),
        ("pfl-cnn", 10, 2000, 49.7e6, 1, None), ("tutorial-cnn", 50, 10000, 1.6e6, 1, None))


def bench_cnn(tmp):
    for name, batch, n, madds, cores, target in CNNS:
        f, m = f"{tmp}/images-{n}.safetensors", f"{tmp}/{name}.safetensors"
        files = [f] if cores == 1 else [f"{tmp}/images-{n}-{k}.safetensors" for k in range(cores)]
        for k, file in enumerate(files):
            images(file, n, k)
        sh(f"fl-init -a {name} -s 0 --no-sync -o {m}")
        train = ["fl-local-train", "-m", m, *OPT.split()[:2], "-b", str(batch), f"-j{cores}"]
        peer = Peer("peer_torch.py", "torch")
        for line in (f"cnn {m} {name}", f"batch {batch}", f"threads {cores}", *(f"client {x}" for x in files)):
            peer.ask(line)

        def ours():
            t = [sh(f"{' '.join(train)} -e {e} {' '.join(files)} >/dev/null")[0] for e in (1, 3)]
            return (t[1] - t[0]) / 2 / (n * cores / batch) * 1e3

        def theirs():
            r = [peer.ask(f"epoch {k}") for k in range(cores)]
            return r[0] and sum(x[0] for x in r) / sum(x[1] for x in r) * 1e3

        a, b, ratio, spread = pairs(ours, theirs, 3)
        rate = batch * 2 * madds / a / 1e6
        what = f"CNN {name}, batch {batch}" + (f", {cores} clients, peer {cores} threads" if cores > 1 else "")
        note(workload=what, threads=cores, ours=a, peer=b, unit="ms/step", ratio=ratio, target=target,
             rss_mb=rss([*train, *files]), peer_rss_mb=peer.mb(), peak_share=rate / peak() / cores,
             note=f"{spread}; {rate:.0f} GFLOP/s")
        if peer.p:
            peer.p.kill()


def bench_eval(tmp):
    d = f"{tmp}/test"
    sh(f"fl-partition -d fashion-mnist:split=test -k 1 -B iid -s 0 -o {d}")
    pictures, cnn = f"{tmp}/images.safetensors", f"{tmp}/cnn.safetensors"
    images(pictures, 3200)
    sh(f"fl-init -a adafedadam-cnn -s 0 --no-sync -o {cnn}")
    for name, m, f, n, flop, cmd, target in (
            ("MLP, 10,000 images", model(tmp), f"{d}/0000.safetensors", 10000, 218e3, "model", 7),
            ("CNN, 3,200 images", cnn, pictures, 3200, 83.24e6, "cnn", None)):
        argv = ["fl-eval", "-m", m, f]
        peer = Peer("peer_torch.py", "torch")
        peer.ask(f"{cmd} {m}")
        for batch in (32, n) if cmd == "model" else (32,):
            def theirs():
                r = peer.ask(f"eval {f} {batch}")
                return r and r[0] / n * 1e6
            a, b, ratio, spread = pairs(lambda: one(argv) / n * 1e6, theirs)
            note(workload=f"eval {name}, peer's batch {batch}", ours=a, peer=b, unit="us/image", ratio=ratio,
                 target=target if batch == 32 else None, peak_share=flop / a / 1e3 / peak(), rss_mb=rss(argv),
                 peer_rss_mb=peer.mb(), note=f"{spread}; ours is the whole process")
        if peer.p:
            peer.p.kill()


def embeddings(tmp, name, n, d=512):
    """n unit rows in random directions. Written as files mostly are: the pages of one written
    through a mapping are single ones, which take four times as long to read."""
    import numpy as np
    path = f"{tmp}/{name}.npy"
    if not os.path.exists(path):
        rng = np.random.default_rng(n)
        with open(path, "wb") as f:
            np.lib.format.write_array_header_1_0(f, dict(descr="<f4", fortran_order=False, shape=(n, d)))
            for i in range(0, n, 50000):
                x = rng.standard_normal((min(50000, n - i), d), np.float32)
                f.write((x / np.linalg.norm(x, axis=1, keepdims=True)).astype("<f4").data)
    return path


def faiss_at_best(j, gallery, line):
    """FAISS with j threads of one kind, its own or those of its BLAS: the faster one, as
    both at once are slower than either. OMP_NUM_THREADS alone does not limit OpenBLAS."""
    best = None
    for own, blas in ((1, j), (j, 1)) if j > 1 else ((1, 1),):
        p = Peer("peer_faiss.py", "faiss", OMP_NUM_THREADS=str(own), OPENBLAS_NUM_THREADS=str(blas))
        p.ask(f"threads {own}")
        p.ask(f"gallery {gallery}")
        seconds = min(p.ask(line)[0] for _ in range(2)) if p.p else 0
        if best is None or seconds < best[0]:
            best, p = (seconds, p, f"peer: {own} threads of its own, {blas} of BLAS"), best and best[1]
        if p and p.p:
            p.p.kill()
    return best[1:]


def fresh(argv, *files):
    """Seconds of a program whose files are not there yet: to replace one, some file systems
    wait for the disk."""
    for f in files:
        if os.path.exists(f):
            os.remove(f)
    return one(argv)


def same_hits(tmp, what):
    """Ids are the peer's, or their scores are the same to F32's rounding of sums."""
    import numpy as np
    ours, theirs = np.load(f"{tmp}/ids.npy"), np.load(f"{tmp}/theirs.npy")
    a, b = np.load(f"{tmp}/scores.npy"), np.load(f"{tmp}/theirs.scores.npy")
    if not (np.abs(a - b) < 2e-6).all():
        raise SystemExit(f"bench: {what}: scores differ by {np.abs(a - b).max():g}")
    other = ours != theirs
    # another id only where its score lies next to that of the peer's id
    assert (np.abs(a - b)[other] < 2e-6).all()
    return f"same hits but {int(other.sum())} near ties; "


def bench_retrieve(tmp):
    k = 10
    for gallery, n, queries, q, j, first, cmd, target in (
            ("100k", 100000, "5k", 5000, 2, "exact", "faiss", 1.8), ("100k", 100000, "5k", 5000, 2, "auto", "faiss", 6),
            ("100k", 100000, "5k", 5000, 1, "exact", "faiss", None), ("100k", 100000, "5k", 5000, 1, "auto", "faiss", None),
            ("100k", 100000, "5k", 5000, 2, "auto", "numpy", None),
            ("25k", 25000, "5k", 5000, 2, "exact", "faiss", 1.8), ("25k", 25000, "5k", 5000, 2, "auto", "faiss", 6),
            ("5k", 5000, "25k", 25000, 2, "auto", "both", None),
            ("1M", 1000000, "2k", 2000, 2, "exact", "faiss", 1.8), ("1M", 1000000, "2k", 2000, 2, "auto", "faiss", 6),
            ("100k", 100000, "1", 1, 2, "auto", "faiss", 3.8), ("1M", 1000000, "1", 1, 2, "auto", "faiss", 3.8)):
        g, f = embeddings(tmp, gallery, n), embeddings(tmp, queries, q)
        line = f"{cmd} {f} {k} {tmp}/theirs"
        peer, setting = faiss_at_best(j, g, line)
        files = ["--ids", f"{tmp}/ids.npy", "--scores", f"{tmp}/scores.npy"]
        argv = ["vlm-retrieve", "--gallery", g, "--queries", f, "--score", "ip", "--top", str(k), "--no-sync",
                f"-j{j}", "--first-pass", first]
        more = files
        if cmd == "both":
            more = [*files, "--both", "--truth", "groups:5", "--metric", "hit@1,hit@5,hit@10", "--no-hits"]
        a, b, ratio, spread = pairs(lambda: fresh([*argv, *more], files[1], files[3]), asker(peer, line),
                                    3 if q > 1 else PAIRS)
        gflop = 2e-9 * n * q * 512
        note(workload=f"retrieve {queries} in {gallery}: {first}, {cmd}", threads=j, ours=a, peer=b, unit="s",
             ratio=ratio, target=target, peak_share=gflop / a / peak() / j, rss_mb=rss([*argv, *more]),
             peer_rss_mb=peer.mb(), note="%s; %s%s" % (
                 spread, same_hits(tmp, argv) if peer.p else "",
                 f"{gflop / a:.0f} GFLOP/s" if q > 1 else f"{n * 2048e-9 / a:.1f} GB/s") +
             f"; ours is the whole process, from the page cache; theirs the search in memory; {setting}")
        if peer.p:
            peer.p.kill()
    law("answers of all first passes are the same bytes", same_bytes(tmp))


def same_bytes(tmp):
    out = set()
    for first, j in (("exact", 1), ("bf16", 2), ("int8", 2)):
        out.add(subprocess.check_output(["vlm-retrieve", "--gallery", f"{tmp}/25k.npy", "--queries", f"{tmp}/5k.npy",
                                         "--first-pass", first, f"-j{j}"]))
    return len(out) == 1


def adapt(tmp, dist, threads, *more):
    c = f"{tmp}/pairs/0000.safetensors"
    return (f"vlm-adapt -j{threads} -m {tmp}/{dist}.safetensors --texts {c}#text --images {c}#image "
            f"--pairs {c} --no-sync -o {tmp}/adapted.safetensors " + " ".join(more))


def same_epoch(tmp, dist, peer):
    """An epoch of twelve steps from the same weights in stored order: the mean losses."""
    sh(adapt(tmp, dist, 2, "-e 1 --shuffle none --lr-end .00999 --log", f"{tmp}/log"))
    with open(f"{tmp}/log") as f:
        ours = json.loads(f.readline())["loss"]
    r = peer.ask("epoch 0")
    if r and abs(ours / r[2] - 1) > 1e-5:
        raise SystemExit(f"bench: {dist}: loss {ours}, the peer's {r[2]}")


def bench_adapt(tmp):
    """B8: the published adapter, batch 2048, d = 512, 24,576 pairs: 12 steps an epoch."""
    sh(f"fl-partition -d planted:pairs=24576,dim=512 -k 1 -B iid --no-sync -o {tmp}/pairs")
    peer = Peer("peer_adapt.py", "torch")
    peer.ask(f"data {tmp}/pairs/0000.safetensors")
    for dist in "vmf", "ps":
        sh(f"fl-init -a asymvlm:dist={dist} -s 0 --no-sync -o {tmp}/{dist}.safetensors")
        for threads, target, name, more in ((1, 1.6, "", ""), (2, 1.8, "", ""),
                                            (1, None, ", bf16", "--precision bf16"),
                                            (2, None, ", bf16", "--precision bf16")):
            peer.ask(f"threads {threads}")
            peer.ask(f"model {tmp}/{dist}.safetensors {dist}")
            same_epoch(tmp, dist, peer)

            def ours():
                t = [sh(adapt(tmp, dist, threads, f"-e {e} {more}"))[0] for e in (1, 2)]
                return (t[1] - t[0]) / 12 * 1e3

            def theirs():
                r = peer.ask("epoch 1")
                return r and r[0] / r[1] * 1e3

            a, b, ratio, spread = pairs(ours, theirs, 3)
            flop = 45.1e9
            note(workload=f"asymvlm {dist}, batch 2048, d 512{name}", threads=threads, ours=a, peer=b,
                 unit="ms/step", ratio=ratio, target=target, peak_share=flop / a / 1e6 / peak() / threads,
                 rss_mb=sh(adapt(tmp, dist, threads, f"-e 1 {more}"))[1], peer_rss_mb=peer.mb(),
                 note=f"{spread}; {flop / a / 1e6:.0f} GFLOP/s")
    if peer.p:
        peer.p.kill()


BENCHES = {"start": bench_start, "step": bench_step, "cnn": bench_cnn, "round": bench_round, "overhead": bench_overhead,
           "reduce": bench_reduce, "robust": bench_robust, "partition": bench_partition, "eval": bench_eval,
           "stream": bench_stream, "retrieve": bench_retrieve,
           "adapt": bench_adapt}


def main():
    which = sys.argv[1].split() if len(sys.argv) > 1 and sys.argv[1] else list(BENCHES)
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "?")
    print(f"{cpu}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}, {platform.platform()}")
    print(f"OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'unset')} (both sides)")
    print("%-44s %3s %10s %10s %-8s %8s %8s %7s  %s" % ("workload", "", "ours", "peer", "unit", "ratio",
                                                        "target", "MB", "pairs' ratios, notes"))
    open(f"{B}/bench.jsonl", "w").close()
    tmp = tempfile.mkdtemp(prefix="flbench.", dir=os.environ.get("TMPDIR", "/tmp"))
    try:
        for name in which:
            if name not in BENCHES:
                raise SystemExit(f"bench: no workload '{name}'; there are {', '.join(BENCHES)}")
            BENCHES[name](tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    if broken:
        raise SystemExit("bench: growth laws that do not hold: " + "; ".join(broken))


main()

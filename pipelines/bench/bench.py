"""make bench: ours and a peer in turn, in one run; ratios, never absolute claims.

Writes $B/bench.jsonl, one object a row (workload, threads, ours, peer, unit,
ratio: how many times better than the peer, target, peak_share, rss_mb,
peer_rss_mb), and prints the table. A peer that is not installed is skipped.
"""
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

B = os.environ.get("B", "build")
HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS = 5
rows = []


def note(**row):
    full = {k: row.get(k) for k in ("workload", "threads", "ours", "peer", "unit", "ratio", "target",
                                    "peak_share", "rss_mb", "peer_rss_mb", "note")}
    rows.append(full)
    show = lambda v, f="%.4g": "-" if v is None else f % v
    print("%-34s j%-2s %10s %10s %-8s %8s %8s %7s  %s" % (
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


def rss(command):
    """Peak MB of a program started alone."""
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, use = os.wait4(p.pid, 0)
    p.returncode = 0
    return use.ru_maxrss / 1024


class Peer:
    """A peer process that answers commands; its start-up is not counted."""

    def __init__(self, script, module):
        python = sys.executable
        self.p = None
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            print(f"peer {module} is not installed: skipped", flush=True)
            return
        self.p = subprocess.Popen([python, os.path.join(HERE, script)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

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
    model = f"{tmp}/one.safetensors"
    sh(f"fl-init -a mlp:in=2,hidden=2,out=2 -s 1 --no-sync -o {model}")
    spawn = lambda *c: float(subprocess.check_output(["spawn", "300", *c]).split()[0])
    peer = spawn("/bin/true")
    for tool in sorted(os.listdir(f"{B}/bin")):
        blas = tool in ("fl-local-train", "fl-eval", "fl-stats")
        ms = spawn(f"{B}/bin/{tool}", "--version")
        note(workload=f"start {tool} --version", ours=ms, peer=peer, unit="ms", ratio=peer / ms,
             target=None, note="target %s ms; peer /bin/true" % (1 if blas else .6))
    note(workload="start st-ls, one small record", ours=spawn(f"{B}/bin/st-ls", model), peer=peer,
         unit="ms", ratio=None)


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


def bench_step(tmp):
    d, m = partitioned(tmp, 3, "iid"), model(tmp)
    client = f"{d}/0000.safetensors"
    steps = 625      # 20,000 examples in batches of 32
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"model {m}")
    peer.ask(f"client {client}")

    def ours():
        t = [sh(f"fl-local-train -m {m} {OPT} -e {e} {client} >/dev/null")[0] for e in (1, 6)]
        return (t[1] - t[0]) / 5 / steps * 1e6

    def theirs():
        r = peer.ask("epoch 0")
        return r and r[0] / r[1] * 1e6

    a, b, ratio, spread = pairs(ours, theirs)
    flop = 14.54e6
    note(workload="step: MLP 784-128-64-10, batch 32", ours=a, peer=b, unit="us/step", ratio=ratio,
         target=8, rss_mb=rss(["fl-local-train", "-m", m, *OPT.split(), client]), peer_rss_mb=peer.mb(),
         note=f"{spread}; {flop / a / 1e3:.0f} GFLOP/s")


def bench_round(tmp):
    d, m = partitioned(tmp, 5, "dirichlet:alpha=0.05,min_size=1"), model(tmp)
    files = sorted(f"{d}/{f}" for f in os.listdir(d) if f.endswith(".safetensors"))
    for j, target in ((1, 6.5), (2, 12)):
        peer = Peer("peer_torch.py", "torch")
        peer.ask(f"model {m}")
        for f in files:
            peer.ask(f"client {f}")
        out = f"{tmp}/next.safetensors"
        peak = []

        def ours():
            s, mb = sh(f"fl-local-train -m {m} {OPT} -e 1 -j{j} {' '.join(files)} |"
                       f" fl-aggregate -n 5 -m {m} --no-sync -o {out}")
            return s

        def theirs():
            r = peer.ask("round")
            return r and r[0]

        a, b, ratio, spread = pairs(ours, theirs)
        mb = rss(["fl-local-train", "-m", m, *OPT.split(), f"-j{j}", *files])
        note(workload="round: 5 clients, Fashion-MNIST", threads=j, ours=a, peer=b, unit="s",
             ratio=ratio, target=target, rss_mb=mb, peer_rss_mb=peer.mb(), note=spread)


def bench_overhead(tmp):
    m = model(tmp)
    d = f"{tmp}/small"
    sh(f"fl-partition -d fashion-mnist:split=test -k 312 -B iid -s 0 -o {d}")
    files = sorted(f"{d}/{f}" for f in os.listdir(d) if f.endswith(".safetensors"))[:100]
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"model {m}")
    for f in files:
        peer.ask(f"client {f}")
    train = f"fl-local-train -m {m} {OPT} --steps 1"
    agg = f"fl-aggregate -m {m} --no-sync -o {tmp}/next.safetensors"

    def theirs():
        r = peer.ask("steps1")
        return r and r[0] / 100 * 1e3

    one = lambda: sh(f"{train} {' '.join(files)} | {agg} -n 100")[0] / 100 * 1e3
    a, b, ratio, spread = pairs(one, theirs)
    note(workload="overhead a client: one process", ours=a, peer=b, unit="ms", ratio=ratio, note=spread)
    many = lambda: sh(f"mkdir -p {tmp}/u; printf '%s\\n' {' '.join(files)} | "
                      f"xargs -I@ sh -c '{train} --no-sync -o {tmp}/u/$(basename @) @'; "
                      f"{agg} -n 100 {tmp}/u/*")[0] / 100 * 1e3
    a, b, ratio, spread = pairs(many, theirs)
    note(workload="overhead a client: a process each", ours=a, peer=b, unit="ms", ratio=ratio,
         note=f"{spread}; target 1.5 ms")


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
    for k in range(have, K):
        rng = np.random.default_rng(k)
        u = {name: rng.standard_normal(t.shape, dtype=np.float32) * np.float32(.01)
             for name, t in tensors.items()}
        save(f"{d}/u{k:04d}.safetensors", u, {
            "fl.base": base, "fl.client": str(k), "fl.examples": str(100 + k), "fl.kind": "update",
            "fl.loss0": "1.5", "fl.lr": "0.01", "fl.round": "1", "fl.steps": "5", "fl.v": "1"})
    return m, [f"{d}/u{k:04d}.safetensors" for k in range(K)]


def bench_reduce(tmp):
    for P, K, j, peer_cmd, target in ((109386, 10, 1, "whole", 40), (109386, 100, 1, "mean", None),
                                      (2473610, 10, 2, "inplace", None), (2473610, 100, 2, "mean", 10),
                                      (2473610, 100, 2, "inplace", 4.5)):
        m, files = updates(tmp, P, K)
        size = sum(os.path.getsize(f) for f in files)
        argv = ["fl-aggregate", "-m", m, f"-j{j}", "-n", str(K), "--no-sync", "-o", f"{tmp}/out.safetensors", *files]
        ours = lambda: sh(" ".join(argv))[0]
        peer = Peer("peer_numpy.py", "numpy")
        peer.ask("files " + " ".join(files))
        if peer_cmd == "whole":
            script = f"import sys; sys.path.insert(0,'{HERE}'); sys.argv=['x']; import io; sys.stdin=io.StringIO('files {' '.join(files)}\\nmean\\n'); exec(open('{HERE}/peer_numpy.py').read())"
            path = f"{tmp}/whole.py"
            with open(path, "w") as f:
                f.write(script)
            theirs = lambda: sh(f"{sys.executable} {path} >/dev/null")[0] if peer.p else None
        else:
            def theirs():
                r = peer.ask(peer_cmd)
                return r and r[0]
        a, b, ratio, spread = pairs(ours, theirs)
        read = statistics.median(float(subprocess.check_output(["readbw", *files]).split()[0]) for _ in range(3))
        note(workload=f"mean K={K} P={P} ({peer_cmd})", threads=j, ours=a, peer=b, unit="s", ratio=ratio,
             target=target, peak_share=read / a, rss_mb=rss(argv), peer_rss_mb=peer.mb(),
             note=f"{spread}; {size / a / 1e9:.1f} GB/s, one reader {size / read / 1e9:.1f}")
        if peer.p:
            peer.p.kill()
    m, files = updates(tmp, 109386, 300)
    mb = {k: rss(["fl-aggregate", "-m", m, "-n", str(k), "--no-sync", "-o", f"{tmp}/out.safetensors", *files[:k]])
          for k in (10, 300)}
    sh(f"cat {' '.join(files)} >{tmp}/all.sts")
    pipe = subprocess.Popen(f"cat {tmp}/all.sts | {{ fl-aggregate -m {m} -n 300 --no-sync -o {tmp}/out.safetensors; }}",
                            shell=True)
    pipe.wait()
    note(workload="mean: memory of 10 and of 300 files", ours=mb[300], peer=mb[10], unit="MB", ratio=None,
         note="mapped input counts as long as it is open")


def bench_robust(tmp):
    for P, K, rule, peer_cmd, target in ((109386, 10, "median", "median", 12), (109386, 100, "median", "median", 4),
                                         (109386, 100, "krum:f=10", "krum 10", 17)):
        m, files = updates(tmp, P, K)
        peer = Peer("peer_numpy.py", "numpy")
        peer.ask("files " + " ".join(files))
        argv = ["fl-aggregate", "-m", m, "-R", rule, "-j2", "-n", str(K), "--no-sync", "-o", f"{tmp}/out.safetensors", *files]
        ours = lambda: sh(" ".join(argv))[0]

        def theirs():
            r = peer.ask(peer_cmd)
            return r and r[0]

        a, b, ratio, spread = pairs(ours, theirs, 3 if "krum" in rule else PAIRS)
        note(workload=f"{rule} K={K} P={P}", threads=2, ours=a, peer=b, unit="s", ratio=ratio, target=target,
             rss_mb=rss(argv), peer_rss_mb=peer.mb(), note=spread)


def bench_partition(tmp):
    for k in (5, 100, 1000):
        out = f"{tmp}/p{k}"
        by = "dirichlet:alpha=0.5,min_size=1"
        s = statistics.median(sh(f"fl-partition -d fashion-mnist -k {k} -B {by} -s 0 --no-sync -o {out}")[0] for _ in range(3))
        mb = rss(["fl-partition", "-d", "fashion-mnist", "-k", str(k), "-B", by, "-s", "0", "--no-sync", "-o", out])
        note(workload=f"partition 60,000 into {k}", ours=s, peer=None, unit="s", ratio=None, rss_mb=mb)


def images(path, n):
    """n images of 3x32x32 bytes from a fixed generator, ten classes."""
    import numpy as np

    from st import save
    rng = np.random.Generator(np.random.PCG64(1))
    save(path, {"x": rng.integers(0, 256, (n, 3, 32, 32), np.uint8), "y": np.arange(n) % 10},
         {"fl.kind": "data", "fl.v": "1", "fl.client": "0", "fl.classes": "10",
          "fl.scale": '{"div":255}'})


def bench_cnn(tmp):
    f, m, n = f"{tmp}/images.safetensors", f"{tmp}/cnn.safetensors", 3200
    images(f, n)
    sh(f"fl-init -a adafedadam-cnn -s 0 --no-sync -o {m}")
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"cnn {m}")
    peer.ask(f"client {f}")

    def ours():
        t = [sh(f"fl-local-train -m {m} {OPT} -e {e} {f} >/dev/null")[0] for e in (1, 3)]
        return (t[1] - t[0]) / 2 / (n / 32) * 1e3

    def theirs():
        r = peer.ask("epoch 0")
        return r and r[0] / r[1] * 1e3

    a, b, ratio, spread = pairs(ours, theirs, 3)
    note(workload="CNN 64-128-256, 512, batch 32", ours=a, peer=b, unit="ms/step", ratio=ratio,
         target=1.7, rss_mb=rss(["fl-local-train", "-m", m, *OPT.split(), f]), peer_rss_mb=peer.mb(),
         note=f"{spread}; {32 * .2462 / a * 1e3:.0f} GFLOP/s")


def bench_eval(tmp):
    m = model(tmp)
    d = f"{tmp}/test"
    sh(f"fl-partition -d fashion-mnist:split=test -k 1 -B iid -s 0 -o {d}")
    f = f"{d}/0000.safetensors"
    peer = Peer("peer_torch.py", "torch")
    peer.ask(f"model {m}")
    ours = lambda: sh(f"fl-eval -m {m} {f} >/dev/null")[0] / 10000 * 1e6

    def theirs():
        r = peer.ask(f"eval {f} 32")
        return r and r[0] / 10000 * 1e6

    a, b, ratio, spread = pairs(ours, theirs)
    note(workload="eval 10,000 images, whole process", ours=a, peer=b, unit="us/image", ratio=ratio, target=7,
         rss_mb=rss(["fl-eval", "-m", m, f]), peer_rss_mb=peer.mb(), note=spread)


BENCHES = {"start": bench_start, "step": bench_step, "cnn": bench_cnn, "round": bench_round, "overhead": bench_overhead,
           "reduce": bench_reduce, "robust": bench_robust, "partition": bench_partition, "eval": bench_eval}


def main():
    which = sys.argv[1].split() if len(sys.argv) > 1 and sys.argv[1] else list(BENCHES)
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "?")
    print(f"{cpu}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}, {platform.platform()}")
    print(f"OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'unset')} (both sides)")
    print("%-34s %3s %10s %10s %-8s %8s %8s %7s  %s" % ("workload", "", "ours", "peer", "unit", "ratio",
                                                        "target", "MB", "pairs' ratios, notes"))
    tmp = tempfile.mkdtemp(prefix="flbench.", dir=os.environ.get("TMPDIR", "/tmp"))
    try:
        for name in which:
            if name not in BENCHES:
                raise SystemExit(f"bench: no workload '{name}'; there are {', '.join(BENCHES)}")
            BENCHES[name](tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
        with open(f"{B}/bench.jsonl", "w") as f:
            for r in rows:
                f.write(json.dumps(r) + "\n")


main()

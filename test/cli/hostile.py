"""Hostile input, failing systems and sudden deaths, for hostile.bats.

usage: hostile.py TEST      in an empty folder, tools in PATH
The folder gets a model g, six clients c/, their updates u.sts, and those of
SCAFFOLD with what AdaFedAdam wants, us.sts.
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys

ROUND = ["-M", "scaffold", "--measure", "loss0,gradnorm", "--state", "cs", "--no-sync"]
SERVER = ["-S", "adafedadam:lr=0.01", "--state", "s.sts", "--no-sync"]


def run(*cmd, **kw):
    kw.setdefault("stdin", subprocess.DEVNULL)
    if cmd[0] == "strace":
        # The leak checker cannot work where strace does.
        kw["env"] = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    return subprocess.run([str(c) for c in cmd], capture_output=True, **kw)


def must(*cmd, **kw):
    r = run(*cmd, **kw)
    assert r.returncode == 0, (cmd, r)
    return r.stdout


def clients(n=6):
    return ["c/%04d.safetensors" % i for i in range(n)]


def prepare():
    must("fl-init", "-a", "mlp:in=64,hidden=3,out=10", "-s", 1, "-o", "g")
    must("fl-partition", "-d", "digits", "-k", 6, "-B", "dirichlet:alpha=0.5", "-s", 3, "-o", "c")
    must("fl-local-train", "-m", "g", "-o", "u.sts", *clients())
    must("fl-local-train", "-m", "g", "-o", "us.sts", *ROUND, *clients())
    shutil.rmtree("cs")


def read(path):
    """[({key: text}, {name: (dtype, shape, bytes)})], without end records."""
    with open(path, "rb") as f:
        b = f.read()
    out, p = [], 0
    while p < len(b):
        n = struct.unpack("<Q", b[p:p + 8])[0]
        head = json.loads(b[p + 8:p + 8 + n])
        p += 8 + n
        meta = head.pop("__metadata__", {})
        if meta.get("fl.kind") == "end":
            continue
        t = {k: (v["dtype"], v["shape"], b[p + v["data_offsets"][0]:p + v["data_offsets"][1]])
             for k, v in head.items()}
        p += max(v["data_offsets"][1] for v in head.values())
        out.append((meta, t))
    return out


def record(meta, tensors):
    head, buf = {"__metadata__": meta}, b""
    for k, (dtype, shape, b) in tensors.items():
        head[k] = {"dtype": dtype, "shape": shape, "data_offsets": [len(buf), len(buf) + len(b)]}
        buf += b
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + buf


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def leftovers(folder="."):
    return [f for _, _, files in os.walk(folder) for f in files if f.endswith(".tmp")]


# --- updates that lie ---

def element(i, x):
    def change(m, t):
        dtype, shape, b = t["0.weight"]
        t["0.weight"] = dtype, shape, b[:4 * i] + struct.pack("<f", x) + b[4 * i + 4:]
    return change


def tensor(dtype=None, shape=None, name=None):
    def change(m, t):
        d, s, b = t.pop("0.weight")
        t[name or "0.weight"] = dtype or d, shape or s, b
    return change


def meta(key, value):
    def change(m, t):
        m.pop(key, None)
        if value is not None:
            m[key] = value
    return change


# What the client at fault sends: change, or bytes -> bytes; status; message.
LIES = {
    "NaN": (element(5, float("nan")), 3, "client %d: tensor '0.weight': element 5 is nan"),
    "inf": (element(7, float("inf")), 3, "client %d: tensor '0.weight': element 7 is inf"),
    "-inf": (element(191, float("-inf")), 3, "client %d: tensor '0.weight': element 191 is -inf"),
    "1e38": (element(0, 1e38), 0, ""),
    "denormal": (element(0, 1e-45), 0, ""),
    "name": (tensor(name="9.weight"), 3, "client %d: tensor '9.weight' is not in the model"),
    "shape": (tensor(shape=[64, 3]), 3, "client %d: tensor '0.weight' is 64x3, want 3x64"),
    "dtype": (tensor(dtype="I32"), 3, "client %d: tensor '0.weight' is I32, want F32"),
    "twice": (lambda m, t: meta("fl.client", str((int(m["fl.client"]) + 1) % 6))(m, t), 3, "is there twice"),
    "old round": (meta("fl.round", "0"), 3, "client %d: fl.round is 0"),
    "next round": (meta("fl.round", "2"), 3, "client %d: fl.round is 2"),
    "base": (meta("fl.base", "00000000"), 3, "client %d: fl.base is 00000000"),
    "no base": (meta("fl.base", None), 3, "client %d: fl.base is missing"),
    "0 examples": (meta("fl.examples", "0"), 3, "client %d: fl.examples is 0"),
    "-1 examples": (meta("fl.examples", "-1"), 3, "client %d: fl.examples is '-1'"),
    "1e18 examples": (meta("fl.examples", "1" + 18 * "0"), 3, "client %d: fl.examples is 1000000000000000000, limit"),
    "nan examples": (meta("fl.examples", "nan"), 3, "client %d: fl.examples is 'nan'"),
    "no client": (meta("fl.client", None), 3, "fl.client is missing"),
    "client is a path": (meta("fl.client", "../../x"), 3, "fl.client is '../../x'"),
    "kind": (meta("fl.kind", "model"), 3, "record is of kind model, want update"),
    "no kind": (meta("fl.kind", None), 3, "record is of no kind, want update"),
    "version": (meta("fl.v", "2"), 3, "fl.v is '2'"),
    "loss": (meta("fl.loss0", "nan"), 3, "client %d: fl.loss0 is 'nan'"),
    "encoded": (meta("fl.enc", "topk"), 3, "client %d: is encoded"),
    "empty": (lambda b: b"", 3, "no record"),
    "truncated": (lambda b: b[:-7], 3, "truncated"),
    "noise": (lambda b: random.Random(1).randbytes(500), 3, "record 1 at byte 0"),
}


def test_matrix():
    good = [record(*r) for r in read("us.sts")]
    os.mkdir("u")
    names = ["u/%d.safetensors" % i for i in range(6)]
    for what, (lie, status, message) in LIES.items():
        for at in 0, 3, 5:
            for name, b in zip(names, good):
                put(name, b)
            m, t = read("us.sts")[at]
            if lie.__code__.co_argcount == 1:
                put(names[at], lie(good[at]))
            else:
                lie(m, t)
                put(names[at], record(m, t))
            for rule in (), ("-R", "median"), ("-R", "krum:f=1"), ("-S", "adafedadam", "--state", "s"):
                if os.path.exists("s"):
                    os.remove("s")
                put("out", b"old")
                r = run("fl-aggregate", "-m", "g", "--no-sync", "-o", "out", *rule, *names)
                err = r.stderr.decode()
                case = what, at, rule, r.returncode, err
                want = message % at if "%d" in message else message
                # Median and Krum may cast 1e38 out; a weight may take it out of range.
                assert r.returncode == status or (what == "1e38" and r.returncode == 5), case
                assert (r.returncode == 0) == (get("out") != b"old"), case
                assert want in err and (not status or names[at] in err), case
                assert not r.returncode or (err.count("\n") == 1 and not os.path.exists("s")), case
    assert not leftovers()


# --- one bit of a header, through every tool that reads it ---

READERS = {
    "g": [["fl-aggregate", "u.sts", "-m"], ["fl-local-train", "c/0000.safetensors", "-m"],
          ["fl-eval", "c/0000.safetensors", "-m"], ["fl-stats", "classmean", "c/0000.safetensors", "-m"],
          ["fl-reshape", "widen", "deepen", "-m"]],
    "part": [["fl-reshape", "width", "-m"], ["fl-local-train", "c/0000.safetensors", "-m"]],
    "pu": [["fl-aggregate", "-m", "g"], ["fl-aggregate", "-m", "g", "-R", "median"]],
    "d": [["fl-local-train", "-m", "g"], ["fl-eval", "-m", "g", "-d"], ["fl-stats", "-m", "g", "classmean"],
          ["fl-partition", "-k", "2", "-B", "iid", "-o", "-", "-d"]],
    "u": [["fl-aggregate", "-m", "g"], ["fl-aggregate", "-m", "g", "-R", "median"],
          ["fl-aggregate", "-m", "g", "--partial"]],
    "p": [["fl-aggregate", "-m", "g"]],
    "s": [["fl-aggregate", "-m", "g", "-S", "adafedadam:lr=0.01", "us.sts", "--state"]],
    "several": [["fl-local-train", "-m", "sg"], ["fl-eval", "-m", "sg", "-d"], ["st-check"],
                ["fl-partition", "-k", "2", "-B", "iid", "--shift", "missing:by=example", "-o", "-", "-d"]],
}
SEVERAL = """{"parts":{"a":2,"b":3},"layers":[
 {"layer":"concat","body":[{"layer":"part","of":"a"},{"layer":"linear","out":4}],
  "shortcut":[{"layer":"part","of":"b"},{"layer":"linear","out":4}]},
 {"layer":"fuse"},{"layer":"linear","out":2}]}"""


def put_several():
    """Examples of two parts, of which two lack one; and a net that reads them."""
    part = [0, 0, 1, -1, -1, 2, 2, 1]
    put("several", record({"fl.v": "1", "fl.kind": "data", "fl.client": "0"}, {
        "x.a": ("F32", [3, 2], struct.pack("<6f", *range(6))),
        "x.b": ("F32", [3, 3], struct.pack("<9f", *range(9))),
        "part": ("I64", [4, 2], struct.pack("<8q", *part)),
        "y": ("I64", [4], struct.pack("<4q", 0, 1, 1, 0))}))
    must("fl-init", "-a", SEVERAL, "-o", "sg")


def test_flips():
    rng = random.Random(1)
    m, t = read("c/0000.safetensors")[0]
    n = 5
    put("d", record(m, {k: (d, [n] + s[1:], b[:len(b) // s[0] * n]) for k, (d, s, b) in t.items()}))
    put("u", record(*read("u.sts")[0]))
    must("fl-reshape", "-m", "g", "rolling:ratio=0.6", "-o", "part")
    must("fl-local-train", "-m", "part", "c/0000.safetensors", "-o", "pu.sts")
    put("pu", record(*read("pu.sts")[0]))
    must("fl-aggregate", "-m", "g", "--partial", "u.sts", "-o", "p")
    put_several()
    must("fl-aggregate", "-m", "g", "-S", "adafedadam:lr=0.01", "us.sts", "--state", "s", "-o", "out")
    for name, tools in READERS.items():
        good = get(name)
        end = 8 + struct.unpack("<Q", good[:8])[0]
        bits = rng.sample(range(64, 8 * end), 120) + list(range(0, 64, 5))
        changed = [good[:b // 8] + bytes([good[b // 8] ^ 1 << b % 8]) + good[b // 8 + 1:] for b in bits]
        changed += [good[:k] for k in rng.sample(range(len(good)), 40)]
        for tool in tools:
            for i, b in enumerate(changed):
                put("x", b)	# --state replaces it
                r = run(*tool, "x")
                assert r.returncode in (0, 1, 3) and r.stderr.count(b"\n") == (r.returncode == 3), (tool, i, r)


# --- a system that fails: strace makes calls fail ---

def inject(call, error, k, *cmd):
    """None where the call is not made k times, or by the loader."""
    r = run("strace", "-f", "-o", "log", "-e", "trace=" + call, "-e",
            "inject=%s:%s:when=%d" % (call, error, k), *cmd)
    with open("log") as f:
        line = next((x for x in f if "INJECTED" in x), None)
    return r, line


FAILING = {
    "fl-aggregate": ["fl-aggregate", "-m", "g", *SERVER[:2], "--state", "w/s", "us.sts", "-o", "w/out"],
    "fl-local-train": ["fl-local-train", "-m", "g", "-M", "scaffold", "--state", "w/cs", *clients(2), "-o", "w/out"],
    "st-cat": ["st-cat", "us.sts", "-o", "w/out"],
}
FOREIGN = "/lib", "/etc/", "/dev/", "/proc/", "/sys/", "O_NONBLOCK"	# the loader's, and sweeping


def test_failures():
    n = 0
    for cmd in FAILING.values():
        for call in "write", "fsync", "rename", "openat":
            for error in "ENOSPC", "EIO", "EINTR":
                if error == "EINTR" and call in ("fsync", "rename"):
                    continue	# they never end so
                for k in range(1, 30):
                    shutil.rmtree("w", ignore_errors=True)
                    os.mkdir("w")
                    put("w/out", b"old")
                    r, line = inject(call, "error=" + error, k, *cmd)
                    if not line:
                        break
                    if any(x in line for x in FOREIGN):
                        continue
                    n += 1
                    case = cmd[0], call, error, k, r, line
                    assert not leftovers("w"), case
                    if error == "EINTR":
                        assert r.returncode == 0 and get("w/out") != b"old", case
                        continue
                    assert r.returncode == 4 and r.stderr.count(b"\n") == 1, case
                    # The folder's fsync comes last: what it could not sync is there, and whole.
                    assert get("w/out") == b"old" or b": fsync: " in r.stderr and b"w: " in r.stderr, case
    assert n > 80, n


# --- deaths ---

def a_round(folder, kill=None):
    """True if it ended. kill: (program, call, k)."""
    for cmd in (["fl-local-train", "-m", "g", *ROUND, "-o", "u.sts", "-j2", *["../" + c for c in clients()]],
                ["fl-aggregate", "-m", "g", *SERVER, "-o", "g", "-n", "6", "u.sts"]):
        if kill and kill[0] == cmd[0]:
            cmd = ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + kill[1], "-e",
                   "inject=%s:signal=KILL:when=%d" % kill[1:], *cmd]
        if run(*cmd, cwd=folder).returncode:
            return False
    return True


def same(a, b):
    return not run("diff", "-r", "-q", "-x", "u.sts", a, b).stdout


def test_kills():
    os.mkdir("w0")
    shutil.copy("g", "w0")
    for i in 1, 2, 3:
        shutil.copytree("w%d" % (i - 1), "w%d" % i)
        assert a_round("w%d" % i)
    n = 0
    for program in "fl-local-train", "fl-aggregate":
        for call in "openat", "rename", "write", "fchmod", "close":
            for k in (1, 4, 7, 10, 15, 22) if call in ("openat", "close") else (1, 2, 3, 5, 7):
                shutil.rmtree("w", ignore_errors=True)
                shutil.copytree("w1", "w")
                if a_round("w", (program, call, k)):
                    break
                n += 1
                # A model of round 2 is the last thing a round writes.
                assert get("w/g") == get("w2/g") or a_round("w"), (program, call, k)
                assert a_round("w") and same("w", "w3") and not leftovers("w"), (program, call, k)
    assert n >= 30, n


ENDED = {
    **FAILING,
    "fl-partition": ["fl-partition", "-d", "digits", "-k", "5", "-B", "iid", "-j2", "-o", "w/c",
                     "--test-frac", "0.2", "--test-output", "w/t"],
    "fl-aggregate -o DIR": ["fl-aggregate", "-m", "g", "-R", "fedcac", "uc.sts", "-o", "w/c"],
    "spool": ["sh", "-c", "TMPDIR=w exec fl-aggregate -m g -R median -o w/out <us.sts"],
}


def test_signals():
    """A signal that ends a program, at any call: no temporary stays, what is there is whole."""
    must("fl-local-train", "-m", "g", "-M", "fedcac", "-o", "uc.sts", *clients())
    for s in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(s, signal.SIG_DFL)	# in the background SIGINT is ignored
    n = 0
    for name, cmd in ENDED.items():
        for call in "openat", "mkdir", "write", "fsync", "rename,renameat2", "unlink,unlinkat", "rt_sigprocmask":
            for k in range(1, 200):
                sent = ("TERM", "INT", "HUP")[k % 3]
                shutil.rmtree("w", ignore_errors=True)
                os.mkdir("w")
                put("w/out", b"old")
                r = run("strace", "-f", "-qq", "-o", "log", "-e", "trace=" + call, "-e",
                        "inject=%s:signal=%s:when=%d" % (call, sent, k), *cmd)
                case = name, call, k, r
                assert not leftovers("w") and not [f for f in os.listdir("w") if f[0] in ".f"], (case, os.listdir("w"))
                with open("log") as f:
                    if not any("INJECTED" in x or "--- SIG" in x for x in f):
                        assert r.returncode == 0, case
                        break
                assert r.returncode < 0 and not r.stderr, case
                assert get("w/out") == b"old" or not run("st-check", "w/out").returncode, case
                n += 1
    assert n > 150, n


def test_reader_gone():
    """So does a reader of standard output that goes away."""
    os.mkdir("w")
    r = run("bash", "-c", "fl-partition -d digits -k 50 -B iid -o - --test-frac 0.2 --test-output w/t |"
            " head -c 10 >head; echo ${PIPESTATUS[0]}")
    assert r.stdout == b"141\n" and os.listdir("w") == [], (r, os.listdir("w"))


def test_twice():
    """A round whose clients are trained again, and whose model is made again."""
    os.mkdir("a")
    shutil.copy("g", "a")
    shutil.copytree("a", "b")
    for _ in range(3):
        assert a_round("a")
        must("fl-local-train", "-m", "g", *ROUND, "-o", "u.sts", *["../" + c for c in clients()[::-1]], cwd="b")
        must("fl-aggregate", "-m", "g", *SERVER, "-o", "other", "u.sts", cwd="b")
        assert a_round("b")
        assert get("b/other") == get("b/g")
        os.remove("b/other")
        assert same("a", "b")


def test_race():
    """Writers of one name: whoever is last, what is there is always whole."""
    want = [must("fl-aggregate", "-m", "g", "-R", r, "u.sts") for r in ("mean", "median")]
    put("out", want[0])
    for _ in range(40):
        p = [subprocess.Popen(["fl-aggregate", "-m", "g", "-R", r, "--no-sync", "-o", "out", "u.sts"])
             for r in ("mean", "median", "mean", "median")]
        while any(x.poll() is None for x in p):
            assert get("out") in want
        assert all(x.returncode == 0 for x in p) and get("out") in want
    assert not leftovers()


def test_long():
    """A hundred rounds, five of them killed: the bytes of a run that was left alone."""
    rng = random.Random(1)
    os.mkdir("a")
    shutil.copy("g", "a")
    shutil.copytree("a", "b")
    fates = {k: ("fl-aggregate", "rename", 2 - k % 2) if k % 3 else ("fl-local-train", "rename", k % 5 + 1)
             for k in rng.sample(range(100), 5)}
    for k in range(100):
        assert a_round("a")
        assert k not in fates or not a_round("b", fates[k]), fates[k]
        assert a_round("b")
    assert same("a", "b") and not leftovers("b")


# --- resources ---

def peak(*cmd):
    """Peak memory in kB of a command that succeeds."""
    r = run(sys.executable, "-c", "import resource, subprocess, sys\n"
            "sys.exit(subprocess.call(sys.argv[1:]) or print(resource.getrusage("
            "resource.RUSAGE_CHILDREN).ru_maxrss))", *cmd)
    assert r.returncode == 0, (cmd, r)
    return int(r.stdout)


def test_memory():
    """A fold holds no updates: ten times the clients, the same memory."""
    must("fl-init", "-a", "logreg:in=20000,out=10", "-o", "big")
    m, t = read("big")[0]
    base = "%08x" % __import__("zlib").crc32(b"".join(b for _, _, b in t.values()))
    m = {"fl.v": "1", "fl.kind": "update", "fl.round": "1", "fl.base": base, "fl.examples": "3"}
    with open("few", "wb") as few, open("many", "wb") as many:
        for k in range(100):
            b = record(dict(m, **{"fl.client": str(k)}), t)
            many.write(b)
            if k < 10:
                few.write(b)
    a, b = (peak("sh", "-c", "cat %s | fl-aggregate -m big -n %d --no-sync -o out" % x)
            for x in (("few", 10), ("many", 100)))
    assert b < a + 1000, (a, b)


def test_out_of_memory():
    n = 0
    for cmd in ["fl-aggregate", "-m", "g", "-S", "adafedadam", "us.sts"], \
               ["fl-aggregate", "-m", "g", "-R", "median", "-j4", "us.sts"], \
               ["fl-local-train", "-m", "g", "-j2", *clients()], ["fl-eval", "-m", "g", *clients()]:
        low, high = 2000, 400000	# kB: not enough to be started, and enough
        while high - low > 16:
            mid = (low + high) // 2
            r = limited(mid, cmd)
            low, high = (low, mid) if r.returncode == 0 else (mid, high)
        for kb in range(max(high - 4000, 0), high + 400, 55):
            if os.path.exists("out"):
                os.remove("out")
            r = limited(kb, cmd)
            # Below some size the system cannot start the program.
            if r.returncode in (127, -11, 126) or b"shared librar" in r.stderr or b"exec" in r.stderr:
                continue
            assert r.returncode in (0, 4) and os.path.exists("out") == (r.returncode == 0), (cmd, kb, r)
            assert r.returncode == 0 or r.stderr.count(b"\n") == 1, (cmd, kb, r)
            n += r.returncode == 4
    assert n > 0


def limited(kb, cmd):
    return run("sh", "-c", 'ulimit -v %d; exec "$@" -o out --no-sync' % kb, "sh", *cmd)


# --- names ---

def test_names():
    """Text of a record never becomes a path, nor reaches a terminal raw."""
    m, t = read("u.sts")[0]
    before = set(os.listdir(".."))
    for i, name in enumerate(["../x", os.path.abspath("../absolute"), "a/../../x", "-rf", "a\nb", "\x1b[31m", "..", ".", "con", "%2e%2e", "~", "$(x)"]):
        for key in "fl.client", "fl.kind", "fl.round", "name", "fl.arch":
            put("x", record(dict(m, **{key: name}), t))
            for tool in ["st-cat", "--split", "split"], ["st-ls", "-l", "--meta"], ["st-check"], \
                        ["fl-aggregate", "-m", "g", "-o", "out"], ["fl-eval", "-m"]:
                r = run(*tool, "x")
                assert r.returncode in (0, 2, 3), (name, key, tool, r)
                assert b"\x1b" not in r.stdout + r.stderr and r.stderr.count(b"\n") <= 1, (name, key, tool, r)
        put("x", record(m, {name: ("F32", [1], b"\0\0\0\0")}))
        run("st-cat", "--split", "split", "x")
    assert set(os.listdir("..")) == before
    assert all(f.split(".")[0].isdigit() for f in os.listdir("split")), os.listdir("split")


if __name__ == "__main__":
    prepare()
    globals()["test_" + sys.argv[1]]()

#!/usr/bin/env python3
"""Virtual time, simulated another way than lib/policy: at each step the next thing to happen is
looked for among all clients. Writes speeds.tsv and a list of updates a pace, PACE.tsv, in
this folder.

remake: $PYTHON clock.py
"""
import math

STEP = [1.0, 0.8125, 0.6875, 0.4375, 0.25, 0.75, 0.3125]     # exact in binary
N = len(STEP)
HEAD = "time\tclient\tmodel\tversion\tfresh\tsteps\tround\n"


def row(t, k, v, q, r):
    return "%.17g\t%d\t0\t%d\t-\t%d\t%d\n" % (t, k, v, q, r)


def sync(rounds, steps):
    t = 0.0
    for v in range(rounds):
        for k in sorted(range(N), key=lambda k: STEP[k]):
            yield row(t + steps * STEP[k], k, v, steps, v + 1)
        t += steps * max(STEP)


def buffered(c, rounds, steps):
    """Clients start again at once; ties in the order of starts."""
    start, version, order, v, n, tick = [0.0] * N, [0] * N, list(range(N)), 0, 0, N
    while v < rounds:
        k = min(range(N), key=lambda k: (start[k] + steps * STEP[k], order[k]))
        t = start[k] + steps * STEP[k]
        yield row(t, k, version[k], steps, v + 1)
        n += 1
        if n == c:
            v, n = v + 1, 0
        start[k], version[k], order[k], tick = t, v, tick, tick + 1


def fixed(dt, rounds, steps):
    start, version, v, beat = [0.0] * N, [0] * N, 0, 1
    while v < rounds:
        now = beat * dt
        back = [k for k in range(N) if start[k] + steps * STEP[k] <= now]
        for k in sorted(back, key=lambda k: start[k] + steps * STEP[k]):
            yield row(start[k] + steps * STEP[k], k, version[k], steps, v + 1)
        v += len(back) > 0
        for k in back:
            start[k], version[k] = now, v
        beat += 1


def halfway(period, beats, steps):
    """FedASMU where all start at every beat and are back before the next."""
    v = 0
    for beat in range(beats):
        now, first = beat * period, v
        for i, k in enumerate(sorted(range(N), key=lambda k: STEP[k])):
            mid = now + steps * STEP[k] / 2
            fresh = first + sum(now + steps * s < mid for s in STEP)
            v += 1
            yield "%.17g\t%d\t0\t%d\t%d\t%d\t%d\n" % (now + steps * STEP[k], k, first, fresh, steps, v)


def compass(qmin, qmax, late, rounds):
    """Clients: (arrival, order, start, version, steps, group). Groups: [T, latest, fastest, members]."""
    away = {k: (qmin * STEP[k], k, 0.0, 0, qmin, None) for k in range(N)}
    groups, waiting, v, order = [], [], 0, N

    def assign(k, now):
        nonlocal order
        fits = [(math.floor((g["T"] - now) / STEP[k]), -i) for i, g in enumerate(groups) if g["open"]]
        fits = [f for f in fits if qmin <= f[0] <= qmax]
        if fits:
            q, i = max(fits)
            g = groups[-i]
        else:
            ahead = [math.floor((g["T"] + qmax * g["fast"] - now) / STEP[k]) for g in groups if g["open"]]
            ahead = [q for q in ahead if 0 <= q <= qmax]
            q = max(qmin, max(ahead)) if ahead else qmax
            g = dict(T=now + q * STEP[k], late=now + q * STEP[k] * late, fast=STEP[k], away=0, open=True, here=[])
            g["bell"], order = order, order + 1
            groups.append(g)
        g["fast"] = min(g["fast"], STEP[k])
        g["away"] += 1
        away[k], order = (now + q * STEP[k], order, now, v, q, g), order + 1

    def close(g, now):
        nonlocal v
        g["open"] = False
        if g["here"]:
            out = [row(t, k, ver, q, v + 1) for t, k, ver, q in waiting + g["here"]]
            waiting.clear()
            v += 1
            if v < rounds:
                for _, k, _, _ in g["here"]:
                    assign(k, now)
            return out
        return []

    while v < rounds:
        bell = min((g for g in groups if g["open"]), key=lambda g: (g["late"], g["bell"]), default=None)
        k = min(away, key=lambda k: away[k][:2])
        t, o, start, version, q, g = away[k]
        if bell and (bell["late"], bell["bell"]) < (t, o):
            yield from close(bell, bell["late"])
            continue
        del away[k]
        if g is None:
            yield row(t, k, version, q, v + 1)
            v += 1
            if v < rounds:
                assign(k, t)
            continue
        g["away"] -= 1
        if not g["open"]:
            waiting.append((t, k, version, q))
            assign(k, t)
            continue
        g["here"].append((t, k, version, q))
        if not g["away"]:
            yield from close(g, t)


def write(name, rows):
    with open(name + ".tsv", "w") as f:
        f.write(HEAD + "".join(rows))


with open("speeds.tsv", "w") as f:
    f.write("client\tstep\n" + "".join("%d\t%.17g\n" % x for x in enumerate(STEP)))
write("sync", sync(4, 2))
write("async", buffered(1, 40, 2))
write("fedbuff", buffered(3, 20, 2))
write("fedast", buffered(3, 20, 2))     # of one model that all clients train
write("fedasmu", halfway(2.5, 5, 2))
write("fedfix", fixed(0.6875, 12, 2))
write("fedcompass", compass(2, 9, 1.25, 40))

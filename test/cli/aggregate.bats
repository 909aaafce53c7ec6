#!/usr/bin/env bats
# fl-aggregate: numbers, orders, refusals, state.

load fails

setup_file() {
	bats_require_minimum_version 1.5.0
	cd "$BATS_FILE_TMPDIR"
	export PYTHONPATH=$ROOT/test/golden PYTHONDONTWRITEBYTECODE=1
	"$PYTHON" -c 'import numpy' 2>/dev/null || return 0
	# 100 clients whose sums come out differently in doubles, by order.
	"$PYTHON" - <<-'END'
		import os
		import numpy as np
		from fed_record import save
		rng = np.random.default_rng(1)
		P, K = 500, 100
		base = save("m.safetensors", {"0.weight": np.zeros((20, 25), "f4"), "0.bias": np.zeros(25, "f4")},
		            kind="model", round=0, arch="x")
		x = (rng.normal(size=(K, P)) * 2.0 ** -rng.integers(0, 30, (K, P))).astype("f4")
		x[1::2, ::3] = -x[::2, ::3]
		x[:4, ::3] = [[1], [2.0 ** -24], [2.0 ** -53], [2.0 ** -78]]
		os.mkdir("u")
		for k in range(K):
		    save("u/%04d.safetensors" % k, {"0.weight": x[k].reshape(20, 25), "0.bias": x[k, :25]},
		         kind="update", client=k, round=1, base=base, examples=1, lr=0.1, loss0=1 + k / 10,
		         gradnorm=2)
	END
	st-cat -o all.sts u/*
}

setup() {
	[ -e "$BATS_FILE_TMPDIR/all.sts" ] || skip "no NumPy"
	cd "$BATS_TEST_TMPDIR"
	F=$BATS_FILE_TMPDIR
	M=$F/m.safetensors
}

# make FILE EXPRESSION: an update of client 5 for $M, changed by Python:
# t: tensors, m: metadata.
make() {
	"$PYTHON" - "$F/u/0005.safetensors" "$@" <<-'END'
		import sys
		import numpy as np
		from fed_record import load, save
		t, m, _ = load(sys.argv[1])
		t = {k: v.copy() for k, v in t.items()}
		m = {k[3:]: v for k, v in m.items() if k != "fl.v"}
		exec(sys.argv[3])
		save(sys.argv[2], t, **m)
	END
}

# gold: three clients of four parameters, the model 0 (see golden/rule/make.py).
gold() {
	"$PYTHON" - "$ROOT/test/golden/rule/golden.safetensors" <<-'END'
		import sys
		import numpy as np
		from fed_record import load, save
		g = load(sys.argv[1])[0]
		base = save("g.safetensors", {"w": np.zeros(4, "f4")}, kind="model", round=0)
		for k, (f0, f) in enumerate(((1, 0.5), (1.25, 1), (2, 2))):
		    save("g%d.safetensors" % k, {"w": g["in/change"][k].astype("f4")}, kind="update", client=k,
		         round=1, base=base, examples=10 * k + 10, lr=0.1, gradnorm=g["in/gradnorm"][k], loss0=f)
		    save("z%d.safetensors" % k, {"w": np.zeros(4, "f4")}, kind="update", client=k,
		         round=1, base=base, examples=1, lr=0.1, gradnorm=1, loss0=f0)
	END
}

# near FILE GOLDEN NAME [TENSOR]: the file's tensor is golden NAME to float's accuracy.
near() {
	"$PYTHON" - "$@" <<-'END'
		import sys
		import numpy as np
		from fed_record import load
		got = load(sys.argv[1])[0][sys.argv[4] if len(sys.argv) > 4 else "w"].ravel()
		want = load(sys.argv[2])[0][sys.argv[3]]
		print(got, want)
		assert np.allclose(got, want, rtol=1e-6, atol=1e-7)
	END
}

@test "mean and qfedavg give NumPy's models" {
	gold
	R=$ROOT/test/golden/rule/golden.safetensors
	fl-aggregate -m g.safetensors g?.safetensors >o.safetensors
	near o.safetensors "$R" mean/w
	for q in 0 1 5; do
		fl-aggregate -m g.safetensors -R "qfedavg:q=$q,L=10" g?.safetensors >o.safetensors
		near o.safetensors "$R" "q$q/w"
	done
}

@test "adafedadam weighs by the loss against that of the first round" {
	gold
	"$PYTHON" - "$ROOT/test/golden/rule/golden.safetensors" <<-'END'
		import subprocess
		import sys
		import numpy as np
		from fed_record import load, save
		gold = load(sys.argv[1])[0]
		up = ["g%d.safetensors" % k for k in range(3)]
		for a in range(3):
		    spec = "adafedadam:lr=1e-3,alpha=%d" % a
		    run = ["fl-aggregate", "-m", "g.safetensors", "-S", spec, "--state", "s%d.sts" % a]
		    subprocess.run(run + ["-o", "n.safetensors"] + ["z%d.safetensors" % k for k in range(3)], check=True)
		    _, _, base = load("n.safetensors")
		    for k in range(3):
		        t, m, _ = load(up[k])
		        m = {key[3:]: v for key, v in m.items() if key != "fl.v"}
		        save("r%d.safetensors" % k, t, **dict(m, round=2, base=base))
		    run[2] = "n.safetensors"
		    subprocess.run(run + ["-o", "o.safetensors", "--partial"] + ["r%d.safetensors" % k for k in range(3)],
		                   check=True)
		    subprocess.run(run + ["-o", "n2.safetensors", "o.safetensors"], check=True)
		    # A round of zeros left m = v = 0, and certainty 1: c_m = .9, c_v = .999.
		    g, C = gold["a%d/g" % a], gold["a%d/C" % a]
		    b1, b2 = 0.9 ** C, 0.999 ** C
		    m, v = (1 - b1) * g, (1 - b2) * g * g
		    want = -C * 1e-3 * (m / (1 - 0.9 * b1)) / (np.sqrt(v / (1 - 0.999 * b2)) + 1e-8)
		    got = load("n2.safetensors")[0]["w"]
		    print(got, want)
		    assert np.allclose(got, want, rtol=1e-5, atol=0)
	END
}

@test "servers give five rounds of NumPy's" {
	"$PYTHON" - "$ROOT/test/golden/server/golden.safetensors" <<-'END'
		import subprocess
		import sys
		import numpy as np
		from fed_record import load, save
		gold = load(sys.argv[1])[0]
		specs = [s for s in gold if s.split(":")[0] in ("fedadam", "fedyogi", "fedadagrad", "momentum")]
		assert len(specs) == 7
		for spec in specs:
		    save("w.safetensors", {"w": np.zeros(4, "f4")}, kind="model", round=0)
		    for t in range(5):
		        save("u.safetensors", {"w": (0.1 * np.sin(1 + np.arange(4) + 3 * t)).astype("f4")}, kind="update",
		             client=t, round=t + 1, base=load("w.safetensors")[2], examples=7)
		        subprocess.run(["fl-aggregate", "-m", "w.safetensors", "-S", spec, "--state", "s.sts", "-o",
		                        "w.safetensors", "u.safetensors"], check=True)
		        got = load("w.safetensors")[0]["w"]
		        assert np.allclose(got, gold[spec][t], rtol=1e-5, atol=1e-6), (spec, t, got, gold[spec][t])
	END
	[ "$(st-ls s.sts | wc -l)" = 2 ]
}

@test "trimmean:beta=0.29 of 100 updates leaves 29 out at either end" {
	"$PYTHON" - <<-'END'
		import numpy as np
		from fed_record import save
		base = save("g.safetensors", {"w": np.zeros(1, "f4")}, kind="model", round=2)
		x = np.arange(100) ** 3 % 101 ** 2
		for k in range(100):
		    save("u%02d.safetensors" % k, {"w": np.array([x[k]], "f4")}, kind="update", client=k, round=3,
		         base=base, examples=1)
		save("want.safetensors", {"w": np.array([np.sort(x)[29:71].sum() / 42], "f4")})
	END
	fl-aggregate -m g.safetensors -R trimmean:beta=0.29 u??.safetensors >o.safetensors
	near o.safetensors want.safetensors w
}

@test "median, trimmean, krum and fedcac give NumPy's models" {
	R=$ROOT/test/golden/rule/golden.safetensors
	"$PYTHON" - "$R" <<-'END'
		import sys
		import numpy as np
		from fed_record import load, save
		g = load(sys.argv[1])[0]
		base = save("g.safetensors", {"w": np.zeros((3, 5), "f4")}, kind="model", round=2)
		pbase = save("p.safetensors", {"w": g["rob/model"].reshape(3, 5)}, kind="model", round=2)
		for k in range(7):
		    w = {"w": g["rob/u"][k].reshape(3, 5)}
		    save("u%d.safetensors" % k, w, kind="update", client=k, round=3, base=base, examples=1)
		    w["@fedcac/mask/w"] = g["rob/mask"][k].reshape(3, 5)
		    save("c%d.safetensors" % k, w, kind="update", client=k, round=3, base=pbase, examples=g["rob/n"][k])
	END
	for r in median trimmean:beta=0.3 krum:f=2; do
		fl-aggregate -m g.safetensors -R "$r" u?.safetensors >o.safetensors
		near o.safetensors "$R" "rob/${r%%:*}"
	done
	fl-aggregate -m g.safetensors -R krum:f=1,m=4 u?.safetensors >o.safetensors
	near o.safetensors "$R" rob/multikrum
	fl-aggregate -m g.safetensors -R median u[0-5].safetensors >o.safetensors
	near o.safetensors "$R" rob/median6
	fl-aggregate -m p.safetensors -R fedcac:beta=10 -o personal c?.safetensors
	fl-aggregate -m p.safetensors -R fedcac:beta=10 -o again -j2 -n 7 - < <(cat c[531].safetensors c[0246].safetensors)
	"$PYTHON" - "$R" <<-'END'
		import sys
		import numpy as np
		from fed_record import load
		want = load(sys.argv[1])[0]["rob/fedcac"]
		for k in range(7):
		    t, m, base = load("personal/%04d.safetensors" % k)
		    assert np.allclose(t["w"].ravel(), want[k], rtol=1e-6, atol=1e-7)
		    assert m["fl.client"] == str(k) and m["fl.round"] == "3" and m["fl.kind"] == "model"
	END
	diff -r personal again
	# The next round starts from the personal models.
	"$PYTHON" - <<-'END'
		from fed_record import load, save
		for k in range(7):
		    t, _, _ = load("c%d.safetensors" % k)
		    base = load("personal/%04d.safetensors" % k)[2]
		    save("d%d.safetensors" % k, t, kind="update", client=k, round=4, base=base, examples=3)
	END
	fl-aggregate -m personal -R fedcac -o personal d?.safetensors
	[ "$(st-ls --format json personal/0003.safetensors | jq .round)" = 4 ]
	fails 3 "d1.safetensors: client 1: fl.round is 4, but the model is of round 4" \
		fl-aggregate -m personal -R fedcac -o personal d1.safetensors
}

@test "fedcac: masks are demanded; one client, no critical weights" {
	mask='t["@fedcac/mask/0.weight"] = np.ones((20, 25), "u1"); t["@fedcac/mask/0.bias"] = np.zeros(25, "u1")'
	make a.safetensors "$mask"
	fl-aggregate -m "$M" -R fedcac -o one a.safetensors
	st-cmp one/0005.safetensors <(fl-aggregate -m "$M" "$F/u/0005.safetensors")
	make b.safetensors "$mask; m['client'] = 6; t['@fedcac/mask/0.weight'][:] = 0"
	fl-aggregate -m "$M" -R fedcac -o two a.safetensors b.safetensors
	f() { fails 3 "$1" fl-aggregate -m "$M" -R fedcac -o none a.safetensors "${@:2}"; [ ! -e none ]; }
	make c.safetensors 'm["client"] = 7'
	f "client 7: tensor '@fedcac/mask/0.bias' is missing; rule fedcac needs it" c.safetensors
	make c.safetensors "$mask; m['client'] = 7; t['@fedcac/mask/0.weight'][2, 3] = 2"
	f "tensor '@fedcac/mask/0.weight': element 53 is 2, want 0 or 1" c.safetensors
	make c.safetensors "$mask; m['client'] = 7; del t['0.bias']"
	f "client 7: rule fedcac wants the same tensors from every client" c.safetensors
	make c.safetensors "$mask; m['client'] = 7; t['@other/x'] = np.ones(3, 'f4')"
	f "client 7: tensor '@other/x': rule fedcac does not combine extras" c.safetensors
	fails 2 "server fedadam has no place" fl-aggregate -m "$M" -R fedcac -S fedadam -o none a.safetensors
	fails 2 "is a folder: a model a client is written, -o FOLDER" fl-aggregate -m one a.safetensors
}

@test "any order, split, tree and number of threads gives the same bytes" {
	for r in mean qfedavg:q=1 median trimmean; do
		fl-aggregate -m "$M" -R "$r" "$F"/u/* >want
		for seed in 1 2 3 4 5; do
			shuf --random-source=<(yes $seed) -e "$F"/u/* >order
			xargs fl-aggregate -j2 -m "$M" -R "$r" <order | cmp - want
			xargs cat <order | fl-aggregate -n 100 -m "$M" -R "$r" | cmp - want
			xargs cat <order | gzip | fl-aggregate -n 100 -m "$M" -R "$r" | cmp - want
			head -n 30 order | xargs st-cat -o a.sts
			tail -n 70 order | xargs st-cat | fl-aggregate -j2 -m "$M" -R "$r" a.sts - | cmp - want
		done
	done
}

@test "every instruction set gives the same bytes" {
	for args in "-R mean" "-R qfedavg:q=0.5" "-R median" "-R krum:f=3,m=5" "-S adafedadam" "-S fedyogi"; do
		# shellcheck disable=SC2086 # an option and its value
		fl-aggregate $args -m "$M" "$F"/u/* >want
		for cpu in ref sse2 avx2 avx512; do
			FL_CPU=$cpu fl-init -a logreg -s 1 >/dev/null 2>&1 || continue	# not this processor's
			FL_CPU=$cpu fl-aggregate $args -m "$M" "$F"/u/* | cmp - want
		done
	done
}

@test "partial records: any tree gives the same bytes" {
	fl-aggregate -m "$M" "$F"/u/* >want
	fl-aggregate --partial -m "$M" "$F"/u/* >whole
	for seed in 1 2 3; do
		shuf --random-source=<(yes $seed) -e "$F"/u/* >order
		split -n l/7 order part.
		for p in part.??; do
			xargs fl-aggregate -m "$M" --partial -o "$p.safetensors" <"$p"
		done
		fl-aggregate -n 100 -m "$M" part.*.safetensors | cmp - want
		fl-aggregate --partial -m "$M" part.a[abc].safetensors >half
		xargs cat <part.ad >rest
		fl-aggregate --partial -j2 -n 100 -m "$M" part.a[efg].safetensors half - <rest | cmp - whole
		rm part.*
	done
	st-cat --one whole | cmp - whole
	fails 3 "record" fl-aggregate -m "$M" -n 99 whole
	fails 3 "client 5 is there twice" fl-aggregate -m "$M" whole "$F/u/0005.safetensors"
	fails 3 "a partial of mean:weight=examples, want qfedavg" fl-aggregate -m "$M" -R qfedavg whole
	fails 3 "is not a folding rule" fl-aggregate -m "$M" -R median whole
	fails 2 "is not a folding rule" fl-aggregate -m "$M" --partial -R median whole
}

@test "a partial whose numbers are written as they were before counts" {
	fl-aggregate -m "$M" -R mean:denominator=100 "$F"/u/* >want
	fl-aggregate --partial -m "$M" -R mean:denominator=100 "$F"/u/* >part
	grep -q -a 'denominator=100"' part
	LC_ALL=C sed -i 's/denominator=100"/denominator=1e2"/' part
	fl-aggregate -m "$M" -R mean:denominator=100 part | cmp - want
	fails 3 "want mean:weight=examples,denominator=10" fl-aggregate -m "$M" -R mean:denominator=10 part
}

@test "the model of the next round" {
	fl-aggregate -m "$M" -o n.safetensors "$F/all.sts"
	st-check -q n.safetensors
	[ "$(st-ls --meta n.safetensors | grep -c 'fl.prov.*--rule=mean:weight=examples --server=sgd:lr=1')" = 1 ]
	"$PYTHON" - "$M" <<-'END'
		import sys
		from fed_record import load
		_, m, _ = load("n.safetensors")
		assert m["fl.kind"] == "model" and m["fl.round"] == "1" and m["fl.arch"] == "x", m
		assert m["fl.parent"] == load(sys.argv[1])[2], m
	END
	cp "$M" same.safetensors
	fl-aggregate -m same.safetensors -o same.safetensors "$F/all.sts"
	cmp same.safetensors n.safetensors
	fails 3 "fl.round is 1, but the model is of round 1" fl-aggregate -m same.safetensors "$F/all.sts"
	! fl-aggregate --no-prov -m "$M" "$F/all.sts" | st-ls --meta | grep fl.prov
}

@test "tensors that some or all lack" {
	make a.safetensors 'm["client"] = 1; del t["0.bias"]; t["0.weight"][:] = 1'
	make b.safetensors 'm["client"] = 2; t["0.bias"][:] = 4; t["0.weight"][:] = 3'
	fl-aggregate -m "$M" -o o.safetensors a.safetensors b.safetensors
	"$PYTHON" -c 'from fed_record import load
t = load("o.safetensors")[0]
assert (t["0.bias"] == 4).all() and (t["0.weight"] == 2).all()'
	fl-aggregate -m "$M" -S fedadam --state s.sts -o o.safetensors a.safetensors
	"$PYTHON" -c 'from fed_record import load
t = load("o.safetensors")[0]
assert (t["0.bias"] == 0).all() and (t["0.weight"] != 0).all()'
	fl-aggregate -m "$M" -R median -o o.safetensors a.safetensors b.safetensors
	"$PYTHON" -c 'from fed_record import load
t = load("o.safetensors")[0]
assert (t["0.bias"] == 4).all() and (t["0.weight"] == 2).all()'
}

@test "extra tensors are increments, past the server" {
	make a.safetensors 'm["client"] = 1; t["@x/c"] = np.full(2, 1, "f4")'
	make b.safetensors 'm["client"] = 2; t["@x/c"] = np.full(2, 2, "f4"); m["examples"] = 3'
	make c.safetensors 'm["client"] = 3'
	fl-aggregate -m "$M" -S sgd:lr=0.5 -o o.safetensors a.safetensors b.safetensors c.safetensors
	"$PYTHON" -c 'from fed_record import load, save
t, m, base = load("o.safetensors")
assert (t["@x/c"] == 1.75).all()
u, m, _ = load("a.safetensors")
save("d.safetensors", u, **dict({k[3:]: v for k, v in m.items() if k != "fl.v"}, round=2, base=base))'
	fl-aggregate -m o.safetensors -S sgd:lr=0.5 -o o2.safetensors d.safetensors
	"$PYTHON" -c 'from fed_record import load
assert (load("o2.safetensors")[0]["@x/c"] == 2.75).all()'
	make e.safetensors 't["@x/c"] = np.full(3, 1, "f4")'
	fails 3 "e.safetensors: client 5: tensor '@x/c' is 3, want 2" \
		fl-aggregate -m "$M" -o out.safetensors a.safetensors e.safetensors
	make e.safetensors 't["@x/c"] = np.full(2, 1, "u1")'
	fails 3 "tensor '@x/c' is U8; rule mean combines F32 extras only" \
		fl-aggregate -m "$M" -o out.safetensors e.safetensors
}

@test "an update that does not fit is refused, whatever the rule" {
	make round.safetensors 'm["round"] = 2'
	make base.safetensors 'm["base"] = "00000000"'
	make nobase.safetensors 'del m["base"]'
	make zero.safetensors 'm["examples"] = 0'
	make kind.safetensors 'm["kind"] = "data"'
	make enc.safetensors 'm["enc"] = "q8"'
	make nan.safetensors 't["0.bias"][7] = np.nan'
	make inf.safetensors 't["0.weight"][1, 2] = -np.inf'
	make shape.safetensors 't["0.weight"] = t["0.weight"].T'
	make type.safetensors 't["0.bias"] = t["0.bias"].astype("f8")'
	make name.safetensors 't["9.bias"] = t.pop("0.bias")'
	head -c 300 "$F/u/0005.safetensors" >cut.safetensors
	for r in mean median krum:f=0; do
		c() { fails 3 "$1" fl-aggregate -m "$M" -R $r -o out.safetensors "$F"/u/000[0-4]* "$2"; }
		c "round.safetensors: client 5: fl.round is 2, but the model is of round 0" round.safetensors
		c "base.safetensors: client 5: fl.base is 00000000, but the model's is" base.safetensors
		c "nobase.safetensors: client 5: fl.base is missing" nobase.safetensors
		c "zero.safetensors: client 5: fl.examples is 0" zero.safetensors
		c "kind.safetensors: record is of kind data, want update" kind.safetensors
		c "enc.safetensors: client 5: is encoded" enc.safetensors
		c "nan.safetensors: client 5: tensor '0.bias': element 7 is nan" nan.safetensors
		c "inf.safetensors: client 5: tensor '0.weight': element 27 is -inf" inf.safetensors
		c "shape.safetensors: client 5: tensor '0.weight' is 25x20, want 20x25" shape.safetensors
		c "type.safetensors: client 5: tensor '0.bias' is F64, want F32" type.safetensors
		c "name.safetensors: client 5: tensor '9.bias' is not in the model" name.safetensors
		c "cut.safetensors: record 1 at byte 0: truncated" cut.safetensors
		c "client 3 is there twice: in $F/u/0003.safetensors and in $F/u/0003.safetensors" \
			"$F/u/0003.safetensors"
	done
}

@test "streams: counts and ends" {
	head -c -1 "$F/all.sts" >cut.sts
	fails 3 "standard input: record" fl-aggregate -m "$M" -o out.safetensors <cut.sts
	cat "$F"/u/* >noend.sts
	fails 3 "without an end record" fl-aggregate -m "$M" -o out.safetensors <noend.sts
	fails 3 "expected" fl-aggregate -n 101 -m "$M" -o out.safetensors <noend.sts
	fails 3 "expected" fl-aggregate -n 99 -m "$M" -o out.safetensors <noend.sts
	st-cat --allow-empty -o empty.sts /dev/null 2>/dev/null || : >empty.sts
	fails 3 "no record" fl-aggregate -m "$M" -o out.safetensors empty.sts
	fails 3 "no record" fl-aggregate -m "$M" -R median -o out.safetensors empty.sts
	fails 4 "nothere" fl-aggregate -m "$M" -o out.safetensors nothere.safetensors
	fails 4 "nothere" fl-aggregate -m nothere.safetensors -o out.safetensors "$F/all.sts"
	fails 2 "-m is missing" fl-aggregate -o out.safetensors "$F/all.sts"
}

@test "what rules need is printed, and demanded" {
	[ "$(fl-aggregate --needs)" = "" ]
	[ "$(fl-aggregate --needs -R qfedavg)" = loss0 ]
	[ "$(fl-aggregate --needs -S adafedadam)" = loss0,gradnorm ]
	make a.safetensors 'del m["loss0"]'
	fails 3 "a.safetensors: client 5: fl.loss0 is missing; rule qfedavg needs it: fl-local-train --measure loss0" \
		fl-aggregate -m "$M" -R qfedavg -o out.safetensors a.safetensors
	make a.safetensors 'del m["gradnorm"]'
	fails 3 "client 5: fl.gradnorm is missing; server adafedadam needs it: fl-local-train --measure gradnorm" \
		fl-aggregate -m "$M" -S adafedadam -o out.safetensors a.safetensors
	make a.safetensors 'del m["lr"]'
	fails 3 "client 5: fl.lr is missing; rule qfedavg without L needs it" \
		fl-aggregate -m "$M" -R qfedavg -o out.safetensors a.safetensors
	fl-aggregate -m "$M" -R qfedavg:L=10 -o ok.safetensors a.safetensors
	fails 2 "server adafedadam weighs updates itself" \
		fl-aggregate -m "$M" -R median -S adafedadam -o out.safetensors "$F/all.sts"
	fails 2 "-o FOLDER" fl-aggregate -m "$M" -R fedcac "$F/all.sts"
}

@test "a result that is not finite is status 5, and nothing is published" {
	make a.safetensors 't["0.bias"][7] = 3e38; m["client"] = 1'
	make b.safetensors 't["0.bias"][7] = 3e38; m["client"] = 2'
	fails 5 "tensor '0.bias': element 7 becomes non-finite" \
		fl-aggregate -m "$M" -S momentum:lr=2 --state s.sts -o out.safetensors a.safetensors b.safetensors
	[ ! -e s.sts ]
}

# next ROUND: fedadam from w.safetensors in place; updates are those of the file
# u, sent again for that round.
next() {
	"$PYTHON" - "$1" "$F" <<-'END'
		import sys
		from fed_record import load, save
		r = int(sys.argv[1])
		base = load("w.safetensors")[2]
		for k in range(4):
		    t, m, _ = load("%s/u/%04d.safetensors" % (sys.argv[2], 4 * r + k))
		    m = {a[3:]: v for a, v in m.items() if a != "fl.v"}
		    save("r%d.safetensors" % k, t, **dict(m, round=r, base=base))
	END
}

@test "state: a call that was killed anywhere is repeated" {
	for s in fedadam adafedadam momentum:beta=0.5; do
		rm -f s.sts
		cp "$M" w.safetensors
		for r in 1 2 3; do
			next $r
			# As if the state had been published, and the model not.
			fl-aggregate -S "$s" -m w.safetensors --state s.sts r?.safetensors >first
			cp s.sts first.sts
			fl-aggregate -S "$s" -m w.safetensors --state s.sts r?.safetensors >again
			cmp first again
			cmp first.sts s.sts
			if strace -o /dev/null true 2>/dev/null; then
				for when in 1 2; do
					run strace -f -qq -o /dev/null -e inject=rename:signal=KILL:when=$when \
						fl-aggregate -S "$s" -m w.safetensors --state s.sts -o w.safetensors r?.safetensors
					[ "$status" = 137 ]
				done
			fi
			fl-aggregate -S "$s" -m w.safetensors --state s.sts -o w.safetensors r?.safetensors
			cmp w.safetensors first
			cmp s.sts first.sts
			[ "$(st-ls s.sts | grep -c state)" = $((r < 2 ? 1 : 2)) ]
		done
		[ -z "$(find . -name '.*.tmp')" ]
	done
}

@test "a first round whose state is lost brings a warning; --new-state does not throw away what led to the model" {
	for o in "-S fedadam" "-R afl" "-S momentum"; do
		run --separate-stderr fl-aggregate $o -m "$M" -o w.safetensors "$F"/u/000?.safetensors
		[ "$status" = 0 ]
		[[ $stderr == "fl-aggregate: "*" keeps state from round to round, and there is no --state FILE: round 2 cannot go on from this one" ]]
		for q in -q "--state s.sts" --new-state; do
			run --separate-stderr fl-aggregate $o $q -m "$M" -o w.safetensors "$F"/u/000?.safetensors
			[ "$status" = 0 ] && [ -z "$stderr" ]
		done
		# What a user pastes into a loop.
		fl-aggregate $o --state s.sts --new-state -m "$M" -o w.safetensors "$F"/u/000?.safetensors
		next 2
		cp s.sts keep.sts
		fails 3 "s.sts: holds the state that led to w.safetensors: without --new-state the round goes on from it; --new-state=force" \
			fl-aggregate $o --state s.sts --new-state -m w.safetensors -o out.safetensors r?.safetensors
		cmp s.sts keep.sts
		cp keep.sts anew.sts
		fl-aggregate $o --state s.sts -m w.safetensors -o x.safetensors r?.safetensors
		fl-aggregate $o --state anew.sts --new-state=force -m w.safetensors -o x.safetensors r?.safetensors
		[ "$(st-ls s.sts | grep -c state) $(st-ls anew.sts | grep -c state)" = "2 1" ]
		# Another method's state, and what is none, may be replaced.
		cp keep.sts s.sts
		fl-aggregate -S fedyogi --state s.sts --new-state -m w.safetensors -o y.safetensors r?.safetensors
		echo garbage >s.sts
		fl-aggregate $o --state s.sts --new-state -m w.safetensors -o y.safetensors r?.safetensors
		# Killed before the model was there, the call is given again.
		fl-aggregate $o --state s.sts --new-state -m w.safetensors -o z.safetensors r?.safetensors
		cmp y.safetensors z.safetensors
		rm s.sts
	done
	fails 2 "'perhaps' is not one of off|on|force" fl-aggregate --new-state=perhaps -m w.safetensors -o out.safetensors r?.safetensors
}

@test "state of another model, server or round is refused" {
	cp "$M" w.safetensors
	next 1
	fl-aggregate -S fedadam -m w.safetensors --state s.sts -o w.safetensors r?.safetensors
	next 2
	f() { fails 3 "$1" fl-aggregate -m w.safetensors -o out.safetensors "${@:2}" r?.safetensors; }
	f "no --state: no state before round 2, which server fedadam keeps from the first round on: --state FILE in every round" -S fedadam
	[[ $stderr != *new-state* ]]
	f "none.sts: no state before round 2" -S fedadam --state none.sts
	[[ $stderr == *"(--new-state begins anew in this one)" ]]
	f "s.sts: the state of server fedadam:lr=0.01,beta1=0.9" -S fedyogi --state s.sts
	f "not of sgd" -S sgd --state s.sts
	cp s.sts bad.sts
	truncate -s -8 bad.sts
	f "bad.sts: " -S fedadam --state bad.sts
	# The parameters may change; the state file is left as it was on failure.
	fl-aggregate -S fedadam:lr=0.5 -m w.safetensors --state s.sts -o x.safetensors r?.safetensors
	fl-aggregate -S fedyogi --new-state -m w.safetensors --state s2.sts -o y.safetensors r?.safetensors
	[ -s s2.sts ]
	# A state of round 2 that led to x, but w2 is of another branch.
	fl-aggregate -m w.safetensors -o w2.safetensors r?.safetensors
	cp w2.safetensors w.safetensors
	next 3
	cp s.sts keep.sts
	f "s.sts: the state that leads to model" -S fedadam --state s.sts
	cmp s.sts keep.sts
	# A server without state keeps a record all the same.
	fl-aggregate -m w.safetensors --state plain.sts -o z.safetensors r?.safetensors
	[ "$(st-ls --format json plain.sts | jq -s length)" = 1 ]
}

@test "stale updates are checked against the model they came from" {
	mkdir past
	cp "$M" past/zero.safetensors
	fl-aggregate -m "$M" -o one.safetensors "$F"/u/0000.safetensors
	cp one.safetensors past
	cp "$F/u/0001.safetensors" past/update.safetensors	# no model: passed over
	make new.safetensors 'm["round"] = 2; m["base"] = load("one.safetensors")[2]'
	f() { fails 3 "$1" fl-aggregate -m one.safetensors -o out.safetensors "${@:2}"; }
	f "0003.safetensors: client 3: fl.round is 1, but the model is of round 1" \
		new.safetensors "$F/u/0003.safetensors"
	fl-aggregate -m one.safetensors --stale 1 --history past new.safetensors "$F/u/0003.safetensors" >two
	[ "$(st-ls --format json two | jq .round)" = 2 ]
	"$PYTHON" - "$F/u" <<-'END'
		import sys
		import numpy as np
		from fed_record import load
		a, b = (load(f)[0]["0.bias"].astype(float) for f in ("new.safetensors", sys.argv[1] + "/0003.safetensors"))
		one, two = (load(f)[0]["0.bias"] for f in ("one.safetensors", "two"))
		assert np.allclose(two, one + (a + b) / 2, rtol=1e-6, atol=1e-9)
	END
	make other.safetensors 'm["base"] = "01234567"; m["client"] = 6'
	f "client 6: fl.base is 01234567, but the model's is" --stale 1 --history past other.safetensors
	f "client 5 is there twice" --stale 1 --history past new.safetensors "$F/u/0005.safetensors"
	rm past/zero.safetensors
	f "past: holds no model of round 0" --stale 1 --history past "$F/u/0003.safetensors"
	fails 2 "--stale needs --history as well" fl-aggregate -m one.safetensors --stale 1 "$F/all.sts"
	fails 4 "nowhere" fl-aggregate -m one.safetensors --stale 1 --history nowhere "$F/all.sts"
}

@test "the state is written first, and not without a place for the model" {
	fails 4 "nowhere/o.safetensors" \
		fl-aggregate -S fedadam -m "$M" --state s.sts -o nowhere/o.safetensors "$F/all.sts"
	[ ! -e s.sts ]
	run bash -c "fl-aggregate -m '$M' '$F/all.sts' >/dev/full"
	[ "$status" = 4 ]
}

@test "every failing system call is status 4, and files are old or new, whole" {
	strace -o /dev/null true 2>/dev/null || skip "no strace"
	export ASAN_OPTIONS=detect_leaks=0	# the leak checker cannot work under strace
	cp "$M" w.safetensors
	next 1
	fl-aggregate -S fedadam -m w.safetensors --state s.sts -o w.safetensors r?.safetensors
	next 2
	fl-aggregate -S fedadam -m w.safetensors --state s.sts r?.safetensors >want
	cp s.sts two.sts
	points=0
	for call in write fsync rename openat; do
		for when in {1..20}; do
			cp s.sts before.sts
			rm -f out.safetensors
			run strace -f -qq -o trace -e trace=$call -e inject=$call:error=EIO:when=$when \
				fl-aggregate -S fedadam -m w.safetensors --state s.sts -o out.safetensors r?.safetensors
			grep -q INJECTED trace || break
			points=$((points + 1))
			# 127: a library that cannot be loaded.
			if [ "$status" != 0 ]; then
				[ "$status" = 4 ] || [ "$status" = 127 ]
				cmp s.sts before.sts || cmp s.sts two.sts
			fi
			# The folder's sync comes after the model is in its place.
			if [ "$status" = 0 ] || [ -e out.safetensors ]; then
				[ "$status" = 0 ] || [ $call = fsync ] || [ $call = openat ]
				cmp out.safetensors want
				cmp s.sts two.sts
			fi
			[ -z "$(find . -name '.*.tmp')" ]
		done
	done
	[ "$points" -ge 20 ]
	fl-aggregate -S fedadam -m w.safetensors --state s.sts -o out.safetensors r?.safetensors
	cmp out.safetensors want
	cmp s.sts two.sts
}

# The stretches of a long tensor differ by 2^-60 and more, in windows of their own until the
# highest is known; the smallest lose what lies below it, whoever adds them up.
@test "stretches in different windows: files, pipes and partials give the same bytes" {
	"$PYTHON" - <<-'END'
		import numpy as np
		from fed_record import save, load
		rng = np.random.default_rng(3)
		n = 40000
		save("m", {"w": np.zeros((n,), "f4")}, kind="model", round=0, arch="none")
		base = load("m")[2]
		for k in range(40):
		    x = rng.standard_normal(n).astype("f4")
		    x[:30000] *= np.float32(2.0**-70)
		    x[20000:24000] *= np.float32(2.0**-60)
		    save("u%02d" % k, {"w": x}, kind="update", client=k, round=1, base=base, examples=1 + k)
	END
	fl-aggregate --no-sync --no-prov -m m -o want u*
	fl-aggregate -j2 --no-sync --no-prov -m m u* | cmp - want
	FL_CPU=ref fl-aggregate --no-sync --no-prov -m m u* | cmp - want
	cat u* | fl-aggregate -n 40 --no-sync --no-prov -m m | cmp - want
	(ulimit -n 20 && fl-aggregate --no-sync --no-prov -m m u* | cmp - want)
	(ulimit -n 20 && fl-aggregate -R median -m m u* >/dev/null)
	fl-aggregate --partial -m m u0* >a
	fl-aggregate --partial -m m u1* u2* u3* >b
	fl-aggregate --no-sync --no-prov -m m b a | cmp - want
	fl-aggregate --no-sync --no-prov -m m b u0* | cmp - want
	"$PYTHON" -c 'from fed_record import load
import numpy as np
got, w = load("want")[0]["w"], np.arange(1, 41) / sum(range(1, 41))
want = sum(v * load("u%02d" % k)[0]["w"].astype("f8") for k, v in enumerate(w))
assert np.allclose(got, want.astype("f4"), rtol=1e-6, atol=2.0**-80)'
}

@test "two thousand files with 256 descriptors" {
	"$PYTHON" - "$M" <<-'END'
		import os
		import sys
		import numpy as np
		from fed_record import save, load
		base = load(sys.argv[1])[2]
		os.mkdir("many")
		for k in range(2000):
		    save("many/%04d.safetensors" % k, {"0.bias": np.full(25, k, "f4")}, kind="update", client=k,
		         round=1, base=base, examples=1)
	END
	for r in mean median krum:f=10; do
		(ulimit -n 256 && fl-aggregate -j2 -m "$M" -R $r -o "o.safetensors" many/*)
		if [[ $r != krum* ]]; then
			"$PYTHON" -c 'from fed_record import load
assert (load("o.safetensors")[0]["0.bias"] == 999.5).all()'
		fi
	done
}

@test "column rules: little memory, and no place for what comes by pipe" {
	fl-aggregate -m "$M" -R median "$F"/u/* >want
	fl-aggregate -m "$M" -R median --memory 64K "$F"/u/* | cmp - want
	fl-aggregate -m "$M" -R median <"$F/all.sts" | cmp - want
	cat "$F/all.sts" | fl-aggregate -m "$M" -R median | cmp - want
	fails 4 "nowhere: cannot keep updates there" \
		env TMPDIR=nowhere bash -c "cat '$F/all.sts' | fl-aggregate -m '$M' -R median -o out.safetensors"
	run bash -c "ulimit -f 8; cat '$F/all.sts' | fl-aggregate -m '$M' -R median -o out.safetensors"
	[ "$status" = 4 ]
	[[ $output == *"TMPDIR: write: "* ]]
	# Folds and mapped files need no room.
	cat "$F/all.sts" | TMPDIR=nowhere fl-aggregate -m "$M" >/dev/null
	TMPDIR=nowhere fl-aggregate -m "$M" -R median "$F/all.sts" | cmp - want
}

#!/usr/bin/env bats
# fl-stats: clients in, statistics out.

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	fl-partition -d digits -k 3 -B dirichlet:alpha=0.3 -s 1 -o clients
	fl-init -a mlp:in=64,hidden=16,out=10 -s 3 -o m.safetensors
}

setup() {
	D=$BATS_FILE_TMPDIR
	M=$D/m.safetensors
	cd "$BATS_TEST_TMPDIR"
}

@test "statistics of each client, and pooled those of all examples, are NumPy's" {
	for s in classmean classlogit moments gradient columns; do
		fl-stats -m "$M" $s "$D"/clients/*.safetensors >$s.sts
		st-check $s.sts
		fl-aggregate -n 3 -o $s.safetensors $s.sts
		"$PYTHON" "$ROOT/test/golden/stat/check.py" "$M" $s $s.sts $s.safetensors "$D"/clients/*.safetensors
	done
}

@test "pooled: any order of arrival, files or pipe; clients that count alike" {
	for s in classmean:weight=uniform moments gradient:weight=uniform; do
		fl-stats -m "$M" $s "$D"/clients/*.safetensors >all.sts
		for k in 0 1 2; do fl-stats -m "$M" -o $k.sts $s "$D/clients/000$k.safetensors"; done
		fl-aggregate <all.sts >want
		st-cat 2.sts 0.sts 1.sts | fl-aggregate -n 3 | cmp - want
		fl-aggregate -n 3 1.sts 2.sts 0.sts | cmp - want
	done
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		g = [load("%d.sts" % k)[0] for k in range(3)]
		p = load("want")[0]
		for n in p:
		    assert np.allclose(p[n], np.mean([x[n].astype(float) for x in g], 0), atol=1e-7), n
	END
	fl-stats -m "$M" classmean:weight=uniform "$D"/clients/*.safetensors >u.sts
	fl-aggregate u.sts >u.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		g = [t for t, _, _ in stream("u.sts")]
		p = load("u.safetensors")[0]
		for c in range(10):
		    have = [t["mean"][c].astype(float) for t in g if t["count"][c]]
		    assert p["count"][c] == sum(t["count"][c] for t in g)
		    assert np.allclose(p["mean"][c], np.mean(have, 0) if have else 0, atol=1e-6), c
	END
}

@test "what does not belong together is not pooled" {
	refuses() {
		local want=$1 text=$2
		shift 2
		run fl-aggregate -o never "$@"
		echo "$output"
		[ "$status" = "$want" ]
		[[ $output == *"$text"* ]]
		[ ! -e never ]
	}
	fl-stats -m "$M" classmean "$D/clients/0000.safetensors" >a.sts
	fl-stats -m "$M" moments "$D/clients/0001.safetensors" >b.sts
	refuses 3 "client 1: fl.method is 'moments', but that of others is 'classmean:weight=examples'" a.sts b.sts
	refuses 3 "client 0 is there twice" a.sts a.sts
	refuses 3 "record is of kind data, want stats" "$D/clients/0000.safetensors"
	refuses 3 "1 records, 2 expected" -n 2 a.sts
	refuses 2 "-m is missing" -R krum a.sts
	fl-init -a mlp:in=64,hidden=8,out=10 -s 3 -o small.safetensors
	fl-stats -m small.safetensors classmean "$D/clients/0001.safetensors" >c.sts
	refuses 3 "client 1: tensor 'mean' is 10x8, that of client 0 10x16" a.sts c.sts
	fl-local-train -m "$M" "$D/clients/0000.safetensors" >u.sts
	refuses 2 "-m is missing: the model that was sent out; a record is of kind update" u.sts
}

@test "bytes do not depend on -j, nor on files or pipe" {
	fl-stats -m "$M" classmean "$D"/clients/*.safetensors >want
	fl-stats -m "$M" -j 3 classmean "$D"/clients/*.safetensors | cmp - want
	st-cat "$D"/clients/*.safetensors | fl-stats -m "$M" -j 2 classmean | cmp - want
	st-cat "$D"/clients/*.safetensors | fl-stats -m "$M" classmean - | cmp - want
}

@test "the statistic must be named, and be one" {
	run fl-stats -m "$M"
	[ "$status" = 2 ]
	run fl-stats -m "$M" classmeen "$D/clients/0000.safetensors"
	[ "$status" = 2 ]
	[[ $output == *"did you mean 'classmean'?" ]]
}

@test "bad input publishes nothing" {
	c=$D/clients/0001.safetensors
	run fl-stats -m "$M" -o s.sts classmean "$c" "$c"
	[ "$status" = 3 ]
	[[ $output == *"client 1 occurs twice" ]]
	fl-init -a logreg:in=65,out=10 -s 3 -o l.safetensors
	run fl-stats -m l.safetensors -o s.sts classmean "$c"
	[ "$status" = 3 ]
	[[ $output == *"client 1: "*"64 values"*"65"* ]]
	run fl-stats -m "$M" -o s.sts classmean "$D/clients/0099.safetensors"
	[ "$status" = 4 ]
	[ "$(ls)" = l.safetensors ]
	run sh -c "fl-stats -m '$M' classmean <'$c'"
	[ "$status" = 3 ]
	run sh -c "fl-stats -m '$M' classmean '$c' >/dev/full"
	[ "$status" = 4 ]
}

# personal: three models m/000K.safetensors of the clients, each trained on its own data
personal() {
	mkdir m
	for k in 0 1 2; do
		fl-local-train -m "$M" -e 2 "$D/clients/000$k.safetensors" |
			fl-aggregate -m "$M" -n 1 -o m/000$k.safetensors
	done
	fl-partition -d digits:split=test -k 1 -B iid -o public
}

@test "outputs: what every model of a folder says of the same examples, pooled, is NumPy's" {
	personal
	while read -r of pool certain; do
		fl-stats -m m outputs:of=$of,pool=$pool,certain=$certain -d public/0000.safetensors -o o.sts
		fl-stats -m m -j 3 outputs:of=$of,pool=$pool,certain=$certain -d public/0000.safetensors |
			cmp - o.sts
		fl-aggregate -o p.safetensors o.sts
		"$PYTHON" "$ROOT/test/golden/stat/outputs.py" m public/0000.safetensors $of $pool $certain o.sts p.safetensors
	done <<-END
		logits mean 0
		probs mean 0.9
		features mean 0
		loss mean 0
		logits vote 0
		probs agree 0.9
		logits entropy 0
		probs entropy 0.9
	END
}

@test "outputs: one model is its own answer, equal models agree, and others' rows are a client's" {
	personal
	fl-stats -m "$M" outputs -d public/0000.safetensors -o one.sts
	run fl-aggregate one.sts
	[[ $status = 3 && $output == *"fl.client is missing"* ]]
	mkdir same
	for k in 0 1; do cp m/0000.safetensors same/000$k.safetensors; done
	fl-stats -m same outputs:of=probs,pool=entropy -d public/0000.safetensors | fl-aggregate -o e.safetensors
	fl-stats -m same outputs:of=probs,pool=agree -d public/0000.safetensors | fl-aggregate -o a.safetensors
	for f in e a; do st-cat --tensor label --strip-meta --one -o $f.label $f.safetensors; done
	cmp e.label a.label
	fl-stats -m same outputs:of=probs -d public/0000.safetensors -o s.sts
	st-cat --client=1 --one -o want s.sts
	st-cmp --rtol 1e-6 <(st-cat --tensor probs --strip-meta --one want) <(st-cat --tensor probs --strip-meta --one a.safetensors)
	fl-stats -m m outputs:own=off -d public/0000.safetensors -o m.sts
	run fl-aggregate m.sts
	[[ $status = 2 && $output == *"-o FOLDER"* ]]
	fl-aggregate -o others m.sts
	[ "$(ls others)" = "$(ls m)" ]
	fl-stats -m m outputs -d public/0000.safetensors | st-cat --client=0,2 | fl-aggregate -o two.safetensors
	st-cmp <(st-cat --tensor logits --strip-meta --one others/0001.safetensors) <(st-cat --tensor logits --strip-meta --one two.safetensors)
}

@test "outputs of clients' own examples do not go together, and say so" {
	fl-stats -m "$M" outputs "$D"/clients/*.safetensors >o.sts
	run fl-aggregate o.sts
	[[ $status = 3 && $output == *"fl-stats -d"* ]]
	run fl-stats -m "$M" outputs -d digits "$D/clients/0000.safetensors"
	[[ $status = 2 && $output == *"has no place"* ]]
	fl-stats -m "$M" outputs:of=features,pool=vote -d digits:split=test -o f.sts
	run fl-stats -m "$M" outputs --with f.sts -d digits
	[[ $status = 2 && $output == *"no use for f.sts"* ]]
}

@test "entangled: a mixture of the client's class means by its soft label, drawn by seed and round" {
	fl-stats -m "$M" classmean "$D"/clients/*.safetensors >c.sts
	fl-stats -m "$M" -s 3 entangled "$D"/clients/*.safetensors >e.sts
	fl-stats -m "$M" -s 3 -j 2 entangled "$D"/clients/*.safetensors | cmp - e.sts
	fl-stats -m "$M" -s 4 entangled "$D"/clients/*.safetensors >f.sts
	run st-cmp e.sts f.sts
	[ "$status" = 1 ]
	fl-aggregate -o p.safetensors e.sts
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		p = load("p.safetensors")[0]
		for k, ((c, _, _), (m, _, _)) in enumerate(zip(stream("c.sts"), stream("e.sts"))):
		    u = m["soft"][0].astype(float)
		    assert abs(u.sum() - 1) < 1e-6 and ((u > 0) == (c["count"] > 0)).all() and m["classes"][0] == (u > 0).sum()
		    assert np.allclose(m["mean"][0], u @ c["mean"].astype(float), rtol=1e-5, atol=1e-6)
		    assert (p["mean"][k] == m["mean"][0]).all() and (p["soft"][k] == m["soft"][0]).all()
	END
}

# A net whose taps are its features, its outputs, and an exit before them.
tapped_model() {
	fl-init -s 5 -o t.safetensors -a '{"input":[64],"layers":[{"layer":"linear","out":12},
		{"layer":"relu","name":"h"},{"layer":"linear","out":10,"name":"early"},
		{"layer":"linear","from":"h","out":9},{"layer":"tanh","name":"f"},{"layer":"linear","out":10,"name":"z"}],
		"taps":[{"name":"h","of":["h"]},{"name":"early","of":["early"],"loss":"mse","weight":2},
		{"name":"f","of":["f"]},{"name":"z","of":["z"],"loss":"ce"},{"name":"two","of":["f","h"]}]}'
}

# same SPEC SPEC: the same tensors.
same() {
	fl-stats -m t.safetensors "$1" "$D/clients/0001.safetensors" | st-cat --no-prov - >one
	fl-stats -m t.safetensors "$2" "$D/clients/0001.safetensors" | st-cat --no-prov - >two
	st-cmp one two
}

@test "a tap in place of the features or the outputs" {
	tapped_model
	same classmean classmean:tap=f
	same moments moments:tap=f
	same classlogit classlogit:tap=z
	for of in logits probs loss; do same outputs:of=$of outputs:of=$of,tap=z; done
	same outputs:of=features outputs:of=features,tap=f
	n=0
	for s in outputs:tap=early outputs:of=loss,tap=early outputs:tap=two classmean:tap=h; do
		fl-stats -m t.safetensors -o $((n++)).sts $s "$D/clients/0001.safetensors"
	done
	"$PYTHON" - "$D/clients/0001.safetensors" <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		w, d = load("t.safetensors")[0], load(sys.argv[1])[0]
		w = {k: v.astype(float) for k, v in w.items()}
		x, y = d["x"].reshape(len(d["y"]), -1) / 16.0, d["y"]
		lin = lambda x, k: x @ w[k + ".weight"].T + w[k + ".bias"]
		h = np.maximum(lin(x, "0"), 0)
		z, f = lin(h, "early"), np.tanh(lin(h, "3"))
		near = lambda a, b: np.allclose(a, b, atol=1e-5) or sys.exit("%s %s" % (a, b))
		near(load("0.sts")[0]["logits"], z)
		near(load("1.sts")[0]["loss"], ((z - np.eye(10)[y]) ** 2).mean(1))
		near(load("2.sts")[0]["logits"], np.concatenate([f, h], 1))
		near(load("3.sts")[0]["mean"][y[0]], h[y == y[0]].mean(0))
	END
	for s in classmean:tap=x moments:tap=x outputs:tap=x; do
		run fl-stats -m t.safetensors $s "$D/clients/0001.safetensors"
		[ "$status" = 3 ]
		[[ $output == *"client 1: the model has no tap 'x'; it has h, early, f, z, two"* ]]
	done
	run fl-stats -m t.safetensors outputs:of=loss,tap=h "$D/clients/0001.safetensors"
	[ "$status" = 3 ]
	[[ $output == *"tap 'h' has no loss"* ]]
	run fl-stats -m "$M" classmean:tap=h "$D/clients/0001.safetensors"
	[ "$status" = 3 ]
	[[ $output == *"the model has no tap 'h'" ]]
}

@test "outputs:of=loss wants labels of the model's classes" {
	fl-init -a logreg:in=64,out=3 -s 1 -o few.safetensors
	run fl-stats -m few.safetensors outputs:of=loss "$D/clients/0001.safetensors"
	[ "$status" = 3 ]
	[[ $output == *"client 1: "*"10 classes"* ]]
	fl-stats -m few.safetensors outputs "$D/clients/0001.safetensors" | st-check
}

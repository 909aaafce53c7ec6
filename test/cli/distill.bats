#!/usr/bin/env bats
# fl-distill: a server that trains, against PyTorch (golden/distill/make.py) and in a
# pipeline.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/distill
	M=$G/model.safetensors
	cp "$G/model.safetensors" "$G/data.safetensors" "$G/moments.safetensors" .
}

# refuses STATUS TEXT ARGUMENT...
refuses() {
	local want=$1 text=$2
	shift 2
	run fl-distill -o never "$@"
	echo "$output"
	[ "$status" = "$want" ]
	[[ $output == *"$text"* ]]
	[ ! -e never ]
}

@test "feddf equals PyTorch" {
	o="--opt adam:lr=0.02 -e 4 -b 5 --shuffle none -d data.safetensors"
	fl-distill -m "$M" -M feddf:tau=2 $o -o got.safetensors "$G"/[012].safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/feddf.safetensors"
	fl-distill -m "$M" -M feddf:weight=examples $o -o got.safetensors "$G"/[012].safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/feddf-examples.safetensors"
}

@test "ccvr without variance equals PyTorch's classifier of the means" {
	fl-distill -m "$M" -M ccvr:samples=6,draw=equal --with "$G/moments.safetensors" \
		--opt sgd:lr=0.1,momentum=0.9 -e 3 -b 5 --shuffle none -o got.safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/ccvr.safetensors"
}

@test "ccvr draws features of a class as often as it has examples" {
	o="--with moments.safetensors --opt sgd:lr=0.1,momentum=0.9 -e 3 -b 5 --shuffle none"
	fl-distill -m "$M" -M ccvr:samples=6 $o -o got.safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/ccvr-frequency.safetensors"
	"$PYTHON" - "$G" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1] + "/../method")
		from ref import load, save
		t, m = load(sys.argv[1] + "/moments.safetensors")
		save("even.safetensors", dict(t, count=t["count"] * 0 + 7), m)
		t["count"][:] = 1, 0, 10 ** 6
		save("rare.safetensors", t, m)
	END
	# Of equal classes both draw the same; a class of one example is drawn from once.
	for d in frequency equal; do
		fl-distill -m "$M" -M ccvr:samples=6,draw=$d --with even.safetensors --no-prov -o $d.safetensors
	done
	cmp frequency.safetensors equal.safetensors
	fl-distill -m "$M" -M ccvr:samples=6 ${o/moments/rare} -o got.safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/ccvr-rare.safetensors"
}

@test "ccvr trains every layer above the features, as PyTorch does, and none below" {
	fl-distill -m "$G/deep.safetensors" -M ccvr:samples=6,draw=equal --with "$G/moments.safetensors" \
		--opt sgd:lr=0.1,momentum=0.9 -e 3 -b 5 --shuffle none -o got.safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/ccvr-deep.safetensors"
	for f in got "$G/deep"; do st-cat --plain --tensor '0.*' --no-prov -o "${f##*/}.body" "$f.safetensors"; done
	st-cmp got.body deep.body
}

@test "the next round's model, from the clients' mean; the same bytes in any order" {
	o="-m model.safetensors -M feddf -d data.safetensors"
	fl-distill $o -s 3 -o a.safetensors "$G"/[012].safetensors
	cat "$G"/2.safetensors "$G"/0.safetensors "$G"/1.safetensors | fl-distill $o -s 3 -n 3 | cmp - a.safetensors
	fl-distill $o -s 3 -j 3 "$G"/[012].safetensors | cmp - a.safetensors
	fl-distill $o -s 4 -o b.safetensors "$G"/[012].safetensors
	run st-cmp a.safetensors b.safetensors
	[ "$status" = 1 ]
	for cpu in ref avx2; do FL_CPU=$cpu fl-distill $o -s 3 "$G"/[012].safetensors | cmp - a.safetensors || [ "$cpu" = avx2 ]; done
	fl-distill $o --steps 0 -o mean.safetensors "$G"/[012].safetensors
	fl-aggregate -m "$M" -o avg.safetensors "$G"/[012].safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 mean.safetensors avg.safetensors
	"$PYTHON" - "$M" <<-'END'
		import os, sys
		sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		from fed_record import load
		m = load("a.safetensors")[1]
		assert m["fl.kind"] == "model" and m["fl.round"] == "1" and m["fl.parent"] == load(sys.argv[1])[2]
		assert m["fl.arch"] == load(sys.argv[1])[1]["fl.arch"] and "feddf" in m["fl.prov"]
	END
}

@test "on skewed clients, virtual features mend the classifier and nothing else" {
	fl-partition -q -d digits -k 4 -B dirichlet:alpha=0.1 -s 1 -o clients --test-frac 0.2 --test-output held
	fl-init -a mlp:in=64,hidden=32,out=10 -s 1 -o g.safetensors
	fl-local-train -m g.safetensors --opt sgd:lr=0.1 -e 5 clients/*.safetensors |
		fl-aggregate -m g.safetensors -o m.safetensors
	fl-stats -m m.safetensors moments clients/*.safetensors | fl-aggregate -o moments.safetensors
	fl-distill -m m.safetensors -M ccvr:samples=200 --with moments.safetensors -o c.safetensors
	accuracy() { fl-eval -m $1.safetensors --format json held/*.safetensors | jq 'select(.kind == "summary").accuracy'; }
	m=$(accuracy m)
	c=$(accuracy c)
	echo "$m $c"
	jq -en "$c > $m + 0.2"
	for s in m c; do st-cat --tensor '0.*' --no-prov -o $s.body $s.safetensors; done
	st-cmp m.body c.body
	[ "$(st-ls c.safetensors | cut -f1)" = 1 ]
}

# Three clients of digits, whose networks differ, with proxy data: folders c and m, their updates
# in u.sts, proxy.safetensors.
unlike() {
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.5 -s 1 -o c --test-frac 0.1 --test-output held
	cp held/0000.safetensors proxy.safetensors
	mkdir m
	for k in 0 1 2; do
		fl-init -a mlp:in=64,hidden=$((6 + 3 * k)),out=10 -s $k -o m/000$k.safetensors
	done
	fl-local-train -m m -e 2 --opt sgd:lr=0.1 c/*.safetensors >u.sts
}

@test "feddf over a folder of unlike networks: each learns from all, as NumPy has it" {
	unlike
	o="-M feddf:tau=2 -d proxy.safetensors --opt sgd:lr=0.2 -e 2 -b 16 --shuffle none"
	fl-distill -m m $o -o out u.sts
	fl-aggregate -m m -R own -o own u.sts
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		d = load("proxy.safetensors")[0]["x"]
		x = d.reshape(len(d), -1).astype(float) / 16
		w = [{k: v.astype(float) for k, v in load(f"own/000{k}.safetensors")[0].items()} for k in range(3)]
		def forward(w, x):
		    h = np.maximum(x @ w["0.weight"].T + w["0.bias"], 0)
		    return h, h @ w["2.weight"].T + w["2.bias"]
		def soft(z):
		    p = np.exp(z - z.max(1, keepdims=True))
		    return p / p.sum(1, keepdims=True)
		q = soft(sum(forward(v, x)[1] for v in w) / 3 / 2)
		for k, v in enumerate(w):
		    for _ in range(2):
		        for i in range(0, len(x), 16):
		            h, z = forward(v, x[i:i+16])
		            dz = 2 * (soft(z / 2) - q[i:i+16]) / len(z)
		            dh = dz @ v["2.weight"] * (h > 0)
		            for n, g, a in ("2", dz, h), ("0", dh, x[i:i+16]):
		                v[n + ".weight"] = v[n + ".weight"] - 0.2 * g.T @ a
		                v[n + ".bias"] = v[n + ".bias"] - 0.2 * g.sum(0)
		    got, meta, _ = load(f"out/000{k}.safetensors")
		    for n in v:
		        assert np.allclose(got[n], v[n], rtol=1e-4, atol=1e-5), (k, n, abs(got[n] - v[n]).max())
		    assert meta["fl.client"] == str(k) and meta["fl.round"] == "1" and meta["fl.kind"] == "model"
		    assert meta["fl.parent"] == load(f"m/000{k}.safetensors")[2]
	END
	# Any order, any threads, and the models that the clients ended with in place of their updates.
	o="$o --no-prov"
	fl-distill -m m $o -o a u.sts
	for k in 2 0 1; do st-cat --client=$k u.sts -o u$k.sts; done
	fl-distill -m m $o -j 3 -o b u2.sts u0.sts u1.sts
	fl-distill -m m $o -o d own/0001.safetensors own/0000.safetensors own/0002.safetensors
	for k in 0 1 2; do
		cmp a/000$k.safetensors b/000$k.safetensors
		st-cmp a/000$k.safetensors d/000$k.safetensors
	done
	# Clients that sent nothing keep their models, where they are in that folder.
	cp -r m part
	fl-distill -m m $o -o part u0.sts u1.sts
	cmp part/0002.safetensors m/0002.safetensors
	run st-cmp part/0000.safetensors m/0000.safetensors
	[ "$status" = 1 ]
}

@test "one model learns from members of any network" {
	unlike
	fl-init -a logreg:in=64,out=10 -s 4 -o s.safetensors
	o="-m s.safetensors -M feddf -d proxy.safetensors --shuffle none --no-prov"
	fl-distill $o --base m -o a.safetensors u.sts
	fl-aggregate -m m -R own -o own u.sts
	fl-distill $o -o b.safetensors own/*.safetensors
	st-cmp a.safetensors b.safetensors
	# Of an ensemble of one it learns what that says: its classes.
	fl-distill -m s.safetensors -M feddf -d digits -e 60 -o one.safetensors own/0000.safetensors
	run sh -c "fl-eval --format json -m one.safetensors -d digits | jq 'select(.kind == \"summary\").accuracy'"
	one=$output
	run sh -c "fl-eval --format json -m own/0000.safetensors -d digits | jq 'select(.kind == \"summary\").accuracy'"
	jq -en "$one > $output - 0.1"
	refuses 2 "makes a model of each client: -o FOLDER" -m m -M feddf -d proxy.safetensors u.sts -o -
	refuses 2 "m is a folder, but method ccvr trains one model" -m m -M ccvr
	refuses 2 "method ccvr has no use for --base" -m s.safetensors -M ccvr --base m
	refuses 3 "client 1: no model 0001.safetensors or .sts in one" -m s.safetensors -M feddf \
		-d proxy.safetensors --base "$(mkdir one && cp m/0000.safetensors one && echo one)" u.sts
	refuses 3 "the model says no fl.client" -m s.safetensors -M feddf -d proxy.safetensors s.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		from fed_record import load, save
		t, meta, _ = load("own/0000.safetensors")
		save("zero.safetensors", t, **{k[3:]: v for k, v in meta.items() if k != "fl.v"}, examples=0)
	END
	refuses 3 "client 0: fl.examples is 0, want 1 or more" -m s.safetensors -M feddf -d proxy.safetensors zero.safetensors
	refuses 2 "it holds data, and method feddf reads no other operands than updates and models" \
		-m s.safetensors -M feddf -d proxy.safetensors c/0000.safetensors
	refuses 3 "client 0 is there twice" -m s.safetensors -M feddf -d proxy.safetensors own/0000.safetensors \
		own/0000.safetensors
	fl-init -a logreg:in=64,out=9 -s 4 -o nine.safetensors
	refuses 3 "client 0: its model tells 10 classes apart, the one that learns 9" -m nine.safetensors \
		-M feddf -d proxy.safetensors own/0000.safetensors
	refuses 3 "no client has sent an update or a model" -m s.safetensors -M feddf -d proxy.safetensors \
		-n 0 /dev/null
}

@test "statistics are read by --with, or as operands" {
	fl-distill -m "$M" -M ccvr:samples=6 --with moments.safetensors --no-prov -o a.safetensors
	fl-distill -m "$M" -M ccvr:samples=6 moments.safetensors --no-prov | cmp - a.safetensors
	fl-distill -m "$M" -M ccvr:samples=6 --no-prov -n 1 - <moments.safetensors | cmp - a.safetensors
	refuses 2 "it holds update, and method ccvr reads no updates" -m "$M" -M ccvr moments.safetensors \
		"$G/0.safetensors"
}

@test "fedgen equals PyTorch: by the paper, by its authors' code, with diversity below" {
	o="--opt adam:lr=0.05,wd=0.01 -b 6 --steps 4 -s 3"
	gen() {
		fl-distill -m "$G/fedgen-g-$2.safetensors" -M "fedgen$3" $o -o got.safetensors \
			"$G"/fedgen-[01].safetensors "$G"/fedgen-count[01].safetensors
		st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/fedgen-$1.safetensors"
	}
	gen paper none ""
	gen code batch :ensemble=losses,labels=uniform,noise=uniform
	gen hidden batch :diversity=hidden,eta=2.5
	# Epochs are batches here; the order of arrival does not matter, nor how counts come.
	fl-distill -m "$G/fedgen-g-batch.safetensors" -M fedgen:diversity=hidden,eta=2.5 ${o/--steps/-e} \
		-j 2 --with "$G/fedgen-count1.safetensors" "$G/fedgen-1.safetensors" \
		"$G"/fedgen-count0.safetensors "$G/fedgen-0.safetensors" -o more.safetensors
	st-cmp more.safetensors got.safetensors
	refuses 3 "client 1: nothing says how many examples of a class it has" -m "$G/fedgen-g-none.safetensors" \
		-M fedgen "$G"/fedgen-[01].safetensors "$G"/fedgen-count0.safetensors
	refuses 3 "the generator makes 3 features, the model has 7" -m "$M" -M fedgen "$G"/fedgen-[01].safetensors
}

@test "rounds of fedgen over a folder of unlike networks" {
	fl-partition -q -d digits -k 4 -B dirichlet:alpha=0.1 -s 1 -o c
	mkdir m
	for k in 0 1 2 3; do
		fl-init -a mlp:in=64,hidden=$((20 + 5 * k))+16,out=10 -s $k -o m/000$k.safetensors
	done
	fl-init -a generator:noise=8,classes=10,hidden=32,out=16,norm=batch -o gen.safetensors
	[ "$(fl-distill --needs -M fedgen)" = counts ]
	[ -z "$(fl-distill --needs -M feddf)" ]
	for r in 1 2; do
		fl-local-train -m m -M fedgen --with gen.safetensors -e 2 --opt sgd:lr=0.1 \
			--measure "$(fl-distill --needs -M fedgen)" -o u.sts c/*.safetensors
		fl-distill -m gen.safetensors -M fedgen --base m -e 50 -b 32 --opt adam:lr=0.003 -o next.safetensors u.sts
		fl-aggregate -m m -R own -o m u.sts
		mv next.safetensors gen.safetensors
	done
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		t, m, _ = load("gen.safetensors")
		assert m["fl.round"] == "2" and t["1.num_batches_tracked"] == 100, m
		n = sum(np.bincount(load(f"c/000{k}.safetensors")[0]["y"], minlength=10) for k in range(4))
		assert np.allclose(t["@generator/classes"], n / n.sum())
		# The heads take what it makes for its class, as clients draw it.
		y, r = np.repeat(np.arange(10), 50), np.random.default_rng(1)
		x = np.c_[r.standard_normal((500, 8)), np.eye(10)[y]]
		h = x @ t["0.weight"].T + t["0.bias"]
		h = (h - t["1.running_mean"]) / np.sqrt(t["1.running_var"] + 1e-5) * t["1.weight"] + t["1.bias"]
		g = np.maximum(h, 0) @ t["3.weight"].T + t["3.bias"]
		w = [load(f"m/000{k}.safetensors")[0] for k in range(4)]
		z = sum(g @ v["4.weight"].T + v["4.bias"] for v in w)
		assert (z.argmax(1) == y).mean() > 0.9, (z.argmax(1) == y).mean()
	END
	refuses 2 "method fedgen: updates want --base" -m gen.safetensors -M fedgen u.sts
	fl-local-train -m m -o bare.sts c/*.safetensors
	refuses 3 "client 0: @fact/counts is missing; method fedgen needs it: fl-local-train --measure counts" \
		-m gen.safetensors -M fedgen --base m bare.sts
	refuses 2 "-m (--model) must be given" -M fedgen
}

@test "pfedpg and what its networks generate equal PyTorch's" {
	mem="$G/pfedpg-2.safetensors $G/pfedpg-0.safetensors"
	fl-distill -m "$G/pfedpg-h0.safetensors" -M pfedpg:tensors=prompt.* --opt sgd:lr=0.1 -o got0.safetensors $mem
	fl-distill -m "$G/pfedpg-h1.safetensors" -M pfedhn:tensors=prompt.* --opt adam:lr=0.02 -e 3 -b 1 \
		--shuffle none -o got1.safetensors $mem
	for i in 0 1; do
		st-cmp -v --rtol=2e-5 --atol=2e-6 got$i.safetensors "$G/pfedpg-want$i.safetensors"
		fl-distill -m "$G/pfedpg-h$i.safetensors" -M generate:tensors=prompt.* \
			--base "$G/pfedpg-base.safetensors" -o made$i
	done
	"$PYTHON" - "$G" <<-'END'
		import os, sys
		sys.path.insert(0, os.environ["ROOT"] + "/test/golden")
		import numpy as np
		from fed_record import load
		base, _, parent = load(sys.argv[1] + "/pfedpg-base.safetensors")
		for i in 0, 1:
		    want = load(f"{sys.argv[1]}/pfedpg-made{i}.safetensors")[0]
		    for k in range(3):
		        got, m, _ = load(f"made{i}/000{k}.safetensors")
		        assert np.allclose(got["prompt.weight"], want[str(k)], rtol=2e-5, atol=2e-6)
		        assert all((got[n] == base[n]).all() for n in base if n != "prompt.weight")
		        assert m["fl.client"] == str(k) and m["fl.round"] == "4" and m["fl.parent"] == parent
	END
}

# Three clients, c, and a small transformer, t.safetensors.
transformer() {
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.3 -s 1 -o c
	fl-init -s 1 -o t.safetensors -a '{"input":[1,8,8],"layers":[{"layer":"conv2d","out":8,"kernel":2,"stride":2},
		{"layer":"tokens"},{"layer":"position"},{"layer":"prompt","name":"prompt","prompts":4},
		{"layer":"residual","body":[{"layer":"layernorm"},{"layer":"attention","heads":2}]},
		{"layer":"flatten"},{"layer":"linear","name":"head","out":10}]}'
}

@test "rounds of pfedpg: prompts of each client, a head of its own, all else stays" {
	transformer
	fl-init -a pfedpg:clients=3,prompts=4,dim=8,key=6 -s 2 -o h.safetensors
	hyper="tensors=prompt.*"
	fl-distill -m h.safetensors -M generate:$hyper --base t.safetensors -o m
	for r in 1 2 3; do
		fl-local-train -m m -M partial:private=head.*,train=prompt.* --state s --opt adam:lr=0.02 -e 2 \
			-o u.sts c/*.safetensors
		[ "$(st-ls -l u.sts | cut -f2 | sort -u)" = prompt.weight ]
		fl-distill -m h.safetensors -M pfedpg:$hyper --base m --opt adam:lr=0.01 -o h.safetensors u.sts
		fl-distill -m h.safetensors -M generate:$hyper --base m -o m
	done
	# What was generated, with the heads that clients keep, knows their data.
	fl-eval --format json -m m --state s c/*.safetensors >with.json
	fl-eval --format json -m m c/*.safetensors >without.json
	accuracy() { jq 'select(.kind == "summary").accuracy' $1.json; }
	jq -en "$(accuracy with) > $(accuracy without) + 0.2"
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		assert load("h.safetensors")[1]["fl.round"] == "3"
		a, b = (load(f"m/000{k}.safetensors")[0] for k in (0, 1))
		assert abs(a["prompt.weight"] - b["prompt.weight"]).max() > 1e-3
		assert all((a[n] == b[n]).all() for n in a if n != "prompt.weight")
	END
	# Without W_o every client has the prompts in common.
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden/method")
		from ref import load, save
		t, m = load("h.safetensors")
		t["prompts.out.weight"][:] = 0
		save("flat.safetensors", t, m)
		save("want.safetensors", {"prompt.weight": t["prompts.base"]}, {})
	END
	fl-distill -m flat.safetensors -M generate:$hyper --base t.safetensors -o flat
	for k in 0 1 2; do
		st-cat --plain --tensor prompt.weight --no-prov -o p flat/000$k.safetensors
		st-cmp p want.safetensors
	done
}

@test "a table as hypernetwork gives each client what it ended with: own, and with one client fedavg" {
	fl-partition -q -d digits -k 3 -B iid -s 1 -o c
	fl-init -a logreg:in=64,out=10 -s 1 -o t.safetensors
	for n in 1 3; do
		fl-init -a "{\"input\":[1],\"layers\":[{\"layer\":\"embedding\",\"num\":$n,\"dim\":650}],\"loss\":\"mse\"}" \
			-s 3 -o h.safetensors
		rm -rf m own next
		fl-distill -m h.safetensors -M generate --base t.safetensors -o m
		fl-local-train -m m -e 1 -o u.sts $(ls c/*.safetensors | head -n $n)
		fl-distill -m h.safetensors -M pfedpg --base m --opt sgd:lr=1 -o h1.safetensors u.sts
		fl-distill -m h1.safetensors -M generate --base m -o next
		fl-aggregate -m m -R own -o own u.sts
		for f in own/*; do st-cmp --rtol=1e-6 --atol=1e-6 "$f" "next/${f#own/}"; done
		[ "$(ls next | wc -l)" = $n ]
		if [ $n = 1 ]; then
			fl-aggregate -m m/0000.safetensors -o avg.safetensors u.sts
			st-cmp --rtol=1e-6 --atol=1e-6 avg.safetensors next/0000.safetensors
		fi
	done
	fl-init -a '{"input":[1],"layers":[{"layer":"embedding","num":1,"dim":650}]}' -o one.safetensors
	refuses 3 "client 1: the hypernetwork knows clients 0 to 0" -m one.safetensors -M pfedpg --base m u.sts
	refuses 3 "client 0: tensors=*bias are 10 numbers of its model, the hypernetwork makes 650" \
		-m h.safetensors -M pfedpg:tensors=*bias --base m u.sts
	refuses 3 "the model does not read a client's number, as a hypernetwork does: its input must be [1]" -m t.safetensors -M pfedpg --base m u.sts
	refuses 2 "method generate wants --base" -m h.safetensors -M generate
	refuses 2 "method generate makes a model of each client: -o FOLDER" -m h.safetensors -M generate \
		--base t.safetensors -o -
	refuses 2 "method generate reads no updates" -m h.safetensors -M generate --base t.safetensors u.sts
	refuses 5 "is not finite" -m h.safetensors -M pfedpg --base m --opt sgd:lr=1e6 -e 9 u.sts
}

@test "a soup of the clients' models that help, as NumPy has it; labels are wanted" {
	fl-partition -q -d digits -k 5 -B dirichlet:alpha=0.3 -s 1 -o c --test-frac 0.2 --test-output held
	fl-init -a mlp:in=64,hidden=9,out=10 -s 1 -o g.safetensors
	fl-local-train -m g.safetensors --opt sgd:lr=0.1 -e 3 -o u.sts c/*.safetensors
	for p in greedy uniform; do
		fl-distill -m g.safetensors -M soup:kind=$p -d held/0000.safetensors -o $p.safetensors u.sts
	done
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		d = load("held/0000.safetensors")[0]
		x, y = d["x"].reshape(len(d["y"]), -1) / 16., d["y"]
		g = load("g.safetensors")[0]
		m = [{k: g[k].astype(float) + u[k] for k in g} for u, _, _ in stream("u.sts")]
		def right(w):
		    h = np.maximum(x @ w["0.weight"].T + w["0.bias"], 0)
		    return ((h @ w["2.weight"].T + w["2.bias"]).argmax(1) == y).sum()
		def mean(s):
		    return {k: sum(w[k] for w in s) / len(s) for k in g}
		soup = []
		for w in sorted(m, key=right, reverse=True):
		    if not soup or right(mean(soup + [w])) >= right(mean(soup)):
		        soup.append(w)
		assert 1 < len(soup) < 5, len(soup)
		for name, s in ("greedy", soup), ("uniform", m):
		    t, meta, _ = load(name + ".safetensors")
		    assert all(np.allclose(t[k], mean(s)[k], rtol=1e-5, atol=1e-6) for k in g), name
		    assert meta["fl.round"] == "1"
	END
	fl-distill -m g.safetensors -M soup -d held/0000.safetensors -j 3 -n 5 -o j.safetensors <u.sts
	st-cmp j.safetensors greedy.safetensors
	refuses 2 "method soup wants labelled data: -d SOURCE" -m g.safetensors -M soup u.sts
	fl-partition -q -d held/0000.safetensors -k 1 -B iid -s 1 --shift unlabelled:share=0.1 -o some
	refuses 3 "row 2 is not labelled (y is -1)" -m g.safetensors -M soup -d some/0000.safetensors u.sts
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o other.safetensors
	refuses 3 "client 0: its model is of another architecture than -m" -m other.safetensors \
		-M soup --base g.safetensors -d held/0000.safetensors u.sts
	fl-init -a mlp:in=64,hidden=9,out=4 -s 1 -o four.safetensors
	refuses 3 "classes" -m four.safetensors -M soup --base g.safetensors -d held/0000.safetensors u.sts
}

@test "fedtgp and its prototypes equal PyTorch's, and are what method fedproto reads" {
	o="--opt sgd:lr=0.1 -e 2 -b 2 --shuffle none"
	fl-distill -m "$G/fedtgp-g.safetensors" -M fedtgp $o -o got.safetensors "$G"/fedtgp-[10].safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 got.safetensors "$G/fedtgp-want.safetensors"
	fl-distill -m "$G/fedtgp-g.safetensors" -M fedtgp:margin=0.25 $o -o small.safetensors "$G"/fedtgp-[10].safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 small.safetensors "$G/fedtgp-small.safetensors"
	fl-distill -m got.safetensors -M prototypes -o made.safetensors
	st-cmp -v --rtol=2e-5 --atol=2e-6 made.safetensors "$G/fedtgp-made.safetensors"
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.3 -s 1 -o c
	mkdir m
	for k in 0 1 2; do fl-init -a mlp:in=64,hidden=$((20 + 5 * k))+8,out=10 -s $k -o m/000$k.safetensors; done
	fl-init -a fedtgp:classes=10,dim=8 -o p.safetensors
	for r in 1 2; do
		fl-distill -m p.safetensors -M prototypes -o made.safetensors
		fl-local-train -m m -M fedproto --with made.safetensors c/*.safetensors | fl-aggregate -m m -R own -o m
		fl-stats -m m classmean c/*.safetensors | fl-distill -m p.safetensors -M fedtgp -b 10 --opt sgd:lr=0.01 \
			-o p.safetensors -
	done
	refuses 2 "method fedtgp reads statistic classmean by --with" -m p.safetensors -M fedtgp
	refuses 3 "statistic classmean of client 0: 'mean' and 'count' are not of 10 classes and 8 numbers each" \
		-m p.safetensors -M fedtgp "$G"/fedtgp-[10].safetensors
	refuses 3 "the model does not read a class: its input must be [1]" -m "$M" -M fedtgp "$G"/fedtgp-[10].safetensors
	refuses 3 "the model does not read a class" -m "$M" -M prototypes
}

@test "draw makes data of a generator: by its classes, as it was trained" {
	fl-distill -m "$G/fedgen-g-batch.safetensors" -M fedgen:noise=uniform -b 6 -o g.safetensors \
		"$G"/fedgen-[01].safetensors "$G"/fedgen-count[01].safetensors
	fl-distill -m g.safetensors -M draw:examples=700 -s 5 -o d.safetensors
	fl-distill -m g.safetensors -M draw:examples=300 -s 5 -o few.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load
		t, m, _ = load("d.safetensors")
		few = load("few.safetensors")[0]
		assert m["fl.kind"] == "data" and m["fl.classes"] == "3" and t["x"].shape == (700, 7)
		assert (t["x"][:300] == few["x"]).all() and (t["y"][:300] == few["y"]).all()
		n = np.bincount(t["y"], minlength=3) / 700
		assert abs(n - np.array([7, 4, 2]) / 13).max() < 0.06, n
		g = {k: v.astype(float) for k, v in load("g.safetensors")[0].items()}
		# The draw's numbers, by numpy's Philox: purpose 9, the example's number last.
		for i in 0, 1, 299:
		    r = np.random.Philox(key=5 | 9 << 64, counter=((2**64 - 1) << 128 | i << 192) - 1)
		    u = (r.random_raw(5) >> np.uint64(11)) / 2.**53
		    c = int(np.searchsorted(np.cumsum(g["@generator/classes"]), u[0], side="right"))
		    assert c == t["y"][i]
		    h = g["0.weight"] @ np.r_[u[1:], np.eye(3)[c]] + g["0.bias"]
		    h = (h - g["1.running_mean"]) / np.sqrt(g["1.running_var"] + 1e-5) * g["1.weight"] + g["1.bias"]
		    x = g["3.weight"] @ np.maximum(h, 0) + g["3.bias"]
		    assert np.allclose(t["x"][i], x, rtol=1e-4, atol=1e-5)
	END
	# It is data as any other.
	fl-init -a logreg:in=7,out=3 -o head.safetensors
	fl-eval -m head.safetensors -d d.safetensors >/dev/null
	refuses 2 "the generator does not say how many classes it has" -m "$G/fedgen-g-batch.safetensors" -M draw
	fl-distill -m "$G/fedgen-g-batch.safetensors" -M draw:classes=3 -o raw.safetensors
	refuses 3 "the generator has 7 inputs, want noise and 8 classes" -m "$G/fedgen-g-batch.safetensors" -M draw:classes=8
}

@test "what does not fit is refused" {
	u="$G/0.safetensors"
	refuses 2 "method feddf wants proxy data: -d SOURCE" -m "$M" -M feddf "$u"
	refuses 2 "method ccvr has no use for -d" -m "$M" -M ccvr --with "$G/moments.safetensors" -d digits
	refuses 2 "method ccvr reads statistic moments by --with" -m "$M" -M ccvr
	refuses 2 "method ccvr reads no updates" -m "$M" -M ccvr --with "$G/moments.safetensors" "$u"
	refuses 2 "-M" -m "$M"
	refuses 2 "exclude each other" -m "$M" -M feddf -d "$G/data.safetensors" -e 1 --steps 1 "$u"
	refuses 3 "client 0 is there twice" -m "$M" -M feddf -d "$G/data.safetensors" "$u" "$u"
	refuses 3 "holds update, but method ccvr reads statistic moments" -m "$M" -M ccvr --with "$u"
	refuses 3 "12" -m "$M" -M feddf -d digits "$u"
	fl-distill -m "$M" -M feddf -d "$G/data.safetensors" -o next.safetensors "$u"
	refuses 3 "client 0: fl.round is 1, but the model is of round 1" -m next.safetensors -M feddf -d "$G/data.safetensors" "$u"
	fl-init -a mlp:in=12,hidden=7,out=3 -s 9 -o other.safetensors
	refuses 3 "client 0: fl.base is" -m other.safetensors -M feddf -d "$G/data.safetensors" "$u"
	fl-init -a mlp:in=12,hidden=8,out=3 -s 9 -o wide.safetensors
	refuses 3 "moments is not of 3 classes and 8 features" -m wide.safetensors -M ccvr --with "$G/moments.safetensors"
	fl-init -a '{"input":[12],"layers":[{"layer":"linear","out":7},{"layer":"relu"},{"layer":"slice","size":3}],"features":1}' \
		-s 9 -o bare.safetensors
	refuses 3 "no layer from layers[1] on has parameters" -m bare.safetensors -M ccvr --with "$G/moments.safetensors"
	refuses 5 "step 5: loss is not finite" -m "$M" -M feddf -d "$G/data.safetensors" --opt sgd:lr=1e6 -b 5 \
		-e 9 "$G"/[012].safetensors
	run sh -c "fl-distill -m '$M' -M ccvr --with '$G/moments.safetensors' >/dev/full"
	[ "$status" = 4 ]
}

@test "a covariance that is none is refused, one without full rank is fine" {
	"$PYTHON" - "$G" <<-'END'
		import os, sys
		sys.path.insert(0, os.environ["ROOT"] + "/test/golden/method")
		import numpy as np
		from ref import load, save
		t, m = load(sys.argv[1] + "/moments.safetensors")
		v = np.arange(7.0) - 2
		t["cov"] = np.stack([np.outer(v, v), np.zeros((7, 7)), np.eye(7)])
		save("flat.safetensors", t, m)
		t["cov"][2, 3, 3] = -1
		save("bad.safetensors", t, m)
	END
	fl-distill -m "$M" -M ccvr --with flat.safetensors -o c.safetensors
	refuses 3 "class 2: the covariance is not positive semidefinite: pivot 3 is -1" -m "$M" -M ccvr --with bad.safetensors
}

@test "fedgh refuses soft labels below 0" {
	fl-init -a logreg:in=8,out=10 -s 5 -o head.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden/method")
		import numpy as np
		from ref import save
		soft = np.full((1, 10), 0.1, np.float32)
		soft[0, 2] = -3
		save("below.safetensors", {"mean": np.ones((1, 8), np.float32), "soft": soft},
		     {"fl.kind": "stats", "fl.method": "entangled", "fl.client": "1", "fl.examples": "4"})
	END
	refuses 3 "statistic entangled of client 1: 'soft': element 2 is below 0" \
		-m head.safetensors -M fedgh --with below.safetensors
}

@test "fedgh trains a head on class means of unlike networks, and fedre on mixtures, as NumPy does" {
	fl-partition -d digits -k 3 -B shards:s=3 -s 1 -o clients
	mkdir m
	for k in 0 1 2; do
		fl-init -a mlp:in=64,hidden=$((20 + 5 * k))+8,out=10 -s $k -o g.safetensors
		fl-local-train -m g.safetensors clients/000$k.safetensors |
			fl-aggregate -m g.safetensors -o m/000$k.safetensors
	done
	fl-init -a logreg:in=8,out=10 -s 5 -o head.safetensors
	fl-stats -m m classmean clients/*.safetensors >c.sts
	fl-stats -m m -s 2 entangled clients/*.safetensors >e.sts
	o="-m head.safetensors -M fedgh --opt sgd:lr=0.3 -e 3 -b 4 --shuffle none"
	fl-distill $o --with c.sts -o c.safetensors
	fl-distill $o --with e.sts -o e.safetensors
	st-cat --client=2 c.sts -o c2.sts
	st-cat --client=0-1 c.sts -o c01.sts
	fl-distill $o --with c2.sts --with c01.sts | cmp - c.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		def rows(path):
		    for t, _, _ in stream(path):
		        if "soft" in t:
		            yield t["mean"][0], t["soft"][0]
		        else:
		            for c in np.flatnonzero(t["count"]):
		                yield t["mean"][c], np.eye(10)[c]
		def train(path):
		    w = {k: v.astype(float) for k, v in load("head.safetensors")[0].items()}
		    x, q = (np.array(v, float) for v in zip(*rows(path)))
		    for _ in range(3):
		        for i in range(0, len(x), 4):
		            z = x[i:i+4] @ w["0.weight"].T + w["0.bias"]
		            p = np.exp(z - z.max(1, keepdims=True))
		            d = (p / p.sum(1, keepdims=True) - q[i:i+4]) / len(z)
		            w["0.weight"] -= 0.3 * d.T @ x[i:i+4]
		            w["0.bias"] -= 0.3 * d.sum(0)
		    return w
		for name in "ce":
		    w, got = train(name + ".sts"), load(name + ".safetensors")[0]
		    for k in w:
		        assert np.allclose(got[k], w[k], rtol=1e-4, atol=1e-5), (name, k, abs(got[k] - w[k]).max())
	END
	# A client of one class: its mixture is its class mean, and so is the head.
	fl-partition -d digits -k 10 -B shards:s=1 -s 1 -o one
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o g.safetensors
	one=$(for f in one/*.safetensors; do
		fl-stats -m g.safetensors entangled $f >x.sts
		fl-stats -m g.safetensors classmean $f >y.sts
		"$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden')
from fed_record import stream
t = next(stream('x.sts'))[0]
print('$f' if t['classes'][0] == 1 else '')"
	done | sed -n '/./{p;q;}')
	[ -n "$one" ]
	fl-distill $o --with <(fl-stats -m g.safetensors entangled $one) -o x.safetensors
	fl-distill $o --with <(fl-stats -m g.safetensors classmean $one) -o y.safetensors
	st-cmp x.safetensors y.safetensors
	refuses 3 "statistic classmean of client 0: 'mean' is not of 10 rows of 16" \
		-m "$(fl-init -a logreg:in=16,out=10 -o h.safetensors; echo h.safetensors)" -M fedgh --with c.sts
	refuses 2 "not pooled" -m head.safetensors -M fedgh
	fl-aggregate -o pooled.safetensors c.sts
	refuses 3 "a record says no fl.client" -m head.safetensors -M fedgh --with pooled.safetensors
}

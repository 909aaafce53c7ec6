#!/usr/bin/env bats
# Local methods against PyTorch: method/NAME/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/method
	SMALL="--opt sgd:lr=0.1 -b 5 -e 2 --shuffle none"
}

# two_rounds NAME SPEC [OPTION...]: trains rounds 1 and 2 from the models there, with what is
# there, towards want1 and want2; or, where want is set to A, wantA1 and wantA2.
two_rounds() {
	local r with name=$1 spec=$2
	shift 2
	for r in 1 2; do
		with=()
		[ ! -e "$G/$name/with$r.safetensors" ] || with=(--with "$G/$name/with$r.safetensors")
		fl-local-train -m "$G/$name/model$((r - 1)).safetensors" -M "$spec" $SMALL "${with[@]}" \
			--state state "$@" -o "got$r.sts" "$G/$name/data.safetensors"
		st-cmp --rtol=2e-5 --atol=2e-7 "got$r.sts" "$G/$name/want${want:-}$r.safetensors"
	done
}

perceptron() {
	fl-init -a adafedadam-mlp -s 1 -o m.safetensors
	"$PYTHON" "$G/fedavg/make.py" data .
	fl-local-train -m m.safetensors --opt sgd:lr=.01,momentum=.9,wd=5e-4 -e 1 -b 32 \
		--shuffle none -o u.sts data.safetensors
}

@test "an epoch of AdaFedAdam's perceptron equals PyTorch's, as committed" {
	perceptron
	"$PYTHON" "$G/fedavg/make.py" check m.safetensors u.sts
}

@test "fedprox equals the reference" {
	two_rounds fedprox fedprox:mu=0.3
}

@test "fedprox with mu 0 is fedavg" {
	for m in fedavg fedprox:mu=0; do
		fl-local-train -m "$G/fedprox/model0.safetensors" -M $m $SMALL --no-prov \
			"$G/fedprox/data.safetensors" >$m.sts
	done
	st-cmp fedavg.sts fedprox:mu=0.sts
}

@test "scaffold equals the reference: updates, increments of c, state" {
	two_rounds scaffold scaffold:fraction=0.25
	# The state file keeps both rounds.
	cat "$G"/scaffold/state[12].safetensors >want.sts
	st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
}

@test "ditto equals the reference: updates, personal models" {
	two_rounds ditto ditto:lambda=0.7,epochs=3
	cat "$G"/ditto/state[12].safetensors >want.sts
	st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
}

@test "fedcac equals the reference: updates, and masks to the bit" {
	two_rounds fedcac fedcac:tau=0.4
	st-ls got1.sts >/dev/null
	st-cat --tensor '@fedcac/*' -o masks.sts got1.sts
	st-cat --tensor '@fedcac/*' -o want.sts "$G/fedcac/want1.safetensors"
	st-cmp masks.sts want.sts
}

# state_of NAME: the client's state file keeps both rounds.
state_of() {
	cat "$G/$1"/state[12].safetensors >want.sts
	st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
}

@test "feddyn equals the reference in the paper's variables: updates, state" {
	two_rounds feddyn feddyn:alpha=0.3
	state_of feddyn
}

@test "fedsam equals the reference" {
	two_rounds fedsam fedsam:rho=0.2
}

@test "precision equals the reference by element and by tensor, and so does the mean by it" {
	for each in element tensor; do
		want=$([ $each = element ] || echo T)
		for r in 1 2; do
			fl-local-train -m "$G/precision/model$((r - 1)).safetensors" $SMALL --no-prov \
				-M precision:floor=1e-6,each=$each -o got.sts "$G/precision/data.safetensors"
			st-cmp --rtol=2e-3 --atol=2e-7 got.sts "$G/precision/want$want$r.safetensors"
			st-cat --plain --no-sync -o got-plain.sts got.sts
			st-cat --plain --no-sync -o plain.sts "$G/precision/want$want$r.safetensors"
			st-cmp --rtol=2e-5 --atol=2e-7 got-plain.sts plain.sts
		done
	done
	fl-partition -q -d digits -k 3 -B iid -s 1 -o c --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors --no-sync
	go() { fl-local-train -m m.safetensors --opt sgd:lr=0.1 -b 32 --no-prov "$@" c/*.safetensors; }
	go -M precision -j 2 -e 2 -o u.sts
	fl-aggregate -m m.safetensors -R mean:weight=uniform -o next.safetensors --no-sync u.sts
	PYTHONPATH=$ROOT/test/golden "$PYTHON" - <<-'END'
	import numpy as np
	import fed_record
	u = [r[0] for r in fed_record.stream("u.sts") if r[0]]
	(w,), (got,) = ([r[0] for r in fed_record.stream(f + ".safetensors")] for f in ("m", "next"))
	assert len(u) == 3
	for k in w:
	    m = np.array([v["@mask/" + k] for v in u], float)
	    assert (m > 0).all() and m.std(0).any()
	    want = w[k] + (m * [v[k] for v in u]).sum(0) / m.sum(0)
	    assert np.abs(got[k] - want).max() < 1e-7, k
	END
	# One sample has no variance: all count alike, as in FedAvg.
	go --steps 1 -M precision:burn=1 | fl-aggregate -n 3 -m m.safetensors -o one.safetensors --no-sync
	go --steps 1 | fl-aggregate -n 3 -m m.safetensors -o fedavg.safetensors --no-sync
	st-cmp --rtol=1e-6 --atol=1e-8 one.safetensors fedavg.safetensors
	# Noise: the same for any -j, wider, by seed.
	run go -M precision:temperature=1 --opt sgd:lr=0 -e 2 -o never
	[[ $status == 2 && $output == *"noise at a temperature wants a rate above 0" && ! -e never ]]
	go -M precision:temperature=1 -j 1 -e 2 -o hot.sts
	go -M precision:temperature=1 -j 3 -e 2 | st-cmp hot.sts -
	run st-cmp -q hot.sts u.sts
	[ "$status" = 1 ]
	run st-cmp -q hot.sts <(go -M precision:temperature=1 -e 2 -s 9)
	[ "$status" = 1 ]
}

@test "fal equals the reference: linf with bounds, l2, the fast gradient sign" {
	two_rounds fal fal:eps=0.3,alpha=0.12,steps=4,lo=-1.5,hi=1.7
	for c in l2-:eps=0.8,norm=l2,steps=3 fgsm-:eps=0.25,steps=1 fgsm-:eps=0.25,alpha=0.3,steps=1; do
		for r in 1 2; do
			fl-local-train -m "$G/fal/model$((r - 1)).safetensors" -M fal:${c#*:} $SMALL \
				"$G/fal/data.safetensors" >got.sts
			st-cmp --rtol=2e-5 --atol=2e-7 got.sts "$G/fal/${c%%:*}$r.safetensors"
		done
	done
}

@test "fal that begins anywhere: the same for any -j and batch, another by seed" {
	fl-partition -q -d digits -k 2 -B iid -s 1 -o c --no-sync
	fl-init -a mlp:in=64,hidden=9,out=10 -s 1 -o m.safetensors --no-sync
	for n in linf l2; do
		go() { fl-local-train -m m.safetensors -M fal:eps=0.5,random=on,steps=2,norm=$n "$@" c/*.safetensors | st-cat --plain; }
		go --opt sgd:lr=0.1 -e 2 -s 1 >one
		go --opt sgd:lr=0.1 -e 2 -s 1 -j 2 | cmp - one
		for cpu in ref avx2; do FL_CPU=$cpu go --opt sgd:lr=0.1 -e 2 -s 1 | cmp - one || [ $cpu = avx2 ]; done
		go --opt sgd:lr=0.1 -e 2 -s 2 >two
		! st-cmp one two >/dev/null
	done
}

@test "fedee equals the reference: exits that a client trains, means over those who do" {
	cp "$G/fedee/model0.safetensors" g.safetensors
	for r in 1 2; do
		fl-local-train -m g.safetensors -M fedee:exit=exit1 $SMALL -o 0.sts "$G/fedee/client0.safetensors"
		fl-local-train -m g.safetensors -M fedee $SMALL -o 1.sts "$G/fedee/client1.safetensors"
		[ $r = 2 ] || for k in 0 1; do st-cmp --rtol=2e-5 --atol=2e-7 $k.sts "$G/fedee/want$k.safetensors"; done
		cat 1.sts 0.sts | fl-aggregate -m g.safetensors -o g.safetensors
		st-cmp --rtol=2e-5 --atol=2e-7 g.safetensors "$G/fedee/model$r.safetensors"
	done
	# the deepest exit before the output leaves the output alone, and its loss
	fl-local-train -m g.safetensors -M fedee:exit=exit2 $SMALL "$G/fedee/client1.safetensors" | st-ls -l - >have
	! grep -q 'fc3\|exit3' have
	grep -q exit2 have
}

@test "fedee with all exits is fedavg; what is measured is the whole loss, for any -j" {
	M="-m $G/fedee/model0.safetensors $SMALL --measure loss0"
	for m in fedavg fedee; do fl-local-train $M -M $m "$G"/fedee/client[01].safetensors | st-cat --plain -o $m.sts; done
	st-cmp fedavg.sts fedee.sts
	facts() { st-ls --meta --format json "$1" | grep -o 'fl.loss0[^,]*'; }
	for j in 1 2; do
		fl-local-train $M -M fedee:exit=exit1 -j $j "$G"/fedee/client[01].safetensors >one.sts
		[ "$(facts one.sts)" = "$(facts fedavg.sts)" ]
	done
	[ "$(facts one.sts | wc -l)" = 2 ]
	run fl-local-train $M -M fedee:exit=exit3 "$G/fedee/client0.safetensors" -o never
	[ "$status" = 3 ]
	[[ $output == *"client 0: method fedee: the model has no tap 'exit3'; it has exit1, exit2" ]]
}

# tapped FOLDER: its models and data here, with taps f, the features, and p, what precedes them.
tapped() {
	"$PYTHON" - "$G" "$1" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from ref import load, save
		arch = ('{"input":[12],"layers":[{"layer":"linear","out":7},{"layer":"relu"},'
		        '{"layer":"linear","out":3}],"taps":[{"name":"p","of":["0"]},{"name":"f","of":["1"]}]%s}')
		for r in (0, 1):
		    t, m = load(f"{sys.argv[1]}/{sys.argv[2]}/model{r}.safetensors")
		    save(f"model{r}.safetensors", t, {**m, "fl.arch": arch % ""})
		    save(f"before{r}.safetensors", t, {**m, "fl.arch": arch % ',"features":1'})
	END
}

@test "methods of features take a tap in their place" {
	tapped moon
	for r in 1 2; do
		go() { fl-local-train -m "$1$((r - 1)).safetensors" -M "$2" $SMALL --state "$3" "$G/moon/data.safetensors"; }
		go model moon:mu=0.6,tau=0.4 s1 >plain
		go model moon:mu=0.6,tau=0.4,tap=f s2 >got
		st-cmp plain got
		go model moon:mu=0.6,tau=0.4,tap=p s3 >got
		! st-cmp plain got >/dev/null || [ $r = 1 ]
		go before moon:mu=0.6,tau=0.4 s4 | st-cmp - got
		# beside another method's, which has its own
		go model moon:mu=0.6,tau=0.4,tap=p,fedprox:mu=0 s5 | st-cmp - got
	done
	tapped fedproto
	for m in fedproto fedproto:tap=f; do
		fl-local-train -m model0.safetensors -M $m $SMALL --with "$G/fedproto/with1.safetensors" \
			--no-prov "$G/fedproto/data.safetensors" | st-cat --plain -o $m.sts
	done
	st-cmp fedproto.sts fedproto:tap=f.sts
	run fl-local-train -m model0.safetensors -M fedproto:tap=q --with "$G/fedproto/with1.safetensors" \
		"$G/fedproto/data.safetensors" -o never
	[ "$status" = 3 ]
	[[ $output == *"client 4: method fedproto: the model has no tap 'q'; it has p, f" ]]
}

@test "m3col equals the reference: the mixup contrast with its draws, then the soft one" {
	for r in 1 2; do
		fl-local-train -m "$G/m3col/model$((r - 1)).safetensors" -M m3col:rounds=1 -s 3 $SMALL \
			"$G/m3col/data.safetensors" >got.sts
		st-cmp --rtol=2e-5 --atol=2e-7 got.sts "$G/m3col/want$r.safetensors"
	done
	for t in mix=x soft=a+x; do
		run fl-local-train -m "$G/m3col/model0.safetensors" -M m3col:$t "$G/m3col/data.safetensors" -o never
		[ "$status" = 3 ]
		[[ $output == *"client 4: method m3col: the model has no tap 'x'; it has a, b, mixab, mixba, soft" ]]
	done
}

@test "propfair equals the reference, beyond eps as the paper and as its code" {
	two_rounds propfair propfair:M=1.3,eps=0.25
	for r in 1 2; do
		fl-local-train -m "$G/propfair/model$((r - 1)).safetensors" -M propfair:M=1.3,eps=0.25,low=constant \
			$SMALL "$G/propfair/data.safetensors" >got.sts
		st-cmp --rtol=2e-5 --atol=2e-7 got.sts "$G/propfair/constant$r.safetensors"
	done
	run fl-local-train -m "$G/propfair/model0.safetensors" -M propfair:M=0,low=constant "$G/propfair/data.safetensors" -o never
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"propfair: low=constant wants M above 0"* ]]
}

@test "one step of propfair is a step of all examples over M - F_k, which rule propfair weighs by" {
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.2 -s 3 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	for m in fedavg propfair; do
		fl-local-train -m m.safetensors -M $m --opt sgd:lr=0.5 -b 1000 --steps 1 --shuffle none \
			--measure loss0 clients/*.safetensors >$m.sts
	done
	fl-aggregate -m m.safetensors propfair.sts >a.safetensors
	fl-aggregate -m m.safetensors -R propfair fedavg.sts >b.safetensors
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$ROOT/test/golden")
		import numpy as np
		from fed_record import load, stream
		m, a, b = (load(n + ".safetensors")[0] for n in "mab")
		facts = [(float(t["fl.loss0"]), int(t["fl.examples"])) for _, t, _ in stream("fedavg.sts")]
		size = sum(n / (5 - f) for f, n in facts) / sum(n for _, n in facts)
		for k in m:
		    assert np.allclose(a[k] - m[k], size * (b[k] - m[k]), rtol=1e-4, atol=1e-6), k
	END
}

@test "fedspeed equals the reference: updates, state" {
	two_rounds fedspeed fedspeed:lambda=0.4,rho=0.2,alpha=0.7
	state_of fedspeed
}

@test "fedspeed:form=paper equals the reference in the paper's variables" {
	for r in 1 2; do
		fl-local-train -m "$G/fedspeed/model$((r - 1)).safetensors" $SMALL --state state \
			-M fedspeed:form=paper,lambda=2.5,rho=0.2,alpha=0.7 "$G/fedspeed/data.safetensors" >got.sts
		st-cmp --rtol=2e-5 --atol=2e-7 got.sts "$G/fedspeed/paper$r.safetensors"
	done
	state_of fedspeed
	run fl-local-train -m "$G/fedspeed/model0.safetensors" -M fedspeed:form=paper,lambda=0 --state other \
		-o never "$G/fedspeed/data.safetensors"
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"fedspeed: form=paper wants lambda above 0"* ]]
}

@test "fedspeed: with all clients at hand, the paper's server is the code's" {
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.2 -s 3 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o 0.safetensors
	for form in code paper; do
		server=sgd
		[ $form = paper ] || server=feddyn
		cp 0.safetensors $form
		for r in 1 2 3; do
			fl-local-train -m $form -M fedspeed:form=$form --state k-$form --opt sgd:lr=0.1 clients/*.safetensors |
				fl-aggregate -m $form -R mean:weight=uniform -S $server --state s-$form -o $form
		done
	done
	st-cmp --rtol=1e-4 --atol=1e-6 code paper
	! st-cmp --rtol=1e-2 --atol=1e-4 code 0.safetensors >/dev/null
}

@test "fedcm equals the reference: updates, increments of the direction" {
	two_rounds fedcm fedcm:alpha=0.3
}

@test "mimelite equals the reference: updates, increments of the momentum" {
	two_rounds mimelite mimelite:beta=0.6
}

@test "fedlc and logitadj equal the reference" {
	two_rounds fedlc fedlc:tau=1.5
	two_rounds logitadj logitadj:tau=1.5,smooth=2
}

@test "moon equals the reference: updates, the last model" {
	two_rounds moon moon:mu=2,tau=0.4
	state_of moon
}

@test "moon with its code's projection head before the last layer equals the reference" {
	for r in 1 2; do
		fl-local-train -m "$G/moon/head-model$((r - 1)).safetensors" -M moon:mu=2,tau=0.4 $SMALL --state state \
			-o got.sts "$G/moon/data.safetensors"
		st-cmp --rtol=2e-5 --atol=2e-7 got.sts "$G/moon/head-want$r.safetensors"
	done
}

@test "fedntd equals the reference" {
	two_rounds fedntd fedntd:beta=0.8,tau=2
}

@test "fedproto and fd equal the reference, and leave out classes that nobody has" {
	two_rounds fedproto fedproto:lambda=1.5
	two_rounds fd fd:gamma=1.5
}

@test "fd:own=out trains towards the mean of the others, by examples and by clients" {
	local k
	for k in examples uniform; do
		fl-local-train -m "$G/fd/model0.safetensors" -M fd:gamma=1.5,own=out $SMALL \
			--with "$G/fd/own-with-$k.safetensors" "$G/fd/data.safetensors" >got.sts
		st-cmp --rtol=3e-5 --atol=1e-6 got.sts "$G/fd/own-$k.safetensors"
	done
}

@test "fd:own=out, the tools' own pooling: what the others alone have; one client has no term" {
	local w
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.5 -s 3 -o clients --no-sync
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors
	for w in examples uniform; do
		fl-stats -m m.safetensors classlogit:weight=$w clients/*.safetensors | fl-aggregate -o all.safetensors
		fl-stats -m m.safetensors classlogit:weight=$w clients/000[02].safetensors | fl-aggregate -o others.safetensors
		fl-stats -m m.safetensors classlogit:weight=$w clients/0001.safetensors | fl-aggregate -o one.safetensors
		train() { fl-local-train -m m.safetensors -M "$1" --with "$2" --opt sgd:lr=0.1 clients/0001.safetensors; }
		train fd:own=out all.safetensors >got.sts
		train fd others.safetensors >want.sts
		st-cmp --rtol=1e-4 --atol=1e-6 got.sts want.sts
		train fd:own=out one.safetensors | st-cat --plain >got.sts
		fl-local-train -m m.safetensors --opt sgd:lr=0.1 clients/0001.safetensors | st-cat --plain >want.sts
		st-cmp got.sts want.sts
	done
}

@test "mime equals the reference: updates, increments of the momentum" {
	two_rounds mime mime:beta=0.6
}

@test "mixup equals the reference, whatever looks at a batch how often" {
	for r in 1 2; do
		for m in fedavg fedsam:rho=0; do
			fl-local-train -m "$G/mixup/model$((r - 1)).safetensors" -M $m $SMALL -s 3 \
				--augment mixup:alpha=0.4 -o "got$r.sts" "$G/mixup/data.safetensors"
			st-cmp --rtol=2e-5 --atol=2e-7 "got$r.sts" "$G/mixup/want$r.safetensors"
		done
	done
}

@test "curricula equal the reference at every pace; the last model scores, too; b=1 is fedavg" {
	local pace more
	for pace in linear quad root step exp log; do
		more=
		[ $pace != quad ] || more=,by=anti
		[ $pace != root ] || more=,score=both
		rm -rf state
		want=$pace two_rounds curricula "curricula:pace=$pace,a=0.6,b=0.3$more" -e 4
		[ $pace != root ] || state_of curricula
	done
	for m in fedavg curricula:b=1 curricula:b=1,by=random curricula:b=1,score=both,pace=log; do
		rm -rf state
		fl-local-train -m "$G/curricula/model0.safetensors" -M $m --opt sgd:lr=0.1 -b 5 -e 3 --no-prov --state state \
			-o "$m.sts" "$G/curricula/data.safetensors"
		st-cmp fedavg.sts "$m.sts"
	done
}

@test "curricula by an expert's losses, which must be of these examples" {
	local d=$G/curricula/data.safetensors m0=$G/curricula/model0.safetensors m1=$G/curricula/model1.safetensors
	fl-stats -m "$m0" outputs:of=loss "$d" -o same.sts
	fl-stats -m "$m1" outputs:of=loss "$d" -o other.sts
	for s in same other; do
		fl-local-train -m "$m0" -M curricula:score=expert $SMALL --no-prov --with $s.sts -o $s.u "$d"
	done
	fl-local-train -m "$m0" -M curricula $SMALL --no-prov -o global.u "$d"
	st-cmp global.u same.u
	! st-cmp global.u other.u
	run fl-local-train -m "$m0" -M curricula:score=expert $SMALL -o never "$d"
	echo "$output"
	[[ $status == 2 && $output == *"by --with: fl-stats -m EXPERT outputs:of=loss CLIENTS" ]]
	fl-stats -m "$m0" outputs "$d" -o logits.sts
	run fl-local-train -m "$m0" -M curricula:score=expert $SMALL --with logits.sts -o never "$d"
	[[ $status == 3 && $output == *"has no 'loss' of 23 examples"* && ! -e never ]]
	"$PYTHON" - <<-END
		import json, struct
		b = bytearray(open("same.sts", "rb").read())
		n, = struct.unpack_from("<Q", b)
		at = 8 + n + json.loads(b[8:8 + n])["loss"]["data_offsets"][0]
		struct.pack_into("<f", b, at + 4 * 4, float("nan"))
		open("nan.sts", "wb").write(b)
	END
	run fl-local-train -m "$m0" -M curricula:score=expert $SMALL --with nan.sts -o never "$d"
	[[ $status == 3 && $output == *"--with: nan.sts: tensor 'loss': element 4 of 23 is not finite" && ! -e never ]]
}

@test "partial equals the reference: FedPer, FedRep, FedBABU; reductions; tensors that are not there" {
	local way d=$G/partial/data.safetensors m=$G/partial/model0.safetensors
	declare -A spec=([fedper]='private=2.*' [fedrep]='private=2.weight+2.bias,first=3' [fedbabu]='train=0.*')
	for way in fedper fedrep fedbabu; do
		rm -rf state
		want=$way two_rounds partial "partial:${spec[$way]}"
		[ "$way" != fedbabu ] || continue
		cat "$G/partial/$way"[12].safetensors >want.sts
		st-cmp -v --rtol=2e-5 --atol=2e-7 state/0004.sts want.sts
	done
	# All shared is fedavg, and wants no state; with first=0 what is private waits.
	rm -rf state
	for w in fedavg partial; do
		fl-local-train -m "$m" -M $w $SMALL --no-prov -o $w.sts "$d"
	done
	st-cmp fedavg.sts partial.sts
	fl-local-train -m "$m" -M 'partial:private=2.*,first=0' $SMALL --no-prov --state state -o wait.sts "$d"
	fl-local-train -m "$m" -M 'partial:train=0.*' $SMALL --no-prov -o babu.sts "$d"
	st-cmp wait.sts babu.sts
	refuses() {
		run fl-local-train -m "$m" -M "$2" $SMALL -o never "${@:3}" "$d"
		echo "$output"
		[[ $status == 2 && $output == *"$1" && ! -e never ]]
	}
	refuses "partial keeps state between rounds: --state must be given" 'partial:private=2.*'
	refuses "method partial: private=3* names no tensor of the model; st-ls lists them" 'partial:private=2.*+3*' --state state
	refuses "method partial: train=b names no tensor of the model; st-ls lists them" partial:train=b
	refuses "method partial: first=2 wants private tensors" partial:first=2
}

@test "fml equals the reference: updates, a model of another network kept as state" {
	local d=$G/fml/data.safetensors m=$G/fml/model0.safetensors
	two_rounds fml fml:alpha=0.3,beta=0.6
	state_of fml
	# What it keeps is a model, and without --with it is drawn, another one for each client.
	fl-eval -m state "$d" >/dev/null
	sed 's/"fl.client":"4"/"fl.client":"5"/' "$d" >five.safetensors
	fl-local-train -m "$m" -M fml --opt sgd:lr=0 --state drawn "$d" five.safetensors >/dev/null
	fl-eval -m drawn "$d" >/dev/null
	! st-cmp drawn/0004.sts drawn/0005.sts
	# Alone, the shared model is FedAvg's and the own one trains as it would without the other.
	fl-local-train -m "$m" -M fml:alpha=1,beta=1 $SMALL --no-prov --state alone --with "$G/fml/with1.safetensors" -o alone.sts "$d"
	fl-local-train -m "$m" $SMALL --no-prov -o fedavg.sts "$d"
	st-cmp --rtol=1e-5 --atol=1e-7 fedavg.sts alone.sts
	fl-local-train -m "$G/fml/with1.safetensors" $SMALL --no-prov "$d" |
		fl-aggregate -m "$G/fml/with1.safetensors" --no-prov -o own.safetensors
	st-cmp --rtol=1e-5 --atol=1e-6 alone/0004.sts own.safetensors
	fl-init -a logreg:in=12,out=4 -s 1 -o four.safetensors
	run fl-local-train -m "$m" -M fml --state s --with four.safetensors -o never "$d"
	[[ $status == 3 && $output == *"--with: the client's own model tells 4 classes apart, the shared one 3" ]]
	fl-init -a logreg:in=11,out=3 -s 1 -o eleven.safetensors
	run fl-local-train -m "$m" -M fml --state s --with eleven.safetensors -o never "$d"
	echo "$output"
	[[ $status == 3 && $output == *"11"* && ! -e never ]]
}

@test "fedlabel equals the reference; all labelled it is fedavg; none of what is given used, FedAvg on the rest" {
	local d=$G/fedlabel/data.safetensors m=$G/fedlabel/model0.safetensors r
	two_rounds fedlabel fedlabel:beta=0.45,lambda=0.7
	for r in 1 2; do
		[ "$(st-ls --meta "got$r.sts" | awk '$2 == "fl.examples" { print $3 }' | head -1)" = \
			"$(st-ls --meta "$G/fedlabel/want$r.safetensors" | awk '$2 == "fl.examples" { print $3 }')" ]
	done
	for w in fedavg fedlabel:beta=0; do
		fl-local-train -m "$m" -M $w --opt sgd:lr=0.1 -b 5 -e 2 --no-prov -o all.$w "$G/moon/data.safetensors"
	done
	st-cmp all.fedavg all.fedlabel:beta=0
	# What has a label is not augmented, unless asked for.
	for a in unlabelled all; do
		fl-local-train -m "$m" -M fedlabel:augment=$a --augment noise:sigma=2 --opt sgd:lr=0.1 -b 5 -e 2 --no-prov \
			-o aug.$a "$G/moon/data.safetensors"
	done
	st-cmp all.fedavg aug.unlabelled
	! st-cmp all.fedavg aug.all
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$G")
		from ref import load, save
		t, m = load("$d")
		known = t["y"] >= 0
		save("known.safetensors", {k: v[known] for k, v in t.items()}, m)
	END
	fl-local-train -m "$m" $SMALL --no-prov -o known.sts known.safetensors
	fl-local-train -m "$m" -M fedlabel:beta=1 $SMALL --no-prov -o unused.sts "$d"
	st-cmp known.sts unused.sts
	! fl-local-train -m "$m" $SMALL -o never "$d" 2>err
	grep -q "row 1 is not labelled (y is -1); of 23 rows 15 are not, and a label is wanted here" err
	[ ! -e never ]
	# With others: what is private to each stays so; those that look at labels are refused.
	fl-local-train -m "$m" -M fedlabel:beta=0.4,fedprox,logitadj $SMALL -o with.sts "$d"
	run fl-local-train -m "$m" -M fedlabel,fedntd $SMALL -o never "$d"
	[[ $status == 3 && $output == *"client 4: method fedntd: "*"row 1 is not labelled"* ]]
	# Mixed and noisy, the same whatever the instruction set.
	for cpu in ref avx2; do
		FL_CPU=$cpu fl-local-train -m "$m" -M fedlabel:beta=0.4,augment=all --augment noise,mixup $SMALL -o $cpu.mix "$d" || [ $cpu = avx2 ]
	done
	[ ! -e avx2.mix ] || cmp ref.mix avx2.mix
}

@test "two methods in one run equal the reference of both: updates, extras, state" {
	two_rounds prox-logitadj logitadj:tau=1.5,smooth=2,fedprox:mu=0.3
	rm -rf state
	two_rounds moon-scaffold scaffold:fraction=0.25,moon:mu=2,tau=0.4
	state_of moon-scaffold
	[ "$(st-ls --meta got2.sts | awk '$2 == "fl.method" { print $3 }')" = moon:mu=2,tau=0.4,scaffold:fraction=0.25 ]
}

@test "statistics that a method wants are asked for, and must fit" {
	refuses() {
		run fl-local-train -m "$G/fd/model0.safetensors" -M "$3" ${4:+--with "$4"} -o never "$G/fd/data.safetensors"
		echo "$output"
		[ "$status" = "$1" ]
		[[ $output == *"$2"* ]]
		[ ! -e never ]
	}
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$G")
		from ref import load, save
		t, m = load("$G/fedproto/with1.safetensors")
		save("classlogit.safetensors", t, dict(m, **{"fl.method": "classlogit"}))
	END
	refuses 2 "method fedproto reads statistic classmean by --with: fl-stats -m MODEL classmean CLIENTS | fl-aggregate" fedproto
	refuses 3 "holds stats classmean:weight=examples, but method fd reads statistic classlogit" fd "$G/fedproto/with1.safetensors"
	refuses 3 "client 4: --with: statistic classlogit: 'mean' and 'count' are not of 3 classes and 3 numbers each" fd classlogit.safetensors
	refuses 3 "client 4: --with: the gradient is at model" mime "$G/mime/with2.safetensors"
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$G")
		from ref import load, save
		t, m = load("$G/fd/own-with-uniform.safetensors")
		save("few.safetensors", dict(t, count=t["count"] * 0 + 1, clients=t["clients"] * 0), m)
		del t["clients"]
		save("old.safetensors", t, m)
		save("far.safetensors", t, dict(m, **{"fl.base": "00000000", "fl.method": "classlogit:weight=examples"}))
	END
	refuses 3 "client 4: --with: the logits of class 0 are of 1 examples, but this client alone has" fd:own=out few.safetensors
	refuses 3 "client 4: --with: 'clients' is not a number for each of 3 classes" fd:own=out old.safetensors
	refuses 3 "client 4: --with: the logits are at model 00000000, but this one is " fd:own=out far.safetensors
}

# plain SPEC: the second round's update without extras, of a client with state.
plain() {
	local r
	rm -rf state
	for r in 1 2; do
		fl-local-train -m "$G/moon/model$((r - 1)).safetensors" -M "$1" --opt sgd:lr=0.1 -b 5 \
			-e 2 --state state --no-prov "$G/moon/data.safetensors" | st-cat --plain
	done >"$2"
}

@test "methods without their term are fedavg, byte for byte" {
	local m
	plain fedavg fedavg.sts
	for m in feddyn:alpha=0 fedsam:rho=0 fedspeed:lambda=0,alpha=0 fedspeed:lambda=0,rho=0 \
		fedcm:alpha=1 mimelite:beta=0 fedlc:tau=0 logitadj:tau=0 logitadj:tau=0,smooth=0 \
		moon:mu=0 fedntd:beta=0 fal:eps=0 fal:eps=0,random=on propfair:M=1,eps=1e6,low=constant propfair:M=-1e6,eps=1; do
		plain $m got.sts
		st-cmp -v fedavg.sts got.sts || { echo "$m"; false; }
	done
}

@test "fedspeed without a step uphill is feddyn" {
	plain feddyn:alpha=0.3 dyn.sts
	plain fedspeed:lambda=0.3,rho=0 speed.sts
	st-cmp dyn.sts speed.sts
}

@test "a method's term changes something" {
	local m
	plain fedavg fedavg.sts
	for m in feddyn fedsam fedspeed fedcm mimelite fedlc logitadj moon fedntd propfair fal \
		fal:norm=l2 fal:random=on; do
		plain $m got.sts
		! st-cmp fedavg.sts got.sts >/dev/null || { echo "$m"; false; }
	done
}

@test "fedgen equals the reference: features that a generator draws for the head" {
	local d=$G/fedgen/data.safetensors m=$G/fedgen/model0.safetensors g=$G/fedgen/with1.safetensors
	two_rounds fedgen fedgen:alpha=0.8,beta=0.6,decay=0.5,samples=4
	# Without weights, and without epochs that learn from it, it is fedavg, dropout and all.
	for m in "$m" "$(fl-init -a '{"input":[12],"layers":[{"layer":"linear","out":7},{"layer":"relu"},
		{"layer":"dropout"},{"layer":"linear","out":3}],"features":2}' -o drop.safetensors; echo drop.safetensors)"; do
		for o in "--opt sgd:lr=0.1,momentum=0.9" "--opt adam --clip 1"; do
			fl-local-train -m "$m" -M fedavg $o -b 5 -o avg.sts "$d"
			for p in alpha=0,beta=0 alpha=3,beta=2,epochs=0; do
				fl-local-train -m "$m" -M "fedgen:$p" $o -b 5 --with "$g" -o gen.sts "$d"
				st-cmp avg.sts gen.sts
			done
		done
	done
	run fl-local-train -m "$m" -M fedgen -o never "$d"
	[ "$status" = 2 ]
	[[ $output == *"reads a record of kind model by --with: the generator, a model of fl-init -a generator"* ]]
	run fl-local-train -m "$m" -M fedgen --with "$m" -o never "$d"
	[ "$status" = 3 ]
	[[ $output == *"--with: the generator makes 3 features, the model has 7"* ]]
	fl-init -a generator:noise=2,classes=9,out=7 -o nine.safetensors
	fl-local-train -m "$m" -M fedgen --with nine.safetensors -o more.sts "$d"	# noise, or classes: 11 inputs
	fl-init -a generator:noise=0,classes=2,out=7 -o two.safetensors
	run fl-local-train -m "$m" -M fedgen --with two.safetensors -o never "$d"
	[ "$status" = 3 ]
	[[ $output == *"the generator has 2 inputs, want noise and 3 classes"* ]]
	[ ! -e never ]
}

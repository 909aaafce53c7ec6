#!/usr/bin/env bats
# HetLoRA against PyTorch and NumPy: hetlora/make.py made the numbers.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden/hetlora
	SMALL="--opt sgd:lr=0.1 -b 5 -e 2 --shuffle none"
}

# train CLIENT ROUND SPEC: its update in got.sts, against the reference's.
train() {
	fl-local-train -m "$G/model$(($2 - 1)).safetensors" -M "$3" $SMALL --state "state$1" -o got.sts "$G/data$1.safetensors"
	st-cmp --rtol=2e-5 --atol=3e-7 got.sts "$G/want$1-$2.safetensors"
}

# rank_of CLIENT: as its state has it.
rank_of() {
	"$PYTHON" - "$ROOT/test/golden" state$1/*.sts <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import stream
		print(*(int(t["@hetlora/rank"]) for t, m, _ in stream(sys.argv[2])))
	END
}

@test "a client of a smaller rank trains what is cut to it, and pads it with zeros" {
	for r in 1 2; do train 3 $r hetlora:rank=2; done
}

@test "ranks prune themselves where the last ones have shrunk, and stay so" {
	for r in 1 2; do
		train 4 $r hetlora:rank=3,gamma=0.5,lambda=1.5
		train 7 $r hetlora:rank=9,gamma=0.99,lambda=0.01
	done
	[ "$(rank_of 4)" = "1 1" ]
	[ "$(rank_of 7)" = "4 3" ]
	run fl-local-train -m "$G/model0.safetensors" -M hetlora:gamma=0.9 -o never "$G/data4.safetensors"
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"--state"* ]]
	[ ! -e never ]
}

@test "the server weighs by the norm of the product, of each layer or of all" {
	for r in 1 2; do
		for per in layer model; do
			fl-aggregate -m "$G/model$((r - 1)).safetensors" -R hetlora:per=$per "$G"/want?-$r.safetensors >got.safetensors
			st-cat --tensor '*lora*' --tensor '4.*' --plain got.safetensors >got
			st-cat --tensor '*lora*' --tensor '4.*' --plain "$G/by-$per$r.safetensors" >want
			st-cmp -v --rtol=1e-5 --atol=3e-7 got want
		done
	done
}

@test "any order, threads and files or pipe: the same bytes" {
	m=$G/model0.safetensors
	fl-aggregate -m "$m" -R hetlora -o want.safetensors "$G"/want?-1.safetensors
	cat "$G"/want7-1.safetensors "$G"/want3-1.safetensors "$G"/want4-1.safetensors |
		fl-aggregate -m "$m" -R hetlora -j 3 -n 3 | cmp - want.safetensors
}

model() {
	fl-init -a '{"input":[64],"layers":[{"layer":"lora","out":32,"rank":6},{"layer":"relu"},{"layer":"lora","out":10,"rank":6}]}' \
		-s 1 -o m.safetensors
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=1 -s 1 -o c --no-sync
}

@test "the whole rank, or rest=keep from an empty B, is fedavg of these ranks, byte for byte" {
	model
	local o="--opt sgd:lr=0.2,momentum=0.9,wd=1e-3 -e 2"
	fl-local-train -m m.safetensors $o c/0000.safetensors | st-cat --plain >want
	for r in 6 7 99; do
		fl-local-train -m m.safetensors -M hetlora:rank=$r $o c/0000.safetensors | st-cat --plain >got
		st-cmp got want
	done
	# With B = 0, what is beyond the rank adds nothing: zeros there, or as received.
	for rest in zero keep; do
		fl-local-train -m m.safetensors -M hetlora:rank=2,rest=$rest $o c/0000.safetensors | st-cat --tensor '*_B' --plain >$rest
	done
	st-cmp zero keep
}

@test "adapters that do alike weigh alike: the rule is the mean" {
	model
	for k in 0 1 2; do
		fl-local-train -m m.safetensors -M hetlora:rank=3 c/0000.safetensors >u.sts
		st-cat -1 -n 1 --no-prov u.sts >u0.safetensors
	done
	"$PYTHON" - "$ROOT/test/golden" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from fed_record import load, save
		t, m, _ = load("u0.safetensors")
		for k in 0, 1, 2:
		    facts = {key[3:]: v for key, v in m.items() if key in ("fl.base", "fl.round")}
		    save("v%d.safetensors" % k, t, kind="update", client=k, examples=1 + k, **facts)
	END
	fl-aggregate -m m.safetensors --no-prov -R mean:weight=uniform v?.safetensors >mean.safetensors
	for per in layer model; do
		fl-aggregate -m m.safetensors --no-prov -R hetlora:per=$per v?.safetensors >got.safetensors
		st-cmp --rtol=1e-6 --atol=1e-7 got.safetensors mean.safetensors
	done
	# Where B is 0 everywhere nothing tells clients apart.
	for k in 0 1; do
		fl-local-train -m m.safetensors -M hetlora:rank=3 --opt sgd:lr=0 c/000$k.safetensors
	done >z.sts
	cat z.sts | fl-aggregate -m m.safetensors --no-prov -R hetlora >got.safetensors
	cat z.sts | fl-aggregate -m m.safetensors --no-prov -R mean:weight=uniform >want.safetensors
	st-cmp --rtol=1e-6 --atol=1e-7 got.safetensors want.safetensors
}

@test "what is no adapter, no rank, no update of all tensors is refused" {
	refused() {
		local status_=$1 text=$2
		shift 2
		run "$@"
		echo "$output"
		[ "$status" = "$status_" ]
		[[ $output == *"$text"* ]]
		[ ! -e never ]
	}
	fl-init -a logreg:in=64 -s 1 -o l.safetensors
	fl-partition -q -d digits -k 1 -B iid -o c --no-sync
	fl-local-train -m l.safetensors c/0000.safetensors >u.sts
	refused 3 "no layer with lora_A and lora_B; rule hetlora combines these" fl-aggregate -m l.safetensors -R hetlora -o never u.sts
	refused 3 "no tensor lora_A" fl-local-train -m l.safetensors -M hetlora -o never c/0000.safetensors
	m=$G/model0.safetensors
	st-cat --tensor '[02].lora_A' --tensor '4.*' -1 -n 1 "$G/want4-1.safetensors" >less.safetensors
	refused 3 "client 4: tensor '0.lora_B' is missing; rule hetlora wants the same tensors" \
		fl-aggregate -m "$m" -R hetlora -o never less.safetensors
	train 4 1 hetlora:rank=3,gamma=0.5,lambda=1.5
	"$PYTHON" - "$ROOT/test/golden" state4/*.sts <<-'END'
		import sys
		path = sys.argv[2]
		data = open(path, "rb").read()
		n = 8 + int.from_bytes(data[:8], "little")
		open(path, "wb").write(data[:n] + bytes(8) + data[n + 8:])
	END
	refused 3 "tensor '@hetlora/rank' is not a rank" fl-local-train -m "$G/model1.safetensors" \
		-M hetlora:rank=3,gamma=0.5 --state state4 -o never "$G/data4.safetensors"
}

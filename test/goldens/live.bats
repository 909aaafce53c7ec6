#!/usr/bin/env bats
# What PyTorch, scikit-learn and the published data say when they are asked now.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden
}

@test "an epoch of AdaFedAdam's perceptron equals PyTorch's, every weight" {
	fl-init -a adafedadam-mlp -s 1 -o m.safetensors
	"$PYTHON" "$G/method/fedavg/make.py" data .
	fl-local-train -m m.safetensors --opt sgd:lr=.01,momentum=.9,wd=5e-4 -e 1 -b 32 \
		--shuffle none -o u.sts data.safetensors
	"$PYTHON" "$G/method/fedavg/make.py" live m.safetensors u.sts
}

@test "AdaFedAdam with one full step a client and alpha 0 is Adam on all examples, whatever the clients' rates" {
	"$PYTHON" "$G/trajectory/make.py" data .
	now=model.safetensors
	for r in $(seq 20); do
		for k in 0 1 2 3; do
			fl-local-train -m $now --opt "sgd:lr=$((k + 1))" -b 61 --steps 1 --shuffle none \
				--measure loss0,gradnorm client$k.safetensors
		done | fl-aggregate -n 4 -m $now -S adafedadam:lr=.01,alpha=0 --state state.sts --no-sync -o $r.safetensors
		now=$r.safetensors
	done
	"$PYTHON" "$G/trajectory/make.py" adam .01 .
}

@test "a perceptron loads into torch.nn.Sequential" {
	fl-init -a mlp:in=20,hidden=8,out=3 -s 7 -o m.safetensors
	"$PYTHON" - <<-END
		import sys
		sys.path.insert(0, "$G")
		import torch
		from fed_record import load
		net = torch.nn.Sequential(torch.nn.Linear(20, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
		net.load_state_dict({k: torch.tensor(v) for k, v in load("m.safetensors")[0].items()})
	END
}

@test "PyTorch loads our models, and computes the same" {
	"$PYTHON" "$G/preset/preset.py" load .
}

@test "we load the state_dict of PyTorch's models, and compute the same" {
	"$PYTHON" "$G/preset/preset.py" save .
}

@test "F1, balanced accuracy and confusion are scikit-learn's" {
	fl-partition -q -d digits -k 10 -B dirichlet:alpha=0.1 -s 3 -o c --no-sync
	fl-init -a logreg:in=64,out=10 -s 2 -o m.safetensors
	fl-eval -m m.safetensors --format json --metric accuracy,f1,balanced --confusion k c/*.safetensors >j
	"$PYTHON" "$G/eval/classes.py" m.safetensors j k c/*.safetensors
}

@test "robust accuracy equals PyTorch's projected gradient" {
	fl-partition -q -d digits -k 12 -B iid -s 1 -o c --no-sync
	fl-init -a mlp:in=64,hidden=16,out=10 -s 1 -o g.safetensors --no-sync
	fl-local-train -m g.safetensors --opt sgd:lr=0.3 -e 20 c/*.safetensors | fl-aggregate -m g.safetensors -o g.safetensors
	for a in linf:0.05:3 linf:0.1:1 l2:0.3:5; do
		IFS=: read -r norm eps steps <<<"$a"
		fl-eval -m g.safetensors --metric robust:eps=$eps,norm=$norm,steps=$steps --format json c/*.safetensors >rows
		head -12 rows | "$PYTHON" "$G/eval/robust.py" g.safetensors "$norm" "$eps" "$steps" c/*.safetensors
	done
}

@test "digits are scikit-learn's" {
	"$PYTHON" "$ROOT/samples/digits.py" d.gz
	cmp <(gunzip -c d.gz) <(gunzip -c "$ROOT/samples/digits.safetensors.gz")
}

@test "Debian's Fashion-MNIST is read" {
	fl-partition -d fashion-mnist:split=test -k 3 -B iid -o c --no-sync
	st-check c/*.safetensors
	st-ls -l c/0001.safetensors | grep -P 'x\tU8\t3333x28x28'
	fl-partition -d fashion-mnist:split=test -k 1 -B iid -o whole --no-sync
	"$PYTHON" "$G/part/check.py" whole/0000.safetensors c
}

@test "the worked method of CONTRIBUTING.md equals its reference" {
	. "$ROOT/test/doc/worked.sh"
	mkdir -p method/fedl1
	cp "$G/method/ref.py" method/
	worked_block test/golden/method/fedl1/make.py >method/fedl1/make.py
	"$PYTHON" method/fedl1/make.py
	worked_build
	for r in 1 2; do
		fl-local-train -m method/fedl1/model$((r - 1)).safetensors -M fedl1:mu=0.01 --opt sgd:lr=0.1 -b 5 -e 2 \
			--shuffle none -o got$r.sts method/fedl1/data.safetensors
		st-cmp --rtol=2e-5 --atol=2e-7 got$r.sts method/fedl1/want$r.safetensors
	done
}

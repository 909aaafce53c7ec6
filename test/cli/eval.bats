#!/usr/bin/env bats
# fl-eval: rows and summary against NumPy, order, -j, --min, personal models, bad input.

load fails

setup() {
	bats_require_minimum_version 1.5.0
	G=$ROOT/test/golden
	cd "$BATS_TEST_TMPDIR"
	fl-init -a logreg:in=64,out=10 -s 1 -o m.safetensors --no-sync
	fl-partition -d digits -k 12 -B dirichlet:alpha=0.3,min_size=2 -s 1 -o c --no-sync
}

@test "rows and summary are NumPy's" {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	fl-eval -m m.safetensors --format json c/*.safetensors |
		"$PYTHON" "$G/eval/check.py" m.safetensors c/*.safetensors
}

@test "equal rows for any -j, any order, files or a stream" {
	fl-eval -m m.safetensors --format json c/*.safetensors >want
	fl-eval -m m.safetensors --format json -j 3 c/*.safetensors | cmp - want
	ls -r c/*.safetensors | xargs fl-eval -m m.safetensors --format json -j 2 | cmp - want
	cat c/0[0]*.safetensors >s.sts
	fl-eval -m m.safetensors --format json s.sts | cmp - want
	gzip -c s.sts | fl-eval -m m.safetensors --format json -n 12 -j 2 | cmp - want
	ls c/*.safetensors | sed 's/^/-d /' | xargs fl-eval -m m.safetensors --format json | cmp - want
	fl-eval -m m.safetensors --format json -o out c/*.safetensors
	cmp out want
}

@test "the table has the numbers of the JSON, and as many columns everywhere" {
	fl-eval -m m.safetensors c/*.safetensors >t
	fl-eval -m m.safetensors --format json c/*.safetensors >j
	[ "$(awk -F '\t' '{ print NF }' t | sort -u | wc -l)" = 1 ]
	[ "$(head -1 t | cut -f 1-8 | xargs)" = "kind client round split n accuracy loss accuracy_mean" ]
	cmp <(awk -F '\t' '$1 == "client" { print $2, $5, $6, $7 }' t) \
		<(jq -r 'select(.kind == "client") | "\(.client) \(.n) \(.accuracy) \(.loss)"' j)
	for f in accuracy accuracy_worst10 loss_gini; do
		[ "$(awk -F '\t' -v f="$f" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == f) k = i }
			$1 == "summary" { print $k }' t | jq .)" = "$(jq "select(.kind == \"summary\").$f" j)" ]
	done
}

@test "ratios of losses to those of another model, and their spread" {
	fl-local-train -m m.safetensors --opt sgd:lr=0.05 c/*.safetensors |
		fl-aggregate -m m.safetensors -o 1.safetensors --no-sync
	for k in m 1; do fl-eval -m $k.safetensors --format json c/*.safetensors >$k.jsonl; done
	fl-eval -m 1.safetensors --with m.safetensors --metric loss,ratio --format json c/*.safetensors >r.jsonl
	fl-eval -m 1.safetensors --with m.safetensors --metric loss,ratio --format json -j 3 c/*.safetensors | cmp - r.jsonl
	jq -en --slurpfile a m.jsonl --slurpfile b 1.jsonl --slurpfile r r.jsonl '
		[range(12) | ($b[.].loss / $a[.].loss - $r[.].ratio | fabs)] | max < 1e-12'
	jq -es 'map(select(.kind == "client").ratio) as $v | .[-1] | .ratio_max == ($v | max) and .ratio_min == ($v | min) and
		(.ratio_mean - ($v | add / length) | fabs) < 1e-12 and .ratio_worst10 == ($v | max)' r.jsonl
	mkdir own
	for k in $(seq 0 11); do cp 1.safetensors "own/$(printf %04d $k).safetensors"; done
	fl-eval -m own --with m.safetensors --metric loss,ratio --format json c/*.safetensors | cmp - r.jsonl
	fl-eval -m m.safetensors --with m.safetensors --metric ratio c/*.safetensors --min ratio_min=1 >/dev/null
	fails 2 "metric ratio and --with go together" fl-eval -m m.safetensors --metric ratio c/*.safetensors
	fails 2 "metric ratio and --with go together" fl-eval -m m.safetensors --with m.safetensors c/*.safetensors
	fl-init -a logreg:in=65,out=10 -s 1 -o wide.safetensors
	fails 3 "wide.safetensors" fl-eval -m m.safetensors --with wide.safetensors --metric ratio c/*.safetensors
}

@test "F1 and balanced accuracy: of each client, of all together; who was taken for whom" {
	fl-eval -m m.safetensors --format json --metric accuracy,f1,balanced --confusion k c/*.safetensors >j
	fl-eval -m m.safetensors --format json --metric accuracy,f1,balanced --confusion l -j 3 c/*.safetensors | cmp - j
	cmp k l
	fl-eval -m m.safetensors --confusion t c/*.safetensors >/dev/null
	[ "$(head -1 t | tr '\t' ' ')" = \
		"kind client round split n class recall precision f1 0 1 2 3 4 5 6 7 8 9 none" ]
	[ "$(awk -F '\t' '{ print NF }' t | sort -u)" = 20 ]
	cmp <(awk -F '\t' 'NR > 1 { print $1, $2, $5, $6, $10, $19, $20 }' t) \
		<(jq -r '"\(.kind) \(.client // "-") \(.n) \(.class) \(.counts[0]) \(.counts[9]) \(.none)"' k)
	fl-eval -m m.safetensors -d digits --metric f1 --min f1=0.01 >/dev/null
	run -1 fl-eval -m m.safetensors -d digits --metric f1 --min f1_min=0.9
	fails 2 "--confusion wants a file" fl-eval -m m.safetensors -d digits --confusion -
	fails 4 "No such file" fl-eval -m m.safetensors -d digits --confusion nowhere/k
	[ ! -w /dev/full ] || fails 4 "No space left" bash -c 'fl-eval -m m.safetensors -d digits --confusion k2 >/dev/full'
	[ ! -e k2 ]
}

@test "models that tell another number of classes apart have no common counts" {
	mkdir p d
	fl-init -a logreg:in=64,out=10 -s 1 -o p/0000.safetensors --no-sync
	fl-init -a logreg:in=64,out=11 -s 1 -o p/0001.safetensors --no-sync
	fl-eval -m p c/0000.safetensors c/0001.safetensors >/dev/null
	fails 3 "model of client 1: 11 classes, others have 10" \
		fl-eval -m p --metric f1 c/0000.safetensors c/0001.safetensors
}

@test "unknown facts are null" {
	fl-eval -m m.safetensors -d digits:split=test --metric accuracy --format json >j
	[ "$(jq -c '[.kind, .client, .round, .split, .n]' j | xargs)" = \
		"[client,null,0,test,360] [summary,null,0,test,360]" ]
	fl-eval -m m.safetensors -d digits -d digits:split=test --format json >j
	[ "$(jq -r .split j | xargs)" = "train test null" ]
	[ "$(jq .n j | xargs)" = "1437 360 1797" ]
	fl-eval -m m.safetensors -d digits -d digits:split=test | grep -q $'^summary\t-\t0\t-\t1797\t'
}

@test "what is not finite is null" {
	[ -x "$PYTHON" ] && "$PYTHON" -c 'import numpy' 2>/dev/null || skip "no NumPy"
	"$PYTHON" - <<-'END'
	b = bytearray(open("m.safetensors", "rb").read())
	b[-4:] = b"\xff\xff\x7f\x7f"   # the largest float: logits overflow
	b[-8:-4] = b"\xff\xff\x7f\xff"
	open("big.safetensors", "wb").write(b)
	END
	fl-eval -m big.safetensors -d digits --format json --scale '{"div":1e-30}' >j
	[ "$(jq -c '[.loss, .loss_mean, .loss_jain]' j | tail -1)" = "[null,null,null]" ]
	fl-eval -m big.safetensors -d digits --scale '{"div":1e-30}' | grep -q nan
	fails 1 "loss is nan" bash -c 'fl-eval -m big.safetensors -d digits --scale "{\"div\":1e-30}" \
		--min loss=0 >out'
}

@test "--min: the rows, and a status" {
	fl-eval -m m.safetensors c/*.safetensors --min accuracy=0 --min accuracy_min=0 --min loss=1.5 >out
	run --separate-stderr fl-eval -m m.safetensors c/*.safetensors --min accuracy=0.9
	[ "$status" = 1 ]
	[[ $stderr =~ ^"fl-eval: accuracy is 0."[0-9]+", --min asks for 0.9"$ ]]
	[ "$output" = "$(cat out)" ]
	fails 2 "no number" fl-eval -m m.safetensors c/*.safetensors --min acuracy=0.9
	fails 2 "no number" fl-eval -m m.safetensors c/*.safetensors --metric loss --min accuracy=0.9
	for name in split schema kind client accuracy_ accuracy_meanx nn; do
		fails 2 "--min: '$name' is no number of the summary" \
			fl-eval -m m.safetensors c/*.safetensors --min $name=0
	done
	fails 2 "not field=number" fl-eval -m m.safetensors c/*.safetensors --min accuracy
	fails 2 "not field=number" fl-eval -m m.safetensors c/*.safetensors --min accuracy=high
}

# below MESSAGE FIELD=VALUE ARGUMENT...
below() {
	local message=$1 field=$2
	shift 2
	run --separate-stderr fl-eval "$@" --min "$field"
	echo "$status: $stderr"
	[ "$status" = 1 ]
	[ "$stderr" = "fl-eval: $message" ]
}

@test "--min takes every number that the summary has" {
	fl-eval -m m.safetensors --format json c/*.safetensors | tail -1 >row
	jq -r 'to_entries[] | select(.value | type == "number") | "--min \(.key)=\(.value)"' row >least
	[ "$(wc -l <least)" -gt 30 ]
	xargs fl-eval -m m.safetensors c/*.safetensors <least >/dev/null
	n=$(jq .n row) K=$(jq .clients row)
	below "n is $n, --min asks for $((n + 1))" n=$((n + 1)) -m m.safetensors c/*.safetensors
	below "clients is $K, --min asks for $((K + 1))" clients=$((K + 1)) -m m.safetensors c/*.safetensors
	below "round is 0, --min asks for 1" round=1 -m m.safetensors c/*.safetensors
}

@test "a folder of personal models: each client has its own" {
	mkdir p
	for i in 00 01 02 03 04 05 06 07 08 09 10 11; do
		fl-init -a logreg:in=64,out=10 -s "$((10#$i + 1))" -o "p/00$i.safetensors" --no-sync
	done
	fl-eval -m p c/*.safetensors --format json >j
	fl-eval -m p c/*.safetensors --format json -j 2 | cmp - j
	fl-eval -m m.safetensors c/0000.safetensors --format json | head -1 | cmp - <(head -1 j)
	fl-eval -m p/0007.safetensors c/0007.safetensors --format json | head -1 | cmp - <(sed -n 8p j)
	rm p/0003.safetensors
	fails 3 "client 3: no model" fl-eval -m p c/*.safetensors
	fails 3 "fl.client is missing" fl-eval -m p -d digits
}

@test "bad input" {
	e() { fl-eval -m m.safetensors "$@"; }
	fails 3 "client 4 occurs twice" e c/*.safetensors c/0004.safetensors
	fails 3 "client 4 occurs twice" e c/0004.safetensors -d c/0004.safetensors
	fails 3 "examples are 3x4x2 (24 values), the model takes 64" e "$G/data/u8.safetensors"
	fl-init -a logreg:in=64,out=9 -s 1 -o nine.safetensors --no-sync
	fails 3 "10 classes, the model tells 9 apart" fl-eval -m nine.safetensors c/*.safetensors
	fails 3 "holds data, want kind 'model'" fl-eval -m c/0000.safetensors c/*.safetensors
	fails 3 "holds kind 'model', want kind 'data'" e m.safetensors
	fails 4 "nowhere: No such file" e nowhere
	fails 4 "No such file" fl-eval -m nowhere c/*.safetensors
	head -c 5000 c/0003.safetensors >cut
	fails 3 "cut: record 1 at byte 0: truncated" e c/0000.safetensors cut
	fails 3 "cut: record 1 at byte 0: truncated" e c/0000.safetensors cut -j 2
	fails 3 "without an end record" e <c/0000.safetensors
	fails 3 "12 records, 13 expected" e -n 13 c/*.safetensors
	fails 3 "more than the 11" e -n 11 c/*.safetensors
	fails 3 "ends after 0 records" e </dev/null
	fails 2 "given twice" e --metric loss,loss -d digits
	fails 2 "standard input is given 2 times" fl-eval -m - -d - </dev/null
	fails 2 "no metric 'acuracy'; did you mean 'accuracy'?" e --metric acuracy -d digits
	fails 2 "tsv|json" e --format trec -d digits
	[ -z "$(find . -name '.*.tmp')" ]
}

@test "no client at all, where that is allowed" {
	printf '%b' '\x40\0\0\0\0\0\0\0{"__metadata__":{"fl.count":"0","fl.kind":"end","fl.v":"1"}}    ' >end
	fails 3 "no record" fl-eval -m m.safetensors end
	run --separate-stderr bash -c 'fl-eval -m m.safetensors --allow-empty --format json <end'
	echo "$stderr"
	[ "$status" = 0 ]
	[ "$(jq -c '[.kind, .n, .clients, .accuracy]' <<<"$output")" = '["summary",0,0,null]' ]
}

@test "a reader that goes away, a disk that is full, a terminal" {
	run bash -c 'set -o pipefail; fl-eval -m m.safetensors -d digits | true; echo ${PIPESTATUS[0]}'
	[[ $output == 0 || $output == 141 ]]
	[ ! -w /dev/full ] || fails 4 "No space left" bash -c 'fl-eval -m m.safetensors -d digits >/dev/full'
	run script -qec "fl-eval -m m.safetensors" /dev/null
	[ "$status" = 2 ]
	run script -qec "fl-eval -m m.safetensors -d digits" /dev/null </dev/null
	[ "$status" = 0 ]
}

# value METRIC FILE: of the first client.
value() {
	jq -s ".[0].$1" "$2"
}

@test "loss is the architecture's own, as fl-local-train measures it; nll is the cross-entropy" {
	for loss in ce ce:smoothing=0.1 ce:smoothing=0.2,weights=1+2+1+1+1+1+1+1+1+3 mse bce supcon:tau=0.5; do
		fl-init -a '{"input":[64],"layers":[{"layer":"linear","out":10}],"loss":"'$loss'"}' \
			-s 1 -o l.safetensors --no-sync
		fl-eval -m l.safetensors --metric loss,nll --format json c/0003.safetensors >l.json
		fl-local-train -m l.safetensors --steps 0 --measure loss0 c/0003.safetensors >u.sts
		[ "$(value loss l.json)" = "$(st-ls -n 1 --meta u.sts | awk '$2 == "fl.loss0" { print $3 }' | jq .)" ]
		fl-eval -m m.safetensors --metric loss --format json c/0003.safetensors >m.json
		jq -s -e '.[0].nll - .[1].loss | fabs < 1e-12' <(head -n 1 l.json) <(head -n 1 m.json)
		[ $loss = ce ] || [ "$(value loss l.json)" != "$(value nll l.json)" ]
	done
}

@test "a loss that wants targets wants them of the data, where it is asked for" {
	fl-init -a '{"input":[64],"layers":[{"layer":"linear","out":10}],"loss":"kd:T=2"}' -s 1 -o k.safetensors --no-sync
	fl-eval -m k.safetensors --metric accuracy,nll --format json c/0003.safetensors >plain.json
	fails 3 "tensor 'target' is missing; the model's loss wants 10 numbers an example" \
		fl-eval -m k.safetensors c/0003.safetensors
	"$PYTHON" -c "
import json, sys; sys.path.insert(0, '$ROOT/test/golden')
import numpy as np
from fed_record import load, save
d, meta, _ = load('c/0003.safetensors'); w = load('k.safetensors')[0]
scale = json.loads(meta['fl.scale'])
x = (d['x'].reshape(len(d['y']), -1) / scale['div'] - scale.get('mean', [0])[0]) / scale.get('std', [1])[0]
z = x @ w['0.weight'].T.astype(float) + w['0.bias']
t = np.sin(np.arange(z.size)).reshape(z.shape).astype(np.float32)
save('t.safetensors', dict(d, target=t), **{k[3:]: v for k, v in meta.items() if k[:3] == 'fl.' and k != 'fl.v'})
def log_softmax(a): return a - np.log(np.exp(a).sum(1, keepdims=True))
q, p = log_softmax(t.astype(float) / 2), log_softmax(z / 2)
kl = (np.exp(q) * (q - p)).sum(1).mean()
ce = -log_softmax(z)[np.arange(len(z)), d['y']].mean()
print(0.5 * 4 * kl + 0.5 * ce)" >want
	fl-eval -m k.safetensors --metric loss --format json t.safetensors >t.json
	jq -s -e --argjson want "$(cat want)" '.[0].loss / $want - 1 | fabs < 1e-6' t.json
	fl-local-train -m k.safetensors t.safetensors | fl-aggregate -n 1 -m k.safetensors -o k1.safetensors
	fl-eval -m k1.safetensors --metric loss --format json t.safetensors >t1.json
	[ "$(jq -s '.[0].loss < .[1].loss' <(head -n 1 t1.json) <(head -n 1 t.json))" = true ]
}

@test "a tap is measured as a model whose outputs it is would be" {
	fl-init -s 1 -o t.safetensors --no-sync -a '{"input":[64],"layers":[{"layer":"linear","out":10},
		{"layer":"linear","from":"input","out":10}],
		"taps":[{"name":"early","of":["0"],"loss":"ce","weight":3},{"name":"both","of":["0","1"]}]}'
	metrics=accuracy,f1,nll,balanced,loss
	fl-eval -m m.safetensors --metric $metrics --format json c/*.safetensors >want
	fl-eval -m t.safetensors --metric ${metrics//,/@early,}@early --format json c/*.safetensors |
		sed 's/@early//g' | cmp - want
	# beside those of the outputs, with counts of their own
	fl-eval -m t.safetensors --metric f1,f1:tap=early,accuracy --confusion conf --format json -j 3 c/*.safetensors >both
	fl-eval -m t.safetensors --metric f1,accuracy --confusion plain --format json c/*.safetensors >alone
	cmp conf plain
	for f in f1 f1_mean accuracy; do
		jq -se "map(.$f) == (\$a | map(.$f))" --slurpfile a alone both
	done
	jq -se 'map(."f1@early") == ($w | map(.f1)) and map(."f1@early_std") == ($w | map(.f1_std))' --slurpfile w want both
	# the model's loss is all of it
	fl-eval -m t.safetensors --metric loss,nll,loss@early --format json c/*.safetensors |
		jq -se 'map((.loss - .nll - 3 * ."loss@early") | fabs) | max < 1e-12'
	run -1 fl-eval -m t.safetensors --metric accuracy@early --min accuracy@early_mean=0.99 -o rows c/*.safetensors
	[[ $output == *"accuracy@early_mean is 0."*", --min asks for 0.99" ]]
	fails 2 "--metric: f1@early is given twice" fl-eval -m t.safetensors --metric f1@early,f1:tap=early
	fails 3 "metric f1@x: the model has no tap 'x'; it has early, both" fl-eval -m t.safetensors --metric f1@x c/*.safetensors
	fails 3 "metric nll@both: the tap has 20 numbers, and there are 10 classes" fl-eval -m t.safetensors --metric nll@both c/*.safetensors
	fails 3 "metric loss@both: the tap has no loss" fl-eval -m t.safetensors --metric loss@both c/*.safetensors
}

@test "AUC, calibration, quantiles, top-k: any order of clients, any -j, each beside others" {
	fl-local-train -m m.safetensors --opt sgd:lr=0.3 -e 3 c/*.safetensors | fl-aggregate -m m.safetensors -o g.safetensors
	e() { fl-eval -m g.safetensors --metric auc,ece,brier,quantile,quantile@0.5,top@3,accuracy --format json "$@"; }
	e c/*.safetensors >want
	e -j 3 c/*.safetensors | cmp - want
	ls -r c/*.safetensors | xargs fl-eval -m g.safetensors --metric auc,ece,brier,quantile,quantile@0.5,top@3,accuracy --format json -j 2 | cmp - want
	jq -es 'all(.auc > 0.5 and .auc <= 1 and .ece > 0 and .ece < 1 and ."quantile@0.9" > ."quantile@0.5" and
		."top@3" >= .accuracy)' want
	# of all together: what one client with all examples has
	fl-eval -m g.safetensors --metric auc,ece,quantile --format json -d digits >one
	for f in auc ece quantile@0.9; do
		[ "$(tail -1 want | jq ".\"$f\"")" = "$(head -1 one | jq ".\"$f\"")" ]
	done
	run -1 e c/*.safetensors --min quantile@0.9_max=1000
	[[ $output == *"quantile@0.9_max is "*", --min asks for 1000" ]]
	fails 2 "--metric: ece is given twice" e --metric ece,ece:bins=3
	fails 2 "quantile: q: " e --metric quantile@1.5
}

@test "a client of one class has no AUC, and the spread is over the others" {
	fl-partition -q -d digits -k 10 -B shards:s=1 -s 1 -o one --no-sync
	cp c/0000.safetensors one/
	run --separate-stderr fl-eval -m m.safetensors --metric auc --format json one/*.safetensors
	echo "$output"
	[ "$status" = 0 ]
	n=$(jq -s 'map(select(.kind == "client" and .auc == null)) | length' <<<"$output")
	[ "$n" -gt 0 ] && [ "$n" -lt 10 ]
	[[ $stderr == *"metric auc: $n of 10 clients have no example that says it: its statistics are over the others" ]]
	jq -es 'map(select(.kind == "client" and .auc != null).auc) as $v | .[-1] | (.auc_mean - ($v | add / length) | fabs) < 1e-12 and
		.auc > 0 and .clients == 10' <<<"$output"
	fl-eval -m m.safetensors --metric auc,accuracy one/*.safetensors 2>/dev/null | awk -F '\t' -v n="$n" '$1 == "client" && $6 == "-" { k++ } END { exit k != n }'
}

@test "accuracy by group of the data: one by number or name, and the worst" {
	{ echo x,y,site; for k in $(seq 60); do echo "$k,$((k % 2)),$([ $((k % 3)) = 0 ] && echo Uppsala || echo Basel)"; done; } >t.csv
	fl-partition -q -d csv:file=t.csv,label=y,group=site -k 3 -B iid -s 1 -o g --no-sync
	fl-init -a logreg:in=1,out=2 -s 1 -o l.safetensors --no-sync
	o="--format json g/*.safetensors"
	fl-eval -m l.safetensors --metric group@Basel,group@1,group@Uppsala,worstgroup,accuracy $o >j
	fl-eval -m l.safetensors --metric group@Basel,group@1,group@Uppsala,worstgroup,accuracy -j 3 $o | cmp - j
	jq -es 'all(."group@1" == ."group@Uppsala" and .worstgroup == ([."group@Basel", ."group@Uppsala"] | min)) and
		(.[-1] | (.accuracy * 60 - 40 * ."group@Basel" - 20 * ."group@Uppsala" | fabs) < 1e-9)' j
	fl-eval -m l.safetensors --metric group@Nowhere $o 2>err | jq -es 'all(."group@Nowhere" == null)'
	grep -q "3 of 3 clients have no example that says it" err
	fails 3 "c/0000.safetensors: metric worstgroup is of groups, and the data have no tensor 'group'" \
		fl-eval -m m.safetensors --metric worstgroup c/0000.safetensors
	fails 2 "metric group: which group? group@3, or group@NAME" fl-eval -m l.safetensors --metric group g/0000.safetensors
	# a name is text: it cannot break rows
	fl-eval -m l.safetensors --metric 'group@a"b' $o 2>/dev/null | jq -es 'all(has("group@a\"b"))'
	fl-partition -q -d g/0000.safetensors -k 2 -B iid -s 1 -o x --index --no-sync
	fl-eval -m l.safetensors --metric group@Basel,worstgroup x/*.safetensors >/dev/null
}

@test "a model that fal trained against an attack stands it better" {
	fl-partition -q -d digits -k 4 -B iid -s 1 -o parts --test-frac 0.3 --test-output held --no-sync
	for m in fedavg fal:eps=0.15,steps=5; do
		fl-init -a mlp:in=64,hidden=32,out=10 -s 1 -o g.safetensors --no-sync
		for r in 1 2 3 4; do
			fl-local-train -m g.safetensors -M $m --opt sgd:lr=0.2 -e 10 parts/*.safetensors |
				fl-aggregate -m g.safetensors -o g.safetensors
		done
		fl-eval -m g.safetensors --metric robust@0.2 --format json held/*.safetensors | jq -se '.[-1]."robust@0.2"'
	done | jq -se '.[1] > .[0] + 0.2'
}

@test "robust accuracy: at eps 0 it is accuracy, it falls with eps, beside others and for any -j" {
	fl-local-train -m m.safetensors --opt sgd:lr=0.3 -e 20 c/*.safetensors | fl-aggregate -m m.safetensors -o g.safetensors
	o="--format json c/*.safetensors"
	fl-eval -m g.safetensors --metric robust@0,accuracy,robust@0.05,f1,robust@0.1,loss $o >all
	jq -e 'select(.kind == "summary") | ."robust@0" == .accuracy and .accuracy > ."robust@0.05" and ."robust@0.05" > ."robust@0.1"' all
	fl-eval -m g.safetensors -j 3 --metric robust@0,accuracy,robust@0.05,f1,robust@0.1,loss $o | cmp - all
	fl-eval -m g.safetensors --metric accuracy,f1,loss $o >alone
	for f in accuracy f1 loss; do jq -se "map(.$f) == (\$a | map(.$f))" --slurpfile a alone all; done
	fl-eval -m g.safetensors --metric robust:eps=0.05,random=on,lo=0,hi=1 $o | jq -se '.[-1]."robust@0.05" | . > 0 and . < 1'
	fails 2 "--metric: robust@0.1 is given twice" fl-eval -m g.safetensors --metric robust,robust:eps=0.1,steps=2 c/0000.safetensors
	fl-init -a '{"input":[64],"layers":[{"layer":"embedding","num":17,"dim":2},{"layer":"flatten"},{"layer":"linear","out":10}]}' -o e.safetensors
	fails 3 "metric robust@0.1: layers[0]: layer embedding takes whole numbers, which no gradient moves" \
		fl-eval -m e.safetensors --metric robust c/0000.safetensors
	fails 3 "client 0: method fal: layers[0]: layer embedding takes whole numbers" \
		fl-local-train -m e.safetensors -M fal c/0000.safetensors
	fails 2 "steps" fl-eval -m g.safetensors --metric robust:steps=0 c/0000.safetensors
}

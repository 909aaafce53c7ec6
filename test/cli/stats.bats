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

@test "class means are NumPy's" {
	fl-stats -m "$M" classmean "$D"/clients/*.safetensors >s.sts
	st-check s.sts
	"$PYTHON" -c "
import sys; sys.path.insert(0, '$ROOT/test/golden/method')
import json
import numpy as np
from ref import load
w = load('$M')[0]
for k in range(3):
    s, sm = load('s.sts', k)
    d, dm = load('$D/clients/%04d.safetensors' % k)
    c = json.loads(dm['fl.scale'])
    x = d['x'].reshape(len(d['y']), -1).astype(float) / c.get('div', 1)
    x = (x - c.get('mean', [0])[0]) / c.get('std', [1])[0]
    f = np.maximum(x @ w['0.weight'].T.astype(float) + w['0.bias'], 0)
    assert sm['fl.kind'] == 'stats' and sm['fl.client'] == str(k)
    assert s['mean'].shape == (10, 16) and s['count'].sum() == len(d['y'])
    for y in range(10):
        rows = f[d['y'] == y]
        assert s['count'][y] == len(rows)
        want = rows.mean(axis=0) if len(rows) else np.zeros(16)
        assert np.abs(s['mean'][y] - want).max() < 1e-5 * max(1, np.abs(want).max())"
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

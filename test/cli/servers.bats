#!/usr/bin/env bats
# Servers that see all of a combined update, and what clients sent beside it.

setup() {
	cd "$BATS_TEST_TMPDIR"
	G=$ROOT/test/golden
}

@test "fedexp: the rate is NumPy's, 1 where updates agree" {
	"$PYTHON" "$G/server/whole.py" fedexp "$G/aggregate/model.safetensors"
}

@test "fedexp with one client, or all alike, is the mean; threads and order do not matter" {
	fl-init -a mlp:in=64,hidden=8,out=10 -s 1 -o m.safetensors
	fl-partition -q -d digits -k 3 -B dirichlet:alpha=0.3 -s 1 -o c --no-sync
	fl-local-train -m m.safetensors -o u.sts c/*.safetensors
	fl-local-train -m m.safetensors -o one.sts c/0001.safetensors
	fl-aggregate -n 1 --no-prov -m m.safetensors -S fedexp -o a.safetensors one.sts
	fl-aggregate -n 1 --no-prov -m m.safetensors one.sts | cmp - a.safetensors
	fl-aggregate -n 3 -m m.safetensors -S fedexp -o a.safetensors u.sts
	st-cat u.sts | fl-aggregate -n 3 -j 3 -m m.safetensors -S fedexp | cmp - a.safetensors
	FL_CPU=ref fl-aggregate -n 3 -m m.safetensors -S fedexp u.sts | cmp - a.safetensors
	fl-aggregate -n 3 -m m.safetensors -S fedexp --partial -o p.sts u.sts
	fl-aggregate -n 3 -m m.safetensors -S fedexp p.sts | cmp - a.safetensors
}

@test "mimeadam: client and server over three rounds are NumPy's; moments go out with the model" {
	"$PYTHON" "$G/server/whole.py" mimeadam
	# The other half is missing.
	run fl-aggregate -n 2 -m g2.safetensors -S mimeadam --state s2 --new-state -o no \
		<(fl-local-train -m g2.safetensors c0.safetensors c1.safetensors)
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"server mimeadam: the updates bring no '@mimeadam/g/0.bias': fl-local-train -M mimeadam"* ]]
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$G")
		import numpy as np
		from fed_record import load, save
		t, _, base = load("g0.safetensors")
		for name, shape in ("one", (1,)), ("none", (0,)), ("other", (7, 9)):
		    u = {n: np.zeros(v.shape, "f4") for n, v in t.items() if n[0] != "@"}
		    g = {"@mimeadam/g/" + n: np.ones(shape, "f4") for n in u}
		    save(name + ".safetensors", {**u, **g}, kind="update", client=1, round=1, base=base, examples=1)
	END
	for bad in one none other; do
		run fl-aggregate -m g0.safetensors -S mimeadam --state s3 -o no $bad.safetensors
		echo "$output"
		[ "$status" = 3 ] && [ ! -e no ]
		[[ $output == *"server mimeadam: '@mimeadam/g/0.bias' is not of the shape of its tensor"* ]]
	done
	# Moments of some tensors, or below 0, as no server writes them.
	"$PYTHON" - <<-END
		import sys; sys.path.insert(0, "$G")
		from fed_record import load, save
		t, meta, _ = load("g2.safetensors")
		meta = {k[3:]: v for k, v in meta.items() if k != "fl.v"}
		save("some.safetensors", {k: v for k, v in t.items() if k != "@mimeadam/v/0.bias"}, **meta)
		t["@mimeadam/v/0.bias"] = t["@mimeadam/v/0.bias"] - 9
		save("below.safetensors", t, **meta)
	END
	for bad in "some holds moments, but no '@mimeadam/v/0.bias'" "below's '@mimeadam/v/0.bias' is below 0: -"; do
		run fl-local-train -m "${bad%%[ \']*}.safetensors" -M mimeadam -o no c0.safetensors
		echo "$output"
		[ "$status" = 3 ] && [ ! -e no ]
		[[ $output == *"the model${bad#"${bad%%[ \']*}"}"* ]]
	done
	fl-local-train -m g0.safetensors -M mimeadam -o u.sts c0.safetensors
	fl-aggregate -n 1 -m g0.safetensors -o wrong.safetensors u.sts
	run fl-local-train -m wrong.safetensors -M mimeadam -o no c0.safetensors
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"the model holds '@mimeadam/g/0.bias': it was made without fl-aggregate -S mimeadam"* ]]
}

#!/usr/bin/env bats
# FL_BLAS=openblas: large products by OpenBLAS.

setup() {
	cd "$BATS_TEST_TMPDIR"
	fl-partition -q -d digits -k 1 -B iid -s 1 --no-sync -o c
	fl-init -a mlp:in=64,hidden=512,out=10 -s 1 -o m.safetensors
}

train() {
	fl-local-train -m m.safetensors --opt sgd:lr=0.1 -b 512 c/*.safetensors
}

@test "it computes the same within rounding, and provenance says so" {
	train >own.sts
	FL_BLAS=openblas train >blas.sts
	st-cmp --rtol 1e-3 --atol 1e-6 own.sts blas.sts
	run st-cmp own.sts blas.sts
	[ "$status" = 1 ]
	st-ls --meta blas.sts | grep -q 'fl.prov.*FL_BLAS=openblas'
	run st-ls --meta own.sts
	[[ $output != *FL_BLAS* ]]
}

# The worked method of CONTRIBUTING.md; sourced by tests. shellcheck shell=bash

# worked_block FILE: what CONTRIBUTING.md shows as FILE.
worked_block() {
	sed -n "\\|^<!-- file $1 -->|,\\|^<!-- /file -->|p" "$ROOT/CONTRIBUTING.md" |
		sed '/^<!--/d; /^```/d'
}

# Builds fl-local-train with the worked method, in a copy of the sources here, and puts it first
# on PATH.
worked_build() {
	cp -a "$ROOT"/{Makefile,LAYERS,lib,tools,man,samples,share,build} .
	worked_block lib/fed/client/fedl1.c >lib/fed/client/fedl1.c
	unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
	make DEPS=: CC="$(sed 's/ -std=c11 .*//' "$ROOT/build/flags")" build/bin/fl-local-train
	PATH=$PWD/build/bin:$PATH
}

# shellcheck shell=bash
# Sourced by run and split: rows of cases.tsv and runs.tsv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$(cd "$here/../.." && pwd)/${B:-build}/bin:$PATH
export LC_ALL=C.UTF-8

die() { echo "moa: $*" >&2; exit 1; }
whole() { local f=$1; shift; "$@" >"$f.tmp" && mv "$f.tmp" "$f"; }

# row FILE NAME: the fields of the row NAME.
row() {
	awk -F '\t' -v name="$2" '$1 == name { print; found = 1 } END { exit !found }' "$here/$1" ||
		die "$1 has no row $2"
}

# Sets file data test unit clients participants weeks arch train rounds special share
# title of the case $1, special being the mechanism of seed $2.
# shellcheck disable=SC2034
read_case() {
	local fields list
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ file data test unit clients participants weeks arch train rounds list share title <<<"$fields"
	rounds=${ROUNDS:-$rounds}
	IFS=, read -ra list <<<"$list"
	special=${list[$((($2 - 1) % ${#list[@]}))]}
}

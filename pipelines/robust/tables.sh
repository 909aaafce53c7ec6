# shellcheck shell=bash
# Sourced by split, run, plot and table: rows of cases.tsv and runs.tsv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/study.sh
. "$here/../study.sh"

# Sets kind source passes of the case $1.
# shellcheck disable=SC2034
read_case() {
	local fields
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ kind source passes _ <<<"$fields"
	[ "${source/DATA/}" = "$source" ] || [ -n "${DATA:-}" ] || die "$1 wants DATA"
	source=${source//DATA/${DATA:-}}
	source=${source//SEED/${seed:-}}
}

# tests_of CASE: its rows of tests.tsv.
tests_of() {
	awk -F '\t' -v name="$1" '$1 == name' "$here/tests.tsv"
}

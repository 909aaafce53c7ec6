# shellcheck shell=bash
# Sourced by run, split and table: rows of cases.tsv and runs.tsv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/study.sh
. "$here/../study.sh"

# Sets source test clients scheme train rounds of the case $1.
# shellcheck disable=SC2034
read_case() {
	local fields
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ source test clients scheme train rounds _ <<<"$fields"
	source=${source//DATA/${DATA:-}}
	source=${source//SEED/${seed:-}}
	rounds=${ROUNDS:-$rounds}
}

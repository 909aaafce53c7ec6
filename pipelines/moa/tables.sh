# shellcheck shell=bash
# Sourced by run and split: rows of cases.tsv and runs.tsv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/study.sh
. "$here/../study.sh"

# Sets file data test unit clients participants weeks arch train rounds special share
# title of the case $1, special being the mechanism of seed $2; $3: the folder of the seed,
# whose parent has the row of a user's own profiles.
# shellcheck disable=SC2034
read_case() {
	local fields list
	if [ "$1" = own ]; then fields=$(<"$(dirname "$3")/case.tsv"); else fields=$(row cases.tsv "$1"); fi
	IFS=$'\t' read -r _ file data test unit clients participants weeks arch train rounds list share title <<<"$fields"
	rounds=${ROUNDS:-$rounds}
	IFS=, read -ra list <<<"$list"
	special=${list[$((($2 - 1) % ${#list[@]}))]}
}

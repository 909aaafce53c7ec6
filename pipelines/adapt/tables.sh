# shellcheck shell=bash
# Sourced by run, split and table: rows of cases.tsv and methods.tsv.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/study.sh
. "$here/../study.sh"

# Sets kind source texts test val of the case $1; $texts is - or embeddings of class texts.
# shellcheck disable=SC2034
read_case() {
	local fields
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ kind source texts test val _ <<<"$fields"
	source=${source//DATA/${DATA:-}}
	source=${source//SEED/${seed:-}}
	texts=${texts//DATA/${DATA:-}}
}

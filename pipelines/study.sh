# shellcheck shell=bash
# Sourced by the tables.sh of studies, which set $here, their folder.
PATH=$(cd "$here/../.." && pwd)/${B:-build}/bin:$PATH
export LC_ALL=C.UTF-8

die() { echo "$(basename "$here"): $*" >&2; exit 1; }

# whole FILE COMMAND...: its output as a file that appears whole.
whole() { local f=$1; shift; "$@" >"$f.tmp" && mv "$f.tmp" "$f"; }

# row FILE NAME: the fields of the row NAME.
row() {
	awk -F '\t' -v name="$2" '$1 == name { print; found = 1 } END { exit !found }' "$here/$1" ||
		die "$1 has no row $2"
}

# Rows of cases.tsv and methods.tsv, for the scripts of this folder.
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
PATH=$top/${B:-build}/bin:$PATH

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# row FILE NAME
row() {
	awk -F '\t' -v name="$2" '$1 == name { print; found = 1 } END { exit !found }' "$here/$1" ||
		die "$1 has no row $2"
}

# whole FILE COMMAND...: its output as a file that appears whole.
whole() {
	local file=$1
	shift
	"$@" >"$file.tmp"
	mv "$file.tmp" "$file"
}

# $texts is - or embeddings of class texts.
read_case() {
	local fields
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ kind source texts test val _ <<<"$fields"
	source=${source//DATA/${DATA:-}}
	source=${source//SEED/${seed:-}}
	texts=${texts//DATA/${DATA:-}}
}

#!/bin/sh
# Installs what packages.txt lists for some targets and this machine lacks. Does nothing,
# and needs no rights, where all is there; where it cannot install, it says what to.
# usage: deps.sh TARGET...
set -eu
list=${PACKAGES:-$(dirname "$0")/packages.txt}
cc=${CC:-cc} python=${PYTHON:-/usr/bin/python3}

# there PROBE: whether this machine has it.
# shellcheck disable=SC2016,SC2086 # "$CC" is the list's word; $cc may be "ccache gcc"
there() {
	case $1 in
	'$CC') command -v $cc >/dev/null ;;
	*.a) $cc -print-file-name="$1" 2>/dev/null | grep -q / && [ -e "$($cc -print-file-name="$1")" ] ;;
	python:*) "$python" -c "import importlib.util as u, sys; sys.exit(not u.find_spec('${1#*:}'))" 2>/dev/null ;;
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# lacking MARK: lines of the list that these targets have, without ("") or with "?", and
# the machine has not.
lacking() {
	awk -v targets="$targets" -v mark="$1" '
		BEGIN { n = split(targets, want, " ") }
		/^[^#]/ {
			for (i = 1; i <= n; i++)
				if (index("," $3 ",", "," want[i] mark ",")) { print; next }
		}' "$list" |
		while read -r package probe rest; do
			there "$probe" || echo "$package $probe $rest"
		done
}

names() { echo "$1" | awk 'NF { printf "%s%s", sep, $1; sep = " " }'; }
say() { echo "make deps: $*" >&2; }
details() { echo "$1" | awk 'NF { s = "  " $1 " (" $2 ")"; for (i = 4; i <= NF; i++) s = s " " $i; print s }' >&2; }

targets=$*
need=$(lacking "")
wish=$(lacking "?")
[ -n "$need$wish" ] || exit 0

run=
if ! command -v apt-get >/dev/null; then
	run=none
elif [ "$(id -u)" != 0 ]; then
	run=none
	! sudo -n true 2>/dev/null || run=sudo
fi
if [ "$run" = none ]; then
	[ -z "$wish" ] || { say "not there, and not needed for: $targets"; details "$wish"; }
	[ -n "$need" ] || exit 0
	say "lacking for: $targets"
	details "$need"
	! command -v apt-get >/dev/null || echo "as root: apt-get install --no-install-recommends $(names "$need")" >&2
	exit 1
fi
packages=$(names "$need
$wish")
say "installing $packages"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
install() {
	$run apt-get install -y --no-install-recommends -q $packages >&2
}
# The package index may be absent or old: update it and try once more.
install || { $run apt-get update -q >&2 && install; }

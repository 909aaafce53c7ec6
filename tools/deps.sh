#!/bin/sh
# Installs what packages.txt lists and this machine lacks. Does nothing, and
# needs no rights, where all is there.
# shellcheck disable=SC2086,SC2116 # lists of words
set -eu
list=$(dirname "$0")/packages.txt
wanted=$(sed 's/#.*//' "$list" | awk 'NF { print $1 }')

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	# Not Debian: say what is needed, go on if the build's own needs are met.
	echo "make deps: no apt here; please install what these Debian packages hold:" >&2
	sed 's/^/  /' "$list" >&2
	exit 0
fi

missing=$(for p in $wanted; do
	dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || echo "$p"
done)
[ -n "$missing" ] || exit 0

run=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "make deps: as root, please:" >&2
		echo "  apt-get install --no-install-recommends $(echo $missing)" >&2
		exit 1
	fi
	run=sudo
fi
echo "make deps: installing $(echo $missing)" >&2
export DEBIAN_FRONTEND=noninteractive
install() {
	$run apt-get install -y --no-install-recommends -q $missing >&2
}
# The package index may be absent or old: update it and try once more.
install || { $run apt-get update -q >&2 && install; }

#!/bin/sh
# Measures the house: sizes, names, copies, circles. usage: house.sh [BUILD]
#        house.sh --picture: the floors of lib/ and what each stands on, from the includes
#        house.sh --draw: that picture, into CONTRIBUTING.md
set -eu
here=$(dirname "$0")

# A line a folder, highest floor first: what it includes, what it knows.
picture() {
	sed -n 's/^\([a-z]*\): /\1 /p; s/^$/-/p' LAYERS | sed '1!G;h;$!d' |
		while read -r folder knows; do
			if [ "$folder" = - ]; then
				echo
				continue
			fi
			on=$(find "lib/$folder" -name '*.[ch]' -exec cat {} + |
				sed -n 's|^#[ ]*include "\([a-z]*\)/.*|\1|p' | LC_ALL=C sort -u |
				grep -vx "$folder" | tr '\n' ' ' | sed 's/ $//')
			printf '%-8s %s\n' "$folder" "$knows"
			[ -z "$on" ] || printf '%-8s   on %s\n' '' "$on"
		done | sed '$!N; /^\n$/!P; D' | sed '1{/^$/d}'
}

# Runs of six lines and more that two files have alike; blank lines and braces aside.
copies() {
	find lib tools -name '*.[ch]' -exec awk '{ gsub(/^[ \t]+/, "") }
		length($0) < 2 || /^#include/ || /^\/?\*/ { next }
		{
			for (i = 1; i < 6; i++)
				w[i] = w[i + 1]
			w[6] = $0
			if (FNR == 1 || file != FILENAME) {
				n = 0
				file = FILENAME
			}
			if (++n < 6)
				next
			key = w[1] "\n" w[2] "\n" w[3] "\n" w[4] "\n" w[5] "\n" w[6]
			if (key in first && first[key] != FILENAME) {
				if (at + 1 != n || pair != first[key])
					pairs++
				at = n
				pair = first[key]
			} else
				first[key] = FILENAME
		}
		END { print pairs + 0 }' {} +
}

# Functions of headers, and how many have a comment of their own or above their group.
documented() {
	find lib -name '*.h' -exec awk 'FNR == 1 { told = 0 }
		/^\/\*/ || /^[ \t]+\*/ { told = 1 }
		/^$/ || /^[#}]/ { told = 0 }
		/^[a-z].*\(.*/ && !/^(typedef|static|struct [a-z_]+ \{)/ && /[a-z0-9_]\(/ { n++; yes += told }
		END { printf "%d functions declared, %.0f %% of them told of\n", n, n ? 100 * yes / n : 0 }' {} +
}

# Circles of files in lib/: A calls into B, B into A, by the objects' names.
circles() {
	tmp=$(mktemp)
	trap 'rm -f "$tmp"' EXIT
	(cd "$1/obj" && find lib -name '*.o' -exec nm -A {} +) >"$tmp"
	awk -F '[: ]+' '
		$(NF - 1) ~ /^[TDRB]$/ { home[$NF] = $1 }
		$(NF - 1) == "U" { uses[$1, $NF] = 1 }
		END {
			for (k in uses) {
				split(k, p, SUBSEP)
				if (p[2] in home && home[p[2]] != p[1])
					print p[1], home[p[2]]
			}
		}' "$tmp" | LC_ALL=C sort -u | tsort 2>&1 >/dev/null | grep -c 'contains a loop' || :
}

draw() {
	awk '/^<!-- picture -->/ { print; print "```"; while ("sh tools/house.sh --picture" | getline line) print line
			print "```"; skip = 1 }
		/^<!-- \/picture -->/ { skip = 0 }
		!skip' CONTRIBUTING.md >CONTRIBUTING.md.new
	mv CONTRIBUTING.md.new CONTRIBUTING.md
}

case ${1:-} in
--picture) picture; exit ;;
--draw) draw; exit ;;
esac
build=${1:-build}
echo "lib:      $(find lib -name '*.c' -exec awk -f "$here/house.awk" {} +)"
echo "tools:    $(awk -f "$here/house.awk" tools/*.c)"
echo "headers:  $(find lib -name '*.h' -exec awk -f "$here/house.awk" {} + | sed 's/.*; \([0-9]* tags\)/\1/; s/, [0-9]* files .*//'), $(documented)"
echo "copies:   $(copies) runs of six lines and more stand in two files"
[ ! -d "$build/obj/lib" ] || echo "circles:  $(circles "$build") loops of calls between files of lib/"
wc -l tools/*.c | sed 's/^/  /'

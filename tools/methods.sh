#!/bin/sh
# Fills the line @FAMILIES@ of the page on standard input with every family of
# every tool, once each, as the tools' own manual pages have it.
# usage: methods.sh BINDIR <fl-methods.7.in
set -eu
bin=$1
seen=" "

families() {
	for tool in "$bin"/*; do
		for family in $("$tool" --list | cut -f1); do
			case $seen in *" $family "*) continue ;; esac
			seen="$seen$family "
			heading=$(echo "$family" | tr '[:lower:]' '[:upper:]')
			printf '.Sh DESCRIPTION\n' | "$tool" --man |
				awk -v h=".Sh $heading" '/^\.Sh / { on = $0 == h } on'
		done
	done
}

while IFS= read -r line; do
	if [ "$line" = @FAMILIES@ ]; then
		families
	else
		printf '%s\n' "$line"
	fi
done

# Bash completion for every tool of fltools: the words come from the tool.
_fltools() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} opt words
	words=$("${COMP_WORDS[0]}" --complete 2>/dev/null) || return
	if [[ $cur == = ]]; then
		opt=$prev cur=
	elif [[ $prev == = ]]; then
		opt=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $prev =~ ^--[a-z0-9-]+$ ]]; then
		opt=$(sed -n "s/^\($prev\)=$/\1/p" <<<"$words")
	elif [[ $prev =~ ^-[a-zA-Z]$ ]]; then	# the long name is the next word
		opt=$(sed -n "/^$prev$/{n;s/=$//p}" <<<"$words")
	fi
	if [[ -n ${opt-} ]]; then
		words=$(sed -n "s/^$opt=\(.\)/\1/p" <<<"$words")
		mapfile -t COMPREPLY < <(compgen -W "$words" -f -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
	else
		words=$(grep -v '^-' <<<"$words")
		mapfile -t COMPREPLY < <(compgen -W "$words" -f -- "$cur")
	fi
}
complete -o filenames -F _fltools "${BASH_SOURCE[0]##*/}"

# Bash completion for every tool of fltools: the words come from the tool.
_fltools() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} opt words
	words=$("${COMP_WORDS[0]}" --complete 2>/dev/null) || return
	if [[ $cur == = ]]; then
		opt=$prev cur=
	elif [[ $prev == = ]]; then
		opt=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ -n ${opt-} ]]; then
		words=$(sed -n "s/^$opt=\(.\)/\1/p" <<<"$words")
		mapfile -t COMPREPLY < <(compgen -W "$words" -f -- "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _fltools "${BASH_SOURCE[0]##*/}"

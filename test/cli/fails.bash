# fails STATUS MESSAGE COMMAND...: one message, nothing on standard output, no
# out.safetensors and no temporary left.
fails() {
	local status_=$1 message=$2
	shift 2
	run --separate-stderr "$@"
	echo "status $status: $stderr"
	[ "$status" = "$status_" ]
	[[ $stderr == *"$message"* ]]
	[ "$(wc -l <<<"$stderr")" = 1 ]
	[ -z "$output" ]
	[ -z "$(find . -name '.*.tmp')" ]
	[ ! -e out.safetensors ]
}

#!/usr/bin/env bats
# Between institutions: a real sshd on this machine, each end in a folder of its own.

setup_file() {
	local d=$BATS_FILE_TMPDIR
	command -v /usr/sbin/sshd >/dev/null || skip "no sshd"
	mkdir -p "$d/north" "$d/south"
	ssh-keygen -q -t ed25519 -N '' -f "$d/host"
	ssh-keygen -q -t ed25519 -N '' -f "$d/key"
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	# A port that nobody has.
	for _ in 1 2 3 4 5 6 7 8; do
		port=$((20000 + RANDOM % 20000))
		cat >"$d/sshd_config" <<-END
			Port $port
			ListenAddress 127.0.0.1
			HostKey $d/host
			AuthorizedKeysFile $d/key.pub
			StrictModes no
			UsePAM no
			PermitRootLogin prohibit-password
			PidFile $d/pid
			LogLevel QUIET
		END
		/usr/sbin/sshd -f "$d/sshd_config" -E "$d/log" && break
	done
	cat >"$d/ssh_config" <<-END
		Host north south
			HostName 127.0.0.1
			Port $port
			IdentityFile $d/key
			IdentitiesOnly yes
			StrictHostKeyChecking no
			UserKnownHostsFile /dev/null
			LogLevel ERROR
			BatchMode yes
	END
	for _ in $(seq 50); do
		ssh -F "$d/ssh_config" north true 2>/dev/null && return 0
		sleep .1
	done
	cat "$d/log" >&2
	return 1
}

teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
}

setup() {
	D=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

# at HOST COMMAND: run there, in its folder.
at() {
	ssh -F "$D/ssh_config" "$1" "PATH='$BIN':\$PATH; cd '$D/$1' && $2"
}

@test "a round over ssh gives the bytes of a round on one machine" {
	fl-partition -d digits -k 4 -B dirichlet:alpha=0.5 -s 1 -o c
	fl-init -a mlp:in=64,hidden=16,out=10 -s 1 -o g.safetensors
	cp c/0000.safetensors c/0002.safetensors "$D/north"
	cp c/0001.safetensors c/0003.safetensors "$D/south"
	fl-local-train -m g.safetensors --opt sgd:lr=0.1 -e 1 c/*.safetensors |
		fl-aggregate -m g.safetensors -n 4 -S fedadam:lr=0.01 -o here.safetensors
	# The model goes out on standard input, updates come back; data stay.
	for host in south north; do
		at "$host" 'fl-local-train -m /dev/stdin --opt sgd:lr=0.1 -e 1 [0-9]*.safetensors' <g.safetensors
	done | fl-aggregate -m g.safetensors -n 4 -S fedadam:lr=0.01 -o there.safetensors
	cmp here.safetensors there.safetensors
}

@test "an institution that fails is noticed" {
	fl-partition -d digits -k 2 -B iid -s 1 -o c
	fl-init -a logreg:in=64 -s 1 -o g.safetensors
	cp c/0000.safetensors "$D/north/one.safetensors"
	run bash -c 'set -o pipefail; { ssh -F "$1" north "PATH='"'"'$2'"'"':\$PATH; fl-local-train -m /dev/stdin $3/north/one.safetensors; exit 7" <g.safetensors
		ssh -F "$1" south "kill -9 \$\$" <g.safetensors; } | fl-aggregate -m g.safetensors -n 2 -o n.safetensors' \
		- "$D/ssh_config" "$BIN" "$D"
	[ "$status" != 0 ]
	[[ $output == *"2 expected"* ]]
	[ ! -e n.safetensors ]
}

@test "galleries searched where they lie, merged: the search over their union" {
	"$PYTHON" - "$ROOT/test/golden" "$D" <<-'END'
		import sys
		import numpy as np
		sys.path.insert(0, sys.argv[1])
		import fed_record
		def save(path, emb, ids):
		    fed_record.save(path, {"emb": emb, "id": ids}, kind="embed")
		r = np.random.default_rng(3)
		g, ids = r.normal(size=(300, 16)).astype("f4"), 3 * np.arange(300)
		g[250] = g[10]		# a tie between the institutions
		save("q.safetensors", r.normal(size=(20, 16)).astype("f4"), np.arange(20))
		save("all.safetensors", g, ids)
		save(sys.argv[2] + "/north/g.safetensors", g[:200], ids[:200])
		save(sys.argv[2] + "/south/g.safetensors", g[200:], ids[200:])
	END
	vlm-retrieve --queries q.safetensors --gallery all.safetensors --top 5 --format json -o want.json
	for host in south north; do
		at "$host" 'vlm-retrieve --queries - --gallery g.safetensors --top 5 --format json' \
			<q.safetensors >$host.json
	done
	vlm-retrieve --merge --top 5 --format json -o got.json south.json north.json
	[ "$(wc -l <want.json)" -ge 20 ]
	cmp want.json got.json
}

# Checks #include "folder/..." against LAYERS: a file sees its own folder and
# strictly lower floors, never a neighbour on its own; inside fed/, a sub-folder
# sees itself and fed/*.h. usage: awk -f layers.awk LAYERS FILE...
FNR == NR {
	if (/^[a-z]+: /)
		rank[substr($1, 1, length($1) - 1)] = floor
	else if (!/^#/)
		floor++
	next
}
FNR == 1 {
	n = split(FILENAME, part, "/")
	for (i = 1; part[i] != "lib"; i++)
		;
	here = part[i + 1]
	sub_here = n - i == 3 ? part[i + 2] : ""
	if (!(here in rank)) {
		printf "%s: folder %s is not in LAYERS\n", FILENAME, here
		bad = 1
	}
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, q, "\"")
	m = split(q[2], dir, "/")
	there = dir[1]
	allowed = there == here || rank[there] < rank[here]
	if (there == here && sub_here != "" && m == 3 && dir[2] != sub_here)
		allowed = 0
	if (!(there in rank) || !allowed) {
		printf "%s:%d: %s may not include \"%s\"\n", FILENAME, FNR, here, q[2]
		bad = 1
	}
}
END { exit bad }

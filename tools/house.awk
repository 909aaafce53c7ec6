# Figures of C source: reads .c and .h files of one kind and prints them on one line.
# usage: awk -f house.awk FILE...   (house.sh adds what needs more than the text)
#
# A function begins at a line in column 0 that holds NAME( and is followed, before a blank
# line, by a line "{"; it ends at "}" in column 0. Its length is that of all its lines.
# Hooks of tables, which are called by the name of their field, are functions whose name
# stands in an initialiser ".FIELD = NAME" of the same file.

function take_function(name, lines) {
	nfn++
	len[nfn] = lines
	if (lines > 60)
		longer++
	fn_name[nfn] = name
	fn_file[nfn] = FILENAME
	if (!((name, FILENAME) in seen)) {
		seen[name, FILENAME] = 1
		files_of[name]++
	}
}

function sorted(v, n, i, j, t) {
	for (i = 2; i <= n; i++) {
		t = v[i]
		for (j = i - 1; j && v[j] > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
}

FNR == 1 {
	if (NR > 1)
		file_lines[nfile] = last
	nfile++
	head = begun = 0
	if ($0 !~ /^\/\*/)
		bare++
}
{ last = FNR }
length($0) > 100 { wide++ }
/^[a-z].*[a-z0-9_]\(/ && !/;[ \t]*$/ && !/^(typedef|extern|return)/ {
	text = $0
	sub(/\(.*/, "", text)
	sub(/.*[^A-Za-z0-9_]/, "", text)
	head = FNR
	fname = text
}
/^$/ { head = 0 }
/^{/ && head { begun = head; head = 0 }
/^}/ && begun { take_function(fname, FNR - begun + 1); begun = 0 }
/^struct [a-z_0-9]+ {/ {
	if ($2 in tag && tag[$2] != FILENAME && !twice[$2]++)
		ntwice++
	tag[$2] = FILENAME
}
{
	text = $0
	while (match(text, /\.[a-z_0-9]+ = [a-z_0-9]+/)) {
		word = substr(text, RSTART, RLENGTH)
		sub(/.* = /, "", word)
		hook[word, FILENAME] = 1
		text = substr(text, RSTART + RLENGTH)
	}
}
END {
	file_lines[nfile] = last
	for (i = 1; i <= nfn; i++) {
		if (!((fn_name[i], fn_file[i]) in hook) && fn_name[i] != "main") {
			plain++
			if (fn_name[i] !~ /_/)
				one++
		}
		if (files_of[fn_name[i]] >= 5)
			common++
	}
	sorted(len, nfn)
	sorted(file_lines, nfile)
	printf "%d files of %d/%d/%d lines; %d functions of %d/%d/%d lines, %d over 60; ", nfile,
		file_lines[int((nfile + 1) / 2)], file_lines[int(nfile * .95)], file_lines[nfile], nfn,
		len[int((nfn + 1) / 2)], len[int(nfn * .95)], len[nfn], longer
	printf "one-word names %.1f %% (hooks aside), names in five files and more %.1f %%; ",
		plain ? 100 * one / plain : 0, nfn ? 100 * common / nfn : 0
	printf "%d tags twice, %d lines over 100 columns, %d files without a first comment\n",
		ntwice, wide, bare
}

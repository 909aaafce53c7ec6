/* Files of other formats, by their first bytes. */
#include "tensor/guess.h"

#include <string.h>

#define PICTURES "; pictures go in as an array: numpy.save of (N,channels,height,width), then " \
	"-d x.npy,y.npy"
#define ARRAYS "; numpy.savez('data.npz', x=..., y=...) makes an archive that -d takes"
#define TORCH ", such as torch.save writes; in Python, safetensors.torch.save_file(state_dict, FILE) " \
	"makes a record of it"

#define MAGIC(bytes) bytes, sizeof(bytes) - 1

static const struct magic {
	const char *bytes;
	size_t n;
	const char *what;
} magics[] = {
	{ MAGIC("\x89PNG"), "is a PNG picture" PICTURES },
	{ MAGIC("\xff\xd8\xff"), "is a JPEG picture" PICTURES },
	{ MAGIC("GIF8"), "is a GIF picture" PICTURES },
	{ MAGIC("II*\0"), "is a TIFF picture" PICTURES },
	{ MAGIC("MM\0*"), "is a TIFF picture" PICTURES },
	{ MAGIC("\x93NUMPY"), "is an array of NumPy's; -d takes two of them, x.npy,y.npy" },
	{ MAGIC("\x89HDF"), "is HDF5" ARRAYS },
	{ MAGIC("PAR1"), "is Parquet" ARRAYS },
	{ MAGIC("ARROW1"), "is Arrow" ARRAYS },
	{ MAGIC("\x80\2"), "is a Python pickle" TORCH },
	{ MAGIC("\x80\3"), "is a Python pickle" TORCH },
	{ MAGIC("\x80\4"), "is a Python pickle" TORCH },
	{ MAGIC("\x80\5"), "is a Python pickle" TORCH },
	{ MAGIC("\xff\xfe"), "is text in UTF-16; UTF-8 is read" },
	{ MAGIC("\xfe\xff"), "is text in UTF-16; UTF-8 is read" },
};

/* Is word among the bytes p(n)? */
static int holds(const unsigned char *p, size_t n, const char *word)
{
	size_t m = strlen(word);

	for (size_t i = 0; i + m <= n; i++)
		if (!memcmp(p + i, word, m))
			return 1;
	return 0;
}

/* A zip archive, by the name of its first member. */
static const char *guess_zip(const unsigned char *p, size_t n)
{
	if (holds(p, n, ".npy"))
		return "is an .npz archive; -d takes one with x and y, elsewhere FILE#NAME names an array";
	if (holds(p, n, "[Content_Types]") || holds(p, n, "_rels/") || holds(p, n, "mimetype"))
		return "is a document of an office program; save the table as CSV";
	return "is a zip archive" TORCH;
}

/* IDX: two zeros, a type, the number of dimensions. */
static int is_idx(const unsigned char *p, size_t n)
{
	return n >= 4 && !p[0] && !p[1] && p[2] >= 0x08 && p[2] <= 0x0e && p[3] >= 1 && p[3] <= 8;
}

/* A record: the length of its header, which begins with a brace. */
static int is_record(const unsigned char *p, size_t n)
{
	return n > 8 && !p[4] && !p[5] && !p[6] && !p[7] && p[8] == '{';
}

/* Text, UTF-8 or of one byte a letter, and its first letter. */
static int is_text(const unsigned char *p, size_t n, int *first)
{
	*first = 0;
	for (size_t i = 0; i < n; i++) {
		if (!p[i] || p[i] == 0x7f || p[i] >= 0xf5 || (p[i] < ' ' && !strchr("\t\r\n\f", p[i])))
			return 0;
		if (!*first && !strchr(" \t\r\n\xef\xbb\xbf", p[i]))
			*first = p[i];
	}
	return *first != 0;
}

const char *fl_guess_file(const unsigned char *p, size_t n)
{
	int first;

	if (n > FL_GUESS_BYTES)
		n = FL_GUESS_BYTES;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (n >= magics[i].n && !memcmp(p, magics[i].bytes, magics[i].n))
			return magics[i].what;
	if (n >= 4 && !memcmp(p, "PK\3\4", 4))
		return guess_zip(p, n);
	if (is_record(p, n))
		return "is a record, as safetensors has them; fl-partition -d takes it as it is";
	if (is_idx(p, n))
		return "is IDX; -d takes two such files, images,labels";
	if (!is_text(p, n, &first))
		return NULL;
	return first == '{' || first == '[' ? "is JSON text" :
	       "is text; a table is read as -d csv:file=FILE,label=COLUMN by fl-partition";
}

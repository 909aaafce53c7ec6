/* Text as examples of the next character: each is a window of characters, as numbers
 * in a vocabulary, and the class is the one that follows. In plays, speakers are
 * natural clients, and no window runs from one's text into another's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "data/groupname.h"
#include "data/source.h"
#include "data/words.h"
#include "tensor/meta.h"

enum { LEAF, TFF, DISTINCT };
enum { ALL, SPEAKER };
enum { BYTES = 256 };

struct params {
	const char *file;
	int64_t window, stride;
	int vocab, by;
};

/* A stretch of the text, by one speaker. */
struct piece {
	size_t begin, end, who;
};

struct text {
	char *s;		/* (n), owned */
	size_t n;
	struct piece *piece;	/* (npiece), owned */
	size_t npiece, cap, speakers;
	const char **speaker;	/* (speakers) names; NULL: all is one's */
	int code[BYTES];	/* of a character; -1: left out */
	int other;		/* the code of those outside the vocabulary */
	size_t vocab;
	unsigned char *codes;	/* what is left, speaker by speaker */
	size_t *start;		/* (speakers+1) into codes */
};

/* --- vocabularies --- */

static const char leaf[] = "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]"
                           "abcdefghijklmnopqrstuvwxyz}";
static const char tff[] = "dhlptx@DHLPTX $(,048cgkoswCGKOSW[_#'/37;?bfjnrvzBFJNRVZ\"&*.26:\n"
                          "aeimquyAEIMQUY]!%)-159\r";

/* Characters of s are first, first+1, ...; others become other. */
static void number(struct text *t, const char *s, int first, int other)
{
	t->other = other;
	for (size_t i = 0; i < BYTES; i++)
		t->code[i] = other;
	for (size_t i = 0; s[i]; i++)
		t->code[(unsigned char)s[i]] = first + (int)i;
}

static void number_distinct(struct text *t)
{
	int seen[BYTES] = { 0 };

	t->other = -1;
	for (size_t i = 0; i < t->n; i++)
		seen[(unsigned char)t->s[i]] = 1;
	for (size_t i = 0; i < BYTES; i++)
		t->code[i] = seen[i] ? (int)t->vocab++ : -1;
}

/* TensorFlow Federated's has 0 to pad, and last what is outside, begin and end. */
static void set_vocab(struct text *t, int kind)
{
	int n = (int)strlen(tff);

	if (kind == LEAF)
		number(t, leaf, 0, -1);
	else if (kind == TFF)
		number(t, tff, 1, n + 1);
	else
		number_distinct(t);
	if (kind != DISTINCT)
		t->vocab = kind == LEAF ? strlen(leaf) : (size_t)n + 4;
}

/* Names of the classes that are characters. */
static int label(const struct text *t, struct fl_tset *rec, struct fl_err *e)
{
	char name[BYTES][8] = { "" };
	struct fl_str s = FL_STR_INIT;
	int rc;

	for (size_t i = 0; i < BYTES; i++)
		if (t->code[i] != t->other)
			snprintf(name[t->code[i]], sizeof *name, i < 0x80 ? "%c" : "0x%02x", (int)i);
	fl_str_addc(&s, '[');
	for (size_t k = 0; k < t->vocab; k++) {
		fl_str_add(&s, k ? "," : "");
		fl_str_addjson(&s, name[k]);
	}
	fl_str_addc(&s, ']');
	rc = fl_str_check(&s, e) ? -1 : fl_meta_set(rec, "fl.labels", fl_str_c(&s), e);
	fl_str_release(&s);
	return rc;
}

/* --- speakers --- */

static int add_piece(struct text *t, size_t begin, size_t end, struct fl_err *e)
{
	if (fl_grow(&t->piece, &t->cap, t->npiece + 1, sizeof *t->piece, e))
		return -1;
	t->piece[t->npiece++] = (struct piece){ begin, end, 0 };
	return 0;
}

static size_t line_end(const struct text *t, size_t at)
{
	const char *end = memchr(t->s + at, '\n', t->n - at);

	return end ? (size_t)(end - t->s) + 1 : t->n;
}

/* Length without the end of the line. */
static size_t bare(const struct text *t, size_t begin, size_t end)
{
	while (end > begin && (t->s[end - 1] == '\n' || t->s[end - 1] == '\r'))
		end--;
	return end - begin;
}

/* Speeches follow a blank line, or begin the text, with "NAME:" on a line of its own.
 * name(npiece): where each begins; it ends with a NUL in place of the colon. */
static int split(struct text *t, const char ***name, struct fl_err *e)
{
	size_t names = 0, end;
	int fresh = 1;

	for (size_t at = 0; at < t->n; at = end) {
		size_t n = bare(t, at, end = line_end(t, at));

		if (fresh && n > 1 && t->s[at + n - 1] == ':') {
			if (fl_grow(name, &names, t->npiece + 1, sizeof **name, e) ||
			    add_piece(t, end, end, e))
				return -1;
			(*name)[t->npiece - 1] = t->s + at;
			t->s[at + n - 1] = '\0';
		} else if (t->npiece && n) {	/* blank lines at the end are not its */
			t->piece[t->npiece - 1].end = end;
		}
		fresh = !n;
	}
	return t->npiece ? 0 : fl_fail(e, FL_EDATA, "no line 'NAME:' begins a speech");
}

/* Pieces by speaker, numbered in order of their names. */
static int find_speakers(struct text *t, struct fl_arena *a, struct fl_err *e)
{
	const char **name = NULL;
	struct fl_words w;
	int rc = split(t, &name, e);

	if (!rc && !(rc = fl_words_rank(name, t->npiece, a, &w, e))) {
		for (size_t i = 0; i < t->npiece; i++)
			t->piece[i].who = (size_t)w.rank[i];
		t->speakers = w.U;
		t->speaker = w.name;
	}
	free(name);
	return rc;
}

/* --- examples --- */

/* Characters as numbers, each speaker's together, in order. */
static int encode(struct text *t, struct fl_arena *a, struct fl_err *e)
{
	size_t left_out = 0, *at = fl_arena_zero(a, t->speakers + 2, sizeof *at, e);

	if (!at || !(t->codes = fl_arena_get(a, t->n, 1, e)))
		return -1;
	t->start = at;
	for (size_t i = 0; i < t->npiece; i++)	/* lengths, two places on */
		for (size_t k = t->piece[i].begin; k < t->piece[i].end; k++) {
			int kept = t->code[(unsigned char)t->s[k]] >= 0;

			at[t->piece[i].who + 2] += (size_t)kept;
			left_out += (size_t)!kept;
		}
	for (size_t w = 2; w < t->speakers + 2; w++)
		at[w] += at[w - 1];
	for (size_t i = 0; i < t->npiece; i++)	/* begins become ends, one place on */
		for (size_t k = t->piece[i].begin; k < t->piece[i].end; k++) {
			int c = t->code[(unsigned char)t->s[k]];

			if (c >= 0)
				t->codes[at[t->piece[i].who + 1]++] = (unsigned char)c;
		}
	if (left_out)
		fl_say(FL_LOG_INFO, "text: %zu characters outside the vocabulary left out", left_out);
	return 0;
}

static size_t count(const struct text *t, const struct params *p, size_t who)
{
	size_t n = t->start[who + 1] - t->start[who], w = (size_t)p->window;

	return n > w ? (n - w - 1) / (size_t)p->stride + 1 : 0;
}

static int add_examples(const struct text *t, const struct params *p, struct fl_tset *rec,
                        struct fl_err *e)
{
	size_t dim[2] = { 0, (size_t)p->window }, at = 0;
	struct fl_tensor *x, *y, *group = NULL;

	for (size_t w = 0; w < t->speakers; w++)
		dim[0] += count(t, p, w);
	if (!dim[0])
		return fl_fail(e, FL_EDATA, "no text is longer than window=%zu", dim[1]);
	if (dim[0] > FL_DATA_VALUES_MAX / dim[1])
		return fl_fail(e, FL_EDATA, "%zu windows of %zu are too many: a larger stride makes fewer",
		               dim[0], dim[1]);
	if (!(x = fl_tset_add(rec, "x", FL_U8, 2, dim, NULL, e)) ||
	    !(y = fl_tset_add(rec, "y", FL_U8, 1, dim, NULL, e)) ||
	    (p->by == SPEAKER && !(group = fl_tset_add(rec, "group", FL_I64, 1, dim, NULL, e))))
		return -1;
	for (size_t w = 0; w < t->speakers; w++)
		for (size_t i = 0, n = count(t, p, w); i < n; i++, at++) {
			const unsigned char *from = t->codes + t->start[w] + i * (size_t)p->stride;

			memcpy((unsigned char *)x->data + at * dim[1], from, dim[1]);
			((unsigned char *)y->data)[at] = from[dim[1]];
			if (group)
				((int64_t *)group->data)[at] = (int64_t)w;
		}
	return 0;
}

static int read_text(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_arena a = { .head = NULL };
	struct text t = { .speakers = 1 };
	int rc = -1;

	if (!p->file)
		return fl_fail(e, FL_EUSAGE, "text wants file=");
	if ((t.s = fl_text_read(p->file, &t.n, e))) {
		set_vocab(&t, p->vocab);
		rc = (p->by == SPEAKER ? find_speakers(&t, &a, e) : add_piece(&t, 0, t.n, e)) ||
		     encode(&t, &a, e) || add_examples(&t, p, rec, e) || label(&t, rec, e) ||
		     (t.speaker && fl_groupname_ranks(t.speaker, t.speakers, rec, e)) ||
		     fl_meta_set_kind(rec, FL_KIND_DATA, e) ||
		     fl_meta_set_i64(rec, "fl.classes", (int64_t)t.vocab, e) ? -1 : 0;
		if (rc)
			fl_fail_in(e, "%s", p->file);
	}
	free(t.s);
	free(t.piece);
	fl_arena_release(&a);
	return rc;
}

static const char *const vocab_choice[] = { "leaf", "tff", "file", NULL };
static const char *const by_choice[] = { "all", "speaker", NULL };

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "the text, plain or gzip" },
	{ "window", FL_P_INT, offsetof(struct params, window), "80", 1, 1 << 20, NULL, "n",
	  "characters of an example" },
	{ "stride", FL_P_INT, offsetof(struct params, stride), "1", 1, 1e9, NULL, "n",
	  "characters from one example to the next" },
	{ "vocab", FL_P_ENUM, offsetof(struct params, vocab), "leaf", 0, 0, vocab_choice, "which",
	  "LEAF's 80 characters, TensorFlow Federated's 90, or the file's own" },
	{ "by", FL_P_ENUM, offsetof(struct params, by), "all", 0, 0, by_choice, "whom",
	  "one text, or one a speaker: after lines 'NAME:'; speakers are clients" },
	{ .name = NULL }
};

const struct fl_source fl_data_text = {
	.e = {
		.name = "text",
		.title = "Next characters of a text",
		.cite = "Caldas et al., LEAF, arXiv 1812.01097; vocabulary tff: McMahan et al., AISTATS 2017",
		.doc = "windows of a text, whose class is the next character",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "x_i = (c_is, ..., c_is+w-1), y_i = c_is+w for window w and stride s; characters "
		           "outside the vocabulary of leaf are left out, in tff they are number 87",
	},
	.read = read_text,
};

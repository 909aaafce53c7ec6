/* Lines cut into words in place, and what a word may be: a number, a class, nothing. */
#include "data/words.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/num.h"
#include "tensor/guess.h"

#define STEP ((size_t)1 << 20)

/* Everything that f holds. */
static char *slurp(gzFile f, size_t *n, struct fl_err *e)
{
	char *p = NULL;
	size_t cap = 0;
	int r, code;

	*n = 0;
	do {
		if (fl_grow(&p, &cap, *n + STEP + 1, 1, e))
			goto fail;
		if ((r = gzread(f, p + *n, (unsigned)STEP)) > 0)
			*n += (size_t)r;
	} while (r > 0);
	if (r < 0) {
		const char *why = gzerror(f, &code);

		fl_fail(e, code == Z_ERRNO || code == Z_MEM_ERROR ? FL_EIO : FL_EDATA, "%s",
		        code == Z_ERRNO ? strerror(errno) : why);
		goto fail;
	}
	p[*n] = '\0';
	return p;
fail:
	free(p);
	return NULL;
}

char *fl_text_read(const char *path, size_t *n, struct fl_err *e)
{
	int fd = fl_open(path, O_RDONLY);
	gzFile f = fd < 0 ? NULL : gzdopen(fd, "rb");
	char *p;

	if (!f) {
		fl_fail(e, FL_EIO, "%s: %s", path, fd < 0 ? strerror(errno) : "out of memory");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	p = slurp(f, n, e);
	/* The end of a gzip member, its checksum, is looked at only here. */
	if (gzclose_r(f) != Z_OK && p) {
		fl_fail(e, FL_EDATA, "gzip: truncated or damaged");
		free(p);
		p = NULL;
	}
	if (p && strlen(p) != *n) {
		const char *what = strlen(p) < FL_GUESS_BYTES ? fl_guess_file((unsigned char *)p, *n) :
		                   NULL;

		if (what)
			fl_fail(e, FL_EDATA, "%s", what);
		else
			fl_fail(e, FL_EDATA, "byte %zu is NUL: no text", strlen(p));
		free(p);
		p = NULL;
	}
	if (p && !strncmp(p, "\xef\xbb\xbf", 3))
		memmove(p, p + 3, (*n -= 3) + 1);
	if (!p)
		fl_fail_in(e, "%s", path);
	return p;
}

/* A number as people write it: "+1" is 1. */
static const char *digits(const char *s)
{
	return *s == '+' && s[1] != '-' ? s + 1 : s;
}

struct fl_word fl_word_of(const char *s)
{
	struct fl_word w = { .s = s };

	w.is_number = !fl_num_real(digits(s), &w.number);
	return w;
}

int fl_word_order(const struct fl_word *a, const struct fl_word *b)
{
	int bytes;

	if (a->is_number != b->is_number)
		return a->is_number ? -1 : 1;
	if (a->is_number && a->number != b->number)
		return a->number < b->number ? -1 : 1;
	bytes = strcmp(a->s, b->s);
	if (a->is_number && bytes)
		return fl_num_order(digits(a->s), digits(b->s));
	return (bytes > 0) - (bytes < 0);
}

int fl_word_whole(const char *s, int64_t *v)
{
	char back[FL_NUM_MAX];
	double x;

	s = digits(s);
	if (!fl_num_i64(s, v))
		return 0;
	/* What doubles hold exactly is written with a point or an exponent. */
	if (fl_num_real(s, &x) || !(fabs(x) <= 0x1p53))
		return -1;
	*v = (int64_t)x;
	return fl_num_order(fl_num_printi(back, *v), s) ? -1 : 0;
}

int fl_word_missing(const char *s)
{
	static const char *const word[] = {
		"", "?", ".", "-", "na", "n/a", "<na>", "#n/a", "nan", "-nan", "null", "none", "missing",
	};

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (!strcasecmp(s, word[i]))
			return 1;
	return 0;
}

struct placed {
	struct fl_word w;
	size_t i;
};

/* Of equal words the first one comes first. */
static int by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = fl_word_order(&x->w, &y->w);

	return order ? order : (x->i > y->i) - (x->i < y->i);
}

static int all_whole(const char *const *word, size_t N, int64_t *v)
{
	for (size_t i = 0; i < N; i++)
		if (fl_word_whole(word[i], &v[i]))
			return 0;
	return 1;
}

int fl_words_rank(const char *const *word, size_t N, struct fl_arena *a, struct fl_words *w,
                  struct fl_err *e)
{
	struct placed *t = fl_alloc(N + 1, sizeof *t, e);

	*w = (struct fl_words){ .U = 0 };
	w->rank = fl_arena_get(a, N, sizeof *w->rank, e);
	w->whole = fl_arena_get(a, N, sizeof *w->whole, e);
	w->name = fl_arena_get(a, N, sizeof *w->name, e);
	if (!t || !w->rank || !w->whole || !w->name) {
		free(t);
		return -1;
	}
	if (!all_whole(word, N, w->whole))
		w->whole = NULL;
	for (size_t i = 0; i < N; i++)
		t[i] = (struct placed){ fl_word_of(word[i]), i };
	qsort(t, N, sizeof *t, by_place);
	for (size_t i = 0; i < N; i++) {
		if (!i || fl_word_order(&t[i - 1].w, &t[i].w))
			w->name[w->U++] = t[i].w.s;
		w->rank[t[i].i] = (int64_t)w->U - 1;
	}
	free(t);
	return 0;
}

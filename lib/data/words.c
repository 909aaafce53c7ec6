#include "data/words.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/io.h"
#include "base/num.h"
#include "tensor/meta.h"

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

struct word {
	const char *s;
	double number;
	size_t i;
};

static int by_number(const void *a, const void *b)
{
	double x = ((const struct word *)a)->number, y = ((const struct word *)b)->number;

	return (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(((const struct word *)a)->s, ((const struct word *)b)->s);
}

/* A number as people write it: "+1" is 1. */
static const char *digits(const char *s)
{
	return *s == '+' && s[1] != '-' ? s + 1 : s;
}

static int all_whole(const char *const *word, size_t N, int64_t *v)
{
	for (size_t i = 0; i < N; i++)
		if (fl_num_i64(digits(word[i]), &v[i]))
			return 0;
	return 1;
}

int fl_words_rank(const char *const *word, size_t N, struct fl_arena *a, struct fl_words *w,
                  struct fl_err *e)
{
	struct word *t = fl_alloc(N + 1, sizeof *t, e);
	int (*order)(const void *, const void *) = by_number;

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
	for (size_t i = 0; i < N; i++) {
		t[i] = (struct word){ .s = word[i], .i = i };
		if (fl_num_real(digits(word[i]), &t[i].number))
			order = by_bytes;
	}
	qsort(t, N, sizeof *t, order);
	for (size_t i = 0; i < N; i++) {
		if (!i || order(&t[i - 1], &t[i]))
			w->name[w->U++] = t[i].s;
		w->rank[t[i].i] = (int64_t)w->U - 1;
	}
	free(t);
	return 0;
}

static int set_names(const struct fl_words *w, struct fl_tset *rec, struct fl_err *e)
{
	json_t *list = json_array();
	char *text;
	int rc = list ? 0 : -1;

	for (size_t i = 0; !rc && i < w->U; i++)
		if (json_array_append_new(list, json_string(w->name[i])))
			rc = fl_fail(e, FL_EDATA, "label '%s' is not UTF-8", w->name[i]);
	text = rc ? NULL : json_dumps(list, JSON_COMPACT);
	json_decref(list);
	if (!text)
		return rc && list ? -1 : fl_fail_mem(e, w->U);
	rc = fl_meta_set(rec, "fl.labels", text, e) ||
	     fl_meta_set_i64(rec, "fl.classes", (int64_t)w->U, e) ? -1 : 0;
	free(text);
	return rc;
}

int fl_words_labels(const char *const *word, size_t N, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_words w;
	struct fl_tensor *y;
	int as_is;

	if (fl_words_rank(word, N, &rec->arena, &w, e) ||
	    !(y = fl_tset_add(rec, "y", FL_I64, 1, &N, NULL, e)))
		return -1;
	as_is = N && w.whole && !strcmp(w.name[0], "0");
	memcpy(y->data, as_is ? w.whole : w.rank, N * sizeof *w.rank);
	return as_is ? 0 : set_names(&w, rec, e);
}

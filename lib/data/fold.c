/* Folds of a retrieval set: runs of its images, with their texts. */
#include <inttypes.h>

#include "data/truth.h"

#define NO_FOLD UINT32_MAX

struct sides {
	const struct fl_truth *t;
	size_t texts, images;
	int reverse;
};

static int settle(uint32_t *fold, size_t text, size_t f, struct fl_err *e)
{
	if (fold[text] != NO_FOLD && fold[text] != f)
		return fl_fail(e, FL_EDATA, "text row %zu belongs to images of folds %" PRIu32 " and %zu",
		               text, fold[text], f);
	fold[text] = (uint32_t)f;
	return 0;
}

/* fold(texts): that of each text's images, runs of length images. */
static int folds_of_texts(const struct sides *s, size_t length, uint32_t *fold, struct fl_err *e)
{
	const struct fl_truth *t = s->t;

	for (size_t i = 0; i < s->texts; i++)
		fold[i] = NO_FOLD;
	for (size_t q = 0; q < t->Q; q++)
		for (size_t i = t->first[q]; i < t->first[q + 1]; i++) {
			size_t text = s->reverse ? t->row[i] : q, image = s->reverse ? q : t->row[i];

			if (settle(fold, text, image / length, e))
				return -1;
		}
	for (size_t i = 0; i < s->texts; i++)
		if (fold[i] == NO_FOLD)
			return fl_fail(e, FL_EDATA, "text row %zu belongs to no image, so to no fold", i);
	return 0;
}

/* Rows of the fold, and where each stands among them: rows i of N with of(i) = f. */
static uint32_t *list_texts(const uint32_t *fold, size_t N, size_t f, uint32_t *place, size_t *n,
                            struct fl_arena *a, struct fl_err *e)
{
	uint32_t *row;

	*n = 0;
	for (size_t i = 0; i < N; i++)
		if (fold[i] == f)
			place[i] = (uint32_t)(*n)++;
	if (!(row = fl_arena_get(a, *n, sizeof *row, e)))
		return NULL;
	for (size_t i = 0; i < N; i++)
		if (fold[i] == f)
			row[place[i]] = (uint32_t)i;
	return row;
}

static uint32_t *list_images(size_t first, size_t n, struct fl_arena *a, struct fl_err *e)
{
	uint32_t *row = fl_arena_get(a, n, sizeof *row, e);

	for (size_t i = 0; row && i < n; i++)
		row[i] = (uint32_t)(first + i);
	return row;
}

/* place(texts) and start translate gallery rows into positions. */
static int restrict_truth(const struct sides *s, const uint32_t *place, size_t start,
                          struct fl_truth_fold *out, struct fl_err *e)
{
	const struct fl_truth *t = s->t;
	struct fl_arena *a = &out->truth.arena;
	size_t *first = fl_arena_zero(a, out->Q + 1, sizeof *first, e), n = 0;
	uint32_t *row;

	if (!first)
		return -1;
	for (size_t i = 0; i < out->Q; i++) {
		n += t->first[out->query[i] + 1] - t->first[out->query[i]];
		first[i + 1] = n;
	}
	if (!(row = fl_arena_get(a, n, sizeof *row, e)))
		return -1;
	for (size_t i = 0; i < out->Q; i++) {
		const uint32_t *from = t->row + t->first[out->query[i]];

		for (size_t k = 0; k < first[i + 1] - first[i]; k++)
			row[first[i] + k] = s->reverse ? place[from[k]] : from[k] - (uint32_t)start;
		out->truth.skipped += first[i] == first[i + 1];
	}
	out->truth.Q = out->Q;
	out->truth.first = first;
	out->truth.row = row;
	return 0;
}

static int take(const struct sides *s, size_t length, size_t f, struct fl_truth_fold *out,
                struct fl_err *e)
{
	struct fl_arena tmp = { 0 };
	uint32_t *fold = fl_arena_get(&tmp, s->texts, sizeof *fold, e);
	uint32_t *place = fl_arena_get(&tmp, s->texts, sizeof *place, e);
	const uint32_t *text, *image;
	size_t n;
	int rc = -1;

	if (fold && place && !folds_of_texts(s, length, fold, e) &&
	    (text = list_texts(fold, s->texts, f, place, &n, &out->arena, e)) &&
	    (image = list_images(f * length, length, &out->arena, e))) {
		out->query = s->reverse ? image : text;
		out->Q = s->reverse ? length : n;
		out->gallery = s->reverse ? text : image;
		out->G = s->reverse ? n : length;
		rc = restrict_truth(s, place, f * length, out, e);
	}
	fl_arena_release(&tmp);
	return rc;
}

int fl_truth_fold(const struct fl_truth *t, size_t G, int reverse, size_t f, size_t n,
                  struct fl_truth_fold *out, struct fl_err *e)
{
	struct sides s = { t, reverse ? G : t->Q, reverse ? t->Q : G, reverse };
	int rc;

	*out = (struct fl_truth_fold){ .Q = 0 };
	if (!n || !s.images || s.images % n)
		return fl_fail(e, FL_EDATA, "%zu images are not %zu folds of equal length", s.images, n);
	if ((rc = take(&s, s.images / n, f, out, e)))
		fl_truth_fold_release(out);
	return rc;
}

void fl_truth_fold_release(struct fl_truth_fold *f)
{
	fl_truth_release(&f->truth);
	fl_arena_release(&f->arena);
	*f = (struct fl_truth_fold){ .Q = 0 };
}

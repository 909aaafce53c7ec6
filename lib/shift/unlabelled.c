/* Clients that know the labels of few of their examples. What is held out for testing
 * keeps its labels. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "shift/shift.h"

enum each { CLIENT, CLASS };

struct params {
	double share;
	int each;
};

static const char *const eachs[] = { "client", "class", NULL };

/* Makes y signed, so that it can hold -1. */
static int widen(struct fl_tset *rec, struct fl_tensor *y, struct fl_err *e)
{
	int64_t *v = fl_arena_get(&rec->arena, y->n, sizeof *v, e);
	size_t size = fl_dtype_size(y->dtype);

	if (!v)
		return -1;
	for (size_t i = 0; i < y->n; i++) {
		double old;

		fl_dtype_to_f64(y->dtype, (unsigned char *)y->data + i * size, &old, 1);
		v[i] = (int64_t)old;
	}
	y->dtype = FL_I64;
	y->data = v;
	y->bytes = y->n * sizeof *v;
	return 0;
}

/* Hides that share of the labels of one class, or of all where c is the number of classes.
 * row(n) is room. */
static void hide(const struct params *p, const struct fl_shift_in *in, size_t c, int64_t *y, size_t n,
                 uint32_t *row)
{
	size_t m = 0, hidden;
	struct fl_rng r;

	for (size_t i = 0; i < n; i++)
		if (y[i] >= 0 && (c == in->C || (size_t)y[i] == c))
			row[m++] = (uint32_t)i;
	fl_shift_rng(&r, in, in->k, c);
	fl_rng_shuffle(&r, row, m);
	hidden = fl_num_part_near(p->share, m);
	for (size_t i = 0; i < hidden; i++)
		y[row[i]] = -1;
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_tensor *y = NULL;
	uint32_t *row;

	for (size_t i = 0; i < rec->nt; i++)
		if (!strcmp(rec->t[i].name, "y"))
			y = &rec->t[i];
	if (in->test || !y)
		return 0;
	if (widen(rec, y, e) || !(row = fl_alloc(y->n, sizeof *row, e)))
		return -1;
	for (size_t c = p->each == CLASS ? 0 : in->C; c < in->C + (p->each == CLIENT); c++)
		hide(p, in, c, y->data, y->n, row);
	free(row);
	return 0;
}

static const struct fl_param params[] = {
	{ "share", FL_P_REAL, offsetof(struct params, share), "0.8", 0, 1, NULL, "x",
	  "labels that are hidden over all labels" },
	{ "each", FL_P_ENUM, offsetof(struct params, each), "client", 0, 0, eachs, "what",
	  "that share of a client's labels, or of each of its classes" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_unlabelled = {
	.e = {
		.name = "unlabelled",
		.title = "Hidden labels",
		.cite = "Cho, Joshi and Dimitriadis, ICCV 2023, arXiv 2307.08809",
		.doc = "clients lack the labels of most examples that they train on",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "y = -1 for share n of a client's n labels, to the nearest, drawn by client",
	},
	.parts = 1,
	.apply = apply,
};

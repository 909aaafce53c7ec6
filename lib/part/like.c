/* As another split was: a test set gets the mixtures and sizes of a training set,
 * one data set those of another. */
#include <stdlib.h>

#include "base/io.h"
#include "base/json.h"
#include "base/num.h"
#include "part/part.h"

#define FILE_MAX ((size_t)1 << 30)

struct params {
	const char *file;
};

/* "counts" of partition.json; the reference is the caller's. */
static json_t *load(const struct params *p, json_t **counts, struct fl_err *e)
{
	json_t *all = NULL;
	char *text;
	size_t n;

	if (!p->file) {
		fl_fail(e, FL_EUSAGE, "like wants file=");
		return NULL;
	}
	if (!(text = fl_read_file(p->file, FILE_MAX, &n, e)))
		return NULL;
	if (!(all = fl_json_load(text, n, e)))
		fl_fail_in(e, "%s", p->file);
	free(text);
	*counts = json_object_get(all, "counts");
	if (all && !json_array_size(*counts)) {
		fl_fail(e, FL_EDATA, "%s: 'counts' is no list of rows", p->file);
		json_decref(all);
		return NULL;
	}
	return all;
}

static int clients(const void *vp, const struct fl_part *s, size_t *K, struct fl_err *e)
{
	json_t *counts, *all = load(vp, &counts, e);

	(void)s;
	if (!all)
		return -1;
	*K = json_array_size(counts);
	json_decref(all);
	return 0;
}

/* w(K,C) = counts. */
static int weights(const json_t *counts, const struct fl_part *s, double *w, struct fl_err *e)
{
	if (json_array_size(counts) != s->K)
		return fl_fail(e, FL_EDATA, "%zu clients, not %zu", json_array_size(counts), s->K);
	for (size_t k = 0; k < s->K; k++) {
		const json_t *row = json_array_get(counts, k);

		if (json_array_size(row) != s->C)
			return fl_fail(e, FL_EDATA, "client %zu: counts of %zu classes, the data have %zu", k,
			               json_array_size(row), s->C);
		for (size_t c = 0; c < s->C; c++) {
			const json_t *v = json_array_get(row, c);

			if (!json_is_integer(v) || json_integer_value(v) < 0)
				return fl_fail(e, FL_EDATA, "client %zu, class %zu: no count", k, c);
			w[k * s->C + c] = (double)json_integer_value(v);
		}
	}
	return 0;
}

/* Examples row(n) of class c, cut where the other split had it cut; nobody's where
 * nobody had any. */
static void cut(struct fl_part *s, const double *w, size_t c, const uint32_t *row, size_t n)
{
	double total = 0, sum = 0;
	size_t i = 0;

	for (size_t k = 0; k < s->K; k++)
		total += w[k * s->C + c];
	for (size_t k = 0; k < s->K && total > 0; k++) {
		size_t end;

		sum += w[k * s->C + c];
		end = fl_num_part_near(sum / total, n);
		while (i < end && i < n)
			s->owner[row[i++]] = (uint32_t)k;
	}
	while (i < n)
		s->owner[row[i++]] = FL_PART_DROPPED;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	size_t *start = fl_arena_get(s->arena, s->C + 1, sizeof *start, e), cells;
	json_t *counts, *all;
	uint32_t *rows;
	double *w;
	int rc;

	if (fl_mul(s->K, s->C, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	if (!start || !(w = fl_arena_get(s->arena, cells, sizeof *w, e)) ||
	    !(rows = fl_part_by_label_shuffled(s, start, e)) || !(all = load(p, &counts, e)))
		return -1;
	rc = weights(counts, s, w, e) ? fl_fail_in(e, "%s", p->file) : 0;
	json_decref(all);
	if (rc)
		return -1;
	for (size_t c = 0; c < s->C; c++)
		cut(s, w, c, rows + start[c], start[c + 1] - start[c]);
	s->tries = 1;
	return fl_part_check(s, "like", e);
}

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "partition.json of the other split" },
	{ .name = NULL }
};

const struct fl_by fl_by_like = {
	.e = {
		.name = "like",
		.title = "As another split",
		.cite = "FederatedScope, arXiv 2204.05011; Li et al., NIID-Bench, ICDE 2022",
		.doc = "every class shared out as in another split's partition.json",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "of n_c examples client k gets round(n_c M_k) - round(n_c M_(k-1)), M_k the "
		           "share that clients 0 .. k had of the class; a class nobody had is left out",
	},
	.split = split,
	.clients = clients,
};

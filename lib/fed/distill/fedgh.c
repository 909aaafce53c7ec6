/* FedGH: the server trains a head on what clients with unlike networks send of their
 * features: class means (FedGH), or mixtures of them with soft labels (FedRE). The head's model
 * takes a feature vector; a row with the soft label q has the loss
 *   sum_c q_c CE(head(r), c).
 * Rows stand by client, then class: without shuffling they are taken so. */
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classmean", FL_WANT_MANY | FL_WANT_OPTIONAL, NULL },
	{ FL_KIND_STATS, "entangled", FL_WANT_MANY | FL_WANT_OPTIONAL, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

/* Rows that the head learns from. */
struct lines {
	size_t M, d, C;
	float *x, *q;		/* (M,d) (M,C); NULL: they are counted only */
};

static void add_line(struct lines *s, const float *x, const float *soft, size_t class)
{
	if (s->x) {
		memcpy(s->x + s->M * s->d, x, s->d * sizeof *x);
		memset(s->q + s->M * s->C, 0, s->C * sizeof *s->q);
		if (soft)
			memcpy(s->q + s->M * s->C, soft, s->C * sizeof *soft);
		else
			s->q[s->M * s->C + class] = 1;
	}
	s->M++;
}

static int check_shape(const struct fl_tensor *t, enum fl_dtype dtype, size_t rows, size_t width,
                       const char *name, struct fl_err *e)
{
	if (t && t->dtype == dtype && t->ndim && t->n == rows * width && t->dim[0] == rows)
		return 0;
	return fl_fail(e, FL_EDATA, "'%s' is not of %zu rows of %zu", name, rows, width);
}

/* The class means of a client, those that it has. */
static int add_means(struct lines *s, const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_tset_find(rec, "mean"), *n = fl_tset_find(rec, "count");

	if (check_shape(mean, FL_F32, s->C, s->d, "mean", e) ||
	    check_shape(n, FL_I64, s->C, 1, "count", e))
		return -1;
	for (size_t c = 0; c < s->C; c++)
		if (((const int64_t *)n->data)[c] > 0)
			add_line(s, (const float *)mean->data + c * s->d, NULL, c);
	return 0;
}

static int add_mixtures(struct lines *s, const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_tset_find(rec, "mean"), *soft = fl_tset_find(rec, "soft");
	size_t rows = mean && mean->ndim == 2 ? mean->dim[0] : 0;

	if (check_shape(mean, FL_F32, rows, s->d, "mean", e) ||
	    check_shape(soft, FL_F32, rows, s->C, "soft", e))
		return -1;
	for (size_t i = 0; i < soft->n; i++)
		if (((const float *)soft->data)[i] < 0)
			return fl_fail(e, FL_EDATA, "'soft': element %zu is below 0", i);
	for (size_t k = 0; k < rows; k++)
		add_line(s, (const float *)mean->data + k * s->d,
		         (const float *)soft->data + k * s->C, 0);
	return 0;
}

static int add_all(struct lines *s, struct fl_distill_run *r, struct fl_err *e)
{
	s->M = 0;
	for (size_t i = 0; wants[i].kind; i++) {
		size_t n;
		const struct fl_tset **rec = fl_with_all(r->with, &wants[i], r->who, r->arena, &n, e);

		for (size_t k = 0; rec && k < n; k++)
			if (i ? add_mixtures(s, rec[k], e) : add_means(s, rec[k], e))
				return fl_fail_in(e, "--with: statistic %s of client %s", wants[i].method,
				                  fl_meta_get(rec[k], "fl.client"));
		if (!rec)
			return -1;
	}
	return s->M ? 0 : fl_fail(e, FL_EUSAGE, "%s reads class means or mixtures of each client by "
	                          "--with, not pooled: fl-stats -m MODELS classmean CLIENTS, or "
	                          "entangled", r->who);
}

static int get_lines(struct lines *s, struct fl_distill_run *r, struct fl_err *e)
{
	size_t d, C;

	if (add_all(s, r, e))
		return -1;
	if (fl_mul(s->M, s->d, &d) || fl_mul(s->M, s->C, &C))
		return fl_fail_mem(e, SIZE_MAX);
	return (s->x = fl_arena_get(r->arena, d, sizeof *s->x, e)) &&
	       (s->q = fl_arena_get(r->arena, C, sizeof *s->q, e)) && !add_all(s, r, e) ? 0 : -1;
}

static int run(const void *p, struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_student *to = r->student;
	struct lines s = { .d = fl_shape_count(&to->net->in), .C = to->net->classes };
	struct fl_tset rec = { .t = NULL };
	struct fl_data data;
	int rc = -1;

	(void)p;
	if (get_lines(&s, r, e) ||
	    !fl_tset_add(&rec, "x", FL_F32, 2, (size_t[]){ s.M, s.d }, s.x, e) ||
	    !fl_tset_add(&rec, "y", FL_I64, 1, &s.M, NULL, e) ||
	    fl_data_take(&data, &rec, NULL, "--with", e))
		goto end;
	rc = fl_lesson_run(r->lesson, &(struct fl_pupil){ .net = to->net, .w = to->w, .data = &data,
	                                                  .q = s.q, .tau = 1 }, &to->loss, e);
	fl_data_release(&data);
end:
	fl_tset_release(&rec);
	return rc;
}

const struct fl_distill fl_distill_fedgh = {
	.e = {
		.name = "fedgh",
		.title = "FedGH",
		.cite = "Yi et al., ACM MM 2023, arXiv 2303.13137; with mixtures FedRE, arXiv 2511.22265",
		.doc = "a head for unlike networks, from their clients' class means",
		.formula = "min mean over rows (r, q) of sum_c q_c CE(head(r), c)",
	},
	.with = wants,
	.run = run,
};

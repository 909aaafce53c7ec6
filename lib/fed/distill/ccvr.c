/* CCVR: the classifier, the layers above the features, is trained anew on virtual features,
 * drawn for each class from the normal of the class's moments over all clients; the layers
 * below stay. Of M features in all, a class gets its share of the examples, M n_c / n, or
 * each the same. The paper transforms features by a power (Tukey's) for some data; not
 * here. */
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"

enum by { FREQUENCY, EQUAL };

struct params {
	int64_t samples;
	int by;
};

static const char *const bys[] = { "frequency", "equal", NULL };

static const struct fl_param table[] = {
	{ "samples", FL_P_INT, offsetof(struct params, samples), "2000", 1, 1e9, NULL, "n",
	  "virtual features a class, in the mean over classes" },
	{ "draw", FL_P_ENUM, offsetof(struct params, by), "frequency", 0, 0, bys, "by",
	  "a class gets as its share of the examples, or as any other" },
	{ 0 }
};

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "moments", 0, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

struct moments {
	const double *mean, *cov;	/* (C,d) (C,d,d) */
	const int64_t *count;		/* (C) */
};

static int read_moments(const struct fl_distill_run *r, struct moments *m, struct fl_err *e)
{
	const struct fl_tensor *mean, *cov, *n;
	const struct fl_tset *rec;
	const struct fl_net *net = r->student->net;
	size_t C = net->classes, d = net->features, dim[] = { C, d, d };
	struct fl_tensor want[] = { { .ndim = 2, .dim = dim }, { .ndim = 3, .dim = dim },
	                            { .ndim = 1, .dim = dim } };

	if (fl_with_one(r->with, wants, -1, r->who, &rec, e) < 0)
		return -1;
	mean = fl_tset_find(rec, "mean");
	cov = fl_tset_find(rec, "cov");
	n = fl_tset_find(rec, "count");
	if (!mean || !cov || !n || mean->dtype != FL_F64 || cov->dtype != FL_F64 ||
	    n->dtype != FL_I64 || !fl_tensor_same_shape(mean, &want[0]) ||
	    !fl_tensor_same_shape(cov, &want[1]) || !fl_tensor_same_shape(n, &want[2]))
		return fl_fail(e, FL_EDATA, "statistic moments is not of %zu classes and %zu features",
		               C, d);
	*m = (struct moments){ mean->data, cov->data, n->data };
	return 0;
}

/* How many features of each class to draw, M(C), and of all, *N. A class that has an
 * example has one feature at least. */
static int count_draws(const struct params *p, const struct moments *m, size_t C, size_t *M,
                       size_t *N, struct fl_err *e)
{
	size_t each = (size_t)p->samples, classes = 0, all;
	double n = 0;

	for (size_t c = 0; c < C; c++)
		if (m->count[c] > 0) {
			classes++;
			n += (double)m->count[c];
		}
	if (!classes)
		return fl_fail(e, FL_EDATA, "statistic moments has no example");
	if (fl_mul(classes, each, &all))
		return fl_fail_mem(e, SIZE_MAX);
	*N = 0;
	for (size_t c = 0; c < C; c++) {
		if (m->count[c] <= 0)
			continue;
		M[c] = p->by == EQUAL ? each : fl_num_part_near((double)m->count[c] / n, all);
		M[c] += !M[c];
		*N += M[c];
	}
	return 0;
}

/* Features x(N,d) and their classes, as data: M(C) of each class. */
static int draw(const struct fl_distill_run *r, const struct moments *m, const size_t *M, size_t N,
                struct fl_data *data, struct fl_err *e)
{
	const struct fl_net *net = r->student->net;
	size_t C = net->classes, d = net->features;
	struct fl_tset rec = { .t = NULL };
	struct fl_tensor *x, *y;
	int rc = -1;

	if (!fl_tset_add(&rec, "x", FL_F32, 2, (size_t[]){ N, d }, NULL, e) ||
	    !fl_tset_add(&rec, "y", FL_I64, 1, &N, NULL, e))
		goto end;
	x = &rec.t[0];
	y = &rec.t[1];
	for (size_t c = 0, at = 0; c < C; c++) {
		if (!M[c])
			continue;
		if (fl_draw_normal(m->mean + c * d, m->cov + c * d * d, d, r->lesson->seed,
		                   (uint64_t)r->lesson->round, c, M[c], (float *)x->data + at * d, e)) {
			fl_fail_in(e, "class %zu", c);
			goto end;
		}
		for (size_t i = 0; i < M[c]; i++)
			((int64_t *)y->data)[at++] = (int64_t)c;
	}
	rc = fl_data_take(data, &rec, NULL, "virtual features", e);
end:
	fl_tset_release(&rec);
	return rc;
}

static int train(struct fl_distill_run *r, const struct fl_net *head, const struct fl_data *data,
                 struct fl_err *e)
{
	struct fl_student *to = r->student;
	size_t C = to->net->classes, n;
	float *q;

	if (fl_mul(data->N, C, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(q = fl_arena_zero(r->arena, n, sizeof *q, e)))
		return -1;
	for (size_t i = 0; i < data->N; i++)
		q[i * C + (size_t)data->y[i]] = 1;
	return fl_lesson_run(r->lesson, &(struct fl_pupil){ .net = head, .w = to->w, .data = data,
	                                                   .q = q, .tau = 1 }, &to->loss, e);
}

static int run(const void *p, struct fl_distill_run *r, struct fl_err *e)
{
	struct moments m = { .count = NULL };
	struct fl_net head;
	struct fl_data data;
	const struct fl_net *net = r->student->net;
	size_t *M = fl_arena_zero(r->arena, net->classes, sizeof *M, e), N = 0;
	int rc = -1;

	if (!M || read_moments(r, &m, e) || count_draws(p, &m, net->classes, M, &N, e) ||
	    fl_net_head(&head, net, fl_net_feature_at(net), e))
		return -1;
	if (!draw(r, &m, M, N, &data, e)) {
		rc = train(r, &head, &data, e);
		fl_data_release(&data);
	}
	fl_net_release(&head);
	return rc;
}

const struct fl_distill fl_distill_ccvr = {
	.e = {
		.name = "ccvr",
		.title = "CCVR",
		.cite = "Luo et al., NeurIPS 2021, arXiv 2106.05001",
		.doc = "the classifier anew, on virtual features of the classes' moments",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min mean of CE(W h + b, c), h ~ N(mean_c, cov_c), M n_c / n of class c",
		.note = "The paper draws by frequency; ports of it have draw=equal. Its power transform of "
			"features, for some data, is not here.",
	},
	.with = wants,
	.run = run,
};

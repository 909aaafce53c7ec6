/* CCVR: the classifier, the layers above the features, is trained anew on virtual features,
 * drawn for each class from the normal of the class's moments over all clients; the layers
 * below stay. The paper transforms features by a power (Tukey's) for some data; not here. */
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"

struct params {
	int64_t samples;
};

static const struct fl_param table[] = {
	{ "samples", FL_P_INT, offsetof(struct params, samples), "2000", 1, 1e9, NULL, "n",
	  "virtual features a class" },
	{ 0 }
};

struct moments {
	const double *mean, *cov;	/* (C,d) (C,d,d) */
	const int64_t *count;		/* (C) */
};

static int read_moments(const struct fl_distill_run *r, struct moments *m, struct fl_err *e)
{
	const struct fl_tensor *mean = fl_tset_find(r->with, "mean");
	const struct fl_tensor *cov = fl_tset_find(r->with, "cov");
	const struct fl_tensor *n = fl_tset_find(r->with, "count");
	size_t C = r->net->classes, d = r->net->features, dim[] = { C, d, d };
	struct fl_tensor want[] = { { .ndim = 2, .dim = dim }, { .ndim = 3, .dim = dim },
	                            { .ndim = 1, .dim = dim } };

	if (!mean || !cov || !n || mean->dtype != FL_F64 || cov->dtype != FL_F64 ||
	    n->dtype != FL_I64 || !fl_tensor_same_shape(mean, &want[0]) ||
	    !fl_tensor_same_shape(cov, &want[1]) || !fl_tensor_same_shape(n, &want[2]))
		return fl_fail(e, FL_EDATA, "statistic moments is not of %zu classes and %zu features",
		               C, d);
	*m = (struct moments){ mean->data, cov->data, n->data };
	return 0;
}

/* Features x(M,d) and their classes, as data. */
static int draw(const struct params *p, const struct fl_distill_run *r, const struct moments *m,
                struct fl_data *data, struct fl_err *e)
{
	size_t C = r->net->classes, d = r->net->features, each = (size_t)p->samples, classes = 0, N;
	struct fl_tset rec = { .t = NULL };
	struct fl_tensor *x, *y;
	int rc = -1;

	for (size_t c = 0; c < C; c++)
		classes += m->count[c] > 0;
	if (!classes)
		return fl_fail(e, FL_EDATA, "statistic moments has no example");
	if (fl_mul(classes, each, &N))
		return fl_fail_mem(e, SIZE_MAX);
	if (!fl_tset_add(&rec, "x", FL_F32, 2, (size_t[]){ N, d }, NULL, e) ||
	    !fl_tset_add(&rec, "y", FL_I64, 1, &N, NULL, e))
		goto end;
	x = &rec.t[0];
	y = &rec.t[1];
	for (size_t c = 0, at = 0; c < C; c++) {
		if (m->count[c] <= 0)
			continue;
		if (fl_draw_normal(m->mean + c * d, m->cov + c * d * d, d, r->lesson->seed,
		                   (uint64_t)r->lesson->round, c, each, (float *)x->data + at * d, e)) {
			fl_fail_in(e, "class %zu", c);
			goto end;
		}
		for (size_t i = 0; i < each; i++)
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
	size_t C = r->net->classes, n;
	float *q;

	if (fl_mul(data->N, C, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(q = fl_arena_zero(r->arena, n, sizeof *q, e)))
		return -1;
	for (size_t i = 0; i < data->N; i++)
		q[i * C + (size_t)data->y[i]] = 1;
	return fl_lesson_run(r->lesson, &(struct fl_pupil){ .net = head, .w = r->w, .data = data,
	                                                   .q = q, .tau = 1 }, &r->loss, e);
}

static int run(const void *p, struct fl_distill_run *r, struct fl_err *e)
{
	struct moments m = { .count = NULL };
	struct fl_net head;
	struct fl_data data;
	int rc = -1;

	if (read_moments(r, &m, e) || fl_net_head(&head, r->net, r->net->feature_layer, e))
		return -1;
	if (!draw(p, r, &m, &data, e)) {
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
		.formula = "min mean of CE(W h + b, c), h ~ N(mean_c, cov_c)",
	},
	.with = "moments",
	.run = run,
};

/* FedDF: the mean of the clients' models learns what their ensemble says of proxy data,
 *   tau^2 mean of KL(softmax(mean_k z_k / tau) | softmax(z / tau)).
 * The proxy data's classes do not matter. */
#include "base/num.h"
#include "fed/distill/distill.h"
#include "kernel/soften.h"

enum weight { UNIFORM, EXAMPLES };

struct params {
	double tau;
	int weight;
};

static const char *const weights[] = { "uniform", "examples", NULL };

static const struct fl_param table[] = {
	{ "tau", FL_P_REAL, offsetof(struct params, tau), "1", 1e-6, 1e6, NULL, "tau",
	  "temperature" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0, weights, "kind",
	  "what a client's logits count: one, or its training examples" },
	{ 0 }
};

static double share(const struct params *p, const struct fl_distill_run *r, size_t k)
{
	double sum = 0;

	for (size_t j = 0; j < r->K; j++)
		sum += (double)r->u[j].examples;
	return p->weight == UNIFORM ? 1 / (double)r->K : (double)r->u[k].examples / sum;
}

/* sum(N,C): the ensemble's logits. */
static int ensemble(const struct params *p, struct fl_distill_run *r, double *sum,
                    struct fl_err *e)
{
	fl_real *w = fl_arena_get(r->arena, r->net->P, sizeof *w, e);

	if (!w)
		return -1;
	for (size_t k = 0; k < r->K; k++)
		if (fl_distill_client(r, k, w, e) ||
		    fl_lesson_outputs(r->net, w, r->data, share(p, r, k), sum, r->threads, e))
			return -1;
	return 0;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	const struct params *p = pp;
	size_t C = r->net->classes, n;
	double *z;
	float *q;

	if (fl_mul(r->data->N, C, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(z = fl_arena_zero(r->arena, n, sizeof *z, e)) ||
	    !(q = fl_arena_get(r->arena, n, sizeof *q, e)) || ensemble(p, r, z, e))
		return -1;
	for (size_t i = 0; i < r->data->N; i++)
		fl_soften(z + i * C, C, p->tau, z + i * C);
	for (size_t i = 0; i < n; i++)
		q[i] = (float)z[i];
	return fl_lesson_run(r->lesson, &(struct fl_pupil){ .net = r->net, .w = r->w, .data = r->data, .q = q,
	                                          .tau = p->tau }, &r->loss, e);
}

const struct fl_distill fl_distill_feddf = {
	.e = {
		.name = "feddf",
		.title = "FedDF",
		.cite = "Lin et al., NeurIPS 2020, arXiv 2006.07242",
		.doc = "the mean of clients' models learns from their ensemble on proxy data",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min tau^2 mean of KL(softmax(mean_k z_k/tau) | softmax(z/tau)), "
			   "from the clients' mean",
	},
	.needs = FL_DISTILL_CLIENTS | FL_DISTILL_DATA,
	.run = run,
};

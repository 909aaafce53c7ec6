/* FedDF: the mean of the clients' models learns what their ensemble says of proxy data,
 *   tau^2 mean of KL(softmax(mean_k z_k / tau) | softmax(z / tau)).
 * The proxy data's classes do not matter. Clients' networks may differ: of a folder of models
 * each client's own learns, from where the client left it. */
#include "base/num.h"
#include "fed/distill/distill.h"
#include "fed/share.h"
#include "kernel/soften.h"

struct params {
	double tau;
	int weight;
};

static const struct fl_param table[] = {
	{ "tau", FL_P_REAL, offsetof(struct params, tau), "1", 1e-6, 1e6, NULL, "tau",
	  "temperature" },
	{ "weight", FL_P_ENUM, offsetof(struct params, weight), "uniform", 0, 0,
	  fl_share_name, "kind",
	  "what a client's logits count: one, or its training examples" },
	{ 0 }
};

static double share(const struct params *p, const struct fl_distill_run *r, size_t k)
{
	double sum = 0;

	for (size_t j = 0; j < r->K; j++)
		sum += r->member[j].examples;
	return p->weight == FL_BY_UNIFORM ? 1 / (double)r->K : r->member[k].examples / sum;
}

/* sum(N,C): the ensemble's logits. */
static int ensemble(const struct params *p, struct fl_distill_run *r, double *sum,
                    struct fl_err *e)
{
	size_t C = r->student->net->classes;

	for (size_t k = 0; k < r->K; k++) {
		const struct fl_member *m = &r->member[k];

		if (m->net->classes != C)
			return fl_fail(e, FL_EDATA, "client %lld: its model tells %zu classes apart, the one "
			               "that learns %zu", (long long)m->client, m->net->classes, C);
		if (fl_lesson_outputs(m->net, m->w, r->data, share(p, r, k), sum, r->threads, e))
			return -1;
	}
	return 0;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	const struct params *p = pp;
	size_t C = r->student->net->classes, n;
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
	for (size_t i = 0; i < r->n; i++) {
		struct fl_student *to = &r->student[i];
		struct fl_pupil pupil = { .net = to->net, .w = to->w, .data = r->data, .q = q,
		                          .tau = p->tau };

		if (fl_lesson_run(r->lesson, &pupil, &to->loss, e))
			return r->n > 1 ? fl_fail_in(e, "client %lld", (long long)to->client) : -1;
	}
	return 0;
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
			   "from the clients' mean; of unlike networks each from its own",
	},
	.needs = FL_DISTILL_MEMBERS | FL_DISTILL_DATA | FL_DISTILL_EACH,
	.run = run,
};

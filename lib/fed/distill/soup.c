/* Model soups: the mean of those members' weights that together do best on labelled held-out
 * data. Greedy: members by falling accuracy; each joins the mean where its accuracy does not fall
 * by that. Uniform: the mean of all, and data only measure it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "fed/distill/distill.h"

enum kind { GREEDY, UNIFORM };

struct params {
	int kind;
};

static const char *const kinds[] = { "greedy", "uniform", NULL };

static const struct fl_param table[] = {
	{ "kind", FL_P_ENUM, offsetof(struct params, kind), "greedy", 0, 0, kinds, "kind",
	  "greedy: those that help on the data; uniform: all" },
	{ 0 }
};

struct cook {
	struct fl_distill_run *r;
	double *sum;			/* (P) of those that are in */
	size_t in;
	fl_real *w;			/* (P) a mean that is tried */
	double *z;			/* (N,C) */
};

/* Right answers of w on the data. */
static int count_right(struct cook *c, const fl_real *w, size_t *right, struct fl_err *e)
{
	const struct fl_net *net = c->r->student->net;
	const struct fl_data *d = c->r->data;
	const double *z = c->z;

	memset(c->z, 0, d->N * net->classes * sizeof *c->z);
	if (fl_lesson_outputs(net, w, d, 1, c->z, c->r->threads, e))
		return -1;
	*right = 0;
	for (size_t i = 0; i < d->N; i++, z += net->classes) {
		size_t top = 0;

		for (size_t k = 1; k < net->classes; k++)
			top = z[k] > z[top] ? k : top;
		*right += top == (size_t)d->y[i];
	}
	return 0;
}

struct entrant {
	size_t k, right;
};

static int by_accuracy(const void *a, const void *b)
{
	const struct entrant *x = a, *y = b;

	return x->right != y->right ? (x->right < y->right) - (x->right > y->right) :
	       (x->k > y->k) - (x->k < y->k);
}

/* w: the mean of those that are in and of member k. */
static void try_mean(struct cook *c, size_t k)
{
	size_t P = c->r->student->net->P;

	for (size_t i = 0; i < P; i++)
		c->w[i] = (fl_real)((c->sum[i] + (double)c->r->member[k].w[i]) / (double)(c->in + 1));
}

static void take_member(struct cook *c, size_t k)
{
	size_t P = c->r->student->net->P;

	for (size_t i = 0; i < P; i++)
		c->sum[i] += (double)c->r->member[k].w[i];
	c->in++;
}

static int cook(struct cook *c, int kind, struct fl_err *e)
{
	struct fl_distill_run *r = c->r;
	struct entrant *v = fl_arena_get(r->arena, r->K, sizeof *v, e);
	size_t best = 0, right;

	for (size_t k = 0; v && k < r->K; k++) {
		v[k] = (struct entrant){ .k = k };
		if (kind == GREEDY && count_right(c, r->member[k].w, &v[k].right, e))
			return fl_fail_in(e, "client %lld", (long long)r->member[k].client);
	}
	if (!v)
		return -1;
	qsort(v, r->K, sizeof *v, by_accuracy);
	for (size_t i = 0; i < r->K; i++) {
		try_mean(c, v[i].k);
		if (kind == GREEDY && count_right(c, c->w, &right, e))
			return -1;
		if (kind == GREEDY && i && right < best)
			continue;
		best = right;
		take_member(c, v[i].k);
		memcpy(r->student->w, c->w, r->student->net->P * sizeof *c->w);
	}
	if (count_right(c, r->student->w, &best, e))
		return -1;
	fl_say(FL_LOG_INFO, "%zu of %zu members, accuracy %g", c->in, r->K,
	       (double)best / (double)r->data->N);
	return 0;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	const struct fl_net *net = r->student->net;
	struct cook c = { .r = r };
	size_t n;

	for (size_t k = 0; k < r->K; k++)
		if (strcmp(r->member[k].net->arch, net->arch))
			return fl_fail(e, FL_EDATA, "client %lld: its model is of another architecture than -m",
			               (long long)r->member[k].client);
	if (fl_mul(r->data->N, net->classes, &n))
		return fl_fail_mem(e, SIZE_MAX);
	return (c.sum = fl_arena_zero(r->arena, net->P, sizeof *c.sum, e)) &&
	       (c.w = fl_arena_get(r->arena, net->P, sizeof *c.w, e)) &&
	       (c.z = fl_arena_get(r->arena, n, sizeof *c.z, e)) ?
	       cook(&c, ((const struct params *)pp)->kind, e) : -1;
}

const struct fl_distill fl_distill_soup = {
	.e = {
		.name = "soup",
		.title = "Model soups",
		.cite = "Wortsman et al., ICML 2022, arXiv 2203.05482",
		.doc = "the mean of those clients' models that help on labelled data",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w = mean of the members in; by falling accuracy, each is in that does not lower it",
	},
	.needs = FL_DISTILL_MEMBERS | FL_DISTILL_LABELS,
	.run = run,
};

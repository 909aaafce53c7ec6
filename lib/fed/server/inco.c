/* InCo aggregation: where clients have nets of several depths, the later blocks of a stage are
 * trained by few of them. Their convolutions learn from that of the stage's first block, which
 * all have, kernel by kernel: with g of a later one and g_0 of the first block's last,
 *   g' = (g / |g| + v g_0 / |g_0|) (|g| + |g_0|) / 2,   v = min(|<g_0, g>| / |g_0|^2, clip),
 * each number within bound. Other tensors are as they were combined. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "fed/server/server.h"
#include "model/model.h"
#include "nn/stages.h"

struct params {
	double lr, clip, bound;
};

static const struct fl_param params[] = {
	{ "lr", FL_P_REAL, offsetof(struct params, lr), "1", 0, 1e6, NULL, "eta", "step size" },
	{ "clip", FL_P_REAL, offsetof(struct params, clip), "5", 0, 1e6, NULL, "c",
	  "largest weight of the first block's direction" },
	{ "bound", FL_P_REAL, offsetof(struct params, bound), "0.1", 0, 1e30, NULL, "b",
	  "largest magnitude of what results" },
	{ 0 }
};

static const double tiny = 1e-7;	/* added to what is divided by */

/* Where the tensors of the combined update learn. */
struct view {
	const struct params *p;
	const struct fl_combined *u;
	size_t *from;		/* (n) the tensor that each learns from; SIZE_MAX: none */
	size_t *field;		/* (n) numbers of a kernel */
};

static size_t index_of(const struct fl_combined *u, const char *name)
{
	size_t i = 0;

	while (i < u->n && strcmp(u->t[i]->name, name))
		i++;
	return i < u->n ? i : SIZE_MAX;
}

/* The weight of layer i, which is a convolution, or NULL. */
static const struct fl_net_param *weight_of(const struct fl_net *net, size_t i)
{
	for (size_t k = 0; k < net->nparam; k++)
		if (net->param[k].layer == i && net->layer[i].entry->units == FL_UNITS_OWN)
			return net->param[k].ndim == 4 ? &net->param[k] : NULL;
	return NULL;
}

/* The last convolution of a block's body. */
static const struct fl_net_param *last_of(const struct fl_net *net, size_t block)
{
	const struct fl_layer *l = &net->layer[block];
	const struct fl_net_param *q = NULL;

	for (size_t i = block - l->shortcut; i > block - l->shortcut - l->body && !q; i--)
		q = weight_of(net, i - 1);
	return q;
}

/* The convolutions of a later block of first's stage that are shaped as that one's last. */
static size_t pair_block(const struct fl_net *net, size_t block, size_t first, struct view *v)
{
	const struct fl_net_param *to = last_of(net, first), *q;
	const struct fl_layer *l = &net->layer[block];
	size_t from = to ? index_of(v->u, to->name) : SIZE_MAX, n = 0;

	for (size_t i = block - l->shortcut - l->body; to && i < block - l->shortcut; i++) {
		size_t at;

		if (!(q = weight_of(net, i)) || memcmp(q->dim, to->dim, 4 * sizeof *q->dim))
			continue;
		n++;
		if ((at = index_of(v->u, q->name)) == SIZE_MAX)
			continue;
		v->from[at] = from;
		v->field[at] = q->dim[2] * q->dim[3];
	}
	return n;
}

static int pair(const struct fl_net *net, struct view *v, struct fl_arena *a, struct fl_err *e)
{
	size_t *first = fl_arena_get(a, net->nlayer, sizeof *first, e), n = 0;

	if (!first)
		return -1;
	fl_net_stages(net, first);
	for (size_t i = 0; i < v->u->n; i++)
		v->from[i] = SIZE_MAX;
	for (size_t i = 0; i < net->nlayer; i++)
		if (first[i] != SIZE_MAX && first[i] != i)
			n += pair_block(net, i, first[i], v);
	for (size_t i = 0; i < v->u->n; i++)
		if (v->from[i] != SIZE_MAX && v->field[i] > v->u->tile)
			return fl_fail(e, FL_EDATA, "tensor '%s': kernels of more than %zu numbers",
			               v->u->t[i]->name, v->u->tile);
	return n ? 0 : fl_fail(e, FL_EDATA, "no stage of the model has a later residual block whose "
	                       "convolutions are shaped as the last of its first");
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* g(n) of a kernel learns from first(n). */
static void learn(const struct params *p, double *g, const double *first, size_t n)
{
	double own = sqrt(dot(g, g, n)), square = dot(first, first, n), norm = sqrt(square);
	double v = fmin(fabs(dot(first, g, n)) / (square + tiny), p->clip);

	for (size_t i = 0; i < n; i++) {
		double x = (g[i] / (own + tiny) + v * first[i] / (norm + tiny)) * ((own + norm) / 2);

		g[i] = fmax(-p->bound, fmin(p->bound, x));
	}
}

/* Whole kernels [i0,i1), no more than a tile. */
static int get_kernels(const struct view *v, size_t i, size_t i0, size_t i1, int thread,
                       double *g, struct fl_err *e)
{
	double first[FL_TILE];
	size_t field = v->field[i];

	if (v->u->get(v->u->ctx, i, i0, i1, thread, g, e) ||
	    v->u->get(v->u->ctx, v->from[i], i0, i1, thread, first, e))
		return -1;
	for (size_t k = 0; k < i1 - i0; k += field)
		learn(v->p, g + k, first + k, field);
	return 0;
}

/* A stretch need not begin or end where a kernel does. */
static int get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
               struct fl_err *e)
{
	const struct view *v = ctx;
	double g[FL_TILE];
	size_t field, step;

	if (v->from[i] == SIZE_MAX)
		return v->u->get(v->u->ctx, i, i0, i1, thread, out, e);
	field = v->field[i];
	step = v->u->tile / field * field;
	for (size_t at = i0 / field * field; at < i1; at += step) {
		size_t end = at + step < v->u->t[i]->n ? at + step : v->u->t[i]->n;
		size_t from = at > i0 ? at : i0, to = end < i1 ? end : i1;

		if (get_kernels(v, i, at, end, thread, g, e))
			return -1;
		memcpy(out + (from - i0), g + (from - at), (to - from) * sizeof *out);
	}
	return 0;
}

static int see(const void *p, const struct fl_combined *u, const struct fl_tset *model,
               struct fl_arena *a, struct fl_combined *out, struct fl_err *e)
{
	struct view *v = fl_arena_zero(a, 1, sizeof *v, e);
	struct fl_net net;
	int rc = -1;

	if (!v || !(v->from = fl_arena_get(a, u->n, sizeof *v->from, e)) ||
	    !(v->field = fl_arena_zero(a, u->n, sizeof *v->field, e)) || fl_model_of(&net, model, e))
		return -1;
	v->p = p;
	v->u = u;
	*out = *u;
	out->ctx = v;
	out->get = get;
	rc = pair(&net, v, a, e);
	fl_net_release(&net);
	return rc;
}

static void apply(const void *p, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	double lr = ((const struct params *)p)->lr;

	(void)r;
	(void)vec;
	for (size_t i = 0; i < n; i++)
		w[i] -= lr * g[i];
}

const struct fl_server fl_server_inco = {
	.e = {
		.name = "inco",
		.title = "InCo Aggregation",
		.cite = "Chan, Zhou, Zhao and Ngai, ICLR 2024, arXiv 2308.11464",
		.doc = "later residual blocks learn from the first of their stage",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "per kernel, g' = (g/|g| + v g_0/|g_0|) (|g| + |g_0|) / 2 within bound, "
			   "v = min(|<g_0,g>| / |g_0|^2, clip); g_0 of the last convolution of the first block",
		.note = "Convolutions learn, as in the published code for ResNets; what it does to the norms of "
			"transformers is not here.",
	},
	.see = see,
	.apply = apply,
};

/* Modalities that clients lack, or single examples: stains, sensors, kinds of features, which
 * are channels of x, or parts of examples that have several. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shift/shift.h"

enum by { CLIENT, EXAMPLE };

struct params {
	int64_t modalities;
	int by;
	double rate, fill;
};

static const char *const by_name[] = { "client", "example", NULL };

/* Values from to to of example i become fill. */
static void blank(const struct fl_tensor *x, size_t i, size_t from, size_t to, double fill)
{
	size_t d = fl_shift_width(x);

	for (size_t j = i * d + from; j < i * d + to; j++) {
		if (x->dtype == FL_U8)
			((unsigned char *)x->data)[j] = (unsigned char)fill;
		else
			((float *)x->data)[j] = (float)fill;
	}
}

/* What of the examples there is, and how it goes. */
struct lost {
	size_t N, M;
	const struct params *p;
	const struct fl_tensor *x;	/* channels of it, or NULL: */
	struct fl_tensor *part;		/* (N,M) */
	unsigned char *has, *loses;	/* (M) of the example at hand */
	double *u;			/* (M) */
};

static void lose(const struct lost *l, size_t i)
{
	size_t C = l->x ? l->x->dim[1] : 0, plane = C ? fl_shift_width(l->x) / C : 0;

	for (size_t m = 0; m < l->M; m++) {
		if (!l->loses[m])
			continue;
		if (l->x)
			blank(l->x, i, m * C / l->M * plane, (m + 1) * C / l->M * plane, l->p->fill);
		else
			((int64_t *)l->part->data)[i * l->M + m] = -1;
	}
}

/* What example i has. */
static void look(const struct lost *l, size_t i)
{
	for (size_t m = 0; m < l->M; m++)
		l->has[m] = l->x || ((const int64_t *)l->part->data)[i * l->M + m] >= 0;
}

/* What of it is lost by the numbers drawn, never all. */
static void choose(const struct lost *l)
{
	size_t most = l->M, left = 0;

	for (size_t m = 0; m < l->M; m++) {
		if (l->has[m] && (most == l->M || l->u[m] > l->u[most]))
			most = m;
		l->loses[m] = l->has[m] && l->u[m] < l->p->rate;
		left += l->has[m] && !l->loses[m];
	}
	if (!left && most < l->M)
		l->loses[most] = 0;
}

static void lose_all(const struct lost *l, const struct fl_shift_in *in)
{
	struct fl_rng r;

	for (size_t i = 0; i < l->N; i++) {
		if (l->p->by == EXAMPLE || !i)
			fl_shift_rng(&r, in, in->k, l->p->by == EXAMPLE ? in->row[i] : 0);
		for (size_t m = 0; (l->p->by == EXAMPLE || !i) && m < l->M; m++)
			l->u[m] = fl_rng_real(&r);
		look(l, i);
		choose(l);
		lose(l, i);
	}
}

static int check_x(const struct params *p, struct lost *l, struct fl_err *e)
{
	const struct fl_tensor *x = l->x;
	size_t C = x->ndim > 1 ? x->dim[1] : 0;
	char shape[256];

	l->N = x->dim[0];
	l->M = p->modalities ? (size_t)p->modalities : C;
	if (!C || l->M > C)
		return fl_fail(e, FL_EDATA, "missing: 'x' is %s, %zu modalities want as many channels",
		               fl_tensor_shape_str(x, shape, sizeof shape), l->M);
	if (x->dtype == FL_U8 && (p->fill < 0 || p->fill > 255 || p->fill != floor(p->fill)))
		return fl_fail(e, FL_EDATA, "missing: fill=%g is no byte, 'x' has bytes", p->fill);
	return 0;
}

static int check_parts(const struct params *p, struct lost *l, struct fl_err *e)
{
	if (!l->part)
		return fl_fail(e, FL_EDATA, "missing: pairs are of a text and an image each; of tensors x.text, "
		               "x.image and part, an example may lack one");
	l->N = l->part->dim[0];
	l->M = l->part->dim[1];
	return !p->modalities || (size_t)p->modalities == l->M ? 0 :
	       fl_fail(e, FL_EDATA, "missing: examples have %zu parts, not %lld modalities", l->M,
	               (long long)p->modalities);
}

static struct fl_tensor *find(struct fl_tset *rec, const char *name)
{
	for (size_t i = 0; i < rec->nt; i++)
		if (!strcmp(rec->t[i].name, name))
			return &rec->t[i];
	return NULL;
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	struct lost l = { .p = vp, .x = fl_tset_find(rec, "x"), .part = find(rec, "part") };

	if (l.x ? check_x(vp, &l, e) : check_parts(vp, &l, e))
		return -1;
	l.has = fl_alloc(l.M, 1, e);
	l.loses = fl_alloc(l.M, 1, e);
	l.u = fl_alloc(l.M, sizeof *l.u, e);
	if (l.has && l.loses && l.u)
		lose_all(&l, in);
	free(l.has);
	free(l.loses);
	free(l.u);
	return l.has && l.loses && l.u ? 0 : -1;
}

static const struct fl_param params[] = {
	{ "modalities", FL_P_INT, offsetof(struct params, modalities), "0", 0, 1 << 24, NULL, "n",
	  "equal shares of x's channels, the first dimension; 0: each is one" },
	{ "by", FL_P_ENUM, offsetof(struct params, by), "client", 0, 0, by_name, "whom",
	  "who lacks: a client in all its examples, or each example for itself" },
	{ "rate", FL_P_REAL, offsetof(struct params, rate), "0.5", 0, 1, NULL, "x",
	  "probability that a client, or an example, lacks a modality" },
	{ "fill", FL_P_REAL, offsetof(struct params, fill), "0", -1e6, 1e6, NULL, "x",
	  "what x has in its place" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_missing = {
	.e = {
		.name = "missing",
		.title = "Missing modalities",
		.cite = "Feng et al., FedMultimodal, KDD 2023, arXiv 2306.09486",
		.doc = "clients, or single examples, lack channels or parts, drawn at a rate",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "client k lacks modality m if u_km < rate, u uniform; what would lack all keeps that "
		           "of the largest u; by=example, u_im of example i. Modality m of M: channels "
		           "floor(m C/M) .. floor((m+1) C/M) of x, or a part of the example",
	},
	.parts = 1,
	.apply = apply,
};

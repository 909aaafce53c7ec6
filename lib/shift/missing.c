/* Modalities that clients lack: stains, sensors, kinds of features. */
#include <math.h>
#include <stdlib.h>

#include "shift/shift.h"

struct params {
	int64_t modalities;
	double rate, fill;
};

/* Which of M modalities the client lacks: each with probability rate, never all. */
static int draw(const struct params *p, const struct fl_shift_in *in, size_t M,
                unsigned char *lacks, struct fl_err *e)
{
	double *u = fl_alloc(M, sizeof *u, e);
	size_t most = 0, n = 0;
	struct fl_rng r;

	if (!u)
		return -1;
	fl_shift_rng(&r, in, in->k, 0);
	for (size_t m = 0; m < M; m++) {
		u[m] = fl_rng_real(&r);
		if (u[m] > u[most])
			most = m;
		lacks[m] = u[m] < p->rate;
		n += lacks[m];
	}
	if (n == M)
		lacks[most] = 0;
	free(u);
	return 0;
}

/* Values from to to of every example become fill. */
static void blank(const struct fl_tensor *x, size_t from, size_t to, double fill)
{
	size_t d = fl_shift_width(x);

	for (size_t i = 0; i < x->dim[0]; i++)
		for (size_t j = i * d + from; j < i * d + to; j++) {
			if (x->dtype == FL_U8)
				((unsigned char *)x->data)[j] = (unsigned char)fill;
			else
				((float *)x->data)[j] = (float)fill;
		}
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	const struct params *p = vp;
	const struct fl_tensor *x = fl_tset_find(rec, "x");
	size_t C = x->ndim > 1 ? x->dim[1] : 0, M = p->modalities ? (size_t)p->modalities : C;
	size_t plane = C ? fl_shift_width(x) / C : 0;
	unsigned char *lacks;
	char shape[256];

	if (!C || M > C)
		return fl_fail(e, FL_EDATA, "missing: 'x' is %s, %zu modalities want as many channels",
		               fl_tensor_shape_str(x, shape, sizeof shape), M);
	if (x->dtype == FL_U8 && (p->fill < 0 || p->fill > 255 || p->fill != floor(p->fill)))
		return fl_fail(e, FL_EDATA, "missing: fill=%g is no byte, 'x' has bytes", p->fill);
	if (!(lacks = fl_alloc(M, 1, e)) || draw(p, in, M, lacks, e)) {
		free(lacks);
		return -1;
	}
	for (size_t m = 0; m < M; m++)
		if (lacks[m])
			blank(x, m * C / M * plane, (m + 1) * C / M * plane, p->fill);
	free(lacks);
	return 0;
}

static const struct fl_param params[] = {
	{ "modalities", FL_P_INT, offsetof(struct params, modalities), "0", 0, 1 << 24, NULL, "n",
	  "equal parts of the channels, the first dimension; 0: each is one" },
	{ "rate", FL_P_REAL, offsetof(struct params, rate), "0.5", 0, 1, NULL, "x",
	  "probability that a client lacks a modality" },
	{ "fill", FL_P_REAL, offsetof(struct params, fill), "0", -1e6, 1e6, NULL, "x",
	  "what is stored in its place" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_missing = {
	.e = {
		.name = "missing",
		.title = "Missing modalities",
		.cite = "Feng et al., FedMultimodal, KDD 2023, arXiv 2306.09486",
		.doc = "clients lack channels or blocks of features, drawn at a rate",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "client k lacks modality m if u_km < rate, u uniform; one that would lack all "
		           "keeps that of the largest u. Modality m of M: channels floor(m C/M) .. floor((m+1) C/M)",
	},
	.apply = apply,
};

/* FedProto: features near the prototype of their class, the mean feature vector over
 * all clients that have it,
 *   F_k + lambda mean over examples and features of (h - P_y)^2.
 * A class without a prototype has no such term. Prototypes come by --with; with a
 * folder of personal models, and no averaging of them, this is the paper's method. */
#include "fed/client/classmeans.h"

struct fedproto {
	double lambda;
	const char *tap;
};

static const struct fl_param params[] = {
	{ "lambda", FL_P_REAL, offsetof(struct fedproto, lambda), "1", 0, 1e6, NULL, "lambda",
	  "weight of the distance to prototypes" },
	FL_METHOD_TAP(struct fedproto),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct fedproto *)p)->tap;
}

struct protos {
	const float *mean;	/* (C, d) */
	const int64_t *count;	/* (C) */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct protos *s = fl_arena_get(l->arena, 1, sizeof *s, e);

	l->priv = s;
	return s ? fl_class_means(l, fl_local_width(l), &s->mean, &s->count, e) : -1;
}

static double features(struct fl_local *l, const fl_real *h, const int32_t *y, fl_real *dh,
                       size_t B, size_t d)
{
	const struct fedproto *p = l->p;
	const struct protos *s = l->priv;
	double scale = p->lambda / ((double)B * (double)d), sum = 0;

	for (size_t b = 0; b < B; b++, h += d, dh += d) {
		const float *proto = s->mean + (size_t)y[b] * d;

		for (size_t i = 0; s->count[y[b]] && i < d; i++) {
			double x = (double)h[i] - (double)proto[i];

			sum += x * x;
			dh[i] += (fl_real)(2 * scale * x);
		}
	}
	return scale * sum;
}

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classmean", 0, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

const struct fl_method fl_method_fedproto = {
	.e = {
		.name = "fedproto",
		.title = "FedProto",
		.cite = "Tan et al., AAAI 2022, arXiv 2105.00243",
		.doc = "features near their class's mean over all clients",
		.params = params,
		.psize = sizeof(struct fedproto),
		.formula = "F_k + lambda mean of (h - P_y)^2, P: class means of features",
		.note = "The paper's method where each client keeps a model of its own, a folder for "
			"-m, and none are averaged. How clients count in P is the statistic's weight.",
	},
	.flags = FL_METHOD_LABELS,
	.with = wants,
	.tap = tap,
	.begin = begin,
	.on.features = features,
};

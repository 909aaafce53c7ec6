/* Federated distillation: logits near the mean logits of their class over all clients,
 *   F_k + gamma mean over examples and classes of (z - Z_y)^2,
 * as HtFLlib has it. A class without mean logits has no such term. They come by
 * --with; with a folder of personal models, clients' architectures may differ. */
#include "fed/client/client.h"

struct fd {
	double gamma;
};

static const struct fl_param params[] = {
	{ "gamma", FL_P_REAL, offsetof(struct fd, gamma), "1", 0, 1e6, NULL, "gamma",
	  "weight of the distance to mean logits" },
	{ 0 }
};

struct targets {
	const float *mean;	/* (C, C) */
	const int64_t *count;	/* (C) */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct targets *s = fl_arena_get(l->arena, 1, sizeof *s, e);

	l->priv = s;
	return s ? fl_local_class_means(l, l->net->classes, &s->mean, &s->count, e) : -1;
}

static double loss(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                   size_t C)
{
	const struct fd *p = l->p;
	const struct targets *s = l->priv;
	double scale = p->gamma / ((double)B * (double)C), sum = 0;

	for (size_t b = 0; b < B; b++, z += C, dz += C)
		for (size_t c = 0; s->count[y[b]] && c < C; c++) {
			double x = (double)z[c] - (double)s->mean[(size_t)y[b] * C + c];

			sum += x * x;
			dz[c] += (fl_real)(2 * scale * x);
		}
	return scale * sum;
}

const struct fl_method fl_method_fd = {
	.e = {
		.name = "fd",
		.title = "Federated distillation",
		.cite = "Jeong et al., 2018, arXiv 1811.11479; Zhang et al., HtFLlib, 2025",
		.doc = "logits near their class's mean over all clients",
		.params = params,
		.psize = sizeof(struct fd),
		.formula = "F_k + gamma mean of (z - Z_y)^2, Z: class means of logits",
	},
	.with = "classlogit",
	.begin = begin,
	.loss = loss,
};

/* Federated distillation: logits near the mean logits of their class over all clients,
 *   F_k + gamma mean over examples and classes of (z - Z_y)^2,
 * as HtFLlib has it. A class without mean logits has no such term. They come by
 * --with; with a folder of personal models, clients' architectures may differ.
 * The client's own part of a mean of K clients, or of n examples, is taken out by
 *   Z' = (K Z - Z_k)/(K - 1), or (n Z - n_k Z_k)/(n - n_k),
 * Z_k of its own examples at the received model. */
#include "fed/client/classmeans.h"

#include <inttypes.h>
#include <string.h>

enum own { IN, OUT };

struct fd {
	double gamma;
	int own;
};

static const char *const owns[] = { "in", "out", NULL };

static const struct fl_param params[] = {
	{ "gamma", FL_P_REAL, offsetof(struct fd, gamma), "1", 0, 1e6, NULL, "gamma",
	  "weight of the distance to mean logits" },
	{ "own", FL_P_ENUM, offsetof(struct fd, own), "in", 0, 0, owns, "where",
	  "whether a client's own logits are in the mean that it trains towards" },
	{ 0 }
};

struct targets {
	const float *mean;	/* (C, C) */
	const int64_t *count;	/* (C) */
};

/* How many clients' means are equal parts of each class's; NULL: examples are. */
static int get_clients(const struct fl_local *l, const int64_t **clients, struct fl_err *e)
{
	const struct fl_tset *rec = fl_local_with(l, e);
	const char *spec = rec ? fl_meta_get(rec, "fl.method") : NULL;
	const char *base = rec ? fl_meta_get(rec, "fl.base") : NULL;
	const struct fl_tensor *t;

	*clients = NULL;
	if (!rec)
		return -1;
	if (base && strcmp(base, l->room->base))
		return fl_fail(e, FL_EDATA, "--with: the logits are at model %s, but this one is %s", base,
		               l->room->base);
	if (!spec || strcmp(spec, "classlogit:weight=uniform"))
		return 0;
	t = fl_tset_find(rec, "clients");
	if (!t || t->dtype != FL_I64 || t->ndim != 1 || t->n != l->net->classes)
		return fl_fail(e, FL_EDATA, "--with: 'clients' is not a number for each of %zu classes; "
		               "method fd with own=out wants statistics that fl-aggregate has pooled",
		               l->net->classes);
	*clients = t->data;
	return 0;
}

/* Sums z(C,C) by class of the client's own logits at the received model, and counts n(C). */
static int sum_own(struct fl_local *l, double *z, int64_t *n, struct fl_err *e)
{
	size_t C = l->net->classes;
	struct fl_fixed f;

	if (fl_local_all(l, &f, l->w0, FL_FIX_LOGITS, e))
		return -1;
	for (size_t i = 0; i < l->data->N; i++) {
		size_t y = (size_t)l->data->y[i];

		n[y]++;
		for (size_t c = 0; c < C; c++)
			z[y * C + c] += (double)f.z[i * C + c];
	}
	return 0;
}

/* Class c, of `all` parts, without the n examples whose logits add up to z(C). */
static int take_out(const struct targets *s, size_t c, int64_t all, int by_client, const double *z,
                    int64_t n, size_t C, float *mean, int64_t *count, struct fl_err *e)
{
	int64_t part = by_client ? n > 0 : n;

	if (all < part || s->count[c] < n)
		return fl_fail(e, FL_EDATA, "--with: the logits of class %zu are of %" PRId64 " examples, "
		               "but this client alone has %" PRId64, c, s->count[c], n);
	*count = all > part ? s->count[c] - n : 0;
	for (size_t i = 0; *count && i < C; i++) {
		double own = !n ? 0 : by_client ? z[i] / (double)n : z[i];

		mean[i] = (float)(((double)all * (double)s->mean[c * C + i] - own) / (double)(all - part));
	}
	return 0;
}

static int leave_out(struct fl_local *l, struct targets *s, struct fl_err *e)
{
	size_t C = l->net->classes;
	double *z = fl_arena_zero(l->arena, C * C, sizeof *z, e);
	float *mean = fl_arena_zero(l->arena, C * C, sizeof *mean, e);
	int64_t *n = fl_arena_zero(l->arena, C, sizeof *n, e);
	int64_t *count = fl_arena_zero(l->arena, C, sizeof *count, e);
	const int64_t *clients;

	if (!z || !mean || !n || !count || get_clients(l, &clients, e) || sum_own(l, z, n, e))
		return -1;
	for (size_t c = 0; c < C; c++)
		if (take_out(s, c, clients ? clients[c] : s->count[c], clients != NULL, z + c * C, n[c], C,
		             mean + c * C, count + c, e))
			return -1;
	*s = (struct targets){ mean, count };
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct fd *p = l->p;
	struct targets *s = fl_arena_get(l->arena, 1, sizeof *s, e);

	l->priv = s;
	if (!s || fl_class_means(l, l->net->classes, &s->mean, &s->count, e))
		return -1;
	return p->own == OUT ? leave_out(l, s, e) : 0;
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

static const struct fl_want wants[] = {
	{ FL_KIND_STATS, "classlogit", 0, NULL },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

const struct fl_method fl_method_fd = {
	.e = {
		.name = "fd",
		.title = "Federated distillation",
		.cite = "Jeong et al., 2018, arXiv 1811.11479; Zhang et al., HtFLlib, 2025",
		.doc = "logits near their class's mean over all clients",
		.params = params,
		.psize = sizeof(struct fd),
		.formula = "F_k + gamma mean of (z - Z_y)^2, Z: class means of logits",
		.note = "The loss, and the client's own logits in Z, are HtFLlib's. Jeong et al. have the "
			"mean over the other clients, own=out with a statistic of "
			"classlogit:weight=uniform at the model received, and the cross-entropy of "
			"softmax outputs in place of the square.",
	},
	.flags = FL_METHOD_LABELS,
	.with = wants,
	.begin = begin,
	.on.loss = loss,
};

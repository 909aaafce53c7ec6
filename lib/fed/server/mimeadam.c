/* The server of MimeLite with Adam: moments are of the clients' mean gradient at the received
 * model, not of what they moved.
 *
 *   c = mean of grad F_k(w0);  m <- beta1 m + (1 - beta1) c;  v <- beta2 v + (1 - beta2) c^2
 *   w <- w - g
 *
 * The updates bring grad F_k(w0) as "@mimeadam/g/TENSOR"; m and v go out with the model, and
 * clients hold them fixed in a round (client/mimeadam.c). v, a square of the mean, is no mean of
 * what clients could send: so the server forms it. */
#include "base/mem.h"
#include "fed/server/server.h"

struct params {
	double beta1, beta2, v0;
};

static const struct fl_param table[] = {
	{ "beta1", FL_P_REAL, offsetof(struct params, beta1), "0.9", 0, 1, NULL, "beta",
	  "decay of the first moment, as the clients have it" },
	{ "beta2", FL_P_REAL, offsetof(struct params, beta2), "0.99", 0, 1, NULL, "beta",
	  "decay of the second moment" },
	{ "v0", FL_P_REAL, offsetof(struct params, v0), "1", 0, 1e300, NULL, "v",
	  "second moment before the first round, as the clients have it" },
	{ 0 }
};

enum { M, V };

static int begin(const void *pp, struct fl_server_round *r, struct fl_err *e)
{
	(void)e;
	r->fill[V] = ((const struct params *)pp)->v0;
	return 0;
}

/* Moments of a parameter, by the mean gradient c. */
static void move(const struct params *p, const struct fl_server_part *x, const double *c)
{
	for (size_t j = 0; j < x->t->n; j++) {
		double g = -c[j];	/* what is combined as an update points downhill */

		x->vec[M][j] = p->beta1 * x->vec[M][j] + (1 - p->beta1) * g;
		x->vec[V][j] = p->beta2 * x->vec[V][j] + (1 - p->beta2) * (g * g);
	}
}

static int look(const void *p, struct fl_server_round *r, struct fl_server_part *part, size_t n,
                struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	int rc = 0;

	(void)r;
	for (size_t i = 0; !rc && i < n; i++) {
		const struct fl_tensor *t = part[i].t;
		char *name = part[i].added ? NULL : fl_arena_fmt(&a, e, "@mimeadam/g/%s", t->name);
		const struct fl_server_part *c = name ? fl_server_find(part, n, name) : NULL;

		if (part[i].added)
			continue;
		if (c && fl_tensor_same_shape(c->t, t))
			move(p, &part[i], c->g);
		else
			rc = !name ? -1 : fl_fail(e, FL_EDATA, c ? "server mimeadam: '%s' is not of the shape "
			                          "of its tensor" : "server mimeadam: the updates bring no "
			                          "'%s': fl-local-train -M mimeadam", name);
	}
	fl_arena_release(&a);
	return rc;
}

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	(void)pp;
	(void)r;
	(void)vec;
	for (size_t i = 0; i < n; i++)
		w[i] -= g[i];
}

const struct fl_server fl_server_mimeadam = {
	.e = {
		.name = "mimeadam",
		.title = "MimeLite with Adam, server",
		.cite = "Karimireddy et al., NeurIPS 2021, arXiv 2008.03606",
		.doc = "Adam's moments of the mean gradient, which clients hold fixed",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "c = mean grad F_k(w0); m = beta1 m + (1-beta1) c; v = beta2 v + (1-beta2) c^2; "
			   "w = w - g",
		.note = "Beside method mimeadam, with the same beta1 and v0. The paper says nothing of v "
			"before the first round; v0=1 begins with plain momentum.",
	},
	.vec = { "m", "v" },
	.cast = 1U << M | 1U << V,
	.takes = "mimeadam",
	.begin = begin,
	.look = look,
	.apply = apply,
};

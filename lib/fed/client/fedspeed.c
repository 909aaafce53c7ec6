/* FedSpeed: a proximal term, its correction from the rounds before, and a gradient
 * mixed with that uphill (which SAM would take):
 *   g = (1 - alpha) grad F_k(w) + alpha grad F_k(w + rho grad F_k(w)/|...|);
 *   w -= lr (g + l (w - w0 + h_k)),  h_k += w - w0 after training.
 * In form code, the authors' own, l is lambda; the server adds the mean of h over all
 * clients, which is the server feddyn. In form paper, l is 1/lambda; the client sends
 * w + h_k, and the server takes the mean over those at hand. h_k is -lambda times the
 * paper's g_i. With all clients at hand both come to the same. With rho = 0 these are
 * FedDyn's steps. */
#include "fed/client/client.h"

#include <math.h>
#include <string.h>

#include "kernel/vmath.h"

static const char prefix[] = "@fedspeed/h/";

enum form { CODE, PAPER };

struct fedspeed {
	double lambda, rho, alpha;
	int form;
};

static const char *const forms[] = { "code", "paper", NULL };

static const struct fl_param params[] = {
	{ "lambda", FL_P_REAL, offsetof(struct fedspeed, lambda), NULL, 0, 1e6, NULL, "lambda",
	  "weight of the proximal term, or by form its inverse; unset: 0.1, 10" },
	{ "rho", FL_P_REAL, offsetof(struct fedspeed, rho), "0.1", 0, 1e6, NULL, "rho",
	  "how far uphill a gradient is taken" },
	{ "alpha", FL_P_REAL, offsetof(struct fedspeed, alpha), "1", 0, 1, NULL, "alpha",
	  "share of the gradient uphill" },
	{ "form", FL_P_ENUM, offsetof(struct fedspeed, form), "code", 0, 0, forms, "form",
	  "lambda, and the server's part, of the authors' code or of the paper" },
	{ 0 }
};

struct vecs {
	fl_real *h, *up, *at;	/* (P) correction, gradient uphill, where it is taken */
};

/* Of the proximal term. */
static double pull(const void *pp)
{
	const struct fedspeed *p = pp;

	if (isnan(p->lambda))
		return 0.1;
	return p->form == PAPER ? 1 / p->lambda : p->lambda;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct vecs *v = fl_arena_get(l->arena, 1, sizeof *v, e);

	if (!isfinite(pull(l->p)))
		return fl_fail(e, FL_EUSAGE, "fedspeed: form=paper wants lambda above 0");
	if (!v || !(v->up = fl_local_vec(l, e)) || !(v->at = fl_local_vec(l, e)))
		return -1;
	if (!(v->h = fl_local_import_params(l, l->old, prefix, e)))
		return fl_fail_in(e, "state");
	l->priv = v;
	return 0;
}

static double batch(struct fl_local *l, const fl_real *w, fl_real *g)
{
	const struct fedspeed *p = l->p;
	struct vecs *v = l->priv;
	double loss = fl_local_ascent(l, p->rho, w, v->at, g);
	fl_real a = (fl_real)p->alpha, keep = (fl_real)(1 - p->alpha);

	fl_local_gradient(l, v->at, v->up);
	for (size_t i = 0; i < l->net->P; i++)
		g[i] = keep * g[i] + a * v->up[i];
	return loss;
}

static void grad(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct vecs *v = l->priv;
	double weight = pull(l->p);

	(void)w;
	fl_vblend((float)weight, v->h + begin, 1, g, end - begin);
}

/* Adds h, which the state has by now, to the update's tensors. */
static void add_correction(const struct fl_tset *state, struct fl_tset *update)
{
	size_t at = sizeof prefix - 1;

	for (size_t i = 0; i < state->nt; i++) {
		const struct fl_tensor *h = &state->t[i];
		const struct fl_tensor *u = strncmp(h->name, prefix, at) ? NULL :
		                            fl_tset_find(update, h->name + at);

		if (u)
			fl_vblend(1, h->data, 1, u->data, u->n);
	}
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fedspeed *p = l->p;
	struct vecs *v = l->priv;

	for (size_t i = 0; i < l->net->P; i++)
		v->h[i] += l->w[i] - l->w0[i];
	if (fl_local_export_params(l, v->h, prefix, l->state, e))
		return -1;
	if (p->form == PAPER)
		add_correction(l->state, update);
	return 0;
}

const struct fl_method fl_method_fedspeed = {
	.e = {
		.name = "fedspeed",
		.title = "FedSpeed",
		.cite = "Sun et al., ICLR 2023, arXiv 2302.10429",
		.doc = "corrected proximal term and sharpness-aware steps; server by form",
		.params = params,
		.psize = sizeof(struct fedspeed),
		.formula = "g = (1 - alpha) grad F_k(w) + alpha grad F_k(w + rho g1/|g1|); "
			   "w -= lr (g + lambda (w - w0 + h_k)); h_k += w - w0",
		.note = "form=code is what the authors' code does: lambda is the weight, and server "
			"feddyn adds the mean of h over all clients, those away included. form=paper: "
			"the weight is 1/lambda, a client sends w + h_k, and the server is the mean, "
			"rule mean:weight=uniform with server sgd. With all clients in every round both "
			"are the same. The step uphill has length rho in both.",
	},
	.flags = FL_METHOD_STATE,
	.begin = begin,
	.on.batch = batch,
	.pull = pull,
	.on.grad = grad,
	.end = end,
};

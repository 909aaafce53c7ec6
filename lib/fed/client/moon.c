/* MOON: features near the received model's, away from the client's last model's.
 *   F_k + mu mean of -ln(e^(s_g/tau) / (e^(s_g/tau) + e^(s_p/tau))),
 * s_g, s_p the cosines of an example's features with those of the two models.
 * Features are the input of the last layer with weights, or what the architecture
 * says. The authors' model has a projection head before its last layer, linear, relu,
 * linear, and compares what that gives: an architecture with these layers does the same,
 * as does a tap of such layers beside its classes.
 * The last model is kept as state; a client without trains plainly, as both models are
 * the same then. */
#include "fed/client/client.h"

#include <math.h>

#include "base/fmath.h"

static const char prefix[] = "@moon/w/";

struct moon {
	double mu, tau;
	const char *tap;
};

static const struct fl_param params[] = {
	{ "mu", FL_P_REAL, offsetof(struct moon, mu), "1", 0, 1e6, NULL, "mu",
	  "weight of the contrast" },
	{ "tau", FL_P_REAL, offsetof(struct moon, tau), "0.5", 1e-6, 1e6, NULL, "tau",
	  "temperature" },
	FL_METHOD_TAP(struct moon),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct moon *)p)->tap;
}

struct pair {
	struct fl_fixed now, last;	/* features of the received and the last model */
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct pair *f = fl_arena_zero(l->arena, 1, sizeof *f, e);
	fl_real *w = fl_local_import(l, l->old, prefix, e);

	if (!f || !w)
		return w ? -1 : fl_fail_in(e, "state");
	l->priv = f;
	if (!l->old->nt)
		return 0;
	return fl_local_fix(l, &f->now, l->w0, FL_FIX_FEATURES, e) ||
	       fl_local_fix(l, &f->last, w, FL_FIX_FEATURES, e) ? -1 : 0;
}

static double dot(const fl_real *x, const fl_real *y, size_t d)
{
	double s = 0;

	for (size_t i = 0; i < d; i++)
		s += (double)x[i] * (double)y[i];
	return s;
}

/* Cosine of h and r; d cos/dh = *a r - *b h. Zero where either is. */
static double cosine(const fl_real *h, const fl_real *r, size_t d, double *a, double *b)
{
	double hh = dot(h, h, d), rr = dot(r, r, d), s;

	*a = *b = 0;
	if (!(hh > 0) || !(rr > 0))
		return 0;
	*a = 1 / sqrt(hh * rr);
	s = dot(h, r, d) * *a;
	*b = s / hh;
	return s;
}

static double features(struct fl_local *l, const fl_real *h, const int32_t *y, fl_real *dh,
                       size_t B, size_t d)
{
	const struct moon *p = l->p;
	const struct pair *f = l->priv;
	double loss = 0;

	(void)y;
	if (!f->now.h)
		return 0;
	for (size_t b = 0; b < B; b++, h += d, dh += d) {
		size_t row = fl_local_row(l, b);
		const fl_real *now = f->now.h + row * d, *last = f->last.h + row * d;
		double an, bn, al, bl, x, share;

		x = (cosine(h, last, d, &al, &bl) - cosine(h, now, d, &an, &bn)) / p->tau;
		share = fl_exp(-fabs(x));
		loss += (x > 0 ? x : 0) + fl_log1p(share);
		share = x > 0 ? 1 / (1 + share) : share / (1 + share);
		share *= p->mu / p->tau / (double)B;
		for (size_t i = 0; i < d; i++)
			dh[i] += (fl_real)(share * (al * (double)last[i] - an * (double)now[i] -
			                            (bl - bn) * (double)h[i]));
	}
	return p->mu * loss / (double)B;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	return fl_local_export(l, l->w, prefix, l->state, e);
}

const struct fl_method fl_method_moon = {
	.e = {
		.name = "moon",
		.title = "MOON",
		.cite = "Li, He and Song, CVPR 2021, arXiv 2103.16257",
		.doc = "features near the received model's, away from the last local one's",
		.params = params,
		.psize = sizeof(struct moon),
		.formula = "F_k + mu mean of -ln(e^(s_g/tau)/(e^(s_g/tau) + e^(s_p/tau))), "
			   "s: cosines of features with the received and the last local model's",
		.note = "Features are the input of the last layer with weights, or what the architecture "
			"says. The authors' models have a projection head there: layers linear, relu, "
			"linear before the last one, in the architecture. A client without a last "
			"model trains plainly.",
	},
	.flags = FL_METHOD_STATE,
	.tap = tap,
	.begin = begin,
	.on.features = features,
	.end = end,
};

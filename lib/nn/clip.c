/* CLIP's loss: symmetric InfoNCE between two towers side by side, a text's t(d) and an
 * image's x(d), scaled to unit length as u and v:
 *   l_i = log sum_j exp(s <u_i,v_j>) - s <u_i,v_i>  of texts, the same of images with u and v
 * exchanged; the loss is the mean over the batch of both, or of one way. s is 1/tau or, with
 * learn=on, exp of the outputs' last number, which CLIP calls logit_scale and holds at most at
 * log 100: beyond that its gradient passes only where it leads back.
 *   intra=c     the sum of an anchor also goes over the others of its own side,
 *               j != i of exp(c s <u_i,u_j>) (M3EL: c = 0.8)
 *   prefixes=n  adds the loss of the first n numbers of either tower, of unit length of their
 *               own, for each n (matryoshka) */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "nn/act.h"
#include "nn/contrast.h"
#include "nn/towers.h"

struct clip {
	double tau, intra;
	int direction, learn;
	struct fl_dims prefixes;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct clip, tau), "0.07", 1e-4, 100, NULL, "x",
	  "temperature, where it is not learnt" },
	{ "learn", FL_P_BOOL, offsetof(struct clip, learn), "off", 0, 0, NULL, NULL,
	  "the outputs' last number is the logit scale, log 1/tau" },
	{ "direction", FL_P_ENUM, offsetof(struct clip, direction), "both", 0, 0, fl_direction_name,
	  "way", "which way pairs are told apart" },
	{ "intra", FL_P_REAL, offsetof(struct clip, intra), NULL, 0, 100, NULL, "c",
	  "weight of likeness to others of the own side as negatives; unset: none" },
	{ "prefixes", FL_P_DIMS, offsetof(struct clip, prefixes), "none", 1, 1 << 24, NULL, "n+n",
	  "lengths at which embeddings are to serve if they are cut there" },
	{ 0 }
};

static const double MAX_SCALE = 4.605170185988092;	/* log 100 */

static size_t width(const struct clip *p, size_t C)
{
	return (C - (size_t)p->learn) / 2;
}

static int check(const void *block, size_t C, struct fl_err *e)
{
	const struct clip *p = block;
	size_t d = width(p, C);

	if (C < 2 || 2 * d + (size_t)p->learn != C)
		return fl_fail(e, FL_EUSAGE, "%zu outputs are not %s", C, p->learn ?
		               "2d + 1: two towers of one width, logit scale" : "two towers of one width");
	for (size_t i = 0; i < p->prefixes.n; i++)
		if ((size_t)p->prefixes.d[i] >= d)
			return fl_fail(e, FL_EUSAGE, "prefixes: %lld of %zu numbers are no prefix",
			               (long long)p->prefixes.d[i], d);
	return 0;
}

/* Behind the towers': a row of logits and its softmax, and a gradient of prefixes. */
static size_t scratch(const void *block, size_t B, size_t C)
{
	const struct clip *p = block;
	size_t most = fl_towers_scratch(B, width(p, C)), n;

	for (size_t i = 0; i < p->prefixes.n; i++) {
		n = fl_towers_scratch(B, (size_t)p->prefixes.d[i]);
		most = n > most ? n : most;
	}
	return most + 4 * B + (p->prefixes.n ? B * C : 0);
}

/* A pass over the batch at one width. */
struct pass {
	const struct clip *p;
	struct fl_towers w;
	fl_real *row;			/* (4B) */
	double value, by_scale;		/* by log s */
};

/* Anchors of one side, whose logits are m(B,B) with the other and own(B,B), or NULL, with
 * their own: adds their loss by weight, and makes gradients of both where there is grad. */
static void anchors(struct pass *a, fl_real *m, fl_real *own, double weight, int grad)
{
	size_t B = a->w.B, n = own ? 2 * B - 1 : B;
	fl_real *z = a->row, *q = z + 2 * B, f = (fl_real)weight;

	for (size_t i = 0; i < B; i++, m += B, own += own ? B : 0) {
		fl_real lse;

		memcpy(z, m, B * sizeof *z);
		if (own) {	/* but for the anchor itself */
			memcpy(z + B, own, i * sizeof *z);
			memcpy(z + B + i, own + i + 1, (B - 1 - i) * sizeof *z);
		}
		fl_act_softmax(z, q, &lse, 1, n);
		a->value += weight * ((double)lse - (double)z[i]);
		if (!grad)
			continue;
		q[i] -= 1;
		for (size_t j = 0; j < n; j++) {
			a->by_scale += weight * (double)q[j] * (double)z[j];
			q[j] *= f;
		}
		memcpy(m, q, B * sizeof *m);
		if (own) {
			memcpy(own, q + B, i * sizeof *own);
			own[i] = 0;
			memcpy(own + i + 1, q + B + i, (B - 1 - i) * sizeof *own);
		}
	}
}

static void scale(fl_real *x, fl_real by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= by;
}

/* Tower i's anchors. */
static void one_side(struct pass *a, int i, fl_real *m, double weight, int grad)
{
	size_t n = a->w.B * a->w.B;
	fl_real by = (fl_real)a->p->intra, *own = isnan(a->p->intra) ? NULL : a->w.q;

	if (!(weight > 0)) {
		memset(m, 0, n * sizeof *m);
		return;
	}
	if (own) {
		fl_towers_cosines(&a->w, i, i, own);
		scale(own, by, n);
	}
	anchors(a, m, own, weight, grad);
	if (own && grad) {
		scale(own, by, n);
		fl_towers_back(&a->w, i, i, own);
	}
}

/* The loss at width n of towers at[]; into dz, of the towers' columns, where b has it. */
static void at_width(struct pass *a, const struct fl_batch *b, const size_t at[2], size_t n, double tau)
{
	double half = a->p->direction == FL_BOTH ? .5 : 1, by = half / (double)b->B;
	int grad = b->dz != NULL;

	fl_towers_begin(&a->w, b, at, n, tau);
	one_side(a, 0, a->w.t, a->p->direction == FL_I2T ? 0 : by, grad);
	one_side(a, 1, a->w.s, a->p->direction == FL_T2I ? 0 : by, grad);
	if (grad)
		fl_towers_end(&a->w, at);
}

static double loss(const void *block, const struct fl_batch *b)
{
	const struct clip *p = block;
	size_t d = width(p, b->C), at[] = { 0, d }, n = b->B * b->C;
	double s = p->learn ? (double)b->z[b->C - 1] : 0;
	double tau = p->learn ? fl_exp(-fmin(s, MAX_SCALE)) : p->tau;
	struct pass a = { .p = p, .row = b->scratch + scratch(p, b->B, b->C) - 4 * b->B };
	struct fl_batch part = *b;

	if (b->dz)
		memset(b->dz, 0, n * sizeof *b->dz);
	at_width(&a, b, at, d, tau);
	for (size_t i = 0; i < p->prefixes.n; i++) {
		part.dz = b->dz ? a.row - n : NULL;
		if (part.dz)
			memset(part.dz, 0, n * sizeof *part.dz);
		at_width(&a, &part, at, (size_t)p->prefixes.d[i], tau);
		for (size_t j = 0; part.dz && j < n; j++)
			b->dz[j] += part.dz[j];
	}
	if (b->dz && p->learn && (s <= MAX_SCALE || a.by_scale > 0))
		b->dz[b->C - 1] = (fl_real)a.by_scale;
	return a.value;
}

static void reading(const void *p, size_t C, struct fl_reading *r)
{
	*r = (struct fl_reading){ .d = width(p, C), .score = &fl_score_cosine };
}

static void posterior(const void *p, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	size_t d = width(p, C);

	for (size_t b = 0; b < B; b++, z += C)
		fl_posterior_unit(out->mean, z + (side == FL_SIDE_TEXT ? 0 : d), b, d);
}

const struct fl_loss_entry fl_loss_clip = {
	.e = {
		.name = "clip",
		.title = "CLIP's contrast of two towers",
		.cite = "Radford et al., ICML 2021, arXiv 2103.00020; intra: arXiv 2412.10440; prefixes: "
		        "arXiv 2205.13147",
		.doc = "texts and images of a batch find each other by their cosines",
		.params = params,
		.psize = sizeof(struct clip),
		.formula = "mean of -log(exp(u_i v_i/tau) / sum_j exp(u_i v_j/tau)) over texts u and over images",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};

/* AsymVLM: a text is a distribution on the unit sphere, an image a point. Outputs of
 * a pair: eta(d), whose length is the concentration kappa and direction the mean mu;
 * z(d), the image as a unit vector; tau, the same for all, read in the first row.
 *   delta_ij = kappa_j c_ij + F_d(kappa_j)            vmf, F_d of sphere/vmf.h
 *   delta_ij = kappa_j log(1 + c_ij) + log C_d(kappa_j)   ps,  c_ij = <z_i, mu_j>
 * and the loss is cross-entropy of tau delta over rows and columns (nn/contrast.h).
 * Normalisers are differences to kappa = 0, in double: loss and gradient are those of
 * the normalisers themselves, which in float would drown what differs between texts.
 * Images are frozen: their gradient is 0.
 *
 * With G the gradient by tau delta, g_j its column sums and H = G / (1 + c):
 *   vmf  d eta_j = tau (sum_i G_ij z_i + g_j F'(kappa_j) mu_j)
 *   ps   d eta_j = tau (sum_i H_ij z_i + mu_j (sum_i G_ij log(1+c_ij) - H_ij c_ij
 *                                              + g_j (log C)'(kappa_j)))
 * images=adapted is symmetric: images have an eta of their own in place of z, and
 * delta is the logarithm of the product's integral over the sphere,
 *   delta_ij = F(|eta_j|) + F(|eta_i|) - F(|eta_i + eta_j|), vmf only. */
#include "nn/contrast.h"

#include <math.h>
#include <string.h>

#include "nn/act.h"
#include "nn/lanes.h"
#include "sphere/ps.h"
#include "sphere/vmf.h"

enum { VMF, PS };
enum { FIXED, ADAPTED };
static const char *const dist_name[] = { "vmf", "ps", NULL };
static const char *const images_name[] = { "fixed", "adapted", NULL };

struct asymvlm {
	int dist, direction, images;
};

static const struct fl_param params[] = {
	{ "dist", FL_P_ENUM, offsetof(struct asymvlm, dist), "vmf", 0, 0, dist_name, "name",
	  "distribution of a text: von Mises-Fisher or Power Spherical" },
	{ "direction", FL_P_ENUM, offsetof(struct asymvlm, direction), "both", 0, 0,
	  fl_direction_name, "way", "which way pairs are told apart" },
	{ "images", FL_P_ENUM, offsetof(struct asymvlm, images), "fixed", 0, 0, images_name, "what",
	  "points, or distributions of their own (symmetric; vmf only)" },
	{ 0 }
};

/* 1 + c of a Power Spherical distribution is at least this: about what a cosine in
 * float can tell from -1, where the density is 0. */
static const fl_real PS_FLOOR = (fl_real)0x1p-25;

/* The batch, by parts of scratch; B numbers each where not said. */
struct batch {
	const struct asymvlm *p;
	size_t B, C, d;
	const fl_real *text, *image;	/* (B,d) of rows C apart */
	double tau;
	double *kappa, *f, *f1;		/* of texts: length, F, F' */
	double *ikappa, *jf, *jf1;	/* of images that are adapted */
	double *gl, *hc;		/* ps: column sums of G log(1+c) and of H c */
	fl_real *l, *v;			/* a row of log(1+c), 1+c */
	fl_real *s;			/* (B,B) cosines, or inner products of adapted images */
	fl_real *room;			/* of products */
	double *rf, *rf1, *r;		/* a row of |eta_i + eta_j| and its F, F' */
	int threads;
	enum fl_gemm_precision precision;
	double scalar;			/* of the gradient by tau */
	struct fl_contrast c;
};

static int needs_second(const struct asymvlm *p)
{
	return p->dist == PS || p->images == ADAPTED;
}

static fl_product inner(const struct batch *b, fl_real *c)
{
	return (fl_product){
		.M = b->B, .N = b->B, .K = b->d, .a = b->image, .lda = b->C,
		.b = b->text, .ldb = b->C, .tb = 1, .c = c, .ldc = b->B, .precision = b->precision,
	};
}

/* y = t^T x, or t x; y's rows are C apart, too. */
static fl_product outer(const struct batch *b, const fl_real *t, int transposed,
                        const fl_real *x, fl_real *y)
{
	return (fl_product){
		.M = b->B, .N = b->d, .K = b->B, .a = t, .lda = b->B, .ta = transposed,
		.b = x, .ldb = b->C, .c = y, .ldc = b->C, .precision = b->precision,
	};
}

enum { DOUBLES = 13 };		/* kappa ... hc, rf ... r, and the sums of c */

/* Where scratch is NULL, only its size is found. */
static size_t lay_out(struct batch *b, fl_real *scratch)
{
	size_t B = b->B, at = B * DOUBLES * sizeof(double) / sizeof(fl_real), most, n;
	double *x = (double *)(void *)scratch;
	fl_real none[1] = { 0 };
	fl_product q;

	if (scratch) {
		double **place[DOUBLES] = {
			&b->kappa, &b->f, &b->f1, &b->ikappa, &b->jf, &b->jf1, &b->gl, &b->hc,
			&b->rf, &b->rf1, &b->r, &b->c.rows, &b->c.columns
		};

		for (size_t i = 0; i < DOUBLES; i++)
			*place[i] = x + i * B;
		b->l = scratch + at;
		b->v = b->l + B;
		b->c.room = b->v + B;
	}
	at += 2 * B + fl_contrast_room(B);
	at = (at + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	b->c.t = scratch ? scratch + at : none;
	at += B * B;
	b->s = scratch ? scratch + at : none;
	at += needs_second(b->p) ? B * B : 0;
	at = (at + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	b->room = scratch ? scratch + at : NULL;
	q = inner(b, b->c.t);
	most = fl_loss_product_scratch(&q);
	q = outer(b, b->c.t, 1, none, none);
	most = (n = fl_loss_product_scratch(&q)) > most ? n : most;
	q = outer(b, b->c.t, 0, none, none);
	most = (n = fl_loss_product_scratch(&q)) > most ? n : most;
	return at + most;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	fl_real none[1] = { 0 };
	struct batch b = { .p = p, .B = B, .C = C, .d = C / 2, .text = none, .image = none };

	return lay_out(&b, NULL);
}

static void multiply(const struct batch *b, fl_product q)
{
	fl_matmul_par(&q, b->room, b->threads);
}

static void normalisers(const struct asymvlm *p, const fl_real *eta, double *kappa, double *f,
                        double *f1, size_t B, size_t d, size_t C)
{
	fl_row_squares(eta, kappa, B, d, C);
	for (size_t j = 0; j < B; j++)
		kappa[j] = sqrt(kappa[j]);
	(p->dist == PS ? fl_ps_logc_array : fl_vmf_approx_array)(kappa, f, f1, d, B);
}

/* --- vmf --- */

FL_BODY void vmf_row_body(fl_real *t, const double *f, double tau, size_t B)
{
	for (size_t j = 0; j < B; j++)
		t[j] = (fl_real)(tau * ((double)t[j] + f[j]));
}
static void vmf_row(fl_real *t, const double *f, double tau, size_t B);
FL_ISA_FN(vmf_row, (fl_real *t, const double *f, double tau, size_t B), (t, f, tau, B))

static void vmf_logits(struct batch *b)
{
	multiply(b, inner(b, b->c.t));
	for (size_t i = 0; i < b->B; i++)
		vmf_row(b->c.t + i * b->B, b->f, b->tau, b->B);
}

/* dy = tau (dy + factor y), rows of n. */
static void finish_row(fl_real *dy, const fl_real *y, double tau, double factor, size_t n)
{
	for (size_t k = 0; k < n; k++)
		dy[k] = (fl_real)(tau * ((double)dy[k] + factor * (double)y[k]));
}

/* x / kappa, for the zero vector 0. */
static double over(double x, double kappa)
{
	return kappa > 0 ? x / kappa : 0;
}

static void vmf_gradient(struct batch *b, fl_real *dz)
{
	multiply(b, outer(b, b->c.t, 1, b->image, dz));
	for (size_t j = 0; j < b->B; j++, dz += b->C) {
		const fl_real *eta = b->text + j * b->C;
		double g = b->c.columns[j];

		b->scalar += fl_row_dot(eta, dz, b->d) + g * b->f[j];
		finish_row(dz, eta, b->tau, over(g * b->f1[j], b->kappa[j]), b->d);
	}
}

/* --- ps --- */

/* Cosines of a row, in place of its inner products; v = 1 + c. */
FL_BODY void ps_cosines_body(fl_real *s, const double *kappa, fl_real *v, size_t B)
{
	for (size_t j = 0; j < B; j++) {
		double c = kappa[j] > 0 ? (double)s[j] / kappa[j] : 0;

		c = c > 1 ? 1 : c < -1 ? -1 : c;
		s[j] = (fl_real)c;
		v[j] = (fl_real)(1 + c) > PS_FLOOR ? (fl_real)(1 + c) : PS_FLOOR;
	}
}
static void ps_cosines(fl_real *s, const double *kappa, fl_real *v, size_t B);
FL_ISA_FN(ps_cosines, (fl_real *s, const double *kappa, fl_real *v, size_t B), (s, kappa, v, B))

FL_BODY void ps_row_body(const fl_real *l, const double *kappa, const double *f, double tau,
                         fl_real *t, size_t B)
{
	for (size_t j = 0; j < B; j++)
		t[j] = (fl_real)(tau * (kappa[j] * (double)l[j] + f[j]));
}
static void ps_row(const fl_real *l, const double *kappa, const double *f, double tau,
                   fl_real *t, size_t B);
FL_ISA_FN(ps_row, (const fl_real *l, const double *kappa, const double *f, double tau,
                   fl_real *t, size_t B), (l, kappa, f, tau, t, B))

static void ps_logits(struct batch *b)
{
	size_t B = b->B;

	multiply(b, inner(b, b->s));
	for (size_t i = 0; i < B; i++) {
		ps_cosines(b->s + i * B, b->kappa, b->v, B);
		fl_act_log(b->v, b->l, B);
		ps_row(b->l, b->kappa, b->f, b->tau, b->c.t + i * B, B);
	}
}

/* Row of G becomes H, and its parts of the column sums are added. */
FL_BODY void ps_sums_body(const fl_real *s, const fl_real *l, const fl_real *v, fl_real *t,
                          double *gl, double *hc, size_t B)
{
	for (size_t j = 0; j < B; j++) {
		gl[j] += (double)t[j] * (double)l[j];
		t[j] /= v[j];
		hc[j] += (double)t[j] * (double)s[j];
	}
}
static void ps_sums(const fl_real *s, const fl_real *l, const fl_real *v, fl_real *t, double *gl,
                    double *hc, size_t B);
FL_ISA_FN(ps_sums, (const fl_real *s, const fl_real *l, const fl_real *v, fl_real *t, double *gl,
                    double *hc, size_t B), (s, l, v, t, gl, hc, B))

static void ps_gradient(struct batch *b, fl_real *dz)
{
	size_t B = b->B;

	for (size_t j = 0; j < B; j++)
		b->gl[j] = b->hc[j] = 0;
	for (size_t i = 0; i < B; i++) {
		fl_real *s = b->s + i * B;

		for (size_t j = 0; j < B; j++)
			b->v[j] = 1 + s[j] > PS_FLOOR ? 1 + s[j] : PS_FLOOR;
		fl_act_log(b->v, b->l, B);
		ps_sums(s, b->l, b->v, b->c.t + i * B, b->gl, b->hc, B);
	}
	multiply(b, outer(b, b->c.t, 1, b->image, dz));
	for (size_t j = 0; j < B; j++, dz += b->C) {
		double g = b->c.columns[j], along = b->gl[j] - b->hc[j] + g * b->f1[j];

		b->scalar += b->kappa[j] * b->gl[j] + g * b->f[j];
		finish_row(dz, b->text + j * b->C, b->tau, over(along, b->kappa[j]), b->d);
	}
}

/* --- symmetric --- */

/* |eta_i + eta_j| of row i, with F and F'. */
static void sums_row(struct batch *b, size_t i)
{
	const fl_real *s = b->s + i * b->B;
	double own = b->ikappa[i] * b->ikappa[i];

	for (size_t j = 0; j < b->B; j++) {
		double r = own + b->kappa[j] * b->kappa[j] + 2 * (double)s[j];

		b->r[j] = r > 0 ? sqrt(r) : 0;
	}
	fl_vmf_approx_array(b->r, b->rf, b->rf1, b->d, b->B);
}

static void pair_logits(struct batch *b)
{
	size_t B = b->B;

	normalisers(b->p, b->image, b->ikappa, b->jf, b->jf1, B, b->d, b->C);
	multiply(b, inner(b, b->s));
	for (size_t i = 0; i < B; i++) {
		fl_real *t = b->c.t + i * B;

		sums_row(b, i);
		for (size_t j = 0; j < B; j++)
			t[j] = (fl_real)(b->tau * (b->f[j] + b->jf[i] - b->rf[j]));
	}
}

/* Row i of G becomes -G F'(r)/r, whose sums go to gl (columns) and hc (rows). */
static void pair_weights(struct batch *b, size_t i)
{
	fl_real *t = b->c.t + i * b->B;

	sums_row(b, i);
	b->hc[i] = 0;
	for (size_t j = 0; j < b->B; j++) {
		double w = -(double)t[j] * over(b->rf1[j], b->r[j]);

		b->scalar += (double)t[j] * (b->f[j] + b->jf[i] - b->rf[j]);
		b->gl[j] += w;
		b->hc[i] += w;
		t[j] = (fl_real)w;
	}
}

static void pair_gradient(struct batch *b, fl_real *dz)
{
	size_t B = b->B, d = b->d, C = b->C;

	for (size_t j = 0; j < B; j++)
		b->gl[j] = 0;
	for (size_t i = 0; i < B; i++)
		pair_weights(b, i);
	multiply(b, outer(b, b->c.t, 1, b->image, dz));
	multiply(b, outer(b, b->c.t, 0, b->text, dz + d));
	for (size_t j = 0; j < B; j++, dz += C) {
		double text = over(b->c.columns[j] * b->f1[j], b->kappa[j]) + b->gl[j];
		double image = over(b->c.rows[j] * b->jf1[j], b->ikappa[j]) + b->hc[j];

		finish_row(dz, b->text + j * C, b->tau, text, d);
		finish_row(dz + d, b->image + j * C, b->tau, image, d);
	}
}

/* --- the loss --- */

static int check(const void *block, size_t C, struct fl_err *e)
{
	const struct asymvlm *p = block;

	if (C % 2 == 0 || C < 5)
		return fl_fail(e, FL_EUSAGE, "%zu outputs are not 2d + 1, d from 2: a text, an image and "
		               "a temperature", C);
	if (p->images == ADAPTED && p->dist != VMF)
		return fl_fail(e, FL_EUSAGE, "images=adapted goes with dist=vmf only");
	return 0;
}

static void clear(fl_real *dz, size_t from, size_t B, size_t C)
{
	for (size_t b = 0; b < B; b++, dz += C)
		memset(dz + from, 0, (C - from) * sizeof *dz);
}

static double loss(const void *block, const struct fl_batch *a)
{
	size_t d = a->C / 2;
	struct batch b = {
		.p = block, .B = a->B, .C = a->C, .d = d, .text = a->z, .image = a->z + d,
		.tau = (double)a->z[a->C - 1], .threads = a->threads,
		.precision = a->precision,
	};
	void (*gradient)(struct batch *, fl_real *) = vmf_gradient;
	double value;

	lay_out(&b, a->scratch);
	b.c.B = a->B;
	b.c.direction = (enum fl_direction)b.p->direction;
	normalisers(b.p, b.text, b.kappa, b.f, b.f1, b.B, d, b.C);
	if (b.p->images == ADAPTED) {
		pair_logits(&b);
		gradient = pair_gradient;
	} else if (b.p->dist == PS) {
		ps_logits(&b);
		gradient = ps_gradient;
	} else {
		vmf_logits(&b);
	}
	value = fl_contrast_softmax(&b.c, a->dz != NULL);
	if (!a->dz)
		return value;
	clear(a->dz, d, b.B, b.C);
	gradient(&b, a->dz);
	a->dz[b.C - 1] = (fl_real)b.scalar;
	return value;
}

static void reading(const void *block, size_t C, struct fl_reading *r)
{
	const struct asymvlm *p = block;
	int adapted = p->images == ADAPTED;

	*r = (struct fl_reading){
		.d = C / 2,
		.score = adapted ? &fl_score_product : p->dist == PS ? &fl_score_ps : &fl_score_vmf,
		.kappa = { 1, adapted }, .uncertainty = { 1, adapted },
	};
}

/* A text of concentration 0 has no mean: zeros, and infinite uncertainty. */
static void posterior(const void *block, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	const struct asymvlm *p = block;
	size_t d = C / 2;

	for (size_t b = 0; b < B; b++, z += C) {
		const fl_real *x = side == FL_SIDE_TEXT ? z : z + d;
		double kappa = fl_posterior_unit(out->mean, x, b, d);

		if (side == FL_SIDE_IMAGE && p->images == FIXED)
			continue;
		if (out->kappa)
			out->kappa[b] = (float)kappa;
		if (out->uncertainty)
			out->uncertainty[b] = 1 / kappa;
	}
}

const struct fl_loss_entry fl_loss_asymvlm = {
	.e = {
		.name = "asymvlm",
		.title = "AsymVLM",
		.cite = "Ju et al., NeurIPS 2025, arXiv 2505.11029",
		.doc = "texts as distributions on the sphere, images as points, told apart",
		.params = params,
		.psize = sizeof(struct asymvlm),
		.formula = "cross-entropy of tau log p(z_i|text_j) over images and over texts",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};

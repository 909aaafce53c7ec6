/* ProbVLM: both embeddings rebuilt under generalised Gaussian noise. Outputs of a pair,
 * image before text: for each side beta(d), 1/alpha(d) and, unless mean=fixed, the mean
 * m(d); then the embeddings t(d) and x(d), whose gradient is 0. With targets own and
 * other of a side,
 *   loss = L_i(x) + L_t(t) + cross (L_i(t) + L_t(x)),
 *   L(z) = t1 mean |m - z| + t2 mean [clamp(|m - z| a b, 1e-4, 1e3) - log a
 *          + log Gamma(1/b) - log b],   a = 1/alpha + 1e-4, b = beta + 1e-4.
 * The released code multiplies by beta where the density has the power beta, and so do
 * we. mean=fixed leaves the embeddings where they are: m is the side's own, whose
 * residual is 0, so only the L of the other side's count, in full:
 *   loss = t2 (GG_i(t) + GG_t(x)), GG the second mean of L.
 * Uncertainty is the mean variance u of the noise,
 *   u = A^2 Gamma(3/B) / Gamma(1/B), A = clip(1/(1/alpha + 1e-5), 1e-4, 5),
 *   B = clip(beta + 0.1, 0.1, 5):
 * larger is less certain. The released code reports 1/u under that name. */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "nn/contrast.h"

enum { FREE, FIXED };
static const char *const mean_name[] = { "free", "fixed", NULL };

struct probvlm {
	int mean;
	double t1, t2, cross;
};

static const struct fl_param params[] = {
	{ "mean", FL_P_ENUM, offsetof(struct probvlm, mean), "free", 0, 0, mean_name, "how",
	  "whether means are outputs or stay the embeddings" },
	{ "t1", FL_P_REAL, offsetof(struct probvlm, t1), "1", 0, 1e6, NULL, "x",
	  "weight of the absolute error" },
	{ "t2", FL_P_REAL, offsetof(struct probvlm, t2), "0.05", 0, 1e6, NULL, "x",
	  "weight of the generalised Gaussian" },
	{ "cross", FL_P_REAL, offsetof(struct probvlm, cross), "1e-4", 0, 1e6, NULL, "x",
	  "weight of rebuilding the other side" },
	{ 0 }
};

static const double EPS = 1e-4, LEAST = 1e-4, MOST = 1e3;
static const double EULER = 0.57721566490153286;

/* Places of a side's parts, in units of d. */
struct parts {
	size_t beta, alpha, mean, own, other;
};

static size_t width(const struct probvlm *p, size_t C)
{
	return C / (p->mean == FIXED ? 6 : 8);
}

static struct parts parts_of(const struct probvlm *p, enum fl_side side)
{
	size_t each = p->mean == FIXED ? 2 : 3, at = side == FL_SIDE_TEXT ? each : 0;
	size_t text = 2 * each, image = text + 1;
	struct parts q = { at, at + 1, at + 2, image, text };

	if (side == FL_SIDE_TEXT) {
		q.own = text;
		q.other = image;
	}
	if (p->mean == FIXED)
		q.mean = q.own;
	return q;
}

static int check(const void *block, size_t C, struct fl_err *e)
{
	const struct probvlm *p = block;

	return C % (p->mean == FIXED ? 6 : 8) ?
	       fl_fail(e, FL_EUSAGE, "%zu outputs are not %s", C, p->mean == FIXED ?
	               "6d: beta and 1/alpha of image and text, text, image" :
	               "8d: beta, 1/alpha and mean of image and text, text, image") : 0;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	(void)B;
	(void)C;
	return 0;
}

/* psi(x) for x > 0. */
static double digamma(double x)
{
	return fl_digamma_diff(1, x) - EULER - 1 / x;
}

/* One number of one side with weights of its L's; derivatives by m, 1/alpha, beta. */
struct value {
	double loss, m, ia, beta;
};

/* What a target z adds: t1 |m - z| + t2 clamp(|m - z| a b). */
static void residual(double m, double z, double a, double b, double t1, double t2, double weight,
                     struct value *v)
{
	double r = fabs(m - z), q = r * a * b, sign = m > z ? 1 : m < z ? -1 : 0;

	v->loss += weight * (t1 * r + t2 * (q < LEAST ? LEAST : q > MOST ? MOST : q));
	v->m += weight * t1 * sign;
	if (q < LEAST || q > MOST)
		return;
	v->m += weight * t2 * sign * a * b;
	v->ia += weight * t2 * r * b;
	v->beta += weight * t2 * r * a;
}

static struct value value_of(const struct probvlm *p, double beta, double ia, double m, double own,
                             double other)
{
	double a = ia + EPS, b = beta + EPS, x = 1 / b, cross = p->cross, both;
	struct value v = { 0 };

	if (p->mean == FIXED) {
		cross = both = 1;
		residual(m, other, a, b, 0, p->t2, 1, &v);
	} else {
		both = 1 + cross;
		residual(m, own, a, b, p->t1, p->t2, 1, &v);
		residual(m, other, a, b, p->t1, p->t2, cross, &v);
	}
	both *= p->t2;
	v.loss += both * (fl_lgamma(x) - fl_log(a) - fl_log(b));
	v.ia -= both / a;
	v.beta -= both * (digamma(x) * x * x + x);
	return v;
}

/* A side of one pair: loss, and where dz is not NULL its gradient times scale. */
static double side_loss(const struct probvlm *p, enum fl_side side, const fl_real *z,
                        double scale, fl_real *dz, size_t d)
{
	struct parts q = parts_of(p, side);
	double sum = 0;

	for (size_t k = 0; k < d; k++) {
		struct value v = value_of(p, (double)z[q.beta * d + k], (double)z[q.alpha * d + k],
		                          (double)z[q.mean * d + k], (double)z[q.own * d + k],
		                          (double)z[q.other * d + k]);

		sum += v.loss;
		if (!dz)
			continue;
		dz[q.mean * d + k] = p->mean == FREE ? (fl_real)(scale * v.m) : 0;
		dz[q.alpha * d + k] = (fl_real)(scale * v.ia);
		dz[q.beta * d + k] = (fl_real)(scale * v.beta);
	}
	if (dz)
		memset(dz + q.own * d, 0, d * sizeof *dz);
	return sum;
}

static double loss(const void *block, const struct fl_batch *b)
{
	const struct probvlm *p = block;
	size_t d = width(p, b->C);
	double scale = 1 / ((double)b->B * (double)d), sum = 0;

	for (size_t i = 0; i < b->B; i++) {
		fl_real *dz = b->dz ? b->dz + i * b->C : NULL;

		sum += side_loss(p, FL_SIDE_IMAGE, b->z + i * b->C, scale, dz, d);
		sum += side_loss(p, FL_SIDE_TEXT, b->z + i * b->C, scale, dz, d);
	}
	return sum * scale;
}

static void reading(const void *p, size_t C, struct fl_reading *r)
{
	*r = (struct fl_reading){
		.d = width(p, C), .score = &fl_score_cosine, .var = { 1, 1 }, .uncertainty = { 1, 1 },
	};
}

static double clip(double x, double lo, double hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static double variance(double beta, double ia)
{
	double a = clip(1 / (ia + 1e-5), 1e-4, 5), b = clip(beta + .1, .1, 5);

	return a * a * fl_exp(fl_lgamma(3 / b) - fl_lgamma(1 / b));
}

static void posterior(const void *block, enum fl_side side, const fl_real *z, size_t B, size_t C,
                      struct fl_posterior *out)
{
	const struct probvlm *p = block;
	size_t d = width(p, C);
	struct parts q = parts_of(p, side);

	for (size_t b = 0; b < B; b++, z += C) {
		double sum = 0;

		fl_posterior_unit(out->mean, z + q.mean * d, b, d);
		for (size_t k = 0; (out->var || out->uncertainty) && k < d; k++) {
			double u = variance((double)z[q.beta * d + k], (double)z[q.alpha * d + k]);

			sum += u;
			if (out->var)
				out->var[b * d + k] = (float)u;
		}
		if (out->uncertainty)
			out->uncertainty[b] = sum / (double)d;
	}
}

const struct fl_loss_entry fl_loss_probvlm = {
	.e = {
		.name = "probvlm",
		.title = "ProbVLM",
		.cite = "Upadhyay et al., ICCV 2023, arXiv 2307.00398; as an adapter: arXiv 2505.11029",
		.doc = "embeddings rebuilt under generalised Gaussian noise",
		.params = params,
		.psize = sizeof(struct probvlm),
		.formula = "L_i(x) + L_t(t) + cross (L_i(t) + L_t(x))",
	},
	.check = check,
	.scratch = scratch,
	.loss = loss,
	.reading = reading,
	.posterior = posterior,
};

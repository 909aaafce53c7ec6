/* Calibration error, predictions from logits, temperature. */
#include "metric/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "base/par.h"
#include "metric/metric.h"

/* --- calibration error --- */

struct sums {
	double n, conf, right;
};

static void count(struct sums *s, double conf, double right)
{
	s->n++;
	s->conf += conf;
	s->right += right;
}

/* |share right - mean confidence| times the number of predictions. */
static double gap(const struct sums *s)
{
	return fabs(s->right - s->conf);
}

size_t fl_calibration_bin(double conf, size_t M)
{
	double at = ceil(conf * (double)M);
	size_t b = at > 1 ? (size_t)at - 1 : 0;

	while (b > 0 && conf <= (double)b / (double)M)
		b--;
	while (conf > (double)(b + 1) / (double)M)
		b++;
	return b;
}

static int over_width(const double *conf, const double *right, size_t n, size_t M,
                      struct fl_calibration *out, struct fl_err *e)
{
	struct sums *s = fl_alloc(M, sizeof *s, e);

	if (!s)
		return -1;
	for (size_t i = 0; i < n; i++)
		count(&s[fl_calibration_bin(conf[i], M)], conf[i], right[i]);
	out->ece = out->mce = 0;
	for (size_t b = 0; b < M; b++) {
		out->ece += gap(&s[b]) / (double)n;
		if (s[b].n > 0 && gap(&s[b]) / s[b].n > out->mce)
			out->mce = gap(&s[b]) / s[b].n;
	}
	free(s);
	return 0;
}

struct guess {
	double conf, right;
	size_t i;
};

static int by_conf(const void *a, const void *b)
{
	const struct guess *x = a, *y = b;

	if (x->conf != y->conf)
		return x->conf < y->conf ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

static int over_mass(const double *conf, const double *right, size_t n, size_t M,
                     struct fl_calibration *out, struct fl_err *e)
{
	struct guess *g = fl_alloc(n, sizeof *g, e);

	if (!g)
		return -1;
	for (size_t i = 0; i < n; i++)
		g[i] = (struct guess){ conf[i], right[i], i };
	qsort(g, n, sizeof *g, by_conf);
	out->ace = 0;
	for (size_t b = 0, i = 0; b < M; b++) {
		size_t end = i + n / M + (b < n % M);
		struct sums s = { 0, 0, 0 };

		for (; i < end; i++)
			count(&s, g[i].conf, g[i].right);
		out->ace += gap(&s) / (double)n;
	}
	free(g);
	return 0;
}

int fl_calibration(const double *conf, const double *right, size_t n, size_t M,
                   struct fl_calibration *out, struct fl_err *e)
{
	if (!n)
		return fl_fail(e, FL_EDATA, "no predictions");
	for (size_t i = 0; i < n; i++)
		if (!(conf[i] >= 0 && conf[i] <= 1))
			return fl_fail(e, FL_EDATA, "prediction %zu: confidence %g is outside [0,1]", i,
			               conf[i]);
	return over_width(conf, right, n, M, out, e) || over_mass(conf, right, n, M, out, e) ? -1 : 0;
}

/* --- predictions --- */

void fl_forecast(const float *z, size_t C, size_t y, double beta, struct fl_forecast *out)
{
	double sum = 0, squares = 0, p_y;

	out->top = fl_argmax(z, C);
	out->place = 0;
	for (size_t c = 0; c < C; c++) {
		double p = fl_exp(beta * ((double)z[c] - (double)z[out->top]));

		sum += p;
		squares += p * p;
		out->place += z[c] > z[y] || (c < y && z[c] >= z[y]);
	}
	p_y = fl_exp(beta * ((double)z[y] - (double)z[out->top])) / sum;
	out->conf = 1 / sum;
	out->lse = fl_log(sum);
	out->nll = out->lse - beta * ((double)z[y] - (double)z[out->top]);
	out->brier = squares / (sum * sum) - 2 * p_y + 1;
}

/* --- temperature --- */

const char *const fl_beta_why[] = {
	"found",
	"the labels are no likelier than chance, so equal probabilities are best",
	"no label is less likely than another class, so any larger scale is better",
};

struct fit {
	const float *z;
	const int32_t *y;
	size_t N, C;
	int threads;
	double beta;
	double *slope, *curve;	/* (N) derivatives of -ln p_y of each example in beta */
};

/* The mean logit under the softmax less the true one, and the logits' variance. */
static int derive(void *ctx, size_t i, int thread, struct fl_err *e)
{
	struct fit *f = ctx;
	const float *z = f->z + i * f->C;
	double top = (double)z[fl_argmax(z, f->C)], sum = 0, mean = 0, square = 0;

	(void)thread;
	(void)e;
	for (size_t c = 0; c < f->C; c++) {
		double d = (double)z[c] - top, p = fl_exp(f->beta * d);

		sum += p;
		mean += p * d;
		square += p * d * d;
	}
	mean /= sum;
	f->slope[i] = mean - ((double)z[f->y[i]] - top);
	f->curve[i] = square / sum - mean * mean;
	return 0;
}

static int derive_all(struct fit *f, double *slope, double *curve, struct fl_err *e)
{
	*slope = *curve = 0;
	if (fl_par_for(f->N, f->threads, f, derive, e))
		return -1;
	for (size_t i = 0; i < f->N; i++) {
		*slope += f->slope[i];
		*curve += f->curve[i];
	}
	return 0;
}

/* Newton's steps while they stay inside what encloses the root, and each is at most half
 * of the one before the last, else halves. */
static int solve(struct fit *f, struct fl_err *e)
{
	double lo = FL_BETA_MIN, hi = FL_BETA_MAX, last = hi, step = hi, next = 1, slope, curve;

	do {
		double before = last;

		f->beta = next;
		if (derive_all(f, &slope, &curve, e))
			return -1;
		if (slope < 0)
			lo = f->beta;
		else
			hi = f->beta;
		last = step;
		step = slope / curve;
		next = f->beta - step;
		if (!(next > lo && next < hi && fabs(step) <= before / 2)) {
			next = lo + (hi - lo) / 2;
			step = f->beta - next;
		}
		step = fabs(step);
	} while (step > FL_BETA_NEAR * next);
	f->beta = next;
	return 0;
}

/* The slope rises with beta: whether it is below 0 at the least and above 0 at the largest. */
static int enclose(struct fit *f, enum fl_beta_end *end, struct fl_err *e)
{
	double first, last, curve;

	f->beta = FL_BETA_MIN;
	if (derive_all(f, &first, &curve, e))
		return -1;
	f->beta = FL_BETA_MAX;
	if (derive_all(f, &last, &curve, e))
		return -1;
	*end = first >= 0 ? FL_BETA_CHANCE : last <= 0 ? FL_BETA_CERTAIN : FL_BETA_FOUND;
	f->beta = NAN;
	return 0;
}

int fl_temperature(const float *z, const int32_t *y, size_t N, size_t C, int threads,
                   double *beta, enum fl_beta_end *end, struct fl_err *e)
{
	struct fit f = { .z = z, .y = y, .N = N, .C = C, .threads = threads };
	int rc = -1;

	if (!N)
		return fl_fail(e, FL_EDATA, "no examples to fit a temperature to");
	if ((f.slope = fl_alloc(N, sizeof *f.slope, e)) && (f.curve = fl_alloc(N, sizeof *f.curve, e)))
		rc = enclose(&f, end, e) || (*end == FL_BETA_FOUND && solve(&f, e)) ? -1 : 0;
	*beta = f.beta;
	free(f.slope);
	free(f.curve);
	return rc;
}

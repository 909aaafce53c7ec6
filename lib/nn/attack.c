/* Projected gradient on inputs. */
#include "nn/attack.h"

#include <math.h>

#include "base/fmath.h"
#include "kernel/isa.h"
#include "nn/contrast.h"

enum { LINF, L2 };
const char *const fl_attack_norm[] = { "linf", "l2", NULL };

int fl_attack_fits(const struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < net->nlayer; i++)
		if (net->layer[i].entry->discrete)
			return fl_fail(e, FL_EDATA, "%s: layer %s takes whole numbers, which no gradient moves",
			               net->layer[i].at, net->layer[i].entry->e.name);
	return 0;
}

/* Uniform in the cube of side 2 eps, or in the ball of radius eps: a direction, and the
 * d-th root of a uniform number as its length. */
void fl_attack_start(const struct fl_attack *a, struct fl_rng *r, fl_real *x, size_t d)
{
	struct fl_rng again = *r;
	double sum = 0, by;

	if (a->norm == LINF) {
		for (size_t i = 0; i < d; i++)
			x[i] += (fl_real)(a->eps * (2 * fl_rng_real(r) - 1));
		return;
	}
	for (size_t i = 0; i < d; i++) {
		double v = fl_rng_normal(r);

		sum += v * v;
	}
	by = a->eps * fl_pow(fl_rng_open(r), 1 / (double)d) / sqrt(sum);
	for (size_t i = 0; i < d; i++)
		x[i] += (fl_real)(by * fl_rng_normal(&again));
}

FL_BODY void by_sign_body(const fl_real *g, const fl_real *x, fl_real alpha, fl_real eps,
                          fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fl_real s = (fl_real)((g[i] > 0) - (g[i] < 0)), v = y[i] + alpha * s;
		fl_real low = x[i] - eps, high = x[i] + eps;

		v = v < low ? low : v;
		y[i] = v > high ? high : v;
	}
}
static void by_sign(const fl_real *g, const fl_real *x, fl_real alpha, fl_real eps, fl_real *y,
                    size_t n);
FL_ISA_FN(by_sign, (const fl_real *g, const fl_real *x, fl_real alpha, fl_real eps, fl_real *y,
                    size_t n), (g, x, alpha, eps, y, n))

/* An example's step and projection. */
static void by_length(const fl_real *g, const fl_real *x, double alpha, double eps, fl_real *y,
                      size_t d)
{
	double n;

	fl_row_squares(g, &n, 1, d, d);
	for (size_t i = 0; n > 0 && i < d; i++)
		y[i] += (fl_real)(alpha / sqrt(n)) * g[i];
	for (size_t i = 0; i < d; i++)
		y[i] -= x[i];
	fl_row_squares(y, &n, 1, d, d);
	n = n > eps * eps ? eps / sqrt(n) : 1;
	for (size_t i = 0; i < d; i++)
		y[i] = x[i] + (fl_real)n * y[i];
}

static void keep_within(const struct fl_attack *a, fl_real *x, size_t n)
{
	for (size_t i = 0; !isnan(a->lo) && i < n; i++)
		x[i] = (double)x[i] < a->lo ? (fl_real)a->lo : x[i];
	for (size_t i = 0; !isnan(a->hi) && i < n; i++)
		x[i] = (double)x[i] > a->hi ? (fl_real)a->hi : x[i];
}

void fl_attack_inputs(const struct fl_attack *a, const struct fl_net *net, struct fl_work *k,
                      const fl_real *w, fl_real *dw, const int32_t *y, size_t B)
{
	const fl_real *x = k->input;
	double alpha = isnan(a->alpha) ? 2.5 * a->eps / (double)a->steps : a->alpha;
	size_t d = fl_shape_count(&net->in);

	keep_within(a, k->act[0], B * d);
	k->dinput = FL_DINPUT_ALONE;
	for (int64_t s = 0; s < a->steps; s++) {
		fl_net_forward(net, k, w, B, 0, NULL);
		fl_net_loss(net, k, y, B, 1);
		fl_net_backward(net, k, w, dw, B, NULL, NULL, NULL);
		if (a->norm == LINF)
			by_sign(k->dact[0], x, (fl_real)alpha, (fl_real)a->eps, k->act[0], B * d);
		for (size_t b = 0; a->norm == L2 && b < B; b++)
			by_length(k->dact[0] + b * d, x + b * d, alpha, a->eps, k->act[0] + b * d, d);
		keep_within(a, k->act[0], B * d);
	}
	k->dinput = FL_DINPUT_NONE;
}

/* The arithmetic of normalisation layers. */
#include "nn/norm.h"

#include <math.h>
#include <string.h>

#include "nn/lanes.h"

/* Plane k of set j. */
FL_BODY size_t plane_of(const struct fl_norm *n, size_t j, size_t k)
{
	return n->batch ? j + k * n->C : j * n->planes + k;
}

FL_BODY void fl_norm_stats_body(const struct fl_norm *n, const fl_real *x, fl_real *stat)
{
	double count = (double)(n->planes * n->P);

	for (size_t j = 0; j < n->sets; j++, stat += 2) {
		struct fl_lanes s = { { 0 } }, q = { { 0 } };
		double mean;

		for (size_t k = 0; k < n->planes; k++) {
			const fl_real *v = x + plane_of(n, j, k) * n->P;

			FL_LANES_ADD(&s, n->P, i, (double)v[i]);
		}
		mean = fl_lanes_total(&s) / count;
		for (size_t k = 0; k < n->planes; k++) {
			const fl_real *v = x + plane_of(n, j, k) * n->P;

			FL_LANES_ADD(&q, n->P, i, ((double)v[i] - mean) * ((double)v[i] - mean));
		}
		stat[0] = (fl_real)mean;
		stat[1] = (fl_real)(fl_lanes_total(&q) / count);
	}
}

static fl_real inverse(fl_real var, double eps)
{
	return (fl_real)(1 / sqrt((double)var + eps));
}

FL_BODY void fl_norm_apply_body(const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                        double eps, const fl_real *gain, const fl_real *offset, fl_real *y)
{
	for (size_t j = 0; j < n->sets; j++, stat += 2) {
		fl_real mean = stat[0], inv = inverse(stat[1], eps);

		for (size_t k = 0; k < n->planes; k++) {
			size_t plane = plane_of(n, j, k), c = plane % n->C;
			fl_real g = gain ? gain[c] : 1, o = offset ? offset[c] : 0;

			for (size_t p = plane * n->P; p < (plane + 1) * n->P; p++)
				y[p] = (x[p] - mean) * inv * g + o;
		}
	}
}

/* The set that holds plane k. */
FL_BODY size_t set_of(const struct fl_norm *n, size_t k)
{
	return n->batch ? k % n->C : k / n->planes;
}

FL_BODY void fl_norm_affine_body(const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                         double eps, const fl_real *dy, fl_real *dgain, fl_real *doffset)
{
	for (size_t c = 0; c < n->C; c++) {
		struct fl_lanes g = { { 0 } }, o = { { 0 } };

		for (size_t k = c; k < n->B * n->C; k += n->C) {
			const fl_real *v = x + k * n->P, *d = dy + k * n->P;
			const fl_real *st = stat + 2 * set_of(n, k);
			fl_real mean = st[0], inv = inverse(st[1], eps);

			FL_LANES_ADD(&g, n->P, i, (double)(d[i] * ((v[i] - mean) * inv)));
			FL_LANES_ADD(&o, n->P, i, (double)d[i]);
		}
		dgain[c] = (fl_real)((double)dgain[c] + fl_lanes_total(&g));
		doffset[c] = (fl_real)((double)doffset[c] + fl_lanes_total(&o));
	}
}

/* dx = inv (g - mean g - h mean(g h)), g = dy gain, h the normalised x. */
FL_BODY void input_set(const struct fl_norm *n, size_t j, const fl_real *x, fl_real mean,
                       fl_real inv, const fl_real *gain, const fl_real *dy, fl_real *dx,
                       int frozen)
{
	struct fl_lanes s = { { 0 } }, q = { { 0 } };
	double count = (double)(n->planes * n->P);
	fl_real mg, mgh;

	for (size_t k = 0; k < n->planes && !frozen; k++) {
		size_t plane = plane_of(n, j, k);
		const fl_real *v = x + plane * n->P, *d = dy + plane * n->P;
		fl_real g = gain ? gain[plane % n->C] : 1;

		FL_LANES_ADD(&s, n->P, i, (double)(d[i] * g));
		FL_LANES_ADD(&q, n->P, i, (double)(d[i] * g * ((v[i] - mean) * inv)));
	}
	mg = (fl_real)(fl_lanes_total(&s) / count);
	mgh = (fl_real)(fl_lanes_total(&q) / count);
	for (size_t k = 0; k < n->planes; k++) {
		size_t plane = plane_of(n, j, k);
		fl_real g = gain ? gain[plane % n->C] : 1;

		for (size_t p = plane * n->P; p < (plane + 1) * n->P; p++)
			dx[p] = inv * (dy[p] * g - mg - (x[p] - mean) * inv * mgh);
	}
}

FL_BODY void fl_norm_input_body(const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                        double eps, const fl_real *gain, const fl_real *dy, fl_real *dx,
                        int frozen)
{
	for (size_t j = 0; j < n->sets; j++)
		input_set(n, j, x, stat[2 * j], inverse(stat[2 * j + 1], eps), gain, dy, dx, frozen);
}

FL_ISA_FN(fl_norm_stats, (const struct fl_norm *n, const fl_real *x, fl_real *stat), (n, x, stat))
FL_ISA_FN(fl_norm_apply, (const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                          double eps, const fl_real *gain, const fl_real *offset, fl_real *y),
          (n, x, stat, eps, gain, offset, y))
FL_ISA_FN(fl_norm_affine, (const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                           double eps, const fl_real *dy, fl_real *dgain, fl_real *doffset),
          (n, x, stat, eps, dy, dgain, doffset))
FL_ISA_FN(fl_norm_input, (const struct fl_norm *n, const fl_real *x, const fl_real *stat,
                          double eps, const fl_real *gain, const fl_real *dy, fl_real *dx,
                          int frozen),
          (n, x, stat, eps, gain, dy, dx, frozen))

void fl_norm_declare(struct fl_layer *l, size_t C, int affine)
{
	l->nparam = affine ? 2 : 0;
	l->param[0] = (struct fl_layer_param){ "weight", 1, { C }, FL_PERM_NONE, FL_TRAINED };
	l->param[1] = (struct fl_layer_param){ "bias", 1, { C }, FL_PERM_NONE, FL_TRAINED };
}

void fl_norm_init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	(void)r;
	for (size_t c = 0; param == 0 && c < l->param[0].dim[0]; c++)
		w[c] = 1;
}

void fl_norm_forward(const struct fl_layer *l, const struct fl_pass *a, const struct fl_norm *n,
                     double eps, int affine)
{
	fl_norm_stats(n, a->x, a->cache);
	fl_norm_apply(n, a->x, a->cache, eps, affine ? a->w + l->off[0] : NULL,
	              affine ? a->w + l->off[1] : NULL, a->y);
}

void fl_norm_backward(const struct fl_layer *l, const struct fl_pass *a, const struct fl_norm *n,
                      const fl_real *stat, double eps, int affine, int frozen)
{
	if (a->dx)
		fl_norm_input(n, a->x, stat, eps, affine ? a->w + l->off[0] : NULL, a->dy, a->dx,
		              frozen);
	if (!affine)
		return;
	for (unsigned j = 0; j < 2 && a->flags & FL_BACK_FIRST; j++)
		memset(a->dw + l->off[j], 0, n->C * sizeof *a->dw);
	fl_norm_affine(n, a->x, stat, eps, a->dy, a->dw + l->off[0], a->dw + l->off[1]);
	for (unsigned j = 0; j < 2; j++)
		fl_pass_done(a, l->off[j], n->C);
}

/* Products of few rows: chains, sums in another order and how far they are, lengths. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <string.h>

#include "each.h"
#include "kernel/dots.h"

#define MAX_D 1100
#define ROWS 9

static const size_t ds[] = { 1, 3, 15, 63, 64, 65, 127, 512, 1000, MAX_D };
#define NS (sizeof ds / sizeof *ds)

static float x[MAX_D], y[ROWS * MAX_D];

static void everywhere(void *out)
{
	float *o = out;

	for (size_t i = 0; i < NS; i++, o += 2 * ROWS) {
		fl_dots_near(x, y, ROWS, ds[i], o);
		for (size_t r = 0; r < ROWS; r++) {
			const float *a = x, *b = y + r * ds[i];

			fl_dots(&a, &b, 1, ds[i], o + ROWS + r);
		}
	}
}

static double length(const float *v, size_t d)
{
	double s = 0;

	for (size_t k = 0; k < d; k++)
		s += (double)v[k] * (double)v[k];
	return sqrt(s);
}

/* Values times by: products far and near. */
static void fill(float by)
{
	for (size_t k = 0; k < MAX_D; k++)
		x[k] = by * each_real();
	for (size_t k = 0; k < ROWS * MAX_D; k++)
		y[k] = by * each_real();
}

static void check(float by)
{
	const float *o;
	int far = 0, chain = 0, len = 0;

	fill(by);
	o = each_same("dots", everywhere, NS * 2 * ROWS * sizeof *o);
	for (size_t i = 0; o && i < NS; i++, o += 2 * ROWS)
		for (size_t r = 0; r < ROWS; r++) {
			const float *row = y + r * ds[i];
			double l = length(row, ds[i]), most = fl_dots_error(ds[i], length(x, ds[i]), l);
			float c = 0;

			for (size_t k = 0; k < ds[i]; k++)
				c = fmaf(x[k], row[k], c);
			chain += memcmp(&c, &o[ROWS + r], sizeof c) != 0;
			far += !(fabs((double)o[r] - (double)c) <= most);
			len += !(fl_length(row, ds[i]) >= l && fl_length(row, ds[i]) <= l * 1.001);
		}
	is_int(chain, 0, "chains that are not");
	is_int(far, 0, "products further from the chain than their bound");
	is_int(len, 0, "lengths that are too short or long");
}

int main(void)
{
	each_seed = 3;
	check(1);
	check(1e15f);
	check(1e-16f);
	check(1e-22f);
	x[5] = (float)NAN;
	ok(!isfinite(fl_length(x, 64)), "a length that is not finite");
	x[5] = INFINITY;
	ok(!isfinite(fl_length(x, 64)), "nor with an infinity");
	return tap_done();
}

/* Over the n_j values of column j that are there, not NaN,
 *   mean_j = sum x_ij / n_j,   var_j = sum (x_ij - mean_j)^2 / n_j,
 * sums in double in stored order, of values less the column's first: so the mean of equal
 * values is that value, and their variance 0. */
#include "data/columns.h"

#include <math.h>

struct sums {
	struct fl_columns c;
	double *first;		/* (d) */
	float *row;		/* (d) */
};

static int get_sums(struct sums *s, size_t d, struct fl_arena *a, struct fl_err *e)
{
	s->c.d = d;
	return (s->c.n = fl_arena_zero(a, d, sizeof *s->c.n, e)) &&
	       (s->c.mean = fl_arena_zero(a, d, sizeof *s->c.mean, e)) &&
	       (s->c.var = fl_arena_zero(a, d, sizeof *s->c.var, e)) &&
	       (s->first = fl_arena_zero(a, d, sizeof *s->first, e)) &&
	       (s->row = fl_arena_get(a, d, sizeof *s->row, e)) ? 0 : -1;
}

static void add_values(struct sums *s, const float *x)
{
	for (size_t j = 0; j < s->c.d; j++) {
		if (isnan(x[j]))
			continue;
		if (!s->c.n[j]++)
			s->first[j] = (double)x[j];
		s->c.mean[j] += (double)x[j] - s->first[j];
	}
}

static void add_squares(struct sums *s, const float *x)
{
	for (size_t j = 0; j < s->c.d; j++) {
		double v = (double)x[j] - s->c.mean[j];

		if (!isnan(x[j]))
			s->c.var[j] += v * v;
	}
}

static void each_row(struct sums *s, const struct fl_data *d, const unsigned char *use,
                     void (*add)(struct sums *, const float *))
{
	size_t size = d->d * fl_dtype_size(d->x->dtype);

	for (size_t i = 0; i < d->N; i++) {
		size_t row = d->row ? d->row[i] : d->first + i;

		if (use && !use[i])
			continue;
		fl_dtype_to_f32(d->x->dtype, (const unsigned char *)d->x->data + row * size, s->row, d->d);
		add(s, s->row);
	}
}

int fl_columns_measure(const struct fl_data *d, const unsigned char *use, struct fl_columns *out,
                       struct fl_arena *a, struct fl_err *e)
{
	struct sums s;

	if (get_sums(&s, d->d, a, e))
		return -1;
	each_row(&s, d, use, add_values);
	for (size_t j = 0; j < d->d; j++)
		s.c.mean[j] = s.c.n[j] ? s.first[j] + s.c.mean[j] / (double)s.c.n[j] : 0;
	each_row(&s, d, use, add_squares);
	for (size_t j = 0; j < d->d; j++)
		s.c.var[j] = s.c.n[j] ? s.c.var[j] / (double)s.c.n[j] : 0;
	*out = s.c;
	return 0;
}

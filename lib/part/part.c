/* What all schemes share: counts, smallest clients, measures of skew. */
#include "part/part.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"

const struct fl_family fl_family_by = {
	.name = "by", .list = fl_by_list, .doc = "how examples are split over clients",
	.noun = "split",
};

void fl_part_counts(const struct fl_part *s, uint64_t *counts)
{
	memset(counts, 0, s->K * s->C * sizeof *counts);
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED)
			counts[s->owner[i] * s->C + (size_t)s->y[i]]++;
}

int fl_part_check(const struct fl_part *s, const char *scheme, struct fl_err *e)
{
	size_t *size = fl_arena_zero(s->arena, s->K, sizeof *size, e), least;

	if (!size)
		return -1;
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED)
			size[s->owner[i]]++;
	least = fl_part_least(size, s->K);
	if (!size[least])
		return fl_fail(e, FL_EDATA, "%s: client %zu of %zu would have 0 of the %zu examples",
		               scheme, least, s->K, s->N);
	return 0;
}

uint32_t *fl_part_by_label(const struct fl_part *s, size_t *start, struct fl_err *e)
{
	uint32_t *rows = fl_arena_get(s->arena, s->N, sizeof *rows, e);

	if (!rows)
		return NULL;
	/* A counting sort: stable, so rows ascend within a label. */
	memset(start, 0, (s->C + 1) * sizeof *start);
	for (size_t i = 0; i < s->N; i++)
		start[(size_t)s->y[i] + 1]++;
	for (size_t c = 0; c < s->C; c++)
		start[c + 1] += start[c];
	for (size_t i = 0; i < s->N; i++)
		rows[start[s->y[i]]++] = (uint32_t)i;
	memmove(start + 1, start, s->C * sizeof *start);
	start[0] = 0;
	return rows;
}

void fl_part_rng(struct fl_rng *r, const struct fl_part *s, uint64_t index, uint64_t sub)
{
	fl_rng_init(r, s->seed, s->level, index, FL_RNG_PARTITION, sub);
}

uint32_t *fl_part_by_label_shuffled(const struct fl_part *s, size_t *start, struct fl_err *e)
{
	uint32_t *rows = fl_part_by_label(s, start, e);
	struct fl_rng r;

	for (size_t c = 0; rows && c < s->C; c++) {
		fl_part_rng(&r, s, c, 0);
		fl_rng_shuffle(&r, rows + start[c], start[c + 1] - start[c]);
	}
	return rows;
}

uint32_t *fl_part_permutation(const struct fl_part *s, struct fl_err *e)
{
	uint32_t *rows = fl_arena_get(s->arena, s->N, sizeof *rows, e);
	struct fl_rng r;

	if (!rows)
		return NULL;
	for (size_t i = 0; i < s->N; i++)
		rows[i] = (uint32_t)i;
	fl_part_rng(&r, s, 0, 0);
	fl_rng_shuffle(&r, rows, s->N);
	return rows;
}

size_t fl_part_least(const size_t *size, size_t K)
{
	size_t least = 0;

	for (size_t k = 1; k < K; k++)
		if (size[k] < size[least])
			least = k;
	return least;
}

/* -x ln x, 0 at 0 */
static double surprise(double x)
{
	return x > 0 ? -x * fl_log(x) : 0;
}

/* Adds a client's measures; q(C): shares of the labels over all clients. */
static void add_client(const uint64_t *n, double size, const double *q, size_t C,
                       struct fl_skew *s)
{
	double h = 0, tv = 0, js = 0, bc = 0;

	for (size_t c = 0; c < C; c++) {
		double p = (double)n[c] / size, m = (p + q[c]) / 2;

		h += surprise(p);
		tv += fabs(p - q[c]) / 2;
		js += surprise(m) - (surprise(p) + surprise(q[c])) / 2;
		bc += sqrt(p * q[c]);
	}
	s->entropy += h;
	s->eff_classes += fl_exp(h);
	s->tv += tv;
	if (tv > s->tv_max)
		s->tv_max = tv;
	s->js += js > 0 ? js : 0;
	s->hellinger += sqrt(bc < 1 ? 1 - bc : 0);
}

/* Means over clients that have examples. */
static void average(struct fl_skew *s, double K)
{
	s->entropy /= K;
	s->eff_classes /= K;
	s->tv /= K;
	s->js /= K;
	s->hellinger /= K;
}

/* Coefficient of variation and Gini coefficient of size(K), which ascends: the
 * sum of |a - b| over pairs would take K*K steps. */
static void size_skew(const double *size, size_t K, double total, struct fl_skew *s)
{
	double mean = total / (double)K, var = 0, ranked = 0;

	for (size_t k = 0; k < K; k++)
		var += (size[k] - mean) * (size[k] - mean);
	s->size_cv = sqrt(var / (double)K) / mean;
	for (size_t k = 0; k < K; k++)
		ranked += (2 * (double)k + 1 - (double)K) * size[k];
	s->size_gini = ranked / ((double)K * total);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int fl_part_skew(const uint64_t *counts, size_t K, size_t C, struct fl_skew *out,
                 struct fl_err *e)
{
	double *q = fl_alloc(C, sizeof *q, e), *size = fl_alloc(K, sizeof *size, e), total = 0;
	double held = 0;
	int rc = -1;

	*out = (struct fl_skew){ .entropy = 0 };
	if (!q || !size)
		goto done;
	for (size_t i = 0; i < K * C; i++) {
		q[i % C] += (double)counts[i];
		size[i / C] += (double)counts[i];
		total += (double)counts[i];
	}
	rc = 0;
	if (!(total > 0))
		goto done;
	for (size_t c = 0; c < C; c++)
		q[c] /= total;
	for (size_t k = 0; k < K; k++)
		if (size[k] > 0) {
			add_client(counts + k * C, size[k], q, C, out);
			held++;
		}
	average(out, held);
	qsort(size, K, sizeof *size, ascending);
	size_skew(size, K, total, out);
done:
	free(q);
	free(size);
	return rc;
}

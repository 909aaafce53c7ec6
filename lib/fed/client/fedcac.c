/* FedCAC's client: plain local training of the client's own model, and a mask of
 * the weights that matter most to it. In each tensor the sensitivity is
 * |(w - w0) w|; the floor(tau n) largest are critical. Where that reaches down
 * to nothing (1e-10), the smallest sensitivity above 1e-20 is the threshold.
 * The threshold itself counts, so ties may make a mask larger. */
#include "fed/client/client.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

static const char prefix[] = "@fedcac/mask/";
static const float nothing = 1e-10f, zero = 1e-20f;

struct fedcac {
	double tau;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct fedcac, tau), "0.5", 0, 1, NULL, "tau",
	  "share of a tensor's weights that is critical" },
	{ 0 }
};

enum { HALF = 1 << 16 };

static uint32_t bits_of(float x)
{
	uint32_t b;

	memcpy(&b, &x, sizeof b);
	return b;
}

/* The k-th largest of s(n), k from 0: floats that are not negative are ordered
 * as their bits. First the upper half-word of that one, then the lower. */
static float largest(const float *s, size_t n, size_t k, size_t *count)
{
	uint32_t upper = HALF, lower = HALF, bits;
	float x;

	memset(count, 0, HALF * sizeof *count);
	for (size_t i = 0; i < n; i++)
		count[bits_of(s[i]) >> 16]++;
	while (k >= count[--upper])
		k -= count[upper];
	memset(count, 0, HALF * sizeof *count);
	for (size_t i = 0; i < n; i++)
		if (bits_of(s[i]) >> 16 == upper)
			count[bits_of(s[i]) & (HALF - 1)]++;
	while (k >= count[--lower])
		k -= count[lower];
	bits = upper << 16 | lower;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static float threshold(const float *s, size_t n, double tau, size_t *count)
{
	size_t k = fl_num_part(tau, n);
	float t = k ? largest(s, n, k - 1, count) : INFINITY, least = INFINITY;

	if (t > nothing)
		return t;
	for (size_t i = 0; i < n; i++)
		if (s[i] > zero && s[i] < least)
			least = s[i];
	return isinf(least) ? t : least;
}

/* s: sensitivities -> 1 where critical, else 0. */
static void mark(float *s, size_t n, double tau, size_t *count)
{
	float t = threshold(s, n, tau, count);

	for (size_t i = 0; i < n; i++)
		s[i] = s[i] >= t;
}

static int add_mask(const struct fl_tensor *t, struct fl_tset *update, struct fl_err *e)
{
	struct fl_tensor *m = fl_tset_add(update, t->name, FL_U8, t->ndim, t->dim, NULL, e);
	const float *from = t->data;
	unsigned char *to;

	if (!m)
		return -1;
	to = m->data;
	for (size_t i = 0; i < t->n; i++)
		to[i] = from[i] > 0;
	return 0;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fedcac *p = l->p;
	struct fl_tset mask = { .t = NULL };
	size_t *count = fl_arena_get(l->arena, HALF, sizeof *count, e);
	fl_real *s = fl_local_vec(l, e);
	int rc;

	if (!count || !s)
		return -1;
	for (size_t i = 0; i < l->net->P; i++)
		s[i] = fabsf((l->w[i] - l->w0[i]) * l->w[i]);
	for (size_t i = 0; i < l->net->nparam; i++)
		mark(s + l->net->param[i].off, l->net->param[i].n, p->tau, count);
	rc = fl_local_export_params(l, s, prefix, &mask, e);
	for (size_t i = 0; i < mask.nt && !rc; i++)
		rc = add_mask(&mask.t[i], update, e);
	fl_tset_release(&mask);
	return rc;
}

const struct fl_method fl_method_fedcac = {
	.e = {
		.name = "fedcac",
		.title = "FedCAC",
		.cite = "Wu et al., ICCV 2023, arXiv 2309.11103",
		.doc = "local training of a personal model, with a mask of its critical weights",
		.params = params,
		.psize = sizeof(struct fedcac),
		.formula = "mask = |(w - w0) w| among the tau n largest of its tensor",
		.note = "The threshold itself counts, so that ties may make a mask larger. Where the "
			"tau n largest reach down to nothing, 1e-10, the smallest above 1e-20 is the "
			"threshold, as in the authors' code.",
	},
	.end = end,
};

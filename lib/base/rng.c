/* Philox4x64-10 and the distributions on top of it. */
#include "base/rng.h"

#include <math.h>

#include "base/fmath.h"

/* Multipliers and Weyl constants of the paper's table. */
#define M0 UINT64_C(0xD2E7470EE14C6C93)
#define M1 UINT64_C(0xCA5A826395121157)
#define W0 UINT64_C(0x9E3779B97F4A7C15)
#define W1 UINT64_C(0xBB67AE8584CAA73B)

__extension__ typedef unsigned __int128 u128;

void fl_philox4x64(const uint64_t ctr[4], const uint64_t key[2], uint64_t out[4])
{
	uint64_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
	uint64_t k0 = key[0], k1 = key[1];

	for (int i = 0; i < 10; i++) {
		u128 p0 = (u128)M0 * c0, p1 = (u128)M1 * c2;

		c0 = (uint64_t)(p1 >> 64) ^ c1 ^ k0;
		c1 = (uint64_t)p1;
		c2 = (uint64_t)(p0 >> 64) ^ c3 ^ k1;
		c3 = (uint64_t)p0;
		k0 += W0;
		k1 += W1;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

void fl_rng_init(struct fl_rng *r, uint64_t seed, uint64_t round, uint64_t client,
                 enum fl_purpose purpose, uint64_t sub)
{
	*r = (struct fl_rng){
		.key = { seed, (uint64_t)purpose },
		.ctr = { 0, round, client, sub },
	};
}

uint64_t fl_rng_u64(struct fl_rng *r)
{
	if (!r->left) {
		fl_philox4x64(r->ctr, r->key, r->out);
		r->ctr[0]++;
		r->left = 4;
	}
	return r->out[4 - r->left--];
}

/* Lemire, "Fast random integer generation in an interval", 2019. */
uint64_t fl_rng_below(struct fl_rng *r, uint64_t n)
{
	u128 m = (u128)fl_rng_u64(r) * n;

	if ((uint64_t)m < n) {
		uint64_t t = (0 - n) % n;

		while ((uint64_t)m < t)
			m = (u128)fl_rng_u64(r) * n;
	}
	return (uint64_t)(m >> 64);
}

double fl_rng_real(struct fl_rng *r)
{
	return (double)(fl_rng_u64(r) >> 11) * 0x1p-53;
}

double fl_rng_open(struct fl_rng *r)
{
	return ((double)(fl_rng_u64(r) >> 12) + .5) * 0x1p-52;
}

double fl_rng_normal(struct fl_rng *r)
{
	double u, v, s, f;

	if (r->has_normal) {
		r->has_normal = 0;
		return r->normal;
	}
	do {
		u = 2 * fl_rng_real(r) - 1;
		v = 2 * fl_rng_real(r) - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	f = sqrt(-2 * fl_log(s) / s);
	r->normal = v * f;
	r->has_normal = 1;
	return u * f;
}

double fl_rng_log_gamma(struct fl_rng *r, double a)
{
	double d, c, x, v, u, boost = 0;

	if (a < 1) {		/* Gamma(a) = Gamma(a+1) * U^(1/a) */
		boost = fl_log(fl_rng_open(r)) / a;
		a += 1;
	}
	d = a - 1. / 3;
	c = 1 / sqrt(9 * d);
	for (;;) {
		x = fl_rng_normal(r);
		v = 1 + c * x;
		if (v <= 0)
			continue;
		v = v * v * v;
		u = fl_rng_open(r);
		if (fl_log(u) < .5 * x * x + d - d * v + d * fl_log(v))
			return fl_log(d * v) + boost;
	}
}

void fl_rng_dirichlet(struct fl_rng *r, const double *a, double *p, size_t n)
{
	double max = -INFINITY, sum = 0;

	for (size_t i = 0; i < n; i++) {
		p[i] = fl_rng_log_gamma(r, a[i]);
		if (p[i] > max)
			max = p[i];
	}
	for (size_t i = 0; i < n; i++) {
		p[i] = fl_exp(p[i] - max);
		sum += p[i];
	}
	for (size_t i = 0; i < n; i++)
		p[i] /= sum;
}

void fl_rng_shuffle(struct fl_rng *r, uint32_t *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = (size_t)fl_rng_below(r, i);
		uint32_t t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
}

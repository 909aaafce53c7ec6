/* Random numbers: words against numpy's Philox (test/golden/rng/make.py), and
 * the distributions by moments and chi-square. */
#include "base/rng.h"
#include "tap.h"

static const struct { uint64_t key[2], ctr[4], word[4]; } golden[] = {
#include "golden/rng/philox.inc"
};

#define DRAWS 200000

static void words(void)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		uint64_t out[4];

		fl_philox4x64(golden[i].ctr, golden[i].key, out);
		wrong += !!memcmp(out, golden[i].word, sizeof out);
	}
	is_int(wrong, 0, "blocks that differ from numpy's");
}

static void names(void)
{
	struct fl_rng r;
	uint64_t block[4], ctr[4] = { 1, 2, 3, 4 }, key[2] = { 7, FL_RNG_SHUFFLE }, w = 0;

	fl_rng_init(&r, 7, 2, 3, FL_RNG_SHUFFLE, 4);
	fl_philox4x64(ctr, key, block);
	for (int i = 0; i < 5; i++)
		w = fl_rng_u64(&r);
	ok(w == block[0], "the fifth word begins block 1 of (seed, purpose; round, client, sub)");
}

static void uniform(void)
{
	struct fl_rng r;
	double count[10] = { 0 }, chi = 0;
	int outside = 0;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (int i = 0; i < DRAWS; i++) {
		double u = fl_rng_real(&r), v = fl_rng_open(&r);
		uint64_t k = fl_rng_below(&r, 10);

		outside += !(u >= 0 && u < 1) || !(v > 0 && v < 1) || k > 9;
		count[k % 10]++;
	}
	is_int(outside, 0, "draws outside their range");
	for (int k = 0; k < 10; k++)
		chi += (count[k] - DRAWS / 10) * (count[k] - DRAWS / 10) / (DRAWS / 10);
	/* 0.1 % quantile of chi-square with 9 degrees of freedom */
	ok(chi < 27.88, "below(10) is uniform: chi-square %.2f", chi);
}

static void normal(void)
{
	/* Octiles of N(0,1). */
	static const double edge[] = { -1.1503493803760079, -.67448975019608171,
		-.31863936396437514, 0, .31863936396437514, .67448975019608171, 1.1503493803760079 };
	struct fl_rng r;
	double m[5] = { 0 }, count[8] = { 0 }, chi = 0;

	fl_rng_init(&r, 2, 0, 0, FL_RNG_DATA, 0);
	for (int i = 0; i < DRAWS; i++) {
		double x = fl_rng_normal(&r), p = 1;
		int k = 0;

		for (int j = 1; j < 5; j++)
			m[j] += (p *= x) / DRAWS;
		while (k < 7 && x > edge[k])
			k++;
		count[k]++;
	}
	/* Five standard errors: sqrt(1, 2, 15, 96 / DRAWS). */
	is_near(m[1], 0, .0112, "normal: mean");
	is_near(m[2], 1, .0159, "normal: variance");
	is_near(m[3], 0, .0434, "normal: third moment");
	is_near(m[4], 3, .1096 / 3, "normal: fourth moment");
	for (int k = 0; k < 8; k++)
		chi += (count[k] - DRAWS / 8) * (count[k] - DRAWS / 8) / (DRAWS / 8);
	ok(chi < 24.32, "normal: octiles, chi-square %.2f", chi);
}

static void gamma_draws(void)
{
	static const double a[] = { .05, .5, 1, 3.5, 40 };

	for (size_t k = 0; k < sizeof a / sizeof *a; k++) {
		struct fl_rng r;
		double m1 = 0, m2 = 0;

		fl_rng_init(&r, 3, 0, k, FL_RNG_DATA, 0);
		for (int i = 0; i < DRAWS; i++) {
			double x = exp(fl_rng_log_gamma(&r, a[k]));

			m1 += x / DRAWS;
			m2 += x * x / DRAWS;
		}
		/* Var x = a; Var x^2 = a (a+1) (4a+6); five standard errors. */
		ok(fabs(m1 - a[k]) < 5 * sqrt(a[k] / DRAWS), "gamma(%g): mean %g", a[k], m1);
		ok(fabs(m2 - a[k] * (a[k] + 1)) < 5 * sqrt(a[k] * (a[k] + 1) * (4 * a[k] + 6) / DRAWS),
		   "gamma(%g): second moment %g", a[k], m2);
	}
}

static void dirichlet(void)
{
	static const double a[3] = { .1, .5, 2 };
	const double total = 2.6;
	const int draws = 50000;
	struct fl_rng r;
	double p[3], m1[3] = { 0 }, m2[3] = { 0 };
	int bad = 0;

	fl_rng_init(&r, 4, 0, 0, FL_RNG_DATA, 0);
	for (int i = 0; i < draws; i++) {
		fl_rng_dirichlet(&r, a, p, 3);
		bad += !(fabs(p[0] + p[1] + p[2] - 1) < 1e-12);
		for (int k = 0; k < 3; k++) {
			m1[k] += p[k] / draws;
			m2[k] += p[k] * p[k] / draws;
		}
	}
	is_int(bad, 0, "dirichlet draws that do not sum to 1");
	for (int k = 0; k < 3; k++) {
		double mean = a[k] / total, second = mean * (a[k] + 1) / (total + 1);

		ok(fabs(m1[k] - mean) < 5 * sqrt((second - mean * mean) / draws),
		   "dirichlet: mean %d is %g", k, m1[k]);
		ok(fabs(m2[k] - second) < 5 * sqrt(second / draws), "dirichlet: second moment %d", k);
	}
	for (int k = 0; k < 3; k++)
		p[k] = 0;
	fl_rng_dirichlet(&r, (double[]){ 1e-4, 1e-4, 1e-4 }, p, 3);
	ok(fabs(p[0] + p[1] + p[2] - 1) < 1e-12, "dirichlet with tiny concentration does not underflow");
}

static void shuffle(void)
{
	double count[24] = { 0 }, chi = 0;
	const double expect = DRAWS / 24.;
	struct fl_rng r;

	fl_rng_init(&r, 5, 0, 0, FL_RNG_SHUFFLE, 0);
	for (int i = 0; i < DRAWS; i++) {
		uint32_t v[4] = { 0, 1, 2, 3 };
		unsigned rank = 0;

		fl_rng_shuffle(&r, v, 4);
		for (unsigned j = 0; j < 4; j++) {	/* rank in lexicographic order */
			unsigned less = 0;

			for (unsigned k = j + 1; k < 4; k++)
				less += v[k] < v[j];
			rank = rank * (4 - j) + less;
		}
		count[rank]++;
	}
	for (int k = 0; k < 24; k++)
		chi += (count[k] - expect) * (count[k] - expect) / expect;
	ok(chi < 49.73, "shuffle: 24 permutations alike, chi-square %.2f", chi);
}

int main(void)
{
	words();
	names();
	uniform();
	normal();
	gamma_draws();
	dirichlet();
	shuffle();
	return tap_done();
}

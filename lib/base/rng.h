/* Counter-based random numbers: Philox4x64-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011), the generator of numpy.random.Philox.
 *
 * A stream is named by (seed, round, client, purpose, sub); equal names give
 * equal numbers in every process, so results do not depend on which process
 * does what when. key = (seed, purpose), counter = (block, round, client, sub). */
#ifndef FL_BASE_RNG_H
#define FL_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Purposes never change their number: results would change. */
enum fl_purpose {
	FL_RNG_INIT = 1,	/* initial weights; sub = parameter */
	FL_RNG_PARTITION = 2,
	FL_RNG_TEST_SPLIT = 3,
	FL_RNG_SHUFFLE = 4,	/* order of examples; sub = epoch (and phase << 32) */
	FL_RNG_SAMPLE = 5,	/* sample of examples for --measure */
	FL_RNG_DROPOUT = 6,
	FL_RNG_AUGMENT = 7,
	FL_RNG_METHOD = 8,	/* a method's own draws */
	FL_RNG_DATA = 9,	/* synthetic data */
	FL_RNG_BOOTSTRAP = 10,	/* resamples of what was measured; sub = resample */
	FL_RNG_MIX = 11,	/* how batches are mixed; sub = first example, epoch, phase */
	FL_RNG_WIDEN = 12,	/* which units new ones are copies of */
	FL_RNG_SELECT = 13,	/* who takes part in a round; sub = what is drawn */
	FL_RNG_CLOCK = 14	/* how long clients take in virtual time; round = their how manieth start */
};

struct fl_rng {
	uint64_t key[2], ctr[4], out[4];
	unsigned left;		/* unused words of out */
	int has_normal;
	double normal;		/* the second of a pair */
};

void fl_philox4x64(const uint64_t ctr[4], const uint64_t key[2], uint64_t out[4]);

void fl_rng_init(struct fl_rng *r, uint64_t seed, uint64_t round, uint64_t client,
                 enum fl_purpose purpose, uint64_t sub);
uint64_t fl_rng_u64(struct fl_rng *r);
uint64_t fl_rng_below(struct fl_rng *r, uint64_t n);	/* uniform in [0,n), n > 0, unbiased */
double fl_rng_real(struct fl_rng *r);			/* uniform in [0,1), 53 bits */
double fl_rng_open(struct fl_rng *r);			/* uniform in (0,1) */
double fl_rng_normal(struct fl_rng *r);			/* N(0,1), Marsaglia's polar method */
/* Logarithm of a Gamma(a,1) draw, a > 0 (Marsaglia and Tsang 2000; in logs so
 * that tiny a does not underflow). */
double fl_rng_log_gamma(struct fl_rng *r, double a);
/* p(n) ~ Dirichlet(a(n)); sums to 1. */
void fl_rng_dirichlet(struct fl_rng *r, const double *a, double *p, size_t n);
/* Uniform permutation of v(n), Fisher-Yates from the end. */
void fl_rng_shuffle(struct fl_rng *r, uint32_t *v, size_t n);

#endif

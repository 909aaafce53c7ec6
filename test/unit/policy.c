/* lib/policy: inclusion probabilities against NumPy's, and frequencies over seeds and rounds
 * against them; how rounds depend on one another. */
#include "policy/policy.h"
#include "tap.h"

#include "../golden/policy/cases.h"

#define COUNT(a) (sizeof (a) / sizeof *(a))
#define N COUNT(examples)
#define SEEDS 4000

static struct fl_crowd crowd;
static double one[N], counts[N * 3];

static void make_crowd(void)
{
	static struct fl_crowd_field fields[] = {
		{ "examples", (double *)examples }, { "loss", (double *)loss }, { "one", one },
	};

	fl_crowd_number(&crowd, N, NULL);
	for (size_t i = 0; i < N; i++) {
		crowd.id[i] = (int64_t)(3 * i + 1);
		one[i] = 1;
		counts[3 * i + i % 3] = 4;
		counts[3 * i + 2] += 4;
	}
	crowd.field = fields;
	crowd.fields = COUNT(fields);
	crowd.count = counts;
	crowd.labels = 3;
}

/* One choice; 0 where it fails. */
static int choose(const char *spec, uint64_t seed, uint64_t round, unsigned char *in, double *chance,
                  struct fl_err *e)
{
	struct fl_arena a = { 0 };
	struct fl_spec s;
	struct fl_choice k = { &crowd, seed, round, in, chance, &a };
	int good = !fl_spec_parse(&fl_family_policy, spec, &a, &s, e) && !fl_policy_pick(&s, &k, e);

	fl_arena_release(&a);
	return good;
}

/* Frequencies over seeds are within five deviations of the probabilities, in two rounds. */
static void check_frequencies(const char *spec, const double *want, double tol)
{
	static const uint64_t rounds[] = { 1, 7 };
	unsigned char in[N];
	double chance[N], often[COUNT(rounds)][N] = { { 0 } };
	struct fl_err e = { 0 };
	int right = 1;

	for (uint64_t seed = 0; seed < SEEDS; seed++)
		for (size_t r = 0; r < COUNT(rounds); r++) {
			if (!choose(spec, seed, rounds[r], in, chance, &e))
				printf("# %s\n", e.msg);
			for (size_t i = 0; i < N; i++)
				often[r][i] += in[i];
		}
	for (size_t i = 0; i < N; i++) {
		is_near(chance[i], want[i], tol, spec);
		for (size_t r = 0; r < COUNT(rounds); r++) {
			double f = often[r][i] / SEEDS, sd = sqrt(want[i] * (1 - want[i]) / SEEDS);

			if (fabs(f - want[i]) > 5 * sd + 1e-9) {
				right = 0;
				printf("# client %zu round %d: %g, not %g\n", i, (int)rounds[r], f, want[i]);
			}
		}
	}
	ok(right, "%s: frequencies over seeds", spec);
}

static size_t size_of(const unsigned char *in)
{
	size_t n = 0;

	for (size_t i = 0; i < N; i++)
		n += in[i];
	return n;
}

/* Numbers of clients are what was asked for. */
static void check_sizes(void)
{
	static const struct { const char *spec; size_t n; } cases[] = {
		{ "uniform:k=5", 5 }, { "uniform:share=0.01", 1 }, { "uniform:k=99", N }, { "weighted:k=3", 3 },
		{ "weighted:k=11", 11 }, { "weighted:k=12", 11 /* one has no examples */ },
		{ "roundrobin:k=5", 5 }, { "power-of-choice:k=3,d=6", 3 },
	};
	unsigned char in[N];
	double chance[N], sum;
	struct fl_err e = { 0 };

	for (size_t c = 0; c < COUNT(cases); c++) {
		int right = 1;

		for (uint64_t seed = 0; seed < 300; seed++)
			right &= choose(cases[c].spec, seed, 3, in, chance, &e) && size_of(in) == cases[c].n;
		ok(right, "%s: %zu clients", cases[c].spec, cases[c].n);
		sum = 0;
		for (size_t i = 0; i < N; i++)
			sum += chance[i];
		ok(isnan(sum) || fabs(sum - (double)cases[c].n) < 1e-12, "and so is the sum of probabilities");
	}
}

/* Share of on after on over all clients, seeds and rounds. */
static double stay_of(const char *spec)
{
	unsigned char before[N], in[N];
	double chance[N], on = 0, stays = 0;

	for (uint64_t seed = 0; seed < 40; seed++) {
		choose(spec, seed, 1, before, chance, NULL);
		for (uint64_t round = 2; round < 100; round++) {
			choose(spec, seed, round, in, chance, NULL);
			for (size_t i = 0; i < N; i++) {
				on += before[i];
				stays += before[i] && in[i];
			}
			memcpy(before, in, sizeof in);
		}
	}
	return stays / on;
}

static void rounds_together(void)
{
	unsigned char in[N], turns[N] = { 0 };
	double chance[N];
	int right = 1;

	is_near(stay_of("markov:p=0.3,lambda=0.8"), .8 + .2 * .3, .01, "markov: P(on|on)");
	is_near(stay_of("markov:p=0.4,lambda=-0.6"), -.6 + 1.6 * .4, .01, "markov: P(on|on), lambda below 0");
	is_near(stay_of("bernoulli:p=0.3"), .3, .01, "bernoulli: rounds are independent");
	for (uint64_t round = 1; round <= 12; round++) {
		choose("roundrobin:k=5", 9, round, in, chance, NULL);
		for (size_t i = 0; i < N; i++)
			turns[i] = (unsigned char)(turns[i] + in[i]);
	}
	for (size_t i = 0; i < N; i++)
		right &= turns[i] == 5;
	ok(right, "roundrobin: twelve rounds of five are five turns each");
	for (uint64_t round = 1; round <= 30; round++) {
		unsigned char later[N];

		choose("cyclic:p=0.3,period=10", 4, round, in, chance, NULL);
		choose("cyclic:p=0.3,period=10", 4, round + 10, later, chance, NULL);
		right &= !memcmp(in, later, sizeof in);
	}
	ok(right, "cyclic: every period is the same");
}

/* FedAU's formula over many draws of the classes' weights: the mean is kept, and classes of a
 * client decide. */
static void labels(void)
{
	unsigned char in[N];
	double chance[N], mean = 0;
	int alike = 1;

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		choose("labelled:alpha=1,mean=0.1,floor=0", seed, 1, in, chance, NULL);
		for (size_t i = 0; i < N; i++)
			mean += chance[i] / N / SEEDS;
		alike &= !(chance[0] < chance[3] || chance[0] > chance[3]);
	}
	is_near(mean, .1, .002, "labelled: the mean chance");
	ok(alike, "clients of the same labels have the same chance");
	choose("labelled:floor=0.5", 1, 1, in, chance, NULL);
	ok(!(chance[0] < .5), "no chance is below the floor");
}

static void facility(void)
{
	struct fl_crowd was = crowd;
	size_t first[N + 1];
	unsigned char in[N];
	double chance[N];
	struct fl_err e = { 0 };

	crowd.n = 7;
	crowd.centre = (float *)centre;
	crowd.d = 3;
	crowd.centres = 14;
	crowd.first = first;
	for (size_t i = 0; i <= 7; i++)
		first[i] = 2 * i;
	memset(in, 0, sizeof in);
	ok(choose("facility:k=3", 1, 1, in, chance, &e) && size_of(in) == 3 && in[covering[0]] && in[covering[1]] &&
	   in[covering[2]], "facility: NumPy's greedy cover");
	crowd = was;
}

static void refused(void)
{
	static const struct { const char *spec; int code; const char *message; } cases[] = {
		{ "weighted:by=size", FL_EDATA, "wants 'size' of each client" },
		{ "bernoulli:by=examples", FL_EDATA, "client 4: 'examples' is 2, no probability" },
		{ "markov:p=0.9,lambda=-0.9", FL_EUSAGE, "no chain that is there with probability 0.9 has lambda=-0.9" },
		{ "power-of-choice:k=5,d=4", FL_EUSAGE, "5 of d=4 candidates" },
		{ "facility", FL_EDATA, "wants centres" }, { "trace", FL_EUSAGE, "wants file=FILE" },
	};
	unsigned char in[N];
	double chance[N];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fl_err e = { 0 };

		if (!ok(!choose(cases[i].spec, 1, 1, in, chance, &e) && e.code == cases[i].code &&
		        strstr(e.msg, cases[i].message), "%s is refused", cases[i].spec))
			printf("# %d %s\n", e.code, e.msg);
	}
}

int main(void)
{
	make_crowd();
	for (size_t i = 0; i < COUNT(closed); i++)
		check_frequencies(closed[i].spec, closed[i].chance, 1e-12);
	check_sizes();
	rounds_together();
	labels();
	facility();
	refused();
	return tap_done();
}

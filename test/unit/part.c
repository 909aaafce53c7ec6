/* Schemes: every example once, sizes, laws of the random shares, conditions. */
#include "part/part.h"
#include "tap.h"

#define ROWS 6000
#define CLASSES 10

static int32_t y[ROWS];

struct made {
	struct fl_part s;
	struct fl_spec by;
	struct fl_arena a;
	uint32_t owner[ROWS];
	struct fl_err e;
};

static int make(struct made *m, const char *by, size_t n, size_t K, uint64_t seed)
{
	*m = (struct made){ .s = { .y = y, .N = n, .C = CLASSES, .K = K, .seed = seed } };
	m->s.arena = &m->a;
	m->s.owner = m->owner;
	if (fl_spec_parse(&fl_family_by, by, &m->a, &m->by, &m->e))
		return -1;
	return ((const struct fl_by *)m->by.entry)->split(m->by.p, &m->s, &m->e);
}

static void release(struct made *m)
{
	fl_arena_release(&m->a);
}

/* counts of owners; the largest and smallest. */
static void sizes(const struct made *m, size_t *least, size_t *most, size_t *dropped)
{
	size_t n[ROWS] = { 0 };

	*dropped = *most = 0;
	*least = ROWS;
	for (size_t i = 0; i < m->s.N; i++)
		if (m->owner[i] == FL_PART_DROPPED)
			++*dropped;
		else
			n[m->owner[i]]++;
	for (size_t k = 0; k < m->s.K; k++) {
		*least = n[k] < *least ? n[k] : *least;
		*most = n[k] > *most ? n[k] : *most;
	}
}

static void test_every_example(void)
{
	static const char *const by[] = {
		"iid", "shards", "shards:s=3", "dirichlet", "dirichlet:alpha=0.1,min_size=1",
		"dirichlet:balance=lt", "dirichlet:alpha=1e-6,min_size=1,max_tries=100000,balance=lt",
		"dirichlet:alpha=1e6",
	};

	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		struct made a, b, c;
		size_t least, most, dropped, out = 0;
		int rc = make(&a, by[i], ROWS, 7, 3);

		make(&b, by[i], ROWS, 7, 3);
		make(&c, by[i], ROWS, 7, 4);
		if (!ok(!rc, "%s splits", by[i]))
			printf("# %s\n", a.e.msg);
		for (size_t k = 0; k < ROWS; k++)
			out += a.owner[k] >= 7;
		sizes(&a, &least, &most, &dropped);
		ok(!out && !dropped && least, "%s: every example has one of the clients", by[i]);
		ok(!memcmp(a.owner, b.owner, sizeof a.owner), "%s: equal seeds, equal splits", by[i]);
		ok(memcmp(a.owner, c.owner, sizeof a.owner), "%s: another seed, another split", by[i]);
		release(&a);
		release(&b);
		release(&c);
	}
}

static void test_sizes(void)
{
	struct made m;
	size_t least, most, dropped;

	make(&m, "iid", 5999, 7, 1);
	sizes(&m, &least, &most, &dropped);
	ok(least == 857 && most == 857, "iid: 5,999 over 7");
	release(&m);
	make(&m, "iid", 6000, 7, 1);
	sizes(&m, &least, &most, &dropped);
	ok(least == 857 && most == 858, "iid: sizes differ by one at most");
	release(&m);
	make(&m, "shards:s=2", 5990, 7, 1);
	sizes(&m, &least, &most, &dropped);
	ok(least >= 2 * 427 && most <= 2 * 428 && !dropped, "shards: differ by one at most");
	release(&m);
	make(&m, "shards:s=2,rest=drop", 5990, 7, 1);
	sizes(&m, &least, &most, &dropped);
	ok(least == 2 * 427 && most == 2 * 427 && dropped == 5990 - 14 * 427,
	   "shards: equal, the rest left out on request");
	release(&m);
	make(&m, "dirichlet:alpha=0.2,min_size=300", ROWS, 10, 1);
	sizes(&m, &least, &most, &dropped);
	ok(least >= 300 && m.s.tries > 1, "dirichlet: draws until min_size, %zu tries", m.s.tries);
	release(&m);
	/* A client at ROWS/K gets no more, so none has more than ROWS/K and one class. */
	make(&m, "dirichlet:alpha=0.1,balance=lt", ROWS, 10, 1);
	sizes(&m, &least, &most, &dropped);
	ok(most <= ROWS / 10 + ROWS / CLASSES, "dirichlet: balance bounds the largest client");
	release(&m);
}

/* Two shards a client: at most four classes, two where shards fit the classes. */
static void test_shards_classes(void)
{
	struct made m;
	uint64_t counts[10 * CLASSES];
	size_t most = 0;

	make(&m, "shards:s=2", ROWS, 10, 5);
	fl_part_counts(&m.s, counts);
	for (size_t k = 0; k < 10; k++) {
		size_t classes = 0;

		for (size_t c = 0; c < CLASSES; c++)
			classes += counts[k * CLASSES + c] > 0;
		most = classes > most ? classes : most;
	}
	is_int((long long)most, 2, "shards: two classes a client");
	release(&m);
}

static double chi2(const size_t *seen, size_t bins, double expect)
{
	double x = 0;

	for (size_t i = 0; i < bins; i++)
		x += ((double)seen[i] - expect) * ((double)seen[i] - expect) / expect;
	return x;
}

/* The share of client 0 of two is Beta(alpha, alpha): for 1 uniform, for 1/2 the
 * arcsine law. 1,000 seeds, ten classes each, 20 bins; 43.8 is the .999 quantile
 * of chi-square with 19 degrees of freedom. */
static void test_dirichlet_law(double alpha)
{
	char by[80];
	size_t seen[20] = { 0 };
	struct made m;
	uint64_t counts[2 * CLASSES];
	double x;

	snprintf(by, sizeof by, "dirichlet:alpha=%g,min_size=1", alpha);
	for (uint64_t seed = 0; seed < 1000; seed++) {
		make(&m, by, ROWS, 2, seed);
		fl_part_counts(&m.s, counts);
		for (size_t c = 0; c < CLASSES; c++) {
			/* The middle of the interval of shares that floor() maps here. */
			double p = ((double)counts[c] + .5) / (ROWS / CLASSES + 1);

			if (alpha < 1)
				p = 2 / acos(-1) * asin(sqrt(p));
			seen[(size_t)(20 * p)]++;
		}
		release(&m);
	}
	x = chi2(seen, 20, 500);
	ok(x < 43.8, "dirichlet: shares of two clients follow Beta(%g, %g): chi2 %.1f", alpha, alpha, x);
}

/* Which examples a client gets is random: 100 cells of expectation 60. */
static void test_iid_law(void)
{
	struct made m;
	uint64_t counts[10 * CLASSES];
	size_t seen[10 * CLASSES];
	double x;

	make(&m, "iid", ROWS, 10, 9);
	fl_part_counts(&m.s, counts);
	for (size_t i = 0; i < 10 * CLASSES; i++)
		seen[i] = counts[i];
	x = chi2(seen, 10 * CLASSES, ROWS / 10. / CLASSES);
	/* 81 degrees of freedom: quantiles .001 and .999 */
	ok(x > 46.5 && x < 126.1, "iid: classes are spread at random: chi2 %.1f", x);
	release(&m);
}

static void test_conditions(void)
{
	struct made m;

	is_int(make(&m, "iid", 5, 6, 1), -1, "iid: more clients than examples");
	is_str(m.e.msg, "iid: client 5 of 6 would have 0 of the 5 examples", "names the client");
	is_int(m.e.code, FL_EDATA, "bad data");
	release(&m);
	is_int(make(&m, "shards:s=3", 5, 2, 1), -1, "shards: more shards than examples");
	is_int(m.e.code, FL_EDATA, "bad data");
	release(&m);
	is_int(make(&m, "dirichlet", 60, 7, 1), -1, "dirichlet: min_size cannot be met");
	ok(strstr(m.e.msg, "would have at most 8") != NULL, "says what could: %s", m.e.msg);
	release(&m);
	is_int(make(&m, "dirichlet:alpha=0.01,min_size=500,max_tries=20", ROWS, 10, 1), -1,
	       "dirichlet: gives up");
	ok(strstr(m.e.msg, "after 20 draws client ") && m.e.code == FL_EDATA, "names the smallest: %s",
	   m.e.msg);
	release(&m);
}

static void test_skew(void)
{
	static const uint64_t same[] = { 3, 1, 6, 2, 9, 3 }, apart[] = { 5, 0, 0, 5 };
	static const uint64_t hole[] = { 5, 0, 0, 0, 0, 5 };
	struct fl_skew s;

	fl_part_skew(same, 3, 2, &s, NULL);
	ok(fabs(s.tv) + fabs(s.js) + fabs(s.hellinger) < 1e-7, "alike: distances are 0");
	is_near(s.entropy, -(.75 * log(.75) + .25 * log(.25)), 1e-14, "alike: entropy of one");
	is_near(s.size_gini, (4 + 8 + 4) / (3 * 24.), 1e-14, "gini of sizes 4, 8, 12");
	is_near(s.size_cv, sqrt(32. / 3) / 8, 1e-14, "variation of sizes");
	fl_part_skew(apart, 2, 2, &s, NULL);
	is_near(s.tv_max, .5, 0, "apart: total variation");
	/* m = (3/4, 1/4): entropy of m less half that of q = (1/2, 1/2). */
	is_near(s.js, .75 * log(4. / 3) + .25 * log(4) - .5 * log(2), 1e-14, "apart: Jensen-Shannon");
	is_near(s.hellinger, sqrt(1 - sqrt(.5)), 1e-14, "apart: Hellinger");
	is_near(s.eff_classes, 1, 1e-15, "apart: one effective class");
	fl_part_skew(hole, 3, 2, &s, NULL);
	is_near(s.entropy, 0, 0, "a client without examples counts in no mean");
	is_near(s.size_gini, 1 / 3., 1e-15, "but in the sizes");
}

int main(void)
{
	for (size_t i = 0; i < ROWS; i++)
		y[i] = (int32_t)(i * 7 % CLASSES);
	test_every_example();
	test_sizes();
	test_shards_classes();
	test_dirichlet_law(1);
	test_dirichlet_law(.5);
	test_iid_law();
	test_conditions();
	test_skew();
	return tap_done();
}

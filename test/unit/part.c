/* Schemes: every example once, sizes, laws of the random shares, conditions. */
#include "part/part.h"
#include "tap.h"

#include <time.h>

#define ROWS 6000
#define CLASSES 10

static int32_t y[ROWS];
static int64_t group[ROWS];	/* 30 groups of one class each */

struct made {
	struct fl_part s;
	struct fl_spec by;
	struct fl_arena a;
	uint32_t owner[ROWS];
	struct fl_err e;
};

/* Three clusters, far from each other. */
static void inputs(const void *ctx, const uint32_t *idx, size_t n, float *out)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < 3; j++)
			out[3 * i + j] = 100 * (float)(idx[i] % 3 == j) + (float)(idx[i] * (j + 7) % 11);
}

static int make(struct made *m, const char *by, size_t n, size_t K, uint64_t seed)
{
	*m = (struct made){ .s = { .y = y, .group = group, .N = n, .C = CLASSES, .K = K, .seed = seed,
	                           .x = inputs, .d = 3 } };
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
		"dirichlet:alpha=1e6", "dirichlet:alpha=0", "dirichlet:compat=flower",
		"dirichlet:compat=niid", "dirichlet:compat=pfllib", "dirichlet:compat=fedlab",
		"dirichlet:compat=flbench", "dirichlet:balance=gt",
		"dirichlet:axis=client,alpha=0.05", "dirichlet:axis=client,prior=global,alpha=0.1",
		"inner:alpha=1e-6", "inner:law=square", "exdir", "exdir:m=10,alpha=0.1",
		"pathological:m=5", "pathological:m=5,assign=first", "pathological:m=10,assign=rotate",
		"size", "size:law=linear", "size:law=square", "size:law=exp", "size:law=dirichlet",
		"size:law=power", "size:law=zipf", "size:law=equal", "shards:size=100", "uniform",
		"uniform:unit=block", "unbalanced", "unbalanced:sizes=dirichlet",
		"unbalanced:sizes=ratio,ratio=1+2+3+4+5+6+7", "specialised", "natural:group=4,mode=allow-bigger",
		"specialised:client=6,classes=0+1+2,share=0.9,unit=group", "uniform:unit=group",
		"mix", "mix:iid=0,by=shards", "mix:iid=1", "mix:iid=0.1,by=mix%3Aby%3Duniform",
		"continuous", "continuous:strictness=0,property=std",
		"continuous:strictness=0.5,property=group", "embed:clusters=3",
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
		ok(!memcmp(a.owner, c.owner, sizeof a.owner) == !strncmp(by[i], "natural", 7),
		   "%s: another seed, another split", by[i]);
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

/* 240 labels by the definitions: test/golden/part/schemes.py. */
static void test_golden(void)
{
	static char line[4096];
	static int32_t labels[240];
	static int64_t groups[240];
	FILE *f = fopen("test/golden/part/want.tsv", "r");
	size_t n = 0;

	for (int i = 0; i < 240; i++) {
		labels[i] = (i * i * 7 + i / 3) % 6;
		groups[i] = i * 37 % 23 * 6 + labels[i] - 40;
	}
	while (f && fgets(line, sizeof line, f)) {
		char *by = strtok(line, "\t"), *K = strtok(NULL, "\t"), *seed = strtok(NULL, "\t");
		struct made m = { .s = { .y = labels, .group = groups, .N = 240, .C = 6 } };
		size_t bad = 0;
		int rc;

		m.s.K = strtoul(K, NULL, 10);
		m.s.seed = strtoul(seed, NULL, 10);
		m.s.arena = &m.a;
		m.s.owner = m.owner;
		rc = fl_spec_parse(&fl_family_by, by, &m.a, &m.by, &m.e) ||
		     ((const struct fl_by *)m.by.entry)->split(m.by.p, &m.s, &m.e);
		for (size_t i = 0; !rc && i < 240; i++) {
			char *o = strtok(NULL, ",\n");

			bad += m.owner[i] != (*o == '-' ? FL_PART_DROPPED : strtoul(o, NULL, 10));
		}
		if (!ok(!rc && !bad, "%s over %s clients, seed %s, as defined", by, K, seed))
			printf("# %zu owners differ %s\n", bad, m.e.msg);
		release(&m);
		n++;
	}
	ok(n > 40, "%zu splits compared", n);
	if (f)
		fclose(f);
}

/* Client by client: the expected share of every class is 1/C; over 400 seeds and
 * ten clients, 4,000 draws of variance (1/C)(1-1/C)/(C alpha + 1). */
static void test_mixture_law(void)
{
	double sum[CLASSES] = { 0 }, sq = 0, var = .1 * .9 / (CLASSES * 2 + 1);
	uint64_t counts[10 * CLASSES];
	struct made m;

	for (uint64_t seed = 0; seed < 400; seed++) {
		make(&m, "inner:alpha=2,law=equal", ROWS, 10, seed);
		fl_part_counts(&m.s, counts);
		for (size_t i = 0; i < 10 * CLASSES; i++) {
			double p = (double)counts[i] / (ROWS / 10);

			sum[i % CLASSES] += p;
			sq += (p - .1) * (p - .1);
		}
		release(&m);
	}
	for (size_t c = 0; c < CLASSES; c++)
		ok(fabs(sum[c] / 4000 - .1) < 5 * sqrt(var / 4000), "inner: mean share of class %zu", c);
	/* Exhausted classes pull the last clients together, which only lowers it. */
	ok(sq / 40000 < 1.1 * var && sq / 40000 > .7 * var, "inner: variance %g of %g", sq / 40000, var);
}

/* Owner of one example over seeds: client k with the share of its class that k has
 * on average. 900 seeds, nine clients; 26.1 is the .999 quantile of chi-square with
 * eight degrees of freedom. */
static void test_owner_law(void)
{
	static const char *const by[] = {
		"iid", "uniform", "size:law=equal", "mix:by=uniform", "shards", "inner:alpha=1",
		"dirichlet:alpha=1,min_size=1", "exdir:m=4,balance=none,min_size=1", "pathological:m=4",
		"continuous:strictness=0,property=label", "dirichlet:compat=niid", "uniform:unit=block",
	};

	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		size_t seen[9] = { 0 }, held[9] = { 0 };
		int bad = 0;
		struct made m;
		double x, h;

		for (uint64_t seed = 0; seed < 900; seed++) {
			size_t other = 17 + seed % 80 * 10;
			int rc = make(&m, by[i], 900, 9, seed);

			if (!rc && m.owner[17] < 9)	/* or of a class that nobody holds */
				seen[m.owner[17]]++;
			if (!rc && m.owner[other] < 9)
				held[m.owner[other]]++;
			bad += rc || m.owner[17] == FL_PART_DROPPED;
			release(&m);
		}
		x = chi2(seen, 9, (900. - bad) / 9);
		h = chi2(held, 9, (900. - bad) / 9);
		ok(bad < 30, "%s: left out %d times", by[i], bad);
		ok(x < 26.1 && h < 26.1, "%s: any client may own an example: chi2 %.1f, %.1f", by[i], x, h);
	}
}

/* Which classes a client has: each with probability m/C. 2,000 seeds, ten classes. */
static void test_holders_law(void)
{
	size_t seen[CLASSES] = { 0 }, first = 0;
	struct made m;
	uint64_t counts[7 * CLASSES];

	for (uint64_t seed = 0; seed < 2000; seed++) {
		make(&m, "pathological:m=3", ROWS, 7, seed);
		fl_part_counts(&m.s, counts);
		for (size_t c = 0; c < CLASSES; c++)
			seen[c] += counts[5 * CLASSES + c] > 0;
		release(&m);
		make(&m, "pathological:m=3,assign=first", ROWS, 7, seed);
		fl_part_counts(&m.s, counts);
		first += counts[5 * CLASSES + 5] > 0;
		release(&m);
	}
	/* Three of ten without replacement: less scattered than chi-square by 7/9. */
	ok(chi2(seen, CLASSES, 600) < 27.9, "pathological: classes are drawn evenly: chi2 %.1f",
	   chi2(seen, CLASSES, 600));
	is_int((long long)first, 2000, "pathological: assign=first has k mod C");
}

/* A third of what is dealt by weights goes where it should, on average. */
static void test_weights_law(void)
{
	double seen = 0;
	struct made m;
	uint64_t counts[4 * CLASSES];

	for (uint64_t seed = 0; seed < 300; seed++) {
		make(&m, "specialised:client=1,classes=3,share=0.335,unit=group", ROWS, 4, seed);
		fl_part_counts(&m.s, counts);
		for (size_t c = 3; c < 4; c++)
			seen += (double)counts[CLASSES + c] / (ROWS / CLASSES);
		ok(counts[3] + counts[CLASSES + 3] + counts[2 * CLASSES + 3] + counts[3 * CLASSES + 3] ==
		   ROWS / CLASSES, "nothing of the class is lost");
		release(&m);
	}
	ok(fabs(seen / 300 - .335) < .05, "specialised: share %g on average", seen / 300);
	make(&m, "specialised:client=1,classes=3,share=1", ROWS, 4, 1);
	fl_part_counts(&m.s, counts);
	is_int((long long)counts[CLASSES + 3], ROWS / CLASSES, "share=1: all of it");
	release(&m);
}

/* No group in two clients. */
static void test_units(void)
{
	struct made m;
	int64_t owner[64];
	int split = 0;

	memset(owner, -1, sizeof owner);
	make(&m, "unbalanced:unit=group,sizes=ratio,ratio=3+2+1", ROWS, 3, 8);
	for (size_t i = 0; i < ROWS; i++) {
		split += owner[group[i]] >= 0 && owner[group[i]] != m.owner[i];
		owner[group[i]] = m.owner[i];
	}
	is_int(split, 0, "unit=group: no group is split");
	release(&m);
	is_int(make(&m, "mix:by=natural", ROWS, 3, 1), -1, "natural: wrong number of clients");
	ok(strstr(m.e.msg, "make ") != NULL, "says how many: %s", m.e.msg);
	release(&m);
	m.s.group = NULL;
}

/* Clusters are what is skewed: with even shares of them, sizes are even. */
static void test_embed(void)
{
	struct made m;
	size_t n[3][2] = { { 0 } };

	make(&m, "embed:clusters=3,alpha=0", ROWS, 2, 3);
	for (size_t i = 0; i < ROWS; i++)
		n[i % 3][m.owner[i]]++;
	for (size_t c = 0; c < 3; c++)
		ok(n[c][0] == ROWS / 6 && n[c][1] == ROWS / 6, "embed: cluster %zu is found and cut", c);
	release(&m);
}

static void refused(const char *by, size_t n, size_t K, int code, const char *why)
{
	struct made m;
	int rc = make(&m, by, n, K, 1);

	if (!ok(rc && m.e.code == code && strstr(m.e.msg, why), "%s is refused", by))
		printf("# %d %s\n", m.e.code, m.e.msg);
	release(&m);
}

static void test_refused(void)
{
	refused("dirichlet:prior=global", ROWS, 7, FL_EUSAGE, "axis=client");
	refused("dirichlet:axis=client,balance=lt", ROWS, 7, FL_EUSAGE, "no balance");
	refused("dirichlet:axis=client,alpha=0", ROWS, 7, FL_EUSAGE, "no alpha=0");
	refused("dirichlet:axis=client", 60, 7, FL_EDATA, "client 6 has 8");
	refused("dirichlet:alpha=1e-6,max_tries=9,min_size=800", ROWS, 7, FL_EDATA, "after 9 draws");
	refused("exdir:m=11", ROWS, 7, FL_EDATA, "m=11");
	refused("exdir:m=1", ROWS, 2, FL_EDATA, "class 0 has ");
	refused("pathological:m=11", ROWS, 7, FL_EDATA, "the data have 10");
	refused("pathological:m=1,assign=rotate", 12, 12, FL_EDATA, "client ");
	refused("size:law=exp", ROWS, 30, FL_EDATA, "client 0 0 of 6000");
	refused("size:law=lognormal,sigma=9,min_size=500,max_tries=3", ROWS, 10, FL_EDATA, "3 draws");
	refused("distribution", ROWS, 7, FL_EDATA, "no multiple");
	refused("distribution:base=1000", ROWS, 10, FL_EDATA, "class 0 has 600");
	refused("natural:group=100,mode=drop", ROWS, 7, FL_EDATA, "do not fill");
	refused("natural:group=4,mode=strict", ROWS, 7, FL_EDATA, "no multiple");
	refused("unbalanced:sizes=ratio,ratio=1+2", ROWS, 7, FL_EDATA, "2 sizes for 7");
	refused("specialised:client=7", ROWS, 7, FL_EDATA, "client=7");
	refused("specialised:classes=10", ROWS, 7, FL_EDATA, "class 10");
	refused("mix:by=dirichlt", ROWS, 7, FL_EUSAGE, "did you mean 'dirichlet'");
	refused("mix:iid=0.9999", ROWS, 7, FL_EDATA, "are left for 7 clients");
	refused("embed:clusters=100", 60, 7, FL_EDATA, "100 clusters");
	refused("like", ROWS, 7, FL_EUSAGE, "like wants file=");
	refused("like:file=none", ROWS, 7, FL_EIO, "No such file");
	refused("shards:size=7000", ROWS, 7, FL_EDATA, "");
}

/* A well-known set over many clients: below a second each. */
static void test_speed(void)
{
	enum { N = 60000, K = 10000 };
	static int32_t labels[N];
	static uint32_t owner[N];
	static const char *const by[] = {
		"iid", "dirichlet:alpha=10,min_size=1", "dirichlet:axis=client,min_size=1", "pathological",
		"inner:law=lognormal,sigma=0.3", "exdir:alpha=10,min_size=1,balance=none", "size:sigma=0.3",
		"distribution:m=2,base=1", "uniform", "mix:iid=0.2,by=uniform", "shards",
		"continuous:property=label",
	};

	for (int i = 0; i < N; i++)
		labels[i] = i % CLASSES;
	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		struct fl_arena a = { .head = NULL };
		struct fl_err e = { .code = 0 };
		struct fl_part s = { .y = labels, .N = N, .C = CLASSES, .K = K, .arena = &a, .owner = owner };
		struct fl_spec spec;
		clock_t t = clock();
		double sec;
		int rc = fl_spec_parse(&fl_family_by, by[i], &a, &spec, &e) ||
		         ((const struct fl_by *)spec.entry)->split(spec.p, &s, &e);

		sec = (double)(clock() - t) / CLOCKS_PER_SEC;
		ok(!rc && sec < 1, "%s: 60,000 examples over 10,000 clients in %.3f s %s", by[i], sec, e.msg);
		fl_arena_release(&a);
	}
}

static void group_and_label(size_t i)
{
	y[i] = (int32_t)(i * 7 % CLASSES);
	group[i] = y[i] * 3 + (int64_t)(i / CLASSES % 3);
}

int main(void)
{
	for (size_t i = 0; i < ROWS; i++)
		group_and_label(i);
	test_every_example();
	test_sizes();
	test_shards_classes();
	test_dirichlet_law(1);
	test_dirichlet_law(.5);
	test_iid_law();
	test_conditions();
	test_skew();
	test_golden();
	test_mixture_law();
	test_weights_law();
	test_owner_law();
	test_holders_law();
	test_units();
	test_embed();
	test_refused();
	test_speed();
	return tap_done();
}

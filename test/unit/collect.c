/* The collector: every order, split and tree of partials gives the same bits,
 * and they are those of exact arithmetic. */
#include "fed/agg/collect.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "tap.h"

#define CLIENTS 100
#define P 258
#define ORDERS 1000
#define TREES 100

__extension__ typedef __int128 i128;

static char dir[] = "/tmp/fl-collect-XXXXXX";
static struct fl_tset model;
static struct fl_received from;
static float x[CLIENTS][P];

static const struct fl_received *received(void *ctx, const struct fl_update *u, struct fl_err *e)
{
	(void)ctx;
	(void)u;
	(void)e;
	return &from;
}

static const char *file(int i, char *buf)
{
	snprintf(buf, 64, "%s/%04d.safetensors", dir, i);
	return buf;
}

/* Multiples of 2^-80 below 1. Every third coordinate: pairs that cancel, and
 * 1 + 2^-24 + 2^-53 + 2^-78, where the last term decides how the double and then
 * how the float is rounded. */
static void plant(void)
{
	static const int at[] = { 0, -24, -53, -78 };
	struct fl_rng r;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (int i = 0; i < P; i++)
		for (int k = 0; k < CLIENTS; k++)
			x[k][i] = (float)((fl_rng_real(&r) - 0.5) * ldexp(1, -(int)fl_rng_below(&r, 30)));
	for (int i = 0; i < P; i += 3)
		for (int k = 0; k < CLIENTS; k++)
			x[k][i] = k < 4 ? (float)ldexp(1, at[k]) : k % 2 ? -x[k - 1][i] : x[k][i];
}

static double exact(int i)
{
	i128 sum = 0;

	for (int k = 0; k < CLIENTS; k++)
		sum += (i128)ldexp((double)x[k][i], 80);
	return (double)sum * ldexp(1, -80);
}

/* The planted sums do depend on the order where doubles add up. */
static void test_plant(void)
{
	struct fl_rng r;
	uint32_t order[CLIENTS];
	int differ = 0;

	for (int k = 0; k < CLIENTS; k++)
		order[k] = (uint32_t)k;
	fl_rng_init(&r, 2, 0, 0, FL_RNG_DATA, 0);
	for (int t = 0; t < 50; t++) {
		fl_rng_shuffle(&r, order, CLIENTS);
		for (int i = 0; i < P; i++) {
			double sum = 0;

			for (int k = 0; k < CLIENTS; k++)
				sum += (double)x[order[k]][i];
			differ += (float)sum != (float)exact(i);
		}
	}
	ok(differ > 100, "plain sums round wrongly %d times in 50 orders", differ);
}

static int write_updates(void)
{
	struct fl_err e = { 0 };
	char path[64];
	size_t n = P, one = 1;

	for (int k = 0; k < CLIENTS; k++) {
		struct fl_update u = { .client = k, .round = 1, .examples = 1 + k, .steps = -1,
		                       .loss0 = NAN, .gradnorm = NAN, .loss = NAN, .lr = NAN };
		struct fl_tset s = { 0 };

		memcpy(u.base, from.base, sizeof u.base);
		fl_tset_add(&s, "w", FL_F32, 1, &n, x[k], &e);
		/* Only some hold b, and the extra. */
		if (k % 3)
			fl_tset_add(&s, "b", FL_F32, 1, &one, &x[k][1], &e);
		if (k % 5 == 0)
			fl_tset_add(&s, "@m/c", FL_F32, 1, &one, &x[k][2], &e);
		if (fl_update_write(&u, &s, &e) || fl_stream_save(file(k, path), &s, 0, &e))
			return -1;
		fl_tset_release(&s);
	}
	return 0;
}

/* Result of one aggregation: coordinates of all tensors, by name. */
struct result {
	double v[P + 2];
	size_t n;
	struct fl_err e;
};

/* Rules of this test, for shapes that no rule of the library has. */
static const struct fl_rule *special;

/* Personal rules: the model of the first client, in place of the combined update. */
static void take_personal(struct fl_collect *c, struct result *out)
{
	struct fl_tset next = { 0 };

	if (fl_collect_personal(c, 0, &next, &out->e))
		return;
	for (size_t i = 0; i < next.nt; i++)
		for (size_t j = 0; j < next.t[i].n; j++)
			out->v[out->n++] = (double)((float *)next.t[i].data)[j];
	fl_tset_release(&next);
}

static int aggregate(const char *spec, const int *item, int n, int threads, const char *partial,
                     struct result *out)
{
	struct fl_arena a = { 0 };
	struct fl_spec s;
	struct fl_collect c;
	struct fl_combined u;
	const char **path = calloc((size_t)n, sizeof *path);
	char buf[CLIENTS + 64][64];
	struct fl_inputs in = { .n = (size_t)n, .expect = -1 };
	struct fl_tset part = { 0 };
	int rc;

	*out = (struct result){ .n = 0 };
	for (int i = 0; i < n; i++)
		path[i] = file(item[i], buf[i]);
	in.path = path;
	rc = fl_spec_parse(&fl_family_rule, spec, &a, &s, &out->e);
	fl_collect_init(&c);
	c.rule = special ? special : (const struct fl_rule *)(const void *)s.entry;
	c.rp = c.fp = s.p;
	c.fold = c.rule->fold.fold ? &c.rule->fold : NULL;
	c.who = c.spec = spec;
	c.model = c.rule->personal ? NULL : &model;
	c.round = 1;
	memcpy(c.base, from.base, sizeof c.base);
	c.received = received;
	c.threads = threads;
	c.memory = 1 << 20;
	c.keep_bins = partial != NULL;
	if (!rc)
		rc = fl_collect_read(&c, &in, &out->e);
	if (!rc && partial)
		rc = fl_collect_partial(&c, &part, &out->e) ||
		     fl_stream_save(partial, &part, 0, &out->e);
	if (!rc && !partial && !(rc = fl_collect_combine(&c, &u, &out->e)) && c.rule->personal)
		take_personal(&c, out);
	else if (!rc && !partial)
		for (size_t i = 0; i < u.n; i++) {
			u.get(u.ctx, i, 0, u.t[i]->n, 0, out->v + out->n, &out->e);
			out->n += u.t[i]->n;
		}
	fl_tset_release(&part);
	fl_collect_release(&c);
	fl_inputs_release(&in);
	fl_arena_release(&a);
	free(path);
	return rc;
}

static int same(const struct result *a, const struct result *b)
{
	return a->n == b->n && !memcmp(a->v, b->v, a->n * sizeof *a->v);
}

static void shuffle(struct fl_rng *r, int *item, int n)
{
	uint32_t p[CLIENTS];

	for (int i = 0; i < n; i++)
		p[i] = (uint32_t)item[i];
	fl_rng_shuffle(r, p, (size_t)n);
	for (int i = 0; i < n; i++)
		item[i] = (int)p[i];
}

static void all(int item[CLIENTS])
{
	for (int k = 0; k < CLIENTS; k++)
		item[k] = k;
}

/* Tensors come by name: "@m/c", "b", "w". */
static void test_exact(const struct result *r)
{
	int wrong = 0;

	is_int((long long)r->n, P + 2, "all tensors are combined");
	for (int i = 0; i < P; i++)
		wrong += r->v[2 + i] != exact(i);
	is_int(wrong, 0, "sums are exact ones rounded once");
}

static void test_orders(const char *spec, int orders)
{
	struct result first, r;
	int item[CLIENTS], wrong = 0;
	struct fl_rng rng;

	all(item);
	fl_rng_init(&rng, 3, 0, 0, FL_RNG_DATA, 0);
	is_int(aggregate(spec, item, CLIENTS, 1, NULL, &first), 0, spec);
	if (!strcmp(spec, "mean:weight=uniform,denominator=1"))
		test_exact(&first);
	for (int t = 0; t < orders; t++) {
		shuffle(&rng, item, CLIENTS);
		wrong += aggregate(spec, item, CLIENTS, 1 + t % 2, NULL, &r) || !same(&first, &r);
	}
	ok(!wrong, "%s: %d random orders, one or two threads: the same bits (%d differ)", spec,
	   orders, wrong);
}

static int same_file(const char *a, const char *b)
{
	struct fl_err e = { 0 };
	size_t na, nb;
	char *pa = fl_read_file(a, 1 << 20, &na, &e), *pb = fl_read_file(b, 1 << 20, &nb, &e);
	int rc = pa && pb && na == nb && !memcmp(pa, pb, na);

	free(pa);
	free(pb);
	return rc;
}

/* Some items at random become a partial, until few are left. */
static int grow_tree(const char *spec, struct fl_rng *rng, int item[CLIENTS], int *n)
{
	int made = 0;
	char path[64];
	struct result r;

	while (*n > 6) {
		int take = 1 + (int)fl_rng_below(rng, (uint64_t)*n / 2), name = 1000 + made++;

		shuffle(rng, item, *n);
		if (aggregate(spec, item, take, 1, file(name, path), &r))
			return -1;
		memmove(item, item + take, (size_t)(*n - take) * sizeof *item);
		*n -= take;
		item[(*n)++] = name;
	}
	return 0;
}

static void test_trees(const char *spec)
{
	struct result flat, r;
	char whole[64], one[64];
	int item[CLIENTS], wrong = 0, bytes = 0;
	struct fl_rng rng;

	all(item);
	fl_rng_init(&rng, 4, 0, 0, FL_RNG_DATA, 0);
	aggregate(spec, item, CLIENTS, 1, NULL, &flat);
	aggregate(spec, item, CLIENTS, 1, file(5000, whole), &r);
	for (int t = 0; t < TREES; t++) {
		int n = CLIENTS;

		all(item);
		wrong += grow_tree(spec, &rng, item, &n) || aggregate(spec, item, n, 2, NULL, &r) ||
		         !same(&flat, &r);
		aggregate(spec, item, n, 1, file(5001, one), &r);
		bytes += !same_file(whole, one);
	}
	ok(!wrong, "%s: %d random trees: the same bits (%d differ)", spec, TREES, wrong);
	ok(!bytes, "%s: and the same partial (%d differ)", spec, bytes);
}

/* As when weights span 60 binary orders: windows rise at different times. */
static void test_windows(void)
{
	for (int k = 0; k < CLIENTS; k++)
		for (int i = 0; i < P; i++)
			x[k][i] = (float)ldexp((double)x[k][i], (k * 37) % 61 - 30);
	write_updates();
	test_orders("mean", 100);
	test_trees("mean");
}

static void test_refused(void)
{
	int twice[] = { 1, 2, 1 }, tree[] = { 1, 1000 };
	char path[64];
	struct result r;

	is_int(aggregate("mean", twice, 3, 1, NULL, &r), -1, "a client twice is refused");
	ok(r.e.code == FL_EDATA && strstr(r.e.msg, "client 1 is there twice"), "%s", r.e.msg);
	aggregate("mean", twice, 2, 1, file(1000, path), &r);
	is_int(aggregate("mean", tree, 2, 1, NULL, &r), -1, "also where a partial holds it");
	is_int(aggregate("mean:weight=uniform", tree + 1, 1, 1, NULL, &r), -1,
	       "a partial of other parameters is refused");
	ok(r.e.code == FL_EDATA && strstr(r.e.msg, "a partial of mean, want mean:weight=uniform"),
	   "%s", r.e.msg);
	is_int(aggregate("median", tree + 1, 1, 1, NULL, &r), -1,
	       "a partial is not for a rule that does not fold");
	is_int(aggregate("krum:f=10", twice, 2, 1, NULL, &r), -1, "krum wants 2f+3 clients");
	is_int(aggregate("krum", (int[]){ 0, 1, 2, 3, 4 }, 5, 1, NULL, &r), -1,
	       "krum wants the same tensors from all");
	ok(strstr(r.e.msg, "tensor '@m/c' is missing") || strstr(r.e.msg, "tensor 'b' is missing"),
	   "%s", r.e.msg);
}

/* Hostile partials: every word of every tensor turned over, one at a time. */
static void test_hostile(void)
{
	struct fl_err e = { 0 };
	struct result r;
	char path[64];
	size_t n, bad = 0;
	unsigned char *p;
	int two[] = { 1, 2 }, one = 1000;

	aggregate("mean", two, 2, 1, file(one, path), &r);
	p = (unsigned char *)fl_read_file(path, 1 << 20, &n, &e);
	for (size_t at = 8; p && at < n; at += at < 1200 ? 3 : 101) {
		struct fl_out o;

		p[at] ^= 0x80;
		fl_out_open(&o, path, 0, &e);
		fl_out_write(&o, p, n, &e);
		fl_out_commit(&o, &e);
		p[at] ^= 0x80;
		r.e.code = 0;
		bad += aggregate("mean", &one, 1, 1, NULL, &r) && r.e.code != FL_EDATA &&
		       r.e.code != FL_ENUM;
	}
	free(p);
	is_int((long long)bad, 0, "a flipped bit in a partial is data, or bad data");
}

/* --- a rule that chooses, then works on columns --- */

static int keep_even(const void *p, const struct fl_round *r, struct fl_weights *q,
                     struct fl_err *e)
{
	(void)p;
	(void)e;
	for (size_t k = 0; k < r->K; k++)
		q->w[k] = k % 2 == 0;
	return 0;
}

static void first_plus_count(const void *p, float *v, size_t k, size_t n, float *out)
{
	(void)p;
	for (size_t i = 0; i < n; i++)
		out[i] = v[i] + (float)k;
}

static void test_gram_column(void)
{
	static const struct fl_rule rule = { .flags = FL_RULE_INNER, .weigh = keep_even, .column = first_plus_count };
	int item[] = { 10, 20, 25, 35, 40 }, wrong = 0;	/* all hold the same tensors */
	struct result r;

	special = &rule;
	is_int(aggregate("mean", item, 5, 2, NULL, &r), 0, "a rule with gram and column");
	for (int i = 0; i < P; i++)
		wrong += r.v[2 + i] != (double)(x[10][i] + 3);
	is_int(wrong, 0, "columns hold the clients that gram chose");
	special = NULL;
}

/* --- running statistics --- */

enum { RUNNING = 6000 };	/* items 6000 to 6002 */
static const double *says_w, *says_share;

static int say(const void *p, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	(void)p;
	(void)e;
	memcpy(q->w, says_w, r->K * sizeof *q->w);
	memcpy(q->share, says_share, r->K * sizeof *q->share);
	return 0;
}

/* Clients 0 to 2 hold 1, 2, 4. */
static int write_running(void)
{
	static float stat[] = { 1, 2, 4 };
	struct fl_err e = { 0 };
	char path[64];
	size_t n = P;

	for (int k = 0; k < 3; k++) {
		struct fl_update u = { .client = k, .round = 1, .examples = 1, .steps = -1,
		                       .loss0 = NAN, .gradnorm = NAN, .loss = NAN, .lr = NAN };
		struct fl_tset s = { 0 };

		memcpy(u.base, from.base, sizeof u.base);
		fl_tset_add(&s, "w", FL_F32, 1, &n, x[k], &e);
		fl_tset_add(&s, "0.running_mean", FL_F32, 0, NULL, &stat[k], &e);
		if (fl_update_write(&u, &s, &e) || fl_stream_save(file(RUNNING + k, path), &s, 0, &e))
			return -1;
		fl_tset_release(&s);
	}
	return 0;
}

static void test_shares(void)
{
	static const struct fl_rule rule = { .flags = FL_RULE_INNER, .weigh = say };
	static const struct {
		double w[3], share[3], want;
		const char *what;
	} c[] = {
		{ { 1, 1, 0 }, { 0, 0, 0 }, 1.5, "a mean by the rule's weights" },
		{ { 2, 0, 6 }, { 0, 0, 0 }, 3.25, "divided by their sum" },
		{ { 1, -1, 3 }, { 0, 0, 0 }, 3.25, "a weight below 0 counts as 0" },
		{ { 1, 0, 0 }, { 0, 2, 2 }, 3, "a share in place of the weight" },
		{ { 0, 0, 0 }, { 0, 0, 0 }, 7. / 3, "no weight at all: clients alike" },
		{ { -1, -1, 0 }, { 0, 0, 0 }, 7. / 3, "none above 0: clients alike" },
	};
	int item[] = { RUNNING + 2, RUNNING, RUNNING + 1 };
	struct result r;

	is_int(write_running(), 0, "updates with running statistics");
	special = &rule;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		says_w = c[i].w;
		says_share = c[i].share;
		is_int(aggregate("mean", item, 3, 1, NULL, &r), 0, "running statistics");
		is_near(r.v[0], c[i].want, 1e-15, c[i].what);
		is_near(r.v[1], c[i].w[0] * (double)x[0][0] + c[i].w[1] * (double)x[1][0] +
		        c[i].w[2] * (double)x[2][0], 1e-15, "weights as the rule says");
	}
	special = NULL;
}

/* --- each tensor on its own --- */

static int alone(const void *p)
{
	(void)p;
	return 1;
}

/* Weights by the tensor's own inner products: 1 for the longest, of means twice that. */
static int longest(const void *p, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	size_t best = 0;

	(void)p;
	(void)e;
	for (size_t k = 0; k < r->K; k++)
		best = q->G[k * r->K + k] > q->G[best * r->K + best] ? k : best;
	q->w[best] = 1;
	q->share[best] = 2;
	return q->tensor ? 0 : -1;
}

static void test_apart(void)
{
	static const struct fl_rule rule = { .flags = FL_RULE_ORIGIN, .weigh = longest, .apart = alone };
	int item[] = { 10, 20, 25 }, far[2] = { 10, 10 }, wrong = 0;	/* all hold the same tensors */
	struct result r;

	for (int j = 0; j < 2; j++)	/* "@m/c", "b" */
		for (int k = 1; k < 3; k++)
			far[j] = fabsf(x[item[k]][2 - j]) > fabsf(x[far[j]][2 - j]) ? item[k] : far[j];
	special = &rule;
	is_int(aggregate("mean", item, 3, 2, NULL, &r), 0, "a rule for each tensor");
	is_near(r.v[0], (double)x[far[0]][2], 0, "an extra goes by its own length");
	is_near(r.v[1], (double)x[far[1]][1], 0, "so does a tensor of one number");
	for (int i = 0; i < P; i++)
		wrong += r.v[2 + i] != (double)x[10][i] && r.v[2 + i] != (double)x[20][i] &&
		         r.v[2 + i] != (double)x[25][i];
	is_int(wrong, 0, "and one of many, which is a client's");
	special = NULL;
}

/* --- personal models by a matrix --- */

/* The first client: 2 u_0 - u_1 + 0.5 u_2. */
static int first_row(const void *p, const struct fl_round *r, struct fl_weights *q, struct fl_err *e)
{
	static const double row[] = { 2, -1, 0.5 };

	(void)p;
	(void)e;
	memcpy(q->W, row, r->K * sizeof *row);
	return 0;
}

static void test_matrix(void)
{
	static const struct fl_rule updates = { .personal = 1, .weigh = first_row },
	                            models = { .personal = 1, .weigh = first_row, .flags = FL_RULE_MODELS };
	int item[] = { RUNNING + 2, RUNNING, RUNNING + 1 };
	float *w = fl_tset_find(&model, "w")->data, *b = fl_tset_find(&model, "b")->data;
	struct result r;

	w[3] = 10;
	b[0] = 7;
	fl_base_text(&model, 1, from.base, &(struct fl_err){ 0 });
	is_int(write_running(), 0, "updates of another model");
	for (int m = 0; m < 2; m++) {
		double want_ = 2 * (double)x[0][3] - (double)x[1][3] + 0.5 * (double)x[2][3];

		special = m ? &models : &updates;
		is_int(aggregate("mean", item, 3, 2, NULL, &r), 0, "a matrix");
		is_near(r.v[3], (double)(float)(want_ + (m ? 1.5 * 10 : 10)), 0,
		        m ? "mixes models" : "mixes updates");
		is_near(r.v[P], 7, 0, "what a client does not bring stays");
		is_near(r.v[P + 1], (double)(float)(4 / 2.5), 0, "running statistics are means");
	}
	special = NULL;
	w[3] = b[0] = 0;
	fl_base_text(&model, 1, from.base, &(struct fl_err){ 0 });
}

/* --- rows of any length --- */

enum { LONG = 7 };

static int keep_long(const void *p, const struct fl_fold_in *in, struct fl_fold_out *out,
                     struct fl_err *e)
{
	(void)p;
	(void)e;
	out->w = out->s[0] = in->round - in->u->round + 1;	/* late by nothing */
	for (int i = 0; i < LONG; i++)
		out->row[i] = (double)(100 * in->u->client + i);
	return in->rec && !in->row ? 0 : -1;
}

static void test_long(void)
{
	static const struct fl_rule rule = { .fold = { .mean = 1, .nrow = LONG, .fold = keep_long,
	                                               .finish = fl_fold_mean } };
	int item[] = { 8, 3 }, part = 7000, wrong = 0;
	char path[64];
	struct fl_tset rec = { 0 };
	const struct fl_tensor *rows;
	struct result r, tree;

	special = &rule;
	is_int(aggregate("mean", item, 2, 1, NULL, &r), 0, "a fold with long rows");
	aggregate("mean", item, 2, 1, file(part, path), &tree);
	is_int(aggregate("mean", &part, 1, 1, NULL, &tree), 0, "and a partial of it");
	ok(same(&r, &tree), "combine to the same bytes");
	fl_stream_load(path, -1, &rec, &r.e);
	rows = fl_tset_find(&rec, "@rows");
	for (int i = 0; rows && i < 2 * LONG; i++)
		wrong += (int)((double *)rows->data)[i] != (i < LONG ? 300 : 800) + i % LONG;
	ok(rows && rows->n == (size_t)2 * LONG && !wrong, "with all numbers of each client");
	fl_tset_release(&rec);
	special = NULL;
}

/* --- a fold that reads a fact --- */

enum { FACTS = 7100 };		/* items 7100 and 7101 */

static int by_fact(const void *p, const struct fl_fold_in *in, struct fl_fold_out *out,
                   struct fl_err *e)
{
	(void)p;
	(void)e;
	out->w = out->s[0] = *(const double *)fl_fact_of(in->rec, "n")->data;
	return 0;
}

static void test_facts(void)
{
	static const struct fl_fact want_[] = { { "n", FL_F64, 0, 0 }, { "more", FL_U8, 1, 1 },
	                                        { .name = NULL } };
	static const struct fl_rule rule = { .fold = { .mean = 1, .facts = want_, .fold = by_fact,
	                                               .finish = fl_fold_mean } };
	int item[] = { FACTS, FACTS + 1, 3 }, wrong = 0;
	struct fl_err e = { 0 };
	struct result r;
	char path[64];
	size_t n = P;

	for (int k = 0; k < 2; k++) {
		struct fl_update u = { .client = k, .round = 1, .examples = 1, .steps = -1,
		                       .loss0 = NAN, .gradnorm = NAN, .loss = NAN, .lr = NAN };
		struct fl_tset s = { 0 };
		double v = 3 + 2 * k;

		memcpy(u.base, from.base, sizeof u.base);
		fl_tset_add(&s, "w", FL_F32, 1, &n, x[k], &e);
		fl_tset_add(&s, "@fact/n", FL_F64, 0, NULL, &v, &e);
		fl_tset_add(&s, "@fact/f", FL_F32, 1, &n, x[k], &e);
		is_int(fl_update_write(&u, &s, &e) || fl_stream_save(file(FACTS + k, path), &s, 0, &e), 0,
		       "an update with facts");
		fl_tset_release(&s);
	}
	special = &rule;
	is_int(aggregate("mean", item, 2, 2, NULL, &r), 0, "a fold that wants a fact");
	is_int((long long)r.n, P, "adds none up");
	for (int i = 0; i < P; i++)
		wrong += fabs(r.v[i] - (3 * (double)x[0][i] + 5 * (double)x[1][i]) / 8) > 1e-15;
	is_int(wrong, 0, "and weighs by it");
	is_int(aggregate("mean", item, 3, 1, NULL, &r), -1, "an update without it");
	ok(strstr(r.e.msg, "client 3: @fact/n is missing; mean needs it: fl-local-train --measure n") != NULL,
	   "%s", r.e.msg);
	special = NULL;
}

/* --- a whole rule with one result --- */

static int second_update(const void *p, const struct fl_round *r, struct fl_tset *out,
                         struct fl_err *e)
{
	(void)p;
	return r->K == 3 && r->round == 1 &&
	       fl_tset_copy(out, NULL, fl_tset_find(r->update[1], "w"), e) ? 0 : -1;
}

static void test_whole(void)
{
	static const struct fl_rule rule = { .whole = second_update };
	int item[] = { 7, 2, 4 }, wrong = 0;
	struct result r;

	special = &rule;
	is_int(aggregate("mean", item, 3, 1, NULL, &r), 0, "a whole rule with one result");
	is_int((long long)r.n, P, "only what it gives is combined");
	for (int i = 0; i < P; i++)
		wrong += r.v[i] != (double)x[4][i];
	is_int(wrong, 0, "clients come by ascending id");
	item[0] = 5;
	is_int(aggregate("mean", item, 3, 1, NULL, &r), -1, "extras are refused");
	ok(strstr(r.e.msg, "does not combine extras") != NULL, "%s", r.e.msg);
	special = NULL;
}

/* Every prefix of an update is refused as bad data. */
static void test_truncated(void)
{
	struct fl_err e = { 0 };
	struct result r;
	char path[64];
	size_t n, good = 0, bad = 0;
	unsigned char *p = (unsigned char *)fl_read_file(file(3, path), 1 << 20, &n, &e);
	int item = 1000;

	for (size_t len = 0; p && len < n; len++) {
		struct fl_out o;

		fl_out_open(&o, file(item, path), 0, &e);
		fl_out_write(&o, p, len, &e);
		fl_out_commit(&o, &e);
		good += !aggregate("mean", &item, 1, 1, NULL, &r);
		bad += r.e.code != FL_EDATA;
	}
	free(p);
	ok(n > 1000 && !good && !bad, "%zu prefixes of an update are bad data", n);
}

static void clean_up(void)
{
	char path[64];

	for (int i = 0; i < RUNNING + 3; i++)
		unlink(file(i, path));
	rmdir(dir);
}

int main(void)
{
	struct fl_err e = { 0 };
	size_t n = P, one = 1;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	fl_tset_add(&model, "w", FL_F32, 1, &n, NULL, &e);
	fl_tset_add(&model, "b", FL_F32, 1, &one, NULL, &e);
	fl_tset_add(&model, "0.running_mean", FL_F32, 0, NULL, NULL, &e);
	from.model = &model;
	fl_base_text(&model, 1, from.base, &e);
	plant();
	test_plant();
	is_int(write_updates(), 0, "updates are written");
	test_orders("mean:weight=uniform,denominator=1", ORDERS);
	test_orders("median", 20);
	test_orders("trimmean:beta=0.2", 20);
	test_trees("mean:weight=uniform");
	test_gram_column();
	test_shares();
	test_apart();
	test_matrix();
	test_long();
	test_facts();
	test_whole();
	test_truncated();
	test_windows();
	test_refused();
	test_hostile();
	clean_up();
	fl_tset_release(&model);
	return tap_done();
}

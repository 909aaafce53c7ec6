/* Folds, rules and servers in double against NumPy's and PyTorch's numbers. */
#include "fed/agg/agg.h"
#include "fed/server/server.h"
#include "tap.h"

#define GOLDEN "test/golden/"

static struct fl_tset gold;
static struct fl_arena arena;
static double kept[3];	/* rows of combine's clients */

static const double *want(const char *name)
{
	const struct fl_tensor *t = fl_tset_find(&gold, name);

	if (!t || t->dtype != FL_F64) {
		printf("Bail out! no %s in the golden file\n", name);
		exit(EXIT_FAILURE);
	}
	return t->data;
}

static void near4(const double *got, const double *expect, double tol, const char *what)
{
	double worst = 0;

	for (int i = 0; i < 4; i++)
		worst = fmax(worst, fabs(got[i] - expect[i]));
	if (!ok(worst <= tol, "%s", what))
		printf("# off by %g: %.17g %.17g %.17g %.17g\n", worst, got[0], got[1], got[2], got[3]);
}

/* The three clients of test/golden/rule/make.py. */
static struct fl_update client(int k)
{
	static const double loss[] = { 0.5, 1, 2 };
	const double *d = want("in/change") + 4 * k;
	struct fl_update u = { .client = k, .round = 2, .examples = 10 * (k + 1), .steps = 1,
	                       .loss0 = loss[k], .gradnorm = want("in/gradnorm")[k], .loss = NAN,
	                       .lr = 0.1 };

	u.norm = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + d[3] * d[3]);
	return u;
}

/* u = scale sum w_k u_k; the scalars of each client go to each(3), their sums to s. */
static void combine(const struct fl_fold *f, const void *p, const double *rows,
                    struct fl_fold_out each[3], double s[FL_FOLD_SCALARS], double u[4])
{
	struct fl_err e = { 0 };
	double scale = 0;

	memset(s, 0, FL_FOLD_SCALARS * sizeof *s);
	memset(u, 0, 4 * sizeof *u);
	for (int k = 0; k < 3; k++) {
		struct fl_update up = client(k);
		struct fl_fold_in in = { .u = &up, .row = rows ? rows + k : NULL, .round = 2 };

		each[k] = (struct fl_fold_out){ .row = &kept[k] };
		kept[k] = 0;
		if (f->fold(p, &in, &each[k], &e))
			printf("# %s\n", e.msg);
		for (int j = 0; j < FL_FOLD_SCALARS; j++)
			s[j] += each[k].s[j];
		for (int i = 0; i < 4; i++)
			u[i] += each[k].w * want("in/change")[4 * k + i];
	}
	if (f->finish(p, s, &scale, &e))
		printf("# %s\n", e.msg);
	for (int i = 0; i < 4; i++)
		u[i] *= scale;
}

static const struct fl_rule *rule(const char *spec, const void **p)
{
	struct fl_spec s;
	struct fl_err e = { 0 };

	if (fl_spec_parse(&fl_family_rule, spec, &arena, &s, &e))
		printf("Bail out! %s\n", e.msg);
	*p = s.p;
	return (const struct fl_rule *)(const void *)s.entry;
}

static const struct fl_server *server(const char *spec, const void **p)
{
	struct fl_spec s;
	struct fl_err e = { 0 };

	if (fl_spec_parse(&fl_family_server, spec, &arena, &s, &e))
		printf("Bail out! %s\n", e.msg);
	*p = s.p;
	return (const struct fl_server *)(const void *)s.entry;
}

static void test_qfedavg(int q)
{
	struct fl_fold_out each[3];
	double s[FL_FOLD_SCALARS], u[4];
	char spec[64], name[16];
	const struct fl_rule *r;
	const void *p;

	snprintf(spec, sizeof spec, "qfedavg:q=%d,L=10", q);
	r = rule(spec, &p);
	combine(&r->fold, p, NULL, each, s, u);
	snprintf(name, sizeof name, "q%d/h", q);
	for (int k = 0; k < 3; k++)
		is_near(each[k].s[0], want(name)[k], 1e-14, spec);
	snprintf(name, sizeof name, "q%d/w", q);
	near4(u, want(name), 1e-15, spec);
	/* L unset is 1/fl.lr, here 10 too. */
	snprintf(spec, sizeof spec, "qfedavg:q=%d", q);
	r = rule(spec, &p);
	combine(&r->fold, p, NULL, each, s, u);
	near4(u, want(name), 1e-15, spec);
}

static void test_mean(void)
{
	struct fl_fold_out each[3];
	double s[FL_FOLD_SCALARS], u[4], two[4];
	const void *p;
	const struct fl_rule *r = rule("mean", &p);

	combine(&r->fold, p, NULL, each, s, u);
	near4(u, want("mean/w"), 1e-16, "mean weighs by examples");
	r = rule("mean:denominator=120", &p);
	combine(&r->fold, p, NULL, each, s, u);
	for (int i = 0; i < 4; i++)
		two[i] = want("mean/w")[i] / 2;
	near4(u, two, 1e-16, "mean with twice the denominator is half");
	r = rule("qfedavg:q=0,weight=examples", &p);
	combine(&r->fold, p, NULL, each, s, u);
	near4(u, want("mean/w"), 1e-16, "qfedavg with q=0 and weights is the mean");
}

static void test_adafedadam_fold(int alpha)
{
	static const double start[] = { 1, 1.25, 2 };
	struct fl_fold_out each[3];
	double s[FL_FOLD_SCALARS], u[4];
	char spec[64], name[16];
	const struct fl_server *sv;
	const void *p;

	snprintf(spec, sizeof spec, "adafedadam:alpha=%d", alpha);
	sv = server(spec, &p);
	combine(sv->fold, p, start, each, s, u);
	for (int i = 0; i < 4; i++)
		u[i] = -u[i];
	snprintf(name, sizeof name, "a%d/g", alpha);
	near4(u, want(name), 1e-15, spec);
	snprintf(name, sizeof name, "a%d/C", alpha);
	is_near(s[1] / s[2], want(name)[0], 1e-14, "its certainty");
	is_near(each[1].row[0], 1.25, 0, "the loss of a client's first round is kept");
	combine(sv->fold, p, NULL, each, s, u);
	is_near(each[1].row[0], 1, 0, "and taken in its first");
	is_near(s[0], 60, 0, "which weighs by examples");
}

/* The authors' code weighs by the losses themselves. */
static void test_adafedadam_raw(void)
{
	struct fl_fold_out each[3];
	double s[FL_FOLD_SCALARS], u[4];
	const void *p;
	const struct fl_server *sv = server("adafedadam:relative=off", &p);

	combine(sv->fold, p, NULL, each, s, u);
	for (int i = 0; i < 4; i++)
		u[i] = -u[i];
	near4(u, want("raw/g"), 1e-15, "adafedadam:relative=off");
	is_near(s[1] / s[2], want("raw/C")[0], 1e-14, "its certainty");
}

static void test_aflexp(void)
{
	static const double start[] = { 0.5, 0.25, 0 }, loss[] = { 0.5, 1, 2 };
	struct fl_fold_out each[3];
	double s[FL_FOLD_SCALARS], u[4];
	const void *p;
	const struct fl_rule *r = rule("aflexp:gamma=0.2", &p);

	combine(&r->fold, p, start, each, s, u);
	for (int k = 0; k < 3; k++) {
		is_near(each[k].row[0], start[k] + 0.2 * loss[k], 1e-15, "aflexp adds to what it kept");
		is_near(each[k].w, 10 * (k + 1) * exp(each[k].row[0]), 1e-12, "and weighs by it");
	}
}

/* The projection's worked examples; adding a constant to all losses changes nothing. */
static void test_afl(void)
{
	static const double y[4][3] = { { 0.5, 0.6, 0.7 }, { 0.9, 0.8, -0.6 }, { 2, 0.5, 0.4 },
	                                { 1.4, 0.3, 0.1 } };
	static const double want_[4][3] = { { 0.7 / 3, 1.0 / 3, 1.3 / 3 }, { 0.55, 0.45, 0 },
	                                    { 1, 0, 0 }, { 1, 0, 0 } };
	static const int64_t id[3] = { 1, 2, 3 };
	static const double held[3] = { 0.5, 0.3, 0.2 };
	struct fl_kept_rows known = { 3, id, held, 1 };
	struct fl_err e = { 0 };
	const void *p;
	const struct fl_rule *r = rule("afl:gamma=1", &p);

	for (int i = 0; i < 4; i++) {
		struct fl_update u[3];
		const double *row[3] = { &held[0], &held[1], &held[2] };
		double next[3] = { 0 }, *keep[3] = { &next[0], &next[1], &next[2] }, w[3], after[3];

		for (int k = 0; k < 3; k++) {
			u[k] = client(k);
			u[k].loss0 = y[i][k] - held[k] + 3;
		}
		is_int(r->weigh(p, &(struct fl_round){ .K = 3, .u = u, .known = &known, .row = row,
		                                       .keep = keep, .after = after },
		                &(struct fl_weights){ .w = w }, &e), 0, "afl");
		for (int k = 0; k < 3; k++) {
			is_near(w[k], held[k], 1e-15, "a client counts what it held");
			is_near(next[k], want_[i][k], 1e-15, "and then its part of the projection");
		}
	}
}

static void test_adafedadam_edges(void)
{
	double row = 0;
	struct fl_fold_out out = { .row = &row };
	struct fl_err e = { 0 };
	const void *p;
	const struct fl_server *sv = server("adafedadam", &p);
	struct fl_update u = client(1);
	struct fl_server_round r = { .round = 1, .first = 1, .s = { 1, -5, 1 } };
	double start = 2;

	u.norm = 0;
	is_int(sv->fold->fold(p, &(struct fl_fold_in){ .u = &u, .row = &start }, &out, &e), 0,
	       "an update of norm 0 is accepted");
	ok(out.w == 0 && out.s[0] == 10 && out.s[1] == 0 && out.s[2] == 0,
	   "weighs, but has neither direction nor certainty");
	u = client(1);
	u.gradnorm = 0;
	out = (struct fl_fold_out){ .row = &row };
	sv->fold->fold(p, &(struct fl_fold_in){ .u = &u, .row = &start }, &out, &e);
	ok(out.w == 0 && out.s[0] == 10 && out.s[2] == 0, "so has a gradient of norm 0");
	u = client(1);
	u.loss0 = 0;
	out = (struct fl_fold_out){ .row = &row };
	sv->fold->fold(p, &(struct fl_fold_in){ .u = &u }, &out, &e);
	ok(out.s[0] == 20 && out.row[0] == 0, "a first loss of 0 does not count as the first");
	u.loss0 = -1;
	is_int(sv->fold->fold(p, &(struct fl_fold_in){ .u = &u }, &out, &e), -1,
	       "a negative loss is refused");
	u = client(1);
	u.lr = 0;
	is_int(sv->fold->fold(p, &(struct fl_fold_in){ .u = &u }, &out, &e), -1,
	       "a client rate of 0 is refused");
	is_int(sv->begin(p, &r, &e), 0, "a certainty below 0 is floored");
	is_near(r.tmp[0], pow(0.9, 0.01), 1e-15, "to cmin");
	r = (struct fl_server_round){ .first = 1 };
	sv->begin(p, &r, &e);
	is_near(r.tmp[0], 0.9, 1e-15, "no certain client at all: one plain step");
}

/* rounds steps with pseudo-gradient size sin(1+i+3t); x after each. */
static void play(const char *spec, int rounds, double size, double x[][4])
{
	const void *p;
	const struct fl_server *sv = server(spec, &p);
	struct fl_server_round r = { .K = 1 };
	double store[FL_SERVER_VECS][4], *vec[FL_SERVER_VECS], w[4] = { 0 }, g[4];
	struct fl_err e = { 0 };

	for (int t = 0; t < rounds; t++) {
		r.round = t + 1;
		r.first = !t;
		r.s[0] = r.s[2] = 1;
		r.s[1] = 1 + t / 2.0;		/* AdaFedAdam's certainty */
		if (sv->begin && sv->begin(p, &r, &e))
			printf("# %s\n", e.msg);
		for (int i = 0; i < 4; i++)
			g[i] = size * sin(1 + i + 3 * t);
		for (int j = 0; j < FL_SERVER_VECS; j++) {
			vec[j] = store[j];
			for (int i = 0; i < 4 && !t; i++)
				store[j][i] = r.fill[j];
		}
		sv->apply(p, &r, g, w, vec, 4);
		memcpy(x[t], w, sizeof w);
	}
}

static void test_server(const char *spec, int rounds, double size)
{
	double x[10][4];

	play(spec, rounds, size, x);
	near4(x[0], want(spec), 1e-14, spec);
	near4(x[1], want(spec) + 4, 1e-14, "after two rounds");
	near4(x[rounds - 1], want(spec) + 4 * (rounds - 1), 1e-14, "after the last");
}

static void test_torch(const char *spec, const char *name, int rounds, double size)
{
	double x[10][4];

	play(spec, rounds, size, x);
	near4(x[rounds - 1], want(name) + 4 * (rounds - 1), 1e-14, spec);
}

static void load(const char *path)
{
	struct fl_err e = { 0 };

	fl_tset_release(&gold);
	if (fl_stream_load(path, -1, &gold, &e)) {
		printf("Bail out! %s\n", e.msg);
		exit(EXIT_FAILURE);
	}
}

int main(void)
{
	load(GOLDEN "rule/golden.safetensors");
	test_mean();
	test_qfedavg(0);
	test_qfedavg(1);
	test_qfedavg(5);
	for (int alpha = 0; alpha < 3; alpha++)
		test_adafedadam_fold(alpha);
	test_adafedadam_raw();
	test_aflexp();
	test_afl();
	test_adafedadam_edges();
	load(GOLDEN "server/golden.safetensors");
	/* Clients' changes of 0.1 sin are pseudo-gradients of -0.1 sin. */
	test_server("fedadagrad:lr=0.1", 5, -0.1);
	test_server("fedadagrad:lr=0.1,v0=0", 5, -0.1);
	test_server("fedadam:lr=0.1", 5, -0.1);
	test_server("fedadam:lr=0.1,v0=0", 5, -0.1);
	test_server("fedyogi:lr=0.1", 5, -0.1);
	test_server("fedyogi:lr=0.1,v0=0", 5, -0.1);
	test_server("momentum:lr=1", 5, -0.1);
	test_server("feddyn:fraction=0.3", 5, -0.1);
	test_server("adafedadam", 10, 1);
	test_server("adafedadam:warmup=6", 10, 1);
	test_torch("fedadam:lr=0.001,beta2=0.999,tau=1e-8,bias_correction=on", "torch/adam", 10, 1);
	test_torch("fedadam:lr=0.1,bias_correction=on", "torch/fedadam", 10, 1);
	fl_tset_release(&gold);
	fl_arena_release(&arena);
	return tap_done();
}

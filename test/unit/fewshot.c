/* Adapters of labelled images against NumPy, PyTorch and scikit-learn. */
#include <string.h>

#include "model/fit.h"
#include "nn/conformal.h"
#include "optim/lbfgs.h"
#include "tap.h"
#include "tensor/stream.h"

enum { N = 60, M = 45, D = 12, C = 5 };

static struct fl_err e;
static struct fl_stream *st;
static struct fl_tset want;
static int32_t y[N], val_y[M];
static struct fl_fit data = { .N = N, .d = D, .C = C, .y = y, .val_y = val_y, .scale = 100 };

static const double *value(const char *name)
{
	return fl_tset_find(&want, name)->data;
}

static int load(void)
{
	st = fl_stream_open("test/golden/model/fewshot.safetensors", &e);
	if (!st || fl_stream_next(st, &want, &e) <= 0)
		return -1;
	for (size_t i = 0; i < N; i++)
		y[i] = (int32_t)((const int64_t *)fl_tset_find(&want, "y")->data)[i];
	for (size_t i = 0; i < M; i++)
		val_y[i] = (int32_t)((const int64_t *)fl_tset_find(&want, "val_y")->data)[i];
	data.image = fl_tset_find(&want, "image")->data;
	data.text = fl_tset_find(&want, "text")->data;
	data.val_image = fl_tset_find(&want, "val")->data;
	return 0;
}

struct fitted {
	struct fl_net net;
	fl_real *w;
	struct fl_str log;
	float z[M * C];		/* outputs for the validation images */
};

/* Fits spec to the data as they are now. */
static int fit(struct fitted *t, const char *text)
{
	struct fl_arena a = { .head = NULL };
	struct fl_pass_all all = { .g = NULL };
	struct fl_spec spec;
	int rc = -1;

	*t = (struct fitted){ .w = NULL };
	if (!fl_spec_parse(&fl_family_arch, text, &a, &spec, &e) &&
	    !fl_model_net(&t->net, text, 0, &e) && (t->w = fl_alloc(t->net.P, sizeof *t->w, &e))) {
		fl_net_init(&t->net, 1, t->w);
		rc = ((const struct fl_arch *)spec.entry)->fit(spec.p, &data, &t->net, t->w, &t->log, &e);
	}
	if (!rc && !(rc = fl_pass_all_init(&all, &t->net, &e)))
		fl_pass_all_outputs(&all, t->w, data.val_image, M, t->z);
	fl_pass_all_release(&all);
	fl_arena_release(&a);
	return rc;
}

static void release(struct fitted *t)
{
	free(t->w);
	fl_str_release(&t->log);
	if (t->net.layer)
		fl_net_release(&t->net);
}

static double weight(const struct fitted *t, const char *name)
{
	for (size_t i = 0; i < t->net.nparam; i++)
		if (!strcmp(t->net.param[i].name, name))
			return (double)t->w[t->net.param[i].off];
	return NAN;
}

static void outputs(const char *spec, const char *name, double tol)
{
	struct fitted t;
	double worst = 0, top = 1;

	if (ok(!fit(&t, spec), "%s fits", spec)) {
		for (size_t i = 0; i < M * C; i++) {
			worst = fmax(worst, fabs((double)t.z[i] - value(name)[i]));
			top = fmax(top, fabs(value(name)[i]));
		}
		ok(worst <= tol * top, "%s: outputs: %.2g <= %g", name, worst / top, tol);
	} else {
		printf("# %s\n", e.msg);
	}
	release(&t);
}

#define DIM ":dim=12,classes=5"

static void test_outputs(void)
{
	struct fitted t;

	outputs("zeroshot" DIM, "zeroshot", 1e-6);
	outputs("lpp" DIM, "lpp_z", 1e-4);
	outputs("linear" DIM, "linear_z", 5e-5);
	data.M = M;
	outputs("lpp" DIM, "lpp_best_z", 1e-4);
	data.scale = 10;
	outputs("tip" DIM ",keys=60", "tip_z", 1e-6);
	if (ok(!fit(&t, "tip" DIM ",keys=60"), "tip searches")) {
		is_near(weight(&t, "tip.cache.alpha"), value("tip")[1], 1e-6, "alpha");
		is_near(weight(&t, "tip.cache.beta"), value("tip")[2], 1e-6, "beta");
	}
	release(&t);
	is_int(fit(&t, "linear" DIM), 0, "linear searches");
	ok(strstr(fl_str_c(&t.log), "accuracy on the validation set") != NULL, "%s",
	   fl_str_c(&t.log));
	release(&t);
	data.scale = 100;
	data.M = 0;
	ok(!fit(&t, "temperature" DIM), "temperature");
	is_near(weight(&t, "scale.weight") / *value("temperature"), 1, 1e-6, "is the best");
	release(&t);
}

static void test_conformal(void)
{
	static const char *const spec[] = {
		"conformal" DIM, "conformal" DIM ",score=aps",
		"conformal" DIM ",score=raps,lambda=0.01,kreg=2",
	};
	struct fitted t;

	data.scale = 10;	/* so that probabilities differ from 0 and 1 */
	for (int i = 0; i < 3; i++) {
		ok(!fit(&t, spec[i]), "%s", spec[i]);
		is_near(weight(&t, "conformal.quantile"), value("conformal")[i], 1e-5, "quantile");
		release(&t);
	}
	ok(!fit(&t, "conformal" DIM ",level=0.001"), "too few examples for the level");
	ok(weight(&t, "conformal.quantile") > 1e29, "sets hold everything");
	release(&t);
	data.scale = 100;
}

/* Coverage of exchangeable examples given the calibration set is Beta(k, n+1-k); over
 * many splits its mean is k/(n+1), exactly so with randomized aps. */
static void test_coverage(const char *name, int score, int randomized)
{
	enum { CAL = 99, TEST = 200, CLASSES = 6, SPLITS = 1000 };
	struct fl_conformal p = { .score = score, .level = .1, .randomized = randomized };
	double own[CAL], s[CLASSES], covered = 0, mean, sd;
	uint32_t order[CLASSES];
	struct fl_rng r;

	fl_rng_init(&r, 4, 0, 0, FL_RNG_DATA, (uint64_t)score);
	for (uint64_t k = 0; k < SPLITS; k++) {
		double q = 0;

		for (uint64_t i = 0; i < CAL + TEST; i++) {
			float z[CLASSES];
			double at = fl_rng_real(&r), sum = 0;
			size_t c = 0;
			double pr[CLASSES], all = 0;

			for (size_t j = 0; j < CLASSES; j++)
				all += pr[j] = exp((double)(z[j] = (float)(2 * fl_rng_normal(&r))));
			while (c < CLASSES - 1 && (sum += pr[c] / all) <= at)
				c++;	/* the class is drawn as the classifier says */
			fl_conformal_scores(&p, z, fl_conformal_u(&p, k, i), s, order, CLASSES);
			if (i < CAL)
				own[i] = s[c];
			else
				covered += s[c] <= q;
			if (i == CAL - 1)
				q = fl_conformal_quantile(p.level, own, CAL);
		}
	}
	mean = covered / (SPLITS * TEST);
	/* of a split: that of Beta(90, 10) and of a binomial of TEST given it */
	sd = sqrt((.9 * .1 / (CAL + 2) + .9 * .1 / TEST) / SPLITS);
	ok(mean > .9 - 4 * sd && (score || mean < .9 + 4 * sd), "%s: coverage %.4f of %.4f", name, mean,
	   .9);
	if (randomized)
		ok(mean < .9 + 4 * sd, "%s: and no more", name);
}

static double rosenbrock(void *ctx, const double *x, double *g)
{
	double a = 1 - x[0], b = x[1] - x[0] * x[0];

	++*(int *)ctx;
	g[0] = -2 * a - 400 * x[0] * b;
	g[1] = 200 * b;
	return a * a + 100 * b * b;
}

static void test_lbfgs(void)
{
	int calls = 0;
	double x[2] = { -1.2, 1 };
	struct fl_lbfgs o = {
		.n = 2, .iterations = 200, .tolerance = 1e-10, .value = rosenbrock, .ctx = &calls,
	};

	is_int(fl_lbfgs_run(&o, x, &e), 0, "Rosenbrock's valley");
	is_near(x[0], 1, 1e-9, "ends at (1,1)");
	is_near(x[1], 1, 1e-9, "in both");
	ok(o.taken < 60 && calls < 150, "in %d steps, %d values", o.taken, calls);
	x[0] = NAN;
	is_int(fl_lbfgs_run(&o, x, &e), -1, "no finite start");
}

static void test_refusals(void)
{
	const float *text = data.text;
	struct fitted t;

	data.text = NULL;
	ok(fit(&t, "temperature" DIM) && strstr(e.msg, "class texts"), "no texts: %s", e.msg);
	release(&t);
	ok(!fit(&t, "tip" DIM ",keys=60"), "the votes alone");
	release(&t);
	data.text = text;
	ok(fit(&t, "zeroshot:dim=13,classes=5") && strstr(e.msg, "holds 65 numbers"), "%s", e.msg);
	release(&t);
	ok(fit(&t, "tip" DIM ",keys=59"), "other numbers of keys");
	release(&t);
}

int main(void)
{
	if (!ok(!load(), "the golden record loads"))
		return tap_done();
	test_outputs();
	test_conformal();
	test_coverage("lac", FL_CONFORMAL_LAC, 0);
	test_coverage("aps", FL_CONFORMAL_APS, 1);
	test_coverage("aps, not randomized", FL_CONFORMAL_APS, 0);
	test_lbfgs();
	test_refusals();
	fl_tset_release(&want);
	fl_stream_close(st);
	return tap_done();
}

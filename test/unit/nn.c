/* A step of a net in float against PyTorch: forward, loss, backward, SGD. */
#include "base/crc.h"
#include "nn/attack.h"
#include "nn_golden.h"
#include "optim/optim.h"

#include <sys/wait.h>
#include <unistd.h>

/* An optimiser fed by the stretches of the backward pass. */
struct descent {
	struct golden *t;
	const struct fl_optim *opt;
	struct fl_spec spec;
	fl_real *m;
	uint64_t step;
	size_t seen;		/* weights updated in this step */
	size_t last[16];	/* end of the last stretch of each parameter */
	int in_order;
};

static void update(void *ctx, size_t param, size_t begin, size_t end, float *g)
{
	struct descent *d = ctx;
	const struct fl_net_param *p = &d->t->net.param[param];
	float *vec[FL_OPT_VECS] = { d->m + begin };

	if (begin != d->last[param] || end > p->off + p->n)
		d->in_order = 0;
	d->last[param] = end;
	d->seen += end - begin;
	d->opt->step(d->spec.p, d->opt->lr(d->spec.p), d->step, d->t->w + begin, g,
	             vec, end - begin);
}

static void one_step(struct descent *d)
{
	struct golden *t = d->t;

	for (size_t i = 0; i < t->net.nparam; i++)
		d->last[i] = t->net.param[i].off;
	d->seen = 0;
	fl_net_forward(&t->net, &t->work, t->w, t->B, 1, NULL);
	fl_net_loss(&t->net, &t->work, t->y, t->B, 1);
	fl_net_backward(&t->net, &t->work, t->w, t->g, t->B, NULL, update, d);
	d->step++;
}

static void sgd(struct golden *t, int i)
{
	struct descent d = { .t = t, .in_order = 1 };
	char key[16], prefix[24];
	const char *text;
	double err;

	snprintf(key, sizeof key, "sgd%d", i);
	snprintf(prefix, sizeof prefix, "%s/", key);
	text = fl_meta_get(&t->rec, key);
	d.m = golden_vec(t);
	fl_spec_parse(&fl_family_opt, text, &t->arena, &d.spec, NULL);
	d.opt = (const struct fl_optim *)d.spec.entry;
	fl_net_import(&t->net, &t->rec, "", FL_ABSENT_REFUSE, t->w, NULL);
	fl_net_import(&t->net, &t->rec, prefix, FL_ABSENT_REFUSE, t->want, NULL);
	for (int s = 0; s < atoi(fl_meta_get(&t->rec, "steps")); s++)
		one_step(&d);
	err = golden_error(t, t->w);
	ok(err <= 1e-6, "%s: weights equal PyTorch's: %.3g <= 1e-6", text, err);
	ok(d.in_order && d.seen == t->net.weights,
	   "every weight is updated once a step, each parameter in order");
}

/* Logits of 5-20-3 whose features are the input of layer i; 1 is the relu,
 * which then may not be computed by the layer before it. */
static float *logits(size_t i, size_t B, struct fl_arena *a)
{
	char arch[256];
	struct fl_net net;
	struct fl_work k;
	float *w, *z;
	struct fl_rng r;

	snprintf(arch, sizeof arch, "{\"input\":[5],\"layers\":[{\"layer\":\"linear\",\"out\":20},"
	         "{\"layer\":\"relu\"},{\"layer\":\"linear\",\"out\":3}],\"features\":%zu}", i);
	if (fl_net_build(&net, arch, NULL) || fl_work_init(&k, &net, B, 0, NULL))
		return NULL;
	w = fl_arena_get(a, net.P, sizeof *w, NULL);
	z = fl_arena_get(a, B * net.classes, sizeof *z, NULL);
	fl_net_init(&net, 1, w);
	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (size_t j = 0; j < 5 * B; j++)
		k.act[0][j] = (float)fl_rng_normal(&r);
	fl_net_forward(&net, &k, w, B, 0, NULL);
	memcpy(z, k.act[net.nlayer], B * net.classes * sizeof *z);
	fl_work_release(&k);
	fl_net_release(&net);
	return z;
}

static void fused_relu(void)
{
	struct fl_arena a = { 0 };
	const float *one = logits(2, 9, &a), *two = logits(1, 9, &a), *row = logits(2, 1, &a);

	ok(one && two && !memcmp(one, two, 27 * sizeof *one),
	   "a relu computed by the layer before it gives the same bytes");
	ok(one && row && !memcmp(one, row, 3 * sizeof *one),
	   "an example's logits do not depend on the batch it is in");
	fl_arena_release(&a);
}

/* Two towers, contrasts between them beside the classes. */
#define TOWER(begin, name) "{\"layer\":\"slice\",\"begin\":" #begin ",\"size\":17,\"name\":\"s" name \
	"\"},{\"layer\":\"linear\",\"out\":11,\"name\":\"" name "\"}"
static const char towers[] =
	"{\"input\":[37],\"layers\":[{\"layer\":\"concat\",\"name\":\"t\",\"body\":[" TOWER(0, "a") "],"
	"\"shortcut\":[" TOWER(18, "b") "]},{\"layer\":\"mixup\",\"name\":\"m\",\"from\":\"t.a\"},"
	"{\"layer\":\"linear\",\"from\":\"t\",\"out\":5}],\"taps\":["
	"{\"name\":\"m\",\"of\":[\"m\",\"t.b\"],\"loss\":\"mixco\"},"
	"{\"name\":\"s\",\"of\":[\"t\"],\"loss\":\"softclip\"}]}";

/* CRC of weights after three steps of a net whose sizes fill no vector. */
static uint32_t trained(const char *arch)
{
	struct golden t = { .B = 19 };
	struct descent d = { .t = &t };
	struct fl_rng r;
	uint32_t crc;

	if (fl_model_net(&t.net, arch, 0, NULL) ||
	    fl_work_init(&t.work, &t.net, t.B, 1, NULL) ||
	    fl_spec_parse(&fl_family_opt, "sgd:momentum=0.9,wd=0.01,nesterov=on", &t.arena, &d.spec,
	                  NULL))
		return 0;
	t.w = golden_vec(&t);
	t.g = golden_vec(&t);
	d.m = golden_vec(&t);
	d.opt = (const struct fl_optim *)d.spec.entry;
	fl_net_init(&t.net, 1, t.w);
	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (size_t i = 0; i < t.B * 37; i++)
		t.work.act[0][i] = (float)fl_rng_normal(&r);
	for (size_t i = 0; i < t.B; i++)
		t.y[i] = (int32_t)fl_rng_below(&r, 5);
	for (int s = 0; s < 3; s++)
		one_step(&d);
	crc = fl_crc32(0, t.w, t.net.P * sizeof *t.w);
	golden_close(&t);
	return crc;
}

/* The same in a process of its own, which chooses its instruction set anew. */
static uint32_t trained_with(const char *isa)
{
	uint32_t crc = 0;
	int fd[2];
	pid_t pid;

	if (pipe(fd) || (pid = fork()) < 0)
		return 0;
	if (!pid) {
		uint32_t plain, tapped;

		setenv("FL_CPU", isa, 1);
		plain = trained("mlp:in=37,hidden=33+18,out=5");
		tapped = trained(towers);
		crc = plain && tapped ? plain ^ tapped : 0;
		_exit(write(fd[1], &crc, sizeof crc) != sizeof crc);
	}
	close(fd[1]);
	if (read(fd[0], &crc, sizeof crc) != sizeof crc)
		crc = 0;
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return crc;
}

/* A set that the processor lacks falls back to its best one. */
static void instruction_sets(void)
{
	static const char *const isa[] = { "sse2", "avx2", "avx512" };
	uint32_t ref = trained_with("ref");

	ok(ref != 0, "three steps of training");
	for (size_t i = 0; i < 3; i++)
		ok(trained_with(isa[i]) == ref, "give the same bytes with %s", isa[i]);
}

/* Of rows b, so that a mixed one says of which two and by how much. */
static void mixed_rows(void)
{
	enum { B = 2000 };
	static int taken[B];
	double mixed = 0, sum = 0, square = 0, off = 0;
	struct fl_net net;
	struct fl_work k;
	struct fl_rng r;
	float w[64] = { 0 };

	if (!ok(!fl_net_build(&net, "{\"input\":[1],\"layers\":[{\"layer\":\"mixup\",\"share\":0.3},"
	                      "{\"layer\":\"linear\",\"out\":1}]}", NULL) &&
	        !fl_work_init(&k, &net, B, 1, NULL), "rows are mixed"))
		return;
	for (size_t b = 0; b < B; b++)
		k.act[0][b] = (float)b;
	fl_rng_init(&r, 1, 0, 0, FL_RNG_DROPOUT, 0);
	fl_net_forward(&net, &k, w, B, 1, &r);
	for (size_t b = 0; b < B; b++) {
		const float *y = k.act[1] + 3 * b;
		double beta = (double)y[1], j = (double)y[2];

		taken[(size_t)y[2]]++;
		off = fmax(off, fabs((double)y[0] - beta * (double)b - (1 - beta) * j));
		if (beta < 1) {
			mixed++;
			sum += beta;
			square += (beta - .5) * (beta - .5);
		}
	}
	ok(off < 1e-3, "each is what it says: %g", off);
	for (size_t b = 0; b < B; b++)
		off = fmax(off, abs(taken[b] - 1));
	ok(off < 1, "partners are a permutation");
	ok(fabs(mixed / B - .3) < .04, "share 0.3: %g", mixed / B);
	ok(fabs(sum / mixed - .5) < .05 && fabs(square / mixed - 1 / 5.2) < .03,
	   "weights are Beta(0.15, 0.15): mean %g, variance %g", sum / mixed, square / mixed);
	fl_net_forward(&net, &k, w, B, 0, &r);
	ok(k.act[1][3 * 7] == 7 && k.act[1][3 * 7 + 1] == 1 && k.act[1][3 * 7 + 2] == 7,
	   "outside training rows stay");
	fl_work_release(&k);
	fl_net_release(&net);
}

/* Where attacks begin: within the ball, and half of them beyond the radius that holds half
 * of its volume. */
static void attack_starts(void)
{
	enum { N = 4000, D = 3 };
	struct fl_attack a = { .eps = 2, .norm = 0 };
	double most = 0, half[2] = { 0 }, mean = 0;
	struct fl_rng r;

	fl_rng_init(&r, 3, 0, 0, FL_RNG_METHOD, 0);
	for (a.norm = 0; a.norm < 2; a.norm++)
		for (size_t i = 0; i < N; i++) {
			float x[D] = { 0 };
			double top = 0, sum = 0;

			fl_attack_start(&a, &r, x, D);
			for (size_t k = 0; k < D; k++) {
				top = fmax(top, fabs((double)x[k]));
				sum += (double)x[k] * (double)x[k];
				mean += (double)x[k] / (2 * N * D);
			}
			top = a.norm ? sqrt(sum) : top;
			most = fmax(most, top);
			half[a.norm] += top > 2 * pow(.5, 1. / D) ? 1. / N : 0;
		}
	ok(most <= 2.0001 && most > 1.99, "attacks begin within eps: %g", most);
	ok(fabs(half[0] - .5) < .03 && fabs(half[1] - .5) < .03 && fabs(mean) < .03,
	   "anywhere there: %g and %g beyond half of the volume, mean %g", half[0], half[1], mean);
}

int main(void)
{
	struct fl_err e = { 0 };
	struct golden t;

	instruction_sets();	/* before this process has chosen */

	if (!ok(!golden_open(&t, &e), "the golden record loads"))
		printf("# %s\n", e.msg);
	else {
		golden_step(&t, 1e-6);
		for (int i = 0; i < 5; i++)
			sgd(&t, i);
	}
	golden_close(&t);
	fused_relu();
	mixed_rows();
	attack_starts();
	return tap_done();
}

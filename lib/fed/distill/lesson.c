/* The server's training: the one loop, with a method's hooks or towards soft targets. */
#include <stdlib.h>

#include "base/par.h"
#include "fed/distill/distill.h"
#include "kernel/soften.h"
#include "train/loop.h"

#define SERVER UINT64_MAX	/* in place of a client in the names of random numbers */
#define EVAL_BATCH ((size_t)256)

void fl_course_rng(const struct fl_course *c, struct fl_rng *r)
{
	fl_rng_init(r, c->loop.seed, c->loop.round, SERVER, FL_RNG_METHOD, c->loop.t);
}

static int run_loop(struct fl_course *c, struct fl_err *e)
{
	if (fl_loop_begin(&c->loop, e))
		return -1;
	while (!fl_loop_over(&c->loop))
		if (fl_loop_epoch(&c->loop, e))
			return -1;
	return fl_loop_check(&c->loop, e);
}

int fl_course_run(const struct fl_lesson *f, struct fl_course *c, double *loss, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)f->opt.entry;
	int rc = -1;

	c->loop = (struct fl_loop){
		.net = c->net, .bench = &c->bench, .w = c->w, .opt = f->opt, .lr = opt->lr(f->opt.p),
		.N = c->N, .batch = f->batch, .epochs = f->epochs, .steps = f->steps,
		.shuffle = f->shuffle, .on = c->on, .ctx = c->ctx,
		.seed = f->seed, .round = (uint64_t)f->round, .who = SERVER,
	};
	if (!fl_bench_init(&c->bench, c->net, e))
		rc = run_loop(c, e);
	*loss = c->loop.loss;
	fl_bench_release(&c->bench);
	return rc;
}

/* --- towards soft targets --- */

struct lesson {
	const struct fl_pupil *p;
	double *soft;			/* (C) */
	struct fl_course course;
};

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	const struct lesson *l = ctx;

	fl_data_batch(l->p->data, idx, i0, B, l->course.bench.work.act[0], NULL);
}

/* Mean cross-entropy to the soft targets, and the outputs' gradient. */
static double to_targets(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                         size_t C)
{
	const struct lesson *l = ctx;
	const struct fl_loop *at = &l->course.loop;
	double tau = l->p->tau, loss = 0;

	(void)y;
	for (size_t b = 0; b < B; b++, z += C, dz += C) {
		const float *q = l->p->q + (at->idx ? at->idx[b] : at->i0 + b) * C;
		double log_sum = fl_soften_row(z, C, tau, l->soft);

		for (size_t c = 0; c < C; c++) {
			loss -= (double)q[c] * ((double)z[c] / tau - log_sum);
			dz[c] = (fl_real)(tau * (l->soft[c] - (double)q[c]) / (double)B);
		}
	}
	return loss / (double)B;
}

int fl_lesson_run(const struct fl_lesson *f, const struct fl_pupil *p, double *loss, struct fl_err *e)
{
	struct lesson l = { .p = p, .course = {
		.net = p->net, .w = p->w, .N = p->data->N,
		.on = { .load = load, .task = to_targets }, .ctx = &l,
	} };
	int rc = -1;

	if ((l.soft = fl_alloc(p->net->classes, sizeof *l.soft, e)))
		rc = fl_course_run(f, &l.course, loss, e);
	free(l.soft);
	return rc;
}

/* --- what a model says --- */

struct pass {
	const struct fl_net *net;
	const fl_real *w;
	const struct fl_data *data;
	double scale, *sum;
	struct fl_work *work;		/* (threads) */
};

/* Examples of batch item: its rows of the sum are nobody else's. */
static int pass_batch(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct pass *p = ctx;
	struct fl_work *k = &p->work[thread];
	size_t C = p->net->classes, i = item * EVAL_BATCH;
	size_t B = p->data->N - i < EVAL_BATCH ? p->data->N - i : EVAL_BATCH;

	(void)e;
	fl_data_batch(p->data, NULL, i, B, k->act[0], NULL);
	fl_net_forward(p->net, k, p->w, B, 0, NULL);
	for (size_t j = 0; j < B * C; j++)
		p->sum[i * C + j] += p->scale * (double)k->act[p->net->nlayer][j];
	return 0;
}

int fl_lesson_outputs(const struct fl_net *net, const fl_real *w, const struct fl_data *data,
                      double scale, double *sum, int threads, struct fl_err *e)
{
	struct pass p = { .net = net, .w = w, .data = data, .scale = scale, .sum = sum,
	                  .work = fl_alloc((size_t)threads, sizeof *p.work, e) };
	size_t B = data->N < EVAL_BATCH ? data->N : EVAL_BATCH;
	int ready = 0, rc = p.work ? 0 : -1;

	while (!rc && ready < threads && !(rc = fl_work_init(&p.work[ready], net, B, 0, e)))
		ready++;
	if (!rc)
		rc = fl_par_for((data->N + EVAL_BATCH - 1) / EVAL_BATCH, threads, &p, pass_batch, e);
	while (ready--)
		fl_work_release(&p.work[ready]);
	free(p.work);
	return rc;
}

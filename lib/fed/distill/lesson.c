/* The server's training: the one loop, towards soft targets. */
#include <stdlib.h>

#include "base/par.h"
#include "fed/distill/distill.h"
#include "kernel/soften.h"
#include "train/loop.h"

#define SERVER UINT64_MAX	/* in place of a client in the names of random numbers */
#define EVAL_BATCH ((size_t)256)

/* What the loop's hooks are given. */
struct lesson {
	const struct fl_pupil *p;
	struct fl_bench bench;
	double *soft;			/* (C) */
	struct fl_loop loop;
};

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	const struct lesson *l = ctx;

	fl_data_batch(l->p->data, idx, i0, B, l->bench.work.act[0], NULL);
}

/* Mean cross-entropy to the soft targets, and the outputs' gradient. */
static double to_targets(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                         size_t C)
{
	const struct lesson *l = ctx;
	double tau = l->p->tau, loss = 0;

	(void)y;
	for (size_t b = 0; b < B; b++, z += C, dz += C) {
		const float *q = l->p->q + (l->loop.idx ? l->loop.idx[b] : l->loop.i0 + b) * C;
		double log_sum = fl_soften_row(z, C, tau, l->soft);

		for (size_t c = 0; c < C; c++) {
			loss -= (double)q[c] * ((double)z[c] / tau - log_sum);
			dz[c] = (fl_real)(tau * (l->soft[c] - (double)q[c]) / (double)B);
		}
	}
	return loss / (double)B;
}

static int run_loop(struct lesson *l, struct fl_err *e)
{
	if (fl_loop_begin(&l->loop, e))
		return -1;
	while (!fl_loop_over(&l->loop))
		if (fl_loop_epoch(&l->loop, e))
			return -1;
	return fl_loop_check(&l->loop, e);
}

int fl_lesson_run(const struct fl_lesson *f, const struct fl_pupil *p, double *loss, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)f->opt.entry;
	struct lesson l = { .p = p };
	int rc = -1;

	l.loop = (struct fl_loop){
		.net = p->net, .bench = &l.bench, .w = p->w, .opt = f->opt, .lr = opt->lr(f->opt.p),
		.N = p->data->N, .batch = f->batch, .epochs = f->epochs, .steps = f->steps,
		.shuffle = f->shuffle, .on = { .load = load, .task = to_targets }, .ctx = &l,
		.seed = f->seed, .round = (uint64_t)f->round, .who = SERVER,
	};
	if ((l.soft = fl_alloc(p->net->classes, sizeof *l.soft, e)) &&
	    !fl_bench_init(&l.bench, p->net, e))
		rc = run_loop(&l, e);
	*loss = l.loop.loss;
	fl_bench_release(&l.bench);
	free(l.soft);
	return rc;
}

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

/* The server's training loop: batches, soft targets, one optimiser step after the
 * whole gradient. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/log.h"
#include "base/par.h"
#include "base/rng.h"
#include "fed/distill/distill.h"
#include "kernel/vmath.h"

#define SERVER UINT64_MAX	/* in place of a client in the names of random numbers */
#define EVAL_BATCH ((size_t)256)

struct loop {
	const struct fl_lesson *f;
	const struct fl_pupil *p;
	const struct fl_optim *opt;
	struct fl_work work;
	fl_real *g;			/* (P) */
	float *vec[FL_OPT_VECS];	/* (P) */
	uint32_t *order;		/* (N) or NULL */
	double *soft;			/* (C) */
	int64_t taken;
	struct fl_rng drop;
	double loss;			/* sum over this epoch's examples */
	size_t seen;
};

static void release(struct loop *l)
{
	fl_work_release(&l->work);
	free(l->g);
	for (size_t i = 0; i < FL_OPT_VECS; i++)
		free(l->vec[i]);
	free(l->order);
	free(l->soft);
}

static int prepare(struct loop *l, struct fl_err *e)
{
	const struct fl_net *net = l->p->net;
	size_t N = l->p->data->N, B = (size_t)l->f->batch;

	if (fl_work_init(&l->work, net, B < N ? B : N, 1, e) ||
	    !(l->g = fl_alloc(net->P, sizeof *l->g, e)) ||
	    !(l->soft = fl_alloc(net->classes, sizeof *l->soft, e)) ||
	    (l->f->shuffle && !(l->order = fl_alloc(N, sizeof *l->order, e))))
		return -1;
	for (size_t i = 0, n = l->opt->nvec(l->f->opt.p); i < n; i++)
		if (!(l->vec[i] = fl_alloc(net->P, sizeof *l->vec[i], e)))
			return -1;
	return 0;
}

/* soft(C) = softmax(z/tau); returns its log-sum-exp. */
static double soften(const fl_real *z, size_t C, double tau, double *soft)
{
	double max = -INFINITY, sum = 0;

	for (size_t c = 0; c < C; c++)
		max = (double)z[c] / tau > max ? (double)z[c] / tau : max;
	for (size_t c = 0; c < C; c++)
		sum += soft[c] = fl_exp((double)z[c] / tau - max);
	for (size_t c = 0; c < C; c++)
		soft[c] /= sum;
	return max + fl_log(sum);
}

/* Fills the outputs' gradient; returns the batch's cross-entropy. */
static double targets(struct loop *l, const uint32_t *idx, size_t i0, size_t B)
{
	size_t C = l->p->net->classes;
	const fl_real *z = l->work.act[l->p->net->nlayer];
	fl_real *dz = l->work.dact[l->p->net->nlayer];
	double tau = l->p->tau, loss = 0;

	for (size_t b = 0; b < B; b++, z += C, dz += C) {
		const float *q = l->p->q + (idx ? idx[b] : i0 + b) * C;
		double log_sum = soften(z, C, tau, l->soft);

		for (size_t c = 0; c < C; c++) {
			loss -= (double)q[c] * ((double)z[c] / tau - log_sum);
			dz[c] = (fl_real)(tau * (l->soft[c] - (double)q[c]) / (double)B);
		}
	}
	return loss;
}

static void update(struct loop *l)
{
	const struct fl_net *net = l->p->net;
	double lr = l->opt->lr(l->f->opt.p);

	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];
		float *vec[FL_OPT_VECS];

		for (size_t j = 0; j < FL_OPT_VECS; j++)
			vec[j] = l->vec[j] ? l->vec[j] + q->off : NULL;
		if (!q->buffer)
			l->opt->step(l->f->opt.p, lr, (uint64_t)l->taken, l->p->w + q->off,
			             l->g + q->off, vec, q->n);
	}
	l->taken++;
}

static int step(struct loop *l, size_t i0, size_t B, struct fl_err *e)
{
	const struct fl_pupil *p = l->p;
	const uint32_t *idx = l->order ? l->order + i0 : NULL;
	double loss;

	fl_data_batch(p->data, idx, i0, B, l->work.act[0], NULL);
	l->work.stats = p->w;
	fl_net_forward(p->net, &l->work, p->w, B, 1, &l->drop);
	loss = targets(l, idx, i0, B);
	if (!isfinite(loss))
		return fl_fail(e, FL_ENUM, "step %lld: loss is not finite", (long long)l->taken + 1);
	l->loss += loss;
	l->seen += B;
	fl_net_backward(p->net, &l->work, p->w, l->g, B, &l->drop, NULL, NULL);
	update(l);
	return 0;
}

static int over(const struct loop *l, int64_t epoch)
{
	return l->f->steps != FL_UNSET ? l->taken >= l->f->steps : epoch >= l->f->epochs;
}

static int epoch(struct loop *l, int64_t epoch, struct fl_err *e)
{
	const struct fl_lesson *f = l->f;
	size_t N = l->p->data->N, B = (size_t)f->batch;
	struct fl_rng r;

	fl_rng_init(&l->drop, f->seed, (uint64_t)f->round, SERVER, FL_RNG_DROPOUT, (uint64_t)epoch);
	for (size_t i = 0; l->order && i < N; i++)
		l->order[i] = (uint32_t)i;
	if (l->order) {
		fl_rng_init(&r, f->seed, (uint64_t)f->round, SERVER, FL_RNG_SHUFFLE, (uint64_t)epoch);
		fl_rng_shuffle(&r, l->order, N);
	}
	l->loss = 0;
	l->seen = 0;
	for (size_t i = 0; i < N; i += B) {
		if (f->steps != FL_UNSET && l->taken >= f->steps)
			break;
		if (step(l, i, N - i < B ? N - i : B, e))
			return -1;
	}
	return 0;
}

static int check_weights(const struct fl_pupil *p, struct fl_err *e)
{
	float max;

	for (size_t i = 0; i < p->net->nparam; i++)
		if (!fl_vfinite(p->w + p->net->param[i].off, p->net->param[i].n, &max))
			return fl_fail(e, FL_ENUM, "tensor '%s' is not finite", p->net->param[i].name);
	return 0;
}

int fl_lesson_run(const struct fl_lesson *f, const struct fl_pupil *p, double *loss, struct fl_err *e)
{
	struct loop l = { .f = f, .p = p, .opt = (const struct fl_optim *)f->opt.entry };
	int rc = prepare(&l, e);

	for (int64_t i = 0; !rc && !over(&l, i); i++)
		rc = epoch(&l, i, e);
	if (!rc)
		rc = check_weights(p, e);
	*loss = l.seen ? l.loss / (double)l.seen : NAN;
	release(&l);
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

/* Losses and gradients over a client's examples, at weights that do not train. */
#include <math.h>
#include <string.h>

#include "fed/client/local.h"

struct sum {
	double *sum;
	double n;
};

static void add_batch(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	const struct sum *s = ctx;

	(void)param;
	for (size_t i = begin; i < end; i++)
		s->sum[i] += s->n * (double)g[i - begin];
}

/* The examples with a label. */
static size_t labelled_of(const struct fl_data *d, uint32_t *v)
{
	size_t n = 0;

	for (size_t i = 0; i < d->N; i++)
		if (d->y[i] >= 0)
			v[n++] = (uint32_t)i;
	return n;
}

/* The first n of a permutation of the examples with a label; NULL: all of the set, as
 * stored. */
static int draw_sample(struct fl_local *l, size_t n, const uint32_t **out, struct fl_err *e)
{
	size_t N = l->data->N, have;
	struct fl_rng r;
	uint32_t *v;

	*out = NULL;
	if (n == N)
		return 0;
	if (!(v = fl_arena_get(l->arena, N, sizeof *v, e)))
		return -1;
	have = labelled_of(l->data, v);
	fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_SAMPLE, 0);
	if (n < have)
		fl_rng_shuffle(&r, v, have);
	*out = v;
	return 0;
}

/* Mean loss of a batch; its gradient goes to s, unless s is NULL. */
static double measure_batch(struct fl_local *l, const fl_real *w, const uint32_t *idx, size_t i0,
                            size_t B, struct sum *s)
{
	struct fl_room *r = l->room;
	struct fl_work *k = &r->bench.work;
	double loss;

	fl_bench_load(&r->bench, l->data, idx, i0, B);
	fl_net_forward(l->net, k, w, B, 0, NULL);
	loss = fl_net_loss(l->net, k, r->bench.y, B, s != NULL);
	if (s) {
		s->n = (double)B;
		fl_net_backward(l->net, k, w, r->bench.g, B, NULL, add_batch, s);
	}
	return loss;
}

/* A zeroed (P) vector of doubles. */
static double *zero_sum(struct fl_room *r, struct fl_err *e)
{
	if (r->sum)
		memset(r->sum, 0, r->net->P * sizeof *r->sum);
	else
		r->sum = fl_alloc(r->net->P, sizeof *r->sum, e);
	return r->sum;
}

int fl_local_measure(struct fl_local *l, const fl_real *w, int64_t sample, double *loss,
                     fl_real *g, struct fl_err *e)
{
	size_t N = l->data->N - l->data->unlabelled;
	size_t n = sample > 0 && (uint64_t)sample < N ? (size_t)sample : N;
	struct fl_room *r = l->room;
	struct sum s = { .sum = NULL };
	const uint32_t *idx;
	double total = 0;

	if (!n)
		return fl_fail(e, FL_EDATA, "%s: no example has a label to measure the loss of",
		               l->data->name);
	if (fl_bench_fit(&r->bench, n < FL_MEASURE_BATCH ? n : FL_MEASURE_BATCH, 0, e) ||
	    draw_sample(l, n, &idx, e) || (g && !(s.sum = zero_sum(r, e))))
		return -1;
	for (size_t i = 0; i < n; i += FL_MEASURE_BATCH) {
		size_t B = n - i < FL_MEASURE_BATCH ? n - i : FL_MEASURE_BATCH;

		total += (double)B *
		         measure_batch(l, w, idx ? idx + i : NULL, i, B, g ? &s : NULL);
	}
	*loss = total / (double)n;
	for (size_t i = 0; g && i < r->net->P; i++)
		g[i] = (fl_real)(s.sum[i] / (double)n);
	if (!isfinite(*loss))
		return fl_fail(e, FL_ENUM, "mean loss over the local set is not finite");
	return 0;
}

/* The loss of example b of the batch on the bench, of the net's outputs alone. */
static double loss_of(const struct fl_net *net, const struct fl_bench *k, size_t b)
{
	const struct fl_loss_entry *loss = (const struct fl_loss_entry *)net->loss.entry;
	const struct fl_batch one = {
		.B = 1, .C = net->classes, .z = k->work.act[net->nlayer] + b * net->classes, .y = k->y + b,
		.t = k->work.target ? k->work.target + b * net->targets : NULL,
		.scratch = k->work.loss_scratch, .threads = 1, .precision = net->precision,
	};

	return loss->loss(net->loss.p, &one);
}

int fl_local_losses(struct fl_local *l, const fl_real *w, double *loss, struct fl_err *e)
{
	struct fl_bench *k = &l->room->bench;
	size_t N = l->data->N;

	if (fl_bench_fit(k, N < FL_MEASURE_BATCH ? N : FL_MEASURE_BATCH, 0, e))
		return -1;
	for (size_t i = 0; i < N; i += FL_MEASURE_BATCH) {
		size_t B = N - i < FL_MEASURE_BATCH ? N - i : FL_MEASURE_BATCH;

		fl_bench_load(k, l->data, NULL, i, B);
		fl_net_forward(l->net, &k->work, w, B, 0, NULL);
		for (size_t b = 0; b < B; b++)
			loss[i + b] = loss_of(l->net, k, b);
	}
	for (size_t i = 0; i < N; i++)
		if (!isfinite(loss[i]))
			return fl_fail(e, FL_ENUM, "loss of example %zu is not finite", i);
	return 0;
}

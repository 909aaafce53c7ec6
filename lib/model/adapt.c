/* Epochs of an adapter. */
#include "model/adapt.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/fmath.h"
#include "base/num.h"
#include "kernel/vmath.h"

/* --- pairs --- */

void fl_pairset_release(struct fl_pairset *s)
{
	fl_embeds_release(&s->text);
	fl_embeds_release(&s->image);
	fl_pairs_release(&s->pairs);
}

static int check_row(const struct fl_embeds *m, uint32_t row, const float *x, struct fl_err *e)
{
	const struct fl_embed *p = fl_embeds_part(m, row);
	float max;

	if (!fl_vfinite(x, m->d, &max))
		return fl_fail(e, FL_EDATA, "%s: row %zu is not finite", p->name, row - p->first);
	return max > 0 ? 0 : fl_fail(e, FL_EDATA, "%s: row %zu is all zeros, which has no direction",
	                             p->name, row - p->first);
}

static int check_width(const struct fl_embeds *m, size_t d, struct fl_err *e)
{
	return m->d == d ? 0 : fl_fail(e, FL_EDATA, "%s: rows of %zu values, the adapter takes %zu",
	                               m->part[0].name, m->d, d);
}

int fl_pairset_check(const struct fl_pairset *s, const size_t d[2], uint64_t *key, struct fl_err *e)
{
	float *x;
	int rc = 0;

	if (check_width(&s->text, d[0], e) || check_width(&s->image, d[1], e) ||
	    !(x = fl_alloc(d[0] + d[1], sizeof *x, e)))
		return -1;
	for (size_t i = 0; i < s->pairs.n && !rc; i++) {
		fl_embeds_gather(&s->text, &s->pairs.text[i], 1, x);
		fl_embeds_gather(&s->image, &s->pairs.image[i], 1, x + d[0]);
		rc = check_row(&s->text, s->pairs.text[i], x, e) ||
		     check_row(&s->image, s->pairs.image[i], x + d[0], e) ? -1 : 0;
		if (key)
			key[i] = (uint64_t)fl_crc32(0, x, d[0] * sizeof *x) << 32 |
			         fl_crc32(1, x + d[0], d[1] * sizeof *x);
	}
	free(x);
	return rc;
}

struct keyed {
	uint64_t key;
	size_t i;
};

static int by_key(const void *va, const void *vb)
{
	const struct keyed *a = va, *b = vb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->i > b->i) - (a->i < b->i);
}

/* Keys of a set, sorted; the caller frees. */
static struct keyed *keys(const struct fl_pairset *s, const size_t d[2], struct fl_err *e)
{
	uint64_t *key = fl_alloc(s->pairs.n, sizeof *key, e);
	struct keyed *k = fl_alloc(s->pairs.n, sizeof *k, e);

	if (!key || !k || fl_pairset_check(s, d, key, e)) {
		free(key);
		free(k);
		return NULL;
	}
	for (size_t i = 0; i < s->pairs.n; i++)
		k[i] = (struct keyed){ key[i], i };
	free(key);
	qsort(k, s->pairs.n, sizeof *k, by_key);
	return k;
}

static int same(const struct fl_embeds *m, uint32_t i, const struct fl_embeds *n, uint32_t j,
                float *x)
{
	fl_embeds_gather(m, &i, 1, x);
	fl_embeds_gather(n, &j, 1, x + m->d);
	return !memcmp(x, x + m->d, m->d * sizeof *x);
}

int fl_pairset_apart(const struct fl_pairset *a, const struct fl_pairset *b, const size_t d[2],
                     struct fl_err *e)
{
	struct keyed *p = keys(a, d, e), *q = p ? keys(b, d, e) : NULL;
	float *x = q ? fl_alloc(d[0] > d[1] ? d[0] : d[1], 2 * sizeof *x, e) : NULL;
	int rc = x ? 0 : -1;

	for (size_t i = 0, j = 0; !rc && i < a->pairs.n && j < b->pairs.n;) {
		size_t k = p[i].i, l = q[j].i;

		if (p[i].key == q[j].key && same(&a->text, a->pairs.text[k], &b->text, b->pairs.text[l], x) &&
		    same(&a->image, a->pairs.image[k], &b->image, b->pairs.image[l], x))
			rc = fl_fail(e, FL_EDATA, "validation pair %zu is training pair %zu: text row %" PRIu32
			             ", image row %" PRIu32, l, k, a->pairs.text[k], a->pairs.image[k]);
		else if (p[i].key < q[j].key)
			i++;
		else
			j++;
	}
	free(p);
	free(q);
	free(x);
	return rc;
}

/* --- training --- */

static size_t steps_of(const struct fl_adapt *t)
{
	return (t->train->pairs.n + (size_t)t->batch - 1) / (size_t)t->batch;
}

/* By epochs where there is a schedule, else as torch.optim.lr_scheduler.CosineAnnealingLR,
 * stepped after every batch. */
double fl_adapt_lr(const struct fl_adapt *t)
{
	double lr = ((const struct fl_optim *)t->opt.entry)->lr(t->opt.p);
	double all = (double)t->epochs * (double)steps_of(t);

	if (t->schedule.entry)
		return lr * fl_schedule_factor(&t->schedule, t->loop.epoch + 1);
	if (!(lr > t->lr_end))
		return lr;
	return t->lr_end + (lr - t->lr_end) * (1 + fl_cos2pi((double)t->loop.t / (2 * all))) / 2;
}

/* Pairs idx(B) of s, or i0.., where forward looks. */
static void load_pairs(struct fl_adapt *t, const struct fl_pairset *s, const uint32_t *idx,
                       size_t i0, size_t B)
{
	const size_t *d = t->a.in;

	for (size_t b = 0; b < B; b++) {
		float *x = t->bench.work.act[0] + b * (d[0] + d[1]);
		size_t i = idx ? idx[b] : i0 + b;

		fl_embeds_gather(&s->text, &s->pairs.text[i], 1, x);
		fl_embeds_gather(&s->image, &s->pairs.image[i], 1, x + d[0]);
	}
}

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct fl_adapt *t = ctx;

	load_pairs(t, t->train, idx, i0, B);
}

static double rate(void *ctx)
{
	return fl_adapt_lr(ctx);
}

static void step_done(void *ctx)
{
	const struct fl_adapt *t = ctx;

	if (t->done)
		t->done(t->ctx, t);
}

int fl_adapt_begin(struct fl_adapt *t, struct fl_err *e)
{
	fl_net_threads(&t->a.net, t->threads);
	fl_net_precision(&t->a.net, t->precision);
	t->loop = (struct fl_loop){
		.net = &t->a.net, .bench = &t->bench, .w = t->a.w, .opt = t->opt, .clip = t->clip,
		.N = t->train->pairs.n, .batch = t->batch, .epochs = t->epochs, .steps = FL_UNSET,
		.shuffle = t->shuffle, .on = { .load = load, .rate = rate, .done = step_done },
		.ctx = t, .seed = t->seed, .by_step = 1,
	};
	return fl_bench_init(&t->bench, &t->a.net, e) || fl_loop_begin(&t->loop, e) ? -1 : 0;
}

void fl_adapt_release(struct fl_adapt *t)
{
	fl_bench_release(&t->bench);
}

int fl_adapt_epoch(struct fl_adapt *t, void (*done)(void *ctx, const struct fl_adapt *t),
                   void *ctx, struct fl_err *e)
{
	t->done = done;
	t->ctx = ctx;
	if (fl_loop_epoch(&t->loop, e))
		return -1;
	if (!fl_loop_check(&t->loop, e))
		return 0;
	t->loop.epoch--;	/* no whole one */
	return -1;
}

/* --- validation --- */

static double mean_loss(struct fl_adapt *t, const struct fl_pairset *s)
{
	struct fl_work *k = &t->bench.work;
	size_t N = s->pairs.n, most = k->B;
	double sum = 0;

	for (size_t i = 0; i < N; i += most) {
		size_t B = N - i < most ? N - i : most;

		load_pairs(t, s, NULL, i, B);
		fl_net_forward(&t->a.net, k, t->a.w, B, 0, NULL);
		sum += (double)B * fl_net_loss(&t->a.net, k, t->bench.y, B, 0);
	}
	return sum / (double)N;
}

int fl_adapt_validate(struct fl_adapt *t, const struct fl_pairset *s, struct fl_adapt_val *v,
                      struct fl_err *e)
{
	int rc;

	fl_net_precision(&t->a.net, FL_GEMM_F32);
	v->loss = mean_loss(t, s);
	rc = isfinite(v->loss) ? fl_adapter_recall(&t->a, &s->text, &s->image, &s->pairs, t->threads, v, e) :
	     fl_fail(e, FL_ENUM, "epoch %" PRId64 ": validation loss is not finite", t->loop.epoch);
	fl_net_precision(&t->a.net, t->precision);
	return rc;
}

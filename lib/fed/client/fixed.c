/* What models that do not train say of a client's examples. */
#include <string.h>

#include "base/num.h"
#include "fed/client/local.h"

void fl_bench_load(struct fl_bench *b, const struct fl_data *d, const uint32_t *idx, size_t i0,
                   size_t B)
{
	fl_data_batch(d, idx, i0, B, b->work.act[0], b->y);
	if (b->work.target)
		fl_data_targets(d, idx, i0, B, b->work.target);
}

void fl_local_say(const struct fl_local *l, const struct fl_fixed *f, size_t i, size_t B)
{
	const struct fl_net *net = l->net;
	struct fl_work *k = &l->room->bench.work;
	int tapped = f->tap < net->ntap;
	size_t d = tapped ? net->tap[f->tap].C : net->features, C = net->classes;

	k->stats = NULL;
	fl_net_forward(net, k, f->w, B, 0, NULL);
	if (f->h)
		memcpy(f->h + i * d, tapped ? fl_net_tapped(net, k, f->tap, B) : fl_net_features(net, k),
		       B * d * sizeof *f->h);
	if (f->z)
		memcpy(f->z + i * C, k->act[net->nlayer], B * C * sizeof *f->z);
}

size_t fl_local_row(const struct fl_local *l, size_t b)
{
	return l->fixed ? b : fl_local_example(l, b);
}

size_t fl_local_example(const struct fl_local *l, size_t b)
{
	return l->loop->idx ? l->loop->idx[b] : l->loop->i0 + b;
}

static int say_all(struct fl_local *l, const struct fl_fixed *f, struct fl_err *e)
{
	size_t N = l->data->N;

	if (fl_bench_fit(&l->room->bench, N < FL_MEASURE_BATCH ? N : FL_MEASURE_BATCH, 0, e))
		return -1;
	for (size_t i = 0; i < N; i += FL_MEASURE_BATCH) {
		size_t B = N - i < FL_MEASURE_BATCH ? N - i : FL_MEASURE_BATCH;

		fl_data_batch(l->data, NULL, i, B, l->room->bench.work.act[0], NULL);
		fl_local_say(l, f, i, B);
	}
	return 0;
}

static int make_rows(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                     size_t rows, struct fl_err *e)
{
	size_t d, C;

	if (fl_mul(rows, fl_local_width(l), &d) || fl_mul(rows, l->net->classes, &C))
		return fl_fail_mem(e, SIZE_MAX);
	*f = (struct fl_fixed){ .w = w, .tap = l->use[l->at].tap };
	if ((what & FL_FIX_FEATURES && !(f->h = fl_arena_get(l->arena, d, sizeof *f->h, e))) ||
	    (what & FL_FIX_LOGITS && !(f->z = fl_arena_get(l->arena, C, sizeof *f->z, e))))
		return -1;
	return 0;
}

int fl_local_all(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                 struct fl_err *e)
{
	return make_rows(l, f, w, what, l->data->N, e) || say_all(l, f, e) ? -1 : 0;
}

int fl_local_fix(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                 struct fl_err *e)
{
	size_t N = l->data->N, B = (uint64_t)l->cfg->batch < N ? (size_t)l->cfg->batch : N;

	if (!l->augment.n)
		return fl_local_all(l, f, w, what, e);
	if (make_rows(l, f, w, what, B, e))
		return -1;
	f->next = l->fixed;
	l->fixed = f;
	return 0;
}

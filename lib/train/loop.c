/* Epochs of steps. */
#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/param.h"
#include "base/rng.h"
#include "kernel/vmath.h"

static const struct fl_optim *optim_of(const struct fl_loop *p)
{
	return (const struct fl_optim *)p->opt.entry;
}

/* --- the update --- */

int fl_loop_trains(const struct fl_loop *p, size_t param)
{
	return p->net->param[param].kind == FL_TRAINED && !(p->still && p->still[param]);
}

double fl_loop_norm(const struct fl_loop *p, const fl_real *g)
{
	const struct fl_net *net = p->net;
	double sum = 0;

	for (size_t i = 0; i < net->nparam; i++)
		if (fl_loop_trains(p, i))
			sum += fl_vsumsq(g + net->param[i].off, net->param[i].n);
	return sqrt(sum);
}

/* The optimiser on a stretch whose gradient is complete. */
static void update_stretch(const struct fl_loop *p, size_t begin, size_t end, fl_real *g)
{
	float *vec[FL_OPT_VECS] = { NULL };

	for (size_t i = 0; i < FL_OPT_VECS; i++)
		vec[i] = p->bench->vec[i] ? p->bench->vec[i] + begin : NULL;
	optim_of(p)->step(p->opt.p, p->rate, p->t, p->w + begin, g, vec, end - begin);
}

/* Looks at the gradient as the optimiser will see it, where that is wanted. */
static void watch_gradient(struct fl_loop *p, size_t param, const fl_real *g, size_t n)
{
	float max;

	if (p->watch && !fl_vfinite(g, n, &max) && !p->bad)
		p->bad = p->net->param[param].name;
}

/* One pass: what backward calls for each stretch. */
static void finish_stretch(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	struct fl_loop *p = ctx;

	if (!fl_loop_trains(p, param))
		return;
	if (p->on.grad)
		p->on.grad(p->ctx, begin, end, p->w + begin, g);
	watch_gradient(p, param, g, end - begin);
	update_stretch(p, begin, end, g);
}

/* As torch.nn.utils.clip_grad_norm_. */
static void clip_gradient(const struct fl_loop *p, fl_real *g)
{
	double scale = p->clip / (fl_loop_norm(p, g) + 1e-6);

	for (size_t i = 0; scale < 1 && i < p->net->P; i++)
		g[i] *= (fl_real)scale;
}

/* The second of two passes. */
static void update_all(struct fl_loop *p)
{
	const struct fl_net *net = p->net;
	fl_real *g = p->bench->g;

	if (p->on.grad)
		p->on.grad(p->ctx, 0, net->P, p->w, g);
	for (size_t i = 0; i < net->nparam; i++)
		if (fl_loop_trains(p, i))
			watch_gradient(p, i, g + net->param[i].off, net->param[i].n);
	if (p->clip > 0)
		clip_gradient(p, g);
	for (size_t i = 0; i < net->nparam; i++)
		if (fl_loop_trains(p, i))
			update_stretch(p, net->param[i].off, net->param[i].off + net->param[i].n,
			               g + net->param[i].off);
}

/* --- loss and gradient --- */

/* The gradients that a loss has written, one after the other: of the logits, of taps. NULL
 * after the last; C: their columns. */
static fl_real *next_gradient(const struct fl_loop *p, size_t i, size_t *C)
{
	const struct fl_net *net = p->net;
	struct fl_work *k = &p->bench->work;

	*C = i ? i <= net->ntap ? net->tap[i - 1].C : 0 : net->classes;
	if (!i)
		return k->dact[net->nlayer];
	return i <= net->ntap ? k->tap[i - 1].dz : NULL;
}

static void keep_gradients(const struct fl_loop *p, size_t n)
{
	fl_real *to = p->bench->dz;
	const fl_real *g;
	size_t C;

	for (size_t i = 0; (g = next_gradient(p, i, &C)); i++, to += n * C)
		memcpy(to, g, n * C * sizeof *to);
}

/* g = keep g' + (1 - keep) g in the first n rows, g' what was kept. */
static void blend_gradients(const struct fl_loop *p, size_t n)
{
	const fl_real *from = p->bench->dz;
	fl_real keep = (fl_real)p->keep, rest = (fl_real)(1 - p->keep), *g;
	size_t C;

	for (size_t i = 0; (g = next_gradient(p, i, &C)); i++, from += n * C)
		for (size_t j = 0; j < n * C; j++)
			g[j] = keep * from[j] + rest * g[j];
}

/* Of the first n examples of the batch. */
static double task_of(struct fl_loop *p, size_t n)
{
	struct fl_bench *b = p->bench;
	double loss = fl_net_loss(p->net, &b->work, b->y, n, 1);

	if (!(p->keep < 1))
		return loss;
	keep_gradients(p, n);
	loss = p->keep * loss + (1 - p->keep) * fl_net_loss(p->net, &b->work, b->y2, n, 1);
	blend_gradients(p, n);
	return loss;
}

double fl_loop_task(struct fl_loop *p)
{
	size_t n = 0, C;
	double loss = 0;
	fl_real *g;

	while (n < p->B && p->bench->y[n] >= 0)
		n++;
	if (n)
		loss = task_of(p, n);
	for (size_t i = 0; n < p->B && (g = next_gradient(p, i, &C)); i++)
		memset(g + n * C, 0, (p->B - n) * C * sizeof *g);
	return loss;
}

/* Loss of the batch at hand; its gradient by the logits is where backward looks. */
static double forward(struct fl_loop *p, const fl_real *w)
{
	const struct fl_loop_hooks *on = &p->on;
	const struct fl_net *net = p->net;
	struct fl_bench *b = p->bench;
	struct fl_work *k = &b->work;
	size_t B = p->B, C = net->classes, d = net->features;
	fl_real *z = k->act[net->nlayer], *dz = k->dact[net->nlayer];
	double loss;

	p->keep = 1;
	on->load(p->ctx, p->idx, p->i0, B);
	k->stats = w == p->w ? p->w : NULL;
	fl_net_forward(net, k, w, B, 1, &p->drop);
	if (on->logits)
		on->logits(p->ctx, z, b->y, B, C);
	loss = on->task ? on->task(p->ctx, z, b->y, dz, B, C) : fl_loop_task(p);
	if (on->loss)
		loss += on->loss(p->ctx, z, b->y, dz, B, C);
	k->dfeature = NULL;
	if (on->features) {
		memset(b->dfeature, 0, B * d * sizeof *b->dfeature);
		loss += on->features(p->ctx, fl_net_features(net, k), b->y, b->dfeature, B, d);
		k->dfeature = b->dfeature;
	}
	return loss;
}

static void backward(struct fl_loop *p, const fl_real *w, fl_real *g, fl_done *done)
{
	struct fl_work *k = &p->bench->work;

	fl_net_backward(p->net, k, w, g, p->B, &p->drop, done, p);
	k->dfeature = NULL;	/* the bench is for others, too */
}

double fl_loop_gradient(struct fl_loop *p, const fl_real *at, fl_real *g)
{
	double loss = forward(p, at);

	backward(p, at, g, NULL);
	return loss;
}

void fl_loop_again(struct fl_loop *p)
{
	p->drop = p->drop0;
}

/* --- a step --- */

static uint64_t sub(const struct fl_loop *p)
{
	return (uint64_t)p->epoch | (uint64_t)p->phase << 32;
}

static int fail_where(const struct fl_loop *p, int64_t epoch, int64_t step, struct fl_err *e)
{
	if (p->phase)
		return fl_fail_in(e, "phase %u, epoch %" PRId64 ", step %" PRId64, p->phase + 1, epoch, step);
	return fl_fail_in(e, "epoch %" PRId64 ", step %" PRId64, epoch, step);
}

static double take_gradient(struct fl_loop *p)
{
	fl_real *g = p->bench->g;

	if (p->on.batch)
		return p->on.batch(p->ctx, p->w, g);
	return p->whole ? fl_loop_gradient(p, p->w, g) : forward(p, p->w);
}

static int take_step(struct fl_loop *p, struct fl_err *e)
{
	double loss;

	if (p->by_step)
		fl_rng_init(&p->drop, p->seed, p->round, p->who, FL_RNG_DROPOUT, p->t);
	p->rate = p->on.rate ? p->on.rate(p->ctx) : p->lr;
	p->drop0 = p->drop;
	loss = take_gradient(p);
	if (p->err.code)
		return -1;
	if (!isfinite(loss))
		return fl_fail(e, FL_ENUM, "loss is not finite");
	p->sum += loss * (double)p->B;
	p->seen += p->B;
	if (p->whole)
		update_all(p);
	else
		backward(p, p->w, p->bench->g, finish_stretch);
	p->t++;
	return p->bad ? fl_fail(e, FL_ENUM, "gradient of tensor '%s' is not finite", p->bad) : 0;
}

/* Examples idx(B), or i0.., those that have a label first. */
static const uint32_t *labelled_first(struct fl_loop *p, const uint32_t *idx, size_t i0, size_t B)
{
	uint32_t *to = p->bench->batch;
	size_t n = 0;

	if (!p->label)
		return idx;
	for (int labelled = 1; labelled >= 0; labelled--)
		for (size_t b = 0; b < B; b++) {
			uint32_t i = idx ? idx[b] : (uint32_t)(i0 + b);

			if ((p->label[i] >= 0) == labelled)
				to[n++] = i;
		}
	return to;
}

int fl_loop_step(struct fl_loop *p, const uint32_t *idx, size_t i0, size_t B, struct fl_err *e)
{
	p->idx = labelled_first(p, idx, i0, B);
	p->i0 = i0;
	p->B = B;
	if (take_step(p, e)) {
		if (!p->err.code)
			return fail_where(p, p->epoch + 1, p->taken + 1, e);
		if (e)
			*e = p->err;
		return -1;
	}
	p->taken++;
	if (p->on.done)
		p->on.done(p->ctx);
	return 0;
}

/* --- epochs --- */

/* The examples of this epoch: n of them; NULL: all as stored. */
static const uint32_t *order_of(struct fl_loop *p, size_t *n)
{
	uint32_t *v = p->bench->order;
	struct fl_rng r;

	*n = p->N;
	if (!p->shuffle && !p->on.order)
		return NULL;
	for (size_t i = 0; i < p->N; i++)
		v[i] = (uint32_t)i;
	if (p->shuffle) {
		fl_rng_init(&r, p->seed, p->round, p->who, FL_RNG_SHUFFLE, sub(p));
		fl_rng_shuffle(&r, v, p->N);
	}
	if (p->on.order)
		*n = p->on.order(p->ctx, v, p->N);
	return v;
}

static int steps_done(const struct fl_loop *p)
{
	return p->steps != FL_UNSET && p->taken >= p->steps;
}

int fl_loop_over(const struct fl_loop *p)
{
	return p->over || (p->steps != FL_UNSET ? steps_done(p) : p->epoch >= p->epochs);
}

/* Room for n reals of each example of a batch. */
static fl_real *get_rows(const struct fl_loop *p, size_t n, struct fl_err *e)
{
	if (fl_mul(p->bench->work.B, n, &n)) {
		fl_fail_mem(e, SIZE_MAX);
		return NULL;
	}
	return fl_alloc(n, sizeof(fl_real), e);
}

/* What hooks want. At every epoch, as the bench may have grown in between. */
static int get_room(const struct fl_loop *p, struct fl_err *e)
{
	struct fl_bench *b = p->bench;
	size_t all = 0, C;

	for (size_t i = 0; next_gradient(p, i, &C); i++)
		all += C;
	if (p->on.features && !b->dfeature && !(b->dfeature = get_rows(p, p->net->features, e)))
		return -1;
	return p->mixes && !b->dz && !(b->dz = get_rows(p, all, e)) ? -1 : 0;
}

int fl_loop_open(struct fl_loop *p, struct fl_err *e)
{
	fl_rng_init(&p->drop, p->seed, p->round, p->who, FL_RNG_DROPOUT, sub(p));
	p->sum = 0;
	p->seen = 0;
	return get_room(p, e);
}

void fl_loop_close(struct fl_loop *p)
{
	if (p->seen)
		p->loss = p->sum / (double)p->seen;
	p->epoch++;
}

int fl_loop_epoch(struct fl_loop *p, struct fl_err *e)
{
	size_t n, B = (size_t)p->batch;
	const uint32_t *idx = order_of(p, &n);

	if (fl_loop_open(p, e))
		return -1;
	p->over = !n;
	for (size_t i = 0; i < n && !steps_done(p); i += B)
		if (fl_loop_step(p, idx ? idx + i : NULL, i, n - i < B ? n - i : B, e))
			return -1;
	fl_loop_close(p);
	return 0;
}

int fl_loop_check(const struct fl_loop *p, struct fl_err *e)
{
	const struct fl_net *net = p->net;
	float max;

	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		if (!fl_vfinite(p->w + q->off, q->n, &max)) {
			fl_fail(e, FL_ENUM, "tensor '%s' is not finite", q->name);
			return fail_where(p, p->epoch, p->taken, e);
		}
	}
	return 0;
}

/* --- beginning --- */

static int zero_vecs(struct fl_loop *p, struct fl_err *e)
{
	float **vec = p->bench->vec;
	size_t P = p->net->P;

	for (size_t i = 0, n = optim_of(p)->nvec(p->opt.p); i < n; i++) {
		if (vec[i])
			memset(vec[i], 0, P * sizeof *vec[i]);
		else if (!(vec[i] = fl_alloc(P, sizeof *vec[i], e)))
			return -1;
	}
	return 0;
}

int fl_loop_begin(struct fl_loop *p, struct fl_err *e)
{
	size_t B = (size_t)p->batch < p->N ? (size_t)p->batch : p->N;

	p->epoch = p->taken = 0;
	p->t = 0;
	p->loss = NAN;
	p->bad = NULL;
	p->over = 0;
	p->whole = p->whole || p->on.batch || optim_of(p)->whole || p->clip > 0 ||
	           p->net->threads > 1;	/* a pass with done() is one thread's */
	p->bench->input |= p->input;
	return fl_bench_fit(p->bench, B, p->shuffle || p->on.order ? p->N : 0, e) ||
	       zero_vecs(p, e) ? -1 : 0;
}

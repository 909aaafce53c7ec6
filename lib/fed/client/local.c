/* The one training loop. By default a stretch of weights is updated as soon as
 * its gradient is final, while both are in cache: the method's hook, then the
 * optimiser. A method that wants the whole gradient first gets two passes. */
#include "fed/client/client.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "kernel/vmath.h"

/* Examples a batch of a measurement: the same for every run, so that measured
 * values do not depend on -b. */
enum { MEASURE_BATCH = 256 };

struct fl_loop {
	struct fl_local *l;
	struct fl_phase *ph;
	const struct fl_method *method;
	const struct fl_optim *opt;
	fl_grad_hook *hook;
	int whole;		/* the whole gradient before any update */
	fl_real *dfeature;	/* (B, features) of the method's features(), or NULL */
	double lr;
	uint64_t t;		/* the optimiser's step, from 0 */
	int64_t epoch;		/* from 0 */
	struct fl_rng drop, drop0;	/* drop0: at the beginning of the step */
	const char *bad;	/* a tensor whose gradient is not finite, or NULL */
	double loss;		/* sum over the examples of this epoch */
	size_t seen;
};

static const struct fl_method *method_of(const struct fl_local *l)
{
	return (const struct fl_method *)l->cfg->method.entry;
}

double fl_local_lr(const struct fl_train *cfg)
{
	const struct fl_optim *opt = (const struct fl_optim *)cfg->opt.entry;

	return opt->lr(cfg->opt.p) * fl_schedule_factor(&cfg->schedule, cfg->round);
}

struct fl_phase fl_local_phase(const struct fl_local *l)
{
	return (struct fl_phase){
		.w = l->w, .epochs = l->cfg->epochs, .steps = l->cfg->steps,
		.grad = method_of(l)->grad, .role = l->role,
	};
}

/* --- the optimiser's state --- */

static void opt_name(char *buf, size_t n, const struct fl_loop *p, const char *vec)
{
	snprintf(buf, n, "@opt/%u/%s", p->ph->id, vec);
}

static int import_opt(struct fl_loop *p, struct fl_err *e)
{
	struct fl_room *r = p->l->room;
	const struct fl_tensor *t;
	char name[128];

	opt_name(name, sizeof name, p, "t");
	if (!(t = fl_tset_find(p->l->old, name)))
		return 0;
	if (t->dtype != FL_I64 || t->n != 1 || *(const int64_t *)t->data < 0)
		return fl_fail(e, FL_EDATA, "state: tensor '%s' is not a count of steps", name);
	p->t = (uint64_t)*(const int64_t *)t->data;
	for (size_t i = 0; i < FL_OPT_VECS && p->opt->vec[i]; i++) {
		opt_name(name, sizeof name, p, p->opt->vec[i]);
		strcat(name, "/");
		if (r->vec[i] && fl_net_import(r->net, p->l->old, name, 0, r->vec[i], e))
			return fl_fail_in(e, "state");
	}
	return 0;
}

static int export_opt(const struct fl_loop *p, struct fl_err *e)
{
	const struct fl_optim *o = p->opt;
	struct fl_room *r = p->l->room;
	struct fl_tensor *t;
	char name[128];

	opt_name(name, sizeof name, p, "t");
	if (!(t = fl_tset_add(p->l->state, name, FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = (int64_t)p->t;
	for (size_t i = 0, n = o->nvec(p->l->cfg->opt.p); i < n; i++) {
		opt_name(name, sizeof name, p, o->vec[i]);
		strcat(name, "/");
		if (fl_net_export(r->net, r->vec[i], name, p->l->state, e))
			return -1;
	}
	return 0;
}

static int begin_opt(struct fl_loop *p, struct fl_err *e)
{
	struct fl_room *r = p->l->room;
	size_t P = r->net->P;

	for (size_t i = 0, n = p->opt->nvec(p->l->cfg->opt.p); i < n; i++) {
		if (r->vec[i])
			memset(r->vec[i], 0, P * sizeof *r->vec[i]);
		else if (!(r->vec[i] = fl_alloc(P, sizeof *r->vec[i], e)))
			return -1;
	}
	return p->l->cfg->keep_opt ? import_opt(p, e) : 0;
}

/* --- a step --- */

/* The optimiser on a stretch whose gradient is complete. */
static void update(const struct fl_loop *p, size_t begin, size_t end, fl_real *g)
{
	struct fl_room *r = p->l->room;
	float *vec[FL_OPT_VECS] = { NULL };

	for (size_t i = 0; i < FL_OPT_VECS; i++)
		vec[i] = r->vec[i] ? r->vec[i] + begin : NULL;
	p->opt->step(p->l->cfg->opt.p, p->lr, p->t, p->ph->w + begin, g, vec, end - begin);
}

static int trained(const struct fl_loop *p, size_t param)
{
	return !p->l->net->param[param].buffer &&
	       !(p->ph->role && p->ph->role[param] == FL_ROLE_FROZEN);
}

/* At the gradient as the optimiser will see it, where that is wanted. */
static void look(struct fl_loop *p, size_t param, const fl_real *g, size_t n)
{
	float max;

	if (p->l->watch && !fl_vfinite(g, n, &max) && !p->bad)
		p->bad = p->l->net->param[param].name;
}

static void done(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	struct fl_loop *p = ctx;

	if (!trained(p, param))
		return;
	if (p->hook)
		p->hook(p->l, begin, end, p->ph->w + begin, g);
	look(p, param, g, end - begin);
	update(p, begin, end, g);
}

/* L2 norm of what trains. */
static double norm(const struct fl_loop *p, const fl_real *g)
{
	const struct fl_net *net = p->l->net;
	double sum = 0;

	for (size_t i = 0; i < net->nparam; i++)
		if (trained(p, i))
			sum += fl_vsumsq(g + net->param[i].off, net->param[i].n);
	return sqrt(sum);
}

/* As torch.nn.utils.clip_grad_norm_. */
static void clip(const struct fl_loop *p, fl_real *g)
{
	double scale = p->l->cfg->clip / (norm(p, g) + 1e-6);

	for (size_t i = 0; scale < 1 && i < p->l->net->P; i++)
		g[i] *= (fl_real)scale;
}

/* The second pass, where the whole gradient is wanted first. */
static void update_all(struct fl_loop *p)
{
	const struct fl_net *net = p->l->net;
	fl_real *g = p->l->room->g;

	if (p->hook)
		p->hook(p->l, 0, net->P, p->ph->w, g);
	for (size_t i = 0; i < net->nparam; i++)
		if (trained(p, i))
			look(p, i, g + net->param[i].off, net->param[i].n);
	if (p->l->cfg->clip > 0)
		clip(p, g);
	for (size_t i = 0; i < net->nparam; i++)
		if (trained(p, i))
			update(p, net->param[i].off, net->param[i].off + net->param[i].n,
			       g + net->param[i].off);
}

/* Inputs, classes and targets of examples idx(B), or i0.. . */
static void load(const struct fl_local *l, const uint32_t *idx, size_t i0, size_t B)
{
	struct fl_work *k = &l->room->work;

	fl_data_batch(l->data, idx, i0, B, k->act[0], l->room->y);
	if (k->target)
		fl_data_targets(l->data, idx, i0, B, k->target);
}

/* The batch at hand as this epoch sees it. An example's random numbers are its own in
 * each epoch: they depend neither on the batch nor on how often a step looks at it. */
static void augment(const struct fl_loop *p)
{
	const struct fl_local *l = p->l;

	for (size_t b = 0; b < l->B && l->augment.n; b++) {
		uint64_t example = l->idx ? l->idx[b] : l->i0 + b;
		struct fl_rng r;

		fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_AUGMENT,
		            example | (uint64_t)p->epoch << 32 | (uint64_t)p->ph->id << 62);
		fl_augmenter_apply(&l->augment, &r, l->room->work.act[0] + b * l->data->d);
	}
}

/* What f says of the examples that are in the net, to rows from i on. */
static void say(const struct fl_local *l, const struct fl_fixed *f, size_t i, size_t B)
{
	const struct fl_net *net = l->net;
	struct fl_work *k = &l->room->work;
	size_t d = net->features, C = net->classes;

	k->stats = NULL;
	fl_net_forward(net, k, f->w, B, 0, NULL);
	if (f->h)
		memcpy(f->h + i * d, fl_net_features(net, k), B * d * sizeof *f->h);
	if (f->z)
		memcpy(f->z + i * C, k->act[net->nlayer], B * C * sizeof *f->z);
}

/* Loss of the batch at hand; its gradient by the logits is where backward looks. */
static double forward(struct fl_loop *p, const fl_real *w)
{
	struct fl_local *l = p->l;
	const struct fl_net *net = l->net;
	struct fl_room *r = l->room;
	struct fl_work *k = &r->work;
	fl_real *z = k->act[net->nlayer], *dz = k->dact[net->nlayer];
	double loss;

	for (const struct fl_fixed *f = l->fixed; f; f = f->next) {
		load(l, l->idx, l->i0, l->B);
		augment(p);
		say(l, f, 0, l->B);
	}
	load(l, l->idx, l->i0, l->B);
	augment(p);
	k->stats = w == p->ph->w ? p->ph->w : NULL;
	fl_net_forward(net, k, w, l->B, 1, &p->drop);
	if (p->method->logits)
		p->method->logits(l, z, r->y, l->B, net->classes);
	loss = fl_net_loss(net, k, r->y, l->B, 1);
	if (p->method->loss)
		loss += p->method->loss(l, z, r->y, dz, l->B, net->classes);
	if (p->method->features)
		loss += p->method->features(l, fl_net_features(net, k), p->dfeature, l->B,
		                            net->features);
	k->dfeature = p->dfeature;
	return loss;
}

double fl_local_gradient(struct fl_local *l, const fl_real *at, fl_real *g)
{
	double loss = forward(l->loop, at);

	fl_net_backward(l->net, &l->room->work, at, g, l->B, &l->loop->drop, NULL, NULL);
	return loss;
}

void fl_local_again(struct fl_local *l)
{
	l->loop->drop = l->loop->drop0;
}

double fl_local_ascent(struct fl_local *l, double rho, const fl_real *w, fl_real *at, fl_real *g)
{
	double loss = fl_local_gradient(l, w, g);
	double scale = rho / (norm(l->loop, g) + 1e-12);	/* the guard of SAM's code */

	memcpy(at, w, l->net->P * sizeof *at);
	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		for (size_t j = q->off; trained(l->loop, i) && j < q->off + q->n; j++)
			at[j] += (fl_real)scale * g[j];
	}
	return loss;
}

/* Examples idx(B), or i0... where idx is NULL. */
static int step(struct fl_loop *p, const uint32_t *idx, size_t i0, size_t B, struct fl_err *e)
{
	struct fl_local *l = p->l;
	struct fl_room *r = l->room;
	double loss;

	l->idx = idx;
	l->i0 = i0;
	l->B = B;
	p->drop0 = p->drop;
	if (p->method->batch)
		loss = p->method->batch(l, p->ph->w, r->g);
	else if (p->whole)
		loss = fl_local_gradient(l, p->ph->w, r->g);
	else
		loss = forward(p, p->ph->w);
	if (!isfinite(loss))
		return fl_fail(e, FL_ENUM, "loss is not finite");
	p->loss += loss * (double)B;
	p->seen += B;
	if (p->whole)
		update_all(p);
	else
		fl_net_backward(l->net, &r->work, p->ph->w, r->g, B, &p->drop, done, p);
	p->t++;
	return p->bad ? fl_fail(e, FL_ENUM, "gradient of tensor '%s' is not finite", p->bad) : 0;
}

/* --- epochs --- */

static uint64_t sub(const struct fl_loop *p)
{
	return (uint64_t)p->epoch | (uint64_t)p->ph->id << 32;
}

static const uint32_t *shuffled(const struct fl_loop *p)
{
	const struct fl_local *l = p->l;
	uint32_t *v = l->room->order;
	struct fl_rng r;

	if (!l->cfg->shuffle)
		return NULL;
	for (size_t i = 0; i < l->data->N; i++)
		v[i] = (uint32_t)i;
	fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_SHUFFLE,
	            sub(p));
	fl_rng_shuffle(&r, v, l->data->N);
	return v;
}

static int over(const struct fl_loop *p)
{
	return p->ph->steps != FL_UNSET ? p->ph->taken >= p->ph->steps :
	       p->epoch >= p->ph->epochs;
}

static int where(const struct fl_loop *p, int64_t at, struct fl_err *e)
{
	if (p->ph->id)
		return fl_fail_in(e, "phase %u, epoch %" PRId64 ", step %" PRId64, p->ph->id + 1,
		                  p->epoch + 1, at);
	return fl_fail_in(e, "epoch %" PRId64 ", step %" PRId64, p->epoch + 1, at);
}

/* One pass over the local set, the last short batch included. */
static int epoch(struct fl_loop *p, struct fl_err *e)
{
	const struct fl_local *l = p->l;
	size_t N = l->data->N, B = (size_t)l->cfg->batch;
	const uint32_t *idx = shuffled(p);

	fl_rng_init(&p->drop, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client,
	            FL_RNG_DROPOUT, sub(p));
	p->loss = 0;
	p->seen = 0;
	for (size_t i = 0; i < N; i += B) {
		if (p->ph->steps != FL_UNSET && p->ph->taken >= p->ph->steps)
			break;
		if (step(p, idx ? idx + i : NULL, i, N - i < B ? N - i : B, e))
			return where(p, p->ph->taken + 1, e);
		p->ph->taken++;
	}
	p->ph->loss = p->loss / (double)p->seen;
	return 0;
}

static int check_weights(const struct fl_loop *p, struct fl_err *e)
{
	const struct fl_net *net = p->l->net;
	float max;

	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		if (!fl_vfinite(p->ph->w + q->off, q->n, &max)) {
			fl_fail(e, FL_ENUM, "tensor '%s' is not finite", q->name);
			return where(p, p->ph->taken, e);
		}
	}
	return 0;
}

static int get_dfeature(struct fl_loop *p, size_t B, struct fl_err *e)
{
	size_t n;

	if (!p->method->features)
		return 0;
	if (fl_mul(B, p->l->net->features, &n))
		return fl_fail_mem(e, SIZE_MAX);
	return (p->dfeature = fl_arena_get(p->l->arena, n, sizeof *p->dfeature, e)) ? 0 : -1;
}

int fl_local_run(struct fl_local *l, struct fl_phase *ph, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)l->cfg->opt.entry;
	struct fl_loop p = {
		.l = l, .ph = ph, .method = method_of(l), .opt = opt, .hook = ph->grad,
		.lr = fl_local_lr(l->cfg),
	};
	size_t N = l->data->N, B = (size_t)l->cfg->batch;

	ph->taken = 0;
	ph->loss = NAN;
	p.whole = p.method->flags & FL_METHOD_WHOLE || p.method->batch || opt->whole ||
	          l->cfg->clip > 0;
	l->loop = &p;
	if (fl_room_fit(l->room, B < N ? B : N, N, e) || begin_opt(&p, e) ||
	    get_dfeature(&p, B < N ? B : N, e))
		return -1;
	for (; !over(&p); p.epoch++)
		if (epoch(&p, e) || (ph->epoch_done && ph->epoch_done(l, p.epoch, e)))
			return -1;
	l->room->work.dfeature = NULL;
	l->loop = NULL;
	p.epoch -= p.epoch > 0;		/* the last one, for messages */
	if (check_weights(&p, e))
		return -1;
	fl_say(FL_LOG_INFO, "client %" PRId64 ": %zu examples, %" PRId64 " steps, training loss %g",
	       l->client, N, ph->taken, ph->loss);
	return l->cfg->keep_opt ? export_opt(&p, e) : 0;
}

/* --- measuring --- */

struct sum {
	double *sum;
	double n;
};

static void add(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	const struct sum *s = ctx;

	(void)param;
	for (size_t i = begin; i < end; i++)
		s->sum[i] += s->n * (double)g[i - begin];
}

/* The first n of a permutation of the local set; NULL: all, as stored. */
static int draw(struct fl_local *l, size_t n, const uint32_t **out, struct fl_err *e)
{
	size_t N = l->data->N;
	struct fl_rng r;
	uint32_t *v;

	*out = NULL;
	if (n == N)
		return 0;
	if (!(v = fl_arena_get(l->arena, N, sizeof *v, e)))
		return -1;
	for (size_t i = 0; i < N; i++)
		v[i] = (uint32_t)i;
	fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_SAMPLE, 0);
	fl_rng_shuffle(&r, v, N);
	*out = v;
	return 0;
}

/* Mean loss of a batch; its gradient goes to s, unless s is NULL. */
static double measure_batch(struct fl_local *l, const fl_real *w, const uint32_t *idx, size_t i0,
                            size_t B, struct sum *s)
{
	struct fl_room *r = l->room;
	double loss;

	load(l, idx, i0, B);
	fl_net_forward(l->net, &r->work, w, B, 0, NULL);
	loss = fl_net_loss(l->net, &r->work, r->y, B, s != NULL);
	if (s) {
		s->n = (double)B;
		fl_net_backward(l->net, &r->work, w, r->g, B, NULL, add, s);
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
	size_t N = l->data->N, n = sample > 0 && (uint64_t)sample < N ? (size_t)sample : N;
	struct fl_room *r = l->room;
	struct sum s = { .sum = NULL };
	const uint32_t *idx;
	double total = 0;

	if (fl_room_fit(r, n < MEASURE_BATCH ? n : MEASURE_BATCH, 0, e) || draw(l, n, &idx, e) ||
	    (g && !(s.sum = zero_sum(r, e))))
		return -1;
	for (size_t i = 0; i < n; i += MEASURE_BATCH) {
		size_t B = n - i < MEASURE_BATCH ? n - i : MEASURE_BATCH;

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

/* --- models that do not train --- */

size_t fl_local_row(const struct fl_local *l, size_t b)
{
	return l->fixed ? b : l->idx ? l->idx[b] : l->i0 + b;
}

static int say_all(struct fl_local *l, const struct fl_fixed *f, struct fl_err *e)
{
	size_t N = l->data->N;

	if (fl_room_fit(l->room, N < MEASURE_BATCH ? N : MEASURE_BATCH, 0, e))
		return -1;
	for (size_t i = 0; i < N; i += MEASURE_BATCH) {
		size_t B = N - i < MEASURE_BATCH ? N - i : MEASURE_BATCH;

		fl_data_batch(l->data, NULL, i, B, l->room->work.act[0], NULL);
		say(l, f, i, B);
	}
	return 0;
}

int fl_local_fix(struct fl_local *l, struct fl_fixed *f, const fl_real *w, unsigned what,
                 struct fl_err *e)
{
	size_t rows = l->data->N, d, C;

	if (l->augment.n && (uint64_t)l->cfg->batch < rows)
		rows = (size_t)l->cfg->batch;
	if (fl_mul(rows, l->net->features, &d) || fl_mul(rows, l->net->classes, &C))
		return fl_fail_mem(e, SIZE_MAX);
	*f = (struct fl_fixed){ .w = w };
	if ((what & FL_FIX_FEATURES && !(f->h = fl_arena_get(l->arena, d, sizeof *f->h, e))) ||
	    (what & FL_FIX_LOGITS && !(f->z = fl_arena_get(l->arena, C, sizeof *f->z, e))))
		return -1;
	if (!l->augment.n)
		return say_all(l, f, e);
	f->next = l->fixed;
	l->fixed = f;
	return 0;
}

/* The phases of a client's training: the one loop, run with a method's hooks over the
 * client's examples, and what the optimiser keeps between rounds. */
#include "fed/client/local.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "tensor/running.h"

/* What the loop's hooks are given. */
struct run {
	struct fl_local *l;
	struct fl_phase *ph;
	const struct fl_method *method;
	struct fl_loop loop;
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

static void name_vec(char *buf, size_t n, const struct fl_loop *p, const char *vec)
{
	snprintf(buf, n, "@opt/%u/%s", p->phase, vec);
}

static int import_opt(const struct fl_local *l, struct fl_loop *p, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)p->opt.entry;
	const struct fl_tensor *t;
	char name[128];

	name_vec(name, sizeof name, p, "t");
	if (!(t = fl_tset_find(l->old, name)))
		return 0;
	if (t->dtype != FL_I64 || t->n != 1 || *(const int64_t *)t->data < 0)
		return fl_fail(e, FL_EDATA, "state: tensor '%s' is not a count of steps", name);
	p->t = (uint64_t)*(const int64_t *)t->data;
	for (size_t i = 0; i < FL_OPT_VECS && opt->vec[i]; i++) {
		name_vec(name, sizeof name, p, opt->vec[i]);
		strcat(name, "/");
		if (p->bench->vec[i] &&
		    fl_net_import_params(p->net, l->old, name, 0, p->bench->vec[i], e))
			return fl_fail_in(e, "state");
	}
	return 0;
}

static int export_opt(const struct fl_local *l, const struct fl_loop *p, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)p->opt.entry;
	struct fl_tensor *t;
	char name[128];

	name_vec(name, sizeof name, p, "t");
	if (!(t = fl_tset_add(l->state, name, FL_I64, 0, NULL, NULL, e)))
		return -1;
	*(int64_t *)t->data = (int64_t)p->t;
	for (size_t i = 0, n = opt->nvec(p->opt.p); i < n; i++) {
		name_vec(name, sizeof name, p, opt->vec[i]);
		strcat(name, "/");
		if (fl_net_export_params(p->net, p->bench->vec[i], name, l->state, e))
			return -1;
	}
	return 0;
}

/* --- hooks of the loop --- */

/* The batch at hand as this epoch sees it. An example's random numbers are its own in
 * each epoch: they depend neither on the batch nor on how often a step looks at it. */
static void augment_batch(const struct fl_local *l)
{
	const struct fl_loop *p = l->loop;

	for (size_t b = 0; b < p->B && l->augment.n; b++) {
		uint64_t example = p->idx ? p->idx[b] : p->i0 + b;
		struct fl_rng r;

		fl_rng_init(&r, p->seed, p->round, p->who, FL_RNG_AUGMENT,
		            example | (uint64_t)p->epoch << 32 | (uint64_t)p->phase << 62);
		fl_augmenter_apply(&l->augment, &r, p->bench->work.act[0] + b * l->data->d);
	}
}

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	const struct run *r = ctx;
	struct fl_local *l = r->l;

	for (const struct fl_fixed *f = l->fixed; f; f = f->next) {
		fl_local_load(l, idx, i0, B);
		augment_batch(l);
		fl_local_say(l, f, 0, B);
	}
	fl_local_load(l, idx, i0, B);
	augment_batch(l);
}

static void logits(void *ctx, fl_real *z, const int32_t *y, size_t B, size_t C)
{
	const struct run *r = ctx;

	r->method->logits(r->l, z, y, B, C);
}

static double loss(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B, size_t C)
{
	const struct run *r = ctx;

	return r->method->loss(r->l, z, y, dz, B, C);
}

static double features(void *ctx, const fl_real *h, const int32_t *y, fl_real *dh, size_t B,
                       size_t d)
{
	const struct run *r = ctx;

	(void)y;
	return r->method->features(r->l, h, dh, B, d);
}

static double batch(void *ctx, const fl_real *w, fl_real *g)
{
	const struct run *r = ctx;

	return r->method->batch(r->l, w, g);
}

static void grad(void *ctx, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct run *r = ctx;

	r->ph->grad(r->l, begin, end, w, g);
}

static struct fl_loop_hooks hooks_of(const struct run *r)
{
	const struct fl_method *m = r->method;

	return (struct fl_loop_hooks){
		.load = load, .logits = m->logits ? logits : NULL, .loss = m->loss ? loss : NULL,
		.features = m->features ? features : NULL, .batch = m->batch ? batch : NULL,
		.grad = r->ph->grad ? grad : NULL,
	};
}

/* --- a phase --- */

/* Parameters that stay in a phase: those that are frozen in it. */
static int set_still(struct run *r, struct fl_err *e)
{
	const struct fl_phase *ph = r->ph;
	size_t n = r->l->net->nparam;
	unsigned char *still;

	if (!ph->role)
		return 0;
	if (!(still = fl_arena_get(r->l->arena, n, 1, e)))
		return -1;
	for (size_t i = 0; i < n; i++)
		still[i] = ph->role[i] == FL_ROLE_FROZEN;
	r->loop.still = still;
	return 0;
}

static int set_loop(struct run *r, struct fl_err *e)
{
	const struct fl_local *l = r->l;
	const struct fl_train *cfg = l->cfg;
	const struct fl_phase *ph = r->ph;

	r->loop = (struct fl_loop){
		.net = l->net, .bench = &l->room->bench, .w = ph->w, .opt = cfg->opt,
		.lr = fl_local_lr(cfg), .clip = cfg->clip, .N = l->data->N, .batch = cfg->batch,
		.epochs = ph->epochs, .steps = ph->steps, .shuffle = cfg->shuffle,
		.whole = !!(r->method->flags & FL_METHOD_WHOLE), .watch = l->watch, .on = hooks_of(r),
		.ctx = r, .seed = cfg->seed, .round = (uint64_t)l->round, .who = (uint64_t)l->client,
		.phase = ph->id,
	};
	return set_still(r, e);
}

static int run_epochs(struct run *r, struct fl_err *e)
{
	struct fl_loop *p = &r->loop;

	while (!fl_loop_over(p)) {
		int rc = fl_loop_epoch(p, e);

		r->ph->taken = p->taken;
		r->ph->loss = p->loss;
		if (rc || (r->ph->epoch_done && r->ph->epoch_done(r->l, p->epoch - 1, e)))
			return -1;
	}
	return fl_loop_check(p, e);
}

/* One value has no variance: batch normalisation then keeps nothing of it, and passes no
 * gradient on. */
static void warn_of_one(const struct fl_local *l)
{
	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		if (!fl_name_is_variance(q->name) || fl_shape_count(&l->net->layer[q->layer].in) > q->n)
			continue;
		fl_say(FL_LOG_WARN, "client %" PRId64 ": batches of one example have no variance: "
		       "'%s' stays, and what stands before it does not train", l->client, q->name);
		return;
	}
}

int fl_local_run(struct fl_local *l, struct fl_phase *ph, struct fl_err *e)
{
	struct run r = { .l = l, .ph = ph, .method = method_of(l) };

	ph->taken = 0;
	ph->loss = NAN;
	l->loop = &r.loop;
	if ((l->cfg->batch == 1 || l->data->N == 1) && !ph->id)
		warn_of_one(l);
	if (set_loop(&r, e) || fl_loop_begin(&r.loop, e) ||
	    (l->cfg->keep_opt && import_opt(l, &r.loop, e)) || run_epochs(&r, e))
		return -1;
	l->loop = NULL;
	fl_say(FL_LOG_INFO, "client %" PRId64 ": %zu examples, %" PRId64 " steps, training loss %g",
	       l->client, l->data->N, ph->taken, ph->loss);
	return l->cfg->keep_opt ? export_opt(l, &r.loop, e) : 0;
}

/* --- for methods --- */

double fl_local_gradient(struct fl_local *l, const fl_real *at, fl_real *g)
{
	return fl_loop_gradient(l->loop, at, g);
}

void fl_local_again(struct fl_local *l)
{
	fl_loop_again(l->loop);
}

double fl_local_ascent(struct fl_local *l, double rho, const fl_real *w, fl_real *at, fl_real *g)
{
	double loss = fl_local_gradient(l, w, g);
	double scale = rho / (fl_loop_norm(l->loop, g) + 1e-12);	/* the guard of SAM's code */

	memcpy(at, w, l->net->P * sizeof *at);
	for (size_t i = 0; i < l->net->nparam; i++) {
		const struct fl_net_param *q = &l->net->param[i];

		for (size_t j = q->off; fl_loop_trains(l->loop, i) && j < q->off + q->n; j++)
			at[j] += (fl_real)scale * g[j];
	}
	return loss;
}

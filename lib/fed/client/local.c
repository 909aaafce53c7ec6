/* The phases of a client's training: the one loop, run with a method's hooks over the
 * client's examples, and what the optimiser keeps between rounds. */
#include "fed/client/local.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "kernel/vmath.h"
#include "tensor/running.h"

/* A phase while it runs: what the loop's hooks are given. */
struct run {
	struct fl_local *l;
	struct fl_phase *ph;
	struct fl_augmenter augment;	/* of its examples; n 0: none */
	struct fl_loop loop;
	struct run *beside, *lead;	/* the phase beside it, the phase that it is beside */
	uint64_t stepped;		/* steps of this one at which that beside took its own */
};

double fl_local_lr(const struct fl_train *cfg)
{
	const struct fl_optim *opt = (const struct fl_optim *)cfg->opt.entry;

	return opt->lr(cfg->opt.p) * fl_schedule_factor(&cfg->schedule, cfg->round);
}

struct fl_phase fl_local_phase(const struct fl_local *l)
{
	const struct fl_train *cfg = l->cfg;
	struct fl_phase ph = {
		.w = l->w, .room = l->room, .data = l->data, .epochs = cfg->epochs,
		.steps = cfg->steps, .lr = fl_local_lr(cfg), .anchor = l->w0, .role = l->role,
		.on = fl_local_hooks(l),
	};

	for (size_t i = 0; i < cfg->nmethod; i++)
		ph.pull += l->use[i].m->pull ? l->use[i].m->pull(l->use[i].p) : 0;
	return ph;
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
		    fl_net_import_params(p->net, l->old, name, FL_ABSENT_REFUSE, p->bench->vec[i], e))
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
static void augment_batch(const struct run *r)
{
	const struct fl_loop *p = &r->loop;

	for (size_t b = 0; b < p->B && r->augment.n; b++) {
		uint64_t example = p->idx ? p->idx[b] : p->i0 + b;
		struct fl_rng rng;

		fl_rng_init(&rng, p->seed, p->round, p->who, FL_RNG_AUGMENT,
		            example | (uint64_t)p->epoch << 32 | (uint64_t)p->phase << 62);
		fl_augmenter_apply(&r->augment, &rng, p->bench->work.act[0] + b * r->ph->data->d);
	}
}

/* The same numbers for however many looks at the batch. */
static void mix_batch(struct run *r)
{
	struct fl_loop *p = &r->loop;
	struct fl_bench *b = p->bench;
	struct fl_mixed m = {
		.B = p->B, .d = r->ph->data->d, .T = b->work.target ? p->net->targets : 0,
		.x = b->work.act[0], .target = b->work.target, .y = b->y, .y2 = b->y2,
	};
	struct fl_rng rng;

	if (!r->augment.mixes)
		return;
	fl_rng_init(&rng, p->seed, p->round, p->who, FL_RNG_MIX,
	            p->i0 | (uint64_t)p->epoch << 32 | (uint64_t)p->phase << 62);
	fl_augmenter_mix(&r->augment, &rng, &m);
	p->keep = m.keep;
}

static void load_examples(struct run *r)
{
	const struct fl_loop *p = &r->loop;

	fl_bench_load(p->bench, r->ph->data, p->idx, p->i0, p->B);
	augment_batch(r);
}

/* Whether the models that see each batch see those of this phase. */
static int is_seen(const struct run *r)
{
	return r->ph->room == r->l->room && r->ph->data == r->l->data;
}

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct run *r = ctx;
	struct fl_local *l = r->l;
	const struct fl_bench *b = r->loop.bench;

	(void)idx;
	(void)i0;
	for (const struct fl_fixed *f = is_seen(r) ? l->fixed : NULL; f; f = f->next) {
		load_examples(r);
		mix_batch(r);
		fl_local_say(l, f, 0, B);
	}
	load_examples(r);
	if (r->ph->on.input)
		r->ph->on.input(l, b->work.act[0], b->y, B, fl_shape_count(&r->loop.net->in));
	mix_batch(r);
}

/* What is beside a phase sees the batch that it sees. */
static void load_beside(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct run *r = ctx;
	const struct fl_bench *from = r->lead->loop.bench;
	struct fl_bench *to = r->loop.bench;

	(void)idx;
	(void)i0;
	memcpy(to->work.act[0], from->work.act[0],
	       B * fl_shape_count(&r->loop.net->in) * sizeof(fl_real));
	memcpy(to->y, from->y, B * sizeof *to->y);
	memcpy(to->y2, from->y2, B * sizeof *to->y2);
	r->loop.keep = r->lead->loop.keep;
	if (to->work.target)
		memcpy(to->work.target, from->work.target, B * r->loop.net->targets * sizeof(fl_real));
	if (r->ph->on.input)
		r->ph->on.input(r->l, to->work.act[0], to->y, B, fl_shape_count(&r->loop.net->in));
}

/* The step of the phase beside r, once for each of r's. */
static void step_beside(struct run *r)
{
	struct fl_loop *p = &r->loop;

	if (r->stepped > p->t)
		return;
	r->stepped = p->t + 1;
	r->l->loop = &r->beside->loop;
	fl_loop_step(&r->beside->loop, p->idx, p->i0, p->B, &p->err);
	r->l->loop = p;
}

static void logits(void *ctx, fl_real *z, const int32_t *y, size_t B, size_t C)
{
	struct run *r = ctx;

	if (r->beside)
		step_beside(r);
	if (r->ph->on.logits)
		r->ph->on.logits(r->l, z, y, B, C);
}

static double task(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B, size_t C)
{
	const struct run *r = ctx;

	return r->ph->on.task(r->l, z, y, dz, B, C);
}

static double loss(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B, size_t C)
{
	const struct run *r = ctx;

	return r->ph->on.loss(r->l, z, y, dz, B, C);
}

static double features(void *ctx, const fl_real *h, const int32_t *y, fl_real *dh, size_t B,
                       size_t d)
{
	const struct run *r = ctx;

	return r->ph->on.features(r->l, h, y, dh, B, d);
}

static double batch(void *ctx, const fl_real *w, fl_real *g)
{
	const struct run *r = ctx;

	return r->ph->on.batch(r->l, w, g);
}

static size_t order(void *ctx, uint32_t *v, size_t n)
{
	const struct run *r = ctx;

	return r->ph->on.order(r->l, r->loop.epoch, v, n);
}

static void grad(void *ctx, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct run *r = ctx;
	const struct fl_phase *ph = r->ph;

	if (ph->pull > 0)
		fl_vpull((fl_real)ph->pull, w, ph->anchor + begin, g, end - begin);
	if (ph->on.grad)
		ph->on.grad(r->l, begin, end, w, g);
	if (ph->on.mix)
		ph->on.mix(r->l, begin, end, w, g);
}

static struct fl_loop_hooks loop_hooks(const struct run *r)
{
	const struct fl_hooks *on = &r->ph->on;

	return (struct fl_loop_hooks){
		.order = on->order && !r->lead ? order : NULL,
		.load = r->lead ? load_beside : load,
		.logits = on->logits || r->beside ? logits : NULL, .task = on->task ? task : NULL,
		.loss = on->loss ? loss : NULL, .features = on->features ? features : NULL,
		.batch = on->batch ? batch : NULL,
		.grad = r->ph->pull > 0 || on->grad || on->mix ? grad : NULL,
	};
}

/* --- a phase --- */

static unsigned flags_of(const struct fl_local *l)
{
	unsigned flags = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++)
		flags |= l->use[i].m->flags;
	return flags;
}

/* Parameters that stay in a phase: those that are frozen in it. */
static int set_still(struct run *r, struct fl_err *e)
{
	const struct fl_phase *ph = r->ph;
	size_t n = r->loop.net->nparam;
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
		.net = ph->room->net, .bench = &ph->room->bench, .w = ph->w, .opt = cfg->opt,
		.lr = ph->lr, .clip = cfg->clip, .N = ph->data->N, .batch = cfg->batch,
		.mixes = r->lead ? r->lead->augment.mixes : r->augment.mixes,
		.label = ph->data->unlabelled && !r->lead ? ph->data->y : NULL,
		.epochs = ph->epochs, .steps = ph->steps, .shuffle = cfg->shuffle && !r->lead,
		.whole = !!(flags_of(l) & FL_METHOD_WHOLE), .input = !!(flags_of(l) & FL_METHOD_INPUT),
		.watch = l->watch, .on = loop_hooks(r), .ctx = r,
		.seed = cfg->seed, .round = (uint64_t)l->round, .who = (uint64_t)l->client,
		.phase = ph->id,
	};
	return set_still(r, e);
}

/* That the phase's examples fit its net, where these are not the client's own. */
static int check_data(struct run *r, struct fl_err *e)
{
	const struct fl_net *net = r->ph->room->net;

	if (is_seen(r)) {
		if (!r->ph->plain)
			r->augment = r->l->augment;
		return 0;
	}
	if (fl_data_fits(r->ph->data, net, net->classes, net->targets, e) ||
	    fl_data_fits_tap(r->ph->data, net, net->ntap, e) ||
	    (r->ph->data != r->l->data && fl_local_labelled(r->l, r->ph->data, e)))
		return -1;
	return r->lead || r->ph->plain || !r->l->cfg->naugment ? 0 :
	       fl_augmenter_init(&r->augment, r->l->cfg->augment, r->l->cfg->naugment, r->ph->data,
	                         (size_t)r->l->cfg->batch, r->l->arena, e);
}

/* One value has no variance: batch normalisation then keeps nothing of it, and passes no
 * gradient on. */
static void warn_of_one(const struct run *r)
{
	const struct fl_net *net = r->ph->room->net;
	size_t N = r->ph->data->N;

	if ((r->l->cfg->batch > 1 && N > 1) || r->ph->id)
		return;
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		if (!fl_name_is_variance(q->name) || fl_shape_count(&net->layer[q->layer].in) > q->n)
			continue;
		fl_say(FL_LOG_WARN, "client %" PRId64 ": batches of one example have no variance: "
		       "'%s' stays, and what stands before it does not train", r->l->client, q->name);
		return;
	}
}

static int begin_run(struct run *r, struct fl_err *e)
{
	r->ph->taken = 0;
	r->ph->loss = NAN;
	warn_of_one(r);
	return check_data(r, e) || set_loop(r, e) || fl_loop_begin(&r->loop, e) ||
	       (r->l->cfg->keep_opt && import_opt(r->l, &r->loop, e)) ? -1 : 0;
}

static void note_result(struct run *r)
{
	r->ph->taken = r->loop.taken;
	r->ph->loss = r->loop.loss;
}

static int run_epoch(struct run *r, struct fl_err *e)
{
	struct fl_loop *beside = r->beside ? &r->beside->loop : NULL;
	int rc;

	if (beside && fl_loop_open(beside, e))
		return -1;
	rc = fl_loop_epoch(&r->loop, e);
	note_result(r);
	if (beside) {
		fl_loop_close(beside);
		note_result(r->beside);
	}
	return rc || (r->ph->epoch_done && r->ph->epoch_done(r->l, r->loop.epoch - 1, e)) ? -1 : 0;
}

static int end_run(struct run *r, struct fl_err *e)
{
	const struct fl_local *l = r->l;
	char what[64];

	if (fl_loop_check(&r->loop, e))
		return -1;
	snprintf(what, sizeof what, "client %" PRId64 ": training loss", l->client);
	fl_net_warn_loss(r->loop.net, what, r->ph->loss);
	fl_say(FL_LOG_INFO, "client %" PRId64 ": %zu examples, %" PRId64 " steps, training loss %g",
	       l->client, r->ph->data->N, r->ph->taken, r->ph->loss);
	return l->cfg->keep_opt ? export_opt(l, &r->loop, e) : 0;
}

int fl_local_run(struct fl_local *l, struct fl_phase *ph, struct fl_err *e)
{
	struct run r = { .l = l, .ph = ph }, beside = { .l = l, .ph = ph->beside, .lead = &r };
	int rc;

	if (ph->beside) {
		r.beside = &beside;
		beside.ph->data = ph->data;
	}
	if (begin_run(&r, e) || (r.beside && begin_run(&beside, e)))
		return -1;
	l->loop = &r.loop;
	for (rc = 0; !rc && !fl_loop_over(&r.loop);)
		rc = run_epoch(&r, e);
	l->loop = NULL;
	return rc || (r.beside && end_run(&beside, e)) || end_run(&r, e) ? -1 : 0;
}

/* --- for methods --- */

const fl_real *fl_phase_logits(const struct fl_phase *ph)
{
	return ph->room->bench.work.act[ph->room->net->nlayer];
}

double fl_local_task(struct fl_local *l)
{
	return fl_loop_task(l->loop);
}

/* Weights are those of the net again afterwards: whoever measures uses them, too. */
double fl_local_task_without(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                             size_t B, size_t C)
{
	const struct fl_net *net = l->loop->net;
	const unsigned char *off = l->priv;
	struct fl_work *k = &l->loop->bench->work;
	double loss;

	(void)z;
	(void)y;
	(void)dz;
	(void)B;
	(void)C;
	k->weight = off[0] ? 0 : net->weight;
	for (size_t t = 0; t < net->ntap; t++)
		k->tap[t].weight = off[1 + t] ? 0 : net->tap[t].weight;
	loss = fl_local_task(l);
	k->weight = net->weight;
	for (size_t t = 0; t < net->ntap; t++)
		k->tap[t].weight = net->tap[t].weight;
	return loss;
}

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
	const struct fl_net *net = l->loop->net;

	memcpy(at, w, net->P * sizeof *at);
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		for (size_t j = q->off; fl_loop_trains(l->loop, i) && j < q->off + q->n; j++)
			at[j] += (fl_real)scale * g[j];
	}
	return loss;
}

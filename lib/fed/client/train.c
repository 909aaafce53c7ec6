/* One client's round: measure, train by the method, make the update's record. */
#include "fed/client/local.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "fed/client/measure.h"
#include "kernel/vmath.h"

static const struct fl_method *method_of(const struct fl_train *cfg, size_t i)
{
	return (const struct fl_method *)cfg->method[i].entry;
}

const char *fl_local_keeps(const struct fl_train *cfg)
{
	if (cfg->keep_opt)
		return "--keep-opt";
	if (cfg->buffers == FL_BUFFERS_LOCAL)
		return "--buffers=local";
	for (size_t i = 0; i < cfg->nmethod; i++) {
		const struct fl_method *m = method_of(cfg, i);

		if (m->flags & FL_METHOD_STATE || (m->keeps ? m->keeps(cfg->method[i].p) : m->role != NULL))
			return m->e.name;
	}
	return NULL;
}

/* --- roles --- */

/* By what the user wants of running statistics, the architecture, the method. */
static enum fl_role role_of(const struct fl_local *l, const struct fl_net_param *q)
{
	static const enum fl_role running[] = {
		[FL_BUFFERS_LOCAL] = FL_ROLE_PRIVATE, [FL_BUFFERS_DROP] = FL_ROLE_FROZEN,
	};

	if (q->kind == FL_RUNNING && l->cfg->buffers != FL_BUFFERS_GLOBAL)
		return running[l->cfg->buffers];
	if (q->kind == FL_FROZEN)
		return FL_ROLE_FROZEN;
	for (size_t i = 0; i < l->cfg->nmethod; i++)
		if (l->use[i].m->role)
			return l->use[i].m->role(l->use[i].p, q->name);
	return FL_ROLE_SHARED;
}

static int all_shared(const struct fl_local *l)
{
	size_t i = 0;

	while (i < l->net->nparam && role_of(l, &l->net->param[i]) == FL_ROLE_SHARED)
		i++;
	return i == l->net->nparam;
}

/* Private tensors begin where this client left them. */
static int begin_roles(struct fl_local *l, struct fl_err *e)
{
	const struct fl_net *net = l->net;
	fl_real *w0, *mine;
	unsigned char *role;

	if (all_shared(l))
		return 0;
	if (!(role = fl_arena_get(l->arena, net->nparam, 1, e)) || !(w0 = fl_local_vec(l, e)) ||
	    !(mine = fl_local_vec(l, e)))
		return -1;
	memcpy(w0, l->w0, net->P * sizeof *w0);
	memcpy(mine, l->w0, net->P * sizeof *mine);
	if (fl_net_import(net, l->old, FL_PRIVATE, FL_ABSENT_KEEP, mine, e))
		return fl_fail_in(e, "state");
	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *q = &net->param[i];

		role[i] = (unsigned char)role_of(l, q);
		if (role[i] == FL_ROLE_PRIVATE)
			memcpy(w0 + q->off, mine + q->off, q->n * sizeof *w0);
	}
	memcpy(l->w, w0, net->P * sizeof *w0);
	l->w0 = w0;
	l->role = role;
	return 0;
}

/* The tensors of v that have a role. */
static int export_role(struct fl_local *l, const fl_real *v, enum fl_role role,
                       const char *prefix, struct fl_tset *s, struct fl_err *e)
{
	struct fl_tset all = { .t = NULL };
	int rc;

	if (!l->role)
		return role == FL_ROLE_SHARED ? fl_local_export(l, v, prefix, s, e) : 0;
	rc = fl_local_export(l, v, prefix, &all, e);
	for (size_t i = 0; i < l->net->nparam && !rc; i++)
		if (l->role[i] == role && !fl_tset_copy(s, NULL, &all.t[i], e))
			rc = -1;
	fl_tset_release(&all);
	return rc;
}

/* --- facts --- */

static int write_specs(const struct fl_local *l, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_str method = FL_STR_INIT, opt = FL_STR_INIT;
	int rc = -1;

	fl_specs_print(l->cfg->method, l->cfg->nmethod, &method);
	fl_spec_print(&l->cfg->opt, &opt);
	if (!fl_str_check(&method, e) && !fl_str_check(&opt, e) &&
	    !fl_meta_set(rec, "fl.method", fl_str_c(&method), e) &&
	    !fl_meta_set(rec, "fl.opt", fl_str_c(&opt), e))
		rc = fl_meta_set_i64(rec, "fl.seed", (int64_t)l->cfg->seed, e);
	fl_str_release(&method);
	fl_str_release(&opt);
	return rc;
}

/* Whether the optimiser went on with moments of the round before. */
static int went_on(const struct fl_local *l)
{
	const struct fl_optim *o = (const struct fl_optim *)l->cfg->opt.entry;

	return l->cfg->keep_opt && l->old->nt && o->nvec(l->cfg->opt.p);
}

/* --- the round --- */

/* What all methods want to be measured, once. */
static unsigned needs_of(const struct fl_local *l)
{
	unsigned needs = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++)
		needs |= l->use[i].m->needs;
	return needs;
}

static int use_tap(struct fl_local *l, struct fl_use *u, struct fl_err *e)
{
	const char *tap = u->m->tap ? u->m->tap(u->p) : NULL;

	u->tap = l->net->ntap;
	if (!tap || !fl_net_need_tap(l->net, tap, &u->tap, e))
		return 0;
	return fl_fail_in(e, "method %s", u->m->e.name);
}

static int begin_methods(struct fl_local *l, struct fl_err *e)
{
	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		fl_local_as(l, i);
		if (use_tap(l, &l->use[i], e))
			return -1;
		l->use[i].begun = 1;
		if (l->use[i].m->begin && l->use[i].m->begin(l, e))
			return -1;
	}
	return 0;
}

static void release_methods(struct fl_local *l)
{
	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		fl_local_as(l, i);
		if (l->use[i].begun && l->use[i].m->release)
			l->use[i].m->release(l);
	}
}

static int end_methods(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		fl_local_as(l, i);
		if (l->use[i].m->end && l->use[i].m->end(l, update, e))
			return -1;
	}
	return 0;
}

/* The phases of the method that has its own, or the one that all share. */
static int train_phases(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph;

	for (size_t i = 0; i < l->cfg->nmethod; i++)
		if (l->use[i].m->train) {
			fl_local_as(l, i);
			return l->use[i].m->train(l, e);
		}
	ph = fl_local_phase(l);
	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	return 0;
}

static int train(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	if (l->cfg->naugment && fl_augmenter_init(&l->augment, l->cfg->augment, l->cfg->naugment,
	                                          l->data, (size_t)l->cfg->batch, l->arena, e))
		return -1;
	return begin_roles(l, e) || fl_measure_run(l, needs_of(l), 0, update, e) ||
	       begin_methods(l, e) || train_phases(l, e) ? -1 : 0;
}

/* w - w0 in float, under the model's names. */
static int write_weights(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fl_net *net = l->net;
	fl_real *d = l->room->bench.g;
	float max;

	for (size_t i = 0; i < net->P; i++)
		d[i] = l->w[i] - l->w0[i];
	for (size_t i = 0; i < net->nparam; i++)
		if (!fl_vfinite(d + net->param[i].off, net->param[i].n, &max))
			return fl_fail(e, FL_ENUM, "tensor '%s': the update is not finite",
			               net->param[i].name);
	return export_role(l, d, FL_ROLE_SHARED, "", update, e);
}

static int finish(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	struct fl_update *u = &l->facts;

	u->steps = l->steps;
	if (fl_measure_run(l, 0, 1, update, e))
		return -1;
	if (fl_update_write(u, update, e) || write_specs(l, update, e) ||
	    fl_meta_set(update, "fl.slice", fl_meta_get(l->model, "fl.slice"), e) ||
	    fl_meta_set(update, "fl.labels", fl_data_labels(l->data), e) ||
	    (went_on(l) && fl_meta_set_i64(update, "fl.opt_kept", 1, e)) ||
	    write_weights(l, update, e) || end_methods(l, update, e))
		return -1;
	if (!fl_local_keeps(l->cfg))
		return 0;
	if (export_role(l, l->w, FL_ROLE_PRIVATE, FL_PRIVATE, l->state, e) ||
	    write_specs(l, l->state, e) || fl_meta_set(l->state, "fl.base", u->base, e) ||
	    fl_meta_set(l->state, "fl.slice", fl_meta_get(l->model, "fl.slice"), e))
		return -1;
	return fl_meta_set_i64(l->state, "fl.client", l->client, e);
}

/* Whether the state's specs under key are of the entries that this run has. */
static int check_specs(const struct fl_local *l, const char *key, const struct fl_spec *spec,
                       size_t n, struct fl_err *e)
{
	const char *text = fl_meta_get(l->old, key);
	struct fl_str now = FL_STR_INIT;

	if (!text || fl_specs_are(text, spec, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		fl_str_addf(&now, "%s%s", i ? "," : "", spec[i].entry->name);
	fl_fail(e, FL_EDATA, "its state: %s is '%s', but this is %s", key, text, fl_str_c(&now));
	fl_str_release(&now);
	return -1;
}

/* That the state is of the same block of the whole model. */
static int check_slice(const struct fl_local *l, struct fl_err *e)
{
	const char *old = fl_meta_get(l->old, "fl.slice"), *now = fl_meta_get(l->model, "fl.slice");

	if (!l->old->nt || !strcmp(old ? old : "", now ? now : ""))
		return 0;
	return fl_fail(e, FL_EDATA, "its state is of other units of the model (fl.slice) than this copy: "
	               "what keeps state wants the same cut in every round");
}

/* That the state was left by this experiment, as far as it says: of this client and
 * method, and where it is of the round before, from the model that led to this one. */
static int check_state(const struct fl_local *l, struct fl_err *e)
{
	const char *base = fl_meta_get(l->old, "fl.base");
	const char *parent = fl_meta_get(l->model, "fl.parent");
	int64_t client = l->client, round = -1;

	if (fl_meta_i64(l->old, "fl.client", &client, e) < 0 ||
	    fl_meta_i64(l->old, "fl.round", &round, e) < 0)
		return -1;
	if (client != l->client)
		return fl_fail(e, FL_EDATA, "its state is of client %" PRId64, client);
	if (check_slice(l, e) ||
	    check_specs(l, "fl.method", l->cfg->method, l->cfg->nmethod, e) ||
	    (l->cfg->keep_opt && check_specs(l, "fl.opt", &l->cfg->opt, 1, e)))
		return -1;
	if (base && parent && round == l->round - 1 && !fl_base_agree(base, parent))
		return fl_fail(e, FL_EDATA, "its state is of model %s, but this model was made from "
		               "%s", base, parent);
	return 0;
}

int fl_local_labelled(const struct fl_local *l, const struct fl_data *d, struct fl_err *e)
{
	int taken = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		unsigned flags = l->use[i].m->flags;

		taken = taken || flags & FL_METHOD_UNLABELLED;
		if (flags & FL_METHOD_LABELS && fl_data_labelled(d, e))
			return fl_fail_in(e, "method %s", l->use[i].m->e.name);
	}
	return taken ? 0 : fl_data_labelled(d, e);
}

static int run(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fl_net *net = l->net;

	if (l->client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing", l->data->name);
	memcpy(l->facts.base, l->room->base, sizeof l->facts.base);
	if (!fl_data_fits(l->data, net, net->classes, net->targets, e) &&
	    !fl_data_fits_tap(l->data, net, net->ntap, e) &&
	    !fl_local_labelled(l, l->data, e) && !check_state(l, e) && !train(l, update, e) &&
	    !finish(l, update, e))
		return 0;
	return fl_fail_in(e, "client %" PRId64, l->client);
}

static int attempt(const struct fl_train *cfg, struct fl_room *room, const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_tset *update,
                   int watch, struct fl_err *e)
{
	struct fl_mark empty = fl_arena_mark(&room->arena);
	struct fl_use *use = fl_arena_zero(&room->arena, cfg->nmethod, sizeof *use, e);
	struct fl_local l = {
		.cfg = cfg, .p = cfg->method[0].p, .net = room->net, .data = data,
		.model = room->model, .client = data->client, .round = cfg->round,
		.w0 = room->w0, .w = room->w, .old = old, .state = state, .room = room,
		.arena = &room->arena, .use = use, .seen = { .loss = NAN }, .watch = watch,
		.facts = {
			.client = data->client, .round = cfg->round,
			.examples = (int64_t)data->N, .loss0 = NAN, .gradnorm = NAN, .loss = NAN,
			.lr = fl_local_lr(cfg), .norm = NAN,
		},
	};
	int rc;

	for (size_t i = 0; use && i < cfg->nmethod; i++)
		use[i] = (struct fl_use){ .m = method_of(cfg, i), .p = cfg->method[i].p };
	memcpy(room->w, room->w0, room->net->P * sizeof *room->w);
	rc = use ? run(&l, update, e) : -1;
	if (use)
		release_methods(&l);
	fl_arena_rewind(&room->arena, empty);
	return rc;
}

/* A gradient that is not finite leaves weights that are not, so training need not look
 * at gradients: where it failed, it is done again to see in which step they did. */
int fl_local_train(const struct fl_train *cfg, struct fl_room *room, const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_tset *update,
                   struct fl_err *e)
{
	int rc = attempt(cfg, room, data, old, state, update, 0, e);

	if (!rc || !e || e->code != FL_ENUM)
		return rc;
	fl_tset_release(state);
	fl_tset_release(update);
	*e = (struct fl_err){ 0 };
	return attempt(cfg, room, data, old, state, update, 1, e);
}

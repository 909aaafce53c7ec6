/* One client's round: measure, train by the method, make the update's record. */
#include "fed/client/client.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernel/vmath.h"

static const struct fl_method *method_of(const struct fl_local *l)
{
	return (const struct fl_method *)l->cfg->method.entry;
}

int fl_local_keeps(const struct fl_train *cfg)
{
	const struct fl_method *m = (const struct fl_method *)cfg->method.entry;

	return cfg->keep_opt || m->flags & FL_METHOD_STATE || (m->keeps && m->keeps(cfg->method.p)) ||
	       m->role || cfg->buffers == FL_BUFFERS_LOCAL;
}

/* --- roles --- */

/* By what the user wants of running statistics, the architecture, the method. */
static enum fl_role role_of(const struct fl_local *l, const struct fl_net_param *q)
{
	static const enum fl_role running[] = {
		[FL_BUFFERS_LOCAL] = FL_ROLE_PRIVATE, [FL_BUFFERS_DROP] = FL_ROLE_FROZEN,
	};

	if (q->buffer == FL_RUNNING && l->cfg->buffers != FL_BUFFERS_GLOBAL)
		return running[l->cfg->buffers];
	if (q->buffer == FL_FROZEN)
		return FL_ROLE_FROZEN;
	return method_of(l)->role ? method_of(l)->role(l->p, q->name) : FL_ROLE_SHARED;
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
	if (fl_net_import(net, l->old, FL_PRIVATE, 1, mine, e))
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

/* loss0 and the gradient's norm, in one pass where they use the same examples. */
static int measure_before(struct fl_local *l, unsigned needs, struct fl_err *e)
{
	struct fl_update *u = &l->facts;
	const int64_t *sample = l->cfg->sample;
	fl_real *g = l->room->bench.g;
	double loss;

	if (needs & FL_NEED_GRADNORM) {
		if (fl_local_measure(l, l->w0, sample[1], &loss, g, e))
			return -1;
		u->gradnorm = sqrt(fl_vsumsq(g, l->net->P));
		if (!isfinite(u->gradnorm))
			return fl_fail(e, FL_ENUM, "gradient over the local set is not finite");
		if (sample[0] == sample[1])
			u->loss0 = loss;
	}
	if (!(needs & FL_NEED_LOSS0))
		u->loss0 = NAN;
	else if (isnan(u->loss0))
		return fl_local_measure(l, l->w0, sample[0], &u->loss0, NULL, e);
	return 0;
}

static int write_specs(const struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fl_spec *spec[] = { &l->cfg->method, &l->cfg->opt };
	static const char *const key[] = { "fl.method", "fl.opt" };
	struct fl_str s = FL_STR_INIT;
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc; i++) {
		fl_str_clear(&s);
		fl_spec_print(spec[i], &s);
		rc = fl_str_check(&s, e) ? -1 : fl_meta_set(update, key[i], fl_str_c(&s), e);
	}
	fl_str_release(&s);
	return rc ? rc : fl_meta_set_i64(update, "fl.seed", (int64_t)l->cfg->seed, e);
}

/* Whether the optimiser went on with moments of the round before. */
static int went_on(const struct fl_local *l)
{
	const struct fl_optim *o = (const struct fl_optim *)l->cfg->opt.entry;

	return l->cfg->keep_opt && l->old->nt && o->nvec(l->cfg->opt.p);
}

/* --- the round --- */

static int train(struct fl_local *l, struct fl_err *e)
{
	const struct fl_method *m = method_of(l);
	struct fl_phase ph;

	if (l->cfg->naugment && fl_augmenter_init(&l->augment, l->cfg->augment, l->cfg->naugment,
	                                          l->data, l->arena, e))
		return -1;
	if (begin_roles(l, e) || measure_before(l, l->cfg->measure | m->needs, e) ||
	    (m->begin && m->begin(l, e)))
		return -1;
	if (m->train)
		return m->train(l, e);
	ph = fl_local_phase(l);
	if (fl_local_run(l, &ph, e))
		return -1;
	l->steps = ph.taken;
	return 0;
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
	const struct fl_method *m = method_of(l);
	struct fl_update *u = &l->facts;

	u->steps = l->steps;
	if (l->cfg->measure & FL_NEED_LOSS &&
	    fl_local_measure(l, l->w, l->cfg->sample[2], &u->loss, NULL, e))
		return -1;
	if (fl_update_write(u, update, e) || write_specs(l, update, e) ||
	    (went_on(l) && fl_meta_set_i64(update, "fl.opt_kept", 1, e)) ||
	    write_weights(l, update, e) || (m->end && m->end(l, update, e)))
		return -1;
	if (!fl_local_keeps(l->cfg))
		return 0;
	if (export_role(l, l->w, FL_ROLE_PRIVATE, FL_PRIVATE, l->state, e) ||
	    write_specs(l, l->state, e) || fl_meta_set(l->state, "fl.base", u->base, e))
		return -1;
	return fl_meta_set_i64(l->state, "fl.client", l->client, e);
}

/* Whether the state's spec under key is of the entry that this run has. */
static int check_spec(const struct fl_local *l, const char *key, const char *name, struct fl_err *e)
{
	const char *text = fl_meta_get(l->old, key);
	size_t n = strlen(name);

	if (!text || (!strncmp(text, name, n) && (!text[n] || text[n] == ':')))
		return 0;
	return fl_fail(e, FL_EDATA, "its state: %s is '%s', but this is %s", key, text, name);
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
	if (check_spec(l, "fl.method", l->cfg->method.entry->name, e) ||
	    (l->cfg->keep_opt && check_spec(l, "fl.opt", l->cfg->opt.entry->name, e)))
		return -1;
	if (base && parent && round == l->round - 1 && !fl_base_agree(base, parent))
		return fl_fail(e, FL_EDATA, "its state is of model %s, but this model was made from "
		               "%s", base, parent);
	return 0;
}

static int run(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct fl_net *net = l->net;

	if (l->client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing", l->data->name);
	memcpy(l->facts.base, l->room->base, sizeof l->facts.base);
	if (!fl_data_fits(l->data, net, net->classes, net->targets, e) &&
	    !fl_data_labelled(l->data, e) && !check_state(l, e) && !train(l, e) && !finish(l, update, e))
		return 0;
	return fl_fail_in(e, "client %" PRId64, l->client);
}

static int attempt(const struct fl_train *cfg, struct fl_room *room, const struct fl_data *data,
                   const struct fl_tset *old, struct fl_tset *state, struct fl_tset *update,
                   int watch, struct fl_err *e)
{
	struct fl_mark empty = fl_arena_mark(&room->arena);
	struct fl_local l = {
		.cfg = cfg, .p = cfg->method.p, .net = room->net, .data = data,
		.model = room->model, .client = data->client, .round = cfg->round,
		.w0 = room->w0, .w = room->w, .old = old, .state = state, .room = room,
		.arena = &room->arena, .watch = watch,
		.facts = {
			.client = data->client, .round = cfg->round,
			.examples = (int64_t)data->N, .loss0 = NAN, .gradnorm = NAN, .loss = NAN,
			.lr = fl_local_lr(cfg), .norm = NAN,
		},
	};
	int rc;

	memcpy(room->w, room->w0, room->net->P * sizeof *room->w);
	rc = run(&l, update, e);
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

/* fl-local-train: clients' data in, their updates out. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/par.h"
#include "cli/tool.h"
#include "data/names.h"
#include "fed/client/plan.h"
#include "fed/client/measure.h"
#include "model/model.h"

/* --- options --- */

struct opts {
	const char *model, *output, *state, *plan;
	struct fl_spec opt, schedule;
	double clip;
	struct fl_specs method, measure, augment;
	int64_t epochs, steps, batch, round, seed, expect, threads;
	struct fl_strs with;
	int shuffle, keep_opt, buffers, precision, allow_empty, no_sync, no_prov;
};

static const char *const shuffle_choice[] = { "none", "shuffled", NULL };
static const char *const buffers_choice[] = { "global", "local", "drop", NULL };	/* enum fl_buffers */

static const struct fl_opt options[] = {
	FL_OPT_MODEL,
	FL_OPT_SPECS('M', "method", method, &fl_family_method, "fedavg", "list",
	  "how to train: a method, or several that act together, joined by commas",
	  .flags = FL_O_PROV),
	FL_OPT_SPEC(0, "opt", opt, &fl_family_opt, "sgd", "optimiser",
	  "what makes a step of a gradient", .flags = FL_O_PROV),
	FL_OPT_SPEC(0, "schedule", schedule, &fl_family_schedule, "constant", "schedule",
	  "the learning rate over rounds", .flags = FL_O_PROV),
	FL_OPT_REAL(0, "clip", clip, "0", 0, 1e30, "norm",
	  "largest norm of a step's gradient, all tensors together; 0, no limit",
	  .flags = FL_O_PROV),
	FL_OPT_INT('e', "epochs", epochs, NULL, 0, 1e9, "n",
	  "passes over the local set; 1 where neither this nor --steps is given",
	  .flags = FL_O_PROV),
	FL_OPT_INT(0, "steps", steps, NULL, 0, 1e12, "n",
	  "steps in place of epochs", .flags = FL_O_PROV, .excludes = "epochs"),
	FL_OPT_INT('b', "batch", batch, "32", 1, 1 << 24, "n",
	  "examples a step", .flags = FL_O_PROV),
	FL_OPT_PATH(0, "plan", plan, "file",
	  "steps and methods of clients that do other than the rest, a line each"),
	FL_OPT_PRECISION,
	FL_OPT_ROUND,
	FL_OPT_SEED,
	FL_OPT_ENUM(0, "shuffle", shuffle, "shuffled", shuffle_choice, "order",
	  "order of the examples; none: as stored", .flags = FL_O_PROV),
	FL_OPT_SPECS(0, "augment", augment, &fl_family_augment, NULL, "list",
	  "random changes of the examples trained on, in order, joined by commas",
	  .flags = FL_O_PROV),
	FL_OPT_FLAG(0, "keep-opt", keep_opt,
	  "keep the optimiser's state between rounds", .flags = FL_O_PROV),
	FL_OPT_ENUM(0, "buffers", buffers, "global", buffers_choice, "policy",
	  "running statistics: sent, kept by the client, or forgotten", .flags = FL_O_PROV),
	FL_OPT_SPECS(0, "measure", measure, &fl_family_measure, NULL, "list",
	  "what to measure, joined by commas", .flags = FL_O_PROV),
	FL_OPT_WITH,
	FL_OPT_PATH(0, "state", state, "dir",
	  "folder of the clients' state, made where it is missing"),
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

static const struct fl_family *const families[] = {
	&fl_family_method, &fl_family_opt, &fl_family_schedule, &fl_family_augment, &fl_family_measure,
	NULL
};

/* --- the crew: workers that take clients and give updates in the same order --- */

struct worker {
	struct fl_net net;
	struct fl_room room;
	char *arch;			/* fl.arch of net; NULL: none yet */
	struct fl_tset personal;	/* this client's model, where models are a folder */
	struct fl_tset rec;		/* the client at hand */
	char *name, *dir;		/* of its input */
	struct fl_arena arena;		/* paths */
};

struct slot {
	struct fl_tset update;
	int ready;
};

struct crew {
	struct fl_run *run;
	const struct opts *o;
	struct fl_train cfg;
	struct fl_models models;
	struct fl_with with;
	struct fl_plan plan;
	struct fl_inputs in;
	struct fl_out out;
	int64_t *seen;			/* (taken) client ids, ascending */
	size_t seencap;
	struct fl_accord accord;	/* of the model, --with and the clients */
	struct worker *worker;
	/* Client i's update waits in slot[i % nslot] for its turn. */
	struct slot *slot;
	size_t nslot;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t taken, written;
	int over;			/* no more input */
	size_t failed;			/* the lowest client that failed, SIZE_MAX: none */
	struct fl_err err;		/* its error */
};

static void fail_at(struct crew *c, size_t i, const struct fl_err *e)
{
	if (i < c->failed) {
		c->failed = i;
		c->err = *e;
	}
	pthread_cond_broadcast(&c->moved);
}

/* Remembers the client of rec; refuses it the second time. */
static int check_new(struct crew *c, const struct fl_tset *rec, struct fl_err *e)
{
	size_t lo = 0, hi = c->taken;
	int64_t id;

	if (fl_meta_need_i64(rec, "fl.client", &id, e) < 0)
		return -1;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->seen[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < c->taken && c->seen[lo] == id)
		return fl_fail(e, FL_EDATA, "client %" PRId64 " occurs twice", id);
	if (fl_grow(&c->seen, &c->seencap, c->taken + 1, sizeof *c->seen, e))
		return -1;
	memmove(c->seen + lo + 1, c->seen + lo, (c->taken - lo) * sizeof *c->seen);
	c->seen[lo] = id;
	return 0;
}

/* Name of the current input, and the folder it lies in. */
static int note_input(const struct crew *c, struct worker *k, struct fl_err *e)
{
	const char *name = fl_inputs_name(&c->in);

	free(k->name);
	free(k->dir);
	k->name = strdup(name);
	k->dir = fl_dir_of(name);
	return k->name && k->dir ? 0 : fl_fail_mem(e, strlen(name));
}

/* The next client's record; with several workers it must outlive the next read. */
static int read_client(struct crew *c, struct worker *k, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc = fl_inputs_next(&c->in, &rec, e);

	if (rc <= 0)
		return rc;
	if (note_input(c, k, e) || check_new(c, &rec, e)) {
		rc = fl_fail_in(e, "%s", fl_inputs_name(&c->in));
	} else if (fl_accord_add(&c->accord, &rec, k->name, e)) {
		rc = -1;
	} else if (c->o->threads > 1 && !fl_stream_mapped(c->in.cur)) {
		rc = fl_tset_clone(&k->rec, &rec, e) ? -1 : 1;
	} else {
		k->rec = rec;
		return 1;
	}
	fl_tset_release(&rec);
	return rc;
}

/* 1 and its number: a client to train; 0: none is left, or one has failed. */
static int take(struct crew *c, struct worker *k, size_t *i)
{
	struct fl_err e = { 0 };
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (c->taken >= c->written + c->nslot && c->failed == SIZE_MAX)
		pthread_cond_wait(&c->moved, &c->lock);
	if (!c->over && c->failed == SIZE_MAX) {
		rc = read_client(c, k, &e);
		if (rc < 0)
			fail_at(c, c->taken, &e);
		c->over = rc <= 0;
		*i = c->taken;
		c->taken += rc > 0;
	}
	pthread_mutex_unlock(&c->lock);
	return rc > 0;
}

static int write_update(struct crew *c, struct fl_tset *update, struct fl_err *e)
{
	char line[64];

	snprintf(line, sizeof line, "%zu clients", c->written + 1);
	fl_run_progress(c->run, line);
	return fl_stream_write(&c->out, update, e);
}

/* Update i (moved in) is ready: writes all whose turn has come. */
static void give(struct crew *c, size_t i, struct fl_tset *update)
{
	struct fl_err e = { 0 };

	pthread_mutex_lock(&c->lock);
	c->slot[i % c->nslot] = (struct slot){ *update, 1 };
	while (c->written < c->failed) {
		struct slot *s = &c->slot[c->written % c->nslot];

		if (!s->ready)
			break;
		if (write_update(c, &s->update, &e))
			fail_at(c, c->written, &e);
		else
			c->written++;
		fl_tset_release(&s->update);
		s->ready = 0;
	}
	pthread_cond_broadcast(&c->moved);
	pthread_mutex_unlock(&c->lock);
}

/* --- one client --- */

/* The round that follows the model's; what -r says must be the same. */
static int next_round(const struct opts *o, const struct fl_tset *model, int64_t *round,
                      struct fl_err *e)
{
	int64_t r = 0;

	if (fl_meta_i64(model, "fl.round", &r, e) < 0)
		return -1;
	*round = r + 1;
	if (o->round != FL_UNSET && o->round != *round)
		return fl_fail(e, FL_EDATA, "%s: the model is of round %" PRId64 ", so this is round %"
		               PRId64 ", not %" PRId64, o->model, r, *round, o->round);
	return 0;
}

static void forget_net(struct worker *k)
{
	fl_room_release(&k->room);
	fl_net_release(&k->net);
	free(k->arch);
	k->arch = NULL;
}

/* Makes k ready for model, building its net only where that differs. */
static int use_model(struct worker *k, const struct fl_tset *model, const char *base,
                     int precision, struct fl_err *e)
{
	const char *arch = fl_meta_get(model, "fl.arch");

	if (!k->arch || !arch || strcmp(k->arch, arch)) {
		forget_net(k);
		if (fl_model_of(&k->net, model, e))
			return -1;
		fl_net_precision(&k->net, (enum fl_gemm_precision)precision);
		if (fl_room_init(&k->room, &k->net, e))
			return -1;
		if (!(k->arch = strdup(arch)))
			return fl_fail_mem(e, strlen(arch));
	}
	return fl_room_model(&k->room, model, base, e);
}

static int get_model(struct crew *c, struct worker *k, const struct fl_data *d, struct fl_train *cfg,
                     struct fl_err *e)
{
	int64_t client = d->client;
	char base[FL_HASH_TEXT];

	if (!c->models.folder) {
		if (k->arch || !use_model(k, &c->models.one, c->models.base, c->o->precision, e))
			return 0;
		return fl_fail_in(e, "%s", c->o->model);
	}
	fl_tset_release(&k->personal);
	if (fl_models_get(&c->models, client, &k->personal, base, e) ||
	    fl_accord_pair(&k->personal, c->o->model, &d->rec, d->name, e))
		return -1;
	if (use_model(k, &k->personal, base, c->o->precision, e) || next_round(c->o, &k->personal, &cfg->round, e))
		return fl_fail_in(e, "%s: client %" PRId64, c->o->model, client);
	return 0;
}

/* The state of rounds before. None may be there, but not one that is gone. */
static int load_state(const char *path, int64_t round, struct fl_tset *old, struct fl_err *e)
{
	int rc = fl_state_load(path, round, old, e);

	if (rc == 2)
		return fl_fail(e, FL_EDATA, "%s: begins after round %" PRId64 ": what was kept before "
		               "is gone", path, round);
	return rc < 0 ? -1 : 0;
}

/* Trains with the state of rounds before, and publishes that of this round. */
static int train_kept(struct crew *c, struct worker *k, const struct fl_train *cfg,
                      const struct fl_data *d, struct fl_tset *update, struct fl_err *e)
{
	struct fl_tset old = { .t = NULL }, state = { .t = NULL };
	struct fl_mark m = fl_arena_mark(&k->arena);
	char *path = fl_client_path(c->o->state, d->client, "sts", &k->arena, e);
	int rc = -1;

	if (path && !load_state(path, cfg->round, &old, e) &&
	    !fl_local_train(cfg, &k->room, d, &old, &state, update, e) &&
	    !fl_state_save(path, cfg->round, &old, &state, !c->o->no_sync, e))
		rc = 0;
	fl_tset_release(&old);
	fl_tset_release(&state);
	fl_arena_rewind(&k->arena, m);
	return rc;
}

static int train_client(struct crew *c, struct worker *k, struct fl_tset *update,
                        struct fl_err *e)
{
	struct fl_tset none = { .t = NULL };
	struct fl_train cfg = c->cfg;
	struct fl_data d;
	int rc;

	if (fl_data_take(&d, &k->rec, k->dir, k->name, e))
		return -1;
	fl_plan_apply(&c->plan, d.client, &cfg);
	if ((rc = get_model(c, k, &d, &cfg, e)) == 0)
		rc = fl_local_keeps(&cfg) ? train_kept(c, k, &cfg, &d, update, e) :
		     fl_local_train(&cfg, &k->room, &d, &none, &none, update, e);
	fl_data_release(&d);
	return rc ? rc : fl_run_add_prov(c->run, c->o->no_prov, update, e);
}

static int work(void *ctx, size_t item, int thread, struct fl_err *e)
{
	struct crew *c = ctx;
	struct worker *k = &c->worker[item];
	size_t i;

	(void)thread;
	(void)e;
	while (take(c, k, &i)) {
		struct fl_tset update = { .t = NULL };
		struct fl_err mine = { 0 };

		if (!train_client(c, k, &update, &mine)) {
			give(c, i, &update);
			continue;
		}
		fl_tset_release(&update);
		pthread_mutex_lock(&c->lock);
		fail_at(c, i, &mine);
		pthread_mutex_unlock(&c->lock);
	}
	return 0;
}

/* --- all of it --- */

static int plan(struct crew *c, struct fl_err *e)
{
	const struct opts *o = c->o;
	struct fl_train *t = &c->cfg;

	*t = (struct fl_train){
		.method = o->method.v, .nmethod = o->method.n, .opt = o->opt, .schedule = o->schedule, .clip = o->clip,
		.epochs = o->epochs == FL_UNSET ? 1 : o->epochs,
		.steps = o->steps, .batch = o->batch, .shuffle = o->shuffle,
		.augment = o->augment.v, .naugment = o->augment.n,
		.measure = o->measure.v, .nmeasure = o->measure.n, .keep_opt = o->keep_opt, .buffers = o->buffers, .seed = (uint64_t)o->seed,
		.with = &c->with,
	};
	if (!o->method.n)
		return fl_fail(e, FL_EUSAGE, "--method names none");
	if (fl_methods_sort(o->method.v, o->method.n, e))
		return fl_fail_in(e, "--method");
	if (o->method.n > 1 && fl_run_renew_prov(c->run, e))	/* in that order */
		return -1;
	if (!strcmp(o->model, "-") && fl_run_stdin_default(c->run))
		return fl_fail(e, FL_EUSAGE, "the model and the clients cannot both be standard input");
	if (o->plan && fl_plan_read(&c->plan, o->plan, e))
		return -1;
	if (!fl_plan_keeps(&c->plan, t))
		return 0;
	if (!o->state)
		return fl_fail(e, FL_EUSAGE, "%s keeps state between rounds: --state must be given",
		               fl_plan_keeps(&c->plan, t));
	if (mkdir(o->state, 0777) && errno != EEXIST)
		return fl_fail(e, FL_EIO, "%s: %s", o->state, strerror(errno));
	return 0;
}

static int open_all(struct crew *c, struct fl_err *e)
{
	const struct opts *o = c->o;
	struct fl_train all;

	c->in = (struct fl_inputs){
		.path = c->run->operand, .n = c->run->noperand,
		.expect = o->expect == FL_UNSET ? -1 : o->expect,
		.allow_empty = o->allow_empty, .keep = o->threads > 1,
	};
	if (plan(c, e) || fl_run_output(c->run, &c->out, o->output, !o->no_sync, e) ||
	    fl_with_open(&c->with, &o->with, e) ||
	    fl_plan_methods(&c->plan, &c->cfg, &all, e) ||
	    fl_methods_with(&all, &c->run->arena, e) ||
	    fl_models_open(&c->models, o->model, e) ||
	    fl_models_base(&c->models, (int)o->threads, e))
		return -1;
	if (fl_accord_add(&c->accord, &c->models.one, o->model, e) ||
	    fl_with_accord(&c->with, &c->accord, e))
		return -1;
	return c->models.folder ? 0 : next_round(o, &c->models.one, &c->cfg.round, e);
}

static int train_all(struct crew *c, struct fl_err *e)
{
	size_t n = (size_t)c->o->threads;

	c->nslot = n > 1 ? 4 * n : 1;	/* room to run ahead of a slow client */
	if (!(c->worker = fl_arena_zero(&c->run->arena, n, sizeof *c->worker, e)) ||
	    !(c->slot = fl_arena_zero(&c->run->arena, c->nslot, sizeof *c->slot, e)))
		return -1;
	fl_par_for(n, (int)n, c, work, NULL);
	if (c->failed < SIZE_MAX) {
		*e = c->err;
		return -1;
	}
	if (fl_stream_write_end(&c->out, c->written, e))
		return -1;
	return fl_out_commit(&c->out, e);
}

static void release(struct crew *c)
{
	for (size_t i = 0; c->worker && i < (size_t)c->o->threads; i++) {
		struct worker *k = &c->worker[i];

		forget_net(k);
		fl_tset_release(&k->personal);
		fl_tset_release(&k->rec);
		free(k->name);
		free(k->dir);
		fl_arena_release(&k->arena);
	}
	for (size_t i = 0; c->slot && i < c->nslot; i++)
		fl_tset_release(&c->slot[i].update);
	free(c->seen);
	fl_out_abort(&c->out);
	fl_inputs_release(&c->in);
	fl_models_release(&c->models);
	fl_accord_release(&c->accord);
	fl_with_release(&c->with);
	fl_plan_release(&c->plan);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct crew c = { .run = r, .o = r->opts, .failed = SIZE_MAX };
	int rc = -1;

	fl_heap_prepare();
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.moved, NULL);
	if (!open_all(&c, e))
		rc = train_all(&c, e);
	release(&c);
	pthread_cond_destroy(&c.moved);
	pthread_mutex_destroy(&c.lock);
	return rc;
}

static const struct fl_tool tool = {
	.name = "fl-local-train",
	.nd = "train a model on clients' data",
	.operands = "[client ...]",
	.reads = "model, data",
	.writes = "update",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.env = FL_ENV_BLAS,
	.reads_stdin = fl_run_stdin_default,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

/* fl-local-train: clients' data in, their updates out. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crew.h"
#include "cli/tool.h"
#include "fed/arrivals.h"
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

/* One thread's. */
struct worker {
	struct fl_net net;
	struct fl_room room;
	char *arch;			/* fl.arch of net; NULL: none yet */
	struct fl_tset personal;	/* this client's model, where models are a folder */
	struct fl_arena arena;		/* paths */
};

struct item {
	struct fl_arrival in;
	struct fl_tset update;
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_train cfg;
	struct fl_models models;
	struct fl_with with;
	struct fl_plan plan;
	struct fl_arrivals clients;
	struct fl_accord accord;	/* of the model, --with and the clients */
	struct fl_out out;
	struct worker *worker;		/* (threads) */
	size_t written;
};

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

static int get_model(struct job *j, struct worker *k, const struct fl_data *d, struct fl_train *cfg,
                     struct fl_err *e)
{
	int64_t client = d->client;
	char base[FL_HASH_TEXT];

	if (!j->models.folder) {
		if (k->arch || !use_model(k, &j->models.one, j->models.base, j->o->precision, e))
			return 0;
		return fl_fail_in(e, "%s", j->o->model);
	}
	fl_tset_release(&k->personal);
	if (fl_models_get(&j->models, client, &k->personal, base, e) ||
	    fl_accord_pair(&k->personal, j->o->model, &d->rec, d->name, e))
		return -1;
	if (use_model(k, &k->personal, base, j->o->precision, e) || next_round(j->o, &k->personal, &cfg->round, e))
		return fl_fail_in(e, "%s: client %" PRId64, j->o->model, client);
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
static int train_kept(struct job *j, struct worker *k, const struct fl_train *cfg,
                      const struct fl_data *d, struct fl_tset *update, struct fl_err *e)
{
	struct fl_tset old = { .t = NULL }, state = { .t = NULL };
	struct fl_mark m = fl_arena_mark(&k->arena);
	char *path = fl_client_path(j->o->state, d->client, "sts", &k->arena, e);
	int rc = -1;

	if (path && !load_state(path, cfg->round, &old, e) &&
	    !fl_local_train(cfg, &k->room, d, &old, &state, update, e) &&
	    !fl_state_save(path, cfg->round, &old, &state, !j->o->no_sync, e))
		rc = 0;
	fl_tset_release(&old);
	fl_tset_release(&state);
	fl_arena_rewind(&k->arena, m);
	return rc;
}

static int train_client(void *ctx, void *item, int thread, struct fl_err *e)
{
	struct job *j = ctx;
	struct item *it = item;
	struct worker *k = &j->worker[thread];
	struct fl_tset none = { .t = NULL };
	struct fl_train cfg = j->cfg;
	struct fl_data d;
	int rc;

	if (fl_arrival_data(&it->in, &d, e))
		return -1;
	fl_plan_apply(&j->plan, d.client, &cfg);
	if ((rc = get_model(j, k, &d, &cfg, e)) == 0)
		rc = fl_local_keeps(&cfg) ? train_kept(j, k, &cfg, &d, &it->update, e) :
		     fl_local_train(&cfg, &k->room, &d, &none, &none, &it->update, e);
	fl_data_release(&d);
	return rc ? rc : fl_run_add_prov(j->run, j->o->no_prov, &it->update, e);
}

static int take_client(void *ctx, void *item, struct fl_err *e)
{
	return fl_arrivals_next(&((struct job *)ctx)->clients, &((struct item *)item)->in, e);
}

static int write_update(void *ctx, void *item, struct fl_err *e)
{
	struct job *j = ctx;
	char line[64];

	snprintf(line, sizeof line, "%zu clients", ++j->written);
	fl_run_progress(j->run, line);
	return fl_stream_write(&j->out, &((struct item *)item)->update, e);
}

static void drop_item(void *item)
{
	struct item *it = item;

	fl_arrival_release(&it->in);
	fl_tset_release(&it->update);
}

/* --- all of it --- */

static int plan(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_train *t = &j->cfg;

	*t = (struct fl_train){
		.method = o->method.v, .nmethod = o->method.n, .opt = o->opt, .schedule = o->schedule, .clip = o->clip,
		.epochs = o->epochs == FL_UNSET ? 1 : o->epochs,
		.steps = o->steps, .batch = o->batch, .shuffle = o->shuffle,
		.augment = o->augment.v, .naugment = o->augment.n,
		.measure = o->measure.v, .nmeasure = o->measure.n, .keep_opt = o->keep_opt, .buffers = o->buffers, .seed = (uint64_t)o->seed,
		.with = &j->with,
	};
	if (!o->method.n)
		return fl_fail(e, FL_EUSAGE, "--method names none");
	if (fl_methods_sort(o->method.v, o->method.n, e))
		return fl_fail_in(e, "--method");
	if (o->method.n > 1 && fl_run_renew_prov(j->run, e))	/* in that order */
		return -1;
	if (!strcmp(o->model, "-") && fl_run_stdin_default(j->run))
		return fl_fail(e, FL_EUSAGE, "the model and the clients cannot both be standard input");
	if (o->plan && fl_plan_read(&j->plan, o->plan, e))
		return -1;
	if (!fl_plan_keeps(&j->plan, t))
		return 0;
	if (!o->state)
		return fl_fail(e, FL_EUSAGE, "%s keeps state between rounds: --state must be given",
		               fl_plan_keeps(&j->plan, t));
	if (mkdir(o->state, 0777) && errno != EEXIST)
		return fl_fail(e, FL_EIO, "%s: %s", o->state, strerror(errno));
	return 0;
}

static int open_all(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_train all;

	j->clients = (struct fl_arrivals){
		.in = {
			.path = j->run->operand, .n = j->run->noperand,
			.expect = o->expect == FL_UNSET ? -1 : o->expect, .allow_empty = o->allow_empty,
		},
		.ahead = o->threads > 1, .numbered = 1, .accord = &j->accord,
	};
	if (plan(j, e) || fl_run_output(j->run, &j->out, o->output, !o->no_sync, e) ||
	    fl_with_open(&j->with, &o->with, e) ||
	    fl_plan_methods(&j->plan, &j->cfg, &all, e) ||
	    fl_methods_with(&all, &j->run->arena, e) ||
	    fl_models_open(&j->models, o->model, e) ||
	    fl_models_base(&j->models, (int)o->threads, e))
		return -1;
	if (fl_accord_add(&j->accord, &j->models.one, o->model, e) ||
	    fl_with_accord(&j->with, &j->accord, e))
		return -1;
	return j->models.folder ? 0 : next_round(o, &j->models.one, &j->cfg.round, e);
}

static int train_all(struct job *j, struct fl_err *e)
{
	struct fl_crew crew = {
		.ctx = j, .size = sizeof(struct item), .threads = (int)j->o->threads,
		.take = take_client, .work = train_client, .give = write_update, .drop = drop_item,
	};
	size_t n = (size_t)j->o->threads;

	if (!(j->worker = fl_arena_zero(&j->run->arena, n, sizeof *j->worker, e)) ||
	    fl_crew_run(&crew, e) || fl_stream_write_end(&j->out, j->written, e))
		return -1;
	return fl_out_commit(&j->out, e);
}

static void release(struct job *j)
{
	for (size_t i = 0; j->worker && i < (size_t)j->o->threads; i++) {
		struct worker *k = &j->worker[i];

		forget_net(k);
		fl_tset_release(&k->personal);
		fl_arena_release(&k->arena);
	}
	fl_out_abort(&j->out);
	fl_arrivals_release(&j->clients);
	fl_models_release(&j->models);
	fl_accord_release(&j->accord);
	fl_with_release(&j->with);
	fl_plan_release(&j->plan);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = -1;

	fl_heap_prepare();
	if (!open_all(&j, e))
		rc = train_all(&j, e);
	release(&j);
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

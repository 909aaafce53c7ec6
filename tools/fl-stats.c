/* fl-stats: clients' data in, statistics of them out. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/io.h"
#include "cli/tool.h"
#include "data/data.h"
#include "data/names.h"
#include "fed/arrivals.h"
#include "fed/stat/stat.h"
#include "model/model.h"
#include "nn/layer.h"

#define BATCH ((size_t)256)

struct opts {
	const char *model, *output, *data;
	struct fl_data_how how;
	struct fl_strs with;
	int64_t expect, threads, seed;
	int allow_empty, no_sync, no_prov;
};

static const struct fl_opt options[] = {
	FL_OPT_MODEL,
	FL_OPT_STR('d', "data", data, "source",
	  "examples that every model sees, in place of clients' own"),
	FL_OPT_HOW(FL_O_PROV),
	FL_OPT_WITH,
	FL_OPT_INT('s', "seed", seed, NULL, 0, 9e15, "n",
	  "master seed of what a statistic draws; 0 where it is not given", .flags = FL_O_PROV),
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

static const struct fl_family *const families[] = { &fl_family_stat, NULL };

/* One thread's net and buffers. */
struct room {
	struct fl_net net;
	int64_t round;			/* of the model */
	fl_real *w, *g;			/* (P); g where the statistic goes back */
	int32_t *y;			/* (BATCH) */
	struct fl_work work;
	int ready;
};

struct item {
	struct fl_arrival in;		/* a client not looked at yet */
	struct fl_data own;		/* the client's, unless all see the same */
	int owned;			/* it is there */
	const struct fl_data *data;
	int64_t client;			/* -1: a model of nobody's */
	struct fl_tset out;
	char base[FL_HASH_TEXT];	/* of the model that saw it */
	struct fl_arena arena;		/* the statistic's; out may have views of it */
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_spec what;
	const char *spec, *who;		/* its text; "statistic classmean" */
	struct fl_models models;
	struct fl_with with;
	struct fl_data data;		/* of -d */
	struct fl_out out;
	struct room *room;		/* (threads) */
	struct fl_arrivals clients;
	int64_t *model;			/* (nmodel) with -d: whose models see the data; -1: nobody's */
	size_t nmodel, nseen;		/* so many of them have begun */
	unsigned long long written;
	struct fl_names names;		/* of the one model's classes, for tables */
	struct fl_accord accord;	/* of the model, --with and the clients */
};

/* Examples may be of other classes than the model's. */
static int any_label(const struct job *j)
{
	return ((const struct fl_stat *)j->what.entry)->any_label;
}

/* --- one client --- */

static void room_release(struct room *r)
{
	if (r->ready) {
		fl_net_release(&r->net);
		fl_work_release(&r->work);
	}
	free(r->w);
	free(r->g);
	free(r->y);
	*r = (struct room){ .w = NULL };
}

static int room_init(struct room *r, const struct fl_tset *model, int backward, struct fl_err *e)
{
	*r = (struct room){ .w = NULL };
	if (fl_model_of(&r->net, model, e))
		return -1;
	if (fl_work_init(&r->work, &r->net, BATCH, backward, e)) {
		fl_net_release(&r->net);
		return -1;
	}
	r->ready = 1;
	if (!(r->w = fl_alloc(r->net.P, sizeof *r->w, e)) ||
	    !(r->y = fl_alloc(BATCH, sizeof *r->y, e)) ||
	    (backward && !(r->g = fl_alloc(r->net.P, sizeof *r->g, e))))
		return -1;
	return fl_meta_i64(model, "fl.round", &r->round, e) < 0 ||
	       fl_net_import(&r->net, model, "", FL_ABSENT_REFUSE, r->w, e) ? -1 : 0;
}

static int check_finite(const struct fl_tset *s, struct fl_err *e)
{
	for (size_t i = 0; i < s->nt; i++) {
		const struct fl_tensor *t = &s->t[i];
		const float *v = t->data;
		const double *d = t->data;

		for (size_t k = 0; k < t->n; k++)
			if ((t->dtype == FL_F32 && !isfinite(v[k])) ||
			    (t->dtype == FL_F64 && !isfinite(d[k])))
				return fl_fail(e, FL_ENUM, "tensor '%s': element %zu is not finite",
				               s->t[i].name, k);
	}
	return 0;
}

static int check_classes(const struct fl_stat *s, const struct fl_net *net, struct fl_err *e)
{
	if (s->backward || !((const struct fl_loss_entry *)net->loss.entry)->reading)
		return 0;
	return fl_fail(e, FL_EDATA, "the model has distributions of pairs, no classes: %s is of classes",
	               s->e.name);
}

static int check_data(const struct fl_stat *s, const struct fl_net *net, const struct fl_data *d,
                      struct fl_err *e)
{
	if (check_classes(s, net, e) ||
	    fl_data_fits(d, net, s->any_label ? SIZE_MAX : net->classes,
	                 s->backward ? net->targets : 0, e))
		return -1;
	return s->any_label ? 0 : fl_data_labelled(d, e);
}

/* The features, or what stands in their place. */
static const float *features(const struct room *r, struct fl_stat_ctx *c, size_t B)
{
	return c->tap < r->net.ntap ? fl_net_tapped(&r->net, c->work, c->tap, B) :
	       fl_net_features(&r->net, c->work);
}

static int use_tap(const struct fl_spec *what, struct fl_stat_ctx *c, struct fl_err *e)
{
	const struct fl_stat *s = (const struct fl_stat *)what->entry;
	const char *tap = s->tap ? s->tap(what->p) : NULL;

	c->tap = c->net->ntap;
	if (!tap)
		return 0;
	if (fl_net_need_tap(c->net, tap, &c->tap, e))
		return -1;
	c->d = c->net->tap[c->tap].C;
	return 0;
}

static int collect(const struct job *j, struct room *r, struct item *it, struct fl_err *e)
{
	const struct fl_spec *what = &j->what;
	const struct fl_stat *s = (const struct fl_stat *)what->entry;
	const struct fl_data *d = it->data;
	struct fl_stat_ctx c = {
		.C = r->net.classes, .d = r->net.features, .n = d->N, .net = &r->net,
		.work = &r->work, .w = r->w, .g = r->g, .arena = &it->arena,
		.client = it->client, .data = d, .with = &j->with, .who = j->who,
		.seed = j->o->seed == FL_UNSET ? 0 : (uint64_t)j->o->seed,
		.round = (uint64_t)r->round,
	};

	if (check_data(s, &r->net, d, e) || use_tap(what, &c, e) || s->begin(what->p, &c, e))
		return -1;
	for (size_t i = 0, B; i < d->N; i += B) {
		B = d->N - i < BATCH ? d->N - i : BATCH;
		c.i0 = i;
		fl_data_batch(d, NULL, i, B, r->work.act[0], r->y);
		if (s->backward && r->work.target)
			fl_data_targets(d, NULL, i, B, r->work.target);
		fl_net_forward(&r->net, &r->work, r->w, B, 0, NULL);
		if (s->batch(what->p, &c, features(r, &c, B), r->work.act[r->net.nlayer], r->y, B, e))
			return -1;
	}
	return s->end(what->p, &c, &it->out, e) ? -1 : check_finite(&it->out, e);
}

static int describe(const struct job *j, struct item *it, struct fl_err *e)
{
	struct fl_tset *out = &it->out;

	return fl_meta_set_kind(out, FL_KIND_STATS, e) ||
	       (it->client >= 0 && fl_meta_set_i64(out, "fl.client", it->client, e)) ||
	       fl_meta_set_i64(out, "fl.examples", (int64_t)it->data->N, e) ||
	       fl_meta_set(out, "fl.method", j->spec, e) ||
	       fl_meta_set(out, "fl.base", it->base, e) ||
	       (!any_label(j) && fl_meta_set(out, "fl.labels", fl_data_labels(it->data), e)) ||
	       fl_run_add_prov(j->run, j->o->no_prov, out, e) ? -1 : 0;
}

/* The thread's room for the client's model, which it has unless models differ. */
static int use_model(const struct job *j, struct room *r, struct item *it, struct fl_err *e)
{
	int backward = ((const struct fl_stat *)j->what.entry)->backward;
	struct fl_tset own = { .t = NULL };
	int rc;

	if (!j->models.folder) {
		memcpy(it->base, j->models.base, sizeof it->base);
		return r->ready ? 0 : room_init(r, &j->models.one, backward, e);
	}
	room_release(r);
	rc = fl_models_get(&j->models, it->client, &own, it->base, e) ||
	     (!any_label(j) &&
	      fl_accord_pair(&own, j->models.path, &it->data->rec, it->data->name, e)) ||
	     room_init(r, &own, backward, e) ? -1 : 0;
	fl_tset_release(&own);
	return rc;
}

/* --- all clients --- */

/* With -d the next model, else the next client. */
static int take_item(void *ctx, void *item, struct fl_err *e)
{
	struct job *j = ctx;
	struct item *it = item;

	if (!j->o->data)
		return fl_arrivals_next(&j->clients, &it->in, e);
	if (j->nseen == j->nmodel)
		return 0;
	it->data = &j->data;
	it->client = j->model[j->nseen++];
	return 1;
}

static int open_item(struct item *it, struct fl_err *e)
{
	if (fl_arrival_data(&it->in, &it->own, e))
		return -1;
	it->owned = 1;
	it->data = &it->own;
	it->client = it->own.client;
	return 0;
}

static int do_item(void *ctx, void *item, int thread, struct fl_err *e)
{
	const struct job *j = ctx;
	struct room *r = &j->room[thread];
	struct item *it = item;

	if (!it->data && open_item(it, e))
		return -1;
	if (use_model(j, r, it, e))
		return fl_fail_in(e, "%s", j->o->model);
	if (!collect(j, r, it, e) && !describe(j, it, e))
		return 0;
	return it->client < 0 ? -1 : fl_fail_in(e, "client %" PRId64, it->client);
}

static int write_item(void *ctx, void *item, struct fl_err *e)
{
	struct job *j = ctx;

	j->written++;
	return fl_stream_write(&j->out, &((struct item *)item)->out, e);
}

static void drop_item(void *item)
{
	struct item *it = item;

	fl_arrival_release(&it->in);
	if (it->owned)
		fl_data_release(&it->own);
	fl_tset_release(&it->out);
	fl_arena_release(&it->arena);
}

/* The data of -d, and the models that see them: those of the folder, or the one. */
static int open_data(struct job *j, struct fl_err *e)
{
	struct fl_data_how how = j->o->how;
	struct fl_arena *a = &j->run->arena;

	if (!j->o->data)
		return 0;
	how.names = j->names.C && !any_label(j) ? &j->names : NULL;
	if (fl_data_open(&j->data, j->o->data, &how, e) ||
	    (!any_label(j) && fl_accord_add(&j->accord, &j->data.rec, j->data.name, e)))
		return -1;
	if (j->models.folder)
		return (j->model = fl_models_list(&j->models, a, &j->nmodel, e)) ? 0 : -1;
	if (!(j->model = fl_arena_get(a, 1, sizeof *j->model, e)))
		return -1;
	j->nmodel = 1;
	*j->model = -1;
	return fl_meta_i64(&j->models.one, "fl.client", j->model, e) < 0 ? -1 : 0;
}

static int do_all(struct job *j, struct fl_err *e)
{
	struct fl_crew crew = {
		.ctx = j, .size = sizeof(struct item), .threads = (int)j->o->threads, .take = take_item,
		.work = do_item, .give = write_item, .drop = drop_item,
	};

	if (open_data(j, e) || fl_crew_run(&crew, e) || fl_stream_write_end(&j->out, j->written, e))
		return -1;
	return fl_out_commit(&j->out, e);
}

/* The first operand says what, the others are clients. Both are provenance. */
static int parse_what(struct job *j, struct fl_err *e)
{
	struct fl_run *r = j->run;
	struct fl_str s = FL_STR_INIT;
	int rc = -1;

	if (!r->noperand)
		return fl_fail(e, FL_EUSAGE, "a statistic must be named; --list=stat names them");
	if (fl_spec_parse(&fl_family_stat, r->operand[0], &r->arena, &j->what, e))
		return -1;
	if (j->o->data && r->noperand > 1)
		return fl_fail(e, FL_EUSAGE, "with -d all models see the same data: '%s' has no place",
		               r->operand[1]);
	fl_spec_print(&j->what, &s);
	if (!fl_str_check(&s, e) && (j->spec = fl_arena_str(&r->arena, fl_str_c(&s), e)) &&
	    (r->prov = fl_arena_fmt(&r->arena, e, "%s %s", r->prov, j->spec)))
		rc = 0;
	fl_str_release(&s);
	return rc;
}

static int prepare(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	size_t threads = (size_t)o->threads;

	if (parse_what(j, e) ||
	    !(j->who = fl_arena_fmt(&j->run->arena, e, "statistic %s", j->what.entry->name)) ||
	    fl_with_open(&j->with, &o->with, e) ||
	    fl_with_check(&j->with, ((const struct fl_stat *)j->what.entry)->with, j->who, e) ||
	    fl_run_output(j->run, &j->out, o->output, !o->no_sync, e) ||
	    fl_models_open(&j->models, o->model, e) ||
	    fl_models_base(&j->models, (int)o->threads, e) ||
	    fl_accord_add(&j->accord, &j->models.one, o->model, e) ||
	    fl_names_of(&j->names, &j->models.one, e) < 0 ||
	    fl_with_accord(&j->with, &j->accord, e))
		return -1;
	j->clients = (struct fl_arrivals){
		.in = {
			.path = j->run->operand + 1, .n = j->run->noperand - 1,
			.expect = o->expect == FL_UNSET ? -1 : o->expect, .allow_empty = o->allow_empty,
		},
		.ahead = threads > 1, .numbered = 1, .accord = any_label(j) ? NULL : &j->accord,
	};
	j->room = fl_arena_zero(&j->run->arena, threads, sizeof *j->room, e);
	return j->room ? 0 : -1;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct job j = { .run = r, .o = o, .data = { .client = -1 } };
	int rc;

	rc = prepare(&j, e) || do_all(&j, e) ? -1 : 0;
	for (size_t i = 0; j.room && i < (size_t)o->threads; i++)
		room_release(&j.room[i]);
	fl_arrivals_release(&j.clients);
	fl_names_release(&j.names);
	fl_accord_release(&j.accord);
	fl_models_release(&j.models);
	fl_with_release(&j.with);
	if (o->data)
		fl_data_release(&j.data);
	fl_out_abort(&j.out);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	if (((const struct opts *)r->opts)->data)
		return 0;
	for (size_t i = 1; i < r->noperand; i++)
		if (!strcmp(r->operand[i], "-"))
			return 1;
	return r->noperand == 1;
}

static const struct fl_tool tool = {
	.name = "fl-stats",
	.nd = "statistics of clients' data as a model sees them",
	.operands = "stat [client ...]",
	.reads = "model, data",
	.writes = "stats",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.env = FL_ENV_BLAS,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

/* fl-eval: a model on the data of many clients; a row each, and their spread. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "base/par.h"
#include "cli/tool.h"
#include "data/data.h"
#include "data/names.h"
#include "data/source.h"
#include "fed/fed.h"
#include "kernel/vmath.h"
#include "metric/metric.h"
#include "model/model.h"
#include "nn/layer.h"
#include "tensor/running.h"

#define BATCH ((size_t)256)	/* sums are formed batch by batch, so this shows in last bits */
#define METRICS_MAX 16
#define WAVE 4			/* data sets in memory a thread */

#define SCHEMA "fl-eval/1"
#define SCHEMA_CONFUSION "fl-confusion/1"

enum { TSV, JSON };
static const char *const formats[] = { "tsv", "json", NULL };

struct opts {
	const char *model, *with, *output, *confusion, *state;
	struct fl_data_how how;
	struct fl_strs data, min;
	struct fl_specs metric;
	int64_t expect, threads;
	int format, allow_empty, no_sync;
};

static const struct fl_opt opts[] = {
	FL_OPT_MODEL,
	FL_OPT_STRS('d', "data", data, "source",
	  "evaluate on this too: a record, an IDX pair, a data set by name; repeatable",
	  .family = &fl_family_data),
	FL_OPT_HOW(0),
	FL_OPT_SPECS(0, "metric", metric, &fl_family_metric, "accuracy,loss", "list",
	  "what to measure"),
	FL_OPT_PATH(0, "state", state, "dir",
	  "folder of clients' state, whose private tensors replace the model's"),
	FL_OPT_PATH(0, "with", with, "model",
	  "the model that metric ratio compares with, such as the initial one"),
	FL_OPT_STRS(0, "min", min, "field=value",
	  "exit 1 unless this field of the summary is at least that; repeatable"),
	FL_OPT_PATH(0, "confusion", confusion, "file",
	  "write there which classes were taken for which, in the same format"),
	FL_OPT_FORMAT(formats),
	FL_OPT_OUTPUT,
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

/* Fields of the summary for a metric m: m, m_mean, ... */
static const struct { const char *suffix; size_t off; } spread_field[] = {
	{ "", offsetof(struct fl_spread, weighted) },
	{ "_mean", offsetof(struct fl_spread, mean) },
	{ "_var", offsetof(struct fl_spread, var) },
	{ "_std", offsetof(struct fl_spread, std) },
	{ "_min", offsetof(struct fl_spread, min) },
	{ "_max", offsetof(struct fl_spread, max) },
	{ "_worst10", offsetof(struct fl_spread, worst10) },
	{ "_worst20", offsetof(struct fl_spread, worst20) },
	{ "_worst30", offsetof(struct fl_spread, worst30) },
	{ "_best10", offsetof(struct fl_spread, best10) },
	{ "_jain", offsetof(struct fl_spread, jain) },
	{ "_gini", offsetof(struct fl_spread, gini) },
	{ "_entropy", offsetof(struct fl_spread, entropy) },
	{ "_cos", offsetof(struct fl_spread, cos) },
};
#define NFIELD (sizeof spread_field / sizeof *spread_field)

struct row {
	int64_t client, round;		/* -1: none */
	const char *name, *split;	/* in the run's arena; NULL: not known */
	size_t n, order;
	double v[METRICS_MAX];
	double first[METRICS_MAX];	/* of the model of --with, for ratios */
	size_t C;
	uint64_t *counts;		/* (nview,C,C+1) as in metric.h, or NULL; owned */
};

/* What metrics measure: the outputs, the first of views, or a tap. */
struct view {
	const char *tap;		/* NULL: the outputs */
	int counting;			/* something wants its counts */
};

/* Network and weights of a model, and room for one batch. */
struct net {
	struct fl_net net;
	fl_real *w;
	int64_t round;
	int ready;
};

struct room {
	struct fl_work work;
	float *p, *lse;			/* (BATCH,C), (BATCH) */
	int32_t *y;			/* (BATCH) */
	fl_real *dw;			/* (P) where inputs are changed, or NULL */
	fl_real *own;			/* (P) with what a client keeps; NULL until used */
	struct fl_arena arena;
};

struct item {
	struct fl_data data;
	struct row row;
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_models models;
	struct fl_names names;		/* of the one model's classes, for tables */
	struct fl_accord accord;	/* of all that is read */
	struct net net;			/* where all clients have the same model */
	struct room *room;		/* (threads) for it; work.B 0: not yet */
	struct net first;		/* the model of --with */
	struct room *froom;		/* (threads) for that */
	struct item *item;		/* (wave) */
	size_t wave, nitem;
	struct row *row;		/* (nrow); with counts for --confusion alone */
	size_t nrow, rowcap;
	struct view view[METRICS_MAX + 1];
	size_t nview, of[METRICS_MAX];	/* of: a metric's view */
	const char *name[METRICS_MAX];	/* of its fields */
	int named;			/* a client has a name */
	int counting, losses, inputs;	/* something wants counts, the model's loss, inputs to change */
	uint64_t *counts;		/* (nview,C,C+1) of all clients together; NULL: none yet */
	size_t C;			/* classes of counts */
	struct fl_spread spread[METRICS_MAX];
};

/* --- one data set --- */

static int net_init(struct net *n, const struct fl_tset *model, struct fl_err *e)
{
	*n = (struct net){ .round = -1 };
	if (fl_meta_i64(model, "fl.round", &n->round, e) < 0 || fl_model_of(&n->net, model, e))
		return -1;
	n->ready = 1;
	if (!(n->w = fl_alloc(n->net.P, sizeof *n->w, e)))
		return -1;
	return fl_net_import(&n->net, model, "", 0, n->w, e);
}

static void net_release(struct net *n)
{
	if (n->ready)
		fl_net_release(&n->net);
	free(n->w);
	*n = (struct net){ .ready = 0 };
}

static int room_init(struct room *r, const struct fl_net *net, int inputs, struct fl_err *e)
{
	if (fl_work_init(&r->work, net, BATCH, inputs ? FL_WORK_INPUT : FL_WORK_FORWARD, e))
		return -1;
	if (inputs && !(r->dw = fl_arena_get(&r->arena, net->P, sizeof *r->dw, e)))
		return -1;
	r->p = fl_arena_get(&r->arena, BATCH * net->classes, sizeof *r->p, e);
	r->lse = fl_arena_get(&r->arena, BATCH, sizeof *r->lse, e);
	r->y = fl_arena_get(&r->arena, BATCH, sizeof *r->y, e);
	return r->p && r->lse && r->y ? 0 : -1;
}

static void room_release(struct room *r)
{
	fl_work_release(&r->work);
	fl_arena_release(&r->arena);
	*r = (struct room){ .p = NULL };
}

static uint64_t *get_counts(const struct job *j, size_t C, struct fl_err *e)
{
	size_t cells;

	if (!fl_confusion_cells(C, &cells) && !fl_mul(cells, j->nview, &cells))
		return fl_alloc(cells, sizeof(uint64_t), e);
	fl_fail_mem(e, SIZE_MAX);
	return NULL;
}

/* A view's of all counts. */
static uint64_t *counts_of(uint64_t *counts, size_t view, size_t C)
{
	return counts ? counts + view * C * (C + 1) : NULL;
}

static void finish(const struct job *j, struct row *row, size_t C)
{
	const struct fl_specs *metric = &j->o->metric;

	for (size_t m = 0; m < metric->n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)metric->v[m].entry;

		if (f->counts)
			row->v[m] = f->counts(metric->v[m].p, counts_of(row->counts, j->of[m], C), C);
		else if (f->ratio)	/* a first loss of 0 has no ratio */
			row->v[m] = row->first[m] > 0 ? row->v[m] / row->first[m] : NAN;
		else
			row->v[m] /= (double)row->n;
	}
}

/* Of examples whose outputs are there; tap: net.ntap, or whose loss it is. */
static double loss(const struct net *n, struct room *r, size_t tap, size_t B)
{
	return tap < n->net.ntap ? fl_net_tap_loss(&n->net, &r->work, tap, r->y, B) :
	       fl_net_loss(&n->net, &r->work, r->y, B, 0);
}

/* Adds what metrics of a view have of examples [i,i+B), whose outputs are there. */
static void add_view(const struct job *j, const struct net *n, struct room *r, size_t view,
                     size_t i, size_t B, int only, double *v, uint64_t *counts)
{
	const struct fl_specs *metric = &j->o->metric;
	const struct fl_net *net = &n->net;
	size_t C = net->classes, tap = net->ntap;
	const float *z = r->work.act[net->nlayer];
	int rows = 1;			/* z are of classes */

	if (j->view[view].tap) {
		tap = fl_net_tap(net, j->view[view].tap);
		z = fl_net_tapped(net, &r->work, tap, B);
		rows = net->tap[tap].C == C;
	}
	if (rows)
		fl_softmax_rows(z, r->p, r->lse, B, C);
	for (size_t m = 0; m < metric->n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)metric->v[m].entry;

		if (j->of[m] != view || (only && !f->ratio))
			continue;
		if (f->of_model)
			v[m] += (double)B * loss(n, r, tap, B);
		else if (f->model)
			v[m] += f->model(net, n->w, z, r->y, i, B);
		else if (f->batch)
			v[m] += f->batch(metric->v[m].p, z, r->lse, r->y, B, C);
	}
	if (counts && j->view[view].counting)
		fl_confusion_add(counts_of(counts, view, C), z, r->y, B, C);
}

/* Examples [i,i+B) into the net. */
static void load(const struct job *j, struct room *r, const struct fl_data *d, size_t i, size_t B)
{
	fl_data_batch(d, NULL, i, B, r->work.act[0], r->y);
	if ((j->losses || j->inputs) && r->work.target)
		fl_data_targets(d, NULL, i, B, r->work.target);
}

/* Adds what metrics have of examples [i,i+B) that they change. */
static void add_changed(const struct job *j, const struct net *n, struct room *r,
                        const struct fl_data *d, size_t i, size_t B, double *v)
{
	for (size_t m = 0; m < j->o->metric.n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)j->o->metric.v[m].entry;

		if (!f->inputs)
			continue;
		load(j, r, d, i, B);
		v[m] += f->inputs(j->o->metric.v[m].p, &n->net, &r->work, n->w, r->dw, r->y, i, B);
	}
}

/* Sums of n over the examples into v: of all metrics, or where only is set, of ratios. */
static void add_up(const struct job *j, const struct net *n, struct room *r, const struct fl_data *d,
                   int only, double *v, uint64_t *counts)
{
	for (size_t i = 0, B; i < d->N; i += B) {
		B = d->N - i < BATCH ? d->N - i : BATCH;
		load(j, r, d, i, B);
		fl_net_forward(&n->net, &r->work, n->w, B, 0, NULL);
		for (size_t k = 0; k < j->nview; k++)
			add_view(j, n, r, k, i, B, only, v, counts);
		if (!only)
			add_changed(j, n, r, d, i, B, v);
	}
}

static int has_classes(const struct fl_net *net, struct fl_err *e)
{
	if (((const struct fl_loss_entry *)net->loss.entry)->reading)
		return fl_fail(e, FL_EDATA, "the model has distributions of pairs, no classes: loss "
		               "applies, and vlm-retrieve measures the rest");
	return 0;
}

static int tap_fits(const struct fl_metric *f, const struct fl_net *net, const char *name,
                    struct fl_err *e)
{
	size_t t;

	if (fl_net_need_tap(net, name, &t, e))
		return -1;
	if (f->of_model && !net->tap[t].loss.entry)
		return fl_fail(e, FL_EDATA, "the tap has no loss");
	if (!f->of_model && net->tap[t].C != net->classes)
		return fl_fail(e, FL_EDATA, "the tap has %zu numbers, and there are %zu classes",
		               net->tap[t].C, net->classes);
	return 0;
}

static int metric_fits(const struct job *j, size_t m, const struct fl_net *net, struct fl_err *e)
{
	const struct fl_metric *f = (const struct fl_metric *)j->o->metric.v[m].entry;
	const char *tap = j->view[j->of[m]].tap;

	if (tap ? tap_fits(f, net, tap, e) : !f->of_model && has_classes(net, e))
		return -1;
	return f->fits ? f->fits(net, e) : 0;
}

/* The model's own loss, where it was measured. */
static void warn_losses(const struct job *j, const struct net *n, const struct item *it)
{
	char what[256];

	snprintf(what, sizeof what, "%s: loss", it->data.name);
	for (size_t m = 0; m < j->o->metric.n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)j->o->metric.v[m].entry;

		if (f->of_model && !f->ratio && !j->view[j->of[m]].tap)
			fl_net_warn_loss(&n->net, what, it->row.v[m]);
	}
}

/* fr: room for the model of --with. */
static int measure(const struct job *j, const struct net *n, struct room *r, struct room *fr,
                   struct item *it, struct fl_err *e)
{
	const struct fl_data *d = &it->data;
	size_t C = n->net.classes;

	for (size_t m = 0; m < j->o->metric.n; m++)
		if (metric_fits(j, m, &n->net, e))
			return fl_fail_in(e, "metric %s", j->name[m]);
	if (j->o->confusion && has_classes(&n->net, e))
		return fl_fail_in(e, "--confusion");
	if (fl_data_fits(d, &n->net, C, j->losses || j->inputs ? n->net.targets : 0, e) ||
	    fl_data_labelled(d, e) || (j->counting && !(it->row.counts = get_counts(j, C, e))))
		return -1;
	it->row.C = C;
	it->row.round = n->round;
	it->row.n = d->N;
	memset(it->row.v, 0, sizeof it->row.v);
	memset(it->row.first, 0, sizeof it->row.first);
	add_up(j, n, r, d, 0, it->row.v, it->row.counts);
	if (j->first.ready) {
		const struct fl_net *net = &j->first.net;

		if (fl_data_fits(d, net, net->classes, net->targets, e) ||
		    (!fr->work.B && room_init(fr, net, 0, e)))
			return fl_fail_in(e, "%s", j->o->with);
		add_up(j, &j->first, fr, d, 1, it->row.first, NULL);
	}
	finish(j, &it->row, C);
	warn_losses(j, n, it);
	return 0;
}

/* A model of its own, from a folder. */
static int measure_personal(struct job *j, struct room *fr, struct item *it, struct fl_err *e)
{
	struct fl_tset model = { .t = NULL };
	struct room room = { .p = NULL };
	struct net net = { .ready = 0 };
	int rc;

	if (it->data.client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing, so no model of %s is its own",
		               it->data.name, j->models.path);
	rc = fl_models_get(&j->models, it->data.client, &model, NULL, e) ||
	     fl_accord_pair(&model, j->models.path, &it->data.rec, it->data.name, e) ? -1 : 0;
	if (!rc && (rc = net_init(&net, &model, e) || room_init(&room, &net.net, j->inputs, e) ? -1 : 0))
		fl_fail_in(e, "%s: model of client %" PRId64, j->models.path, it->data.client);
	if (!rc)
		rc = measure(j, &net, &room, fr, it, e);
	if (net.ready)
		room_release(&room);
	net_release(&net);
	fl_tset_release(&model);
	return rc;
}

/* The client's weights: the model's, but for what it kept after that round. */
static int get_own(struct job *j, struct room *r, int64_t client, struct fl_err *e)
{
	const struct net *n = &j->net;
	struct fl_tset state = { .t = NULL };
	struct fl_mark m;
	char *path;
	int rc;

	if (!r->own && !(r->own = fl_arena_get(&r->arena, n->net.P, sizeof *r->own, e)))
		return -1;
	memcpy(r->own, n->w, n->net.P * sizeof *r->own);
	m = fl_arena_mark(&r->arena);
	if (!(path = fl_client_path(j->o->state, client, "sts", &r->arena, e)))
		return -1;
	rc = fl_state_load(path, n->round < 0 ? INT64_MAX : n->round + 1, &state, e);
	if (rc == 2)
		rc = fl_fail(e, FL_EDATA, "%s: is of later rounds than the model", path);
	else if (!rc && (fl_running_check(&state, FL_PRIVATE, e) ||
	                 fl_net_import(&n->net, &state, FL_PRIVATE, 1, r->own, e)))
		rc = fl_fail_in(e, "%s", path);
	fl_tset_release(&state);
	fl_arena_rewind(&r->arena, m);
	return rc < 0 ? -1 : 0;
}

static int measure_own(struct job *j, struct room *r, struct room *fr, struct item *it,
                       struct fl_err *e)
{
	struct net own = j->net;

	if (it->data.client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing, so nothing in %s is its own",
		               it->data.name, j->o->state);
	if (get_own(j, r, it->data.client, e))
		return -1;
	own.w = r->own;
	return measure(j, &own, r, fr, it, e);
}

static int measure_item(void *ctx, size_t i, int thread, struct fl_err *e)
{
	struct job *j = ctx;
	struct room *r = &j->room[thread];

	if (j->models.folder)
		return measure_personal(j, &j->froom[thread], &j->item[i], e);
	if (!r->work.B && room_init(r, &j->net.net, j->inputs, e))
		return -1;
	if (j->o->state)
		return measure_own(j, r, &j->froom[thread], &j->item[i], e);
	return measure(j, &j->net, r, &j->froom[thread], &j->item[i], e);
}

/* --- all data sets --- */

/* Adds a row's counts to those of all, and lets go of them where only that is
 * wanted. */
static int pool(struct job *j, struct row *row, struct fl_err *e)
{
	size_t cells;

	if (!row->counts)
		return 0;
	if (!j->counts) {
		j->C = row->C;
		if (!(j->counts = get_counts(j, j->C, e)))
			return -1;
	}
	if (row->C != j->C)
		return fl_fail(e, FL_EDATA, "model of client %" PRId64 ": %zu classes, others have %zu",
		               row->client, row->C, j->C);
	fl_confusion_cells(j->C, &cells);
	for (size_t i = 0; i < cells * j->nview; i++)
		j->counts[i] += row->counts[i];
	if (!j->o->confusion) {
		free(row->counts);
		row->counts = NULL;
	}
	return 0;
}

/* Measures what is waiting and keeps the rows. */
static int flush(struct job *j, struct fl_err *e)
{
	int rc = fl_par_for(j->nitem, (int)j->o->threads, j, measure_item, e);

	if (!rc)
		rc = fl_grow(&j->row, &j->rowcap, j->nrow + j->nitem, sizeof *j->row, e);
	for (size_t i = 0; i < j->nitem; i++) {
		if (!rc)
			rc = pool(j, &j->item[i].row, e);
		if (!rc)
			j->row[j->nrow++] = j->item[i].row;
		else
			free(j->item[i].row.counts);
		fl_data_release(&j->item[i].data);
	}
	j->nitem = 0;
	return rc;
}

/* The item that was just opened at j->item[j->nitem]. */
static int add(struct job *j, struct fl_err *e)
{
	struct item *it = &j->item[j->nitem++];
	const char *split = fl_data_split(&it->data), *name = fl_data_name(&it->data);

	if (fl_accord_add(&j->accord, &it->data.rec, it->data.name, e))
		return -1;
	it->row = (struct row){ .client = it->data.client, .order = j->nrow + j->nitem - 1 };
	if ((split && !(it->row.split = fl_arena_str(&j->run->arena, split, e))) ||
	    (name && !(it->row.name = fl_arena_str(&j->run->arena, name, e))))
		return -1;
	j->named |= name != NULL;
	fl_say(FL_LOG_INFO, "%s: %zu examples of %zu classes, %zu not labelled", it->data.name,
	       it->data.N, it->data.C, it->data.unlabelled);
	return j->nitem == j->wave ? flush(j, e) : 0;
}

static int read_data(struct job *j, struct fl_err *e)
{
	struct fl_data_how how = j->o->how;

	how.names = j->names.C ? &j->names : NULL;
	for (size_t i = 0; i < j->o->data.n; i++)
		if (fl_data_open(&j->item[j->nitem].data, j->o->data.v[i], &how, e) || add(j, e))
			return -1;
	return 0;
}

/* A record lives until the next is read, so what waits is a copy. */
static int take(struct job *j, const struct fl_inputs *in, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tset copy = { .t = NULL };
	const char *name = fl_inputs_name(in);
	char *dir = fl_dir_of(name);
	int rc = -1;

	if (!dir)
		fl_fail_mem(e, strlen(name));
	else if (j->wave == 1 || !fl_tset_clone(&copy, rec, e))
		rc = fl_data_take(&j->item[j->nitem].data, j->wave == 1 ? rec : &copy, dir, name, e);
	fl_tset_release(&copy);
	free(dir);
	return rc ? rc : add(j, e);
}

static int reads_clients(const struct fl_run *r)
{
	return r->noperand || !((const struct opts *)r->opts)->data.n;
}

static int read_clients(struct job *j, struct fl_err *e)
{
	struct fl_inputs in = {
		.path = j->run->operand, .n = j->run->noperand,
		.expect = j->o->expect == FL_UNSET ? -1 : j->o->expect,
		.allow_empty = j->o->allow_empty,
	};
	struct fl_tset rec = { .t = NULL };
	int rc = 0;

	if (!reads_clients(j->run))
		return 0;
	while (!rc && (rc = fl_inputs_next(&in, &rec, e)) > 0)
		rc = take(j, &in, &rec, e);
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	return rc;
}

static int by_client(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;

	if (a->client != b->client)
		return a->client < b->client ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

/* Rows by client, those without one first; a client has one row. */
static int sort_rows(struct job *j, struct fl_err *e)
{
	if (j->nrow)
		qsort(j->row, j->nrow, sizeof *j->row, by_client);
	for (size_t i = 1; i < j->nrow; i++)
		if (j->row[i].client >= 0 && j->row[i].client == j->row[i - 1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " occurs twice", j->row[i].client);
	return 0;
}

static int summarise(struct job *j, struct fl_err *e)
{
	double *v = fl_alloc(j->nrow, sizeof *v, e), *n = fl_alloc(j->nrow, sizeof *n, e);
	int rc = v && n ? 0 : -1;

	for (size_t i = 0; !rc && i < j->nrow; i++)
		n[i] = (double)j->row[i].n;
	for (size_t m = 0; !rc && m < j->o->metric.n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)j->o->metric.v[m].entry;

		for (size_t i = 0; i < j->nrow; i++)
			v[i] = j->row[i].v[m];
		rc = fl_spread(v, n, j->nrow, f->higher_is_better, &j->spread[m], e);
		if (!rc && f->counts)
			j->spread[m].weighted = f->counts(j->o->metric.v[m].p,
			                                  counts_of(j->counts, j->of[m], j->C), j->C);
	}
	free(v);
	free(n);
	return rc;
}

/* --- rows as text --- */

static const char *metric_name(const struct job *j, size_t m)
{
	return j->name[m];
}

static double field_value(const struct job *j, size_t m, size_t f)
{
	return *(const double *)(const void *)((const char *)&j->spread[m] + spread_field[f].off);
}

static int same_split(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* What all rows have in common. */
static struct row overall(const struct job *j)
{
	struct row all = { .client = -1, .round = -1 };

	if (j->nrow) {
		all.round = j->row[0].round;
		all.split = j->row[0].split;
	}
	for (size_t i = 0; i < j->nrow; i++) {
		all.n += j->row[i].n;
		if (j->row[i].round != all.round)
			all.round = -1;
		if (!same_split(j->row[i].split, all.split))
			all.split = NULL;
	}
	return all;
}

static void json_int(struct fl_str *b, const char *key, int64_t v)
{
	fl_str_addf(b, ",\"%s\":", key);
	if (v < 0)
		fl_str_add(b, "null");
	else
		fl_str_addf(b, "%" PRId64, v);
}

static void json_real(struct fl_str *b, const char *key, const char *suffix, double v)
{
	fl_str_addf(b, ",\"%s%s\":", key, suffix);
	fl_str_addjsonnum(b, v);
}

static void json_text(struct fl_str *b, const char *key, const char *text)
{
	fl_str_addf(b, ",\"%s\":", key);
	if (text)
		fl_str_addjson(b, text);
	else
		fl_str_add(b, "null");
}

/* named: one row has a name, so all have the field. */
static void json_begin(struct fl_str *b, const char *schema, const char *kind, int named,
                       const struct row *r)
{
	fl_str_addf(b, "{\"schema\":\"%s\",\"kind\":\"%s\"", schema, kind);
	json_int(b, "client", r->client);
	if (named)
		json_text(b, "name", r->name);
	json_int(b, "round", r->round);
	json_text(b, "split", r->split);
	fl_str_addf(b, ",\"n\":%zu", r->n);
}

static void json(const struct job *j, struct fl_str *b)
{
	struct row all = overall(j);

	for (size_t i = 0; i < j->nrow; i++) {
		json_begin(b, SCHEMA, "client", j->named, &j->row[i]);
		for (size_t m = 0; m < j->o->metric.n; m++)
			json_real(b, metric_name(j, m), "", j->row[i].v[m]);
		fl_str_add(b, "}\n");
	}
	json_begin(b, SCHEMA, "summary", j->named, &all);
	fl_str_addf(b, ",\"clients\":%zu", j->nrow);
	for (size_t m = 0; m < j->o->metric.n; m++)
		for (size_t f = 0; f < NFIELD; f++)
			json_real(b, metric_name(j, m), spread_field[f].suffix, field_value(j, m, f));
	fl_str_add(b, "}\n");
}

static void tsv_int(struct fl_str *b, int64_t v)
{
	if (v < 0)
		fl_str_add(b, "-\t");
	else
		fl_str_addf(b, "%" PRId64 "\t", v);
}

static void tsv_head(struct fl_str *b, int named)
{
	fl_str_addf(b, "kind\tclient%s\tround\tsplit\tn", named ? "\tname" : "");
}

static void tsv_begin(struct fl_str *b, const char *kind, int named, const struct row *r)
{
	fl_str_addf(b, "%s\t", kind);
	tsv_int(b, r->client);
	if (named) {
		fl_str_addtsv(b, r->name ? r->name : "-");
		fl_str_addc(b, '\t');
	}
	tsv_int(b, r->round);
	fl_str_addtsv(b, r->split ? r->split : "-");
	fl_str_addf(b, "\t%zu", r->n);
}

static void tsv_real(struct fl_str *b, double v)
{
	fl_str_addc(b, '\t');
	fl_str_addnum(b, v);
}

/* Columns: the metrics, then the rest of the summary, which clients leave empty. */
static void tsv(const struct job *j, struct fl_str *b)
{
	size_t M = j->o->metric.n;
	struct row all = overall(j);

	tsv_head(b, j->named);
	for (size_t m = 0; m < M; m++)
		fl_str_addf(b, "\t%s", metric_name(j, m));
	for (size_t m = 0; m < M; m++)
		for (size_t f = 1; f < NFIELD; f++)
			fl_str_addf(b, "\t%s%s", metric_name(j, m), spread_field[f].suffix);
	fl_str_add(b, "\n");
	for (size_t i = 0; i < j->nrow; i++) {
		tsv_begin(b, "client", j->named, &j->row[i]);
		for (size_t m = 0; m < M; m++)
			tsv_real(b, j->row[i].v[m]);
		for (size_t f = 0; f < M * (NFIELD - 1); f++)
			fl_str_addc(b, '\t');
		fl_str_add(b, "\n");
	}
	tsv_begin(b, "summary", j->named, &all);
	for (size_t m = 0; m < M; m++)
		tsv_real(b, field_value(j, m, 0));
	for (size_t m = 0; m < M; m++)
		for (size_t f = 1; f < NFIELD; f++)
			tsv_real(b, field_value(j, m, f));
	fl_str_add(b, "\n");
}

/* The rows of one client, or of all, a class each. r->n is of the class. */
static void classes_json(struct fl_str *b, const char *kind, int named, struct row r)
{
	for (size_t c = 0; c < r.C; c++) {
		const uint64_t *n = r.counts + c * (r.C + 1);
		struct fl_class k = fl_confusion_class(r.counts, r.C, c);

		r.n = k.n;
		json_begin(b, SCHEMA_CONFUSION, kind, named, &r);
		fl_str_addf(b, ",\"class\":%zu", c);
		json_real(b, "recall", "", k.recall);
		json_real(b, "precision", "", k.precision);
		json_real(b, "f1", "", k.f1);
		for (size_t d = 0; d < r.C; d++)
			fl_str_addf(b, "%s%" PRIu64, d ? "," : ",\"counts\":[", n[d]);
		fl_str_addf(b, "],\"none\":%" PRIu64 "}\n", n[r.C]);
	}
}

static void classes_tsv(struct fl_str *b, const char *kind, int named, struct row r)
{
	for (size_t c = 0; c < r.C; c++) {
		struct fl_class k = fl_confusion_class(r.counts, r.C, c);

		r.n = k.n;
		tsv_begin(b, kind, named, &r);
		fl_str_addf(b, "\t%zu", c);
		tsv_real(b, k.recall);
		tsv_real(b, k.precision);
		tsv_real(b, k.f1);
		for (size_t d = 0; d <= r.C; d++)
			fl_str_addf(b, "\t%" PRIu64, r.counts[c * (r.C + 1) + d]);
		fl_str_add(b, "\n");
	}
}

static void confusion(const struct job *j, struct fl_str *b)
{
	void (*classes)(struct fl_str *, const char *, int, struct row) =
		j->o->format == JSON ? classes_json : classes_tsv;
	struct row all = overall(j);

	if (j->o->format == TSV) {
		tsv_head(b, j->named);
		fl_str_add(b, "\tclass\trecall\tprecision\tf1");
		for (size_t d = 0; d < j->C; d++)
			fl_str_addf(b, "\t%zu", d);
		fl_str_add(b, "\tnone\n");
	}
	for (size_t i = 0; i < j->nrow; i++)
		classes(b, "client", j->named, j->row[i]);
	all.C = j->C;
	all.counts = j->counts;
	classes(b, "summary", j->named, all);
}

/* Opens o for path and writes what text makes there, without publishing it. */
static int write_text(const struct job *j, void (*text)(const struct job *, struct fl_str *),
                      const char *path, struct fl_out *o, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	int rc;

	text(j, &b);
	rc = fl_str_check(&b, e) || fl_out_open(o, path, !j->o->no_sync, e) ||
	     fl_out_write(o, b.s, b.len, e) || fl_out_flush(o, e) ? -1 : 0;
	fl_str_release(&b);
	return rc;
}

static int print(const struct job *j, struct fl_err *e)
{
	struct fl_out rows = { .fd = -1 }, classes = { .fd = -1 };
	int rc = 0;

	/* Nothing is published until everything is written. */
	if (j->o->confusion)
		rc = write_text(j, confusion, j->o->confusion, &classes, e) || fl_out_finish(&classes, e);
	if (!rc && !(rc = write_text(j, j->o->format == JSON ? json : tsv, j->o->output, &rows, e)))
		rc = fl_out_commit(&rows, e);
	if (!rc && j->o->confusion)
		rc = fl_out_commit(&classes, e);
	fl_out_abort(&rows);
	fl_out_abort(&classes);
	return rc;
}

/* --- --min --- */

static int is_name(const char *want, const char *name, size_t n)
{
	return strlen(want) == n && !strncmp(want, name, n);
}

/* A field of a metric; -1: there is none of that name. */
static int find_metric(const struct job *j, const char *name, size_t n, double *v)
{
	for (size_t m = 0; m < j->o->metric.n; m++) {
		size_t len = strlen(metric_name(j, m));

		if (n < len || strncmp(name, metric_name(j, m), len))
			continue;
		for (size_t f = 0; f < NFIELD; f++)
			if (is_name(spread_field[f].suffix, name + len, n - len)) {
				*v = field_value(j, m, f);
				return 0;
			}
	}
	return -1;
}

/* A number of the summary by its name(n); -1: there is none. NAN also where the rounds
 * of rows differ. */
static int find_field(const struct job *j, const char *name, size_t n, double *v)
{
	struct row all = overall(j);

	if (is_name("n", name, n))
		*v = (double)all.n;
	else if (is_name("clients", name, n))
		*v = (double)j->nrow;
	else if (is_name("round", name, n))
		*v = all.round < 0 ? NAN : (double)all.round;
	else
		return find_metric(j, name, n, v);
	return 0;
}

/* check: tests the values too; otherwise only that they make sense. */
static int check_min(const struct job *j, int check, struct fl_err *e)
{
	char have[FL_NUM_MAX];

	for (size_t i = 0; i < j->o->min.n; i++) {
		const char *text = j->o->min.v[i], *eq = strchr(text, '=');
		int len = eq ? (int)(eq - text) : 0;
		double want, v;

		if (!eq || fl_num_real(eq + 1, &want))
			return fl_fail(e, FL_EUSAGE, "--min: '%s' is not field=number", text);
		if (find_field(j, text, (size_t)len, &v))
			return fl_fail(e, FL_EUSAGE, "--min: '%.*s' is no number of the summary "
			               "with these metrics", len, text);
		if (check && !(v >= want))
			return fl_fail(e, FL_EFALSE, "%.*s is %s, --min asks for %s", len, text,
			               fl_num_print(have, v), eq + 1);
	}
	return 0;
}

/* --- all of it --- */

/* The name of a metric's fields: accuracy, or with its first parameter accuracy@tap. */
static int set_name(struct job *j, size_t m, struct fl_err *e)
{
	const struct fl_spec *s = &j->o->metric.v[m];
	const struct fl_param *first = s->entry->params;
	struct fl_str text = FL_STR_INIT;
	int rc;

	fl_str_add(&text, s->entry->name);
	if (first && fl_param_is_set(first, s->p)) {
		fl_str_addc(&text, '@');
		fl_param_print(first, s->p, &text);
	}
	rc = fl_str_check(&text, e);
	if (!rc && !(j->name[m] = fl_arena_str(&j->run->arena, fl_str_c(&text), e)))
		rc = -1;
	fl_str_release(&text);
	return rc;
}

static int set_view(struct job *j, size_t m, struct fl_err *e)
{
	const struct fl_spec *s = &j->o->metric.v[m];
	const struct fl_tapped *t = s->entry->params == fl_metric_tap ? s->p : NULL;
	size_t v = 1;

	if (set_name(j, m, e))
		return -1;
	if (!t || !t->tap)
		return 0;
	while (v < j->nview && strcmp(j->view[v].tap, t->tap))
		v++;
	j->view[v].tap = t->tap;
	j->nview = v == j->nview ? v + 1 : j->nview;
	j->of[m] = v;
	return 0;
}

/* FL_EUSAGE where two have the same fields. */
static int set_views(struct job *j, struct fl_err *e)
{
	size_t n = j->o->metric.n;

	if (!n || n > METRICS_MAX)
		return fl_fail(e, FL_EUSAGE, "--metric: want 1 to %d", METRICS_MAX);
	j->nview = 1;
	for (size_t m = 0; m < n; m++)
		if (set_view(j, m, e))
			return -1;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(metric_name(j, i), metric_name(j, k)))
				return fl_fail(e, FL_EUSAGE, "--metric: %s is given twice",
				               metric_name(j, i));
	return 0;
}

static int check_options(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	size_t std = !strcmp(o->model, "-"), ratios = 0, i;

	if (set_views(j, e))
		return -1;
	for (i = 0; i < o->metric.n; i++)
		ratios += ((const struct fl_metric *)o->metric.v[i].entry)->ratio != 0;
	if (!ratios != !o->with)
		return fl_fail(e, FL_EUSAGE, "metric ratio and --with go together");
	std += o->with && !strcmp(o->with, "-");
	for (i = 0; i < o->data.n; i++)
		std += !strcmp(o->data.v[i], "-");
	if (o->confusion && !strcmp(o->confusion, "-"))
		return fl_fail(e, FL_EUSAGE, "--confusion wants a file: standard output is for rows");
	std += reads_clients(j->run) && fl_run_stdin_default(j->run);
	if (std > 1)
		return fl_fail(e, FL_EUSAGE, "standard input is given %zu times", std);
	return check_min(j, 0, e);
}

static int open_first(struct job *j, struct fl_err *e)
{
	struct fl_tset model = { .t = NULL };
	int rc;

	if (!j->o->with)
		return 0;
	if (fl_stream_load(j->o->with, FL_KIND_MODEL, &model, e))
		return -1;
	rc = net_init(&j->first, &model, e) ? fl_fail_in(e, "%s", j->o->with) :
	     fl_accord_add(&j->accord, &model, j->o->with, e);
	fl_tset_release(&model);
	return rc;
}

static int setup(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	j->counting = j->view[0].counting = o->confusion != NULL;
	for (size_t m = 0; m < o->metric.n; m++) {
		const struct fl_metric *f = (const struct fl_metric *)o->metric.v[m].entry;

		j->counting |= f->counts != NULL;
		j->view[j->of[m]].counting |= f->counts != NULL;
		j->losses |= f->of_model;
		j->inputs |= f->inputs != NULL;
	}
	j->wave = o->threads > 1 ? WAVE * (size_t)o->threads : 1;
	if (fl_models_open(&j->models, o->model, e))
		return -1;
	if (!(j->item = fl_arena_zero(&j->run->arena, j->wave, sizeof *j->item, e)) ||
	    !(j->room = fl_arena_zero(&j->run->arena, (size_t)o->threads, sizeof *j->room, e)) ||
	    !(j->froom = fl_arena_zero(&j->run->arena, (size_t)o->threads, sizeof *j->froom, e)) ||
	    open_first(j, e))
		return -1;
	if (j->models.folder && o->state)
		return fl_fail(e, FL_EUSAGE, "--state goes with one model, and -m is a folder");
	if (!j->models.folder && (net_init(&j->net, &j->models.one, e) ||
	                          fl_names_of(&j->names, &j->models.one, e) < 0))
		return fl_fail_in(e, "%s", o->model);
	if (fl_accord_add(&j->accord, &j->models.one, o->model, e))
		return -1;
	/* Nothing is known of no client at all (--allow-empty). */
	for (size_t m = 0; m < o->metric.n; m++)
		for (size_t f = 0; f < NFIELD; f++)
			*(double *)(void *)((char *)&j->spread[m] + spread_field[f].off) = NAN;
	return 0;
}

static void cleanup(struct job *j)
{
	for (size_t i = 0; j->item && i < j->nitem; i++)
		fl_data_release(&j->item[i].data);
	for (size_t i = 0; i < j->nrow; i++)
		free(j->row[i].counts);
	free(j->counts);
	for (int i = 0; j->room && i < j->o->threads; i++)
		if (j->room[i].work.B)
			room_release(&j->room[i]);
	for (int i = 0; j->froom && i < j->o->threads; i++)
		if (j->froom[i].work.B)
			room_release(&j->froom[i]);
	net_release(&j->net);
	net_release(&j->first);
	fl_models_release(&j->models);
	fl_names_release(&j->names);
	fl_accord_release(&j->accord);
	free(j->row);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = -1;

	fl_heap_prepare();
	if (check_options(&j, e))
		return -1;
	if (!setup(&j, e) && !read_data(&j, e) && !read_clients(&j, e) && !flush(&j, e) &&
	    !sort_rows(&j, e) && (!j.nrow || !summarise(&j, e)) && !print(&j, e))
		rc = check_min(&j, 1, e);
	cleanup(&j);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	for (size_t i = 0; i < o->data.n; i++)
		if (!strcmp(o->data.v[i], "-"))
			return 1;
	return !strcmp(o->model, "-") || (o->with && !strcmp(o->with, "-")) || (reads_clients(r) && fl_run_stdin_default(r));
}

static const struct fl_family *const families[] = { &fl_family_data, &fl_family_metric, NULL };

static const struct fl_tool tool = {
	.name = "fl-eval",
	.nd = "measure a model on the data of clients",
	.operands = "[client ...]",
	.reads = "model, data",
	.opts = opts,
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

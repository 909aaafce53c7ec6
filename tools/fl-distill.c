/* fl-distill: a server that trains the model. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/tool.h"
#include "data/names.h"
#include "fed/distill/distill.h"
#include "model/model.h"

struct opts {
	const char *model, *data, *output;
	struct fl_data_how how;
	struct fl_spec method, opt;
	int64_t epochs, steps, batch, seed, expect, threads;
	struct fl_strs with;
	int shuffle, no_sync, no_prov;
};

static const char *const shuffle_choice[] = { "none", "shuffled", NULL };

static const struct fl_opt options[] = {
	FL_OPT_PATH('m', "model", model, "model",
	  "the model that was sent out, or that is to be improved", .flags = FL_O_NEED),
	FL_OPT_SPEC('M', "method", method, &fl_family_distill, NULL, "method",
	  "what the server trains", .flags = FL_O_PROV | FL_O_NEED),
	FL_OPT_STR('d', "data", data, "source", "proxy data; its classes do not matter"),
	FL_OPT_HOW(FL_O_PROV),
	FL_OPT_WITH,
	FL_OPT_SPEC(0, "opt", opt, &fl_family_opt, "adam", "optimiser",
	  "what makes a step of a gradient", .flags = FL_O_PROV),
	FL_OPT_INT('e', "epochs", epochs, NULL, 0, 1e9, "n",
	  "passes over the data; 10 where neither this nor --steps is given", .flags = FL_O_PROV),
	FL_OPT_INT(0, "steps", steps, NULL, 0, 1e12, "n",
	  "steps in place of epochs", .flags = FL_O_PROV),
	FL_OPT_INT('b', "batch", batch, "128", 1, 1 << 24, "n",
	  "examples a step", .flags = FL_O_PROV),
	FL_OPT_SEED,
	FL_OPT_ENUM(0, "shuffle", shuffle, "shuffled", shuffle_choice, "order",
	  "order of the examples; none: as they are", .flags = FL_O_PROV),
	FL_OPT_EXPECT,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

static const struct fl_family *const families[] = { &fl_family_distill, &fl_family_opt, NULL };

struct member {
	struct fl_update u;
	struct fl_tset rec;
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	const struct fl_distill *method;
	struct fl_tset model;
	struct fl_with with;
	const char *who;		/* "method feddf" */
	char base[FL_HASH_TEXT];
	int64_t round;			/* of the model that is made */
	struct fl_net net;
	struct fl_data data;
	int has_net, has_data;
	fl_real *w0, *w;		/* (P) */
	struct fl_accord accord;	/* of model, statistic and updates; proxy data are of any classes */
	struct member *member;		/* (K) by ascending client */
	size_t K, cap;
};

/* --- what is read --- */

static int check_options(const struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const char *name = j->method->e.name;
	int clients = j->method->needs & FL_DISTILL_CLIENTS, data = j->method->needs & FL_DISTILL_DATA;

	if (o->epochs != FL_UNSET && o->steps != FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "--epochs and --steps exclude each other");
	if (!o->data != !data)
		return fl_fail(e, FL_EUSAGE, "method %s %s", name,
		               data ? "wants proxy data: -d SOURCE" : "has no use for -d");
	if (!clients && j->run->noperand)
		return fl_fail(e, FL_EUSAGE, "method %s reads no updates: '%s' has no place", name,
		               j->run->operand[0]);
	return 0;
}

static int load_model(struct job *j, struct fl_err *e)
{
	if (fl_stream_load(j->o->model, FL_KIND_MODEL, &j->model, e))
		return -1;
	if (fl_accord_add(&j->accord, &j->model, j->o->model, e))
		return -1;
	if (fl_base_text(&j->model, (int)j->o->threads, j->base, e) ||
	    fl_meta_need_i64(&j->model, "fl.round", &j->round, e) < 0 ||
	    fl_model_of(&j->net, &j->model, e))
		return fl_fail_in(e, "%s", j->o->model);
	j->has_net = 1;
	if (j->net.targets)
		return fl_fail(e, FL_EDATA, "%s: its loss wants targets, not classes", j->o->model);
	if (!(j->w0 = fl_alloc(j->net.P, sizeof *j->w0, e)) ||
	    !(j->w = fl_alloc(j->net.P, sizeof *j->w, e)))
		return -1;
	return fl_net_import(&j->net, &j->model, "", 0, j->w0, e) ?
	       fl_fail_in(e, "%s", j->o->model) : 0;
}

static int load_with(struct job *j, struct fl_err *e)
{
	j->who = fl_arena_fmt(&j->run->arena, e, "method %s", j->method->e.name);
	return !j->who || fl_with_open(&j->with, &j->o->with, e) ||
	       fl_with_check(&j->with, j->method->with, j->who, e) ||
	       fl_with_accord(&j->with, &j->accord, e) ? -1 : 0;
}

static int load_data(struct job *j, struct fl_err *e)
{
	struct fl_data *d = &j->data;

	if (!j->o->data)
		return 0;
	if (fl_data_open(d, j->o->data, &j->o->how, e))
		return -1;
	j->has_data = 1;
	return fl_data_fits(d, &j->net, SIZE_MAX, 0, e);
}

static int check_update(const struct job *j, const struct member *m, struct fl_err *e)
{
	if (m->u.round != j->round + 1)
		return fl_fail(e, FL_EDATA, "fl.round is %" PRId64 ", but the model is of round %" PRId64
		               ", whose updates are of %" PRId64, m->u.round, j->round, j->round + 1);
	if (!fl_base_names(m->u.base, j->base, &j->model))
		return fl_fail(e, FL_EDATA, "fl.base is %s, but the model's is %s", m->u.base, j->base);
	return 0;
}

static int take(struct job *j, struct fl_tset *rec, struct fl_err *e)
{
	struct member *m;

	if (fl_grow(&j->member, &j->cap, j->K + 1, sizeof *j->member, e))
		return -1;
	m = &j->member[j->K];
	*m = (struct member){ .rec = { .t = NULL } };
	if (fl_tset_clone(&m->rec, rec, e))
		return -1;
	j->K++;
	if (fl_update_read(&m->rec, &m->u, e))
		return -1;
	return check_update(j, m, e) ? fl_fail_in(e, "client %" PRId64, m->u.client) : 0;
}

static int by_client(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->u.client > y->u.client) - (x->u.client < y->u.client);
}

static int read_updates(struct job *j, struct fl_err *e)
{
	struct fl_inputs in = { .path = j->run->operand, .n = j->run->noperand,
	                        .expect = j->o->expect == FL_UNSET ? -1 : j->o->expect };
	struct fl_tset rec = { .t = NULL };
	int rc;

	while ((rc = fl_inputs_next(&in, &rec, e)) > 0) {
		if ((rc = fl_accord_add(&j->accord, &rec, fl_inputs_name(&in), e)))
			break;
		if (take(j, &rec, e)) {
			rc = fl_fail_in(e, "%s", fl_inputs_name(&in));
			break;
		}
	}
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	if (!rc)
		qsort(j->member, j->K, sizeof *j->member, by_client);
	for (size_t k = 1; !rc && k < j->K; k++)
		if (j->member[k].u.client == j->member[k - 1].u.client)
			rc = fl_fail(e, FL_EDATA, "client %" PRId64 " is there twice",
			             j->member[k].u.client);
	return rc;
}

/* --- training --- */

/* w: the clients' mean by examples, in double. */
static int mean_of_clients(struct fl_distill_run *r, struct fl_err *e)
{
	double *sum = fl_arena_zero(r->arena, r->net->P, sizeof *sum, e), n = 0;

	if (!sum)
		return -1;
	for (size_t k = 0; k < r->K; k++) {
		if (fl_distill_client(r, k, r->w, e))
			return -1;
		for (size_t i = 0; i < r->net->P; i++)
			sum[i] += (double)r->u[k].examples * (double)r->w[i];
		n += (double)r->u[k].examples;
	}
	for (size_t i = 0; i < r->net->P; i++)
		r->w[i] = (fl_real)(sum[i] / n);
	return 0;
}

static int train(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_arena *a = &j->run->arena;
	struct fl_update *u = fl_arena_get(a, j->K, sizeof *u, e);
	struct fl_tset *rec = fl_arena_get(a, j->K, sizeof *rec, e);
	struct fl_lesson lesson = {
		.opt = o->opt, .epochs = o->epochs == FL_UNSET ? 10 : o->epochs, .steps = o->steps,
		.batch = o->batch, .shuffle = o->shuffle, .seed = (uint64_t)o->seed,
		.round = j->round,
	};
	struct fl_distill_run r = {
		.lesson = &lesson, .net = &j->net, .w0 = j->w0, .w = j->w, .K = j->K, .u = u,
		.update = rec, .data = &j->data, .with = &j->with, .who = j->who,
		.arena = a, .threads = (int)o->threads,
	};

	if (!u || !rec)
		return -1;
	for (size_t k = 0; k < j->K; k++) {
		u[k] = j->member[k].u;
		rec[k] = j->member[k].rec;
	}
	memcpy(j->w, j->w0, j->net.P * sizeof *j->w);
	if ((j->K && mean_of_clients(&r, e)) || j->method->run(o->method.p, &r, e))
		return -1;
	fl_say(FL_LOG_INFO, "round %" PRId64 ": %zu clients, cross-entropy %g", j->round, j->K, r.loss);
	return 0;
}

/* The trained tensors; the model's others and its metadata. */
static int make_record(struct job *j, struct fl_tset *out, struct fl_err *e)
{
	if (fl_net_export(&j->net, j->w, "", out, e))
		return -1;
	for (size_t i = 0; i < j->model.nt; i++)
		if (!fl_tset_find(out, j->model.t[i].name) &&
		    !fl_tset_copy(out, NULL, &j->model.t[i], e))
			return -1;
	for (size_t i = 0; i < j->model.nkv; i++)
		if (fl_meta_set(out, j->model.kv[i].key, j->model.kv[i].val, e))
			return -1;
	return fl_meta_set_kind(out, FL_KIND_MODEL, e) ||
	       fl_meta_set_i64(out, "fl.round", j->round, e) ||
	       fl_meta_set(out, "fl.parent", j->base, e) || fl_meta_set(out, "fl.prov", NULL, e) ||
	       fl_run_add_prov(j->run, j->o->no_prov, out, e) ? -1 : 0;
}

static int write_model(struct job *j, struct fl_err *e)
{
	struct fl_tset next = { .t = NULL };
	struct fl_out out = { .fd = -1 };
	int rc = make_record(j, &next, e);

	if (!rc)
		rc = fl_run_output(j->run, &out, j->o->output, !j->o->no_sync, e);
	if (!rc)
		rc = fl_stream_write(&out, &next, e);
	if (!rc)
		rc = fl_out_commit(&out, e);
	fl_out_abort(&out);
	fl_tset_release(&next);
	return rc;
}

static int distill(struct job *j, struct fl_err *e)
{
	if (check_options(j, e) || load_model(j, e) || load_with(j, e) || load_data(j, e))
		return -1;
	if (j->method->needs & FL_DISTILL_CLIENTS) {
		if (read_updates(j, e))
			return -1;
		j->round++;
	}
	return train(j, e) ? -1 : write_model(j, e);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct job j = { .run = r, .o = o };
	int rc;

	j.method = (const struct fl_distill *)(const void *)o->method.entry;
	fl_heap_prepare();
	rc = distill(&j, e);
	for (size_t k = 0; k < j.K; k++)
		fl_tset_release(&j.member[k].rec);
	free(j.member);
	if (j.has_data)
		fl_data_release(&j.data);
	if (j.has_net)
		fl_net_release(&j.net);
	free(j.w0);
	free(j.w);
	fl_tset_release(&j.model);
	fl_with_release(&j.with);
	fl_accord_release(&j.accord);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;
	const struct fl_distill *m = (const struct fl_distill *)(const void *)o->method.entry;

	return m->needs & FL_DISTILL_CLIENTS && fl_run_stdin_default(r);
}

static const struct fl_tool tool = {
	.name = "fl-distill",
	.nd = "train a model at the server",
	.operands = "[update ...]",
	.reads = "model, update, data, stats",
	.writes = "model",
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

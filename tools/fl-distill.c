/* fl-distill: a server that trains the model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/tool.h"
#include "data/names.h"
#include "fed/clients.h"
#include "fed/distill/distill.h"
#include "model/model.h"

struct opts {
	const char *model, *base, *data, *output;
	struct fl_data_how how;
	struct fl_spec method, opt;
	int64_t epochs, steps, batch, seed, expect, threads;
	struct fl_strs with;
	int shuffle, needs, no_sync, no_prov;
};

static const char *const shuffle_choice[] = { "none", "shuffled", NULL };

static const struct fl_opt options[] = {
	FL_OPT_PATH('m', "model", model, "model",
	  "what is trained: a model, a folder of clients', or the method's own net"),
	FL_OPT_SPEC('M', "method", method, &fl_family_distill, NULL, "method",
	  "what the server trains", .flags = FL_O_PROV | FL_O_NEED),
	FL_OPT_PATH(0, "base", base, "model",
	  "the model, or folder of clients', that updates are of; -m unless given"),
	FL_OPT_STR('d', "data", data, "source",
	  "examples: proxy data, whose classes do not matter, or labelled ones"),
	FL_OPT_HOW(FL_O_PROV),
	FL_OPT_WITH,
	FL_OPT_FLAG(0, "needs", needs, "print what fl-local-train has to --measure, and stop"),
	FL_OPT_SPEC(0, "opt", opt, &fl_family_opt, "adam", "optimiser",
	  "what makes a step of a gradient", .flags = FL_O_PROV),
	FL_OPT_INT('e', "epochs", epochs, NULL, 0, 1e9, "n",
	  "passes over the data; 10, or the method's own, without --steps", .flags = FL_O_PROV),
	FL_OPT_INT(0, "steps", steps, NULL, 0, 1e12, "n",
	  "steps in place of epochs", .flags = FL_O_PROV, .excludes = "epochs"),
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

struct job {
	struct fl_run *run;
	const struct opts *o;
	const struct fl_distill *method;
	const char *who;		/* "method feddf" */
	struct fl_models models, base;	/* of -m, of --base; base is models unless that is given */
	struct fl_with with;
	struct fl_accord accord;	/* of models, statistics, updates, and of labelled data */
	struct fl_members members;
	struct fl_net net;		/* of -m, unless it is a folder */
	struct fl_data data;
	int has_net, has_data;
	int64_t round;			/* of the model that is made */
	struct fl_lesson lesson;
	struct fl_distill_run r;
};

static int needs(const struct job *j, unsigned what)
{
	return !!(j->method->needs & what);
}

/* --- what is read --- */

static int check_options(const struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	int data = needs(j, FL_DISTILL_DATA | FL_DISTILL_LABELS), folder = j->models.folder;

	if (!o->data != !data)
		return fl_fail(e, FL_EUSAGE, "%s %s", j->who, !data ? "has no use for -d" :
		               needs(j, FL_DISTILL_LABELS) ? "wants labelled data: -d SOURCE" :
		               "wants proxy data: -d SOURCE");
	if (j->run->noperand && !needs(j, FL_DISTILL_MEMBERS) && !j->method->with)
		return fl_fail(e, FL_EUSAGE, "%s reads no updates: '%s' has no place", j->who,
		               j->run->operand[0]);
	if (o->base && !needs(j, FL_DISTILL_MEMBERS) && j->method->makes != FL_MAKES_MODELS)
		return fl_fail(e, FL_EUSAGE, "%s has no use for --base", j->who);
	if (folder && !needs(j, FL_DISTILL_EACH))
		return fl_fail(e, FL_EUSAGE, "%s is a folder, but %s trains one model", o->model, j->who);
	if ((folder || j->method->makes == FL_MAKES_MODELS) && !strcmp(o->output, "-"))
		return fl_fail(e, FL_EUSAGE, "%s makes a model of each client: -o FOLDER", j->who);
	return 0;
}

static int open_models(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (fl_models_open(&j->models, o->model, e) || check_options(j, e) ||
	    fl_models_base(&j->models, (int)o->threads, e))
		return -1;
	j->members.base = o->base ? &j->base : &j->models;
	return o->base && (fl_models_open(&j->base, o->base, e) ||
	                   fl_models_base(&j->base, (int)o->threads, e) ||
	                   fl_accord_add(&j->accord, &j->base.one, o->base, e)) ? -1 : 0;
}

static int load_model(struct job *j, struct fl_err *e)
{
	const struct fl_tset *rec = &j->models.one;

	if (j->models.folder)
		return 0;
	if (fl_accord_add(&j->accord, rec, j->o->model, e))
		return -1;
	if (fl_meta_need_i64(rec, "fl.round", &j->round, e) < 0 || fl_model_of(&j->net, rec, e))
		return fl_fail_in(e, "%s", j->o->model);
	j->has_net = 1;
	if (j->net.targets && !needs(j, FL_DISTILL_OTHER))
		return fl_fail(e, FL_EDATA, "%s: its loss wants targets, not classes", j->o->model);
	return 0;
}

static int take(struct job *j, const char *file, const struct fl_tset *rec, struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e) || fl_accord_add(&j->accord, rec, file, e))
		return -1;
	if (kind == FL_KIND_STATS && j->method->with)
		return (file = fl_arena_str(&j->run->arena, file, e)) ?
		       fl_with_add(&j->with, file, rec, e) : -1;
	if (!needs(j, FL_DISTILL_MEMBERS) || (kind != FL_KIND_UPDATE && kind != FL_KIND_MODEL))
		return fl_fail(e, FL_EUSAGE, "it holds %s, and %s reads no %s", kind ? fl_kind_name(kind) :
		               "no kind of record", j->who, needs(j, FL_DISTILL_MEMBERS) ?
		               "other operands than updates and models" : "updates");
	if (kind == FL_KIND_UPDATE && needs(j, FL_DISTILL_OTHER) && !j->o->base)
		return fl_fail(e, FL_EUSAGE, "-m is no client's model in %s: updates want --base, the "
		               "model, or folder of models, that they are of", j->who);
	if (kind == FL_KIND_UPDATE && fl_fact_check(rec, j->method->facts, j->who, e))
		return fl_fail_in(e, "client %s", fl_meta_get(rec, "fl.client"));
	return fl_members_add(&j->members, rec, kind, e);
}

static int read_operands(struct job *j, struct fl_err *e)
{
	struct fl_inputs in = { .path = j->run->operand, .n = j->run->noperand,
	                        .expect = j->o->expect == FL_UNSET ? -1 : j->o->expect };
	struct fl_tset rec = { .t = NULL };
	int rc = 0;

	while (!rc && (rc = fl_inputs_next(&in, &rec, e)) > 0)
		rc = take(j, fl_inputs_name(&in), &rec, e) ?
		     fl_fail_in(e, "%s", fl_inputs_name(&in)) : 0;
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	return rc || fl_members_sort(&j->members, e) ? -1 : 0;
}

static int read_records(struct job *j, struct fl_err *e)
{
	int64_t round;

	if (fl_with_open(&j->with, &j->o->with, e) ||
	    ((needs(j, FL_DISTILL_MEMBERS) || j->run->noperand) && read_operands(j, e)) ||
	    fl_with_check(&j->with, j->method->with, j->who, e) ||
	    fl_with_accord(&j->with, &j->accord, e))
		return -1;
	if (needs(j, FL_DISTILL_MEMBERS) && !j->members.n)
		return fl_fail(e, FL_EDATA, "%s: no client has sent an update or a model", j->who);
	if ((round = fl_members_round(&j->members)) >= 0)
		j->round = round;
	return 0;
}

/* That net can look at the data, which have its classes where labels matter. */
static int check_fit(const struct job *j, const struct fl_net *net, struct fl_err *e)
{
	return fl_data_fits(&j->data, net, needs(j, FL_DISTILL_LABELS) ? net->classes : SIZE_MAX, 0, e);
}

static int load_data(struct job *j, struct fl_err *e)
{
	if (!j->o->data)
		return 0;
	if (fl_data_open(&j->data, j->o->data, &j->o->how, e))
		return -1;
	j->has_data = 1;
	if (j->has_net && !needs(j, FL_DISTILL_OTHER) && check_fit(j, &j->net, e))
		return -1;
	for (size_t i = 0; i < j->members.nnet; i++)
		if (check_fit(j, j->members.net[i], e))
			return -1;
	return needs(j, FL_DISTILL_LABELS) &&
	       (fl_data_labelled(&j->data, e) ||
	        fl_accord_add(&j->accord, &j->data.rec, j->data.name, e)) ? -1 : 0;
}

/* --- training --- */

static int train(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	j->lesson = (struct fl_lesson){
		.opt = o->opt, .steps = o->steps, .epochs = o->epochs != FL_UNSET ? o->epochs :
		                                        j->method->epochs ? j->method->epochs : 10,
		.batch = o->batch, .shuffle = o->shuffle, .seed = (uint64_t)o->seed,
		.round = j->round,
	};
	j->r = (struct fl_distill_run){
		.lesson = &j->lesson, .K = j->members.n, .member = j->members.v, .data = &j->data,
		.with = &j->with, .models = &j->models, .base = j->members.base, .who = j->who, .threads = (int)o->threads,
		.arena = &j->run->arena
	};
	if (fl_students_begin(&j->r, j->has_net ? &j->net : NULL, e) || j->method->run(o->method.p, &j->r, e))
		return -1;
	if (j->method->makes == FL_MAKES_MODEL)
		fl_say(FL_LOG_INFO, "round %" PRId64 ": %zu clients, loss %g", j->round, j->r.K,
		       j->r.student->loss);
	return 0;
}

/* --- what is written --- */

static int write_stream(struct job *j, struct fl_err *e)
{
	struct fl_out out = { .fd = -1 };
	int rc = fl_run_output(j->run, &out, j->o->output, !j->o->no_sync, e);

	for (size_t k = 0; !rc && k < j->r.nmade; k++)
		rc = fl_stream_write(&out, &j->r.made[k], e);
	if (!rc && j->r.nmade != 1)
		rc = fl_stream_write_end(&out, j->r.nmade, e);
	if (!rc)
		rc = fl_out_commit(&out, e);
	fl_out_abort(&out);
	return rc;
}

static int write_all(struct job *j, struct fl_err *e)
{
	static const enum fl_kind kind[] = {
		[FL_MAKES_MODEL] = FL_KIND_MODEL, [FL_MAKES_MODELS] = FL_KIND_MODEL,
		[FL_MAKES_STATS] = FL_KIND_STATS, [FL_MAKES_DATA] = FL_KIND_DATA,
	};
	enum fl_makes makes = j->method->makes;

	if (makes == FL_MAKES_MODEL && fl_students_end(&j->r, e))
		return -1;
	for (size_t k = 0; k < j->r.nmade; k++)
		if (fl_meta_set_kind(&j->r.made[k], kind[makes], e) ||
		    fl_run_add_prov(j->run, j->o->no_prov, &j->r.made[k], e))
			return -1;
	if (j->models.folder || makes == FL_MAKES_MODELS)
		return fl_clients_save(j->o->output, j->r.made, j->r.nmade, !j->o->no_sync, e);
	return write_stream(j, e);
}

static void release(struct job *j)
{
	for (size_t k = 0; k < j->r.nmade; k++)
		fl_tset_release(&j->r.made[k]);
	free(j->r.made);
	fl_tset_release(&j->r.extra);
	fl_members_release(&j->members);
	if (j->has_data)
		fl_data_release(&j->data);
	if (j->has_net)
		fl_net_release(&j->net);
	fl_with_release(&j->with);
	fl_accord_release(&j->accord);
	fl_models_release(&j->models);
	fl_models_release(&j->base);
}

/* What fl-local-train has to --measure for the method. */
static int print_needs(const struct job *j, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_fact_print(j->method->facts, &s);
	rc = fl_str_check(&s, e);
	if (!rc)
		puts(fl_str_c(&s));
	fl_str_release(&s);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct job j = { .run = r, .o = o };
	int rc = -1;

	j.method = (const struct fl_distill *)(const void *)o->method.entry;
	if (o->needs)
		return print_needs(&j, e);
	if (!o->model)
		return fl_fail(e, FL_EUSAGE, "-m (--model) must be given");
	fl_heap_prepare();
	if ((j.who = fl_arena_fmt(&r->arena, e, "method %s", j.method->e.name)) &&
	    !open_models(&j, e) && !load_model(&j, e) && !read_records(&j, e) && !load_data(&j, e) &&
	    !train(&j, e))
		rc = write_all(&j, e);
	release(&j);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;
	const struct fl_distill *m = (const struct fl_distill *)(const void *)o->method.entry;

	return !o->needs && (m->needs & FL_DISTILL_MEMBERS || r->noperand) && fl_run_stdin_default(r);
}

static const struct fl_tool tool = {
	.name = "fl-distill",
	.nd = "train a model at the server",
	.operands = "[record ...]",
	.reads = "model, update, data, stats",
	.writes = "model, stats, data",
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

/* One call of a method. */
#include "fed/distill/call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static int needs(const struct fl_distill_call *c, unsigned what)
{
	return !!(c->method->needs & what);
}

/* --- what is read --- */

static int check_options(const struct fl_distill_call *c, struct fl_err *e)
{
	const struct fl_distill_how *o = &c->how;
	int data = needs(c, FL_DISTILL_DATA | FL_DISTILL_LABELS), folder = c->models.folder;

	if (!o->data != !data)
		return fl_fail(e, FL_EUSAGE, "%s %s", c->who, !data ? "has no use for -d" :
		               needs(c, FL_DISTILL_LABELS) ? "wants labelled data: -d SOURCE" :
		               "wants proxy data: -d SOURCE");
	if (c->how.operands.n && !needs(c, FL_DISTILL_MEMBERS) && !c->method->with)
		return fl_fail(e, FL_EUSAGE, "%s reads no updates: '%s' has no place", c->who,
		               c->how.operands.path[0]);
	if (o->base && !needs(c, FL_DISTILL_MEMBERS) && c->method->makes != FL_MAKES_MODELS)
		return fl_fail(e, FL_EUSAGE, "%s has no use for --base", c->who);
	if (folder && !needs(c, FL_DISTILL_EACH))
		return fl_fail(e, FL_EUSAGE, "%s is a folder, but %s trains one model", o->model, c->who);
	if ((folder || c->method->makes == FL_MAKES_MODELS) && o->to_stdout)
		return fl_fail(e, FL_EUSAGE, "%s makes a model of each client: -o FOLDER", c->who);
	return 0;
}

static int open_models(struct fl_distill_call *c, struct fl_err *e)
{
	const struct fl_distill_how *o = &c->how;

	if (fl_models_open(&c->models, o->model, e) || check_options(c, e) ||
	    fl_models_base(&c->models, o->threads, e))
		return -1;
	c->members.base = o->base ? &c->base : &c->models;
	return o->base && (fl_models_open(&c->base, o->base, e) ||
	                   fl_models_base(&c->base, o->threads, e) ||
	                   fl_accord_add(&c->accord, &c->base.one, o->base, e)) ? -1 : 0;
}

static int load_model(struct fl_distill_call *c, struct fl_err *e)
{
	const struct fl_tset *rec = &c->models.one;

	if (c->models.folder)
		return 0;
	if (fl_accord_add(&c->accord, rec, c->how.model, e))
		return -1;
	if (fl_meta_need_i64(rec, "fl.round", &c->how.lesson.round, e) < 0 || fl_model_of(&c->net, rec, e))
		return fl_fail_in(e, "%s", c->how.model);
	c->has_net = 1;
	if (c->net.targets && !needs(c, FL_DISTILL_OTHER))
		return fl_fail(e, FL_EDATA, "%s: its loss wants targets, not classes", c->how.model);
	return 0;
}

static int take(struct fl_distill_call *c, const char *file, const struct fl_tset *rec,
                struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e) || fl_accord_add(&c->accord, rec, file, e))
		return -1;
	if (kind == FL_KIND_STATS && c->method->with)
		return (file = fl_arena_str(&c->arena, file, e)) ?
		       fl_with_add(&c->with, file, rec, e) : -1;
	if (!needs(c, FL_DISTILL_MEMBERS) || (kind != FL_KIND_UPDATE && kind != FL_KIND_MODEL))
		return fl_fail(e, FL_EUSAGE, "it holds %s, and %s reads no %s", kind ? fl_kind_name(kind) :
		               "no kind of record", c->who, needs(c, FL_DISTILL_MEMBERS) ?
		               "other operands than updates and models" : "updates");
	if (kind == FL_KIND_UPDATE && needs(c, FL_DISTILL_OTHER) && !c->how.base)
		return fl_fail(e, FL_EUSAGE, "-m is no client's model in %s: updates want --base, the "
		               "model, or folder of models, that they are of", c->who);
	if (kind == FL_KIND_UPDATE && fl_fact_check(rec, c->method->facts, c->who, e))
		return fl_fail_in(e, "client %s", fl_meta_get(rec, "fl.client"));
	return fl_members_add(&c->members, rec, kind, e);
}

static int read_operands(struct fl_distill_call *c, struct fl_err *e)
{
	struct fl_inputs *in = &c->how.operands;
	struct fl_tset rec = { .t = NULL };
	int rc = 0;

	while (!rc && (rc = fl_inputs_next(in, &rec, e)) > 0)
		rc = take(c, fl_inputs_name(in), &rec, e) ? fl_fail_in(e, "%s", fl_inputs_name(in)) : 0;
	fl_tset_release(&rec);
	return rc || fl_members_sort(&c->members, e) ? -1 : 0;
}

static int read_records(struct fl_distill_call *c, struct fl_err *e)
{
	int64_t round;

	if (fl_with_open(&c->with, c->how.with, e) ||
	    ((needs(c, FL_DISTILL_MEMBERS) || c->how.operands.n) && read_operands(c, e)) ||
	    fl_with_check(&c->with, c->method->with, c->who, e) ||
	    fl_with_accord(&c->with, &c->accord, e))
		return -1;
	if (needs(c, FL_DISTILL_MEMBERS) && !c->members.n)
		return fl_fail(e, FL_EDATA, "%s: no client has sent an update or a model", c->who);
	if ((round = fl_members_round(&c->members)) >= 0)
		c->how.lesson.round = round;
	return 0;
}

/* That net can look at the data, which have its classes where labels matter. */
static int check_fit(const struct fl_distill_call *c, const struct fl_net *net, struct fl_err *e)
{
	return fl_data_fits(&c->data, net, needs(c, FL_DISTILL_LABELS) ? net->classes : SIZE_MAX, 0, e);
}

/* Before clients are waited for: what is wrong with the server's own data is said at once. */
static int load_data(struct fl_distill_call *c, struct fl_err *e)
{
	if (!c->how.data)
		return 0;
	if (fl_data_open(&c->data, c->how.data, c->how.read, e))
		return -1;
	c->has_data = 1;
	if (c->has_net && !needs(c, FL_DISTILL_OTHER) && check_fit(c, &c->net, e))
		return -1;
	return needs(c, FL_DISTILL_LABELS) ? fl_data_labelled(&c->data, e) : 0;
}

/* That what clients sent can look at the data, and calls classes as they do. */
static int check_members(struct fl_distill_call *c, struct fl_err *e)
{
	for (size_t i = 0; c->has_data && i < c->members.nnet; i++)
		if (check_fit(c, c->members.net[i], e))
			return -1;
	return c->has_data && needs(c, FL_DISTILL_LABELS) ?
	       fl_accord_add(&c->accord, &c->data.rec, c->data.name, e) : 0;
}

/* --- what is done --- */

static int train(struct fl_distill_call *c, struct fl_err *e)
{
	struct fl_lesson *lesson = &c->how.lesson;

	if (lesson->epochs == FL_UNSET)
		lesson->epochs = c->method->epochs ? c->method->epochs : 10;
	c->r = (struct fl_distill_run){
		.lesson = lesson, .K = c->members.n, .member = c->members.v, .data = &c->data,
		.with = &c->with, .models = &c->models, .base = c->members.base, .who = c->who,
		.threads = c->how.threads, .arena = &c->arena,
	};
	if (fl_students_begin(&c->r, c->has_net ? &c->net : NULL, e) ||
	    c->method->run(c->how.method.p, &c->r, e))
		return -1;
	if (c->method->makes != FL_MAKES_MODEL)
		return 0;
	fl_say(FL_LOG_INFO, "round %" PRId64 ": %zu clients, loss %g", lesson->round, c->r.K,
	       c->r.student->loss);
	return fl_students_end(&c->r, e);
}

static int set_kinds(struct fl_distill_call *c, struct fl_err *e)
{
	static const enum fl_kind kind[] = {
		[FL_MAKES_MODEL] = FL_KIND_MODEL, [FL_MAKES_MODELS] = FL_KIND_MODEL,
		[FL_MAKES_STATS] = FL_KIND_STATS, [FL_MAKES_DATA] = FL_KIND_DATA,
	};

	for (size_t k = 0; k < c->r.nmade; k++)
		if (fl_meta_set_kind(&c->r.made[k], kind[c->method->makes], e))
			return -1;
	return 0;
}

int fl_distill_call(struct fl_distill_call *c, const struct fl_distill_how *how, struct fl_err *e)
{
	*c = (struct fl_distill_call){ .how = *how };
	c->method = (const struct fl_distill *)(const void *)how->method.entry;
	c->who = fl_arena_fmt(&c->arena, e, "method %s", c->method->e.name);
	return !c->who || open_models(c, e) || load_model(c, e) || load_data(c, e) ||
	       read_records(c, e) || check_members(c, e) || train(c, e) || set_kinds(c, e) ? -1 : 0;
}

int fl_distill_many(const struct fl_distill_call *c)
{
	return c->models.folder || c->method->makes == FL_MAKES_MODELS;
}

void fl_distill_release(struct fl_distill_call *c)
{
	for (size_t k = 0; k < c->r.nmade; k++)
		fl_tset_release(&c->r.made[k]);
	free(c->r.made);
	fl_tset_release(&c->r.extra);
	fl_members_release(&c->members);
	if (c->has_data)
		fl_data_release(&c->data);
	if (c->has_net)
		fl_net_release(&c->net);
	fl_with_release(&c->with);
	fl_accord_release(&c->accord);
	fl_models_release(&c->models);
	fl_models_release(&c->base);
	fl_inputs_release(&c->how.operands);
	fl_arena_release(&c->arena);
}

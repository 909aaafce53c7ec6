/* fl-distill: a server that trains the model. */
#include <stdio.h>
#include <string.h>

#include "cli/tool.h"
#include "fed/clients.h"
#include "fed/distill/call.h"

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

static const struct fl_distill *method_of(const struct opts *o)
{
	return (const struct fl_distill *)(const void *)o->method.entry;
}

static struct fl_distill_how how_of(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return (struct fl_distill_how){
		.method = o->method, .model = o->model, .base = o->base, .data = o->data,
		.read = &o->how, .with = &o->with, .to_stdout = !strcmp(o->output, "-"),
		.operands = { .path = r->operand, .n = r->noperand,
		              .expect = o->expect == FL_UNSET ? -1 : o->expect },
		.lesson = { .opt = o->opt, .epochs = o->epochs, .steps = o->steps, .batch = o->batch,
		            .shuffle = o->shuffle, .seed = (uint64_t)o->seed },
		.threads = (int)o->threads,
	};
}

static int write_stream(struct fl_run *r, struct fl_distill_run *m, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_out out = { .fd = -1 };
	int rc = fl_run_output(r, &out, o->output, !o->no_sync, e);

	for (size_t k = 0; !rc && k < m->nmade; k++)
		rc = fl_stream_write(&out, &m->made[k], e);
	if (!rc && m->nmade != 1)
		rc = fl_stream_write_end(&out, m->nmade, e);
	if (!rc)
		rc = fl_out_commit(&out, e);
	fl_out_abort(&out);
	return rc;
}

static int write_all(struct fl_run *r, struct fl_distill_call *c, struct fl_err *e)
{
	const struct opts *o = r->opts;

	for (size_t k = 0; k < c->r.nmade; k++)
		if (fl_run_add_prov(r, o->no_prov, &c->r.made[k], e))
			return -1;
	return fl_distill_many(c) ? fl_clients_save(o->output, c->r.made, c->r.nmade, !o->no_sync, e) :
	                            write_stream(r, &c->r, e);
}

/* What fl-local-train has to --measure for the method. */
static int print_needs(const struct fl_distill *m, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_fact_print(m->facts, &s);
	rc = fl_str_check(&s, e);
	if (!rc)
		puts(fl_str_c(&s));
	fl_str_release(&s);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_distill_how how = how_of(r);
	struct fl_distill_call c;
	int rc;

	if (o->needs)
		return print_needs(method_of(o), e);
	if (!o->model)
		return fl_fail(e, FL_EUSAGE, "-m (--model) must be given");
	fl_heap_prepare();
	rc = fl_distill_call(&c, &how, e) || write_all(r, &c, e) ? -1 : 0;
	fl_distill_release(&c);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return !o->needs && (method_of(o)->needs & FL_DISTILL_MEMBERS || r->noperand) &&
	       fl_run_stdin_default(r);
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

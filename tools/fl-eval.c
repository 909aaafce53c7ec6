/* fl-eval: a model on the data of many clients; a row each, and their spread. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/log.h"
#include "base/num.h"
#include "base/outs.h"
#include "cli/tool.h"
#include "data/source.h"
#include "eval/eval.h"
#include "fed/arrivals.h"

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
	FL_OPT_FORMAT(fl_report_formats),
	FL_OPT_OUTPUT,
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

/* What is measured: data of -d, or a client of the operands. */
struct item {
	struct fl_arrival client;	/* not looked at yet, */
	struct fl_data data;		/* unless opened */
	int opened;
	struct fl_measured got;
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_panel panel;
	struct fl_accord accord;	/* of all that is read */
	struct fl_arrivals clients;
	size_t ndata;			/* so many of -d are opened */
	struct fl_eval *eval;
	struct fl_report report;
};

static int reads_clients(const struct fl_run *r)
{
	return r->noperand || !((const struct opts *)r->opts)->data.n;
}

static int open_data(struct job *j, const char *source, struct item *it, struct fl_err *e)
{
	struct fl_data_how how = j->o->how;
	struct fl_data *d = &it->data;

	how.names = fl_eval_names(j->eval);
	if (fl_data_open(d, source, &how, e))
		return -1;
	it->opened = 1;
	return fl_ids_add(&j->clients.seen, d->client, e) ||
	       fl_accord_add(&j->accord, &d->rec, d->name, e) ? -1 : 1;
}

static int take_item(void *ctx, void *item, struct fl_err *e)
{
	struct job *j = ctx;
	struct item *it = item;

	if (j->ndata < j->o->data.n)
		return open_data(j, j->o->data.v[j->ndata++], it, e);
	return reads_clients(j->run) ? fl_arrivals_next(&j->clients, &it->client, e) : 0;
}

static int measure_item(void *ctx, void *item, int thread, struct fl_err *e)
{
	struct job *j = ctx;
	struct item *it = item;
	struct fl_data *d = &it->data;
	int rc = it->opened ? 0 : fl_arrival_data(&it->client, d, e);

	if (rc)
		return rc;
	fl_say(FL_LOG_INFO, "%s: %zu examples of %zu classes, %zu not labelled", d->name, d->N, d->C,
	       d->unlabelled);
	rc = fl_eval_measure(j->eval, d, thread, &it->got, e);
	fl_data_release(d);
	it->opened = 0;
	return rc;
}

static int keep_item(void *ctx, void *item, struct fl_err *e)
{
	return fl_report_add(&((struct job *)ctx)->report, &((struct item *)item)->got, e);
}

static void drop_item(void *item)
{
	struct item *it = item;

	if (it->opened)
		fl_data_release(&it->data);
	fl_arrival_release(&it->client);
	fl_measured_release(&it->got);
}

static int measure_all(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_crew crew = {
		.ctx = j, .size = sizeof(struct item), .threads = (int)o->threads, .take = take_item,
		.work = measure_item, .give = keep_item, .drop = drop_item,
	};

	j->clients = (struct fl_arrivals){
		.in = {
			.path = j->run->operand, .n = j->run->noperand,
			.expect = o->expect == FL_UNSET ? -1 : o->expect, .allow_empty = o->allow_empty,
		},
		.ahead = o->threads > 1, .accord = &j->accord,
	};
	return fl_crew_run(&crew, e);
}

/* Writes the text out and releases it. */
static int write_text(struct fl_out *o, struct fl_str *text, struct fl_err *e)
{
	int rc = fl_str_check(text, e) || fl_out_write(o, text->s, text->len, e) ? -1 : 0;

	fl_str_release(text);
	return rc;
}

/* Nothing is published until everything is written. */
static int print(const struct job *j, struct fl_err *e)
{
	enum fl_report_format format = (enum fl_report_format)j->o->format;
	struct fl_outs outs = { .sync = !j->o->no_sync };
	struct fl_out *rows, *classes;
	struct fl_str text = FL_STR_INIT;
	int rc = fl_outs_open(&outs, j->o->output, &rows, e) ||
	         fl_outs_open(&outs, j->o->confusion, &classes, e) ? -1 : 0;

	if (!rc && classes) {
		fl_report_confusion(&j->report, format, &text);
		rc = write_text(classes, &text, e);
	}
	if (!rc) {
		fl_report_print(&j->report, format, &text);
		rc = write_text(rows, &text, e);
	}
	if (!rc)
		rc = fl_outs_commit(&outs, e);
	fl_outs_abort(&outs);
	return rc;
}

/* check: tests the values too; otherwise only that they make sense. */
static int check_min(const struct job *j, int check, struct fl_err *e)
{
	char have[FL_NUM_MAX];

	for (size_t i = 0; i < j->o->min.n; i++) {
		const char *text = j->o->min.v[i], *eq = strrchr(text, '=');
		int len = eq ? (int)(eq - text) : 0;
		double want, v;

		if (!eq || fl_num_real(eq + 1, &want))
			return fl_fail(e, FL_EUSAGE, "--min: '%s' is not field=number", text);
		if (fl_report_field(&j->report, text, (size_t)len, &v))
			return fl_fail(e, FL_EUSAGE, "--min: '%.*s' is no number of the summary "
			               "with these metrics", len, text);
		if (check && !(v >= want))
			return fl_fail(e, FL_EFALSE, "%.*s is %s, --min asks for %s", len, text,
			               fl_num_print(have, v), eq + 1);
	}
	return 0;
}

/* --- all of it --- */

static int set_panel(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const char *name = NULL;

	if (fl_panel_init(&j->panel, &o->metric, o->confusion != NULL, &j->run->arena, e))
		return fl_fail_in(e, "--metric");
	j->report.panel = &j->panel;
	for (size_t i = 0; fl_metric_list[i]; i++)
		if (((const struct fl_metric *)fl_metric_list[i])->needs & FL_METRIC_FIRST)
			name = fl_metric_list[i]->name;
	if (!fl_panel_needing(&j->panel, FL_METRIC_FIRST) != !o->with)
		return fl_fail(e, FL_EUSAGE, "metric %s and --with go together", name);
	return 0;
}

static int check_options(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	size_t std = !strcmp(o->model, "-");

	if (set_panel(j, e))
		return -1;
	std += o->with && !strcmp(o->with, "-");
	for (size_t i = 0; i < o->data.n; i++)
		std += !strcmp(o->data.v[i], "-");
	if (o->confusion && !strcmp(o->confusion, "-"))
		return fl_fail(e, FL_EUSAGE, "--confusion wants a file: standard output is for rows");
	std += reads_clients(j->run) && fl_run_stdin_default(j->run);
	if (std > 1)
		return fl_fail(e, FL_EUSAGE, "standard input is given %zu times", std);
	return check_min(j, 0, e);
}

static int open_eval(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_eval_how how = {
		.panel = &j->panel, .model = o->model, .first = o->with, .state = o->state,
		.accord = &j->accord, .threads = (int)o->threads,
	};

	return fl_eval_open(&j->eval, &how, e);
}

static void cleanup(struct job *j)
{
	fl_arrivals_release(&j->clients);
	fl_report_release(&j->report);
	fl_eval_close(j->eval);
	fl_accord_release(&j->accord);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = -1;

	fl_heap_prepare();
	if (check_options(&j, e))
		return -1;
	if (!open_eval(&j, e) && !measure_all(&j, e) && !fl_report_finish(&j.report, e) &&
	    !print(&j, e))
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
	return !strcmp(o->model, "-") || (o->with && !strcmp(o->with, "-")) ||
	       (reads_clients(r) && fl_run_stdin_default(r));
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

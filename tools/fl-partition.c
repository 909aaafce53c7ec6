/* fl-partition: one data set over K clients, a record each. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "cli/tool.h"
#include "data/names.h"
#include "data/source.h"
#include "deal/deal.h"
#include "part/plot.h"
#include "shift/shift.h"

struct opts {
	const char *data, *model, *output, *test_output;
	struct fl_data_how how;
	int64_t clients, first, seed, threads;
	struct fl_spec by, shift;
	const char *plot;
	double test_frac;
	int test_groups, leaks, index, no_sync, no_prov;
};

static const struct fl_opt opts[] = {
	FL_OPT_STR('d', "data", data, "source",
	  "a data record, an IDX pair 'images,labels', or a data set by name",
	  .family = &fl_family_data, .flags = FL_O_NEED),
	FL_OPT_PATH('m', "model", model, "model",
	  "a model whose names of classes, of fl-init --labels, are those of a table"),
	FL_OPT_INT('k', "clients", clients, NULL, 1, 4e9, "n",
	  "number of clients; may be left out where the data say it: natural", .flags = FL_O_PROV),
	FL_OPT_INT(0, "first", first, NULL, 0, 4e9, "n",
	  "number of the first client, where others have those before; 0 if not given",
	  .flags = FL_O_PROV),
	FL_OPT_SPEC('B', "by", by, &fl_family_by, NULL, "scheme",
	  "how examples are split", .flags = FL_O_NEED | FL_O_PROV),
	FL_OPT_SEED,
	FL_OPT_PATH('o', "output", output, "folder",
	  "write a file a client there, replaced whole; - is one stream on standard output",
	  .flags = FL_O_NEED),
	FL_OPT_REAL(0, "test-frac", test_frac, NULL, 0, 1, "f",
	  "hold this share of every client's examples out, into --test-output", .flags = FL_O_PROV,
	  .needs = "test-output"),
	FL_OPT_PATH(0, "test-output", test_output, "folder",
	  "folder of the examples that --test-frac holds out", .needs = "test-frac"),
	FL_OPT_FLAG(0, "test-groups", test_groups,
	  "hold whole groups of the data out, never a part of one", .flags = FL_O_PROV,
	  .needs = "test-frac"),
	FL_OPT_ENUM(0, "leaks", leaks, "warn", fl_leaks_name, "what",
	  "what to do about a group on both sides of --test-frac"),
	FL_OPT_FLAG(0, "index", index, "write row numbers in place of copies", .flags = FL_O_PROV),
	FL_OPT_SPEC(0, "shift", shift, &fl_family_shift, NULL, "shift",
	  "change examples by the client they are of", .flags = FL_O_PROV, .excludes = "index"),
	FL_OPT_PATH(0, "plot", plot, "file",
	  "draw the counts as SVG there, and as text on a terminal"),
	FL_OPT_HOW(FL_O_PROV),
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_names names;	/* of --model */
	struct fl_data data;
	char *source;		/* with --index: absolute name of a record file to refer to, or NULL */
	char hash[FL_HASH_TEXT];	/* of its buffer */
	struct fl_deal deal;
};

/* --- data --- */

/* With a model, by its names, which the data must not contradict. */
static int read_data(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_data_how how = o->how;
	struct fl_tset model = { .t = NULL };
	int rc;

	if (!o->model)
		return fl_data_open(&j->data, o->data, &how, e);
	if (fl_names_model(&j->names, o->model, e))
		return -1;
	how.names = &j->names;
	rc = fl_data_open(&j->data, o->data, &how, e);
	if (!rc)
		rc = fl_names_set(&j->names, &model, e) ||
		     fl_accord_pair(&model, o->model, &j->data.rec, j->data.name, e) ? -1 : 0;
	fl_tset_release(&model);
	return rc;
}

/* With --index, a plain record file is referred to where it lies. */
static int find_source(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	char *real;

	if (j->data.row)
		return fl_fail(e, FL_EUSAGE, "--index: %s is in index form already", j->data.name);
	if (j->data.keep && strcmp(o->data, "-") && !o->how.channels_last &&
	    (real = realpath(o->data, NULL))) {
		j->source = fl_arena_str(&j->run->arena, real, e);
		fl_data_hash(&j->data.rec, j->hash);
		free(real);
		return j->source ? 0 : -1;
	}
	if (!strcmp(o->output, "-"))
		return fl_fail(e, FL_EUSAGE, "--index -o -: %s is no plain record that could be "
		               "referred to", j->data.name);
	return 0;
}

static int sign_record(void *ctx, struct fl_tset *rec, struct fl_err *e)
{
	const struct job *j = ctx;

	return fl_run_add_prov(j->run, j->o->no_prov, rec, e);
}

static int deal_out(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const struct fl_deal_how how = {
		.by = &o->by, .shift = &o->shift, .clients = o->clients,
		.first = o->first == FL_UNSET ? 0 : o->first, .seed = o->seed, .frac = o->test_frac,
		.groups = o->test_groups, .leaks = (enum fl_leaks)o->leaks, .index = o->index,
		.threads = (int)o->threads, .sign = sign_record, .ctx = j,
	};

	if (read_data(j, e))
		return -1;
	fl_data_warn_raw(&j->data, NULL);
	if ((o->index && find_source(j, e)) ||
	    fl_deal_out(&j->deal, &how, &j->data, &j->run->arena, e))
		return -1;
	j->deal.source = j->source;
	memcpy(j->deal.hash, j->hash, sizeof j->hash);
	return fl_run_renew_prov(j->run, e);
}

/* --- output --- */

/* The picture, written but not published. */
static int draw(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	const uint64_t *counts = j->deal.kept.counts;
	size_t K = j->deal.split.K, C = j->data.C;
	struct fl_str b = FL_STR_INIT, title = FL_STR_INIT;
	int rc;

	fl_spec_print(&j->o->by, &title);
	fl_plot_svg(counts, K, C, fl_str_c(&title), &b);
	b.oom |= title.oom;
	rc = fl_str_check(&b, e) || fl_out_open(o, j->o->plot, !j->o->no_sync, e) ||
	     fl_out_write(o, b.s, b.len, e) || fl_out_flush(o, e) ? -1 : 0;
	fl_str_clear(&b);
	fl_plot_text(counts, K, C, &b);
	if (!rc && j->run->progress && !b.oom)
		fputs(fl_str_c(&b), stderr);
	fl_str_release(&b);
	fl_str_release(&title);
	return rc;
}

static int write_stream(struct job *j, struct fl_err *e)
{
	struct fl_out o;

	if (fl_run_output(j->run, &o, "-", 0, e))
		return -1;
	if (!fl_deal_stream(&j->deal, &j->deal.kept, &o, e))
		return fl_out_commit(&o, e);
	fl_out_abort(&o);
	return -1;
}

/* Nothing is published until everything is written. */
static int write_all(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_deal *d = &j->deal;
	struct fl_dir train = { .fd = -1 }, test = { .fd = -1 };
	struct fl_out plot = { .fd = -1 };
	int stream = !strcmp(o->output, "-"), rc = -1;

	if ((!stream && fl_deal_folder(d, &d->kept, o->output, &train, e)) ||
	    (d->held && fl_deal_folder(d, &d->test, o->test_output, &test, e)) ||
	    (o->plot && draw(j, &plot, e)) || (stream && write_stream(j, e)) ||
	    (d->held && fl_dir_commit(&test, !o->no_sync, e)))
		goto done;
	rc = stream ? 0 : fl_dir_commit(&train, !o->no_sync, e);
	if (!rc && o->plot)
		rc = fl_out_commit(&plot, e);
done:
	fl_out_abort(&plot);
	fl_dir_abort(&train);
	fl_dir_abort(&test);
	return rc;
}

/* --- all of it --- */

/* Replaced whole, one folder would take the other with it. */
static int check_folders(const struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const char *a, *b;

	if (o->model && !strcmp(o->model, "-") && !strcmp(o->data, "-"))
		return fl_fail(e, FL_EUSAGE, "the data and the model cannot both be standard input");
	if (!o->test_output || !strcmp(o->output, "-"))
		return 0;
	if (!(a = fl_path_absolute(o->output, &j->run->arena, e)) ||
	    !(b = fl_path_absolute(o->test_output, &j->run->arena, e)))
		return -1;
	return fl_path_inside(a, b) || fl_path_inside(b, a) ?
	       fl_fail(e, FL_EUSAGE, "--test-output: %s and %s are one folder, or one is in the other",
	               o->test_output, o->output) : 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts, .data.client = -1 };
	int rc;

	if (check_folders(&j, e))
		return -1;
	rc = deal_out(&j, e) || write_all(&j, e) ? -1 : 0;
	fl_data_release(&j.data);
	fl_names_release(&j.names);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return !strcmp(o->data, "-") || (o->model && !strcmp(o->model, "-"));
}

static const struct fl_family *const families[] = {
	&fl_family_data, &fl_family_by, &fl_family_shift, NULL
};

static const struct fl_tool tool = {
	.name = "fl-partition",
	.nd = "split a data set over clients",
	.reads = "data",
	.writes = "data",
	.opts = opts,
	.osize = sizeof(struct opts),
	.families = families,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

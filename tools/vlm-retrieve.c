/* vlm-retrieve: the best rows of a gallery for every query, and how good they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/outs.h"
#include "cli/tool.h"
#include "model/adapter.h"
#include "retrieve/write.h"

#define ANSWER_MAX ((size_t)1 << 36)	/* bytes of one file for --merge */

struct opts {
	struct fl_strs gallery, queries;
	const char *adapter, *truth, *only, *except, *ranking, *ids, *scores, *curve, *output;
	struct fl_specs metric;
	struct fl_spec score;
	int64_t top, threads, memory, folds, bins, bootstrap, seed;
	double min_score;
	int images, both, self, skip, ties, format, no_hits, first_pass, merge, no_sync;
};

static const struct fl_opt opts[] = {
	FL_OPT_STRS(0, "gallery", gallery, "embeddings",
	  "rows to search: a record, FILE#NAME, .npy, .npz#NAME, .fvecs, .fbin; repeatable",
	  .flags = FL_O_NEED),
	FL_OPT_STRS(0, "queries", queries, "embeddings", "rows to search for; repeatable",
	  .flags = FL_O_NEED),
	FL_OPT_PATH(0, "adapter", adapter, "model",
	  "apply this model of an adapter to both sides first"),
	FL_OPT_FLAG(0, "images", images,
	  "the queries are images and the gallery texts, not the other way round"),
	FL_OPT_INT(0, "top", top, "10", 0, 4e9, "n", "hits of a query"),
	FL_OPT_FLAG(0, "both", both, "search the queries for every row of the gallery, too"),
	FL_OPT_SPEC(0, "score", score, &fl_family_score, NULL, "score",
	  "what to rank by; unset: what the records say, else cosine"),
	FL_OPT_REAL(0, "min-score", min_score, NULL, -1e300, 1e300, "score",
	  "scores below are no hits"),
	FL_OPT_FLAG(0, "self", self, "a row with the query's own id is no hit",
	  .excludes = "both"),
	FL_OPT_PATH(0, "only", only, "file",
	  "search rows of the gallery with these ids alone, one a line"),
	FL_OPT_PATH(0, "except", except, "file", "leave out rows of the gallery with these ids"),
	FL_OPT_STR(0, "truth", truth, "pairs",
	  "what belongs together: pairs, JSON, diagonal, groups:K, label, attributes"),
	FL_OPT_SPECS(0, "metric", metric, &fl_family_rmetric, NULL, "list",
	  "what to measure by the truth; unset: hit@1, 5, 10, medr, meanr", .needs = "truth"),
	FL_OPT_FLAG(0, "skip-unmatched", skip,
	  "pass over queries without a positive, and count them"),
	FL_OPT_ENUM(0, "ties", ties, "index", fl_ties_name, "order",
	  "whom metrics put first among equal scores"),
	FL_OPT_INT(0, "folds", folds, NULL, 2, 1e6, "n",
	  "measure within n equal runs of the images, each with its texts: the means",
	  .needs = "truth no-hits", .excludes = "self only except ranking ids scores curve"),
	FL_OPT_INT(0, "bins", bins, "10", 2, 1e6, "n", "bins of hit@1 by uncertainty"),
	FL_OPT_INT(0, "bootstrap", bootstrap, "0", 0, 1e6, "n",
	  "resamples for 95 % intervals of what is measured by uncertainty"),
	FL_OPT_SEED,
	FL_OPT_FORMAT(fl_answer_format_name),
	FL_OPT_FLAG(0, "no-hits", no_hits, "write no hits, only what was measured",
	  .needs = "truth"),
	FL_OPT_PATH(0, "ranking", ranking, "file", "write {\"query id\": [gallery ids]} there"),
	FL_OPT_PATH(0, "ids", ids, "file",
	  "write the ids of hits there as .npy; -1 where there are fewer"),
	FL_OPT_PATH(0, "scores", scores, "file", "write their scores there as .npy"),
	FL_OPT_PATH(0, "curve", curve, "file",
	  "write bins by uncertainty and risk by coverage there, for plots", .needs = "truth"),
	FL_OPT_FLAG(0, "merge", merge,
	  "combine answers, the operands, to those of all their galleries together",
	  .excludes = "gallery queries truth ranking ids scores"),
	FL_OPT_ENUM(0, "first-pass", first_pass, "auto", fl_first_name, "type",
	  "what products are first formed in; answers do not depend on it"),
	FL_OPT_SIZE(0, "memory", memory, "1G", 1 << 20, 1e18, "size",
	  "room for queries and hits; more queries take more passes over the gallery"),
	FL_OPT_OUTPUT,
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

/* --- --merge --- */

static int merge(struct fl_run *r, struct fl_err *e)
{
	static const char *const standard[] = { "-" };
	const struct opts *o = r->opts;
	const char *const *path = r->noperand ? r->operand : standard, *empty = NULL;
	size_t n = r->noperand ? r->noperand : 1, size = 0;
	struct fl_answers a = { .n = 0 };
	struct fl_outs outs = { .sync = !o->no_sync };
	struct fl_str b = FL_STR_INIT;
	struct fl_out *out;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		char *text = fl_read_file(path[i], ANSWER_MAX, &size, e);

		rc = !text ? -1 : fl_answers_add(&a, text, size, (size_t)o->top, e) ?
		     fl_fail_in(e, "%s", path[i]) : 0;
		if (!size)
			empty = path[i];
		free(text);
	}
	if (!rc && empty && a.json)	/* of TSV: no hits; of JSON: its search failed */
		rc = fl_fail(e, FL_EDATA, "%s: empty, where a line a query is due", empty);
	if (!rc &&
	    !(rc = fl_answers_merge(&a, (size_t)o->top, (enum fl_answer_format)o->format, &b, e)) &&
	    !(rc = fl_outs_open(&outs, o->output, &out, e)) &&
	    !(rc = fl_out_write(out, fl_str_c(&b), b.len, e)))
		rc = fl_outs_commit(&outs, e);
	fl_outs_abort(&outs);
	fl_say(FL_LOG_INFO, "%zu hits of %zu lists merged", a.n, a.nq);
	fl_str_release(&b);
	fl_answers_release(&a);
	return rc;
}

/* --- searching --- */

static size_t count_stdin(const struct fl_strs *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += !strcmp(s->v[i], "-") || !strncmp(s->v[i], "-#", 2);
	return n;
}

/* What goes together by its value, which the table cannot say. */
static int check_options(const struct opts *o, struct fl_err *e)
{
	if (count_stdin(&o->gallery) + count_stdin(&o->queries) > 1)
		return fl_fail(e, FL_EUSAGE, "standard input is given twice");
	if (!o->no_hits && o->format != FL_ANSWER_JSON && o->both)
		return fl_fail(e, FL_EUSAGE,
		               "--both has two rankings: --format json, or --no-hits");
	if (!o->no_hits && o->format == FL_ANSWER_TREC && o->truth)
		return fl_fail(e, FL_EUSAGE,
		               "a TREC run holds no metrics: --no-hits, or another --format");
	if ((o->ids || o->scores || o->ranking) && !o->top)
		return fl_fail(e, FL_EUSAGE, "--top 0 leaves no hits to write");
	return 0;
}

static struct fl_retrieve how_of(const struct opts *o)
{
	return (struct fl_retrieve){
		.score = (const struct fl_score *)o->score.entry, .images = o->images, .both = o->both,
		.self = o->self, .only = o->only, .except = o->except, .truth = o->truth, .skip = o->skip,
		.folds = o->folds == FL_UNSET ? 0 : (size_t)o->folds, .top = (size_t)o->top,
		.min = isnan(o->min_score) ? -INFINITY : o->min_score,
		.pass = (enum fl_first)o->first_pass, .memory = (size_t)o->memory,
		.threads = (int)o->threads,
		.measure = {
			.metric = o->metric, .ties = (enum fl_ties)o->ties, .bins = (size_t)o->bins,
			.boot = { (size_t)o->bootstrap, 0.95, (uint64_t)o->seed, (int)o->threads },
		},
	};
}

static int apply_adapter(const struct opts *o, struct fl_embeds *queries, struct fl_embeds *gallery,
                         struct fl_err *e)
{
	enum fl_side asks = o->images ? FL_SIDE_IMAGE : FL_SIDE_TEXT;
	enum fl_side other = o->images ? FL_SIDE_TEXT : FL_SIDE_IMAGE;
	struct fl_adapter a;
	int rc;

	if (!o->adapter)
		return 0;
	if (fl_adapter_open(&a, o->adapter, e))
		return -1;
	rc = fl_adapter_replace(&a, asks, queries, (int)o->threads, e) ||
	     fl_adapter_replace(&a, other, gallery, (int)o->threads, e) ? -1 : 0;
	fl_adapter_release(&a);
	return rc;
}

/* The tool's outputs. */
struct files {
	struct fl_outs all;
	struct fl_out *ranking, *ids, *scores, *curve, *output;
};

static int open_files(struct files *f, const struct opts *o, struct fl_err *e)
{
	f->all.sync = !o->no_sync;
	return fl_outs_open(&f->all, o->output, &f->output, e) ||
	       fl_outs_open(&f->all, o->ranking, &f->ranking, e) ||
	       fl_outs_open(&f->all, o->ids, &f->ids, e) ||
	       fl_outs_open(&f->all, o->scores, &f->scores, e) ||
	       fl_outs_open(&f->all, o->curve, &f->curve, e) ? -1 : 0;
}

static int write_files(struct files *f, const struct opts *o, const struct fl_retrieve *how,
                       const struct fl_retrieved *r, struct fl_err *e)
{
	if ((f->ranking && fl_retrieved_write_ranking(r, f->ranking, e)) ||
	    (f->ids && fl_retrieved_write_ids(r, f->ids, e)) ||
	    (f->scores && fl_retrieved_write_scores(r, f->scores, e)) ||
	    (f->curve && fl_retrieved_write_curve(r, f->curve, e)) ||
	    fl_retrieved_write(r, how, (enum fl_answer_format)o->format, o->no_hits, f->output, e))
		return -1;
	return fl_outs_commit(&f->all, e);
}

static int search(const struct opts *o, struct fl_err *e)
{
	struct fl_embeds queries = { .n = 0 }, gallery = { .n = 0 };
	struct fl_retrieve how = how_of(o);
	struct fl_retrieved r = { .score = NULL };
	struct files f = { .output = NULL };
	int rc = check_options(o, e) || open_files(&f, o, e) ||
	         fl_embeds_open(&gallery, o->gallery.v, o->gallery.n, e) ||
	         fl_embeds_open(&queries, o->queries.v, o->queries.n, e) ||
	         apply_adapter(o, &queries, &gallery, e) ||
	         fl_retrieve(&how, &queries, &gallery, &r, e) || write_files(&f, o, &how, &r, e) ?
	         -1 : 0;

	fl_outs_abort(&f.all);
	fl_retrieved_release(&r);
	fl_embeds_release(&queries);
	fl_embeds_release(&gallery);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;

	return o->merge ? merge(r, e) : search(o, e);
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return o->merge ? fl_run_stdin_default(r)
	                : count_stdin(&o->gallery) + count_stdin(&o->queries) > 0;
}

static const struct fl_family *const families[] = { &fl_family_score, &fl_family_rmetric, NULL };

static const struct fl_tool tool = {
	.name = "vlm-retrieve",
	.nd = "search embeddings exactly, and measure what is found",
	.operands = "[answers ...]",
	.operands_need = "merge",
	.reads = "embed, model",
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

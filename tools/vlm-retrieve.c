/* vlm-retrieve: the best rows of a gallery for every query, and how good they are. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "cli/tool.h"
#include "data/embed.h"
#include "data/truth.h"
#include "index/answers.h"
#include "index/index.h"
#include "metric/rank.h"
#include "metric/uncertainty.h"
#include "model/adapter.h"
#include "nn/posterior.h"

#define ANSWER_MAX ((size_t)1 << 36)	/* bytes of one file for --merge */
#define ID_FILE_MAX ((size_t)1 << 30)
#define FLUSH ((size_t)64 << 10)
#define AMOUNT_MAX 1e30			/* of a score's kappa or variance: bounds of scores are F32 */

static const char *const default_metrics[] = { "hit@1", "hit@5", "hit@10", "medr", "meanr" };

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

/* Rows of one side: all of m, or pick(n) of them. */
struct side {
	struct fl_embeds m;
	const uint32_t *pick;
	size_t n;
	double *scale, *bias;
	uint32_t *order;
	double *u;			/* (n) uncertainty, or NULL */
};

/* One direction of measuring. */
struct measure {
	struct fl_truth truth;
	struct fl_stand stand;
	size_t *depth;
	uint32_t *place;
	double *value;			/* (metrics) */
	size_t tied;			/* queries whose places the order of ties decides */
	double *y, *u;			/* (answered) hit@1 and uncertainty; u NULL: not known */
	size_t answered;
	struct fl_doubt doubt, lo, hi;
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct side query, gallery;
	const struct fl_score *score;
	struct fl_specs metric;
	uint32_t *own, *self;		/* with --self, of queries: set_self */
	struct fl_found found;
	struct measure fore, back;
};

static void *get(struct job *j, size_t n, size_t size, struct fl_err *e)
{
	return fl_arena_zero(&j->run->arena, n, size, e);
}

/* --- rows --- */

static size_t row_of(const struct side *s, size_t i)
{
	return s->pick ? s->pick[i] : i;
}

static int64_t id_of(const struct side *s, size_t i)
{
	return fl_embeds_id(&s->m, row_of(s, i));
}

static int read_rows(const void *ctx, size_t i0, size_t n, float *out, struct fl_err *e)
{
	const struct side *s = ctx;

	if (!s->pick)
		return fl_embeds_read(&s->m, i0, n, out, e);
	fl_embeds_gather(&s->m, s->pick + i0, n, out);
	return 0;
}

/* Where they are in memory and F32, or can be mapped only. */
static const float *at(const void *ctx, size_t i0, size_t n)
{
	const struct side *s = ctx;
	const struct fl_embed *p = fl_embeds_part(&s->m, i0);

	if (s->pick || p->fd || p->emb->dtype != FL_F32 || p->stride != p->d * sizeof(float) ||
	    i0 + n > p->first + p->N)
		return NULL;
	return (const float *)(const void *)(p->row + (i0 - p->first) * p->stride);
}

static void where(const void *ctx, size_t i, char *buf, size_t size)
{
	const struct side *s = ctx;
	const struct fl_embed *p = fl_embeds_part(&s->m, row_of(s, i));

	snprintf(buf, size, "%s: row %zu", p->name, row_of(s, i) - p->first);
}

/* Places of rows among equal scores: ids ascending. */
static int set_order(struct job *j, struct side *s, struct fl_err *e)
{
	uint32_t *place;

	if (!s->m.byid)
		return 0;
	if (!(place = get(j, s->m.N, sizeof *place, e)) || !(s->order = get(j, s->n, sizeof *s->order, e)))
		return -1;
	for (size_t i = 0; i < s->m.N; i++)
		place[s->m.byid[i].row] = (uint32_t)i;
	for (size_t i = 0; i < s->n; i++)
		s->order[i] = place[row_of(s, i)];
	return 0;
}

/* --- --only, --except --- */

/* take[row] = 1 for every id in the file; ids that no row has are counted. */
static int mark_ids(const struct side *s, const char *path, unsigned char *take, struct fl_err *e)
{
	size_t size, line = 1, missing = 0, row;
	char *text = fl_read_file(path, ID_FILE_MAX, &size, e), *at = text, *end;
	int rc = 0;
	int64_t id;

	for (; text && !rc && at < text + size; at = end + 1, line++) {
		end = at + strcspn(at, "\n");
		*end = '\0';
		if (!*at)
			continue;
		if (fl_num_i64(at, &id))
			rc = fl_fail(e, FL_EDATA, "%s: line %zu is not an id", path, line);
		else if (fl_embeds_find(&s->m, id, &row))
			missing++;
		else
			take[row] = 1;
	}
	if (!rc && missing)
		fl_say(FL_LOG_WARN, "%s: %zu ids that no row of the gallery has", path, missing);
	free(text);
	return text ? rc : -1;
}

static int pick_rows(struct job *j, struct side *s, struct fl_err *e)
{
	unsigned char *only, *except;
	uint32_t *pick;

	if (!j->o->only && !j->o->except)
		return 0;
	if (!(only = get(j, s->m.N, 1, e)) || !(except = get(j, s->m.N, 1, e)) ||
	    !(pick = get(j, s->m.N, sizeof *pick, e)))
		return -1;
	if ((j->o->only && mark_ids(s, j->o->only, only, e)) ||
	    (j->o->except && mark_ids(s, j->o->except, except, e)))
		return -1;
	s->n = 0;
	for (size_t i = 0; i < s->m.N; i++)
		if ((only[i] || !j->o->only) && !except[i])
			pick[s->n++] = (uint32_t)i;
	s->pick = pick;
	return s->n ? 0 : fl_fail(e, FL_EDATA, "--only and --except leave no row of the gallery");
}

/* What shows nothing that is known is like nothing, and stands in no ranking. */
static int drop_bare(struct job *j, struct side *s, struct fl_err *e)
{
	unsigned char *bare;
	uint32_t *pick;
	size_t n = 0;

	if (fl_truth_attributes(j->o->truth) < 0)
		return 0;
	if (!(bare = get(j, s->m.N, 1, e)) || !(pick = get(j, s->n, sizeof *pick, e)) ||
	    fl_truth_bare(&s->m, bare, e))
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		size_t row = row_of(s, i);

		if (!bare[row])
			pick[n++] = (uint32_t)row;
		else if (!j->o->skip)
			return fl_fail(e, FL_EDATA, "%s: row %zu has no attribute at all; --skip-unmatched leaves "
			               "such rows out", fl_embeds_part(&s->m, row)->name, row);
	}
	if (n < s->n)
		fl_say(FL_LOG_INFO, "%s: %zu rows without any attribute left out", s->m.part[0].name, s->n - n);
	if (n < s->n)
		s->pick = pick;
	s->n = n;
	return n ? 0 : fl_fail(e, FL_EDATA, "%s: no row has an attribute", s->m.part[0].name);
}

/* --- scores --- */

/* The score that the records of a side were made for, NULL where they do not say. */
static int stated_score(const struct side *s, const struct fl_score **score, struct fl_err *e)
{
	*score = NULL;
	for (size_t i = 0; i < s->m.n; i++) {
		const char *name = fl_meta_get(&s->m.part[i].rec, "fl.metric");
		const struct fl_score *f;

		if (!name)
			continue;
		if (!(f = (const struct fl_score *)fl_family_find(&fl_family_score, name)))
			return fl_fail(e, FL_EDATA, "%s: fl.metric is %s, which is not known; --score decides",
			               s->m.part[i].name, name);
		if (*score && *score != f)
			return fl_fail(e, FL_EDATA, "%s: fl.metric is %s, elsewhere %s; --score decides",
			               s->m.part[i].name, name, (*score)->e.name);
		*score = f;
	}
	return 0;
}

static int choose_score(struct job *j, struct fl_err *e)
{
	const struct fl_score *q, *g;

	if ((j->score = (const struct fl_score *)j->o->score.entry))
		return 0;
	if (stated_score(&j->query, &q, e) || stated_score(&j->gallery, &g, e))
		return -1;
	if (!(j->score = fl_score_agree(q, g)))
		return fl_fail(e, FL_EDATA, "fl.metric is %s of the queries, %s of the gallery; --score decides",
		               q->e.name, g->e.name);
	return 0;
}

enum column { AMOUNT, SUM_OF_ROW, ORDER };	/* a number a row, sums over rows, only compared */

/* out(n) = the column beside the rows: finite and not negative, or of ORDER any number.
 * 1: it is there, 0: it is not. */
static int column(const struct side *s, const char *what, enum column kind, double *out,
                  struct fl_err *e)
{
	double row[1024];

	for (size_t i = 0; i < s->n; i++) {
		const struct fl_embed *p = fl_embeds_part(&s->m, row_of(s, i));
		const struct fl_tensor *t = fl_embed_beside(p, what);
		size_t k = row_of(s, i) - p->first, d = kind == SUM_OF_ROW ? p->d : 1;

		if (!t)
			return 0;
		if (t->n != p->N * d || t->ndim != (kind == SUM_OF_ROW ? 2u : 1u) ||
		    !fl_dtype_is_number(t->dtype))
			return fl_fail(e, FL_EDATA, "%s: '%s' does not go with %zu rows", p->name, t->name, p->N);
		out[i] = 0;
		for (size_t c = 0, m; c < d; c += m) {
			m = d - c < 1024 ? d - c : 1024;
			fl_dtype_to_f64(t->dtype, (const char *)t->data + (k * d + c) * fl_dtype_size(t->dtype), row, m);
			for (size_t x = 0; x < m; x++)
				out[i] += row[x];
		}
		if (isnan(out[i]) || (kind != ORDER && !(out[i] >= 0 && out[i] < INFINITY)))
			return fl_fail(e, FL_EDATA, "%s: '%s' of row %zu is %g, want %s", p->name, t->name, k,
			               out[i], kind == ORDER ? "a number" : "one from 0 on");
	}
	return 1;
}

static int need_column(const struct job *j, const struct side *s, const char *what,
                       enum column kind, double *out, struct fl_err *e)
{
	int rc = column(s, what, kind, out, e);

	if (!rc)
		return fl_fail(e, FL_EDATA, "%s: no %s beside the rows, which score %s wants",
		               s->m.part[0].name, what, j->score->e.name);
	for (size_t i = 0; rc > 0 && i < s->n; i++) {
		const struct fl_embed *p = fl_embeds_part(&s->m, row_of(s, i));

		if (out[i] > AMOUNT_MAX)
			rc = fl_fail(e, FL_EDATA, "%s: %s of row %zu is %g, beyond %g, which score %s can tell",
			             p->name, what, row_of(s, i) - p->first, out[i], AMOUNT_MAX,
			             j->score->e.name);
	}
	return rc < 0 ? -1 : 0;
}

/* What stands beside the rows of a side becomes their scale and bias. */
static int weigh(struct job *j, struct side *s, enum fl_side side, struct fl_err *e)
{
	const struct fl_score *f = j->score;
	double *x;

	if (!f->of[side])
		return 0;
	if (!(x = get(j, s->n, sizeof *x, e)) || !(s->scale = get(j, s->n, sizeof *s->scale, e)) ||
	    !(s->bias = get(j, s->n, sizeof *s->bias, e)) ||
	    need_column(j, s, f->column, f->beside == FL_BESIDE_SUM ? SUM_OF_ROW : AMOUNT, x, e))
		return -1;
	fl_score_weigh(f, x, s->n, s->m.d, s == &j->query, s->scale, s->bias);
	return 0;
}

static int set_score(struct job *j, struct fl_err *e)
{
	enum fl_side asks = j->o->images ? FL_SIDE_IMAGE : FL_SIDE_TEXT;
	enum fl_side other = j->o->images ? FL_SIDE_TEXT : FL_SIDE_IMAGE;

	return choose_score(j, e) || weigh(j, &j->query, asks, e) || weigh(j, &j->gallery, other, e) ?
	       -1 : 0;
}

/* Larger: less certain. What the record says, or 1/kappa, infinite where kappa is 0. */
static int set_uncertainty(struct job *j, struct side *s, struct fl_err *e)
{
	double *u = get(j, s->n, sizeof *u, e);
	int rc = u ? column(s, "uncertainty", ORDER, u, e) : -1;

	if (!rc && (rc = column(s, "kappa", AMOUNT, u, e)) > 0)
		for (size_t i = 0; i < s->n; i++)
			u[i] = 1 / u[i];
	s->u = rc > 0 ? u : NULL;
	return rc < 0 ? -1 : 0;
}

/* --- truth --- */

/* Queries and rows of the truth become positions in what was picked of either side; name:
 * of the side that asks. */
static int pick_truth(struct job *j, struct fl_truth *t, const struct side *own,
                      const struct side *other, const char *name, struct fl_err *e)
{
	uint32_t *place, *row;
	unsigned char *grade;
	size_t *first, n = 0, P = t->first[t->Q];

	if (!own->pick && !other->pick)
		return 0;
	if (!(place = get(j, other->m.N, sizeof *place, e)) || !(row = get(j, P, sizeof *row, e)) ||
	    !(grade = get(j, P, 1, e)) || !(first = get(j, own->n + 1, sizeof *first, e)))
		return -1;
	for (size_t i = 0; i < other->n; i++)
		place[row_of(other, i)] = (uint32_t)i + 1;
	t->skipped = own->m.N - own->n;
	for (size_t i = 0; i < own->n; i++) {
		size_t q = row_of(own, i);

		for (size_t p = t->first[q]; p < t->first[q + 1]; p++) {
			if (!place[t->row[p]])
				continue;
			grade[n] = t->grade ? t->grade[p] : 0;
			row[n++] = place[t->row[p]] - 1;
		}
		first[i + 1] = n;
		t->skipped += first[i + 1] == first[i];
		if (first[i + 1] == first[i] && !j->o->skip)
			return fl_fail(e, FL_EDATA, "%s row %zu has no positive among the rows searched; "
			               "--skip-unmatched passes over such rows", name, q);
	}
	t->Q = own->n;
	t->first = first;
	t->row = row;
	t->grade = t->grade ? grade : NULL;
	return 0;
}

/* Positives of the queries and, with --both, of the rows of the gallery: one relation.
 * Metrics that were asked for must have a gallery to look at. */
static int open_truth(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct side *q = &j->query, *g = &j->gallery;
	struct fl_truth *fore = &j->fore.truth, *back = &j->back.truth;
	int later = o->skip || q->pick || g->pick;	/* rows left out need no positive */

	if (fl_truth_open(fore, o->truth, &q->m, &g->m, o->images, o->skip, e))
		return -1;
	if ((o->self && fl_truth_without_self(fore, j->own, o->skip, e)) ||
	    (o->both && fl_truth_reverse(fore, g->m.N, later, back, e)))
		return fl_fail_in(e, "%s", o->truth);
	return pick_truth(j, fore, q, g, "query", e) ||
	       fl_rank_check(o->metric.v, o->metric.n, fore->first, fore->Q, g->n, e) ||
	       (o->both && (pick_truth(j, back, g, q, "gallery", e) ||
	                    fl_rank_check(o->metric.v, o->metric.n, back->first, back->Q, q->n, e))) ?
	       -1 : 0;
}

/* What the search is to find out about the positives, among G rows. */
static int set_stand(struct job *j, struct measure *m, size_t G, struct fl_err *e)
{
	const struct fl_truth *t = &m->truth;
	size_t P = t->first[t->Q];

	m->stand = (struct fl_stand){ .first = t->first, .row = t->row };
	if (!(m->depth = get(j, t->Q, sizeof *m->depth, e)) ||
	    !(m->stand.score = get(j, P, sizeof *m->stand.score, e)) ||
	    !(m->stand.above = get(j, P, sizeof *m->stand.above, e)) ||
	    !(m->stand.level = get(j, P, sizeof *m->stand.level, e)) ||
	    !(m->stand.before = get(j, P, sizeof *m->stand.before, e)))
		return -1;
	/* hit@1 is always wanted, for uncertainty */
	for (size_t q = 0; q < t->Q; q++) {
		m->depth[q] = fl_rank_depth(j->metric.v, j->metric.n, t->first[q + 1] - t->first[q], G);
		m->depth[q] = m->depth[q] ? m->depth[q] : 1;
	}
	m->stand.depth = m->depth;
	return 0;
}

static int adds_up(const struct fl_spec *metric)
{
	return ((const struct fl_rmetric *)metric->entry)->both;
}

static int set_metrics(struct job *j, struct fl_err *e)
{
	size_t n = sizeof default_metrics / sizeof *default_metrics;

	j->metric = j->o->metric;
	if (j->metric.n)
		return 0;
	if (!(j->metric.v = get(j, n, sizeof *j->metric.v, e)))
		return -1;
	for (; j->metric.n < n; j->metric.n++)
		if (fl_spec_parse(&fl_family_rmetric, default_metrics[j->metric.n], &j->run->arena,
		                  &j->metric.v[j->metric.n], e))
			return -1;
	return 0;
}

/* --- search --- */

/* The row of the gallery that is the query itself has its id, wherever it stands: own(all
 * queries) among all rows, self(queries picked) among those searched. */
static int set_self(struct job *j, struct fl_err *e)
{
	uint32_t *place;
	size_t row, found = 0;

	if (!(j->own = get(j, j->query.m.N, sizeof *j->own, e)) ||
	    !(j->self = get(j, j->query.n, sizeof *j->self, e)) ||
	    !(place = get(j, j->gallery.m.N, sizeof *place, e)))
		return -1;
	for (size_t i = 0; i < j->gallery.n; i++)
		place[row_of(&j->gallery, i)] = (uint32_t)i + 1;
	for (size_t q = 0; q < j->query.m.N; q++) {
		int none = fl_embeds_find(&j->gallery.m, fl_embeds_id(&j->query.m, q), &row);

		j->own[q] = none ? FL_TRUTH_NO_SELF : (uint32_t)row;
		found += !none;
	}
	for (size_t q = 0; q < j->query.n; q++) {
		uint32_t own = j->own[row_of(&j->query, q)];

		j->self[q] = own == FL_TRUTH_NO_SELF || !place[own] ? UINT32_MAX : place[own] - 1;
	}
	if (!found)
		fl_say(FL_LOG_WARN, "--self: no query has the id of a row of the gallery");
	return 0;
}

static struct fl_rows rows_of(const struct side *s)
{
	return (struct fl_rows){ .n = s->n, .d = s->m.d, .read = read_rows, .at = at, .where = where, .ctx = s,
	                         .scale = s->scale, .bias = s->bias, .order = s->order };
}

static int search(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_search s = {
		.query = rows_of(&j->query), .gallery = rows_of(&j->gallery),
		.unit = j->score->unit, .log1p = j->score->log1p, .joint = j->score->joint,
		.k = o->folds == FL_UNSET ? (size_t)o->top : 0, .min = isnan(o->min_score) ? -INFINITY : o->min_score,
		.self = j->self, .pass = (enum fl_first)o->first_pass, .memory = (size_t)o->memory,
		.threads = (int)o->threads
	};

	if (o->both)
		s.back_k = s.k;
	if (o->truth)
		s.stand = &j->fore.stand;
	if (o->truth && o->both)
		s.back_stand = &j->back.stand;
	if (fl_search(&s, &j->found, e))
		return -1;
	fl_say(FL_LOG_INFO, "%s: %zu queries, %zu rows of %zu values searched in %zu passes; first pass %s, "
	       "%llu scores formed again; %zu queries with a tie after the last hit",
	       j->score->e.name, j->query.n, j->gallery.n, j->gallery.m.d, j->found.chunks,
	       fl_first_name[j->found.pass], j->found.exact, j->found.top.tied);
	return 0;
}

/* --- measuring --- */

static int places(struct job *j, struct measure *m, struct fl_err *e)
{
	const struct fl_truth *t = &m->truth;
	struct fl_standing s = { m->stand.above, m->stand.level, m->stand.before };
	size_t P = t->first[t->Q];
	uint32_t *best, *worst;

	if (!(m->place = get(j, P, sizeof *m->place, e)) || !(best = get(j, P, sizeof *best, e)) ||
	    !(worst = get(j, P, sizeof *worst, e)))
		return -1;
	fl_rank_places(t->first, t->Q, &s, FL_TIES_OPTIMISTIC, best);
	fl_rank_places(t->first, t->Q, &s, FL_TIES_PESSIMISTIC, worst);
	fl_rank_places(t->first, t->Q, &s, (enum fl_ties)j->o->ties, m->place);
	m->tied = fl_rank_tied(t->first, t->Q, best, worst);
	return 0;
}

/* hit@1 against uncertainty: of who asks, or of what was found where askers have none. */
static int doubts(struct job *j, struct measure *m, int reverse, struct fl_err *e)
{
	const struct side *own = reverse ? &j->gallery : &j->query, *other = reverse ? &j->query : &j->gallery;
	const struct fl_top *top = reverse ? &j->found.back : &j->found.top;
	const struct fl_truth *t = &m->truth;
	const struct opts *o = j->o;
	struct fl_doubt_boot boot = { (size_t)o->bootstrap, 0.95, (uint64_t)o->seed, (int)o->threads };

	if (!own->u && (!other->u || !top->k))
		return 0;
	if (!(m->u = get(j, t->Q, sizeof *m->u, e)) || !(m->y = get(j, t->Q, sizeof *m->y, e)))
		return -1;
	for (size_t q = 0; q < t->Q; q++) {
		if (t->first[q] == t->first[q + 1] || (!own->u && !top->count[q]))
			continue;
		m->u[m->answered] = own->u ? own->u[q] : other->u[top->hit[q * top->k].row];
		m->y[m->answered++] = m->place[t->first[q]] == 0;
	}
	if (m->answered < (size_t)o->bins)
		fl_say(FL_LOG_WARN, "%s%zu answers do not fill %" PRId64 " bins, so nothing is said over bins; "
		       "--bins takes fewer", reverse ? "reverse: " : "", m->answered, o->bins);
	if (fl_doubt(m->u, m->y, m->answered, (size_t)o->bins, &m->doubt, NULL, e))
		return -1;
	return o->bootstrap ? fl_doubt_interval(m->u, m->y, m->answered, (size_t)o->bins, &boot, &m->lo,
	                                        &m->hi, e) : 0;
}

static int measure(struct job *j, struct measure *m, int reverse, struct fl_err *e)
{
	const struct fl_standing s = { m->stand.above, m->stand.level, m->stand.before };
	struct fl_places p = { .Q = m->truth.Q, .G = reverse ? j->query.n : j->gallery.n,
	                       .first = m->truth.first };

	if (places(j, m, e) || !(m->value = get(j, j->metric.n, sizeof *m->value, e)))
		return -1;
	p.place = m->place;
	for (size_t k = 0; k < j->metric.n; k++)
		if (((const struct fl_rmetric *)j->metric.v[k].entry)->graded ?
		    fl_rank_graded(&j->metric.v[k], &p, &s, m->truth.grade,
		                   (size_t)fl_truth_attributes(j->o->truth), (enum fl_ties)j->o->ties,
		                   &m->value[k], e) :
		    fl_rank_measure(&j->metric.v[k], &p, &m->value[k], NULL, e))
			return -1;
	fl_say(FL_LOG_INFO, "%s: %zu positives of %zu queries, %zu without one passed over; ties %s, "
	       "%zu queries depend on it", reverse ? "reverse" : "truth", p.first[p.Q], p.Q,
	       m->truth.skipped, fl_ties_name[j->o->ties], m->tied);
	return doubts(j, m, reverse, e);
}

/* --- folds --- */

/* Rows row(n) of a side. */
static int part_of(struct job *j, const struct side *s, const uint32_t *row, size_t n,
                   struct side *part, struct fl_err *e)
{
	*part = *s;
	part->pick = row;
	part->n = n;
	if ((s->scale && !(part->scale = get(j, n, sizeof *part->scale, e))) ||
	    (s->bias && !(part->bias = get(j, n, sizeof *part->bias, e))) ||
	    (s->order && !(part->order = get(j, n, sizeof *part->order, e))))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s->scale)
			part->scale[i] = s->scale[row[i]];
		if (s->bias)
			part->bias[i] = s->bias[row[i]];
		if (s->order)
			part->order[i] = s->order[row[i]];
	}
	part->u = NULL;
	return 0;
}

static void add_measure(struct measure *sum, const struct measure *m, size_t n)
{
	for (size_t k = 0; k < n; k++)
		sum->value[k] += m->value[k];
	sum->tied += m->tied;
}

static int one_fold(struct job *j, const struct fl_truth_fold *f, struct fl_err *e)
{
	const struct fl_specs *m = &j->o->metric;
	struct job one = *j;
	int rc, both = j->o->both;

	one.fore = (struct measure){ .truth = f->truth };
	one.back = (struct measure){ .y = NULL };
	rc = part_of(j, &j->query, f->query, f->Q, &one.query, e) ||
	     part_of(j, &j->gallery, f->gallery, f->G, &one.gallery, e) ||
	     fl_rank_check(m->v, m->n, f->truth.first, f->Q, f->G, e) || set_stand(&one, &one.fore, f->G, e) ||
	     (both && (fl_truth_reverse(&f->truth, f->G, 1, &one.back.truth, e) ||
	               fl_rank_check(m->v, m->n, one.back.truth.first, f->G, f->Q, e) ||
	               set_stand(&one, &one.back, f->Q, e))) ||
	     search(&one, e) || measure(&one, &one.fore, 0, e) || (both && measure(&one, &one.back, 1, e)) ?
	     -1 : 0;
	if (!rc)
		add_measure(&j->fore, &one.fore, j->metric.n);
	if (!rc && both)
		add_measure(&j->back, &one.back, j->metric.n);
	fl_found_release(&one.found);
	fl_truth_release(&one.back.truth);
	return rc;
}

static int folds(struct job *j, struct fl_err *e)
{
	if (!(j->fore.value = get(j, j->metric.n, sizeof *j->fore.value, e)) ||
	    !(j->back.value = get(j, j->metric.n, sizeof *j->back.value, e)))
		return -1;
	for (size_t f = 0; f < (size_t)j->o->folds; f++) {
		struct fl_truth_fold fold;
		int rc = fl_truth_fold(&j->fore.truth, j->gallery.n, j->o->images, f, (size_t)j->o->folds,
		                       &fold, e);

		if (rc)
			return -1;
		rc = one_fold(j, &fold, e);
		fl_truth_fold_release(&fold);
		if (rc)
			return fl_fail_in(e, "fold %zu", f);
	}
	for (size_t k = 0; k < j->metric.n; k++) {
		j->fore.value[k] /= (double)j->o->folds;
		j->back.value[k] /= (double)j->o->folds;
	}
	return 0;
}

/* --- hits as text --- */

static int flush(struct fl_out *o, struct fl_str *b, size_t least, struct fl_err *e)
{
	if (fl_str_check(b, e))
		return -1;
	if (b->len < least)
		return 0;
	if (fl_out_write(o, b->s, b->len, e))
		return -1;
	fl_str_clear(b);
	return 0;
}

/* Whether scores are products in F32 as they are. */
static int is_f32(const struct job *j)
{
	return !j->score->weigh;
}

static int hits(const struct job *j, const struct fl_top *t, int reverse, struct fl_out *o, struct fl_err *e)
{
	const struct side *own = reverse ? &j->gallery : &j->query, *other = reverse ? &j->query : &j->gallery;
	int64_t *id = fl_alloc(t->k, sizeof *id, e);
	double *score = fl_alloc(t->k, sizeof *score, e);
	struct fl_str b = FL_STR_INIT;
	int rc = id && score ? 0 : -1;

	for (size_t q = 0; !rc && q < t->n; q++) {
		struct fl_answer a = { .query = id_of(own, q), .id = id, .score = score, .n = t->count[q],
		                       .top = (size_t)j->o->top, .reverse = reverse, .f32 = is_f32(j) };

		for (size_t k = 0; k < a.n; k++) {
			id[k] = id_of(other, t->hit[q * t->k + k].row);
			score[k] = t->hit[q * t->k + k].score;
		}
		fl_answer_print(&b, (enum fl_answer_format)j->o->format, &a);
		rc = flush(o, &b, FLUSH, e);
	}
	if (!rc)
		rc = flush(o, &b, 1, e);
	fl_str_release(&b);
	free(id);
	free(score);
	return rc;
}

static void field(struct fl_str *b, int json, const char *prefix, const char *name, const char *suffix,
                  double v)
{
	fl_str_addf(b, json ? ",\"%s%s%s\":" : "#%s%s%s\t", prefix, name, suffix);
	if (json) {
		fl_str_addjsonnum(b, v);
		return;
	}
	fl_str_addnum(b, v);
	fl_str_addc(b, '\n');
}

static void count(struct fl_str *b, int json, const char *prefix, const char *name, size_t n)
{
	fl_str_addf(b, json ? ",\"%s%s\":%zu" : "#%s%s\t%zu\n", prefix, name, n);
}

static void measured(const struct job *j, const struct measure *m, const char *prefix, struct fl_str *b)
{
	int json = j->o->format == FL_ANSWER_JSON;
	char name[FL_RANK_NAME_MAX], place[64];

	for (size_t k = 0; k < j->metric.n; k++)
		if (!adds_up(&j->metric.v[k]))
			field(b, json, prefix, fl_rank_name(&j->metric.v[k], name), "", m->value[k]);
		else if (m == &j->fore)
			field(b, json, "", fl_rank_name(&j->metric.v[k], name), "", m->value[k] + j->back.value[k]);
	count(b, json, prefix, "positives", m->truth.first[m->truth.Q]);
	count(b, json, prefix, "skipped", m->truth.skipped);
	count(b, json, prefix, "ties", m->tied);
	snprintf(place, sizeof place, "%suncertainty.", prefix);
	for (size_t k = 0; m->u && k < FL_DOUBT_FIELDS; k++) {
		const char *f = fl_doubt_fields[k].name;

		field(b, json, place, f, "", fl_doubt_get(&m->doubt, k));
		if (j->o->bootstrap) {
			field(b, json, place, f, ".lo", fl_doubt_get(&m->lo, k));
			field(b, json, place, f, ".hi", fl_doubt_get(&m->hi, k));
		}
	}
}

static int summary(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	int json = j->o->format == FL_ANSWER_JSON, rc;
	struct fl_str b = FL_STR_INIT;

	if (json)
		fl_str_addf(&b, "{\"schema\":\"" FL_ANSWER_SCHEMA "\",\"kind\":\"summary\",\"score\":\"%s\"",
		            j->score->e.name);
	count(&b, json, "", "queries", j->query.n);
	count(&b, json, "", "gallery", j->gallery.n);
	count(&b, json, "", "queries_with_tie_at_k", j->found.top.tied);
	measured(j, &j->fore, "", &b);
	if (j->o->both)
		measured(j, &j->back, "reverse.", &b);
	fl_str_add(&b, json ? "}\n" : "");
	rc = flush(o, &b, 1, e);
	fl_str_release(&b);
	return rc;
}

static int main_output(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	const struct opts *p = j->o;

	return (!p->no_hits && p->top && hits(j, &j->found.top, 0, o, e)) ||
	       (!p->no_hits && p->top && p->both && hits(j, &j->found.back, 1, o, e)) ||
	       (p->truth && summary(j, o, e)) ? -1 : 0;
}

/* --- other files --- */

static int ranking(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &j->found.top;
	struct fl_str b = FL_STR_INIT;
	int rc = 0;

	fl_str_addc(&b, '{');
	for (size_t q = 0; !rc && q < t->n; q++) {
		fl_str_addf(&b, "%s\"%" PRId64 "\":[", q ? ",\n" : "", id_of(&j->query, q));
		for (size_t k = 0; k < t->count[q]; k++)
			fl_str_addf(&b, "%s%" PRId64, k ? "," : "", id_of(&j->gallery, t->hit[q * t->k + k].row));
		fl_str_addc(&b, ']');
		rc = flush(o, &b, FLUSH, e);
	}
	fl_str_add(&b, "}\n");
	if (!rc)
		rc = flush(o, &b, 1, e);
	fl_str_release(&b);
	return rc;
}

/* Header of an .npy of (n,k) values. */
static int npy_header(struct fl_out *o, const char *type, size_t n, size_t k, struct fl_err *e)
{
	char text[128];
	int len = snprintf(text, sizeof text, "%c%s%c%cxx{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
	                   0x93, "NUMPY", 1, 0, type, n, k);

	memset(text + len, ' ', sizeof text - (size_t)len);
	text[127] = '\n';
	text[8] = 128 - 10;
	text[9] = 0;
	return fl_out_write(o, text, sizeof text, e);
}

static int npy_ids(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &j->found.top;

	if (npy_header(o, "<i8", t->n, t->k, e))
		return -1;
	for (size_t i = 0; i < t->n * t->k; i++) {
		int64_t id = i % t->k < t->count[i / t->k] ? id_of(&j->gallery, t->hit[i].row) : -1;

		if (fl_out_write(o, &id, sizeof id, e))
			return -1;
	}
	return 0;
}

static int npy_scores(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &j->found.top;

	if (npy_header(o, "<f8", t->n, t->k, e))
		return -1;
	for (size_t i = 0; i < t->n * t->k; i++) {
		double s = i % t->k < t->count[i / t->k] ? t->hit[i].score : (double)NAN;

		if (fl_out_write(o, &s, sizeof s, e))
			return -1;
	}
	return 0;
}

/* kind, direction, then bin: n, u, hit@1, least and largest u; risk: coverage, risk. */
static int curve_of(const struct job *j, const struct measure *m, const char *direction,
                    struct fl_str *b, struct fl_err *e)
{
	return fl_doubt_lines(direction, m->u, m->y, m->answered, (size_t)j->o->bins, b, e);
}

static int curve(const struct job *j, struct fl_out *o, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	int rc;

	if (!j->fore.u)
		return fl_fail(e, FL_EDATA, "--curve: neither uncertainty nor kappa is beside the rows");
	rc = curve_of(j, &j->fore, "forward", &b, e);
	if (!rc && j->o->both && j->back.u)
		rc = curve_of(j, &j->back, "reverse", &b, e);
	if (!rc)
		rc = flush(o, &b, 1, e);
	fl_str_release(&b);
	return rc;
}

/* All files are written before the first one appears. */
static int write_all(struct job *j, struct fl_err *e)
{
	const struct opts *p = j->o;
	const struct { const char *path; int (*write)(const struct job *, struct fl_out *, struct fl_err *); }
	file[] = {
		{ p->output, main_output }, { p->ranking, ranking }, { p->ids, npy_ids },
		{ p->scores, npy_scores }, { p->curve, curve },
	};
	enum { FILES = sizeof file / sizeof *file };
	struct fl_out out[FILES] = { { .fd = 0 } };
	int rc = 0;

	/* Standard output, whose bytes cannot be taken back, comes last. */
	for (int i = FILES - 1; !rc && i >= 0; i--)
		if (file[i].path && !(rc = fl_out_open(&out[i], file[i].path, !p->no_sync, e)) &&
		    !(rc = file[i].write(j, &out[i], e)) && i)
			rc = fl_out_finish(&out[i], e);
	for (int i = 0; !rc && i < FILES; i++)
		if (file[i].path)
			rc = fl_out_commit(&out[i], e);
	for (int i = 0; rc && i < FILES; i++)
		if (file[i].path)
			fl_out_abort(&out[i]);
	return rc;
}

/* --- --merge --- */

static int merge(struct fl_run *r, struct fl_err *e)
{
	static const char *const standard[] = { "-" };
	const struct opts *o = r->opts;
	const char *const *path = r->noperand ? r->operand : standard, *empty = NULL;
	size_t n = r->noperand ? r->noperand : 1, size = 0;
	struct fl_answers a = { .n = 0 };
	struct fl_str b = FL_STR_INIT;
	struct fl_out out;
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
	if (!rc && !(rc = fl_answers_merge(&a, (size_t)o->top, (enum fl_answer_format)o->format, &b, e)) &&
	    !(rc = fl_out_open(&out, o->output, !o->no_sync, e))) {
		rc = fl_out_write(&out, fl_str_c(&b), b.len, e);
		if (rc)
			fl_out_abort(&out);
		else
			rc = fl_out_commit(&out, e);
	}
	fl_say(FL_LOG_INFO, "%zu hits of %zu lists merged", a.n, a.nq);
	fl_str_release(&b);
	fl_answers_release(&a);
	return rc;
}

/* --- all of it --- */

static size_t count_stdin(const struct fl_strs *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += !strcmp(s->v[i], "-") || !strncmp(s->v[i], "-#", 2);
	return n;
}

static int check_options(const struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	const char *const file[] = { o->ranking, o->ids, o->scores, o->curve };

	if (o->merge)
		return 0;
	if (count_stdin(&o->gallery) + count_stdin(&o->queries) > 1)
		return fl_fail(e, FL_EUSAGE, "standard input is given twice");
	for (size_t k = 0; k < o->metric.n; k++)
		if (((const struct fl_rmetric *)o->metric.v[k].entry)->graded && fl_truth_attributes(o->truth) == -1)
			return fl_fail(e, FL_EUSAGE, "%s wants --truth attributes", o->metric.v[k].entry->name);
	if (o->folds != FL_UNSET && fl_truth_attributes(o->truth) >= 0)
		return fl_fail(e, FL_EUSAGE, "--folds go by who belongs to whom, not by attributes");
	for (size_t k = 0; !o->both && k < o->metric.n; k++)
		if (adds_up(&o->metric.v[k]))
			return fl_fail(e, FL_EUSAGE, "%s adds up both directions: --both",
			               o->metric.v[k].entry->name);
	if (!o->no_hits && o->format != FL_ANSWER_JSON && o->both)
		return fl_fail(e, FL_EUSAGE, "--both has two rankings: --format json, or --no-hits");
	if (!o->no_hits && o->format == FL_ANSWER_TREC && o->truth)
		return fl_fail(e, FL_EUSAGE, "a TREC run holds no metrics: --no-hits, or another --format");
	for (int i = 0; i < 4; i++)
		if (file[i] && !strcmp(file[i], "-"))
			return fl_fail(e, FL_EUSAGE, "'-' is where hits are written");
	if ((o->ids || o->scores || o->ranking) && !o->top)
		return fl_fail(e, FL_EUSAGE, "--top 0 leaves no hits to write");
	return 0;
}

static int adapt(struct job *j, struct fl_err *e)
{
	enum fl_side side = j->o->images ? FL_SIDE_IMAGE : FL_SIDE_TEXT;
	int threads = (int)j->o->threads, rc;
	struct fl_adapter a;

	if (!j->o->adapter)
		return 0;
	if (fl_adapter_open(&a, j->o->adapter, e))
		return -1;
	rc = fl_adapter_replace(&a, side, &j->query.m, threads, e) ||
	     fl_adapter_replace(&a, side == FL_SIDE_TEXT ? FL_SIDE_IMAGE : FL_SIDE_TEXT, &j->gallery.m,
	                        threads, e) ? -1 : 0;
	fl_adapter_release(&a);
	return rc;
}

static int setup(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (fl_embeds_open(&j->gallery.m, o->gallery.v, o->gallery.n, e) ||
	    fl_embeds_open(&j->query.m, o->queries.v, o->queries.n, e))
		return -1;
	if (adapt(j, e))	/* which may make rows of unlike widths comparable */
		return -1;
	if (j->query.m.d != j->gallery.m.d)
		return fl_fail(e, FL_EDATA, "%s has rows of %zu values, %s of %zu", j->query.m.part[0].name,
		               j->query.m.d, j->gallery.m.part[0].name, j->gallery.m.d);
	j->query.n = j->query.m.N;
	j->gallery.n = j->gallery.m.N;
	if (pick_rows(j, &j->gallery, e) || drop_bare(j, &j->query, e) || drop_bare(j, &j->gallery, e) || set_order(j, &j->query, e) || set_order(j, &j->gallery, e) ||
	    set_score(j, e) || (o->self && set_self(j, e)))
		return -1;
	if (!o->truth)
		return 0;
	if (set_metrics(j, e) || set_uncertainty(j, &j->query, e) || set_uncertainty(j, &j->gallery, e) ||
	    open_truth(j, e))
		return -1;
	/* folds have galleries of their own */
	if (o->folds != FL_UNSET)
		return 0;
	return set_stand(j, &j->fore, j->gallery.n, e) ||
	       (o->both && set_stand(j, &j->back, j->query.n, e)) ? -1 : 0;
}

static int whole(struct job *j, struct fl_err *e)
{
	return search(j, e) || (j->o->truth && measure(j, &j->fore, 0, e)) ||
	       (j->o->truth && j->o->both && measure(j, &j->back, 1, e)) ? -1 : 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc;

	if (check_options(r, e))
		return -1;
	if (j.o->merge)
		return merge(r, e);
	rc = setup(&j, e) || (j.o->folds == FL_UNSET ? whole(&j, e) : folds(&j, e)) || write_all(&j, e) ?
	     -1 : 0;
	fl_found_release(&j.found);
	fl_truth_release(&j.fore.truth);
	fl_truth_release(&j.back.truth);
	fl_embeds_release(&j.query.m);
	fl_embeds_release(&j.gallery.m);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return o->merge ? fl_run_stdin_default(r) : count_stdin(&o->gallery) + count_stdin(&o->queries) > 0;
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

/* Hits and what was measured of them, written. */
#include "retrieve/write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/npy.h"

#define FLUSH ((size_t)64 << 10)

/* Writes b out where it holds least bytes, and empties it. */
static int flush_text(struct fl_out *o, struct fl_str *b, size_t least, struct fl_err *e)
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

/* --- hits --- */

/* How an answer is printed: of own, among other, in arrays with room for k hits. */
struct printing {
	const struct fl_picked *own, *other;
	enum fl_answer_format format;
	struct fl_answer answer;
	int64_t *id;
	double *score;
};

static void print_answer(struct printing *p, const struct fl_top *t, size_t q, struct fl_str *b)
{
	p->answer.query = fl_picked_id(p->own, q);
	p->answer.n = t->count[q];
	for (size_t k = 0; k < t->count[q]; k++) {
		p->id[k] = fl_picked_id(p->other, t->hit[q * t->k + k].row);
		p->score[k] = t->hit[q * t->k + k].score;
	}
	fl_answer_print(b, p->format, &p->answer);
}

static int write_hits(const struct fl_retrieved *r, size_t top, enum fl_answer_format format,
                      int reverse, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = reverse ? &r->found.back : &r->found.top;
	struct printing p = {
		.own = reverse ? &r->gallery : &r->query,
		.other = reverse ? &r->query : &r->gallery,
		.format = format,
		.id = fl_alloc(t->k, sizeof *p.id, e),
		.score = fl_alloc(t->k, sizeof *p.score, e),
	};
	struct fl_str b = FL_STR_INIT;
	int rc = p.id && p.score ? 0 : -1;

	/* Scores are products in F32 where nothing is made of them. */
	p.answer = (struct fl_answer){
		.id = p.id,
		.score = p.score,
		.top = top,
		.reverse = reverse,
		.f32 = !r->score->weigh,
	};
	for (size_t q = 0; !rc && q < t->n; q++) {
		print_answer(&p, t, q, &b);
		rc = flush_text(o, &b, FLUSH, e);
	}
	if (!rc)
		rc = flush_text(o, &b, 1, e);
	fl_str_release(&b);
	free(p.id);
	free(p.score);
	return rc;
}

/* --- what was measured --- */

/* Fields of one line of JSON, or lines of their own. */
struct fields {
	struct fl_str text;
	int json;
};

static void add_value(struct fields *f, const char *prefix, const char *name, const char *suffix,
                      double v)
{
	fl_str_addf(&f->text, f->json ? ",\"%s%s%s\":" : "#%s%s%s\t", prefix, name, suffix);
	if (f->json) {
		fl_str_addjsonnum(&f->text, v);
		return;
	}
	fl_str_addnum(&f->text, v);
	fl_str_addc(&f->text, '\n');
}

static void add_count(struct fields *f, const char *prefix, const char *name, size_t n)
{
	fl_str_addf(&f->text, f->json ? ",\"%s%s\":%zu" : "#%s%s\t%zu\n", prefix, name, n);
}

/* Metrics of a direction; those that are sums over both stand with the first. */
static void add_metrics(struct fields *f, const struct fl_retrieved *r, const struct fl_way *m,
                        const char *prefix)
{
	const struct fl_specs *metric = &r->measure.metric;
	char buf[FL_RANK_NAME_MAX];

	for (size_t k = 0; k < metric->n; k++) {
		const struct fl_rmetric *en = (const struct fl_rmetric *)metric->v[k].entry;
		const char *name = fl_rank_name(&metric->v[k], buf);

		if (!(en->needs & FL_RANK_BOTH))
			add_value(f, prefix, name, "", m->value[k]);
		else if (m == &r->fore)
			add_value(f, "", name, "", m->value[k] + r->back.value[k]);
	}
}

static void add_doubt(struct fields *f, const struct fl_retrieved *r, const struct fl_way *m,
                      const char *prefix)
{
	char place[64];

	snprintf(place, sizeof place, "%suncertainty.", prefix);
	for (size_t k = 0; m->u && k < FL_DOUBT_FIELDS; k++) {
		const char *name = fl_doubt_fields[k].name;

		add_value(f, place, name, "", fl_doubt_get(&m->doubt, k));
		if (!r->measure.boot.resamples)
			continue;
		add_value(f, place, name, ".lo", fl_doubt_get(&m->lo, k));
		add_value(f, place, name, ".hi", fl_doubt_get(&m->hi, k));
	}
}

static void add_measured(struct fields *f, const struct fl_retrieved *r,
                         const struct fl_way *m, const char *prefix)
{
	add_metrics(f, r, m, prefix);
	add_count(f, prefix, "positives", m->truth.first[m->truth.Q]);
	add_count(f, prefix, "skipped", m->truth.skipped);
	add_count(f, prefix, "ties", m->tied);
	add_doubt(f, r, m, prefix);
}

static int write_summary(const struct fl_retrieved *r, int both, int json, struct fl_out *o,
                         struct fl_err *e)
{
	struct fields f = { .text = FL_STR_INIT, .json = json };
	int rc;

	if (json)
		fl_str_addf(&f.text, "{\"schema\":\"" FL_ANSWER_SCHEMA "\",\"kind\":\"summary\","
		            "\"score\":\"%s\"", r->score->e.name);
	add_count(&f, "", "queries", r->query.n);
	add_count(&f, "", "gallery", r->gallery.n);
	add_count(&f, "", "queries_with_tie_at_k", r->found.top.tied);
	add_measured(&f, r, &r->fore, "");
	if (both)
		add_measured(&f, r, &r->back, "reverse.");
	fl_str_add(&f.text, json ? "}\n" : "");
	rc = flush_text(o, &f.text, 1, e);
	fl_str_release(&f.text);
	return rc;
}

int fl_retrieved_write(const struct fl_retrieved *r, const struct fl_retrieve *how,
                       enum fl_answer_format format, int no_hits, struct fl_out *o,
                       struct fl_err *e)
{
	int hits = !no_hits && how->top;

	return (hits && write_hits(r, how->top, format, 0, o, e)) ||
	       (hits && how->both && write_hits(r, how->top, format, 1, o, e)) ||
	       (how->truth && write_summary(r, how->both, format == FL_ANSWER_JSON, o, e)) ? -1 : 0;
}

/* --- other files --- */

int fl_retrieved_write_ranking(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &r->found.top;
	struct fl_str b = FL_STR_INIT;
	int rc = 0;

	fl_str_addc(&b, '{');
	for (size_t q = 0; !rc && q < t->n; q++) {
		fl_str_addf(&b, "%s\"%" PRId64 "\":[", q ? ",\n" : "", fl_picked_id(&r->query, q));
		for (size_t k = 0; k < t->count[q]; k++)
			fl_str_addf(&b, "%s%" PRId64, k ? "," : "",
			            fl_picked_id(&r->gallery, t->hit[q * t->k + k].row));
		fl_str_addc(&b, ']');
		rc = flush_text(o, &b, FLUSH, e);
	}
	fl_str_add(&b, "}\n");
	if (!rc)
		rc = flush_text(o, &b, 1, e);
	fl_str_release(&b);
	return rc;
}

int fl_retrieved_write_ids(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &r->found.top;

	if (fl_npy_write_header(o, FL_I64, t->n, t->k, e))
		return -1;
	for (size_t i = 0; i < t->n * t->k; i++) {
		int64_t id = i % t->k < t->count[i / t->k]
		                     ? fl_picked_id(&r->gallery, t->hit[i].row)
		                     : -1;

		if (fl_out_write(o, &id, sizeof id, e))
			return -1;
	}
	return 0;
}

int fl_retrieved_write_scores(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e)
{
	const struct fl_top *t = &r->found.top;

	if (fl_npy_write_header(o, FL_F64, t->n, t->k, e))
		return -1;
	for (size_t i = 0; i < t->n * t->k; i++) {
		double s = i % t->k < t->count[i / t->k] ? t->hit[i].score : (double)NAN;

		if (fl_out_write(o, &s, sizeof s, e))
			return -1;
	}
	return 0;
}

int fl_retrieved_write_curve(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e)
{
	const struct fl_way *m = &r->fore, *back = &r->back;
	size_t bins = r->measure.bins;
	struct fl_str b = FL_STR_INIT;
	int rc;

	if (!m->u)
		return fl_fail(e, FL_EDATA,
		               "--curve: neither uncertainty nor kappa is beside the rows");
	rc = fl_doubt_lines("forward", m->u, m->y, m->answered, bins, &b, e);
	if (!rc && back->u)
		rc = fl_doubt_lines("reverse", back->u, back->y, back->answered, bins, &b, e);
	if (!rc)
		rc = flush_text(o, &b, 1, e);
	fl_str_release(&b);
	return rc;
}

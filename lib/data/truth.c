/* Pairs for training, positives for measuring. */
#include "data/truth.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "data/attributes.h"
#include "data/match.h"

/* --- pairs as lists by their first row --- */

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* first(N+1), row(n) in a: rows that go with each of N, ascending. */
static int by_row(const struct fl_match *m, size_t N, struct fl_arena *a, size_t **first,
                  uint32_t **row, struct fl_err *e)
{
	if (!(*first = fl_arena_zero(a, N + 2, sizeof **first, e)) ||
	    !(*row = fl_arena_get(a, m->n, sizeof **row, e)))
		return -1;
	/* Counts two further on, so that filling moves first to its place. */
	for (size_t i = 0; i < m->n; i++)
		(*first)[m->from[i] + 2]++;
	for (size_t i = 2; i < N + 2; i++)
		(*first)[i] += (*first)[i - 1];
	for (size_t i = 0; i < m->n; i++)
		(*row)[(*first)[m->from[i] + 1]++] = m->to[i];
	for (size_t i = 0; i < N; i++)
		if ((*first)[i + 1] - (*first)[i] > 1)
			qsort(*row + (*first)[i], (*first)[i + 1] - (*first)[i], sizeof **row, ascending);
	return 0;
}

static int check_once(const size_t *first, const uint32_t *row, size_t N, const char *from,
                      const char *to, struct fl_err *e)
{
	for (size_t q = 0; q < N; q++)
		for (size_t i = first[q] + 1; i < first[q + 1]; i++)
			if (row[i] == row[i - 1])
				return fl_fail(e, FL_EDATA, "%s row %zu and %s row %" PRIu32 " are paired twice",
				               from, q, to, row[i]);
	return 0;
}

/* Messages of our own begin as those of fl_match_read do. */
static int fail_in_source(const char *source, struct fl_err *e)
{
	return fl_fail_in(e, "%s", source ? source : "diagonal");
}

/* --- pairs --- */

int fl_pairs_open(struct fl_pairs *p, const char *source, const struct fl_embeds *texts,
                  const struct fl_embeds *images, struct fl_err *e)
{
	struct fl_match m = { .n = 0 };
	struct fl_arena a = { 0 };
	size_t *first;
	uint32_t *row;
	int rc;

	*p = (struct fl_pairs){ .n = 0 };
	rc = fl_match_read(&m, source, texts, images, 0, 0, e);
	if (!rc && !m.n)
		rc = fl_fail(e, FL_EDATA, "no pair"), fail_in_source(source, e);
	if (!rc)
		rc = by_row(&m, texts->N, &a, &first, &row, e) ||
		     check_once(first, row, texts->N, "text", "image", e) ? fail_in_source(source, e) : 0;
	fl_arena_release(&a);
	if (!rc && (!(p->text = (uint32_t *)(void *)fl_arena_mem(&p->arena, m.from, m.n * sizeof *m.from, e)) ||
	            !(p->image = (uint32_t *)(void *)fl_arena_mem(&p->arena, m.to, m.n * sizeof *m.to, e))))
		rc = -1;
	p->n = m.n;
	fl_match_release(&m);
	if (rc)
		fl_pairs_release(p);
	return rc;
}

void fl_pairs_release(struct fl_pairs *p)
{
	fl_arena_release(&p->arena);
	*p = (struct fl_pairs){ .n = 0 };
}

/* --- truth --- */

/* side: what asks, for the message. */
static int count_empty(struct fl_truth *t, const char *side, int skip, struct fl_err *e)
{
	size_t at = 0;

	t->skipped = 0;
	for (size_t q = t->Q; q-- > 0;)
		if (t->first[q] == t->first[q + 1]) {
			at = q;
			t->skipped++;
		}
	if (t->skipped && !skip)
		return fl_fail(e, FL_EDATA, "%s row %zu has no positive; %zu of %zu have none", side, at,
		               t->skipped, t->Q);
	return 0;
}

struct labelled {
	int32_t label;
	uint32_t row;
};

static int by_label(const void *a, const void *b)
{
	const struct labelled *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return (x->row > y->row) - (x->row < y->row);
}

/* Rows of m with their labels, in order; the caller frees. */
static struct labelled *labels_of(const struct fl_embeds *m, struct fl_err *e)
{
	struct labelled *v;

	if (!m->has_label) {
		fl_fail(e, FL_EDATA, "%s has no labels", m->part[0].name);
		return NULL;
	}
	if (!(v = fl_alloc(m->N, sizeof *v, e)))
		return NULL;
	for (size_t i = 0; i < m->N; i++) {
		v[i] = (struct labelled){ fl_embeds_label(m, i), (uint32_t)i };
		if (v[i].label >= -1)
			continue;
		fl_fail(e, FL_EDATA, "%s: row %zu: label %" PRId32 ": want a class from 0, or -1 for a row "
		        "without a label", m->part[0].name, i, v[i].label);
		free(v);
		return NULL;
	}
	return v;
}

/* The first of v(n), sorted, whose label is not below (after: is above) label. */
static size_t bound(const struct labelled *v, size_t n, int32_t label, int after)
{
	size_t lo = 0;

	while (n) {
		size_t half = n / 2;

		if (v[lo + half].label < label || (after && v[lo + half].label == label)) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

static int fill_labels(struct fl_truth *t, const struct labelled *query, const struct labelled *good,
                       size_t G, struct fl_err *e)
{
	size_t *first = fl_arena_zero(&t->arena, t->Q + 1, sizeof *first, e);
	uint32_t *row;

	if (!first)
		return -1;
	for (size_t q = 0; q < t->Q; q++) {
		/* What has no label is like nothing. */
		size_t n = query[q].label < 0 ? 0 : bound(good, G, query[q].label, 1) -
		           bound(good, G, query[q].label, 0);

		if (fl_add(first[q], n, &first[q + 1]))
			return fl_fail(e, FL_EDATA, "more positives than can be counted");
	}
	if (!(row = fl_arena_get(&t->arena, first[t->Q], sizeof *row, e)))
		return -1;
	for (size_t q = 0; q < t->Q; q++) {
		size_t at = bound(good, G, query[q].label, 0);

		for (size_t i = first[q]; i < first[q + 1]; i++)
			row[i] = good[at++].row;
	}
	t->first = first;
	t->row = row;
	return 0;
}

static int check_labelled(const struct labelled *query, size_t Q, struct fl_err *e)
{
	size_t n = 0, first = Q;

	for (size_t q = Q; q-- > 0;)
		if (query[q].label < 0) {
			first = q;
			n++;
		}
	return n ? fl_fail(e, FL_EDATA, "query row %zu is not labelled (-1), %zu of %zu are not: "
	                   "--skip-unmatched passes over them", first, n, Q) : 0;
}

static int from_labels(struct fl_truth *t, const struct fl_embeds *queries,
                       const struct fl_embeds *gallery, int skip, struct fl_err *e)
{
	struct labelled *query, *good = NULL;
	int rc = -1;

	if (gallery->N >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "%zu rows are more than can be paired", gallery->N);
	if ((query = labels_of(queries, e)) && (good = labels_of(gallery, e)) &&
	    (skip || !check_labelled(query, queries->N, e))) {
		qsort(good, gallery->N, sizeof *good, by_label);
		rc = fill_labels(t, query, good, gallery->N, e);
	}
	free(query);
	free(good);
	return rc;
}

#define ATTRIBUTES "attributes"
enum { ATTRIBUTES_Z = 2, ATTRIBUTES_MAX = 64 };

int fl_truth_attributes(const char *source)
{
	size_t n = strlen(ATTRIBUTES);
	int64_t z;

	if (!source || strncmp(source, ATTRIBUTES, n) || (source[n] && source[n] != ':'))
		return -1;
	if (!source[n])
		return ATTRIBUTES_Z;
	return fl_num_i64(source + n + 1, &z) || z < 0 || z > ATTRIBUTES_MAX ? -2 : (int)z;
}

int fl_truth_bare(const struct fl_embeds *m, unsigned char *bare, struct fl_err *e)
{
	struct fl_attributes a;
	int rc = fl_attributes_open(&a, m, e);

	for (size_t i = 0; i < m->N && !rc; i++)
		bare[i] = (unsigned char)fl_attributes_none(&a, i);
	fl_attributes_release(&a);
	return rc;
}

/* Positives of query q from place n on; how many. row and grade may be NULL. */
static size_t like(const struct fl_attributes *a, const struct fl_attributes *b, size_t q, size_t G,
                   unsigned z, uint32_t *row, unsigned char *grade)
{
	size_t n = 0;

	for (size_t g = 0; g < G && !fl_attributes_none(a, q); g++) {
		unsigned d = fl_attributes_differ(a, q, b, g, z);

		if (d > z || fl_attributes_none(b, g))
			continue;
		if (row) {
			row[n] = (uint32_t)g;
			grade[n] = (unsigned char)d;
		}
		n++;
	}
	return n;
}

static int fill_like(struct fl_truth *t, const struct fl_attributes *a, const struct fl_attributes *b,
                     size_t G, unsigned z, struct fl_err *e)
{
	size_t *first = fl_arena_zero(&t->arena, t->Q + 1, sizeof *first, e);
	unsigned char *grade;
	uint32_t *row;

	if (!first)
		return -1;
	for (size_t q = 0; q < t->Q; q++)
		if (fl_add(first[q], like(a, b, q, G, z, NULL, NULL), &first[q + 1]))
			return fl_fail(e, FL_EDATA, "more positives than can be counted");
	if (!(row = fl_arena_get(&t->arena, first[t->Q], sizeof *row, e)) ||
	    !(grade = fl_arena_get(&t->arena, first[t->Q], 1, e)))
		return -1;
	for (size_t q = 0; q < t->Q; q++)
		like(a, b, q, G, z, row + first[q], grade + first[q]);
	t->first = first;
	t->row = row;
	t->grade = grade;
	return 0;
}

static int from_attributes(struct fl_truth *t, int z, const struct fl_embeds *queries,
                           const struct fl_embeds *gallery, struct fl_err *e)
{
	struct fl_attributes a = { .n = 0 }, b = { .n = 0 };
	int rc = -1;

	if (z < 0)
		return fl_fail(e, FL_EUSAGE, "want a number from 0 to %d", ATTRIBUTES_MAX);
	if (!fl_attributes_open(&a, queries, e) && !fl_attributes_open(&b, gallery, e)) {
		if (a.n != b.n)
			fl_fail(e, FL_EDATA, "%s has %zu attributes, %s %zu", queries->part[0].name, a.n,
			        gallery->part[0].name, b.n);
		else
			rc = fill_like(t, &a, &b, gallery->N, (unsigned)z, e);
	}
	fl_attributes_release(&a);
	fl_attributes_release(&b);
	return rc;
}

static int from_matches(struct fl_truth *t, const char *source, const struct fl_embeds *queries,
                        const struct fl_embeds *gallery, int reverse, int skip,
                        struct fl_err *e)
{
	struct fl_match m = { .n = 0 };
	size_t *first = NULL;
	uint32_t *row = NULL;
	int rc = fl_match_read(&m, source, queries, gallery, reverse, skip, e);

	if (!rc)
		rc = by_row(&m, t->Q, &t->arena, &first, &row, e) ||
		     check_once(first, row, t->Q, "query", "gallery", e) ? fail_in_source(source, e) : 0;
	if (!rc && m.missing)
		fl_say(FL_LOG_WARN, "%s: %zu entries with ids that no row has are passed over", source,
		       m.missing);
	t->missing = m.missing;
	fl_match_release(&m);
	t->first = first;
	t->row = row;
	return rc;
}

int fl_truth_open(struct fl_truth *t, const char *source, const struct fl_embeds *queries,
                  const struct fl_embeds *gallery, int reverse, int skip, struct fl_err *e)
{
	int label = source && !strcmp(source, "label"), z = fl_truth_attributes(source), rc;

	*t = (struct fl_truth){ .Q = queries->N };
	if (label)
		rc = from_labels(t, queries, gallery, skip, e) ? fail_in_source(source, e) : 0;
	else if (z != -1)
		rc = from_attributes(t, z, queries, gallery, e) ? fail_in_source(source, e) : 0;
	else
		rc = from_matches(t, source, queries, gallery, reverse, skip, e);
	if (!rc && count_empty(t, "query", skip, e))
		rc = fail_in_source(source, e);
	if (rc)
		fl_truth_release(t);
	return rc;
}

void fl_truth_release(struct fl_truth *t)
{
	fl_arena_release(&t->arena);
	*t = (struct fl_truth){ .Q = 0 };
}

int fl_truth_without_self(struct fl_truth *t, const uint32_t *self, int skip, struct fl_err *e)
{
	size_t *first = fl_arena_zero(&t->arena, t->Q + 1, sizeof *first, e);
	uint32_t *row = fl_arena_get(&t->arena, t->first[t->Q], sizeof *row, e);
	unsigned char *grade = t->grade ? fl_arena_get(&t->arena, t->first[t->Q], 1, e) : NULL;

	if (!first || !row || (t->grade && !grade))
		return -1;
	for (size_t q = 0, n = 0; q < t->Q; q++) {
		for (size_t i = t->first[q]; i < t->first[q + 1]; i++) {
			if (t->row[i] == self[q])
				continue;
			if (grade)
				grade[n] = t->grade[i];
			row[n++] = t->row[i];
		}
		first[q + 1] = n;
	}
	t->first = first;
	t->row = row;
	t->grade = grade;
	return count_empty(t, "query", skip, e);
}

/* out's row g: the queries that have g among their positives, ascending as they come. */
static int turn_round(const struct fl_truth *t, struct fl_truth *out, struct fl_err *e)
{
	size_t P = t->first[t->Q], *first = fl_arena_zero(&out->arena, out->Q + 2, sizeof *first, e);
	uint32_t *row = fl_arena_get(&out->arena, P, sizeof *row, e);
	unsigned char *grade = t->grade ? fl_arena_get(&out->arena, P, 1, e) : NULL;

	if (!first || !row || (t->grade && !grade))
		return -1;
	/* first[g + 2] counts, first[g + 1] is then the next place of g's. */
	for (size_t p = 0; p < P; p++)
		first[t->row[p] + 2]++;
	for (size_t g = 2; g < out->Q + 2; g++)
		first[g] += first[g - 1];
	for (size_t q = 0; q < t->Q; q++)
		for (size_t p = t->first[q]; p < t->first[q + 1]; p++) {
			size_t at = first[t->row[p] + 1]++;

			row[at] = (uint32_t)q;
			if (grade)
				grade[at] = t->grade[p];
		}
	out->first = first;
	out->row = row;
	out->grade = grade;
	return 0;
}

int fl_truth_reverse(const struct fl_truth *t, size_t G, int skip, struct fl_truth *out,
                     struct fl_err *e)
{
	*out = (struct fl_truth){ .Q = G };
	if (!turn_round(t, out, e) && !count_empty(out, "gallery", skip, e))
		return 0;
	fl_truth_release(out);
	return -1;
}

/* Rows that take part, and what stands beside them. */
#include "retrieve/pick.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"

#define ID_FILE_MAX ((size_t)1 << 30)
#define AMOUNT_MAX 1e30		/* of a score's kappa or variance: bounds of scores are F32 */

void fl_picked_all(struct fl_picked *p, const struct fl_embeds *m)
{
	*p = (struct fl_picked){ .m = m, .n = m->N };
}

/* --- rows for the search --- */

static int read_rows(const void *ctx, size_t i0, size_t n, float *out, struct fl_err *e)
{
	const struct fl_picked *s = ctx;

	if (!s->row)
		return fl_embeds_read(s->m, i0, n, out, e);
	fl_embeds_gather(s->m, s->row + i0, n, out);
	return 0;
}

/* Where they are in memory and F32, or can be mapped only. */
static const float *rows_at(const void *ctx, size_t i0, size_t n)
{
	const struct fl_picked *s = ctx;
	const struct fl_embed *p = fl_embeds_part(s->m, i0);

	if (s->row || p->fd || p->emb->dtype != FL_F32 || p->stride != p->d * sizeof(float) ||
	    i0 + n > p->first + p->N)
		return NULL;
	return (const float *)(const void *)(p->row + (i0 - p->first) * p->stride);
}

static void where_is(const void *ctx, size_t i, char *buf, size_t size)
{
	const struct fl_picked *s = ctx;
	const struct fl_embed *p = fl_embeds_part(s->m, fl_picked_row(s, i));

	snprintf(buf, size, "%s: row %zu", p->name, fl_picked_row(s, i) - p->first);
}

struct fl_rows fl_picked_rows(const struct fl_picked *p)
{
	return (struct fl_rows){
		.n = p->n,
		.d = p->m->d,
		.read = read_rows,
		.at = rows_at,
		.where = where_is,
		.ctx = p,
		.scale = p->scale,
		.bias = p->bias,
		.order = p->order,
	};
}

int fl_picked_order(struct fl_picked *p, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_embeds *m = p->m;
	uint32_t *place;

	if (!m->byid)
		return 0;
	if (!(place = fl_arena_zero(a, m->N, sizeof *place, e)) ||
	    !(p->order = fl_arena_zero(a, p->n, sizeof *p->order, e)))
		return -1;
	for (size_t i = 0; i < m->N; i++)
		place[m->byid[i].row] = (uint32_t)i;
	for (size_t i = 0; i < p->n; i++)
		p->order[i] = place[fl_picked_row(p, i)];
	return 0;
}

/* --- which rows --- */

/* take[row] = 1 for every id in the file; ids that no row has are counted. */
static int mark_ids(const struct fl_embeds *m, const char *path, unsigned char *take,
                    struct fl_err *e)
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
		else if (fl_embeds_find(m, id, &row))
			missing++;
		else
			take[row] = 1;
	}
	if (!rc && missing)
		fl_say(FL_LOG_WARN, "%s: %zu ids that no row of the gallery has", path, missing);
	free(text);
	return text ? rc : -1;
}

int fl_picked_named(struct fl_picked *p, const char *only, const char *except, struct fl_arena *a,
                  struct fl_err *e)
{
	unsigned char *in, *out;
	uint32_t *row;

	if (!only && !except)
		return 0;
	if (!(in = fl_arena_zero(a, p->m->N, 1, e)) || !(out = fl_arena_zero(a, p->m->N, 1, e)) ||
	    !(row = fl_arena_zero(a, p->m->N, sizeof *row, e)) ||
	    (only && mark_ids(p->m, only, in, e)) || (except && mark_ids(p->m, except, out, e)))
		return -1;
	p->n = 0;
	for (size_t i = 0; i < p->m->N; i++)
		if ((in[i] || !only) && !out[i])
			row[p->n++] = (uint32_t)i;
	p->row = row;
	return p->n ? 0 : fl_fail(e, FL_EDATA, "--only and --except leave no row of the gallery");
}

int fl_picked_shown(struct fl_picked *p, int skip, struct fl_arena *a, struct fl_err *e)
{
	const char *name = p->m->part[0].name;
	unsigned char *bare;
	uint32_t *kept;
	size_t n = 0;

	if (!(bare = fl_arena_zero(a, p->m->N, 1, e)) ||
	    !(kept = fl_arena_zero(a, p->n, sizeof *kept, e)) || fl_truth_bare(p->m, bare, e))
		return -1;
	for (size_t i = 0; i < p->n; i++) {
		size_t row = fl_picked_row(p, i);

		if (!bare[row])
			kept[n++] = (uint32_t)row;
		else if (!skip)
			return fl_fail(e, FL_EDATA, "%s: row %zu has no attribute at all; "
			               "--skip-unmatched leaves such rows out",
			               fl_embeds_part(p->m, row)->name, row);
	}
	if (n < p->n) {
		fl_say(FL_LOG_INFO, "%s: %zu rows without any attribute left out", name, p->n - n);
		p->row = kept;
	}
	p->n = n;
	return n ? 0 : fl_fail(e, FL_EDATA, "%s: no row has an attribute", name);
}

int fl_picked_part(const struct fl_picked *p, const uint32_t *at, size_t n, struct fl_picked *part,
                 struct fl_arena *a, struct fl_err *e)
{
	uint32_t *row = NULL;

	*part = (struct fl_picked){ .m = p->m, .row = at, .n = n };
	if ((p->row && !(row = fl_arena_zero(a, n, sizeof *row, e))) ||
	    (p->scale && !(part->scale = fl_arena_zero(a, n, sizeof *part->scale, e))) ||
	    (p->bias && !(part->bias = fl_arena_zero(a, n, sizeof *part->bias, e))) ||
	    (p->order && !(part->order = fl_arena_zero(a, n, sizeof *part->order, e))))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (row)
			row[i] = p->row[at[i]];
		if (p->scale)
			part->scale[i] = p->scale[at[i]];
		if (p->bias)
			part->bias[i] = p->bias[at[i]];
		if (p->order)
			part->order[i] = p->order[at[i]];
	}
	part->row = row ? row : at;
	return 0;
}

/* --- what stands beside them --- */

int fl_picked_stated(const struct fl_embeds *m, const struct fl_score **score, struct fl_err *e)
{
	*score = NULL;
	for (size_t i = 0; i < m->n; i++) {
		const char *name = fl_meta_get(&m->part[i].rec, "fl.metric");
		const struct fl_score *f;

		if (!name)
			continue;
		if (!(f = (const struct fl_score *)fl_family_find(&fl_family_score, name)))
			return fl_fail(e, FL_EDATA,
			               "%s: fl.metric is %s, which is not known; --score decides",
			               m->part[i].name, name);
		if (*score && *score != f)
			return fl_fail(e, FL_EDATA,
			               "%s: fl.metric is %s, elsewhere %s; --score decides",
			               m->part[i].name, name, (*score)->e.name);
		*score = f;
	}
	return 0;
}

enum column { AMOUNT, SUM_OF_ROW, ORDER };	/* a number a row, sums over rows, only compared */

/* The sum of d values of t from the one at on. */
static double sum_values(const struct fl_tensor *t, size_t at, size_t d)
{
	size_t size = fl_dtype_size(t->dtype);
	double v[1024], sum = 0;

	for (size_t c = 0, m; c < d; c += m) {
		m = d - c < 1024 ? d - c : 1024;
		fl_dtype_to_f64(t->dtype, (const char *)t->data + (at + c) * size, v, m);
		for (size_t x = 0; x < m; x++)
			sum += v[x];
	}
	return sum;
}

/* out(n) = the column beside the rows: finite and not negative, or of ORDER any number.
 * 1: it is there, 0: it is not. */
static int read_column(const struct fl_picked *s, const char *what, enum column kind, double *out,
                       struct fl_err *e)
{
	unsigned ndim = kind == SUM_OF_ROW ? 2 : 1;

	for (size_t i = 0; i < s->n; i++) {
		const struct fl_embed *p = fl_embeds_part(s->m, fl_picked_row(s, i));
		const struct fl_tensor *t = fl_embed_beside(p, what);
		size_t k = fl_picked_row(s, i) - p->first, d = kind == SUM_OF_ROW ? p->d : 1;

		if (!t)
			return 0;
		if (t->n != p->N * d || t->ndim != ndim || !fl_dtype_is_number(t->dtype))
			return fl_fail(e, FL_EDATA, "%s: '%s' does not go with %zu rows", p->name,
			               t->name, p->N);
		out[i] = sum_values(t, k * d, d);
		if (isnan(out[i]) || (kind != ORDER && !(out[i] >= 0 && out[i] < INFINITY)))
			return fl_fail(e, FL_EDATA, "%s: '%s' of row %zu is %g, want %s", p->name,
			               t->name, k, out[i],
			               kind == ORDER ? "a number" : "one from 0 on");
	}
	return 1;
}

/* x(n) = what the score takes of each row. */
static int read_beside(const struct fl_picked *p, const struct fl_score *score, double *x,
                       struct fl_err *e)
{
	int rc = read_column(p, score->column, score->beside == FL_BESIDE_SUM ? SUM_OF_ROW : AMOUNT,
	                     x, e);

	if (!rc)
		return fl_fail(e, FL_EDATA, "%s: no %s beside the rows, which score %s wants",
		               p->m->part[0].name, score->column, score->e.name);
	for (size_t i = 0; rc > 0 && i < p->n; i++) {
		const struct fl_embed *part = fl_embeds_part(p->m, fl_picked_row(p, i));

		if (x[i] > AMOUNT_MAX)
			rc = fl_fail(e, FL_EDATA,
			             "%s: %s of row %zu is %g, beyond %g, which score %s can tell",
			             part->name, score->column, fl_picked_row(p, i) - part->first,
			             x[i], AMOUNT_MAX, score->e.name);
	}
	return rc < 0 ? -1 : 0;
}

int fl_picked_weigh(struct fl_picked *p, const struct fl_score *score, enum fl_side side, int asks,
                  struct fl_arena *a, struct fl_err *e)
{
	double *x;

	if (!score->of[side])
		return 0;
	if (!(x = fl_arena_zero(a, p->n, sizeof *x, e)) ||
	    !(p->scale = fl_arena_zero(a, p->n, sizeof *p->scale, e)) ||
	    !(p->bias = fl_arena_zero(a, p->n, sizeof *p->bias, e)) || read_beside(p, score, x, e))
		return -1;
	fl_score_weigh(score, x, p->n, p->m->d, asks, p->scale, p->bias);
	return 0;
}

int fl_picked_doubt(struct fl_picked *p, struct fl_arena *a, struct fl_err *e)
{
	double *u = fl_arena_zero(a, p->n, sizeof *u, e);
	int rc = u ? read_column(p, "uncertainty", ORDER, u, e) : -1;

	if (!rc && (rc = read_column(p, "kappa", AMOUNT, u, e)) > 0)
		for (size_t i = 0; i < p->n; i++)
			u[i] = 1 / u[i];
	p->doubt = rc > 0 ? u : NULL;
	return rc < 0 ? -1 : 0;
}

/* --- who belongs to whom --- */

/* place(m->N) of rows in what is picked, from 1; 0: they are not. */
static uint32_t *places_of(const struct fl_picked *p, struct fl_arena *a, struct fl_err *e)
{
	uint32_t *place = fl_arena_zero(a, p->m->N, sizeof *place, e);

	for (size_t i = 0; place && i < p->n; i++)
		place[fl_picked_row(p, i)] = (uint32_t)i + 1;
	return place;
}

int fl_picked_self(const struct fl_picked *queries, const struct fl_picked *gallery,
                 uint32_t **own, uint32_t **self, struct fl_arena *a, struct fl_err *e)
{
	const uint32_t *place = places_of(gallery, a, e);
	size_t row, found = 0;

	if (!place || !(*own = fl_arena_zero(a, queries->m->N, sizeof **own, e)) ||
	    !(*self = fl_arena_zero(a, queries->n, sizeof **self, e)))
		return -1;
	for (size_t q = 0; q < queries->m->N; q++) {
		int none = fl_embeds_find(gallery->m, fl_embeds_id(queries->m, q), &row);

		(*own)[q] = none ? FL_TRUTH_NO_SELF : (uint32_t)row;
		found += !none;
	}
	for (size_t q = 0; q < queries->n; q++) {
		uint32_t its = (*own)[fl_picked_row(queries, q)];

		(*self)[q] = its == FL_TRUTH_NO_SELF || !place[its] ? UINT32_MAX : place[its] - 1;
	}
	if (!found)
		fl_say(FL_LOG_WARN, "--self: no query has the id of a row of the gallery");
	return 0;
}

int fl_picked_truth(struct fl_truth *t, const struct fl_picked *own, const struct fl_picked *other,
                  const char *name, int skip, struct fl_err *e)
{
	struct fl_arena *a = &t->arena;
	size_t *first, n = 0, P = t->first[t->Q];
	unsigned char *grade;
	uint32_t *place, *row;

	if (!own->row && !other->row)
		return 0;
	if (!(place = places_of(other, a, e)) || !(row = fl_arena_zero(a, P, sizeof *row, e)) ||
	    !(grade = fl_arena_zero(a, P, 1, e)) ||
	    !(first = fl_arena_zero(a, own->n + 1, sizeof *first, e)))
		return -1;
	t->skipped = own->m->N - own->n;
	for (size_t i = 0; i < own->n; i++) {
		size_t q = fl_picked_row(own, i);

		for (size_t p = t->first[q]; p < t->first[q + 1]; p++) {
			if (!place[t->row[p]])
				continue;
			grade[n] = t->grade ? t->grade[p] : 0;
			row[n++] = place[t->row[p]] - 1;
		}
		first[i + 1] = n;
		t->skipped += first[i + 1] == first[i];
		if (first[i + 1] == first[i] && !skip)
			return fl_fail(e, FL_EDATA,
			               "%s row %zu has no positive among the rows searched; "
			               "--skip-unmatched passes over such rows",
			               name, q);
	}
	t->Q = own->n;
	t->first = first;
	t->row = row;
	t->grade = t->grade ? grade : NULL;
	return 0;
}

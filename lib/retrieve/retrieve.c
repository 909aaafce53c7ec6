/* A search and what is measured of it. */
#include "retrieve/retrieve.h"

#include "base/log.h"

static const char *const default_metrics[] = { "hit@1", "hit@5", "hit@10", "medr", "meanr" };

/* --- what is asked --- */

static int set_score(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	enum fl_side asks = how->images ? FL_SIDE_IMAGE : FL_SIDE_TEXT;
	enum fl_side other = how->images ? FL_SIDE_TEXT : FL_SIDE_IMAGE;
	const struct fl_score *q, *g;

	r->score = how->score;
	if (!r->score) {
		if (fl_picked_stated(r->query.m, &q, e) || fl_picked_stated(r->gallery.m, &g, e))
			return -1;
		if (!(r->score = fl_score_agree(q, g)))
			return fl_fail(e, FL_EDATA,
			               "fl.metric is %s of the queries, %s of the gallery; "
			               "--score decides",
			               q->e.name, g->e.name);
	}
	return fl_picked_weigh(&r->query, r->score, asks, 1, &r->arena, e) ||
	       fl_picked_weigh(&r->gallery, r->score, other, 0, &r->arena, e) ? -1 : 0;
}

/* Metrics that are not given, and what those that are need. */
static int set_metrics(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	size_t n = sizeof default_metrics / sizeof *default_metrics;
	int Z = how->truth ? fl_truth_attributes(how->truth) : -1;
	struct fl_specs *k = &r->measure.metric;

	r->measure = how->measure;
	r->measure.asked = k->n;
	r->measure.Z = Z < 0 ? 0 : (size_t)Z;
	/* Of attributes:X that is no number, opening the truth says more. */
	if (fl_rank_check_needs(k->v, k->n, (Z != -1 ? FL_RANK_GRADES : 0) |
	                                    (how->both ? FL_RANK_BOTH : 0), e))
		return -1;
	if (how->folds && Z >= 0)
		return fl_fail(e, FL_EUSAGE,
		               "--folds go by who belongs to whom, not by attributes");
	if (k->n)
		return 0;
	if (!(k->v = fl_arena_zero(&r->arena, n, sizeof *k->v, e)))
		return -1;
	for (; k->n < n; k->n++)
		if (fl_spec_parse(&fl_family_rmetric, default_metrics[k->n], &r->arena, &k->v[k->n],
		                  e))
			return -1;
	return 0;
}

static int set_rows(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	struct fl_arena *a = &r->arena;

	if (fl_picked_named(&r->gallery, how->only, how->except, a, e))
		return -1;
	if (how->truth && fl_truth_attributes(how->truth) >= 0 &&
	    (fl_picked_shown(&r->query, how->skip, a, e) ||
	     fl_picked_shown(&r->gallery, how->skip, a, e)))
		return -1;
	return fl_picked_order(&r->query, a, e) || fl_picked_order(&r->gallery, a, e) ||
	       set_score(how, r, e) ? -1 : 0;
}

/* Positives of the queries and, with both, of the rows of the gallery: one relation. */
static int open_truth(const struct fl_retrieve *how, const uint32_t *own, struct fl_retrieved *r,
                      struct fl_err *e)
{
	struct fl_picked *q = &r->query, *g = &r->gallery;
	struct fl_truth *fore = &r->fore.truth, *back = &r->back.truth;
	int later = how->skip || q->row || g->row;	/* rows left out need no positive */

	if (fl_truth_open(fore, how->truth, q->m, g->m, how->images, how->skip, e))
		return -1;
	if ((how->self && fl_truth_without_self(fore, own, how->skip, e)) ||
	    (how->both && fl_truth_reverse(fore, g->m->N, later, back, e)))
		return fl_fail_in(e, "%s", how->truth);
	return fl_picked_truth(fore, q, g, "query", how->skip, e) ||
	       (how->both && fl_picked_truth(back, g, q, "gallery", how->skip, e)) ? -1 : 0;
}

/* --- search and measure --- */

/* Both directions are readied. */
static int begin_both(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	return fl_way_begin(&r->fore, &r->measure, r->gallery.n, &r->arena, e) ||
	       (how->both && fl_way_begin(&r->back, &r->measure, r->query.n, &r->arena, e)) ?
	       -1 : 0;
}

static int search_rows(const struct fl_retrieve *how, const uint32_t *self, struct fl_retrieved *r,
                       struct fl_err *e)
{
	struct fl_search s = {
		.query = fl_picked_rows(&r->query), .gallery = fl_picked_rows(&r->gallery),
		.unit = r->score->unit, .log1p = r->score->log1p, .joint = r->score->joint,
		.k = how->folds ? 0 : how->top, .min = how->min, .self = self, .pass = how->pass,
		.memory = how->memory, .threads = how->threads,
	};

	if (how->both)
		s.back_k = s.k;
	if (how->truth)
		s.stand = &r->fore.stand;
	if (how->truth && how->both)
		s.back_stand = &r->back.stand;
	if (fl_search(&s, &r->found, e))
		return -1;
	fl_say(FL_LOG_INFO,
	       "%s: %zu queries, %zu rows of %zu values searched in %zu passes; first pass "
	       "%s, %llu scores formed again; %zu queries with a tie after the last hit",
	       r->score->e.name, r->query.n, r->gallery.n, r->gallery.m->d, r->found.chunks,
	       fl_first_name[r->found.pass], r->found.exact, r->found.top.tied);
	return 0;
}

static int end_both(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	const double *q = r->query.doubt, *g = r->gallery.doubt;
	const struct fl_measure_how *k = &r->measure;

	return fl_way_end(&r->fore, k, "truth", q, g, &r->found.top, &r->arena, e) ||
	       (how->both &&
	        fl_way_end(&r->back, k, "reverse", g, q, &r->found.back, &r->arena, e)) ? -1 : 0;
}

/* --- folds --- */

static void add_values(struct fl_way *sum, const struct fl_way *m, size_t n)
{
	for (size_t k = 0; k < n; k++)
		sum->value[k] += m->value[k];
	sum->tied += m->tied;
}

static int measure_fold(const struct fl_retrieve *how, const struct fl_truth_fold *f,
                        struct fl_retrieved *r, struct fl_err *e)
{
	struct fl_retrieved one = { .score = r->score, .measure = r->measure };
	int rc;

	one.fore.truth = f->truth;
	rc = fl_picked_part(&r->query, f->query, f->Q, &one.query, &one.arena, e) ||
	     fl_picked_part(&r->gallery, f->gallery, f->G, &one.gallery, &one.arena, e) ||
	     (how->both && fl_truth_reverse(&f->truth, f->G, 1, &one.back.truth, e)) ||
	     begin_both(how, &one, e) || search_rows(how, NULL, &one, e) || end_both(how, &one, e) ?
	     -1 : 0;
	if (!rc)
		add_values(&r->fore, &one.fore, r->measure.metric.n);
	if (!rc && how->both)
		add_values(&r->back, &one.back, r->measure.metric.n);
	one.fore.truth = (struct fl_truth){ .Q = 0 };	/* the fold's */
	fl_retrieved_release(&one);
	return rc;
}

static int measure_folds(const struct fl_retrieve *how, struct fl_retrieved *r, struct fl_err *e)
{
	size_t n = r->measure.metric.n;

	if (!(r->fore.value = fl_arena_zero(&r->arena, n, sizeof *r->fore.value, e)) ||
	    !(r->back.value = fl_arena_zero(&r->arena, n, sizeof *r->back.value, e)))
		return -1;
	for (size_t f = 0; f < how->folds; f++) {
		struct fl_truth_fold fold;
		int rc = fl_truth_fold(&r->fore.truth, r->gallery.n, how->images, f, how->folds,
		                       &fold, e);

		if (rc)
			return -1;
		rc = measure_fold(how, &fold, r, e);
		fl_truth_fold_release(&fold);
		if (rc)
			return fl_fail_in(e, "fold %zu", f);
	}
	for (size_t k = 0; k < n; k++) {
		r->fore.value[k] /= (double)how->folds;
		r->back.value[k] /= (double)how->folds;
	}
	return 0;
}

/* --- all of it --- */

static int measure_whole(const struct fl_retrieve *how, const uint32_t *self,
                         struct fl_retrieved *r, struct fl_err *e)
{
	return begin_both(how, r, e) || search_rows(how, self, r, e) || end_both(how, r, e) ?
	       -1 : 0;
}

int fl_retrieve(const struct fl_retrieve *how, const struct fl_embeds *queries,
                const struct fl_embeds *gallery, struct fl_retrieved *r, struct fl_err *e)
{
	uint32_t *own = NULL, *self = NULL;

	*r = (struct fl_retrieved){ .score = NULL };
	fl_picked_all(&r->query, queries);
	fl_picked_all(&r->gallery, gallery);
	if (queries->d != gallery->d)
		return fl_fail(e, FL_EDATA, "%s has rows of %zu values, %s of %zu",
		               queries->part[0].name, queries->d, gallery->part[0].name,
		               gallery->d);
	if (set_metrics(how, r, e) || set_rows(how, r, e) ||
	    (how->self && fl_picked_self(&r->query, &r->gallery, &own, &self, &r->arena, e)))
		return -1;
	if (!how->truth)
		return search_rows(how, self, r, e);
	if (fl_picked_doubt(&r->query, &r->arena, e) ||
	    fl_picked_doubt(&r->gallery, &r->arena, e) || open_truth(how, own, r, e))
		return -1;
	return how->folds ? measure_folds(how, r, e) : measure_whole(how, self, r, e);
}

void fl_retrieved_release(struct fl_retrieved *r)
{
	fl_found_release(&r->found);
	fl_truth_release(&r->fore.truth);
	fl_truth_release(&r->back.truth);
	fl_arena_release(&r->arena);
}

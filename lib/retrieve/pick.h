/* One side of a search: the rows of embeddings that take part, all or some picked, and what
 * a score, the order of ties and uncertainty take of what stands beside them. */
#ifndef FL_RETRIEVE_PICK_H
#define FL_RETRIEVE_PICK_H

#include "data/embed.h"
#include "data/truth.h"
#include "index/index.h"
#include "score/score.h"

/* Memory is the arena's that made it; m must outlive it. */
struct fl_picked {
	const struct fl_embeds *m;
	const uint32_t *row;		/* (n) rows of m, or NULL: all of them, in order */
	size_t n;
	double *scale, *bias;		/* (n) of fl_rows, or NULL: 1 and 0 */
	uint32_t *order;		/* (n) place among equal scores, or NULL: their number */
	double *doubt;			/* (n) uncertainty, larger: less certain; or NULL */
};

static inline size_t fl_picked_row(const struct fl_picked *p, size_t i)
{
	return p->row ? p->row[i] : i;
}
static inline int64_t fl_picked_id(const struct fl_picked *p, size_t i)
{
	return fl_embeds_id(p->m, fl_picked_row(p, i));
}

/* All rows of m. */
void fl_picked_all(struct fl_picked *p, const struct fl_embeds *m);
/* Keeps the rows whose ids are lines of the file only, and not of except; either may be NULL.
 * A word is said of ids that no row has. FL_EDATA for what is no id, or where no row is left. */
int fl_picked_named(struct fl_picked *p, const char *only, const char *except, struct fl_arena *a,
                  struct fl_err *e);
/* Leaves rows without any attribute out where skip, and else refuses them: what shows nothing
 * that is known is like nothing, and stands in no ranking. FL_EDATA. */
int fl_picked_shown(struct fl_picked *p, int skip, struct fl_arena *a, struct fl_err *e);
/* Sets order: ids ascending. */
int fl_picked_order(struct fl_picked *p, struct fl_arena *a, struct fl_err *e);
/* Sets scale and bias as the score has them. side: of which rows are; asks: they are the
 * queries. FL_EDATA where what it needs beside the rows is not there or no such number. */
int fl_picked_weigh(struct fl_picked *p, const struct fl_score *score, enum fl_side side, int asks,
                  struct fl_arena *a, struct fl_err *e);
/* Sets doubt where it is known: `uncertainty` beside the rows, or 1/kappa, infinite where
 * kappa is 0. */
int fl_picked_doubt(struct fl_picked *p, struct fl_arena *a, struct fl_err *e);
/* The rows at(n) of p, numbers in what is picked, without doubt. at must outlive part. */
int fl_picked_part(const struct fl_picked *p, const uint32_t *at, size_t n, struct fl_picked *part,
                 struct fl_arena *a, struct fl_err *e);
/* For index/index.h; p must outlive it. */
struct fl_rows fl_picked_rows(const struct fl_picked *p);

/* The score that the records of m were made for, fl.metric; NULL where they do not say.
 * FL_EDATA where it is not known, or records differ. */
int fl_picked_stated(const struct fl_embeds *m, const struct fl_score **score, struct fl_err *e);

/* The row of the gallery that is the query itself has its id, wherever it stands:
 * own(queries->m->N) among all its rows, FL_TRUTH_NO_SELF for none, and self(queries->n)
 * among those picked, UINT32_MAX for none. */
int fl_picked_self(const struct fl_picked *queries, const struct fl_picked *gallery,
                 uint32_t **own, uint32_t **self, struct fl_arena *a, struct fl_err *e);

/* Queries and rows of t, of all rows of own and other, become numbers in what is picked of
 * them. name: of a row of own, for messages. FL_EDATA for a query without a positive left,
 * unless skip. */
int fl_picked_truth(struct fl_truth *t, const struct fl_picked *own, const struct fl_picked *other,
                  const char *name, int skip, struct fl_err *e);

#endif

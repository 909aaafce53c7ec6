/* Which texts and images belong together: pairs for training, positives of a query
 * for measuring. Any number of positives a query. */
#ifndef FL_DATA_TRUTH_H
#define FL_DATA_TRUTH_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct fl_embeds;

/* Pairs (text row, image row), in the order given. */
struct fl_pairs {
	size_t n;
	const uint32_t *text, *image;	/* (n) rows */
	struct fl_arena arena;
};
/* source: a record with `pairs` (P,2) integers (text row, image row); FILE#NAME: that
 * tensor, (P,2), or (T) the image row of every text; .npy or .npz#NAME of either; JSON
 * {"text row": image row}, {"text row": [image rows]}, or {"id": [ids…]} where both
 * sides have ids; "diagonal": row i with row i; "groups:K": text row i with image row
 * i / K. NULL: diagonal where the sides have as many rows. FL_EDATA for a row or id that
 * is not there (with its place), a pair given twice, or sizes that do not go together. */
int fl_pairs_open(struct fl_pairs *p, const char *source, const struct fl_embeds *texts,
                  const struct fl_embeds *images, struct fl_err *e);
void fl_pairs_release(struct fl_pairs *p);

/* Positives of each query as gallery rows: those of query q are row[first[q]] to
 * row[first[q + 1] - 1], ascending. */
struct fl_truth {
	size_t Q, skipped;		/* queries; those without a positive, skipped on request */
	size_t missing;			/* entries with an id that no row has, likewise */
	const size_t *first;		/* (Q+1) */
	const uint32_t *row;
	const unsigned char *grade;	/* (first[Q]) of attributes: in how many they differ; else NULL */
	struct fl_arena arena;
};
/* The same sources, read as (query, gallery) by queries and gallery; forms that say
 * text and image are turned round where the queries are images (reverse = 1), those by id
 * have the queries' as keys. "label": equal labels; a row without one, -1, is like nothing.
 * "attributes:Z" (Z 2 if not given): rows whose attributes, zeros and ones in the tensor of
 * that name beside both sides, differ in at most Z; a row without any attribute matches
 * nothing. A query without a positive, or an id that no row has, is FL_EDATA unless skip,
 * which logs a warning of the latter. */
int fl_truth_open(struct fl_truth *t, const char *source, const struct fl_embeds *queries,
                  const struct fl_embeds *gallery, int reverse, int skip, struct fl_err *e);
void fl_truth_release(struct fl_truth *t);
/* Z of "attributes:Z"; -1: it is another source, -2: not a number from 0 to 64. */
int fl_truth_attributes(const char *source);
/* bare(N): the row has no attribute at all. */
int fl_truth_bare(const struct fl_embeds *m, unsigned char *bare, struct fl_err *e);
/* self(Q): the gallery row that is the query itself, and no positive of it; or
 * FL_TRUTH_NO_SELF. */
#define FL_TRUTH_NO_SELF UINT32_MAX
int fl_truth_without_self(struct fl_truth *t, const uint32_t *self, int skip, struct fl_err *e);
/* The same relation asked from the other side: out's queries are the G rows of t's gallery,
 * its gallery t's queries. A row without a positive is FL_EDATA unless skip. */
int fl_truth_reverse(const struct fl_truth *t, size_t G, int skip, struct fl_truth *out,
                     struct fl_err *e);

/* Fold f of n, as COCO's "1K" numbers are means over five: the images (the gallery, or
 * the queries where reverse) in n runs of equal length, each with the texts that belong
 * to its images. FL_EDATA where n does not divide the images, or where a text belongs
 * to images of two folds or to none. */
struct fl_truth_fold {
	const uint32_t *query, *gallery;	/* (Q), (G) rows of the whole, ascending */
	size_t Q, G;
	struct fl_truth truth;			/* by positions in these two lists */
	struct fl_arena arena;
};
int fl_truth_fold(const struct fl_truth *t, size_t G, int reverse, size_t f, size_t n,
                  struct fl_truth_fold *out, struct fl_err *e);
void fl_truth_fold_release(struct fl_truth_fold *f);

#endif

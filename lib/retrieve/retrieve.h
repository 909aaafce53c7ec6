/* Retrieval, whole: queries searched in a gallery by a score, in one direction or both, and
 * measured by what belongs together. Options in, results out; retrieve/write.h writes them. */
#ifndef FL_RETRIEVE_RETRIEVE_H
#define FL_RETRIEVE_RETRIEVE_H

#include "retrieve/way.h"
#include "retrieve/pick.h"

struct fl_retrieve {
	const struct fl_score *score;	/* NULL: what the records say, else the cosine */
	int images;			/* the queries are images and the gallery texts */
	int both;			/* search the queries for every row of the gallery, too */
	int self;			/* a row with the query's own id is no hit; not with both */
	const char *only, *except;	/* files of ids of the gallery, or NULL: fl_picked_named */
	const char *truth;		/* what belongs together: data/truth.h; NULL: unknown */
	int skip;			/* pass over queries without a positive */
	size_t folds;			/* 0: none; else measured within these, nothing is found,
					 * and neither self, only nor except are set */
	size_t top;			/* hits of each query */
	double min;			/* scores below are no hits; -INFINITY */
	enum fl_first pass;
	size_t memory;
	int threads;
	struct fl_measure_how measure;	/* metric empty: hit@1, 5, 10, medr, meanr; asked
					 * and Z are set */
};

struct fl_retrieved {
	const struct fl_score *score;
	struct fl_picked query, gallery;
	struct fl_found found;
	struct fl_measure_how measure;	/* as asked, and completed */
	struct fl_way fore, back;	/* with a truth; back: with both. Of folds: value (the
					 * means) and tied (the sum) alone, and truth of all */
	struct fl_arena arena;
};

/* FL_EUSAGE where options do not go together. queries and gallery must outlive out, which
 * is to be released whatever comes of it. */
int fl_retrieve(const struct fl_retrieve *how, const struct fl_embeds *queries,
                const struct fl_embeds *gallery, struct fl_retrieved *out, struct fl_err *e);
void fl_retrieved_release(struct fl_retrieved *r);

#endif

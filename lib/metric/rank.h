/* Metrics of rankings. All of them are functions of the places at which a query's
 * positives stand among the whole gallery, ranked by score descending, then id
 * ascending; so a search that knows these places needs no full ranking. */
#ifndef FL_METRIC_RANK_H
#define FL_METRIC_RANK_H

#include <stddef.h>
#include <stdint.h>

#include "base/spec.h"

/* A place that is only known to lie beyond what fl_rank_depth asks for. */
#define FL_PLACE_FAR UINT32_MAX

/* Who comes first among equal scores: the smaller id; the positives; the others. */
enum fl_ties { FL_TIES_INDEX, FL_TIES_OPTIMISTIC, FL_TIES_PESSIMISTIC };
extern const char *const fl_ties_name[];	/* "index", "optimistic", "pessimistic", NULL */

/* How each positive (P = first[Q], in any order within a query) stands in the
 * gallery: how many rows have a larger score, how many other rows the same score, and
 * how many of these a smaller id. above = FL_PLACE_FAR: too many to have been counted;
 * the others are then not read. */
struct fl_standing {
	const uint32_t *above, *level, *before;	/* (P) */
};
/* place(P) of the positives, ready for fl_places. */
void fl_rank_places(const size_t *first, size_t Q, const struct fl_standing *s,
                    enum fl_ties ties, uint32_t *place);
/* Queries where the order among equal scores decides something: whose places differ
 * between two orders of ties, optimistic and pessimistic. */
size_t fl_rank_tied(const size_t *first, size_t Q, const uint32_t *a, const uint32_t *b);

/* Places of the positives of every query. Those of query q are place[first[q]] to
 * place[first[q + 1] - 1]: 0-based, ascending, different. A query without a positive
 * counts nowhere. */
struct fl_places {
	size_t Q, G;			/* queries; rows of the gallery */
	const size_t *first;		/* (Q+1), as in data/truth.h */
	const uint32_t *place;		/* (first[Q]) */
	/* Of metrics that need grades: each positive's, 0 to Z, and where it stands. */
	const unsigned char *grade;	/* (first[Q]) */
	size_t Z;
	struct fl_standing stand;
	enum fl_ties ties;
};

enum {	/* what a metric needs besides places */
	FL_RANK_BOTH = 1,	/* both directions: the sum of what it is of each */
	FL_RANK_GRADES = 2	/* grades: the mean over z = 0 ... Z, and over the queries that have
				 * one, of it where the positives are those of a grade up to z */
};

struct fl_rmetric {
	struct fl_entry e;
	int higher_is_better;
	unsigned needs;		/* FL_RANK_* */
	/* The value of one query: place(R), R > 0. */
	double (*query)(const void *p, const uint32_t *place, size_t R);
	/* Of v(n), n > 0 queries, which it may reorder; NULL: their mean. */
	double (*over)(double *v, size_t n);
	/* Places below this must be exact, those from it on only not below it.
	 * R: positives of the query. NULL: all of them. */
	size_t (*depth)(const void *p, size_t R);
};

/* The name of its field: "medr"; "hit@5" where it has a parameter, the first. */
#define FL_RANK_NAME_MAX 64
char *fl_rank_name(const struct fl_spec *m, char name[FL_RANK_NAME_MAX]);
/* The depth of n metrics together for a query with R positives, at most G. */
size_t fl_rank_depth(const struct fl_spec *m, size_t n, size_t R, size_t G);
/* FL_EUSAGE where one of m(n) needs more than there is: FL_RANK_* of has. */
int fl_rank_check_needs(const struct fl_spec *m, size_t n, unsigned has, struct fl_err *e);
/* Whether what is asked can be said: FL_EDATA where one of m(n) looks further down than the
 * gallery of G rows reaches, or where queries have no positive at all. */
int fl_rank_check(const struct fl_spec *m, size_t n, const size_t *first, size_t Q, size_t G,
                  struct fl_err *e);
/* The value over all queries that have a positive; NAN where it looks further down than the
 * gallery reaches. each(Q), which may be NULL: the value of each query, NAN where it has no
 * positive; its mean over z of a metric that needs grades. FL_EDATA where none has one. */
int fl_rank_measure(const struct fl_spec *m, const struct fl_places *p, double *value,
                    double *each, struct fl_err *e);

extern const struct fl_entry *const fl_rmetric_list[];
extern const struct fl_family fl_family_rmetric;

#endif

/* Scores by which a text and an image, or a query and a row of a gallery, are compared:
 * larger is better. Each is one that index/index.h can search by:
 *   s = scale_q scale_g h(c) + bias_q + bias_g,
 * c the inner product of their rows, most often of unit length and so the cosine. A score
 * says what h is and what scale and bias a row has, by what stands beside its direction.
 * Does not know where rows come from, nor how they are searched. */
#ifndef FL_SCORE_SCORE_H
#define FL_SCORE_SCORE_H

#include <stddef.h>

#include "base/spec.h"

enum fl_side { FL_SIDE_TEXT, FL_SIDE_IMAGE };

/* What a score takes of a row beside its direction. */
enum fl_beside {
	FL_BESIDE_NOTHING,
	FL_BESIDE_NUMBER,	/* a number a row: x is that */
	FL_BESIDE_SUM		/* d numbers a row: x is their sum */
};

struct fl_score {
	struct fl_entry e;
	int unit;		/* c is of rows scaled to unit length, not of them as they are */
	int log1p;		/* h(c) = ln(1 + c), not c */
	/* In place of scale_q scale_g h(c), of a = scale_q, b = scale_g; may be NULL. */
	void (*joint)(double a, const double *b, const float *c, double *out, size_t n, size_t d);
	enum fl_beside beside;
	const char *column;	/* the tensor beside the rows that holds it: "kappa"; else NULL */
	int of[2];		/* by enum fl_side: whether rows of that side must have it */
	/* Scale and bias of a row of d values with x beside it; asks: it is a query, not a row of
	 * the gallery. NULL where nothing is beside: 1 and 0. */
	void (*weigh)(double x, size_t d, int asks, double *scale, double *bias);
};

extern const struct fl_entry *const fl_score_list[];
extern const struct fl_family fl_family_score;
extern const struct fl_score fl_score_cosine, fl_score_csd, fl_score_product, fl_score_ps,
	fl_score_vmf;

/* scale(n) and bias(n) of rows with x(n) beside them. */
void fl_score_weigh(const struct fl_score *s, const double *x, size_t n, size_t d, int asks,
                    double *scale, double *bias);
/* Which of two scores counts, where the records of either side were made for one, or NULL:
 * that which says more than the cosine, as texts may be likelihoods where images are no more
 * than directions. NULL: neither, they contradict each other. */
const struct fl_score *fl_score_agree(const struct fl_score *a, const struct fl_score *b);

#endif

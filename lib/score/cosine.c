/* The cosine. */
#include "score/score.h"

const struct fl_score fl_score_cosine = {
	.e = {
		.name = "cosine",
		.title = "Cosine",
		.cite = "Salton and McGill, Introduction to Modern Information Retrieval, 1983",
		.doc = "the cosine: the inner product of rows scaled to unit length",
		.formula = "c",
	},
	.unit = 1,
};

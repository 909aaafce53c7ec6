/* The inner product. */
#include "score/score.h"

const struct fl_score fl_score_ip = {
	.e = {
		.name = "ip",
		.title = "Inner product",
		.cite = "Salton and McGill, Introduction to Modern Information Retrieval, 1983",
		.doc = "the inner product of rows as they are",
		.formula = "<q, g>",
	},
};

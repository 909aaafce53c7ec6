/* Mean ranks, as Friedman's test has them. */
#include <math.h>
#include <stdlib.h>

#include "table/ranking.h"

/* rank(n) of the ballot at(n): 1 for the best, ties sharing the mean of theirs. */
static void share_ranks(const struct fl_place *at, size_t n, double *rank)
{
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && at[j].place == at[i].place; j++)
			;
		for (size_t k = i; k < j; k++)
			rank[k] = (double)(i + j + 1) / 2;
	}
}

static int rank_rows(const void *p, const struct fl_ballots *b, double *score, double *se,
                     double *share, struct fl_err *e)
{
	double *rank = fl_alloc(b->R, sizeof *rank, e), *n = fl_alloc(b->R, sizeof *n, e);

	(void)p;
	(void)share;
	for (size_t r = 0; r < b->R; r++)
		score[r] = se[r] = 0;
	for (size_t i = 0; i < b->n && rank && n; i++) {
		const struct fl_place *at = b->at + b->start[i];
		size_t m = b->start[i + 1] - b->start[i];

		share_ranks(at, m, rank);
		for (size_t k = 0; k < m; k++) {
			n[at[k].row]++;
			score[at[k].row] += rank[k];	/* halves: these sums are exact */
			se[at[k].row] += rank[k] * rank[k];
		}
	}
	for (size_t r = 0; r < b->R && rank && n; r++) {
		double squares = se[r] - score[r] * score[r] / n[r];

		se[r] = n[r] > 1 ? sqrt(fmax(0, squares) / (n[r] - 1) / n[r]) : NAN;
		score[r] = n[r] > 0 ? score[r] / n[r] : NAN;
	}
	free(rank);
	free(n);
	return rank && n ? 0 : -1;
}

const struct fl_ranking fl_ranking_meanrank = {
	.e = {
		.name = "meanrank",
		.title = "mean ranks",
		.cite = "Friedman, JASA 32 (1937); Demsar, JMLR 7 (2006)",
		.doc = "the mean of each row's ranks, ties sharing theirs",
		.formula = "mean over rankings of the rank, 1 for the best; se = s/sqrt(n)",
		.note = "Rankings of some rows alone distort it; plackett-luce takes them as they are.",
	},
	.score = "meanrank",
	.ascending = 1,
	.rank = rank_rows,
};

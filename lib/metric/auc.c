/* Area under the ROC curve, one class against the rest: the probability that an example of
 * the class has a larger probability of it than one of another class, equal ones half. The
 * mean over the classes that have examples on both sides. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "metric/bag.h"
#include "metric/metric.h"
#include "metric/uncertainty.h"

struct room {
	struct fl_bag score;	/* rows of C floats: log odds of each class */
	struct fl_bag y;	/* labels */
};

static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	struct room *r = c->room = fl_arena_zero(c->arena, 1, sizeof *r, e);

	(void)p;
	if (!r)
		return -1;
	r->score.size = c->C * sizeof(float);
	r->y.size = sizeof(int32_t);
	return 0;
}

/* Sum of exp(z_d - z_top) over all d but skip. */
static double others(const float *z, size_t C, size_t top, size_t skip)
{
	double sum = 0;

	for (size_t d = 0; d < C; d++)
		if (d != skip)
			sum += fl_exp((double)z[d] - (double)z[top]);
	return sum;
}

/* ln p_c / (1 - p_c) of the softmax of z(C): it orders examples as p_c does, but tells
 * those apart whose p_c is 1 but for rounding. */
static void log_odds(const float *z, size_t C, float *out)
{
	size_t top = fl_argmax(z, C), second = top == 0;
	double all;

	if (top == C || C < 2) {
		for (size_t c = 0; c < C; c++)
			out[c] = C < 2 ? 0 : NAN;
		return;
	}
	for (size_t c = 0; c < C; c++)
		if (c != top && z[c] > z[second])
			second = c;
	all = others(z, C, top, C);
	for (size_t c = 0; c < C; c++) {
		double up = (double)z[c] - (double)z[top];

		out[c] = (float)(c == top ? (double)z[c] - (double)z[second] - fl_log(others(z, C, second, c)) :
		                 up - fl_log(all - fl_exp(up)));
	}
}

static int batch(const void *p, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	struct room *r = c->room;
	float *score = fl_bag_more(&r->score, b->B, c->arena, e);
	int32_t *y = fl_bag_more(&r->y, b->B, c->arena, e);

	(void)p;
	for (size_t i = 0; score && y && i < b->B; i++) {
		log_odds(b->z + i * c->C, c->C, score + i * c->C);
		y[i] = b->y[i];
	}
	return score && y ? 0 : -1;
}

/* All examples, and room to part them by class. */
struct sides {
	size_t n, C;
	float *score;		/* (n,C) */
	int32_t *y;		/* (n) */
	double *rest, *own;	/* (n) */
};

static void part_class(const struct sides *s, size_t c, size_t *nrest, size_t *nown)
{
	*nrest = *nown = 0;
	for (size_t i = 0; i < s->n; i++) {
		double v = (double)s->score[i * s->C + c];

		if ((size_t)s->y[i] == c)
			s->own[(*nown)++] = v;
		else
			s->rest[(*nrest)++] = v;
	}
}

static int over_classes(const struct sides *s, double *v, struct fl_err *e)
{
	size_t classes = 0, nrest, nown;
	struct fl_apart apart;

	*v = 0;
	for (size_t c = 0; c < s->C; c++) {
		part_class(s, c, &nrest, &nown);
		if (!nrest || !nown)
			continue;
		if (fl_tell_apart(s->rest, nrest, s->own, nown, &apart, e))
			return -1;
		*v += apart.auroc;
		classes++;
	}
	*v /= (double)classes;
	return !classes;
}

static int end(const void *p, struct fl_metric_ctx *c, double *v, struct fl_err *e)
{
	struct room *r = c->room;
	size_t n = r->y.n, C = c->C;
	struct sides s = {
		.n = n, .C = C, .score = fl_alloc(n, r->score.size, e), .y = fl_alloc(n, sizeof *s.y, e),
		.rest = fl_alloc(n, sizeof *s.rest, e), .own = fl_alloc(n, sizeof *s.own, e),
	};
	int rc = -1, lost = 0;

	(void)p;
	if (s.score && s.y && s.rest && s.own) {
		fl_bag_copy(&r->score, s.score);
		fl_bag_copy(&r->y, s.y);
		for (size_t i = 0; i < n * C; i++)
			lost |= isnan(s.score[i]);
		*v = NAN;
		rc = lost ? 0 : over_classes(&s, v, e);
	}
	free(s.score);
	free(s.y);
	free(s.rest);
	free(s.own);
	return rc;
}

static int pool(const void *p, struct fl_metric_ctx *c, const struct fl_metric_ctx *from,
                struct fl_err *e)
{
	struct room *r = c->room;
	const struct room *other = from->room;

	(void)p;
	return fl_bag_pool(&r->score, &other->score, c->arena, e) ||
	       fl_bag_pool(&r->y, &other->y, c->arena, e) ? -1 : 0;
}

const struct fl_metric fl_metric_auc = {
	.e = {
		.name = "auc",
		.title = "Area under the ROC curve",
		.cite = "fl-metrics(5); scikit-learn's roc_auc_score, multi_class='ovr'",
		.doc = "mean over classes of the area under the ROC curve against the rest",
		.params = fl_metric_tap,
		.psize = sizeof(struct fl_tapped),
		.formula = "mean over c of P(p_ic > p_jc), y_i = c, y_j != c, equal ones half",
	},
	.higher_is_better = 1,
	.needs = FL_METRIC_LOGITS,
	.tap = fl_tapped_name,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
};

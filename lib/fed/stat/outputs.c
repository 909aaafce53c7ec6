/* What a model says of each example, a row each: tensor logits, probs or features (N, width;
 * F32), or loss (N; F32). The examples' labels y (N; I32, -1: none) and their id go with them.
 *
 * Pooled over models that saw the same examples (fl-stats -d):
 *   mean     the mean of rows
 *   vote     probs: the share of models that answer each class
 *   agree    the mean, and labels only where all models answer the same
 *   entropy  probs = sum_m v_m p_m / sum_m v_m,  v_m = exp(sum_c p_mc log p_mc)
 * The last three want logits or probs; they and the mean of these bring label (N; I64), the
 * largest answer or -1: where `certain` is below 1, an answer whose probability is below
 * min(median of that class's answers, certain) is -1, too. agree and entropy with certain=0.9
 * are SUMMIT's two ways to make labels of two models. own=off: for each client, the others'. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/num.h"
#include "fed/stat/stat.h"
#include "kernel/soften.h"

enum of { LOGITS, PROBS, FEATURES, LOSS };
enum fuse { MEAN, VOTE, AGREE, ENTROPY };

struct params {
	int of, pool, own;
	double certain;
	const char *tap;
};

static const char *const of_names[] = { "logits", "probs", "features", "loss", NULL };
static const char *const fuse_names[] = { "mean", "vote", "agree", "entropy", NULL };

static const struct fl_param table[] = {
	{ "of", FL_P_ENUM, offsetof(struct params, of), "logits", 0, 0, of_names, "what",
	  "what a row holds" },
	{ "pool", FL_P_ENUM, offsetof(struct params, pool), "mean", 0, 0, fuse_names, "how",
	  "how models that saw the same examples become one answer" },
	{ "certain", FL_P_REAL, offsetof(struct params, certain), "0", 0, 1, NULL, "p",
	  "pooled, labels want this probability or their class's median" },
	{ "own", FL_P_BOOL, offsetof(struct params, own), "on", 0, 0, NULL, NULL,
	  "off: pooled for each client, from the others' rows" },
	FL_STAT_TAP(struct params),
	{ 0 }
};

static const char *tap(const void *p)
{
	return ((const struct params *)p)->tap;
}

/* --- a client --- */

struct rows {
	size_t width, C;	/* C: outputs, or numbers of the tap */
	const struct fl_spec *loss;
	float *row;		/* (n, width) */
	double *p;		/* (C) */
	float *scratch;		/* of the loss of one example */
};

static int begin(const void *pp, struct fl_stat_ctx *c, struct fl_err *e)
{
	const struct params *p = pp;
	struct rows *r = fl_arena_zero(c->arena, 1, sizeof *r, e);
	size_t n, room = 0;

	if (!r)
		return -1;
	r->C = p->tap ? c->d : c->C;
	r->loss = p->tap ? &c->net->tap[c->tap].loss : &c->net->loss;
	if (p->of == LOSS && !r->loss->entry)
		return fl_fail(e, FL_EDATA, "tap '%s' has no loss", p->tap);
	if (p->of == LOSS)
		room = fl_loss_scratch((const struct fl_loss_entry *)r->loss->entry, r->loss->p, 1, r->C);
	if (p->of == LOSS && (c->net->targets || fl_data_labelled(c->data, e) ||
	                      fl_data_fits(c->data, c->net, c->C, 0, e)))
		return c->net->targets ? fl_fail(e, FL_EDATA, "of=loss is of classes, and the model's "
		                                 "loss wants targets") : -1;
	r->width = p->of == FEATURES ? c->d : p->of == LOSS ? 1 : r->C;
	if (fl_mul(c->n, r->width, &n))
		return fl_fail_mem(e, SIZE_MAX);
	c->priv = r;
	return (r->row = fl_arena_get(c->arena, n, sizeof *r->row, e)) &&
	       (r->p = fl_arena_get(c->arena, r->C, sizeof *r->p, e)) &&
	       (r->scratch = fl_arena_get(c->arena, room, sizeof *r->scratch, e)) ? 0 : -1;
}

static void put_probs(const struct rows *r, const float *z, size_t C, float *out)
{
	fl_soften_row(z, C, 1, r->p);
	for (size_t c = 0; c < C; c++)
		out[c] = (float)r->p[c];
}

static float loss_of(const struct rows *r, const float *z, int32_t y)
{
	const struct fl_loss_entry *loss = (const struct fl_loss_entry *)r->loss->entry;
	const struct fl_batch b = { .B = 1, .C = r->C, .z = z, .y = &y, .scratch = r->scratch };

	return (float)loss->loss(r->loss->p, &b);
}

static int batch(const void *pp, struct fl_stat_ctx *c, const float *f, const float *z,
                 const int32_t *y, size_t B, struct fl_err *e)
{
	const struct params *p = pp;
	const struct rows *r = c->priv;
	float *out = r->row + c->i0 * r->width;

	(void)e;
	if (p->tap)
		z = f;
	if (p->of == LOGITS || p->of == FEATURES)
		memcpy(out, p->of == LOGITS ? z : f, B * r->width * sizeof *out);
	for (size_t b = 0; b < B && p->of == PROBS; b++)
		put_probs(r, z + b * r->C, r->C, out + b * r->C);
	for (size_t b = 0; b < B && p->of == LOSS; b++)
		out[b] = loss_of(r, z + b * r->C, y[b]);
	return 0;
}

static int end(const void *pp, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e)
{
	const struct params *p = pp;
	const struct rows *r = c->priv;
	const struct fl_tensor *id = fl_tset_find(&c->data->rec, "id");
	struct fl_tensor *y;

	if (!fl_tset_add(out, of_names[p->of], FL_F32, p->of == LOSS ? 1 : 2,
	                 (size_t[]){ c->n, r->width }, r->row, e) ||
	    !(y = fl_tset_add(out, "y", FL_I32, 1, &c->n, NULL, e)) ||
	    (id && !fl_tset_copy(out, NULL, id, e)))
		return -1;
	memcpy(y->data, c->data->y, c->n * sizeof *c->data->y);
	return 0;
}

/* --- many clients --- */

/* Rows of all clients, side by side. */
struct pooling {
	const struct params *p;
	size_t K, N, C;
	const float **row;	/* (K) (N, C) */
	size_t without;		/* the client left out; K: none */
	double *q, *sum;	/* (C) a client's answer, the pooled one */
	double *best;		/* (N) probability of the label */
	int64_t *label;		/* (N) */
};

/* q(C): what client k says of example i, as probabilities. */
static void answer(const struct pooling *s, size_t k, size_t i)
{
	const float *z = s->row[k] + i * s->C;

	if (s->p->of == LOGITS) {
		fl_soften_row(z, s->C, 1, s->q);
		return;
	}
	for (size_t c = 0; c < s->C; c++)
		s->q[c] = (double)z[c];
}

static size_t largest(const double *q, size_t C)
{
	size_t best = 0;

	for (size_t c = 1; c < C; c++)
		if (q[c] > q[best])
			best = c;
	return best;
}

/* What client k counts, and its answer in s->q. */
static double weigh_answer(const struct pooling *s, size_t k, size_t i)
{
	double h = 0;

	if (s->p->pool == MEAN || s->p->pool == AGREE) {
		const float *z = s->row[k] + i * s->C;

		for (size_t c = 0; c < s->C; c++)
			s->q[c] = (double)z[c];
		return 1;
	}
	answer(s, k, i);
	if (s->p->pool == VOTE) {
		size_t top = largest(s->q, s->C);

		for (size_t c = 0; c < s->C; c++)
			s->q[c] = c == top;
		return 1;
	}
	for (size_t c = 0; c < s->C; c++)
		h += s->q[c] > 0 ? s->q[c] * fl_log(s->q[c]) : 0;
	return fl_exp(h);
}

static int all_agree(const struct pooling *s, size_t i)
{
	size_t first = SIZE_MAX;

	for (size_t k = 0; k < s->K; k++) {
		if (k == s->without)
			continue;
		answer(s, k, i);
		if (first == SIZE_MAX)
			first = largest(s->q, s->C);
		else if (largest(s->q, s->C) != first)
			return 0;
	}
	return 1;
}

/* out(C): the pooled row of example i. */
static void pool_row(const struct pooling *s, size_t i, float *out)
{
	double total = 0;

	memset(s->sum, 0, s->C * sizeof *s->sum);
	for (size_t k = 0; k < s->K; k++) {
		double v = k == s->without ? 0 : weigh_answer(s, k, i);

		for (size_t c = 0; v > 0 && c < s->C; c++)
			s->sum[c] += v * s->q[c];
		total += v;
	}
	for (size_t c = 0; c < s->C; c++)
		out[c] = (float)(s->sum[c] /= total);
	if (!s->label)
		return;
	s->label[i] = s->p->pool == AGREE && !all_agree(s, i) ? -1 :
	              (int64_t)largest(s->sum, s->C);
	if (s->p->of == LOGITS && (s->p->pool == MEAN || s->p->pool == AGREE))
		fl_soften(s->sum, s->C, 1, s->sum);
	s->best[i] = s->label[i] < 0 ? 0 : s->sum[s->label[i]];
}

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of n sorted values, as NumPy has it. */
static double median(const double *v, size_t n)
{
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Labels below min(their class's median, certain) go. */
static int drop_uncertain(const struct pooling *s, struct fl_arena *a, struct fl_err *e)
{
	double *v = fl_arena_get(a, s->N, sizeof *v, e);

	if (!v)
		return -1;
	for (size_t c = 0; c < s->C; c++) {
		double limit;
		size_t n = 0;

		for (size_t i = 0; i < s->N; i++)
			if (s->label[i] == (int64_t)c)
				v[n++] = s->best[i];
		if (!n)
			continue;
		qsort(v, n, sizeof *v, cmp_double);
		limit = median(v, n) < s->p->certain ? median(v, n) : s->p->certain;
		for (size_t i = 0; i < s->N; i++)
			if (s->label[i] == (int64_t)c && s->best[i] < limit)
				s->label[i] = -1;
	}
	return 0;
}

/* The name of the pooled tensor: votes and weighted answers are probabilities. */
static const char *pooled_name(const struct params *p)
{
	return p->pool == VOTE || p->pool == ENTROPY ? "probs" : of_names[p->of];
}

static int pool_one(struct pooling *s, const struct fl_tset *like, struct fl_tset *out,
                    struct fl_err *e)
{
	const struct fl_tensor *y = fl_tset_find(like, "y"), *id = fl_tset_find(like, "id");
	unsigned ndim = s->p->of == LOSS ? 1 : 2;
	struct fl_tensor *t = fl_tset_add(out, pooled_name(s->p), FL_F32, ndim,
	                                  (size_t[]){ s->N, s->C }, NULL, e);
	float *row = t ? t->data : NULL;

	s->label = NULL;
	if (!t || (y && !fl_tset_copy(out, NULL, y, e)) || (id && !fl_tset_copy(out, NULL, id, e)))
		return -1;
	if (s->p->of == LOGITS || s->p->of == PROBS) {
		if (!(t = fl_tset_add(out, "label", FL_I64, 1, &s->N, NULL, e)))
			return -1;
		s->label = t->data;
	}
	for (size_t i = 0; i < s->N; i++)
		pool_row(s, i, row + i * s->C);
	return s->label && s->p->certain > 0 ? drop_uncertain(s, &out->arena, e) : 0;
}

/* That client k's examples are those of the first. */
static int same_examples(const struct fl_pool *q, size_t k, const char *name, struct fl_err *e)
{
	const struct fl_tensor *a = fl_tset_find(&q->rec[0], name), *b = fl_tset_find(&q->rec[k], name);

	if ((!a && !b) || (a && b && a->dtype == b->dtype && fl_tensor_same_shape(a, b) &&
	                   !memcmp(a->data, b->data, a->bytes)))
		return 0;
	return fl_fail(e, FL_EDATA, "client %lld: its rows are not of the examples of client %lld "
	               "('%s' differs): let all models see the same by fl-stats -d",
	               (long long)q->client[k], (long long)q->client[0], name);
}

static int take_rows(struct pooling *s, const struct fl_pool *q, struct fl_err *e)
{
	for (size_t k = 0; k < q->K; k++) {
		const struct fl_tensor *t;

		if (same_examples(q, k, "y", e) || same_examples(q, k, "id", e) ||
		    !(t = fl_pool_need(q, k, of_names[s->p->of], FL_F32, s->p->of == LOSS ? 1 : 2, e)))
			return -1;
		s->N = t->dim[0];
		s->C = s->p->of == LOSS ? 1 : t->dim[1];
		s->row[k] = t->data;
	}
	return 0;
}

static int check_pooling(const struct params *p, const struct fl_pool *q, struct fl_err *e)
{
	if (p->pool != MEAN && (p->of == FEATURES || p->of == LOSS))
		return fl_fail(e, FL_EDATA, "pool=%s is of answers: of=logits or of=probs", fuse_names[p->pool]);
	if (!p->own && q->K < 2)
		return fl_fail(e, FL_EDATA, "own=off leaves nothing of one client");
	return 0;
}

static int pool(const void *pp, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e)
{
	struct pooling s = { .p = pp, .K = q->K };
	struct fl_arena a = { .head = NULL };
	int rc = -1;

	if (!check_pooling(pp, q, e) && (s.row = fl_arena_get(&a, q->K, sizeof *s.row, e)) &&
	    !take_rows(&s, q, e) && (s.q = fl_arena_get(&a, s.C, sizeof *s.q, e)) &&
	    (s.sum = fl_arena_get(&a, s.C, sizeof *s.sum, e)) &&
	    (s.best = fl_arena_get(&a, s.N + 1, sizeof *s.best, e)))
		rc = 0;
	for (size_t k = 0; !rc && k < (s.p->own ? 1 : q->K); k++) {
		s.without = s.p->own ? q->K : k;
		rc = pool_one(&s, &q->rec[0], &out[k], e);
	}
	fl_arena_release(&a);
	return rc;
}

static int personal(const void *p)
{
	return !((const struct params *)p)->own;
}

const struct fl_stat fl_stat_outputs = {
	.e = {
		.name = "outputs",
		.title = "Outputs of a model",
		.cite = "Simons et al., ICCV 2023, arXiv 2308.11880 (SUMMIT: agree, entropy)",
		.doc = "what a model says of each example; pooled, one answer of many models",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "row_i = z(x_i), softmax(z(x_i)), f(x_i), or loss(z(x_i), y_i)",
	},
	.any_label = 1,
	.tap = tap,
	.begin = begin,
	.batch = batch,
	.end = end,
	.pool = pool,
	.personal = personal,
};

/* pFedPG's generator of prompts: a client's descriptor d attends to the prompts P (K,D) that all
 * clients have in common,
 *   p_j = P_j + W_o sum_i a_i W_v P_i,   a = softmax_i(<W_q d, W_k P_i> / sqrt(key)).
 * A descriptor of D numbers is the query of all prompts; one of K D numbers has a query for each
 * of them. Sums run in double, ascending.
 *
 * Scratch: keys and values (K,key) of the prompts, their gradients, two rows (key), and one (D).
 * Cache, of each query: its attention a (K). */
#include <math.h>
#include <string.h>

#include "nn/act.h"

struct promptgen {
	int64_t prompts, dim, key;
};

static const struct fl_param params[] = {
	{ "prompts", FL_P_INT, offsetof(struct promptgen, prompts), "10", 1, 1 << 12, NULL, "n",
	  "prompts" },
	{ "dim", FL_P_INT, offsetof(struct promptgen, dim), NULL, 1, 1 << 16, NULL, "n",
	  "numbers of a prompt; must be given" },
	{ "key", FL_P_INT, offsetof(struct promptgen, key), "512", 1, 1 << 16, NULL, "n",
	  "numbers of queries, keys and values" },
	{ 0 }
};

enum { BASE, QUERY, KEY, VALUE, OUT };

struct dims {
	size_t K, D, n, Q;		/* prompts, their numbers, those of a key, queries an example */
};

static struct dims dims(const struct fl_layer *l)
{
	const struct promptgen *p = l->p;
	size_t D = (size_t)p->dim;

	return (struct dims){ (size_t)p->prompts, D, (size_t)p->key, fl_shape_count(&l->in) / D };
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct promptgen *p = l->p;
	size_t in = fl_shape_count(&l->in);
	struct dims d;

	if (p->dim == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "key 'dim' is missing");
	d = dims(l);
	if (in != d.D && in != d.K * d.D)
		return fl_fail(e, FL_EUSAGE, "a descriptor has %zu numbers, want %zu, or %zu x %zu", in, d.D,
		               d.K, d.D);
	l->out = (struct fl_shape){ 2, { d.K, d.D } };
	l->cache = d.Q * d.K;
	l->nparam = 5;
	l->param[BASE] = (struct fl_layer_param){ .suffix = "base", .ndim = 2, .dim = { d.K, d.D } };
	l->param[QUERY] = (struct fl_layer_param){ .suffix = "query.weight", .ndim = 2, .dim = { d.n, d.D } };
	l->param[KEY] = (struct fl_layer_param){ .suffix = "key.weight", .ndim = 2, .dim = { d.n, d.D } };
	l->param[VALUE] = (struct fl_layer_param){ .suffix = "value.weight", .ndim = 2, .dim = { d.n, d.D } };
	l->param[OUT] = (struct fl_layer_param){ .suffix = "out.weight", .ndim = 2, .dim = { d.D, d.n } };
	return 0;
}

/* The prompts as layer prompt begins; torch.nn.Linear: U(-1/sqrt(in), 1/sqrt(in)). */
static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	const size_t *d = l->param[param].dim;
	double bound = param == BASE ? sqrt(6 / (double)(d[0] + d[1])) : 1 / sqrt((double)d[1]);

	for (size_t i = 0; i < d[0] * d[1]; i++)
		w[i] = (fl_real)(bound * (2 * fl_rng_real(r) - 1));
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);

	return a->B ? 4 * d.K * d.n + 2 * d.n + d.D : 0;
}

/* --- products of a vector --- */

/* y(m) = W(m,n) x(n) */
static void times(const fl_real *w, const fl_real *x, fl_real *y, size_t m, size_t n)
{
	for (size_t i = 0; i < m; i++, w += n) {
		double s = 0;

		for (size_t j = 0; j < n; j++)
			s += (double)w[j] * (double)x[j];
		y[i] = (fl_real)s;
	}
}

/* x(n) += W(m,n)^T y(m) */
static void add_back(const fl_real *w, const fl_real *y, fl_real *x, size_t m, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		double s = 0;

		for (size_t i = 0; i < m; i++)
			s += (double)w[i * n + j] * (double)y[i];
		x[j] += (fl_real)s;
	}
}

/* dW(m,n) += y(m) x(n)^T */
static void add_outer(const fl_real *y, const fl_real *x, fl_real *dw, size_t m, size_t n)
{
	for (size_t i = 0; i < m; i++)
		for (size_t j = 0; j < n; j++)
			dw[i * n + j] += y[i] * x[j];
}

static double dot(const fl_real *x, const fl_real *y, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += (double)x[i] * (double)y[i];
	return s;
}

/* --- forward --- */

struct room {
	fl_real *keys, *values, *dkeys, *dvalues;	/* (K,n) */
	fl_real *row, *row2, *sum;			/* (n) (n) (D) */
};

static struct room lay(const struct fl_pass *a, const struct dims *d)
{
	fl_real *s = a->scratch;
	size_t m = d->K * d->n;
	fl_real *row = s + 4 * m;

	return (struct room){ s, s + m, s + 2 * m, s + 3 * m, row, row + d->n, row + 2 * d->n };
}

static void project(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                    const struct room *r)
{
	const fl_real *base = a->w + l->off[BASE];

	for (size_t j = 0; j < d->K; j++, base += d->D) {
		times(a->w + l->off[KEY], base, r->keys + j * d->n, d->n, d->D);
		times(a->w + l->off[VALUE], base, r->values + j * d->n, d->n, d->D);
	}
}

/* The attention att(K) of a query x(D), and what it reads, into row(n). */
static void attend(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                   const struct room *r, const fl_real *x, fl_real *att)
{
	times(a->w + l->off[QUERY], x, r->row2, d->n, d->D);
	for (size_t i = 0; i < d->K; i++)
		att[i] = (fl_real)(dot(r->row2, r->keys + i * d->n, d->n) / sqrt((double)d->n));
	fl_act_softmax(att, att, NULL, 1, d->K);
	memset(r->row, 0, d->n * sizeof *r->row);
	add_back(r->values, att, r->row, d->K, d->n);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);
	struct room r = lay(a, &d);
	const fl_real *base = a->w + l->off[BASE], *x = a->x;
	fl_real *y = a->y, *att = a->cache;

	project(l, a, &d, &r);
	for (size_t b = 0; b < a->B; b++, y += d.K * d.D)
		for (size_t q = 0; q < d.Q; q++, x += d.D, att += d.K) {
			attend(l, a, &d, &r, x, att);
			times(a->w + l->off[OUT], r.row, y + q * d.D, d.D, d.n);
			if (d.Q == 1)
				for (size_t j = 1; j < d.K; j++)
					memcpy(y + j * d.D, y, d.D * sizeof *y);
		}
	y = a->y;
	for (size_t b = 0; b < a->B; b++)
		for (size_t i = 0; i < d.K * d.D; i++)
			*y++ += base[i];
}

/* --- backward --- */

/* One query x(D): s(D) is the gradient by what it adds to its prompts. dx may be NULL. */
static void back_query(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                       const struct room *r, const fl_real *x, fl_real *att, const fl_real *s,
                       fl_real *dx)
{
	double mean = 0, by = 1 / sqrt((double)d->n);
	fl_real *query = r->row2, *back = r->row;

	attend(l, a, d, r, x, att);
	add_outer(s, r->row, a->dw + l->off[OUT], d->D, d->n);
	memset(back, 0, d->n * sizeof *back);
	add_back(a->w + l->off[OUT], s, back, d->D, d->n);
	for (size_t i = 0; i < d->K; i++)
		mean += (double)att[i] * dot(back, r->values + i * d->n, d->n);
	for (size_t i = 0; i < d->K; i++) {
		double of = dot(back, r->values + i * d->n, d->n);

		for (size_t k = 0; k < d->n; k++)
			r->dvalues[i * d->n + k] += att[i] * back[k];
		att[i] = (fl_real)(by * (double)att[i] * (of - mean));
	}
	add_outer(att, query, r->dkeys, d->K, d->n);
	memset(back, 0, d->n * sizeof *back);
	add_back(r->keys, att, back, d->K, d->n);
	add_outer(back, x, a->dw + l->off[QUERY], d->n, d->D);
	if (dx) {
		memset(dx, 0, d->D * sizeof *dx);
		add_back(a->w + l->off[QUERY], back, dx, d->n, d->D);
	}
}

/* The gradients of keys and values, on to those of their weights and the prompts. */
static void back_project(const struct fl_layer *l, const struct fl_pass *a, const struct dims *d,
                         const struct room *r)
{
	for (size_t j = 0; j < d->K; j++) {
		const fl_real *base = a->w + l->off[BASE] + j * d->D;
		fl_real *dbase = a->dw + l->off[BASE] + j * d->D;

		add_outer(r->dkeys + j * d->n, base, a->dw + l->off[KEY], d->n, d->D);
		add_outer(r->dvalues + j * d->n, base, a->dw + l->off[VALUE], d->n, d->D);
		add_back(a->w + l->off[KEY], r->dkeys + j * d->n, dbase, d->n, d->D);
		add_back(a->w + l->off[VALUE], r->dvalues + j * d->n, dbase, d->n, d->D);
	}
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct dims d = dims(l);
	struct room r = lay(a, &d);
	fl_real *dbase = a->dw + l->off[BASE], *dx = a->dx, *att = a->cache;
	const fl_real *x = a->x, *dy = a->dy;

	for (unsigned i = 0; i < l->nparam && a->flags & FL_BACK_FIRST; i++)
		memset(a->dw + l->off[i], 0, l->param[i].dim[0] * l->param[i].dim[1] * sizeof *a->dw);
	project(l, a, &d, &r);
	memset(r.dkeys, 0, 2 * d.K * d.n * sizeof *r.dkeys);
	for (size_t b = 0; b < a->B; b++, dy += d.K * d.D) {
		for (size_t i = 0; i < d.K * d.D; i++)
			dbase[i] += dy[i];
		for (size_t q = 0; q < d.Q; q++, x += d.D, att += d.K, dx += dx ? d.D : 0) {
			memcpy(r.sum, dy + q * d.D, d.D * sizeof *dy);
			for (size_t j = 1; d.Q == 1 && j < d.K; j++)
				for (size_t i = 0; i < d.D; i++)
					r.sum[i] += dy[j * d.D + i];
			back_query(l, a, &d, &r, x, att, r.sum, dx);
		}
	}
	back_project(l, a, &d, &r);
	for (unsigned i = 0; i < l->nparam; i++)
		fl_pass_done(a, l->off[i], l->param[i].dim[0] * l->param[i].dim[1]);
}

static double madds(const struct fl_layer *l)
{
	struct dims d = dims(l);

	return (double)d.Q * (double)(2 * d.n * d.D + 2 * d.K * d.n);
}

const struct fl_layer_entry fl_layer_promptgen = {
	.e = {
		.name = "promptgen",
		.title = "Generator of prompts",
		.cite = "Yang, Wang and Wang, ICCV 2023, arXiv 2308.15367 (pFedPG)",
		.doc = "a descriptor attends to prompts in common: a client's prompts",
		.params = params,
		.psize = sizeof(struct promptgen),
		.formula = "p_j = P_j + W_o sum_i softmax_i(<W_q d, W_k P_i> / sqrt(key)) W_v P_i",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};

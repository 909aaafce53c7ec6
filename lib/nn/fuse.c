/* Fusion of what several parts of an example became: h_1 .. h_M, one as wide as the other
 * and side by side, of which only those count whose part the example has.
 *   mean       y = mean of h_m over the parts that are there
 *   gate       y = sum a_m h_m, a = softmax over them of <w_m, h_m> + b_m
 *   attention  y = sum a_m h_m, a = softmax over them of <q, h_m> / sqrt(h)
 * Weights begin as 0, where all three are the mean. An example with none of them is 0. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/fmath.h"
#include "nn/parts.h"

enum how { MEAN, GATE, ATTENTION };

struct fuse {
	const char *of;
	int how;
};

static const char *const how_name[] = { "mean", "gate", "attention", NULL };

static const struct fl_param params[] = {
	{ "of", FL_P_STR, offsetof(struct fuse, of), NULL, 0, 0, NULL, "name+name",
	  "parts of what stands side by side, in its order; unset: all" },
	{ "how", FL_P_ENUM, offsetof(struct fuse, how), "mean", 0, 0, how_name, "how",
	  "their mean, or weights learnt by part or of one query" },
	{ 0 }
};

static int how(const struct fl_layer *l)
{
	return ((const struct fuse *)l->p)->how;
}

/* Their numbers; SIZE_MAX: FL_EUSAGE. */
static size_t list_parts(const struct fl_layer *l, size_t part[FL_PARTS_MAX], struct fl_err *e)
{
	const char *s = ((const struct fuse *)l->p)->of;
	char name[FL_PART_NAME + 1];
	size_t M = 0;

	for (; !s && M < l->nparts; M++)
		part[M] = M;
	for (size_t n; s && *s; s += n + (s[n] == '+')) {
		n = strcspn(s, "+");
		if (n > FL_PART_NAME || M == FL_PARTS_MAX)
			return fl_fail(e, FL_EUSAGE, "of: '%.80s' is no list of at most %d parts", s,
			               FL_PARTS_MAX), SIZE_MAX;
		memcpy(name, s, n);
		name[n] = '\0';
		if ((part[M++] = fl_part_find(l, name, e)) == SIZE_MAX)
			return SIZE_MAX;
	}
	return M;
}

static void add_param(struct fl_layer *l, const char *suffix, unsigned ndim, size_t rows, size_t n)
{
	l->param[l->nparam++] = (struct fl_layer_param){
		.suffix = suffix, .ndim = ndim, .dim = { rows, n },
	};
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	size_t part[FL_PARTS_MAX], M = list_parts(l, part, e), n = fl_shape_count(&l->in);

	if (M == SIZE_MAX)
		return -1;
	if (!M || n % M)
		return fl_fail(e, FL_EUSAGE, "%zu numbers are not those of %zu parts, all as wide", n, M);
	l->out = (struct fl_shape){ 1, { n / M } };
	l->cache = M;
	if (how(l) == ATTENTION)
		add_param(l, "query", 1, n / M, 0);
	if (how(l) == GATE) {
		add_param(l, "weight", 2, M, n / M);
		add_param(l, "bias", 1, M, 0);
	}
	return 0;
}

static double dot(const fl_real *x, const fl_real *y, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)y[i];
	return sum;
}

/* Of part m: where its scores' weights begin, and their factor. */
static size_t weights_of(const struct fl_layer *l, size_t m, size_t h, double *scale)
{
	*scale = how(l) == ATTENTION ? 1 / sqrt((double)h) : 1;
	return l->off[0] + (how(l) == GATE ? m * h : 0);
}

static double score(const struct fl_layer *l, const struct fl_pass *a, const fl_real *x, size_t m,
                    size_t h)
{
	double scale, s;
	size_t at;

	if (how(l) == MEAN)
		return 0;
	at = weights_of(l, m, h, &scale);
	s = scale * dot(a->w + at, x + m * h, h);
	return how(l) == GATE ? s + (double)a->w[l->off[1] + m] : s;
}

/* share(M) of example b, whose parts are x(M,h). */
static void find_shares(const struct fl_layer *l, const struct fl_pass *a, const size_t *part,
                        size_t M, size_t b, fl_real *share)
{
	size_t h = fl_shape_count(&l->out);
	double s[FL_PARTS_MAX], max = -INFINITY, sum = 0;

	for (size_t m = 0; m < M; m++) {
		s[m] = fl_part_there(l, a, part[m], b) ? score(l, a, a->x + b * M * h, m, h) : -INFINITY;
		max = s[m] > max ? s[m] : max;
	}
	for (size_t m = 0; m < M; m++) {
		s[m] = s[m] > -INFINITY ? fl_exp(s[m] - max) : 0;
		sum += s[m];
	}
	for (size_t m = 0; m < M; m++)
		share[m] = sum > 0 ? (fl_real)(s[m] / sum) : 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t part[FL_PARTS_MAX], M = list_parts(l, part, NULL), h = fl_shape_count(&l->out);

	memset(a->y, 0, a->B * h * sizeof *a->y);
	for (size_t b = 0; b < a->B; b++) {
		fl_real *share = a->cache + b * M, *y = a->y + b * h;

		find_shares(l, a, part, M, b, share);
		for (size_t m = 0; m < M; m++)
			for (size_t j = 0; share[m] > 0 && j < h; j++)
				y[j] += share[m] * a->x[(b * M + m) * h + j];
	}
}

/* The gradient of the score of part m of an example, x(h), into its weights and dx(h). */
static void back_score(const struct fl_layer *l, const struct fl_pass *a, size_t m, double ds,
                       const fl_real *x, fl_real *dx, size_t h)
{
	double scale;
	size_t at = weights_of(l, m, h, &scale);
	fl_real f = (fl_real)(scale * ds);

	for (size_t j = 0; j < h; j++)
		a->dw[at + j] += f * x[j];
	if (how(l) == GATE)
		a->dw[l->off[1] + m] += (fl_real)ds;
	for (size_t j = 0; dx && j < h; j++)
		dx[j] += f * a->w[at + j];
}

static void back_example(const struct fl_layer *l, const struct fl_pass *a, size_t b, size_t M)
{
	size_t h = fl_shape_count(&l->out);
	const fl_real *share = a->cache + b * M, *x = a->x + b * M * h, *dy = a->dy + b * h;
	fl_real *dx = a->dx ? a->dx + b * M * h : NULL;
	double along[FL_PARTS_MAX], mean = 0;

	for (size_t m = 0; m < M; m++) {
		for (size_t j = 0; dx && j < h; j++)
			dx[m * h + j] = share[m] * dy[j];
		along[m] = how(l) != MEAN && share[m] > 0 ? dot(dy, x + m * h, h) : 0;
		mean += (double)share[m] * along[m];
	}
	for (size_t m = 0; m < M; m++)
		if (how(l) != MEAN && share[m] > 0)
			back_score(l, a, m, (double)share[m] * (along[m] - mean), x + m * h,
			           dx ? dx + m * h : NULL, h);
}

static size_t count_of(const struct fl_layer_param *p)
{
	return p->dim[0] * (p->ndim > 1 ? p->dim[1] : 1);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	size_t M = l->cache;

	for (unsigned i = 0; i < l->nparam && a->flags & FL_BACK_FIRST; i++)
		memset(a->dw + l->off[i], 0, count_of(&l->param[i]) * sizeof *a->dw);
	for (size_t b = 0; b < a->B; b++)
		back_example(l, a, b, M);
	for (unsigned i = 0; i < l->nparam; i++)
		fl_pass_done(a, l->off[i], count_of(&l->param[i]));
}

const struct fl_layer_entry fl_layer_fuse = {
	.e = {
		.name = "fuse",
		.title = "Fusion of the parts that are there",
		.cite = "attention: Ilse, Tomczak and Welling, ICML 2018, arXiv 1802.04712",
		.doc = "encodings side by side become one, without those of missing parts",
		.params = params,
		.psize = sizeof(struct fuse),
		.formula = "y = sum a_m h_m over the parts there: a their number's inverse, or softmax of "
		           "w_m h_m + b_m, or of q h_m / sqrt(h)",
	},
	.presence = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};

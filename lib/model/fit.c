/* Fitting adapters of labelled images. */
#include "model/fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "nn/unit.h"

enum { BATCH = 256 };

void fl_fit_texts_json(struct fl_str *out, int64_t d, int64_t C, double scale)
{
	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"unit\"},"
	            "{\"layer\":\"fixed\",\"name\":\"text\",\"out\":%lld},"
	            "{\"layer\":\"scale\",\"name\":\"scale\",\"init\":", (long long)d, (long long)C);
	fl_str_addnum(out, scale);
	fl_str_add(out, "}");
}

static const struct fl_net_param *find(const struct fl_net *net, const char *name)
{
	for (size_t i = 0; i < net->nparam; i++)
		if (!strcmp(net->param[i].name, name))
			return &net->param[i];
	return NULL;
}

/* Through a record, which is where layouts are known. */
static int put(const struct fl_net *net, fl_real *w, const char *name, float *v, struct fl_err *e)
{
	const struct fl_net_param *p = find(net, name);
	struct fl_tset s = { .t = NULL };
	int rc = -1;

	if (fl_tset_add(&s, name, FL_F32, p->ndim, p->dim, v, e))
		rc = fl_net_import(net, &s, "", FL_ABSENT_KEEP, w, e);
	fl_tset_release(&s);
	return rc;
}

int fl_fit_put(const struct fl_net *net, fl_real *w, const char *name, const float *v,
               struct fl_err *e)
{
	size_t n = find(net, name)->n;
	float *copy = fl_alloc(n, sizeof *copy, e);
	int rc;

	if (!copy)
		return -1;
	memcpy(copy, v, n * sizeof *copy);
	rc = put(net, w, name, copy, e);
	free(copy);
	return rc;
}

int fl_fit_put_rows(const struct fl_net *net, fl_real *w, const char *name, const float *v,
                    size_t n, size_t d, struct fl_err *e)
{
	float *unit, *inv;
	int rc = -1;

	if (find(net, name)->n != n * d)
		return fl_fail(e, FL_EDATA, "tensor '%s' holds %zu numbers, the data bring %zu rows of %zu",
		               name, find(net, name)->n, n, d);
	unit = fl_alloc(n * d, sizeof *unit, e);
	inv = fl_alloc(n, sizeof *inv, e);
	if (unit && inv) {
		if (v)
			fl_unit_rows(v, unit, inv, n, d);
		rc = put(net, w, name, unit, e);
	}
	free(inv);
	free(unit);
	return rc;
}

int fl_fit_put_texts(const struct fl_fit *f, const struct fl_net *net, fl_real *w,
                     struct fl_err *e)
{
	float scale = (float)f->scale;

	if (!f->text)
		return fl_fail(e, FL_EUSAGE, "wants the embeddings of the class texts: --texts");
	return fl_fit_put_rows(net, w, "text.weight", f->text, f->C, f->d, e) ||
	       fl_fit_put(net, w, "scale.weight", &scale, e) ? -1 : 0;
}

int fl_pass_all_init(struct fl_pass_all *a, const struct fl_net *net, struct fl_err *e)
{
	*a = (struct fl_pass_all){ .net = net };
	if (fl_work_init(&a->k, net, BATCH, 1, e))
		return -1;
	a->g = fl_alloc(net->P, sizeof *a->g, e);
	a->sum = fl_alloc(net->P, sizeof *a->sum, e);
	a->y = fl_alloc(BATCH, sizeof *a->y, e);
	return a->g && a->sum && a->y ? 0 : -1;
}

void fl_pass_all_release(struct fl_pass_all *a)
{
	fl_work_release(&a->k);
	free(a->g);
	free(a->sum);
	free(a->y);
	*a = (struct fl_pass_all){ .g = NULL };
}

static size_t forward(struct fl_pass_all *a, const fl_real *w, const float *x, size_t i, size_t N)
{
	size_t d = fl_shape_count(&a->net->in), B = N - i < BATCH ? N - i : BATCH;

	memcpy(a->k.act[0], x + i * d, B * d * sizeof *x);
	fl_net_forward(a->net, &a->k, w, B, 0, NULL);
	return B;
}

static void add(void *ctx, size_t param, size_t begin, size_t end, fl_real *g)
{
	const struct fl_pass_all *a = ctx;

	(void)param;
	for (size_t i = begin; i < end; i++)
		a->sum[i] += a->n * (double)g[i - begin];
}

double fl_pass_all_loss(struct fl_pass_all *a, const fl_real *w, const float *x,
                        const int32_t *y, size_t N, double *grad)
{
	double total = 0;

	if (grad)
		memset(a->sum, 0, a->net->P * sizeof *a->sum);
	for (size_t i = 0, B; i < N; i += B) {
		B = forward(a, w, x, i, N);
		a->n = (double)B;
		total += a->n * fl_net_loss(a->net, &a->k, y + i, B, grad != NULL);
		if (grad)
			fl_net_backward(a->net, &a->k, w, a->g, B, NULL, add, a);
	}
	for (size_t i = 0; grad && i < a->net->P; i++)
		grad[i] = a->sum[i] / (double)N;
	return total / (double)N;
}

void fl_pass_all_outputs(struct fl_pass_all *a, const fl_real *w, const float *x, size_t N,
                         float *z)
{
	size_t C = a->net->classes;

	for (size_t i = 0, B; i < N; i += B) {
		B = forward(a, w, x, i, N);
		memcpy(z + i * C, a->k.act[a->net->nlayer], B * C * sizeof *z);
	}
}

static size_t largest(const fl_real *z, size_t C)
{
	size_t best = 0;

	for (size_t c = 1; c < C; c++)
		if (z[c] > z[best])
			best = c;
	return best;
}

double fl_pass_all_accuracy(struct fl_pass_all *a, const fl_real *w, const float *x,
                            const int32_t *y, size_t N)
{
	size_t C = a->net->classes, right = 0;

	for (size_t i = 0, B; i < N; i += B) {
		B = forward(a, w, x, i, N);
		for (size_t b = 0; b < B; b++)
			right += largest(a->k.act[a->net->nlayer] + b * C, C) == (size_t)y[i + b];
	}
	return (double)right / (double)N;
}

/* A net's weights <-> tensors of a record. The record's order of a parameter is
 * a matrix (R,C); held transposed it is (C,R). A parameter that is held as it is
 * counts as one column. */
#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "nn/net.h"

enum { BLOCK = 16 };	/* rows at a time: their cache lines are used whole */

static size_t rows(const struct fl_net_param *p)
{
	return p->perm == FL_PERM_TRANSPOSE && p->n ? p->dim[0] : p->n;
}

static void from_record(const struct fl_net_param *p, const fl_real *x, fl_real *w)
{
	size_t R = rows(p), C = R ? p->n / R : 0;

	for (size_t r0 = 0; r0 < R; r0 += BLOCK)
		for (size_t c = 0; c < C; c++)
			for (size_t r = r0; r < R && r < r0 + BLOCK; r++)
				w[c * R + r] = x[r * C + c];
}

static void to_record(const struct fl_net_param *p, const fl_real *w, float *x)
{
	size_t R = rows(p), C = R ? p->n / R : 0;

	for (size_t r0 = 0; r0 < R; r0 += BLOCK)
		for (size_t c = 0; c < C; c++)
			for (size_t r = r0; r < R && r < r0 + BLOCK; r++)
				x[r * C + c] = (float)w[c * R + r];
}

static int check_tensor(const struct fl_net_param *p, const struct fl_tensor *t, struct fl_err *e)
{
	struct fl_tensor want = { .ndim = p->ndim, .dim = p->dim };
	char a[256], b[256];

	/* PyTorch counts batches in I64. */
	if (p->kind != FL_TRAINED ? !fl_dtype_is_number(t->dtype) : !fl_dtype_is_float(t->dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, want F64, F32, F16 or BF16", t->name,
		               fl_dtype_name(t->dtype));
	if (!fl_tensor_same_shape(t, &want))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, the architecture has %s", t->name,
		               fl_tensor_shape_str(t, a, sizeof a),
		               fl_tensor_shape_str(&want, b, sizeof b));
	return 0;
}

static int check_finite(const struct fl_tensor *t, const fl_real *x, struct fl_err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (!isfinite(x[i]))
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is not finite", t->name, i);
	return 0;
}

static int import_tensor(const struct fl_net_param *p, const struct fl_tensor *t, fl_real *w,
                         struct fl_err *e)
{
	fl_real *x;
	int rc;

	if (check_tensor(p, t, e) || !(x = fl_alloc(t->n, sizeof *x, e)))
		return -1;
#ifdef FL_REAL_DOUBLE
	fl_dtype_to_f64(t->dtype, t->data, x, t->n);
#else
	fl_dtype_to_f32(t->dtype, t->data, x, t->n);
#endif
	rc = check_finite(t, x, e);
	if (!rc)
		from_record(p, x, w + p->off);
	free(x);
	return rc;
}

static int import_tensors(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                          int running, enum fl_absent absent, fl_real *w, struct fl_err *e)
{
	struct fl_str name = FL_STR_INIT;
	int rc = 0;

	for (size_t i = 0; i < net->nparam && !rc; i++) {
		const struct fl_tensor *t;

		if (net->param[i].kind == FL_RUNNING && !running)
			continue;
		fl_str_clear(&name);
		fl_str_add(&name, prefix);
		fl_str_add(&name, net->param[i].name);
		if ((rc = fl_str_check(&name, e)))
			break;
		t = fl_tset_find(s, fl_str_c(&name));
		if (t)
			rc = import_tensor(&net->param[i], t, w, e);
		else if (absent == FL_ABSENT_REFUSE)
			rc = fl_fail(e, FL_EDATA, "tensor '%s' is missing", fl_str_c(&name));
	}
	fl_str_release(&name);
	return rc;
}

int fl_net_import(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                  enum fl_absent absent, fl_real *w, struct fl_err *e)
{
	return import_tensors(net, s, prefix, 1, absent, w, e);
}

int fl_net_import_params(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                         enum fl_absent absent, fl_real *w, struct fl_err *e)
{
	return import_tensors(net, s, prefix, 0, absent, w, e);
}

static int export_tensors(const struct fl_net *net, const fl_real *w, const char *prefix,
                          int running, struct fl_tset *s, struct fl_err *e)
{
	struct fl_str name = FL_STR_INIT;
	int rc = 0;

	for (size_t i = 0; i < net->nparam && !rc; i++) {
		const struct fl_net_param *p = &net->param[i];
		struct fl_tensor *t;

		if (p->kind == FL_RUNNING && !running)
			continue;
		fl_str_clear(&name);
		fl_str_add(&name, prefix);
		fl_str_add(&name, p->name);
		if ((rc = fl_str_check(&name, e)))
			break;
		t = fl_tset_add(s, fl_str_c(&name), FL_F32, p->ndim, p->dim, NULL, e);
		if (t)
			to_record(p, w + p->off, t->data);
		rc = t ? 0 : -1;
	}
	fl_str_release(&name);
	return rc;
}

int fl_net_export(const struct fl_net *net, const fl_real *w, const char *prefix,
                  struct fl_tset *s, struct fl_err *e)
{
	return export_tensors(net, w, prefix, 1, s, e);
}

int fl_net_export_params(const struct fl_net *net, const fl_real *w, const char *prefix,
                         struct fl_tset *s, struct fl_err *e)
{
	return export_tensors(net, w, prefix, 0, s, e);
}

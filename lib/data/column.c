/* A tensor of another file, checked and put into a data record under the name it has there. */
#include "data/column.h"

#include "tensor/st.h"

const struct fl_tensor *fl_column_inputs(const struct fl_tensor *t, struct fl_arena *a,
                                        struct fl_err *e)
{
	struct fl_tensor *x;

	if (t->dtype == FL_U8 || t->dtype == FL_F32)
		return t;
	if (!fl_dtype_is_number(t->dtype)) {
		fl_fail(e, FL_EDATA, "tensor '%s' is %s, which is not computed with", t->name,
		        fl_dtype_name(t->dtype));
		return NULL;
	}
	if (!(x = fl_arena_get(a, 1, sizeof *x, e)))
		return NULL;
	*x = *t;
	x->dtype = FL_F32;
	x->bytes = t->n * sizeof(float);
	if (!(x->data = fl_arena_get(a, t->n, sizeof(float), e)))
		return NULL;
	fl_dtype_to_f32(t->dtype, t->data, x->data, t->n);
	return x;
}

int fl_column_x(struct fl_tset *rec, const struct fl_tensor *t, struct fl_err *e)
{
	const struct fl_tensor *x = fl_column_inputs(t, &rec->arena, e);
	size_t bad;

	if (!x)
		return -1;
	if (x == t)
		return fl_tset_copy(rec, "x", t, e) ? 0 : -1;
	bad = fl_dtype_nonfinite(FL_F32, x->data, x->n);
	if (bad < x->n)
		return fl_fail(e, FL_EDATA, "tensor '%s' value %zu is not finite in single precision",
		               t->name, bad);
	return fl_tset_add(rec, "x", FL_F32, x->ndim, x->dim, x->data, e) ? 0 : -1;
}

int fl_column_integers(struct fl_tset *rec, const char *name, const struct fl_tensor *t,
                       struct fl_err *e)
{
	if (!fl_dtype_is_integer(t->dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, must be an integer type for %s", t->name,
		               fl_dtype_name(t->dtype), name);
	return fl_tset_copy(rec, name, t, e) ? 0 : -1;
}

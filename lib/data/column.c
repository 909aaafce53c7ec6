#include "data/column.h"

#include "tensor/st.h"

int fl_column_x(struct fl_tset *rec, const struct fl_tensor *t, struct fl_err *e)
{
	struct fl_tensor *x;
	size_t bad;

	if (t->dtype == FL_U8 || t->dtype == FL_F32)
		return fl_tset_copy(rec, "x", t, e) ? 0 : -1;
	if (!fl_dtype_is_number(t->dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, which is not computed with", t->name,
		               fl_dtype_name(t->dtype));
	if (!(x = fl_tset_add(rec, "x", FL_F32, t->ndim, t->dim, NULL, e)))
		return -1;
	fl_dtype_to_f32(t->dtype, t->data, x->data, t->n);
	bad = fl_dtype_nonfinite(FL_F32, x->data, x->n);
	if (bad < x->n)
		return fl_fail(e, FL_EDATA, "tensor '%s' value %zu is not finite in single precision",
		               t->name, bad);
	return 0;
}

int fl_column_integers(struct fl_tset *rec, const char *name, const struct fl_tensor *t,
                       struct fl_err *e)
{
	if (!fl_dtype_is_integer(t->dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, must be an integer type for %s", t->name,
		               fl_dtype_name(t->dtype), name);
	return fl_tset_copy(rec, name, t, e) ? 0 : -1;
}

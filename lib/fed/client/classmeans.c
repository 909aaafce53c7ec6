/* The record of class means among those of --with, checked for the model at hand. */
#include "fed/client/classmeans.h"

static int check(const struct fl_tensor *mean, const struct fl_tensor *count, size_t C,
                 size_t width, struct fl_err *e)
{
	if (!mean || !count || mean->dtype != FL_F32 || mean->ndim != 2 || mean->dim[0] != C ||
	    mean->dim[1] != width || count->dtype != FL_I64 || count->ndim != 1 || count->n != C)
		return fl_fail(e, FL_EDATA, "'mean' and 'count' are not of %zu classes and %zu numbers "
		               "each", C, width);
	return 0;
}

int fl_class_means(const struct fl_local *l, size_t width, const float **mean,
                   const int64_t **count, struct fl_err *e)
{
	const struct fl_tset *rec = fl_local_with(l, e);
	const struct fl_tensor *m, *n;

	if (!rec)
		return -1;
	m = fl_tset_find(rec, "mean");
	n = fl_tset_find(rec, "count");
	if (check(m, n, l->net->classes, width, e))
		return fl_fail_in(e, "--with: statistic %s", l->use[l->at].m->with->method);
	*mean = m->data;
	*count = n->data;
	return 0;
}

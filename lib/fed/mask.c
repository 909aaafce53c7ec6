/* Which coordinates of a tensor count. */
#include "fed/mask.h"

#include <math.h>
#include <string.h>

int fl_mask_is(const char *name)
{
	return !strncmp(name, FL_MASK, strlen(FL_MASK));
}

static int check_weights(const struct fl_tensor *mask, struct fl_err *e)
{
	const float *m = mask->data;

	for (size_t i = 0; i < mask->n; i++)
		if (!(m[i] >= 0 && isfinite(m[i])))
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g, want a weight, 0 or "
			               "more", mask->name, i, (double)m[i]);
	return 0;
}

int fl_mask_check(const struct fl_tensor *mask, const struct fl_tensor *t, struct fl_err *e)
{
	const uint8_t *m = mask->data;
	const float *x = t ? t->data : NULL;

	if (!t || t->dtype != FL_F32 || (mask->dtype != FL_U8 && mask->dtype != FL_F32) ||
	    !fl_tensor_same_shape(mask, t))
		return fl_fail(e, FL_EDATA, "tensor '%s' is not U8 or F32 of the shape of an F32 tensor "
		               "'%s' beside it", mask->name, mask->name + strlen(FL_MASK));
	if (mask->dtype == FL_F32)
		return check_weights(mask, e);
	for (size_t i = 0; i < mask->n; i++) {
		if (m[i] > 1)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %u, want 0 or 1",
			               mask->name, i, m[i]);
		if (!m[i] && x[i] != 0)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g, but the mask "
			               "leaves it out", t->name, i, (double)x[i]);
	}
	return 0;
}

/* Facts of updates that are tensors. */
#include "fed/fact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int fl_fact_is(const char *tensor)
{
	return !strncmp(tensor, FL_FACT, strlen(FL_FACT));
}

const struct fl_tensor *fl_fact_of(const struct fl_tset *update, const char *name)
{
	for (size_t i = 0; i < update->nt; i++)
		if (fl_fact_is(update->t[i].name) &&
		    !strcmp(update->t[i].name + strlen(FL_FACT), name))
			return &update->t[i];
	return NULL;
}

static int check_finite(const struct fl_tensor *t, struct fl_err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		double v = 0;

		if (t->dtype == FL_F64)
			v = ((const double *)t->data)[i];
		else if (t->dtype == FL_F32)
			v = (double)((const float *)t->data)[i];
		if (!isfinite(v))
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu is %g", t->name, i, v);
	}
	return 0;
}

int fl_fact_check(const struct fl_tset *update, const struct fl_fact *list, const char *who,
                  struct fl_err *e)
{
	for (; list && list->name; list++) {
		const struct fl_tensor *t = fl_fact_of(update, list->name);

		if (!t && list->optional)
			continue;
		if (!t)
			return fl_fail(e, FL_EDATA, FL_FACT "%s is missing; %s needs it: fl-local-train "
			               "--measure %s", list->name, who, list->name);
		if (t->dtype != list->dtype || t->ndim != list->ndim)
			return fl_fail(e, FL_EDATA, "tensor '%s' is %s of %u dimensions; %s wants %s of "
			               "%u", t->name, fl_dtype_name(t->dtype), t->ndim, who,
			               fl_dtype_name(list->dtype), list->ndim);
		if (check_finite(t, e))
			return -1;
	}
	return 0;
}

void fl_fact_print(const struct fl_fact *list, struct fl_str *out)
{
	for (; list && list->name; list++)
		if (!list->optional)
			fl_str_addf(out, "%s%s", *fl_str_c(out) ? "," : "", list->name);
}

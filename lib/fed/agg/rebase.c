/* Late updates as differences to the model of now: u + then - now, so that now plus it is the
 * model that the client has trained. Rules that mix models want all of an update so; all rules
 * want its running statistics so, whose mean is one of statistics and leaves variances above 0. */
#include <string.h>

#include "fed/agg/collect_int.h"
#include "tensor/running.h"

/* What a sub-network leaves out stays 0. */
static const uint8_t *mask_of(const struct fl_tset *rec, const char *name, struct fl_arena *a,
                              struct fl_err *e)
{
	const char *mask = fl_arena_fmt(a, e, FL_MASK "%s", name);
	const struct fl_tensor *t = mask ? fl_tset_find(rec, mask) : NULL;
	const struct fl_tensor *own = fl_tset_find(rec, name);

	return t && t->dtype == FL_U8 && t->n == own->n ? t->data : NULL;
}

static int move(const struct fl_tset *rec, struct fl_tensor *t, const struct fl_tensor *then,
                const struct fl_tensor *now, struct fl_arena *a, struct fl_err *e)
{
	const uint8_t *own = mask_of(rec, t->name, a, e);
	const float *u = t->data, *x = then->data, *y = now->data;
	float *to = fl_arena_get(a, t->n, sizeof *to, e);

	if (!to || e->code)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		to[i] = own && !own[i] ? u[i] :
		        (float)((double)u[i] + ((double)x[i] - (double)y[i]));
	t->data = to;
	return 0;
}

int fl_rebase(struct fl_tset *rec, const struct fl_tset *then, const struct fl_tset *now,
              int all, struct fl_arena *a, struct fl_err *e)
{
	for (size_t i = 0; i < rec->nt; i++) {
		struct fl_tensor *t = &rec->t[i];
		const struct fl_tensor *x = fl_tset_find(then, t->name);
		const struct fl_tensor *y = fl_tset_find(now, t->name);

		if (!all && !fl_tensor_is_running(t))
			continue;
		if (t->dtype != FL_F32 || fl_tensor_is_extra(t) || !x || !y || x->dtype != FL_F32 ||
		    y->dtype != FL_F32)
			continue;
		if (!fl_tensor_same_shape(t, x) || !fl_tensor_same_shape(t, y))
			return fl_fail(e, FL_EDATA, "tensor '%s' has another shape than in the model that it "
			               "was trained from, or in that of now", t->name);
		if (move(rec, t, x, y, a, e))
			return -1;
	}
	return 0;
}

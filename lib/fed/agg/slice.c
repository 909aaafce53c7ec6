/* Sub-networks that send blocks of tensors, as fl.slice says (tensor/slice.h): a block is its
 * tensor with zeros around it and a mask, which is that of its own coordinates where the client
 * weighs them. */
#include <stdint.h>

#include "fed/agg/collect_int.h"
#include "tensor/slice.h"

/* Rows of the last dimension of the block t go to where they are in x, and are 1 in mask, if
 * there is one. */
static void place(const struct fl_tensor *t, const struct fl_tensor *whole,
                  const struct fl_block *b, float *x, uint8_t *mask)
{
	static const size_t only[] = { 0 };
	unsigned last = t->ndim ? t->ndim - 1 : 0;
	const size_t *col = t->ndim ? b->at[last] : only;
	const float *v = t->data;
	size_t n = t->ndim ? t->dim[last] : 1;

	for (size_t row = 0; row < t->n / n; row++, v += n) {
		size_t at = 0, stride = t->ndim ? whole->dim[last] : 1, rest = row;

		for (unsigned d = last; d-- > 0;) {
			at += b->at[d][rest % t->dim[d]] * stride;
			rest /= t->dim[d];
			stride *= whole->dim[d];
		}
		for (size_t i = 0; i < n; i++) {
			x[at + col[i]] = v[i];
			if (mask)
				mask[at + col[i]] = 1;
		}
	}
}

/* The tensor t of rec, a block of one of whole's shape, with zeros around it. mask: where its
 * own coordinates are, NULL: that is known. */
static int widen(struct fl_tset *rec, size_t t, const json_t *ranges,
                 const struct fl_tensor *whole, uint8_t *mask, struct fl_arena *wide,
                 struct fl_err *e)
{
	struct fl_block b;
	float *x;

	if (fl_block_read(ranges, &rec->t[t], whole, wide, &b, e))
		return fl_fail_in(e, "fl.slice: tensor '%s'", rec->t[t].name);
	if (!(x = fl_arena_zero(wide, whole->n, sizeof *x, e)))
		return -1;
	place(&rec->t[t], whole, &b, x, mask);
	rec->t[t].dim = whole->dim;
	rec->t[t].n = whole->n;
	rec->t[t].bytes = whole->n * sizeof *x;
	rec->t[t].data = x;
	return 0;
}

static int undo_one(struct fl_tset *rec, size_t t, const json_t *ranges,
                    const struct fl_tensor *whole, struct fl_arena *wide, struct fl_err *e)
{
	char *mask = fl_arena_fmt(wide, e, FL_MASK "%s", rec->t[t].name);
	const struct fl_tensor *weight = mask ? fl_tset_find(rec, mask) : NULL;
	uint8_t *own;

	if (!mask)
		return -1;
	if (weight && weight->dtype == FL_F32)
		return widen(rec, (size_t)(weight - rec->t), ranges, whole, NULL, wide, e) ||
		       widen(rec, t, ranges, whole, NULL, wide, e) ? -1 : 0;
	if (!(own = fl_arena_zero(wide, whole->n, 1, e)) ||
	    widen(rec, t, ranges, whole, own, wide, e))
		return -1;
	return fl_tset_add(rec, mask, FL_U8, whole->ndim, whole->dim, own, e) ? 0 : -1;
}

/* A tensor that fl.slice names, of which the update need not hold each. */
static int undo_named(struct fl_tset *rec, const char *name, const json_t *ranges,
                      const struct fl_tset *model, struct fl_arena *wide, struct fl_err *e)
{
	const struct fl_tensor *whole = fl_tset_find(model, name), *t = fl_tset_find(rec, name);

	if (!whole || whole->dtype != FL_F32 || (t && t->dtype != FL_F32))
		return fl_fail(e, FL_EDATA, "fl.slice: tensor '%s' is not F32 in update and model", name);
	return t ? undo_one(rec, (size_t)(t - rec->t), ranges, whole, wide, e) : 0;
}

/* What methods send of the same coordinates. */
static int undo_extras(struct fl_tset *rec, const json_t *slices, const struct fl_tset *model,
                       struct fl_arena *wide, struct fl_err *e)
{
	for (size_t i = 0, n = rec->nt; i < n; i++) {
		const struct fl_tensor *t = &rec->t[i];
		const char *name;
		const json_t *ranges;

		if (!fl_tensor_is_extra(t) || t->dtype != FL_F32 || fl_fact_is(t->name) ||
		    fl_mask_is(t->name))
			continue;
		if ((ranges = fl_slice_of_extra(slices, t->name, &name)) &&
		    undo_one(rec, i, ranges, fl_tset_find(model, name), wide, e))
			return -1;
	}
	return 0;
}

int fl_slice_undo(struct fl_tset *rec, const struct fl_tset *model, struct fl_arena *wide,
                  struct fl_err *e)
{
	const char *text = fl_meta_get(rec, "fl.slice"), *name;
	json_t *slices, *ranges;
	int rc = 0;

	if (!text)
		return 0;
	if (!(slices = fl_slice_load(text, e)))
		return fl_fail_in(e, "fl.slice");
	json_object_foreach(slices, name, ranges) {
		if (!rc)
			rc = undo_named(rec, name, ranges, model, wide, e);
	}
	if (!rc)
		rc = undo_extras(rec, slices, model, wide, e);
	json_decref(slices);
	return rc;
}

/* Sub-networks that send blocks of tensors: fl.slice is a JSON object of, for each
 * such tensor, the range [from, to) of every dimension of the model's. A block is
 * its tensor with zeros around it and a mask. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "fed/agg/collect_int.h"

/* from <- where the ranges begin, which t must fill. */
static int read_ranges(const json_t *ranges, const struct fl_tensor *t,
                       const struct fl_tensor *whole, size_t *from, struct fl_err *e)
{
	if (!json_is_array(ranges) || json_array_size(ranges) != whole->ndim || t->ndim != whole->ndim)
		return fl_fail(e, FL_EDATA, "fl.slice: tensor '%s': not a range for each of %u "
		               "dimensions", t->name, whole->ndim);
	for (unsigned d = 0; d < whole->ndim; d++) {
		json_int_t a, b;

		if (json_unpack_ex(json_array_get(ranges, d), NULL, JSON_STRICT, "[I,I]", &a, &b) ||
		    a < 0 || b <= a || (size_t)b > whole->dim[d])
			return fl_fail(e, FL_EDATA, "fl.slice: tensor '%s': dimension %u is not [from, "
			               "to) within %zu", t->name, d, whole->dim[d]);
		if (t->dim[d] != (size_t)(b - a))
			return fl_fail(e, FL_EDATA, "fl.slice: tensor '%s': dimension %u has %zu, its "
			               "range %zu", t->name, d, t->dim[d], (size_t)(b - a));
		from[d] = (size_t)a;
	}
	return 0;
}

/* Rows of the last dimension of the block t go to where they are in x, and are 1 in mask. */
static void place(const struct fl_tensor *t, const struct fl_tensor *whole, const size_t *from,
                  float *x, uint8_t *mask)
{
	unsigned last = t->ndim ? t->ndim - 1 : 0;
	size_t n = t->ndim ? t->dim[last] : 1;

	for (size_t row = 0; row < t->n / n; row++) {
		size_t at = t->ndim ? from[last] : 0, stride = t->ndim ? whole->dim[last] : 1, rest = row;

		for (unsigned d = last; d-- > 0;) {
			at += (rest % t->dim[d] + from[d]) * stride;
			rest /= t->dim[d];
			stride *= whole->dim[d];
		}
		memcpy(x + at, (const float *)t->data + row * n, n * sizeof *x);
		memset(mask + at, 1, n);
	}
}

static int undo_one(struct fl_tset *rec, const char *name, const json_t *ranges,
                    const struct fl_tset *model, struct fl_arena *wide, struct fl_err *e)
{
	const struct fl_tensor *whole = fl_tset_find(model, name), *t = fl_tset_find(rec, name);
	char *mask = fl_arena_fmt(wide, e, FL_MASK "%s", name);
	size_t *from;
	uint8_t *own;
	float *x;

	if (!whole || !t || whole->dtype != FL_F32 || t->dtype != FL_F32)
		return fl_fail(e, FL_EDATA, "fl.slice: tensor '%s' is not F32 in update and model", name);
	if (!mask || !(from = fl_arena_get(wide, whole->ndim, sizeof *from, e)) ||
	    read_ranges(ranges, t, whole, from, e) ||
	    !(x = fl_arena_zero(wide, whole->n, sizeof *x, e)) ||
	    !(own = fl_arena_zero(wide, whole->n, sizeof *own, e)))
		return -1;
	place(t, whole, from, x, own);
	rec->t[t - rec->t].dim = whole->dim;
	rec->t[t - rec->t].n = whole->n;
	rec->t[t - rec->t].bytes = whole->bytes;
	rec->t[t - rec->t].data = x;
	return fl_tset_add(rec, mask, FL_U8, whole->ndim, whole->dim, own, e) ? 0 : -1;
}

int fl_slice_undo(struct fl_tset *rec, const struct fl_tset *model, struct fl_arena *wide,
                  struct fl_err *e)
{
	const char *text = fl_meta_get(rec, "fl.slice"), *name;
	json_t *slices, *ranges;
	int rc = 0;

	if (!text)
		return 0;
	if (!(slices = fl_json_load(text, strlen(text), e)))
		return fl_fail_in(e, "fl.slice");
	if (!json_is_object(slices))
		rc = fl_fail(e, FL_EDATA, "fl.slice is not a JSON object of ranges");
	json_object_foreach(slices, name, ranges) {
		if (!rc)
			rc = undo_one(rec, name, ranges, model, wide, e);
	}
	json_decref(slices);
	return rc;
}

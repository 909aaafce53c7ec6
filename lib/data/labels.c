/* Labels of rows. */
#include "data/labels.h"

#include <string.h>

#include "data/named.h"

static int64_t *beside(const struct fl_embeds *m, struct fl_arena *a, struct fl_err *e)
{
	int64_t *out;

	if (!m->has_label) {
		fl_fail(e, FL_EDATA, "%s: no labels beside the rows", m->part[0].name);
		return NULL;
	}
	if ((out = fl_arena_get(a, m->N, sizeof *out, e)))
		for (size_t i = 0; i < m->N; i++)
			out[i] = fl_embeds_label(m, i);
	return out;
}

static int64_t *take(const struct fl_tensor *t, const struct fl_embeds *m, struct fl_arena *a,
                     struct fl_err *e)
{
	size_t size = fl_dtype_size(t->dtype);
	char shape[64];
	int64_t *out;

	if (!fl_dtype_is_integer(t->dtype) || t->ndim != 1 || t->n != m->N) {
		fl_fail(e, FL_EDATA, "'%s' is %s %s, must be %zu integers, one a row of %s", t->name,
		        fl_dtype_name(t->dtype), fl_tensor_shape_str(t, shape, sizeof shape), m->N,
		        m->part[0].name);
		return NULL;
	}
	if (!(out = fl_arena_get(a, m->N, sizeof *out, e)))
		return NULL;
	for (size_t i = 0; i < m->N; i++) {
		const unsigned char *p = (const unsigned char *)t->data + i * size;
		double v;

		if (t->dtype == FL_I64 || t->dtype == FL_U64) {
			memcpy(&out[i], p, sizeof out[i]);
			continue;
		}
		fl_dtype_to_f64(t->dtype, p, &v, 1);
		out[i] = (int64_t)v;
	}
	return out;
}

int64_t *fl_labels_open(const char *source, const struct fl_embeds *m, struct fl_arena *a,
                        struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int64_t *out = NULL;

	if (!source)
		return beside(m, a, e);
	if (!fl_named_load(source, "label", &rec, e) && !(out = take(&rec.t[0], m, a, e)))
		fl_fail_in(e, "%s", source);
	fl_tset_release(&rec);
	return out;
}

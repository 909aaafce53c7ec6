/* Labels of rows. */
#include "data/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "data/npy.h"
#include "tensor/stream.h"

#define NPY_MAX ((size_t)1 << 33)

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

	if (fl_dtype_is_float(t->dtype) || t->dtype == FL_BOOL || t->ndim != 1 || t->n != m->N) {
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

static int64_t *from_npy(const char *source, const struct fl_embeds *m, struct fl_arena *a,
                         struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	size_t n;
	char *text = fl_read_file(source, NPY_MAX, &n, e);
	int64_t *out = NULL;

	if (text && !fl_npy_parse((unsigned char *)text, n, "label", &rec, e))
		out = take(&rec.t[0], m, a, e);
	fl_tset_release(&rec);
	free(text);
	return out;
}

static int64_t *from_record(const char *source, const char *name, const struct fl_embeds *m,
                            struct fl_arena *a, struct fl_err *e)
{
	char *path = fl_arena_mem(a, source, (size_t)(name - source), e);
	struct fl_tset rec = { .t = NULL };
	const struct fl_tensor *t;
	int64_t *out = NULL;

	if (path && !fl_stream_load(path, -1, &rec, e)) {
		if ((t = fl_tset_find(&rec, name + 1)))
			out = take(t, m, a, e);
		else
			fl_fail(e, FL_EDATA, "no tensor '%s'", name + 1);
	}
	fl_tset_release(&rec);
	return out;
}

int64_t *fl_labels_open(const char *source, const struct fl_embeds *m, struct fl_arena *a,
                        struct fl_err *e)
{
	const char *name = source ? strrchr(source, '#') : NULL;
	int64_t *out;

	if (!source)
		return beside(m, a, e);
	if (name)
		out = from_record(source, name, m, a, e);
	else if (fl_is_npy(source))
		out = from_npy(source, m, a, e);
	else
		return fl_fail(e, FL_EDATA, "%s: labels are FILE#NAME or .npy", source), NULL;
	if (!out)
		fl_fail_in(e, "%s", source);
	return out;
}

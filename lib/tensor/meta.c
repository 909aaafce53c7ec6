/* Typed access to the fl.* keys. */
#include "tensor/meta.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crc.h"
#include "base/num.h"

static const char *const kinds[] = {
	[FL_KIND_NONE] = "",
	[FL_KIND_DATA] = "data",
	[FL_KIND_MODEL] = "model",
	[FL_KIND_UPDATE] = "update",
	[FL_KIND_PARTIAL] = "partial",
	[FL_KIND_STATE] = "state",
	[FL_KIND_STATS] = "stats",
	[FL_KIND_EMBED] = "embed",
	[FL_KIND_RESULT] = "result",
	[FL_KIND_END] = "end",
};

const char *fl_kind_name(enum fl_kind k)
{
	return kinds[k];
}

int fl_meta_kind(const struct fl_tset *s, enum fl_kind *k, struct fl_err *e)
{
	const char *v = fl_meta_get(s, "fl.v"), *kind = fl_meta_get(s, "fl.kind");
	int i;

	if (v && strcmp(v, "1"))
		return fl_fail(e, FL_EDATA, "fl.v is '%s', this version reads 1", v);
	*k = FL_KIND_NONE;
	if (!kind)
		return 0;
	for (i = FL_KIND_DATA; i <= FL_KIND_END; i++)
		if (!strcmp(kind, kinds[i])) {
			*k = (enum fl_kind)i;
			return 0;
		}
	return fl_fail(e, FL_EDATA, "fl.kind is '%s', which is no kind", kind);
}

int fl_meta_set_kind(struct fl_tset *s, enum fl_kind k, struct fl_err *e)
{
	if (fl_meta_set(s, "fl.v", "1", e))
		return -1;
	return fl_meta_set(s, "fl.kind", k == FL_KIND_NONE ? NULL : kinds[k], e);
}

int fl_meta_i64(const struct fl_tset *s, const char *key, int64_t *v, struct fl_err *e)
{
	const char *text = fl_meta_get(s, key);
	int64_t x;

	if (!text)
		return 0;
	if (text[0] == '-' || fl_num_i64(text, &x))
		return fl_fail(e, FL_EDATA, "%s is '%s', want an integer of 0 or more", key, text);
	*v = x;
	return 1;
}

int fl_meta_real(const struct fl_tset *s, const char *key, double *v, struct fl_err *e)
{
	const char *text = fl_meta_get(s, key);
	double x;

	if (!text)
		return 0;
	if (fl_num_real(text, &x))
		return fl_fail(e, FL_EDATA, "%s is '%s', want a finite number", key, text);
	*v = x;
	return 1;
}

int fl_meta_need_i64(const struct fl_tset *s, const char *key, int64_t *v, struct fl_err *e)
{
	int rc = fl_meta_i64(s, key, v, e);

	return rc ? rc : fl_fail(e, FL_EDATA, "%s is missing", key);
}

int fl_meta_set_i64(struct fl_tset *s, const char *key, int64_t v, struct fl_err *e)
{
	char buf[FL_NUM_MAX];

	snprintf(buf, sizeof buf, "%" PRId64, v);
	return fl_meta_set(s, key, buf, e);
}

int fl_meta_set_real(struct fl_tset *s, const char *key, double v, struct fl_err *e)
{
	char buf[FL_NUM_MAX];

	fl_num_print(buf, v);
	if (!isfinite(v))
		return fl_fail(e, FL_ENUM, "%s becomes %s", key, buf);
	return fl_meta_set(s, key, buf, e);
}

int fl_meta_add_prov(struct fl_tset *s, const char *line, struct fl_err *e)
{
	const char *old = fl_meta_get(s, "fl.prov");
	struct fl_str b = FL_STR_INIT;
	int rc;

	if (old) {
		fl_str_add(&b, old);
		fl_str_addc(&b, '\n');
	}
	fl_str_add(&b, line);
	rc = fl_str_check(&b, e) ? -1 : fl_meta_set(s, "fl.prov", fl_str_c(&b), e);
	fl_str_release(&b);
	return rc;
}

void fl_meta_base(const struct fl_tset *s, char out[9])
{
	uint32_t crc = 0;
	size_t i;
	int t;

	/* The format's order without sorting s: one dtype at a time, by name. */
	for (t = 0; t < FL_NDTYPE; t++)
		for (i = 0; i < s->nt; i++) {
			const struct fl_tensor *x = &s->t[s->byname[i].i];

			if ((int)x->dtype == t && x->bytes)
				crc = fl_crc32(crc, x->data, x->bytes);
		}
	snprintf(out, 9, "%08" PRIx32, crc);
}

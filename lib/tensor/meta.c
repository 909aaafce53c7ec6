/* Typed access to the fl.* keys. */
#include "tensor/meta.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crc.h"
#include "base/num.h"
#include "base/par.h"

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

/* Visits tensors in the format's order without sorting s: one dtype at a time, by name. */
static void in_format_order(const struct fl_tset *s, void (*visit)(void *, const struct fl_tensor *),
                            void *ctx)
{
	for (int type = 0; type < FL_NDTYPE; type++)
		for (size_t i = 0; i < s->nt; i++)
			if ((int)s->t[s->byname[i].i].dtype == type)
				visit(ctx, &s->t[s->byname[i].i]);
}

struct tensor_hashes {
	size_t n;
	const struct fl_tensor **t;	/* (n) */
	char (*text)[FL_HASH_TEXT];	/* (n) */
};

static void list_tensor(void *ctx, const struct fl_tensor *t)
{
	struct tensor_hashes *all = ctx;

	all->t[all->n++] = t;
}

static int hash_tensor(void *ctx, size_t i, int thread, struct fl_err *e)
{
	const struct tensor_hashes *all = ctx;

	(void)thread;
	(void)e;
	fl_hash_text(all->t[i]->data, all->t[i]->bytes, all->text[i]);
	return 0;
}

static void add_shape(struct fl_str *b, const struct fl_tensor *t)
{
	for (unsigned i = 0; i < t->ndim; i++)
		fl_str_addf(b, i ? "x%zu" : "%zu", t->dim[i]);
	fl_str_add(b, t->ndim ? " " : "scalar ");
}

/* name without what could end a word or a line */
static void add_name(struct fl_str *b, const char *name)
{
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		if (*c <= ' ' || *c == 0x7f || *c == '%')
			fl_str_addf(b, "%%%02X", *c);
		else
			fl_str_addc(b, (char)*c);
}

static int hash_lines(const struct fl_tset *s, const struct tensor_hashes *all,
                      char out[FL_HASH_TEXT], struct fl_err *e)
{
	const char *arch = fl_meta_get(s, "fl.arch");
	struct fl_str b = FL_STR_INIT;
	int rc;

	fl_str_addf(&b, "%s\n", arch ? arch : "");
	for (size_t i = 0; i < all->n; i++) {
		fl_str_addf(&b, "%s ", fl_dtype_name(all->t[i]->dtype));
		add_shape(&b, all->t[i]);
		add_name(&b, all->t[i]->name);
		fl_str_addf(&b, " %s\n", all->text[i]);
	}
	rc = fl_str_check(&b, e);
	if (!rc)
		fl_hash_text(fl_str_c(&b), b.len, out);
	fl_str_release(&b);
	return rc;
}

int fl_base_text(const struct fl_tset *s, int threads, char out[FL_HASH_TEXT], struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	struct tensor_hashes all = {
		0, fl_arena_get(&a, s->nt + 1, sizeof *all.t, e),
		fl_arena_get(&a, s->nt + 1, sizeof *all.text, e),
	};
	int rc = -1;

	if (all.t && all.text) {
		in_format_order(s, list_tensor, &all);
		rc = fl_par_for(s->nt, threads, &all, hash_tensor, e) ||
		     hash_lines(s, &all, out, e) ? -1 : 0;
	}
	fl_arena_release(&a);
	return rc;
}

static void add_crc(void *ctx, const struct fl_tensor *t)
{
	uint32_t *crc = ctx;

	if (t->bytes)
		*crc = fl_crc32(*crc, t->data, t->bytes);
}

void fl_base_crc(const struct fl_tset *s, char out[FL_BASE_CRC])
{
	uint32_t crc = 0;

	in_format_order(s, add_crc, &crc);
	snprintf(out, FL_BASE_CRC, "%08" PRIx32, crc);
}

static int is_crc(const char *text)
{
	return strspn(text, "0123456789abcdef") == FL_BASE_CRC - 1 && !text[FL_BASE_CRC - 1];
}

int fl_base_is(const char *text)
{
	return is_crc(text) || fl_hash_is_text(text);
}

int fl_base_names(const char *claim, const char *hash, const struct fl_tset *model)
{
	char crc[FL_BASE_CRC];

	if (!is_crc(claim))
		return !strcmp(claim, hash);
	fl_base_crc(model, crc);
	return !strcmp(claim, crc);
}

int fl_base_agree(const char *a, const char *b)
{
	return is_crc(a) != is_crc(b) || !strcmp(a, b);
}

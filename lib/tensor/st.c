/* The safetensors header: parsing by jansson, checks as the reference makes
 * them, writing byte for byte as serde_json prints. */
#include "tensor/st.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"

#define METADATA "__metadata__"

struct entry {
	const char *name;
	const json_t *shape;
	enum fl_dtype dtype;
	size_t begin, end;
};

static int get_size(const json_t *v, size_t *x)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*x = (size_t)json_integer_value(v);
	return 0;
}

static int get_entry(const char *name, const json_t *v, struct entry *x, struct fl_err *e)
{
	const json_t *dtype = json_object_get(v, "dtype");
	const json_t *offsets = json_object_get(v, "data_offsets");

	x->name = name;
	x->shape = json_object_get(v, "shape");
	if (strlen(name) > FL_ST_NAME_MAX)
		return fl_fail(e, FL_EDATA, "tensor name of %zu bytes, limit %d", strlen(name),
		               FL_ST_NAME_MAX);
	if (!json_is_object(v))
		return fl_fail(e, FL_EDATA, "tensor '%s': is not a JSON object", name);
	if (!json_is_string(dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s': dtype is not a string", name);
	if (fl_dtype_parse(json_string_value(dtype), &x->dtype))
		return fl_fail(e, FL_EDATA, "tensor '%s': dtype '%s' is not supported", name,
		               json_string_value(dtype));
	if (!json_is_array(x->shape))
		return fl_fail(e, FL_EDATA, "tensor '%s': shape is not an array", name);
	if (json_array_size(x->shape) > FL_ST_NDIM_MAX)
		return fl_fail(e, FL_EDATA, "tensor '%s': shape has %zu dimensions, limit %d", name,
		               json_array_size(x->shape), FL_ST_NDIM_MAX);
	if (json_array_size(offsets) != 2 ||
	    get_size(json_array_get(offsets, 0), &x->begin) ||
	    get_size(json_array_get(offsets, 1), &x->end))
		return fl_fail(e, FL_EDATA, "tensor '%s': data_offsets are not two integers of "
		               "0 or more", name);
	return 0;
}

/* Buffer order; empty tensors at one place in the writer's order. */
static int cmp_entry(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->dtype != b->dtype)
		return a->dtype < b->dtype ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int add_entry(struct fl_tset *s, const struct entry *x, size_t at, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX];
	unsigned i, ndim = (unsigned)json_array_size(x->shape);
	struct fl_tensor *t;

	if (x->end < x->begin)
		return fl_fail(e, FL_EDATA, "tensor '%s': data_offsets [%zu,%zu] run backwards",
		               x->name, x->begin, x->end);
	if (x->begin != at)
		return fl_fail(e, FL_EDATA, "tensor '%s': begins at %zu, want %zu (%s)", x->name,
		               x->begin, at, x->begin < at ? "overlap" : "hole");
	for (i = 0; i < ndim; i++)
		if (get_size(json_array_get(x->shape, i), &dim[i]))
			return fl_fail(e, FL_EDATA, "tensor '%s': dimension %u is not an integer "
			               "of 0 or more", x->name, i);
	if (!(t = fl_tset_add_bare(s, x->name, x->dtype, ndim, dim, e)))
		return -1;
	if (t->bytes != x->end - x->begin)
		return fl_fail(e, FL_EDATA, "tensor '%s': shape and dtype want %zu bytes, "
		               "data_offsets give %zu", x->name, t->bytes, x->end - x->begin);
	t->at = at;
	return 0;
}

static int get_tensors(struct fl_tset *s, json_t *root, size_t *buffer, struct fl_err *e)
{
	size_t max = json_object_size(root), n = 0, i;
	struct entry *list;
	const char *name;
	json_t *v;

	if (max > FL_ST_TENSORS_MAX + 1)
		return fl_fail(e, FL_EDATA, "%zu tensors, limit %u", max, FL_ST_TENSORS_MAX);
	if (!(list = fl_alloc(max, sizeof *list, e)))
		return -1;
	json_object_foreach(root, name, v)
		if (strcmp(name, METADATA) && get_entry(name, v, &list[n++], e))
			goto fail;
	qsort(list, n, sizeof *list, cmp_entry);
	*buffer = 0;
	for (i = 0; i < n; i++) {
		if (add_entry(s, &list[i], *buffer, e))
			goto fail;
		*buffer = list[i].end;
	}
	free(list);
	return 0;
fail:
	free(list);
	return -1;
}

static int cmp_kv(const void *a, const void *b)
{
	return strcmp(((const struct fl_kv *)a)->key, ((const struct fl_kv *)b)->key);
}

/* Sorts first, so that each key is appended and a million cost no more than
 * their reading did. */
static int get_metadata(struct fl_tset *s, json_t *meta, struct fl_err *e)
{
	size_t n = 0, i;
	struct fl_kv *list;
	const char *key;
	json_t *v;
	int rc = 0;

	if (!meta || json_is_null(meta))
		return 0;
	if (!json_is_object(meta))
		return fl_fail(e, FL_EDATA, METADATA " is not a JSON object");
	if (!(list = fl_alloc(json_object_size(meta), sizeof *list, e)))
		return -1;
	json_object_foreach(meta, key, v) {
		if (!json_is_string(v)) {
			rc = fl_fail(e, FL_EDATA, METADATA ": the value of '%s' is not a string", key);
			break;
		}
		list[n++] = (struct fl_kv){ key, json_string_value(v) };
	}
	qsort(list, n, sizeof *list, cmp_kv);
	for (i = 0; !rc && i < n; i++)
		rc = fl_meta_set(s, list[i].key, list[i].val, e);
	free(list);
	return rc;
}

int fl_st_parse(struct fl_tset *s, const char *json, size_t n, size_t *buffer, struct fl_err *e)
{
	json_t *root = fl_json_load(json, n, e);
	int rc;

	if (!root)
		return fl_fail_in(e, "header");
	if (json_is_object(root))
		rc = get_tensors(s, root, buffer, e) ||
		     get_metadata(s, json_object_get(root, METADATA), e) ? -1 : 0;
	else
		rc = fl_fail(e, FL_EDATA, "header: is not a JSON object");
	json_decref(root);
	if (rc)
		fl_tset_release(s);
	return rc;
}

void fl_st_bind(struct fl_tset *s, void *buffer)
{
	for (size_t i = 0; i < s->nt; i++)
		s->t[i].data = s->t[i].bytes ? (unsigned char *)buffer + s->t[i].at : NULL;
}

/* Length of the UTF-8 sequence at p (Unicode 15, table 3-7), 0 if malformed. */
static size_t utf8_len(const unsigned char *p)
{
	unsigned lo = 0x80, hi = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lo = 0xa0;	/* overlong */
	else if (p[0] == 0xed)
		hi = 0x9f;	/* surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90;	/* overlong */
	else if (p[0] == 0xf4)
		hi = 0x8f;	/* beyond U+10FFFF */
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

int fl_st_string(struct fl_str *out, const char *text, struct fl_err *e)
{
	static const char named[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const unsigned char *p = (const unsigned char *)text;
	const char *esc;
	size_t n;

	fl_str_addc(out, '"');
	for (; *p; p += n) {
		if (!(n = utf8_len(p)))
			return fl_fail(e, FL_EDATA, "'%s': byte %td is not UTF-8", text,
			               p - (const unsigned char *)text);
		if ((esc = strchr(named, *p))) {
			fl_str_addc(out, '\\');
			fl_str_addc(out, letter[esc - named]);
		} else if (*p < 0x20) {
			fl_str_addf(out, "\\u%04x", *p);
		} else {
			fl_str_addn(out, p, n);
		}
	}
	fl_str_addc(out, '"');
	return 0;
}

static int put_metadata(struct fl_str *out, const struct fl_tset *s, struct fl_err *e)
{
	size_t i;

	fl_str_add(out, "\"" METADATA "\":{");
	for (i = 0; i < s->nkv; i++) {
		if (i)
			fl_str_addc(out, ',');
		if (fl_st_string(out, s->kv[i].key, e))
			return fl_fail_in(e, "metadata");
		fl_str_addc(out, ':');
		if (fl_st_string(out, s->kv[i].val, e))
			return fl_fail_in(e, "%s", s->kv[i].key);
	}
	fl_str_addc(out, '}');
	return 0;
}

static int put_tensor(struct fl_str *out, const struct fl_tensor *t, size_t *at, struct fl_err *e)
{
	size_t end;
	unsigned i;

	if (!strcmp(t->name, METADATA) || strlen(t->name) > FL_ST_NAME_MAX)
		return fl_fail(e, FL_EDATA, "tensor '%s': the format does not allow this name", t->name);
	if (t->ndim > FL_ST_NDIM_MAX || fl_add(*at, t->bytes, &end))
		return fl_fail(e, FL_EDATA, "tensor '%s': shape is beyond the format's limits", t->name);
	if (fl_st_string(out, t->name, e))
		return fl_fail_in(e, "tensor");
	fl_str_addf(out, ":{\"dtype\":\"%s\",\"shape\":[", fl_dtype_name(t->dtype));
	for (i = 0; i < t->ndim; i++)
		fl_str_addf(out, "%s%zu", i ? "," : "", t->dim[i]);
	fl_str_addf(out, "],\"data_offsets\":[%zu,%zu]}", *at, end);
	*at = end;
	return 0;
}

/* Replaces the 8 bytes at start by the length of what follows them. */
static int put_length(struct fl_str *out, size_t start, struct fl_err *e)
{
	uint64_t n;
	int i;

	while ((out->len - start) % 8 && !out->oom)
		fl_str_addc(out, ' ');
	if (fl_str_check(out, e))
		return -1;
	n = out->len - start - 8;
	if (n > FL_ST_HEADER_DEF)
		return fl_fail(e, FL_EDATA, "header of %zu bytes, limit %u", (size_t)n, FL_ST_HEADER_DEF);
	for (i = 0; i < 8; i++)
		out->s[start + (size_t)i] = (char)(n >> 8 * i & 0xff);
	return 0;
}

int fl_st_header(struct fl_tset *s, struct fl_str *out, struct fl_err *e)
{
	size_t start = out->len, at = 0, i;

	if (s->nt > FL_ST_TENSORS_MAX)
		return fl_fail(e, FL_EDATA, "%zu tensors, limit %u", s->nt, FL_ST_TENSORS_MAX);
	fl_tset_sort(s);
	fl_str_addn(out, "\0\0\0\0\0\0\0\0", 8);
	fl_str_addc(out, '{');
	if (s->nkv && put_metadata(out, s, e))
		return -1;
	for (i = 0; i < s->nt; i++) {
		if (i || s->nkv)
			fl_str_addc(out, ',');
		if (put_tensor(out, &s->t[i], &at, e))
			return -1;
	}
	fl_str_addc(out, '}');
	return put_length(out, start, e);
}

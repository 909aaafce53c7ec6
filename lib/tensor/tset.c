/* Named tensors and metadata: one arena, an index sorted by name. */
#include "tensor/tset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

void fl_tset_release(struct fl_tset *s)
{
	free(s->t);
	free(s->byname);
	free(s->kv);
	fl_arena_release(&s->arena);
	*s = (struct fl_tset){ .t = NULL };
}

/* Position in byname of the first name that is not below name. */
static size_t lower_bound(const struct fl_tset *s, const char *name)
{
	size_t lo = 0, hi = s->nt;

	/* Tensors mostly come in ascending order. */
	if (hi && strcmp(s->byname[hi - 1].name, name) < 0)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->byname[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int present(const struct fl_tset *s, size_t pos, const char *name)
{
	return pos < s->nt && !strcmp(s->byname[pos].name, name);
}

const struct fl_tensor *fl_tset_find(const struct fl_tset *s, const char *name)
{
	size_t pos = lower_bound(s, name);

	return present(s, pos, name) ? &s->t[s->byname[pos].i] : NULL;
}

/* Elements and bytes of a shape; the product is formed in order, so that a
 * zero dimension after an overflow does not hide it. */
static int measure(struct fl_tensor *t, const size_t *dim, struct fl_err *e)
{
	unsigned i;

	t->n = 1;
	for (i = 0; i < t->ndim; i++)
		if (fl_mul(t->n, dim[i], &t->n))
			return fl_fail(e, FL_EDATA, "tensor '%s': shape is too large", t->name);
	if (fl_dtype_bytes(t->dtype, t->n, &t->bytes))
		return fl_fail(e, FL_EDATA, "tensor '%s': shape is too large, or its elements of %s end "
		               "within a byte", t->name, fl_dtype_name(t->dtype));
	return 0;
}

struct fl_tensor *fl_tset_add_bare(struct fl_tset *s, const char *name, enum fl_dtype dtype,
                                   unsigned ndim, const size_t *dim, struct fl_err *e)
{
	struct fl_tensor t = { .name = name, .dtype = dtype, .ndim = ndim };
	size_t pos = lower_bound(s, name), dims = ndim * sizeof *dim;
	char *room;

	if (present(s, pos, name)) {
		fl_fail(e, FL_EDATA, "tensor '%s' occurs twice", name);
		return NULL;
	}
	if (measure(&t, dim, e) ||
	    fl_grow(&s->t, &s->tcap, s->nt + 1, sizeof *s->t, e) ||
	    fl_grow(&s->byname, &s->namecap, s->nt + 1, sizeof *s->byname, e) ||
	    !(room = fl_arena_get(&s->arena, dims + strlen(name) + 1, 1, e)))
		return NULL;
	if (dims)
		memcpy(room, dim, dims);
	t.dim = (const size_t *)(void *)room;
	t.name = strcpy(room + dims, name);
	memmove(s->byname + pos + 1, s->byname + pos, (s->nt - pos) * sizeof *s->byname);
	s->byname[pos] = (struct fl_name){ t.name, s->nt };
	s->t[s->nt] = t;
	return &s->t[s->nt++];
}

struct fl_tensor *fl_tset_add(struct fl_tset *s, const char *name, enum fl_dtype dtype,
                              unsigned ndim, const size_t *dim, void *data, struct fl_err *e)
{
	struct fl_tensor t = { .name = name, .dtype = dtype, .ndim = ndim }, *added;

	/* Room first: a tensor is never left without its data. */
	if (measure(&t, dim, e))
		return NULL;
	if (!data && t.bytes && !(data = fl_arena_zero(&s->arena, t.bytes, 1, e)))
		return NULL;
	if ((added = fl_tset_add_bare(s, name, dtype, ndim, dim, e)) && t.bytes)
		added->data = data;
	return added;
}

struct fl_tensor *fl_tset_copy(struct fl_tset *s, const char *name, const struct fl_tensor *t,
                               struct fl_err *e)
{
	void *data = t->bytes ? fl_arena_get(&s->arena, t->bytes, 1, e) : NULL;

	if (t->bytes && !data)
		return NULL;
	if (data)
		memcpy(data, t->data, t->bytes);
	return fl_tset_add(s, name ? name : t->name, t->dtype, t->ndim, t->dim, data, e);
}

static int cmp_format(const void *va, const void *vb)
{
	const struct fl_tensor *a = va, *b = vb;

	if (a->dtype != b->dtype)
		return a->dtype < b->dtype ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int cmp_name(const void *a, const void *b)
{
	return strcmp(((const struct fl_name *)a)->name, ((const struct fl_name *)b)->name);
}

void fl_tset_sort(struct fl_tset *s)
{
	size_t i;

	for (i = 1; i < s->nt && cmp_format(&s->t[i - 1], &s->t[i]) < 0; i++)
		;
	if (i >= s->nt)
		return;
	qsort(s->t, s->nt, sizeof *s->t, cmp_format);
	for (i = 0; i < s->nt; i++)
		s->byname[i] = (struct fl_name){ s->t[i].name, i };
	qsort(s->byname, s->nt, sizeof *s->byname, cmp_name);
}

int fl_tensor_is_extra(const struct fl_tensor *t)
{
	return t->name[0] == '@';
}

int fl_tensor_same_shape(const struct fl_tensor *a, const struct fl_tensor *b)
{
	unsigned i;

	if (a->ndim != b->ndim)
		return 0;
	for (i = 0; i < a->ndim; i++)
		if (a->dim[i] != b->dim[i])
			return 0;
	return 1;
}

char *fl_tensor_shape_str(const struct fl_tensor *t, char *buf, size_t n)
{
	size_t len = 0;
	unsigned i;

	if (!t->ndim)
		snprintf(buf, n, "scalar");
	for (i = 0; i < t->ndim && len < n; i++)
		len += (size_t)snprintf(buf + len, n - len, "%s%zu", i ? "x" : "", t->dim[i]);
	return buf;
}

int fl_tset_clone(struct fl_tset *dst, const struct fl_tset *src, struct fl_err *e)
{
	size_t i;

	*dst = (struct fl_tset){ .t = NULL };
	for (i = 0; i < src->nt; i++)
		if (!fl_tset_copy(dst, NULL, &src->t[i], e))
			goto fail;
	for (i = 0; i < src->nkv; i++)
		if (fl_meta_set(dst, src->kv[i].key, src->kv[i].val, e))
			goto fail;
	return 0;
fail:
	fl_tset_release(dst);
	return -1;
}

/* Position in kv of the first key that is not below key. */
static size_t meta_bound(const struct fl_tset *s, const char *key)
{
	size_t lo = 0, hi = s->nkv;

	if (hi && strcmp(s->kv[hi - 1].key, key) < 0)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->kv[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int meta_present(const struct fl_tset *s, size_t pos, const char *key)
{
	return pos < s->nkv && !strcmp(s->kv[pos].key, key);
}

static void meta_remove(struct fl_tset *s, size_t pos)
{
	s->nkv--;
	memmove(s->kv + pos, s->kv + pos + 1, (s->nkv - pos) * sizeof *s->kv);
}

int fl_meta_set(struct fl_tset *s, const char *key, const char *val, struct fl_err *e)
{
	size_t pos = meta_bound(s, key);
	int there = meta_present(s, pos, key);
	const char *v, *k;

	if (!val) {
		if (there)
			meta_remove(s, pos);
		return 0;
	}
	if (!(v = fl_arena_str(&s->arena, val, e)))
		return -1;
	if (there) {
		s->kv[pos].val = v;
		return 0;
	}
	if (fl_grow(&s->kv, &s->kvcap, s->nkv + 1, sizeof *s->kv, e) ||
	    !(k = fl_arena_str(&s->arena, key, e)))
		return -1;
	memmove(s->kv + pos + 1, s->kv + pos, (s->nkv - pos) * sizeof *s->kv);
	s->kv[pos] = (struct fl_kv){ k, v };
	s->nkv++;
	return 0;
}

const char *fl_meta_get(const struct fl_tset *s, const char *key)
{
	size_t pos = meta_bound(s, key);

	return meta_present(s, pos, key) ? s->kv[pos].val : NULL;
}

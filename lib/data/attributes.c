/* Attributes of rows as bits. */
#include "data/attributes.h"

#include "base/num.h"

/* Row k of the tensor as bits; the number of the first that is neither 0 nor 1, or n. */
static size_t row_bits(const struct fl_tensor *t, size_t k, size_t n, uint64_t *bits)
{
	size_t size = fl_dtype_size(t->dtype);

	for (size_t i = 0; i < n; i++) {
		double v;

		fl_dtype_to_f64(t->dtype, (const char *)t->data + (k * n + i) * size, &v, 1);
		if (v > 0 && v <= 1 && v >= 1)
			bits[i / 64] |= (uint64_t)1 << i % 64;
		else if (!(v <= 0 && v >= 0))
			return i;
	}
	return n;
}

static int take_part(struct fl_attributes *a, const struct fl_embed *m, struct fl_err *e)
{
	const struct fl_tensor *t = fl_embed_beside(m, "attributes");
	char shape[256];

	if (!t)
		return fl_fail(e, FL_EDATA, "%s: no attributes beside the rows", m->name);
	if (!fl_dtype_is_number(t->dtype))
		return fl_fail(e, FL_EDATA, "%s: '%s' is %s, which is not computed with", m->name, t->name,
		               fl_dtype_name(t->dtype));
	if (t->ndim != 2 || t->dim[0] != m->N || t->dim[1] != a->n)
		return fl_fail(e, FL_EDATA, "%s: '%s' is %s, want %zux%zu", m->name, t->name,
		               fl_tensor_shape_str(t, shape, sizeof shape), m->N, a->n);
	for (size_t k = 0; k < m->N; k++) {
		size_t at = row_bits(t, k, a->n, a->bits + (m->first + k) * a->words);

		if (at < a->n)
			return fl_fail(e, FL_EDATA, "%s: row %zu: attribute %zu is neither 0 nor 1", m->name, k,
			               at);
	}
	return 0;
}

int fl_attributes_open(struct fl_attributes *a, const struct fl_embeds *m, struct fl_err *e)
{
	const struct fl_tensor *t = fl_embed_beside(&m->part[0], "attributes");
	size_t room;

	*a = (struct fl_attributes){ .n = t && t->ndim == 2 ? t->dim[1] : 0 };
	a->words = (a->n + 63) / 64;
	if (fl_mul(m->N, a->words, &room))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(a->bits = fl_arena_zero(&a->arena, room, sizeof *a->bits, e)))
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (take_part(a, &m->part[i], e))
			return -1;
	return 0;
}

void fl_attributes_release(struct fl_attributes *a)
{
	fl_arena_release(&a->arena);
	*a = (struct fl_attributes){ .n = 0 };
}

unsigned fl_attributes_differ(const struct fl_attributes *a, size_t i, const struct fl_attributes *b,
                              size_t k, unsigned most)
{
	const uint64_t *x = a->bits + i * a->words, *y = b->bits + k * b->words;
	unsigned n = 0;

	for (size_t w = 0; w < a->words && n <= most; w++)
		n += (unsigned)__builtin_popcountll(x[w] ^ y[w]);
	return n;
}

int fl_attributes_none(const struct fl_attributes *a, size_t i)
{
	for (size_t w = 0; w < a->words; w++)
		if (a->bits[i * a->words + w])
			return 0;
	return 1;
}

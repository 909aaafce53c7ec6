/* Data of pairs: rows of texts and of images, and which go together. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "data/data.h"
#include "data/source.h"

static int take_side(const struct fl_data *d, const char *name, const struct fl_tensor **t,
                     struct fl_err *e)
{
	char shape[256];

	if (!(*t = fl_tset_find(&d->rec, name)))
		return fl_fail(e, FL_EDATA, "tensor '%s' is missing beside 'pairs'", name);
	if (!fl_dtype_is_float((*t)->dtype) || (*t)->ndim != 2 || !(*t)->n ||
	    (*t)->dim[0] >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s %s, must be rows of floats", name,
		               fl_dtype_name((*t)->dtype), fl_tensor_shape_str(*t, shape, sizeof shape));
	return 0;
}

static const unsigned char *row_at(const struct fl_tensor *t, size_t row)
{
	return (const unsigned char *)t->data + row * t->dim[1] * fl_dtype_size(t->dtype);
}

/* Rows that are not paired are nobody's business. */
static int check_row(const struct fl_tensor *t, size_t row, struct fl_err *e)
{
	size_t n = t->dim[1], bytes = n * fl_dtype_size(t->dtype), i = 0;
	const unsigned char *p = row_at(t, row);

	if (fl_dtype_nonfinite(t->dtype, p, n) < n)
		return fl_fail(e, FL_EDATA, "tensor '%s' row %zu is not finite", t->name, row);
	while (i < n) {
		double v;

		fl_dtype_to_f64(t->dtype, p + i * (bytes / n), &v, 1);
		if (v != 0)
			return 0;
		i++;
	}
	return fl_fail(e, FL_EDATA, "tensor '%s' row %zu is all zeros, which has no direction", t->name,
	               row);
}

static int take_row(const struct fl_tensor *pairs, size_t i, size_t column,
                    const struct fl_tensor *t, unsigned char *seen, uint32_t *row,
                    struct fl_err *e)
{
	size_t size = fl_dtype_size(pairs->dtype);
	double v;

	fl_dtype_to_f64(pairs->dtype, (const unsigned char *)pairs->data + (2 * i + column) * size, &v,
	                1);
	if (!(v >= 0 && v < (double)t->dim[0]))
		return fl_fail(e, FL_EDATA, "pairs[%zu]: %s row %.0f, there are %zu", i, t->name, v,
		               t->dim[0]);
	*row = (uint32_t)v;
	if (seen[*row]++)
		return 0;
	seen[*row] = 1;
	return check_row(t, *row, e);
}

static int take_rows(struct fl_data *d, const struct fl_tensor *pairs, struct fl_err *e)
{
	struct fl_data_pair *p = fl_arena_get(&d->arena, d->N, sizeof *p, e);
	unsigned char *text = fl_arena_zero(&d->arena, d->text->dim[0], 1, e);
	unsigned char *image = fl_arena_zero(&d->arena, d->image->dim[0], 1, e);

	if (!p || !text || !image)
		return -1;
	for (size_t i = 0; i < d->N; i++)
		if (take_row(pairs, i, 0, d->text, text, &p[i].text, e) ||
		    take_row(pairs, i, 1, d->image, image, &p[i].image, e))
			return -1;
	d->pair = p;
	return 0;
}

int fl_data_take_pairs(struct fl_data *d, struct fl_err *e)
{
	const struct fl_tensor *pairs = fl_tset_find(&d->rec, "pairs");
	char shape[256];

	if (take_side(d, "text", &d->text, e) || take_side(d, "image", &d->image, e))
		return -1;
	if (d->text->dim[1] != d->image->dim[1])
		return fl_fail(e, FL_EDATA, "texts are rows of %zu values, images of %zu: not of one space",
		               d->text->dim[1], d->image->dim[1]);
	if (!fl_dtype_is_integer(pairs->dtype) || pairs->ndim != 2 ||
	    pairs->dim[1] != 2 || !pairs->n || pairs->dim[0] >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor 'pairs' is %s %s, must be (P,2) integers: text row, "
		               "image row", fl_dtype_name(pairs->dtype),
		               fl_tensor_shape_str(pairs, shape, sizeof shape));
	d->N = pairs->dim[0];
	d->d = d->text->dim[1] + d->image->dim[1];
	if ((d->labels = fl_tset_find(&d->rec, "y")) &&
	    (!fl_dtype_is_integer(d->labels->dtype) ||
	     d->labels->ndim != 1 || d->labels->n != d->N))
		return fl_fail(e, FL_EDATA, "tensor 'y' must hold %zu integers, one a pair", d->N);
	return take_rows(d, pairs, e);
}

void fl_data_pair_rows(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                       float *out)
{
	size_t dt = d->text->dim[1], di = d->image->dim[1];

	for (size_t i = 0; i < n; i++, out += dt + di) {
		struct fl_data_pair p = d->pair[idx ? idx[i] : i0 + i];

		fl_dtype_to_f32(d->text->dtype, row_at(d->text, p.text), out, dt);
		fl_dtype_to_f32(d->image->dtype, row_at(d->image, p.image), out + dt, di);
	}
}

/* Rows of t that are in use (new[row] != 0 beforehand), in their order, as a tensor of
 * out; new[row] becomes their place there. */
static int pack(const struct fl_tensor *t, uint32_t *new, struct fl_tset *out, struct fl_err *e)
{
	size_t dim[2] = { 0, t->dim[1] }, size = dim[1] * fl_dtype_size(t->dtype);
	struct fl_tensor *to;

	for (size_t i = 0; i < t->dim[0]; i++)
		dim[0] += new[i];
	if (!(to = fl_tset_add(out, t->name, t->dtype, 2, dim, NULL, e)))
		return -1;
	dim[0] = 0;
	for (size_t i = 0; i < t->dim[0]; i++)
		if (new[i]) {
			memcpy((unsigned char *)to->data + dim[0] * size, row_at(t, i), size);
			new[i] = (uint32_t)dim[0]++;
		}
	return 0;
}

int fl_data_pair_subset(const struct fl_data *d, const uint32_t *idx, size_t n,
                        struct fl_tset *out, struct fl_err *e)
{
	uint32_t *text = fl_arena_zero(&out->arena, d->text->dim[0], sizeof *text, e);
	uint32_t *image = fl_arena_zero(&out->arena, d->image->dim[0], sizeof *image, e);
	size_t dim[2] = { n, 2 };
	struct fl_tensor *t;

	if (!text || !image)
		return -1;
	for (size_t i = 0; i < n; i++) {
		text[d->pair[idx[i]].text] = 1;
		image[d->pair[idx[i]].image] = 1;
	}
	if (pack(d->text, text, out, e) || pack(d->image, image, out, e) ||
	    !(t = fl_tset_add(out, "pairs", FL_I64, 2, dim, NULL, e)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		((int64_t *)t->data)[2 * i] = text[d->pair[idx[i]].text];
		((int64_t *)t->data)[2 * i + 1] = image[d->pair[idx[i]].image];
	}
	return 0;
}

/* Data of parts: rows of several things, and which of them an example consists of. Texts
 * and images with pairs are the case of two, of which no example lacks one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/data.h"
#include "data/source.h"
#include "nn/parts.h"
#include "tensor/st.h"

#define PREFIX "x."
#define LACKS FL_DATA_LACKS

/* --- what there is --- */

static int take_side(struct fl_data *d, const char *name, struct fl_data_part *p, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(&d->rec, name);
	char shape[256];

	if (!t)
		return fl_fail(e, FL_EDATA, "tensor '%s' is missing beside 'pairs'", name);
	if (!fl_dtype_is_float(t->dtype) || t->ndim != 2 || !t->n || t->dim[0] >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s %s, must be rows of floats", name,
		               fl_dtype_name(t->dtype), fl_tensor_shape_str(t, shape, sizeof shape));
	*p = (struct fl_data_part){ .name = name, .t = t, .d = t->dim[1] };
	return 0;
}

/* A part that no example has may be without rows: it says how wide the part is. */
static int take_part(const struct fl_tensor *t, struct fl_data_part *p, struct fl_err *e)
{
	char shape[256];
	size_t d = 1;
	int wide = t->ndim > 1;

	for (unsigned i = 1; i < t->ndim; i++)
		if (!t->dim[i] || fl_mul(d, t->dim[i], &d))
			wide = 0;
	if (!fl_dtype_is_float(t->dtype) || !wide || d > FL_NET_MAX || t->dim[0] >= UINT32_MAX)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s %s, must be rows of floats", t->name,
		               fl_dtype_name(t->dtype), fl_tensor_shape_str(t, shape, sizeof shape));
	*p = (struct fl_data_part){ .name = t->name + strlen(PREFIX), .t = t, .d = d };
	if (!fl_part_is_name(p->name))
		return fl_fail(e, FL_EDATA, "tensor '%s': the name of a part is 1 to %d letters, digits, '_', "
		               "'-' and '.'", t->name, FL_PART_NAME);
	return 0;
}

static int by_order(const void *a, const void *b)
{
	const struct fl_data_part *p = a, *q = b;

	return fl_part_order(p->name, q->name);
}

/* Tensors x.NAME. */
static int find_parts(struct fl_data *d, struct fl_err *e)
{
	struct fl_data_part *p = fl_arena_get(&d->arena, d->rec.nt, sizeof *p, e);

	if (!p)
		return -1;
	for (size_t i = 0; i < d->rec.nt; i++)
		if (!strncmp(d->rec.t[i].name, PREFIX, strlen(PREFIX)) &&
		    take_part(&d->rec.t[i], &p[d->M++], e))
			return -1;
	if (!d->M || d->M > FL_PARTS_MAX)
		return fl_fail(e, FL_EDATA, "tensor 'part' wants 1 to %d tensors " PREFIX "NAME beside it, there "
		               "are %zu", FL_PARTS_MAX, d->M);
	qsort(p, d->M, sizeof *p, by_order);
	d->part = p;
	return 0;
}

static int find_sides(struct fl_data *d, struct fl_err *e)
{
	struct fl_data_part *p = fl_arena_get(&d->arena, 2, sizeof *p, e);

	d->part = p;
	d->M = 2;
	return p ? take_side(d, "text", &p[0], e) || take_side(d, "image", &p[1], e) ? -1 : 0 : -1;
}

/* --- which rows --- */

static const unsigned char *row_at(const struct fl_data_part *p, size_t row)
{
	return (const unsigned char *)p->t->data + row * p->d * fl_dtype_size(p->t->dtype);
}

/* Rows that no example has are nobody's business. Embeddings of pairs are compared by
 * their directions. */
static int check_row(const struct fl_data_part *p, size_t row, int direction, struct fl_err *e)
{
	size_t bytes = p->d * fl_dtype_size(p->t->dtype), i = 0;
	const unsigned char *from = row_at(p, row);

	if (fl_dtype_nonfinite(p->t->dtype, from, p->d) < p->d)
		return fl_fail(e, FL_EDATA, "tensor '%s' row %zu is not finite", p->t->name, row);
	while (direction && i < p->d) {
		double v;

		fl_dtype_to_f64(p->t->dtype, from + i * (bytes / p->d), &v, 1);
		if (v != 0)
			return 0;
		i++;
	}
	return direction ? fl_fail(e, FL_EDATA, "tensor '%s' row %zu is all zeros, which has no direction",
	                           p->t->name, row) : 0;
}

/* The rows of example i, of a table (N,M) of integers. */
static int take_row(struct fl_data *d, const struct fl_tensor *table, size_t i, int pairs,
                    unsigned char *const *seen, struct fl_err *e)
{
	size_t size = fl_dtype_size(table->dtype), lacks = 0;

	for (size_t m = 0; m < d->M; m++) {
		const struct fl_data_part *p = &d->part[m];
		uint32_t *row = &d->part_row[i * d->M + m];
		double v;

		fl_dtype_to_f64(table->dtype, (const unsigned char *)table->data + (i * d->M + m) * size, &v, 1);
		if (!(v >= 0 && v < (double)p->t->dim[0]) && (pairs || v != -1))
			return fl_fail(e, FL_EDATA, "%s[%zu]: %s row %.0f, there are %zu", table->name, i, p->name, v,
			               p->t->dim[0]);
		*row = v < 0 ? LACKS : (uint32_t)v;
		lacks += *row == LACKS;
		if (*row == LACKS || seen[m][*row])
			continue;
		seen[m][*row] = 1;
		if (check_row(p, *row, pairs, e))
			return -1;
	}
	d->lacking += lacks > 0;
	return lacks < d->M ? 0 : fl_fail(e, FL_EDATA, "%s[%zu]: an example of no part at all", table->name, i);
}

static int take_rows(struct fl_data *d, const struct fl_tensor *table, int pairs, struct fl_err *e)
{
	unsigned char *seen[FL_PARTS_MAX];
	size_t n;

	if (fl_mul(d->N, d->M, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(d->part_row = fl_arena_get(&d->arena, n, sizeof *d->part_row, e)))
		return -1;
	for (size_t m = 0; m < d->M; m++)
		if (!(seen[m] = fl_arena_zero(&d->arena, d->part[m].t->dim[0] + 1, 1, e)))
			return -1;
	for (size_t i = 0; i < d->N; i++)
		if (take_row(d, table, i, pairs, seen, e))
			return -1;
	return 0;
}

static int check_table(const struct fl_data *d, const struct fl_tensor *t, int pairs, struct fl_err *e)
{
	char shape[256];

	if (fl_dtype_is_integer(t->dtype) && t->ndim == 2 && t->dim[1] == d->M && t->n &&
	    t->dim[0] < UINT32_MAX)
		return 0;
	fl_tensor_shape_str(t, shape, sizeof shape);
	if (pairs)
		return fl_fail(e, FL_EDATA, "tensor 'pairs' is %s %s, must be (P,2) integers: text row, "
		               "image row", fl_dtype_name(t->dtype), shape);
	return fl_fail(e, FL_EDATA, "tensor 'part' is %s %s, must be (N,%zu) integers: an example's row in "
	               "each of %zu parts, or -1", fl_dtype_name(t->dtype), shape, d->M, d->M);
}

int fl_data_take_parts(struct fl_data *d, struct fl_err *e)
{
	const struct fl_tensor *table = fl_tset_find(&d->rec, "part");
	int pairs = !table;

	if (pairs)
		table = fl_tset_find(&d->rec, "pairs");
	if ((pairs ? find_sides(d, e) : find_parts(d, e)) || check_table(d, table, pairs, e))
		return -1;
	d->N = table->dim[0];
	for (size_t m = 0; m < d->M; m++) {
		d->part[m].at = d->d;
		if ((d->d += d->part[m].d) > FL_NET_MAX)
			return fl_fail(e, FL_EDATA, "an example has more than %zu values", FL_NET_MAX);
	}
	if ((d->labels = fl_tset_find(&d->rec, "y")) &&
	    (!fl_dtype_is_integer(d->labels->dtype) || d->labels->ndim != 1 || d->labels->n != d->N))
		return fl_fail(e, FL_EDATA, "tensor 'y' must hold %zu integers, one %s", d->N,
		               pairs ? "a pair" : "an example");
	return take_rows(d, table, pairs, e);
}

int64_t fl_data_part_group(const struct fl_data *d, size_t i)
{
	uint32_t row = d->part_row[i * d->M + 1];

	return row == LACKS ? -1 - (int64_t)i : (int64_t)row;
}

int fl_data_is_pairs(const struct fl_data *d)
{
	return d->M == 2 && !strcmp(d->part[0].name, "text") && !strcmp(d->part[1].name, "image");
}

/* --- what becomes of them --- */

void fl_data_part_rows(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                       float *out)
{
	for (size_t i = 0; i < n; i++, out += d->d) {
		const uint32_t *row = d->part_row + (idx ? idx[i] : i0 + i) * d->M;

		for (size_t m = 0; m < d->M; m++) {
			const struct fl_data_part *p = &d->part[m];

			if (row[m] != LACKS)
				fl_dtype_to_f32(p->t->dtype, row_at(p, row[m]), out + p->at, p->d);
			for (size_t k = 0; row[m] == LACKS && k < p->d; k++)
				out[p->at + k] = NAN;
		}
	}
}

/* Rows of part m that are in use (new[row] != 0 beforehand), in their order, as a tensor of
 * out; new[row] becomes their place there. */
static int pack(const struct fl_data_part *p, uint32_t *new, struct fl_tset *out, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX], size = p->d * fl_dtype_size(p->t->dtype), rows = p->t->dim[0];
	struct fl_tensor *to;

	memcpy(dim, p->t->dim, p->t->ndim * sizeof *dim);
	dim[0] = 0;
	for (size_t i = 0; i < rows; i++)
		dim[0] += new[i];
	if (!(to = fl_tset_add(out, p->t->name, p->t->dtype, p->t->ndim, dim, NULL, e)))
		return -1;
	dim[0] = 0;
	for (size_t i = 0; i < rows; i++)
		if (new[i]) {
			memcpy((unsigned char *)to->data + dim[0] * size, row_at(p, i), size);
			new[i] = (uint32_t)dim[0]++;
		}
	return 0;
}

int fl_data_part_subset(const struct fl_data *d, const uint32_t *idx, size_t n,
                        struct fl_tset *out, struct fl_err *e)
{
	const char *table = fl_tset_find(&d->rec, "part") ? "part" : "pairs";
	size_t dim[2] = { n, d->M };
	uint32_t *new[FL_PARTS_MAX];
	struct fl_tensor *t;

	for (size_t m = 0; m < d->M; m++) {
		if (!(new[m] = fl_arena_zero(&out->arena, d->part[m].t->dim[0] + 1, sizeof **new, e)))
			return -1;
		for (size_t i = 0; i < n; i++)
			if (d->part_row[idx[i] * d->M + m] != LACKS)
				new[m][d->part_row[idx[i] * d->M + m]] = 1;
		if (pack(&d->part[m], new[m], out, e))
			return -1;
	}
	if (!(t = fl_tset_add(out, table, FL_I64, 2, dim, NULL, e)))
		return -1;
	for (size_t i = 0; i < n * d->M; i++) {
		uint32_t row = d->part_row[idx[i / d->M] * d->M + i % d->M];

		((int64_t *)t->data)[i] = row == LACKS ? -1 : (int64_t)new[i % d->M][row];
	}
	return 0;
}

int fl_data_trim(struct fl_tset *rec, const char *name, struct fl_err *e)
{
	struct fl_tset out = { .t = NULL };
	struct fl_data d;
	uint32_t *all;
	int rc = -1;

	if (fl_data_take(&d, rec, NULL, name, e))
		return -1;
	if ((all = fl_alloc(d.N, sizeof *all, e))) {
		for (size_t i = 0; i < d.N; i++)
			all[i] = (uint32_t)i;
		rc = fl_data_subset(&d, all, d.N, d.client, &out, e);
	}
	free(all);
	fl_data_release(&d);
	*rec = out;
	return rc;
}

/* --- what a net takes --- */

/* "text (512), image (3x32x32)" of a net's parts. */
static void list_net(const struct fl_net *net, struct fl_str *out)
{
	char shape[256];

	for (size_t i = 0; i < net->npart; i++)
		fl_str_addf(out, "%s%s (%s)", i ? ", " : "", net->part[i].name,
		            fl_shape_str(&net->part[i].shape, shape, sizeof shape));
}

static void list_data(const struct fl_data *d, struct fl_str *out)
{
	char shape[256];

	for (size_t m = 0; m < d->M; m++) {
		struct fl_tensor one = *d->part[m].t;

		one.ndim--;
		one.dim++;
		fl_str_addf(out, "%s%s (%s)", m ? ", " : "", d->part[m].name,
		            fl_tensor_shape_str(&one, shape, sizeof shape));
	}
}

static int same_part(const struct fl_data_part *p, const struct fl_net_part *q)
{
	unsigned n = p->t->ndim - 1;

	if (strcmp(p->name, q->name) || p->d != q->n)
		return 0;
	return n != q->shape.ndim || !memcmp(p->t->dim + 1, q->shape.d, n * sizeof *q->shape.d);
}

static int other_parts(const struct fl_data *d, const struct fl_net *net, struct fl_err *e)
{
	struct fl_str have = FL_STR_INIT, want = FL_STR_INIT;
	int rc;

	list_data(d, &have);
	list_net(net, &want);
	rc = fl_str_check(&have, e) || fl_str_check(&want, e) ? -1 :
	     fl_fail(e, FL_EDATA, "%s: examples have %s%s, the model takes parts %s", d->name,
	             d->M ? "parts " : "no parts but 'x'", fl_str_c(&have), fl_str_c(&want));
	fl_str_release(&have);
	fl_str_release(&want);
	return rc;
}

static int compares_sides(const struct fl_net *net)
{
	return fl_loss_compares((const struct fl_loss_entry *)net->loss.entry);
}

/* The first example that lacks a part. */
static int missing_part(const struct fl_data *d, const struct fl_net *net, struct fl_err *e)
{
	size_t i = 0;

	while (d->part_row[i] != LACKS)
		i++;
	if (compares_sides(net))
		return fl_fail(e, FL_EDATA, "%s: example %zu lacks part '%s', as %zu of %zu lack some; loss %s compares "
		               "both", d->name, i / d->M, d->part[i % d->M].name, d->lacking, d->N, net->loss.entry->name);
	return fl_fail(e, FL_EDATA, "%s: example %zu lacks part '%s', as %zu of %zu lack some; the model takes "
	               "all as one: \"parts\" of an architecture and its layers part, impute and fuse can do "
	               "without", d->name, i / d->M, d->part[i % d->M].name, d->lacking, d->N);
}

int fl_data_fits_parts(const struct fl_data *d, const struct fl_net *net, struct fl_err *e)
{
	if (d->lacking && (!net->npart || compares_sides(net)))
		return missing_part(d, net, e);
	if (!net->npart)
		return 0;
	if (d->M != net->npart)
		return other_parts(d, net, e);
	for (size_t m = 0; m < d->M; m++)
		if (!same_part(&d->part[m], &net->part[m]))
			return other_parts(d, net, e);
	return 0;
}

/* The first example that lacks a part which the tap compares; N: none does. */
static size_t first_partial(const struct fl_data *d, const struct fl_net *net, size_t tap,
                            unsigned char *room)
{
	unsigned char *has = room + 2 * net->nlayer;
	size_t i = 0;

	for (; i < d->N; i++) {
		for (size_t m = 0; m < d->M; m++)
			has[m] = d->part_row[i * d->M + m] != LACKS;
		if (!fl_net_tap_whole(net, tap, has, room))
			break;
	}
	return i;
}

int fl_data_fits_tap(const struct fl_data *d, const struct fl_net *net, size_t tap,
                     struct fl_err *e)
{
	unsigned char *room;
	size_t bad = d->N, t = tap < net->ntap ? tap : 0, end = tap < net->ntap ? tap + 1 : net->ntap;

	if (!d->lacking || !net->npart || !net->ntap)
		return 0;
	if (!(room = fl_alloc(2 * net->nlayer + d->M, 1, e)))
		return -1;
	for (; t < end; t++)
		if (fl_net_tap_compares(net, t) && (tap < net->ntap || net->tap[t].weight > 0) &&
		    (bad = first_partial(d, net, t, room)) < d->N)
			break;
	free(room);
	return bad == d->N ? 0 :
	       fl_fail(e, FL_EDATA, "%s: example %zu lacks a part which loss %s of tap '%s' compares; "
	               "leave such examples out, or train and measure without that loss", d->name, bad,
	               net->tap[t].loss.entry->name, net->tap[t].name);
}

/* Blocks of tensors as fl.slice writes them. */
#include "tensor/slice.h"

#include <string.h>

json_t *fl_slice_load(const char *text, struct fl_err *e)
{
	json_t *slices = fl_json_load(text, strlen(text), e);

	if (!slices || json_is_object(slices))
		return slices;
	json_decref(slices);
	fl_fail(e, FL_EDATA, "not a JSON object of ranges");
	return NULL;
}

/* Adds [from, to) to the n that are in at, which has room for m; *n counts all. */
static int add_range(const json_t *range, size_t whole, size_t m, size_t *at, size_t *n)
{
	json_int_t a, b;

	if (json_unpack_ex((json_t *)range, NULL, JSON_STRICT, "[I,I]", &a, &b) || a < 0 || b <= a ||
	    (size_t)b > whole)
		return -1;
	for (json_int_t i = a; i < b; i++, ++*n)
		if (*n < m)
			at[*n] = (size_t)i;
	return *n > whole ? -1 : 0;
}

static int is_twice(const size_t *at, size_t n, unsigned char *seen)
{
	for (size_t i = 0; i < n; i++)
		if (seen[at[i]]++)
			return 1;
	return 0;
}

/* Dimension d: what its ranges name goes to at(m). */
static int read_dim(const json_t *v, unsigned d, size_t whole, size_t m, size_t *at,
                    unsigned char *seen, struct fl_err *e)
{
	int several = json_is_array(json_array_get(v, 0));
	size_t n = 0, i = 0;

	while (i < (several ? json_array_size(v) : 1) &&
	       !add_range(several ? json_array_get(v, i) : v, whole, m, at, &n))
		i++;
	if (i < (several ? json_array_size(v) : 1))
		return fl_fail(e, FL_EDATA, "dimension %u is not [from, to) within %zu%s", d, whole,
		               several ? ", or several" : "");
	if (n != m)
		return fl_fail(e, FL_EDATA, "dimension %u has %zu, its range %zu", d, m, n);
	if (is_twice(at, n, seen))
		return fl_fail(e, FL_EDATA, "dimension %u: its ranges overlap", d);
	return 0;
}

int fl_block_read(const json_t *ranges, const struct fl_tensor *t, const struct fl_tensor *whole,
                  struct fl_arena *a, struct fl_block *out, struct fl_err *e)
{
	if (!json_is_array(ranges) || json_array_size(ranges) != whole->ndim || t->ndim != whole->ndim)
		return fl_fail(e, FL_EDATA, "not a range for each of %u dimensions", whole->ndim);
	out->ndim = t->ndim;
	for (unsigned d = 0; d < t->ndim; d++) {
		unsigned char *seen = fl_arena_zero(a, whole->dim[d], 1, e);

		out->dim[d] = t->dim[d];
		if (!seen || !(out->at[d] = fl_arena_get(a, t->dim[d], sizeof *out->at[d], e)) ||
		    read_dim(json_array_get(ranges, d), d, whole->dim[d], t->dim[d], out->at[d], seen, e))
			return -1;
	}
	return 0;
}

int fl_block_within(const struct fl_block *b, const struct fl_block *outer, struct fl_arena *a,
                    struct fl_block *out, struct fl_err *e)
{
	*out = *b;
	for (unsigned d = 0; d < b->ndim; d++) {
		if (!(out->at[d] = fl_arena_get(a, b->dim[d], sizeof *out->at[d], e)))
			return -1;
		for (size_t i = 0; i < b->dim[d]; i++)
			out->at[d][i] = outer->at[d][b->at[d][i]];
	}
	return 0;
}

static void print_dim(const size_t *at, size_t n, struct fl_str *out)
{
	struct fl_str ranges = FL_STR_INIT;
	size_t from = 0, count = 0;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && at[i] == at[i - 1] + 1)
			continue;
		fl_str_addf(&ranges, "%s[%zu,%zu]", count++ ? "," : "", at[from], at[i - 1] + 1);
		from = i;
	}
	fl_str_addf(out, count == 1 ? "%s" : "[%s]", fl_str_c(&ranges));
	out->oom |= ranges.oom;
	fl_str_release(&ranges);
}

void fl_block_print(const struct fl_block *b, struct fl_str *out)
{
	fl_str_addc(out, '[');
	for (unsigned d = 0; d < b->ndim; d++) {
		if (d)
			fl_str_addc(out, ',');
		print_dim(b->at[d], b->dim[d], out);
	}
	fl_str_addc(out, ']');
}

const json_t *fl_slice_of_extra(const json_t *slices, const char *extra, const char **name)
{
	const json_t *ranges = NULL;

	*name = extra;
	for (int i = 0; i < 2 && !ranges && (*name = strchr(*name, '/')); i++)
		ranges = json_object_get(slices, ++*name);
	return ranges;
}

/* st-check: is a stream what the format and the contract say? */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/tool.h"
#include "data/names.h"
#include "fed/fed.h"
#include "fed/mask.h"
#include "tensor/running.h"
#include "nn/parts.h"
#include "tensor/stream.h"

struct opts {
	int plain, nonfinite, allow_empty;
	int64_t expect, threads;
};

static const struct fl_opt opts[] = {
	FL_OPT_FLAG(0, "plain", plain, "check the format alone, not kinds, keys and shapes"),
	FL_OPT_FLAG(0, "allow-nonfinite", nonfinite,
	  "accept infinities and values that are not numbers"),
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_END
};

enum type { INT, REAL, BASE, LIST, OBJECT };
#define ON(kind) (1u << FL_KIND_##kind)

/* The keys of fl-stream(5), and the kinds that cannot be without. */
static const struct key {
	const char *name;
	enum type type;
	unsigned need;
} keys[] = {
	{ "fl.client", INT, ON(UPDATE) },
	{ "fl.round", INT, ON(UPDATE) | ON(MODEL) | ON(PARTIAL) | ON(STATE) },
	{ "fl.base", BASE, ON(UPDATE) | ON(PARTIAL) },
	{ "fl.examples", INT, ON(UPDATE) },
	{ "fl.steps", INT, 0 },
	{ "fl.loss0", REAL, 0 },
	{ "fl.loss", REAL, 0 },
	{ "fl.gradnorm", REAL, 0 },
	{ "fl.lr", REAL, 0 },
	{ "fl.opt_kept", INT, 0 },
	{ "fl.seed", INT, 0 },
	{ "fl.classes", INT, 0 },
	{ "fl.labels", LIST, 0 },
	{ "fl.scale", OBJECT, 0 },
	{ "fl.fill", LIST, 0 },
	{ "fl.groups", OBJECT, 0 },
	{ "fl.slice", OBJECT, 0 },
	{ "fl.source_hash", BASE, 0 },
	{ "fl.source_crc", BASE, 0 },
	{ "fl.parent", BASE, 0 },
};

/* A hash, or the CRC-32 of files made before there was one. */
static int check_base(const char *name, const char *text, struct fl_err *e)
{
	return fl_base_is(text) ? 0 :
	       fl_fail(e, FL_EDATA, "%s is '%s', want 64 hex digits", name, text);
}

static int check_json(const char *name, const char *text, json_type want, struct fl_err *e)
{
	json_t *v = fl_json_load(text, strlen(text), e);
	int good = v && json_typeof(v) == want;

	if (!v)
		return fl_fail_in(e, "%s", name);
	json_decref(v);
	return good ? 0 : fl_fail(e, FL_EDATA, "%s is not a JSON %s", name,
	                          want == JSON_ARRAY ? "array" : "object");
}

static int check_key(const struct fl_tset *rec, enum fl_kind kind, const struct key *k,
                     struct fl_err *e)
{
	const char *text = fl_meta_get(rec, k->name);
	int64_t i;
	double x;

	if (!text && k->need & 1u << kind)
		return fl_fail(e, FL_EDATA, "%s is missing, which kind '%s' needs", k->name,
		               fl_kind_name(kind));
	if (!text)
		return 0;
	switch (k->type) {
	case INT:    return fl_meta_i64(rec, k->name, &i, e) < 0 ? -1 : 0;
	case REAL:   return fl_meta_real(rec, k->name, &x, e) < 0 ? -1 : 0;
	case BASE:   return check_base(k->name, text, e);
	case LIST:   return check_json(k->name, text, JSON_ARRAY, e);
	case OBJECT: return check_json(k->name, text, JSON_OBJECT, e);
	}
	return 0;
}

/* Keys of ours mean that the record claims the contract: then fl.v is due. */
static int check_version(const struct fl_tset *rec, struct fl_err *e)
{
	size_t i;

	if (fl_meta_get(rec, "fl.v"))
		return 0;
	for (i = 0; i < rec->nkv; i++)
		if (!strncmp(rec->kv[i].key, "fl.", 3))
			return fl_fail(e, FL_EDATA, "%s is there, but fl.v is missing", rec->kv[i].key);
	return 0;
}

static int is_integer(const struct fl_tensor *t)
{
	return fl_dtype_is_integer(t->dtype);
}

static int misshaped(const struct fl_tensor *t, const char *want, struct fl_err *e)
{
	char shape[64];

	return fl_fail(e, FL_EDATA, "tensor '%s' is %s %s, want %s", t->name, fl_dtype_name(t->dtype),
	               fl_tensor_shape_str(t, shape, sizeof shape), want);
}

/* A column of integers with a row for each of main's, where it is there. */
static int check_column(const struct fl_tset *rec, const char *name, const struct fl_tensor *main_,
                        struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(rec, name);

	if (!t)
		return 0;
	if (t->ndim != 1 || !is_integer(t))
		return misshaped(t, "one dimension of integers", e);
	if (t->n != main_->dim[0])
		return fl_fail(e, FL_EDATA, "tensor '%s' has %zu rows, '%s' has %zu", name, t->n,
		               main_->name, main_->dim[0]);
	return 0;
}

static int check_pairs(const struct fl_tset *rec, const struct fl_tensor *pairs,
                       struct fl_err *e)
{
	static const char *const side[] = { "text", "image" };

	if (pairs->ndim != 2 || pairs->dim[1] != 2 || !is_integer(pairs))
		return misshaped(pairs, "(P,2) integers", e);
	for (size_t i = 0; i < 2; i++) {
		const struct fl_tensor *t = fl_tset_find(rec, side[i]);

		if (!t)
			return fl_fail(e, FL_EDATA, "tensor '%s' is missing beside 'pairs'", side[i]);
		if (t->ndim != 2 || !fl_dtype_is_float(t->dtype))
			return misshaped(t, "rows of floats", e);
	}
	return check_column(rec, "y", pairs, e) || check_column(rec, "id", pairs, e) ? -1 : 0;
}

static int by_order(const void *a, const void *b)
{
	const struct fl_tensor *const *p = a, *const *q = b;

	return fl_part_order((*p)->name + 2, (*q)->name + 2);
}

/* Tensors x.NAME in the order of the columns of `part`: (*M) that the caller frees. */
static const struct fl_tensor **list_parts(const struct fl_tset *rec, size_t *M, struct fl_err *e)
{
	const struct fl_tensor **list = fl_alloc(rec->nt, sizeof *list, e);

	*M = 0;
	for (size_t i = 0; list && i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];

		if (strncmp(t->name, "x.", 2))
			continue;
		list[(*M)++] = t;
		if (t->ndim < 2 || !fl_dtype_is_float(t->dtype)) {
			misshaped(t, "rows of floats", e);
			free(list);
			return NULL;
		}
	}
	if (list)
		qsort(list, *M, sizeof *list, by_order);
	return list;
}

/* Rows of each part, or -1; an example has one part at least. */
static int check_rows(const struct fl_tensor *part, const struct fl_tensor *const *list, size_t M,
                      struct fl_err *e)
{
	size_t size = fl_dtype_size(part->dtype), has = 0;
	double v;

	for (size_t i = 0; i < part->n; i++) {
		const struct fl_tensor *of = list[i % M];

		fl_dtype_to_f64(part->dtype, (const unsigned char *)part->data + i * size, &v, 1);
		if (v < -1)
			return fl_fail(e, FL_EDATA, "tensor 'part': example %zu: row %.0f is neither a row nor -1",
			               i / M, v);
		if (v >= (double)of->dim[0])
			return fl_fail(e, FL_EDATA, "tensor 'part': example %zu: row %.0f, tensor '%s' has %zu", i / M,
			               v, of->name, of->dim[0]);
		has = (i % M ? has : 0) + (v >= 0);
		if (i % M == M - 1 && !has)
			return fl_fail(e, FL_EDATA, "tensor 'part': example %zu has no part at all", i / M);
	}
	return 0;
}

static int check_parts(const struct fl_tset *rec, const struct fl_tensor *part, struct fl_err *e)
{
	size_t M;
	const struct fl_tensor **list = list_parts(rec, &M, e);
	char want[64];
	int rc;

	if (!list)
		return -1;
	snprintf(want, sizeof want, "(N,%zu) integers", M);
	if (!M)
		rc = fl_fail(e, FL_EDATA, "tensor 'part' is there, but no tensor x.NAME");
	else if (part->ndim != 2 || part->dim[1] != M || !is_integer(part))
		rc = misshaped(part, want, e);
	else
		rc = check_rows(part, list, M, e) || check_column(rec, "y", part, e) ||
		     check_column(rec, "id", part, e) ? -1 : 0;
	free(list);
	return rc;
}

static int check_data(const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *part = fl_tset_find(rec, "part");
	const struct fl_tensor *x = fl_tset_find(rec, "x"), *index = fl_tset_find(rec, "index");
	const struct fl_tensor *pairs = fl_tset_find(rec, "pairs");

	if (index && (index->dtype != FL_I64 || index->ndim != 1))
		return misshaped(index, "I64 of one dimension", e);
	if (index && (!fl_meta_get(rec, "fl.source") ||
	              (!fl_meta_get(rec, "fl.source_hash") && !fl_meta_get(rec, "fl.source_crc"))))
		return fl_fail(e, FL_EDATA, "tensor 'index' is there, but fl.source or "
		               "fl.source_hash is missing");
	if (!x)
		return part ? check_parts(rec, part, e) : pairs ? check_pairs(rec, pairs, e) : 0;
	if (!x->ndim || (x->dtype != FL_U8 && x->dtype != FL_F32))
		return misshaped(x, "rows of U8 or F32", e);
	return check_column(rec, "y", x, e) || check_column(rec, "id", x, e) ? -1 : 0;
}

static int check_embed(const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *x = fl_tset_find(rec, "emb");

	if (!x)
		return fl_fail(e, FL_EDATA, "tensor 'emb' is missing, which kind 'embed' needs");
	if (x->ndim != 2 || !fl_dtype_is_float(x->dtype) || x->dtype == FL_F64)
		return misshaped(x, "a matrix of F32, F16 or BF16", e);
	return check_column(rec, "id", x, e) || check_column(rec, "label", x, e) ? -1 : 0;
}

/* What an encoded update holds, others know. */
static int check_masks(const struct fl_tset *rec, struct fl_err *e)
{
	for (size_t i = 0; i < rec->nt && !fl_meta_get(rec, "fl.enc"); i++) {
		const char *name = rec->t[i].name;

		if (fl_mask_is(name) &&
		    fl_mask_check(&rec->t[i], fl_tset_find(rec, name + strlen(FL_MASK)), e))
			return -1;
	}
	return 0;
}

static int check_names(const struct fl_tset *rec, struct fl_err *e)
{
	struct fl_names names;
	int rc = fl_names_of(&names, rec, e);

	fl_names_release(&names);
	return rc < 0 ? -1 : 0;
}

static int check_contract(const struct fl_tset *rec, struct fl_err *e)
{
	enum fl_kind kind;
	size_t i;

	if (check_version(rec, e) || fl_meta_kind(rec, &kind, e))
		return -1;
	for (i = 0; i < sizeof keys / sizeof *keys; i++)
		if (check_key(rec, kind, &keys[i], e))
			return -1;
	if (check_names(rec, e))
		return -1;
	if (kind == FL_KIND_DATA)
		return check_data(rec, e);
	if (kind == FL_KIND_UPDATE)
		return check_masks(rec, e);
	return kind == FL_KIND_EMBED ? check_embed(rec, e) : 0;
}

static int check_truths(const struct fl_tset *rec, struct fl_err *e)
{
	for (size_t i = 0; i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];
		const unsigned char *v = t->data;

		for (size_t k = 0; t->dtype == FL_BOOL && k < t->n; k++)
			if (v[k] > 1)
				return fl_fail(e, FL_EDATA, "tensor '%s': element %zu of %zu is %d, a BOOL is 0 or 1",
				               t->name, k, t->n, v[k]);
	}
	return 0;
}

/* The first value that is not finite, n if all are; lacks: NaN is a value that is missing. */
static size_t find_bad(const struct fl_tensor *t, int lacks)
{
	const float *v = t->data;
	size_t i = 0;

	if (!lacks || t->dtype != FL_F32)
		return fl_dtype_nonfinite(t->dtype, t->data, t->n);
	while (i < t->n && !isinf(v[i]))
		i++;
	return i;
}

static int check_values(const struct fl_tset *rec, struct fl_err *e)
{
	int fill = fl_meta_get(rec, "fl.fill") != NULL;
	size_t i, at;

	for (i = 0; i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];

		if ((at = find_bad(t, fill && !strcmp(t->name, "x"))) < t->n)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu of %zu is not finite",
			               t->name, at, t->n);
	}
	return 0;
}

/* A model's, or what a client keeps of one: in updates these are differences. */
static int check_variances(const struct fl_tset *rec, struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e))
		return -1;
	if (kind != FL_KIND_NONE && kind != FL_KIND_MODEL && kind != FL_KIND_STATE)
		return 0;
	return fl_running_check(rec, "", e) || fl_running_check(rec, FL_PRIVATE, e) ? -1 : 0;
}

static int check(const struct fl_inputs *in, const struct fl_tset *rec, const struct opts *o,
                 struct fl_err *e)
{
	const char *client = fl_meta_get(rec, "fl.client");

	if ((o->plain || !check_contract(rec, e)) && !check_truths(rec, e) &&
	    (o->nonfinite || !check_values(rec, e)) && (o->plain || !check_variances(rec, e)))
		return 0;
	fl_fail_in(e, client ? "record %llu at byte %llu: client %s" : "record %llu at byte %llu",
	           fl_stream_count(in->cur), fl_stream_offset(in->cur), client);
	return fl_fail_in(e, "%s", fl_inputs_name(in));
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_inputs in = { .path = r->operand, .n = r->noperand, .allow_empty = o->allow_empty,
	                        .expect = o->expect == FL_UNSET ? -1 : o->expect };
	struct fl_tset rec = { .t = NULL };
	unsigned long long tensors = 0;
	int rc;

	while ((rc = fl_inputs_next(&in, &rec, e)) > 0) {
		if ((rc = check(&in, &rec, o, e)))
			break;
		tensors += rec.nt;
	}
	if (!rc)
		fl_say(FL_LOG_INFO, "%llu records with %llu tensors are right", in.count, tensors);
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	return rc;
}

static const struct fl_tool tool = {
	.name = "st-check",
	.nd = "verify a stream",
	.operands = "[file ...]",
	.reads = "any kind",
	.opts = opts,
	.osize = sizeof(struct opts),
	.reads_stdin = fl_run_stdin_default,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

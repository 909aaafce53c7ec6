/* st-ls: what is in a stream. Reads headers alone. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "cli/tool.h"
#include "tensor/st.h"
#include "tensor/stream.h"

/* Integers from here on are text in JSON: readers keep them as doubles. */
#define JSON_INT_MAX (UINT64_C(1) << 53)

enum { TSV, JSON };
static const char *const formats[] = { "tsv", "json", NULL };

struct opts {
	const char *output;
	int tensors, meta, format, allow_empty, no_sync;
	int64_t expect, threads;
};

static const struct fl_opt opts[] = {
	FL_OPT_FLAG('l', "tensors", tensors, "list tensors"),
	FL_OPT_FLAG(0, "meta", meta, "list metadata"),
	FL_OPT_FORMAT(formats),
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

/* One record, and what its line says of it. */
struct row {
	const char *file;
	unsigned long long index, offset;	/* index from 1, over all inputs */
	const struct fl_tset *rec;
	enum fl_kind kind;
	int64_t client, round;			/* -1: none */
	unsigned long long elements, bytes;
};

static int describe(const struct fl_inputs *in, const struct fl_tset *rec, struct row *w,
                    struct fl_err *e)
{
	size_t i;

	*w = (struct row){ .file = fl_inputs_name(in), .index = in->count, .rec = rec,
	                   .offset = fl_stream_offset(in->cur), .client = -1, .round = -1 };
	for (i = 0; i < rec->nt; i++) {
		w->elements += rec->t[i].n;
		w->bytes += rec->t[i].bytes;
	}
	if (fl_meta_kind(rec, &w->kind, e) || fl_meta_i64(rec, "fl.client", &w->client, e) < 0 ||
	    fl_meta_i64(rec, "fl.round", &w->round, e) < 0)
		return fl_fail_in(e, "%s: record %llu at byte %llu", w->file,
		                  fl_stream_count(in->cur), w->offset);
	return 0;
}

/* Text in a field: what would end the field or the line is escaped. */
static void field(struct fl_str *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '\\')
			fl_str_add(out, "\\\\");
		else if (c == '\t')
			fl_str_add(out, "\\t");
		else if (c == '\n')
			fl_str_add(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			fl_str_addf(out, "\\x%02x", c);
		else
			fl_str_addc(out, (char)c);
	}
}

static void number_or_dash(struct fl_str *out, int64_t v)
{
	if (v < 0)
		fl_str_add(out, "\t-");
	else
		fl_str_addf(out, "\t%" PRId64, v);
}

static void tsv_record(struct fl_str *out, const struct row *w)
{
	fl_str_addf(out, "%llu\t%s", w->index, w->kind ? fl_kind_name(w->kind) : "-");
	number_or_dash(out, w->client);
	number_or_dash(out, w->round);
	fl_str_addf(out, "\t%zu\t%llu\t%llu\n", w->rec->nt, w->elements, w->bytes);
}

static void tsv_tensors(struct fl_str *out, const struct row *w)
{
	char shape[32 * 21];
	size_t at = 0, i;

	for (i = 0; i < w->rec->nt; i++) {
		const struct fl_tensor *t = &w->rec->t[i];

		fl_str_addf(out, "%llu\t", w->index);
		field(out, t->name);
		fl_str_addf(out, "\t%s\t%s\t%zu\t%zu\n", fl_dtype_name(t->dtype),
		            fl_tensor_shape_str(t, shape, sizeof shape), at, t->bytes);
		at += t->bytes;
	}
}

static void tsv_meta(struct fl_str *out, const struct row *w)
{
	size_t i;

	for (i = 0; i < w->rec->nkv; i++) {
		fl_str_addf(out, "%llu\t", w->index);
		field(out, w->rec->kv[i].key);
		fl_str_addc(out, '\t');
		field(out, w->rec->kv[i].val);
		fl_str_addc(out, '\n');
	}
}

static void tsv(struct fl_str *out, const struct row *w, const struct opts *o)
{
	if (o->tensors)
		tsv_tensors(out, w);
	else if (o->meta)
		tsv_meta(out, w);
	else
		tsv_record(out, w);
}

static void json_number(struct fl_str *out, const char *key, uint64_t v)
{
	const char *quote = v < JSON_INT_MAX ? "" : "\"";

	fl_str_addf(out, ",\"%s\":%s%" PRIu64 "%s", key, quote, v, quote);
}

static void json_optional(struct fl_str *out, const char *key, int64_t v)
{
	if (v < 0)
		fl_str_addf(out, ",\"%s\":null", key);
	else
		json_number(out, key, (uint64_t)v);
}

static int json_tensors(struct fl_str *out, const struct fl_tset *rec, struct fl_err *e)
{
	size_t at = 0, i;
	unsigned k;

	fl_str_add(out, ",\"tensor\":[");
	for (i = 0; i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];

		fl_str_add(out, i ? ",{\"name\":" : "{\"name\":");
		if (fl_st_string(out, t->name, e))
			return -1;
		fl_str_addf(out, ",\"dtype\":\"%s\",\"shape\":[", fl_dtype_name(t->dtype));
		for (k = 0; k < t->ndim; k++)
			fl_str_addf(out, "%s%zu", k ? "," : "", t->dim[k]);
		fl_str_addc(out, ']');
		json_number(out, "offset", at);
		json_number(out, "bytes", t->bytes);
		fl_str_addc(out, '}');
		at += t->bytes;
	}
	fl_str_addc(out, ']');
	return 0;
}

static int json_meta(struct fl_str *out, const struct fl_tset *rec, struct fl_err *e)
{
	size_t i;

	fl_str_add(out, ",\"meta\":{");
	for (i = 0; i < rec->nkv; i++) {
		if (i)
			fl_str_addc(out, ',');
		if (fl_st_string(out, rec->kv[i].key, e))
			return -1;
		fl_str_addc(out, ':');
		if (fl_st_string(out, rec->kv[i].val, e))
			return -1;
	}
	fl_str_addc(out, '}');
	return 0;
}

static int json(struct fl_str *out, const struct row *w, const struct opts *o, struct fl_err *e)
{
	fl_str_add(out, "{\"schema\":\"st-ls/1\",\"file\":");
	if (fl_st_string(out, w->file, e))
		return fl_fail_in(e, "file name");
	json_number(out, "record", w->index);
	json_number(out, "offset", w->offset);
	if (w->kind)
		fl_str_addf(out, ",\"kind\":\"%s\"", fl_kind_name(w->kind));
	else
		fl_str_add(out, ",\"kind\":null");
	json_optional(out, "client", w->client);
	json_optional(out, "round", w->round);
	json_number(out, "tensors", w->rec->nt);
	json_number(out, "elements", w->elements);
	json_number(out, "bytes", w->bytes);
	if ((o->tensors && json_tensors(out, w->rec, e)) || (o->meta && json_meta(out, w->rec, e)))
		return fl_fail_in(e, "%s: record at byte %llu", w->file, w->offset);
	fl_str_add(out, "}\n");
	return 0;
}

static int list(const struct fl_inputs *in, const struct fl_tset *rec, const struct opts *o,
                struct fl_str *s, struct fl_out *out, struct fl_err *e)
{
	struct row w;

	fl_str_clear(s);
	if (describe(in, rec, &w, e))
		return -1;
	if (o->format == TSV)
		tsv(s, &w, o);
	else if (json(s, &w, o, e))
		return -1;
	return fl_str_check(s, e) ? -1 : fl_out_write(out, s->s, s->len, e);
}

static int list_all(struct fl_inputs *in, const struct opts *o, struct fl_out *out,
                    struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	struct fl_str s = FL_STR_INIT;
	int rc;

	while ((rc = fl_inputs_next(in, &rec, e)) > 0)
		if ((rc = list(in, &rec, o, &s, out, e)))
			break;
	fl_str_release(&s);
	fl_tset_release(&rec);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_inputs in = { .path = r->operand, .n = r->noperand, .allow_empty = o->allow_empty,
	                        .expect = o->expect == FL_UNSET ? -1 : o->expect, .scan = 1 };
	struct fl_out out;
	int rc;

	if (o->format == TSV && o->tensors && o->meta)
		return fl_fail(e, FL_EUSAGE, "--tensors and --meta together want --format json");
	if (fl_out_open(&out, o->output, !o->no_sync, e))
		return -1;
	if (!(rc = list_all(&in, o, &out, e)))
		rc = fl_out_commit(&out, e);
	else if (!strcmp(o->output, "-"))
		fl_out_flush(&out, NULL);	/* what is right before the fault helps to find it */
	fl_out_abort(&out);
	fl_inputs_release(&in);
	return rc;
}

static const struct fl_tool tool = {
	.name = "st-ls",
	.nd = "list the records of a stream",
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

/* Tensors of any record, by name. */
#include "data/column.h"
#include "data/source.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

struct params {
	const char *file, *x, *y, *group, *id;
};

static const struct fl_tensor *find(const struct fl_tset *s, const char *name, struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(s, name);

	if (!t)
		fl_fail(e, FL_EDATA, "tensor '%s' is missing", name);
	return t;
}

static int add(const struct fl_tset *s, const char *from, const char *to, struct fl_tset *rec,
               struct fl_err *e)
{
	const struct fl_tensor *t;

	if (!from)
		return 0;
	return (t = find(s, from, e)) ? fl_column_integers(rec, to, t, e) : -1;
}

/* What the record says about its data, but nothing about its own kind. */
static int describe(const struct fl_tset *s, struct fl_tset *rec, struct fl_err *e)
{
	static const char *const key[] = {
		"fl.classes", "fl.labels", "fl.scale", "fl.fill", "fl.name", "split",
	};

	for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
		const char *v = fl_meta_get(s, key[i]);

		if (v && fl_meta_set(rec, key[i], v, e))
			return -1;
	}
	return fl_meta_set_kind(rec, FL_KIND_DATA, e);
}

static int copy(const struct params *p, const struct fl_tset *s, struct fl_tset *rec,
                struct fl_err *e)
{
	const struct fl_tensor *x = find(s, p->x, e);

	return !x || fl_column_x(rec, x, e) || add(s, p->y, "y", rec, e) ||
	       add(s, p->group, "group", rec, e) || add(s, p->id, "id", rec, e) ||
	       describe(s, rec, e) ? -1 : 0;
}

static int read_st(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_tset view = { .t = NULL }, more = { .t = NULL };
	struct fl_stream *s;
	int rc;

	if (!p->file)
		return fl_fail(e, FL_EUSAGE, "st wants file=");
	if (!(s = fl_stream_open(p->file, e)))
		return -1;
	if ((rc = fl_stream_next(s, &view, e)) > 0)
		rc = copy(p, &view, rec, e) ? fl_fail_in(e, "%s", p->file) : 0;
	else if (!rc)
		rc = fl_fail(e, FL_EDATA, "%s: holds no record", p->file);
	fl_tset_release(&view);
	if (!rc && (rc = fl_stream_next(s, &more, e)) > 0)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", p->file);
	fl_tset_release(&more);
	fl_stream_close(s);
	return rc;
}

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "a stream of one record, plain or gzip" },
	{ "x", FL_P_STR, offsetof(struct params, x), "x", 0, 0, NULL, "name",
	  "tensor of the inputs; other types than U8 and F32 become F32" },
	{ "y", FL_P_STR, offsetof(struct params, y), "y", 0, 0, NULL, "name", "tensor of the labels" },
	{ "group", FL_P_STR, offsetof(struct params, group), NULL, 0, 0, NULL, "name",
	  "tensor of natural clients" },
	{ "id", FL_P_STR, offsetof(struct params, id), NULL, 0, 0, NULL, "name",
	  "tensor of whole numbers that name the examples" },
	{ .name = NULL }
};

const struct fl_source fl_data_st = {
	.e = {
		.name = "st",
		.title = "Tensors of a record",
		.cite = "safetensors, Hugging Face",
		.doc = "tensors of any safetensors file, by name",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "one example a row of x",
	},
	.read = read_st,
};

/* -d's argument -> a data set: a named source, an IDX pair or a file. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/data.h"
#include "data/npy.h"
#include "data/source.h"

const struct fl_family fl_family_data = {
	.name = "data", .list = fl_data_list, .doc = "data sets by name",
	.noun = "data source",
};
const char *const fl_split_name[] = { "train", "test", NULL };

static int is_file(const char *s)
{
	struct stat st;

	return !strcmp(s, "-") || !stat(s, &st);
}

/* Looks like a spec rather than a path. */
static int is_name(const char *s)
{
	size_t n = strcspn(s, ":");

	return n && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

static int is_source(const char *s)
{
	size_t n = strcspn(s, ":");

	for (const struct fl_entry *const *p = fl_data_list; *p; p++)
		if (strlen((*p)->name) == n && !strncmp((*p)->name, s, n))
			return 1;
	return 0;
}

static int read_source(const char *text, const struct fl_data_how *how, struct fl_tset *rec,
                       struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	struct fl_spec spec;
	int rc = fl_spec_parse(&fl_family_data, text, &a, &spec, e);

	if (!rc) {
		const struct fl_source *s = (const struct fl_source *)spec.entry;

		rc = s->read_table ? s->read_table(spec.p, how, rec, e) : s->read(spec.p, rec, e);
		if (rc)
			fl_fail_in(e, "%s", text);
	}
	fl_arena_release(&a);
	return rc;
}

static int read_pair(const char *text, struct fl_tset *rec, struct fl_err *e)
{
	char *images = strdup(text), *comma;
	int rc;

	if (!images)
		return fl_fail_mem(e, strlen(text));
	comma = strchr(images, ',');
	*comma = '\0';
	rc = fl_is_npy(images) ? fl_npy_pair(images, comma + 1, rec, e) :
	     fl_idx_pair(images, comma + 1, rec, e);
	free(images);
	return rc;
}

/* The only record of a file. One that is not mapped is copied, because looking
 * for the next one ends its life. */
static int read_file(const char *path, struct fl_tset *rec, struct fl_stream **keep,
                     struct fl_err *e)
{
	struct fl_tset view = { .t = NULL }, more = { .t = NULL };
	struct fl_stream *s;
	struct stat st;
	int rc;

	if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode))
		return fl_fail(e, FL_EIO, "%s: is a folder; want a record, two files joined by a comma "
		               "(images,labels of IDX, x.npy,y.npy as pictures are read), an .npz, or a "
		               "source by name", path);
	if (!(s = fl_stream_open(path, e)))
		return -1;
	if ((rc = fl_stream_next(s, &view, e)) < 0)
		goto done;
	if (!rc) {
		rc = fl_fail(e, FL_EDATA, "%s: holds no record", fl_stream_name(s));
		goto done;
	}
	if (fl_stream_mapped(s)) {
		*rec = view;
		view = more;
	} else if ((rc = fl_tset_clone(rec, &view, e))) {
		goto done;
	}
	if ((rc = fl_stream_next(s, &more, e)) > 0)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", fl_stream_name(s));
	if (!rc && fl_stream_mapped(s)) {
		*keep = s;
		s = NULL;
	}
done:
	fl_tset_release(&view);
	fl_tset_release(&more);
	fl_stream_close(s);
	return rc;
}

/* Arrays have no way to say that -1 means no label, as records of kind data have. */
static int check_labels(const char *name, const struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_tensor *y = fl_tset_find(rec, "y");
	size_t size;
	double v;

	if (!y || !fl_dtype_is_integer(y->dtype))
		return 0;
	size = fl_dtype_size(y->dtype);
	for (size_t i = 0; i < y->n; i++) {
		fl_dtype_to_f64(y->dtype, (const unsigned char *)y->data + i * size, &v, 1);
		if (v < 0)
			return fl_fail(e, FL_EDATA, "%s: row %zu: label %.0f: classes are 0, 1, ...; in records, "
			               "-1 is an example without a label", name, i, v);
	}
	return 0;
}

static int read_any(const char *text, const struct fl_data_how *how, struct fl_tset *rec,
                    struct fl_stream **keep, struct fl_err *e)
{
	if (is_source(text))
		return read_source(text, how, rec, e);
	if (fl_is_npz(text))
		return fl_npz(text, rec, e) || check_labels(text, rec, e) ? -1 : 0;
	if (is_file(text))
		return read_file(text, rec, keep, e);
	if (strchr(text, ',') && !is_name(text))
		return read_pair(text, rec, e) || check_labels(text, rec, e) ? -1 : 0;
	if (is_name(text))		/* fails: says which is near */
		return read_source(text, how, rec, e) ? fl_fail_in(e, "no file '%s'", text) : 0;
	return read_file(text, rec, keep, e);	/* fails: says why */
}

static int set_scale(struct fl_tset *rec, const char *json, struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	struct fl_scale s;
	int rc = strcmp(json, FL_SCALE_STANDARD) ? fl_scale_parse(&s, json, &a, e) : 0;

	fl_arena_release(&a);
	if (!rc)
		return fl_meta_set(rec, "fl.scale", json, e);
	if (e && e->code == FL_EDATA)
		e->code = FL_EUSAGE;
	return fl_fail_in(e, "--scale");
}

static int change(struct fl_tset *rec, const char *source, const struct fl_data_how *how,
                  struct fl_err *e)
{
	if (how->scale && how->scale_from)
		return fl_fail(e, FL_EUSAGE, "--scale and --scale-from exclude each other");
	if ((how->scale || how->scale_from) && !fl_tset_find(rec, "x") &&
	    (fl_tset_find(rec, "part") || fl_tset_find(rec, "pairs")))
		return fl_fail(e, FL_EUSAGE, "%s: %s is of examples with 'x', not of those of several parts, "
		               "which are inputs as they are", source, how->scale ? "--scale" : "--scale-from");
	if ((how->scale && set_scale(rec, how->scale, e)) ||
	    (how->scale_from && fl_data_borrow(rec, how->scale_from, e)))
		return -1;
	return how->channels_last && fl_data_channels_first(rec, e) ?
	       fl_fail_in(e, "%s: --channels-last", source) : 0;
}

int fl_data_open(struct fl_data *d, const char *source, const struct fl_data_how *how,
                 struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	struct fl_stream *keep = NULL;
	char *dir = fl_dir_of(source);
	int rc = -1;

	*d = (struct fl_data){ .client = -1 };
	if (!dir)
		return fl_fail_mem(e, strlen(source));
	if (!read_any(source, how, &rec, &keep, e) && !change(&rec, source, how, e))
		rc = fl_data_take(d, &rec, dir, strcmp(source, "-") ? source : "standard input", e);
	if (rc) {
		fl_tset_release(&rec);
		fl_stream_close(keep);
	} else {
		d->keep = keep;
	}
	free(dir);
	return rc;
}

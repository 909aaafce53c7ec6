/* Records of clients, in folders and in a stream. */
#include "deal/deal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "base/path.h"
#include "part/manifest.h"
#include "shift/shift.h"

#define SOURCE "source.sts"		/* with index, what has no plain record of its own */

/* What is being filled. */
struct target {
	struct fl_deal *d;
	const struct fl_lists *l;
	struct fl_dir *dir;	/* NULL: a stream */
	const char *source;	/* index: fl.source of its records */
};

/* fl.client of the k-th client. */
static int64_t number_of(const struct fl_deal *d, size_t k)
{
	return d->how.first + (int64_t)k;
}

static const uint32_t *rows_of(const struct target *w, size_t k)
{
	return w->l->row + w->l->start[k];
}

/* --- one client --- */

/* Client k's examples with x, changed by its number. */
static int make_shifted(const struct target *w, size_t k, struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_deal *d = w->d;
	const struct fl_data *data = d->data;
	const struct fl_spec *s = d->how.shift;
	const struct fl_shift *shift = (const struct fl_shift *)s->entry;
	const struct fl_shift_in in = {
		.k = k, .K = d->split.K, .C = data->C, .seed = d->split.seed, .row = rows_of(w, k),
		.test = w->l->portion == FL_PORTION_TEST, .div = data->div,
	};

	if (data->M && !shift->parts)
		return fl_fail(e, FL_EUSAGE, "%s: --shift %s is for examples with 'x', not for those of several "
		               "parts", data->name, shift->e.name);
	if (fl_data_subset(data, in.row, fl_lists_size(w->l, k), number_of(d, k), rec, e))
		return -1;
	if (shift->apply(s->p, &in, rec, e))
		return fl_fail_in(e, "%s: --shift", data->name);
	return data->M ? fl_data_trim(rec, data->name, e) : 0;
}

static int make_record(const struct target *w, size_t k, struct fl_tset *rec, struct fl_err *e)
{
	const struct fl_deal *d = w->d;
	const uint32_t *row = rows_of(w, k);
	size_t n = fl_lists_size(w->l, k);
	int64_t client = number_of(d, k);
	int rc = w->source ? fl_data_index(d->data, row, n, client, w->source, d->hash, rec, e) :
	         d->how.shift->entry ? make_shifted(w, k, rec, e) :
	         fl_data_frame(d->data, row, n, client, rec, e);

	if (!rc && d->name)
		rc = fl_meta_set(rec, "fl.name", d->name[k], e);
	if (!rc && w->l->portion != FL_PORTION_ALL)
		rc = fl_meta_set(rec, "split", fl_portion_name[w->l->portion], e);
	return rc || (d->how.sign && d->how.sign(d->how.ctx, rec, e)) ? -1 : 0;
}

static int write_record(const struct target *w, size_t k, struct fl_tset *rec, struct fl_out *o,
                        struct fl_err *e)
{
	if (w->d->how.shift->entry)
		return fl_stream_write(o, rec, e);
	return fl_data_write(w->d->data, rows_of(w, k), fl_lists_size(w->l, k), rec, o, e);
}

static int write_file(void *ctx, size_t k, int thread, struct fl_err *e)
{
	struct target *w = ctx;
	struct fl_tset rec = { .t = NULL };
	struct fl_out o = { .fd = -1 };
	char name[64];
	int rc = -1;

	(void)thread;
	if (!fl_lists_size(w->l, k))		/* of a test part alone */
		return 0;
	snprintf(name, sizeof name, "%04" PRId64 ".safetensors", number_of(w->d, k));
	if (make_record(w, k, &rec, e) || fl_dir_create(w->dir, name, &o, e) ||
	    write_record(w, k, &rec, &o, e))
		fl_out_abort(&o);
	else
		rc = fl_out_commit(&o, e);
	fl_tset_release(&rec);
	return rc;
}

/* --- the source of the index form --- */

/* The whole set as a record in the folder. */
static int write_source(const struct target *w, struct fl_err *e)
{
	struct fl_deal *d = w->d;
	size_t N = d->data->N;
	struct fl_tset rec = { .t = NULL };
	struct fl_out o = { .fd = -1 };
	uint32_t *row = fl_alloc(N, sizeof *row, e);
	int rc = -1;

	for (size_t i = 0; row && i < N; i++)
		row[i] = (uint32_t)i;
	if (row && !fl_data_subset(d->data, row, N, 0, &rec, e) &&
	    !fl_meta_set(&rec, "fl.client", NULL, e) && !fl_dir_create(w->dir, SOURCE, &o, e) &&
	    !fl_stream_write(&o, &rec, e) && !fl_stream_write_end(&o, 1, e)) {
		fl_data_hash(&rec, d->hash);
		rc = fl_out_commit(&o, e);
	}
	if (rc)
		fl_out_abort(&o);
	fl_tset_release(&rec);
	free(row);
	return rc;
}

/* What fl.source of the records of w is, which lie in path. */
static int find_source(struct target *w, const char *path, struct fl_err *e)
{
	struct fl_deal *d = w->d;
	char *folder;

	if (!d->how.index)
		return 0;
	if (!(folder = fl_path_absolute(path, d->arena, e)))
		return -1;
	if (!d->source && (!(d->source = fl_arena_fmt(d->arena, e, "%s/" SOURCE, folder)) ||
	                   write_source(w, e)))
		return -1;
	w->source = fl_path_relative(folder, d->source, d->arena, e);
	return w->source ? 0 : -1;
}

/* --- all clients --- */

static int write_manifest(const struct target *w, struct fl_err *e)
{
	const struct fl_deal *d = w->d;
	const struct fl_manifest m = {
		.by = d->how.by, .shift = d->how.shift, .split = &d->split, .lists = w->l, .C = d->data->C,
		.frac = d->how.frac, .first = d->how.first, .name = d->name,
		.unlabelled = d->data->unlabelled != 0,
	};
	struct fl_str b = FL_STR_INIT;
	struct fl_out o;
	int rc = fl_manifest_print(&m, &b, e);

	if (!rc && !(rc = fl_dir_create(w->dir, FL_MANIFEST, &o, e))) {
		if ((rc = fl_out_write(&o, b.s, b.len, e)))
			fl_out_abort(&o);
		else
			rc = fl_out_commit(&o, e);
	}
	fl_str_release(&b);
	return rc;
}

/* NNNN.safetensors, partition.json, source.sts */
static int is_ours(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return !strcmp(name, FL_MANIFEST) || !strcmp(name, SOURCE) ||
	       (n >= 4 && !strcmp(name + n, ".safetensors"));
}

int fl_deal_folder(struct fl_deal *d, const struct fl_lists *l, const char *path,
                   struct fl_dir *dir, struct fl_err *e)
{
	struct target w = { .d = d, .l = l, .dir = dir };

	if (fl_dir_open(dir, path, is_ours, FL_MANIFEST, FL_MANIFEST_BEGIN, e) ||
	    find_source(&w, path, e) || fl_par_for(d->split.K, d->how.threads, &w, write_file, e) ||
	    write_manifest(&w, e)) {
		fl_dir_abort(dir);
		return -1;
	}
	return 0;
}

int fl_deal_stream(struct fl_deal *d, const struct fl_lists *l, struct fl_out *o,
                   struct fl_err *e)
{
	struct target w = { .d = d, .l = l };
	size_t K = d->split.K;
	int rc = find_source(&w, ".", e);

	for (size_t k = 0; !rc && k < K; k++) {
		struct fl_tset rec = { .t = NULL };

		rc = make_record(&w, k, &rec, e) || write_record(&w, k, &rec, o, e) ? -1 : 0;
		fl_tset_release(&rec);
	}
	return rc ? rc : fl_stream_write_end(o, K, e);
}

/* The records of --with, and which of them a method wants. */
#include "fed/with.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spec.h"
#include "fed/fed.h"
#include "tensor/stream.h"

/* --- reading --- */

/* What methods compute with is numbers. */
static int check_finite(const struct fl_tset *rec, struct fl_err *e)
{
	for (size_t i = 0; i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];
		size_t bad = fl_dtype_nonfinite(t->dtype, t->data, t->n);

		if (bad < t->n)
			return fl_fail(e, FL_EDATA, "tensor '%s': element %zu of %zu is not finite", t->name,
			               bad, t->n);
	}
	return 0;
}

static int keep_record(struct fl_with_file *f, const struct fl_tset *rec, int64_t client,
                       struct fl_err *e)
{
	struct fl_tset *copy;

	if (check_finite(rec, e))
		return -1;
	if (fl_grow(&f->rec, &f->cap, f->n + 1, sizeof(struct fl_tset *), e) ||
	    fl_grow(&f->client, &f->idcap, f->n + 1, sizeof *f->client, e) ||
	    !(copy = fl_alloc(1, sizeof *copy, e)))
		return -1;
	*copy = (struct fl_tset){ .t = NULL };
	f->client[f->n] = client;
	f->rec[f->n++] = copy;
	return fl_tset_clone(copy, rec, e);
}

static int read_file(struct fl_with_file *f, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_open(f->path, e);
	struct fl_tset rec = { .t = NULL };
	int rc = s ? 0 : -1;

	while (!rc && (rc = fl_stream_next(s, &rec, e)) > 0) {
		int64_t client = -1;

		rc = fl_meta_i64(&rec, "fl.client", &client, e) < 0 || keep_record(f, &rec, client, e) ?
		     fl_fail_in(e, "%s", f->path) : 0;
	}
	if (!rc && !f->n)
		rc = fl_fail(e, FL_EDATA, "%s: holds no record", f->path);
	fl_tset_release(&rec);
	if (s)
		fl_stream_close(s);
	return rc;
}

static int open_one(struct fl_with_file *f, const char *path, struct fl_err *e)
{
	struct stat st;

	f->path = path;
	if (strcmp(path, "-") && stat(path, &st))
		return fl_fail(e, FL_EIO, "--with: %s: %s", path, strerror(errno));
	f->folder = strcmp(path, "-") && S_ISDIR(st.st_mode);
	return f->folder || !read_file(f, e) ? 0 : fl_fail_in(e, "--with");
}

/* Room for one more; the lock comes with the first. */
static struct fl_with_file *add_file(struct fl_with *w, const char *path, struct fl_err *e)
{
	if (!w->lock) {
		pthread_mutex_t *lock = fl_alloc(1, sizeof *lock, e);

		if (!lock)
			return NULL;
		pthread_mutex_init(lock, NULL);
		w->lock = lock;
	}
	if (fl_grow(&w->file, &w->cap, w->n + 1, sizeof *w->file, e))
		return NULL;
	w->file[w->n] = (struct fl_with_file){ .path = path };
	return &w->file[w->n++];
}

int fl_with_open(struct fl_with *w, const struct fl_strs *paths, struct fl_err *e)
{
	*w = (struct fl_with){ .n = 0 };
	for (size_t i = 0; i < paths->n; i++) {
		struct fl_with_file *f = add_file(w, paths->v[i], e);

		if (!f || open_one(f, paths->v[i], e))
			return -1;
	}
	return 0;
}

int fl_with_add(struct fl_with *w, const char *path, const struct fl_tset *rec, struct fl_err *e)
{
	struct fl_with_file *f = w->n ? &w->file[w->n - 1] : NULL;
	int64_t client = -1;

	if (fl_meta_i64(rec, "fl.client", &client, e) < 0)
		return -1;
	if (!f || !f->operand || strcmp(f->path, path)) {
		if (!(f = add_file(w, path, e)))
			return -1;
		f->operand = 1;
	}
	return keep_record(f, rec, client, e);
}

void fl_with_release(struct fl_with *w)
{
	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; k < w->file[i].n; k++) {
			fl_tset_release(w->file[i].rec[k]);
			free(w->file[i].rec[k]);
		}
		free(w->file[i].rec);
		free(w->file[i].client);
	}
	free(w->file);
	if (w->lock)
		pthread_mutex_destroy(w->lock);
	free(w->lock);
	*w = (struct fl_with){ .n = 0 };
}

/* --- which record is meant --- */

static int is_wanted(const struct fl_tset *rec, const struct fl_want *want)
{
	enum fl_kind kind;

	return !fl_meta_kind(rec, &kind, NULL) && kind == want->kind &&
	       (!want->method || fl_spec_is(fl_meta_get(rec, "fl.method"), want->method));
}

/* "statistic classmean", "a record of kind model" */
static const char *want_name(const struct fl_want *want, char *buf, size_t n)
{
	if (want->kind == FL_KIND_STATS && want->method)
		snprintf(buf, n, "statistic %s", want->method);
	else
		snprintf(buf, n, "a record of kind %s%s%s", fl_kind_name(want->kind),
		         want->method ? ", method " : "", want->method ? want->method : "");
	return buf;
}

static int fail_missing(const struct fl_want *want, const char *who, struct fl_err *e)
{
	char name[128];

	want_name(want, name, sizeof name);
	if (want->from)
		return fl_fail(e, FL_EUSAGE, "%s reads %s by --with: %s", who, name, want->from);
	return fl_fail(e, FL_EUSAGE, "%s reads %s by --with: fl-stats -m MODEL %s CLIENTS%s", who, name,
	               want->method ? want->method : "STATISTIC",
	               want->flags & FL_WANT_MANY ? "" : " | fl-aggregate");
}

static size_t find_client(const struct fl_with_file *f, int64_t client)
{
	size_t k = 0;

	while (k < f->n && f->client[k] != client)
		k++;
	return k;
}

/* Reads a client's record of a folder, unless it is there already. */
static int read_own(struct fl_with_file *f, int64_t client, struct fl_err *e)
{
	static const char *const ext[] = { "safetensors", "sts" };
	struct fl_arena a = { .head = NULL };
	struct fl_tset rec = { .t = NULL };
	char *path = NULL;
	int rc = 0, there = 0;

	if (find_client(f, client) < f->n)
		return 0;
	for (size_t i = 0; !rc && i < 2 && !there; i++) {
		path = fl_client_path(f->path, client, ext[i], &a, e);
		rc = path ? 0 : -1;
		there = path && !access(path, F_OK);
	}
	if (!rc && there)
		rc = fl_stream_load(path, -1, &rec, e) ? -1 :
		     keep_record(f, &rec, client, e) ? fl_fail_in(e, "%s", path) : 0;
	fl_tset_release(&rec);
	fl_arena_release(&a);
	return rc;
}

/* Of one argument: 1: *rec is it; 0: it holds none that is wanted. */
static int find_in(struct fl_with_file *f, const struct fl_want *want, int64_t client,
                   const struct fl_tset **rec, struct fl_err *e)
{
	size_t found = 0, own;

	if (f->folder && read_own(f, client, e))
		return -1;
	own = find_client(f, client);
	for (size_t k = 0; k < f->n && !f->folder; k++)
		if (is_wanted(f->rec[k], want)) {
			*rec = f->rec[k];
			found++;
		}
	if (found == 1 || (!found && !f->folder))
		return found == 1;
	if (own == f->n || !is_wanted(f->rec[own], want))
		return fl_fail(e, FL_EDATA, "%s%s: holds no such record of client %" PRId64,
		               f->operand ? "" : "--with: ", f->path, client);
	*rec = f->rec[own];
	return 1;
}

int fl_with_one(const struct fl_with *w, const struct fl_want *want, int64_t client,
                const char *who, const struct fl_tset **rec, struct fl_err *e)
{
	int rc = 0;

	if (w->n)
		pthread_mutex_lock(w->lock);
	for (size_t i = 0; !rc && i < w->n; i++)
		rc = find_in(&w->file[i], want, client, rec, e);
	if (w->n)
		pthread_mutex_unlock(w->lock);
	return rc || want->flags & FL_WANT_OPTIONAL ? rc : fail_missing(want, who, e);
}

/* --- all of them --- */

struct owned {
	int64_t client;
	const struct fl_tset *rec;
};

static int by_client(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

/* Those of w that are wanted, into all, which may be NULL; returns their number. */
static size_t list_wanted(const struct fl_with *w, const struct fl_want *want, struct owned *all)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->file[i].n; k++)
			if (is_wanted(w->file[i].rec[k], want)) {
				if (all)
					all[n] = (struct owned){ w->file[i].client[k], w->file[i].rec[k] };
				n++;
			}
	return n;
}

const struct fl_tset **fl_with_all(const struct fl_with *w, const struct fl_want *want,
                                   const char *who, struct fl_arena *a, size_t *n,
                                   struct fl_err *e)
{
	struct owned *all;
	const struct fl_tset **rec;

	*n = list_wanted(w, want, NULL);
	if (!*n && !(want->flags & FL_WANT_OPTIONAL)) {
		fail_missing(want, who, e);
		return NULL;
	}
	if (!(all = fl_arena_get(a, *n + 1, sizeof *all, e)) ||
	    !(rec = fl_arena_get(a, *n + 1, sizeof *rec, e)))
		return NULL;
	list_wanted(w, want, all);
	qsort(all, *n, sizeof *all, by_client);
	for (size_t k = 0; k < *n; k++) {
		if (all[k].client < 0 || (k && all[k].client == all[k - 1].client)) {
			fl_fail(e, FL_EDATA, all[k].client < 0 ?
			        "%s reads records by client, but a record says no fl.client" :
			        "%s: client %" PRId64 " is there twice", who, all[k].client);
			return NULL;
		}
		rec[k] = all[k].rec;
	}
	return rec;
}

/* --- checks before anything is done --- */

static int holds_wanted(const struct fl_with_file *f, const struct fl_want *want)
{
	for (; want && want->kind; want++)
		for (size_t k = 0; k < f->n; k++)
			if (is_wanted(f->rec[k], want))
				return 1;
	return 0;
}

/* A file with nothing that is wanted. */
static int fail_useless(const struct fl_with_file *f, const struct fl_want *want, const char *who,
                        struct fl_err *e)
{
	const char *kind = fl_meta_get(f->rec[0], "fl.kind"), *spec = fl_meta_get(f->rec[0], "fl.method");
	char name[128];

	return fl_fail(e, FL_EDATA, "%s%s: holds %s%s%s, but %s reads %s%s",
	               f->operand ? "" : "--with: ", f->path,
	               kind ? kind : "no kind", spec ? " " : "", spec ? spec : "", who,
	               want_name(want, name, sizeof name), want[1].kind ? ", among others" : "");
}

int fl_with_accord(const struct fl_with *w, struct fl_accord *a, struct fl_err *e)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->file[i].n; k++)
			if (fl_accord_add(a, w->file[i].rec[k], w->file[i].path, e))
				return -1;
	return 0;
}

int fl_with_check(const struct fl_with *w, const struct fl_want *want, const char *who,
                  struct fl_err *e)
{
	int folders = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct fl_with_file *f = &w->file[i];

		folders |= f->folder;
		if (!want || !want->kind)
			return fl_fail(e, FL_EUSAGE, "--with: %s has no use for %s", who, f->path);
		if (!f->folder && !holds_wanted(f, want))
			return fail_useless(f, want, who, e);
	}
	for (; want && want->kind; want++)
		if (!(want->flags & FL_WANT_OPTIONAL) && !folders && !list_wanted(w, want, NULL))
			return fail_missing(want, who, e);
	return 0;
}

/* -m's argument: one model for all, or a folder with one for each client. */
#include "model/model.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

int fl_models_open(struct fl_models *m, const char *path, struct fl_err *e)
{
	struct stat st;

	*m = (struct fl_models){ .path = path };
	if (strcmp(path, "-") && stat(path, &st))
		return fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
	if (strcmp(path, "-") && S_ISDIR(st.st_mode)) {
		m->folder = 1;
		return 0;
	}
	return fl_stream_load(path, FL_KIND_MODEL, &m->one, e);
}

int fl_models_base(struct fl_models *m, int threads, struct fl_err *e)
{
	return m->folder ? 0 : fl_base_text(&m->one, threads, m->base, e);
}

void fl_models_release(struct fl_models *m)
{
	fl_tset_release(&m->one);
	*m = (struct fl_models){ .path = NULL };
}

static int has_plain(const struct fl_tset *s)
{
	for (size_t i = 0; i < s->nt; i++)
		if (!fl_tensor_is_extra(&s->t[i]))
			return 1;
	return 0;
}

/* Keeps rec where it is newer than *round, which becomes its round. */
static int keep_newest(const struct fl_tset *rec, struct fl_tset *out, int64_t *round,
                       struct fl_err *e)
{
	int64_t r = 0;

	if (!has_plain(rec))
		return 0;
	if (fl_meta_i64(rec, "fl.round", &r, e) < 0)
		return -1;
	if (r <= *round)
		return 0;
	*round = r;
	fl_tset_release(out);
	return fl_tset_clone(out, rec, e);
}

/* 1: found, 0: no record there holds a model. */
static int load_newest(const char *path, struct fl_tset *out, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_open(path, e);
	struct fl_tset rec = { .t = NULL };
	int64_t round = -1;
	int rc;

	if (!s)
		return -1;
	while ((rc = fl_stream_next(s, &rec, e)) > 0)
		if (keep_newest(&rec, out, &round, e)) {
			rc = fl_fail_in(e, "%s", path);
			break;
		}
	fl_tset_release(&rec);
	fl_stream_close(s);
	return rc ? -1 : round >= 0;
}

/* A record that names its client must name this one. */
static int check_client(const struct fl_tset *rec, int64_t client, struct fl_err *e)
{
	int64_t c = client;

	if (fl_meta_i64(rec, "fl.client", &c, e) < 0)
		return -1;
	return c == client ? 0 : fl_fail(e, FL_EDATA, "client %lld: its model is client %lld's",
	                                 (long long)client, (long long)c);
}

static int get_personal(const struct fl_models *m, int64_t client, struct fl_tset *out,
                        struct fl_err *e)
{
	static const char *const ext[] = { "safetensors", "sts" };
	struct fl_str path = FL_STR_INIT;
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc; i++) {
		fl_str_clear(&path);
		fl_str_addf(&path, "%s/%04lld.%s", m->path, (long long)client, ext[i]);
		rc = fl_str_check(&path, e);
		if (!rc && !access(fl_str_c(&path), F_OK))
			rc = load_newest(fl_str_c(&path), out, e);
	}
	fl_str_release(&path);
	return rc ? rc : fl_fail(e, FL_EDATA, "client %lld: no model %04lld.safetensors or .sts in %s",
	                         (long long)client, (long long)client, m->path);
}

int fl_models_get(const struct fl_models *m, int64_t client, struct fl_tset *out,
                  char base[FL_HASH_TEXT], struct fl_err *e)
{
	*out = (struct fl_tset){ .t = NULL };
	if (!m->folder) {
		if (base)
			memcpy(base, m->base, sizeof m->base);
		return fl_tset_clone(out, &m->one, e);
	}
	if (get_personal(m, client, out, e) >= 0 && !check_client(out, client, e) &&
	    (!base || !fl_base_text(out, 1, base, e)))
		return 0;
	fl_tset_release(out);
	return -1;
}

/* The client of 0007.safetensors or 0007.sts; -1: the name of something else. */
static int64_t client_of(const char *name)
{
	size_t digits = strspn(name, "0123456789");
	char id[24];
	int64_t client;

	if (!digits || digits >= sizeof id ||
	    (strcmp(name + digits, ".safetensors") && strcmp(name + digits, ".sts")))
		return -1;
	memcpy(id, name, digits);
	id[digits] = '\0';
	return fl_num_i64(id, &client) ? -1 : client;
}

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Appends the client of each file; *n: how many. */
static int read_ids(DIR *d, int64_t **id, size_t *n, struct fl_err *e)
{
	struct dirent *f;
	size_t cap = 0;

	while ((f = readdir(d))) {
		int64_t client = client_of(f->d_name);

		if (client < 0)
			continue;
		if (fl_grow(id, &cap, *n + 1, sizeof **id, e))
			return -1;
		(*id)[(*n)++] = client;
	}
	return 0;
}

int64_t *fl_models_list(const struct fl_models *m, struct fl_arena *a, size_t *n,
                        struct fl_err *e)
{
	DIR *d = opendir(m->path);
	int64_t *id = NULL, *out = NULL;
	size_t all = 0;

	*n = 0;
	if (!d) {
		fl_fail(e, FL_EIO, "%s: %s", m->path, strerror(errno));
		return NULL;
	}
	if (!read_ids(d, &id, &all, e) && (out = fl_arena_get(a, all + 1, sizeof *out, e))) {
		if (all)
			qsort(id, all, sizeof *id, by_id);
		for (size_t i = 0; i < all; i++)
			if (!*n || out[*n - 1] != id[i])
				out[(*n)++] = id[i];
		if (!*n) {
			fl_fail(e, FL_EDATA, "%s: holds no model NNNN.safetensors", m->path);
			out = NULL;
		}
	}
	closedir(d);
	free(id);
	return out;
}

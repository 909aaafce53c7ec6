/* -m's argument: one model for all, or a folder with one for each client. */
#include "model/model.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

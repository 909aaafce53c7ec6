/* Reads *.safetensors of a folder; those that are no model are passed over. */
#include "fed/agg/history.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct fl_history *h, const char *path, struct fl_err *e)
{
	struct fl_tset model;
	enum fl_kind kind;
	int64_t round;
	int rc = fl_stream_load(path, -1, &model, e);

	if (rc)
		return -1;
	if (!fl_meta_kind(&model, &kind, e) && kind == FL_KIND_MODEL &&
	    fl_meta_i64(&model, "fl.round", &round, e) > 0 &&
	    !(rc = fl_grow(&h->past, &h->cap, h->n + 1, sizeof *h->past, e))) {
		struct fl_past *p = fl_arena_zero(&h->a, 1, sizeof *p, e);

		rc = p && (p->path = fl_arena_str(&h->a, path, e)) ? 0 : -1;
		if (!rc) {
			p->r.round = round;
			fl_base_crc(&model, p->r.crc);
			rc = fl_base_text(&model, 1, p->r.base, e);
			h->past[h->n++] = p;
		}
	}
	rc = rc || e->code ? fl_fail_in(e, "%s", path) : 0;
	fl_tset_release(&model);
	return rc;
}

static int is_record(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot && !strcmp(dot, ".safetensors");
}

static int read_folder(struct fl_history *h, const char *dir, struct fl_err *e)
{
	DIR *d = opendir(dir);
	struct fl_arena a = { .head = NULL };
	struct dirent *f;
	int rc = 0;

	if (!d)
		return fl_fail(e, FL_EIO, "%s: %s", dir, strerror(errno));
	while (!rc && (f = readdir(d))) {
		const char *path;

		if (!is_record(f->d_name))
			continue;
		path = fl_arena_fmt(&a, e, "%s/%s", dir, f->d_name);
		rc = path ? add(h, path, e) : -1;
	}
	closedir(d);
	fl_arena_release(&a);
	h->read = 1;
	return rc;
}

const struct fl_received *fl_history_find(struct fl_history *h, const char *dir, int64_t round,
                                          const char *base, struct fl_err *e)
{
	const struct fl_received *found = NULL;
	size_t i;

	if (!h->read && read_folder(h, dir, e))
		return NULL;
	for (i = 0; i < h->n; i++)
		if (h->past[i]->r.round == round && (!found || fl_received_is(&h->past[i]->r, base)))
			found = &h->past[i]->r;
	if (!found)
		fl_fail(e, FL_EDATA, "%s: holds no model of round %lld", dir, (long long)round);
	return found;
}

const struct fl_tset *fl_history_model(struct fl_history *h, const struct fl_received *found,
                                       struct fl_err *e)
{
	struct fl_past *p = NULL;

	for (size_t i = 0; i < h->n; i++)
		if (&h->past[i]->r == found)
			p = h->past[i];
	if (!p->model.nt && fl_stream_load(p->path, FL_KIND_MODEL, &p->model, e))
		return NULL;
	return &p->model;
}

void fl_history_release(struct fl_history *h)
{
	for (size_t i = 0; i < h->n; i++)
		fl_tset_release(&h->past[i]->model);
	free(h->past);
	fl_arena_release(&h->a);
	*h = (struct fl_history){ .past = NULL };
}

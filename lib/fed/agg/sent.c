/* Which model an update was trained from. */
#include "fed/agg/sent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/running.h"

static int receive(struct fl_received *r, const struct fl_tset *model, const char *base,
                   struct fl_err *e)
{
	if (fl_meta_get(model, "fl.base"))
		return fl_fail(e, FL_EDATA, "is a part of another model, into which its updates go: -m that "
		               "one; fl-reshape --apart makes a model of its own");
	r->model = model;
	memmove(r->base, base, sizeof r->base);		/* base may be r->base */
	return fl_meta_need_i64(model, "fl.round", &r->round, e) < 0 ||
	       fl_running_check(model, "", e) ? -1 : 0;
}

int fl_sent_open(struct fl_sent *s, int threads, struct fl_err *e)
{
	if (fl_models_open(&s->models, s->path, e) || fl_models_base(&s->models, threads, e))
		return -1;
	if (!s->models.folder && receive(&s->now, &s->models.one, s->models.base, e))
		return fl_fail_in(e, "%s", s->path);
	return 0;
}

static const struct fl_received *hold(struct fl_sent *s, int64_t client, struct fl_err *e)
{
	struct fl_sent_own *h = fl_arena_zero(&s->a, 1, sizeof *h, e);

	if (!h || fl_grow(&s->own, &s->cap, s->n + 1, sizeof *s->own, e) ||
	    fl_models_get(&s->models, client, &h->model, h->r.base, e))
		return NULL;
	h->client = client;
	s->own[s->n++] = h;
	if (!receive(&h->r, &h->model, h->r.base, e))
		return &h->r;
	fl_fail_in(e, "client %" PRId64 ": its model", client);
	return NULL;
}

int fl_sent_all(struct fl_sent *s, struct fl_err *e)
{
	size_t n;
	int64_t *client = fl_models_list(&s->models, &s->a, &n, e);

	if (!client)
		return -1;
	for (size_t k = 0; k < n; k++) {
		if (!hold(s, client[k], e))
			return -1;
		if (s->own[k]->r.round != s->own[0]->r.round)
			return fl_fail(e, FL_EDATA, "%s: the model of client %" PRId64 " is of round %" PRId64
			               ", that of client %" PRId64 " of %" PRId64, s->path, client[k],
			               s->own[k]->r.round, client[0], s->own[0]->r.round);
	}
	return 0;
}

static int by_client(const void *key, const void *own)
{
	const int64_t *client = key;
	const struct fl_sent_own *const *h = own;

	return (*client > (*h)->client) - (*client < (*h)->client);
}

static const struct fl_received *find(struct fl_sent *s, int64_t client, struct fl_err *e)
{
	struct fl_sent_own **h = bsearch(&client, s->own, s->n, sizeof(struct fl_sent_own *), by_client);

	if (!h)
		fl_fail(e, FL_EDATA, "client %" PRId64 ": no model %04" PRId64 ".safetensors or .sts in %s",
		        client, client, s->path);
	return h ? &(*h)->r : NULL;
}

const struct fl_received *fl_sent_to(void *ctx, const struct fl_update *u, struct fl_err *e)
{
	struct fl_sent *s = ctx;
	int64_t age = s->now.round + 1 - u->round;

	if (s->models.folder)
		return s->on_demand ? hold(s, u->client, e) : find(s, u->client, e);
	if (s->history && age > 0 && age <= s->stale)
		return fl_history_find(&s->past, s->history, u->round - 1, u->base, e);
	return &s->now;
}

const struct fl_tset *fl_sent_past(void *ctx, const struct fl_received *r, struct fl_err *e)
{
	return fl_history_model(&((struct fl_sent *)ctx)->past, r, e);
}

void fl_sent_release(struct fl_sent *s)
{
	for (size_t i = 0; i < s->n; i++)
		fl_tset_release(&s->own[i]->model);
	free(s->own);
	fl_history_release(&s->past);
	fl_models_release(&s->models);
	fl_arena_release(&s->a);
}

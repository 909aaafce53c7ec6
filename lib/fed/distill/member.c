/* Clients' models at the server. */
#include "fed/distill/member.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/names.h"
#include "tensor/running.h"

/* --- nets --- */

/* The net of a model's architecture: one for all of them. */
static const struct fl_net *net_of(struct fl_members *m, const struct fl_tset *model,
                                   struct fl_err *e)
{
	const char *arch = fl_meta_get(model, "fl.arch");
	struct fl_net *net;

	for (size_t i = 0; arch && i < m->nnet; i++)
		if (!strcmp(arch, m->arch[i]))
			return fl_running_check(model, "", e) ? NULL : m->net[i];
	if (fl_grow(&m->net, &m->netcap, m->nnet + 1, sizeof(struct fl_net *), e) ||
	    fl_grow(&m->arch, &m->archcap, m->nnet + 1, sizeof(const char *), e) ||
	    !(net = fl_alloc(1, sizeof *net, e)))
		return NULL;
	if (fl_model_of(net, model, e) || !(m->arch[m->nnet] = fl_arena_str(&m->arena, arch, e))) {
		fl_net_release(net);
		free(net);
		return NULL;
	}
	return m->net[m->nnet++] = net;
}

/* --- weights --- */

static int keep_extras(struct fl_member *to, const struct fl_tset *rec, struct fl_err *e)
{
	for (size_t i = 0; i < rec->nt; i++)
		if (fl_tensor_is_extra(&rec->t[i]) && !fl_tset_copy(&to->rec, NULL, &rec->t[i], e))
			return -1;
	for (size_t i = 0; i < rec->nkv; i++)
		if (fl_meta_set(&to->rec, rec->kv[i].key, rec->kv[i].val, e))
			return -1;
	return 0;
}

static int take_weights(struct fl_members *m, struct fl_member *to, const struct fl_tset *model,
                        struct fl_err *e)
{
	if (!(to->net = net_of(m, model, e)) || !(to->w = fl_alloc(to->net->P, sizeof *to->w, e)))
		return -1;
	return fl_net_import(to->net, model, "", FL_ABSENT_REFUSE, to->w, e);
}

static int check_update(const struct fl_members *m, const struct fl_update *u,
                        const struct fl_tset *base, const char *hash, struct fl_err *e)
{
	int64_t round;

	if (fl_meta_need_i64(base, "fl.round", &round, e) < 0)
		return fl_fail_in(e, "%s", m->base->path);
	if (u->round != round + 1)
		return fl_fail(e, FL_EDATA, "fl.round is %" PRId64 ", but the model is of round %" PRId64
		               ", whose updates are of %" PRId64, u->round, round, round + 1);
	if (!fl_base_names(u->base, hash, base))
		return fl_fail(e, FL_EDATA, "fl.base is %s, but the model's is %s", u->base, hash);
	return 0;
}

/* w = base + update: tensors that are not in the update stay. */
static int add_update(struct fl_members *m, struct fl_member *to, const struct fl_tset *rec,
                      const struct fl_tset *base, struct fl_err *e)
{
	fl_real *u;
	int rc = -1;

	if (take_weights(m, to, base, e))
		return fl_fail_in(e, "%s", m->base->path);
	if ((u = fl_alloc(to->net->P, sizeof *u, e)))
		rc = fl_net_import(to->net, rec, "", FL_ABSENT_KEEP, u, e);
	for (size_t i = 0; !rc && i < to->net->P; i++)
		to->w[i] += u[i];
	free(u);
	return rc;
}

static int take_update(struct fl_members *m, struct fl_member *to, const struct fl_tset *rec,
                       struct fl_err *e)
{
	struct fl_tset own = { .t = NULL };
	const struct fl_tset *base = &m->base->one;
	struct fl_update u;
	char hash[FL_HASH_TEXT];
	int rc;

	if (fl_update_read(rec, &u, e))
		return -1;
	*to = (struct fl_member){ .client = u.client, .examples = (double)u.examples, .update = 1,
	                          .round = u.round };
	memcpy(hash, m->base->base, sizeof hash);
	if (m->base->folder) {
		base = &own;
		if (fl_models_get(m->base, u.client, &own, hash, e) ||
		    fl_accord_pair(base, m->base->path, rec, "its update", e)) {
			fl_tset_release(&own);
			return -1;
		}
	}
	rc = check_update(m, &u, base, hash, e) || add_update(m, to, rec, base, e) ? -1 : 0;
	fl_tset_release(&own);
	return rc ? fl_fail_in(e, "client %" PRId64, u.client) : 0;
}

static int take_model(struct fl_members *m, struct fl_member *to, const struct fl_tset *rec,
                      struct fl_err *e)
{
	int64_t examples = 1;
	int there;

	*to = (struct fl_member){ .client = -1 };
	there = fl_meta_i64(rec, "fl.client", &to->client, e);
	if (!there)
		return fl_fail(e, FL_EDATA, "the model says no fl.client, by which members are told apart; "
		               "fl-aggregate -R own -o FOLDER writes clients' models that do");
	if (there < 0 || fl_meta_i64(rec, "fl.round", &to->round, e) < 0 ||
	    fl_meta_i64(rec, "fl.examples", &examples, e) < 0)
		return -1;
	if (!examples)
		return fl_fail(e, FL_EDATA, "client %" PRId64 ": fl.examples is 0, want 1 or more", to->client);
	to->examples = (double)examples;
	return take_weights(m, to, rec, e) ? fl_fail_in(e, "client %" PRId64, to->client) : 0;
}

int fl_members_add(struct fl_members *m, const struct fl_tset *rec, enum fl_kind kind,
                   struct fl_err *e)
{
	struct fl_member *to;

	if (fl_grow(&m->v, &m->cap, m->n + 1, sizeof *m->v, e))
		return -1;
	to = &m->v[m->n++];
	*to = (struct fl_member){ .w = NULL };
	return (kind == FL_KIND_UPDATE ? take_update : take_model)(m, to, rec, e) ||
	       keep_extras(to, rec, e) ? -1 : 0;
}

/* --- all of them --- */

static int by_client(const void *a, const void *b)
{
	const struct fl_member *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

int fl_members_sort(struct fl_members *m, struct fl_err *e)
{
	const struct fl_member *first = NULL;

	if (m->n)
		qsort(m->v, m->n, sizeof *m->v, by_client);
	for (size_t k = 0; k < m->n; k++) {
		const struct fl_member *v = &m->v[k];

		if (k && v->client == v[-1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " is there twice", v->client);
		if (v->update && first && v->round != first->round)
			return fl_fail(e, FL_EDATA, "client %" PRId64 ": its update is of round %" PRId64
			               ", that of client %" PRId64 " of round %" PRId64, v->client,
			               v->round, first->client, first->round);
		first = v->update && !first ? v : first;
	}
	return 0;
}

int64_t fl_members_round(const struct fl_members *m)
{
	for (size_t k = 0; k < m->n; k++)
		if (m->v[k].update)
			return m->v[k].round;
	return -1;
}

void fl_members_release(struct fl_members *m)
{
	for (size_t k = 0; k < m->n; k++) {
		free(m->v[k].w);
		fl_tset_release(&m->v[k].rec);
	}
	for (size_t i = 0; i < m->nnet; i++) {
		fl_net_release(m->net[i]);
		free(m->net[i]);
	}
	free(m->v);
	free(m->net);
	free(m->arch);
	fl_arena_release(&m->arena);
	*m = (struct fl_members){ .v = NULL };
}

/* Models on the data of many clients. */
#include "eval/eval.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fed/fed.h"
#include "model/model.h"
#include "tensor/running.h"

/* One thread's. */
struct seat {
	struct fl_eval_room room, first;	/* for the one model, for the first one */
	fl_real *own;			/* (P) with what a client keeps; NULL until used; owned */
};

struct fl_eval {
	struct fl_eval_how how;
	struct fl_models models;
	struct fl_names names;		/* of the one model's classes */
	struct fl_loaded one;		/* where all clients have the same model */
	struct fl_loaded first;
	struct seat *seat;		/* (threads) */
};

static int changes_inputs(const struct fl_eval *ev)
{
	return (ev->how.panel->needs & FL_METRIC_INPUTS) != 0;
}

/* r for net, where it is not there yet. */
static int room_for(struct fl_eval_room *r, const struct fl_net *net, int inputs,
                    struct fl_err *e)
{
	return r->p ? 0 : fl_eval_room_init(r, net, inputs, e);
}

static int measure_with(struct fl_eval *ev, const struct fl_eval_side *side, struct seat *s,
                        const struct fl_data *d, struct fl_measured *out, struct fl_err *e)
{
	struct fl_eval_side first = { .model = NULL };

	if (ev->first.ready) {
		first = (struct fl_eval_side){ &ev->first, &s->first, ev->how.first };
		if (room_for(&s->first, &ev->first.net, 0, e))
			return -1;
	}
	return fl_eval_client(ev->how.panel, side, &first, d, out, e);
}

/* Lays what the client kept after the model's round over the model's weights w. */
static int lay_kept(const struct fl_eval *ev, const struct fl_loaded *of, const struct fl_data *d,
                    fl_real *w, struct fl_err *e)
{
	struct fl_tset state = { .t = NULL };
	struct fl_arena a = { 0 };
	char *path = fl_client_path(ev->how.state, d->client, "sts", &a, e);
	int rc = path ? fl_state_load(path, of->round < 0 ? INT64_MAX : of->round + 1, &state, e) : -1;

	if (rc == 2)
		rc = fl_fail(e, FL_EDATA, "%s: is of later rounds than the model", path);
	else if (!rc && (fl_running_check(&state, FL_PRIVATE, e) ||
	                 fl_net_import(&of->net, &state, FL_PRIVATE, FL_ABSENT_KEEP, w, e)))
		rc = fl_fail_in(e, "%s", path);
	fl_tset_release(&state);
	fl_arena_release(&a);
	return rc < 0 ? -1 : 0;
}

/* A model of its own, from a folder. */
static int measure_personal(struct fl_eval *ev, struct seat *s, const struct fl_data *d,
                            struct fl_measured *out, struct fl_err *e)
{
	const char *path = ev->models.path;
	struct fl_tset model = { .t = NULL };
	struct fl_loaded own = { .ready = 0 };
	struct fl_eval_room room = { .p = NULL };
	struct fl_eval_side side = { &own, &room, NULL };
	int rc;

	if (d->client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing, so no model of %s is its own",
		               d->name, path);
	rc = fl_models_get(&ev->models, d->client, &model, NULL, e) ||
	     fl_accord_pair(&model, path, &d->rec, d->name, e) ? -1 : 0;
	if (!rc && (rc = fl_loaded_init(&own, &model, e) ||
	                 fl_eval_room_init(&room, &own.net, changes_inputs(ev), e) ? -1 : 0))
		fl_fail_in(e, "%s: model of client %" PRId64, path, d->client);
	if (!rc && ev->how.state)
		rc = lay_kept(ev, &own, d, own.w, e);
	if (!rc)
		rc = measure_with(ev, &side, s, d, out, e);
	fl_eval_room_release(&room);
	fl_loaded_release(&own);
	fl_tset_release(&model);
	return rc;
}

/* The model's weights, but for what the client kept after that round. */
static int measure_kept(struct fl_eval *ev, struct seat *s, const struct fl_data *d,
                        struct fl_measured *out, struct fl_err *e)
{
	struct fl_loaded own = ev->one;
	struct fl_eval_side side = { &own, &s->room, NULL };
	size_t P = own.net.P;

	if (d->client < 0)
		return fl_fail(e, FL_EDATA, "%s: fl.client is missing, so nothing in %s is its own",
		               d->name, ev->how.state);
	if (!s->own && !(s->own = fl_alloc(P, sizeof *s->own, e)))
		return -1;
	own.w = memcpy(s->own, ev->one.w, P * sizeof *s->own);
	return lay_kept(ev, &ev->one, d, s->own, e) || measure_with(ev, &side, s, d, out, e) ? -1 : 0;
}

int fl_eval_measure(struct fl_eval *ev, const struct fl_data *d, int thread,
                    struct fl_measured *out, struct fl_err *e)
{
	struct seat *s = &ev->seat[thread];
	struct fl_eval_side side = { &ev->one, &s->room, NULL };

	if (ev->models.folder)
		return measure_personal(ev, s, d, out, e);
	if (room_for(&s->room, &ev->one.net, changes_inputs(ev), e))
		return -1;
	return ev->how.state ? measure_kept(ev, s, d, out, e) : measure_with(ev, &side, s, d, out, e);
}

/* --- open, close --- */

static int open_first(struct fl_eval *ev, struct fl_err *e)
{
	const char *path = ev->how.first;
	struct fl_tset model = { .t = NULL };
	int rc;

	if (!path)
		return 0;
	if (fl_stream_load(path, FL_KIND_MODEL, &model, e))
		return -1;
	rc = fl_loaded_init(&ev->first, &model, e) ? fl_fail_in(e, "%s", path) :
	     fl_accord_add(ev->how.accord, &model, path, e);
	fl_tset_release(&model);
	return rc;
}

static int open_models(struct fl_eval *ev, struct fl_err *e)
{
	const char *path = ev->how.model;

	if (fl_models_open(&ev->models, path, e) ||
	    !(ev->seat = fl_alloc((size_t)ev->how.threads, sizeof *ev->seat, e)) || open_first(ev, e))
		return -1;
	if (!ev->models.folder && (fl_loaded_init(&ev->one, &ev->models.one, e) ||
	                           fl_names_of(&ev->names, &ev->models.one, e) < 0))
		return fl_fail_in(e, "%s", path);
	return fl_accord_add(ev->how.accord, &ev->models.one, path, e);
}

int fl_eval_open(struct fl_eval **ev, const struct fl_eval_how *how, struct fl_err *e)
{
	*ev = fl_alloc(1, sizeof **ev, e);
	if (!*ev)
		return -1;
	(*ev)->how = *how;
	if (!open_models(*ev, e))
		return 0;
	fl_eval_close(*ev);
	*ev = NULL;
	return -1;
}

void fl_eval_close(struct fl_eval *ev)
{
	if (!ev)
		return;
	for (int i = 0; ev->seat && i < ev->how.threads; i++) {
		fl_eval_room_release(&ev->seat[i].room);
		fl_eval_room_release(&ev->seat[i].first);
		free(ev->seat[i].own);
	}
	free(ev->seat);
	fl_loaded_release(&ev->one);
	fl_loaded_release(&ev->first);
	fl_names_release(&ev->names);
	fl_models_release(&ev->models);
	free(ev);
}

const struct fl_names *fl_eval_names(const struct fl_eval *ev)
{
	return ev->names.C ? &ev->names : NULL;
}

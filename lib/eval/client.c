/* One model on one client's data: batches in stored order, shown to all metrics. */
#include "eval/client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "kernel/vmath.h"

int fl_eval_room_init(struct fl_eval_room *r, const struct fl_net *net, int inputs,
                      struct fl_err *e)
{
	size_t B = FL_EVAL_BATCH;

	if (fl_work_init(&r->work, net, B, inputs ? FL_WORK_INPUT : FL_WORK_FORWARD, e))
		return -1;
	if (inputs && !(r->dw = fl_arena_get(&r->arena, net->P, sizeof *r->dw, e)))
		return -1;
	r->p = fl_arena_get(&r->arena, B * net->classes, sizeof *r->p, e);
	r->lse = fl_arena_get(&r->arena, B, sizeof *r->lse, e);
	r->y = fl_arena_get(&r->arena, B, sizeof *r->y, e);
	return r->p && r->lse && r->y ? 0 : -1;
}

void fl_eval_room_release(struct fl_eval_room *r)
{
	fl_work_release(&r->work);
	fl_arena_release(&r->arena);
	*r = (struct fl_eval_room){ .p = NULL };
}

void fl_measured_release(struct fl_measured *m)
{
	free(m->counts);
	fl_arena_release(&m->arena);
	*m = (struct fl_measured){ .counts = NULL };
}

int fl_eval_cells(const struct fl_panel *p, size_t C, size_t *cells, struct fl_err *e)
{
	return fl_confusion_cells(C, cells) || fl_mul(*cells, p->nview, cells) ?
	       fl_fail_mem(e, SIZE_MAX) : 0;
}

/* All that measuring one client needs. */
struct pass {
	const struct fl_panel *panel;
	struct fl_eval_side side, first;	/* first.model NULL: there is none */
	const struct fl_data *d;
	const int64_t *group;		/* (N), or NULL */
	struct fl_measured *out;
	struct fl_metric_batch b;	/* the one at hand */
};

static int fail_metric(const struct pass *s, size_t m, struct fl_err *e)
{
	return fl_fail_in(e, "metric %s", s->panel->name[m]);
}

/* The batch at hand into a net. */
static void load(const struct pass *s, const struct fl_eval_side *side)
{
	struct fl_eval_room *r = side->room;

	fl_data_batch(s->d, NULL, s->b.first, s->b.B, r->work.act[0], r->y);
	if (s->panel->needs & (FL_METRIC_LOSS | FL_METRIC_INPUTS) && r->work.target)
		fl_data_targets(s->d, NULL, s->b.first, s->b.B, r->work.target);
}

static void forward(const struct pass *s, const struct fl_eval_side *side)
{
	load(s, side);
	fl_net_forward(&side->model->net, &side->room->work, side->model->w, s->b.B, 0, NULL);
}

/* The metrics of a view, or those that change inputs. */
static int show(struct pass *s, size_t view, int inputs, struct fl_err *e)
{
	const struct fl_panel *p = s->panel;

	for (size_t m = 0; m < p->n; m++) {
		const struct fl_metric *f = fl_panel_metric(p, m);
		int changes = (f->needs & FL_METRIC_INPUTS) != 0;

		if (p->of[m] != view || changes != inputs || !f->batch)
			continue;
		if (inputs)
			load(s, &s->side);
		if (f->batch(p->spec[m].p, &s->out->ctx[m], &s->b, e))
			return fail_metric(s, m, e);
	}
	return 0;
}

/* What metrics of a view want, of outputs that are there. */
static int show_view(struct pass *s, size_t view, struct fl_err *e)
{
	const struct fl_net *net = &s->side.model->net, *first;
	const struct fl_view *v = &s->panel->view[view];
	struct fl_eval_room *r = s->side.room;
	size_t C = net->classes, B = s->b.B, tap = v->tap ? fl_net_tap(net, v->tap) : net->ntap;

	s->b.z = v->tap ? fl_net_tapped(net, &r->work, tap, B) : r->work.act[net->nlayer];
	if (v->needs & FL_METRIC_LSE)
		fl_softmax_rows(s->b.z, r->p, r->lse, B, C);
	if (v->needs & FL_METRIC_LOSS)
		s->b.loss = v->tap ? fl_net_tap_loss(net, &r->work, tap, r->y, B) :
		            fl_net_loss(net, &r->work, r->y, B, 0);
	if (v->needs & FL_METRIC_FIRST) {
		first = &s->first.model->net;
		s->b.first_loss = fl_net_loss(first, &s->first.room->work, s->first.room->y, B, 0);
	}
	if (v->needs & FL_METRIC_COUNTS)
		fl_confusion_add(fl_eval_counts(s->out->counts, view, C), s->b.z, r->y, B, C);
	return show(s, view, 0, e);
}

static int show_batch(struct pass *s, struct fl_err *e)
{
	s->b.group = s->group ? s->group + s->b.first : NULL;
	forward(s, &s->side);
	if (s->first.model)
		forward(s, &s->first);
	for (size_t v = 0; v < s->panel->nview; v++)
		if (show_view(s, v, e))
			return -1;
	return s->panel->needs & FL_METRIC_INPUTS ? show(s, 0, 1, e) : 0;
}

static int show_all(struct pass *s, struct fl_err *e)
{
	size_t N = s->d->N;

	s->b = (struct fl_metric_batch){
		.y = s->side.room->y, .lse = s->side.room->lse, .work = &s->side.room->work,
		.dw = s->side.room->dw,
	};
	for (size_t i = 0; i < N; i += s->b.B) {
		s->b.first = i;
		s->b.B = N - i < FL_EVAL_BATCH ? N - i : FL_EVAL_BATCH;
		if (show_batch(s, e))
			return -1;
	}
	return 0;
}

static const char *called(const void *data, int64_t group)
{
	return fl_data_called(data, group);
}

static int begin(struct pass *s, struct fl_err *e)
{
	const struct fl_panel *p = s->panel;
	struct fl_measured *out = s->out;

	if (!(out->ctx = fl_arena_zero(&out->arena, p->n, sizeof *out->ctx, e)))
		return -1;
	for (size_t m = 0; m < p->n; m++) {
		const struct fl_metric *f = fl_panel_metric(p, m);

		out->ctx[m] = (struct fl_metric_ctx){
			.C = out->C, .n = out->n, .net = &s->side.model->net, .w = s->side.model->w,
			.called = called, .data = s->d, .arena = &out->arena,
		};
		if (f->begin && f->begin(p->spec[m].p, &out->ctx[m], e))
			return fail_metric(s, m, e);
	}
	return 0;
}

static int end(struct pass *s, struct fl_err *e)
{
	const struct fl_panel *p = s->panel;
	struct fl_measured *out = s->out;

	for (size_t m = 0; m < p->n; m++) {
		const struct fl_metric *f = fl_panel_metric(p, m);
		struct fl_metric_ctx *c = &out->ctx[m];
		int rc = 0;

		c->counts = fl_eval_counts(out->counts, p->of[m], out->C);
		if (!f->end)
			out->v[m] = c->sum / (double)c->n;
		else if ((rc = f->end(p->spec[m].p, c, &out->v[m], e)) < 0)
			return fail_metric(s, m, e);
		if (rc) {
			out->v[m] = NAN;
			out->unsaid |= 1u << m;
		}
		*c = (struct fl_metric_ctx){ .C = c->C, .n = c->n, .room = c->room, .arena = c->arena };
	}
	return 0;
}

/* The model's own loss, where it was measured. */
static void warn_losses(const struct pass *s)
{
	const struct fl_panel *p = s->panel;
	char what[256];

	snprintf(what, sizeof what, "%s: loss", s->d->name);
	for (size_t m = 0; m < p->n; m++)
		if ((fl_panel_metric(p, m)->needs & (FL_METRIC_LOSS | FL_METRIC_FIRST)) == FL_METRIC_LOSS &&
		    !p->view[p->of[m]].tap)
			fl_net_warn_loss(&s->side.model->net, what, s->out->v[m]);
}

static int find_groups(struct pass *s, struct fl_err *e)
{
	const char *name = fl_panel_needing(s->panel, FL_METRIC_GROUPS);
	int64_t *group;

	if (!name)
		return 0;
	if (!fl_tset_find(&s->d->rec, "group"))
		return fl_fail(e, FL_EDATA, "%s: metric %s is of groups, and the data have no tensor 'group'",
		               s->d->name, name);
	if (fl_data_group(s->d, &s->out->arena, &group, e))
		return -1;
	s->group = group;
	return 0;
}

/* Losses that metrics want; those that change inputs follow the net's own. */
static int check_taps(const struct pass *s, const struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < s->panel->nview; i++) {
		const struct fl_view *v = &s->panel->view[i];

		if (v->needs & (FL_METRIC_LOSS | FL_METRIC_FIRST | FL_METRIC_INPUTS) &&
		    fl_data_fits_tap(s->d, net, v->tap ? fl_net_tap(net, v->tap) : net->ntap, e))
			return -1;
	}
	return 0;
}

static int check_side(const struct pass *s, const struct fl_eval_side *side, struct fl_err *e)
{
	const struct fl_net *net = &side->model->net;
	int targets = (s->panel->needs & (FL_METRIC_LOSS | FL_METRIC_INPUTS)) != 0;

	if (!fl_data_fits(s->d, net, net->classes, targets ? net->targets : 0, e) &&
	    !check_taps(s, net, e))
		return 0;
	return side->path ? fl_fail_in(e, "%s", side->path) : -1;
}

static int check_fit(const struct pass *s, struct fl_err *e)
{
	return check_side(s, &s->side, e) || fl_data_labelled(s->d, e) ||
	       (s->first.model && check_side(s, &s->first, e)) ? -1 : 0;
}

static int describe(struct pass *s, struct fl_err *e)
{
	struct fl_measured *out = s->out;
	const char *split = fl_data_split(s->d), *name = fl_data_name(s->d);
	size_t cells;

	out->client = s->d->client;
	out->round = s->side.model->round;
	out->n = s->d->N;
	out->C = s->side.model->net.classes;
	if ((split && !(out->split = fl_arena_str(&out->arena, split, e))) ||
	    (name && !(out->name = fl_arena_str(&out->arena, name, e))))
		return -1;
	if (!(s->panel->needs & FL_METRIC_COUNTS))
		return 0;
	return fl_eval_cells(s->panel, out->C, &cells, e) ||
	       !(out->counts = fl_alloc(cells, sizeof *out->counts, e)) ? -1 : 0;
}

int fl_eval_client(const struct fl_panel *p, const struct fl_eval_side *side,
                   const struct fl_eval_side *first, const struct fl_data *d, struct fl_measured *out,
                   struct fl_err *e)
{
	struct pass s = { .panel = p, .side = *side, .first = *first, .d = d, .out = out };

	if (fl_panel_fits(p, &side->model->net, e) || describe(&s, e) || begin(&s, e) ||
	    check_fit(&s, e) || find_groups(&s, e) || show_all(&s, e) || end(&s, e))
		return -1;
	warn_losses(&s);
	return 0;
}

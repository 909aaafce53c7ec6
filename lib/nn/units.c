/* Groups of units: every layer with units of its own begins one, layers that keep units pass
 * it on, sums join two, and whoever needs all from all makes it stay. */
#include "nn/units.h"

#include <stdint.h>

struct maker {
	const struct fl_net *net;
	struct fl_unit_map *m;
	struct fl_arena *a;
};

size_t fl_unit_root(const struct fl_unit_map *m, size_t g)
{
	while (m->group[g].of != g)
		g = m->group[g].of;
	return g;
}

/* A new group of n units, as all of an activation. */
static int new_group(struct maker *k, struct fl_unit_act *act, size_t n, struct fl_err *e)
{
	struct fl_unit_map *m = k->m;

	if (!(act->seg = fl_arena_get(k->a, 1, sizeof *act->seg, e)))
		return -1;
	m->group[m->ngroup] = (struct fl_unit_group){ .n = n, .of = m->ngroup };
	act->seg[0] = (struct fl_unit_seg){ m->ngroup++, 1 };
	act->n = 1;
	return 0;
}

/* What is in an activation stays whole, because of layer blocks - 1 where there is one. */
static void keep_whole(struct fl_unit_map *m, const struct fl_unit_act *act, size_t blocks)
{
	for (size_t i = 0; i < act->n; i++) {
		struct fl_unit_group *g = &m->group[fl_unit_root(m, act->seg[i].group)];

		g->whole = 1;
		if (!g->blocks)
			g->blocks = blocks;
	}
}

/* Of two layers + 1, of which 0 is none. */
static size_t earlier(size_t a, size_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* b's units are a's. */
static void join(struct fl_unit_map *m, size_t a, size_t b)
{
	struct fl_unit_group *g, *h;

	a = fl_unit_root(m, a);
	b = fl_unit_root(m, b);
	if (a == b)
		return;
	g = &m->group[a];
	h = &m->group[b];
	h->of = a;
	g->whole |= h->whole;
	g->blocks = earlier(g->blocks, h->blocks);
	g->mixed = earlier(g->mixed, h->mixed);
	g->owner = earlier(g->owner, h->owner);
}

static int alike(const struct fl_unit_map *m, const struct fl_unit_act *a,
                 const struct fl_unit_act *b)
{
	size_t i = 0;

	while (a->n == b->n && i < a->n && a->seg[i].each == b->seg[i].each &&
	       m->group[a->seg[i].group].n == m->group[b->seg[i].group].n)
		i++;
	return a->n == b->n && i == a->n;
}

/* Appends the segments of from to act, times as many entries each. */
static void append(struct fl_unit_act *act, const struct fl_unit_act *from, size_t times)
{
	for (size_t i = 0; i < from->n; i++)
		act->seg[act->n++] = (struct fl_unit_seg){ from->seg[i].group, from->seg[i].each * times };
}

static int beside(struct maker *k, const struct fl_layer *l, struct fl_unit_act *act,
                  struct fl_err *e)
{
	const struct fl_unit_act *x = &k->m->act[l->from], *x2 = &k->m->act[l->skip];

	if (!(act->seg = fl_arena_get(k->a, x->n + x2->n, sizeof *act->seg, e)))
		return -1;
	append(act, x, fl_shape_count(&l->in) / l->in.d[0]);
	append(act, x2, fl_shape_count(&l->in2) / l->in2.d[0]);
	return 0;
}

static int kept(struct maker *k, size_t i, struct fl_unit_act *act, struct fl_err *e)
{
	const struct fl_layer *l = &k->net->layer[i];
	const struct fl_unit_act *x = &k->m->act[l->from];

	if (!(act->seg = fl_arena_get(k->a, x->n, sizeof *act->seg, e)))
		return -1;
	append(act, x, l->out.d[0] / l->in.d[0]);
	for (size_t s = 0; s < x->n && l->entry->units == FL_UNITS_MIXED; s++) {
		struct fl_unit_group *g = &k->m->group[fl_unit_root(k->m, x->seg[s].group)];

		g->mixed = earlier(g->mixed, i + 1);
	}
	return 0;
}

static int added(struct maker *k, size_t i, struct fl_unit_act *act)
{
	const struct fl_layer *l = &k->net->layer[i];
	const struct fl_unit_act *x = &k->m->act[l->from], *x2 = &k->m->act[l->skip];

	*act = *x;
	for (size_t s = 0; s < x->n && alike(k->m, x, x2); s++)
		join(k->m, x->seg[s].group, x2->seg[s].group);
	if (!alike(k->m, x, x2)) {
		keep_whole(k->m, x, i + 1);
		keep_whole(k->m, x2, i + 1);
	}
	return 0;
}

/* Units of its own, of inputs of any; or all from all. */
static int own(struct maker *k, size_t i, int free, struct fl_unit_act *act, struct fl_err *e)
{
	const struct fl_layer *l = &k->net->layer[i];
	struct fl_unit_map *m = k->m;

	if (new_group(k, act, l->out.d[0], e))
		return -1;
	m->group[m->ngroup - 1].owner = i + 1;
	if (free)
		return 0;
	keep_whole(m, &m->act[l->from], i + 1);
	if (l->entry->block)
		keep_whole(m, &m->act[l->skip], i + 1);
	keep_whole(m, act, i + 1);
	return 0;
}

static int add_layer(struct maker *k, size_t i, struct fl_err *e)
{
	const struct fl_layer *l = &k->net->layer[i];
	struct fl_unit_act *act = &k->m->act[i + 1];

	switch (l->entry->units) {
	case FL_UNITS_KEPT:
	case FL_UNITS_MIXED:
		if (l->out.d[0] % l->in.d[0])
			break;
		return kept(k, i, act, e);
	case FL_UNITS_ADDED: return added(k, i, act);
	case FL_UNITS_BESIDE: return beside(k, l, act, e);
	case FL_UNITS_OWN:	/* with groups of channels, each reads a few */
		if (l->param[0].dim[1] != l->in.d[0])
			break;
		return own(k, i, 1, act, e);
	case FL_UNITS_WHOLE: break;
	}
	return own(k, i, 0, act, e);
}

int fl_unit_map(const struct fl_net *net, struct fl_arena *a, struct fl_unit_map *out,
                struct fl_err *e)
{
	struct maker k = { net, out, a };
	size_t n = net->nlayer + 1;

	*out = (struct fl_unit_map){ .ngroup = 0 };
	if (!(out->group = fl_arena_zero(a, n, sizeof *out->group, e)) ||
	    !(out->act = fl_arena_zero(a, n, sizeof *out->act, e)) ||
	    new_group(&k, &out->act[0], net->in.d[0], e))
		return -1;
	keep_whole(out, &out->act[0], 0);
	for (size_t i = 0; i < net->nlayer; i++)
		if (add_layer(&k, i, e))
			return -1;
	keep_whole(out, &out->act[net->nlayer], 0);
	for (size_t t = 0; t < net->ntap; t++)
		for (size_t i = 0; i < net->tap[t].nof; i++)
			keep_whole(out, &out->act[net->tap[t].of[i]], 0);
	return 0;
}

size_t fl_unit_dim(const struct fl_net *net, size_t layer, unsigned j, unsigned d,
                   size_t *times, int *reads)
{
	const struct fl_layer *l = &net->layer[layer];
	enum fl_unit_kind u = l->entry->units;

	*times = 1;
	*reads = u == FL_UNITS_OWN && j == 0 && d == 1;
	if (*reads)
		return l->from;
	if (d || (u != FL_UNITS_OWN && u != FL_UNITS_KEPT && u != FL_UNITS_MIXED))
		return SIZE_MAX;
	*times = l->param[j].dim[0] / l->out.d[0];
	return layer + 1;
}

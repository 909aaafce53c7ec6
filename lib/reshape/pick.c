/* Units: which there are to cut or to copy, and the architecture with so many. */
#include "reshape/job.h"

#include "base/glob.h"
#include "base/log.h"
#include "nn/layer.h"

static const char *which(const struct fl_reshape_job *j)
{
	return j->r->which ? j->r->which(j->p) : NULL;
}

static const char *owner_name(const void *net, size_t i)
{
	const struct fl_net *n = net;

	return i < n->nlayer ? n->layer[i].name : NULL;
}

static const struct fl_unit_group *group_of(const struct fl_reshape_job *j, size_t layer)
{
	return &j->map.group[fl_unit_root(&j->map, j->map.act[layer + 1].seg[0].group)];
}

/* Layer i has units of its own, that user and net let change. */
static int is_free(const struct fl_reshape_job *j, size_t i)
{
	const struct fl_layer *l = &j->net.layer[i];

	return l->entry->units == FL_UNITS_OWN && !group_of(j, i)->whole &&
	       (!which(j) || fl_glob_match(which(j), l->name));
}

/* Says which layers stay as they are for another that needs all of them, as attention does. */
static void warn_of_whole(const struct fl_reshape_job *j)
{
	for (size_t i = 0; i < j->net.nlayer; i++) {
		const struct fl_layer *l = &j->net.layer[i], *by;
		const struct fl_unit_group *g = group_of(j, i);

		if (l->entry->units != FL_UNITS_OWN || !g->blocks ||
		    (which(j) && !fl_glob_match(which(j), l->name)))
			continue;
		by = &j->net.layer[g->blocks - 1];
		fl_say(FL_LOG_WARN, "%s: %s stays whole: %s %s takes its units all together",
		       l->name, l->entry->e.name, by->entry->e.name, by == l ? "itself" : by->name);
	}
}

static int nothing(const struct fl_reshape_job *j, struct fl_err *e)
{
	const struct fl_layer *l = NULL;

	for (size_t i = 0; i < j->net.nlayer && !l; i++)
		if (group_of(j, i)->blocks)
			l = &j->net.layer[group_of(j, i)->blocks - 1];
	if (which(j))
		return fl_fail(e, FL_EDATA, "layers=%s: no hidden layer's units are free: inputs and outputs "
		               "stay whole", which(j));
	if (l)
		return fl_fail(e, FL_EDATA, "%s: %s takes units all together, and no other layer's are free",
		               l->name, l->entry->e.name);
	return fl_fail(e, FL_EDATA, "there is no hidden layer between inputs and outputs");
}

/* Copies of a unit share what it is worth to those who read it. */
static int share_parts(struct fl_reshape_job *j, struct fl_pick *q, size_t n, struct fl_err *e)
{
	size_t *count = fl_arena_zero(&j->arena, n, sizeof *count, e);

	if (!count || !(q->part = fl_arena_get(&j->arena, q->n, sizeof *q->part, e)))
		return -1;
	for (size_t i = 0; i < q->n; i++)
		count[q->of[i]]++;
	for (size_t i = 0; i < q->n; i++)
		q->part[i] = 1 / (double)count[q->of[i]];
	return 0;
}

static int pick_group(struct fl_reshape_job *j, size_t g, struct fl_err *e)
{
	const struct fl_unit_group *u = &j->map.group[g];
	struct fl_pick *q = &j->pick[g];
	const struct fl_layer *l;

	if (j->r->grows && u->mixed) {
		l = &j->net.layer[u->mixed - 1];
		return fl_fail(e, FL_EDATA, "%s: %s normalises units together: copies would change what "
		               "it gives", l->name, l->entry->e.name);
	}
	q->n = j->r->units(j->p, &j->in, g, u->n, NULL);
	if (q->n > FL_NET_MAX)
		return fl_fail(e, FL_EDATA, "%s: more than %zu units", j->net.layer[u->owner - 1].name,
		               FL_NET_MAX);
	if (!(q->of = fl_arena_get(&j->arena, q->n, sizeof *q->of, e)))
		return -1;
	j->r->units(j->p, &j->in, g, u->n, q->of);
	return share_parts(j, q, u->n, e);
}

static int put_scaler(struct fl_reshape_job *j, size_t i, struct fl_err *e)
{
	double by = j->r->scale ? j->r->scale(j->p) : 1;
	json_t *o;

	if (!(by < 1))
		return 0;
	if (!(o = fl_items_new("scaler", j->items.obj[i], ".scaler", e)))
		return -1;
	if (json_object_set_new(o, "rate", json_real(by))) {
		json_decref(o);
		return fl_fail_mem(e, sizeof *o);
	}
	return fl_items_insert(&j->items, i, o, e);
}

/* The layer has as many units as were picked. */
static int set_out(struct fl_reshape_job *j, size_t i, struct fl_err *e)
{
	size_t n = j->pick[fl_unit_root(&j->map, j->map.act[i + 1].seg[0].group)].n;

	if (j->net.layer[i].entry->units != FL_UNITS_OWN || !n)
		return 0;
	if (json_object_set_new(j->items.obj[i], "out", json_integer((json_int_t)n)))
		return fl_fail_mem(e, sizeof n);
	return put_scaler(j, i, e);
}

int fl_reshape_pick(struct fl_reshape_job *j, struct fl_err *e)
{
	const struct fl_net *net = &j->net;
	size_t found = 0;

	if (fl_unit_map(net, &j->arena, &j->map, e) ||
	    !(j->pick = fl_arena_zero(&j->arena, j->map.ngroup, sizeof *j->pick, e)))
		return -1;
	if (!j->r->units)
		return 0;
	if (fl_glob_check("layers", which(j), owner_name, net, "layer of the model; fl.arch names them",
	                  e))
		return -1;
	for (size_t i = 0; i < net->nlayer; i++) {
		size_t g = fl_unit_root(&j->map, j->map.act[i + 1].seg[0].group);

		if (!is_free(j, i))
			continue;
		found++;
		if (!j->pick[g].n && pick_group(j, g, e))
			return -1;
	}
	if (!found)
		return nothing(j, e);
	warn_of_whole(j);
	for (size_t i = 0; i < net->nlayer; i++)
		if (set_out(j, i, e))
			return -1;
	return 0;
}

/* Several methods in one run: in which order, which of them clash, their hooks as one. */
#include <string.h>

#include "fed/client/local.h"

static const struct fl_method *method_of(const struct fl_spec *s)
{
	return (const struct fl_method *)s->entry;
}

/* --- order and clashes --- */

static size_t place_of(const struct fl_entry *en)
{
	size_t i = 0;

	while (fl_method_list[i] && fl_method_list[i] != en)
		i++;
	return i;
}

/* What only one method of a run may have, by the name of the hook, or NULL. */
static const char *clash(const struct fl_method *a, const struct fl_method *b)
{
	const struct fl_hooks *x = &a->on, *y = &b->on;

	if (a->train && b->train)
		return "train";
	if (a->role && b->role)
		return "role";
	if (x->order && y->order)
		return "order";
	if (x->input && y->input)
		return "input";
	if (x->task && y->task)
		return "task";
	if (x->batch && y->batch)
		return "batch";
	return x->mix && y->mix ? "mix" : NULL;
}

static int check_pair(const struct fl_spec *a, const struct fl_spec *b, struct fl_err *e)
{
	const char *hook = clash(method_of(a), method_of(b));

	if (a->entry == b->entry)
		return fl_fail(e, FL_EUSAGE, "method %s is given twice", a->entry->name);
	if (hook)
		return fl_fail(e, FL_EUSAGE, "methods %s and %s clash: each has a hook %s of its own",
		               a->entry->name, b->entry->name, hook);
	return 0;
}

int fl_methods_sort(struct fl_spec *method, size_t n, struct fl_err *e)
{
	for (size_t i = 1; i < n; i++) {
		struct fl_spec s = method[i];
		size_t j = i;

		for (; j && place_of(method[j - 1].entry) > place_of(s.entry); j--)
			method[j] = method[j - 1];
		method[j] = s;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (check_pair(&method[i], &method[j], e))
				return -1;
	return 0;
}

/* --- as one --- */

size_t fl_local_as(struct fl_local *l, size_t i)
{
	size_t was = l->at;

	l->use[was].priv = l->priv;
	l->at = i;
	l->p = l->use[i].p;
	l->priv = l->use[i].priv;
	return was;
}

/* Goes on as method i, whose hooks these are. */
static const struct fl_hooks *enter(struct fl_local *l, size_t i)
{
	fl_local_as(l, i);
	return &l->use[i].m->on;
}

/* Each of these calls all methods that have the hook, in the table's order, and goes on as
 * the method that was at work. */

static size_t order_by_all(struct fl_local *l, int64_t epoch, uint32_t *order, size_t n)
{
	size_t was = l->at;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		n = on->order ? on->order(l, epoch, order, n) : n;
	}
	fl_local_as(l, was);
	return n;
}

static void input_of_all(struct fl_local *l, fl_real *x, int32_t *y, size_t B, size_t d)
{
	size_t was = l->at;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		if (on->input)
			on->input(l, x, y, B, d);
	}
	fl_local_as(l, was);
}

static void logits_of_all(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C)
{
	size_t was = l->at;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		if (on->logits)
			on->logits(l, z, y, B, C);
	}
	fl_local_as(l, was);
}

static double task_of_all(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                          size_t B, size_t C)
{
	size_t was = l->at;
	double loss = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		loss += on->task ? on->task(l, z, y, dz, B, C) : 0;
	}
	fl_local_as(l, was);
	return loss;
}

static double loss_of_all(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                          size_t B, size_t C)
{
	size_t was = l->at;
	double loss = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		loss += on->loss ? on->loss(l, z, y, dz, B, C) : 0;
	}
	fl_local_as(l, was);
	return loss;
}

size_t fl_local_width(const struct fl_local *l)
{
	size_t tap = l->use[l->at].tap;

	return tap < l->net->ntap ? l->net->tap[tap].C : l->net->features;
}

/* The hook of the method at work, on its tap where it has one. */
static double features_of_one(struct fl_local *l, const fl_real *h, const int32_t *y, fl_real *dh,
                              size_t B, size_t d)
{
	const struct fl_use *u = &l->use[l->at];
	struct fl_work *k = &l->loop->bench->work;

	if (u->tap < l->net->ntap) {
		h = fl_net_tapped(l->net, k, u->tap, B);
		dh = fl_net_tap_gradient(l->net, k, u->tap, B);
		d = fl_local_width(l);
	}
	return u->m->on.features(l, h, y, dh, B, d);
}

static double features_of_all(struct fl_local *l, const fl_real *h, const int32_t *y, fl_real *dh,
                              size_t B, size_t d)
{
	size_t was = l->at;
	double loss = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		loss += on->features ? features_of_one(l, h, y, dh, B, d) : 0;
	}
	fl_local_as(l, was);
	return loss;
}

static double batch_of_all(struct fl_local *l, const fl_real *w, fl_real *g)
{
	size_t was = l->at;
	double loss = 0;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		loss += on->batch ? on->batch(l, w, g) : 0;
	}
	fl_local_as(l, was);
	return loss;
}

static void grad_of_all(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	size_t was = l->at;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		if (on->grad)
			on->grad(l, begin, end, w, g);
	}
	fl_local_as(l, was);
}

static void mix_of_all(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	size_t was = l->at;

	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *on = enter(l, i);

		if (on->mix)
			on->mix(l, begin, end, w, g);
	}
	fl_local_as(l, was);
}

struct fl_hooks fl_local_hooks(const struct fl_local *l)
{
	struct fl_hooks on = { .order = NULL };

	if (l->cfg->nmethod == 1) {
		on = l->use[0].m->on;
		on.features = on.features ? features_of_one : NULL;
		return on;
	}
	for (size_t i = 0; i < l->cfg->nmethod; i++) {
		const struct fl_hooks *m = &l->use[i].m->on;

		on.order = m->order ? order_by_all : on.order;
		on.input = m->input ? input_of_all : on.input;
		on.logits = m->logits ? logits_of_all : on.logits;
		on.task = m->task ? task_of_all : on.task;
		on.loss = m->loss ? loss_of_all : on.loss;
		on.features = m->features ? features_of_all : on.features;
		on.batch = m->batch ? batch_of_all : on.batch;
		on.grad = m->grad ? grad_of_all : on.grad;
		on.mix = m->mix ? mix_of_all : on.mix;
	}
	return on;
}

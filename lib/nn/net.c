/* A net from its architecture: shapes along the layers, parameters in one flat
 * vector, initial weights. */
#include "nn/net.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "nn/arch.h"
#include "nn/parts.h"
#include "nn/taps.h"
#include "tensor/running.h"

/* Each parameter begins on a cache line. */
#define PAD (FL_ALIGN / sizeof(fl_real))

static size_t padded(size_t n)
{
	return (n + PAD - 1) / PAD * PAD;
}

static const struct fl_shape *activation(const struct fl_net *net, size_t i)
{
	return i ? &net->layer[i - 1].out : &net->in;
}

/* What of an example the layer's output comes from, unless it says otherwise. */
static void set_parts(const struct fl_net *net, struct fl_layer *l)
{
	size_t other;

	l->parts = net->part;
	l->nparts = net->npart;
	l->input = fl_shape_count(&net->in);
	l->part = l->from ? net->layer[l->from - 1].part : SIZE_MAX;
	other = !l->entry->block ? l->part : l->skip ? net->layer[l->skip - 1].part : SIZE_MAX;
	l->part = other == l->part ? other : SIZE_MAX;
}

static int shape_layers(struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < net->nlayer; i++) {
		struct fl_layer *l = &net->layer[i];

		l->in = *activation(net, l->from);
		if (l->entry->block)
			l->in2 = *activation(net, l->skip);
		set_parts(net, l);
		if (l->entry->shape(l, e))
			return fl_fail_in(e, "%s: %s", l->at, l->entry->e.name);
		if (fl_shape_count(&l->out) > FL_NET_MAX)
			return fl_fail(e, FL_EUSAGE, "%s: %s: more than %zu outputs", l->at,
			               l->entry->e.name, FL_NET_MAX);
		net->nparam += l->nparam;
	}
	net->classes = fl_shape_count(activation(net, net->nlayer));
	return 0;
}

static int place_param(struct fl_net *net, struct fl_net_param *q, size_t layer, unsigned j,
                       struct fl_err *e)
{
	struct fl_layer *l = &net->layer[layer];
	const struct fl_layer_param *p = &l->param[j];

	*q = (struct fl_net_param){
		.ndim = p->ndim, .off = net->P, .n = 1, .perm = p->perm, .kind = p->kind,
		.layer = (unsigned)layer,
	};
	for (unsigned i = 0; i < p->ndim; i++) {
		q->dim[i] = p->dim[i];
		if (fl_mul(q->n, p->dim[i], &q->n))
			q->n = SIZE_MAX;
	}
	if (q->n > FL_NET_MAX - net->weights)
		return fl_fail(e, FL_EUSAGE, "%s: %s: the net has more than %zu parameters",
		               l->at, l->entry->e.name, FL_NET_MAX);
	l->off[j] = net->P;
	net->weights += q->n;
	net->P += padded(q->n);
	if (!(q->name = fl_arena_fmt(&net->arena, e, "%s.%s", l->name, p->suffix)))
		return -1;
	/* Records, which have no layers, tell them by name. */
	if (fl_name_is_running(q->name) != (p->kind == FL_RUNNING))
		return fl_fail(e, FL_EUSAGE, "%s: %s: tensor '%s': such a name is for running statistics, "
		               "and these have no other", l->at, l->entry->e.name, q->name);
	return 0;
}

static int place_params(struct fl_net *net, struct fl_err *e)
{
	struct fl_net_param *q = fl_arena_get(&net->arena, net->nparam, sizeof *q, e);

	if (!(net->param = q))
		return -1;
	for (size_t i = 0; i < net->nlayer; i++)
		for (unsigned j = 0; j < net->layer[i].nparam; j++)
			if (place_param(net, q++, i, j, e))
				return -1;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int names_differ(const struct fl_net *net, struct fl_err *e)
{
	const char **name = fl_alloc(net->nparam, sizeof *name, e);
	int rc = name ? 0 : -1;

	for (size_t i = 0; name && i < net->nparam; i++)
		name[i] = net->param[i].name;
	if (name)
		qsort(name, net->nparam, sizeof *name, by_name);
	for (size_t i = 1; name && i < net->nparam && !rc; i++)
		if (!strcmp(name[i - 1], name[i]))
			rc = fl_fail(e, FL_EUSAGE, "two layers have a tensor '%s'", name[i]);
	free(name);
	return rc;
}

static int set_loss(struct fl_net *net, struct fl_err *e)
{
	const struct fl_loss_entry *loss = (const struct fl_loss_entry *)net->loss.entry;

	if (loss->check && loss->check(net->loss.p, net->classes, e))
		return fl_fail_in(e, "loss: %s", loss->e.name);
	net->targets = loss->targets ? loss->targets(net->loss.p, net->classes) : 0;
	return 0;
}

static int set_ends(struct fl_net *net, struct fl_err *e)
{
	if (!net->nparam)
		return fl_fail(e, FL_EUSAGE, "no layer has parameters");
	net->first = net->param[0].layer;
	if (net->feature_layer == SIZE_MAX)
		net->feature_layer = net->param[net->nparam - 1].layer;
	while (net->feature_layer &&	/* a block's features are its input */
	       net->layer[net->feature_layer - 1].item == net->layer[net->feature_layer].item)
		net->feature_layer--;
	net->features = fl_shape_count(&net->layer[net->feature_layer].in);
	return 0;
}

size_t fl_net_feature_at(const struct fl_net *net)
{
	return net->layer[net->feature_layer].from;
}

static int set_arch(struct fl_net *net, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc = fl_arch_print(net, &s, e);

	if (!rc && !(net->arch = fl_arena_str(&net->arena, fl_str_c(&s), e)))
		rc = -1;
	fl_str_release(&s);
	return rc;
}

int fl_net_build(struct fl_net *net, const char *json, struct fl_err *e)
{
	*net = (struct fl_net){ .layer = NULL };
	if (fl_arch_read(net, json, e) || fl_parts_check(net, e) || shape_layers(net, e) || place_params(net, e) ||
	    names_differ(net, e) || set_ends(net, e) || set_loss(net, e) || fl_taps_shape(net, e) ||
	    set_arch(net, e) || fl_net_plan(net, fl_fused_list, e)) {
		fl_net_release(net);
		return -1;
	}
	return 0;
}

/* Layers from at on read no activation before it, nor what an example has. */
static int stands_alone(const struct fl_net *net, size_t at)
{
	for (size_t i = at; i < net->nlayer; i++)
		if (net->layer[i].from < at || (at && net->layer[i].entry->presence) || (net->layer[i].entry->block && net->layer[i].skip < at))
			return 0;
	return 1;
}

/* The layers from at on, in head's arena, as if the net began there. */
static int take_layers(struct fl_net *head, size_t at, struct fl_err *e)
{
	struct fl_layer *l = fl_arena_get(&head->arena, head->nlayer - at, sizeof *l, e);
	size_t item = head->layer[at].item;

	if (!l)
		return -1;
	head->in = *activation(head, at);
	head->npart = at ? 0 : head->npart;
	head->nlayer -= at;
	memcpy(l, head->layer + at, head->nlayer * sizeof *l);
	head->layer = l;
	for (size_t i = 0; i < head->nlayer; i++, l++) {
		l->from -= at;
		l->skip -= l->entry->block ? at : 0;
		l->item -= item;
	}
	return 0;
}

/* The parameters of the layers from at on. */
static int take_params(struct fl_net *head, size_t at, struct fl_err *e)
{
	struct fl_net_param *q = head->param;

	while (head->nparam && q->layer < at) {
		q++;
		head->nparam--;
	}
	if (!head->nparam)
		return fl_fail(e, FL_EDATA, "no layer from %s on has parameters", head->layer[at].at);
	if (!(head->param = fl_arena_get(&head->arena, head->nparam, sizeof *q, e)))
		return -1;
	head->weights = 0;
	for (size_t i = 0; i < head->nparam; i++, q++) {
		head->param[i] = *q;
		head->param[i].layer -= (unsigned)at;
		head->weights += q->n;
	}
	head->first = head->param[0].layer;
	return 0;
}

/* The taps of what is above at. */
static int take_taps(struct fl_net *head, size_t at, struct fl_err *e)
{
	const struct fl_tap *t = head->tap, *end = t + head->ntap;
	size_t k;

	if (!head->ntap)
		return 0;
	if (!(head->tap = fl_arena_get(&head->arena, head->ntap, sizeof *t, e)))
		return -1;
	for (head->ntap = 0; t < end; t++) {
		struct fl_tap *to = &head->tap[head->ntap];

		*to = *t;
		if (!(to->of = fl_arena_get(&head->arena, t->nof, sizeof *to->of, e)))
			return -1;
		for (k = 0; k < t->nof && t->of[k] > at; k++)
			to->of[k] = t->of[k] - at;
		head->ntap += k == t->nof;
	}
	return 0;
}

int fl_net_head(struct fl_net *head, const struct fl_net *net, size_t at, struct fl_err *e)
{
	*head = *net;
	head->arena = (struct fl_arena){ 0 };
	head->feature_layer = 0;
	if (at >= net->nlayer)
		return fl_fail(e, FL_EDATA, "no layer is above the outputs");
	if (!stands_alone(net, at))
		return fl_fail(e, FL_EDATA, "a layer from %s on reads what is below", net->layer[at].at);
	if (!take_params(head, at, e) && !take_layers(head, at, e) && !take_taps(head, at, e)) {
		head->features = fl_shape_count(&head->in);
		if (!set_arch(head, e) && !fl_net_plan(head, fl_fused_list, e))
			return 0;
	}
	fl_net_release(head);
	return -1;
}

void fl_net_release(struct fl_net *net)
{
	fl_arena_release(&net->arena);
	*net = (struct fl_net){ .layer = NULL };
}

void fl_net_threads(struct fl_net *net, int threads)
{
	net->threads = threads;
}

void fl_net_precision(struct fl_net *net, enum fl_gemm_precision precision)
{
	net->precision = precision;
}

double fl_net_madds(const struct fl_net *net)
{
	double sum = 0;

	for (size_t i = 0; i < net->nlayer; i++)
		if (net->layer[i].entry->madds)
			sum += net->layer[i].entry->madds(&net->layer[i]);
	return sum;
}

void fl_net_init(const struct fl_net *net, uint64_t seed, fl_real *w)
{
	size_t k = 0;

	for (size_t i = 0; i < net->nlayer; i++) {
		const struct fl_layer *l = &net->layer[i];

		for (unsigned j = 0; j < l->nparam; j++, k++) {
			struct fl_rng r;

			memset(w + l->off[j], 0, padded(net->param[k].n) * sizeof *w);
			fl_rng_init(&r, seed, 0, 0, FL_RNG_INIT, k);
			if (l->entry->init)
				l->entry->init(l, j, &r, w + l->off[j]);
		}
	}
}

/* Fed-EE: a client trains as many of a net's early exits as it can. The exits are taps with
 * a loss, the shallow ones first, and the net's output is the last. With exit e,
 *   F_k = sum of the losses of exits up to e, by their weights,
 * and what none of these exits comes from stays as it is and out of the update, so that the
 * mean of a tensor is over the clients that train it. The losses that are measured are those
 * of the whole net. The paper's exits are of speech recognition, with CTC. */
#include "fed/client/client.h"

struct params {
	const char *exit;
};

static const struct fl_param params[] = {
	{ "exit", FL_P_STR, offsetof(struct params, exit), NULL, 0, 0, NULL, "tap",
	  "the deepest exit that is trained; unset: all, and the output" },
	{ 0 }
};

/* Parameters of layers without a mark are frozen. */
static int freeze(struct fl_local *l, const unsigned char *layer, struct fl_err *e)
{
	const struct fl_net *net = l->net;
	unsigned char *role = fl_arena_get(l->arena, net->nparam, 1, e);

	if (!role)
		return -1;
	for (size_t i = 0; i < net->nparam; i++) {
		role[i] = l->role ? l->role[i] : FL_ROLE_SHARED;
		if (!layer[net->param[i].layer])
			role[i] = FL_ROLE_FROZEN;
	}
	l->role = role;
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct fl_net *net = l->net;
	const char *name = ((const struct params *)l->p)->exit;
	unsigned char *layer = fl_arena_zero(l->arena, net->nlayer, 1, e);
	unsigned char *off = fl_arena_zero(l->arena, net->ntap + 1, 1, e);
	size_t last;

	l->priv = off;
	if (!layer || !off)
		return -1;
	if (!name)
		return 0;
	if (fl_net_need_tap(net, name, &last, e))
		return fl_fail_in(e, "method fedee");
	if (!net->tap[last].loss.entry)
		return fl_fail(e, FL_EDATA, "method fedee: tap '%s' has no loss", name);
	off[0] = 1;
	for (size_t t = 0; t < net->ntap; t++) {
		off[1 + t] = t > last;
		if (t <= last && net->tap[t].loss.entry)
			fl_net_tap_layers(net, t, layer);
	}
	return freeze(l, layer, e);
}

const struct fl_method fl_method_fedee = {
	.e = {
		.name = "fedee",
		.title = "Fed-EE",
		.cite = "arXiv 2405.17376, 2024",
		.doc = "early exits, as deep as a client can train",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "F_k = sum of the losses of exits up to the client's",
	},
	.begin = begin,
	.on.task = fl_local_task_without,
};

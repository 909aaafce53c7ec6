/* Shallower nets, whose layers keep their names: cut at an early exit (Fed-EE), or with the
 * first few residual blocks of every stage (depths as InCo and others have them). */
#include <stdint.h>

#include "nn/layer.h"
#include "nn/stages.h"
#include "reshape/items.h"
#include "reshape/reshape.h"

struct depth {
	const char *exit;
	int64_t blocks;
};

static const struct fl_param params[] = {
	{ "exit", FL_P_STR, offsetof(struct depth, exit), NULL, 0, 0, NULL, "tap",
	  "a tap with a loss: it becomes the output" },
	{ "blocks", FL_P_INT, offsetof(struct depth, blocks), NULL, 1, FL_NET_LAYERS, NULL, "n",
	  "residual blocks of a stage that stay" },
	{ 0 }
};

/* --- exits --- */

/* A tap of the shallow net: shallower than the exit, where all that it looks at stays. */
static int tap_stays(const struct fl_net *net, size_t t, size_t exit, const unsigned char *layer)
{
	const struct fl_tap *tap = &net->tap[t];
	size_t k = 0;

	while (k < tap->nof && layer[tap->of[k] - 1])
		k++;
	return t < exit && k == tap->nof;
}

/* Layers (nlayer) that the exits up to this one come from. */
static int mark(const struct fl_net *net, size_t exit, unsigned char *layer, struct fl_err *e)
{
	const struct fl_tap *t = &net->tap[exit];
	size_t last = net->nlayer;

	for (size_t i = 0; i <= exit; i++)
		if (net->tap[i].loss.entry)
			fl_net_tap_layers(net, i, layer);
	while (!layer[last - 1])
		last--;
	if (!t->loss.entry)
		return fl_fail(e, FL_EDATA, "tap '%s' has no loss, so it is no exit", t->name);
	if (t->nof != 1 || t->of[0] != last)
		return fl_fail(e, FL_EDATA, "tap '%s' is not the last of the layers that are left, '%s'",
		               t->name, net->layer[last - 1].name);
	return 0;
}

/* The exit's loss is the net's, and its tap is no more. */
static int set_output(const struct fl_net *net, size_t exit, const unsigned char *layer,
                      json_t *top, struct fl_err *e)
{
	json_t *taps = json_object_get(top, "taps"), *tap = json_array_get(taps, exit);

	if (json_object_set(top, "loss", json_object_get(tap, "loss")) ||
	    json_object_set(top, "weight", json_object_get(tap, "weight")))
		return fl_fail_mem(e, sizeof *top);
	for (size_t t = net->ntap; t-- > 0;)
		if (!tap_stays(net, t, exit, layer))
			json_array_remove(taps, t);
	return 0;
}

static int cut_at_exit(const struct fl_net *net, const char *name, struct fl_items *t,
                       struct fl_err *e)
{
	struct fl_arena a = { 0 };
	unsigned char *layer = fl_arena_zero(&a, net->nlayer, 1, e);
	size_t exit;
	int rc = !layer || fl_net_need_tap(net, name, &exit, e) || mark(net, exit, layer, e) ||
	         set_output(net, exit, layer, t->top, e) ? -1 : 0;

	for (size_t i = 0; i < net->nlayer && !rc; i++)
		if (fl_net_is_top(net, i) && !layer[i])
			fl_items_remove(t, t->obj[i]);
	t->features = NULL;
	fl_arena_release(&a);
	return rc;
}

/* --- blocks --- */

static int is_read_by_name(const struct fl_net *net, size_t i)
{
	for (size_t k = i + 2; k < net->nlayer; k++)
		if (net->layer[k].from == i + 1 && net->layer[k].item != net->layer[i + 1].item)
			return 1;
	for (size_t t = 0; t < net->ntap; t++)
		for (size_t k = 0; k < net->tap[t].nof; k++)
			if (net->tap[t].of[k] == i + 1)
				return 1;
	return 0;
}

static int drop(const struct fl_net *net, size_t i, struct fl_items *t, struct fl_err *e)
{
	if (is_read_by_name(net, i))
		return fl_fail(e, FL_EDATA, "%s cannot be left out: another layer, or a tap, reads it",
		               net->layer[i].name);
	fl_items_remove(t, t->obj[i]);
	return 0;
}

/* Of every stage the first blocks, and with the others what stands behind each. */
static int cut_stages(const struct fl_net *net, const size_t *first, int64_t blocks,
                      struct fl_items *t, struct fl_err *e)
{
	int64_t n = 0;
	int dropped = 0;

	for (size_t i = 0; i < net->nlayer; i++) {
		if (!fl_net_is_top(net, i))
			continue;
		if (first[i] != SIZE_MAX) {
			n = first[i] == i ? 1 : n + 1;
			dropped = n > blocks;
		} else
			dropped = dropped && fl_layer_is_between(&net->layer[i]);
		if (dropped && drop(net, i, t, e))
			return -1;
	}
	return 0;
}

static int cut_blocks(const struct fl_net *net, int64_t blocks, struct fl_items *t,
                      struct fl_err *e)
{
	struct fl_arena a = { 0 };
	size_t *first = fl_arena_get(&a, net->nlayer, sizeof *first, e);
	int rc = -1;

	if (first && !fl_net_stages(net, first))
		fl_fail(e, FL_EDATA, "the model has no residual blocks; one with early exits is cut by "
		        "exit=NAME");
	else if (first)
		rc = cut_stages(net, first, blocks, t, e);
	fl_arena_release(&a);
	return rc;
}

static int layers(const void *pp, const struct fl_net *net, struct fl_items *t, struct fl_err *e)
{
	const struct depth *p = pp;

	if (!p->exit == (p->blocks == FL_UNSET))
		return fl_fail(e, FL_EUSAGE, "one of exit=NAME and blocks=N is due");
	return p->exit ? cut_at_exit(net, p->exit, t, e) : cut_blocks(net, p->blocks, t, e);
}

const struct fl_reshape fl_reshape_depth = {
	.e = {
		.name = "depth",
		.title = "Shallower",
		.cite = "Fed-EE, arXiv 2405.17376, 2024; InCo, ICLR 2024, arXiv 2308.11464",
		.doc = "the layers up to an early exit, or the first blocks of stages",
		.params = params,
		.psize = sizeof(struct depth),
		.formula = "exit: layers that the exits up to this one come from, whose losses add up; "
			   "blocks: of each run of residual blocks of one shape, the first n",
	},
	.layers = layers,
};

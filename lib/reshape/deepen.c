/* Net2DeeperNet: behind a relu, a layer that is the identity and a relu, which changes nothing
 * that is not below 0. */
#include "base/glob.h"
#include "nn/relu.h"
#include "reshape/items.h"
#include "reshape/reshape.h"

struct deepen {
	const char *after;
};

static const struct fl_param params[] = {
	{ "after", FL_P_STR, offsetof(struct deepen, after), NULL, 0, 0, NULL, "glob[+glob]",
	  "relu layers, by name; not set, all" },
	{ 0 }
};

static const char *relu_name(const void *net, size_t i)
{
	const struct fl_net *n = net;

	return i < n->nlayer ? n->layer[i].name : NULL;
}

static int is_chosen(const char *after, const struct fl_layer *l)
{
	return after ? fl_glob_match(after, l->name) : l->entry == &fl_layer_relu;
}

/* A square layer over what l gives: linear, or a convolution with a field of 3. */
static json_t *square(const struct fl_layer *l, const json_t *after, struct fl_err *e)
{
	int image = l->out.ndim == 3;
	json_t *o = fl_items_new(image ? "conv2d" : "linear", after, ".deep", e);

	if (o && (json_object_set_new(o, "out", json_integer((json_int_t)l->out.d[0])) ||
	          (image && json_object_set_new(o, "padding", json_integer(1))))) {
		json_decref(o);
		o = NULL;
		fl_fail_mem(e, sizeof *o);
	}
	return o;
}

static int deepen(const struct fl_layer *l, size_t i, struct fl_items *t, struct fl_err *e)
{
	json_t *deep, *relu;

	if (l->entry != &fl_layer_relu)
		return fl_fail(e, FL_EDATA, "%s: %s is no relu: what is behind it could not be the identity",
		               l->name, l->entry->e.name);
	if (l->out.ndim != 1 && l->out.ndim != 3)
		return fl_fail(e, FL_EDATA, "%s: gives neither a vector nor channels x rows x columns",
		               l->name);
	if (!(deep = square(l, t->obj[i], e)) || fl_items_insert(t, i, deep, e))
		return -1;
	return (relu = fl_items_new("relu", deep, ".relu", e)) ?
	       fl_items_insert_after(t, i, deep, relu, e) : -1;
}

static int layers(const void *pp, const struct fl_net *net, struct fl_items *t, struct fl_err *e)
{
	const char *after = ((const struct deepen *)pp)->after;
	size_t found = 0;

	if (fl_glob_check("after", after, relu_name, net, "layer of the model; fl.arch names them", e))
		return -1;
	for (size_t i = 0; i < net->nlayer; i++) {
		if (!is_chosen(after, &net->layer[i]))
			continue;
		found++;
		if (deepen(&net->layer[i], i, t, e))
			return -1;
	}
	return found ? 0 : fl_fail(e, FL_EDATA, "the model has no relu to put a layer behind");
}

const struct fl_reshape fl_reshape_deepen = {
	.e = {
		.name = "deepen",
		.title = "Net2DeeperNet",
		.cite = "Chen, Goodfellow and Shlens, ICLR 2016, arXiv 1511.05641",
		.doc = "layers that are the identity, of an equal function",
		.params = params,
		.psize = sizeof(struct deepen),
		.formula = "behind h = relu(...): relu(I h) = h; for images, I is a 3x3 convolution with 1 "
			   "in the middle",
	},
	.grows = 1,
	.layers = layers,
};

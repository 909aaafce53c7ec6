/* Architectures as JSON: strict reading, canonical printing. */
#include "nn/arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/parts.h"
#include "nn/taps.h"

#define KEYS_MAX 64
#define NAME_BYTES 256

static const char *const top_keys[] = {
	"input", "parts", "layers", "loss", "features", "weight", "taps", NULL
};
/* The name of what a list of layers begins with. */
static const char input_name[] = "input";

static int unknown_key(const char *key, const char *const *names, size_t n, struct fl_err *e)
{
	const char *near = fl_nearest(key, names, n);

	if (near)
		return fl_fail(e, FL_EUSAGE, "unknown key '%s', did you mean '%s'?", key, near);
	return fl_fail(e, FL_EUSAGE, "unknown key '%s'", key);
}

int fl_arch_keys(json_t *o, const char *const *names, struct fl_err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], key))
			i++;
		if (!names[i])
			return unknown_key(key, names, i, e);
	}
	return 0;
}

int fl_arch_sizes(const json_t *v, const char *what, struct fl_shape *s, struct fl_err *e)
{
	size_t n = json_array_size(v), count = 1;

	if (!n || n > FL_SHAPE_MAX)
		return fl_fail(e, FL_EUSAGE, "%s: not a list of 1 to %d sizes", what, FL_SHAPE_MAX);
	s->ndim = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		json_int_t d = json_integer_value(json_array_get(v, i));

		/* Both factors stay within 2^31, so the product fits. */
		if (d < 1 || (size_t)d > FL_NET_MAX || (count *= (size_t)d) > FL_NET_MAX)
			return fl_fail(e, FL_EUSAGE, "%s[%zu]: not a size, or the shape is too large", what,
			               i);
		s->d[i] = (size_t)d;
	}
	return 0;
}

/* One thing an example, or several parts. */
static int read_input(struct fl_net *net, json_t *top, struct fl_err *e)
{
	const json_t *input = json_object_get(top, "input"), *parts = json_object_get(top, "parts");

	if (input && parts)
		return fl_fail(e, FL_EUSAGE, "keys 'input' and 'parts' exclude each other");
	if (parts)
		return fl_parts_read(net, parts, e);
	return fl_arch_sizes(input, "input", &net->in, e);
}

/* A JSON value as it would stand in a spec. */
static int value_text(const json_t *v, struct fl_str *out, struct fl_err *e)
{
	size_t n = json_array_size(v);

	switch (json_typeof(v)) {
	case JSON_INTEGER: fl_str_addf(out, "%lld", (long long)json_integer_value(v)); break;
	case JSON_REAL: fl_str_addnum(out, json_real_value(v)); break;
	case JSON_TRUE: fl_str_add(out, "on"); break;
	case JSON_FALSE: fl_str_add(out, "off"); break;
	case JSON_STRING: fl_str_add(out, json_string_value(v)); break;
	case JSON_ARRAY:
		if (!n)
			fl_str_add(out, "none");
		for (size_t i = 0; i < n; i++) {
			if (!json_is_integer(json_array_get(v, i)))
				return fl_fail(e, FL_EUSAGE, "not a list of whole numbers");
			fl_str_addf(out, "%s%lld", i ? "+" : "",
			            (long long)json_integer_value(json_array_get(v, i)));
		}
		break;
	default:
		return fl_fail(e, FL_EUSAGE, "not a number, a word, true, false or a list");
	}
	return fl_str_check(out, e);
}

static int unknown_layer_key(const struct fl_entry *en, const char *key, struct fl_err *e)
{
	const char *names[KEYS_MAX] = { "layer", "name", "from" };
	size_t n = 3;

	for (const struct fl_param *p = en->params; p && p->name && n < KEYS_MAX; p++)
		names[n++] = p->name;
	return unknown_key(key, names, n, e);
}

static int set_key(struct fl_net *net, struct fl_layer *l, void *block, const char *key,
                   const json_t *v, struct fl_err *e)
{
	const struct fl_param *p = fl_param_find(l->entry->e.params, key);
	struct fl_str text = FL_STR_INIT;
	int rc;

	if (!p)
		return unknown_layer_key(&l->entry->e, key, e);
	rc = value_text(v, &text, e);
	if (!rc)
		rc = fl_param_set(p, block, fl_str_c(&text), &net->arena, e);
	fl_str_release(&text);
	return rc ? fl_fail_in(e, "%s", key) : 0;
}

/* Where a layer stands: its place in a list, of a block where parent is given. */
struct place {
	size_t i, from, item;
	size_t input;			/* the activation that the list begins with */
	const char *list;		/* "layers", "body", "shortcut" */
	const struct fl_layer *parent;
};

static int check_name(const char *s, struct fl_err *e)
{
	if (!s || !*s || *s == '@' || strlen(s) >= NAME_BYTES)
		return fl_fail(e, FL_EUSAGE, "name: not a word of 1 to %d bytes without '@' first",
		               NAME_BYTES - 1);
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return fl_fail(e, FL_EUSAGE, "name: holds a control character");
	return 0;
}

/* Names in a block are relative to it; default: its list and the index there. */
static int set_name(struct fl_net *net, struct fl_layer *l, const struct place *at,
                    const json_t *v, struct fl_err *e)
{
	const char *s = json_string_value(v);
	char index[NAME_BYTES];

	if (v && check_name(s, e))
		return -1;
	if (!v) {
		snprintf(index, sizeof index, "%s%s%zu", at->parent ? at->list : "",
		         at->parent ? "." : "", at->i);
		s = index;
	}
	l->name = at->parent ? fl_arena_fmt(&net->arena, e, "%s.%s", at->parent->name, s) :
	                       fl_arena_str(&net->arena, s, e);
	return l->name ? 0 : -1;
}

static int set_place(struct fl_net *net, struct fl_layer *l, const struct place *at,
                     struct fl_err *e)
{
	l->at = at->parent ? fl_arena_fmt(&net->arena, e, "%s: %s[%zu]", at->parent->at, at->list, at->i) :
	                     fl_arena_fmt(&net->arena, e, "%s[%zu]", at->list, at->i);
	return l->at ? 0 : -1;
}

size_t fl_arch_layer(const struct fl_net *net, const struct fl_layer *parent, const char *name,
                     struct fl_err *e)
{
	size_t found = SIZE_MAX, inner = parent ? strlen(parent->name) + 1 : 0;

	for (size_t i = 0; i < net->nlayer; i++) {
		const char *s = net->layer[i].name;

		if (inner && (strncmp(s, parent->name, inner - 1) || s[inner - 1] != '.'))
			continue;
		if (strcmp(s + inner, name))
			continue;
		if (found != SIZE_MAX) {
			fl_fail(e, FL_EUSAGE, "two layers are called '%s'", s);
			return SIZE_MAX;
		}
		found = i;
	}
	if (found == SIZE_MAX)
		fl_fail(e, FL_EUSAGE, "no layer before is called '%s%s%s'", parent ? parent->name : "",
		        parent ? "." : "", name);
	return found;
}

/* What the layer reads in place of the one before it. */
static int set_from(struct fl_net *net, struct fl_layer *l, const struct place *at,
                    const json_t *v, struct fl_err *e)
{
	const char *s = json_string_value(v);
	size_t i;

	if (!v)
		return 0;
	if (!s)
		return fl_fail(e, FL_EUSAGE, "from: not a word");
	if (!strcmp(s, input_name)) {
		l->from = at->input;
		return 0;
	}
	if ((i = fl_arch_layer(net, at->parent, s, e)) == SIZE_MAX)
		return fl_fail_in(e, "from");
	l->from = i + 1;
	return 0;
}

static int find_layer(struct fl_layer *l, const json_t *o, struct fl_err *e)
{
	const char *names[KEYS_MAX], *kind = json_string_value(json_object_get(o, "layer"));
	size_t n = 0;

	if (!kind)
		return fl_fail(e, FL_EUSAGE, "key 'layer' is missing");
	l->entry = (const struct fl_layer_entry *)fl_family_find(&fl_family_layer, kind);
	if (l->entry)
		return 0;
	for (; fl_layer_list[n] && n < KEYS_MAX; n++)
		names[n] = fl_layer_list[n]->name;
	kind = fl_nearest(kind, names, n);
	return fl_fail(e, FL_EUSAGE, "unknown layer '%s'%s%s%s",
	               json_string_value(json_object_get(o, "layer")),
	               kind ? ", did you mean '" : "", kind ? kind : "", kind ? "'?" : "");
}

static int is_structure(const struct fl_layer *l, const char *key)
{
	return !strcmp(key, "layer") || !strcmp(key, "name") || !strcmp(key, "from") ||
	       (l->entry->block && (!strcmp(key, "body") || !strcmp(key, "shortcut")));
}

/* Everything but nested layers. */
static int read_keys(struct fl_net *net, struct fl_layer *l, json_t *o, struct fl_err *e)
{
	void *block = fl_arena_zero(&net->arena, 1, l->entry->e.psize, e);
	const char *key;
	json_t *v;

	if (!block || fl_param_defaults(l->entry->e.params, block, &net->arena, e))
		return -1;
	l->p = block;
	json_object_foreach(o, key, v)
		if (!is_structure(l, key) && set_key(net, l, block, key, v, e))
			return -1;
	return 0;
}

static int read_list(struct fl_net *net, const json_t *list, struct place at, struct fl_err *e);

/* One list of a block; *n layers in all. */
static int read_nested(struct fl_net *net, const struct fl_layer *l, const char *list,
                       const json_t *v, size_t *n, struct fl_err *e)
{
	size_t begin = net->nlayer;

	if (v && !json_is_array(v))
		return fl_fail(e, FL_EUSAGE, "%s: not a list", list);
	if (read_list(net, v, (struct place){ .from = l->from, .input = l->from, .item = l->item,
	                                      .list = list, .parent = l }, e))
		return -1;
	*n = net->nlayer - begin;
	return 0;
}

/* The lists of a block, which then reads their outputs. */
static int read_block(struct fl_net *net, struct fl_layer *l, const json_t *o, struct fl_err *e)
{
	if (read_nested(net, l, "body", json_object_get(o, "body"), &l->body, e))
		return -1;
	if (!l->body)
		return fl_fail(e, FL_EUSAGE, "key 'body' is missing, or an empty list");
	if (read_nested(net, l, "shortcut", json_object_get(o, "shortcut"), &l->shortcut, e))
		return -1;
	l->skip = l->shortcut ? net->nlayer : l->from;
	l->from = net->nlayer - l->shortcut;
	return 0;
}

static int read_layer(struct fl_net *net, const struct place *at, json_t *o, struct fl_err *e)
{
	struct fl_layer l = { .from = at->from, .item = at->item };

	if (!json_is_object(o))
		return fl_fail(e, FL_EUSAGE, "not an object");
	if (find_layer(&l, o, e) || set_place(net, &l, at, e) ||
	    set_name(net, &l, at, json_object_get(o, "name"), e) ||
	    set_from(net, &l, at, json_object_get(o, "from"), e) || read_keys(net, &l, o, e) ||
	    (l.entry->block && read_block(net, &l, o, e)))
		return -1;
	net->layer[net->nlayer++] = l;
	return 0;
}

static int read_list(struct fl_net *net, const json_t *list, struct place at, struct fl_err *e)
{
	for (; at.i < json_array_size(list); at.i++) {
		if (!at.parent)
			at.item = at.i;
		if (read_layer(net, &at, json_array_get(list, at.i), e))
			return fl_fail_in(e, "%s[%zu]", at.list, at.i);
		at.from = net->nlayer;
	}
	return 0;
}

/* Layers in a list, nested ones included. */
static size_t count_layers(const json_t *list)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		n += count_layers(json_object_get(o, "body")) +
		     count_layers(json_object_get(o, "shortcut"));
	}
	return n;
}

static int read_layers(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	size_t n = count_layers(v);

	if (!n || n > FL_NET_LAYERS)
		return fl_fail(e, FL_EUSAGE, "layers: not a list of 1 to %d layers", FL_NET_LAYERS);
	if (!(net->layer = fl_arena_zero(&net->arena, n, sizeof *net->layer, e)))
		return -1;
	return read_list(net, v, (struct place){ .list = "layers" }, e);
}

static int read_loss(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	const char *s = v ? json_string_value(v) : "ce";

	if (!s)
		return fl_fail(e, FL_EUSAGE, "loss: not a word");
	return fl_spec_parse(&fl_family_loss, s, &net->arena, &net->loss, e) ?
	       fl_fail_in(e, "loss") : 0;
}

int fl_arch_weight(const json_t *v, double *weight, struct fl_err *e)
{
	*weight = v ? json_number_value(v) : 1;
	if (v && (!json_is_number(v) || *weight < 0 || *weight > FL_TAP_WEIGHT_MAX))
		return fl_fail(e, FL_EUSAGE, "weight: not a number in [0,%g]", FL_TAP_WEIGHT_MAX);
	return 0;
}

static int read_features(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	size_t items = net->layer[net->nlayer - 1].item + 1;

	net->feature_layer = SIZE_MAX;
	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (size_t)json_integer_value(v) >= items)
		return fl_fail(e, FL_EUSAGE, "features: not the index of a layer in [0,%zu]", items - 1);
	net->feature_layer = 0;
	while (net->layer[net->feature_layer].item != (size_t)json_integer_value(v))
		net->feature_layer++;
	return 0;
}

static int read_top(struct fl_net *net, json_t *top, struct fl_err *e)
{
	if (!json_is_object(top))
		return fl_fail(e, FL_EUSAGE, "not a JSON object");
	return fl_arch_keys(top, top_keys, e) || read_input(net, top, e) ||
	       read_layers(net, json_object_get(top, "layers"), e) ||
	       read_loss(net, json_object_get(top, "loss"), e) ||
	       fl_arch_weight(json_object_get(top, "weight"), &net->weight, e) ||
	       read_features(net, json_object_get(top, "features"), e) ||
	       fl_taps_read(net, json_object_get(top, "taps"), e) ? -1 : 0;
}

int fl_arch_read(struct fl_net *net, const char *json, struct fl_err *e)
{
	json_t *top = fl_json_load_lines(json, FL_EUSAGE, e);
	int rc;

	if (!top)
		return -1;
	rc = read_top(net, top, e);
	json_decref(top);
	return rc;
}

void fl_arch_quote(const char *s, struct fl_str *out)
{
	json_t *j = json_string(s);
	char *text = json_dumps(j, JSON_ENCODE_ANY);

	if (text)
		fl_str_add(out, text);
	else
		out->oom = 1;
	free(text);
	json_decref(j);
}

static void print_sizes(const size_t *d, size_t n, struct fl_str *out)
{
	for (size_t i = 0; i < n; i++)
		fl_str_addf(out, "%c%zu", i ? ',' : '[', d[i]);
	fl_str_add(out, n ? "]" : "[]");
}

static void print_value(const struct fl_param *p, const void *block, struct fl_str *out)
{
	const struct fl_dims *dims;
	size_t d[FL_DIMS_MAX];
	struct fl_str text = FL_STR_INIT;

	switch (p->type) {
	case FL_P_REAL:
	case FL_P_INT:
	case FL_P_SIZE:
		fl_param_print(p, block, out);
		break;
	case FL_P_BOOL:
		fl_str_add(out, *(const int *)((const char *)block + p->off) ? "true" : "false");
		break;
	case FL_P_DIMS:
		dims = (const void *)((const char *)block + p->off);
		for (size_t i = 0; i < dims->n; i++)
			d[i] = (size_t)dims->d[i];
		print_sizes(d, dims->n, out);
		break;
	default:
		fl_param_print(p, block, &text);
		fl_arch_quote(fl_str_c(&text), out);
		fl_str_release(&text);
		break;
	}
}

/* A list of layers as it is printed. */
struct list {
	size_t input;		/* the activation that it begins with */
	size_t parent;		/* bytes of names that are its block's */
};

static void print_list(const struct fl_net *net, size_t begin, size_t end, struct list in,
                       struct fl_str *out);

/* The activation that an item of a list reads, nested layers being the block's. */
static size_t read_by(const struct fl_net *net, size_t i)
{
	return net->layer[i - net->layer[i].body - net->layer[i].shortcut].from;
}

static void print_from(const struct fl_net *net, size_t from, struct list in, struct fl_str *out)
{
	fl_str_add(out, ",\"from\":");
	fl_arch_quote(from == in.input ? input_name : net->layer[from - 1].name + in.parent, out);
}

/* Layer i, after the activation `before` of its list. */
static void print_layer(const struct fl_net *net, size_t i, size_t before, struct list in,
                        struct fl_str *out)
{
	const struct fl_layer *l = &net->layer[i];
	struct list inner = { read_by(net, i), strlen(l->name) + 1 };

	fl_str_addf(out, "{\"layer\":\"%s\",\"name\":", l->entry->e.name);
	fl_arch_quote(l->name + in.parent, out);
	if (inner.input != before)
		print_from(net, inner.input, in, out);
	for (const struct fl_param *p = l->entry->e.params; p && p->name; p++) {
		if (!fl_param_is_set(p, l->p))
			continue;
		fl_str_addf(out, ",\"%s\":", p->name);
		print_value(p, l->p, out);
	}
	if (l->entry->block) {
		fl_str_add(out, ",\"body\":[");
		print_list(net, i - l->shortcut - l->body, i - l->shortcut, inner, out);
		fl_str_add(out, "],\"shortcut\":[");
		print_list(net, i - l->shortcut, i, inner, out);
		fl_str_addc(out, ']');
	}
	fl_str_addc(out, '}');
}

/* Layers [begin,end): the last one's nested layers stand before it. */
static void print_list(const struct fl_net *net, size_t begin, size_t end, struct list in,
                       struct fl_str *out)
{
	size_t last = end - 1;

	if (begin == end)
		return;
	last -= net->layer[end - 1].body + net->layer[end - 1].shortcut;
	print_list(net, begin, last, in, out);
	if (last > begin)
		fl_str_addc(out, ',');
	print_layer(net, end - 1, last > begin ? last : in.input, in, out);
}

int fl_arch_print(const struct fl_net *net, struct fl_str *out, struct fl_err *e)
{
	struct fl_str loss = FL_STR_INIT;

	fl_str_addc(out, '{');
	if (net->npart) {
		fl_parts_print(net, out);
	} else {
		fl_str_add(out, "\"input\":");
		print_sizes(net->in.d, net->in.ndim, out);
	}
	fl_str_add(out, ",\"layers\":[");
	print_list(net, 0, net->nlayer, (struct list){ 0, 0 }, out);
	fl_spec_print(&net->loss, &loss);
	fl_str_add(out, "],\"loss\":");
	fl_arch_quote(fl_str_c(&loss), out);
	fl_str_release(&loss);
	if (net->weight < 1 || net->weight > 1) {
		fl_str_add(out, ",\"weight\":");
		fl_str_addnum(out, net->weight);
	}
	fl_str_addf(out, ",\"features\":%zu", net->layer[net->feature_layer].item);
	fl_taps_print(net, out);
	fl_str_addc(out, '}');
	return fl_str_check(out, e);
}

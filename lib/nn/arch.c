/* Architectures as JSON: strict reading, canonical printing. */
#include "nn/arch.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64
#define NAME_BYTES 256

static const char *const top_keys[] = { "input", "layers", "loss", "features", NULL };

static int unknown_key(const char *key, const char *const *names, size_t n, struct fl_err *e)
{
	const char *near = fl_nearest(key, names, n);

	if (near)
		return fl_fail(e, FL_EUSAGE, "unknown key '%s', did you mean '%s'?", key, near);
	return fl_fail(e, FL_EUSAGE, "unknown key '%s'", key);
}

static int check_top(json_t *top, struct fl_err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach(top, key, v) {
		size_t i = 0;

		while (top_keys[i] && strcmp(top_keys[i], key))
			i++;
		if (!top_keys[i])
			return unknown_key(key, top_keys, i, e);
	}
	return 0;
}

static int read_input(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	size_t n = json_array_size(v), count = 1;

	if (!n || n > FL_SHAPE_MAX)
		return fl_fail(e, FL_EUSAGE, "input: not a list of 1 to %d sizes", FL_SHAPE_MAX);
	net->in.ndim = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		json_int_t d = json_integer_value(json_array_get(v, i));

		/* Both factors stay within 2^31, so the product fits. */
		if (d < 1 || (size_t)d > FL_NET_MAX || (count *= (size_t)d) > FL_NET_MAX)
			return fl_fail(e, FL_EUSAGE, "input[%zu]: not a size, or the shape is too large", i);
		net->in.d[i] = (size_t)d;
	}
	return 0;
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
	const char *names[KEYS_MAX] = { "layer", "name" };
	size_t n = 2;

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

static int set_name(struct fl_net *net, struct fl_layer *l, size_t i, const json_t *v,
                    struct fl_err *e)
{
	const char *s = json_string_value(v);

	if (!v)
		return (l->name = fl_arena_fmt(&net->arena, e, "%zu", i)) ? 0 : -1;
	if (!s || !*s || *s == '@' || strlen(s) >= NAME_BYTES)
		return fl_fail(e, FL_EUSAGE, "name: not a word of 1 to %d bytes without '@' first",
		               NAME_BYTES - 1);
	for (const char *c = s; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return fl_fail(e, FL_EUSAGE, "name: holds a control character");
	return (l->name = fl_arena_str(&net->arena, s, e)) ? 0 : -1;
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

static int read_layer(struct fl_net *net, size_t i, json_t *o, struct fl_err *e)
{
	struct fl_layer *l = &net->layer[i];
	const char *key;
	void *block;
	json_t *v;

	if (!json_is_object(o))
		return fl_fail(e, FL_EUSAGE, "not an object");
	if (find_layer(l, o, e) || set_name(net, l, i, json_object_get(o, "name"), e) ||
	    !(block = fl_arena_zero(&net->arena, 1, l->entry->e.psize, e)) ||
	    fl_param_defaults(l->entry->e.params, block, &net->arena, e))
		return -1;
	l->p = block;
	json_object_foreach(o, key, v)
		if (strcmp(key, "layer") && strcmp(key, "name") && set_key(net, l, block, key, v, e))
			return -1;
	return 0;
}

static int read_layers(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	size_t n = json_array_size(v);

	if (!n || n > FL_NET_LAYERS)
		return fl_fail(e, FL_EUSAGE, "layers: not a list of 1 to %d layers", FL_NET_LAYERS);
	if (!(net->layer = fl_arena_zero(&net->arena, n, sizeof *net->layer, e)))
		return -1;
	net->nlayer = n;
	for (size_t i = 0; i < n; i++)
		if (read_layer(net, i, json_array_get(v, i), e))
			return fl_fail_in(e, "layers[%zu]", i);
	return 0;
}

static int read_loss(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	const char *s = v ? json_string_value(v) : "ce";

	if (!s)
		return fl_fail(e, FL_EUSAGE, "loss: not a word");
	return fl_spec_parse(&fl_family_loss, s, &net->arena, &net->loss, e) ?
	       fl_fail_in(e, "loss") : 0;
}

static int read_features(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	net->feature_layer = SIZE_MAX;
	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (size_t)json_integer_value(v) >= net->nlayer)
		return fl_fail(e, FL_EUSAGE, "features: not the index of a layer in [0,%zu]",
		               net->nlayer - 1);
	net->feature_layer = (size_t)json_integer_value(v);
	return 0;
}

static int read_top(struct fl_net *net, json_t *top, struct fl_err *e)
{
	if (!json_is_object(top))
		return fl_fail(e, FL_EUSAGE, "not a JSON object");
	return check_top(top, e) || read_input(net, json_object_get(top, "input"), e) ||
	       read_layers(net, json_object_get(top, "layers"), e) ||
	       read_loss(net, json_object_get(top, "loss"), e) ||
	       read_features(net, json_object_get(top, "features"), e) ? -1 : 0;
}

int fl_arch_read(struct fl_net *net, const char *json, struct fl_err *e)
{
	json_error_t where;
	json_t *top = json_loads(json, JSON_REJECT_DUPLICATES, &where);
	int rc;

	if (!top)
		return fl_fail(e, FL_EUSAGE, "line %d, column %d: %s", where.line, where.column,
		               where.text);
	rc = read_top(net, top, e);
	json_decref(top);
	return rc;
}

static void print_quoted(const char *s, struct fl_str *out)
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
		print_quoted(fl_str_c(&text), out);
		fl_str_release(&text);
		break;
	}
}

static void print_layer(const struct fl_layer *l, struct fl_str *out)
{
	fl_str_addf(out, "{\"layer\":\"%s\",\"name\":", l->entry->e.name);
	print_quoted(l->name, out);
	for (const struct fl_param *p = l->entry->e.params; p && p->name; p++) {
		if (!fl_param_is_set(p, l->p))
			continue;
		fl_str_addf(out, ",\"%s\":", p->name);
		print_value(p, l->p, out);
	}
	fl_str_addc(out, '}');
}

int fl_arch_print(const struct fl_net *net, struct fl_str *out, struct fl_err *e)
{
	struct fl_str loss = FL_STR_INIT;

	fl_str_add(out, "{\"input\":");
	print_sizes(net->in.d, net->in.ndim, out);
	fl_str_add(out, ",\"layers\":[");
	for (size_t i = 0; i < net->nlayer; i++) {
		if (i)
			fl_str_addc(out, ',');
		print_layer(&net->layer[i], out);
	}
	fl_spec_print(&net->loss, &loss);
	fl_str_add(out, "],\"loss\":");
	print_quoted(fl_str_c(&loss), out);
	fl_str_release(&loss);
	fl_str_addf(out, ",\"features\":%zu}", net->feature_layer);
	return fl_str_check(out, e);
}

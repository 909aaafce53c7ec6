/* Editing the JSON of an architecture. */
#include "reshape/items.h"

#include <stdlib.h>
#include <string.h>

#include "nn/arch.h"

/* Layers in the net's order: nested ones before their block. */
static size_t walk(struct fl_items *t, json_t *list, size_t n)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);

		n = walk(t, json_object_get(o, "body"), n);
		n = walk(t, json_object_get(o, "shortcut"), n);
		t->obj[n] = o;
		t->list[n++] = list;
	}
	return n;
}

int fl_items_open(struct fl_items *t, const struct fl_net *net, struct fl_arena *a,
                  struct fl_err *e)
{
	struct fl_str text = FL_STR_INIT;
	json_t *layers;

	*t = (struct fl_items){ .top = NULL };
	if ((t->obj = fl_arena_get(a, net->nlayer, sizeof *t->obj, e)) &&
	    (t->list = fl_arena_get(a, net->nlayer, sizeof *t->list, e)) &&
	    !fl_arch_print(net, &text, e))
		t->top = fl_json_load(fl_str_c(&text), text.len, e);
	fl_str_release(&text);
	if (!t->top)
		return -1;
	layers = json_object_get(t->top, "layers");
	walk(t, layers, 0);
	t->features = json_array_get(layers,
	                             (size_t)json_integer_value(json_object_get(t->top, "features")));
	return 0;
}

static size_t index_of(const json_t *list, const json_t *obj)
{
	size_t i = 0;

	while (json_array_get(list, i) != obj)
		i++;
	return i;
}

/* Later objects that read by the one name read by the other. */
static int redirect(json_t *list, size_t from, const json_t *old, const json_t *new)
{
	const char *name = json_string_value(json_object_get(old, "name"));

	for (size_t i = from; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);
		const char *reads = json_string_value(json_object_get(o, "from"));

		if (reads && !strcmp(reads, name) &&
		    json_object_set(o, "from", json_object_get(new, "name")))
			return -1;
	}
	return 0;
}

int fl_items_insert_after(struct fl_items *t, size_t i, json_t *after, json_t *obj,
                          struct fl_err *e)
{
	size_t at = index_of(t->list[i], after) + 1;

	if (json_array_insert_new(t->list[i], at, obj) || redirect(t->list[i], at + 1, after, obj))
		return fl_fail_mem(e, sizeof *obj);
	return 0;
}

int fl_items_insert(struct fl_items *t, size_t i, json_t *obj, struct fl_err *e)
{
	return fl_items_insert_after(t, i, t->obj[i], obj, e);
}

void fl_items_remove(struct fl_items *t, json_t *obj)
{
	json_t *layers = json_object_get(t->top, "layers");

	if (t->features == obj)
		t->features = NULL;
	json_array_remove(layers, index_of(layers, obj));
}

json_t *fl_items_new(const char *kind, const json_t *after, const char *suffix, struct fl_err *e)
{
	struct fl_str name = FL_STR_INIT;
	json_t *o = NULL;

	fl_str_addf(&name, "%s%s", json_string_value(json_object_get(after, "name")), suffix);
	if (!fl_str_check(&name, e) && !(o = json_pack("{s:s,s:s}", "layer", kind, "name",
	                                               fl_str_c(&name))))
		fl_fail_mem(e, sizeof *o);
	fl_str_release(&name);
	return o;
}

/* The features are what the same layer reads, wherever it stands now. */
static int set_features(struct fl_items *t)
{
	json_t *at;

	json_object_del(t->top, "features");
	if (!t->features)
		return 0;
	at = json_integer((json_int_t)index_of(json_object_get(t->top, "layers"), t->features));
	return json_object_set_new(t->top, "features", at);
}

int fl_items_build(struct fl_items *t, struct fl_net *net, struct fl_err *e)
{
	char *text = set_features(t) ? NULL : json_dumps(t->top, JSON_COMPACT);
	int rc;

	if (!text)
		return fl_fail_mem(e, sizeof *t->top);
	rc = fl_net_build(net, text, e);
	free(text);
	if (rc && e && e->code == FL_EUSAGE)	/* what the model has cannot be reshaped so */
		e->code = FL_EDATA;
	return rc ? fl_fail_in(e, "what it would become") : 0;
}

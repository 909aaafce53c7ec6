/* What an option that a tool has not was meant to be: another word for one it has, a
 * parameter or an entry of what one takes, or a name that is near. */
#include "cli/table.h"


#define OPTIONS_MAX 128
#define KEYS_MAX 64

static const char *key_of(const struct fl_entry *en, const char *name)
{
	const char *names[KEYS_MAX];
	size_t n = 0;

	for (const struct fl_param *p = en->params; p && p->name && n < KEYS_MAX; p++)
		names[n++] = p->name;
	return n ? fl_meant(name, names, n) : NULL;
}

/* Of the entries that an option was given, one that has such a parameter. */
static const struct fl_entry *chosen_with(const struct fl_opt *o, const void *block,
                                          const char *name)
{
	const void *field = (const char *)block + o->p.off;
	const struct fl_specs *many = o->p.type == FL_P_SPECS ? field : NULL;
	const struct fl_spec *s = many ? many->v : o->p.type == FL_P_SPEC ? field : NULL;

	for (size_t i = 0; s && i < (many ? many->n : 1); i++)
		if (s[i].entry && key_of(s[i].entry, name))
			return s[i].entry;
	return NULL;
}

static const struct fl_entry *first_with(const struct fl_family *f, const char *name)
{
	for (size_t i = 0; f->list[i]; i++)
		if (key_of(f->list[i], name))
			return f->list[i];
	return NULL;
}

/* Where a parameter or name is looked for, in this order. */
enum { IN_CHOSEN, IN_SPECS, IN_SOURCES, IN_NAMES, PLACES };

static const struct fl_entry *look(const struct fl_opt *o, const void *block, const char *name,
                                   int place)
{
	int spec = o->p.type >= FL_P_SPEC;

	if (!o->family)
		return NULL;
	if (place == IN_CHOSEN)
		return chosen_with(o, block, name);
	if (place == IN_NAMES)
		return fl_family_find(o->family, name);
	return spec == (place == IN_SPECS) ? first_with(o->family, name) : NULL;
}

/* "opt sgd:lr=0.1" for lr and 0.1, "method scaffold" for scaffold; nothing where no option
 * takes such a thing. */
static void as_spec(const struct fl_tool *t, const struct fl_cmdline *c, const char *name,
                    const char *value, struct fl_str *out)
{
	for (int place = 0; place < PLACES; place++)
		for (const struct fl_opt *o = t->opts; o && o->p.name && !out->len; o++) {
			const struct fl_entry *en = look(o, c->opts, name, place);
			const char *key = en && place != IN_NAMES ? key_of(en, name) : NULL;
			const char *arg = key ? fl_param_find(en->params, key)->arg : NULL;

			if (en)
				fl_str_addf(out, "%s %s", o->p.name, en->name);
			if (key)
				fl_str_addf(out, ":%s=%s", key, value ? value : arg ? arg : "value");
		}
}

int fl_opt_unknown(const struct fl_tool *t, const struct fl_cmdline *c, const char *name,
                   const char *value, struct fl_err *e)
{
	const char *names[OPTIONS_MAX], *near;
	struct fl_str spec = FL_STR_INIT;
	size_t n = 0;

	for (const struct fl_opt *o = fl_common_opts; o->p.name; o++)
		names[n++] = o->p.name;
	for (const struct fl_opt *o = t->opts; o && o->p.name && n < OPTIONS_MAX; o++)
		names[n++] = o->p.name;
	near = fl_meant(name, names, n);
	if (!near)
		as_spec(t, c, name, value, &spec);
	if (spec.len)
		near = fl_str_c(&spec);
	else if (!near)
		near = fl_nearest(name, names, n);
	if (near)
		fl_fail(e, FL_EUSAGE, "unknown option --%s; did you mean --%s?", name, near);
	else
		fl_fail(e, FL_EUSAGE, "unknown option --%s; --help lists them", name);
	fl_str_release(&spec);
	return -1;
}

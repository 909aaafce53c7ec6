/* Specs: one word that names a method and its parameters. */
#include "base/spec.h"

#include <ctype.h>
#include <string.h>

#include "base/meant.h"

const struct fl_entry *fl_family_find(const struct fl_family *f, const char *name)
{
	for (const struct fl_entry *const *p = f->list; *p; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	for (const struct fl_entry *const *p = f->list; *p; p++)
		if (fl_word_in((*p)->aka, name))
			return *p;
	return NULL;
}

static int hex(int c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       tolower(c) >= 'a' && tolower(c) <= 'f' ? tolower(c) - 'a' + 10 : -1;
}

int fl_spec_unescape(char *s, struct fl_err *e)
{
	char *d = s;

	for (; *s; s++) {
		if (*s == '%') {
			int hi = hex(s[1]), lo = hi < 0 ? -1 : hex(s[2]);

			if (lo < 0 || !(hi | lo))
				return fl_fail(e, FL_EUSAGE, "'%.3s' is not a %%XX escape", s);
			*d++ = (char)(hi << 4 | lo);
			s += 2;
		} else {
			*d++ = *s;
		}
	}
	*d = '\0';
	return 0;
}

/* A spec on its way into its block. */
struct filling {
	const struct fl_family *f;
	const struct fl_entry *en;
	void *block;
	unsigned long long seen;	/* bits of parameters that were given */
	struct fl_arena *a;
};

static int set_one(struct filling *x, const struct fl_param *p, char *value, struct fl_err *e)
{
	unsigned long long bit = 1ull << ((unsigned)(p - x->en->params) & 63);

	if (x->seen & bit)
		return fl_fail(e, FL_EUSAGE, "%s: %s is given twice", x->en->name, p->name);
	x->seen |= bit;
	if ((p->type != FL_P_RAW && fl_spec_unescape(value, e)) ||
	    fl_param_set(p, x->block, value, x->a, e))
		return fl_fail_in(e, "%s: %s", x->en->name, p->name);
	return 0;
}

static int set_pair(struct filling *x, char *pair, struct fl_err *e)
{
	char *eq = strchr(pair, '=');
	const struct fl_param *p;

	if (!eq)
		return fl_unknown_pair(x->en, pair, x->a, e);
	*eq = '\0';
	if (!(p = fl_param_find(x->en->params, pair)))
		return fl_unknown_key(x->f, x->en, pair, e);
	return set_one(x, p, eq + 1, e);
}

/* The entry called s, or that of "NAME@VALUE", short for "NAME:KEY=VALUE" with the
 * first parameter: *value then points to VALUE. */
static const struct fl_entry *find_short(const struct fl_family *f, char *s, char **value)
{
	const struct fl_entry *en = fl_family_find(f, s);
	char *at = strchr(s, '@');

	*value = NULL;
	if (en || !at)
		return en;
	*at = '\0';
	en = fl_family_find(f, s);
	if (en && en->params)
		*value = at + 1;
	else
		*at = '@';
	return *value ? en : NULL;
}

int fl_spec_parse(const struct fl_family *f, const char *text, struct fl_arena *a,
                  struct fl_spec *out, struct fl_err *e)
{
	char *s = fl_arena_str(a, text, e), *next, *value;
	struct filling x = { .f = f, .a = a };

	if (!s)
		return -1;
	next = strchr(s, ':');
	if (next)
		*next++ = '\0';
	if (!(x.en = find_short(f, s, &value)))
		return fl_unknown_entry(f, s, e);
	if (!(x.block = fl_arena_zero(a, 1, x.en->psize, e)) ||
	    fl_param_defaults(x.en->params, x.block, a, e))
		return -1;
	if (value && set_one(&x, x.en->params, value, e))
		return -1;
	while (next) {
		char *pair = next;

		next = strchr(pair, ',');
		if (next)
			*next++ = '\0';
		if (set_pair(&x, pair, e))
			return -1;
	}
	out->entry = x.en;
	out->p = x.block;
	return 0;
}

int fl_spec_words(const char *raw, struct fl_arena *a, struct fl_strs *out, struct fl_err *e)
{
	char *s = fl_arena_str(a, raw, e);
	size_t n = 1;

	if (!s)
		return -1;
	for (const char *p = s; *p; p++)
		n += *p == '+';
	*out = (struct fl_strs){ .cap = n };
	if (!(out->v = fl_arena_get(a, n, sizeof *out->v, e)))
		return -1;
	for (size_t i = 0; i < n; i++) {
		char *end = s + strcspn(s, "+");

		out->v[out->n++] = s;
		*end = '\0';
		if (fl_spec_unescape(s, e))
			return -1;
		s = end + 1;
	}
	return 0;
}

static void print_escaped(const char *s, const char *special, struct fl_str *out)
{
	for (; *s; s++)
		if (strchr(special, *s) || (unsigned char)*s < 0x21 || *s == 0x7f)
			fl_str_addf(out, "%%%02X", (unsigned char)*s);
		else
			fl_str_addc(out, *s);
}

void fl_spec_add_word(const char *s, struct fl_str *out)
{
	print_escaped(s, ",=:%+", out);
}

void fl_spec_print(const struct fl_spec *s, struct fl_str *out)
{
	const struct fl_param *p = s->entry->params;
	char sep = ':';

	fl_str_add(out, s->entry->name);
	for (; p && p->name; p++) {
		struct fl_str v = FL_STR_INIT;

		if (p->type == FL_P_PATH || !fl_param_is_set(p, s->p))
			continue;
		fl_param_print(p, s->p, &v);
		fl_str_addc(out, sep);
		fl_str_add(out, p->name);
		fl_str_addc(out, '=');
		if (p->type == FL_P_RAW)
			fl_str_add(out, fl_str_c(&v));
		else
			print_escaped(fl_str_c(&v), ",=:%", out);
		out->oom |= v.oom;
		fl_str_release(&v);
		sep = ',';
	}
}

int fl_spec_is_same(const struct fl_spec *a, const struct fl_spec *b)
{
	if (a->entry != b->entry)
		return 0;
	for (const struct fl_param *p = a->entry ? a->entry->params : NULL; p && p->name; p++)
		if (!fl_param_is_same(p, a->p, b->p))
			return 0;
	return 1;
}

int fl_spec_is(const char *text, const char *name)
{
	size_t n = strlen(name);

	return text && !strncmp(text, name, n) && (!text[n] || text[n] == ':');
}

/* The length of the first spec of a list. */
static size_t first_length(const char *list)
{
	const char *end = strchr(list, ',');

	while (end && end[1 + strcspn(end + 1, ",:=")] == '=')
		end = strchr(end + 1, ',');
	return end ? (size_t)(end - list) : strlen(list);
}

int fl_specs_parse(const struct fl_family *f, const char *text, struct fl_arena *a,
                   struct fl_specs *out, struct fl_err *e)
{
	char *s = fl_arena_str(a, text, e);
	size_t most = 1;

	out->n = 0;
	for (const char *p = text; *p; p++)
		most += *p == ',';
	if (!s || !(out->v = fl_arena_zero(a, most, sizeof *out->v, e)))
		return -1;
	while (*text && s) {
		char *end = s + first_length(s), *next = *end ? end + 1 : NULL;

		*end = '\0';
		if (fl_spec_parse(f, s, a, &out->v[out->n++], e))
			return -1;
		s = next;
	}
	return 0;
}

void fl_specs_print(const struct fl_spec *v, size_t n, struct fl_str *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			fl_str_addc(out, ',');
		fl_spec_print(&v[i], out);
	}
}

int fl_specs_are(const char *text, const struct fl_spec *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = first_length(text), name = strlen(v[i].entry->name);

		if (strncmp(text, v[i].entry->name, name) || (name < len && text[name] != ':'))
			return 0;
		text += len;
		if (*text && i + 1 < n)
			text++;
	}
	return !*text;
}

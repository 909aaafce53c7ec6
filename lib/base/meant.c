/* Names and parameters that are not there. */
#include "base/meant.h"

#include <string.h>
#include <strings.h>

#define NAMES_MAX 256
#define LISTED_MAX 8	/* names that a message lists */
#define ENTRIES_LEN 90	/* longer lists of entries are left to --list */

/* Names that begin with s up to one of these are a spec that was written otherwise. */
#define ENDS ",=@( "

static size_t names_of(const struct fl_family *f, const char **names)
{
	size_t n = 0;

	while (n < NAMES_MAX && f->list[n]) {
		names[n] = f->list[n]->name;
		n++;
	}
	return n;
}

static size_t keys_of(const struct fl_entry *en, const char **names)
{
	size_t n = 0;

	for (const struct fl_param *p = en->params; p && p->name && n < NAMES_MAX; p++)
		names[n++] = p->name;
	return n;
}

/* "dirichlet,alpha=.3" and "R@1" as they are written: "dirichlet:alpha=.3", "hit@1". Empty
 * where s is nothing of the kind. */
static void rewrite(const struct fl_family *f, const char *s, struct fl_str *out)
{
	size_t n = strcspn(s, ENDS), count;
	const char *names[NAMES_MAX], *rest, *name;
	const struct fl_entry *en;
	struct fl_str head = FL_STR_INIT;

	fl_str_addn(&head, s, n);
	count = names_of(f, names);
	en = fl_family_find(f, fl_str_c(&head));
	name = en ? en->name : fl_meant(fl_str_c(&head), names, count);
	fl_str_release(&head);
	if (!s[n] || !name || !(en = fl_family_find(f, name)) || !en->params)
		return;
	rest = s + n + 1;
	if (s[n] == '@')
		fl_str_addf(out, "%s@%s", name, rest);
	else if (strchr(rest, '='))
		fl_str_addf(out, "%s:%s", name, rest);
	else
		fl_str_addf(out, "%s:%s=%.*s", name, en->params->name, (int)strcspn(rest, ")"), rest);
}

/* "a, b, c" of names, or the first few. */
static void join(const char *const *names, size_t n, struct fl_str *out)
{
	for (size_t i = 0; i < n && i < LISTED_MAX; i++)
		fl_str_addf(out, "%s%s", i ? ", " : "", names[i]);
	if (n > LISTED_MAX)
		fl_str_add(out, ", ...");
}

/* "scaffold is a method: fl-local-train -M scaffold", for every family that has it. */
static void elsewhere(const struct fl_family *f, const char *s, struct fl_str *out)
{
	for (const struct fl_known *k = fl_known; k->name; k++)
		if (strcmp(k->family, f->name) && !strcasecmp(s, k->name))
			fl_str_addf(out, "%s%s is a%s %s: %s %s", out->len ? "; " : "", k->name,
			            strchr("aeiou", k->noun[0]) ? "n" : "", k->noun, k->option, k->name);
}

/* A few names are listed, of many it is said how to. */
static void entries(const struct fl_family *f, const char *const *names, size_t n,
                    struct fl_str *out)
{
	fl_str_add(out, "there are ");
	for (size_t i = 0; i < n; i++)
		fl_str_addf(out, "%s%s", i ? ", " : "", names[i]);
	if (out->len > ENTRIES_LEN) {
		fl_str_clear(out);
		fl_str_addf(out, "--list=%s shows them", f->name);
	}
}

int fl_unknown_entry(const struct fl_family *f, const char *s, struct fl_err *e)
{
	const char *names[NAMES_MAX], *noun = f->noun ? f->noun : f->name, *near;
	struct fl_str spec = FL_STR_INIT, other = FL_STR_INIT;
	size_t n = names_of(f, names);

	rewrite(f, s, &spec);
	elsewhere(f, s, &other);
	near = spec.len ? fl_str_c(&spec) : fl_meant(s, names, n);
	if (!near && !other.len)
		near = fl_nearest(s, names, n);
	if (!near && !other.len)
		entries(f, names, n, &spec);
	if (near)
		fl_fail(e, FL_EUSAGE, "no %s '%s'; did you mean '%s'?", noun, s, near);
	else if (other.len)
		fl_fail(e, FL_EUSAGE, "%s", fl_str_c(&other));
	else
		fl_fail(e, FL_EUSAGE, "no %s '%s'; %s", noun, s, fl_str_c(&spec));
	fl_str_release(&spec);
	fl_str_release(&other);
	return -1;
}

/* Entries of the family that have such a key. */
static size_t with_key(const struct fl_family *f, const char *key, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; f->list[i] && n < NAMES_MAX; i++)
		if (fl_param_find(f->list[i]->params, key))
			names[n++] = f->list[i]->name;
	return n;
}

int fl_unknown_key(const struct fl_family *f, const struct fl_entry *en, const char *s,
                   struct fl_err *e)
{
	const char *names[NAMES_MAX], *near;
	size_t n = keys_of(en, names);
	struct fl_str mine = FL_STR_INIT, theirs = FL_STR_INIT;

	join(names, n, &mine);
	near = fl_nearest(s, names, n);
	n = with_key(f, s, names);
	join(names, n, &theirs);
	if (near)
		fl_fail(e, FL_EUSAGE, "%s has no '%s'; did you mean '%s'?", en->name, s, near);
	else
		fl_fail(e, FL_EUSAGE, "%s has no '%s'%s%s%s%s%s", en->name, s,
		        mine.len ? "; it has " : ", nor any parameter", fl_str_c(&mine),
		        theirs.len ? "; " : "", theirs.len ? fl_str_c(&theirs) : "",
		        theirs.len ? " have it" : "");
	fl_str_release(&mine);
	fl_str_release(&theirs);
	return -1;
}

/* The first parameter that would take the text, of those that do not take any. */
static const struct fl_param *taker(const struct fl_entry *en, const char *text, struct fl_arena *a)
{
	void *block = fl_arena_zero(a, 1, en->psize, NULL);

	for (const struct fl_param *p = en->params; block && p && p->name; p++)
		if (p->type != FL_P_STR && p->type != FL_P_PATH && !fl_param_set(p, block, text, a, NULL))
			return p;
	return NULL;
}

int fl_unknown_pair(const struct fl_entry *en, const char *s, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_param *p = fl_param_find(en->params, s);
	struct fl_str keys = FL_STR_INIT;
	const char *names[NAMES_MAX];
	size_t n = keys_of(en, names);

	if (p) {
		fl_param_range(p, &keys);
		fl_fail(e, FL_EUSAGE, "%s: '%s' wants a value: %s=%s", en->name, s, s,
		        p->arg ? p->arg : keys.len ? fl_str_c(&keys) : "value");
		fl_str_release(&keys);
		return -1;
	}
	if ((p = taker(en, s, a)))
		return fl_fail(e, FL_EUSAGE, "%s: '%s' is not key=value; did you mean '%s=%s'?", en->name,
		               s, p->name, s);
	join(names, n, &keys);
	fl_fail(e, FL_EUSAGE, "%s: '%s' is not key=value%s%s", en->name, s, n ? "; keys are " : "",
	        fl_str_c(&keys));
	fl_str_release(&keys);
	return -1;
}

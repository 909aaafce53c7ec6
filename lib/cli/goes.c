/* What goes with what: options that need or exclude others, as the tables say, checked and
 * told. `needs` and `excludes` are names with blanks between them; "a|b" of needs is met by
 * either. */
#include "cli/table.h"

#include <string.h>

static int are_same_specs(const struct fl_specs *a, const struct fl_specs *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!fl_spec_is_same(&a->v[i], &b->v[i]))
			return 0;
	return a->n == b->n;
}

int fl_opt_is_given(const struct fl_opt *o, const struct fl_cmdline *c)
{
	const void *x = (const char *)c->opts + o->p.off, *y = (const char *)c->plain + o->p.off;

	switch (o->p.type) {
	case FL_P_SPEC: return !fl_spec_is_same(x, y);
	case FL_P_SPECS: return !are_same_specs(x, y);
	default: return !fl_param_is_same(&o->p, c->opts, c->plain);
	}
}

/* Whether name is one of those in list, which may be NULL. */
static int is_listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = list; s && *s; s += strcspn(s, " "), s += *s == ' ')
		if (strcspn(s, " ") == n && !strncmp(s, name, n))
			return 1;
	return 0;
}

static int are_exclusive(const struct fl_opt *a, const struct fl_opt *b)
{
	return is_listed(a->excludes, b->p.name) || is_listed(b->excludes, a->p.name);
}

/* The option that excludes o and is given, or NULL. */
static const struct fl_opt *given_against(const struct fl_tool *t, const struct fl_cmdline *c,
                                          const struct fl_opt *o)
{
	for (const struct fl_opt *x = t->opts; x->p.name; x++)
		if (x != o && are_exclusive(o, x) && fl_opt_is_given(x, c))
			return x;
	return NULL;
}

/* Whether one of the names of word, with '|' between them, is given. */
static int is_met(const struct fl_tool *t, const struct fl_cmdline *c, const char *word, size_t n)
{
	for (const struct fl_opt *x = t->opts; x->p.name; x++)
		for (size_t i = 0, m; i < n; i += m + 1) {
			m = strcspn(word + i, "| ");
			if (strlen(x->p.name) == m && !strncmp(x->p.name, word + i, m) &&
			    fl_opt_is_given(x, c))
				return 1;
		}
	return 0;
}

/* "--a or --b" of the word "a|b"(n). */
static void add_word(const char *word, size_t n, struct fl_str *out)
{
	fl_str_add(out, "--");
	for (size_t i = 0; i < n; i++)
		if (word[i] == '|')
			fl_str_add(out, " or --");
		else
			fl_str_addc(out, word[i]);
}

/* Names of the options that exclude o, after lead. */
static void add_against(const struct fl_tool *t, const struct fl_opt *o, const char *lead,
                        const char *between, struct fl_str *out)
{
	const char *sep = lead;

	for (const struct fl_opt *x = t->opts; x->p.name; x++)
		if (x != o && are_exclusive(o, x)) {
			fl_str_addf(out, "%s--%s", sep, x->p.name);
			sep = between;
		}
}

void fl_opt_add_goes(const struct fl_tool *t, const struct fl_opt *o, struct fl_str *out)
{
	int required = o->flags & FL_O_NEED;
	const char *sep = required ? "; needs " : "needs ";

	if (required) {
		fl_str_add(out, "required");
		add_against(t, o, " without ", ", ", out);
	}
	for (const char *s = o->needs; s && *s; s += strcspn(s, " "), s += *s == ' ') {
		fl_str_add(out, sep);
		add_word(s, strcspn(s, " "), out);
		sep = ", ";
	}
	if (!required)
		add_against(t, o, o->needs ? "; not with " : "not with ", ", ", out);
}

static int check_given(const struct fl_tool *t, const struct fl_cmdline *c,
                       const struct fl_opt *o, struct fl_err *e)
{
	const struct fl_opt *x = given_against(t, c, o);
	struct fl_str want = FL_STR_INIT;
	int rc = 0;

	if (x)
		return fl_fail(e, FL_EUSAGE, "--%s and --%s exclude each other; give one of them",
		               o->p.name, x->p.name);
	for (const char *s = o->needs; !rc && s && *s; s += strcspn(s, " "), s += *s == ' ')
		if (!is_met(t, c, s, strcspn(s, " "))) {
			add_word(s, strcspn(s, " "), &want);
			rc = fl_fail(e, FL_EUSAGE, "--%s needs %s as well", o->p.name,
			             fl_str_c(&want));
		}
	fl_str_release(&want);
	return rc;
}

static int check_absent(const struct fl_tool *t, const struct fl_cmdline *c,
                        const struct fl_opt *o, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;

	if (!(o->flags & FL_O_NEED) || fl_opt_is_set(o, c->opts) || given_against(t, c, o))
		return 0;
	if (o->letter)
		fl_str_addf(&b, "-%c (--%s) must be given", o->letter, o->p.name);
	else
		fl_str_addf(&b, "--%s must be given", o->p.name);
	add_against(t, o, ", or ", " or ", &b);
	fl_fail(e, FL_EUSAGE, "%s", fl_str_c(&b));
	fl_str_release(&b);
	return -1;
}

/* Operands that the tool has a use for only with an option. */
static int check_operands(const struct fl_tool *t, const struct fl_cmdline *c, struct fl_err *e)
{
	if (!c->noperand)
		return 0;
	if (!t->operands)
		return fl_fail(e, FL_EUSAGE, "'%s': no operand is expected", c->operand[0]);
	for (const struct fl_opt *o = t->opts; t->operands_need && o->p.name; o++)
		if (!strcmp(o->p.name, t->operands_need) && !fl_opt_is_given(o, c))
			return fl_fail(e, FL_EUSAGE, "'%s': operands need --%s", c->operand[0],
			               o->p.name);
	return 0;
}

int fl_opt_check_goes(const struct fl_tool *t, const struct fl_cmdline *c, struct fl_err *e)
{
	for (const struct fl_opt *o = t->opts; o->p.name; o++)
		if (fl_opt_is_given(o, c) ? check_given(t, c, o, e) : check_absent(t, c, o, e))
			return -1;
	return check_operands(t, c, e);
}

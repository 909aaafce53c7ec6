/* Option tables as text for --help and --list. */
#include "cli/table.h"

#include <string.h>


#define COLUMN 26	/* where descriptions start */
#define WIDTH 79

/* Words of s from column col on, broken before WIDTH. */
static void wrap(struct fl_str *out, const char *s, size_t col)
{
	while (*s) {
		size_t n = strcspn(s, " ");

		if (col + n > WIDTH && col > COLUMN) {
			fl_str_addf(out, "\n%*s", COLUMN, "");
			col = COLUMN;
		}
		fl_str_addn(out, s, n);
		col += n;
		s += n;
		if (*s == ' ') {
			fl_str_addc(out, ' ');
			col++;
			s++;
		}
	}
	fl_str_addc(out, '\n');
}

static void describe(const struct fl_tool *t, const struct fl_opt *o, struct fl_str *out)
{
	struct fl_str r = FL_STR_INIT, goes = FL_STR_INIT;

	fl_str_add(out, o->p.doc);
	if (o->p.type < FL_P_SPEC && o->p.type != FL_P_BOOL)
		fl_param_range(&o->p, &r);
	if (r.len)
		fl_str_addf(out, " %s", fl_str_c(&r));
	if (o->p.def && o->p.type != FL_P_BOOL)
		fl_str_addf(out, " (default %s)", o->p.def);
	fl_opt_add_goes(t, o, &goes);
	if (goes.len)
		fl_str_addf(out, " (%s)", fl_str_c(&goes));
	fl_str_release(&r);
	fl_str_release(&goes);
}

static void option_line(const struct fl_tool *t, const struct fl_opt *o, struct fl_str *out)
{
	struct fl_str left = FL_STR_INIT, right = FL_STR_INIT;
	int optional = o->flags & FL_O_BARE;

	if (o->letter)
		fl_str_addf(&left, "  -%c, --%s", o->letter, o->p.name);
	else
		fl_str_addf(&left, "      --%s", o->p.name);
	if (fl_opt_has_arg(o))
		fl_str_addf(&left, optional ? "[=%s]" : "=%s", fl_opt_arg(o));
	describe(t, o, &right);
	fl_str_add(out, fl_str_c(&left));
	if (left.len + 2 > COLUMN)
		fl_str_addf(out, "\n%*s", COLUMN, "");
	else
		fl_str_addf(out, "%*s", (int)(COLUMN - left.len), "");
	wrap(out, fl_str_c(&right), COLUMN);
	fl_str_release(&left);
	fl_str_release(&right);
}

void fl_help_usage(const struct fl_tool *t, struct fl_str *out)
{
	fl_str_addf(out, "usage: %s", t->name);
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++) {
		if (!(o->flags & FL_O_NEED))
			continue;
		if (o->letter)
			fl_str_addf(out, " -%c %s", o->letter, fl_opt_arg(o));
		else
			fl_str_addf(out, " --%s=%s", o->p.name, fl_opt_arg(o));
	}
	fl_str_add(out, " [option ...]");
	if (t->operands)
		fl_str_addf(out, " %s", t->operands);
	fl_str_addc(out, '\n');
}

void fl_help(const struct fl_tool *t, struct fl_str *out)
{
	fl_help_usage(t, out);
	fl_str_addf(out, "%s\n\n", t->nd);
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++)
		option_line(t, o, out);
	fl_str_addc(out, '\n');
	for (const struct fl_opt *o = fl_common_opts; o->p.name; o++)
		option_line(t, o, out);
	for (size_t i = 0; t->families && t->families[i]; i++) {
		const struct fl_family *f = t->families[i];
		struct fl_str names = FL_STR_INIT;

		for (size_t j = 0; f->list[j]; j++)
			fl_str_addf(&names, "%s%s", j ? " " : "", f->list[j]->name);
		fl_str_addf(out, "%s%s (--list=%s): %s\n%*s", i ? "" : "\n", f->name, f->name, f->doc,
		            COLUMN, "");
		wrap(out, fl_str_c(&names), COLUMN);
		fl_str_release(&names);
	}
}

static void list_entries(const struct fl_family *f, struct fl_str *out)
{
	for (size_t i = 0; f->list[i]; i++) {
		fl_str_addf(out, "%s\t%s", f->list[i]->name, f->list[i]->doc);
		if (f->note)
			f->note(f->list[i], out);
		if (f->list[i]->aka)
			fl_str_addf(out, " (also called %s)", f->list[i]->aka);
		fl_str_addc(out, '\n');
	}
}

int fl_help_list(const struct fl_tool *t, const char *family, struct fl_str *out,
                 struct fl_err *e)
{
	const char *names[64];
	size_t n = 0;

	for (; t->families && t->families[n] && n < 64; n++) {
		const struct fl_family *f = t->families[n];

		names[n] = f->name;
		if (!*family) {
			fl_str_addf(out, "%s\t%s\n", f->name, f->doc);
		} else if (!strcmp(f->name, family)) {
			list_entries(f, out);
			return 0;
		}
	}
	if (!*family)
		return 0;
	if (fl_nearest(family, names, n))
		return fl_fail(e, FL_EUSAGE, "--list: no family '%s'; did you mean '%s'?", family,
		               fl_nearest(family, names, n));
	return fl_fail(e, FL_EUSAGE, "--list: no family '%s'; --list alone lists them", family);
}

/* Option tables as words for a shell: options, then NAME=values of specs; and what may stand
 * as an operand. */
#include "cli/table.h"

#include <string.h>

static void words(const struct fl_opt *o, struct fl_str *out)
{
	if (o->letter)
		fl_str_addf(out, "-%c\n", o->letter);
	fl_str_addf(out, "--%s%s\n", o->p.name, fl_opt_has_arg(o) ? "=" : "");
	for (size_t i = 0; o->p.type == FL_P_ENUM && o->p.choice[i]; i++)
		fl_str_addf(out, "--%s=%s\n", o->p.name, o->p.choice[i]);
	for (size_t i = 0; o->family && o->family->list[i]; i++) {
		const char *aka = o->family->list[i]->aka;

		fl_str_addf(out, "--%s=%s\n", o->p.name, o->family->list[i]->name);
		for (size_t n; aka && (n = strcspn(aka, " ")); aka += n + (aka[n] == ' '))
			fl_str_addf(out, "--%s=%.*s\n", o->p.name, (int)n, aka);
	}
}

/* The entries of the family that the operands begin with, as those of fl-stats do. */
static void operand_words(const struct fl_tool *t, struct fl_str *out)
{
	for (const struct fl_family *const *f = t->families; t->operands && f && *f; f++) {
		size_t n = strlen((*f)->name);

		if (strncmp(t->operands, (*f)->name, n) || t->operands[n] != ' ')
			continue;
		for (size_t i = 0; (*f)->list[i]; i++)
			fl_str_addf(out, "%s\n", (*f)->list[i]->name);
	}
}

void fl_complete(const struct fl_tool *t, struct fl_str *out)
{
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++)
		words(o, out);
	for (const struct fl_opt *o = fl_common_opts; o->p.name; o++)
		words(o, out);
	operand_words(t, out);
}

/* Option tables as mdoc. The prose file brings sections; the tables bring
 * SYNOPSIS, OPTIONS, a section a family, STREAMS, ENVIRONMENT and EXIT STATUS. */
#include "cli/table.h"

#include <ctype.h>
#include <string.h>

#define WIDTH 78

static int ends_sentence(const char *s, size_t n)
{
	return n && strchr(".!?", s[n - 1]) != NULL;
}

/* Text lines for roff: words wrapped, a new sentence on a new line, backslashes
 * and leading dots escaped. */
static void text(struct fl_str *out, const char *s)
{
	size_t col = 0;
	int ended = 0;

	while (*s) {
		size_t n = strcspn(s, " \n");

		if (n && col && (ended || col + 1 + n > WIDTH)) {
			fl_str_addc(out, '\n');
			col = 0;
		} else if (n && col) {
			fl_str_addc(out, ' ');
			col++;
		}
		if (!col && (*s == '.' || *s == '\''))
			fl_str_add(out, "\\&");
		for (size_t i = 0; i < n; i++)
			fl_str_add(out, s[i] == '\\' ? "\\e" : (char[2]){ s[i], '\0' });
		ended = ends_sentence(s, n);
		col += n;
		s += n;
		while (*s == ' ' || *s == '\n')
			s++;
	}
	fl_str_addc(out, '\n');
}

/* A macro argument: characters that roff would read are escaped. */
static void macro_arg(struct fl_str *out, const char *s)
{
	for (; *s; s++)
		if (*s == '\\')
			fl_str_add(out, "\\e");
		else if (*s == '"')
			fl_str_add(out, "\\(dq");
		else if (*s == '-')
			fl_str_add(out, "\\-");
		else
			fl_str_addc(out, *s);
}

static int flag_like(const struct fl_opt *o)
{
	return !fl_opt_has_arg(o);
}

static void synopsis(const struct fl_tool *t, struct fl_str *out)
{
	fl_str_addf(out, ".Sh SYNOPSIS\n.Nm %s\n", t->name);
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++) {
		int need = o->flags & FL_O_NEED;

		fl_str_add(out, need ? "." : ".Op ");
		if (o->letter)
			fl_str_addf(out, "Fl %c", o->letter);
		else
			fl_str_addf(out, "Fl \\-%s", o->p.name);
		if (!flag_like(o))
			fl_str_addf(out, o->flags & FL_O_BARE ? " Ns Op = Ns Ar %s" : " Ar %s", fl_opt_arg(o));
		fl_str_addc(out, '\n');
	}
	if (t->operands) {
		const char *s = t->operands;
		size_t n = strlen(s);

		if (*s == '[' && s[n - 1] == ']')
			fl_str_addf(out, ".Op Ar %.*s\n", (int)(n - 2), s + 1);
		else
			fl_str_addf(out, ".Ar %s\n", s);
	}
}

static void range_and_default(const struct fl_param *p, struct fl_str *out)
{
	int named = p->type == FL_P_ENUM || p->type == FL_P_BOOL;
	struct fl_str r = FL_STR_INIT;

	if (p->type < FL_P_SPEC)
		fl_param_range(p, &r);
	if (r.len)
		fl_str_addf(out, "; %s %s", named ? "one of" : "range", fl_str_c(&r));
	if (p->def)
		fl_str_addf(out, "; default %s", p->def);
	fl_str_release(&r);
}

/* flag: is there or not, without a value; more: what is to be said besides, may be NULL. */
static void item_text(const struct fl_param *p, int flag, const char *more, struct fl_str *out)
{
	struct fl_str s = FL_STR_INIT;

	fl_str_addc(&s, (char)toupper((unsigned char)p->doc[0]));
	fl_str_add(&s, p->doc + 1);
	if (!flag)
		range_and_default(p, &s);
	if (more && *more)
		fl_str_addf(&s, "; %s", more);
	fl_str_addc(&s, '.');
	text(out, fl_str_c(&s));
	fl_str_release(&s);
}

static void option(const struct fl_tool *t, const struct fl_opt *o, struct fl_str *out)
{
	struct fl_str goes = FL_STR_INIT;

	fl_str_add(out, ".It ");
	if (o->letter)
		fl_str_addf(out, "Fl %c , ", o->letter);
	fl_str_addf(out, "Fl \\-%s", o->p.name);
	if (!flag_like(o))
		fl_str_addf(out, o->flags & FL_O_BARE ? " Ns Op = Ns Ar %s" : " Ns = Ns Ar %s",
		            fl_opt_arg(o));
	fl_str_addc(out, '\n');
	fl_opt_add_goes(t, o, &goes);
	item_text(&o->p, flag_like(o), fl_str_c(&goes), out);
	fl_str_release(&goes);
}

static void options(const struct fl_tool *t, struct fl_str *out)
{
	fl_str_add(out, ".Sh OPTIONS\n.Bl -tag -width Ds\n");
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++)
		option(t, o, out);
	for (const struct fl_opt *o = fl_common_opts; o->p.name; o++)
		option(t, o, out);
	fl_str_add(out, ".El\n");
}

static void entry(const struct fl_family *f, const struct fl_entry *en, struct fl_str *out)
{
	const struct fl_param *p = en->params;
	struct fl_str s = FL_STR_INIT;

	fl_str_add(out, ".It Cm ");
	macro_arg(out, en->name);
	fl_str_addc(out, '\n');
	if (en->title && strcmp(en->title, en->name))
		fl_str_addf(&s, "%s: ", en->title);
	fl_str_add(&s, en->doc);
	if (f->note)
		f->note(en, &s);
	if (en->aka)
		fl_str_addf(&s, "; also called %s", en->aka);
	fl_str_addc(&s, '.');
	text(out, fl_str_c(&s));
	if (en->formula) {
		fl_str_add(out, ".Pp\n");
		text(out, en->formula);
	}
	if (en->note) {
		fl_str_add(out, ".Pp\n");
		text(out, en->note);
	}
	if (en->cite) {
		fl_str_add(out, ".Pp\n");
		text(out, en->cite);
	}
	fl_str_release(&s);
	if (!p || !p->name)
		return;
	fl_str_add(out, ".Bl -tag -width Ds\n");
	for (; p->name; p++) {
		fl_str_addf(out, ".It Cm %s Ns = Ns Ar %s\n", p->name, p->arg ? p->arg : "value");
		item_text(p, 0, NULL, out);
	}
	fl_str_add(out, ".El\n");
}

static void family(const struct fl_family *f, struct fl_str *out)
{
	fl_str_add(out, ".Sh ");
	for (const char *s = f->name; *s; s++)
		fl_str_addc(out, (char)toupper((unsigned char)*s));
	fl_str_add(out, "\nA spec is\n.Ar name Ns Op : Ns Ar key Ns = Ns Ar value Ns "
	           "Op , Ns Ar ... .\n");
	fl_str_addf(out, "The family\n.Cm %s :\n", f->name);
	text(out, f->doc);
	fl_str_add(out, ".Bl -tag -width Ds\n");
	for (size_t i = 0; f->list[i]; i++)
		entry(f, f->list[i], out);
	fl_str_add(out, ".El\n");
}

static void streams(const struct fl_tool *t, struct fl_str *out)
{
	fl_str_addf(out, ".Sh STREAMS\nReads: %s.\n.br\nWrites: %s.\n.br\nThe format is that of\n"
	            ".Xr fl-stream 5 .\n", t->reads ? t->reads : "nothing",
	            t->writes ? t->writes : "nothing");
}

static void environment(const struct fl_tool *t, struct fl_str *out)
{
	fl_str_add(out, ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev FL_CPU\n"
	           "Forces an instruction set:\n.Cm ref , sse2 , avx2\nor\n.Cm avx512 .\n"
	           "Results do not depend on it.\n");
	if (t->env & FL_ENV_BLAS)
		fl_str_add(out, ".It Ev FL_BLAS\n.Cm openblas\ngives large products to OpenBLAS, "
		           "whose rounding\ndiffers between processors; this is recorded in\n"
		           ".Sq fl.prov .\n");
	if (t->env & FL_ENV_TMPDIR)
		fl_str_add(out, ".It Ev TMPDIR\nWhere what pipes cannot give twice, or take out of order, is spooled; default\n"
		           ".Pa /tmp .\n");
	fl_str_add(out, ".El\n");
}

static const char exit_status[] =
	".Sh EXIT STATUS\n"
	".Bl -tag -width Ds -compact\n"
	".It 0\nDone; all input was used, or left out on request and reported.\n"
	".It 1\nThe condition asked for is false.\n"
	".It 2\nUsage: bad option, spec or value, or a terminal where data is due.\n"
	".It 3\nBad input data.\n"
	".It 4\nThe system: a file, the disk, memory.\n"
	".It 5\nA number became non-finite while computing, or a running variance negative.\n"
	".It 141\nThe reader of the output went away.\n"
	".El\n"
	"On failure no output file is published.\n";

/* Copies the sections of the prose for which want(name) is pick. */
static void sections(const char *prose, int pick, struct fl_str *out,
                     int (*want)(const char *name, size_t n))
{
	const char *s = prose;

	while (*s) {
		const char *head = s + 4, *end;

		end = strstr(s, "\n.Sh ");
		end = end ? end + 1 : s + strlen(s);
		if (want(head, strcspn(head, "\n")) == pick)
			fl_str_addn(out, s, (size_t)(end - s));
		s = end;
	}
}

/* 0: before OPTIONS, 1: FILES, 2: after EXIT STATUS (mdoc's customary order). */
static int place(const char *name, size_t n)
{
	static const char *const tail[] = {
		"EXAMPLES", "DIAGNOSTICS", "ERRORS", "SEE ALSO", "STANDARDS", "HISTORY", "AUTHORS",
		"CAVEATS", "BUGS", "SECURITY CONSIDERATIONS"
	};

	if (n == 5 && !strncmp(name, "FILES", 5))
		return 1;
	for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
		if (strlen(tail[i]) == n && !strncmp(name, tail[i], n))
			return 2;
	return 0;
}

int fl_man(const struct fl_tool *t, const char *prose, struct fl_str *out, struct fl_err *e)
{
	if (strncmp(prose, ".Sh ", 4))
		return fl_fail(e, FL_EDATA, "standard input: prose must start with .Sh");
	fl_str_addf(out, ".\\\" Generated from the option table of %s and its prose.\n", t->name);
	fl_str_add(out, ".Dd " FL_DATE "\n.Dt ");
	for (const char *s = t->name; *s; s++)
		fl_str_addc(out, (char)toupper((unsigned char)*s));
	fl_str_addf(out, " 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", t->name, t->nd);
	synopsis(t, out);
	sections(prose, 0, out, place);
	options(t, out);
	for (size_t i = 0; t->families && t->families[i]; i++)
		family(t->families[i], out);
	streams(t, out);
	environment(t, out);
	sections(prose, 1, out, place);
	fl_str_add(out, exit_status);
	sections(prose, 2, out, place);
	return fl_str_check(out, e);
}

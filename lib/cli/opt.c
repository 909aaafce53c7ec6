/* argv <-> option tables. Knows syntax; not what any option means. */
#include "cli/table.h"

#include <string.h>

#include "kernel/gemm.h"

static const char *const progress_choice[] = { "auto", "always", "never", NULL };

#undef FL_OPTS
#define FL_OPTS struct fl_common
const struct fl_opt fl_common_opts[] = {
	FL_OPT_FLAG('h', "help", help, "print help and exit"),
	FL_OPT_FLAG('V', "version", version, "print the version and exit"),
	FL_OPT_FLAG(0, "man", man,
	  "merge the prose on standard input into the manual page, and exit"),
	FL_OPT_FLAG(0, "complete", complete, "print words for shell completion and exit"),
	FL_OPT_STR(0, "list", list, "family",
	  "list a family's entries, or the families, and exit", .flags = FL_O_BARE),
	FL_OPT_FLAG('q', "quiet", quiet, "print errors only"),
	FL_OPT_FLAG('v', "verbose", verbose, "say what is done; twice: in detail"),
	FL_OPT_ENUM(0, "progress", progress, "auto", progress_choice, "when",
	  "draw progress on standard error"),
	FL_OPT_END
};

int fl_opt_has_arg(const struct fl_opt *o)
{
	return o->p.type != FL_P_BOOL;
}

const char *fl_opt_arg(const struct fl_opt *o)
{
	if (o->p.arg)
		return o->p.arg;
	return o->family ? o->family->name : "value";
}

/* Where an option is found: its table entry and the block it writes to. */
struct found {
	const struct fl_opt *o;
	void *block;
};

static int find(const struct fl_tool *t, struct fl_cmdline *c, const char *name, char letter,
                struct found *f)
{
	const struct fl_opt *tab[] = { t->opts, fl_common_opts };
	void *block[] = { c->opts, &c->common };

	for (int i = 0; i < 2; i++)
		for (const struct fl_opt *o = tab[i]; o && o->p.name; o++)
			if (name ? !strcmp(o->p.name, name) : o->letter == letter) {
				*f = (struct found){ o, block[i] };
				return 0;
			}
	return -1;
}

static int set(const struct found *f, const char *text, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_opt *o = f->o;
	char *field = (char *)f->block + o->p.off;
	int rc;

	if (o->p.type == FL_P_SPEC)
		rc = fl_spec_parse(o->family, text, a, (struct fl_spec *)(void *)field, e);
	else if (o->p.type == FL_P_SPECS)
		rc = fl_specs_parse(o->family, text, a, (struct fl_specs *)(void *)field, e);
	else
		rc = fl_param_set(&o->p, f->block, text, a, e);
	return rc ? fl_fail_in(e, "--%s", o->p.name) : 0;
}

static int defaults(const struct fl_opt *tab, void *block, struct fl_arena *a, struct fl_err *e)
{
	for (const struct fl_opt *o = tab; o && o->p.name; o++) {
		struct fl_param one[2] = { o->p, { 0 } };
		struct found f = { o, block };

		if (o->p.type >= FL_P_SPEC ? o->p.def && set(&f, o->p.def, a, e) :
		    fl_param_defaults(one, block, a, e))
			return -1;
	}
	return 0;
}

/* --verbose may be repeated. */
static void set_flag(const struct found *f)
{
	int *v = (int *)(void *)((char *)f->block + f->o->p.off);

	*v = f->o->letter == 'v' && f->block ? *v + 1 : 1;
}

static int parse_long(const struct fl_tool *t, struct fl_cmdline *c, char *arg, int *i, int argc,
                      char **argv, struct fl_arena *a, struct fl_err *e)
{
	char *eq = strchr(arg, '=');
	struct found f;

	if (eq)
		*eq = '\0';
	if (find(t, c, arg, 0, &f))
		return fl_opt_unknown(t, c, arg, eq ? eq + 1 : *i + 1 < argc && argv[*i + 1][0] != '-' ?
		                      argv[*i + 1] : NULL, e);
	if (!fl_opt_has_arg(f.o)) {
		if (eq)
			return set(&f, eq + 1, a, e);
		set_flag(&f);
		return 0;
	}
	if (eq)
		return set(&f, eq + 1, a, e);
	if (f.o->flags & FL_O_BARE)
		return set(&f, f.o->p.type == FL_P_ENUM ? "on" : "", a, e);
	if (*i + 1 >= argc)
		return fl_fail(e, FL_EUSAGE, "--%s needs a %s", arg, fl_opt_arg(f.o));
	return set(&f, argv[++*i], a, e);
}

static int parse_short(const struct fl_tool *t, struct fl_cmdline *c, const char *arg, int *i,
                       int argc, char **argv, struct fl_arena *a, struct fl_err *e)
{
	for (; *arg; arg++) {
		struct found f;

		if (find(t, c, NULL, *arg, &f))
			return fl_fail(e, FL_EUSAGE, "unknown option -%c; --help lists them", *arg);
		if (!fl_opt_has_arg(f.o)) {
			set_flag(&f);
			continue;
		}
		if (arg[1])
			return set(&f, arg + 1, a, e);
		if (*i + 1 >= argc)
			return fl_fail(e, FL_EUSAGE, "-%c needs a %s", *arg, fl_opt_arg(f.o));
		return set(&f, argv[++*i], a, e);
	}
	return 0;
}

int fl_opt_is_set(const struct fl_opt *o, const void *block)
{
	const char *field = (const char *)block + o->p.off;

	if (o->p.type == FL_P_SPEC)
		return ((const struct fl_spec *)(const void *)field)->entry != NULL;
	if (o->p.type == FL_P_SPECS)
		return ((const struct fl_specs *)(const void *)field)->n > 0;
	return fl_param_is_set(&o->p, block);
}

int fl_opt_parse(const struct fl_tool *t, int argc, char **argv, struct fl_arena *a,
                 struct fl_cmdline *c, struct fl_err *e)
{
	const struct fl_common *m = &c->common;
	int ended = 0;

	memset(c, 0, sizeof *c);
	if (!(c->opts = fl_arena_zero(a, 1, t->osize, e)) ||
	    !(c->operand = fl_arena_get(a, (size_t)argc + 1, sizeof *c->operand, e)) ||
	    !(c->plain = fl_arena_zero(a, 1, t->osize, e)) ||
	    defaults(t->opts, c->opts, a, e) || defaults(t->opts, c->plain, a, e) ||
	    defaults(fl_common_opts, &c->common, a, e))
		return -1;
	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];
		int rc = 0;

		if (ended || arg[0] != '-' || !arg[1])
			c->operand[c->noperand++] = arg;
		else if (!strcmp(arg, "--"))
			ended = 1;
		else if (arg[1] == '-')
			rc = parse_long(t, c, arg + 2, &i, argc, argv, a, e);
		else
			rc = parse_short(t, c, arg + 1, &i, argc, argv, a, e);
		if (rc)
			return -1;
	}
	return m->help || m->version || m->man || m->complete || m->list ? 0 :
	       fl_opt_check_goes(t, c, e);
}

void fl_opt_print(const struct fl_opt *o, const void *block, struct fl_str *out)
{
	const char *field = (const char *)block + o->p.off;

	if (o->p.type == FL_P_SPEC) {
		fl_spec_print((const struct fl_spec *)(const void *)field, out);
	} else if (o->p.type == FL_P_SPECS) {
		const struct fl_specs *v = (const struct fl_specs *)(const void *)field;

		fl_specs_print(v->v, v->n, out);
	} else {
		fl_param_print(&o->p, block, out);
	}
}

int fl_opt_prov(const struct fl_tool *t, const void *opts, struct fl_str *out)
{
	fl_str_addf(out, "%s %s", t->name, FL_VERSION);
	for (const struct fl_opt *o = t->opts; o && o->p.name; o++) {
		struct fl_str v = FL_STR_INIT;

		if (!(o->flags & FL_O_PROV) || !fl_opt_is_set(o, opts))
			continue;
		fl_opt_print(o, opts, &v);
		fl_str_addf(out, " --%s=", o->p.name);
		/* One call, one line. */
		for (const char *s = fl_str_c(&v); *s; s++)
			if (*s == '\n' || *s == '%')
				fl_str_addf(out, "%%%02X", (unsigned char)*s);
			else
				fl_str_addc(out, *s);
		out->oom |= v.oom;
		fl_str_release(&v);
	}
	if (t->env & FL_ENV_BLAS && *fl_gemm_provenance())
		fl_str_addf(out, " %s", fl_gemm_provenance());
	return out->oom ? -1 : 0;
}

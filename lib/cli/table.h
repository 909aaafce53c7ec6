/* What the readers of option tables share; private to lib/cli. */
#ifndef FL_CLI_TABLE_H
#define FL_CLI_TABLE_H

#include "cli/tool.h"

/* Options every tool has. */
struct fl_common {
	int help, version, man, complete, quiet, verbose;
	const char *list;	/* NULL: not asked; "": families; else a family */
	int progress;		/* index into auto|always|never */
};
extern const struct fl_opt fl_common_opts[];

/* 1 where the option takes an argument, if only after '=' (FL_O_BARE). */
int fl_opt_has_arg(const struct fl_opt *o);
/* "model", "spec", ...: the argument's name. */
const char *fl_opt_arg(const struct fl_opt *o);

struct fl_cmdline {
	void *opts;			/* tool's block */
	void *plain;			/* the same with every option at its default */
	struct fl_common common;
	const char **operand;		/* (n) */
	size_t noperand;
};
/* argv -> blocks. FL_EUSAGE with nearest matches. What goes with what is checked unless
 * --help and its like were asked for. */
int fl_opt_parse(const struct fl_tool *t, int argc, char **argv, struct fl_arena *a,
                 struct fl_cmdline *c, struct fl_err *e);
int fl_opt_is_set(const struct fl_opt *o, const void *block);
/* Whether its value is not its default. */
int fl_opt_is_given(const struct fl_opt *o, const struct fl_cmdline *c);
/* FL_EUSAGE where an option that must be given is not, or one is given without what it needs
 * or beside what it excludes, or operands without the option that reads them. */
int fl_opt_check_goes(const struct fl_tool *t, const struct fl_cmdline *c, struct fl_err *e);
/* "needs --a, --b or --c; not with --d, --e", "required without --f"; nothing where there is
 * nothing to say. */
void fl_opt_add_goes(const struct fl_tool *t, const struct fl_opt *o, struct fl_str *out);
/* FL_EUSAGE that says what --NAME was meant to be; value: what follows it, or NULL. */
int fl_opt_unknown(const struct fl_tool *t, const struct fl_cmdline *c, const char *name,
                   const char *value, struct fl_err *e);
/* The provenance line: tool, version, options that can change the result. */
int fl_opt_prov(const struct fl_tool *t, const void *opts, struct fl_str *out);
/* Canonical text of an option's value, specs included. */
void fl_opt_print(const struct fl_opt *o, const void *block, struct fl_str *out);

void fl_help_usage(const struct fl_tool *t, struct fl_str *out);	/* one line */
void fl_help(const struct fl_tool *t, struct fl_str *out);
/* FL_EUSAGE for an unknown family. */
int fl_help_list(const struct fl_tool *t, const char *family, struct fl_str *out,
                 struct fl_err *e);
/* prose: the .in file's text. */
int fl_man(const struct fl_tool *t, const char *prose, struct fl_str *out, struct fl_err *e);
void fl_complete(const struct fl_tool *t, struct fl_str *out);

#endif

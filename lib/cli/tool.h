/* The one main(): parse, run, check standard output, say what went wrong, exit.
 * A tool is an option table and run(); it parses nothing and prints no errors. */
#ifndef FL_CLI_TOOL_H
#define FL_CLI_TOOL_H

#include <stddef.h>
#include <stdio.h>

#include "base/io.h"
#include "base/spec.h"
#include "tensor/meta.h"

enum {
	FL_O_PROV = 1,		/* can change the result: goes into fl.prov */
	FL_O_NEED = 2,		/* must be given, unless an option that excludes it is */
	FL_O_BARE = 4		/* its argument may be left out, and else stands after '=': ENUM: it
				 * then is "on"; STR: "" */
};

/* Options are fl_params plus what only a command line has. An option counts as given where
 * its value is not its default. */
struct fl_opt {
	char letter;		/* 0: none */
	unsigned flags;
	const struct fl_family *family;	/* SPEC, SPECS; of a STR: words that complete it */
	struct fl_param p;
	/* Names of other options, blanks between: those this one makes no sense without, "a|b"
	 * where one of both will do; and those it must not be given with, said of one of the
	 * two. Checked before run(), and told in --help and the man page. */
	const char *needs, *excludes;
};

/* Rows of a tool's table, which ends with FL_OPT_END. Each sets a member of the tool's
 * `struct opts`, whose type the compiler checks. After the phrase that describes the option
 * there may follow what else is to be set of struct fl_opt:
 *
 *	FL_OPT_INT(0, "folds", folds, NULL, 2, 1e6, "n", "measure within n equal runs",
 *	  .flags = FL_O_PROV, .needs = "truth", .excludes = "self only"),
 *
 * l: the letter, 0: none; nm: the name; m: the member; def_: the default as it would be typed,
 * NULL: unset; argn: what --help calls the argument. */
#define FL_OPT_ROW(l, nm, kind, ctype, m, ...) \
	{ .letter = l, .p.name = nm, .p.type = kind, .p.off = FL_OPT_AT(ctype, m), __VA_ARGS__ }
#define FL_OPT_AT(ctype, m) _Generic(((FL_OPTS *)0)->m, ctype: offsetof(FL_OPTS, m))
#define FL_OPTS struct opts
#define FL_OPT_END { .letter = 0 }

#define FL_OPT_FLAG(l, nm, m, ...) \
	FL_OPT_ROW(l, nm, FL_P_BOOL, int, m, .p.def = "off", .p.doc = __VA_ARGS__)
#define FL_OPT_INT(l, nm, m, def_, low, high, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_INT, int64_t, m, .p.def = def_, .p.lo = low, \
	           .p.hi = high, .p.arg = argn, .p.doc = __VA_ARGS__)
#define FL_OPT_REAL(l, nm, m, def_, low, high, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_REAL, double, m, .p.def = def_, .p.lo = low, \
	           .p.hi = high, .p.arg = argn, .p.doc = __VA_ARGS__)
#define FL_OPT_SIZE(l, nm, m, def_, low, high, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_SIZE, int64_t, m, .p.def = def_, .p.lo = low, \
	           .p.hi = high, .p.arg = argn, .p.doc = __VA_ARGS__)
#define FL_OPT_ENUM(l, nm, m, def_, choices, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_ENUM, int, m, .p.def = def_, .p.choice = choices, \
	           .p.arg = argn, .p.doc = __VA_ARGS__)
#define FL_OPT_STR(l, nm, m, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_STR, const char *, m, .p.arg = argn, \
	           .p.doc = __VA_ARGS__)
#define FL_OPT_PATH(l, nm, m, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_PATH, const char *, m, .p.arg = argn, \
	           .p.doc = __VA_ARGS__)
#define FL_OPT_STRS(l, nm, m, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_STRS, struct fl_strs, m, .p.arg = argn, \
	           .p.doc = __VA_ARGS__)
#define FL_OPT_SPEC(l, nm, m, fam, def_, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_SPEC, struct fl_spec, m, .family = fam, \
	           .p.def = def_, .p.arg = argn, .p.doc = __VA_ARGS__)
#define FL_OPT_SPECS(l, nm, m, fam, def_, argn, ...) \
	FL_OPT_ROW(l, nm, FL_P_SPECS, struct fl_specs, m, .family = fam, \
	           .p.def = def_, .p.arg = argn, .p.doc = __VA_ARGS__)

/* Options with one meaning everywhere, for members of these names. */
#define FL_OPT_OUTPUT \
	FL_OPT_PATH('o', "output", output, "file", \
	  "write there instead of standard output, replaced whole", .p.def = "-")
#define FL_OPT_NO_SYNC \
	FL_OPT_FLAG(0, "no-sync", no_sync, "do not wait for the disk when replacing files")
#define FL_OPT_NO_PROV \
	FL_OPT_FLAG(0, "no-prov", no_prov, "leave out provenance")
#define FL_OPT_MODEL \
	FL_OPT_PATH('m', "model", model, "model", \
	  "the model, or a folder of personal models picked by client", .flags = FL_O_NEED)
#define FL_OPT_SEED \
	FL_OPT_INT('s', "seed", seed, "0", 0, 9e15, "n", \
	  "master seed of all random numbers", .flags = FL_O_PROV)
#define FL_OPT_ROUND \
	FL_OPT_INT('r', "round", round, NULL, 0, 9e15, "n", \
	  "round being trained; anything but the model's plus one is refused")
#define FL_OPT_EXPECT \
	FL_OPT_INT('n', "expect", expect, NULL, 0, 9e15, "n", \
	  "refuse anything but this many records")
#define FL_OPT_ALLOW_EMPTY \
	FL_OPT_FLAG(0, "allow-empty", allow_empty, "accept input without any record")
#define FL_OPT_THREADS \
	FL_OPT_INT('j', "threads", threads, "1", 1, 1024, "n", \
	  "threads at most; the result does not depend on it")
#define FL_OPT_PRECISION \
	FL_OPT_ENUM(0, "precision", precision, "f32", fl_gemm_precision_name, "type", \
	  "of what linear layers and pairs multiply: f32, or rounded to bf16", .flags = FL_O_PROV)
#define FL_OPT_WITH \
	FL_OPT_STRS(0, "with", with, "record", \
	  "a record that the method reads beside the model; repeatable")
#define FL_OPT_FORMAT(choices) \
	FL_OPT_ENUM(0, "format", format, "tsv", choices, "format", "how to write rows")
/* How -d is read: a struct fl_data_how of the name how; prov: FL_O_PROV or 0. */
#define FL_OPT_HOW(prov) \
	FL_OPT_STR(0, "scale", how.scale, "json", \
	  "how stored values become inputs: {\"div\":255,\"mean\":[0.5],\"std\":[0.25]}", \
	  .flags = prov, .excludes = "scale-from"), \
	FL_OPT_PATH(0, "scale-from", how.scale_from, "record", \
	  "as this client's data have it, or by these statistics of columns"), \
	FL_OPT_FLAG(0, "channels-last", how.channels_last, \
	  "examples have their channels last: make these the first dimension", .flags = prov)

enum {
	FL_ENV_BLAS = 1,		/* multiplies matrices: FL_BLAS */
	FL_ENV_TMPDIR = 2		/* spools to TMPDIR */
};

struct fl_run {
	const struct fl_tool *tool;
	const void *opts;		/* osize bytes, parsed */
	const char *const *operand;	/* (noperand) */
	size_t noperand;
	const char *prov;		/* provenance line of this call */
	int verbose;			/* -1 quiet, 0, 1, 2 */
	int progress;			/* 1: progress lines may be drawn on stderr */
	struct fl_arena arena;
};

struct fl_tool {
	const char *name;		/* "fl-aggregate" */
	const char *nd;			/* "combine client updates into one" */
	const char *operands;		/* "[update ...]"; NULL: none allowed */
	const char *operands_need;	/* name of the option that reads them; NULL: always read */
	const char *reads, *writes;	/* kinds, for STREAMS: "update, partial", "model" */
	const struct fl_opt *opts;
	size_t osize;
	const struct fl_family *const *families;	/* NULL-terminated; may be NULL */
	unsigned env;			/* FL_ENV_*: variables this tool reads */
	/* Whether this call reads standard input: then a terminal there prints the
	 * short usage. NULL: never. */
	int (*reads_stdin)(const struct fl_run *r);
	int (*run)(struct fl_run *r, struct fl_err *e);
};

int fl_tool_main(const struct fl_tool *t, int argc, char **argv);

/* For run(). */
/* Opens path or "-"; binary output to a terminal is FL_EUSAGE. */
int fl_run_output(struct fl_run *r, struct fl_out *o, const char *path, int sync,
                  struct fl_err *e);
/* Draws or clears ("") one progress line on stderr; nothing unless r->progress. */
void fl_run_progress(struct fl_run *r, const char *line);
/* reads_stdin for filters: no operand, or "-" among them. */
int fl_run_stdin_default(const struct fl_run *r);
/* Provenance once more, after run() filled in parameters that depend on the data. */
int fl_run_renew_prov(struct fl_run *r, struct fl_err *e);
/* Appends this call to fl.prov of s, unless no_prov. */
int fl_run_add_prov(struct fl_run *r, int no_prov, struct fl_tset *s, struct fl_err *e);

#endif

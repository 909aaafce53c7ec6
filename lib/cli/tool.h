/* The one main(): parse, run, check standard output, say what went wrong, exit.
 * A tool is an option table and run(); it parses nothing and prints no errors. */
#ifndef FL_CLI_TOOL_H
#define FL_CLI_TOOL_H

#include <stdio.h>

#include "base/io.h"
#include "base/spec.h"
#include "tensor/meta.h"

/* Options are fl_params plus what only a command line has. Two more types: */
enum {
	FL_P_SPEC = 100,	/* struct fl_spec, of family; unset: entry NULL */
	FL_P_SPECS		/* struct fl_specs: specs joined by ',' */
};

enum {
	FL_O_PROV = 1,		/* can change the result: goes into fl.prov */
	FL_O_NEED = 2,		/* must be given */
	FL_O_BARE = 4		/* its argument may be left out, and else stands after '=': ENUM: it
				 * then is "on"; STR: "" */
};

struct fl_opt {
	char letter;		/* 0: none */
	unsigned flags;
	const struct fl_family *family;	/* SPEC, SPECS; of a STR: words that complete it */
	struct fl_param p;	/* p.type may be FL_P_SPEC(S) */
};
/* Tables end with a zeroed entry (p.name NULL). */

/* Options with one meaning everywhere. S: the tool's option struct, which has
 * members of these names. */
#define FL_OPT_OUTPUT(S) \
	{ 'o', 0, NULL, { "output", FL_P_PATH, offsetof(S, output), "-", 0, 0, NULL, "file", \
	  "write there instead of standard output, replaced whole" } }
#define FL_OPT_NO_SYNC(S) \
	{ 0, 0, NULL, { "no-sync", FL_P_BOOL, offsetof(S, no_sync), "off", 0, 0, NULL, NULL, \
	  "do not wait for the disk when replacing files" } }
#define FL_OPT_NO_PROV(S) \
	{ 0, 0, NULL, { "no-prov", FL_P_BOOL, offsetof(S, no_prov), "off", 0, 0, NULL, NULL, \
	  "leave out provenance" } }
#define FL_OPT_MODEL(S) \
	{ 'm', FL_O_NEED, NULL, { "model", FL_P_PATH, offsetof(S, model), NULL, 0, 0, NULL, "model", \
	  "the model, or a folder of personal models picked by client" } }
#define FL_OPT_SEED(S) \
	{ 's', FL_O_PROV, NULL, { "seed", FL_P_INT, offsetof(S, seed), "0", 0, 9e15, NULL, "n", \
	  "master seed of all random numbers" } }
#define FL_OPT_ROUND(S) \
	{ 'r', 0, NULL, { "round", FL_P_INT, offsetof(S, round), NULL, 0, 9e15, NULL, "n", \
	  "round being trained; anything but the model's plus one is refused" } }
#define FL_OPT_EXPECT(S) \
	{ 'n', 0, NULL, { "expect", FL_P_INT, offsetof(S, expect), NULL, 0, 9e15, NULL, "n", \
	  "refuse anything but this many records" } }
#define FL_OPT_ALLOW_EMPTY(S) \
	{ 0, 0, NULL, { "allow-empty", FL_P_BOOL, offsetof(S, allow_empty), "off", 0, 0, NULL, NULL, \
	  "accept input without any record" } }
#define FL_OPT_THREADS(S) \
	{ 'j', 0, NULL, { "threads", FL_P_INT, offsetof(S, threads), "1", 1, 1024, NULL, "n", \
	  "threads at most; the result does not depend on it" } }
#define FL_OPT_PRECISION(S) \
	{ 0, FL_O_PROV, NULL, { "precision", FL_P_ENUM, offsetof(S, precision), "f32", 0, 0, \
	  fl_gemm_precision_name, "type", "of what linear layers and pairs multiply: f32, or rounded to bf16" } }
#define FL_OPT_WITH(S) \
	{ 0, 0, NULL, { "with", FL_P_STRS, offsetof(S, with), NULL, 0, 0, NULL, "record", \
	  "a record that the method reads beside the model; repeatable" } }
/* How -d is read: a struct fl_data_how of the name how; prov: FL_O_PROV or 0. */
#define FL_OPT_HOW(S, prov) \
	{ 0, prov, NULL, { "scale", FL_P_STR, offsetof(S, how.scale), NULL, 0, 0, NULL, "json", \
	  "how stored values become inputs: {\"div\":255,\"mean\":[0.5],\"std\":[0.25]}" } }, \
	{ 0, 0, NULL, { "scale-from", FL_P_PATH, offsetof(S, how.scale_from), NULL, 0, 0, NULL, "record", \
	  "as this client's data have it, or by these statistics of columns" } }, \
	{ 0, prov, NULL, { "channels-last", FL_P_BOOL, offsetof(S, how.channels_last), "off", 0, 0, NULL, \
	  NULL, "examples have their channels last: make these the first dimension" } }
#define FL_OPT_FORMAT(S, choices) \
	{ 0, 0, NULL, { "format", FL_P_ENUM, offsetof(S, format), "tsv", 0, 0, choices, "format", \
	  "how to write rows" } }

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

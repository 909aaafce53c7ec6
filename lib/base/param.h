/* A parameter of anything, as data: parsing, validation, help, man pages,
 * completion and provenance all read this table. */
#ifndef FL_BASE_PARAM_H
#define FL_BASE_PARAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/near.h"
#include "base/str.h"

enum fl_ptype {		/* C type in the block */
	FL_P_END,
	FL_P_REAL,	/* double; unset: NAN */
	FL_P_INT,	/* int64_t; unset: FL_UNSET */
	FL_P_BOOL,	/* int; "on" or "off" in a spec, a flag without argument as an option */
	FL_P_ENUM,	/* int: index into choice; unset: -1 */
	FL_P_STR,	/* const char *; unset: NULL */
	FL_P_RAW,	/* the same, percent-encoded as it was typed in a spec: fl_spec_words() */
	FL_P_PATH,	/* const char *; never part of provenance */
	FL_P_SIZE,	/* int64_t: bytes, with K, M, G; unset: FL_UNSET */
	FL_P_DIMS,	/* struct fl_dims: whole numbers joined by '+' */
	/* Of a command line's options alone, not in specs: */
	FL_P_STRS,	/* struct fl_strs: an option that may be repeated */
	FL_P_SPEC,	/* struct fl_spec of base/spec.h; unset: entry NULL */
	FL_P_SPECS	/* struct fl_specs: specs joined by ',' */
};

#define FL_UNSET INT64_MIN
#define FL_DIMS_MAX 16

struct fl_dims {
	size_t n;
	int64_t d[FL_DIMS_MAX];
};

struct fl_strs {
	const char **v;		/* (n) */
	size_t n, cap;
};

struct fl_param {
	const char *name;		/* key in "krum:f=2", tail of --name */
	enum fl_ptype type;
	size_t off;			/* offsetof() in the parameter block */
	const char *def;		/* as the user would type it; NULL: unset */
	double lo, hi;			/* closed range of REAL, INT, SIZE, each of DIMS */
	const char *const *choice;	/* ENUM: NULL-terminated */
	const char *arg, *doc;		/* argument's name; one phrase, no full stop */
};
/* Tables end with a zeroed entry. */

/* Sets every parameter to its default. */
int fl_param_defaults(const struct fl_param *t, void *block, struct fl_arena *a, struct fl_err *e);
/* Sets one from text: FL_EUSAGE with the range, the choices or the nearest
 * match. Strings are copied into a. Messages do not name p: callers prefix. */
int fl_param_set(const struct fl_param *p, void *block, const char *text, struct fl_arena *a,
                 struct fl_err *e);
int fl_param_is_set(const struct fl_param *p, const void *block);
/* Whether it has the same value in two blocks; not of SPEC, SPECS. */
int fl_param_is_same(const struct fl_param *p, const void *a, const void *b);
/* Canonical text of the value. */
void fl_param_print(const struct fl_param *p, const void *block, struct fl_str *out);
const struct fl_param *fl_param_find(const struct fl_param *t, const char *name);
/* "[0,1]", "a|b|c", "on|off" or "": what help shows as the range. */
void fl_param_range(const struct fl_param *p, struct fl_str *out);

#endif

/* name[:key=value[,key=value]...] <-> an entry of a family and its parameters;
 * name@value is short for the first parameter, as in hit@5.
 * Does not know which families exist. */
#ifndef FL_BASE_SPEC_H
#define FL_BASE_SPEC_H

#include "base/param.h"

/* One method of any kind. Families embed it first and add function pointers. */
struct fl_entry {
	const char *name;	/* = the file's name */
	const char *title;	/* the method's own name: "FedAvg" */
	const char *cite;	/* "McMahan et al., AISTATS 2017, arXiv 1602.05629" */
	const char *doc;	/* one phrase, no full stop, at most 72 characters */
	const struct fl_param *params;	/* NULL: none */
	size_t psize;		/* bytes of the parameter block */
	const char *formula;	/* for fl-methods(7), plain text, may be NULL */
	const char *note;	/* there, too: where this and what is cited part; sentences, or NULL */
	const char *aka;	/* names that are taken for it, too, blanks between; may be NULL */
};

struct fl_family {
	const char *name;			/* "rule" */
	const struct fl_entry *const *list;	/* NULL-terminated, from the generated registry */
	const char *doc;			/* "how updates become one" */
	const char *noun;			/* what an entry is: "split"; NULL: the name says it */
	/* Appends to an entry's phrase what its defaults amount to. NULL: nothing. */
	void (*note)(const struct fl_entry *en, struct fl_str *out);
};

struct fl_spec {
	const struct fl_entry *entry;
	void *p;		/* parameter block, psize bytes, in the arena given */
};

struct fl_specs {
	size_t n;
	struct fl_spec *v;	/* in an arena */
};

/* Every entry of every family that an option takes, by name; generated, ends with NULL. */
extern const struct fl_known {
	const char *name;
	const char *family, *noun;	/* noun: "split" */
	const char *option;		/* of the first tool: "fl-partition -B" */
} fl_known[];

/* By its name, or one that is taken for it. */
const struct fl_entry *fl_family_find(const struct fl_family *f, const char *name);
/* FL_EUSAGE that says what was meant: the nearest name or key, the way it is written, or the
 * tool that takes such a name. */
int fl_spec_parse(const struct fl_family *f, const char *text, struct fl_arena *a,
                  struct fl_spec *out, struct fl_err *e);
/* Decodes %XX in place. FL_EUSAGE. */
int fl_spec_unescape(char *s, struct fl_err *e);
/* Words joined by '+' of a RAW parameter, or of an option of that form: split first, then
 * decoded, so that %2B is a plus in a word. v and its words are in a. FL_EUSAGE for a
 * malformed escape. */
int fl_spec_words(const char *raw, struct fl_arena *a, struct fl_strs *out, struct fl_err *e);
/* A word as it stands among those, percent-encoded. */
void fl_spec_add_word(const char *s, struct fl_str *out);
/* Canonical: every parameter that is set, in table order; values' own
 * ',' '=' ':' '%' percent-encoded. PATH parameters are left out. */
void fl_spec_print(const struct fl_spec *s, struct fl_str *out);
/* Whether two specs name one entry with the same parameters; or both name none. */
int fl_spec_is_same(const struct fl_spec *a, const struct fl_spec *b);
/* Whether text, which may be NULL, is a spec of that name, whatever its parameters. */
int fl_spec_is(const char *text, const char *name);

/* Specs joined by ',': a piece that holds '=' but no ':' before it is the next parameter of
 * the spec before. None where text is empty, so that a tool's own list may be passed on. */
int fl_specs_parse(const struct fl_family *f, const char *text, struct fl_arena *a,
                   struct fl_specs *out, struct fl_err *e);
void fl_specs_print(const struct fl_spec *v, size_t n, struct fl_str *out);
/* Whether text is a list of specs of just the entries of v(n), in this order. */
int fl_specs_are(const char *text, const struct fl_spec *v, size_t n);

#endif

/* Names of classes in order: fl.labels of data and models, or what a user lists. */
#ifndef FL_DATA_NAMES_H
#define FL_DATA_NAMES_H

#include "data/words.h"
#include "tensor/tset.h"

/* All zero is none. */
struct fl_names {
	size_t C;
	const char *const *name;	/* (C); "": a class without a name */
	const struct fl_named *order;	/* (C) to look names up */
	struct fl_arena arena;
};

/* fl.labels of rec: 1, or 0 where it has none. FL_EDATA for what is no list of strings. */
int fl_names_of(struct fl_names *n, const struct fl_tset *rec, struct fl_err *e);
/* A model's, which must have them: FL_EDATA with what to do. */
int fl_names_model(struct fl_names *n, const char *path, struct fl_err *e);
/* As a user writes them, percent-encoded: words joined by '+'; @FILE, a text (plain or gzip)
 * with a name a line, or a record with fl.labels; or that record without the '@'. FL_EUSAGE
 * for words, FL_EDATA in a text: an empty name, one that is there twice, fewer than two. */
int fl_names_list(struct fl_names *n, const char *text, struct fl_err *e);
void fl_names_release(struct fl_names *n);

/* The class with that name, numbers by value ("+1" is 1, and 1.0), or -1. */
int64_t fl_names_find(const struct fl_names *n, const char *word);
/* fl.labels of rec. FL_EDATA for a name that is not UTF-8. */
int fl_names_set(const struct fl_names *n, struct fl_tset *rec, struct fl_err *e);

/* Records that must mean the same by a class: names on which those so far agree. All zero
 * is empty. */
struct fl_accord {
	struct fl_said *said;		/* (C) */
	size_t C, cap;
	char *last;			/* fl.labels of the last record */
	struct fl_arena arena;
};
/* A record without fl.labels agrees with all, and so does one that names fewer classes, or
 * more. file: where rec is from. FL_EDATA where a class has two names, with both records. */
int fl_accord_add(struct fl_accord *a, const struct fl_tset *rec, const char *file,
                  struct fl_err *e);
/* The same of two records alone. */
int fl_accord_pair(const struct fl_tset *rec, const char *file, const struct fl_tset *other,
                   const char *other_file, struct fl_err *e);
/* fl.labels of rec: the names of all; none where there are none. */
int fl_accord_set(const struct fl_accord *a, struct fl_tset *rec, struct fl_err *e);
void fl_accord_release(struct fl_accord *a);

#endif

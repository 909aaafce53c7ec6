/* What a table's column of labels becomes. The same word is the same class whatever else
 * is in the table: whole numbers are themselves, and words are classes only by a list. */
#ifndef FL_DATA_LABELLED_H
#define FL_DATA_LABELLED_H

#include "base/param.h"
#include "data/names.h"

/* Parameters of every source of tables, in a struct S that has them as members. */
#define FL_PARAMS_LABELLED(S) \
	{ "labels", FL_P_RAW, offsetof(S, labels), NULL, 0, 0, NULL, "a+b", \
	  "names of the classes in order, or @FILE: a name a line, or a record" }, \
	{ "unlabelled", FL_P_STR, offsetof(S, unlabelled), NULL, 0, 0, NULL, "value", \
	  "what stands in place of a label that is not known" }

struct fl_labelled {
	const char *where;		/* for what is logged */
	const char *const *word;	/* (N) */
	const size_t *line;		/* (N) where each stands */
	size_t N;
	const char *labels, *unlabelled;	/* the parameters, or NULL */
	const struct fl_names *names;	/* a model's, or NULL */
};
/* Tensor y (I64) of rec, and fl.labels and fl.classes where classes have names:
 *   -1 where a word is `unlabelled`, numbers by value;
 *   the word's place in `labels`, or among the names of a model;
 *   else whole numbers from 0 to FL_CLASSES_MAX - 1 as they are, and -1 and 1, where there
 *   are no others, or -1 alone, as 0 and 1.
 * FL_EDATA with the line for any other word. */
int fl_labelled_take(const struct fl_labelled *t, struct fl_tset *rec, struct fl_err *e);

#endif

/* Rows of a file, whoever wrote it: JSON Lines, an object a line, or a table whose first
 * line names the columns and whose fields are separated by tabs. Which of the two it is
 * shows in the first byte. Files may be gzip-compressed. */
#ifndef FL_TABLE_LINES_H
#define FL_TABLE_LINES_H

#include <jansson.h>

#include "base/str.h"

struct fl_lines {
	const char *file;	/* as given, or "standard input" */
	size_t line;		/* of the row at hand, from 1 */
	json_t *row;		/* the row at hand, an object; owned, valid until the next */
	json_t *extra;		/* fields that every row has besides its own, or NULL; owned */
	char *text, *next;	/* the whole file, owned; where the next line begins */
	const char **head;	/* (nhead) names of columns, owned; NULL: JSON Lines */
	size_t nhead;
};

/* path "-" is standard input. After an error, too, l wants fl_lines_release. */
int fl_lines_open(struct fl_lines *l, const char *path, struct fl_err *e);
/* The same in two steps, for files that may be something else: the text, which the caller frees
 * or gives to fl_lines_take, which frees it in any case; and what messages call the file. */
char *fl_lines_load(const char *path, struct fl_err *e);
int fl_lines_take(struct fl_lines *l, const char *file, char *text, struct fl_err *e);
const char *fl_lines_name(const char *path);
/* 1: l->row is the next row; 0: there is none; -1: FL_EDATA, with file and line. Empty lines
 * are passed over. */
int fl_lines_next(struct fl_lines *l, struct fl_err *e);
void fl_lines_release(struct fl_lines *l);

/* A field of the row at hand: 1 it is there, 0 it is not or is null ("-" or nothing in a
 * table with a header), -1 FL_EDATA. A key with points, such as eval.accuracy, also finds
 * the field of an object in the row.
 * Text is appended to out as it stands, numbers in their shortest form; arrays and objects
 * are errors. */
int fl_lines_text(const struct fl_lines *l, const char *key, struct fl_str *out, struct fl_err *e);
/* Text, truth values, arrays and objects are errors; so is, in a table with a header, what
 * is no number. Words for a missing value, NA and the like, count as absent there. */
int fl_lines_number(const struct fl_lines *l, const char *key, double *v, struct fl_err *e);
/* FL_EDATA, "FILE: line 3: has no 'metod'; did you mean 'method'?". */
int fl_lines_lacks(const struct fl_lines *l, const char *key, struct fl_err *e);
/* FL_EDATA with file and line before the message. */
int fl_lines_fail(const struct fl_lines *l, struct fl_err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif

/* Observations of many rows, sorted into cells: a cell is a row label and a column, and holds
 * one number for each unit, a seed or a client, over which means are taken. A column is a
 * column label and one of the values. */
#ifndef FL_TABLE_SHEET_H
#define FL_TABLE_SHEET_H

#include "base/param.h"
#include "table/condition.h"
#include "table/tuples.h"

enum fl_sheet_sort { FL_SORT_KEY, FL_SORT_INPUT };

/* What is read and how. */
struct fl_sheet_how {
	struct fl_strs rows, columns, values, over;	/* names of fields; values: at least one */
	struct fl_strs where;				/* conditions */
	const char *path;		/* template of file names, or NULL */
	const char *last;		/* of rows alike in all keys, the one with the largest; or NULL */
	double scale;			/* values times this */
	int skip_missing;		/* rows whose value is missing are left out and counted */
	enum fl_sheet_sort sort;	/* order of row and column labels */
};

/* One number, and where it stood. */
struct fl_observed {
	double value, last;
	uint32_t row, column, unit, file;
	size_t line;
};

struct fl_sheet {
	const struct fl_sheet_how *how;		/* borrowed, as file is */
	const char *const *file;
	struct fl_tuples row, column, unit;	/* column: without the value */
	size_t R, C, U;				/* rows, columns times values, units */
	struct fl_observed *seen;		/* (n) by column, row, unit; owned */
	size_t n, cap, skipped;
	size_t *start;				/* (C*R+1) cell (c,r) begins at start[c*R+r]; owned */
	struct fl_arena arena;
};

/* Reads the files, "-" is standard input. FL_EDATA with file and line for a row that lacks a
 * key, a value that is no number, and a unit that occurs twice in a cell. After an error,
 * too, s wants fl_sheet_release. */
int fl_sheet_read(struct fl_sheet *s, const struct fl_sheet_how *how, const char *const *file,
                  size_t n, struct fl_err *e);
/* The observations of a cell by ascending unit. */
const struct fl_observed *fl_sheet_cell(const struct fl_sheet *s, size_t column, size_t row,
                                        size_t *n);
/* "mnist, accuracy": the column as a heading, the value's name where there are several or
 * there are no column keys. */
void fl_sheet_heading(const struct fl_sheet *s, size_t column, struct fl_str *out);
const char *fl_sheet_value(const struct fl_sheet *s, size_t column);
/* Says of each cell which units it lacks that others of its column have (FL_LOG_WARN), a few
 * of them by name. */
int fl_sheet_warn(const struct fl_sheet *s, struct fl_err *e);
void fl_sheet_release(struct fl_sheet *s);

#endif

/* A table as texts in rows and columns, ready to be written, and the family `format` that
 * writes it. */
#ifndef FL_TABLE_GRID_H
#define FL_TABLE_GRID_H

#include "base/spec.h"

enum {
	FL_GRID_NUMBER = 1,	/* of a column: right-aligned, and a number in JSON */
	FL_GRID_STRONG = 2	/* of a cell: the best */
};

struct fl_grid {
	const char *kind;	/* what a row is, for JSON: "cell", "difference", "rank" */
	const char *caption;	/* one line, or NULL */
	const char *note;	/* what the numbers are: sentences, or NULL */
	size_t columns, rows;
	const char **head;	/* (columns) */
	unsigned *flags;	/* (columns) FL_GRID_NUMBER */
	const char **text;	/* (rows,columns); NULL where there is none */
	unsigned char *strong;	/* (rows,columns) */
	struct fl_arena arena;	/* of everything above */
	size_t at;		/* cells filled so far */
};

/* room for rows rows; g is zeroed but for kind and caption. */
int fl_grid_init(struct fl_grid *g, size_t columns, size_t rows, struct fl_err *e);
/* Column i, before any cell. Name is copied. */
int fl_grid_head(struct fl_grid *g, size_t i, const char *name, unsigned flags, struct fl_err *e);
/* The next cell, row by row. Copied; NULL: none. */
int fl_grid_add(struct fl_grid *g, const char *text, unsigned flags, struct fl_err *e);
int fl_grid_number(struct fl_grid *g, double v, struct fl_err *e);	/* shortest; NAN: none */
int fl_grid_count(struct fl_grid *g, size_t n, struct fl_err *e);
/* FL_EUSAGE where two columns have one name. */
int fl_grid_check(const struct fl_grid *g, struct fl_err *e);
void fl_grid_release(struct fl_grid *g);

struct fl_format {
	struct fl_entry e;
	int exact;	/* for programs: a row a cell and every number in full */
	void (*write)(const void *p, const struct fl_grid *g, struct fl_str *out);
};

extern const struct fl_entry *const fl_format_list[];
extern const struct fl_family fl_family_format;

#endif

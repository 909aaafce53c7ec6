/* A population of clients and what is known of each: numbers by name, counts of labels, centres
 * of its embeddings. Clients are in ascending order of their ids. */
#ifndef FL_POLICY_CROWD_H
#define FL_POLICY_CROWD_H

#include <stdint.h>

#include "base/mem.h"

struct fl_crowd_field {
	const char *name;
	double *v;		/* (n) NAN where a client has none; owned */
};

struct fl_crowd {
	size_t n, cap;
	int64_t *id;		/* (n) ascending; owned */
	struct fl_crowd_field *field;	/* (fields) owned */
	size_t fields, fieldcap;
	double *count;		/* (n,labels) examples of each label, or NULL; owned */
	size_t labels;
	const char *file;	/* where the clients come from, for messages */
	float *centre;		/* (centres,d) of unit length, by client, or NULL; owned */
	size_t *first;		/* (n+1) client i's centres begin at first[i]; owned */
	size_t centres, d;
	struct fl_arena arena;
};

/* Clients 0..n-1, of whom nothing is known. */
int fl_crowd_number(struct fl_crowd *c, size_t n, struct fl_err *e);
/* The clients of a file: partition.json of fl-partition (numbers "examples", label counts), rows
 * of JSON Lines or of a table with a header that have a field "client" (their other numbers
 * by name; of rows that have a "kind" those of kind client, of several rows of a client that
 * of the last "round"), or ids alone, one a line. "-" is standard input. path is borrowed.
 * FL_EDATA for a client that occurs twice. After an error, too, c wants fl_crowd_release. */
int fl_crowd_read(struct fl_crowd *c, const char *path, struct fl_err *e);
/* What another such file, or a stream of statistics with a tensor "mean" (centres, d) and
 * perhaps "count" (centres), says of the same clients; others in it do not matter. */
int fl_crowd_join(struct fl_crowd *c, const char *path, struct fl_err *e);
/* v(n) of that name; "examples" is also found as "n". FL_EDATA where there is none or a
 * client lacks it; what: who wants it. */
const double *fl_crowd_get(const struct fl_crowd *c, const char *name, const char *what,
                           struct fl_err *e);
/* The client's place, or n. */
size_t fl_crowd_find(const struct fl_crowd *c, int64_t id);
void fl_crowd_release(struct fl_crowd *c);

#endif

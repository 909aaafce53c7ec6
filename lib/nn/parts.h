/* Parts of an example: several things side by side, such as a text's features and an
 * image's, each with a name and a width of its own. One that an example lacks is NaN in
 * all its numbers, of which the first is looked at. */
#ifndef FL_NN_PARTS_H
#define FL_NN_PARTS_H

#include <math.h>

#include "base/json.h"
#include "base/str.h"
#include "nn/net.h"

enum { FL_PARTS_MAX = 64, FL_PART_NAME = 64 };

/* A word of 1 to FL_PART_NAME letters, digits, '_', '-' and '.'. */
int fl_part_is_name(const char *s);
/* The order in which parts stand in an example: text before all, the others by name.
 * As strcmp(). */
int fl_part_order(const char *a, const char *b);

/* "parts" of an architecture, an object of names and sizes, and with it the net's input.
 * FL_EUSAGE with the place. */
int fl_parts_read(struct fl_net *net, const json_t *v, struct fl_err *e);
void fl_parts_print(const struct fl_net *net, struct fl_str *out);
/* The input of a net that has parts is read by layers `part` alone: FL_EUSAGE. */
int fl_parts_check(const struct fl_net *net, struct fl_err *e);
/* Index of the part of that name; FL_EUSAGE, with those there are, and SIZE_MAX. */
size_t fl_part_find(const struct fl_layer *l, const char *name, struct fl_err *e);

/* Whether example b of the batch has part i. */
static inline int fl_part_there(const struct fl_layer *l, const struct fl_pass *a, size_t i, size_t b)
{
	return !isnan(a->input[b * l->input + l->parts[i].at]);
}

#endif

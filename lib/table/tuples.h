/* Distinct tuples of texts, numbered: the labels of a table's rows, columns and units. */
#ifndef FL_TABLE_TUPLES_H
#define FL_TABLE_TUPLES_H

#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

struct fl_tuples {
	size_t width;		/* texts in a tuple; set by the caller, 0 is allowed */
	size_t n, cap;
	const char **text;	/* (n,width), texts in the arena */
	uint32_t *slot;		/* (nslot) number plus 1, or 0; nslot is a power of two */
	size_t nslot;
};

/* The number of this tuple, which is new or not: *number < n. Texts are copied to a. */
int fl_tuples_add(struct fl_tuples *t, const char *const *text, struct fl_arena *a,
                  uint32_t *number, struct fl_err *e);
const char *const *fl_tuples_get(const struct fl_tuples *t, size_t i);
/* Whether tuple i is these texts. */
int fl_tuples_same(const struct fl_tuples *t, size_t i, const char *const *text);
/* place(n): tuple i is the place[i]-th in order, text by text, numbers by their size and
 * before words, words by bytes. The tuples themselves stay where they are. */
int fl_tuples_order(const struct fl_tuples *t, uint32_t *place, struct fl_err *e);
/* Tuple i is from now on tuple place[i]. Nothing may be added afterwards. */
int fl_tuples_move(struct fl_tuples *t, const uint32_t *place, struct fl_err *e);
/* "method=fedavg, dataset=mnist" of tuple i, whose texts have these names. */
void fl_tuples_say(const struct fl_tuples *t, size_t i, const char *const *name,
                   struct fl_str *out);
/* "fedavg, mnist": the texts alone. */
void fl_tuples_label(const struct fl_tuples *t, size_t i, struct fl_str *out);
void fl_tuples_release(struct fl_tuples *t);

#endif

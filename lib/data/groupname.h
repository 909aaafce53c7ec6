/* What natural groups of examples are called: hospitals, speakers. On data, fl.groups is a
 * JSON object {"0":"Basel","1":"Uppsala"} from numbers of the tensor `group` to names. */
#ifndef FL_DATA_GROUPNAME_H
#define FL_DATA_GROUPNAME_H

#include <stdint.h>

#include "tensor/tset.h"

struct fl_groupname {
	int64_t id;
	const char *name;
};

/* fl.groups of rec: v(n), ids ascending. Names that are not UTF-8 are none, and a word is
 * said of that. */
int fl_groupname_set(const struct fl_groupname *v, size_t n, struct fl_tset *rec, struct fl_err *e);
/* The same of groups 0..n-1. */
int fl_groupname_ranks(const char *const *name, size_t n, struct fl_tset *rec, struct fl_err *e);
/* v(n) by ascending ids, each once: how many are left. */
size_t fl_groupname_sort(struct fl_groupname *v, size_t n);
/* v(n) in a, ids ascending. FL_EDATA for what is no such object. */
int fl_groupname_parse(const char *json, struct fl_arena *a, struct fl_groupname **v, size_t *n,
                       struct fl_err *e);
/* NULL: it has none. */
const char *fl_groupname_find(const struct fl_groupname *v, size_t n, int64_t id);

#endif

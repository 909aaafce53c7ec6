/* Classes, or groups, of rows from a source of their own. */
#ifndef FL_DATA_LABELS_H
#define FL_DATA_LABELS_H

#include "data/embed.h"

/* out(m->N), in arena a: integers of source, FILE#NAME (a tensor of a record, `label` where
 * none is named, or an array of an .npz) or .npy, one a row of m; NULL: the labels beside
 * the rows. FL_EDATA where there are none, not as many, or not whole numbers. */
int64_t *fl_labels_open(const char *source, const struct fl_embeds *m, struct fl_arena *a,
                        struct fl_err *e);

#endif

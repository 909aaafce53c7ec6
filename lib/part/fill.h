/* Clients of given sizes filled from Dirichlet mixtures of the classes. */
#ifndef FL_PART_FILL_H
#define FL_PART_FILL_H

#include "part/part.h"

/* Client by client q_k ~ Dir(alpha(C)); then, as long as one is not full: a client
 * that is not full, uniformly; a class from its q, without the exhausted ones
 * (where q has no weight on those that are left, by the number left); the last
 * unused example of the class. alpha 0 is weight 0. size(K) sums to N or less,
 * and what is left over belongs to nobody. */
int fl_part_fill(struct fl_part *s, const double *alpha, const size_t *size, int shuffle,
                 struct fl_err *e);

#endif

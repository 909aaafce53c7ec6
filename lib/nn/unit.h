/* Rows of unit length, and the way back through them. The zero vector, which has no
 * direction, stays zero and passes no gradient. */
#ifndef FL_NN_UNIT_H
#define FL_NN_UNIT_H

#include "nn/real.h"

/* y(B,n) = x / |x|, inv(B) = 1 / |x| or 0; lengths from sums in double (nn/lanes.h).
 * y may be x. */
void fl_unit_rows(const fl_real *x, fl_real *y, fl_real *inv, size_t B, size_t n);
/* dx(B,n) = (dy - u <u, dy>) inv with u = x inv. dx may be dy. */
void fl_unit_back(const fl_real *x, const fl_real *inv, const fl_real *dy, fl_real *dx, size_t B,
                  size_t n);

#endif

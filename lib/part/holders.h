/* Which clients hold which classes. */
#ifndef FL_PART_HOLDERS_H
#define FL_PART_HOLDERS_H

#include "part/part.h"

enum { FL_ASSIGN_RANDOM, FL_ASSIGN_ROTATE, FL_ASSIGN_FIRST };
extern const char *const fl_assign_name[];

/* may(C,K) = 1 where client k is one of the holders of class c; every client holds
 * m <= C classes. random: without replacement; rotate: (k + i) mod C, i < m; first:
 * k mod C and others at random. try: other random numbers. */
int fl_part_holders(const struct fl_part *s, int assign, size_t m, size_t try,
                    unsigned char *may, struct fl_err *e);

#endif

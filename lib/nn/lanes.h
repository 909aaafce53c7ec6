/* Sums for layers: 16 interleaved partial sums in double, element i of a run to
 * lane i mod 16, runs one after the other, lanes added in ascending order. The
 * definition, whatever the instruction set; included by bodies of FL_ISA_FN. */
#ifndef FL_NN_LANES_H
#define FL_NN_LANES_H

#include "kernel/isa.h"
#include "nn/real.h"

enum { FL_LANES = 16 };

struct fl_lanes {
	double s[FL_LANES];
};

/* term(i) of n elements into the lanes; term uses i. */
#define FL_LANES_ADD(lanes, n, i, term)                                       \
	do {                                                                  \
		size_t at_ = 0;                                               \
		for (; at_ + FL_LANES <= (n); at_ += FL_LANES)                \
			for (size_t j_ = 0; j_ < FL_LANES; j_++) {            \
				size_t i = at_ + j_;                          \
				(lanes)->s[j_] += (term);                     \
			}                                                     \
		for (size_t j_ = 0; at_ + j_ < (n); j_++) {                   \
			size_t i = at_ + j_;                                  \
			(lanes)->s[j_] += (term);                             \
		}                                                             \
	} while (0)

FL_BODY double fl_lanes_total(const struct fl_lanes *l)
{
	double sum = 0;

	for (size_t j = 0; j < FL_LANES; j++)
		sum += l->s[j];
	return sum;
}

/* y(n) += column sums of x(B,n): rows in ascending order, in double, rounded once. */
void fl_column_sums(const fl_real *x, fl_real *y, size_t B, size_t n);

#endif

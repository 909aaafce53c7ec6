/* Softmax at a temperature, of one row, in double and with this library's exponential. */
#ifndef FL_KERNEL_SOFTEN_H
#define FL_KERNEL_SOFTEN_H

#include <stddef.h>

/* p(C) = softmax(z/tau), C >= 1; returns log sum exp(z/tau). p may be z. */
double fl_soften(const double *z, size_t C, double tau, double *p);
/* Of a row in single precision. */
double fl_soften_row(const float *z, size_t C, double tau, double *p);

#endif

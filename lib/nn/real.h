/* The number networks compute in: float; double in the gradient tests. */
#ifndef FL_NN_REAL_H
#define FL_NN_REAL_H

#include "kernel/gemm.h"

#ifdef FL_REAL_DOUBLE
typedef double fl_real;
typedef struct fl_gemm64 fl_product;	/* fl_gemm with fl_real */
#else
typedef float fl_real;
typedef struct fl_gemm fl_product;
#endif

#endif

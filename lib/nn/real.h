/* The number networks compute in: float; double in the gradient tests. */
#ifndef FL_NN_REAL_H
#define FL_NN_REAL_H

#include "kernel/gemm.h"

/* fl_matmul(g, scratch): fl_gemm in fl_real; fl_matmul_scratch(g): reals of it. */
#ifdef FL_REAL_DOUBLE
typedef double fl_real;
typedef struct fl_gemm64 fl_product;
#define fl_matmul(g, scratch) ((void)(scratch), fl_gemm64(g))
#define fl_matmul_scratch(g) ((void)(g), (size_t)0)
#else
typedef float fl_real;
typedef struct fl_gemm fl_product;
#define fl_matmul(g, scratch) fl_gemm(g, scratch)
#define fl_matmul_scratch(g) fl_gemm_scratch(g)
#endif

#endif

/* The number networks compute in: float; double in the gradient tests. */
#ifndef FL_NN_REAL_H
#define FL_NN_REAL_H

#include "kernel/gemm.h"

/* fl_matmul(g, scratch): fl_gemm in fl_real; fl_matmul_scratch(g): reals of it. _par: by
 * several threads, 0 or 1 of which is this one alone; g's rows must be NULL. */
#ifdef FL_REAL_DOUBLE
typedef double fl_real;
typedef struct fl_gemm64 fl_product;
#define fl_matmul(g, scratch) ((void)(scratch), fl_gemm64(g))
#define fl_matmul_scratch(g) ((void)(g), (size_t)0)
#define fl_matmul_par(g, scratch, threads) ((void)(scratch), (void)(threads), fl_gemm64(g))
#define fl_matmul_par_scratch(g, threads) ((void)(g), (void)(threads), (size_t)0)
#else
typedef float fl_real;
typedef struct fl_gemm fl_product;
#define fl_matmul(g, scratch) fl_gemm(g, scratch)
#define fl_matmul_scratch(g) fl_gemm_scratch(g)
#define fl_matmul_par(g, scratch, threads) fl_gemm_par(g, scratch, (threads) > 1 ? (threads) : 1)
#define fl_matmul_par_scratch(g, threads) fl_gemm_par_scratch(g, (threads) > 1 ? (threads) : 1)
#endif

#endif

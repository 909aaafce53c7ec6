/* Means of rows by class: what classmean and classlogit share. Tensors mean (C, width;
 * F32) and count (C; I64). Sums in double in stored order; a class without examples
 * has count 0 and mean 0. Pooled, clients (C; I64) says how many have examples of the class. */
#ifndef FL_FED_STAT_ROWS_H
#define FL_FED_STAT_ROWS_H

#include "fed/stat/stat.h"

int fl_rows_begin(struct fl_stat_ctx *c, size_t width, struct fl_err *e);
/* x(B, width) of classes y(B). */
void fl_rows_add(struct fl_stat_ctx *c, const float *x, const int32_t *y, size_t B);
/* The hooks begin and batch of what is made of features. */
int fl_rows_features_begin(const void *p, struct fl_stat_ctx *c, struct fl_err *e);
int fl_rows_features(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
                     const int32_t *y, size_t B, struct fl_err *e);
int fl_rows_end(struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e);
/* Each class's mean over the clients that have it: by counts, or equal. */
int fl_rows_pool(const struct fl_pool *q, int uniform, struct fl_tset *out, struct fl_err *e);

/* The parameters of both: how clients count where they are pooled, and a tap that rows
 * are of. */
struct fl_rows_params {
	int weight;
	const char *tap;
};
extern const struct fl_param fl_rows_table[];
const char *fl_rows_tap(const void *p);
int fl_rows_pool_by(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e);

#endif

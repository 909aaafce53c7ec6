/* What q-FedSGD and q-FedAvg share: the weight of a client's gradient and its part of
 * the step's length.
 * Li et al., "Fair resource allocation in federated learning", ICLR 2020. */
#ifndef FL_FED_AGG_QFFL_H
#define FL_FED_AGG_QFFL_H

#include "fed/fold.h"

/* out->w = n scale F^q, of the update; out->s[0] = n h, h = q F^(q-1) norm^2 + L F^q;
 * out->s[FL_QFFL_SHARE] = n F^q.
 * norm: of the gradient or what stands for it; scale: that over the update's. FL_EDATA
 * where the loss is below 0. */
enum { FL_QFFL_SHARE = 1 };
int fl_qffl_weigh(const struct fl_update *u, const char *who, double q, double L, double norm,
                  double scale, double n, struct fl_fold_out *out, struct fl_err *e);
/* u = sum w_k u_k / sum h_k. */
int fl_qffl_finish(const void *p, const double s[FL_FOLD_SCALARS], double *scale,
                   struct fl_err *e);

#endif

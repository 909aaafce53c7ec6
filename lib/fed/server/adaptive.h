/* What FedAdam and FedYogi share: parameters, bias correction, the step.
 * Reddi et al., "Adaptive federated optimization", ICLR 2021, algorithm 2. */
#ifndef FL_FED_SERVER_ADAPTIVE_H
#define FL_FED_SERVER_ADAPTIVE_H

#include "fed/server/server.h"

struct fl_adaptive {
	double lr, beta1, beta2, tau, v0;
	int bias_correction;
};

extern const struct fl_param fl_adaptive_params[];

/* Scalars kept: beta1^t and beta2^t. */
#define FL_ADAPTIVE_SCALARS { "b1", "b2" }

int fl_adaptive_begin(const void *p, struct fl_server_round *r, struct fl_err *e);
/* w -= lr m^ / (sqrt(v^) + tau) */
void fl_adaptive_move(const struct fl_adaptive *p, const struct fl_server_round *r,
                      const double *m, const double *v, double *w, size_t n);

#endif

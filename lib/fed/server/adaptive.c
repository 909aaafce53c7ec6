/* Bias correction is off by default, as in the paper; v then starts at tau^2.
 * With it, v starts at 0, as in Adam. */
#include "fed/server/adaptive.h"

#include <math.h>

const struct fl_param fl_adaptive_params[] = {
	{ "lr", FL_P_REAL, offsetof(struct fl_adaptive, lr), "0.01", 0, 1e6, NULL, "rate",
	  "server learning rate" },
	{ "beta1", FL_P_REAL, offsetof(struct fl_adaptive, beta1), "0.9", 0, 0.999999, NULL,
	  "decay", "of the first moment" },
	{ "beta2", FL_P_REAL, offsetof(struct fl_adaptive, beta2), "0.99", 0, 0.999999, NULL,
	  "decay", "of the second moment" },
	{ "tau", FL_P_REAL, offsetof(struct fl_adaptive, tau), "0.001", 1e-300, 1e6, NULL, "real",
	  "adaptivity: added to the root" },
	{ "v0", FL_P_REAL, offsetof(struct fl_adaptive, v0), NULL, 0, 1e12, NULL, "real",
	  "initial second moment; unset: tau^2, with bias correction 0" },
	{ "bias_correction", FL_P_BOOL, offsetof(struct fl_adaptive, bias_correction), "off", 0, 0,
	  NULL, NULL, "divide moments by 1 - beta^t as Adam does" },
	{ 0 }
};

int fl_adaptive_begin(const void *pp, struct fl_server_round *r, struct fl_err *e)
{
	const struct fl_adaptive *p = pp;

	(void)e;
	if (r->first)
		r->scalar[0] = r->scalar[1] = 1;
	r->fill[1] = !isnan(p->v0) ? p->v0 : p->bias_correction ? 0 : p->tau * p->tau;
	r->scalar[0] *= p->beta1;
	r->scalar[1] *= p->beta2;
	r->tmp[0] = p->bias_correction ? 1 - r->scalar[0] : 1;
	r->tmp[1] = p->bias_correction ? 1 - r->scalar[1] : 1;
	return 0;
}

void fl_adaptive_move(const struct fl_adaptive *p, const struct fl_server_round *r,
                      const double *m, const double *v, double *w, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		w[i] -= p->lr * (m[i] / r->tmp[0]) / (sqrt(v[i] / r->tmp[1]) + p->tau);
}

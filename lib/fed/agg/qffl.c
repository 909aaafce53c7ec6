/* Weights of q-fair federated learning. */
#include "fed/agg/qffl.h"

#include "base/fmath.h"

/* The authors' code adds this to each loss, so that F^(q-1) exists at 0. */
#define LOSS_MIN 1e-10

int fl_qffl_weigh(const struct fl_update *u, const char *who, double q, double L, double norm,
                  double scale, double n, struct fl_fold_out *out, struct fl_err *e)
{
	double F = u->loss0 > LOSS_MIN ? u->loss0 : LOSS_MIN, Fq = fl_pow(F, q);

	if (u->loss0 < 0)
		return fl_fail(e, FL_EDATA, "fl.loss0 is %g; %s wants 0 or more", u->loss0, who);
	out->w = n * (scale * Fq);
	out->s[FL_QFFL_SHARE] = n * Fq;
	out->s[0] = n * (q * fl_pow(F, q - 1) * (norm * norm) + L * Fq);
	return 0;
}

int fl_qffl_finish(const void *p, const double s[FL_FOLD_SCALARS], double *scale,
                   struct fl_err *e)
{
	(void)p;
	if (!(s[0] > 0))
		return fl_fail(e, FL_ENUM, "the sum of h is %g", s[0]);
	*scale = 1 / s[0];
	return 0;
}

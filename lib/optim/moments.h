/* What Adam and AdamW share: parameters, moments, the step. */
#ifndef FL_OPTIM_MOMENTS_H
#define FL_OPTIM_MOMENTS_H

#include "optim/optim.h"

struct fl_moments {
	double lr, beta1, beta2, eps, wd;
	int amsgrad;
};

/* The table's rows but for wd, whose default differs. */
#define FL_MOMENTS_PARAMS(wd_default, wd_doc)                                           \
	{ "lr", FL_P_REAL, offsetof(struct fl_moments, lr), "0.001", 0, 1e6, NULL, "eta", \
	  "learning rate" },                                                            \
	{ "beta1", FL_P_REAL, offsetof(struct fl_moments, beta1), "0.9", 0, 0.999999, NULL, "beta", \
	  "share of the mean gradient that is kept" },                         \
	{ "beta2", FL_P_REAL, offsetof(struct fl_moments, beta2), "0.999", 0, 0.999999, NULL, "beta", \
	  "share of the mean square that is kept" },                           \
	{ "eps", FL_P_REAL, offsetof(struct fl_moments, eps), "1e-8", 1e-30, 1e6, NULL, "eps", \
	  "added to the root of the mean square" },                                     \
	{ "wd", FL_P_REAL, offsetof(struct fl_moments, wd), wd_default, 0, 1e6, NULL,   \
	  "lambda", wd_doc },                                                           \
	{ "amsgrad", FL_P_BOOL, offsetof(struct fl_moments, amsgrad), "off", 0, 0, NULL, NULL, \
	  "divide by the largest mean square so far" },                                 \
	{ 0 }

/* Names of the state, as torch.optim has them. */
#define FL_MOMENTS_VECS { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" }

size_t fl_moments_nvec(const void *p);
double fl_moments_lr(const void *p);
/* decoupled: wd shrinks the weights by lr wd in place of joining the gradient. */
void fl_moments_step(const struct fl_moments *p, int decoupled, double rate, uint64_t t,
                     float *w, const float *g, float *const vec[FL_OPT_VECS], size_t n);

#endif

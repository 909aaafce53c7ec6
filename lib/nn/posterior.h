/* Outputs of an adapter read as distributions of embeddings, and the score by which
 * a text and an image are compared under them. */
#ifndef FL_NN_POSTERIOR_H
#define FL_NN_POSTERIOR_H

#include <stddef.h>

enum fl_side { FL_SIDE_TEXT, FL_SIDE_IMAGE };

/* Score of text t and image i, larger is better; c: cosine of their means. */
enum fl_score {
	FL_SCORE_COSINE,	/* c */
	FL_SCORE_IP,		/* <mu_t, mu_i>, as they are */
	FL_SCORE_VMF,		/* kappa_t c + F_d(kappa_t), sphere/vmf.h's approximation */
	FL_SCORE_PS,		/* kappa_t ln(1 + c) + ln C_d(kappa_t), sphere/ps.h */
	FL_SCORE_CSD,		/* -(|mu_t - mu_i|^2 + sum var_t + sum var_i), unit means */
	FL_SCORE_PRODUCT	/* F_d(kappa_t) + F_d(kappa_i) - F_d(|kappa_t mu_t + kappa_i mu_i|), of
				 * which 0 is that of two uniform densities */
};
/* "cosine", "ip", "vmf", "ps", "csd", "product": fl.metric of an embedding record. */
extern const char *const fl_score_name[];	/* by enum fl_score, NULL-terminated */

/* Of B rows of one side. What a family has no use for is NULL and not written. */
struct fl_posterior {
	float *mean;		/* (B,d) of unit length, but for FL_SCORE_IP */
	float *kappa;		/* (B) concentration */
	float *var;		/* (B,d) variances */
	double *uncertainty;	/* (B) larger: less certain */
};

/* What there is to read. */
struct fl_reading {
	size_t d;
	enum fl_score score;
	int kappa[2], var[2], uncertainty[2];	/* by enum fl_side */
};

#endif

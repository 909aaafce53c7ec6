/* Adversarial examples by projected gradient: inputs moved uphill on the net's loss, within
 * a ball about where they were. With norm linf, for each of an example's numbers,
 *   x' <- clip(x' + alpha sign(g), x - eps, x + eps),  g the gradient of the loss by x';
 * with l2, x' <- x' + alpha g/|g|, then the difference to x cut to length eps. One step of
 * linf with alpha >= eps is the fast gradient sign. The net is as in evaluation. */
#ifndef FL_NN_ATTACK_H
#define FL_NN_ATTACK_H

#include "nn/net.h"

struct fl_attack {
	double eps, alpha;	/* alpha NAN: 2.5 eps / steps */
	int64_t steps;
	int norm;
	int random;		/* begin anywhere in the ball */
	double lo, hi;		/* inputs stay in [lo,hi]; NAN: wherever */
};
extern const char *const fl_attack_norm[];	/* NULL-terminated */

/* Rows of a parameter table whose block has a struct fl_attack as its member. eps first. */
#define FL_ATTACK_PARAMS(type, member)                                                           \
	{ "eps", FL_P_REAL, offsetof(type, member.eps), "0.1", 0, 1e6, NULL, "x",                \
	  "how far inputs may move, as they go into the net" },                                  \
	{ "steps", FL_P_INT, offsetof(type, member.steps), "7", 1, 1e6, NULL, "n",               \
	  "gradients of the input an example" },                                                 \
	{ "alpha", FL_P_REAL, offsetof(type, member.alpha), NULL, 0, 1e6, NULL, "x",             \
	  "how far a step goes; unset: 2.5 eps / steps" },                                       \
	{ "norm", FL_P_ENUM, offsetof(type, member.norm), "linf", 0, 0, fl_attack_norm, "name",  \
	  "linf: each number by eps; l2: an example by eps" },                                   \
	{ "random", FL_P_BOOL, offsetof(type, member.random), "off", 0, 0, NULL, NULL,           \
	  "whether it begins anywhere within eps" },                                             \
	{ "lo", FL_P_REAL, offsetof(type, member.lo), NULL, -1e6, 1e6, NULL, "x",                \
	  "no input falls below; unset: no bound" },                                             \
	{ "hi", FL_P_REAL, offsetof(type, member.hi), NULL, -1e6, 1e6, NULL, "x",                \
	  "no input rises above; unset: no bound" }

/* FL_EDATA where a layer of the net takes whole numbers: its inputs cannot be moved. */
int fl_attack_fits(const struct fl_net *net, struct fl_err *e);
/* Where a random attack on x(d) begins, in its place. */
void fl_attack_start(const struct fl_attack *a, struct fl_rng *r, fl_real *x, size_t d);
/* Moves the inputs in k->act[0], which were k->input(B,in), of classes y(B) and targets
 * k->target. k is made for FL_WORK_INPUT; dw(P) is room. */
void fl_attack_inputs(const struct fl_attack *a, const struct fl_net *net, struct fl_work *k,
                      const fl_real *w, fl_real *dw, const int32_t *y, size_t B);

#endif

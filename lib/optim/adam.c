/* Adam as torch.optim.Adam has it: weight decay joins the gradient. */
#include "optim/moments.h"

static const struct fl_param params[] = {
	FL_MOMENTS_PARAMS("0", "weight decay, added to the gradient")
};

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	fl_moments_step(p, 0, rate, t, w, g, vec, n);
}

const struct fl_optim fl_opt_adam = {
	.e = {
		.name = "adam",
		.title = "Adam",
		.cite = "Kingma and Ba, ICLR 2015, arXiv 1412.6980; torch.optim.Adam",
		.doc = "steps scaled by the root of a mean square of gradients",
		.params = params,
		.psize = sizeof(struct fl_moments),
		.formula = "d = g + wd w; m, v: moving means of d, d^2; w -= lr m^ / (sqrt(v^) + eps)",
	},
	.vec = FL_MOMENTS_VECS,
	.nvec = fl_moments_nvec,
	.lr = fl_moments_lr,
	.step = step,
};

/* AdamW as torch.optim.AdamW has it: weight decay shrinks the weights by lr wd. */
#include "optim/moments.h"

static const struct fl_param params[] = {
	FL_MOMENTS_PARAMS("0.01", "weight decay, lr wd of a weight each step")
};

static void step(const void *p, double rate, uint64_t t, float *w, float *g,
                 float *const vec[FL_OPT_VECS], size_t n)
{
	fl_moments_step(p, 1, rate, t, w, g, vec, n);
}

const struct fl_optim fl_opt_adamw = {
	.e = {
		.name = "adamw",
		.title = "AdamW",
		.cite = "Loshchilov and Hutter, ICLR 2019, arXiv 1711.05101; torch.optim.AdamW",
		.doc = "Adam with weight decay apart from the gradient",
		.params = params,
		.psize = sizeof(struct fl_moments),
		.formula = "w -= lr wd w; m, v: moving means of g, g^2; w -= lr m^ / (sqrt(v^) + eps)",
	},
	.vec = FL_MOMENTS_VECS,
	.nvec = fl_moments_nvec,
	.lr = fl_moments_lr,
	.step = step,
};

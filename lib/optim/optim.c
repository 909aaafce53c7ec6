/* The family of optimisers. */
#include "optim/optim.h"

const struct fl_family fl_family_opt = {
	.name = "opt", .list = fl_opt_list, .doc = "how a gradient moves the weights",
	.noun = "optimiser",
};

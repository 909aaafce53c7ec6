/* The family of optimisers. */
#include "optim/optim.h"

const struct fl_family fl_family_opt = {
	"opt", fl_opt_list, "how a gradient moves the weights"
};

/* L2 norm of the gradient of the mean local loss at the received model. */
#include <math.h>

#include "fed/client/measure.h"
#include "kernel/vmath.h"

static int run(const void *p, struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	fl_real *g = l->room->bench.g;

	(void)update;
	l->seen.sample = fl_sample_of(p);
	if (fl_local_measure(l, l->w0, l->seen.sample, &l->seen.loss, g, e))
		return -1;
	l->facts.gradnorm = sqrt(fl_vsumsq(g, l->net->P));
	return isfinite(l->facts.gradnorm) ? 0 :
	       fl_fail(e, FL_ENUM, "gradient over the local set is not finite");
}

const struct fl_measure fl_measure_gradnorm = {
	.e = {
		.name = "gradnorm",
		.title = "fl.gradnorm",
		.cite = "Ju et al., IEEE TMLCN 2024, arXiv 2301.09357",
		.doc = "norm of the gradient of the loss at the received model",
		.params = fl_sample_params,
		.psize = sizeof(struct fl_sample),
		.formula = "L2 norm over all weights, without weight decay and the method's terms",
	},
	.need = FL_NEED_GRADNORM,
	.run = run,
};

/* Mean local loss at the received model. */
#include <math.h>

#include "fed/client/measure.h"

static int run(const void *p, struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	int64_t n = fl_sample_of(p);

	(void)update;
	if (isnan(l->seen.loss) || l->seen.sample != n)
		return fl_local_measure(l, l->w0, n, &l->facts.loss0, NULL, e);
	l->facts.loss0 = l->seen.loss;
	return 0;
}

const struct fl_measure fl_measure_loss0 = {
	.e = {
		.name = "loss0",
		.title = "fl.loss0",
		.cite = "Li et al., ICLR 2020, arXiv 1905.10497",
		.doc = "mean local loss at the received model",
		.params = fl_sample_params,
		.psize = sizeof(struct fl_sample),
	},
	.need = FL_NEED_LOSS0,
	.run = run,
};

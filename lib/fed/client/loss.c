/* Mean local loss after training. */
#include "fed/client/measure.h"

static int run(const void *p, struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	return fl_local_measure(l, l->w, fl_sample_of(p), &l->facts.loss, NULL, e);
}

const struct fl_measure fl_measure_loss = {
	.e = {
		.name = "loss",
		.title = "fl.loss",
		.cite = "McMahan et al., AISTATS 2017, arXiv 1602.05629",
		.doc = "mean local loss after training",
		.params = fl_sample_params,
		.psize = sizeof(struct fl_sample),
	},
	.need = FL_NEED_LOSS,
	.after = 1,
	.run = run,
};

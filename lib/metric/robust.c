/* Robust accuracy: the share of examples whose label still has the largest logit after
 * projected gradient on the net's loss (nn/attack.h). The attack is one that can be carried
 * out, so it bounds the accuracy against the worst from above. */
#include <string.h>

#include "metric/metric.h"
#include "nn/attack.h"

struct params {
	struct fl_attack attack;
};

static const struct fl_param table[] = {
	FL_ATTACK_PARAMS(struct params, attack),
	{ 0 }
};

static double inputs(const void *pp, const struct fl_net *net, struct fl_work *k, const fl_real *w,
                     fl_real *dw, const int32_t *y, size_t first, size_t B)
{
	const struct params *p = pp;
	size_t d = fl_shape_count(&net->in), C = net->classes, hits = 0;

	memcpy(k->input, k->act[0], B * d * sizeof *k->input);
	for (size_t b = 0; p->attack.random && b < B; b++) {
		struct fl_rng r;

		fl_rng_init(&r, 0, 0, 0, FL_RNG_METHOD, first + b);
		fl_attack_start(&p->attack, &r, k->act[0] + b * d, d);
	}
	fl_attack_inputs(&p->attack, net, k, w, dw, y, B);
	fl_net_forward(net, k, w, B, 0, NULL);
	for (size_t b = 0; b < B; b++)
		hits += fl_argmax(k->act[net->nlayer] + b * C, C) == (size_t)y[b];
	return (double)hits;
}

const struct fl_metric fl_metric_robust = {
	.e = {
		.name = "robust",
		.title = "Robust accuracy",
		.cite = "Madry et al., ICLR 2018, arXiv 1706.06083",
		.doc = "accuracy on examples moved against the model by projected gradient",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "(1/n) sum_i [ argmax_c z_c(x_i + d_i) = y_i ], |d_i| <= eps",
	},
	.higher_is_better = 1,
	.fits = fl_attack_fits,
	.inputs = inputs,
};

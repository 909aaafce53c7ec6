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

static int begin(const void *p, struct fl_metric_ctx *c, struct fl_err *e)
{
	(void)p;
	return fl_attack_fits(c->net, e);
}

static int batch(const void *pp, struct fl_metric_ctx *c, const struct fl_metric_batch *b,
                 struct fl_err *e)
{
	const struct params *p = pp;
	const struct fl_net *net = c->net;
	struct fl_work *k = b->work;
	size_t d = fl_shape_count(&net->in), hits = 0;

	(void)e;
	memcpy(k->input, k->act[0], b->B * d * sizeof *k->input);
	for (size_t i = 0; p->attack.random && i < b->B; i++) {
		struct fl_rng r;

		fl_rng_init(&r, 0, 0, 0, FL_RNG_METHOD, b->first + i);
		fl_attack_start(&p->attack, &r, k->act[0] + i * d, d);
	}
	fl_attack_inputs(&p->attack, net, k, c->w, b->dw, b->y, b->B);
	fl_net_forward(net, k, c->w, b->B, 0, NULL);
	for (size_t i = 0; i < b->B; i++)
		hits += fl_argmax(k->act[net->nlayer] + i * c->C, c->C) == (size_t)b->y[i];
	c->sum += (double)hits;
	return 0;
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
	.needs = FL_METRIC_LOGITS | FL_METRIC_INPUTS,
	.begin = begin,
	.batch = batch,
};

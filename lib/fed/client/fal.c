/* FAL, federated adversarial learning: every batch is moved uphill on the loss of the model
 * as it is, within eps (nn/attack.h), and the step descends on what it has become:
 *   min over w of the mean of max_(|d| <= eps) l(w; x + d, y).
 * The server's average is the rule's and its step the server's, as of any method. */
#include <string.h>

#include "fed/client/client.h"
#include "nn/attack.h"

struct params {
	struct fl_attack attack;
};

static const struct fl_param params[] = {
	FL_ATTACK_PARAMS(struct params, attack),
	{ 0 }
};

/* Room for gradients that nobody wants. */
static int begin(struct fl_local *l, struct fl_err *e)
{
	if (fl_attack_fits(l->net, e))
		return fl_fail_in(e, "method fal");
	return (l->priv = fl_local_vec(l, e)) ? 0 : -1;
}

/* An example's random numbers are its own in each epoch, whatever the batch. */
static void start(const struct fl_local *l, fl_real *x, size_t B, size_t d)
{
	const struct params *p = l->p;
	const struct fl_loop *o = l->loop;

	for (size_t b = 0; p->attack.random && b < B; b++) {
		uint64_t example = o->idx ? o->idx[b] : o->i0 + b;
		struct fl_rng r;

		fl_rng_init(&r, l->cfg->seed, (uint64_t)l->round, (uint64_t)l->client, FL_RNG_METHOD,
		            example | (uint64_t)o->epoch << 32);
		fl_attack_start(&p->attack, &r, x + b * d, d);
	}
}

static void input(struct fl_local *l, fl_real *x, int32_t *y, size_t B, size_t d)
{
	const struct params *p = l->p;
	struct fl_work *k = &l->loop->bench->work;

	if (!(p->attack.eps > 0))
		return;
	memcpy(k->input, x, B * d * sizeof *x);
	start(l, x, B, d);
	fl_attack_inputs(&p->attack, l->loop->net, k, l->loop->w, l->priv, y, B);
}

const struct fl_method fl_method_fal = {
	.e = {
		.name = "fal",
		.title = "FAL",
		.cite = "Li, Song and Yang, ICML 2023, arXiv 2208.03635; inner attack: Madry et al., "
			"ICLR 2018, arXiv 1706.06083",
		.doc = "adversarial training: steps on examples moved against the model",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "min mean of max_(|d| <= eps) l(x + d, y), the maximum by projected gradient",
	},
	.flags = FL_METHOD_INPUT | FL_METHOD_LABELS,
	.begin = begin,
	.on.input = input,
};

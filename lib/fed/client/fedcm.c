/* FedCM, which is FedAvg-M too: each step mixes the server's last direction in.
 *   w -= lr (alpha grad F_k(w) + (1 - alpha) d)
 * The model brings d, zero at first. The update brings (w0 - w)/(steps lr) - d,
 * which the server adds to d after the rule's mean: d becomes the mean of the
 * clients' mean steps, with equal weights as the papers have it. */
#include "fed/client/client.h"
#include "kernel/vmath.h"

static const char prefix[] = "@fedcm/d/";

struct fedcm {
	double alpha;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct fedcm, alpha), "0.1", 0, 1, NULL, "alpha",
	  "share of the client's own gradient" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	return (l->priv = fl_local_import_params(l, l->model, prefix, e)) ? 0 : -1;
}

static void mix(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	const struct fedcm *p = l->p;
	const fl_real *d = l->priv;

	(void)w;
	fl_vblend((float)(1 - p->alpha), d + begin, (float)p->alpha, g, end - begin);
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	double moved = (double)l->steps * l->facts.lr;
	fl_real *d = l->priv;

	for (size_t i = 0; i < l->net->P; i++)
		d[i] = moved > 0 ? (fl_real)(((double)l->w0[i] - (double)l->w[i]) / moved -
		                             (double)d[i]) : 0;
	return fl_local_export_params(l, d, prefix, update, e);
}

const struct fl_method fl_method_fedcm = {
	.e = {
		.name = "fedcm",
		.title = "FedCM, FedAvg-M",
		.cite = "Xu et al., 2021, arXiv 2106.10874; Cheng et al., ICLR 2024, arXiv 2306.16504",
		.doc = "the server's last direction is momentum in every local step",
		.params = params,
		.psize = sizeof(struct fedcm),
		.formula = "w -= lr (alpha grad F_k(w) + (1 - alpha) d); "
			   "d' = mean of (w0 - w)/(steps lr)",
		.note = "In both papers clients count alike: rule mean:weight=uniform.",
	},
	.begin = begin,
	.on.mix = mix,
	.end = end,
};

/* FedDyn's server, which is FedSpeed's too. s is the paper's h over alpha: what all
 * clients have moved in sum, over their number.
 *   s += fraction g;  w -= g + s
 * fraction: clients of a round over all clients. Clients count the same in the
 * papers: rule mean:weight=uniform. */
#include "fed/server/server.h"

struct params {
	double fraction;
};

static const struct fl_param table[] = {
	{ "fraction", FL_P_REAL, offsetof(struct params, fraction), "1", 0, 1, NULL, "f",
	  "clients of a round over all clients" },
	{ 0 }
};

static void apply(const void *pp, const struct fl_server_round *r, const double *g, double *w,
                  double *const *vec, size_t n)
{
	const struct params *p = pp;
	double *s = vec[0];

	(void)r;
	for (size_t i = 0; i < n; i++) {
		s[i] += p->fraction * g[i];
		w[i] -= g[i] + s[i];
	}
}

const struct fl_server fl_server_feddyn = {
	.e = {
		.name = "feddyn",
		.title = "FedDyn, FedSpeed",
		.cite = "Acar et al., ICLR 2021, arXiv 2111.04263; Sun et al., ICLR 2023",
		.doc = "the server of methods feddyn and fedspeed",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "s = s + fraction g; w = w - g - s",
		.note = "s is the paper's h over alpha. Clients count alike in the papers: rule "
			"mean:weight=uniform. For fedspeed this is what the authors' code does; "
			"form=paper of that method wants server sgd.",
	},
	.vec = { "s" },
	.apply = apply,
};

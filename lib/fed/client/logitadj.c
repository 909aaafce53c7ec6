/* Logit adjustment by the client's own class prior while training,
 *   cross-entropy of z_c + tau ln pi_c,  pi_c = (n_c + smooth)/(N + smooth C).
 * With tau = 1 clients that differ in their priors only share one best z, up to a
 * constant. With smooth = 0 classes that a client lacks get no gradient. */
#include "fed/client/client.h"

#include "base/fmath.h"

struct logitadj {
	double tau, smooth;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct logitadj, tau), "1", 0, 1e6, NULL, "tau",
	  "strength of the adjustment" },
	{ "smooth", FL_P_REAL, offsetof(struct logitadj, smooth), "1", 0, 1e6, NULL, "n",
	  "examples that every class has beforehand" },
	{ 0 }
};

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct logitadj *p = l->p;
	size_t C = l->net->classes;
	double *n = fl_local_counts(l, e), sum = (double)(l->data->N - l->data->unlabelled) + p->smooth * (double)C;
	fl_real *shift = n ? fl_arena_get(l->arena, C, sizeof *shift, e) : NULL;

	/* tau = 0 leaves classes without examples alone, too: 0 times -inf. */
	for (size_t c = 0; shift && c < C; c++)
		shift[c] = p->tau > 0 ? (fl_real)(p->tau * fl_log((n[c] + p->smooth) / sum)) : 0;
	return (l->priv = shift) ? 0 : -1;
}

const struct fl_method fl_method_logitadj = {
	.e = {
		.name = "logitadj",
		.title = "logit adjustment",
		.cite = "Menon et al., ICLR 2021, arXiv 2007.07314",
		.doc = "logits adjusted by the client's class prior",
		.params = params,
		.psize = sizeof(struct logitadj),
		.formula = "F_k = mean of CE(z_c + tau ln pi_c, y), pi the client's class shares",
		.note = "The paper has one prior, of all the data; here each client has its own.",
	},
	.begin = begin,
	.on.logits = fl_local_shift,
};

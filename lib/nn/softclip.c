/* Soft contrast of M3CoL: two towers side by side, a(d) and b(d), whose matrix of cosines
 * is to say of b what b says of itself. With cosines s of a's and b's rows over tau, and
 * targets r = softmax of the rows of b b' / tau,
 *   loss = 1/2B sum_ik r_ik (log sum_k' exp s_ik' - s_ik)
 *        + 1/2B sum_ik r_ik (log sum_k' exp s_k'i - s_ki);
 * the gradient goes through the targets, as in the released code. */
#include "nn/act.h"
#include "nn/towers.h"

struct softclip {
	double tau;
};

static const struct fl_param params[] = {
	{ "tau", FL_P_REAL, offsetof(struct softclip, tau), "0.125", 1e-4, 100, NULL, "x",
	  "temperature, of the targets, too" },
	{ 0 }
};

static int check(const void *p, size_t C, struct fl_err *e)
{
	(void)p;
	return C % 2 ? fl_fail(e, FL_EUSAGE, "%zu outputs are not two towers of one width", C) : 0;
}

static size_t scratch(const void *p, size_t B, size_t C)
{
	(void)p;
	return fl_towers_scratch(B, C / 2);
}

/* dq(B,B), the gradient by targets r, becomes that by their logits. */
static void through_softmax(const fl_real *r, fl_real *dq, size_t B)
{
	for (size_t i = 0; i < B; i++, r += B, dq += B) {
		double along = 0;

		for (size_t j = 0; j < B; j++)
			along += (double)r[j] * (double)dq[j];
		for (size_t j = 0; j < B; j++)
			dq[j] = r[j] * (dq[j] - (fl_real)along);
	}
}

static double loss(const void *p, const struct fl_batch *b)
{
	size_t d = b->C / 2, at[] = { 0, d };
	double by = .5 / (double)b->B, scale = b->dz ? by : 0, sum;
	struct fl_towers w;
	fl_real *dr;

	fl_towers_begin(&w, b, at, d, ((const struct softclip *)p)->tau);
	fl_towers_cosines(&w, 1, 1, w.q);
	fl_act_softmax(w.q, w.r, NULL, b->B, b->B);
	dr = b->dz ? w.q : NULL;
	for (size_t i = 0; dr && i < b->B * b->B; i++)
		dr[i] = 0;
	sum = fl_towers_entropy(&w, w.t, w.r, scale, dr);
	sum += fl_towers_entropy(&w, w.s, w.r, scale, dr);
	if (b->dz) {
		through_softmax(w.r, dr, b->B);
		fl_towers_back(&w, 1, 1, dr);
		fl_towers_end(&w, at);
	}
	return by * sum;
}

const struct fl_loss_entry fl_loss_softclip = {
	.e = {
		.name = "softclip",
		.title = "M3CoL, soft contrast",
		.cite = "Kumar et al., TMLR 2025, arXiv 2409.17777",
		.doc = "cosines of two towers are to be those of the second with itself",
		.params = params,
		.psize = sizeof(struct softclip),
		.formula = "cross-entropy of a b'/tau over rows and columns towards softmax(b b'/tau)",
	},
	.towers = 1,
	.check = check,
	.scratch = scratch,
	.loss = loss,
};

/* Federated mutual learning: beside the shared model (the meme) each client trains a model
 * of its own, of any architecture; every batch moves both, each towards its labels and to
 * what the other says before either has moved:
 *   shared  beta CE + (1 - beta) KL(p_own | p),   own  alpha CE + (1 - alpha) KL(p_shared | p),
 * p softmax of the outputs, the other's held fixed. The own model is kept as the plain tensors
 * of the client's state. It begins as the model that --with brings or, without, as one of the
 * shared architecture whose weights are drawn for the client. */
#include <string.h>

#include "fed/client/client.h"
#include "kernel/soften.h"
#include "model/model.h"

struct fml {
	double alpha, beta;
};

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct fml, alpha), "0.5", 0, 1, NULL, "alpha",
	  "share of the labels in the loss of the client's own model" },
	{ "beta", FL_P_REAL, offsetof(struct fml, beta), "0.5", 0, 1, NULL, "beta",
	  "share of the labels in the loss of the shared model" },
	{ 0 }
};

static const struct fl_want wants[] = {
	{ FL_KIND_MODEL, NULL, FL_WANT_OPTIONAL, "fl-init -a ARCH" },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

struct pair {
	struct fl_net net;		/* of the client's own model */
	struct fl_room room;
	struct fl_phase shared, own;
	double *p, *q;			/* (C) */
};

/* --- the own model --- */

/* What it begins as: the state of rounds before, or --with, or NULL. */
static int find_own(struct fl_local *l, const struct fl_tset **rec, struct fl_err *e)
{
	*rec = l->old->nt ? l->old : NULL;
	return *rec || fl_local_with_one(l, wants, rec, e) >= 0 ? 0 : -1;
}

static int make_net(struct fl_local *l, struct pair *s, const struct fl_tset *rec, struct fl_err *e)
{
	if (rec ? fl_model_of(&s->net, rec, e) : fl_model_net(&s->net, l->net->arch, 0, e))
		return -1;
	fl_net_precision(&s->net, l->net->precision);
	if (s->net.classes != l->net->classes)
		return fl_fail(e, FL_EDATA, "the client's own model tells %zu classes apart, the shared one %zu",
		               s->net.classes, l->net->classes);
	return fl_room_init(&s->room, &s->net, e);
}

static int set_weights(struct fl_local *l, struct pair *s, const struct fl_tset *rec, struct fl_err *e)
{
	struct fl_rng r;

	if (rec)
		return fl_net_import(&s->net, rec, "", FL_ABSENT_REFUSE, s->room.w, e);
	fl_rng_init(&r, l->cfg->seed, 0, (uint64_t)l->client, FL_RNG_METHOD, 0);
	fl_net_init(&s->net, fl_rng_u64(&r), s->room.w);
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	struct pair *s = fl_arena_zero(l->arena, 1, sizeof *s, e);
	const struct fl_tset *rec = NULL;

	if (!(l->priv = s) || !(s->p = fl_arena_get(l->arena, l->net->classes, sizeof *s->p, e)) ||
	    !(s->q = fl_arena_get(l->arena, l->net->classes, sizeof *s->q, e)) || find_own(l, &rec, e))
		return -1;
	if (make_net(l, s, rec, e) || set_weights(l, s, rec, e))
		return rec ? fl_fail_in(e, rec == l->old ? "state" : "--with") : -1;
	return 0;
}

static void release(struct fl_local *l)
{
	struct pair *s = l->priv;

	if (!s)
		return;
	fl_room_release(&s->room);
	fl_net_release(&s->net);
}

/* --- training --- */

/* share CE + (1 - share) KL(q | p), q what the other's net says of the batch. */
static double mutual(struct fl_local *l, double share, const struct fl_phase *other,
                     const fl_real *z, fl_real *dz, size_t B, size_t C)
{
	struct pair *s = l->priv;
	const fl_real *zo = fl_phase_logits(other);
	double loss = share * fl_local_task(l), sum = 0;

	for (size_t b = 0; b < B; b++, z += C, zo += C, dz += C) {
		double lp = fl_soften_row(z, C, 1, s->p), lq = fl_soften_row(zo, C, 1, s->q);

		for (size_t c = 0; c < C; c++) {
			sum += s->q[c] * ((double)zo[c] - lq - (double)z[c] + lp);
			dz[c] = (fl_real)(share * (double)dz[c] +
			                  (1 - share) * (s->p[c] - s->q[c]) / (double)B);
		}
	}
	return loss + (1 - share) * sum / (double)B;
}

static double shared_task(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                          size_t B, size_t C)
{
	const struct pair *s = l->priv;

	(void)y;
	return mutual(l, ((const struct fml *)l->p)->beta, &s->own, z, dz, B, C);
}

static double own_task(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz,
                       size_t B, size_t C)
{
	const struct pair *s = l->priv;

	(void)y;
	return mutual(l, ((const struct fml *)l->p)->alpha, &s->shared, z, dz, B, C);
}

static int train(struct fl_local *l, struct fl_err *e)
{
	struct pair *s = l->priv;

	s->shared = fl_local_phase(l);
	s->own = (struct fl_phase){
		.w = s->room.w, .room = &s->room, .lr = s->shared.lr, .on.task = own_task, .id = 1,
	};
	s->shared.beside = &s->own;
	if (fl_local_run(l, &s->shared, e))
		return -1;
	l->steps = s->shared.taken;
	return 0;
}

static int end(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	const struct pair *s = l->priv;

	(void)update;
	return fl_meta_set(l->state, "fl.arch", s->net.arch, e) ||
	       fl_net_export(&s->net, s->room.w, "", l->state, e) ? -1 : 0;
}

const struct fl_method fl_method_fml = {
	.e = {
		.name = "fml",
		.title = "FML",
		.cite = "Shen et al., 2020, arXiv 2006.16765; mutual learning: Zhang et al., CVPR 2018, "
			"arXiv 1706.00384",
		.doc = "a shared and a personal model, of any network, learn from each other",
		.params = params,
		.psize = sizeof(struct fml),
		.formula = "shared: beta CE + (1 - beta) KL(p_own | p); own: alpha CE + (1 - alpha) KL(p_shared | p)",
		.note = "The paper's losses, each model's target the other's outputs held fixed, as in mutual "
			"learning. HtFLlib's code divides KL by the classes, too, and lets its gradient into "
			"both models.",
	},
	.flags = FL_METHOD_STATE | FL_METHOD_LABELS,
	.with = wants,
	.begin = begin,
	.on.task = shared_task,
	.train = train,
	.end = end,
	.release = release,
};

/* pFedPG, and pFedHN: a hypernetwork h at the server makes some of each client's weights, such
 * as its prompts, of the client's number. It learns from what clients made of them, t_k:
 *   min over h of sum_k |h(k) - t_k|^2 / 2.
 * Where t_k was trained from h(k), the first step's gradient is the product of h's Jacobian with
 * the client's update, -(dh(k)/dphi)^T (t_k - h(k)): the step of both papers. */
#include <string.h>

#include "base/num.h"
#include "fed/distill/distill.h"
#include "fed/distill/hyper.h"

struct params {
	const char *tensors;
};

static const struct fl_param table[] = {
	FL_HYPER_PARAM(struct params, tensors),
	{ 0 }
};

struct lesson {
	const struct fl_distill_run *r;
	struct fl_hyper h;
	fl_real *target;		/* (K,C) */
	struct fl_course course;
};

/* What client k ended with. */
static int take_target(struct lesson *l, size_t k, struct fl_err *e)
{
	const struct fl_member *m = &l->r->member[k];
	struct fl_tset rec = { .t = NULL };
	int rc = fl_hyper_fits(&l->h, m->net, m->client, e) ||
	         fl_net_export(m->net, m->w, "", &rec, e) ? -1 : 0;

	if (!rc)
		fl_hyper_take(&l->h, m->net, &rec, l->target + k * l->h.net->classes);
	fl_tset_release(&rec);
	return rc ? fl_fail_in(e, "client %lld", (long long)m->client) : 0;
}

static size_t member_of(const struct lesson *l, size_t b)
{
	const struct fl_loop *at = &l->course.loop;

	return at->idx ? at->idx[b] : at->i0 + b;
}

static void load(void *ctx, const uint32_t *idx, size_t i0, size_t B)
{
	struct lesson *l = ctx;

	(void)idx;
	(void)i0;
	for (size_t b = 0; b < B; b++)
		l->course.bench.work.act[0][b] = (fl_real)l->r->member[member_of(l, b)].client;
}

static double to_members(void *ctx, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                         size_t C)
{
	const struct lesson *l = ctx;
	double loss = 0;

	(void)y;
	for (size_t b = 0; b < B; b++) {
		const fl_real *t = l->target + member_of(l, b) * C;

		for (size_t c = 0; c < C; c++, z++, dz++) {
			*dz = *z - t[c];
			loss += (double)*dz * (double)*dz / 2;
		}
	}
	return loss;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_student *to = r->student;
	struct lesson l = { .r = r };
	size_t n;

	l.course = (struct fl_course){ .net = to->net, .w = to->w, .N = r->K, .ctx = &l,
	                               .on = { .load = load, .task = to_members } };
	if (fl_hyper_of(&l.h, to->net, ((const struct params *)pp)->tensors, e))
		return -1;
	if (fl_mul(r->K, to->net->classes, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(l.target = fl_arena_get(r->arena, n, sizeof *l.target, e)))
		return -1;
	for (size_t k = 0; k < r->K; k++)
		if (take_target(&l, k, e))
			return -1;
	return fl_course_run(r->lesson, &l.course, &to->loss, e);
}

const struct fl_distill fl_distill_pfedpg = {
	.e = {
		.name = "pfedpg",
		.title = "pFedPG, pFedHN",
		.cite = "Yang, Wang and Wang, ICCV 2023, arXiv 2308.15367; Shamsian et al., ICML 2021, arXiv "
			"2103.04628",
		.doc = "a hypernetwork learns what clients made of the weights that it gave",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "min over h of sum_k |h(k) - t_k|^2 / 2; one step is -(dh(k)/dphi)^T (t_k - h(k))",
		.note = "The network is -m's: arch pfedpg generates prompts; an embedding and linear layers "
			"are pFedHN. A step is of the clients of a batch together; ports of pFedPG take one client "
			"a step, -b 1, and keep the moments of Adam, which begin afresh here.",
		.aka = "pfedhn",
	},
	.needs = FL_DISTILL_MEMBERS | FL_DISTILL_OTHER,
	.epochs = 1,
	.run = run,
};

/* The part of a combined update that a model holds, where models differ. */
#include "fed/combined.h"

struct part {
	const struct fl_combined *all;
	size_t *at;		/* (n) place of each tensor in all */
};

static int get_part(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                    struct fl_err *e)
{
	const struct part *p = ctx;

	return p->all->get(p->all->ctx, p->at[i], i0, i1, thread, out, e);
}

int fl_combined_of(const struct fl_combined *all, const struct fl_tset *model, struct fl_arena *a,
                   struct fl_combined *out, struct fl_err *e)
{
	struct part *p = fl_arena_get(a, 1, sizeof *p, e);
	const struct fl_tensor **t = fl_arena_get(a, all->n, sizeof *t, e);
	size_t n = 0;

	if (!p || !t || !(p->at = fl_arena_get(a, all->n, sizeof *p->at, e)))
		return -1;
	p->all = all;
	for (size_t i = 0; i < all->n; i++) {
		const struct fl_tensor *own = fl_tset_find(model, all->t[i]->name);

		/* A tensor of the same name and another shape is another tensor. */
		if (own ? fl_tensor_same_shape(own, all->t[i]) : fl_tensor_is_extra(all->t[i])) {
			t[n] = all->t[i];
			p->at[n++] = i;
		}
	}
	*out = (struct fl_combined){ .n = n, .t = t, .tile = all->tile, .ctx = p, .get = get_part };
	return 0;
}

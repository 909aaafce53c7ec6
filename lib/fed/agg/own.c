/* Each model goes on alone: that of a client is its own plus its update. For clients that
 * exchange something else than weights, such as statistics, or nothing (local training, the
 * baseline of personal methods). Networks may differ. */
#include "fed/agg/agg.h"

static int add_tensor(const struct fl_tensor *w, const struct fl_tensor *u, struct fl_tset *out,
                      struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_copy(out, NULL, w, e);
	float *x = t ? t->data : NULL;

	for (size_t i = 0; t && u && i < t->n; i++)
		x[i] += ((const float *)u->data)[i];
	return t ? 0 : -1;
}

static int whole(const void *p, const struct fl_round *r, struct fl_tset *out,
                 struct fl_err *e)
{
	(void)p;
	for (size_t k = 0; k < r->K; k++)
		for (size_t i = 0; i < r->model[k]->nt; i++) {
			const struct fl_tensor *t = &r->model[k]->t[i];

			if (add_tensor(t, fl_tset_find(r->update[k], t->name), &out[k], e))
				return -1;
		}
	return 0;
}

const struct fl_rule fl_rule_own = {
	.e = {
		.name = "own",
		.title = "Each its own",
		.cite = "the baseline of personal methods: clients train alone",
		.doc = "each client's model goes on alone: models are kept, not combined",
		.formula = "w_k' = w_k + u_k",
	},
	.personal = 1,
	.whole = whole,
};

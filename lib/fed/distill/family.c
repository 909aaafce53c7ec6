/* The family of servers that train. */
#include "fed/distill/distill.h"

const struct fl_family fl_family_distill = {
	.name = "distill",
	.list = fl_distill_list,
	.doc = "what a server trains that has more than updates",
	.noun = "method of distilling",
};

int fl_distill_client(const struct fl_distill_run *r, size_t k, fl_real *w, struct fl_err *e)
{
	for (size_t i = 0; i < r->net->P; i++)
		w[i] = 0;
	if (fl_net_import(r->net, &r->update[k], "", 1, w, e))
		return fl_fail_in(e, "client %lld", (long long)r->u[k].client);
	for (size_t i = 0; i < r->net->P; i++)
		w[i] += r->w0[i];
	return 0;
}

/* The gradient over the local set, and the momentum that comes of it at the server. */
#include "fed/client/momentum.h"

int fl_momentum_export(struct fl_local *l, double beta, const fl_real *m, fl_real *G,
                       const char *prefix, struct fl_tset *update, struct fl_err *e)
{
	fl_real rest = (fl_real)(1 - beta);

	for (size_t i = 0; i < l->net->P; i++)
		G[i] = rest * (G[i] - m[i]);
	return fl_local_export_params(l, G, prefix, update, e);
}

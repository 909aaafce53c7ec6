/* One thread's buffers, and flat vectors <-> tensors for methods. */
#include "fed/client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct fl_family fl_family_method = {
	.name = "method",
	.list = fl_method_list,
	.doc = "how a client trains",
};

int fl_room_init(struct fl_room *r, const struct fl_net *net, struct fl_err *e)
{
	*r = (struct fl_room){ .net = net };
	if ((r->w0 = fl_alloc(net->P, sizeof *r->w0, e)) &&
	    (r->w = fl_alloc(net->P, sizeof *r->w, e)) && !fl_bench_init(&r->bench, net, e))
		return 0;
	fl_room_release(r);
	return -1;
}

int fl_room_model(struct fl_room *r, const struct fl_tset *model, const char *base,
                  struct fl_err *e)
{
	const char *whole = fl_meta_get(model, "fl.base");

	if (whole && !fl_base_is(whole))
		return fl_fail(e, FL_EDATA, "fl.base is '%s', want 64 hexadecimal digits", whole);
	r->model = model;
	snprintf(r->base, sizeof r->base, "%s", whole ? whole : base);
	return fl_net_import(r->net, model, "", FL_ABSENT_REFUSE, r->w0, e);
}

void fl_room_release(struct fl_room *r)
{
	free(r->w0);
	free(r->w);
	free(r->sum);
	fl_bench_release(&r->bench);
	fl_arena_release(&r->arena);
	*r = (struct fl_room){ .net = NULL };
}

fl_real *fl_local_vec(struct fl_local *l, struct fl_err *e)
{
	return fl_arena_zero(l->arena, l->net->P, sizeof(fl_real), e);
}

fl_real *fl_local_import(struct fl_local *l, const struct fl_tset *s, const char *prefix,
                         struct fl_err *e)
{
	fl_real *v = fl_local_vec(l, e);

	return v && !fl_net_import(l->net, s, prefix, FL_ABSENT_KEEP, v, e) ? v : NULL;
}

int fl_local_export(struct fl_local *l, const fl_real *v, const char *prefix, struct fl_tset *s,
                    struct fl_err *e)
{
	return fl_net_export(l->net, v, prefix, s, e);
}

fl_real *fl_local_import_params(struct fl_local *l, const struct fl_tset *s, const char *prefix,
                                struct fl_err *e)
{
	fl_real *v = fl_local_vec(l, e);

	return v && !fl_net_import_params(l->net, s, prefix, FL_ABSENT_KEEP, v, e) ? v : NULL;
}

int fl_local_export_params(struct fl_local *l, const fl_real *v, const char *prefix,
                           struct fl_tset *s, struct fl_err *e)
{
	return fl_net_export_params(l->net, v, prefix, s, e);
}

double *fl_local_counts(struct fl_local *l, struct fl_err *e)
{
	double *n = fl_arena_zero(l->arena, l->net->classes, sizeof *n, e);

	for (size_t i = 0; n && i < l->data->N; i++)
		if (l->data->y[i] >= 0)
			n[l->data->y[i]]++;
	return n;
}

void fl_local_shift(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t C)
{
	const fl_real *shift = l->priv;

	(void)y;
	for (size_t b = 0; b < B; b++)
		for (size_t c = 0; c < C; c++)
			z[b * C + c] += shift[c];
}

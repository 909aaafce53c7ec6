/* A hypernetwork. */
#include "fed/distill/hyper.h"

#include <string.h>

#include "base/glob.h"

int fl_numbered_rows(const struct fl_net *net, const char *what, size_t *rows, struct fl_err *e)
{
	const struct fl_layer *first = net->layer;

	if (!net->nlayer || !first->entry->discrete || !first->nparam || fl_shape_count(&net->in) != 1)
		return fl_fail(e, FL_EDATA, "the model does not read %s: its input must be [1], and its first "
		               "layer an embedding", what);
	*rows = first->param[0].dim[0];
	return 0;
}

int fl_hyper_of(struct fl_hyper *h, const struct fl_net *net, const char *tensors, struct fl_err *e)
{
	*h = (struct fl_hyper){ .net = net, .tensors = tensors };
	return fl_numbered_rows(net, "a client's number, as a hypernetwork does", &h->clients, e);
}

/* Whether it makes the parameter: running statistics and what never trains are nobody's. */
static int is_made(const struct fl_hyper *h, const struct fl_net_param *q)
{
	return q->kind == FL_TRAINED && fl_glob_match(h->tensors, q->name);
}

int fl_hyper_fits(const struct fl_hyper *h, const struct fl_net *of, int64_t client,
                  struct fl_err *e)
{
	size_t n = 0;

	if (client < 0 || (uint64_t)client >= h->clients)
		return fl_fail(e, FL_EDATA, "the hypernetwork knows clients 0 to %zu", h->clients - 1);
	for (size_t i = 0; i < of->nparam; i++)
		n += is_made(h, &of->param[i]) ? of->param[i].n : 0;
	return n == h->net->classes ? 0 :
	       fl_fail(e, FL_EDATA, "tensors=%s are %zu numbers of its model, the hypernetwork makes %zu",
	               h->tensors, n, h->net->classes);
}

void fl_hyper_take(const struct fl_hyper *h, const struct fl_net *of, const struct fl_tset *rec,
                   fl_real *v)
{
	for (size_t i = 0; i < of->nparam; i++) {
		const struct fl_net_param *q = &of->param[i];

		if (!is_made(h, q))
			continue;
		memcpy(v, fl_tset_find(rec, q->name)->data, q->n * sizeof *v);
		v += q->n;
	}
}

int fl_hyper_put(const struct fl_hyper *h, const struct fl_net *of, const fl_real *v,
                 struct fl_tset *rec, struct fl_err *e)
{
	for (size_t i = 0; i < of->nparam; i++) {
		const struct fl_net_param *q = &of->param[i];
		const struct fl_tensor *t = fl_tset_find(rec, q->name);

		if (!is_made(h, q))
			continue;
		if (!t || t->dtype != FL_F32 || t->n != q->n)
			return fl_fail(e, FL_EDATA, "tensor '%s' is not F32 of %zu numbers", q->name, q->n);
		memcpy(t->data, v, q->n * sizeof *v);
		v += q->n;
	}
	return 0;
}

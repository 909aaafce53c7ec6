/* FedGH, a client's half: before it trains, its head (the layers above the features) becomes
 * the one that the server trained, whatever network is below. The model of the head is a record
 * of --with, made by fl-distill -M fedgh; personal models go on by fl-aggregate -R own. */
#include <string.h>

#include "fed/client/client.h"
#include "model/model.h"

static const struct fl_want wants[] = {
	{ FL_KIND_MODEL, NULL, 0, "the head, a model of fl-distill -M fedgh" },
	{ FL_KIND_NONE, NULL, 0, NULL }
};

static int same_param(const struct fl_net_param *a, const struct fl_net_param *b)
{
	return a->ndim == b->ndim && a->perm == b->perm &&
	       !memcmp(a->dim, b->dim, a->ndim * sizeof *a->dim);
}

/* Parameters of own(net) become those of the head's model, layer by layer: names differ. */
static int copy_params(struct fl_local *l, const struct fl_net *own, const struct fl_net *head,
                       const fl_real *v, struct fl_err *e)
{
	if (own->nparam != head->nparam)
		return fl_fail(e, FL_EDATA, "--with: the head has %zu tensors, the layers above the "
		               "features %zu", head->nparam, own->nparam);
	for (size_t i = 0; i < own->nparam; i++) {
		const struct fl_net_param *to = &own->param[i], *from = &head->param[i];

		if (!same_param(to, from))
			return fl_fail(e, FL_EDATA, "--with: the head's tensor '%s' is not of the shape "
			               "of '%s'", from->name, to->name);
		memcpy(l->w + to->off, v + from->off, to->n * sizeof *v);
	}
	return 0;
}

static int take_head(struct fl_local *l, const struct fl_net *head, const struct fl_tset *rec,
                     struct fl_err *e)
{
	fl_real *v = fl_arena_zero(l->arena, head->P, sizeof *v, e);
	struct fl_net own;
	int rc;

	if (!v || fl_net_import(head, rec, "", FL_ABSENT_REFUSE, v, e) ||
	    fl_net_head(&own, l->net, fl_net_feature_at(l->net), e))
		return -1;
	rc = copy_params(l, &own, head, v, e);
	fl_net_release(&own);
	return rc;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct fl_tset *rec = fl_local_with(l, e);
	struct fl_net head;
	int rc;

	if (!rec)
		return -1;
	if (fl_model_of(&head, rec, e))
		return fl_fail_in(e, "--with");
	rc = take_head(l, &head, rec, e);
	fl_net_release(&head);
	return rc;
}

const struct fl_method fl_method_fedgh = {
	.e = {
		.name = "fedgh",
		.title = "FedGH",
		.cite = "Yi et al., ACM MM 2023, arXiv 2303.13137",
		.doc = "begins with the head that the server trained on class means",
	},
	.with = wants,
	.begin = begin,
};

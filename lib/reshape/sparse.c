/* FLASC: the numbers of largest magnitude among all that train; the others are 0. Clients train
 * all of them from there. The architecture is the model's. */
#include <math.h>
#include <stdlib.h>

#include "base/glob.h"
#include "base/num.h"
#include "reshape/reshape.h"

struct sparse {
	double density;
	const char *tensors;
};

static const struct fl_param params[] = {
	{ "density", FL_P_REAL, offsetof(struct sparse, density), "0.25", 1e-9, 1, NULL, "d",
	  "share of the numbers that stay" },
	{ "tensors", FL_P_STR, offsetof(struct sparse, tensors), NULL, 0, 0, NULL, "glob[+glob]",
	  "tensors whose numbers these are; not set, all that train" },
	{ 0 }
};

static const char *tensor_name(const void *net, size_t i)
{
	const struct fl_net *n = net;

	return i < n->nparam ? n->param[i].name : NULL;
}

static int is_chosen(const struct sparse *p, const struct fl_net_param *q)
{
	return p->tensors ? fl_glob_match(p->tensors, q->name) : q->kind == FL_TRAINED;
}

static int by_size(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* The k-th largest magnitude, and in *ties how many of that size are among the k largest. */
static float threshold(float *size, size_t n, size_t k, size_t *ties)
{
	float least;

	*ties = 0;
	if (!k)
		return INFINITY;
	qsort(size, n, sizeof *size, by_size);
	least = size[k - 1];
	for (size_t i = k; i > 0 && !(size[i - 1] > least); i--)
		++*ties;
	return least;
}

/* Of numbers of one size the first stay. */
static void thin_out(float *x, size_t n, float least, size_t *ties)
{
	for (size_t i = 0; i < n; i++) {
		float size = fabsf(x[i]);

		if (size > least)
			continue;
		if (size < least || !*ties)
			x[i] = 0;
		else
			--*ties;
	}
}

static int values(const void *pp, const struct fl_net *net, float *const *x, struct fl_err *e)
{
	const struct sparse *p = pp;
	float *size = fl_alloc(net->weights, sizeof *size, e), least;
	size_t n = 0, ties;

	if (!size || fl_glob_check("tensors", p->tensors, tensor_name, net,
	                           "tensor of the model; st-ls lists them", e)) {
		free(size);
		return -1;
	}
	for (size_t i = 0; i < net->nparam; i++)
		for (size_t k = 0; is_chosen(p, &net->param[i]) && k < net->param[i].n; k++)
			size[n++] = fabsf(x[i][k]);
	least = threshold(size, n, fl_num_part(p->density, n), &ties);
	for (size_t i = 0; i < net->nparam; i++)
		if (is_chosen(p, &net->param[i]))
			thin_out(x[i], net->param[i].n, least, &ties);
	free(size);
	return 0;
}

const struct fl_reshape fl_reshape_sparse = {
	.e = {
		.name = "sparse",
		.title = "FLASC, what is sent down",
		.cite = "Kuo et al., arXiv 2406.05233; CELLM, arXiv 2407.20557",
		.doc = "the largest numbers of a model, the others 0",
		.params = params,
		.psize = sizeof(struct sparse),
		.formula = "of n numbers the floor(d n) of largest magnitude stay; of equals, the first",
		.note = "Updates are dense: what methods that send sparse ones do to them is not here.",
	},
	.values = values,
};

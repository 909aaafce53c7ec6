/* One part of an example. Where the example lacks it, the numbers are 0. */
#include <stdint.h>
#include <string.h>

#include "nn/parts.h"

struct part {
	const char *of;
};

static const struct fl_param params[] = {
	{ "of", FL_P_STR, offsetof(struct part, of), NULL, 0, 0, NULL, "name",
	  "which part, of those the architecture names; must be given" },
	{ 0 }
};

static int shape(struct fl_layer *l, struct fl_err *e)
{
	const struct part *p = l->p;

	if (!p->of)
		return fl_fail(e, FL_EUSAGE, "key 'of' is missing");
	if ((l->part = fl_part_find(l, p->of, e)) == SIZE_MAX)
		return -1;
	if (l->from)
		return fl_fail(e, FL_EUSAGE, "'%s' is a part of the input, which \"from\":\"input\" reads "
		               "there", p->of);
	l->out = l->parts[l->part].shape;
	return 0;
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct fl_net_part *p = &l->parts[l->part];

	for (size_t b = 0; b < a->B; b++)
		if (fl_part_there(l, a, l->part, b))
			memcpy(a->y + b * p->n, a->x + b * l->input + p->at, p->n * sizeof *a->y);
		else
			memset(a->y + b * p->n, 0, p->n * sizeof *a->y);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	const struct fl_net_part *p = &l->parts[l->part];

	if (!a->dx)
		return;
	memset(a->dx, 0, a->B * l->input * sizeof *a->dx);
	for (size_t b = 0; b < a->B; b++)
		if (fl_part_there(l, a, l->part, b))
			memcpy(a->dx + b * l->input + p->at, a->dy + b * p->n, p->n * sizeof *a->dy);
}

const struct fl_layer_entry fl_layer_part = {
	.e = {
		.name = "part",
		.title = "One part of an example",
		.cite = "torch.narrow",
		.doc = "the part of that name, or 0 where an example lacks it",
		.params = params,
		.psize = sizeof(struct part),
		.formula = "y = x_of",
	},
	.part = 1,
	.presence = 1,
	.shape = shape,
	.forward = forward,
	.backward = backward,
};

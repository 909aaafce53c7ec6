/* Runs of residual blocks. */
#include "nn/stages.h"

#include <stdint.h>

int fl_net_is_top(const struct fl_net *net, size_t i)
{
	return i + 1 == net->nlayer || net->layer[i + 1].item != net->layer[i].item;
}

int fl_layer_is_between(const struct fl_layer *l)
{
	return l->entry->elementwise && !l->entry->block && !l->nparam;
}

/* A block that adds its input as it is. */
static int goes_on(const struct fl_layer *l)
{
	return !l->shortcut && fl_shape_count(&l->in) == fl_shape_count(&l->in2);
}

size_t fl_net_stages(const struct fl_net *net, size_t *first)
{
	size_t stage = SIZE_MAX, n = 0;

	for (size_t i = 0; i < net->nlayer; i++) {
		const struct fl_layer *l = &net->layer[i];

		first[i] = SIZE_MAX;
		if (!fl_net_is_top(net, i))
			continue;
		if (l->entry->units == FL_UNITS_ADDED) {
			stage = stage != SIZE_MAX && goes_on(l) ? stage : i;
			first[i] = stage;
			n++;
		} else if (!fl_layer_is_between(l))
			stage = SIZE_MAX;
	}
	return n;
}

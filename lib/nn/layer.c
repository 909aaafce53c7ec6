/* What layers share: shapes, and the families. */
#include "nn/layer.h"

#include <stdio.h>

size_t fl_shape_count(const struct fl_shape *s)
{
	size_t n = 1;

	for (unsigned i = 0; i < s->ndim; i++)
		n *= s->d[i];
	return n;
}

char *fl_shape_str(const struct fl_shape *s, char *buf, size_t n)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < s->ndim && used < n; i++)
		used += (size_t)snprintf(buf + used, n - used, "%s%zu", i ? "x" : "", s->d[i]);
	return buf;
}

size_t fl_loss_scratch(const struct fl_loss_entry *l, const void *p, size_t B, size_t C)
{
	return l->scratch ? l->scratch(p, B, C) : B * C + B + C;
}

int fl_loss_compares(const struct fl_loss_entry *l)
{
	return l && (l->towers || l->reading);
}

const struct fl_family fl_family_layer = {
	.name = "layer", .list = fl_layer_list, .doc = "layers of a JSON architecture",
};
const struct fl_family fl_family_loss = {
	.name = "loss", .list = fl_loss_list, .doc = "what training minimises",
};

/* The plan of a net: which layers are computed one by one, and which by a fused kernel. */
#include "nn/net.h"

/* Marks the activations that the layer after them reads, and nothing else: no other layer,
 * no tap, and they are not the features. (nlayer + 1) each. */
static void mark_links(const struct fl_net *net, size_t *readers, unsigned char *link)
{
	for (size_t i = 0; i < net->nlayer; i++) {
		readers[net->layer[i].from]++;
		if (net->layer[i].entry->block)
			readers[net->layer[i].skip]++;
	}
	for (size_t i = 0; i < net->ntap; i++)
		for (size_t k = 0; k < net->tap[i].nof; k++)
			readers[net->tap[i].of[k]]++;
	readers[fl_net_feature_at(net)]++;	/* the layer that reads them is counted, too */
	for (size_t at = 1; at < net->nlayer; at++)
		link[at] = readers[at] == 1 && net->layer[at].from == at;
}

/* The kernel for what begins with layer i; NULL: the layer's own. */
static const struct fl_fused *choose(const struct fl_net *net, const struct fl_entry *const *fused,
                                     const unsigned char *link, size_t i)
{
	const struct fl_fused *best = NULL;

	for (; *fused; fused++) {
		const struct fl_fused *f = (const struct fl_fused *)*fused;
		size_t n = 1;

		while (n < f->layers && i + n < net->nlayer && link[i + n])
			n++;
		if (n == f->layers && (!best || n > best->layers) && f->match(&net->layer[i]))
			best = f;
	}
	return best;
}

static struct fl_net_step make_step(const struct fl_net *net, size_t i,
                                    const struct fl_fused *fused)
{
	const struct fl_layer *l = &net->layer[i];
	struct fl_net_step s = {
		.fused = fused, .layer = i, .n = fused ? fused->layers : 1, .from = l->from,
		.skip = l->skip,
	};

	s.to = i + s.n;
	for (size_t j = 0; j < s.n; j++)
		s.cache += l[j].cache;
	return s;
}

int fl_net_plan(struct fl_net *net, const struct fl_entry *const *fused, struct fl_err *e)
{
	size_t *readers = fl_arena_zero(&net->arena, net->nlayer + 1, sizeof *readers, e);
	unsigned char *link = fl_arena_zero(&net->arena, net->nlayer + 1, sizeof *link, e);

	net->nstep = 0;
	if (!readers || !link ||
	    !(net->step = fl_arena_get(&net->arena, net->nlayer, sizeof *net->step, e)))
		return -1;
	mark_links(net, readers, link);
	for (size_t i = 0; i < net->nlayer;) {
		struct fl_net_step *s = &net->step[net->nstep++];

		*s = make_step(net, i, choose(net, fused, link, i));
		i += s->n;
	}
	return 0;
}

/* Kernels that compute a few layers in a row at once, whose activations between them are then
 * nowhere. A file of its own for each; the plan of a net (net.h) asks them all. Layers know
 * nothing of them. */
#ifndef FL_NN_FUSED_H
#define FL_NN_FUSED_H

#include "nn/layer.h"

struct fl_fused {
	struct fl_entry e;
	size_t layers;		/* how many it computes */
	/* Whether it computes l[0] .. l[layers-1], of which each but the first is all that reads
	 * the one before. */
	int (*match)(const struct fl_layer *l);
	/* As of a layer, whose input is l[0]'s and whose output is the last one's; a pass's cache
	 * is that of all of them, one behind the other. The numbers are those that the layers
	 * give one by one, to the bit in y, dx and weights' gradients. */
	size_t (*scratch)(const struct fl_layer *l, const struct fl_pass *a);	/* NULL: l[0]'s */
	void (*forward)(const struct fl_layer *l, const struct fl_pass *a);
	/* NULL: those of its two layers, of which the second is elementwise. */
	void (*backward)(const struct fl_layer *l, const struct fl_pass *a);
};

extern const struct fl_entry *const fl_fused_list[];

#endif

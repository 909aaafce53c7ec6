/* A loss beyond reason: outputs that are all 0 tell nothing apart, and cross-entropy is ln C
 * then. A model that is a hundred times worse has met inputs of thousands, or a learning rate
 * that throws it about; its loss is finite, so that nothing fails. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "nn/net.h"

#define BEYOND 100

/* The loss of an example with outputs of 0; NAN where that says nothing. */
static double blind_loss(const struct fl_net *net)
{
	const struct fl_loss_entry *l = (const struct fl_loss_entry *)net->loss.entry;
	size_t C = net->classes, room;
	fl_real *z;
	int32_t y = 0;
	double loss;

	if (l->reading || net->targets)
		return NAN;
	room = C + fl_loss_scratch(l, net->loss.p, 1, C);
	if (!(z = fl_alloc(room, sizeof *z, NULL)))
		return NAN;
	for (size_t i = 0; i < C; i++)
		z[i] = 0;
	loss = l->loss(net->loss.p, &(struct fl_batch){ .B = 1, .C = C, .z = z, .y = &y, .scratch = z + C });
	free(z);
	return loss;
}

void fl_net_warn_loss(const struct fl_net *net, const char *what, double loss)
{
	static atomic_int said;
	double blind;

	if (atomic_load(&said) || !isfinite(loss))
		return;
	blind = blind_loss(net);
	if (blind > 0 && loss > BEYOND * blind)
		fl_say_once(&said, FL_LOG_WARN, "%s %.3g, where guessing has %.3g: are inputs of like size "
		            "(--scale, scale=standard of fl-partition), is the learning rate too large?", what,
		            loss, blind);
}

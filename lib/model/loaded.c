/* A model in hand. */
#include "model/loaded.h"

#include <stdlib.h>

#include "model/model.h"
#include "nn/layer.h"
#include "tensor/meta.h"

int fl_loaded_init(struct fl_loaded *l, const struct fl_tset *model, struct fl_err *e)
{
	*l = (struct fl_loaded){ .round = -1 };
	if (fl_meta_i64(model, "fl.round", &l->round, e) < 0 || fl_model_of(&l->net, model, e))
		return -1;
	l->ready = 1;
	if (!(l->w = fl_alloc(l->net.P, sizeof *l->w, e)))
		return -1;
	return fl_net_import(&l->net, model, "", FL_ABSENT_REFUSE, l->w, e);
}

void fl_loaded_release(struct fl_loaded *l)
{
	if (l->ready)
		fl_net_release(&l->net);
	free(l->w);
	*l = (struct fl_loaded){ .ready = 0 };
}

int fl_loaded_classes(const struct fl_net *net, const char *what, struct fl_err *e)
{
	if (!((const struct fl_loss_entry *)net->loss.entry)->reading)
		return 0;
	return fl_fail(e, FL_EDATA, "the model has distributions of pairs, no classes: %s", what);
}

/* A model in hand: the network of a record of kind model, and its weights. */
#ifndef FL_MODEL_LOADED_H
#define FL_MODEL_LOADED_H

#include "nn/net.h"

/* All zero is none. */
struct fl_loaded {
	struct fl_net net;
	fl_real *w;		/* (P), owned */
	int64_t round;		/* fl.round; -1: the record has none */
	int ready;		/* net is there */
};
/* FL_EDATA where the record's tensors are not those of its fl.arch. Release on failure, too. */
int fl_loaded_init(struct fl_loaded *l, const struct fl_tset *model, struct fl_err *e);
void fl_loaded_release(struct fl_loaded *l);
/* FL_EDATA where outputs are no logits of classes, but distributions of pairs; what: "loss
 * applies", for the message. */
int fl_loaded_classes(const struct fl_net *net, const char *what, struct fl_err *e);

#endif

/* An architecture's JSON beside the net that it is of: every layer's object, and the list that
 * this stands in. */
#ifndef FL_RESHAPE_ITEMS_H
#define FL_RESHAPE_ITEMS_H

#include "base/json.h"
#include "nn/net.h"

struct fl_items {
	json_t *top;
	json_t **obj, **list;	/* (nlayer) borrowed from top */
	json_t *features;	/* the object whose input is the features, or NULL */
};

/* Of net's layers, every one of them by name. Its room is in a, and top is the caller's to drop. */
int fl_items_open(struct fl_items *t, const struct fl_net *net, struct fl_arena *a,
                  struct fl_err *e);
/* Puts obj, whose reference it takes, behind layer i of its list, and lets what else there read
 * i by name read obj in its place. FL_EIO where memory runs out. */
int fl_items_insert(struct fl_items *t, size_t i, json_t *obj, struct fl_err *e);
/* The same behind another object of the list of layer i. */
int fl_items_insert_after(struct fl_items *t, size_t i, json_t *after, json_t *obj,
                          struct fl_err *e);
/* Takes an object out of the list of layers. */
void fl_items_remove(struct fl_items *t, json_t *obj);
/* An object {"layer":kind,"name":NAME of after + suffix}, or NULL with *e. */
json_t *fl_items_new(const char *kind, const json_t *after, const char *suffix, struct fl_err *e);
/* The net of what has become of it. FL_EDATA. */
int fl_items_build(struct fl_items *t, struct fl_net *net, struct fl_err *e);

#endif

/* Statistics that clients send instead of models: class means, moments, ... */
#ifndef FL_FED_STAT_STAT_H
#define FL_FED_STAT_STAT_H

#include "base/spec.h"
#include "tensor/tset.h"

struct fl_stat_ctx {
	size_t C, d;		/* classes, features */
	size_t n;		/* examples of this client */
	struct fl_arena *arena;
	void *priv;
};

struct fl_stat {
	struct fl_entry e;
	int (*begin)(const void *p, struct fl_stat_ctx *c, struct fl_err *e);
	/* A batch in stored order: features f(B,d), logits z(B,C), labels y(B). */
	int (*batch)(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
	             const int32_t *y, size_t B, struct fl_err *e);
	int (*end)(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e);
};

extern const struct fl_entry *const fl_stat_list[];
extern const struct fl_family fl_family_stat;

#endif

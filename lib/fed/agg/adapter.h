/* Low-rank adapters of a model, for whole rules that combine them. */
#ifndef FL_FED_AGG_ADAPTER_H
#define FL_FED_AGG_ADAPTER_H

#include "fed/agg/agg.h"

/* A layer with its tensors in the model. */
struct fl_lora {
	const char *name;
	double scale;				/* alpha/rank: it adds scale B A to W */
	const struct fl_tensor *W, *A, *B;	/* (O,...), (R,...), (...,R) */
	size_t R, I, O;				/* A is (R,I), B is (O,R), W has O I numbers */
};

struct fl_adapters {
	const struct fl_round *r;
	struct fl_tset *out;		/* [0]: the update that they become */
	const char *rule;		/* for messages */
	size_t n;
	struct fl_lora *v;		/* (n) */
	double *share;			/* (K) of the means, sum 1 */
	struct fl_arena a;
};

/* Those of the round's model; c begins zero. FL_EDATA where it has none. uniform: clients count
 * alike; otherwise by examples. */
int fl_adapters_find(struct fl_adapters *c, const struct fl_round *r, struct fl_tset *out,
                     const char *rule, int uniform, struct fl_err *e);
void fl_adapters_release(struct fl_adapters *c);
/* Client k's update of a tensor; NULL and FL_EDATA where it has none. */
const float *fl_adapters_update(const struct fl_adapters *c, const struct fl_tensor *t, size_t k,
                                struct fl_err *e);
/* A zeroed tensor of the result, as t. */
float *fl_adapters_result(struct fl_adapters *c, const struct fl_tensor *t, struct fl_err *e);
/* sum_k share_k u_k of t, a tensor of the result. Returns it. */
float *fl_adapters_mean(struct fl_adapters *c, const struct fl_tensor *t, const double *share,
                        struct fl_err *e);
/* The means by c's shares of all tensors that updates have and the result lacks. */
int fl_adapters_rest(struct fl_adapters *c, struct fl_err *e);

#endif

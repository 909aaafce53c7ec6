/* Statistics that clients send instead of models: class means, moments, gradients.
 * A client's is a record of kind stats; those of many clients are pooled into one. */
#ifndef FL_FED_STAT_STAT_H
#define FL_FED_STAT_STAT_H

#include "base/spec.h"
#include "data/data.h"
#include "fed/with.h"
#include "nn/net.h"
#include "tensor/stream.h"

/* The parameter of statistics that may be of a tap of the net (nn/net.h), whose numbers
 * then stand in place of the features: f and d. */
#define FL_STAT_TAP(type) { "tap", FL_P_STR, offsetof(type, tap), NULL, 0, 0, NULL, "name", \
	"of what this tap of the net says" }

struct fl_stat_ctx {
	size_t C, d;		/* classes, features */
	size_t tap;		/* whose numbers the features are; net->ntap: none's */
	size_t n;		/* examples of this client */
	int64_t client;		/* -1: nobody's, as of a server's own model */
	const struct fl_data *data;	/* the examples, with all their columns */
	size_t i0;		/* the first one of the batch at hand */
	const struct fl_with *with;	/* records of --with */
	const char *who;	/* "statistic outputs", for messages */
	uint64_t seed, round;	/* of what the statistic draws; round: the model's */
	const struct fl_net *net;
	struct fl_work *work;	/* after a forward pass */
	const fl_real *w;	/* (P) */
	fl_real *g;		/* (P) room for a gradient where the statistic is `backward` */
	struct fl_arena *arena;
	void *priv;
};

/* Records of one statistic, by ascending client. */
struct fl_pool {
	size_t K;
	const int64_t *client;		/* (K) */
	const double *examples;		/* (K) */
	const struct fl_tset *rec;	/* (K) */
};

struct fl_stat {
	struct fl_entry e;
	int backward;		/* batch() goes back through the net */
	const char *(*tap)(const void *p);	/* the tap it is of, or NULL; NULL: none */
	int any_label;		/* takes examples that have no label, y -1 */
	const struct fl_want *with;	/* what it reads beside the model, or NULL */
	int (*begin)(const void *p, struct fl_stat_ctx *c, struct fl_err *e);
	/* A batch in stored order, examples c->i0 and on: features f(B,d), logits z(B,C),
	 * labels y(B). */
	int (*batch)(const void *p, struct fl_stat_ctx *c, const float *f, const float *z,
	             const int32_t *y, size_t B, struct fl_err *e);
	int (*end)(const void *p, struct fl_stat_ctx *c, struct fl_tset *out, struct fl_err *e);
	/* Clients' records -> that of all their examples together, as far as the
	 * statistic allows; where personal() says so, a record for each client: out(K). */
	int (*pool)(const void *p, const struct fl_pool *q, struct fl_tset *out, struct fl_err *e);
	int (*personal)(const void *p);	/* NULL: no */
};

extern const struct fl_entry *const fl_stat_list[];
extern const struct fl_family fl_family_stat;

/* What clients' statistics become: one record, or where personal one of each client. */
struct fl_pooled {
	size_t K, n;		/* clients; records: 1 or K */
	int personal;
	struct fl_tset *rec;	/* (n), by ascending client */
	struct fl_arena arena;
};
/* Reads records of kind stats, each client's once, all of one fl.method, and pools
 * them: sums in double by ascending client, whatever the order of arrival. Sets
 * kind, fl.method, fl.examples, fl.base where all agree, and fl.client where personal. */
int fl_pool_read(struct fl_inputs *in, struct fl_pooled *out, struct fl_err *e);
void fl_pooled_release(struct fl_pooled *p);
/* Tensor name of client k's record: there, of that type and number of dimensions,
 * shaped as that of the first client, and finite; counts not below 0. */
const struct fl_tensor *fl_pool_need(const struct fl_pool *q, size_t k, const char *name,
                                     enum fl_dtype dtype, unsigned ndim, struct fl_err *e);

#endif

/* Layers and losses: forward/backward pairs over batches of rows.
 *
 * Shapes are per example and flat where a layer does not care; B is the number
 * of examples. Internally a parameter is held as the kernels like it; `perm`
 * says how that differs from the record (PyTorch's layout), so import and export
 * are the only places that know. forward WRITES its output; backward WRITES the
 * input's gradient and ADDS to parameter gradients (which the caller zeroes, or
 * sets FL_BACK_FIRST so that they are written), then calls done for each stretch
 * of a parameter's gradient as it becomes final and the weights there are no
 * longer needed. Only elementwise layers may read y in backward: a following
 * elementwise layer writes over it. */
#ifndef FL_NN_LAYER_H
#define FL_NN_LAYER_H

#include <stdint.h>

#include "base/rng.h"
#include "base/spec.h"
#include "nn/posterior.h"
#include "nn/real.h"

#define FL_SHAPE_MAX 8
#define FL_LAYER_PARAMS 5
#define FL_NET_MAX ((size_t)1 << 31)	/* parameters of a net; numbers between layers */

struct fl_shape {
	unsigned ndim;
	size_t d[FL_SHAPE_MAX];		/* without the batch */
};
size_t fl_shape_count(const struct fl_shape *s);
/* "1x28x28"; buf[n]. Returns buf. */
char *fl_shape_str(const struct fl_shape *s, char *buf, size_t n);

enum fl_perm {
	FL_PERM_NONE,		/* as in the record */
	FL_PERM_TRANSPOSE	/* record (out,in), held (in,out) */
};

/* What training does to a parameter. Of all but trained ones, backward sets the gradient to 0
 * and never calls done. */
enum fl_weight_kind {
	FL_TRAINED,
	FL_FROZEN,		/* stays as it came */
	FL_RUNNING		/* statistics, which a forward pass in training updates in stats */
};

/* One parameter as the layer declares it. */
struct fl_layer_param {
	const char *suffix;	/* "weight" */
	unsigned ndim;
	size_t dim[FL_SHAPE_MAX];	/* as in the record */
	enum fl_perm perm;
	enum fl_weight_kind kind;
};

/* One of several things that an example consists of (nn/parts.h). */
struct fl_net_part {
	const char *name;
	struct fl_shape shape;	/* of the part alone */
	size_t at, n;		/* the first of its numbers in an example, and how many */
};

/* A layer in a net. Built by the entry's shape(). */
struct fl_layer {
	const struct fl_layer_entry *entry;
	const void *p;			/* parsed parameters */
	const char *name;		/* tensor prefix: "0", "encoder.0" */
	const char *at;			/* place in the architecture, for messages: "layers[3]: body[0]" */
	struct fl_shape in, out;
	unsigned nparam;
	struct fl_layer_param param[FL_LAYER_PARAMS];
	size_t off[FL_LAYER_PARAMS];	/* into the flat parameter vector, in reals */
	size_t from;			/* the activation it reads: that of layer from-1; 0: the input */
	int leaf;			/* taps alone read its output */
	size_t item;			/* place in the architecture's list; nested layers have their block's */
	size_t body, shortcut;		/* a block's nested layers, which stand just before it */
	size_t skip;			/* a block: the activation it adds, of shape in2 */
	struct fl_shape in2;
	size_t cache;			/* reals an example that backward needs beyond x and y */
	const struct fl_net_part *parts;	/* (nparts) of the net's examples */
	size_t nparts, input;		/* input: numbers of an example of the net */
	size_t part;			/* the only one that its output depends on; SIZE_MAX: several */
};

enum {
	FL_BACK_FIRST = 1,	/* parameters' gradients are written, not added to */
	FL_BACK_INPUT = 2	/* only dx is wanted: backward may use dw as room, or leave it */
};

struct fl_pass {		/* one forward or backward of one layer, or of those a step fuses */
	size_t B;
	int threads;		/* linear layers' products may use: fl_net_threads(); 0: one */
	enum fl_gemm_precision precision;	/* of these: fl_net_precision() */
	const fl_real *x;	/* (B, in) */
	const fl_real *x2;	/* (B, in2), a block's */
	fl_real *y;		/* (B, out) */
	fl_real *cache;		/* (B, cache) */
	const fl_real *w;	/* flat parameters */
	const fl_real *input;	/* (B, input) the net's: which parts an example has */
	int train;		/* 1: as in training (dropout on) */
	struct fl_rng *rng;	/* for layers that draw; NULL: they do not */
	fl_real *stats;		/* flat parameters whose FL_RUNNING ones forward updates, or NULL */
	/* backward only */
	const fl_real *dy;	/* (B, out) */
	fl_real *dx;		/* (B, in), or NULL: not wanted */
	fl_real *dx2;		/* (B, in2), or NULL */
	fl_real *dw;		/* flat gradient */
	unsigned flags;		/* FL_BACK_* */
	/* Told of each stretch of a parameter's gradient that is final. g(n) lies in dw, where a
	 * later stretch may take its place: who is told uses it at once. NULL: nobody is, and dw
	 * holds the whole gradient in the end. */
	void (*done)(void *ctx, size_t param_off, size_t n, fl_real *g);
	void *ctx;
	fl_real *scratch;	/* (scratch) */
};

/* Tells of dw[off, off + n), which is final and which nothing will overwrite. */
static inline void fl_pass_done(const struct fl_pass *a, size_t off, size_t n)
{
	if (a->done)
		a->done(a->ctx, off, n, a->dw + off);
}

/* How a layer's units, the first dimension of what it gives (neurons, channels), come from
 * those that it reads: what may be cut, or copied. */
enum fl_unit_kind {
	FL_UNITS_WHOLE,		/* all from all: neither can be cut here */
	FL_UNITS_OWN,		/* as many as its parameter `out`: dimension 0 of its tensors; of its first,
				 * dimension 1 is what it reads */
	FL_UNITS_KEPT,		/* each from its own: dimension 0 of its tensors */
	FL_UNITS_MIXED,		/* so, but numbers depend on the others, as where groups are normalised */
	FL_UNITS_ADDED,		/* a block: each from its own of body and shortcut */
	FL_UNITS_BESIDE		/* a block: those of the body, then those of the shortcut */
};

struct fl_layer_entry {
	struct fl_entry e;
	enum fl_unit_kind units;
	/* What the net and its buffers have to know of it; each is 0 or 1. */
	int elementwise;	/* out has in's shape, y may lie in x's place and dx in dy's;
				 * backward reads y and cache, never x */
	int view;		/* y is x in another shape: nothing to compute, no functions */
	int block;		/* holds lists of layers, body and shortcut, and joins their outputs */
	int discrete;		/* takes whole numbers, which have no gradient: dx is 0 */
	int part;		/* reads one part of an example; only such layers read the input of
				 * a net with parts */
	int presence;		/* asks which parts an example has, and so reads the pass's input */
	int raw;		/* as the first layer, takes inputs however large: it normalises
				 * them, or looks them up */
	const struct fl_convolution *conv;	/* a convolution: how it runs (conv2d.h); or NULL */
	/* Fills out, nparam, param, cache from in and p. FL_EUSAGE: does not fit. */
	int (*shape)(struct fl_layer *l, struct fl_err *e);
	/* Reals of scratch for passes of up to a->B examples, with a's threads and precision; a's
	 * pointers are not set. NULL: none. */
	size_t (*scratch)(const struct fl_layer *l, const struct fl_pass *a);
	/* PyTorch's default initialisation, drawn in the record's order, into w, the
	 * parameter's own stretch; r is keyed by parameter. NULL: zero. */
	void (*init)(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w);
	void (*forward)(const struct fl_layer *l, const struct fl_pass *a);
	void (*backward)(const struct fl_layer *l, const struct fl_pass *a);
	double (*madds)(const struct fl_layer *l);	/* multiply-adds an example; NULL: 0 */
};

/* Scratch of losses with products is sized for so many threads, however few there will be. */
enum { FL_LOSS_THREADS = 8 };

/* A batch as a loss sees it. */
struct fl_batch {
	size_t B, C;
	const fl_real *z;	/* (B,C) outputs */
	const int32_t *y;	/* (B) class indices < C */
	const fl_real *t;	/* (B,T) targets, T as the loss's targets() says; NULL: it wants none */
	fl_real *dz;		/* (B,C), written: the gradient by z; NULL: not wanted */
	fl_real *scratch;	/* (fl_loss_scratch()) */
	int threads;		/* products may use, at most FL_LOSS_THREADS; 0: one */
	enum fl_gemm_precision precision;	/* of the products of a matrix of pairs */
};

/* A loss over outputs: mean over the batch. An architecture brings its loss, and with
 * it what the outputs mean: logits of classes, or distributions of embeddings. */
struct fl_loss_entry {
	struct fl_entry e;
	int classes;		/* outputs are of the classes y */
	int towers;		/* outputs are two towers, which it compares: an example wants both */
	/* FL_EUSAGE: the parameters do not fit C outputs. NULL: they always do. */
	int (*check)(const void *p, size_t C, struct fl_err *e);
	/* Numbers of an example's target, the data's tensor `target`. NULL: 0. */
	size_t (*targets)(const void *p, size_t C);
	/* Reals of scratch for batches up to B. NULL: B C + B + C. */
	size_t (*scratch)(const void *p, size_t B, size_t C);
	double (*loss)(const void *p, const struct fl_batch *b);
	/* Adapters: what outputs say of either side of a pair, and of B rows of outputs
	 * its distributions into those members of out that are not NULL. Outputs of the
	 * side asked for must not depend on the other side's input. NULL: not one. */
	void (*reading)(const void *p, size_t C, struct fl_reading *r);
	void (*posterior)(const void *p, enum fl_side side, const fl_real *z, size_t B, size_t C,
	                  struct fl_posterior *out);
};
size_t fl_loss_scratch(const struct fl_loss_entry *l, const void *p, size_t B, size_t C);
/* Whether it compares two sides of an example: two towers, or a text and an image. l may be
 * NULL. */
int fl_loss_compares(const struct fl_loss_entry *l);

extern const struct fl_entry *const fl_layer_list[];
extern const struct fl_entry *const fl_loss_list[];
extern const struct fl_family fl_family_layer, fl_family_loss;

#endif

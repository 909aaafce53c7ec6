/* A network: a list of layers over one flat parameter vector.
 *
 * The architecture is JSON (one line, canonical) or a spec of the arch family
 * that expands to it:
 *   {"input":[784],"layers":[{"layer":"linear","out":128},{"layer":"relu"},
 *    {"layer":"linear","out":10}],"loss":"ce","features":2}
 * A layer reads the one before it in its list or, with "from", an earlier one by name;
 * "input" is what the list begins with.
 * A residual block holds lists of layers, "body" and, where its input is not added
 * as it is, "shortcut"; they stand before it in layer[], and all layers read the
 * activation `from`. Names there are relative to the block's.
 * A layer's keys are its parameters, plus "name" (tensor prefix; default its
 * index, as torch.nn.Sequential). "features": index of the layer whose INPUT is
 * the feature vector (default: the last layer that has parameters). An input of
 * another shape with the same number of elements is taken as it lies. An example of
 * several things has "parts" in place of "input", sizes by name, which layers `part` read:
 *   "parts":{"text":[512],"image":[3,32,32]}
 * "taps" name outputs of layers, side by side, that have a loss of their own, whose
 * weight is 1 unless given, or are looked at alone; "weight" is that of the net's loss:
 *   "taps":[{"name":"a","of":["t","i"],"loss":"supcon","weight":0.3}] */
#ifndef FL_NN_NET_H
#define FL_NN_NET_H

#include "nn/fused.h"
#include "nn/layer.h"
#include "tensor/tset.h"

#define FL_NET_LAYERS 4096

struct fl_net_param {
	const char *name;	/* "0.weight" */
	unsigned ndim;
	size_t dim[FL_SHAPE_MAX];	/* as in the record */
	size_t off, n;		/* place in flat vectors */
	enum fl_perm perm;
	enum fl_weight_kind kind;
	unsigned layer;
};

struct fl_tap {
	const char *name;
	size_t *of, nof;	/* activations: that of layer of-1 */
	size_t C;		/* numbers, all together */
	struct fl_spec loss;	/* entry NULL: none */
	double weight;		/* of its loss in what training minimises */
};

/* A step of the plan: a layer, or a few in a row that one kernel computes. */
struct fl_net_step {
	const struct fl_fused *fused;	/* that kernel; NULL: the layer's own */
	size_t layer, n;		/* it computes n layers from there on */
	size_t from, skip;		/* activations that it reads; skip: a block's second one */
	size_t to;			/* that it writes; those between have no buffers */
	size_t cache;			/* reals an example */
};

struct fl_net {
	struct fl_layer *layer;
	size_t nlayer;
	struct fl_net_step *step;	/* (nstep) the plan, in layer order: what passes go through */
	size_t nstep;
	struct fl_net_param *param;	/* in layer order */
	size_t nparam;
	size_t P;		/* reals in a flat vector (each parameter 64-byte aligned; gaps stay 0) */
	size_t weights;		/* numbers a record holds: sum of n */
	struct fl_shape in;
	struct fl_net_part *part;	/* (npart) of an example, in their order (nn/parts.h) */
	size_t npart;
	size_t classes;		/* outputs C */
	size_t targets;		/* numbers of an example's target that the loss wants */
	size_t first;		/* first layer that has parameters: earlier ones need no gradient */
	size_t feature_layer, features;	/* input of that layer, its size */
	struct fl_spec loss;
	double weight;		/* of that loss */
	struct fl_tap *tap;
	size_t ntap;
	int threads;		/* 0: one */
	enum fl_gemm_precision precision;
	const char *arch;	/* canonical text for fl.arch */
	struct fl_arena arena;
};

/* From fl.arch or -a's text: JSON, or a spec of fl_family_arch already expanded
 * by model/model.h. FL_EUSAGE with the place in the JSON. */
int fl_net_build(struct fl_net *net, const char *json, struct fl_err *e);
void fl_net_release(struct fl_net *net);
/* Plans the net anew with the fused kernels of a list that a NULL ends: of those that match,
 * the one of most layers is taken, and of these the first. An activation that features or a
 * tap are, or that is read elsewhere, too, is not between the layers of a step. fl_net_build
 * and fl_net_head have planned with fl_fused_list. Before fl_work_init. */
int fl_net_plan(struct fl_net *net, const struct fl_entry *const *fused, struct fl_err *e);
/* Products over whole batches may use so many threads, whose number changes no bit.
 * Before fl_work_init; backward() uses them where it has no done(). */
void fl_net_threads(struct fl_net *net, int threads);
/* What operands of the products of linear layers and of losses over pairs are rounded to. Also
 * before fl_work_init; back to FL_GEMM_F32 at any time. */
void fl_net_precision(struct fl_net *net, enum fl_gemm_precision precision);
double fl_net_madds(const struct fl_net *net);

/* The activation that holds the features. */
size_t fl_net_feature_at(const struct fl_net *net);

/* The layers of net after activation at, such as fl_net_feature_at(), as a net of their
 * own, whose input is that activation: its parameters keep their names and their places in
 * flat vectors of net, whose other stretches it never touches. Taps that are wholly above
 * are its own, too. A view: net must outlive it. FL_EDATA where a later layer reads what is
 * below, or none has parameters. */
int fl_net_head(struct fl_net *head, const struct fl_net *net, size_t at, struct fl_err *e);

/* Initial weights: PyTorch's defaults from the counter generator, keyed by
 * (seed, parameter index). w(P). */
void fl_net_init(const struct fl_net *net, uint64_t seed, fl_real *w);

/* What becomes of a parameter whose tensor a record lacks. */
enum fl_absent {
	FL_ABSENT_REFUSE,	/* FL_EDATA */
	FL_ABSENT_KEEP		/* its stretch of w stays as it is */
};

/* Record <-> flat vector. Tensors prefix+name ("" or "@scaffold/c/"), any float
 * dtype, shapes checked: FL_EDATA with tensor and both shapes. export adds F32 tensors. */
int fl_net_import(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                  enum fl_absent absent, fl_real *w, struct fl_err *e);
int fl_net_export(const struct fl_net *net, const fl_real *w, const char *prefix,
                  struct fl_tset *s, struct fl_err *e);
/* The same of parameters alone: running statistics are neither read, nor missed, nor
 * added. */
int fl_net_import_params(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                         enum fl_absent absent, fl_real *w, struct fl_err *e);
int fl_net_export_params(const struct fl_net *net, const fl_real *w, const char *prefix,
                         struct fl_tset *s, struct fl_err *e);

/* What a step's buffers must suffice for: forward passes; training; training, and gradients of
 * the input. */
enum fl_work_use { FL_WORK_FORWARD, FL_WORK_TRAIN, FL_WORK_INPUT };

/* What backward gives of the input, dact[0]: nothing, its gradient beside those of the
 * parameters, or its gradient alone, which saves the work of the others. */
enum fl_dinput { FL_DINPUT_NONE, FL_DINPUT_TOO, FL_DINPUT_ALONE };

/* A tap in a step. */
struct fl_tap_work {
	fl_real *z;		/* (B,C) where several outputs stand side by side, or NULL */
	fl_real *dz;		/* (B,C) in training, or NULL */
	int add;		/* backward adds dz to the gradients of the outputs */
	double weight;		/* the net's; whoever trains may set it anew */
};

/* Everything of a step in one arena: activations, gradients of activations,
 * caches, scratch, for batches up to B. Reused for every step. */
struct fl_work {
	size_t B;
	fl_real **act;		/* (nlayer+1): act[0] input (B,in) to be filled, act[nlayer] logits;
				 * NULL between the layers of a step */
	fl_real **dact;		/* (nlayer+1) gradients; in-place layers share */
	fl_real **dx, **dx2;	/* (nstep) what a step adds to those of what it reads, or NULL */
	fl_real **cache;	/* (nstep) */
	fl_real *target;	/* (B, net->targets) to be filled, or NULL */
	double weight;		/* of the net's loss; whoever trains may set it anew */
	struct fl_tap_work *tap;	/* (net->ntap) */
	fl_real *scratch, *loss_scratch;
	fl_real *stats;		/* the caller's flat vector whose running statistics a forward
				 * pass in training updates; NULL: they stay */
	const fl_real *dfeature;	/* (B, features) that backward adds to the features'
					 * gradient; NULL: none */
	enum fl_dinput dinput;	/* other than NONE only where buffers are for FL_WORK_INPUT */
	fl_real *input;		/* (B,in), with FL_WORK_INPUT: room for whoever moves inputs to keep them
				 * as they were; else NULL */
	struct fl_arena arena;
};
int fl_work_init(struct fl_work *k, const struct fl_net *net, size_t B, enum fl_work_use use,
                 struct fl_err *e);
void fl_work_release(struct fl_work *k);

/* act[0] (B rows) -> act[nlayer]. rng may be NULL where train is 0. */
void fl_net_forward(const struct fl_net *net, struct fl_work *k, const fl_real *w, size_t B,
                    int train, struct fl_rng *rng);
/* Loss of the outputs there with classes y and k->target, and of the taps', by their
 * weights; fills dact[nlayer] and the taps' dz where grad. A loss of weight 0 is left out. */
double fl_net_loss(const struct fl_net *net, struct fl_work *k, const int32_t *y, size_t B,
                   int grad);
/* Logs a warning, once in a process, where a mean loss is finite but more than a hundred times
 * that of outputs that are all 0. what: "client 3: training loss". */
void fl_net_warn_loss(const struct fl_net *net, const char *what, double loss);
/* Called for each stretch [begin,end) of the flat vector, in order for each parameter
 * (an index), whose gradient g(end - begin) is final and whose weights may now change. */
typedef void fl_done(void *ctx, size_t param, size_t begin, size_t end, fl_real *g);
/* dact[nlayer] -> dw (written, not added). With done, which may be NULL, dw is room for
 * the gradients that it is given, and holds them no longer. With FL_DINPUT_ALONE dw is
 * room, whatever is left in it, and done() is not called. */
void fl_net_backward(const struct fl_net *net, struct fl_work *k, const fl_real *w, fl_real *dw,
                     size_t B, struct fl_rng *rng, fl_done *done, void *ctx);
/* Index of the tap of that name; net->ntap: there is none, which need_tap tells as
 * FL_EDATA, with those that there are. */
size_t fl_net_tap(const struct fl_net *net, const char *name);
int fl_net_need_tap(const struct fl_net *net, const char *name, size_t *tap, struct fl_err *e);
/* Marks with 1 the layers (nlayer) that the tap's numbers come from; others stay. */
void fl_net_tap_layers(const struct fl_net *net, size_t tap, unsigned char *layer);
/* Whether the tap's loss compares towers, so that an example must have both. */
int fl_net_tap_compares(const struct fl_net *net, size_t tap);
/* Whether an example that has parts has(npart) has all that stands side by side in the tap: what
 * comes from a part wants it, stand-in or not; what is fused wants one of them. room(2 nlayer). */
int fl_net_tap_whole(const struct fl_net *net, size_t tap, const unsigned char *has,
                     unsigned char *room);
/* After a forward pass: the tap's numbers (B,C); after fl_net_loss(), in training, their
 * gradient (B,C) to add to; and the mean of the tap's loss, which it has. */
const fl_real *fl_net_tapped(const struct fl_net *net, struct fl_work *k, size_t tap, size_t B);
fl_real *fl_net_tap_gradient(const struct fl_net *net, struct fl_work *k, size_t tap, size_t B);
double fl_net_tap_loss(const struct fl_net *net, struct fl_work *k, size_t tap, const int32_t *y,
                       size_t B);
/* The feature vectors (B, features) after a forward pass. */
const fl_real *fl_net_features(const struct fl_net *net, const struct fl_work *k);

#endif

/* An adapter's model applied to embeddings: rows of texts or of images in, what the
 * model takes their distributions to be out (nn/posterior.h). */
#ifndef FL_MODEL_ADAPTER_H
#define FL_MODEL_ADAPTER_H

#include "data/embed.h"
#include "model/model.h"

struct fl_adapter {
	struct fl_net net;
	fl_real *w;			/* (P) */
	struct fl_reading reading;	/* width, score, what there is of either side */
	size_t in[2], at[2];		/* of a side's rows: width, and place in the net's input */
};

/* From a record of kind model. FL_EDATA where its loss reads no distributions: it is
 * not an adapter of pairs. The record may be released afterwards. */
int fl_adapter_take(struct fl_adapter *a, const struct fl_tset *model, struct fl_err *e);
/* Fresh weights of an architecture: -a's argument. */
int fl_adapter_make(struct fl_adapter *a, const char *arch, uint64_t seed, struct fl_err *e);
int fl_adapter_open(struct fl_adapter *a, const char *path, struct fl_err *e);
void fl_adapter_release(struct fl_adapter *a);

/* Rows in their order, some at a time, to take(ctx, i0, n, p), which gets what rows
 * [i0,i0+n) become: memory does not grow with their number. The same for any number of
 * threads. FL_EDATA: rows of another width, not finite, or all zeros, by number;
 * FL_ENUM: a result that is not finite. */
typedef int (*fl_adapted)(void *ctx, size_t i0, size_t n, const struct fl_posterior *p,
                          struct fl_err *e);
int fl_adapter_each(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                    int threads, fl_adapted take, void *ctx, struct fl_err *e);
/* Fills out (empty) with a record of kind embed that owns its tensors: emb (N,d), the
 * means; kappa (N) F32, var (N,d) F32 and uncertainty (N) F64 where the side has them;
 * id and label of the rows; fl.metric and fl.unit. Fails as fl_adapter_each does. */
int fl_adapter_record(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                      int threads, struct fl_tset *out, struct fl_err *e);
/* Its shapes and metadata without data, and its metadata alone. */
int fl_adapter_shape(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                     struct fl_tset *out, struct fl_err *e);
int fl_adapter_describe(const struct fl_adapter *a, struct fl_tset *out, struct fl_err *e);
/* The same in place of rows, whose files are closed: from here on they are adapted
 * embeddings with kappa, var and uncertainty beside them, as if read from such a record. */
int fl_adapter_replace(const struct fl_adapter *a, enum fl_side side, struct fl_embeds *rows,
                       int threads, struct fl_err *e);

/* Prompt ensembling: what rows with the same group(N) become is one row of out (empty), a
 * record as above, in ascending order of the number, which is its label. weighted: by
 * how certain each is. See ensemble.c for the formulas. Fails as fl_adapter_each does. */
int fl_adapter_ensemble(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                        const int64_t *group, int weighted, int threads, struct fl_tset *out,
                        struct fl_err *e);

/* As fl_adapter_record for a few rows x(n,d) in memory; k: room of this thread, initialised for
 * batches up to k->B with fl_work_init(k, &a->net, B, 0, e). No checks. */
void fl_adapter_apply(const struct fl_adapter *a, enum fl_side side, const float *x, size_t n,
                      struct fl_work *k, struct fl_posterior *out);

#endif

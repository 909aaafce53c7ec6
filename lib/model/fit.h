/* What fits of adapters share: the net over all labelled images at once. */
#ifndef FL_MODEL_FIT_H
#define FL_MODEL_FIT_H

#include "model/model.h"

/* Layers that read an image of d as a unit vector and give 100 times its cosines with C
 * class texts, tensor text.weight; scale: what the factor, scale.weight, begins as. */
void fl_fit_texts_json(struct fl_str *out, int64_t d, int64_t C, double scale);

/* F32 tensor by name into w, in the record's layout. */
int fl_fit_put(const struct fl_net *net, fl_real *w, const char *name, const float *v,
               struct fl_err *e);
/* A tensor of rows (n,d), each scaled to unit length; v NULL: zeros. */
int fl_fit_put_rows(const struct fl_net *net, fl_real *w, const char *name, const float *v,
                    size_t n, size_t d, struct fl_err *e);
/* The class texts into text.weight, and f->scale into scale.weight. FL_EDATA without texts. */
int fl_fit_put_texts(const struct fl_fit *f, const struct fl_net *net, fl_real *w,
                     struct fl_err *e);

/* Passes over many images, in batches; sums over batches in double. */
struct fl_pass_all {
	const struct fl_net *net;
	struct fl_work k;
	fl_real *g;		/* (P) of a batch */
	double *sum;		/* (P) */
	double n;		/* examples of the batch at hand */
	int32_t *y;		/* (batch) */
};
int fl_pass_all_init(struct fl_pass_all *a, const struct fl_net *net, struct fl_err *e);
void fl_pass_all_release(struct fl_pass_all *a);
/* Mean loss over images x(N,d) of classes y(N); grad (P) its gradient, NULL: not wanted. */
double fl_pass_all_loss(struct fl_pass_all *a, const fl_real *w, const float *x,
                        const int32_t *y, size_t N, double *grad);
/* Outputs z(N,C). */
void fl_pass_all_outputs(struct fl_pass_all *a, const fl_real *w, const float *x, size_t N,
                         float *z);
/* Share of images whose largest output, the first of equals, is their class. */
double fl_pass_all_accuracy(struct fl_pass_all *a, const fl_real *w, const float *x,
                            const int32_t *y, size_t N);

#endif

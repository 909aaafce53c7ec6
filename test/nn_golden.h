/* A net against PyTorch's numbers in test/golden/nn; for both kinds of fl_real. */
#ifndef NN_GOLDEN_H
#define NN_GOLDEN_H

#include "model/model.h"
#include "tap.h"
#include "tensor/stream.h"

struct golden {
	struct fl_tset rec;
	struct fl_net net;
	struct fl_work work;
	fl_real *w, *g, *want;	/* (P) */
	int32_t y[64];
	size_t B;
	struct fl_arena arena;
};

static inline fl_real *golden_vec(struct golden *t)
{
	return fl_arena_zero(&t->arena, t->net.P, sizeof(fl_real), NULL);
}

static inline void golden_fill_batch(struct golden *t)
{
	const struct fl_tensor *x = fl_tset_find(&t->rec, "x");

	for (size_t i = 0; i < x->n; i++)
		t->work.act[0][i] = ((const float *)x->data)[i];
}

static inline int golden_open(struct golden *t, struct fl_err *e)
{
	const struct fl_tensor *y;

	*t = (struct golden){ .B = 0 };
	if (fl_stream_load("test/golden/nn/mlp.safetensors", -1, &t->rec, e) ||
	    fl_model_net(&t->net, fl_meta_get(&t->rec, "arch"), 0, e))
		return -1;
	t->w = golden_vec(t);
	t->g = golden_vec(t);
	t->want = golden_vec(t);
	y = fl_tset_find(&t->rec, "y");
	t->B = y->n;
	for (size_t i = 0; i < y->n; i++)
		t->y[i] = (int32_t)((const int64_t *)y->data)[i];
	if (fl_work_init(&t->work, &t->net, t->B, 1, e))
		return -1;
	golden_fill_batch(t);
	return fl_net_import(&t->net, &t->rec, "", FL_ABSENT_REFUSE, t->w, e);
}

static inline void golden_close(struct golden *t)
{
	fl_work_release(&t->work);
	fl_net_release(&t->net);
	fl_tset_release(&t->rec);
	fl_arena_release(&t->arena);
}

/* Largest difference from want(P), over its largest value. */
static inline double golden_error(const struct golden *t, const fl_real *v)
{
	double worst = 0, top = 0;

	for (size_t i = 0; i < t->net.P; i++) {
		worst = fmax(worst, fabs((double)v[i] - (double)t->want[i]));
		top = fmax(top, fabs((double)t->want[i]));
	}
	return worst / top;
}

static inline void golden_step(struct golden *t, double tol)
{
	const double *z = fl_tset_find(&t->rec, "logits")->data;
	double loss, worst = 0, err;

	fl_net_forward(&t->net, &t->work, t->w, t->B, 1, NULL);
	for (size_t i = 0; i < t->B * t->net.classes; i++)
		worst = fmax(worst, fabs((double)t->work.act[t->net.nlayer][i] - z[i]));
	ok(worst <= tol, "logits equal PyTorch's: %.3g <= %g", worst, tol);

	loss = fl_net_loss(&t->net, &t->work, t->y, t->B, 1);
	is_near(loss, *(const double *)fl_tset_find(&t->rec, "loss")->data, tol,
	        "so does the loss");
	is_near(fl_net_loss(&t->net, &t->work, t->y, t->B, 0), loss, 0,
	        "which is the same without gradient");

	fl_net_backward(&t->net, &t->work, t->w, t->g, t->B, NULL, NULL, NULL);
	fl_net_import(&t->net, &t->rec, "grad/", FL_ABSENT_REFUSE, t->want, NULL);
	err = golden_error(t, t->g);
	ok(err <= tol, "and the gradient: %.3g <= %g", err, tol);
}

#endif

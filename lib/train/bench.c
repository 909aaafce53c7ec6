/* Buffers of a loop. */
#include <stdlib.h>

#include "base/num.h"
#include "train/loop.h"

int fl_bench_init(struct fl_bench *b, const struct fl_net *net, struct fl_err *e)
{
	*b = (struct fl_bench){ .net = net };
	return (b->g = fl_alloc(net->P, sizeof *b->g, e)) ? 0 : -1;
}

static void free_batch(struct fl_bench *b)
{
	free(b->batch);
	free(b->y);
	free(b->y2);
	free(b->dfeature);
	free(b->dz);
	b->batch = NULL;
	b->y = b->y2 = NULL;
	b->dfeature = b->dz = NULL;
	fl_work_release(&b->work);
}

static int grow_batch(struct fl_bench *b, size_t B, struct fl_err *e)
{
	free_batch(b);
	if (!(b->batch = fl_alloc(B, sizeof *b->batch, e)) ||
	    !(b->y = fl_alloc(B, sizeof *b->y, e)) || !(b->y2 = fl_alloc(B, sizeof *b->y2, e)))
		return -1;
	return fl_work_init(&b->work, b->net, B, b->input ? FL_WORK_INPUT : FL_WORK_TRAIN, e);
}

int fl_bench_fit(struct fl_bench *b, size_t B, size_t N, struct fl_err *e)
{
	if ((B > b->work.B || (b->input && !b->work.input)) &&
	    grow_batch(b, B > b->work.B ? B : b->work.B, e))
		return -1;
	return fl_grow(&b->order, &b->norder, N, sizeof *b->order, e);
}

void fl_bench_release(struct fl_bench *b)
{
	free(b->g);
	for (size_t i = 0; i < FL_OPT_VECS; i++)
		free(b->vec[i]);
	free(b->order);
	free_batch(b);
	*b = (struct fl_bench){ .net = NULL };
}

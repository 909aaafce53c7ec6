/* One model on one client's data. */
#ifndef FL_EVAL_CLIENT_H
#define FL_EVAL_CLIENT_H

#include "data/data.h"
#include "eval/panel.h"
#include "model/loaded.h"

#define FL_EVAL_BATCH ((size_t)256)	/* sums are formed batch by batch: shows in last bits */

/* Room for batches of one net, of one thread. All zero is none. */
struct fl_eval_room {
	struct fl_work work;
	float *p, *lse;			/* (FL_EVAL_BATCH,C), (FL_EVAL_BATCH) */
	int32_t *y;			/* (FL_EVAL_BATCH) */
	fl_real *dw;			/* (P) where inputs are changed, or NULL */
	struct fl_arena arena;
};
/* inputs: metrics change the inputs. Release on failure, too. */
int fl_eval_room_init(struct fl_eval_room *r, const struct fl_net *net, int inputs,
                      struct fl_err *e);
void fl_eval_room_release(struct fl_eval_room *r);

/* A model and room for its net. */
struct fl_eval_side {
	const struct fl_loaded *model;
	struct fl_eval_room *room;
	const char *path;		/* begins messages that the data do not fit; NULL: nothing */
};

/* What was measured of one client. All zero is nothing. */
struct fl_measured {
	int64_t client, round;		/* -1: none; round is the model's */
	const char *name, *split;	/* in arena; NULL: not known */
	size_t n, C;			/* examples; classes */
	double v[FL_PANEL_MAX];		/* by metric */
	unsigned unsaid;		/* bit m: the examples do not say metric m, v[m] is NAN */
	uint64_t *counts;		/* (nview,C,C+1) as in metric/metric.h, or NULL; owned */
	struct fl_metric_ctx *ctx;	/* (p->n) rooms of those that pool, in arena */
	struct fl_arena arena;
};
/* first: the model that FL_METRIC_FIRST asks for, else its members are NULL. out is what
 * fl_measured_release() leaves. FL_EDATA where model, data and metrics do not fit together. */
int fl_eval_client(const struct fl_panel *p, const struct fl_eval_side *side,
                   const struct fl_eval_side *first, const struct fl_data *d, struct fl_measured *out,
                   struct fl_err *e);
void fl_measured_release(struct fl_measured *m);
/* The number of counts, (nview,C,C+1): FL_ESYS where it is too large. */
int fl_eval_cells(const struct fl_panel *p, size_t C, size_t *cells, struct fl_err *e);
/* Those of a view, or NULL where there are none. */
static inline uint64_t *fl_eval_counts(uint64_t *counts, size_t view, size_t C)
{
	return counts ? counts + view * C * (C + 1) : NULL;
}

#endif

/* What the files of the collector share. */
#ifndef FL_FED_AGG_COLLECT_INT_H
#define FL_FED_AGG_COLLECT_INT_H

#include "fed/agg/collect.h"
#include "fed/mask.h"

/* collect.c */
struct fl_slot *fl_collect_slot(struct fl_collect *c, const struct fl_tensor *t, struct fl_err *e);
/* row(nrow) stays c's. */
int fl_collect_see(struct fl_collect *c, int64_t client, const char *file, double *row,
                   struct fl_err *e);
/* Coordinates [i0, i1) of a member's tensor: where they are, or read into room. */
const float *fl_collect_fetch(const struct fl_arrived *m, const struct fl_tensor *t, size_t i0,
                              size_t i1, float *room, struct fl_err *e);
/* FL_EDATA where one of them is not finite. */
int fl_collect_check(const struct fl_arrived *m, const struct fl_tensor *t, size_t i0, size_t i1,
                     const float *x, struct fl_err *e);
/* Whether the fold mixes models (fold.h). */
int fl_collect_rebases(const struct fl_collect *c);
/* What the state keeps of a client, or NULL. */
const double *fl_collect_row(const struct fl_collect *c, int64_t client);
int fl_collect_scan(struct fl_collect *c, struct fl_err *e);	/* the members at hand */

struct fl_slot *fl_collect_find(struct fl_collect *c, const char *name);	/* or NULL */

/* exact.c: folds */
int fl_exact_init(struct fl_collect *c, struct fl_slot *s, struct fl_err *e);
/* Room for its bins. */
int fl_exact_room(struct fl_collect *c, struct fl_slot *s, struct fl_err *e);
/* The members at hand; last: no more will come. */
int fl_exact_add(struct fl_collect *c, int last, struct fl_err *e);
/* Moves all tiles of s into one window, at least top. */
void fl_exact_settle(struct fl_slot *s, int top);
int fl_exact_finish(struct fl_collect *c, struct fl_err *e);
int fl_exact_get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                 struct fl_err *e);

/* kept.c: folds that keep updates */
#define FL_KEPT "@kept/"
/* The client's last update beside the one at hand, in all slots; the row says which it was. */
int fl_kept_enter(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e);
/* Writes what is kept of it from now on. */
int fl_kept_write(struct fl_collect *c, struct fl_arrived *m, struct fl_err *e);
int fl_kept_finish(struct fl_collect *c, struct fl_err *e);
/* A member of an exact sum: add to s what m's tensor t counts. */
int fl_exact_list(struct fl_slot *s, const struct fl_arrived *m, const struct fl_tensor *t,
                  double w, const float *weight, struct fl_err *e);

/* partial.c */
/* The bins of s as two tensors, bins and top. */
int fl_bins_put(struct fl_tset *out, const struct fl_slot *s, const char *bins, const char *top,
                struct fl_err *e);
/* Views of them, which must have n coordinates and be sums of at most K terms. */
int fl_bins_take(const struct fl_tset *rec, const struct fl_tensor *bins, const char *top,
                 size_t n, size_t K, struct fl_bins *out, struct fl_err *e);
int fl_partial_merge(struct fl_collect *c, const struct fl_tset *rec, struct fl_err *e);

/* table.c: column, weigh, whole */
int fl_table_keep(struct fl_collect *c, struct fl_arrived *m, int mapped, struct fl_err *e);
int fl_table_settle(struct fl_collect *c, struct fl_err *e);	/* data in place, by client */
int fl_table_finish(struct fl_collect *c, struct fl_err *e);
int fl_table_get(void *ctx, size_t i, size_t i0, size_t i1, int thread, double *out,
                 struct fl_err *e);

/* Whether client k brings coordinate i of a slot. */
int fl_slot_owns(const struct fl_slot *s, size_t k, size_t i);
/* What coordinate i counts beside others' of client k: 0, where it brings none. */
double fl_slot_weight(const struct fl_slot *s, size_t k, size_t i);

/* weights.c: weigh rules */
/* Calls see with what rules see of the round. */
int fl_round_show(struct fl_collect *c, int (*see)(struct fl_collect *c, const struct fl_round *r,
                  struct fl_err *e), struct fl_err *e);
/* w and share of all slots, or the matrix of a personal rule. */
int fl_weights_get(struct fl_collect *c, const struct fl_round *r, struct fl_err *e);
/* sum(n) += w x. */
void fl_weights_add(const float *restrict x, double w, double *restrict sum, size_t n);

/* slice.c: turns the blocks that fl.slice names into whole tensors in wide, with a
 * mask each. */
int fl_slice_undo(struct fl_tset *rec, const struct fl_tset *model, struct fl_arena *wide,
                  struct fl_err *e);

/* rebase.c: a late update's tensors as differences to the model of now, all of them or its
 * running statistics; their data are in a */
int fl_rebase(struct fl_tset *rec, const struct fl_tset *then, const struct fl_tset *now,
              int all, struct fl_arena *a, struct fl_err *e);

/* spool.c */
int fl_spool_add(struct fl_spool *s, const void *p, size_t n, size_t *at, struct fl_err *e);
int fl_spool_map(struct fl_spool *s, struct fl_err *e);
void fl_spool_release(struct fl_spool *s);

#endif

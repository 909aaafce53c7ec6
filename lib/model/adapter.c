/* Applying adapters. The half of a pair's row that is the other side's is zeros, which
 * the outputs of this side do not depend on; of a net with parts, the part is missing. */
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "kernel/vmath.h"
#include "tensor/meta.h"

enum {
	BATCH = 256,	/* rows at a time of one thread */
	BATCHES = 8	/* of these between two calls of fl_adapted */
};

static const struct fl_loss_entry *loss_of(const struct fl_adapter *a)
{
	return (const struct fl_loss_entry *)a->net.loss.entry;
}

/* Where a text and an image stand in the input: a net's parts, or its halves. */
static int find_sides(struct fl_adapter *a, int code, struct fl_err *e)
{
	const struct fl_net *net = &a->net;
	size_t d = a->reading.d, all = fl_shape_count(&net->in);

	a->in[0] = a->in[1] = a->at[1] = d;
	if (net->npart == 2 && !strcmp(net->part[0].name, "text") && !strcmp(net->part[1].name, "image")) {
		a->in[0] = a->at[1] = net->part[0].n;
		a->in[1] = net->part[1].n;
		return 0;
	}
	return !net->npart && all == 2 * d ? 0 :
	       fl_fail(e, code, "the architecture takes %zu numbers, not a text and an image of %zu%s", all, d,
	               net->npart ? " as parts text and image" : "");
}

/* What the net's loss reads, and room for weights; code: whose fault it is where it
 * reads none. Releases a on failure. */
static int begin(struct fl_adapter *a, int code, struct fl_err *e)
{
	const struct fl_loss_entry *l = loss_of(a);

	if (!l->reading) {
		fl_fail(e, code, "not an adapter of pairs: its loss, %s, reads no distributions; fl-eval "
		        "measures classifiers", l->e.name);
	} else {
		l->reading(a->net.loss.p, a->net.classes, &a->reading);
		if (!find_sides(a, code, e) && (a->w = fl_alloc(a->net.P, sizeof *a->w, e)))
			return 0;
	}
	fl_adapter_release(a);
	return -1;
}

int fl_adapter_make(struct fl_adapter *a, const char *arch, uint64_t seed, struct fl_err *e)
{
	*a = (struct fl_adapter){ .w = NULL };
	if (fl_model_net(&a->net, arch, 1, e) || begin(a, FL_EUSAGE, e))
		return -1;
	fl_net_init(&a->net, seed, a->w);
	return 0;
}

int fl_adapter_take(struct fl_adapter *a, const struct fl_tset *model, struct fl_err *e)
{
	*a = (struct fl_adapter){ .w = NULL };
	if (fl_model_of(&a->net, model, e) || begin(a, FL_EDATA, e))
		return -1;
	if (!fl_net_import(&a->net, model, "", FL_ABSENT_REFUSE, a->w, e))
		return 0;
	fl_adapter_release(a);
	return -1;
}

int fl_adapter_open(struct fl_adapter *a, const char *path, struct fl_err *e)
{
	struct fl_tset model = { .t = NULL };
	int rc = fl_stream_load(path, FL_KIND_MODEL, &model, e);

	*a = (struct fl_adapter){ .w = NULL };
	if (!rc && fl_adapter_take(a, &model, e))
		rc = fl_fail_in(e, "%s", path);
	fl_tset_release(&model);
	return rc;
}

void fl_adapter_release(struct fl_adapter *a)
{
	fl_net_release(&a->net);
	free(a->w);
	*a = (struct fl_adapter){ .w = NULL };
}

/* Row x of the side at hand in a pair's place to. */
static void place(const struct fl_adapter *a, enum fl_side side, const float *x, fl_real *to)
{
	size_t n = a->in[0] + a->in[1];

	for (size_t k = 0; k < n; k++)
		to[k] = a->net.npart ? NAN : 0;
	for (size_t k = 0; k < a->in[side]; k++)
		to[a->at[side] + k] = x[k];
}

void fl_adapter_apply(const struct fl_adapter *a, enum fl_side side, const float *x, size_t n,
                      struct fl_work *k, struct fl_posterior *out)
{
	size_t d = a->reading.d;

	for (size_t i = 0; i < n; i += k->B) {
		size_t B = n - i < k->B ? n - i : k->B;
		struct fl_posterior part = {
			.mean = out->mean ? out->mean + i * d : NULL,
			.kappa = out->kappa ? out->kappa + i : NULL,
			.var = out->var ? out->var + i * d : NULL,
			.uncertainty = out->uncertainty ? out->uncertainty + i : NULL,
		};

		for (size_t b = 0; b < B; b++)
			place(a, side, x + (i + b) * a->in[side], k->act[0] + b * (a->in[0] + a->in[1]));
		fl_net_forward(&a->net, k, a->w, B, 0, NULL);
		loss_of(a)->posterior(a->net.loss.p, side, k->act[a->net.nlayer], B, a->net.classes,
		                      &part);
	}
}

/* --- many rows --- */

struct job {
	const struct fl_adapter *a;
	enum fl_side side;
	const struct fl_embeds *rows;
	size_t from, n;			/* rows at hand */
	struct fl_posterior out;	/* of these */
	struct fl_work *work;		/* (threads) */
	float *x;			/* (threads, BATCH, d) */
	int threads;
};

static struct fl_posterior part_of(const struct fl_posterior *p, size_t i, size_t d)
{
	return (struct fl_posterior){
		.mean = p->mean ? p->mean + i * d : NULL,
		.kappa = p->kappa ? p->kappa + i : NULL,
		.var = p->var ? p->var + i * d : NULL,
		.uncertainty = p->uncertainty ? p->uncertainty + i : NULL,
	};
}

static int check_finite(const struct job *j, const struct fl_posterior *out, size_t i0, size_t n,
                        struct fl_err *e)
{
	size_t d = j->a->reading.d;
	float max;

	for (size_t i = 0; i < n; i++)
		if (!fl_vfinite(out->mean + i * d, d, &max) ||
		    (out->kappa && !isfinite(out->kappa[i])) ||
		    (out->var && !fl_vfinite(out->var + i * d, d, &max)) ||
		    (out->uncertainty && !isfinite(out->uncertainty[i]))) {
			const struct fl_embed *p = fl_embeds_part(j->rows, i0 + i);

			return fl_fail(e, FL_ENUM, "%s: row %zu: what the adapter makes of it is not finite",
			               p->name, i0 + i - p->first);
		}
	return 0;
}

static int block(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct job *j = ctx;
	size_t i = item * BATCH, n = j->n - i < BATCH ? j->n - i : BATCH;
	float *x = j->x + (size_t)thread * BATCH * j->a->in[j->side];
	struct fl_posterior out = part_of(&j->out, i, j->a->reading.d);

	fl_embeds_rows(j->rows, j->from + i, n, x);
	if (fl_embeds_check_rows(j->rows, j->from + i, n, x, 1, e))
		return -1;
	fl_adapter_apply(j->a, j->side, x, n, &j->work[thread], &out);
	return check_finite(j, &out, j->from + i, n, e);
}

static int begin_job(struct job *j, struct fl_err *e)
{
	size_t t = (size_t)j->threads, in = j->a->in[j->side], size;
	int rc = 0;

	if (j->rows->d != in)
		return fl_fail(e, FL_EDATA, "%s: rows of %zu values, the adapter takes %zu",
		               j->rows->part[0].name, j->rows->d, in);
	if (fl_mul(t * BATCH, in, &size))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(j->work = fl_alloc(t, sizeof *j->work, e)) || !(j->x = fl_alloc(size, sizeof *j->x, e)))
		return -1;
	for (size_t i = 0; i < t && !rc; i++)
		rc = fl_work_init(&j->work[i], &j->a->net, BATCH, 0, e);
	return rc;
}

static void end_job(struct job *j)
{
	for (size_t i = 0; i < (size_t)j->threads && j->work; i++)
		fl_work_release(&j->work[i]);
	free(j->work);
	free(j->x);
}

/* Rows [from,from+n) into j->out. */
static int do_rows(struct job *j, size_t from, size_t n, struct fl_err *e)
{
	j->from = from;
	j->n = n;
	return fl_par_for((n + BATCH - 1) / BATCH, j->threads, j, block, e);
}

/* Room for n rows; what the adapter does not say stays NULL. */
static int get_room(struct job *j, size_t n, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_reading *r = &j->a->reading;
	size_t nd;

	if (fl_mul(n, r->d, &nd))
		return fl_fail_mem(e, SIZE_MAX);
	return !(j->out.mean = fl_arena_get(a, nd, sizeof *j->out.mean, e)) ||
	       (r->kappa[j->side] && !(j->out.kappa = fl_arena_get(a, n, sizeof *j->out.kappa, e))) ||
	       (r->var[j->side] && !(j->out.var = fl_arena_get(a, nd, sizeof *j->out.var, e))) ||
	       (r->uncertainty[j->side] &&
	        !(j->out.uncertainty = fl_arena_get(a, n, sizeof *j->out.uncertainty, e))) ? -1 : 0;
}

int fl_adapter_each(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                    int threads, fl_adapted take, void *ctx, struct fl_err *e)
{
	struct job j = { .a = a, .side = side, .rows = rows, .threads = threads };
	size_t room = (size_t)threads * BATCHES * BATCH;
	struct fl_arena arena = { 0 };
	int rc;

	room = room < rows->N ? room : rows->N;
	rc = begin_job(&j, e) || get_room(&j, room, &arena, e) ? -1 : 0;
	for (size_t i = 0, n; i < rows->N && !rc; i += n) {
		n = rows->N - i < room ? rows->N - i : room;
		rc = do_rows(&j, i, n, e) || take(ctx, i, n, &j.out, e) ? -1 : 0;
		fl_embeds_drop(rows, i, n);
	}
	end_job(&j);
	fl_arena_release(&arena);
	return rc;
}

/* --- as a record --- */

/* A tensor beside the means, without data where bare. */
static int beside(struct fl_tset *out, const char *name, enum fl_dtype type, size_t N, size_t d,
                  int bare, struct fl_err *e)
{
	const size_t dim[] = { N, d };
	unsigned ndim = d ? 2 : 1;

	return (bare ? fl_tset_add_bare(out, name, type, ndim, dim, e) :
	               fl_tset_add(out, name, type, ndim, dim, NULL, e)) ? 0 : -1;
}

static int lay_out(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                   int bare, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_reading *r = &a->reading;
	size_t N = rows->N;

	return beside(out, "emb", FL_F32, N, r->d, bare, e) ||
	       (r->kappa[side] && beside(out, "kappa", FL_F32, N, 0, bare, e)) ||
	       (r->var[side] && beside(out, "var", FL_F32, N, r->d, bare, e)) ||
	       (r->uncertainty[side] && beside(out, "uncertainty", FL_F64, N, 0, bare, e)) ||
	       (rows->byid && beside(out, "id", FL_I64, N, 0, bare, e)) ||
	       (rows->has_label && beside(out, "label", FL_I32, N, 0, bare, e)) ||
	       fl_adapter_describe(a, out, e) ? -1 : 0;
}

int fl_adapter_shape(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                     struct fl_tset *out, struct fl_err *e)
{
	return lay_out(a, side, rows, 1, out, e);
}

int fl_adapter_describe(const struct fl_adapter *a, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_score *score = a->reading.score;

	return fl_meta_set_kind(out, FL_KIND_EMBED, e) ||
	       fl_meta_set(out, "fl.metric", score->e.name, e) ||
	       (score->unit && fl_meta_set(out, "fl.unit", "1", e)) ? -1 : 0;
}

static void *data_of(const struct fl_tset *s, const char *name)
{
	const struct fl_tensor *t = fl_tset_find(s, name);

	return t ? t->data : NULL;
}

static void copy_names(const struct fl_embeds *rows, struct fl_tset *out)
{
	int64_t *id = data_of(out, "id");
	int32_t *label = data_of(out, "label");

	for (size_t i = 0; i < rows->N; i++) {
		if (id)
			id[i] = fl_embeds_id(rows, i);
		if (label)
			label[i] = fl_embeds_label(rows, i);
	}
}

int fl_adapter_record(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                      int threads, struct fl_tset *out, struct fl_err *e)
{
	struct job j = { .a = a, .side = side, .rows = rows, .threads = threads };
	int rc = begin_job(&j, e) || lay_out(a, side, rows, 0, out, e) ? -1 : 0;

	if (!rc) {
		copy_names(rows, out);
		j.out = (struct fl_posterior){
			.mean = data_of(out, "emb"), .kappa = data_of(out, "kappa"),
			.var = data_of(out, "var"), .uncertainty = data_of(out, "uncertainty"),
		};
		rc = do_rows(&j, 0, rows->N, e);
	}
	end_job(&j);
	return rc;
}

int fl_adapter_replace(const struct fl_adapter *a, enum fl_side side, struct fl_embeds *rows,
                       int threads, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	struct fl_embeds adapted;
	int rc = fl_adapter_record(a, side, rows, threads, &rec, e);

	if (!rc && !(rc = fl_embeds_take(&adapted, &rec, rows->part[0].name, e))) {
		fl_embeds_release(rows);
		*rows = adapted;
	}
	fl_tset_release(&rec);
	return rc;
}

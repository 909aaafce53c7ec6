/* Applying adapters. The half of a pair's row that is the other side's is zeros, which
 * the outputs of this side do not depend on. */
#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "kernel/vmath.h"
#include "tensor/meta.h"

enum { BATCH = 256 };	/* rows at a time of one thread */

static const struct fl_loss_entry *loss_of(const struct fl_adapter *a)
{
	return (const struct fl_loss_entry *)a->net.loss.entry;
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
		if (fl_shape_count(&a->net.in) != 2 * a->reading.d)
			fl_fail(e, code, "the architecture takes %zu numbers, not a text and an image of %zu",
			        fl_shape_count(&a->net.in), a->reading.d);
		else if ((a->w = fl_alloc(a->net.P, sizeof *a->w, e)))
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
	if (!fl_net_import(&a->net, model, "", 0, a->w, e))
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

/* Row x of the side at hand in a pair's place to(2d). */
static void place(const struct fl_adapter *a, enum fl_side side, const float *x, fl_real *to)
{
	size_t d = a->reading.d, own = side == FL_SIDE_TEXT ? 0 : d;

	memset(to, 0, 2 * d * sizeof *to);
	for (size_t k = 0; k < d; k++)
		to[own + k] = x[k];
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
			place(a, side, x + (i + b) * d, k->act[0] + b * 2 * d);
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
	struct fl_posterior out;
	struct fl_work *work;		/* (threads) */
	float *x;			/* (threads, BATCH, d) */
};

static int check_finite(const struct job *j, size_t i0, size_t n, struct fl_err *e)
{
	size_t d = j->a->reading.d;
	float max;

	for (size_t i = i0; i < i0 + n; i++)
		if (!fl_vfinite(j->out.mean + i * d, d, &max) ||
		    (j->out.kappa && !isfinite(j->out.kappa[i])) ||
		    (j->out.var && !fl_vfinite(j->out.var + i * d, d, &max)) ||
		    (j->out.uncertainty && !isfinite(j->out.uncertainty[i]))) {
			const struct fl_embed *p = fl_embeds_part(j->rows, i);

			return fl_fail(e, FL_ENUM, "%s: row %zu: what the adapter makes of it is not finite",
			               p->name, i - p->first);
		}
	return 0;
}

static int block(void *ctx, size_t item, int thread, struct fl_err *e)
{
	const struct job *j = ctx;
	size_t d = j->a->reading.d, i = item * BATCH;
	size_t n = j->rows->N - i < BATCH ? j->rows->N - i : BATCH;
	float *x = j->x + (size_t)thread * BATCH * d;
	struct fl_posterior out = {
		.mean = j->out.mean + i * d,
		.kappa = j->out.kappa ? j->out.kappa + i : NULL,
		.var = j->out.var ? j->out.var + i * d : NULL,
		.uncertainty = j->out.uncertainty ? j->out.uncertainty + i : NULL,
	};

	fl_embeds_rows(j->rows, i, n, x);
	fl_adapter_apply(j->a, j->side, x, n, &j->work[thread], &out);
	return check_finite(j, i, n, e);
}

static int all_blocks(struct job *j, int threads, struct fl_err *e)
{
	size_t n = (j->rows->N + BATCH - 1) / BATCH, t = (size_t)threads, size;
	int rc = -1;

	if (fl_mul(t * BATCH, j->a->reading.d, &size))
		return fl_fail_mem(e, SIZE_MAX);
	j->work = fl_alloc(t, sizeof *j->work, e);
	j->x = fl_alloc(size, sizeof *j->x, e);
	if (j->work && j->x)
		rc = 0;
	for (size_t i = 0; i < t && !rc; i++)
		rc = fl_work_init(&j->work[i], &j->a->net, BATCH, 0, e);
	if (!rc)
		rc = fl_par_for(n, threads, j, block, e);
	for (size_t i = 0; i < t && j->work; i++)
		fl_work_release(&j->work[i]);
	free(j->work);
	free(j->x);
	return rc;
}

/* A tensor beside the means. */
static void *beside(struct fl_tset *out, const char *name, enum fl_dtype type, size_t N, size_t d,
                    struct fl_err *e)
{
	const size_t dim[] = { N, d };
	struct fl_tensor *t = fl_tset_add(out, name, type, d ? 2 : 1, dim, NULL, e);

	return t ? t->data : NULL;
}

static int lay_out(struct job *j, struct fl_tset *out, struct fl_err *e)
{
	const struct fl_reading *r = &j->a->reading;
	size_t N = j->rows->N;

	if (!(j->out.mean = beside(out, "emb", FL_F32, N, r->d, e)) ||
	    (r->kappa[j->side] && !(j->out.kappa = beside(out, "kappa", FL_F32, N, 0, e))) ||
	    (r->var[j->side] && !(j->out.var = beside(out, "var", FL_F32, N, r->d, e))) ||
	    (r->uncertainty[j->side] &&
	     !(j->out.uncertainty = beside(out, "uncertainty", FL_F64, N, 0, e))))
		return -1;
	return 0;
}

static int copy_names(const struct fl_embeds *rows, struct fl_tset *out, struct fl_err *e)
{
	int64_t *id = NULL;
	int32_t *label = NULL;

	if ((rows->byid && !(id = beside(out, "id", FL_I64, rows->N, 0, e))) ||
	    (rows->has_label && !(label = beside(out, "label", FL_I32, rows->N, 0, e))))
		return -1;
	for (size_t i = 0; i < rows->N; i++) {
		if (id)
			id[i] = fl_embeds_id(rows, i);
		if (label)
			label[i] = fl_embeds_label(rows, i);
	}
	return 0;
}

int fl_adapter_record(const struct fl_adapter *a, enum fl_side side, const struct fl_embeds *rows,
                      int threads, struct fl_tset *out, struct fl_err *e)
{
	struct job j = { .a = a, .side = side, .rows = rows };
	enum fl_score score = a->reading.score;

	if (rows->d != a->reading.d)
		return fl_fail(e, FL_EDATA, "%s: rows of %zu values, the adapter takes %zu",
		               rows->part[0].name, rows->d, a->reading.d);
	if (fl_embeds_check(rows, 1, NULL, e) || lay_out(&j, out, e) || copy_names(rows, out, e) ||
	    all_blocks(&j, threads, e))
		return -1;
	return fl_meta_set_kind(out, FL_KIND_EMBED, e) ||
	       fl_meta_set(out, "fl.metric", fl_score_name[score], e) ||
	       (score != FL_SCORE_IP && fl_meta_set(out, "fl.unit", "1", e)) ? -1 : 0;
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

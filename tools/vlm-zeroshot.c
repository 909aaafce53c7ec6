/* vlm-zeroshot: images against texts of classes; what is right, and what is known. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "base/outs.h"
#include "base/par.h"
#include "cli/tool.h"
#include "data/classes.h"
#include "data/labels.h"
#include "kernel/gemm.h"
#include "kernel/vmath.h"
#include "metric/calibration.h"
#include "metric/uncertainty.h"
#include "metric/unknown.h"
#include "model/adapter.h"
#include "nn/unit.h"
#include "sphere/vmf.h"

#define BATCH ((size_t)64)	/* images of a product */
#define SCORES_MAX 16
#define FIELD_NAME_MAX 64
#define KAPPA_MAX 1e100		/* what densities on the sphere are computed for */
#define TOP 5			/* the place that accuracy@5 looks to */

enum { TSV, JSON };
static const char *const formats[] = { "tsv", "json", NULL };
enum { WEIGHT_UNIFORM, WEIGHT_KAPPA };
static const char *const weightings[] = { "uniform", "kappa", NULL };

struct opts {
	struct fl_strs images, texts, val, unknown;
	const char *labels, *val_labels, *adapter, *classes, *rows, *write_classes, *curve, *output;
	struct fl_specs scores;
	struct fl_spec uncertainty;
	double scale, kappa, level;
	int64_t bins, ece_bins, bootstrap, seed, threads;
	int weights, format, no_sync, no_prov;
};

static const struct fl_opt opts[] = {
	FL_OPT_STRS(0, "images", images, "source",
	  "embeddings of images; with labels, they are measured; repeatable", .flags = FL_O_NEED),
	FL_OPT_STR(0, "labels", labels, "source",
	  "classes of the images; unset: those beside them"),
	FL_OPT_STRS(0, "texts", texts, "source",
	  "embeddings of the classes' texts; repeatable: more texts", .flags = FL_O_NEED),
	FL_OPT_PATH(0, "adapter", adapter, "model",
	  "apply this model of an adapter to texts and images first"),
	FL_OPT_STR(0, "classes", classes, "grouping",
	  "class of each text: rows, label, each:C, or a JSON file", .flags = FL_O_PROV),
	FL_OPT_ENUM(0, "weights", weights, "uniform", weightings, "weights",
	  "weight of a text in its class", .flags = FL_O_PROV),
	FL_OPT_REAL(0, "logit-scale", scale, "100", 1e-6, 1e6, "x",
	  "logits are cosines times this", .flags = FL_O_PROV),
	FL_OPT_STRS(0, "val", val, "source",
	  "labelled images to fit the temperature to; repeatable"),
	FL_OPT_STR(0, "val-labels", val_labels, "source",
	  "classes of the images of validation; unset: those beside them", .needs = "val"),
	FL_OPT_STRS(0, "unknown", unknown, "source",
	  "images of none of the classes, to be told from the others; repeatable"),
	FL_OPT_SPECS(0, "scores", scores, &fl_family_unknown, "maxprob,energy,cosine", "list",
	  "by what unknown images are told"),
	FL_OPT_REAL(0, "kappa", kappa, NULL, 0, KAPPA_MAX, "x",
	  "concentration of every class whose texts carry none"),
	FL_OPT_SPEC(0, "uncertainty", uncertainty, &fl_family_unknown, "maxprob", "score",
	  "by what answers are ordered from certain to uncertain"),
	FL_OPT_INT(0, "bins", bins, "10", 2, 1000, "n", "bins of uncertainty"),
	FL_OPT_INT(0, "ece-bins", ece_bins, "15", 1, 100000, "n", "bins of confidence"),
	FL_OPT_INT(0, "bootstrap", bootstrap, "0", 0, 1000000, "n",
	  "resamples for intervals of what is said about uncertainty; 0: none"),
	FL_OPT_REAL(0, "level", level, "0.95", 0, 1, "p",
	  "share of resamples that an interval holds"),
	FL_OPT_SEED,
	FL_OPT_PATH(0, "rows", rows, "file", "write a row an image there"),
	FL_OPT_PATH(0, "write-classes", write_classes, "file",
	  "write the classes' directions there, a record of embeddings"),
	FL_OPT_PATH(0, "curve", curve, "file",
	  "write bins by uncertainty and risk by coverage there, for plots"),
	FL_OPT_FORMAT(formats),
	FL_OPT_OUTPUT,
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

/* The summary, in the order in which it is written. */
struct field {
	char name[FIELD_NAME_MAX];
	double v;
	int is_flag;			/* v is 0, false, or 1, true */
};

/* A set of images, and what the classifier makes of each. */
struct set {
	struct fl_embeds m;
	int there;
	int32_t *label;			/* (N), or NULL */
	struct fl_forecast *guess;	/* (N); only top and conf without labels */
	double *score[SCORES_MAX];	/* (N) of --scores, then --uncertainty */
	float *cosine;			/* (N,C), where kept */
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_adapter adapter;	/* where --adapter */
	struct fl_embeds texts;
	struct fl_classes classes;
	size_t C, d;
	float *w;			/* (C,d) unit */
	double *kappa;			/* (C), or NULL */
	const struct fl_unknown *score[SCORES_MAX];	/* nscore, then that of --uncertainty */
	double *norm[SCORES_MAX];	/* (C) of each */
	size_t nscore;
	double beta;
	struct set images, val, unknown;
	struct field *field;		/* (nfield) in room for fields */
	size_t nfield, fields;
	struct fl_err lost;		/* why a field could not be kept */
	struct fl_outs outs;
	struct fl_out *output, *rows, *classes_file, *curve;
};

/* Room for one more field: 0, or -1 with j->lost set. */
static int grow_fields(struct job *j)
{
	size_t room = j->fields ? 2 * j->fields : 64;
	struct field *f;

	if (j->nfield < j->fields)
		return 0;
	if (j->lost.code || !(f = fl_arena_zero(&j->run->arena, room, sizeof *f, &j->lost)))
		return -1;
	if (j->nfield)
		memcpy(f, j->field, j->nfield * sizeof *f);
	j->field = f;
	j->fields = room;
	return 0;
}

/* A field "GROUP.NAME.PART"; group and part with their dots, or empty. Where there is no
 * memory for it, put_summary() says so. */
static void say(struct job *j, const char *group, const char *name, const char *part, double v)
{
	struct field *f;

	if (grow_fields(j))
		return;
	f = &j->field[j->nfield++];
	snprintf(f->name, sizeof f->name, "%s%s%s", group, name, part);
	f->v = v;
}

/* Rows of sources, as the adapter makes them; each has a direction. */
static int open_rows(struct job *j, struct fl_embeds *m, const struct fl_strs *source,
                     enum fl_side side, struct fl_err *e)
{
	if (fl_embeds_open(m, source->v, source->n, e) ||
	    (j->o->adapter && fl_adapter_replace(&j->adapter, side, m, (int)j->o->threads, e)))
		return -1;
	return fl_embeds_check(m, 1, NULL, e);
}

/* --- classes --- */

/* kappa (N) of texts, NULL where they carry none; *rc is -1 on failure. */
static double *text_kappa(struct job *j, int *rc, struct fl_err *e)
{
	const struct fl_embeds *m = &j->texts;
	double *k = fl_arena_get(&j->run->arena, m->N, sizeof *k, e);

	*rc = k ? 0 : -1;
	for (size_t p = 0; k && p < m->n; p++) {
		const struct fl_embed *part = &m->part[p];
		const struct fl_tensor *t = fl_embed_beside(part, "kappa");

		if (!t)
			return NULL;
		if (!fl_dtype_is_float(t->dtype) || t->n != part->N) {
			*rc = fl_fail(e, FL_EDATA, "%s: tensor '%s' is not a real number for each of %zu rows",
			              part->name, t->name, part->N);
			return NULL;
		}
		fl_dtype_to_f64(t->dtype, t->data, k + part->first, t->n);
		for (size_t i = 0; i < t->n; i++)
			if (!(k[part->first + i] >= 0 && k[part->first + i] <= KAPPA_MAX)) {
				*rc = fl_fail(e, FL_EDATA, "%s: %s of row %zu is %g, want one from 0 to %g",
				              part->name, t->name, i, k[part->first + i], KAPPA_MAX);
				return NULL;
			}
	}
	return k;
}

static int open_classes(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_arena *a = &j->run->arena;
	const double *k;
	size_t n;
	int rc;

	if (open_rows(j, &j->texts, &o->texts, FL_SIDE_TEXT, e) ||
	    fl_classes_open(&j->classes, o->classes, &j->texts, e))
		return -1;
	j->C = j->classes.C;
	j->d = j->texts.d;
	k = text_kappa(j, &rc, e);
	if (rc)
		return -1;
	if (!k && o->weights == WEIGHT_KAPPA)
		return fl_fail(e, FL_EDATA, "%s: no tensor 'kappa' to weigh texts by", j->texts.part[0].name);
	if (fl_mul(j->C, j->d, &n) || !(j->w = fl_arena_get(a, n, sizeof *j->w, e)) ||
	    (k && !(j->kappa = fl_arena_get(a, j->C, sizeof *j->kappa, e))))
		return fl_fail_in(e, "%zu classes", j->C);
	/* Concentrations come from weighted texts, whatever the directions are of. */
	if (k && fl_classes_directions(&j->classes, &j->texts, k, j->w, j->kappa, e))
		return -1;
	fl_say(FL_LOG_INFO, "%zu classes of %zu texts", j->C, j->classes.first[j->C]);
	return o->weights == WEIGHT_KAPPA ? 0 :
	       fl_classes_directions(&j->classes, &j->texts, NULL, j->w, NULL, e);
}

/* --- images --- */

/* The images' classes from a source of their own, or beside them; label stays NULL where
 * there are none. */
static int open_labels(struct job *j, struct set *s, const char *source, struct fl_err *e)
{
	struct fl_arena *a = &j->run->arena;
	int64_t *y;

	if (!source && !s->m.has_label)
		return 0;
	if (!(y = fl_labels_open(source, &s->m, a, e)) ||
	    !(s->label = fl_arena_get(a, s->m.N, sizeof *s->label, e)))
		return -1;
	for (size_t i = 0; i < s->m.N; i++) {
		if (y[i] < 0 || (uint64_t)y[i] >= j->C || y[i] > INT32_MAX)
			return fl_fail(e, FL_EDATA, "%s: row %zu: label %" PRId64 ", there are %zu classes",
			               source ? source : fl_embeds_part(&s->m, i)->name, i, y[i], j->C);
		s->label[i] = (int32_t)y[i];
	}
	return 0;
}

/* labels: where they are; NULL: beside the images. keep: the cosines. */
static int open_set(struct job *j, struct set *s, const struct fl_strs *source, const char *labels,
                    int keep, struct fl_err *e)
{
	struct fl_arena *a = &j->run->arena;
	size_t n;

	if (!source->n)
		return 0;
	if (open_rows(j, &s->m, source, FL_SIDE_IMAGE, e))
		return -1;
	if (s->m.d != j->d)
		return fl_fail(e, FL_EDATA, "%s: rows of %zu, texts are of %zu", s->m.part[0].name, s->m.d,
		               j->d);
	s->there = 1;
	if (s != &j->unknown && open_labels(j, s, labels, e))
		return -1;
	if (!(s->guess = fl_arena_get(a, s->m.N, sizeof *s->guess, e)))
		return -1;
	for (size_t k = 0; k <= j->nscore; k++)
		if (!(s->score[k] = fl_arena_get(a, s->m.N, sizeof *s->score[k], e)))
			return -1;
	if (keep && (fl_mul(s->m.N, j->C, &n) || !(s->cosine = fl_arena_get(a, n, sizeof *s->cosine, e))))
		return fl_fail_in(e, "%s: %zu images", s->m.part[0].name, s->m.N);
	fl_say(FL_LOG_INFO, "%s: %zu images", s->m.part[0].name, s->m.N);
	return 0;
}

/* Room of one thread. */
struct room {
	float *x, *inv, *z, *scratch;	/* (BATCH,d), (BATCH), (BATCH,C) */
	struct fl_arena arena;
};

struct pass {
	const struct job *j;
	struct set *s;
	struct room *room;		/* (threads) */
	int scores;			/* 0: forecasts and cosines alone */
};

static struct fl_gemm product(const struct job *j, const struct room *r, size_t B)
{
	return (struct fl_gemm){
		.M = B, .N = j->C, .K = j->d, .a = r->x, .b = j->w, .c = r->z,
		.lda = j->d, .ldb = j->d, .ldc = j->C, .tb = 1,
	};
}

static int room_init(const struct job *j, struct room *r, struct fl_err *e)
{
	struct fl_gemm g = product(j, r, BATCH);
	size_t scratch = fl_gemm_scratch(&g), x, z;

	if (fl_mul(BATCH, j->d, &x) || fl_mul(BATCH, j->C, &z))
		return fl_fail(e, FL_EDATA, "%zu classes of %zu are too many", j->C, j->d);
	r->x = fl_arena_get(&r->arena, x, sizeof *r->x, e);
	r->inv = fl_arena_get(&r->arena, BATCH, sizeof *r->inv, e);
	r->z = fl_arena_get(&r->arena, z, sizeof *r->z, e);
	r->scratch = fl_arena_get(&r->arena, scratch + 1, sizeof *r->scratch, e);
	return r->x && r->inv && r->z && r->scratch ? 0 : -1;
}

static void look(const struct pass *p, size_t i, const float *z)
{
	const struct job *j = p->j;
	struct set *s = p->s;
	struct fl_forecast *f = &s->guess[i];
	struct fl_sight sight = { .cosine = z, .C = j->C, .beta = j->beta, .kappa = j->kappa };

	fl_forecast(z, j->C, s->label ? (size_t)s->label[i] : 0, j->beta, f);
	sight.top = f->top;
	sight.lse = f->lse;
	for (size_t k = 0; p->scores && k <= j->nscore; k++) {
		sight.norm = j->norm[k];
		s->score[k][i] = j->score[k]->score(&sight);
	}
}

static int look_at_batch(void *ctx, size_t b, int thread, struct fl_err *e)
{
	const struct pass *p = ctx;
	struct room *r = &p->room[thread];
	const struct job *j = p->j;
	size_t i = b * BATCH, B = p->s->m.N - i < BATCH ? p->s->m.N - i : BATCH;
	struct fl_gemm g;

	if (!r->x && room_init(j, r, e))
		return -1;
	fl_embeds_rows(&p->s->m, i, B, r->x);
	fl_unit_rows(r->x, r->x, r->inv, B, j->d);
	g = product(j, r, B);
	fl_gemm(&g, r->scratch);
	fl_vcosine(r->z, B * j->C);
	if (p->s->cosine)
		memcpy(p->s->cosine + i * j->C, r->z, B * j->C * sizeof *r->z);
	for (size_t k = 0; k < B; k++)
		look(p, i + k, r->z + k * j->C);
	return 0;
}

static int look_at(struct job *j, struct set *s, int scores, struct fl_err *e)
{
	struct pass p = { j, s, NULL, scores };
	size_t threads = (size_t)j->o->threads;
	int rc = -1;

	if (!s->there)
		return 0;
	if ((p.room = fl_alloc(threads, sizeof *p.room, e)))
		rc = fl_par_for((s->m.N + BATCH - 1) / BATCH, (int)threads, &p, look_at_batch, e);
	for (size_t t = 0; p.room && t < threads; t++)
		fl_arena_release(&p.room[t].arena);
	free(p.room);
	return rc;
}

/* --- concentrations --- */

/* One for all classes: given, or the one most likely for the validation set. */
static int one_kappa(struct job *j, double *kappa, struct fl_err *e)
{
	const struct set *v = &j->val;
	double sum = 0;

	*kappa = j->o->kappa;
	if (!isnan(j->o->kappa))
		return 0;
	if (!v->there)
		return fl_fail(e, FL_EUSAGE, "texts carry no kappa: give --kappa, or --val to fit one to");
	for (size_t i = 0; i < v->m.N; i++)
		sum += (double)v->cosine[i * j->C + (size_t)v->label[i]];
	sum /= (double)v->m.N;
	if (!(sum > 0 && sum < 1))
		return fl_fail(e, FL_EDATA, "%s: mean cosine of image and class is %g: no kappa fits",
		               v->m.part[0].name, sum);
	*kappa = fl_vmf_kappa(sum, j->d);
	fl_say(FL_LOG_INFO, "kappa %g of all classes, from a mean cosine of %g", *kappa, sum);
	return 0;
}

static int prepare_scores(struct job *j, struct fl_err *e)
{
	struct fl_arena *a = &j->run->arena;
	int needed = 0;
	double kappa;

	for (size_t k = 0; k <= j->nscore; k++)
		needed |= j->score[k]->needs_kappa;
	if (needed && !j->kappa) {
		if (one_kappa(j, &kappa, e) || !(j->kappa = fl_arena_get(a, j->C, sizeof *j->kappa, e)))
			return -1;
		for (size_t c = 0; c < j->C; c++)
			j->kappa[c] = kappa;
		say(j, "", "kappa", "", kappa);
	}
	for (size_t k = 0; k <= j->nscore; k++) {
		if (!j->score[k]->prepare)
			continue;
		if (!(j->norm[k] = fl_arena_get(a, j->C, sizeof *j->norm[k], e)))
			return -1;
		j->score[k]->prepare(j->kappa, j->C, j->d, j->norm[k]);
	}
	return 0;
}

/* --- what is said of labelled images --- */

/* Mean over classes with images of the share that is right. */
static int balanced(const struct job *j, const struct set *s, double *out, struct fl_err *e)
{
	double *n = fl_alloc(j->C, sizeof *n, e), *right = fl_alloc(j->C, sizeof *right, e);
	double sum = 0, classes = 0;

	if (n && right) {
		for (size_t i = 0; i < s->m.N; i++) {
			size_t c = (size_t)s->label[i];

			n[c]++;
			right[c] += s->guess[i].place == 0;
		}
		for (size_t c = 0; c < j->C; c++)
			if (n[c] > 0) {
				classes++;
				sum += right[c] / n[c];
			}
		*out = sum / classes;
	}
	free(n);
	free(right);
	return n && right ? 0 : -1;
}

struct answers {
	double *conf, *right;	/* (N) */
};

static int answers_of(struct job *j, const struct set *s, struct answers *a, struct fl_err *e)
{
	a->conf = fl_arena_get(&j->run->arena, s->m.N, sizeof *a->conf, e);
	a->right = fl_arena_get(&j->run->arena, s->m.N, sizeof *a->right, e);
	if (!a->conf || !a->right)
		return -1;
	for (size_t i = 0; i < s->m.N; i++) {
		a->conf[i] = s->guess[i].conf;
		a->right[i] = s->guess[i].place == 0;
	}
	return 0;
}

/* NLL, Brier score and calibration errors. */
static int say_probabilities(struct job *j, const struct answers *a, const char *group,
                             struct fl_err *e)
{
	const struct set *s = &j->images;
	struct fl_calibration c;
	double nll = 0, brier = 0, n = (double)s->m.N;

	for (size_t i = 0; i < s->m.N; i++) {
		nll += s->guess[i].nll;
		brier += s->guess[i].brier;
	}
	if (fl_calibration(a->conf, a->right, s->m.N, (size_t)j->o->ece_bins, &c, e))
		return -1;
	say(j, group, "nll", "", nll / n);
	say(j, group, "brier", "", brier / n);
	say(j, group, "ece", "", c.ece);
	say(j, group, "mce", "", c.mce);
	say(j, group, "ace", "", c.ace);
	return 0;
}

static int say_accuracy(struct job *j, const struct answers *a, struct fl_err *e)
{
	const struct set *s = &j->images;
	double right = 0, near = 0, mean;

	for (size_t i = 0; i < s->m.N; i++) {
		right += a->right[i];
		near += s->guess[i].place < TOP;
	}
	if (balanced(j, s, &mean, e))
		return -1;
	say(j, "", "accuracy", "", right / (double)s->m.N);
	say(j, "", "accuracy@5", "", j->C < TOP ? NAN : near / (double)s->m.N);
	say(j, "", "balanced", "", mean);
	return 0;
}

/* Logits' scale that makes the validation set's labels likeliest; that of the options
 * where there is none. */
static int fit_scale(struct job *j, enum fl_beta_end *end, struct fl_err *e)
{
	const struct set *v = &j->val;
	double beta;

	if (fl_temperature(v->cosine, v->label, v->m.N, j->C, (int)j->o->threads, &beta, end, e))
		return -1;
	if (*end == FL_BETA_FOUND)
		j->beta = beta;
	else
		fl_say(FL_LOG_WARN, "%s: no temperature is fitted, it stays 1: %s", v->m.part[0].name,
		       fl_beta_why[*end]);
	return 0;
}

/* The images once more, at the temperature that suits the validation set. */
static int say_scaled(struct job *j, struct fl_err *e)
{
	struct fl_forecast *plain = j->images.guess;
	struct answers scaled;
	double beta = j->beta;
	enum fl_beta_end end;
	int rc;

	if (!j->val.there)
		return 0;
	if (!(j->images.guess = fl_arena_get(&j->run->arena, j->images.m.N, sizeof *plain, e)))
		return -1;
	rc = fit_scale(j, &end, e) || look_at(j, &j->images, 0, e) ||
	     answers_of(j, &j->images, &scaled, e) ? -1 : 0;
	if (!rc) {
		say(j, "", "temperature", "", beta / j->beta);
		say(j, "", "t_fitted", "", end == FL_BETA_FOUND);
		if (!j->lost.code)
			j->field[j->nfield - 1].is_flag = 1;
		rc = say_probabilities(j, &scaled, "scaled.", e);
	}
	j->images.guess = plain;
	j->beta = beta;
	return rc;
}

static int say_doubt(struct job *j, const struct answers *a, struct fl_err *e)
{
	const struct opts *o = j->o;
	const double *u = j->images.score[j->nscore];
	const struct fl_doubt_boot boot = { (size_t)o->bootstrap, o->level, (uint64_t)o->seed, (int)o->threads };
	struct fl_doubt d, lo, hi;
	size_t n = j->images.m.N, bins = (size_t)o->bins;

	if (n < bins)
		fl_say(FL_LOG_WARN, "%s: %zu answers do not fill %zu bins, so nothing is said over bins; "
		       "--bins takes fewer", j->images.m.part[0].name, n, bins);
	if (fl_doubt(u, a->right, n, bins, &d, NULL, e) ||
	    (o->bootstrap && fl_doubt_interval(u, a->right, n, bins, &boot, &lo, &hi, e)))
		return fl_fail_in(e, "%s", j->images.m.part[0].name);
	for (size_t f = 0; f < FL_DOUBT_FIELDS; f++) {
		const char *name = fl_doubt_fields[f].name;

		say(j, "uncertainty.", name, "", fl_doubt_get(&d, f));
		if (o->bootstrap) {
			say(j, "uncertainty.", name, ".lo", fl_doubt_get(&lo, f));
			say(j, "uncertainty.", name, ".hi", fl_doubt_get(&hi, f));
		}
	}
	return 0;
}

static double share_kept(const double *score, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		kept += score[i] <= 0;
	return (double)kept / (double)n;
}

static int say_unknown(struct job *j, struct fl_err *e)
{
	const struct set *known = &j->images, *unknown = &j->unknown;

	if (!unknown->there)
		return 0;
	say(j, "unknown.", "n", "", (double)unknown->m.N);
	for (size_t k = 0; k < j->nscore; k++) {
		const char *name = j->score[k]->e.name;
		struct fl_apart a;

		if (fl_tell_apart(known->score[k], known->m.N, unknown->score[k], unknown->m.N, &a, e))
			return fl_fail_in(e, "%s", name);
		say(j, "unknown.", name, ".auroc", a.auroc);
		say(j, "unknown.", name, ".fpr95", a.fpr95);
		if (!j->score[k]->ratio)
			continue;
		say(j, "unknown.", name, ".known_kept", share_kept(known->score[k], known->m.N));
		say(j, "unknown.", name, ".kept", share_kept(unknown->score[k], unknown->m.N));
	}
	return 0;
}

static int measure(struct job *j, struct answers *a, struct fl_err *e)
{
	say(j, "", "n", "", (double)j->images.m.N);
	say(j, "", "classes", "", (double)j->C);
	if (j->images.label &&
	    (answers_of(j, &j->images, a, e) || say_accuracy(j, a, e) || say_probabilities(j, a, "", e) ||
	     say_scaled(j, e) || say_doubt(j, a, e)))
		return -1;
	return say_unknown(j, e);
}

/* --- output --- */

static void add_value(struct fl_str *b, double v, int json)
{
	if (json)
		fl_str_addjsonnum(b, v);
	else
		fl_str_addnum(b, v);
}

static void summary(const struct job *j, struct fl_str *b)
{
	int json = j->o->format == JSON;

	fl_str_add(b, json ? "{\"schema\":\"vlm-zeroshot/1\",\"kind\":\"summary\"" : "field\tvalue\n");
	for (size_t i = 0; i < j->nfield; i++) {
		fl_str_addf(b, json ? ",\"%s\":" : "%s\t", j->field[i].name);
		if (j->field[i].is_flag)
			fl_str_add(b, j->field[i].v > 0 ? "true" : "false");
		else
			add_value(b, j->field[i].v, json);
		fl_str_add(b, json ? "" : "\n");
	}
	fl_str_add(b, json ? "}\n" : "");
}

static void json_row(const struct job *j, const struct set *s, size_t i, struct fl_str *b)
{
	const struct fl_forecast *f = &s->guess[i];

	fl_str_addf(b, "{\"schema\":\"vlm-zeroshot/1\",\"kind\":\"%s\",\"id\":%" PRId64 ",\"class\":%zu",
	            s == &j->unknown ? "unknown" : "image", fl_embeds_id(&s->m, i), f->top);
	if (j->classes.name) {
		fl_str_add(b, ",\"name\":");
		fl_str_addjson(b, j->classes.name[f->top]);
	}
	fl_str_add(b, ",\"probability\":");
	fl_str_addnum(b, f->conf);
	if (s->label)
		fl_str_addf(b, ",\"label\":%" PRId32 ",\"rank\":%zu", s->label[i], f->place + 1);
	fl_str_add(b, ",\"uncertainty\":");
	add_value(b, s->score[j->nscore][i], 1);
	fl_str_add(b, "}\n");
}

static void tsv_row(const struct job *j, const struct set *s, size_t i, struct fl_str *b)
{
	const struct fl_forecast *f = &s->guess[i];

	fl_str_addf(b, "%s\t%" PRId64 "\t%zu\t", s == &j->unknown ? "unknown" : "image",
	            fl_embeds_id(&s->m, i), f->top);
	fl_str_addtsv(b, j->classes.name ? j->classes.name[f->top] : "-");
	fl_str_addc(b, '\t');
	fl_str_addnum(b, f->conf);
	if (s->label)
		fl_str_addf(b, "\t%" PRId32 "\t%zu\t", s->label[i], f->place + 1);
	else
		fl_str_add(b, "\t-\t-\t");
	fl_str_addnum(b, s->score[j->nscore][i]);
	fl_str_addc(b, '\n');
}

static void rows(const struct job *j, struct fl_str *b)
{
	const struct set *set[] = { &j->images, &j->unknown };

	if (j->o->format == TSV)
		fl_str_add(b, "kind\tid\tclass\tname\tprobability\tlabel\trank\tuncertainty\n");
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; set[k]->there && i < set[k]->m.N; i++)
			(j->o->format == JSON ? json_row : tsv_row)(j, set[k], i, b);
}

/* Writes b out and releases it. */
static int put_text(struct fl_out *o, struct fl_str *b, struct fl_err *e)
{
	int rc = fl_str_check(b, e) || fl_out_write(o, b->s, b->len, e) ? -1 : 0;

	fl_str_release(b);
	return rc;
}

static int put_curve(struct job *j, const struct answers *a, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	int rc = fl_doubt_lines("images", j->images.score[j->nscore], a->right, j->images.m.N,
	                        (size_t)j->o->bins, &b, e);

	if (rc)
		fl_str_release(&b);
	return rc ? rc : put_text(j->curve, &b, e);
}

static int put_classes(struct job *j, struct fl_err *e)
{
	const size_t dim[] = { j->C, j->d };
	struct fl_tset s = { .t = NULL };
	struct fl_tensor *label, *kappa;
	int rc = -1;

	if (fl_meta_set_kind(&s, FL_KIND_EMBED, e) || fl_meta_set(&s, "fl.metric", "cosine", e) ||
	    fl_meta_set(&s, "fl.unit", "1", e) || fl_run_add_prov(j->run, j->o->no_prov, &s, e) ||
	    !fl_tset_add(&s, "emb", FL_F32, 2, dim, j->w, e) ||
	    !(label = fl_tset_add(&s, "label", FL_I32, 1, dim, NULL, e)))
		goto out;
	for (size_t c = 0; c < j->C; c++)
		((int32_t *)label->data)[c] = (int32_t)c;
	if (j->kappa) {
		if (!(kappa = fl_tset_add(&s, "kappa", FL_F32, 1, dim, NULL, e)))
			goto out;
		for (size_t c = 0; c < j->C; c++)
			((float *)kappa->data)[c] = (float)j->kappa[c];
	}
	rc = fl_stream_write(j->classes_file, &s, e);
out:
	fl_tset_release(&s);
	return rc;
}

static int put_summary(const struct job *j, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;

	if (j->lost.code)
		return fl_fail(e, (enum fl_code)j->lost.code, "%s", j->lost.msg);
	summary(j, &b);
	return put_text(j->output, &b, e);
}

static int open_files(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	j->outs.sync = !o->no_sync;
	return fl_outs_open(&j->outs, o->output, &j->output, e) ||
	       fl_outs_open(&j->outs, o->rows, &j->rows, e) ||
	       fl_outs_open(&j->outs, o->write_classes, &j->classes_file, e) ||
	       fl_outs_open(&j->outs, o->curve, &j->curve, e) ? -1 : 0;
}

static int put_all(struct job *j, const struct answers *a, struct fl_err *e)
{
	struct fl_str text = FL_STR_INIT;

	if (j->rows) {
		rows(j, &text);
		if (put_text(j->rows, &text, e))
			return -1;
	}
	return (j->classes_file && put_classes(j, e)) || (j->curve && put_curve(j, a, e)) ||
	       put_summary(j, e) ? -1 : fl_outs_commit(&j->outs, e);
}

/* --- all of it --- */

static int check_options(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (o->scores.n >= SCORES_MAX)
		return fl_fail(e, FL_EUSAGE, "--scores: at most %d", SCORES_MAX - 1);
	for (size_t k = 0; k < o->scores.n; k++) {
		j->score[k] = (const struct fl_unknown *)o->scores.v[k].entry;
		for (size_t i = 0; i < k; i++)
			if (j->score[i] == j->score[k])
				return fl_fail(e, FL_EUSAGE, "--scores: %s is given twice", j->score[k]->e.name);
	}
	j->nscore = o->scores.n;
	j->score[j->nscore] = (const struct fl_unknown *)o->uncertainty.entry;
	j->beta = o->scale;
	return 0;
}

/* What is asked of images without labels, and of none at all. */
static int check_sets(const struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const char *name = j->images.m.part[0].name;

	if (!j->images.label && o->curve)
		return fl_fail(e, FL_EDATA, "%s: no labels to measure by; --labels gives them", name);
	if (j->val.there && !j->val.label)
		return fl_fail(e, FL_EDATA, "%s: no labels to fit to; --val-labels gives them",
		               j->val.m.part[0].name);
	if (!j->images.label)
		fl_say(o->rows || o->write_classes ? FL_LOG_INFO : FL_LOG_WARN,
		       "%s: no labels beside the rows, so the answers are not measured; --labels FILE gives "
		       "them", name);
	return 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	const struct opts *o = r->opts;
	struct answers a = { NULL, NULL };
	int rc = check_options(&j, e) || (o->adapter && fl_adapter_open(&j.adapter, o->adapter, e)) ||
	         open_classes(&j, e) || open_set(&j, &j.images, &o->images, o->labels, 0, e) ||
	         open_set(&j, &j.val, &o->val, o->val_labels, 1, e) ||
	         open_set(&j, &j.unknown, &o->unknown, NULL, 0, e) ||
	         check_sets(&j, e) || open_files(&j, e) || look_at(&j, &j.val, 0, e) || prepare_scores(&j, e) ||
	         look_at(&j, &j.images, 1, e) || look_at(&j, &j.unknown, 1, e) || measure(&j, &a, e) ||
	         put_all(&j, &a, e) ? -1 : 0;

	fl_outs_abort(&j.outs);
	fl_embeds_release(&j.images.m);
	fl_embeds_release(&j.val.m);
	fl_embeds_release(&j.unknown.m);
	fl_classes_release(&j.classes);
	fl_embeds_release(&j.texts);
	if (j.adapter.w)
		fl_adapter_release(&j.adapter);
	return rc;
}

static const struct fl_family *const families[] = { &fl_family_unknown, NULL };

static const struct fl_tool tool = {
	.name = "vlm-zeroshot",
	.nd = "classify images by embeddings of texts, and tell what is unknown",
	.reads = "embed",
	.writes = "embed",
	.opts = opts,
	.osize = sizeof(struct opts),
	.families = families,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

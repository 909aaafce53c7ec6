/* vlm-adapt: embeddings of pairs, or of labelled images, in; an adapter out; or an
 * adapter and embeddings in, adapted embeddings out. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/num.h"
#include "cli/table.h"
#include "cli/tool.h"
#include "data/labels.h"
#include "model/adapt.h"
#include "tensor/pieces.h"

/* --- options --- */

struct opts {
	const char *arch, *model, *output, *state, *log, *apply;
	struct fl_strs images, texts, val_images, val_texts;
	const char *pairs, *val_pairs, *labels, *val_labels, *groups;
	struct fl_spec opt, schedule;
	int64_t epochs, batch, seed, threads, patience;
	double lr_end, clip, scale;
	int shuffle, side, ensemble, precision, no_sync, no_prov;
};

static const char *const shuffle_choice[] = { "none", "shuffled", NULL };
static const char *const side_choice[] = { "text", "image", NULL };	/* enum fl_side */
static const char *const ensemble_choice[] = { "plain", "weighted", NULL };

#define SOURCES(name, member, text) \
	FL_OPT_STRS(0, name, member, "source", text)
static const struct fl_opt options[] = {
	FL_OPT_STR('a', "arch", arch, "arch",
	  "the adapter: spec or JSON file; its widths are the data's unless given",
	  .family = &fl_family_arch, .flags = FL_O_PROV | FL_O_NEED, .excludes = "model"),
	FL_OPT_PATH('m', "model", model, "model",
	  "train this model further in place of fresh weights"),
	FL_OPT_STRS(0, "images", images, "source",
	  "embeddings of images; repeatable, rows count on", .flags = FL_O_NEED),
	SOURCES("texts", texts, "embeddings of texts, or of class texts; repeatable"),
	FL_OPT_STR(0, "pairs", pairs, "source",
	  "which text goes with which image; unset: row by row"),
	FL_OPT_STR(0, "labels", labels, "source",
	  "classes of the images; unset: those beside them"),
	SOURCES("val-images", val_images, "the same for validation; unset: --images"),
	SOURCES("val-texts", val_texts, "the same for validation; unset: --texts"),
	FL_OPT_STR(0, "val-pairs", val_pairs, "source",
	  "pairs of validation, none of which may be trained on"),
	FL_OPT_STR(0, "val-labels", val_labels, "source",
	  "classes of the images of validation; unset: those beside them"),
	FL_OPT_SPEC(0, "opt", opt, &fl_family_opt, NULL, "optimiser",
	  "what makes a step of a gradient; unset: as published", .flags = FL_O_PROV),
	FL_OPT_REAL(0, "lr-end", lr_end, NULL, 0, 1e6, "eta",
	  "learning rate to which it falls over all steps; unset: as published",
	  .flags = FL_O_PROV),
	FL_OPT_SPEC(0, "schedule", schedule, &fl_family_schedule, NULL, "schedule",
	  "the learning rate over epochs, in place of --lr-end", .flags = FL_O_PROV,
	  .excludes = "lr-end"),
	FL_OPT_REAL(0, "clip", clip, NULL, 0, 1e30, "norm",
	  "largest norm of a step's gradient, all tensors together; unset: no limit",
	  .flags = FL_O_PROV),
	FL_OPT_INT('e', "epochs", epochs, NULL, 0, 1e9, "n",
	  "passes over the pairs; unset: as published", .flags = FL_O_PROV),
	FL_OPT_INT('b', "batch", batch, NULL, 1, 1 << 16, "n",
	  "pairs a step; unset: as published", .flags = FL_O_PROV),
	FL_OPT_ENUM(0, "shuffle", shuffle, "shuffled", shuffle_choice, "order",
	  "order of the pairs; none: as given", .flags = FL_O_PROV),
	FL_OPT_INT(0, "patience", patience, NULL, 1, 1e9, "n",
	  "stop after so many epochs without a lower validation loss; keep the best",
	  .flags = FL_O_PROV, .needs = "val-pairs|val-texts|val-images"),
	FL_OPT_REAL(0, "scale", scale, "100", 1e-6, 1e6, "x",
	  "logit scale of the encoder, for adapters of labelled images", .flags = FL_O_PROV),
	FL_OPT_PRECISION,
	FL_OPT_SEED,
	FL_OPT_PATH(0, "state", state, "file",
	  "keep what training needs there after every epoch, and go on from it"),
	FL_OPT_PATH(0, "log", log, "file", "one line of JSON an epoch"),
	FL_OPT_PATH(0, "apply", apply, "model",
	  "adapt the embeddings of the operands by this model; train nothing", .flags = FL_O_PROV,
	  .excludes = "arch model images texts pairs precision"),
	FL_OPT_ENUM(0, "side", side, "text", side_choice, "side",
	  "what the embeddings to be adapted are of", .flags = FL_O_PROV, .needs = "apply"),
	FL_OPT_ENUM(0, "ensemble", ensemble, NULL, ensemble_choice, "how",
	  "one embedding a group: plain mean, or weighted by certainty", .flags = FL_O_PROV,
	  .needs = "apply"),
	FL_OPT_STR(0, "groups", groups, "source",
	  "groups of the rows for --ensemble; unset: the labels beside them", .needs = "ensemble"),
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

static const struct fl_family *const families[] = {
	&fl_family_arch, &fl_family_opt, &fl_family_schedule, NULL
};

struct job {
	struct fl_run *run;
	struct opts o;			/* with what the data and the recipe filled in */
	const struct fl_arch *arch;	/* NULL: JSON */
	struct fl_spec spec;		/* of arch */
	char *text;			/* the architecture with the data's widths */
	struct fl_tset model;		/* of --model */
	struct fl_pairset train, val;
	int has_val;
	struct fl_adapt t;
	/* With --patience: the best epoch so far. */
	fl_real *best;			/* (P) */
	double best_loss;
	int64_t best_epoch;
	struct fl_str lines;		/* the log so far */
	FILE *log;
	struct fl_out out;
};

/* --- the architecture --- */

static int is_spec(const char *text)
{
	size_t n = strcspn(text, ":");

	for (const struct fl_entry *const *p = fl_arch_list; *p; p++)
		if (!strncmp((*p)->name, text, n) && !(*p)->name[n])
			return 1;
	return 0;
}

/* key=value where the architecture has the key and text does not. */
static int add_key(const struct fl_entry *arch, const char *key, size_t value, struct fl_str *s,
                   struct fl_err *e)
{
	struct fl_str given = FL_STR_INIT;
	const char *at;

	fl_str_addf(&given, "%s=", key);
	at = strstr(fl_str_c(s), fl_str_c(&given));
	while (at && at[-1] != ':' && at[-1] != ',')
		at = strstr(at + 1, fl_str_c(&given));
	if (!at && fl_param_find(arch->params, key))
		fl_str_addf(s, "%c%s=%zu", strchr(fl_str_c(s), ':') ? ',' : ':', key, value);
	fl_str_release(&given);
	return fl_str_check(s, e);
}

/* dim, image: widths of texts and of images. classes, images: of labelled images; 0: pairs. */
static int find_arch(struct job *j, size_t dim, size_t image, size_t classes, size_t images,
                     struct fl_err *e)
{
	const char *text = j->o.model ? fl_meta_get(&j->model, "fl.arch") : j->o.arch;
	struct fl_str s = FL_STR_INIT;
	int rc = 0;

	if (!text)
		return fl_fail(e, FL_EDATA, "%s: fl.arch is missing: not a model of ours", j->o.model);
	fl_str_add(&s, text);
	if (is_spec(text)) {
		rc = fl_spec_parse(&fl_family_arch, text, &j->run->arena, &j->spec, e);
		if (!rc && !j->o.model)
			rc = add_key(j->spec.entry, "dim", dim, &s, e) ||
			     (image != dim && add_key(j->spec.entry, "image", image, &s, e)) ||
			     (classes && (add_key(j->spec.entry, "classes", classes, &s, e) ||
			                  add_key(j->spec.entry, "keys", images, &s, e))) ? -1 : 0;
		if (!rc)
			rc = fl_spec_parse(&fl_family_arch, fl_str_c(&s), &j->run->arena, &j->spec, e);
		j->arch = rc ? NULL : (const struct fl_arch *)j->spec.entry;
	}
	if (!rc && (rc = fl_str_check(&s, e)) == 0 &&
	    !(j->text = fl_arena_str(&j->run->arena, fl_str_c(&s), e)))
		rc = -1;
	fl_str_release(&s);
	return rc;
}

/* What the user leaves open is as the authors of the adapter did. */
static int fill_recipe(struct job *j, struct fl_err *e)
{
	static const struct fl_recipe other = { "sgd", 1, 32, 0 };
	const struct fl_recipe *r = j->arch && j->arch->recipe ? j->arch->recipe : &other;

	if (j->o.epochs == FL_UNSET)
		j->o.epochs = r->epochs;
	if (j->o.batch == FL_UNSET)
		j->o.batch = r->batch;
	if (isnan(j->o.lr_end) && !j->o.schedule.entry)
		j->o.lr_end = r->lr_end;
	return j->o.opt.entry ? 0 :
	       fl_spec_parse(&fl_family_opt, r->opt, &j->run->arena, &j->o.opt, e);
}

/* Provenance with what was filled in. */
static int renew_prov(struct job *j, const struct fl_net *net, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	j->o.arch = net->arch;
	fl_opt_prov(j->run->tool, &j->o, &s);
	rc = fl_str_check(&s, e);
	if (!rc && !(j->run->prov = fl_arena_str(&j->run->arena, fl_str_c(&s), e)))
		rc = -1;
	fl_str_release(&s);
	return rc;
}

/* --- the model's record --- */

static int model_record(struct job *j, const struct fl_net *net, const fl_real *w,
                        struct fl_tset *s, struct fl_err *e)
{
	char base[FL_HASH_TEXT];

	if (fl_net_export(net, w, "", s, e) || fl_meta_set_kind(s, FL_KIND_MODEL, e) ||
	    fl_meta_set_i64(s, "fl.round", 0, e) || fl_meta_set_i64(s, "fl.seed", j->o.seed, e) ||
	    fl_meta_set(s, "fl.arch", net->arch, e))
		return -1;
	if (j->o.model) {
		if (fl_base_text(&j->model, (int)j->o.threads, base, e) ||
		    fl_meta_set(s, "fl.parent", base, e))
			return -1;
	}
	return fl_run_add_prov(j->run, j->o.no_prov, s, e);
}

static int write_record(struct job *j, struct fl_tset *s, struct fl_err *e)
{
	return fl_stream_write(&j->out, s, e) || fl_out_commit(&j->out, e) ? -1 : 0;
}

static int write_model(struct job *j, const struct fl_net *net, const fl_real *w, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc = model_record(j, net, w, &s, e) || write_record(j, &s, e) ? -1 : 0;

	fl_tset_release(&s);
	return rc;
}

/* --- state: whole epochs --- */

/* What must be the same for training to go on. */
static int describe(const struct job *j, struct fl_str *s, struct fl_err *e)
{
	uint32_t crc = fl_crc32(0, j->train.pairs.text, j->train.pairs.n * sizeof *j->train.pairs.text);

	crc = fl_crc32(crc, j->train.pairs.image, j->train.pairs.n * sizeof *j->train.pairs.image);
	fl_str_addf(s, "%s; opt ", j->t.a.net.arch);
	fl_spec_print(&j->o.opt, s);
	if (j->o.schedule.entry) {
		fl_str_add(s, ", schedule ");
		fl_spec_print(&j->o.schedule, s);
	} else {
		fl_str_add(s, ", lr-end ");
		fl_str_addnum(s, j->o.lr_end);
	}
	if (!isnan(j->o.clip)) {
		fl_str_add(s, ", clip ");
		fl_str_addnum(s, j->o.clip);
	}
	fl_str_addf(s, ", epochs %" PRId64 ", batch %" PRId64 ", %s, seed %" PRId64 ", patience %" PRId64
	            "; pairs %zu %08" PRIx32 ", %s, %s", j->o.epochs, j->o.batch,
	            shuffle_choice[j->o.shuffle], j->o.seed, j->o.patience == FL_UNSET ? 0 :
	            j->o.patience, j->train.pairs.n, crc, j->has_val ? "validated" : "not validated",
	            fl_gemm_precision_name[j->o.precision]);
	return fl_str_check(s, e);
}

static int put_number(struct fl_tset *s, const char *name, enum fl_dtype type, const void *v,
                      struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_add(s, name, type, 0, NULL, NULL, e);

	if (t)
		memcpy(t->data, v, fl_dtype_size(type));
	return t ? 0 : -1;
}

static int put_vecs(const struct job *j, struct fl_tset *s, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)j->o.opt.entry;
	char prefix[64];

	for (size_t i = 0; i < FL_OPT_VECS && j->t.bench.vec[i]; i++) {
		snprintf(prefix, sizeof prefix, "@opt/%s/", opt->vec[i]);
		if (fl_net_export_params(&j->t.a.net, j->t.bench.vec[i], prefix, s, e))
			return -1;
	}
	return 0;
}

static int save_state(struct job *j, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	struct fl_str run = FL_STR_INIT;
	int64_t steps = (int64_t)j->t.loop.t;
	size_t n = j->lines.len;
	struct fl_tensor *t;
	int rc = -1;

	if (!j->o.state)
		return 0;
	if (!describe(j, &run, e) && !fl_meta_set_kind(&s, FL_KIND_STATE, e) &&
	    !fl_meta_set_i64(&s, "fl.round", j->t.loop.epoch, e) &&
	    !fl_meta_set(&s, "adapt.run", fl_str_c(&run), e) &&
	    !fl_net_export(&j->t.a.net, j->t.a.w, "@model/", &s, e) && !put_vecs(j, &s, e) &&
	    !put_number(&s, "@steps", FL_I64, &steps, e) &&
	    !put_number(&s, "@best/loss", FL_F64, &j->best_loss, e) &&
	    !put_number(&s, "@best/epoch", FL_I64, &j->best_epoch, e) &&
	    (!j->best || !fl_net_export(&j->t.a.net, j->best, "@best/model/", &s, e)) &&
	    (t = fl_tset_add(&s, "@log", FL_U8, 1, &n, NULL, e))) {
		if (n)
			memcpy(t->data, fl_str_c(&j->lines), n);
		rc = fl_stream_save(j->o.state, &s, !j->o.no_sync, e);
	}
	fl_str_release(&run);
	fl_tset_release(&s);
	return rc;
}

static int get_number(const struct fl_tset *s, const char *name, enum fl_dtype type, void *v,
                      struct fl_err *e)
{
	const struct fl_tensor *t = fl_tset_find(s, name);

	if (!t || t->dtype != type || t->n != 1)
		return fl_fail(e, FL_EDATA, "tensor '%s' is missing or not one number", name);
	memcpy(v, t->data, fl_dtype_size(type));
	return 0;
}

static int get_vecs(struct job *j, const struct fl_tset *s, struct fl_err *e)
{
	const struct fl_optim *opt = (const struct fl_optim *)j->o.opt.entry;
	char prefix[64];

	for (size_t i = 0; i < FL_OPT_VECS && j->t.bench.vec[i]; i++) {
		snprintf(prefix, sizeof prefix, "@opt/%s/", opt->vec[i]);
		if (fl_net_import_params(&j->t.a.net, s, prefix, FL_ABSENT_REFUSE, j->t.bench.vec[i], e))
			return -1;
	}
	return 0;
}

static int check_run(const struct job *j, const struct fl_tset *s, struct fl_err *e)
{
	const char *was = fl_meta_get(s, "adapt.run");
	struct fl_str run = FL_STR_INIT;
	int rc = describe(j, &run, e);

	if (!rc && (!was || !fl_num_alike(was, fl_str_c(&run))))
		rc = fl_fail(e, FL_EDATA, "is of another run: %s; this is: %s", was ? was : "none",
		             fl_str_c(&run));
	fl_str_release(&run);
	return rc;
}

static int take_state(struct job *j, const struct fl_tset *s, struct fl_err *e)
{
	const struct fl_tensor *log = fl_tset_find(s, "@log");
	int64_t steps;

	if (check_run(j, s, e) || fl_meta_need_i64(s, "fl.round", &j->t.loop.epoch, e) < 0 ||
	    fl_net_import(&j->t.a.net, s, "@model/", FL_ABSENT_REFUSE, j->t.a.w, e) || get_vecs(j, s, e) ||
	    get_number(s, "@steps", FL_I64, &steps, e) ||
	    get_number(s, "@best/loss", FL_F64, &j->best_loss, e) ||
	    get_number(s, "@best/epoch", FL_I64, &j->best_epoch, e) ||
	    (j->best && fl_net_import(&j->t.a.net, s, "@best/model/", FL_ABSENT_REFUSE, j->best, e)))
		return -1;
	if (steps < 0 || j->t.loop.epoch > j->o.epochs || !log || log->dtype != FL_U8)
		return fl_fail(e, FL_EDATA, "is not a state of vlm-adapt");
	j->t.loop.t = (uint64_t)steps;
	j->t.loop.taken = steps;
	fl_str_addn(&j->lines, log->data, log->n);
	return fl_str_check(&j->lines, e);
}

/* From a state file that is there. */
static int resume(struct job *j, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc;

	if (!j->o.state || access(j->o.state, F_OK))
		return 0;
	rc = fl_stream_load(j->o.state, FL_KIND_STATE, &s, e);
	if (!rc && take_state(j, &s, e))
		rc = fl_fail_in(e, "%s", j->o.state);
	if (!rc)
		fl_say(FL_LOG_INFO, "%s: going on after epoch %" PRId64, j->o.state, j->t.loop.epoch);
	fl_tset_release(&s);
	return rc;
}

/* --- the log --- */

static int write_log(struct job *j, size_t from, struct fl_err *e)
{
	size_t n = j->lines.len - from;

	if (!j->log)
		return 0;
	if ((n && fwrite(fl_str_c(&j->lines) + from, 1, n, j->log) != n) || fflush(j->log))
		return fl_fail(e, FL_EIO, "%s: %s", j->o.log, strerror(errno));
	return 0;
}

static int open_log(struct job *j, struct fl_err *e)
{
	if (!j->o.log)
		return 0;
	if (!(j->log = fopen(j->o.log, "w")))
		return fl_fail(e, FL_EIO, "%s: %s", j->o.log, strerror(errno));
	return write_log(j, 0, e);
}

static void add_field(struct fl_str *s, const char *name, double v)
{
	fl_str_addf(s, ",\"%s\":", name);
	fl_str_addjsonnum(s, v);
}

static int log_epoch(struct job *j, double lr, const struct fl_adapt_val *v, struct fl_err *e)
{
	struct fl_str *s = &j->lines;
	size_t from = s->len;

	fl_str_addf(s, "{\"schema\":\"vlm-adapt/1\",\"kind\":\"epoch\",\"epoch\":%" PRId64
	            ",\"steps\":%" PRIu64, j->t.loop.epoch, j->t.loop.t);
	add_field(s, "lr", lr);
	add_field(s, "loss", j->t.loop.loss);
	if (j->has_val) {
		add_field(s, "val_loss", v->loss);
		add_field(s, "val_t2i_hit@1", v->t2i);
		add_field(s, "val_i2t_hit@1", v->i2t);
		add_field(s, "mean_kappa", v->kappa);
		add_field(s, "mean_uncertainty", v->uncertainty);
	}
	fl_str_add(s, "}\n");
	return fl_str_check(s, e) || write_log(j, from, e) ? -1 : 0;
}

/* --- training on pairs --- */

static int open_pairs(struct fl_pairset *s, const struct fl_strs *texts,
                      const struct fl_strs *images, const char *pairs, struct fl_err *e)
{
	return fl_embeds_open(&s->text, texts->v, texts->n, e) ||
	       fl_embeds_open(&s->image, images->v, images->n, e) ||
	       fl_pairs_open(&s->pairs, pairs, &s->text, &s->image, e) ? -1 : 0;
}

static int open_train(struct job *j, struct fl_err *e)
{
	const struct opts *o = &j->o;

	j->has_val = o->val_pairs || o->val_texts.n || o->val_images.n;
	if (open_pairs(&j->train, &o->texts, &o->images, o->pairs, e))
		return -1;
	return j->has_val && open_pairs(&j->val, o->val_texts.n ? &o->val_texts : &o->texts,
	                                o->val_images.n ? &o->val_images : &o->images, o->val_pairs, e) ?
	       -1 : 0;
}

static int make_net(struct job *j, struct fl_err *e)
{
	struct fl_adapter *a = &j->t.a;

	if (j->o.model)
		return fl_adapter_take(a, &j->model, e) ? fl_fail_in(e, "%s", j->o.model) : 0;
	return fl_adapter_make(a, j->text, (uint64_t)j->o.seed, e) ? fl_fail_in(e, "--arch") : 0;
}

static int check_data(struct job *j, struct fl_err *e)
{
	const size_t *d = j->t.a.in;

	if (fl_pairset_check(&j->train, d, NULL, e))
		return -1;
	return j->has_val ? fl_pairset_apart(&j->train, &j->val, d, e) : 0;
}

static void say_step(void *ctx, const struct fl_adapt *t)
{
	struct job *j = ctx;
	char line[96];
	int n = snprintf(line, sizeof line, "epoch %" PRId64 " of %" PRId64 ", step %" PRIu64,
	                 t->loop.epoch + 1, t->epochs, t->loop.t);

	if (t->loop.epoch)
		snprintf(line + n, sizeof line - (size_t)n, ", last loss %g", t->loop.loss);
	fl_run_progress(j->run, line);
}

static void keep_best(struct job *j, const struct fl_adapt_val *v)
{
	if (!j->best || (j->best_epoch && !(v->loss < j->best_loss)))
		return;
	memcpy(j->best, j->t.a.w, j->t.a.net.P * sizeof *j->best);
	j->best_loss = v->loss;
	j->best_epoch = j->t.loop.epoch;
}

static int one_epoch(struct job *j, struct fl_err *e)
{
	struct fl_adapt_val v = { 0 };
	double lr = fl_adapt_lr(&j->t);

	if (fl_adapt_epoch(&j->t, say_step, j, e) ||
	    (j->has_val && fl_adapt_validate(&j->t, &j->val, &v, e)))
		return -1;
	keep_best(j, &v);
	fl_say(FL_LOG_INFO, "epoch %" PRId64 ": loss %g%s%g", j->t.loop.epoch, j->t.loop.loss,
	       j->has_val ? ", validation loss " : "", j->has_val ? v.loss : 0);
	return log_epoch(j, lr, &v, e) || save_state(j, e) ? -1 : 0;
}

static int over(const struct job *j)
{
	return j->t.loop.epoch >= j->o.epochs ||
	       (j->best && j->best_epoch && j->t.loop.epoch - j->best_epoch >= j->o.patience);
}

/* Weights of the last whole epoch, should the next one break. */
static int epochs(struct job *j, struct fl_err *e)
{
	const struct fl_net *net = &j->t.a.net;
	fl_real *whole = fl_alloc(net->P, sizeof *whole, e);
	int rc = whole ? 0 : -1;

	while (!rc && !over(j)) {
		memcpy(whole, j->t.a.w, net->P * sizeof *whole);
		rc = one_epoch(j, e);
	}
	fl_run_progress(j->run, "");
	if (rc && whole && e->code == FL_ENUM && j->t.loop.epoch && strcmp(j->o.output, "-")) {
		struct fl_err mine = { 0 };
		int64_t kept = j->best_epoch ? j->best_epoch : j->t.loop.epoch;

		if (!write_model(j, net, j->best_epoch ? j->best : whole, &mine))
			fl_say(FL_LOG_WARN, "%s holds the model of epoch %" PRId64, j->o.output, kept);
	}
	free(whole);
	return rc ? -1 : write_model(j, net, j->best_epoch ? j->best : j->t.a.w, e);
}

static int begin_training(struct job *j, struct fl_err *e)
{
	const struct opts *o = &j->o;
	struct fl_adapt *t = &j->t;

	t->train = &j->train;
	t->opt = o->opt;
	t->epochs = o->epochs;
	t->batch = o->batch;
	t->lr_end = o->lr_end;
	t->schedule = o->schedule;
	t->clip = isnan(o->clip) ? 0 : o->clip;
	t->shuffle = o->shuffle;
	t->seed = (uint64_t)o->seed;
	t->threads = (int)o->threads;
	t->precision = (enum fl_gemm_precision)o->precision;
	if (o->patience != FL_UNSET && !(j->best = fl_alloc(t->a.net.P, sizeof *j->best, e)))
		return -1;
	return fl_adapt_begin(t, e);
}

static int train_pairs(struct job *j, struct fl_err *e)
{
	if (open_train(j, e) || find_arch(j, j->train.text.d, j->train.image.d, 0, 0, e) || fill_recipe(j, e) ||
	    make_net(j, e) || check_data(j, e) || renew_prov(j, &j->t.a.net, e) ||
	    begin_training(j, e) || resume(j, e) || open_log(j, e))
		return -1;
	fl_say(FL_LOG_INFO, "%s: %zu parameters, %zu pairs of %zu texts and %zu images, %zu of validation",
	       j->t.a.net.arch, j->t.a.net.weights, j->train.pairs.n, j->train.text.N, j->train.image.N,
	       j->val.pairs.n);
	return epochs(j, e);
}

/* --- fitting to labelled images --- */

struct labelled {
	struct fl_embeds m;
	float *x;
	int32_t *y;
};

static int check_label(int64_t v, size_t i, size_t C, struct fl_err *e)
{
	return v >= 0 && (uint64_t)v < C ? 0 :
	       fl_fail(e, FL_EDATA, "label %" PRId64 " of row %zu: there are %zu classes", v, i, C);
}

/* Rows of images as F32, and their classes; *C, where 0, becomes the largest class + 1. */
static int open_labelled(struct job *j, struct labelled *l, const struct fl_strs *sources,
                         const char *labels, size_t *C, struct fl_err *e)
{
	struct fl_arena *a = &j->run->arena;
	int64_t *y, most = 0;
	size_t n;

	if (fl_embeds_open(&l->m, sources->v, sources->n, e) || fl_embeds_check(&l->m, 1, NULL, e) ||
	    !(y = fl_labels_open(labels, &l->m, a, e)))
		return -1;
	if (fl_mul(l->m.N, l->m.d, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(l->x = fl_arena_get(a, n, sizeof *l->x, e)) ||
	    !(l->y = fl_arena_get(a, l->m.N, sizeof *l->y, e)))
		return -1;
	for (size_t i = 0; i < l->m.N; i++)
		most = y[i] > most ? y[i] : most;
	if (!*C)
		*C = (size_t)most + 1;
	for (size_t i = 0; i < l->m.N; i++) {
		if (check_label(y[i], i, *C < INT32_MAX ? *C : INT32_MAX, e))
			return fl_fail_in(e, "%s", l->m.part[0].name);
		l->y[i] = (int32_t)y[i];
	}
	fl_embeds_rows(&l->m, 0, l->m.N, l->x);
	return 0;
}

static int open_texts(struct job *j, struct fl_embeds *m, float **x, struct fl_err *e)
{
	size_t n;

	if (!j->o.texts.n)
		return 0;
	if (fl_embeds_open(m, j->o.texts.v, j->o.texts.n, e) || fl_embeds_check(m, 1, NULL, e))
		return -1;
	if (fl_mul(m->N, m->d, &n))
		return fl_fail_mem(e, SIZE_MAX);
	if (!(*x = fl_arena_get(&j->run->arena, n, sizeof **x, e)))
		return -1;
	fl_embeds_rows(m, 0, m->N, *x);
	return 0;
}

static int same_width(const struct fl_embeds *a, const struct fl_embeds *b, struct fl_err *e)
{
	return !b->N || a->d == b->d ? 0 :
	       fl_fail(e, FL_EDATA, "%s has rows of %zu values, %s of %zu", a->part[0].name, a->d,
	               b->part[0].name, b->d);
}

static int fit_net(struct job *j, const struct fl_fit *f, struct fl_err *e)
{
	struct fl_str log = FL_STR_INIT;
	struct fl_net net;
	fl_real *w = NULL;
	int rc = -1;

	if (find_arch(j, f->d, f->d, f->C, f->N, e) || fl_model_net(&net, j->text, 1, e))
		return -1;
	if ((w = fl_alloc(net.P, sizeof *w, e)) && !renew_prov(j, &net, e)) {
		fl_net_init(&net, (uint64_t)j->o.seed, w);
		rc = j->arch->fit(j->spec.p, f, &net, w, &log, e);
	}
	if (!rc && log.len)
		fl_say(FL_LOG_INFO, "%s: %s", j->arch->e.name, fl_str_c(&log));
	if (!rc)
		rc = write_model(j, &net, w, e);
	free(w);
	fl_str_release(&log);
	fl_net_release(&net);
	return rc;
}

static int fit_images(struct job *j, struct fl_err *e)
{
	const struct opts *o = &j->o;
	struct labelled train = { .x = NULL }, val = { .x = NULL };
	struct fl_embeds texts = { .n = 0 };
	float *text = NULL;
	size_t C = 0;
	int rc = -1, has_val = o->val_images.n || o->val_labels;

	if (o->precision != FL_GEMM_F32)
		fl_fail(e, FL_EUSAGE, "%s is fitted in F32: no --precision", o->arch);
	else if (o->pairs || o->val_pairs)
		fl_fail(e, FL_EUSAGE, "%s is fitted to labelled images, not to pairs", o->arch);
	else if (o->state || o->log || o->patience != FL_UNSET || o->model)
		fl_fail(e, FL_EUSAGE, "%s is fitted at once: no --state, --log, --patience, --model", o->arch);
	else if (o->schedule.entry || !isnan(o->clip))
		fl_fail(e, FL_EUSAGE, "%s is fitted at once: no --schedule, --clip", o->arch);
	else if (!open_texts(j, &texts, &text, e) && (C = texts.N, 1) &&
	         !open_labelled(j, &train, &o->images, o->labels, &C, e) &&
	         (!has_val || !open_labelled(j, &val, o->val_images.n ? &o->val_images : &o->images,
	                                     o->val_labels, &C, e)) &&
	         !same_width(&train.m, &texts, e) && !same_width(&train.m, &val.m, e)) {
		struct fl_fit f = {
			.N = train.m.N, .d = train.m.d, .C = C, .image = train.x, .y = train.y, .text = text,
			.M = val.m.N, .val_image = val.x, .val_y = val.y, .scale = o->scale,
			.seed = (uint64_t)o->seed, .threads = (int)o->threads,
		};

		rc = fit_net(j, &f, e);
	}
	fl_embeds_release(&texts);
	fl_embeds_release(&train.m);
	fl_embeds_release(&val.m);
	return rc;
}

/* --- applying --- */

static int ensemble(struct job *j, const struct fl_adapter *a, const struct fl_embeds *rows,
                    struct fl_err *e)
{
	const struct opts *o = &j->o;
	struct fl_tset s = { .t = NULL };
	int64_t *group = fl_labels_open(o->groups, rows, &j->run->arena, e);
	int rc = !group || fl_adapter_ensemble(a, (enum fl_side)o->side, rows, group, o->ensemble,
	                                       (int)o->threads, &s, e) ||
	         fl_run_add_prov(j->run, o->no_prov, &s, e) || write_record(j, &s, e) ? -1 : 0;

	fl_tset_release(&s);
	return rc;
}

enum { NAMES = 1024 };	/* ids and labels written at a time */

/* The record of adapted rows, as they come. */
struct adapted {
	struct fl_pieces out;
	const struct fl_embeds *rows;
	size_t d;
};

static int put_names(struct adapted *w, size_t i0, size_t n, struct fl_err *e)
{
	int64_t id[NAMES];
	int32_t label[NAMES];

	for (size_t i = i0, m; i < i0 + n; i += m) {
		m = i0 + n - i < NAMES ? i0 + n - i : NAMES;
		for (size_t k = 0; k < m; k++) {
			id[k] = fl_embeds_id(w->rows, i + k);
			label[k] = w->rows->has_label ? fl_embeds_label(w->rows, i + k) : 0;
		}
		if ((w->rows->byid && fl_pieces_put(&w->out, "id", i, m, id, e)) ||
		    (w->rows->has_label && fl_pieces_put(&w->out, "label", i, m, label, e)))
			return -1;
	}
	return 0;
}

static int put_rows(void *ctx, size_t i0, size_t n, const struct fl_posterior *p, struct fl_err *e)
{
	struct adapted *w = ctx;
	size_t d = w->d;

	return fl_pieces_put(&w->out, "emb", i0 * d, n * d, p->mean, e) ||
	       (p->kappa && fl_pieces_put(&w->out, "kappa", i0, n, p->kappa, e)) ||
	       (p->var && fl_pieces_put(&w->out, "var", i0 * d, n * d, p->var, e)) ||
	       (p->uncertainty && fl_pieces_put(&w->out, "uncertainty", i0, n, p->uncertainty, e)) ||
	       put_names(w, i0, n, e) ? -1 : 0;
}

static int each_row(struct job *j, const struct fl_adapter *a, const struct fl_embeds *rows,
                    struct fl_err *e)
{
	enum fl_side side = (enum fl_side)j->o.side;
	struct adapted w = { .out = { .fd = -1 }, .rows = rows, .d = a->reading.d };
	struct fl_tset s = { .t = NULL };
	int rc = fl_adapter_shape(a, side, rows, &s, e) || fl_run_add_prov(j->run, j->o.no_prov, &s, e) ||
	         fl_pieces_begin(&w.out, &j->out, &s, e) ||
	         fl_adapter_each(a, side, rows, (int)j->o.threads, put_rows, &w, e) ||
	         fl_pieces_end(&w.out, e) || fl_out_commit(&j->out, e) ? -1 : 0;

	fl_pieces_release(&w.out);
	fl_tset_release(&s);
	return rc;
}

static int apply(struct job *j, struct fl_err *e)
{
	static const char *const standard_input[] = { "-" };
	int none = !j->run->noperand, rc = -1;
	struct fl_embeds rows = { .n = 0 };
	struct fl_adapter a;

	if (fl_adapter_open(&a, j->o.apply, e))
		return -1;
	if (!fl_embeds_open(&rows, none ? standard_input : j->run->operand, none ? 1 : j->run->noperand,
	                    e))
		rc = j->o.ensemble < 0 ? each_row(j, &a, &rows, e) : ensemble(j, &a, &rows, e);
	fl_embeds_release(&rows);
	fl_adapter_release(&a);
	return rc;
}

/* --- all of it --- */

static int reads_stdin(const struct fl_run *r)
{
	return ((const struct opts *)r->opts)->apply && fl_run_stdin_default(r);
}

/* Whether the adapter is fitted at once. */
static int is_fit(const struct opts *o)
{
	struct fl_str name = FL_STR_INIT;
	const struct fl_entry *en = NULL;

	if (o->arch && is_spec(o->arch)) {
		fl_str_addn(&name, o->arch, strcspn(o->arch, ":"));
		en = fl_family_find(&fl_family_arch, fl_str_c(&name));
	}
	fl_str_release(&name);
	return en && ((const struct fl_arch *)en)->fit;
}

static int train(struct job *j, struct fl_err *e)
{
	const struct opts *o = &j->o;

	if (is_fit(o))
		return fit_images(j, e);
	if (!o->texts.n)
		return fl_fail(e, FL_EUSAGE, "--texts must be given");
	if (o->model && fl_stream_load(o->model, FL_KIND_MODEL, &j->model, e))
		return -1;
	return train_pairs(j, e);
}

static void release(struct job *j)
{
	fl_out_abort(&j->out);
	fl_adapt_release(&j->t);
	fl_adapter_release(&j->t.a);
	fl_pairset_release(&j->train);
	fl_pairset_release(&j->val);
	fl_tset_release(&j->model);
	fl_str_release(&j->lines);
	free(j->best);
	if (j->log)
		fclose(j->log);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = *(const struct opts *)r->opts, .out = { .fd = -1 } };
	int rc = fl_run_output(r, &j.out, j.o.output, !j.o.no_sync, e);

	fl_heap_prepare();
	if (!rc)
		rc = j.o.apply ? apply(&j, e) : train(&j, e);
	release(&j);
	return rc;
}

static const struct fl_tool tool = {
	.name = "vlm-adapt",
	.nd = "train adapters of frozen embeddings, and apply them",
	.operands = "[texts ...]",
	.operands_need = "apply",
	.reads = "embed, model, data",
	.writes = "model or embed",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.env = FL_ENV_BLAS | FL_ENV_TMPDIR,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

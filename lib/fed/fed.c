/* An update's facts and state files. */
#include "fed/fed.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"

/* What an update may bring beside its weights; measured: by --measure. */
static const struct fact {
	unsigned need;
	int measured;
	const char *key, *name;
} facts[] = {
	{ FL_NEED_LOSS0, 1, "fl.loss0", "loss0" },
	{ FL_NEED_GRADNORM, 1, "fl.gradnorm", "gradnorm" },
	{ FL_NEED_LOSS, 1, "fl.loss", "loss" },
	{ FL_NEED_STEPS, 0, "fl.steps", "steps" },
	{ FL_NEED_LR, 0, "fl.lr", "lr" },
};
#define NFACTS (sizeof facts / sizeof *facts)

/* No data set has more rows (a dimension is below 2^48), and a weight beyond it
 * would leave nothing of the other clients. */
#define EXAMPLES_MAX (1ll << 48)

void fl_need_print(unsigned needs, struct fl_str *out)
{
	const char *sep = "";
	size_t i;

	for (i = 0; i < NFACTS; i++) {
		if (!facts[i].measured || !(needs & facts[i].need))
			continue;
		fl_str_add(out, sep);
		fl_str_add(out, facts[i].name);
		sep = ",";
	}
}

static int read_base(const struct fl_tset *rec, char base[FL_HASH_TEXT], struct fl_err *e)
{
	const char *s = fl_meta_get(rec, "fl.base");

	if (!s)
		return fl_fail(e, FL_EDATA, "fl.base is missing");
	if (!fl_base_is(s))
		return fl_fail(e, FL_EDATA, "fl.base is '%s', want 64 hexadecimal digits", s);
	memcpy(base, s, strlen(s) + 1);
	return 0;
}

static int read_real(const struct fl_tset *rec, const char *key, double lo, double *v,
                     struct fl_err *e)
{
	*v = NAN;
	if (fl_meta_real(rec, key, v, e) < 0)
		return -1;
	if (*v < lo)
		return fl_fail(e, FL_EDATA, "%s is %g, want %g or more", key, *v, lo);
	return 0;
}

static int read_facts(const struct fl_tset *rec, struct fl_update *u, struct fl_err *e)
{
	if (fl_meta_need_i64(rec, "fl.round", &u->round, e) < 0 || read_base(rec, u->base, e) ||
	    fl_meta_need_i64(rec, "fl.examples", &u->examples, e) < 0)
		return -1;
	if (u->examples < 1)
		return fl_fail(e, FL_EDATA, "fl.examples is 0, want 1 or more");
	if (u->examples > EXAMPLES_MAX)
		return fl_fail(e, FL_EDATA, "fl.examples is %lld, limit %lld", (long long)u->examples,
		               EXAMPLES_MAX);
	if (fl_meta_i64(rec, "fl.steps", &u->steps, e) < 0 ||
	    read_real(rec, "fl.loss0", -INFINITY, &u->loss0, e) ||
	    read_real(rec, "fl.gradnorm", 0, &u->gradnorm, e) ||
	    read_real(rec, "fl.loss", -INFINITY, &u->loss, e) ||
	    read_real(rec, "fl.lr", 0, &u->lr, e))
		return -1;
	u->method = fl_meta_get(rec, "fl.method");
	return 0;
}

static int need_kind(const struct fl_tset *rec, enum fl_kind want, struct fl_err *e)
{
	enum fl_kind kind;

	if (fl_meta_kind(rec, &kind, e))
		return -1;
	if (kind == want)
		return 0;
	return fl_fail(e, FL_EDATA, "record is of %s%s, want %s", kind ? "kind " : "no kind",
	               fl_kind_name(kind), fl_kind_name(want));
}

int fl_update_read(const struct fl_tset *rec, struct fl_update *u, struct fl_err *e)
{
	*u = (struct fl_update){ .steps = -1, .norm = NAN };
	if (need_kind(rec, FL_KIND_UPDATE, e) || fl_meta_need_i64(rec, "fl.client", &u->client, e) < 0)
		return -1;
	if (read_facts(rec, u, e))
		return fl_fail_in(e, "client %lld", (long long)u->client);
	return 0;
}

static int write_real(struct fl_tset *rec, const char *key, double v, struct fl_err *e)
{
	return isnan(v) ? 0 : fl_meta_set_real(rec, key, v, e);
}

int fl_update_write(const struct fl_update *u, struct fl_tset *rec, struct fl_err *e)
{
	if (fl_meta_set_kind(rec, FL_KIND_UPDATE, e) ||
	    fl_meta_set_i64(rec, "fl.client", u->client, e) ||
	    fl_meta_set_i64(rec, "fl.round", u->round, e) ||
	    fl_meta_set(rec, "fl.base", u->base, e) ||
	    fl_meta_set_i64(rec, "fl.examples", u->examples, e) ||
	    (u->steps >= 0 && fl_meta_set_i64(rec, "fl.steps", u->steps, e)) ||
	    write_real(rec, "fl.loss0", u->loss0, e) ||
	    write_real(rec, "fl.gradnorm", u->gradnorm, e) ||
	    write_real(rec, "fl.loss", u->loss, e) || write_real(rec, "fl.lr", u->lr, e) ||
	    (u->method && fl_meta_set(rec, "fl.method", u->method, e)))
		return -1;
	return 0;
}

static int has(const struct fl_update *u, unsigned need)
{
	switch (need) {
	case FL_NEED_LOSS0: return !isnan(u->loss0);
	case FL_NEED_GRADNORM: return !isnan(u->gradnorm);
	case FL_NEED_LOSS: return !isnan(u->loss);
	case FL_NEED_STEPS: return u->steps >= 0;
	case FL_NEED_LR: return !isnan(u->lr);
	}
	return 1;
}

int fl_update_check(const struct fl_update *u, unsigned needs, const char *who, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < NFACTS; i++) {
		const struct fact *f = &facts[i];

		if (!(needs & f->need) || has(u, f->need))
			continue;
		return fl_fail(e, FL_EDATA, "client %lld: %s is missing; %s needs it%s%s",
		               (long long)u->client, f->key, who,
		               f->measured ? ": fl-local-train --measure " : "",
		               f->measured ? f->name : "");
	}
	return 0;
}

/* Replaces *best by a copy of rec where rec is the newer of the two. */
static int newer(const struct fl_tset *rec, int64_t before, int64_t *best, int *later,
                 struct fl_tset *state, struct fl_err *e)
{
	int64_t round;

	if (need_kind(rec, FL_KIND_STATE, e) || fl_meta_need_i64(rec, "fl.round", &round, e) < 0)
		return -1;
	*later = *later || round > before;
	if (round >= before || round <= *best)
		return 0;
	*best = round;
	fl_tset_release(state);
	return fl_tset_clone(state, rec, e);
}

int fl_state_load(const char *path, int64_t round, struct fl_tset *state, struct fl_err *e)
{
	struct fl_tset rec = { 0 };
	struct fl_stream *s;
	struct stat st;
	int64_t best = -1;
	int rc, later = 0;

	if (stat(path, &st) && errno == ENOENT)
		return 1;
	if (!(s = fl_stream_open(path, e)))
		return -1;
	while ((rc = fl_stream_next(s, &rec, e)) > 0)
		if ((rc = newer(&rec, round, &best, &later, state, e))) {
			fl_fail_in(e, "%s", path);
			break;
		}
	/* Cut off between its records, a file would pass for an older one. */
	if (!rc && !fl_stream_ended(s))
		rc = fl_fail(e, FL_EDATA, "%s: no end record: the file is cut off", path);
	fl_tset_release(&rec);
	fl_stream_close(s);
	if (rc)
		fl_tset_release(state);
	return rc ? -1 : best >= 0 ? 0 : later && round > 1 ? 2 : 1;
}

int fl_state_write(struct fl_out *o, int64_t round, struct fl_tset *old, struct fl_tset *new_,
                   struct fl_err *e)
{
	int two = old->nt || old->nkv;

	if (fl_meta_set_kind(new_, FL_KIND_STATE, e) || fl_meta_set_i64(new_, "fl.round", round, e) ||
	    (two && fl_stream_write(o, old, e)) || fl_stream_write(o, new_, e))
		return -1;
	return fl_stream_write_end(o, two ? 2 : 1, e);
}

int fl_state_save(const char *path, int64_t round, struct fl_tset *old, struct fl_tset *new_,
                  int sync, struct fl_err *e)
{
	struct fl_out o;

	if (fl_out_open(&o, path, sync, e))
		return -1;
	if (fl_state_write(&o, round, old, new_, e)) {
		fl_out_abort(&o);
		return -1;
	}
	return fl_out_commit(&o, e);
}

char *fl_client_path(const char *dir, int64_t client, const char *ext, struct fl_arena *a,
                     struct fl_err *e)
{
	return fl_arena_fmt(a, e, "%s/%04lld.%s", dir, (long long)client, ext);
}

/* Facts of updates, and state files that keep two rounds. */
#include "fed/fed.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

static struct fl_update sample(void)
{
	return (struct fl_update){ .client = 7, .round = 3, .examples = 120, .steps = 4,
	                           .base = "00c0ffee", .loss0 = 0.1, .gradnorm = 1e-300,
	                           .loss = NAN, .lr = 0.05, .method = "fedprox:mu=0.01" };
}

static void test_round_trip(void)
{
	struct fl_update u = sample(), v;
	struct fl_tset rec = { 0 };
	struct fl_err e = { 0 };

	is_int(fl_update_write(&u, &rec, &e), 0, "an update's facts are written");
	is_int(fl_update_read(&rec, &v, &e), 0, "and read");
	ok(v.client == 7 && v.round == 3 && v.examples == 120 && v.steps == 4, "integers survive");
	ok(v.loss0 == u.loss0 && v.gradnorm == u.gradnorm && v.lr == u.lr, "reals survive exactly");
	ok(isnan(v.loss) && isnan(v.norm), "what is absent is NAN");
	is_str(v.base, "00c0ffee", "base survives");
	is_str(v.method, "fedprox:mu=0.01", "method survives");
	fl_tset_release(&rec);
}

static void refused(const char *key, const char *val, const char *want)
{
	struct fl_update u = sample(), v;
	struct fl_tset rec = { 0 };
	struct fl_err e = { 0 };
	int rc;

	fl_update_write(&u, &rec, &e);
	fl_meta_set(&rec, key, val, &e);
	rc = fl_update_read(&rec, &v, &e);
	ok(rc == -1 && e.code == FL_EDATA && strstr(e.msg, want), "%s=%s: %s", key,
	   val ? val : "absent", e.msg);
	fl_tset_release(&rec);
}

static void test_refusals(void)
{
	refused("fl.kind", "model", "want update");
	refused("fl.kind", NULL, "want update");
	refused("fl.client", NULL, "fl.client is missing");
	refused("fl.client", "-1", "fl.client");
	refused("fl.round", NULL, "client 7: fl.round");
	refused("fl.base", NULL, "client 7: fl.base");
	refused("fl.base", "00c0ffe", "64 hexadecimal");
	refused("fl.base", "00c0ffee0", "64 hexadecimal");
	refused("fl.base", "00c0ffeg", "64 hexadecimal");
	refused("fl.examples", NULL, "fl.examples");
	refused("fl.examples", "0", "1 or more");
	refused("fl.examples", "1e3", "fl.examples");
	refused("fl.loss0", "nan", "finite");
	refused("fl.gradnorm", "-1", "0 or more");
	refused("fl.lr", "inf", "finite");
	refused("fl.steps", "x", "fl.steps");
}

static void test_needs(void)
{
	struct fl_update u = sample();
	struct fl_str s = FL_STR_INIT;
	struct fl_err e = { 0 };

	fl_need_print(FL_NEED_LOSS | FL_NEED_LOSS0 | FL_NEED_NORM | FL_NEED_LR, &s);
	is_str(fl_str_c(&s), "loss0,loss", "needs are named as --measure takes them");
	fl_str_release(&s);
	is_int(fl_update_check(&u, FL_NEED_LOSS0 | FL_NEED_GRADNORM | FL_NEED_STEPS | FL_NEED_LR |
	                       FL_NEED_NORM, "rule x", &e), 0, "what is there is enough");
	is_int(fl_update_check(&u, FL_NEED_LOSS, "rule x", &e), -1, "what is not is refused");
	is_str(e.msg, "client 7: fl.loss is missing; rule x needs it: fl-local-train --measure loss",
	       "with what to do");
	u.steps = -1;
	fl_update_check(&u, FL_NEED_STEPS, "server y", &e);
	is_str(e.msg, "client 7: fl.steps is missing; server y needs it", "also for steps");
}

static int64_t newest(const char *path, int64_t round, struct fl_tset *s)
{
	struct fl_err e = { 0 };
	int64_t r = -1;

	if (fl_state_load(path, round, s, &e) == 0)
		fl_meta_i64(s, "fl.round", &r, &e);
	return r;
}

/* Round r from what came before it, as a tool does. */
static int play(const char *path, int64_t r, double value)
{
	struct fl_tset old = { 0 }, new_ = { 0 };
	struct fl_err e = { 0 };
	int rc = fl_state_load(path, r, &old, &e);

	fl_tset_add(&new_, "@x/v", FL_F64, 0, NULL, &value, &e);
	if (rc >= 0)
		rc = fl_state_save(path, r, &old, &new_, 0, &e);
	fl_tset_release(&old);
	fl_tset_release(&new_);
	return rc;
}

static void test_state(const char *path)
{
	struct fl_tset s = { 0 };
	struct fl_err e = { 0 };

	is_int(fl_state_load(path, 5, &s, &e), 1, "no file: nothing");
	is_int(play(path, 1, 1.5), 0, "round 1 is saved");
	is_int(newest(path, 1, &s), -1, "round 1 does not see itself");
	is_int(newest(path, 2, &s), 1, "round 2 sees round 1");
	ok(s.nt == 1 && *(double *)s.t[0].data == 1.5, "with its tensors");
	fl_tset_release(&s);
	play(path, 2, 2.5);
	is_int(play(path, 2, 2.5), 0, "round 2 twice");
	is_int(newest(path, 2, &s), 1, "round 2 still finds round 1");
	fl_tset_release(&s);
	play(path, 5, 5.5);
	is_int(newest(path, 5, &s), 2, "a later round keeps the newest before it");
	fl_tset_release(&s);
	is_int(newest(path, 2, &s), -1, "round 1 is gone");
	is_int(truncate(path, 200), 0, "cut");
	is_int(fl_state_load(path, 9, &s, &e), -1, "a file that is cut off is refused");
	is_int(e.code, FL_EDATA, "as bad data");
	fl_tset_release(&s);
}

/* A cut exactly between two records must not pass for an older state. */
static void test_cut_between(const char *path)
{
	struct fl_tset s = { 0 };
	struct fl_stream *st;
	struct fl_err e = { 0 };
	unsigned long long second;

	unlink(path);
	play(path, 1, 1.5);
	play(path, 2, 2.5);
	st = fl_stream_open(path, &e);
	fl_stream_next(st, &s, &e);
	fl_stream_next(st, &s, &e);
	second = fl_stream_offset(st);
	fl_stream_close(st);
	fl_tset_release(&s);
	is_int(truncate(path, (off_t)second), 0, "cut between the records");
	is_int(fl_state_load(path, 9, &s, &e), -1, "is noticed");
	ok(strstr(e.msg, "no end record") != NULL, "%s", e.msg);
}

int main(void)
{
	char dir[] = "/tmp/fl-fed-XXXXXX", path[64];
	struct fl_arena a = { 0 };
	struct fl_err e = { 0 };

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	snprintf(path, sizeof path, "%s/s.sts", dir);
	test_round_trip();
	test_refusals();
	test_needs();
	test_state(path);
	test_cut_between(path);
	is_str(fl_client_path("d", 7, "sts", &a, &e), "d/0007.sts", "a client's file");
	is_str(fl_client_path("d", 12345, "sts", &a, &e), "d/12345.sts", "of a large id");
	fl_arena_release(&a);
	unlink(path);
	rmdir(dir);
	return tap_done();
}

/* fl-partition: one data set over K clients, a record each. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/log.h"
#include "base/num.h"
#include "base/par.h"
#include "cli/tool.h"
#include "data/data.h"
#include "data/names.h"
#include "data/source.h"
#include "part/groups.h"
#include "part/part.h"
#include "part/plot.h"
#include "shift/shift.h"

#define MANIFEST "partition.json"
#define BEGIN "{\"schema\":\"fl-partition/1\""
#define SOURCE "source.sts"		/* with --index, what has no plain record of its own */
#define CELLS_MAX ((size_t)1 << 27)	/* of the counts matrix: 1 GiB */

struct opts {
	const char *data, *model, *output, *test_output;
	struct fl_data_how how;
	int64_t clients, first, seed, threads;
	struct fl_spec by, shift;
	const char *plot;
	double test_frac;
	int test_groups, leaks, index, no_sync, no_prov;
};

enum { LEAKS_WARN, LEAKS_REFUSE, LEAKS_ALLOW };
static const char *const leaks_name[] = { "warn", "refuse", "allow", NULL };

static const struct fl_opt opts[] = {
	FL_OPT_STR('d', "data", data, "source",
	  "a data record, an IDX pair 'images,labels', or a data set by name",
	  .family = &fl_family_data, .flags = FL_O_NEED),
	FL_OPT_PATH('m', "model", model, "model",
	  "a model whose names of classes, of fl-init --labels, are those of a table"),
	FL_OPT_INT('k', "clients", clients, NULL, 1, 4e9, "n",
	  "number of clients; may be left out where the data say it: natural", .flags = FL_O_PROV),
	FL_OPT_INT(0, "first", first, NULL, 0, 4e9, "n",
	  "number of the first client, where others have those before; 0 if not given",
	  .flags = FL_O_PROV),
	FL_OPT_SPEC('B', "by", by, &fl_family_by, NULL, "scheme",
	  "how examples are split", .flags = FL_O_NEED | FL_O_PROV),
	FL_OPT_SEED,
	FL_OPT_PATH('o', "output", output, "folder",
	  "write a file a client there, replaced whole; - is one stream on standard output",
	  .flags = FL_O_NEED),
	FL_OPT_REAL(0, "test-frac", test_frac, NULL, 0, 1, "f",
	  "hold this share of every client's examples out, into --test-output", .flags = FL_O_PROV,
	  .needs = "test-output"),
	FL_OPT_PATH(0, "test-output", test_output, "folder",
	  "folder of the examples that --test-frac holds out", .needs = "test-frac"),
	FL_OPT_FLAG(0, "test-groups", test_groups,
	  "hold whole groups of the data out, never a part of one", .flags = FL_O_PROV,
	  .needs = "test-frac"),
	FL_OPT_ENUM(0, "leaks", leaks, "warn", leaks_name, "what",
	  "what to do about a group on both sides of --test-frac"),
	FL_OPT_FLAG(0, "index", index, "write row numbers in place of copies", .flags = FL_O_PROV),
	FL_OPT_SPEC(0, "shift", shift, &fl_family_shift, NULL, "shift",
	  "change examples by the client they are of", .flags = FL_O_PROV, .excludes = "index"),
	FL_OPT_PATH(0, "plot", plot, "file",
	  "draw the counts as SVG there, and as text on a terminal"),
	FL_OPT_HOW(FL_O_PROV),
	FL_OPT_THREADS,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

enum part { ALL, TRAIN, TEST };
static const char *const part_name[] = { "all", "train", "test" };

/* The examples of every client in one of the parts. */
struct lists {
	enum part part;
	uint32_t *row;		/* ascending within a client */
	size_t *start;		/* (K+1) */
	uint64_t *counts;	/* (K,C), C the classes of the data */
	uint64_t *unlabelled;	/* (K) */
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_names names;	/* of --model */
	struct fl_data data;
	struct fl_part split;
	const char **name;	/* (K) of the group that a client's examples are of, or NULL;
				 * NULL: groups have no names */
	unsigned char *held;	/* (N) 1: held out for the test */
	char *source;		/* index form: the absolute name of the source */
	char hash[FL_HASH_TEXT];		/* of the source's buffer */
};

/* What one folder is being filled from. */
struct out {
	struct job *j;
	const struct lists *l;
	struct fl_dir dir;
	const char *source;	/* index form: fl.source of its records */
};

/* fl.client of the k-th client. */
static int64_t number_of(const struct job *j, size_t k)
{
	return (j->o->first == FL_UNSET ? 0 : j->o->first) + (int64_t)k;
}

/* --- which example goes where --- */

static int wanted(const struct job *j, enum part part, size_t i)
{
	return j->split.owner[i] != FL_PART_DROPPED &&
	       (part == ALL || (part == TEST) == j->held[i]);
}

static int make_lists(const struct job *j, enum part part, struct lists *l, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	const int32_t *y = j->data.y;
	size_t C = j->data.C;
	struct fl_arena *a = s->arena;

	l->part = part;
	if (!(l->row = fl_arena_get(a, s->N, sizeof *l->row, e)) ||
	    !(l->start = fl_arena_zero(a, s->K + 2, sizeof *l->start, e)) ||
	    !(l->counts = fl_arena_zero(a, s->K * C, sizeof *l->counts, e)) ||
	    !(l->unlabelled = fl_arena_zero(a, s->K, sizeof *l->unlabelled, e)))
		return -1;
	/* Counting sort by client; start is two ahead, so that it ends up right. */
	for (size_t i = 0; i < s->N; i++)
		if (wanted(j, part, i)) {
			l->start[(size_t)s->owner[i] + 2]++;
			if (y[i] < 0)
				l->unlabelled[s->owner[i]]++;
			else
				l->counts[s->owner[i] * C + (size_t)y[i]]++;
		}
	for (size_t k = 2; k < s->K + 2; k++)
		l->start[k] += l->start[k - 1];
	for (size_t i = 0; i < s->N; i++)
		if (wanted(j, part, i))
			l->row[l->start[(size_t)s->owner[i] + 1]++] = (uint32_t)i;
	return 0;
}

static size_t size_of(const struct lists *l, size_t k)
{
	return l->start[k + 1] - l->start[k];
}

/* n f examples to the nearest, but one at least, and one at least stays. */
static size_t test_size(size_t n, double f)
{
	size_t t = fl_num_part_near(f, n);

	if (!t)
		t = 1;
	return t < n ? t : n - 1;
}

/* Which groups of a client are held out: whole ones in the order in which its
 * shuffled examples name them, until there are t examples; one at least stays. */
struct group_out {
	struct fl_groups g;
	size_t *size;		/* (U) examples of the client at hand */
	unsigned char *out;	/* (U) 1: held out, 2: stays, 0: not said yet */
};

static int get_groups(struct job *j, struct group_out *w, struct fl_err *e)
{
	const struct fl_part *s = &j->split;

	if (fl_groups_find(s, "--test-groups", &w->g, e))
		return -1;
	return (w->size = fl_arena_zero(s->arena, w->g.U, sizeof *w->size, e)) &&
	       (w->out = fl_arena_zero(s->arena, w->g.U, 1, e)) ? 0 : -1;
}

static void hold_groups(struct job *j, struct group_out *w, const uint32_t *row, size_t n, size_t t)
{
	const uint32_t *of = w->g.of;
	size_t groups = 0, held = 0;

	for (size_t i = 0; i < n; i++)
		groups += !w->size[of[row[i]]]++;
	for (size_t i = 0; i < n; i++) {
		size_t g = of[row[i]];

		if (!w->out[g]) {
			w->out[g] = held < t && groups > 1 ? 1 : 2;
			held += w->out[g] == 1 ? w->size[g] : 0;
			groups -= w->out[g] == 1;
		}
		j->held[row[i]] = w->out[g] == 1;
	}
	for (size_t i = 0; i < n; i++)
		w->size[of[row[i]]] = w->out[of[row[i]]] = 0;
}

static int hold_out(struct job *j, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	struct group_out w = { .size = NULL };
	struct lists all;
	struct fl_rng r;

	if (!(j->held = fl_arena_zero(s->arena, s->N, 1, e)) || make_lists(j, ALL, &all, e) ||
	    (j->o->test_groups && get_groups(j, &w, e)))
		return -1;
	for (size_t k = 0; k < s->K; k++) {
		uint32_t *row = all.row + all.start[k];
		size_t n = size_of(&all, k), t = test_size(n, j->o->test_frac);

		fl_rng_init(&r, s->seed, 0, (uint64_t)number_of(j, k), FL_RNG_TEST_SPLIT, 0);
		fl_rng_shuffle(&r, row, n);
		if (w.size)
			hold_groups(j, &w, row, n, t);
		for (size_t i = 0; i < t && !w.size; i++)
			j->held[row[i]] = 1;
	}
	return 0;
}

/* A group on both sides lets a model be tested on what it was trained on, as wells of
 * one compound are. Where a client is of one group alone, as writers and domains
 * are, that is meant. */
struct leak {
	size_t groups, n;	/* all; on both sides */
	size_t train, test;	/* an example on either side of the first one */
};

#define NONE UINT32_MAX

/* mixed(U): 1 for groups that share a client with another. */
static int find_mixed(const struct job *j, const struct fl_groups *g, unsigned char *mixed,
                      struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	uint32_t *only = fl_arena_get(s->arena, s->K, sizeof *only, e);
	unsigned char *many = fl_arena_zero(s->arena, s->K, 1, e);

	if (!only || !many)
		return -1;
	for (size_t k = 0; k < s->K; k++)
		only[k] = NONE;
	for (size_t i = 0; i < s->N; i++) {
		uint32_t k = s->owner[i];

		if (k == FL_PART_DROPPED)
			continue;
		many[k] |= only[k] != NONE && only[k] != g->of[i];
		only[k] = g->of[i];
	}
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED)
			mixed[g->of[i]] |= many[s->owner[i]];
	return 0;
}

static int find_leaks(const struct job *j, struct leak *l, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	struct fl_groups g;
	uint32_t *side[2];	/* (U) the first example there */
	unsigned char *mixed;

	*l = (struct leak){ .n = 0 };
	if (!s->group)
		return 0;
	if (fl_groups_find(s, "--leaks", &g, e) ||
	    !(side[0] = fl_arena_get(s->arena, g.U, sizeof **side, e)) ||
	    !(side[1] = fl_arena_get(s->arena, g.U, sizeof **side, e)) ||
	    !(mixed = fl_arena_zero(s->arena, g.U, 1, e)) || find_mixed(j, &g, mixed, e))
		return -1;
	for (size_t i = 0; i < g.U; i++)
		side[0][i] = side[1][i] = NONE;
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] != FL_PART_DROPPED && side[j->held[i]][g.of[i]] == NONE)
			side[j->held[i]][g.of[i]] = (uint32_t)i;
	l->groups = g.U;
	for (size_t i = 0; i < g.U; i++)
		if (mixed[i] && side[0][i] != NONE && side[1][i] != NONE && !l->n++) {
			l->train = side[0][i];
			l->test = side[1][i];
		}
	return 0;
}

static int check_leaks(const struct job *j, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	const char *advice = j->o->test_groups ? "a scheme with unit=group keeps it with one client" :
	                     "--test-groups holds whole groups out";
	struct leak l;
	char *text;

	if (j->o->leaks == LEAKS_ALLOW)
		return 0;
	if (find_leaks(j, &l, e))
		return -1;
	if (!l.n)
		return 0;
	if (!(text = fl_arena_fmt(s->arena, e, "%s: %zu of %zu groups are in both training and test "
	                          "parts, such as group %" PRId64 ", of client %" PRId64 " to train on and of client %"
	                          PRId64 " to test: %s", j->data.name, l.n, l.groups, s->group[l.train],
	                          number_of(j, s->owner[l.train]), number_of(j, s->owner[l.test]), advice)))
		return -1;
	if (j->o->leaks == LEAKS_REFUSE)
		return fl_fail(e, FL_EDATA, "%s", text);
	fl_say(FL_LOG_WARN, "%s", text);
	return 0;
}

/* Scales and fillings that wait for it, from what is trained on at all clients. */
static int settle(struct job *j, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	unsigned char *use = fl_alloc(s->N, 1, e);
	int rc;

	if (!use)
		return -1;
	for (size_t i = 0; i < s->N; i++)
		use[i] = (unsigned char)wanted(j, j->held ? TRAIN : ALL, i);
	rc = fl_data_settle(&j->data, use, e);
	free(use);
	return rc;
}

/* A client of one group has its name, in whatever part. */
static int name_clients(struct job *j, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	const int64_t **one;

	if (!j->data.ncalled)
		return 0;
	one = fl_arena_zero(s->arena, s->K, sizeof *one, e);
	j->name = fl_arena_zero(s->arena, s->K, sizeof *j->name, e);
	if (!one || !j->name)
		return -1;
	for (size_t i = 0; i < s->N; i++) {
		uint32_t k = s->owner[i];

		if (k == FL_PART_DROPPED)
			continue;
		if (!one[k])
			j->name[k] = fl_data_called(&j->data, s->group[i]);
		else if (*one[k] != s->group[i])
			j->name[k] = NULL;
		one[k] = &s->group[i];
	}
	return 0;
}

static void inputs(const void *ctx, const uint32_t *idx, size_t n, float *out)
{
	fl_data_batch(ctx, idx, 0, n, out, NULL);
}

/* To a scheme, what is not labelled is a class of its own, after the others. */
static int set_classes(struct job *j, struct fl_err *e)
{
	const struct fl_data *d = &j->data;
	struct fl_part *s = &j->split;
	int32_t *y;

	s->y = d->y;
	s->C = d->C;
	if (!d->unlabelled)
		return 0;
	if (!(y = fl_arena_get(s->arena, d->N, sizeof *y, e)))
		return -1;
	for (size_t i = 0; i < d->N; i++)
		y[i] = d->y[i] < 0 ? (int32_t)d->C : d->y[i];
	s->y = y;
	s->C++;
	return 0;
}

/* What a scheme is given. */
static int prepare(struct job *j, struct fl_err *e)
{
	const struct fl_by *by = (const struct fl_by *)j->o->by.entry;
	struct fl_part *s = &j->split;
	int64_t *group;
	size_t cells;

	*s = (struct fl_part){
		.N = j->data.N, .seed = (uint64_t)j->o->seed,
		.x = inputs, .ctx = &j->data, .d = j->data.d, .arena = &j->run->arena,
	};
	/* Schemes that look at inputs come before it is known what is trained on. */
	if (fl_data_settle(&j->data, NULL, e) || set_classes(j, e) || fl_data_group(&j->data, s->arena, &group, e))
		return -1;
	s->group = group;
	if (j->o->clients != FL_UNSET)
		s->K = (size_t)j->o->clients;
	else if (!by->clients)
		return fl_fail(e, FL_EUSAGE, "--by %s wants --clients", by->e.name);
	else if (by->clients(j->o->by.p, s, &s->K, e))
		return -1;
	if (s->K > s->N)
		return fl_fail(e, FL_EDATA, "%s: %zu clients want at least as many examples, not %zu: "
		               "client %zu would have 0", j->data.name, s->K, s->N, s->N);
	if (fl_mul(s->K, s->C, &cells) || cells > CELLS_MAX)
		return fl_fail(e, FL_EDATA, "%s: %zu clients times %zu classes: more than %zu counts",
		               j->data.name, s->K, s->C, CELLS_MAX);
	return by->resolve && (by->resolve(j->o->by.p, s, e) || fl_run_renew_prov(j->run, e)) ? -1 : 0;
}

static int split(struct job *j, struct fl_err *e)
{
	const struct fl_by *by = (const struct fl_by *)j->o->by.entry;
	struct fl_part *s = &j->split;
	size_t dropped = 0;

	if (prepare(j, e))
		return -1;
	if (!(s->owner = fl_arena_get(s->arena, s->N, sizeof *s->owner, e)) ||
	    by->split(j->o->by.p, s, e))
		return -1;
	for (size_t i = 0; i < s->N; i++)
		dropped += s->owner[i] == FL_PART_DROPPED;
	if (dropped)
		fl_say(FL_LOG_WARN, "%zu examples left out, as asked", dropped);
	fl_say(FL_LOG_INFO, "%zu examples of %zu classes, %zu not labelled, over %zu clients, %zu tries",
	       s->N, j->data.C, j->data.unlabelled, s->K, s->tries);
	return (j->o->test_output && (hold_out(j, e) || check_leaks(j, e))) || settle(j, e) ||
	       name_clients(j, e) ? -1 : 0;
}

/* --- partition.json --- */

static void add_sizes(const struct lists *l, size_t K, struct fl_str *b)
{
	fl_str_add(b, ",\"sizes\":[");
	for (size_t k = 0; k < K; k++)
		fl_str_addf(b, "%s%zu", k ? "," : "", size_of(l, k));
	fl_str_add(b, "]");
}

static void add_unlabelled(const struct lists *l, size_t K, struct fl_str *b)
{
	fl_str_add(b, ",\"unlabelled\":[");
	for (size_t k = 0; k < K; k++)
		fl_str_addf(b, "%s%" PRIu64, k ? "," : "", l->unlabelled[k]);
	fl_str_add(b, "]");
}

static void add_names(const struct job *j, struct fl_str *b)
{
	fl_str_add(b, ",\"name\":[");
	for (size_t k = 0; k < j->split.K; k++) {
		fl_str_add(b, k ? "," : "");
		if (j->name[k])
			fl_str_addjson(b, j->name[k]);
		else
			fl_str_add(b, "null");
	}
	fl_str_add(b, "]");
}

static void add_counts(const struct lists *l, size_t K, size_t C, struct fl_str *b)
{
	fl_str_add(b, ",\"counts\":[");
	for (size_t k = 0; k < K; k++) {
		fl_str_add(b, k ? ",\n[" : "\n[");
		for (size_t c = 0; c < C; c++)
			fl_str_addf(b, "%s%" PRIu64, c ? "," : "", l->counts[k * C + c]);
		fl_str_add(b, "]");
	}
	fl_str_add(b, "]");
}

static int add_skew(const struct lists *l, size_t K, size_t C, struct fl_str *b, struct fl_err *e)
{
	struct fl_skew w;
	const struct { const char *name; const double *v; } field[] = {
		{ "entropy", &w.entropy }, { "eff_classes", &w.eff_classes }, { "tv", &w.tv },
		{ "tv_max", &w.tv_max }, { "js", &w.js }, { "hellinger", &w.hellinger },
		{ "size_cv", &w.size_cv }, { "size_gini", &w.size_gini },
	};

	if (fl_part_skew(l->counts, K, C, &w, e))
		return -1;
	fl_str_add(b, ",\n\"skew\":{");
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		fl_str_addf(b, "%s\"%s\":", i ? "," : "", field[i].name);
		fl_str_addnum(b, *field[i].v);
	}
	fl_str_add(b, "}");
	return 0;
}

static int manifest(const struct out *w, struct fl_str *b, struct fl_err *e)
{
	const struct job *j = w->j;
	const struct fl_part *s = &j->split;
	struct fl_str by = FL_STR_INIT;
	size_t C = j->data.C;

	fl_spec_print(&j->o->by, &by);
	fl_str_add(b, BEGIN ",\"by\":");
	fl_str_addjson(b, fl_str_c(&by));
	if (j->o->shift.entry) {
		fl_str_clear(&by);
		fl_spec_print(&j->o->shift, &by);
		fl_str_add(b, ",\"shift\":");
		fl_str_addjson(b, fl_str_c(&by));
	}
	fl_str_addf(b, ",\"seed\":%" PRId64 ",\"tries\":%zu,\"part\":\"%s\",\"test_frac\":",
	            j->o->seed, s->tries, part_name[w->l->part]);
	if (j->o->test_output)
		fl_str_addnum(b, j->o->test_frac);
	else
		fl_str_add(b, "null");
	if (number_of(j, 0))
		fl_str_addf(b, ",\"first\":%" PRId64, number_of(j, 0));
	fl_str_addf(b, ",\"clients\":%zu,\"classes\":%zu,\"examples\":%zu,\"source_examples\":%zu", s->K,
	            C, w->l->start[s->K], s->N);
	if (j->name)
		add_names(j, b);
	add_sizes(w->l, s->K, b);
	if (j->data.unlabelled)
		add_unlabelled(w->l, s->K, b);
	if (add_skew(w->l, s->K, C, b, e))
		return -1;
	add_counts(w->l, s->K, C, b);
	fl_str_add(b, "}\n");
	b->oom |= by.oom;
	fl_str_release(&by);
	return fl_str_check(b, e);
}

static int write_manifest(const struct out *w, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	struct fl_out o;
	int rc = manifest(w, &b, e);

	if (!rc && !(rc = fl_dir_create(&w->dir, MANIFEST, &o, e))) {
		if ((rc = fl_out_write(&o, b.s, b.len, e)))
			fl_out_abort(&o);
		else
			rc = fl_out_commit(&o, e);
	}
	fl_str_release(&b);
	return rc;
}

/* --- records --- */

/* Client k's examples with x, changed by its number. */
static int make_shifted(const struct out *w, size_t k, const uint32_t *row, size_t n,
                        struct fl_tset *rec, struct fl_err *e)
{
	const struct job *j = w->j;
	const struct fl_spec *s = &j->o->shift;
	const struct fl_shift *shift = (const struct fl_shift *)s->entry;
	struct fl_shift_in in = {
		.k = k, .K = j->split.K, .C = j->data.C, .seed = j->split.seed, .row = row,
		.test = w->l->part == TEST, .div = j->data.div,
	};

	if (j->data.M && !shift->parts)
		return fl_fail(e, FL_EUSAGE, "%s: --shift %s is for examples with 'x', not for those of several "
		               "parts", j->data.name, shift->e.name);
	if (fl_data_subset(&j->data, row, n, number_of(j, k), rec, e))
		return -1;
	if (shift->apply(s->p, &in, rec, e))
		return fl_fail_in(e, "%s: --shift", j->data.name);
	return j->data.M ? fl_data_trim(rec, j->data.name, e) : 0;
}

static int make_record(const struct out *w, size_t k, struct fl_tset *rec, struct fl_err *e)
{
	const struct job *j = w->j;
	const uint32_t *row = w->l->row + w->l->start[k];
	size_t n = size_of(w->l, k);
	int rc = w->source ? fl_data_index(&j->data, row, n, number_of(j, k), w->source, j->hash, rec, e) :
	         j->o->shift.entry ? make_shifted(w, k, row, n, rec, e) :
	         fl_data_frame(&j->data, row, n, number_of(j, k), rec, e);

	if (!rc && j->name)
		rc = fl_meta_set(rec, "fl.name", j->name[k], e);
	if (!rc && w->l->part != ALL)
		rc = fl_meta_set(rec, "split", part_name[w->l->part], e);
	return rc || fl_run_add_prov(j->run, j->o->no_prov, rec, e) ? -1 : 0;
}

static int write_record(const struct out *w, size_t k, struct fl_tset *rec, struct fl_out *o,
                        struct fl_err *e)
{
	const uint32_t *row = w->l->row + w->l->start[k];

	if (w->j->o->shift.entry)
		return fl_stream_write(o, rec, e);
	return fl_data_write(&w->j->data, row, size_of(w->l, k), rec, o, e);
}

static int write_file(void *ctx, size_t k, int thread, struct fl_err *e)
{
	struct out *w = ctx;
	struct fl_tset rec = { .t = NULL };
	struct fl_out o = { .fd = -1 };
	char name[64];
	int rc = -1;

	(void)thread;
	if (!size_of(w->l, k))		/* of a test part alone */
		return 0;
	snprintf(name, sizeof name, "%04" PRId64 ".safetensors", number_of(w->j, k));
	if (make_record(w, k, &rec, e) || fl_dir_create(&w->dir, name, &o, e) ||
	    write_record(w, k, &rec, &o, e))
		fl_out_abort(&o);
	else
		rc = fl_out_commit(&o, e);
	fl_tset_release(&rec);
	return rc;
}

static int write_stream(struct out *w, struct fl_err *e)
{
	size_t K = w->j->split.K;
	struct fl_out o;
	int rc = 0;

	if (fl_run_output(w->j->run, &o, "-", 0, e))
		return -1;
	for (size_t k = 0; !rc && k < K; k++) {
		struct fl_tset rec = { .t = NULL };

		rc = make_record(w, k, &rec, e) || write_record(w, k, &rec, &o, e) ? -1 : 0;
		fl_tset_release(&rec);
	}
	if (!rc && !(rc = fl_stream_write_end(&o, K, e)))
		return fl_out_commit(&o, e);
	fl_out_abort(&o);
	return rc;
}

/* --- folders --- */

/* NNNN.safetensors, partition.json, source.sts */
static int is_ours(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return !strcmp(name, MANIFEST) || !strcmp(name, SOURCE) ||
	       (n >= 4 && !strcmp(name + n, ".safetensors"));
}

/* The way from the folder from to the file to; both absolute, without links. */
static char *relative(const char *from, const char *to, struct fl_arena *a, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	size_t same = 0;
	char *r;

	for (size_t i = 0; ; i++) {
		int end = !from[i] || from[i] == '/';

		if (end && to[i] == '/')
			same = i + 1;
		if (!from[i] || from[i] != to[i])
			break;
	}
	if (same < strlen(from))
		for (const char *p = from + same; *p; p++)
			if (p == from + same || p[-1] == '/')
				fl_str_add(&b, "../");
	fl_str_add(&b, to + same);
	r = fl_str_check(&b, e) ? NULL : fl_arena_str(a, fl_str_c(&b), e);
	fl_str_release(&b);
	return r;
}

/* Absolute name of a folder that may not be there yet. */
static char *absolute(const char *path, struct fl_arena *a, struct fl_err *e)
{
	char *p = fl_arena_str(a, path, e), *dir = NULL, *real, *r = NULL;
	size_t n = p ? strlen(p) : 0;

	if (!p)
		return NULL;
	while (n > 1 && p[n - 1] == '/')
		p[--n] = '\0';
	if ((real = realpath(p, NULL))) {
		r = fl_arena_str(a, real, e);
	} else if ((dir = fl_dir_of(p)) && (real = realpath(dir, NULL))) {
		const char *slash = strrchr(p, '/');

		r = fl_arena_fmt(a, e, "%s/%s", strcmp(real, "/") ? real : "",
		                 slash ? slash + 1 : p);
	} else {
		fl_fail(e, FL_EIO, "%s: its folder is not there", path);
	}
	free(real);
	free(dir);
	return r;
}

static int is_inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* Replaced whole, one folder would take the other with it. */
static int check_folders(const struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	const char *a, *b;

	if (!o->test_output || !strcmp(o->output, "-"))
		return 0;
	if (!(a = absolute(o->output, &j->run->arena, e)) ||
	    !(b = absolute(o->test_output, &j->run->arena, e)))
		return -1;
	return is_inside(a, b) || is_inside(b, a) ?
	       fl_fail(e, FL_EUSAGE, "--test-output: %s and %s are one folder, or one is in the other",
	               o->test_output, o->output) : 0;
}

/* With --index: the whole set as a record in the folder. */
static int write_source(struct out *w, struct fl_err *e)
{
	struct job *j = w->j;
	struct fl_tset rec = { .t = NULL };
	struct fl_out o = { .fd = -1 };
	uint32_t *row = fl_alloc(j->data.N, sizeof *row, e);
	int rc = -1;

	for (size_t i = 0; row && i < j->data.N; i++)
		row[i] = (uint32_t)i;
	if (row && !fl_data_subset(&j->data, row, j->data.N, 0, &rec, e) &&
	    !fl_meta_set(&rec, "fl.client", NULL, e) &&
	    !fl_dir_create(&w->dir, SOURCE, &o, e) && !fl_stream_write(&o, &rec, e) &&
	    !fl_stream_write_end(&o, 1, e)) {
		fl_data_hash(&rec, j->hash);
		rc = fl_out_commit(&o, e);
	}
	if (rc)
		fl_out_abort(&o);
	fl_tset_release(&rec);
	free(row);
	return rc;
}

/* What fl.source of the records of w is; the first folder may bring the source. */
static int find_source(struct out *w, const char *path, struct fl_err *e)
{
	struct job *j = w->j;
	struct fl_arena *a = &j->run->arena;
	char *dir;

	if (!j->o->index)
		return 0;
	if (!(dir = absolute(path, a, e)))
		return -1;
	if (!j->source) {
		if (!(j->source = fl_arena_fmt(a, e, "%s/" SOURCE, dir)) || write_source(w, e))
			return -1;
	}
	w->source = relative(dir, j->source, a, e);
	return w->source ? 0 : -1;
}

static int fill(struct out *w, const char *path, struct fl_err *e)
{
	struct job *j = w->j;

	if (fl_dir_open(&w->dir, path, is_ours, MANIFEST, BEGIN, e) || find_source(w, path, e) ||
	    fl_par_for(j->split.K, (int)j->o->threads, w, write_file, e) || write_manifest(w, e)) {
		fl_dir_abort(&w->dir);
		return -1;
	}
	return 0;
}

/* --- all of it --- */

static int check_options(const struct opts *o, struct fl_err *e)
{
	if (o->model && !strcmp(o->model, "-") && !strcmp(o->data, "-"))
		return fl_fail(e, FL_EUSAGE, "the data and the model cannot both be standard input");
	return 0;
}

/* With a model, by its names, which the data must not contradict. */
static int read_data(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct fl_data_how how = o->how;
	struct fl_tset model = { .t = NULL };
	int rc;

	if (!o->model)
		return fl_data_open(&j->data, o->data, &how, e);
	if (fl_names_model(&j->names, o->model, e))
		return -1;
	how.names = &j->names;
	rc = fl_data_open(&j->data, o->data, &how, e);
	if (!rc)
		rc = fl_names_set(&j->names, &model, e) ||
		     fl_accord_pair(&model, o->model, &j->data.rec, j->data.name, e) ? -1 : 0;
	fl_tset_release(&model);
	return rc;
}

/* With --index, a plain record file is referred to where it lies. */
static int open_data(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	char *real;

	if (read_data(j, e))
		return -1;
	fl_data_warn_raw(&j->data, NULL);
	if (!o->index)
		return 0;
	if (j->data.row)
		return fl_fail(e, FL_EUSAGE, "--index: %s is in index form already", j->data.name);
	if (j->data.keep && strcmp(o->data, "-") && !o->how.channels_last && (real = realpath(o->data, NULL))) {
		j->source = fl_arena_str(&j->run->arena, real, e);
		fl_data_hash(&j->data.rec, j->hash);
		free(real);
		return j->source ? 0 : -1;
	}
	if (!strcmp(o->output, "-"))
		return fl_fail(e, FL_EUSAGE, "--index -o -: %s is no plain record that could be "
		               "referred to", j->data.name);
	return 0;
}

/* The picture, written but not published. */
static int draw(const struct job *j, const struct lists *l, struct fl_out *o, struct fl_err *e)
{
	const struct fl_part *s = &j->split;
	struct fl_str b = FL_STR_INIT, title = FL_STR_INIT;
	int rc;

	fl_spec_print(&j->o->by, &title);
	fl_plot_svg(l->counts, s->K, j->data.C, fl_str_c(&title), &b);
	b.oom |= title.oom;
	rc = fl_str_check(&b, e) || fl_out_open(o, j->o->plot, !j->o->no_sync, e) ||
	     fl_out_write(o, b.s, b.len, e) || fl_out_flush(o, e) ? -1 : 0;
	fl_str_clear(&b);
	fl_plot_text(l->counts, s->K, j->data.C, &b);
	if (!rc && j->run->progress && !b.oom)
		fputs(fl_str_c(&b), stderr);
	fl_str_release(&b);
	fl_str_release(&title);
	return rc;
}

static int write_all(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;
	struct lists kept, held;
	struct out train = { .j = j, .l = &kept, .dir.fd = -1 };
	struct out test = { .j = j, .l = &held, .dir.fd = -1 };
	struct fl_out plot = { .fd = -1 };
	int stream = !strcmp(o->output, "-"), rc = -1;

	if (make_lists(j, j->held ? TRAIN : ALL, &kept, e) ||
	    (j->held && make_lists(j, TEST, &held, e)))
		return -1;
	/* Nothing is published until everything is written. */
	if (stream ? find_source(&train, ".", e) : fill(&train, o->output, e))
		goto done;
	if (j->held && fill(&test, o->test_output, e))
		goto done;
	if (o->plot && draw(j, &kept, &plot, e))
		goto done;
	if (stream && write_stream(&train, e))
		goto done;
	if (j->held && fl_dir_commit(&test.dir, !o->no_sync, e))
		goto done;
	rc = stream ? 0 : fl_dir_commit(&train.dir, !o->no_sync, e);
	if (!rc && o->plot)
		rc = fl_out_commit(&plot, e);
done:
	fl_out_abort(&plot);
	fl_dir_abort(&train.dir);
	fl_dir_abort(&test.dir);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts, .data.client = -1 };
	int rc;

	if (check_options(j.o, e) || check_folders(&j, e))
		return -1;
	rc = open_data(&j, e) || split(&j, e) || write_all(&j, e) ? -1 : 0;
	fl_data_release(&j.data);
	fl_names_release(&j.names);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return !strcmp(o->data, "-") || (o->model && !strcmp(o->model, "-"));
}

static const struct fl_family *const families[] = {
	&fl_family_data, &fl_family_by, &fl_family_shift, NULL
};

static const struct fl_tool tool = {
	.name = "fl-partition",
	.nd = "split a data set over clients",
	.reads = "data",
	.writes = "data",
	.opts = opts,
	.osize = sizeof(struct opts),
	.families = families,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

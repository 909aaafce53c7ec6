/* What a split makes of examples: lists of clients, hold-outs by examples and by whole groups,
 * groups on both sides, the manifest; and the way from one folder to another. */
#include "base/path.h"
#include "part/holdout.h"
#include "part/manifest.h"
#include "tap.h"

#include <unistd.h>

#define ROWS 300
#define CLIENTS 3

static struct fl_arena arena;
static uint32_t owner[ROWS];
static int64_t group[ROWS];
static unsigned char held[ROWS];

/* Example i is client i % 3's, of group i / 3 % groups; every tenth is dropped. */
static struct fl_part split_of(int64_t groups)
{
	for (size_t i = 0; i < ROWS; i++) {
		owner[i] = i % 10 == 9 ? FL_PART_DROPPED : (uint32_t)(i % CLIENTS);
		group[i] = groups ? 100 + (int64_t)(i / 3) % groups : 0;
	}
	return (struct fl_part){
		.N = ROWS, .K = CLIENTS, .C = 2, .seed = 4, .owner = owner, .group = groups ? group : NULL,
		.arena = &arena,
	};
}

static size_t count_held(uint32_t client)
{
	size_t n = 0;

	for (size_t i = 0; i < ROWS; i++)
		n += held[i] && owner[i] == client;
	return n;
}

static void test_examples(void)
{
	struct fl_part s = split_of(0);
	struct fl_holdout how = { .frac = 0.29 };
	struct fl_err e = { 0 };
	unsigned char first[ROWS];

	is_int(fl_holdout_draw(&s, &how, held, &e), 0, "hold-out");
	for (uint32_t k = 0; k < CLIENTS; k++)
		is_int((long long)count_held(k), 26, "29 of a hundred of 90 examples, to the nearest");
	is_int((long long)count_held(FL_PART_DROPPED), 0, "what is dropped is not held out");
	memcpy(first, held, ROWS);
	fl_holdout_draw(&s, &how, held, &e);
	ok(!memcmp(first, held, ROWS), "the same again");
	/* A client's draw is its own: it is the same where others have other examples. */
	for (size_t i = 0; i < ROWS; i += 3)
		owner[i] = FL_PART_DROPPED;
	fl_holdout_draw(&s, &how, held, &e);
	for (size_t i = 0; i < ROWS; i++)
		if (i % 3 && first[i] != held[i])
			ok(0, "example %zu of another client changed sides", i);
	s = split_of(0);
	how.first = 1;			/* client 0 is now the number that client 1 was */
	fl_holdout_draw(&s, &how, held, &e);
	ok(memcmp(first, held, ROWS), "other numbers, another draw");
	how.frac = 1;
	fl_holdout_draw(&s, &how, held, &e);
	is_int((long long)count_held(1), 89, "one example stays");
	how.frac = 0;
	fl_holdout_draw(&s, &how, held, &e);
	is_int((long long)count_held(1), 1, "one at least is held out");
}

/* Groups of which a client has examples on both sides. */
static size_t torn(uint32_t client)
{
	size_t n = 0;

	for (int64_t g = 100; g < 100 + ROWS; g++) {
		int side[2] = { 0, 0 };

		for (size_t i = 0; i < ROWS; i++)
			if (owner[i] == client && group[i] == g)
				side[held[i]] = 1;
		n += side[0] && side[1];
	}
	return n;
}

static void test_groups(void)
{
	struct fl_part s = split_of(10);
	const struct fl_holdout how = { .frac = 0.3, .groups = 1 }, all = { .frac = 1, .groups = 1 };
	struct fl_err e = { 0 };

	is_int(fl_holdout_draw(&s, &how, held, &e), 0, "hold-out of groups");
	for (uint32_t k = 0; k < CLIENTS; k++) {
		is_int((long long)torn(k), 0, "no group of a client is torn apart");
		ok(count_held(k) >= 27 && count_held(k) < 27 + 10, "as many examples as asked, or one group more");
	}
	fl_holdout_draw(&s, &all, held, &e);
	for (uint32_t k = 0; k < CLIENTS; k++)
		ok(count_held(k) < 90 && count_held(k) >= 80, "one group stays");
	s = split_of(1);
	fl_holdout_draw(&s, &how, held, &e);
	is_int((long long)count_held(0), 0, "the only group stays");
	s.group = NULL;
	is_int(fl_holdout_draw(&s, &how, held, &e), -1, "no groups");
	is_int(e.code, FL_EDATA, "no groups are bad data");
}

static struct fl_leak leaks_of(const struct fl_part *s)
{
	struct fl_leak l;

	is_int(fl_holdout_leaks(s, held, &l, NULL), 0, "leaks");
	return l;
}

static void test_leaks(void)
{
	struct fl_part s = split_of(10);
	struct fl_leak l;

	memset(held, 0, ROWS);
	l = leaks_of(&s);
	ok(l.groups == 10 && !l.n, "nothing held out: no leak");
	held[7] = 1;			/* group 102, of client 1 */
	l = leaks_of(&s);
	ok(l.n == 1 && l.test == 7 && group[l.train] == 102 && !held[l.train], "one group is on both sides");
	for (size_t i = 0; i < ROWS; i++)
		held[i] = group[i] == 102;
	ok(!leaks_of(&s).n, "the whole group is held out: no leak");
	/* Held out whole by one client, and kept by another. */
	for (size_t i = 0; i < ROWS; i++)
		held[i] = group[i] == 102 && owner[i] == 1;
	l = leaks_of(&s);
	ok(l.n == 1 && owner[l.test] == 1 && owner[l.train] != 1, "another client's training is a leak, too");
	memset(held, 0, ROWS);
	held[9] = 1;			/* dropped */
	ok(!leaks_of(&s).n, "what is dropped is on no side");
	/* A client is a group, as a writer is. */
	for (size_t i = 0; i < ROWS; i++) {
		group[i] = owner[i];
		held[i] = i % 7 == 0;
	}
	ok(!leaks_of(&s).n, "clients that are of one group alone are meant to be");
	group[0] = 1;			/* client 0 has one of group 1's, beside its own */
	l = leaks_of(&s);
	ok(l.n == 2, "a client of two groups leaks both: %zu", l.n);
	s.group = NULL;
	l = leaks_of(&s);
	ok(!l.groups && !l.n, "no groups, no leaks");
}

static void test_lists(void)
{
	struct fl_part s = split_of(0);
	struct fl_lists all, train, test;
	int32_t y[ROWS];
	const struct fl_part_labels labels = { y, 2 };
	size_t bad = 0, n = 0, zero = 0, unlabelled = 0;

	for (size_t i = 0; i < ROWS; i++) {
		y[i] = i % 4 == 3 ? -1 : (int32_t)(i % 2);
		held[i] = i % 5 == 0;
		unlabelled += owner[i] == 2 && y[i] < 0 && !held[i];
		zero += owner[i] == 2 && y[i] == 0 && !held[i];
	}
	fl_lists_make(&all, &s, held, FL_PORTION_ALL, NULL, NULL);
	fl_lists_make(&train, &s, held, FL_PORTION_TRAIN, &labels, NULL);
	fl_lists_make(&test, &s, held, FL_PORTION_TEST, &labels, NULL);
	for (size_t k = 0; k < CLIENTS; k++) {
		n += fl_lists_size(&all, k);
		bad += fl_lists_size(&all, k) != fl_lists_size(&train, k) + fl_lists_size(&test, k);
		for (size_t i = test.start[k]; i < test.start[k + 1]; i++)
			bad += owner[test.row[i]] != k || !held[test.row[i]] ||
			       (i > test.start[k] && test.row[i] <= test.row[i - 1]);
	}
	is_int((long long)n, 270, "all that is not dropped");
	is_int((long long)bad, 0, "rows ascend, and each is its client's and in its portion");
	is_int((long long)train.counts[2 * 2 + 0], (long long)zero, "counts of a class");
	is_int((long long)train.unlabelled[2], (long long)unlabelled, "and of no class");
	ok(!all.counts, "without labels nothing is counted");
}

static void test_manifest(void)
{
	uint32_t who[] = { 0, 0, 1, 1, FL_PART_DROPPED };
	const int32_t y[] = { 0, 1, 1, -1, 0 };
	const struct fl_part_labels labels = { y, 2 };
	const char *const name[] = { "B\"asel", NULL };
	struct fl_part s = { .N = 5, .K = 2, .owner = who, .seed = 3, .tries = 1, .arena = &arena };
	struct fl_spec by, none = { .entry = NULL };
	struct fl_lists l;
	struct fl_manifest m = {
		.by = &by, .shift = &none, .split = &s, .lists = &l, .C = 2, .frac = NAN, .first = 7, .name = name,
		.unlabelled = 1,
	};
	struct fl_str b = FL_STR_INIT;

	fl_spec_parse(&fl_family_by, "natural", &arena, &by, NULL);
	fl_lists_make(&l, &s, NULL, FL_PORTION_ALL, &labels, NULL);
	is_int(fl_manifest_print(&m, &b, NULL), 0, "manifest");
	ok(strstr(fl_str_c(&b), "\"seed\":3,\"tries\":1,\"part\":\"all\",\"test_frac\":null,\"first\":7,"
	          "\"clients\":2,\"classes\":2,\"examples\":4,\"source_examples\":5,"
	          "\"name\":[\"B\\\"asel\",null],\"sizes\":[2,2],\"unlabelled\":[0,1],\n\"skew\":{") != NULL,
	   "what it was made of");
	ok(strstr(fl_str_c(&b), ",\"counts\":[\n[1,1],\n[0,1]]}\n") != NULL, "and how it is spread");
	ok(!strncmp(fl_str_c(&b), FL_MANIFEST_BEGIN, strlen(FL_MANIFEST_BEGIN)), "as folders are known by");
	fl_str_release(&b);
}

static void test_paths(void)
{
	static const struct { const char *from, *to, *way; } c[] = {
		{ "/a/b", "/a/b/x", "x" }, { "/a/b", "/a/x", "../x" }, { "/a/b", "/a/bc/x", "../bc/x" },
		{ "/a/bc", "/a/b/x", "../b/x" }, { "/a/b/c", "/x", "../../../x" }, { "/", "/a/x", "a/x" },
		{ "/a", "/b/a/x", "../b/a/x" },
	};
	struct fl_err e = { 0 };
	char cwd[4096];

	for (size_t i = 0; i < sizeof c / sizeof *c; i++)
		is_str(fl_path_relative(c[i].from, c[i].to, &arena, &e), c[i].way, c[i].to);
	ok(fl_path_inside("/a/b", "/a") && fl_path_inside("/a", "/a") && fl_path_inside("/a", "/"), "inside");
	ok(!fl_path_inside("/ab", "/a") && !fl_path_inside("/a", "/a/b"), "outside");
	if (getcwd(cwd, sizeof cwd)) {
		size_t n = strlen(cwd);

		is_str(fl_path_absolute(".", &arena, &e), cwd, "here");
		is_str(fl_path_absolute("not-there///", &arena, &e) + n, "/not-there", "what is not there yet");
	}
	ok(!fl_path_absolute("not/there", &arena, &e) && e.code == FL_EIO, "nor is its folder");
}

int main(void)
{
	test_examples();
	test_groups();
	test_leaks();
	test_lists();
	test_manifest();
	test_paths();
	fl_arena_release(&arena);
	return tap_done();
}

/* lib/table: distributions, intervals, tests, corrections and rankings against SciPy; cells of
 * files, conditions, fields of file names; what the formats make of odd text. */
#include "table/layout.h"
#include "table/pathkeys.h"
#include "table/student.h"
#include "tap.h"

#include <stdio.h>
#include <unistd.h>

#include "../golden/table/cases.h"

#define COUNT(a) (sizeof (a) / sizeof *(a))

/* Relative, down to 1e-300. */
static int near_to(double actual, double expect, double tol)
{
	return fabs(actual - expect) <= tol * fabs(expect) || (!(fabs(expect) > 1e-300) && fabs(actual) <= 1e-300);
}

static void distributions(void)
{
	for (size_t i = 0; i < COUNT(student); i++)
		if (!ok(near_to(fl_student_tails(student[i].t, student[i].nu), student[i].tails, 1e-10),
		        "tails of t beyond %g, %g degrees", student[i].t, student[i].nu))
			printf("# %.17g, not %.17g\n", fl_student_tails(student[i].t, student[i].nu), student[i].tails);
	for (size_t i = 0; i < COUNT(beta); i++)
		ok(near_to(fl_beta_part(beta[i].x, beta[i].a, beta[i].b), beta[i].part, 1e-12),
		   "I_%g(%g,%g)", beta[i].x, beta[i].a, beta[i].b);
	for (size_t i = 0; i < COUNT(normal); i++)
		ok(near_to(fl_normal_tails(normal[i].z), normal[i].tails, 1e-13), "tails of the normal beyond %g",
		   normal[i].z);
	for (size_t i = 0; i < COUNT(critical); i++)
		ok(near_to(fl_student_critical(critical[i].tails, critical[i].nu), critical[i].t, 1e-12),
		   "t with tails %g, %g degrees", critical[i].tails, critical[i].nu);
	is_near(fl_normal_critical(.05), 1.959963984540054, 1e-14, "z with tails 0.05");
	is_near(fl_normal_below(-1), 0.15865525393145707, 1e-15, "P(Z < -1)");
}

static double run_test(const char *name, struct fl_values *of, struct fl_arena *a)
{
	struct fl_err e = { 0 };
	struct fl_spec s;
	double p = -1;

	if (fl_spec_parse(&fl_family_test, name, a, &s, &e) ||
	    ((const struct fl_test *)s.entry)->probability(s.p, of, &p, &e))
		printf("# %s: %s\n", name, e.msg);
	return p;
}

static void intervals_and_tests(void)
{
	struct fl_arena a = { 0 };
	struct fl_spec t;
	double low, high;

	fl_spec_parse(&fl_family_interval, "t", &a, &t, NULL);
	for (size_t i = 0; i < COUNT(tests); i++) {
		struct fl_values of = { .v = tests[i].d, .n = tests[i].n, .level = .95, .seed = 1 };

		fl_values_measure(&of);
		is_near(of.mean, tests[i].mean, 1e-14, tests[i].name);
		is_near(of.sd, tests[i].sd, 1e-14, "standard deviation");
		((const struct fl_interval *)t.entry)->ends(t.p, &of, &low, &high, NULL);
		ok(near_to(low, tests[i].low, 1e-12) && near_to(high, tests[i].high, 1e-12), "t interval");
		ok(near_to(run_test("t", &of, &a), tests[i].t, 1e-10), "paired t");
		ok(near_to(run_test("wilcoxon", &of, &a), tests[i].wilcoxon, 1e-11), "signed ranks");
		if (!isnan(tests[i].signflip)) {
			is_near(run_test("signflip", &of, &a), tests[i].signflip, 1e-14, "all signs");
			is_near(run_test("signflip:exact=0", &of, &a), tests[i].signflip, .006, "drawn signs");
		}
	}
	fl_arena_release(&a);
}

/* The bootstrap of three values, whose 27 resamples can be counted, and of equal ones. */
static void bootstrap(void)
{
	static const double v[] = { 0, 3, 9 }, same[] = { .1, .1, .1 };
	struct fl_values of = { .v = v, .n = 3, .level = .8, .seed = 7 };
	struct fl_arena a = { 0 };
	struct fl_spec s;
	double low, high, again[2];

	fl_values_measure(&of);
	fl_spec_parse(&fl_family_interval, "bootstrap:n=100000", &a, &s, NULL);
	((const struct fl_interval *)s.entry)->ends(s.p, &of, &low, &high, NULL);
	/* P(mean <= 1) = 4/27 = .148, P(mean = 0) = 1/27; P(mean >= 7) = 4/27, P(9) = 1/27. */
	is_near(low, 1, 1e-15, "the quantile 0.1 of 27 means");
	is_near(high, 7, 1e-15, "the quantile 0.9");
	((const struct fl_interval *)s.entry)->ends(s.p, &of, &again[0], &again[1], NULL);
	ok(!memcmp(&low, &again[0], sizeof low) && !memcmp(&high, &again[1], sizeof high), "twice the same");
	fl_spec_parse(&fl_family_interval, "bootstrap:kind=bca", &a, &s, NULL);
	((const struct fl_interval *)s.entry)->ends(s.p, &of, &low, &high, NULL);
	ok(low >= 1 && low <= 2 && high >= 7 && high <= 9, "bca lies further up for what leans to the right");
	of = (struct fl_values){ .v = same, .n = 3, .level = .95 };
	fl_values_measure(&of);
	ok(!(of.sd > 0) && !(of.mean < .1) && !(of.mean > .1), "equal values have no spread, not even by rounding");
	((const struct fl_interval *)s.entry)->ends(s.p, &of, &low, &high, NULL);
	is_near(high - low, 0, 1e-15, "nor an interval");
	of.n = 1;
	fl_values_measure(&of);
	((const struct fl_interval *)s.entry)->ends(s.p, &of, &low, &high, NULL);
	ok(isnan(low) && isnan(high) && isnan(of.sd), "one value has neither");
	ok(isnan(run_test("t", &of, &a)), "nor a test");
	fl_arena_release(&a);
}

static void corrections(void)
{
	static const struct { const char *name; const double *want; } cases[] = {
		{ "holm", holm_p }, { "bh", bh_p }, { "none", raw_p },
	};
	struct fl_arena a = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		double p[COUNT(raw_p) + 1];
		struct fl_spec s;

		memcpy(p, raw_p, sizeof raw_p);
		fl_spec_parse(&fl_family_correction, cases[i].name, &a, &s, NULL);
		fl_correct(&s, p, COUNT(raw_p), NULL);
		for (size_t k = 0; k < COUNT(raw_p); k++)
			is_near(p[k], cases[i].want[k], 1e-14, cases[i].name);
		memcpy(p, raw_p, sizeof raw_p);
		p[COUNT(raw_p)] = NAN;
		fl_correct(&s, p, COUNT(raw_p) + 1, NULL);
		ok(isnan(p[COUNT(raw_p)]) && p[3] >= cases[i].want[3], "what has no p counts among them");
	}
	fl_arena_release(&a);
}

/* Ballots as sheets: a line a number, the place as the value. */
static char *write_ballots(size_t i)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/tmp/fl-sheet-%ld.jsonl", (long)getpid());
	if (!(f = fopen(path, "w")))
		return path;
	for (size_t b = 0; b < luces[i].ballots; b++)
		for (size_t k = 0; k < luces[i].rows; k++)
			if (luces[i].place[b][k] >= 0)
				fprintf(f, "{\"m\":\"r%zu\",\"seed\":%zu,\"x\":%d}\n", k, b, luces[i].place[b][k]);
	fclose(f);
	return path;
}

static const char *name_m[] = { "m" }, *name_seed[] = { "seed" }, *name_x[] = { "x" };
static const struct fl_sheet_how by_m = {
	.rows = { name_m, 1, 1 }, .over = { name_seed, 1, 1 }, .values = { name_x, 1, 1 }, .scale = 1,
};

static void rankings(void)
{
	static const unsigned char lower[] = { 1 };

	for (size_t i = 0; i < COUNT(luces); i++) {
		const char *path = write_ballots(i);
		struct fl_arena a = { 0 };
		struct fl_err e = { 0 };
		struct fl_sheet s;
		struct fl_ballots b;
		struct fl_spec k;
		double score[4] = { 0 }, se[4] = { 0 }, share[4], total = 0;
		char spec[64];

		snprintf(spec, sizeof spec, "plackett-luce:prior=%g", luces[i].prior);
		ok(!fl_sheet_read(&s, &by_m, &path, 1, &e) && !fl_ballots_make(&b, &s, lower, &e) &&
		   !fl_spec_parse(&fl_family_ranking, spec, &a, &k, &e) &&
		   !((const struct fl_ranking *)k.entry)->rank(k.p, &b, score, se, share, &e),
		   "%s is ranked %s", luces[i].name, e.msg);
		for (size_t r = 0; r < luces[i].rows; r++) {
			is_near(score[r], luces[i].logworth[r], 1e-6, "logarithm of the worth");
			is_near(se[r], luces[i].se[r], 1e-4, "its standard error");
			total += share[r];
		}
		is_near(total, 1, 1e-14, "worths are shares");
		fl_spec_parse(&fl_family_ranking, "meanrank", &a, &k, &e);
		((const struct fl_ranking *)k.entry)->rank(k.p, &b, score, se, NULL, &e);
		for (size_t r = 0; r < luces[i].rows; r++) {
			is_near(score[r], luces[i].meanrank[r], 1e-14, "mean rank");
			is_near(se[r], luces[i].meanrank_se[r], 1e-14, "its standard error");
		}
		fl_ballots_release(&b);
		fl_sheet_release(&s);
		fl_arena_release(&a);
		unlink(path);
	}
}

static void fields_of_names(void)
{
	static const struct { const char *template, *path, *want; } cases[] = {
		{ "{method}/{seed}/metrics.jsonl", "runs/mnist/fedprox:mu=1/3/metrics.jsonl", "fedprox:mu=1 3" },
		{ "{method}-{seed}.jsonl", "fed-avg-2.jsonl", "fed avg-2" },
		{ "{method}/{seed}", "/a/b", "a b" },
		{ "s{seed}/{method}.json", "xs1/a.json", NULL },
		{ "{method}/{seed}.json", "a/.json", NULL },
		{ "{method}/{seed}.json", "3.json", NULL },
	};
	struct fl_err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *o = fl_pathkeys_of(cases[i].template, cases[i].path, &e);
		char got[64] = "";

		if (!cases[i].want) {
			ok(!o && e.code == FL_EDATA, "%s is not of the form %s", cases[i].path, cases[i].template);
			continue;
		}
		if (o)
			snprintf(got, sizeof got, "%s %s", json_string_value(json_object_get(o, "method")),
			         json_string_value(json_object_get(o, "seed")));
		is_str(got, cases[i].want, cases[i].path);
		json_decref(o);
	}
	ok(fl_pathkeys_check("runs/x", &e) && fl_pathkeys_check("{a", &e) && fl_pathkeys_check("{}", &e) &&
	   fl_pathkeys_check("{a}/{a}", &e) && !fl_pathkeys_check("{a}/{b}", &e), "templates are checked");
}

/* Text that means something to a format comes out as itself. */
static void formats(void)
{
	static const struct { const char *name, *want; } cases[] = {
		{ "tsv", "k\ta_b\n\\\\x|<1>&\\x09\t1\n" },
		{ "json", "{\"schema\":\"fl-table/1\",\"kind\":\"cell\",\"k\":\"\\\\x|<1>&\\u0009\",\"a_b\":1}\n" },
		{ "markdown", "| k | a\\_b |\n|---|---:|\n| \\\\x\\|\\<1\\>\\&  | **1** |\n" },
		{ "latex", "\\begin{tabular}{lr}\n\\toprule\nk & a\\_b \\\\\n\\midrule\n"
		           "\\textbackslash{}x|\\textless{}1\\textgreater{}\\&  & \\textbf{1} \\\\\n\\bottomrule\n"
		           "\\end{tabular}\n" },
		{ "html", "<table>\n<thead>\n<tr><th>k</th><th style=\"text-align:right\">a_b</th></tr>\n</thead>\n"
		          "<tbody>\n<tr><td>\\x|&lt;1&gt;&amp; </td><td style=\"text-align:right\">"
		          "<strong>1</strong></td></tr>\n</tbody>\n</table>\n" },
	};
	struct fl_grid g = { .kind = "cell" };
	struct fl_arena a = { 0 };

	ok(!fl_grid_init(&g, 2, 1, NULL) && !fl_grid_head(&g, 0, "k", 0, NULL) &&
	   !fl_grid_head(&g, 1, "a_b", FL_GRID_NUMBER, NULL) && !fl_grid_add(&g, "\\x|<1>&\t", 0, NULL) &&
	   !fl_grid_add(&g, "1", FL_GRID_STRONG, NULL), "a grid is made");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fl_str s = FL_STR_INIT;
		struct fl_spec f;

		fl_spec_parse(&fl_family_format, cases[i].name, &a, &f, NULL);
		((const struct fl_format *)f.entry)->write(f.p, &g, &s);
		is_str(fl_str_c(&s), cases[i].want, cases[i].name);
		fl_str_release(&s);
	}
	fl_grid_release(&g);
	fl_arena_release(&a);
}

int main(void)
{
	distributions();
	intervals_and_tests();
	bootstrap();
	corrections();
	rankings();
	fields_of_names();
	formats();
	return tap_done();
}

/* Retrieval and what is measured of it, by hand. */
#include "tap.h"

#include <unistd.h>

#include "retrieve/write.h"
#include "tensor/meta.h"

static char dir[] = "/tmp/fl-retrieve-XXXXXX";
static char path[64];

static const char *put_file(const char *text)
{
	FILE *f;

	snprintf(path, sizeof path, "%s/ids", dir);
	if (!(f = fopen(path, "w")) || fputs(text, f) < 0 || fclose(f))
		exit(4);
	return path;
}

/* Rows (cos, sin) of degree(n); what may be NULL stands beside them. */
static void rows(struct fl_embeds *m, const double *degree, size_t n, const int64_t *id,
                 const float *kappa, const char *metric)
{
	struct fl_tset s = { .t = NULL };
	float *x = (float *)fl_tset_add(&s, "emb", FL_F32, 2, (const size_t[]){ n, 2 }, NULL, NULL)
	                   ->data;

	for (size_t i = 0; i < n; i++) {
		x[2 * i] = (float)cos(degree[i] * acos(-1) / 180);
		x[2 * i + 1] = (float)sin(degree[i] * acos(-1) / 180);
	}
	if (id)
		memcpy(fl_tset_add(&s, "id", FL_I64, 1, &n, NULL, NULL)->data, id, n * sizeof *id);
	if (kappa)
		memcpy(fl_tset_add(&s, "kappa", FL_F32, 1, &n, NULL, NULL)->data, kappa,
		       n * sizeof *kappa);
	if (metric)
		fl_meta_set(&s, "fl.metric", metric, NULL);
	*m = (struct fl_embeds){ .n = 0 };
	if (fl_embeds_take(m, &s, metric ? metric : "rows", NULL))
		exit(4);
}

static const struct fl_retrieve plain = {
	.top = 4, .min = -INFINITY, .memory = 1 << 20, .threads = 1, .measure = { .bins = 2 },
};

/* The text of what fails, or "". */
static const char *retrieve(const struct fl_retrieve *how, const struct fl_embeds *q,
                            const struct fl_embeds *g, struct fl_retrieved *r)
{
	static struct fl_err e;

	e = (struct fl_err){ 0 };
	return fl_retrieve(how, q, g, r, &e) ? e.msg : "";
}

/* --- hits --- */

static const double four[] = { 0, 30, 60, 90 }, two[] = { 5, 80 };

static void is_hits(const struct fl_retrieved *r, size_t q, size_t n, const int64_t *id,
                    const char *what)
{
	const struct fl_top *t = &r->found.top;

	if (!is_int(t->count[q], (long long)n, what))
		return;
	for (size_t k = 0; k < n; k++)
		is_int(fl_picked_id(&r->gallery, t->hit[q * t->k + k].row), id[k], what);
}

static void finds(void)
{
	static const int64_t id[] = { 40, 30, 20, 10 };
	struct fl_retrieve how = plain;
	struct fl_embeds q, g;
	struct fl_retrieved r;

	rows(&q, two, 2, NULL, NULL, NULL);
	rows(&g, four, 4, id, NULL, NULL);
	is_str(retrieve(&how, &q, &g, &r), "", "by cosine");
	ok(r.score == &fl_score_cosine, "which is the default");
	is_hits(&r, 0, 4, (const int64_t[]){ 40, 30, 20, 10 }, "near 0 degrees");
	is_hits(&r, 1, 4, (const int64_t[]){ 10, 20, 30, 40 }, "near 90 degrees");
	is_near(r.found.top.hit[0].score, cos(5 * acos(-1) / 180), 1e-6, "the score is the cosine");
	fl_retrieved_release(&r);

	how.only = put_file("10\n30\n77\n");
	is_str(retrieve(&how, &q, &g, &r), "", "among some");
	is_hits(&r, 0, 2, (const int64_t[]){ 30, 10 }, "those named only");
	fl_retrieved_release(&r);
	how.only = NULL;
	how.except = put_file("10\n\n30\n");
	is_str(retrieve(&how, &q, &g, &r), "", "without some");
	is_hits(&r, 0, 2, (const int64_t[]){ 40, 20 }, "but those named");
	fl_retrieved_release(&r);
	how.except = put_file("10\nx\n");
	ok(strstr(retrieve(&how, &q, &g, &r), "line 2 is not an id") != NULL, "an id that is none");
	fl_retrieved_release(&r);
	how.except = put_file("10\n20\n30\n40\n");
	is_str(retrieve(&how, &q, &g, &r), "--only and --except leave no row of the gallery",
	       "none left");
	fl_retrieved_release(&r);
	fl_embeds_release(&q);
	fl_embeds_release(&g);
}

static void leaves_self_out(void)
{
	static const int64_t id[] = { 7, 8, 9, 10 };
	struct fl_retrieve how = plain;
	struct fl_embeds m;
	struct fl_retrieved r;

	rows(&m, four, 4, id, NULL, NULL);
	how.self = 1;
	is_str(retrieve(&how, &m, &m, &r), "", "a set among itself");
	is_hits(&r, 0, 3, (const int64_t[]){ 8, 9, 10 }, "but not the row itself");
	fl_retrieved_release(&r);
	fl_embeds_release(&m);
}

/* --- scores --- */

static void scores(void)
{
	static const float kappa[] = { 2, 40 };
	struct fl_embeds bare, text, vmf, ps, g;
	struct fl_retrieve how = plain;
	struct fl_retrieved r;

	rows(&bare, two, 2, NULL, NULL, NULL);
	rows(&text, two, 2, NULL, kappa, NULL);
	rows(&vmf, two, 2, NULL, kappa, "vmf");
	rows(&ps, four, 4, NULL, NULL, "ps");
	rows(&g, four, 4, NULL, NULL, NULL);
	is_str(retrieve(&how, &vmf, &g, &r), "", "a likelihood of texts");
	ok(r.score == &fl_score_vmf, "as the records say");
	is_near(r.query.scale[1], 40, 0, "kappa is the slope");
	ok(!r.gallery.scale, "images have none");
	fl_retrieved_release(&r);
	is_str(retrieve(&how, &vmf, &ps, &r),
	       "fl.metric is vmf of the queries, ps of the gallery; --score decides",
	       "a contradiction");
	fl_retrieved_release(&r);
	how.score = &fl_score_ps;
	is_str(retrieve(&how, &vmf, &ps, &r), "", "is decided");
	fl_retrieved_release(&r);
	is_str(retrieve(&how, &bare, &g, &r),
	       "rows: no kappa beside the rows, which score ps wants", "what is not there");
	fl_retrieved_release(&r);
	how.score = &fl_score_product;
	is_str(retrieve(&how, &text, &g, &r),
	       "rows: no kappa beside the rows, which score product wants", "of images, too");
	fl_retrieved_release(&r);
	fl_embeds_release(&bare);
	fl_embeds_release(&text);
	fl_embeds_release(&vmf);
	fl_embeds_release(&ps);
	fl_embeds_release(&g);
}

/* --- measuring --- */

/* Queries 0 and 3 find their own row of four first, 1 second, 2 last. */
static const double asked[] = { 1, 55, 0, 89 };

static void measures(void)
{
	static const float kappa[] = { 4, 2, 1, 8 };
	struct fl_retrieve how = plain;
	struct fl_embeds q, g;
	struct fl_retrieved r;

	rows(&q, asked, 4, NULL, kappa, NULL);
	rows(&g, four, 4, NULL, NULL, NULL);
	how.truth = "diagonal";
	how.both = 1;
	is_str(retrieve(&how, &q, &g, &r), "", "measured");
	is_int((long long)r.measure.metric.n, 5, "by five metrics where none is named");
	is_near(r.fore.value[0], .5, 0, "hit@1");
	ok(isnan(r.fore.value[1]), "hit@5 cannot be said of four rows");
	is_near(r.fore.value[3], 1, 0, "median rank: floor of that of 1, 1, 2, 3");
	is_near(r.fore.value[4], 7.0 / 4, 1e-15, "mean rank of 1, 2, 3, 1");
	is_near(r.back.value[4], (2 + 2 + 3 + 1) / 4.0, 1e-15, "mean rank of the other direction");
	is_int((long long)r.fore.answered, 4, "answers that have an uncertainty");
	is_near(r.fore.u[2], 1, 0, "1/kappa");
	is_near(r.fore.doubt.auroc, 1, 0, "it knows what is wrong");
	is_near(r.back.u[2], .5, 0, "of who is found, where who asks has none");
	fl_retrieved_release(&r);

	how.except = put_file("1\n");
	is_str(retrieve(&how, &q, &g, &r), "query row 1 has no positive among the rows searched; "
	       "--skip-unmatched passes over such rows", "a positive left out");
	fl_retrieved_release(&r);
	how.skip = 1;
	is_str(retrieve(&how, &q, &g, &r), "", "passed over");
	is_int((long long)r.fore.truth.skipped, 1, "and counted");
	is_near(r.fore.value[4], (1 + 2 + 1) / 3.0, 1e-15, "mean rank of the others");
	fl_retrieved_release(&r);
	fl_embeds_release(&q);
	fl_embeds_release(&g);
}

static struct fl_specs metrics(const char *list, struct fl_arena *a)
{
	struct fl_specs s = { .n = 0 };

	if (fl_specs_parse(&fl_family_rmetric, list, a, &s, NULL))
		exit(4);
	return s;
}

static void folds(void)
{
	static const double turned[] = { 1, 55, 85, 89 };
	struct fl_retrieve how = plain;
	struct fl_arena a = { 0 };
	struct fl_embeds q, g;
	struct fl_retrieved r;

	rows(&q, turned, 4, NULL, NULL, NULL);
	rows(&g, four, 4, NULL, NULL, NULL);
	how.truth = "diagonal";
	how.folds = 2;
	how.measure.metric = metrics("hit@1,meanr", &a);
	is_str(retrieve(&how, &q, &g, &r), "", "within two folds");
	is_near(r.fore.value[0], 3.0 / 4, 0,
	        "hit@1, of the first pair 1 and 1, of the second 0 and 1");
	is_near(r.fore.value[1], 5.0 / 4, 1e-15, "mean rank");
	is_int((long long)r.fore.truth.Q, 4, "the truth is that of all");
	fl_retrieved_release(&r);
	how.measure.metric = metrics("hit@3", &a);
	is_str(retrieve(&how, &q, &g, &r),
	       "fold 0: hit@3 looks at 3 places, the gallery has 2 rows", "too few in a fold");
	fl_retrieved_release(&r);
	how.truth = "attributes";
	how.measure.metric = metrics("meanr", &a);
	is_str(retrieve(&how, &q, &g, &r), "--folds go by who belongs to whom, not by attributes",
	       "no folds of attributes");
	fl_retrieved_release(&r);
	how.folds = 0;
	how.measure.metric = metrics("rsum", &a);
	is_str(retrieve(&how, &q, &g, &r), "rsum adds up both directions: --both", "needs both");
	fl_retrieved_release(&r);
	how.truth = "diagonal";
	how.measure.metric = metrics("pmrp", &a);
	is_str(retrieve(&how, &q, &g, &r), "pmrp wants --truth attributes", "needs grades");
	fl_retrieved_release(&r);
	fl_arena_release(&a);
	fl_embeds_release(&q);
	fl_embeds_release(&g);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 4;
	finds();
	leaves_self_out();
	scores();
	measures();
	folds();
	unlink(path);
	rmdir(dir);
	return tap_done();
}

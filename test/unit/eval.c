/* What is measured: names and views of metrics. Rows: one client after the other in any order,
 * those that say nothing, and all of them together. */
#include "eval/report.h"
#include "tap.h"

static struct fl_arena arena;
static struct fl_specs specs;

/* Room for one panel at a time. */
static struct fl_panel panel;

static int set_panel(const char *metrics, struct fl_err *e)
{
	*e = (struct fl_err){ 0 };
	return fl_specs_parse(&fl_family_metric, metrics, &arena, &specs, e) ? -2 :
	       fl_panel_init(&panel, &specs, 0, &arena, e);
}

static void test_names(void)
{
	static const char *const want[] = {
		"accuracy", "f1@early", "quantile@0.9", "quantile@0.5@early", "ece@late", "robust@0.1",
	};
	struct fl_err e;

	is_int(set_panel("accuracy,f1@early,quantile,quantile:q=0.5,tap=early,ece:tap=late,bins=3,robust", &e),
	       0, "six metrics");
	for (size_t m = 0; m < panel.n; m++)
		is_str(panel.name[m], want[m], "its name");
	is_int((long long)panel.nview, 3, "outputs and two taps");
	ok(panel.of[0] == 0 && panel.of[1] == 1 && panel.of[3] == 1 && panel.of[4] == 2, "each its view");
	ok(panel.view[1].needs & FL_METRIC_COUNTS && !(panel.view[0].needs & FL_METRIC_COUNTS),
	   "counts where they are wanted");
	is_str(fl_panel_needing(&panel, FL_METRIC_INPUTS), "robust@0.1", "who changes inputs");
	ok(!fl_panel_needing(&panel, FL_METRIC_FIRST), "nobody compares");
	is_int(set_panel("f1,f1", &e), -1, "twice");
	is_str(e.msg, "f1 is given twice", "twice, as it is said");
	is_int(set_panel("ece:bins=3,ece:bins=4", &e), -1, "two of one name");
	is_int(set_panel("", &e), -1, "none");
}

/* A client whose metrics have rooms of their own: n examples of classes y, and logits for
 * class 0 that fall from one to the next. */
static struct fl_measured client_of(int64_t client, const int32_t *y, size_t n, const char *name)
{
	struct fl_measured m = { .client = client, .round = 4, .n = n, .C = 2, .name = name };
	float z[16] = { 0 };
	struct fl_metric_batch b = { .B = n, .y = y, .z = z };

	for (size_t i = 0; i < n; i++)
		z[2 * i] = (float)client - (float)i;
	m.ctx = fl_arena_zero(&m.arena, panel.n, sizeof *m.ctx, NULL);
	for (size_t k = 0; k < panel.n; k++) {
		const struct fl_metric *f = fl_panel_metric(&panel, k);
		struct fl_metric_ctx *c = &m.ctx[k];
		int rc = 0;

		*c = (struct fl_metric_ctx){ .C = 2, .n = n, .arena = &m.arena };
		if (f->begin)
			f->begin(panel.spec[k].p, c, NULL);
		f->batch(panel.spec[k].p, c, &b, NULL);
		m.v[k] = c->sum / (double)n;
		if (f->end)
			rc = f->end(panel.spec[k].p, c, &m.v[k], NULL);
		if (rc)
			m.unsaid |= 1u << k;
		c->arena = NULL;	/* it moves with m: who pools sets it */
	}
	return m;
}

static double field(const struct fl_report *r, const char *name)
{
	double v = -2;

	return fl_report_field(r, name, strlen(name), &v) ? -3 : v;
}

static const int32_t labels[] = { 0, 1, 0, 0, 1 };

static void test_rows(void)
{
	static const int order[2][3] = { { 3, 1, 2 }, { 2, 3, 1 } };
	static const size_t size[] = { 0, 5, 1, 4 };
	struct fl_str text[2] = { FL_STR_INIT, FL_STR_INIT };
	struct fl_err e = { 0 };

	set_panel("accuracy,auc", &e);
	for (int t = 0; t < 2; t++) {
		struct fl_report r = { .panel = &panel };

		ok(fl_report_field(&r, "auc_mean", 8, (double[1]){ 0 }) == 0, "fields have names before there are any");
		for (int i = 0; i < 3; i++) {
			int k = order[t][i];
			struct fl_measured m = client_of(k, labels, size[k], k == 2 ? "Basel" : NULL);

			is_int(fl_report_add(&r, &m, &e), 0, "a client");
			ok(!m.ctx && !m.counts, "what was measured is taken over");
		}
		is_int(fl_report_finish(&r, &e), 0, "summary");
		ok(r.row[0].client == 1 && r.row[2].client == 3, "rows are by client");
		ok(r.row[1].unsaid == 2, "one example has no AUC");
		ok(r.named && !r.row[0].name && !strcmp(r.row[1].name, "Basel"), "names");
		is_near(field(&r, "n"), 10, 0, "examples");
		is_near(field(&r, "clients"), 3, 0, "clients");
		is_near(field(&r, "round"), 4, 0, "the round of all");
		/* Of the two that say it: z falls from the first example to the last. */
		is_near(field(&r, "auc_mean"), (4. / 6 + 1. / 3) / 2, 1e-15, "mean of AUC is over the others");
		is_near(field(&r, "auc_min"), 1. / 3, 1e-15, "the least AUC, too");
		ok(field(&r, "auc") > 0 && field(&r, "auc") < 1, "AUC of all examples together");
		is_int((long long)field(&r, "auc_median"), -3, "no such field");
		fl_report_print(&r, FL_REPORT_JSON, &text[t]);
		fl_report_print(&r, FL_REPORT_TSV, &text[t]);
		fl_report_release(&r);
	}
	is_str(fl_str_c(&text[1]), fl_str_c(&text[0]), "the order of clients shows nowhere");
	ok(strstr(fl_str_c(&text[0]), "\"auc\":null") && strstr(fl_str_c(&text[0]), "\t-\t"),
	   "what examples do not say is null, or a dash");
	fl_str_release(&text[0]);
	fl_str_release(&text[1]);
}

static void test_refused(void)
{
	struct fl_report r = { .panel = &panel };
	struct fl_err e = { 0 };
	struct fl_measured m;

	set_panel("auc", &e);
	m = client_of(5, labels, 4, NULL);
	fl_report_add(&r, &m, &e);
	m = client_of(6, labels, 4, NULL);
	m.C = 3;
	is_int(fl_report_add(&r, &m, &e), -1, "other classes");
	is_str(e.msg, "model of client 6: 3 classes, others have 2", "other classes, as it is said");
	m = client_of(5, labels, 2, NULL);
	is_int(fl_report_add(&r, &m, &e), 0, "a client's number twice");
	is_int(fl_report_finish(&r, &e), -1, "is refused");
	is_str(e.msg, "client 5 occurs twice", "as it is said");
	fl_report_release(&r);
	r.panel = &panel;
	is_int(fl_report_finish(&r, &e), 0, "no client at all");
	ok(isnan(field(&r, "auc")) && field(&r, "clients") == 0, "of no client nothing is known");
	fl_report_release(&r);
}

int main(void)
{
	test_names();
	test_rows();
	test_refused();
	fl_arena_release(&arena);
	return tap_done();
}

/* Rows of clients and their summary, as JSON Lines and as a table. */
#include <inttypes.h>

#include "eval/report.h"

#define SCHEMA "fl-eval/1"
#define SCHEMA_CONFUSION "fl-confusion/1"

const char *const fl_report_formats[] = { "tsv", "json", NULL };

static void json_int(struct fl_str *b, const char *key, int64_t v)
{
	fl_str_addf(b, ",\"%s\":", key);
	if (v < 0)
		fl_str_add(b, "null");
	else
		fl_str_addf(b, "%" PRId64, v);
}

/* Names of metrics may hold whatever a group is called. */
static void json_real(struct fl_str *b, const char *key, const char *suffix, double v)
{
	struct fl_str name = FL_STR_INIT;

	fl_str_addf(&name, "%s%s", key, suffix);
	fl_str_addc(b, ',');
	fl_str_addjson(b, fl_str_c(&name));
	fl_str_addc(b, ':');
	fl_str_addjsonnum(b, v);
	b->oom |= name.oom;
	fl_str_release(&name);
}

static void json_text(struct fl_str *b, const char *key, const char *text)
{
	fl_str_addf(b, ",\"%s\":", key);
	if (text)
		fl_str_addjson(b, text);
	else
		fl_str_add(b, "null");
}

/* named: one row has a name, so all have the field. */
static void json_begin(struct fl_str *b, const char *schema, const char *kind, int named,
                       const struct fl_report_row *r)
{
	fl_str_addf(b, "{\"schema\":\"%s\",\"kind\":\"%s\"", schema, kind);
	json_int(b, "client", r->client);
	if (named)
		json_text(b, "name", r->name);
	json_int(b, "round", r->round);
	json_text(b, "split", r->split);
	fl_str_addf(b, ",\"n\":%zu", r->n);
}

static void json(const struct fl_report *r, struct fl_str *b)
{
	struct fl_report_row all = fl_report_overall(r);

	for (size_t i = 0; i < r->n; i++) {
		json_begin(b, SCHEMA, "client", r->named, &r->row[i]);
		for (size_t m = 0; m < r->panel->n; m++)
			json_real(b, r->panel->name[m], "", r->row[i].v[m]);
		fl_str_add(b, "}\n");
	}
	json_begin(b, SCHEMA, "summary", r->named, &all);
	fl_str_addf(b, ",\"clients\":%zu", r->n);
	for (size_t m = 0; m < r->panel->n; m++)
		for (size_t f = 0; f < FL_REPORT_SPREAD; f++)
			json_real(b, r->panel->name[m], fl_report_spread[f].suffix, fl_report_value(r, m, f));
	fl_str_add(b, "}\n");
}

static void tsv_int(struct fl_str *b, int64_t v)
{
	if (v < 0)
		fl_str_add(b, "-\t");
	else
		fl_str_addf(b, "%" PRId64 "\t", v);
}

static void tsv_head(struct fl_str *b, int named)
{
	fl_str_addf(b, "kind\tclient%s\tround\tsplit\tn", named ? "\tname" : "");
}

static void tsv_begin(struct fl_str *b, const char *kind, int named, const struct fl_report_row *r)
{
	fl_str_addf(b, "%s\t", kind);
	tsv_int(b, r->client);
	if (named) {
		fl_str_addtsv(b, r->name ? r->name : "-");
		fl_str_addc(b, '\t');
	}
	tsv_int(b, r->round);
	fl_str_addtsv(b, r->split ? r->split : "-");
	fl_str_addf(b, "\t%zu", r->n);
}

static void tsv_name(struct fl_str *b, const char *metric, const char *suffix)
{
	fl_str_addc(b, '\t');
	fl_str_addtsv(b, metric);
	fl_str_add(b, suffix);
}

static void tsv_real(struct fl_str *b, double v)
{
	fl_str_addc(b, '\t');
	fl_str_addnum(b, v);
}

/* Columns: the metrics, then the rest of the summary, which clients leave empty. */
static void tsv(const struct fl_report *r, struct fl_str *b)
{
	size_t M = r->panel->n;
	struct fl_report_row all = fl_report_overall(r);

	tsv_head(b, r->named);
	for (size_t m = 0; m < M; m++)
		tsv_name(b, r->panel->name[m], "");
	for (size_t m = 0; m < M; m++)
		for (size_t f = 1; f < FL_REPORT_SPREAD; f++)
			tsv_name(b, r->panel->name[m], fl_report_spread[f].suffix);
	fl_str_add(b, "\n");
	for (size_t i = 0; i < r->n; i++) {
		tsv_begin(b, "client", r->named, &r->row[i]);
		for (size_t m = 0; m < M; m++)
			if (r->row[i].unsaid >> m & 1)
				fl_str_add(b, "\t-");
			else
				tsv_real(b, r->row[i].v[m]);
		for (size_t f = 0; f < M * (FL_REPORT_SPREAD - 1); f++)
			fl_str_addc(b, '\t');
		fl_str_add(b, "\n");
	}
	tsv_begin(b, "summary", r->named, &all);
	for (size_t m = 0; m < M; m++)
		tsv_real(b, fl_report_value(r, m, 0));
	for (size_t m = 0; m < M; m++)
		for (size_t f = 1; f < FL_REPORT_SPREAD; f++)
			tsv_real(b, fl_report_value(r, m, f));
	fl_str_add(b, "\n");
}

/* The rows of one client, or of all, a class each. r->n is of the class. */
static void classes_json(struct fl_str *b, const char *kind, int named, struct fl_report_row r)
{
	for (size_t c = 0; c < r.C; c++) {
		const uint64_t *n = r.counts + c * (r.C + 1);
		struct fl_class k = fl_confusion_class(r.counts, r.C, c);

		r.n = k.n;
		json_begin(b, SCHEMA_CONFUSION, kind, named, &r);
		fl_str_addf(b, ",\"class\":%zu", c);
		json_real(b, "recall", "", k.recall);
		json_real(b, "precision", "", k.precision);
		json_real(b, "f1", "", k.f1);
		for (size_t d = 0; d < r.C; d++)
			fl_str_addf(b, "%s%" PRIu64, d ? "," : ",\"counts\":[", n[d]);
		fl_str_addf(b, "],\"none\":%" PRIu64 "}\n", n[r.C]);
	}
}

static void classes_tsv(struct fl_str *b, const char *kind, int named, struct fl_report_row r)
{
	for (size_t c = 0; c < r.C; c++) {
		struct fl_class k = fl_confusion_class(r.counts, r.C, c);

		r.n = k.n;
		tsv_begin(b, kind, named, &r);
		fl_str_addf(b, "\t%zu", c);
		tsv_real(b, k.recall);
		tsv_real(b, k.precision);
		tsv_real(b, k.f1);
		for (size_t d = 0; d <= r.C; d++)
			fl_str_addf(b, "\t%" PRIu64, r.counts[c * (r.C + 1) + d]);
		fl_str_add(b, "\n");
	}
}

void fl_report_print(const struct fl_report *r, enum fl_report_format format, struct fl_str *b)
{
	if (format == FL_REPORT_JSON)
		json(r, b);
	else
		tsv(r, b);
}

void fl_report_confusion(const struct fl_report *r, enum fl_report_format format,
                       struct fl_str *b)
{
	void (*classes)(struct fl_str *, const char *, int, struct fl_report_row) =
		format == FL_REPORT_JSON ? classes_json : classes_tsv;
	struct fl_report_row all = fl_report_overall(r);

	if (format == FL_REPORT_TSV) {
		tsv_head(b, r->named);
		fl_str_add(b, "\tclass\trecall\tprecision\tf1");
		for (size_t d = 0; d < r->C; d++)
			fl_str_addf(b, "\t%zu", d);
		fl_str_add(b, "\tnone\n");
	}
	for (size_t i = 0; i < r->n; i++)
		classes(b, "client", r->named, r->row[i]);
	all.C = r->C;
	all.counts = r->counts;
	classes(b, "summary", r->named, all);
}

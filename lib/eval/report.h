/* Rows of clients and their summary, the fields of fl-metrics(5), as numbers and as text. */
#ifndef FL_EVAL_REPORT_H
#define FL_EVAL_REPORT_H

#include "eval/client.h"

struct fl_report_row {
	int64_t client, round;		/* -1: none */
	const char *name, *split;	/* NULL: not known */
	size_t n, order;		/* examples; place among all, as they came */
	double v[FL_PANEL_MAX];
	unsigned unsaid;		/* as in struct fl_measured */
	size_t C;
	uint64_t *counts;		/* (C,C+1) with panel->confusion, or NULL; owned */
};

/* All zero but for panel: no client yet. */
struct fl_report {
	const struct fl_panel *panel;
	struct fl_report_row *row;	/* (n) */
	size_t n, cap;
	int named;			/* a client has a name: all rows have the field */
	struct fl_spread spread[FL_PANEL_MAX];
	/* Of all clients together: counts (nview,C,C+1) and the rooms of metrics that pool. */
	size_t C;
	uint64_t *counts;
	struct fl_metric_ctx *pool;	/* (panel->n), in rooms; NULL before the first client */
	struct fl_arena rooms, arena;
};

/* Keeps what was measured of a client, which is then as fl_measured_release() leaves it. The
 * order of calls shows in no value of the summary. FL_EDATA where clients' models tell
 * different numbers of classes apart, and a metric is of all of them together. */
int fl_report_add(struct fl_report *r, struct fl_measured *m, struct fl_err *e);
/* After the last: sorts rows by client, those without a number first, in the order in which
 * they came; and makes the summary. FL_EDATA for a client that is there twice. */
int fl_report_finish(struct fl_report *r, struct fl_err *e);
void fl_report_release(struct fl_report *r);

/* A number of the summary by its name(n), also before there are any: 0, or -1: there is none
 * of that name. NAN where it is not known, as the rounds of rows that differ. */
int fl_report_field(const struct fl_report *r, const char *name, size_t n, double *v);

enum fl_report_format { FL_REPORT_TSV, FL_REPORT_JSON };
extern const char *const fl_report_formats[];	/* by the above, NULL-terminated */
/* Appends the rows and the summary. */
void fl_report_print(const struct fl_report *r, enum fl_report_format format, struct fl_str *b);
/* Of panel->confusion: a row a class, of each client and of all. */
void fl_report_confusion(const struct fl_report *r, enum fl_report_format format,
                       struct fl_str *b);

/* For those who print: a number of a metric's spread, its name what is behind the metric's. */
struct fl_report_spread {
	const char *suffix;		/* "", "_mean", ... */
	size_t off;			/* of a double in struct fl_spread */
};
#define FL_REPORT_SPREAD 14
extern const struct fl_report_spread fl_report_spread[FL_REPORT_SPREAD];
double fl_report_value(const struct fl_report *r, size_t metric, size_t field);
/* What all rows have in common; without values. */
struct fl_report_row fl_report_overall(const struct fl_report *r);

#endif

/* What is measured of every client: metrics, the numbers of the net that they look at, and
 * the names of their fields. */
#ifndef FL_EVAL_PANEL_H
#define FL_EVAL_PANEL_H

#include "base/spec.h"
#include "metric/metric.h"

#define FL_PANEL_MAX 16		/* metrics */

/* The numbers that a metric looks at in place of logits: the outputs, which are the first
 * view, or a tap. */
struct fl_view {
	const char *tap;		/* NULL: the outputs */
	unsigned needs;			/* of its metrics together, FL_METRIC_* */
};

struct fl_panel {
	const struct fl_spec *spec;	/* (n) */
	size_t n;
	const char *name[FL_PANEL_MAX];	/* of a metric's fields, all different */
	size_t of[FL_PANEL_MAX];	/* its view */
	struct fl_view view[FL_PANEL_MAX + 1];
	size_t nview;
	unsigned needs;			/* of all metrics together */
	int confusion;			/* counts of the outputs are kept, client by client */
};
/* confusion as above. metrics, and a for names, must outlive p. FL_EUSAGE where there are none,
 * too many, or two of one name: that of the metric, accuracy, and behind an @ its first
 * parameter and its tap, where they are set: quantile@0.9@early. */
int fl_panel_init(struct fl_panel *p, const struct fl_specs *metrics, int confusion,
                  struct fl_arena *a, struct fl_err *e);
static inline const struct fl_metric *fl_panel_metric(const struct fl_panel *p, size_t m)
{
	return (const struct fl_metric *)p->spec[m].entry;
}
/* The first metric that needs all of that; NULL: none does. */
const char *fl_panel_needing(const struct fl_panel *p, unsigned needs);
/* Whether all clients together have a value of their own, not the mean by examples. */
int fl_panel_pools(const struct fl_panel *p, size_t m);
/* FL_EDATA with the metric's name where the net has not what one looks at. */
int fl_panel_fits(const struct fl_panel *p, const struct fl_net *net, struct fl_err *e);

#endif

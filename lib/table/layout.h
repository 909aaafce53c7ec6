/* Cells, differences and ranks as grids. */
#ifndef FL_TABLE_LAYOUT_H
#define FL_TABLE_LAYOUT_H

#include "table/compare.h"
#include "table/grid.h"
#include "table/ranking.h"

enum fl_spread_shown { FL_SHOW_INTERVAL, FL_SHOW_SD, FL_SHOW_SE, FL_SHOW_NONE };

struct fl_layout {
	const struct fl_sheet *s;
	const struct fl_manner *m;
	enum fl_spread_shown shown;	/* what stands beside a mean for readers */
	int64_t decimals;		/* for readers; FL_UNSET: two digits of the widest spread */
	int exact;			/* for programs: a row a cell, every number in full */
};

/* figure(C,R). A grid that is zeroed but for its caption. FL_EUSAGE where keys have the names
 * of results. */
int fl_layout_cells(const struct fl_layout *l, const struct fl_figure *figure, struct fl_grid *g,
                    struct fl_err *e);
int fl_layout_gaps(const struct fl_layout *l, const struct fl_gaps *pairs, struct fl_grid *g,
                    struct fl_err *e);
/* Rows from the best to the worst; those that were never compared come last, without a rank. */
int fl_layout_ranks(const struct fl_layout *l, const struct fl_spec *ranking, struct fl_grid *g,
                    struct fl_err *e);

#endif

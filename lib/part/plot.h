/* Pictures of a counts matrix n(K,C). Neighbours are added up where there are more
 * clients or classes than fit. */
#ifndef FL_PART_PLOT_H
#define FL_PART_PLOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A heat map as SVG: a column a client, a row a class. */
void fl_plot_svg(const uint64_t *counts, size_t K, size_t C, const char *title,
                 struct fl_str *out);
/* Lines of block characters: a line a client, a column a class. */
void fl_plot_text(const uint64_t *counts, size_t K, size_t C, struct fl_str *out);

#endif

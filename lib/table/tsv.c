/* Tab-separated text with a header. */
#include "table/grid.h"

static void write_grid(const void *p, const struct fl_grid *g, struct fl_str *out)
{
	(void)p;
	for (size_t k = 0; k < g->columns; k++) {
		fl_str_add(out, k ? "\t" : "");
		fl_str_addtsv(out, g->head[k]);
	}
	fl_str_addc(out, '\n');
	for (size_t i = 0; i < g->rows * g->columns; i++) {
		fl_str_addtsv(out, g->text[i] ? g->text[i] : "-");
		fl_str_addc(out, (i + 1) % g->columns ? '\t' : '\n');
	}
}

const struct fl_format fl_format_tsv = {
	.e = {
		.name = "tsv",
		.title = "tab-separated text",
		.cite = "-",
		.doc = "a line a cell, numbers in full, for programs",
		.formula = "a header; - where there is no number; backslashes and control characters as \\xNN",
	},
	.exact = 1,
	.write = write_grid,
};

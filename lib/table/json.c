/* JSON Lines. */
#include "table/grid.h"

static void write_grid(const void *p, const struct fl_grid *g, struct fl_str *out)
{
	(void)p;
	for (size_t i = 0; i < g->rows; i++) {
		fl_str_addf(out, "{\"schema\":\"fl-table/1\",\"kind\":\"%s\"", g->kind);
		for (size_t k = 0; k < g->columns; k++) {
			const char *text = g->text[i * g->columns + k];

			fl_str_addc(out, ',');
			fl_str_addjson(out, g->head[k]);
			fl_str_addc(out, ':');
			if (!text)
				fl_str_add(out, "null");
			else if (g->flags[k] & FL_GRID_NUMBER)
				fl_str_add(out, text);
			else
				fl_str_addjson(out, text);
		}
		fl_str_add(out, "}\n");
	}
}

const struct fl_format fl_format_json = {
	.e = {
		.name = "json",
		.title = "JSON Lines",
		.cite = "-",
		.doc = "an object a cell, numbers in full, for programs",
		.formula = "fields schema (fl-table/1), kind (cell, difference or rank) and the columns of tsv; "
		           "null where there is no number",
	},
	.exact = 1,
	.write = write_grid,
};

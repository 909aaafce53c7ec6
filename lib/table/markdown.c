/* A pipe table of GitHub's Markdown. */
#include <string.h>

#include "table/grid.h"

/* What Markdown would take for its own is escaped. */
static void add_text(struct fl_str *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("\\|*_`<>[]&", *s))
			fl_str_addc(out, '\\');
		fl_str_addc(out, (unsigned char)*s < 0x20 ? ' ' : *s);
	}
}

static void write_grid(const void *p, const struct fl_grid *g, struct fl_str *out)
{
	(void)p;
	if (g->caption) {
		add_text(out, g->caption);
		fl_str_add(out, "\n\n");
	}
	for (size_t k = 0; k < g->columns; k++) {
		fl_str_add(out, "| ");
		add_text(out, g->head[k]);
		fl_str_addc(out, ' ');
	}
	fl_str_add(out, "|\n");
	for (size_t k = 0; k < g->columns; k++)
		fl_str_add(out, g->flags[k] & FL_GRID_NUMBER ? "|---:" : "|---");
	fl_str_add(out, "|\n");
	for (size_t i = 0; i < g->rows * g->columns; i++) {
		const char *strong = g->strong[i] ? "**" : "";

		fl_str_addf(out, "| %s", strong);
		add_text(out, g->text[i] ? g->text[i] : "–");
		fl_str_addf(out, "%s %s", strong, (i + 1) % g->columns ? "" : "|\n");
	}
	if (g->note) {
		fl_str_addc(out, '\n');
		add_text(out, g->note);
		fl_str_addc(out, '\n');
	}
}

const struct fl_format fl_format_markdown = {
	.e = {
		.name = "markdown",
		.title = "Markdown",
		.cite = "-",
		.doc = "a pipe table as GitHub, pandoc and others read it",
		.aka = "md",
	},
	.write = write_grid,
};

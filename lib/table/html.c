/* An HTML table: a piece of a page, in UTF-8. */
#include "table/grid.h"

static void add_text(struct fl_str *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&': fl_str_add(out, "&amp;"); break;
		case '<': fl_str_add(out, "&lt;"); break;
		case '>': fl_str_add(out, "&gt;"); break;
		case '"': fl_str_add(out, "&quot;"); break;
		default: fl_str_addc(out, (unsigned char)*s < 0x20 ? ' ' : *s);
		}
}

static void add_element(struct fl_str *out, const char *tag, const char *text, int number, int strong)
{
	fl_str_addf(out, "<%s%s>%s", tag, number ? " style=\"text-align:right\"" : "",
	            strong ? "<strong>" : "");
	add_text(out, text);
	fl_str_addf(out, "%s</%s>", strong ? "</strong>" : "", tag);
}

static void write_grid(const void *p, const struct fl_grid *g, struct fl_str *out)
{
	(void)p;
	fl_str_add(out, "<table>\n");
	if (g->caption) {
		add_element(out, "caption", g->caption, 0, 0);
		fl_str_addc(out, '\n');
	}
	fl_str_add(out, "<thead>\n<tr>");
	for (size_t k = 0; k < g->columns; k++)
		add_element(out, "th", g->head[k], g->flags[k] & FL_GRID_NUMBER, 0);
	fl_str_add(out, "</tr>\n</thead>\n<tbody>\n");
	for (size_t i = 0; i < g->rows * g->columns; i++) {
		size_t k = i % g->columns;

		fl_str_add(out, k ? "" : "<tr>");
		add_element(out, "td", g->text[i] ? g->text[i] : "–", g->flags[k] & FL_GRID_NUMBER,
		            g->strong[i]);
		fl_str_add(out, k + 1 < g->columns ? "" : "</tr>\n");
	}
	fl_str_add(out, "</tbody>\n</table>\n");
	if (g->note) {
		add_element(out, "p", g->note, 0, 0);
		fl_str_addc(out, '\n');
	}
}

const struct fl_format fl_format_html = {
	.e = {
		.name = "html",
		.title = "HTML",
		.cite = "-",
		.doc = "a table element for a page in UTF-8",
	},
	.write = write_grid,
};

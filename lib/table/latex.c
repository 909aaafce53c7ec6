/* A LaTeX tabular. */
#include <string.h>

#include "table/grid.h"

struct params {
	int booktabs;
};

static const struct {
	const char *from, *to;
} special[] = {
	{ "±", "$\\pm$" }, { "–", "--" }, { "\\", "\\textbackslash{}" }, { "&", "\\&" }, { "%", "\\%" },
	{ "$", "\\$" }, { "#", "\\#" }, { "_", "\\_" }, { "{", "\\{" }, { "}", "\\}" },
	{ "~", "\\textasciitilde{}" }, { "^", "\\textasciicircum{}" }, { "<", "\\textless{}" },
	{ ">", "\\textgreater{}" },
};

static void add_text(struct fl_str *out, const char *s)
{
	while (*s) {
		size_t i = 0, n = sizeof special / sizeof *special;

		while (i < n && strncmp(s, special[i].from, strlen(special[i].from)))
			i++;
		if (i < n) {
			fl_str_add(out, special[i].to);
			s += strlen(special[i].from);
		} else {
			fl_str_addc(out, (unsigned char)*s < 0x20 ? ' ' : *s);
			s++;
		}
	}
}

/* A line that LaTeX passes over. */
static void add_comment(struct fl_str *out, const char *s)
{
	fl_str_add(out, s ? "% " : "");
	for (; s && *s; s++)
		fl_str_addc(out, (unsigned char)*s < 0x20 ? ' ' : *s);
	fl_str_add(out, s ? "\n" : "");
}

static void add_cell(struct fl_str *out, const char *text, int strong)
{
	fl_str_add(out, strong ? "\\textbf{" : "");
	/* A bracket at the start of a row would be an argument of the row's end before it. */
	fl_str_add(out, text && strchr("[*", *text) ? "{}" : "");
	add_text(out, text ? text : "–");
	fl_str_add(out, strong ? "}" : "");
}

static void write_grid(const void *vp, const struct fl_grid *g, struct fl_str *out)
{
	const struct params *p = vp;
	const char *rule[] = { p->booktabs ? "\\toprule" : "\\hline", p->booktabs ? "\\midrule" : "\\hline",
	                       p->booktabs ? "\\bottomrule" : "\\hline" };

	add_comment(out, g->caption);
	add_comment(out, g->note);
	fl_str_add(out, "\\begin{tabular}{");
	for (size_t k = 0; k < g->columns; k++)
		fl_str_addc(out, g->flags[k] & FL_GRID_NUMBER ? 'r' : 'l');
	fl_str_addf(out, "}\n%s\n", rule[0]);
	for (size_t k = 0; k < g->columns; k++) {
		add_cell(out, g->head[k], 0);
		fl_str_add(out, k + 1 < g->columns ? " & " : " \\\\\n");
	}
	fl_str_addf(out, "%s\n", rule[1]);
	for (size_t i = 0; i < g->rows * g->columns; i++) {
		add_cell(out, g->text[i], g->strong[i]);
		fl_str_add(out, (i + 1) % g->columns ? " & " : " \\\\\n");
	}
	fl_str_addf(out, "%s\n\\end{tabular}\n", rule[2]);
}

static const struct fl_param params[] = {
	{ "booktabs", FL_P_BOOL, offsetof(struct params, booktabs), "on", 0, 0, NULL, "on|off",
	  "rules of the package booktabs, else \\hline" },
	{ .name = NULL }
};

const struct fl_format fl_format_latex = {
	.e = {
		.name = "latex",
		.title = "LaTeX",
		.cite = "-",
		.doc = "a tabular, with the rules of booktabs",
		.params = params,
		.psize = sizeof(struct params),
		.aka = "tex",
	},
	.write = write_grid,
};

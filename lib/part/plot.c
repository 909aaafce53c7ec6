/* A matrix of counts as SVG and as text. */
#include "part/plot.h"

#include <inttypes.h>
#include <string.h>

/* Client or class i of n stands at place i m / n of m. */
struct grid {
	const uint64_t *counts;
	size_t K, C, k, c;	/* clients and classes; those drawn */
	uint64_t max;		/* of the cells drawn */
};

static size_t begin(size_t at, size_t n, size_t m)
{
	return (at * n + m - 1) / m;
}

static uint64_t cell(const struct grid *g, size_t k, size_t c)
{
	uint64_t sum = 0;

	for (size_t i = begin(k, g->K, g->k); i < begin(k + 1, g->K, g->k); i++)
		for (size_t j = begin(c, g->C, g->c); j < begin(c + 1, g->C, g->c); j++)
			sum += g->counts[i * g->C + j];
	return sum;
}

static struct grid grid(const uint64_t *counts, size_t K, size_t C, size_t kmax, size_t cmax)
{
	struct grid g = { counts, K, C, K < kmax ? K : kmax, C < cmax ? C : cmax, 1 };

	for (size_t k = 0; k < g.k; k++)
		for (size_t c = 0; c < g.c; c++)
			if (cell(&g, k, c) > g.max)
				g.max = cell(&g, k, c);
	return g;
}

static void add_escaped(struct fl_str *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<': fl_str_add(out, "&lt;"); break;
		case '&': fl_str_add(out, "&amp;"); break;
		default: fl_str_addc(out, *s);
		}
}

#define CELL 10		/* pixels */
#define LEFT 50
#define TOP 30

/* "7", or "7-9" where neighbours were added up. */
static void add_range(struct fl_str *out, size_t at, size_t n, size_t m)
{
	size_t a = begin(at, n, m), b = begin(at + 1, n, m) - 1;

	fl_str_addf(out, a == b ? "%zu" : "%zu-%zu", a, b);
}

static void svg_cells(const struct grid *g, struct fl_str *out)
{
	for (size_t k = 0; k < g->k; k++)
		for (size_t c = 0; c < g->c; c++) {
			uint64_t n = cell(g, k, c);

			if (!n)
				continue;
			fl_str_addf(out, "<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" "
			            "fill-opacity=\"%.3f\"><title>client ", LEFT + k * CELL,
			            TOP + c * CELL, CELL, CELL, (double)n / (double)g->max);
			add_range(out, k, g->K, g->k);
			fl_str_add(out, ", class ");
			add_range(out, c, g->C, g->c);
			fl_str_addf(out, ": %" PRIu64 "</title></rect>\n", n);
		}
}

static void svg_label(struct fl_str *out, size_t x, size_t y, const char *anchor)
{
	fl_str_addf(out, "<text x=\"%zu\" y=\"%zu\" text-anchor=\"%s\">", x, y, anchor);
}

void fl_plot_svg(const uint64_t *counts, size_t K, size_t C, const char *title,
                 struct fl_str *out)
{
	struct grid g = grid(counts, K, C, 200, 100);
	size_t w = g.k * CELL, h = g.c * CELL, text = 6 * strlen(title);
	size_t width = LEFT + (w > text ? w : text) + 10;

	fl_str_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
	            "font-family=\"sans-serif\" font-size=\"9\" fill=\"#08306b\">\n"
	            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", width, TOP + h + 30);
	svg_label(out, LEFT, 18, "start");
	add_escaped(out, title);
	fl_str_addf(out, "</text>\n<rect x=\"%d\" y=\"%d\" width=\"%zu\" height=\"%zu\" fill=\"none\" "
	            "stroke=\"#999999\"/>\n", LEFT, TOP, w, h);
	svg_cells(&g, out);
	for (size_t c = 0; c < g.c; c++) {
		svg_label(out, LEFT - 4, TOP + c * CELL + 8, "end");
		add_range(out, c, C, g.c);
		fl_str_add(out, "</text>\n");
	}
	for (size_t k = 0; k < g.k; k += g.k > 10 ? 5 : 1) {
		svg_label(out, LEFT + k * CELL + CELL / 2, TOP + h + 10, "middle");
		fl_str_addf(out, "%zu</text>\n", begin(k, K, g.k));
	}
	svg_label(out, LEFT, TOP + h + 24, "start");
	fl_str_addf(out, "clients; rows are classes; darkest: %" PRIu64 " examples</text>\n</svg>\n",
	            g.max);
}

void fl_plot_text(const uint64_t *counts, size_t K, size_t C, struct fl_str *out)
{
	/* Nothing, then eighths of a block; one example shows. */
	static const char *const block[] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"
	};
	struct grid g = grid(counts, K, C, 40, 60);

	for (size_t k = 0; k < g.k; k++) {
		size_t len = out->len;
		uint64_t total = 0;

		add_range(out, k, K, g.k);
		while (out->len < len + 13 && !out->oom)
			fl_str_addc(out, ' ');
		fl_str_addc(out, '|');
		for (size_t c = 0; c < g.c; c++) {
			uint64_t n = cell(&g, k, c);

			total += n;
			fl_str_add(out, block[n ? (size_t)((double)n / (double)g.max * 7) + 1 : 0]);
		}
		fl_str_addf(out, "| %" PRIu64 "\n", total);
	}
}

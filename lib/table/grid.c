#include "table/grid.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/num.h"

const struct fl_family fl_family_format = {
	.name = "format", .list = fl_format_list, .doc = "how a table is written",
};

int fl_grid_init(struct fl_grid *g, size_t columns, size_t rows, struct fl_err *e)
{
	size_t cells;

	if (fl_mul(columns, rows, &cells))
		return fl_fail_mem(e, SIZE_MAX);
	g->columns = columns;
	g->rows = rows;
	g->at = 0;
	return (g->head = fl_arena_zero(&g->arena, columns + 1, sizeof *g->head, e)) &&
	       (g->flags = fl_arena_zero(&g->arena, columns + 1, sizeof *g->flags, e)) &&
	       (g->text = fl_arena_zero(&g->arena, cells + 1, sizeof *g->text, e)) &&
	       (g->strong = fl_arena_zero(&g->arena, cells + 1, 1, e)) ? 0 : -1;
}

int fl_grid_head(struct fl_grid *g, size_t i, const char *name, unsigned flags, struct fl_err *e)
{
	g->flags[i] = flags;
	return (g->head[i] = fl_arena_str(&g->arena, name, e)) ? 0 : -1;
}

int fl_grid_add(struct fl_grid *g, const char *text, unsigned flags, struct fl_err *e)
{
	g->strong[g->at] = (flags & FL_GRID_STRONG) != 0;
	if (text && !(text = fl_arena_str(&g->arena, text, e)))
		return -1;
	g->text[g->at++] = text;
	return 0;
}

int fl_grid_number(struct fl_grid *g, double v, struct fl_err *e)
{
	char buf[FL_NUM_MAX];

	return fl_grid_add(g, isnan(v) ? NULL : fl_num_print(buf, v), 0, e);
}

int fl_grid_count(struct fl_grid *g, size_t n, struct fl_err *e)
{
	char buf[FL_NUM_MAX];

	return fl_grid_add(g, fl_num_printi(buf, (int64_t)n), 0, e);
}

int fl_grid_check(const struct fl_grid *g, struct fl_err *e)
{
	for (size_t i = 0; i < g->columns; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(g->head[i], g->head[j]))
				return fl_fail(e, FL_EUSAGE,
				               "two columns of the result would be called '%s': a "
				               "key has "
				               "the name of a result, or of another key",
				               g->head[i]);
	return 0;
}

void fl_grid_release(struct fl_grid *g)
{
	fl_arena_release(&g->arena);
	*g = (struct fl_grid){ .kind = NULL };
}

/* Max-pooling of 2x2. */
#include "nn/quads.h"

#include "nn/runs.h"

/* n windows between the rows x and x+W. */
FL_BODY void take_run(const fl_real *restrict x, size_t W, fl_real *restrict y,
                      fl_real *restrict at, const int relu, const size_t n)
{
	for (size_t o = 0; o < n; o++)
		fl_quads_pick(x[2 * o], x[2 * o + 1], x[W + 2 * o], x[W + 2 * o + 1], relu, y + o,
		              at + o);
}

FL_BODY void give_run(fl_real *restrict dx, size_t W, const fl_real *restrict dy,
                      const fl_real *restrict at, const size_t n)
{
	for (size_t o = 0; o < n; o++) {
		fl_real d = dy[o], k = at[o];

		dx[2 * o] = k == 0 ? d : 0;
		dx[2 * o + 1] = k == 1 ? d : 0;
		dx[W + 2 * o] = k == 2 ? d : 0;
		dx[W + 2 * o + 1] = k == 3 ? d : 0;
	}
}

FL_BODY void take_rows(const fl_real *x, size_t n, size_t W, fl_real *y, fl_real *at,
                       const int relu)
{
	size_t half = W / 2;

	for (size_t r = 0; r < n; r++, x += 2 * W, y += half, at += half)
		FL_RUNS(i, half, take_run, x + 2 * i, W, y + i, at + i, relu);
}

FL_BODY void fl_quads_take_body(const fl_real *x, size_t n, size_t W, fl_real *y, fl_real *at,
                                int relu)
{
	if (relu)
		take_rows(x, n, W, y, at, 1);
	else
		take_rows(x, n, W, y, at, 0);
}

FL_BODY void fl_quads_give_body(fl_real *dx, size_t n, size_t W, const fl_real *dy,
                                const fl_real *at)
{
	size_t half = W / 2;

	for (size_t r = 0; r < n; r++, dx += 2 * W, dy += half, at += half)
		FL_RUNS(i, half, give_run, dx + 2 * i, W, dy + i, at + i);
}

FL_ISA_FN(fl_quads_take, (const fl_real *x, size_t n, size_t W, fl_real *y, fl_real *at, int relu),
          (x, n, W, y, at, relu))
FL_ISA_FN(fl_quads_give, (fl_real *dx, size_t n, size_t W, const fl_real *dy, const fl_real *at),
          (dx, n, W, dy, at))

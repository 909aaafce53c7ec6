/* NumPy's .npy, written. */
#include <stdio.h>
#include <string.h>

#include "data/npy.h"

enum { HEADER = 128 };		/* a multiple of 64, as numpy.lib.format has it, for two sizes */

int fl_npy_write_header(struct fl_out *o, enum fl_dtype dtype, size_t n, size_t k,
                        struct fl_err *e)
{
	char text[HEADER];
	int len = snprintf(
		text, sizeof text,
		"%c%s%c%c%c%c{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }", 0x93,
		"NUMPY", 1, 0, HEADER - 10, 0, dtype == FL_I64 ? "<i8" : "<f8", n, k);

	memset(text + len, ' ', sizeof text - (size_t)len);
	text[HEADER - 1] = '\n';
	return fl_out_write(o, text, sizeof text, e);
}

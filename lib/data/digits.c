/* The UCI digits, inside the programs: samples/digits.py. */
#include "data/blob.h"
#include "data/source.h"
#include "tensor/stream.h"

struct params {
	int split;
};

static int read_digits(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	struct fl_stream *s = fl_stream_mem(fl_blob_digits, fl_blob_digits_size, "digits", e);
	struct fl_tset view = { .t = NULL };
	int rc = s ? fl_stream_next(s, &view, e) : -1;

	if (rc > 0 && p->split == FL_SPLIT_TEST)
		rc = fl_stream_next(s, &view, e);
	if (!rc)
		rc = fl_fail(e, FL_EDATA, "digits: too few records");
	rc = rc > 0 ? fl_tset_clone(rec, &view, e) : -1;
	fl_tset_release(&view);
	fl_stream_close(s);
	return rc;
}

static const struct fl_param params[] = {
	FL_PARAM_SPLIT(struct params),
	{ .name = NULL }
};

const struct fl_source fl_data_digits = {
	.e = {
		.name = "digits",
		.title = "UCI handwritten digits",
		.cite = "Alpaydin and Kaynak, UCI Machine Learning Repository, 1998",
		.doc = "1,797 handwritten digits of 8x8: first 1,437 train, last 360 test",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "input = value/16",
	},
	.read = read_digits,
};

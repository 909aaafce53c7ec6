/* Noise that grows with the client's number, from none to sigma. */
#include <math.h>

#include "shift/shift.h"

struct params {
	double sigma;
};

static unsigned char as_byte(double v)
{
	return (unsigned char)(v < 0 ? 0 : v > 255 ? 255 : floor(v + .5));
}

static int apply(const void *vp, const struct fl_shift_in *in, struct fl_tset *rec,
                 struct fl_err *e)
{
	const struct params *p = vp;
	const struct fl_tensor *x = fl_tset_find(rec, "x");
	size_t d = fl_shift_width(x);
	double sigma = in->K > 1 ? p->sigma * in->div * (double)in->k / (double)(in->K - 1) : 0;
	struct fl_rng r;

	(void)e;
	for (size_t i = 0; i < x->dim[0] && sigma > 0; i++) {
		fl_shift_rng(&r, in, in->k, in->row[i]);
		for (size_t j = i * d; j < (i + 1) * d; j++) {
			double z = sigma * fl_rng_normal(&r);

			if (x->dtype == FL_U8)
				((unsigned char *)x->data)[j] = as_byte(((unsigned char *)x->data)[j] + z);
			else
				((float *)x->data)[j] = (float)((double)((float *)x->data)[j] + z);
		}
	}
	return 0;
}

static const struct fl_param params[] = {
	{ "sigma", FL_P_REAL, offsetof(struct params, sigma), "0.1", 0, 1e6, NULL, "x",
	  "standard deviation at the last client, before mean and std of the scale" },
	{ .name = NULL }
};

const struct fl_shift fl_shift_noise = {
	.e = {
		.name = "noise",
		.title = "Growing noise",
		.cite = "Li et al., NIID-Bench, ICDE 2022, arXiv 2102.02079",
		.doc = "Gaussian noise, from none at client 0 to sigma at the last",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "x + N(0, (sigma k/(K-1))^2) in units of the scaled input; bytes are rounded "
		           "and kept within 0 .. 255",
	},
	.apply = apply,
};

/* Class means by a network that makes one of each class's number, as those that FedTGP trains:
 * a statistic as clients' pooled class means are, which method fedproto reads. */
#include <math.h>
#include <string.h>

#include "fed/distill/distill.h"
#include "fed/distill/hyper.h"

static int make(const struct fl_student *s, size_t C, struct fl_tset *out, struct fl_err *e)
{
	size_t d = s->net->classes;
	struct fl_tensor *mean, *count;
	struct fl_work k;
	int rc = -1;

	if (fl_work_init(&k, s->net, C, FL_WORK_FORWARD, e))
		return -1;
	for (size_t c = 0; c < C; c++)
		k.act[0][c] = (fl_real)c;
	fl_net_forward(s->net, &k, s->w, C, 0, NULL);
	if ((mean = fl_tset_add(out, "mean", FL_F32, 2, (size_t[]){ C, d }, NULL, e))) {
		memcpy(mean->data, k.act[s->net->nlayer], C * d * sizeof(float));
		rc = 0;
	}
	for (size_t i = 0; !rc && i < C * d; i++)
		if (!isfinite(((const float *)mean->data)[i]))
			rc = fl_fail(e, FL_ENUM, "the prototype of class %zu is not finite", i / d);
	if (!rc && !(count = fl_tset_add(out, "count", FL_I64, 1, &C, NULL, e)))
		rc = -1;
	for (size_t c = 0; !rc && c < C; c++)
		((int64_t *)count->data)[c] = 1;
	fl_work_release(&k);
	return rc;
}

static int run(const void *p, struct fl_distill_run *r, struct fl_err *e)
{
	struct fl_tset *out;
	size_t C = 0;

	(void)p;
	return fl_numbered_rows(r->student->net, "a class", &C, e) || !(out = fl_distill_add(r, e)) ||
	       make(r->student, C, out, e) || fl_meta_set(out, "fl.method", "classmean", e) ||
	       fl_meta_set_i64(out, "fl.examples", (int64_t)C, e) ? -1 : 0;
}

const struct fl_distill fl_distill_prototypes = {
	.e = {
		.name = "prototypes",
		.title = "Prototypes of a network",
		.cite = "Zhang et al., AAAI 2024, arXiv 2401.03230 (FedTGP)",
		.doc = "class means that a network makes, for method fedproto",
		.formula = "mean_c = g(c), count_c = 1",
	},
	.needs = FL_DISTILL_OTHER,
	.makes = FL_MAKES_STATS,
	.run = run,
};

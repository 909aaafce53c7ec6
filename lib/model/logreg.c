/* Multinomial logistic regression: one linear layer. */
#include "model/model.h"

struct logreg {
	int64_t in, out;
};

static const struct fl_param params[] = {
	{ "in", FL_P_INT, offsetof(struct logreg, in), "784", 1, 1 << 24, NULL, "n",
	  "inputs" },
	{ "out", FL_P_INT, offsetof(struct logreg, out), "10", 1, 1 << 24, NULL, "n",
	  "classes" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct logreg *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[{\"layer\":\"linear\",\"out\":%lld}]}",
	            (long long)p->in, (long long)p->out);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_logreg = {
	.e = {
		.name = "logreg",
		.title = "Logistic regression",
		.cite = "Cox, J. R. Stat. Soc. B 20, 1958",
		.doc = "multinomial logistic regression: one linear layer",
		.params = params,
		.psize = sizeof(struct logreg),
		.formula = "z = W x + b",
	},
	.json = json,
};

/* Multilayer perceptron with early exits: a linear layer to the classes after each hidden
 * layer, the last of which gives the outputs. Tensors are fc1, exit1, fc2, exit2, ... in the
 * order in which a net cut at an exit has them. */
#include "base/param.h"
#include "model/model.h"

struct params {
	int64_t in, out;
	struct fl_dims hidden;
	double weight;
};

static const struct fl_param table[] = {
	{ "in", FL_P_INT, offsetof(struct params, in), "784", 1, 1 << 24, NULL, "n", "inputs" },
	{ "hidden", FL_P_DIMS, offsetof(struct params, hidden), "128+128+128", 1, 1 << 20, NULL, "n+n",
	  "sizes of the hidden layers" },
	{ "out", FL_P_INT, offsetof(struct params, out), "10", 1, 1 << 24, NULL, "n", "classes" },
	{ "weight", FL_P_REAL, offsetof(struct params, weight), "1", 0, 1e6, NULL, "x",
	  "of the loss of each exit beside the outputs'" },
	{ 0 }
};

static void add_stage(const struct params *p, size_t i, struct fl_str *out)
{
	size_t n = i + 1;

	fl_str_addf(out, "%s{\"layer\":\"linear\",\"name\":\"fc%zu\",\"out\":%lld", i ? "," : "", n,
	            (long long)p->hidden.d[i]);
	if (i)
		fl_str_addf(out, ",\"from\":\"h%zu\"", i);
	fl_str_addf(out, "},{\"layer\":\"relu\",\"name\":\"h%zu\"},{\"layer\":\"linear\","
	            "\"name\":\"exit%zu\",\"out\":%lld}", n, n, (long long)p->out);
}

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct params *p = block;

	if (!p->hidden.n)
		return fl_fail(e, FL_EUSAGE, "hidden: there must be a hidden layer");
	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[", (long long)p->in);
	for (size_t i = 0; i < p->hidden.n; i++)
		add_stage(p, i, out);
	fl_str_add(out, "],\"taps\":[");
	for (size_t i = 1; i < p->hidden.n; i++) {
		fl_str_addf(out, "%s{\"name\":\"exit%zu\",\"of\":[\"exit%zu\"],\"loss\":\"ce\",\"weight\":",
		            i > 1 ? "," : "", i, i);
		fl_str_addnum(out, p->weight);
		fl_str_addc(out, '}');
	}
	fl_str_add(out, "]}");
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_eemlp = {
	.e = {
		.name = "eemlp",
		.title = "MLP with early exits",
		.cite = "Teerapittayanon, McDanel and Kung, ICPR 2016, arXiv 1709.01686 (BranchyNet)",
		.doc = "multilayer perceptron with classes after each hidden layer",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "h_i = relu(W_i h_i-1 + b_i), z_i = V_i h_i + c_i; taps exit1, exit2, ...",
	},
	.json = json,
};

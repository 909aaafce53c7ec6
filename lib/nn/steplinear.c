/* A linear layer applied to each step of (T,I): the same weights, T times the
 * rows. */
#include "nn/linear.h"

/* The layer as it sees one step. */
static struct fl_layer one(const struct fl_layer *l)
{
	struct fl_layer step = *l;

	step.in = (struct fl_shape){ 1, { l->in.d[1] } };
	step.out = (struct fl_shape){ 1, { (size_t)((const struct fl_linear *)l->p)->out } };
	return step;
}

/* A pass over examples as one over steps. */
static struct fl_pass by_step(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_pass b = *a;

	b.B *= l->in.d[0];
	return b;
}

static int shape(struct fl_layer *l, struct fl_err *e)
{
	struct fl_layer step;
	char buf[128];

	if (l->in.ndim != 2)
		return fl_fail(e, FL_EUSAGE, "input is %s, not steps x values",
		               fl_shape_str(&l->in, buf, sizeof buf));
	step = one(l);
	if (fl_layer_linear.shape(&step, e))
		return -1;
	l->out = (struct fl_shape){ 2, { l->in.d[0], step.out.d[0] } };
	l->nparam = step.nparam;
	for (unsigned j = 0; j < l->nparam; j++)
		l->param[j] = step.param[j];
	return 0;
}

static size_t scratch(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_layer step = one(l);
	struct fl_pass b = by_step(l, a);

	return fl_layer_linear.scratch(&step, &b);
}

static void init(const struct fl_layer *l, unsigned param, struct fl_rng *r, fl_real *w)
{
	struct fl_layer step = one(l);

	fl_layer_linear.init(&step, param, r, w);
}

static void forward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_layer step = one(l);
	struct fl_pass b = by_step(l, a);

	fl_layer_linear.forward(&step, &b);
}

void fl_steplinear_relu(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_layer step = one(l);
	struct fl_pass b = by_step(l, a);

	fl_linear_relu(&step, &b);
}

static void backward(const struct fl_layer *l, const struct fl_pass *a)
{
	struct fl_layer step = one(l);
	struct fl_pass b = by_step(l, a);

	fl_layer_linear.backward(&step, &b);
}

static double madds(const struct fl_layer *l)
{
	struct fl_layer step = one(l);

	return (double)l->in.d[0] * fl_layer_linear.madds(&step);
}

const struct fl_layer_entry fl_layer_steplinear = {
	.e = {
		.name = "steplinear",
		.title = "Linear layer of each step",
		.cite = "torch.nn.Linear on a sequence",
		.doc = "one fully connected layer applied to each step",
		.params = fl_linear_params,
		.psize = sizeof(struct fl_linear),
		.formula = "y_t = W x_t + b",
	},
	.shape = shape,
	.scratch = scratch,
	.init = init,
	.forward = forward,
	.backward = backward,
	.madds = madds,
};

/* Losses of adapters in double: against PyTorch, and central differences. */
#include "adapter_cases.h"

static const double TOL = 1e-6, H = 1e-5;

/* Of numbers that train: PyTorch's gradient is 0 elsewhere. */
static void differences(struct adapter_case *c)
{
	const struct fl_tensor *grad = adapter_get(c, "grad");
	double worst = 0, top = 0;

	if (!c->smooth)
		return;
	for (size_t i = 0; i < grad->n; i++)
		top = fmax(top, fabs(c->dz[i]));
	for (size_t i = 0; i < grad->n; i++) {
		fl_real was = c->z[i];
		double d;

		if (!(fabs(((const double *)grad->data)[i]) > 0))
			continue;
		c->z[i] = was + H;
		d = adapter_loss(c, 0);
		c->z[i] = was - H;
		d = (d - adapter_loss(c, 0)) / (2 * H);
		c->z[i] = was;
		worst = fmax(worst, fabs(d - c->dz[i]) / fmax(fabs(c->dz[i]), fmax(.01 * top, 1e-300)));
	}
	ok(worst <= TOL, "%s: central differences: %.2g <= %g", c->name, worst, TOL);
}

int main(void)
{
	adapter_cases("test/golden/adapter/losses.safetensors", differences);
	adapter_cases("test/golden/nn/towers.safetensors", differences);
	return tap_done();
}

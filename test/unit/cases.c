/* Presets and layers in float against PyTorch in double, three steps of SGD. */
#include "nn_cases.h"

int main(void)
{
	cases_run(1e-5, INFINITY);
	return tap_done();
}

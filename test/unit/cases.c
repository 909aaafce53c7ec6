/* Presets and layers in float against PyTorch in double, three steps of SGD. */
#include "nn_cases.h"

int main(void)
{
	cases_run("test/golden/nn/cases.safetensors", 1e-5, INFINITY);
	cases_run("test/golden/nn/taps.safetensors", 1e-5, INFINITY);
	cases_run("test/golden/nn/parts.safetensors", 1e-5, INFINITY);
	return tap_done();
}

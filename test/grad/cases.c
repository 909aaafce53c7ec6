/* The smaller nets of the cases in double: the same arithmetic as PyTorch's. The
 * record of the weights after the steps is F32. */
#include "nn_cases.h"

int main(void)
{
	cases_run("test/golden/nn/cases.safetensors", 1e-7, 1e6);
	cases_run("test/golden/nn/taps.safetensors", 1e-7, 1e6);
	cases_run("test/golden/nn/parts.safetensors", 1e-7, 1e6);
	return tap_done();
}

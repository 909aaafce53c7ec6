/* FL_CPU: known names are taken, unknown ones refused. */
#define _DEFAULT_SOURCE
#include "each.h"

static void report(void *out)
{
	*(int *)out = (int)fl_isa();
}

int main(void)
{
	struct fl_err e = { 0 };
	int *got = each_shared(sizeof *got);

	for (int i = FL_ISA_REF; i <= FL_ISA_AVX512; i++) {
		int rc = each_run((enum fl_isa)i, report, got);

		ok(rc == EACH_LACKS || (!rc && *got == i), "FL_CPU=%s", fl_isa_name((enum fl_isa)i));
	}
	setenv("FL_CPU", "avx1024", 1);
	is_int(fl_isa_check(&e), -1, "an unknown name is refused");
	is_int(e.code, FL_EUSAGE, "as usage");
	ok(strstr(e.msg, "avx1024") != NULL, "and named: %s", e.msg);
	unsetenv("FL_CPU");
	is_int(fl_isa_check(&e), 0, "unset is the best set");
	return tap_done();
}

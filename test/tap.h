/* TAP for C tests: plan at the end, expect/actual in diagnostics. */
#ifndef TAP_H
#define TAP_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_passed, tap_failed;

__attribute__((format(printf, 2, 3)))
static inline int ok(int pass, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", pass ? "" : "not ", tap_passed + tap_failed + 1);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (pass)
		tap_passed++;
	else
		tap_failed++;
	return pass;
}

static inline int is_int(long long actual, long long expect, const char *what)
{
	if (!ok(actual == expect, "%s", what))
		printf("# expect %lld\n# actual %lld\n", expect, actual);
	return actual == expect;
}

static inline int is_str(const char *actual, const char *expect, const char *what)
{
	int same = !strcmp(actual, expect);

	if (!ok(same, "%s", what))
		printf("# expect \"%s\"\n# actual \"%s\"\n", expect, actual);
	return same;
}

/* |actual - expect| <= tol * max(1, |expect|) */
static inline int is_near(double actual, double expect, double tol, const char *what)
{
	double m = fabs(expect) > 1 ? fabs(expect) : 1;
	int pass = fabs(actual - expect) <= tol * m;

	if (!ok(pass, "%s", what))
		printf("# expect %.17g\n# actual %.17g\n# tolerance %g\n", expect, actual, tol);
	return pass;
}

static inline int tap_done(void)
{
	printf("1..%d\n%d passed, %d failed\n", tap_passed + tap_failed, tap_passed, tap_failed);
	return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif

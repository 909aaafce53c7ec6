/* Numbers: strict reading, shortest printing, checked sizes. */
#include "base/num.h"
#include "tap.h"

static void integers(void)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "0x10", "1e3", "1.0", "--1",
		"9223372036854775808", "-9223372036854775809" };
	int64_t v;
	uint64_t u;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		taken += !fl_num_i64(bad[i], &v);
	is_int(taken, 0, "malformed integers that were read");
	ok(!fl_num_i64("-9223372036854775808", &v) && v == INT64_MIN, "smallest i64");
	ok(!fl_num_i64("9223372036854775807", &v) && v == INT64_MAX, "largest i64");
	ok(!fl_num_u64("18446744073709551615", &u) && u == UINT64_MAX, "largest u64");
	ok(fl_num_u64("18446744073709551616", &u) && fl_num_u64("-1", &u), "beyond u64");
}

static void reals(void)
{
	static const char *const bad[] = { "", ".", "-", "e1", "1e", "1e+", "nan", "inf", "0x1p3",
		"1,5", "1.5f", " 1", "1 ", "+1", "1e999", "1.2.3" };
	double v;
	int taken = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		taken += !fl_num_real(bad[i], &v);
	is_int(taken, 0, "malformed reals that were read");
	ok(!fl_num_real("-.5", &v) && v == -.5, "-.5");
	ok(!fl_num_real("1e-3", &v) && v == 1e-3, "1e-3");
	ok(!fl_num_real("5.", &v) && v == 5, "5.");
}

static void sizes(void)
{
	uint64_t u;

	ok(!fl_num_size("4096", &u) && u == 4096, "4096");
	ok(!fl_num_size("64K", &u) && u == 65536, "64K");
	ok(!fl_num_size("1GiB", &u) && u == 1 << 30, "1GiB");
	ok(!fl_num_size("16777215T", &u) && u == UINT64_C(16777215) << 40, "largest in T");
	ok(fl_num_size("16777216T", &u) && fl_num_size("K", &u) && fl_num_size("1k", &u) &&
	   fl_num_size("1KB", &u) && fl_num_size("-1", &u) && fl_num_size("1GG", &u), "malformed sizes");
}

/* The definition: the fewest digits that read back. */
static void by_attempts64(char *buf, double v)
{
	for (int prec = 1; prec <= 17; prec++) {
		snprintf(buf, FL_NUM_MAX, "%.*g", prec, v);
		if (strtod(buf, NULL) == v)
			break;
	}
}

static void by_attempts(char *buf, float v)
{
	for (int prec = 1; prec <= 9; prec++) {
		snprintf(buf, FL_NUM_MAX, "%.*g", prec, (double)v);
		if (strtof(buf, NULL) == v)
			break;
	}
}

static void printing_f32(void)
{
	static const struct { float v; const char *s; } t[] = {
		{ .1f, "0.1" }, { 1e-4f, "0.0001" }, { 100, "100" }, { 120, "120" }, { 0x1p30f, "1073741800" },
		{ -1e15f, "-1000000000000000" }, { 1e16f, "1e16" }, { 1e-5f, "1e-5" }, { -16384, "-16384" },
		{ 99999, "99999" }, { 0.1f - 0x1p-27f, "0.099999994" }, { 8.5f, "8.5" }, { -7, "-7" }
	};
	char buf[FL_NUM_MAX], want[FL_NUM_MAX];
	int wrong = 0;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		is_str(fl_num_printf32(buf, t[i].v), t[i].s, t[i].s);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t bits = (110u + i % 36) << 23 | (i * UINT32_C(2654435761) >> 9 & (i % 3 ? 0x7fffff : 0x7ff000));
		float v;

		memcpy(&v, &bits, sizeof v);
		by_attempts(want, v);
		fl_num_printf32(buf, v);
		wrong += !strchr(want, 'e') && strcmp(buf, want);
		wrong += strtof(buf, NULL) != v;
	}
	is_int(wrong, 0, "floats that have not the fewest digits");
	is_str(fl_num_printi(buf, INT64_MIN), "-9223372036854775808", "the least whole number");
	is_str(fl_num_printi(buf, 0), "0", "none");
}

static void printing(void)
{
	static const struct { double v; const char *s; } t[] = {
		{ 0, "0" }, { -0., "-0" }, { .1, "0.1" }, { 1e-5, "1e-5" }, { 1e100, "1e100" },
		{ 100, "100" }, { 10, "10" }, { -1e15, "-1000000000000000" }, { 1e16, "1e16" },
		{ 123e13, "1230000000000000" }, { 0x1p53, "9007199254740992" }, { -1.5e10, "-15000000000" },
		{ 1e-4, "0.0001" }, { -1.25e17, "-1.25e17" }, { 1. / 3, "0.3333333333333333" }, { 123456, "123456" },
		{ 0x1p-1074, "5e-324" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { NAN, "nan" }
	};
	char buf[FL_NUM_MAX];
	int wrong = 0;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		is_str(fl_num_print(buf, t[i].v), t[i].s, t[i].s);
	is_str(fl_num_printf32(buf, .1f), "0.1", "a float prints in its own digits");
	for (uint64_t i = 1; i < 20000; i++) {
		uint64_t bits = i * UINT64_C(0x9e3779b97f4a7c15);
		double v, back;

		memcpy(&v, &bits, sizeof v);
		if (!isfinite(v))
			continue;
		wrong += fl_num_real(fl_num_print(buf, v), &back) || memcmp(&v, &back, sizeof v);
	}
	is_int(wrong, 0, "doubles that do not come back");
	for (uint64_t i = 0; i < 60000; i++) {
		/* all bits of the fraction; a few; decimals; what lies between two decimals */
		uint64_t bits = (1005 + i % 40) << 52 | (i * UINT64_C(0x9e3779b97f4a7c15) >> 12 & -(UINT64_C(1) << i % 52));
		char want[FL_NUM_MAX];
		double v = (double)(i * 37) / 4096, all[2];

		memcpy(&all[0], &bits, sizeof all[0]);
		all[1] = i % 2 ? v : (double)(i * 7919) / 1e5;
		for (int k = 0; k < 2; k++) {
			by_attempts64(want, all[k]);
			wrong += !strchr(want, 'e') && strcmp(fl_num_print(buf, all[k]), want);
		}
	}
	is_int(wrong, 0, "doubles that have not the fewest digits");
}

/* Python's repr has no exponent from 1e-4 up to 1e16, as have JavaScript's numbers. */
static void human_range(void)
{
	char buf[FL_NUM_MAX], want[FL_NUM_MAX];
	int wrong = 0;
	double back;

	for (int k = 0; k < 16; k++)
		for (int64_t m = 1; m < 100; m++) {
			double v = (double)m;

			for (int i = 0; i < k; i++)
				v *= 10;
			if (v >= 1e16)
				continue;
			snprintf(want, sizeof want, "%.0f", v);
			wrong += strcmp(fl_num_print(buf, v), want) != 0;
			wrong += fl_num_real(buf, &back) || back < v || back > v;
			wrong += strchr(fl_num_printf32(buf, (float)v), 'e') != NULL;
		}
	is_int(wrong, 0, "whole numbers with an exponent");
	is_str(fl_num_brief(buf, 1e9), "1e9", "a limit");
	is_str(fl_num_brief(buf, 1e5), "1e5", "a limit");
	is_str(fl_num_brief(buf, 4e4), "40000", "a small limit");
	is_str(fl_num_brief(buf, 1048576), "1048576", "one of many digits");
	is_str(fl_num_brief(buf, -1e300), "-1e300", "a large one");
}

static void alike(void)
{
	static const struct { const char *was, *now; int same; } t[] = {
		{ "adam:lr=1e1,beta1=0.9", "adam:lr=10,beta1=0.9", 1 }, { "", "", 1 }, { "a", "", 0 },
		{ "", "1", 0 }, { "lr=1.5e10", "lr=15000000000", 1 }, { "lr=1e1", "lr=100", 0 },
		{ "lr=10", "lr=1e1", 0 }, { "x 1e2; y -1.2e3", "x 100; y -1200", 1 },
		{ "lr=1e1", "lr=10,", 0 }, { "mean", "median", 0 }, { "12e00006", "12000000", 1 },
		{ "1e16", "1e16", 1 }, { "1e-5", "0.00001", 0 }, { "krum:f=2", "krum:f=3", 0 },
		{ "1e1x", "10y", 0 }, { "99999999999999999999999999999999999e1", "1e1", 0 },
	};

	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		is_int(fl_num_alike(t[i].was, t[i].now), t[i].same, t[i].was);
}

static void arithmetic(void)
{
	size_t r;

	ok(!fl_mul(6, 7, &r) && r == 42 && fl_mul(SIZE_MAX, 2, &r), "fl_mul");
	ok(!fl_add(6, 7, &r) && r == 13 && fl_add(SIZE_MAX, 1, &r), "fl_add");
}

/* Of decimals with three places, by integers. */
static void parts(void)
{
	size_t down = 0, up = 0, near = 0, ratio = 0;

	for (size_t a = 0; a <= 1000; a++)
		for (size_t n = 1; n <= 400; n++) {
			char text[16];
			double p;

			snprintf(text, sizeof text, "%zu.%03zu", a / 1000, a % 1000);
			p = strtod(text, NULL);
			down += fl_num_part(p, n) != a * n / 1000;
			up += fl_num_part_up(p, n) != (a * n + 999) / 1000;
			near += fl_num_part_near(p, n) != (2 * a * n + 1000) / 2000;
			ratio += fl_num_part((double)a / (double)n, n) != a;
		}
	is_int((int64_t)down, 0, "parts of counts that are not rounded down");
	is_int((int64_t)up, 0, "parts of counts that are not rounded up");
	is_int((int64_t)near, 0, "parts of counts that are not the nearest");
	is_int((int64_t)ratio, 0, "ratios of counts that are not the count");
	ok(fl_num_part(.29, 100) == 29 && fl_num_part(.3, 4000000000) == 1200000000 &&
	   fl_num_part(.5, 0) == 0 && fl_num_part(1e-300, 7) == 0 &&
	   fl_num_part(.2899999999999, 100) == 28, "parts of counts");
	ok(fl_num_part_up(.55, 100) == 55 && fl_num_part_up(1. / 16, 10) == 1 &&
	   fl_num_part_up(.5, 0) == 0 && fl_num_part_up(1, 7) == 7, "parts of counts, rounded up");
}

/* Ascending; those beside each other in a row are equal. */
static void order(void)
{
	static const char *const v[][5] = {
		{ "-1e300" }, { "-9007199254740993" }, { "-9007199254740992", "-9007199254740992.000" },
		{ "-2", "-2.", "-0.2e1", "-20E-1", "-002" }, { "-1.5" },
		{ "0", "-0", "0.000", ".0", "0e9999999999999999999999" }, { "1e-9999999" }, { ".001" },
		{ "0.1", ".1", "1e-1", "0.100", "00.10" }, { "0.1000000000000000000000000001" }, { "1" },
		{ "2", "2e0", "2E+0", "02", "0.0002e4" }, { "10" }, { "9007199254740992" },
		{ "9007199254740993", "9007199254740993.0", "900719925474099.3e1" },
		{ "99999999999999999999" }, { "100000000000000000000", "1e20" }, { "100000000000000000001" },
	};
	size_t n = sizeof v / sizeof *v, wrong = 0;

	for (size_t i = 0; i < 5 * n; i++)
		for (size_t j = 0; j < 5 * n; j++) {
			const char *a = v[i / 5][i % 5], *b = v[j / 5][j % 5];

			wrong += a && b && fl_num_order(a, b) != (i / 5 > j / 5) - (i / 5 < j / 5);
		}
	is_int((int64_t)wrong, 0, "decimals that are out of order");
}

int main(void)
{
	order();
	parts();
	integers();
	reals();
	sizes();
	printing();
	printing_f32();
	human_range();
	alike();
	arithmetic();
	return tap_done();
}

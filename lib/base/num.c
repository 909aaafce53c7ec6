/* Strict number syntax. Reals go through strtod, which rounds correctly. */
#include "base/num.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int fl_num_u64(const char *s, uint64_t *v)
{
	uint64_t x = 0;

	if (!is_digit(*s))
		return -1;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(x, (uint64_t)10, &x) ||
		    __builtin_add_overflow(x, (uint64_t)(*s - '0'), &x))
			return -1;
	if (*s)
		return -1;
	*v = x;
	return 0;
}

int fl_num_i64(const char *s, int64_t *v)
{
	int neg = *s == '-';
	uint64_t u;

	if (fl_num_u64(s + neg, &u) || u > (uint64_t)INT64_MAX + (uint64_t)neg)
		return -1;
	*v = neg ? (int64_t)(0 - u) : (int64_t)u;
	return 0;
}

int fl_num_real(const char *s, double *v)
{
	const char *p = s + (*s == '-');
	int digits = 0;
	char *end;

	for (; is_digit(*p); p++)
		digits++;
	if (*p == '.')
		for (p++; is_digit(*p); p++)
			digits++;
	if (!digits)
		return -1;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		if (!is_digit(*p))
			return -1;
		while (is_digit(*p))
			p++;
	}
	if (*p)
		return -1;
	*v = strtod(s, &end);
	return *end || !isfinite(*v) ? -1 : 0;
}

/* sign 0: it is zero; else the digits from the first that is not 0, and the power of ten
 * of that one. */
struct decimal {
	int sign;
	const char *digit;
	long power;
};

static struct decimal read_decimal(const char *s)
{
	struct decimal d = { .sign = *s == '-' ? -1 : 1 };
	const char *end, *point;
	long x;

	s += *s == '-';
	end = s + strspn(s, "0123456789.");
	point = s + strspn(s, "0123456789");
	d.digit = s + strspn(s, "0.");
	if (d.digit >= end)
		return (struct decimal){ .sign = 0 };
	d.power = point - d.digit - (d.digit < point);
	x = *end ? strtol(end + 1, NULL, 10) : 0;
	if (__builtin_add_overflow(d.power, x, &d.power))
		d.power = x < 0 ? LONG_MIN : LONG_MAX;
	return d;
}

static int in_decimal(char c)
{
	return is_digit(c) || c == '.';
}

/* The next digit, 0 where there is none. */
static int next_digit(const char **s)
{
	*s += **s == '.';
	return is_digit(**s) ? *(*s)++ - '0' : 0;
}

int fl_num_order(const char *a, const char *b)
{
	struct decimal x = read_decimal(a), y = read_decimal(b);
	int i = 0, j = 0;

	if (x.sign != y.sign || !x.sign)
		return (x.sign > y.sign) - (x.sign < y.sign);
	if (x.power != y.power)
		return x.power > y.power ? x.sign : -x.sign;
	while (i == j && (in_decimal(*x.digit) || in_decimal(*y.digit))) {
		i = next_digit(&x.digit);
		j = next_digit(&y.digit);
	}
	return i == j ? 0 : i > j ? x.sign : -x.sign;
}

int fl_num_size(const char *s, uint64_t *v)
{
	static const char units[] = "KMGT";
	char num[24];
	size_t n = strspn(s, "0123456789");
	const char *u, *rest = s + n;
	unsigned shift = 0;

	if (!n || n >= sizeof num)
		return -1;
	memcpy(num, s, n);
	num[n] = '\0';
	if (fl_num_u64(num, v))
		return -1;
	if (*rest && (u = strchr(units, *rest))) {
		shift = 10 * (unsigned)(u - units + 1);
		rest++;
		if (!strncmp(rest, "iB", 2))
			rest += 2;
	}
	if (*rest || *v > UINT64_MAX >> shift)
		return -1;
	*v <<= shift;
	return 0;
}

#define PLAIN_MAX 16	/* decimal exponents below are written out */
#define BRIEF_MAX 5

/* The number before its exponent x > 0, "-1.5" of -1.5e10, as digits and zeros. */
static void write_out(char *buf, int x)
{
	char *to = buf + (*buf == '-');

	for (const char *p = to; *p; p++)
		if (*p != '.')
			*to++ = *p;
	for (int n = (int)(to - buf) - (*buf == '-'); n <= x; n++)
		*to++ = '0';
	*to = '\0';
}

/* Tidies printf's exponent: 1e-05 -> 1e-5; writes out one of 0 ... most-1, of a number
 * with no digit beyond the point: 1.5e+03 -> 1500. */
static char *tidy(char *buf, int most)
{
	char *x = strchr(buf, 'e'), *digits;
	int exponent = 0;

	if (!x)
		return buf;
	digits = x + 2 + (x[2] == '0');	/* after a sign, at least two of them */
	for (const char *p = digits; *p; p++)
		exponent = 10 * exponent + (*p - '0');
	if (x[1] == '+' && exponent < most) {
		*x = '\0';
		write_out(buf, exponent);
	} else {
		memmove(x + 1 + (x[1] == '-'), digits, strlen(digits) + 1);
	}
	return buf;
}

static char *print_special(char *buf, double v)
{
	strcpy(buf, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
	return buf;
}

static int reads_back(char *buf, int prec, double v)
{
	snprintf(buf, FL_NUM_MAX, "%.*g", prec, v);
	return strtod(buf, NULL) == v;
}

static int reads_back_f32(char *buf, int prec, float v)
{
	snprintf(buf, FL_NUM_MAX, "%.*g", prec, (double)v);
	return strtof(buf, NULL) == v;
}

/* What does not read back with so many digits does not with fewer, unless it is a power
 * of two, whose neighbours are not equally far. */
static int is_power(double v)
{
	int exponent;

	return fabs(frexp(v, &exponent)) == 0.5;
}

char *fl_num_printi(char *buf, int64_t v)
{
	char digit[FL_NUM_MAX], *p = buf;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	size_t n = 0;

	do {
		digit[n++] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		*p++ = '-';
	while (n)
		*p++ = digit[--n];
	*p = '\0';
	return buf;
}

__extension__ typedef unsigned __int128 wide;

/* The fewest digits of v = m 2^ex, 1e-4 < v < 1e5 and no multiple of 10, whose value,
 * digits / 10^point, is within half of what lies between v and its neighbours. Exact:
 * v 10^k is m 5^k times a power of two. -1: they are a power of ten. */
static int fewest_digits(uint64_t m, int ex, uint64_t *digits, int *point)
{
	uint64_t top = 10, five = 1;
	int k = 4, shift;
	wide x, off, r;

	while ((wide)m * 10000 >= (wide)top << -ex) {	/* top: of v 10^4's many digits */
		top *= 10;
		k--;
	}
	for (top = 10; k < 0; k++)
		top *= 10;
	for (int i = 0; i < k; i++)
		five *= 5;
	for (;; k++, five *= 5, top *= 10) {
		shift = -(k + ex);
		x = (wide)m * five;
		r = x >> shift;	/* to the nearest, ties to even */
		r = (x + ((wide)1 << (shift - 1)) - !(r & 1)) >> shift;
		off = r << shift > x ? (r << shift) - x : x - (r << shift);
		if (2 * off < five)
			break;
	}
	*digits = (uint64_t)r;
	*point = k;
	return r < top ? 0 : -1;
}

/* Most numbers; the same characters as by attempts, in a twentieth of the time. */
static char *print_plain(char *buf, double v, int bits)
{
	double a = fabs(v);
	uint64_t digits;
	int ex, point, n = 0;
	char back[FL_NUM_MAX], *p = buf;

	if (!(a > 1e-4 && a < 1e5) || is_power(a) || fmod(a, 10) == 0)
		return NULL;
	a = ldexp(frexp(a, &ex), bits);
	if (fewest_digits((uint64_t)a, ex - bits, &digits, &point))
		return NULL;
	for (int k = 0; k <= point || digits; k++, digits /= 10) {
		if (k && k == point)
			back[n++] = '.';
		back[n++] = (char)('0' + digits % 10);
	}
	if (v < 0)
		*p++ = '-';
	while (n)
		*p++ = back[--n];
	*p = '\0';
	return buf;
}

/* With an exponent from 10^most on. */
static char *print_shortest(char *buf, double v, int most)
{
	int prec;

	if (!isfinite(v))
		return print_special(buf, v);
	if (print_plain(buf, v, 53))
		return buf;
	for (prec = is_power(v) || reads_back(buf, 15, v) ? 1 : 16; prec < 17; prec++)
		if (reads_back(buf, prec, v))
			return tidy(buf, most);
	snprintf(buf, FL_NUM_MAX, "%.17g", v);
	return tidy(buf, most);
}

char *fl_num_print(char *buf, double v)
{
	return print_shortest(buf, v, PLAIN_MAX);
}

char *fl_num_brief(char *buf, double v)
{
	return print_shortest(buf, v, BRIEF_MAX);
}

char *fl_num_printf32(char *buf, float v)
{
	int prec;

	if (!isfinite(v))
		return print_special(buf, v);
	if (print_plain(buf, (double)v, 24))
		return buf;
	for (prec = is_power((double)v) || reads_back_f32(buf, 7, v) ? 1 : 8; prec < 9; prec++)
		if (reads_back_f32(buf, prec, v))
			return tidy(buf, PLAIN_MAX);
	snprintf(buf, FL_NUM_MAX, "%.9g", (double)v);
	return tidy(buf, PLAIN_MAX);
}

/* Whether text s(n) is a number, which is printed as now(m) is written. */
static int prints_as(const char *s, size_t n, const char *now, size_t m)
{
	char text[FL_NUM_MAX], back[FL_NUM_MAX];
	double v;

	if (n >= sizeof text)
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	return !fl_num_real(text, &v) && strlen(fl_num_print(back, v)) == m && !memcmp(back, now, m);
}

int fl_num_alike(const char *was, const char *now)
{
	static const char number[] = "0123456789.e+-";

	while (*was || *now) {
		size_t n = strspn(was, number), m = strspn(now, number);

		if (n != m || memcmp(was, now, n)) {
			if (!n || !m || !prints_as(was, n, now, m))
				return 0;
		} else if (!n && *was != *now) {
			return 0;
		}
		was += n ? n : 1;
		now += m ? m : 1;
	}
	return 1;
}

size_t fl_num_part(double p, size_t n)
{
	size_t m = (size_t)(p * (double)n);

	while (m && (double)m / (double)n > p)
		m--;
	while ((double)(m + 1) / (double)n <= p)
		m++;
	return m;
}

size_t fl_num_part_up(double p, size_t n)
{
	size_t m = fl_num_part(p, n);

	return n && (double)m / (double)n < p ? m + 1 : m;
}

size_t fl_num_part_near(double p, size_t n)
{
	return (fl_num_part(p, 2 * n) + 1) / 2;
}

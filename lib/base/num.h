/* Numbers: strict reading, shortest printing, checked size arithmetic.
 * The C locale is never left, so '.' is the point. */
#ifndef FL_BASE_NUM_H
#define FL_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

/* Whole string, decimal, no blanks, no sign but '-'; 0 or -1. */
int fl_num_i64(const char *s, int64_t *v);
int fl_num_u64(const char *s, uint64_t *v);
/* Finite decimal real such as 1, -.5, 1e-3; no hex, no inf, no nan. */
int fl_num_real(const char *s, double *v);
/* The order of two decimals that fl_num_real takes, -1, 0 or 1: of their exact values,
 * however many digits they have. */
int fl_num_order(const char *a, const char *b);
/* Bytes: 4096, 64K, 16M, 1G, 1GiB, 64MiB (powers of 1024). */
int fl_num_size(const char *s, uint64_t *v);

#define FL_NUM_MAX 32	/* bytes that hold any printed number */

/* The fewest digits that read back to the same value; buf[FL_NUM_MAX]. With an exponent
 * below 1e-4 and from 1e16 on: 0.0001, 10, 1500000, 2e-5, 1e16. "nan", "inf", "-inf" for
 * what is not finite. Returns buf. */
char *fl_num_print(char *buf, double v);
char *fl_num_printf32(char *buf, float v);
char *fl_num_printi(char *buf, int64_t v);
/* The same for limits that people read, with an exponent from 1e5 on: 1e9. */
char *fl_num_brief(char *buf, double v);
/* Whether two texts with numbers in them differ at most in how numbers are written, as
 * other versions did: "lr=1e1" and "lr=10". */
int fl_num_alike(const char *was, const char *now);

/* The part p of n, rounded down: the largest m with m/n <= p as doubles. p stands for
 * the decimal or the ratio that was meant, so .29 of 100 are 29, though .29 * 100 is less,
 * and a/b of b are a. p >= 0, n < 2^53, and so is the result. */
size_t fl_num_part(double p, size_t n);
/* The same, rounded up: the smallest m with m/n >= p. */
size_t fl_num_part_up(double p, size_t n);
/* The same, rounded to the nearest, halves up. n < 2^52. */
size_t fl_num_part_near(double p, size_t n);

/* *r = a*b or a+b; -1 when it does not fit. */
static inline int fl_mul(size_t a, size_t b, size_t *r)
{
	return __builtin_mul_overflow(a, b, r) ? -1 : 0;
}

static inline int fl_add(size_t a, size_t b, size_t *r)
{
	return __builtin_add_overflow(a, b, r) ? -1 : 0;
}

#endif

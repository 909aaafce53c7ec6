/* Functions over arrays: same bits, errors in ulp, special values. */
#define _DEFAULT_SOURCE
#include <stdint.h>

#include "each.h"
#include "kernel/vmath.h"

#define SAMPLE 4096
#define STRIDE 1021	/* 2^22 of the 2^32 floats; odd, so all low bits occur */

static double normal(double x)
{
	return .5 * erfc(-x * 0.70710678118654752440);
}

static double density(double x)
{
	return 0.39894228040143267794 * exp(-.5 * x * x);
}

static void vnormal(const float *x, float *y, size_t n)
{
	static float pdf[1 << 16];

	fl_vnormal(x, y, pdf, n);
}

static void vdensity(const float *x, float *y, size_t n)
{
	static float cdf[1 << 16];

	fl_vnormal(x, cdf, y, n);
}

typedef void vfn(const float *x, float *y, size_t n);

static float any_float(void)
{
	uint32_t bits = (uint32_t)each_word();
	float f;

	memcpy(&f, &bits, sizeof f);
	return each_below(2) ? f : 20 * each_real();
}

static float *put(float *o, const float *y, size_t n)
{
	memcpy(o, y, n * sizeof *y);
	return o + n;
}

static void everywhere(void *out)
{
	static vfn *const fns[] = { fl_vexp, fl_vlog, fl_vtanh };
	float *o = out;

	each_seed = 51;
	for (int r = 0; r < 300; r++) {
		size_t n = each_below(200), off = each_below(5), C = 1 + each_below(20), B = n / C;
		float x[256], y[512];
		uint16_t h[256];
		double sums[2];

		for (size_t i = 0; i < 256; i++) {
			x[i] = any_float();
			h[i] = (uint16_t)each_word();
		}
		for (int f = 0; f < 3; f++) {
			for (size_t i = 0; i < 256; i++)
				y[i] = 37.5f;	/* shows on both sides of what is written */
			fns[f](x + off, y + 7 + off, n);
			o = put(o, y, 256);
			fns[f](y + 7, y + 7, n);
			o = put(o, y, 256);
		}
		fl_vnormal(x + off, y + off, y + 256 + off, n);
		o = put(o, y, 256);
		o = put(o, y + 256 + off, n);
		fl_f16_to_f32(h + off, y, n);
		o = put(o, y, n);
		fl_bf16_to_f32(h + off, y, n);
		o = put(o, y, n);
		for (size_t i = 0; i < 256; i++)
			x[i] = 30 * each_real();
		fl_softmax_rows(x + off, y, y + B * C, B, C);
		o = put(o, y, B * C + B);
		sums[0] = fl_vdot(x + off, y, B * C);
		sums[1] = fl_vsumsq(x + off, n);
		o = put(o, (float *)(void *)sums, 4);
		o[0] = (float)fl_vfinite(x + off, n, &o[1]);
		o += 2;
		fl_vpull(x[0], x + off, x + 5 + off, y, n);
		fl_vblend(x[1], x + off, x[2], y + off, n);
		o = put(o, y, 256);
	}
}

static double ulp_of(double v)
{
	int e;

	frexp(v, &e);
	return ldexp(1, e - 24 < -149 ? -149 : e - 24);
}

/* One sample of the floats; what has no finite value must match exactly. */
static double worst_of(vfn *f, double (*exact)(double), int *wrong)
{
	static float x[SAMPLE], y[SAMPLE];
	double worst = 0;

	for (uint64_t at = 0; at < UINT64_C(1) << 32;) {
		size_t n = 0;

		for (; n < SAMPLE && at < UINT64_C(1) << 32; at += STRIDE) {
			uint32_t bits = (uint32_t)at;

			memcpy(&x[n++], &bits, sizeof bits);
		}
		f(x, y, n);
		for (size_t i = 0; i < n; i++) {
			double want = exact((double)x[i]), off;

			if (isnan(want)) {
				*wrong += !isnan(y[i]);
			} else if (isinf((float)want)) {
				*wrong += y[i] != (float)want;
			} else {
				off = fabs((double)y[i] - want) / ulp_of(want);
				if (!(off <= worst))
					worst = off;
			}
		}
	}
	return worst;
}

static void accuracy(const char *name, vfn *f, double (*exact)(double), double limit)
{
	int wrong = 0;
	double worst = worst_of(f, exact, &wrong);

	ok(worst < limit, "%s: worst error %.3f ulp of 2^22 floats, limit %g", name, worst, limit);
	is_int(wrong, 0, "infinities and NaN that differ");
}

static void special(void)
{
	float x[] = { 88.73f, -103.98f, -104.5f, INFINITY, -INFINITY, 0, -0.f }, y[7];

	fl_vexp(x, y, 7);
	ok(isinf(y[0]) && y[1] == 0 && y[2] == 0 && isinf(y[3]) && y[4] == 0 && y[5] == 1 && y[6] == 1,
	   "exp at its ends");
	fl_vlog(x, y, 7);
	ok(isnan(y[1]) && y[3] == INFINITY && isnan(y[4]) && y[5] == -INFINITY && y[6] == -INFINITY,
	   "log at its ends");
	fl_vtanh(x, y, 7);
	ok(y[0] == 1 && y[2] == -1 && y[3] == 1 && y[4] == -1 && y[5] == 0 && !signbit(y[5]) &&
	   signbit(y[6]), "tanh at its ends");
}

static void softmax(void)
{
	float z[3 * 5], p[15], lse[3];
	int wrong = 0;

	each_seed = 52;
	for (int i = 0; i < 15; i++)
		z[i] = 50 * each_real() + (i < 5 ? 1e4f : 0);
	fl_softmax_rows(z, p, lse, 3, 5);
	for (int b = 0; b < 3; b++) {
		double max = -INFINITY, sum = 0;

		for (int c = 0; c < 5; c++)
			max = fmax(max, (double)z[5 * b + c]);
		for (int c = 0; c < 5; c++)
			sum += exp((double)z[5 * b + c] - max);
		wrong += !(fabs((double)lse[b] - (max + log(sum))) <= 1.2e-7 * fabs(max + log(sum)));
		for (int c = 0; c < 5; c++)
			wrong += !(fabs((double)p[5 * b + c] - exp((double)z[5 * b + c] - max) / sum) <= 2e-7);
	}
	is_int(wrong, 0, "softmax and log-sum-exp far from double");
	fl_softmax_rows(z, z, NULL, 3, 5);
	ok(!memcmp(z, p, sizeof p), "softmax in place");
}

static void sums(void)
{
	float x[1000], y[1000];
	int wrong = 0;

	each_seed = 53;
	for (int i = 0; i < 1000; i++) {
		x[i] = each_real();
		y[i] = each_real();
	}
	for (size_t n = 0; n <= 1000; n += 7) {
		double lane[64] = { 0 };

		for (size_t i = 0; i < n; i++)
			lane[i % 64] += (double)x[i] * (double)y[i];
		for (size_t h = 32; h > 0; h /= 2)
			for (size_t l = 0; l < h; l++)
				lane[l] += lane[l + h];
		wrong += fl_vdot(x, y, n) != lane[0];
	}
	is_int(wrong, 0, "dot products that differ from the lane definition");
}

static void blends(void)
{
	float x[50], from[50], y[51], v;
	int wrong = 0;

	each_seed = 54;
	for (size_t n = 0; n <= 50; n++) {
		for (size_t i = 0; i < 50; i++) {
			x[i] = each_real();
			from[i] = each_real();
		}
		for (size_t i = 0; i <= n; i++)
			y[i] = 1;
		fl_vpull(.1f, x, from, y, n);
		fl_vblend(.3f, x, .7f, y, n);
		for (size_t i = 0; i < n; i++) {
			v = .1f * (x[i] - from[i]);
			v = 1 + v;
			v = .7f * v;
			wrong += y[i] != v + .3f * x[i];
		}
		wrong += y[n] != 1;
	}
	is_int(wrong, 0, "elements pulled or blended that are not rounded at each operation");
}

static void cosines(void)
{
	float x[70], want[70];
	int wrong = 0;

	each_seed = 55;
	for (size_t n = 0; n < 70; n++) {
		for (size_t i = 0; i < 70; i++) {
			x[i] = i % 5 ? each_real() : (i % 2 ? -1 : 1) * (1 + each_real() * 0x1p-20f);
			want[i] = i < n ? fmaxf(-1, fminf(1, x[i])) : x[i];
		}
		fl_vcosine(x, n);
		wrong += memcmp(x, want, sizeof x) != 0;
	}
	is_int(wrong, 0, "cosines beyond 1, or changed within");
}

static void finiteness(void)
{
	float x[100] = { 0 }, max = -1;
	int wrong = 0;

	ok(fl_vfinite(x, 0, &max) && max == 0, "nothing is finite, largest 0");
	for (size_t i = 0; i < 100; i++) {
		x[i] = -3;
		wrong += !fl_vfinite(x, 100, &max) || max != 3;
		x[i] = i % 2 ? NAN : -INFINITY;
		wrong += fl_vfinite(x, 100, &max);
		x[i] = 1;
	}
	is_int(wrong, 0, "finiteness and largest magnitude, wherever they stand");
}

static void halves(void)
{
	static uint16_t h[65536];
	static float y[65536];
	int wrong = 0;

	for (int i = 0; i < 65536; i++)
		h[i] = (uint16_t)i;
	fl_f16_to_f32(h, y, 65536);
	for (int i = 0; i < 65536; i++) {
		int e = i >> 10 & 31, m = i & 1023;
		double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);

		if (e == 31)
			v = m ? NAN : INFINITY;
		if (i >> 15)
			v = -v;
		wrong += isnan(v) ? !isnan(y[i]) : (double)y[i] != v || !signbit(v) != !signbit(y[i]);
	}
	is_int(wrong, 0, "halves of 65,536 read wrong");
	fl_bf16_to_f32((uint16_t[]){ 0x3fc0, 0xff80, 0x0001 }, y, 3);
	ok(y[0] == 1.5f && y[1] == -INFINITY && y[2] == 0x1p-133f, "bfloat16");
}

int main(void)
{
	each_same("arrays", everywhere, (size_t)300 * 4100 * sizeof(float));
	accuracy("exp", fl_vexp, exp, 1);
	accuracy("log", fl_vlog, log, 1);
	accuracy("tanh", fl_vtanh, tanh, 2);
	accuracy("normal distribution", vnormal, normal, 6);
	accuracy("normal density", vdensity, density, 3);
	special();
	softmax();
	sums();
	blends();
	cosines();
	finiteness();
	halves();
	return tap_done();
}

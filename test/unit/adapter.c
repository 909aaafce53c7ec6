/* Losses of adapters in float: PyTorch's numbers, hand cases, readings, extremes. */
#include "adapter_cases.h"

static struct fl_err e;
static struct fl_arena arena;

/* Loss of spec at z(B,C), gradient into dz(B,C) or NULL. */
static double value(const char *text, const fl_real *z, size_t B, size_t C, fl_real *dz)
{
	struct fl_batch b = { .B = B, .C = C, .z = z, .dz = dz };
	const struct fl_loss_entry *l;
	struct fl_spec s;

	if (fl_spec_parse(&fl_family_loss, text, &arena, &s, &e))
		return NAN;
	l = (const struct fl_loss_entry *)s.entry;
	if (l->check && l->check(s.p, C, &e))
		return NAN;
	b.scratch = fl_arena_get(&arena, 1 + fl_loss_scratch(l, s.p, B, C), sizeof *z, &e);
	return l->loss(s.p, &b);
}

enum { B = 4, D = 8 };

static double softplus(double x)
{
	return log1p(exp(x));
}

static double image(size_t i, size_t k)
{
	return sin(1. + 8 * (double)i + (double)k);
}

static double text(size_t i, size_t k)
{
	return 2 * cos(.5 * (8 * (double)i + (double)k));
}

static double length(double (*f)(size_t, size_t), size_t i)
{
	double n = 0;

	for (size_t k = 0; k < D; k++)
		n += f(i, k) * f(i, k);
	return sqrt(n);
}

/* The official modules in double at x_ij = sin(1+8i+j), eta_ij = 2 cos((8i+j)/2). */
static void official_asymvlm(void)
{
	static const double ps0[] = { -.0787854803, -.0363854569, .0427212866, .0845537311,
	                              .0489101606, -.0332442693, -.0878047324, -.0653088473 };
	static const double vmf0[] = { -.0973942575, -.0266171277, .0701045169, .1032791835,
	                               .0416181636, -.0590048249, -.1067236121, -.0579827109 };
	fl_real z[B * (2 * D + 1)], dz[B * (2 * D + 1)];
	double worst = 0;

	for (size_t i = 0; i < B; i++) {
		fl_real *row = z + i * (2 * D + 1);

		for (size_t k = 0; k < D; k++) {
			row[k] = (fl_real)text(i, k);
			row[D + k] = (fl_real)(image(i, k) / length(image, i));
		}
		row[2 * D] = 1;
	}
	is_near(value("asymvlm", z, B, 2 * D + 1, dz), 1.590142804681, 1e-6, "vmf: the loss");
	is_near((double)dz[2 * D], .656654505127, 1e-6, "its derivative by the temperature");
	for (size_t k = 0; k < D; k++)
		worst = fmax(worst, fabs((double)dz[k] - vmf0[k]));
	ok(worst < 1e-7, "and by a text: %.2g", worst);
	is_near(value("asymvlm:dist=ps", z, B, 2 * D + 1, dz), 1.618002031252, 1e-6, "ps: the loss");
	is_near((double)dz[2 * D], .664109428294, 1e-6, "its derivative by the temperature");
	worst = 0;
	for (size_t k = 0; k < D; k++)
		worst = fmax(worst, fabs((double)dz[k] - ps0[k]));
	ok(worst < 1e-7, "and by a text: %.2g", worst);
	z[2 * D] = .5f;
	is_near(value("asymvlm", z, B, 2 * D + 1, NULL), 1.347031181308, 1e-6, "vmf at half the temperature");
	is_near(value("asymvlm:dist=ps", z, B, 2 * D + 1, NULL), 1.359732712949, 1e-6, "and ps");
}

static void official_others(void)
{
	fl_real z[B * (8 * D)];

	for (size_t i = 0; i < B; i++)
		for (size_t k = 0; k < D; k++) {
			fl_real *row = z + i * 4 * D + k;

			row[0] = (fl_real)softplus(.3 * image(i, k));
			row[D] = (fl_real)softplus(.2 * text(i, k));
			row[2 * D] = (fl_real)text(i, k);
			row[3 * D] = (fl_real)image(i, k);
		}
	is_near(value("pfe", z, B, 4 * D, NULL), 16.126522634395, 1e-6, "pfe");
	for (size_t i = 0; i < B; i++)
		for (size_t k = 0; k < D; k++) {
			fl_real *row = z + i * (4 * D + 2) + k;

			row[0] = (fl_real)(.3 * image(i, k) - 3);
			row[D] = (fl_real)(.2 * text(i, k) - 3);
			row[2 * D] = (fl_real)(text(i, k) / length(text, i));
			row[3 * D] = (fl_real)(image(i, k) / length(image, i));
			z[i * (4 * D + 2) + 4 * D] = z[i * (4 * D + 2) + 4 * D + 1] = 5;
		}
	is_near(value("pcmepp", z, B, 4 * D + 2, NULL), 4.013999634873, 1e-6, "pcmepp");
	for (size_t i = 1; i < B; i++)
		memmove(z + i * 4 * D, z + i * (4 * D + 2), 4 * D * sizeof *z);
	is_near(value("prolip", z, B, 4 * D, NULL), 2.397146963394, 1e-6, "prolip");
	for (size_t i = 0; i < B; i++)
		for (size_t k = 0; k < D; k++)
			for (size_t side = 0; side < 2; side++) {
				fl_real *row = z + i * 8 * D + side * 3 * D + k;

				row[0] = (fl_real)softplus(.2 * text(i, k));
				row[D] = (fl_real)softplus(.3 * image(i, k));
				row[2 * D] = (fl_real)(.9 * image(i, k) + .01);
				z[i * 8 * D + (6 + side) * D + k] = (fl_real)image(i, k);
			}
	is_near(value("probvlm:cross=0", z, B, 8 * D, NULL), 2 * .098486915960, 1e-6,
	        "probvlm, both sides alike");
}

/* d = 2, one pair: m_i = (.6,.8), m_t = (1,0). */
static void by_hand(void)
{
	const fl_real pfe[] = { .1f, .2f, .3f, .4f, 1, 0, .6f, .8f };
	const fl_real pcmepp[] = { -3, -2, -4, -1, 1, 0, .6f, .8f, 5, 5 };

	is_near(value("pfe", pfe, 1, 8, NULL), .03955031102653, 1e-6, "pfe by hand");
	is_near(value("pcmepp", pcmepp, 1, 10, NULL), 4.0034601926, 1e-6, "pcmepp by hand");
	is_near(value("prolip", pcmepp, 1, 8, NULL), .5482881569, 1e-6, "prolip by hand");
}

static int finite(const fl_real *x, size_t n)
{
	size_t i = 0;

	while (i < n && isfinite(x[i]))
		i++;
	return i == n;
}

/* eta = length times direction, z = (1,0,0...). */
static void extreme(const char *spec, double length, double along, double tau)
{
	fl_real z[3 * 9] = { 0 }, dz[3 * 9];
	double v;

	for (size_t i = 0; i < 3; i++) {
		z[i * 9] = (fl_real)(length * along);
		z[i * 9 + 1] = (fl_real)(length * sqrt(1 - along * along));
		z[i * 9 + 4 + i] = 1;
		z[i * 9 + 8] = (fl_real)tau;
	}
	v = value(spec, z, 3, 9, dz);
	ok(isfinite(v) && v >= 0 && finite(dz, 27), "%s: length %g, cosine %g, tau %g: %g", spec, length,
	   along, tau, v);
	v = value(spec, z, 1, 9, dz);
	ok(fabs(v) <= 0 && finite(dz, 9), "and one pair alone has nothing to learn");
}

static void extremes(void)
{
	static const double size[] = { 0, 1e-38, 1e-20, 1e-6, 1, 1e6, 1e15 };
	static const char *const spec[] = { "asymvlm", "asymvlm:dist=ps", "asymvlm:images=adapted" };

	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < 7; i++) {
			extreme(spec[s], size[i], 1, 1);
			extreme(spec[s], size[i], -1, 1);
			extreme(spec[s], size[i], .3, 1e-3);
		}
}

/* Equal texts: rows say nothing, log B; only constants per column differ. */
static void properties(void)
{
	fl_real z[3 * 9] = { 0 };
	double one, two;

	for (size_t i = 0; i < 3; i++) {
		z[i * 9] = 2;
		z[i * 9 + 4 + i] = 1;
		z[i * 9 + 8] = 1;
	}
	is_near(value("asymvlm:direction=i2t", z, 3, 9, NULL), log(3), 1e-6, "equal texts: log B");
	one = value("asymvlm:direction=t2i", z, 3, 9, NULL);
	two = value("asymvlm:direction=i2t", z, 3, 9, NULL);
	is_near(value("asymvlm", z, 3, 9, NULL), (one + two) / 2, 1e-6,
	        "both directions are the mean of the two");
}

static void reads(const char *text, enum fl_side side, const fl_real *z, size_t C, double mean,
                  double kappa, double var, double uncertainty)
{
	float m[2] = { -9, -9 }, k = -9, v[2] = { -9, -9 };
	double u = -9;
	struct fl_posterior out = { m, &k, v, &u };
	const struct fl_loss_entry *l;
	struct fl_reading r;
	struct fl_spec s;

	if (!ok(!fl_spec_parse(&fl_family_loss, text, &arena, &s, &e), "%s", text))
		return;
	l = (const struct fl_loss_entry *)s.entry;
	l->reading(s.p, C, &r);
	is_int((long long)r.d, 2, "width");
	is_int(r.kappa[side], kappa > -9, "whether it has a concentration");
	is_int(r.var[side], var > -9, "variances");
	is_int(r.uncertainty[side], uncertainty > -9, "uncertainty");
	l->posterior(s.p, side, z, 1, C, &out);
	is_near((double)m[0], mean, 1e-6, "mean");
	is_near((double)k, kappa, 1e-5, "concentration, or not written");
	is_near((double)v[0], var, 1e-6, "variance");
	is_near(u, uncertainty, 1e-6, "uncertainty");
}

static void readings(void)
{
	const fl_real a[] = { 3, 4, 0, 2, 1 }, p[] = { .1f, .2f, .3f, .4f, 3, 4, 0, 2 };
	const fl_real g[] = { -1, -2, -3, -4, 3, 4, 0, 2, 5, 5 };
	const fl_real b[] = { .9f, .9f, 1, 2, 6, 8, 1.9f, 1.9f, .5f, .5f, 0, 1, 3, 4, 0, 2 };
	const fl_real f[] = { .9f, .9f, 1, 2, 1.9f, 1.9f, .5f, .5f, 3, 4, 0, 2 };

	reads("asymvlm", FL_SIDE_TEXT, a, 5, .6, 5, -9, .2);
	reads("asymvlm", FL_SIDE_IMAGE, a, 5, 0, -9, -9, -9);
	reads("asymvlm:images=adapted", FL_SIDE_IMAGE, a, 5, 0, 2, -9, .5);
	reads("pfe", FL_SIDE_TEXT, p, 8, .6, -9, .3, .35);
	reads("pfe", FL_SIDE_IMAGE, p, 8, 0, -9, .1, .15);
	reads("pcmepp", FL_SIDE_TEXT, g, 10, .6, -9, exp(-3), (exp(-3) + exp(-4)) / 2);
	reads("prolip", FL_SIDE_IMAGE, g, 8, 0, -9, exp(-1), (exp(-1) + exp(-2)) / 2);
	/* beta .9 + .1 = 1: Gamma(3)/Gamma(1) = 2; and 2: Gamma(1.5)/Gamma(.5) = 1/2. */
	reads("probvlm", FL_SIDE_IMAGE, b, 16, .6, -9, 2 / (1.00001 * 1.00001),
	      1 / (1.00001 * 1.00001) + 1 / (2.00001 * 2.00001));
	reads("probvlm", FL_SIDE_TEXT, b, 16, 0, -9, .5 / (.50001 * .50001),
	      .5 / (.50001 * .50001));
	reads("probvlm:mean=fixed", FL_SIDE_TEXT, f, 12, .6, -9, .5 / (.50001 * .50001),
	      .5 / (.50001 * .50001));
}

static void shapes(void)
{
	const fl_real z[64] = { 0 };

	memset(&e, 0, sizeof e);
	ok(isnan(value("asymvlm", z, 1, 6, NULL)) && strstr(e.msg, "6 outputs are not 2d + 1"),
	   "asymvlm refuses an even width: %s", e.msg);
	ok(isnan(value("asymvlm:dist=ps,images=adapted", z, 1, 9, NULL)), "and a symmetric ps");
	ok(isnan(value("pfe", z, 1, 6, NULL)), "pfe: a width that is not 4d");
	ok(isnan(value("pcmepp", z, 1, 8, NULL)), "pcmepp: one without scale and shift");
	ok(isnan(value("prolip", z, 1, 10, NULL)), "prolip: one with");
	ok(isnan(value("probvlm", z, 1, 12, NULL)), "probvlm: one of fixed means");
}

int main(void)
{
	adapter_cases("test/golden/adapter/losses.safetensors", NULL);
	adapter_cases("test/golden/nn/towers.safetensors", NULL);
	official_asymvlm();
	official_others();
	by_hand();
	extremes();
	properties();
	readings();
	shapes();
	fl_arena_release(&arena);
	return tap_done();
}

/* Profiles of cells treated with compounds, made up: a compound acts by one
 * mechanism; plates and batches add what has nothing to do with it. Wells of DMSO,
 * the solvent alone, show what that is. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/source.h"
#include "tensor/meta.h"

enum { BY_COMPOUND, BY_PLATE, BY_BATCH };
static const char *const group_name[] = { "compound", "plate", "batch", NULL };

struct params {
	int64_t mechanisms, compounds, wells, plates, batches, dmso, dim, seed;
	double effect, own, noise, plate, batch;
	int normalise, group;
};

struct screen {
	const struct params *p;
	size_t d, N;
	double *mechanism;	/* (mechanisms,d) unit-variance directions */
	double *plate, *batch;	/* (plates,d), (batches,d) offsets */
	double *gain;		/* (batches,d) factors */
	float *x;
	int64_t *y, *group;
	uint32_t *on;		/* (N) plate of a well */
};

enum { MECHANISMS = 0, PLATES = 1, BATCHES = 2, GAINS = 3, COMPOUND = 4, WELLS = 5 };

static void rng(struct fl_rng *r, const struct params *p, size_t of, uint64_t what)
{
	fl_rng_init(r, (uint64_t)p->seed, 0, of, FL_RNG_DATA, what);
}

static double *normals(const struct params *p, struct fl_arena *a, int64_t rows, double scale,
                       uint64_t what, struct fl_err *e)
{
	size_t n;
	double *v;
	struct fl_rng r;

	if (fl_mul((size_t)rows, (size_t)p->dim, &n)) {
		fl_fail_mem(e, SIZE_MAX);
		return NULL;
	}
	if (!(v = fl_arena_get(a, n, sizeof *v, e)))
		return NULL;
	rng(&r, p, 0, what);
	for (size_t i = 0; i < n; i++)
		v[i] = scale * fl_rng_normal(&r);
	return v;
}

/* A well at row i of plate q; signal(d): what the compound does, NULL for DMSO. */
static void well(struct screen *s, size_t i, size_t q, const double *signal, struct fl_rng *r)
{
	const struct params *p = s->p;
	size_t b = q % (size_t)p->batches;
	float *x = s->x + i * s->d;

	s->on[i] = (uint32_t)q;
	for (size_t j = 0; j < s->d; j++) {
		double v = (signal ? signal[j] : 0) + p->noise * fl_rng_normal(r);

		x[j] = (float)(v * (1 + s->gain[b * s->d + j]) + s->batch[b * s->d + j] +
		               s->plate[q * s->d + j]);
	}
}

static int64_t group_of(const struct screen *s, size_t i, size_t compound)
{
	return s->p->group == BY_COMPOUND ? (int64_t)compound :
	       s->p->group == BY_PLATE ? (int64_t)s->on[i] : (int64_t)s->on[i] % s->p->batches;
}

/* Compound g of mechanism m: its direction, of its own strength between half and one
 * and a half, and something of its own; its wells lie on two plates. */
static size_t treat(struct screen *s, size_t m, size_t g, size_t i, double *signal)
{
	const struct params *p = s->p;
	struct fl_rng r;
	double strength;
	size_t first;

	rng(&r, p, g, COMPOUND);
	strength = p->effect * (.5 + fl_rng_real(&r));
	first = (size_t)fl_rng_below(&r, (uint64_t)p->plates);
	for (size_t j = 0; j < s->d; j++)
		signal[j] = strength * s->mechanism[m * s->d + j] + p->own * fl_rng_normal(&r);
	rng(&r, p, g, WELLS);
	for (size_t w = 0; w < (size_t)p->wells; w++, i++) {
		well(s, i, (first + w % 2) % (size_t)p->plates, signal, &r);
		s->y[i] = (int64_t)m;
		s->group[i] = group_of(s, i, g);
	}
	return i;
}

/* DMSO wells of plate q, one group of their own. */
static size_t control(struct screen *s, size_t q, size_t i)
{
	const struct params *p = s->p;
	size_t g = (size_t)(p->mechanisms * p->compounds) + q;
	struct fl_rng r;

	rng(&r, p, g, WELLS);
	for (size_t w = 0; w < (size_t)p->dmso; w++, i++) {
		well(s, i, q, NULL, &r);
		s->y[i] = p->mechanisms;
		s->group[i] = group_of(s, i, g);
	}
	return i;
}

/* Feature by feature, mean and deviation of the DMSO wells of each plate. */
static void normalise(struct screen *s, size_t q)
{
	for (size_t j = 0; j < s->d; j++) {
		double n = 0, mean = 0, var = 0;

		for (size_t i = 0; i < s->N; i++)
			if (s->on[i] == q && s->y[i] == s->p->mechanisms) {
				mean += (double)s->x[i * s->d + j];
				n++;
			}
		mean /= n;
		for (size_t i = 0; i < s->N; i++)
			if (s->on[i] == q && s->y[i] == s->p->mechanisms) {
				double v = (double)s->x[i * s->d + j] - mean;

				var += v * v / n;
			}
		for (size_t i = 0; i < s->N; i++)
			if (s->on[i] == q)
				s->x[i * s->d + j] = (float)(((double)s->x[i * s->d + j] - mean) / sqrt(var));
	}
}

static int count(const struct params *p, size_t *N, struct fl_err *e)
{
	size_t a, b, n;

	if (fl_mul((size_t)p->mechanisms, (size_t)p->compounds, &a) ||
	    fl_mul(a, (size_t)p->wells, &a) || fl_mul((size_t)p->plates, (size_t)p->dmso, &b) ||
	    fl_add(a, b, N) || *N >= UINT32_MAX ||
	    fl_mul(*N, (size_t)p->dim, &n) || n > FL_DATA_VALUES_MAX)
		return fl_fail(e, FL_EDATA, "too many wells");
	if (p->normalise && (p->dmso < 2 || !(p->noise > 0)))
		return fl_fail(e, FL_EUSAGE, "normalise=on wants dmso=2 or more, and noise");
	if (p->batches > p->plates)
		return fl_fail(e, FL_EUSAGE, "%lld batches of %lld plates", (long long)p->batches,
		               (long long)p->plates);
	return 0;
}

static int get_room(struct screen *s, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = s->p;
	struct fl_arena *a = &rec->arena;
	size_t dim[] = { s->N, s->d };
	struct fl_tensor *t;

	if (!(s->mechanism = normals(p, a, p->mechanisms, 1, MECHANISMS, e)) ||
	    !(s->plate = normals(p, a, p->plates, p->plate, PLATES, e)) ||
	    !(s->batch = normals(p, a, p->batches, p->batch, BATCHES, e)) ||
	    !(s->gain = normals(p, a, p->batches, p->batch / 4, GAINS, e)) ||
	    !(s->on = fl_arena_get(a, s->N, sizeof *s->on, e)) ||
	    !(t = fl_tset_add(rec, "x", FL_F32, 2, dim, NULL, e)))
		return -1;
	s->x = t->data;
	if (!(t = fl_tset_add(rec, "y", FL_I64, 1, &s->N, NULL, e)))
		return -1;
	s->y = t->data;
	if (!(t = fl_tset_add(rec, "group", FL_I64, 1, &s->N, NULL, e)))
		return -1;
	s->group = t->data;
	return 0;
}

/* Names of the classes. */
static int name(const struct params *p, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	int rc;

	for (int64_t m = 0; m < p->mechanisms; m++)
		fl_str_addf(&b, "%s\"mechanism %lld\"", m ? "," : "[", (long long)m);
	fl_str_add(&b, p->dmso ? ",\"DMSO\"]" : "]");
	rc = fl_str_check(&b, e) ? -1 : fl_meta_set(rec, "fl.labels", fl_str_c(&b), e);
	fl_str_release(&b);
	return rc;
}

static int read_moa(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	struct screen s = { .p = p, .d = (size_t)p->dim };
	double *signal;
	size_t i = 0;

	if (count(p, &s.N, e) || get_room(&s, rec, e) ||
	    !(signal = fl_arena_get(&rec->arena, s.d, sizeof *signal, e)))
		return -1;
	for (size_t g = 0; g < (size_t)(p->mechanisms * p->compounds); g++)
		i = treat(&s, g / (size_t)p->compounds, g, i, signal);
	for (size_t q = 0; q < (size_t)p->plates; q++)
		i = control(&s, q, i);
	for (size_t q = 0; q < (size_t)p->plates && p->normalise; q++)
		normalise(&s, q);
	return fl_meta_set_kind(rec, FL_KIND_DATA, e) ||
	       fl_meta_set_i64(rec, "fl.classes", p->mechanisms + (p->dmso > 0), e) || name(p, rec, e) ?
	       -1 : 0;
}

static const struct fl_param params[] = {
	{ "mechanisms", FL_P_INT, offsetof(struct params, mechanisms), "10", 1, 1000, NULL, "n",
	  "mechanisms of action, the first classes" },
	{ "compounds", FL_P_INT, offsetof(struct params, compounds), "20", 1, 1e6, NULL, "n",
	  "compounds a mechanism" },
	{ "wells", FL_P_INT, offsetof(struct params, wells), "6", 1, 1e6, NULL, "n",
	  "wells a compound, on two plates" },
	{ "plates", FL_P_INT, offsetof(struct params, plates), "18", 1, 1e4, NULL, "n", "plates" },
	{ "batches", FL_P_INT, offsetof(struct params, batches), "3", 1, 1e4, NULL, "n",
	  "batches: plate q belongs to q mod batches" },
	{ "dmso", FL_P_INT, offsetof(struct params, dmso), "10", 0, 1e6, NULL, "n",
	  "wells of DMSO a plate, the last class" },
	{ "dim", FL_P_INT, offsetof(struct params, dim), "64", 1, 1e4, NULL, "n", "features" },
	{ "effect", FL_P_REAL, offsetof(struct params, effect), "0.5", 0, 1e3, NULL, "x",
	  "strength of a mechanism, on average" },
	{ "own", FL_P_REAL, offsetof(struct params, own), "0.3", 0, 1e3, NULL, "x",
	  "what a compound does beside its mechanism" },
	{ "noise", FL_P_REAL, offsetof(struct params, noise), "1", 0, 1e3, NULL, "x",
	  "deviation of wells" },
	{ "plate", FL_P_REAL, offsetof(struct params, plate), "0.5", 0, 1e3, NULL, "x",
	  "deviation of plates" },
	{ "batch", FL_P_REAL, offsetof(struct params, batch), "1", 0, 1e3, NULL, "x",
	  "deviation of batches; of their factors a quarter of it" },
	{ "normalise", FL_P_BOOL, offsetof(struct params, normalise), "off", 0, 0, NULL, NULL,
	  "by mean and deviation of the DMSO wells of the plate" },
	{ "group", FL_P_ENUM, offsetof(struct params, group), "compound", 0, 0, group_name, "what",
	  "natural id of a well" },
	{ "seed", FL_P_INT, offsetof(struct params, seed), "0", 0, 9e15, NULL, "n", "random seed" },
	{ .name = NULL }
};

const struct fl_source fl_data_moa = {
	.e = {
		.name = "moa",
		.title = "Mechanisms of action, made up",
		.cite = "shaped after Tian et al., Artificial Intelligence in the Life Sciences 3, 2023",
		.doc = "profiles of treated cells: compounds, plates, batches, DMSO",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "x = (s_g m_y + o_g + noise z) (1 + a_b) + batch_b + plate_q; s_g = effect "
		           "(1/2 + U), o_g ~ N(0, own^2), m_y ~ N(0, 1); DMSO: z alone",
	},
	.read = read_moa,
};

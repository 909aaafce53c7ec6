/* Dirichlet label skew in all its meanings: shares of a class over clients, or of
 * a client over classes; balanced or not; as other frameworks have it. */
#include "base/num.h"
#include "part/classwise.h"
#include "part/fill.h"

enum { AXIS_CLASS, AXIS_CLIENT };
static const char *const axis_name[] = { "class", "client", NULL };
enum { PRIOR_UNIFORM, PRIOR_GLOBAL };
static const char *const prior_name[] = { "uniform", "global", NULL };
static const char *const switch_name[] = { "off", "on", NULL };
enum { OURS, FLOWER, NIID, PFLLIB, FEDLAB, FLBENCH, ADAFEDADAM };
static const char *const compat_name[] = {
	"none", "flower", "niid", "pfllib", "fedlab", "flbench", "adafedadam", NULL
};

struct params {
	double alpha;
	int compat, axis, balance, prior, shuffle, cut;
	int64_t min_size, max_tries;
	double min_share;
};

/* What each framework does; min_size of pfllib and fedlab depends on the data. */
static const struct preset {
	int balance, shuffle, cut;
	int64_t min_size, max_tries;
	double min_share;
} preset[] = {
	[OURS] = { FL_BALANCE_NONE, 1, FL_CUT_CUMULATIVE, 10, 1000, 0 },
	[FLOWER] = { FL_BALANCE_NONE, 0, FL_CUT_CUMULATIVE, 10, 11, 0 },
	[NIID] = { FL_BALANCE_LT, 1, FL_CUT_CUMULATIVE, 10, 1000, 0 },
	[PFLLIB] = { FL_BALANCE_LT, 1, FL_CUT_CUMULATIVE, 40, 1000, 0 },
	[FEDLAB] = { FL_BALANCE_LT, 1, FL_CUT_CUMULATIVE, 10, 1000, 0 },
	[FLBENCH] = { FL_BALANCE_NONE, 1, FL_CUT_CUMULATIVE, 10, 1000, 0 },
	[ADAFEDADAM] = { FL_BALANCE_NONE, 1, FL_CUT_CELL, 1, 1000, .1 },
};

static int64_t preset_min_size(int compat, const struct fl_part *s)
{
	int64_t half = (int64_t)((s->N + 2 * s->K - 1) / (2 * s->K)), m = preset[compat].min_size;

	if (compat == FEDLAB)
		return (int64_t)s->C;
	return compat == PFLLIB && half < m ? half : m;
}

static void set_enum(int *v, int def)
{
	if (*v < 0)
		*v = def;
}

static void set_int(int64_t *v, int64_t def)
{
	if (*v == FL_UNSET)
		*v = def;
}

/* By client, nothing is cut or redrawn. */
static int check_axis(const struct params *p, struct fl_err *e)
{
	const char *what = p->balance != FL_BALANCE_NONE ? "balance" :
	                   p->cut != FL_CUT_CUMULATIVE ? "cut" :
	                   p->min_share > 0 ? "min_share" : NULL;

	if (p->axis == AXIS_CLASS && p->prior != PRIOR_UNIFORM)
		return fl_fail(e, FL_EUSAGE, "dirichlet: prior=global goes with axis=client");
	if (p->axis == AXIS_CLIENT && (what || !(p->alpha > 0)))
		return fl_fail(e, FL_EUSAGE, "dirichlet: axis=client has no %s", what ? what : "alpha=0");
	return 0;
}

static int resolve(void *vp, const struct fl_part *s, struct fl_err *e)
{
	struct params *p = vp;
	const struct preset *d = &preset[p->compat];

	set_enum(&p->axis, AXIS_CLASS);
	set_enum(&p->balance, d->balance);
	set_enum(&p->prior, PRIOR_UNIFORM);
	set_enum(&p->shuffle, d->shuffle);
	set_enum(&p->cut, d->cut);
	set_int(&p->min_size, preset_min_size(p->compat, s));
	set_int(&p->max_tries, d->max_tries);
	if (!(p->min_share >= 0))	/* unset: NaN */
		p->min_share = d->min_share;
	return check_axis(p, e);
}

/* alpha(C): alpha each, or alpha times the share of the class in the data. */
static int by_client(const struct params *p, struct fl_part *s, struct fl_err *e)
{
	double *alpha = fl_arena_zero(s->arena, s->C, sizeof *alpha, e);
	size_t *size = fl_arena_get(s->arena, s->K, sizeof *size, e);

	if (!alpha || !size)
		return -1;
	if ((uint64_t)p->min_size > s->N / s->K)
		return fl_fail(e, FL_EDATA, "dirichlet: %zu examples do not give each of %zu clients "
		               "min_size=%lld: client %zu has %zu", s->N, s->K,
		               (long long)p->min_size, s->K - 1, s->N / s->K);
	for (size_t i = 0; i < s->N; i++)
		alpha[s->y[i]] += p->alpha / (double)s->N;
	for (size_t c = 0; c < s->C && p->prior == PRIOR_UNIFORM; c++)
		alpha[c] = p->alpha;
	for (size_t k = 0; k < s->K; k++)
		size[k] = fl_part_even(s->N, k, s->K);
	return fl_part_fill(s, alpha, size, p->shuffle, e);
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	struct params p = *(const struct params *)vp;
	struct fl_classwise c;

	if (resolve(&p, s, e))
		return -1;
	if (p.axis == AXIS_CLIENT)
		return by_client(&p, s, e);
	c = (struct fl_classwise){
		.scheme = "dirichlet", .alpha = p.alpha, .min_share = p.min_share,
		.min_size = p.min_size, .max_tries = p.max_tries, .balance = p.balance,
		.cut = p.cut, .shuffle = p.shuffle,
	};
	return fl_part_classwise(&c, s, e);
}

static const struct fl_param params[] = {
	{ "alpha", FL_P_REAL, offsetof(struct params, alpha), "0.5", 0, 1e6, NULL, "x",
	  "concentration: small is skewed, large is even, 0 is exactly even" },
	{ "compat", FL_P_ENUM, offsetof(struct params, compat), "none", 0, 0, compat_name, "framework",
	  "what the switches below are where they are not given" },
	{ "axis", FL_P_ENUM, offsetof(struct params, axis), NULL, 0, 0, axis_name, "axis",
	  "class: shares of a class over clients; client: of a client over classes" },
	{ "min_size", FL_P_INT, offsetof(struct params, min_size), NULL, 1, 4e9, NULL, "n",
	  "draw again while a client has fewer examples (10)" },
	{ "max_tries", FL_P_INT, offsetof(struct params, max_tries), NULL, 1, 1e6, NULL, "n",
	  "give up after so many draws (1000)" },
	{ "balance", FL_P_ENUM, offsetof(struct params, balance), NULL, 0, 0, fl_balance_name, "how",
	  "lt, gt: clients that have N/K, or more than N/K, get no further class" },
	{ "prior", FL_P_ENUM, offsetof(struct params, prior), NULL, 0, 0, prior_name, "what",
	  "axis=client: alpha for each class, or times its share in the data" },
	{ "shuffle", FL_P_ENUM, offsetof(struct params, shuffle), NULL, 0, 0, switch_name, "on|off",
	  "shuffle the examples of a class before they are cut (on)" },
	{ "cut", FL_P_ENUM, offsetof(struct params, cut), NULL, 0, 0, fl_cut_name, "how",
	  "cell: floor(p n_c) each, the rest is left out" },
	{ "min_share", FL_P_REAL, offsetof(struct params, min_share), NULL, 0, 1, NULL, "x",
	  "draw again while a client's shares add up to less than x/K (0)" },
	{ .name = NULL }
};

const struct fl_by fl_by_dirichlet = {
	.e = {
		.name = "dirichlet",
		.title = "Dirichlet label skew",
		.cite = "Yurochkin et al., ICML 2019; Hsu et al., arXiv 1909.06335; Ju et al., "
		        "AdaFedAdam, arXiv 2301.09357",
		.doc = "class by class, shares over the clients drawn from Dir(alpha)",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "axis=class: p ~ Dir(alpha 1_K); client k gets examples floor(n_c P_(k-1)) .. "
		           "floor(n_c P_k) - 1 of the n_c shuffled ones, P_k = p_1 + ... + p_k; "
		           "axis=client: q_k ~ Dir(alpha 1_C) or Dir(alpha p_data), N/K examples drawn "
		           "from q_k without replacement; compat=flower: shuffle=off,max_tries=11; niid: "
		           "balance=lt; pfllib: balance=lt,min_size=min(40,N/K/2); fedlab: "
		           "balance=lt,min_size=C; flbench: as none; adafedadam: "
		           "cut=cell,min_size=1,min_share=0.1",
	},
	.split = split,
	.resolve = resolve,
};

/* Scores against what they stand for. */
#include "tap.h"

#include "base/fmath.h"
#include "score/score.h"
#include "sphere/ps.h"
#include "sphere/vmf.h"

enum { D = 5 };

/* The score of a query and a row with x and y beside them, of inner product c. */
static double score(const char *name, double x, double y, double c)
{
	const struct fl_score *s = (const struct fl_score *)fl_family_find(&fl_family_score, name);
	double scale[2] = { 1, 1 }, bias[2] = { 0, 0 }, h;
	float cf = (float)c;

	if (s->weigh && s->of[FL_SIDE_TEXT])
		fl_score_weigh(s, &x, 1, D, 1, &scale[0], &bias[0]);
	if (s->weigh && s->of[FL_SIDE_IMAGE])
		fl_score_weigh(s, &y, 1, D, 0, &scale[1], &bias[1]);
	if (s->joint)
		s->joint(scale[0], &scale[1], &cf, &h, 1, D);
	else
		h = scale[0] * scale[1] * (s->log1p ? fl_log1p(c) : c);
	return h + (bias[0] + bias[1]);
}

static void values(void)
{
	static const double a[D] = { .6, .8 }, b[D] = { 0, .8, .6 };
	double apart = 0, c = .64, r = sqrt(9 + 16 + 2 * 12 * c);

	for (int i = 0; i < D; i++)
		apart += (a[i] - b[i]) * (a[i] - b[i]);
	is_near(score("cosine", 0, 0, c), c, 0, "cosine");
	is_near(score("ip", 0, 0, 7.25), 7.25, 0, "inner product");
	is_near(score("csd", .25, .5, c), -(apart + .25 + .5), 1e-15, "distance of draws");
	is_near(score("ps", 30, 0, c), fl_ps_logp(c, 30, D), 1e-13, "power spherical density");
	ok(fabs(score("vmf", 30, 0, c) - score("vmf", 20, 0, c) -
	        (fl_vmf_logp(c, 30, D) - fl_vmf_logp(c, 20, D))) < .11,
	   "von Mises-Fisher density, near enough");
	is_near(score("product", 3, 4, c),
	        fl_vmf_approx_diff(3, D) + fl_vmf_approx_diff(4, D) - fl_vmf_approx_diff(r, D),
	        1e-6, "integral of the product");
	is_near(score("product", 0, 4, c), 0, 1e-12, "of a uniform one");
}

static void agreement(void)
{
	const struct fl_score *c = &fl_score_cosine, *v = &fl_score_vmf, *p = &fl_score_ps;

	ok(fl_score_agree(NULL, NULL) == c, "nothing said: the cosine");
	ok(fl_score_agree(v, NULL) == v && fl_score_agree(NULL, v) == v, "one says it");
	ok(fl_score_agree(v, c) == v && fl_score_agree(c, v) == v,
	   "the other is no more than a direction");
	ok(fl_score_agree(v, v) == v, "both say it");
	ok(!fl_score_agree(v, p), "they contradict each other");
}

/* What the one table says of each must go together. */
static void tables(void)
{
	for (const struct fl_entry *const *en = fl_score_list; *en; en++) {
		const struct fl_score *s = (const struct fl_score *)*en;
		int any = s->of[0] || s->of[1];

		ok(!s->weigh == !s->column && !s->column == !any &&
		           !any == (s->beside == FL_BESIDE_NOTHING),
		   "%s: what is beside rows has a column, sides and a use", s->e.name);
		ok(!s->joint || s->weigh, "%s: joint of two scales", s->e.name);
	}
}

int main(void)
{
	values();
	agreement();
	tables();
	return tap_done();
}

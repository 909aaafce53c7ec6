/* Places of positives and metrics of rankings, by hand and against a full sort. */
#include "base/rng.h"
#include "metric/rank.h"
#include "tap.h"

static double value(const char *spec, const struct fl_places *p, double *each)
{
	struct fl_arena a = { 0 };
	struct fl_err e = { 0 };
	struct fl_spec s;
	double v = NAN;

	if (!ok(!fl_spec_parse(&fl_family_rmetric, spec, &a, &s, &e) &&
	        !fl_rank_measure(&s, p, &v, each, &e), "%s", spec))
		printf("# %s\n", e.msg);
	fl_arena_release(&a);
	return v;
}

/* Four queries of 3, 1, 0 and 2 positives in a gallery of 10. */
static const size_t first[] = { 0, 3, 4, 4, 6 };
static const uint32_t place[] = { 0, 2, 7, 3, 1, 9 };
static const struct fl_places places = { .Q = 4, .G = 10, .first = first, .place = place };

static void by_hand(void)
{
	double each[4], log2_3 = log2(3), dcg = 1 + 1 / log2(4), ideal = 1 + 1 / log2_3 + 1 / log2(4);

	is_near(value("hit@1", &places, NULL), 1.0 / 3, 1e-15, "one of three at the first place");
	is_near(value("hit:k=2", &places, NULL), 2.0 / 3, 1e-15, "two of three by the second");
	is_near(value("hit@4", &places, NULL), 1, 0, "all by the fourth");
	is_near(value("recall@4", &places, each), (2.0 / 3 + 1 + .5) / 3, 1e-15, "shares found");
	is_near(each[3], .5, 0, "share of the last query");
	ok(isnan(each[2]), "a query without positives has no value");
	is_near(value("rsum", &places, NULL), 100 * (1.0 / 3 + 1 + 1), 1e-13, "in percent");
	is_near(value("medr", &places, NULL), 2, 0, "of ranks 1, 2, 4");
	is_near(value("meanr", &places, NULL), 7.0 / 3, 1e-15, "of ranks 1, 2, 4");
	is_near(value("mrr", &places, NULL), (1 + .25 + .5) / 3, 1e-15, "1, 1/4, 1/2");
	is_near(value("rprecision", &places, NULL), (2.0 / 3 + 0 + .5) / 3, 1e-15, "2 of 3, 0 of 1, 1 of 2");
	is_near(value("map@r", &places, NULL), ((1 + 2.0 / 3) / 3 + 0 + .25) / 3, 1e-15, "mAP@R");
	is_near(value("map", &places, NULL), ((1 + 2.0 / 3) / 3 + 0 + .25) / 3, 1e-15, "its default");
	value("ndcg@3", &places, each);
	is_near(each[0], dcg / ideal, 1e-14, "gains at places 0 and 2 of 3 possible");
	is_near(each[1], 0, 0, "nothing found");
	is_near(each[3], 1 / log2_3 / (1 + 1 / log2_3), 1e-14, "gain at place 1 of 2 possible");
	value("ndcg@1", &places, each);
	is_near(each[0], 1, 1e-15, "the best that one place can do");
}

/* Of positives with grades: R-precision of those of grade 0, 1, and up to 2, of two queries. */
static void grades(void)
{
	static const size_t f[] = { 0, 3, 4 };
	static const uint32_t above[] = { 0, 2, 1, 5 }, zero[4];
	static const unsigned char grade[] = { 0, 1, 2, 1 };
	const struct fl_places p = {
		.Q = 2, .G = 10, .first = f, .place = above, .grade = grade, .Z = 2,
		.stand = { above, zero, zero },
	};
	double each[2];

	is_near(value("pmrp", &p, each), (1 + (.5 + 0) + (1 + 0)) / 5, 1e-15, "mean over grades and queries");
	is_near(each[0], 2.5 / 3, 1e-15, "mean over grades of a query");
	is_near(each[1], 0, 0, "of one that has none of grade 0");
}

static void even_median(void)
{
	static const size_t f[] = { 0, 1, 2, 3, 4 };
	static const uint32_t at[] = { 0, 3, 8, 1 };
	const struct fl_places p = { .Q = 4, .G = 10, .first = f, .place = at };

	is_near(value("medr", &p, NULL), 3, 0, "of ranks 1, 2, 4, 9: floor(3)");
}

static void names(void)
{
	static const char *const spec[] = { "hit@5", "hit:k=5", "map", "medr", "ndcg@10" };
	static const char *const want[] = { "hit@5", "hit@5", "map@r", "medr", "ndcg@10" };
	struct fl_arena a = { 0 };
	char name[FL_RANK_NAME_MAX];
	struct fl_spec s;

	for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
		fl_spec_parse(&fl_family_rmetric, spec[i], &a, &s, NULL);
		is_str(fl_rank_name(&s, name), want[i], spec[i]);
	}
	fl_arena_release(&a);
}

static void refused(void)
{
	static const size_t none[] = { 0, 0, 0 };
	const struct fl_places small = { .Q = 1, .G = 4, .first = first, .place = place };
	const struct fl_places empty = { .Q = 2, .G = 4, .first = none };
	struct fl_arena a = { 0 };
	struct fl_err e = { 0 };
	struct fl_spec s[2];
	double v, each;

	fl_spec_parse(&fl_family_rmetric, "hit@5", &a, &s[0], NULL);
	fl_spec_parse(&fl_family_rmetric, "map@r", &a, &s[1], NULL);
	is_int(fl_rank_check(s, 2, first, 1, 4, &e), -1, "k beyond the gallery");
	is_int(e.code, FL_EDATA, "is bad data");
	is_str(e.msg, "hit@5 looks at 5 places, the gallery has 4 rows", "and says so");
	is_int(fl_rank_measure(&s[0], &small, &v, &each, NULL), 0, "measured all the same");
	ok(isnan(v) && isnan(each), "it is not known");
	is_int(fl_rank_measure(&s[1], &empty, &v, NULL, &e), -1, "no positive at all");
	is_str(e.msg, "no query has a positive", "is said");
	is_int((long long)fl_rank_depth(s, 2, 3, 100), 5, "depth: the larger of k and R");
	is_int((long long)fl_rank_depth(s, 2, 7, 100), 7, "depth: the larger of k and R");
	fl_spec_parse(&fl_family_rmetric, "meanr", &a, &s[1], NULL);
	is_int((long long)fl_rank_depth(s, 2, 7, 100), 100, "depth: all");
	fl_arena_release(&a);
}

/* A gallery with few different scores, against the definition of each order. */
enum { G = 24, ROUNDS = 300 };

static int goes_before(const int *score, const int *good, size_t i, size_t k, enum fl_ties ties)
{
	if (score[i] != score[k])
		return score[i] > score[k];
	if (ties != FL_TIES_INDEX && good[i] != good[k])
		return good[i] == (ties == FL_TIES_OPTIMISTIC);
	return i < k;
}

static size_t naive_place(const int *score, const int *good, size_t k, enum fl_ties ties)
{
	size_t n = 0;

	for (size_t i = 0; i < G; i++)
		n += i != k && goes_before(score, good, i, k, ties);
	return n;
}

struct standing {
	uint32_t above[G], level[G], before[G];
};

static size_t stand(const int *score, const int *good, struct standing *s)
{
	size_t R = 0;

	for (size_t k = 0; k < G; k++) {
		if (!good[k])
			continue;
		s->above[R] = s->level[R] = s->before[R] = 0;
		for (size_t i = 0; i < G; i++) {
			s->above[R] += score[i] > score[k];
			s->level[R] += i != k && score[i] == score[k];
			s->before[R] += i < k && score[i] == score[k];
		}
		R++;
	}
	return R;
}

static int agrees(const int *score, const int *good, size_t R, const struct fl_standing *s,
                  enum fl_ties ties, uint32_t *got)
{
	const size_t f[] = { 0, R };
	int taken[G] = { 0 };

	fl_rank_places(f, 1, s, ties, got);
	for (size_t k = 0; k < G; k++)
		if (good[k])
			taken[naive_place(score, good, k, ties)] = 1;
	for (size_t i = 0, k = 0; i < R; i++, k++) {
		while (k < G && !taken[k])
			k++;
		if (got[i] != k)
			return 0;
	}
	return 1;
}

static void ties(void)
{
	struct fl_rng r;
	int same = 0, tied = 0;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DATA, 0);
	for (int round = 0; round < ROUNDS; round++) {
		int score[G], good[G], decides = 0;
		uint32_t at[3][G];
		struct standing st;
		size_t R;

		for (size_t i = 0; i < G; i++) {
			score[i] = (int)fl_rng_below(&r, 1 + (uint64_t)round % 30);
			good[i] = !fl_rng_below(&r, 4);
		}
		R = stand(score, good, &st);
		for (int t = 0; t < 3; t++)
			same += agrees(score, good, R, &(struct fl_standing){ st.above, st.level, st.before },
			               (enum fl_ties)t, at[t]);
		for (size_t i = 0; i < G; i++)
			for (size_t k = 0; k < G; k++)
				decides |= good[i] && !good[k] && score[i] == score[k];
		tied += (int)fl_rank_tied((const size_t[]){ 0, R }, 1, at[1], at[2]) == decides;
	}
	is_int(same, 3 * ROUNDS, "places as by definition, in each order of ties");
	is_int(tied, ROUNDS, "ties that decide something");
}

static void far(void)
{
	static const uint32_t above[] = { FL_PLACE_FAR, 4, FL_PLACE_FAR }, level[] = { 9, 1, 9 };
	static const size_t f[] = { 0, 3 };
	uint32_t at[3];

	fl_rank_places(f, 1, &(struct fl_standing){ above, level, level }, FL_TIES_PESSIMISTIC, at);
	ok(at[0] == 5 && at[1] == FL_PLACE_FAR && at[2] == FL_PLACE_FAR, "far ones stay far");
}

int main(void)
{
	by_hand();
	even_median();
	grades();
	names();
	refused();
	ties();
	far();
	return tap_done();
}

/* A share of the examples is dealt out at random, the rest by another scheme. */
#include "part/part.h"

#include "base/num.h"

struct params {
	double iid;
	const char *by;
};

/* The inner scheme's view: its example i is row[i] of the outer one. */
struct inner {
	const struct fl_part *outer;
	const uint32_t *row;
};

static void inner_x(const void *ctx, const uint32_t *idx, size_t n, float *out)
{
	const struct inner *in = ctx;
	const struct fl_part *s = in->outer;

	for (size_t i = 0; i < n; i++)
		s->x(s->ctx, &in->row[idx[i]], 1, out + i * s->d);
}

/* s for its examples row(n), ascending. */
static int view(const struct fl_part *s, const struct inner *in, size_t n, struct fl_part *sub,
                struct fl_err *e)
{
	int32_t *y = fl_arena_get(s->arena, n, sizeof *y, e);
	int64_t *group = s->group ? fl_arena_get(s->arena, n, sizeof *group, e) : NULL;

	*sub = *s;
	sub->N = n;
	sub->level = s->level + 1;
	sub->y = y;
	sub->group = group;
	sub->x = s->x ? inner_x : NULL;
	sub->ctx = in;
	sub->owner = fl_arena_get(s->arena, n, sizeof *sub->owner, e);
	if (!y || !sub->owner || (s->group && !group))
		return -1;
	for (size_t i = 0; i < n; i++) {
		y[i] = s->y[in->row[i]];
		if (group)
			group[i] = s->group[in->row[i]];
	}
	return 0;
}

static int parse(const struct params *p, const struct fl_part *s, struct fl_spec *by,
                 struct fl_err *e)
{
	return fl_spec_parse(&fl_family_by, p->by, s->arena, by, e) ? fl_fail_in(e, "mix: by") : 0;
}

static int inner_split(const struct params *p, struct fl_part *s, const uint32_t *row, size_t n,
                       struct fl_err *e)
{
	struct inner in = { s, row };
	struct fl_part sub;
	struct fl_spec by;

	if (parse(p, s, &by, e))
		return -1;
	if (s->K > n)
		return fl_fail(e, FL_EDATA, "mix: %zu examples are left for %zu clients: client %zu would "
		               "have 0", n, s->K, n);
	if (view(s, &in, n, &sub, e))
		return -1;
	if (((const struct fl_by *)by.entry)->split(by.p, &sub, e))
		return fl_fail_in(e, "mix");
	for (size_t i = 0; i < n; i++)
		s->owner[row[i]] = sub.owner[i];
	s->tries = sub.tries;
	return 0;
}

/* Owners of the random share, floor(iid N) examples; the others, ascending, to
 * rest. Returns their number. */
static size_t deal(const struct params *p, struct fl_part *s, const uint32_t *order,
                   uint32_t *rest)
{
	size_t m = fl_num_part(p->iid, s->N), n = 0;

	for (size_t i = 0; i < s->N; i++)
		s->owner[i] = FL_PART_DROPPED;
	for (size_t i = 0; i < m; i++)
		s->owner[order[i]] = (uint32_t)(i * s->K / m);
	for (size_t i = 0; i < s->N; i++)
		if (s->owner[i] == FL_PART_DROPPED)
			rest[n++] = (uint32_t)i;
	return n;
}

static int split(const void *vp, struct fl_part *s, struct fl_err *e)
{
	const struct params *p = vp;
	uint32_t *order = fl_part_permutation(s, e);
	uint32_t *rest = fl_arena_get(s->arena, s->N, sizeof *rest, e);
	size_t n;

	if (!order || !rest)
		return -1;
	n = deal(p, s, order, rest);
	s->tries = 1;
	return n ? inner_split(p, s, rest, n, e) : fl_part_check(s, "mix", e);
}

/* The inner scheme in full, so that the whole prints in full. */
static int resolve(void *vp, const struct fl_part *s, struct fl_err *e)
{
	struct params *p = vp;
	struct fl_str text = FL_STR_INIT;
	const struct fl_by *b;
	struct fl_spec by;

	if (parse(p, s, &by, e))
		return -1;
	b = (const struct fl_by *)by.entry;
	if (b->resolve && b->resolve(by.p, s, e))
		return -1;
	fl_spec_print(&by, &text);
	p->by = fl_str_check(&text, e) ? NULL : fl_arena_str(s->arena, fl_str_c(&text), e);
	fl_str_release(&text);
	return p->by ? 0 : -1;
}

static int clients(const void *vp, const struct fl_part *s, size_t *K, struct fl_err *e)
{
	struct fl_spec by;
	const struct fl_by *b;

	if (parse(vp, s, &by, e))
		return -1;
	b = (const struct fl_by *)by.entry;
	return b->clients ? b->clients(by.p, s, K, e) :
	       fl_fail(e, FL_EUSAGE, "mix: by=%s wants the number of clients", by.entry->name);
}

static const struct fl_param params[] = {
	{ "iid", FL_P_REAL, offsetof(struct params, iid), "0.5", 0, 1, NULL, "f",
	  "share of the examples that is dealt out at random" },
	{ "by", FL_P_STR, offsetof(struct params, by), "dirichlet", 0, 0, NULL, "scheme",
	  "how the others are split; its own : , = as %3A %2C %3D" },
	{ .name = NULL }
};

const struct fl_by fl_by_mix = {
	.e = {
		.name = "mix",
		.title = "Mixture",
		.cite = "Karimireddy et al., SCAFFOLD, ICML 2020; FL-bench",
		.doc = "a random share, the rest by another scheme",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "floor(iid N) examples as iid, the others as by; conditions of by hold for "
		           "its part",
	},
	.split = split,
	.resolve = resolve,
	.clients = clients,
};

/* M3CoL: two towers, a head over both and one over each, and a contrast between the towers
 * that changes on the way. The architecture brings them as taps: those called in mix have
 * loss mixco, that in soft has softclip (samples/m3col.json). Up to round `rounds` training
 * minimises the first beside the heads' losses, then the second; in the paper that is after
 * a third of the epochs. */
#include <string.h>

#include "fed/client/client.h"

struct params {
	const char *mix, *soft;
	int64_t rounds;
};

static const struct fl_param params[] = {
	{ "rounds", FL_P_INT, offsetof(struct params, rounds), "33", 0, 9e15, NULL, "n",
	  "rounds of the mixup contrast before the soft one" },
	{ "mix", FL_P_STR, offsetof(struct params, mix), "mixab+mixba", 0, 0, NULL, "tap+tap",
	  "taps of the mixup contrast" },
	{ "soft", FL_P_STR, offsetof(struct params, soft), "soft", 0, 0, NULL, "tap+tap",
	  "taps of the soft contrast" },
	{ 0 }
};

/* Marks the taps of a list; all must be there, with a loss. */
static int mark(const struct fl_net *net, const char *list, unsigned char *off, int value,
                struct fl_arena *a, struct fl_err *e)
{
	for (size_t n; *list; list += n + (list[n] == '+')) {
		const char *name = fl_arena_mem(a, list, n = strcspn(list, "+"), e);
		size_t t;

		if (!name)
			return -1;
		if (fl_net_need_tap(net, name, &t, e))
			return fl_fail_in(e, "method m3col");
		if (!net->tap[t].loss.entry)
			return fl_fail(e, FL_EDATA, "method m3col: tap '%s' has no loss", name);
		off[1 + t] = (unsigned char)value;
	}
	return 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct params *p = l->p;
	unsigned char *off = fl_arena_zero(l->arena, l->net->ntap + 1, 1, e);
	int first;

	l->priv = off;
	if (!off)
		return -1;
	first = l->round <= p->rounds;
	return mark(l->net, p->mix, off, !first, l->arena, e) ||
	       mark(l->net, p->soft, off, first, l->arena, e) ? -1 : 0;
}

const struct fl_method fl_method_m3col = {
	.e = {
		.name = "m3col",
		.title = "M3CoL",
		.cite = "Kumar et al., TMLR 2025, arXiv 2409.17777",
		.doc = "a mixup contrast between towers, then a soft one",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "F_k = sum of CE of the heads + weight (mixco, or softclip after `rounds`)",
	},
	.begin = begin,
	.on.task = fl_local_task_without,
};

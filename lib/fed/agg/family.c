/* The family of aggregation rules; its list is generated from the files here. */
#include "fed/agg/agg.h"

/* What its table says of servers and state. */
static void note(const struct fl_entry *en, struct fl_str *out)
{
	const struct fl_rule *r = (const struct fl_rule *)(const void *)en;

	if (r->fold.mix)
		fl_str_add(out, "; keeps updates, in a folder");
	else if (r->nrow || r->fold.nrow)
		fl_str_add(out, "; keeps state");
	if (r->personal)
		fl_str_add(out, "; no server beside it");
}

const struct fl_family fl_family_rule = {
	.name = "rule", .list = fl_rule_list, .doc = "how updates become one", .note = note,
};

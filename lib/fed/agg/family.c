/* The family of aggregation rules; its list is generated from the files here. */
#include "fed/agg/agg.h"

const struct fl_family fl_family_rule = {
	.name = "rule", .list = fl_rule_list, .doc = "how updates become one",
};

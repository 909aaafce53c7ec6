/* The family of statistics. */
#include "fed/stat/stat.h"

const struct fl_family fl_family_stat = {
	.name = "stat",
	.list = fl_stat_list,
	.doc = "what clients tell instead of a model",
	.noun = "statistic",
};

/* The family of shifts. */
#include "shift/shift.h"

const struct fl_family fl_family_shift = {
	.name = "shift", .list = fl_shift_list, .doc = "how clients' examples differ",
};

/* Every class cut into parts for clients whose sizes are Dirichlet shares. */
#ifndef FL_PART_CLASSWISE_H
#define FL_PART_CLASSWISE_H

#include "part/part.h"

enum { FL_BALANCE_NONE, FL_BALANCE_LT, FL_BALANCE_GT };
extern const char *const fl_balance_name[];
enum { FL_CUT_CUMULATIVE, FL_CUT_CELL };
extern const char *const fl_cut_name[];

struct fl_classwise {
	const char *scheme;		/* for messages */
	const unsigned char *may;	/* (C,K) 1: k may hold c; NULL: all may */
	double alpha;			/* 0: even shares */
	double min_share;		/* of sum over c of p_ck, in units of 1/K */
	int64_t min_size, max_tries;
	int balance, cut, shuffle;
};

/* Sets s->owner and s->tries. FL_EDATA, with the smallest client, after
 * max_tries draws that leave one below min_size or min_share. */
int fl_part_classwise(const struct fl_classwise *p, struct fl_part *s, struct fl_err *e);

#endif

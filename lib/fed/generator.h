/* A generator of features: a net whose input is noise, then the class as a one-hot vector.
 * The server trains it, clients draw from it. What else they must know stands in its record:
 * @generator/classes F64 (C), how often a class is drawn, and @generator/noise I64, which
 * noise. A record without them has equal classes and normal noise. */
#ifndef FL_FED_GENERATOR_H
#define FL_FED_GENERATOR_H

#include "base/rng.h"
#include "nn/net.h"
#include "tensor/tset.h"

enum fl_noise { FL_NOISE_NORMAL, FL_NOISE_UNIFORM };

struct fl_generator {
	const struct fl_net *net;
	size_t C, noise;	/* classes; numbers of noise */
	int kind;		/* enum fl_noise */
	double *share;		/* (C) of the classes, sum 1 */
};

/* Of net for so many classes and features, by its record where that is not NULL. FL_EDATA
 * where they do not fit. share is in a. */
int fl_generator_of(struct fl_generator *g, const struct fl_net *net, const struct fl_tset *rec,
                    size_t C, size_t features, struct fl_arena *a, struct fl_err *e);
/* The tensors of its record beside the weights. */
int fl_generator_write(const struct fl_generator *g, struct fl_tset *rec, struct fl_err *e);
/* A class by its share. */
int32_t fl_generator_class(const struct fl_generator *g, struct fl_rng *r);
/* x(in): noise, then the class. */
void fl_generator_input(const struct fl_generator *g, struct fl_rng *r, int32_t y, fl_real *x);

#endif

/* Widths: what cuts by a share of units have in common. */
#ifndef FL_RESHAPE_WIDTH_H
#define FL_RESHAPE_WIDTH_H

#include "reshape/reshape.h"

struct fl_width {		/* parameter blocks begin with it */
	double ratio;
	int scaler;
	const char *layers;
};

#define FL_WIDTH_PARAMS                                                                         \
	{ "ratio", FL_P_REAL, offsetof(struct fl_width, ratio), "0.5", 1e-6, 1, NULL, "r",       \
	  "share of a hidden layer's units that is left" },                                      \
	{ "scaler", FL_P_BOOL, offsetof(struct fl_width, scaler), "off", 0, 0, NULL, NULL,       \
	  "in training, divide what cut layers give by r" },                                     \
	{ "layers", FL_P_STR, offsetof(struct fl_width, layers), NULL, 0, 0, NULL, "glob[+glob]", \
	  "hidden layers, by name; not set, all" }

const char *fl_width_layers(const void *p);
double fl_width_scale(const void *p);

#endif

/* Means by class over all clients, which methods read by --with. */
#ifndef FL_FED_CLIENT_CLASSMEANS_H
#define FL_FED_CLIENT_CLASSMEANS_H

#include "fed/client/client.h"

/* Of the method's statistic: means (C, width) and counts (C); a class that nobody has counts
 * 0. They lie in the record. FL_EUSAGE: there is none; FL_EDATA: it does not fit. */
int fl_class_means(const struct fl_local *l, size_t width, const float **mean,
                   const int64_t **count, struct fl_err *e);

#endif

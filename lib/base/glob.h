/* Patterns for names, as a shell has them, several joined by '+'. */
#ifndef FL_BASE_GLOB_H
#define FL_BASE_GLOB_H

#include <stddef.h>

#include "base/err.h"

enum { FL_GLOB_MAX = 255 };	/* bytes of one */

/* Whether one of the patterns has the name. list NULL: none has. */
int fl_glob_match(const char *list, const char *name);
/* FL_EUSAGE, with key=PATTERN, where one of them has no name: name(ctx, i) is the i-th, NULL
 * after the last. what: "tensor of the model; st-ls lists them". */
int fl_glob_check(const char *key, const char *list,
                  const char *(*name)(const void *ctx, size_t i), const void *ctx,
                  const char *what, struct fl_err *e);

#endif

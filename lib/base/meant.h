/* What a spec that does not parse was meant to be: FL_EUSAGE, always -1. */
#ifndef FL_BASE_MEANT_H
#define FL_BASE_MEANT_H

#include "base/spec.h"

/* s is no entry of f: how it is written, whose it is, or what is near. */
int fl_unknown_entry(const struct fl_family *f, const char *s, struct fl_err *e);
/* s is no key of en, an entry of f: the nearest, or the keys there are, and who has s. */
int fl_unknown_key(const struct fl_family *f, const struct fl_entry *en, const char *s,
                   struct fl_err *e);
/* s, where key=value is due: the key that would take it. */
int fl_unknown_pair(const struct fl_entry *en, const char *s, struct fl_arena *a, struct fl_err *e);

#endif

/* Fields from the names of files: {method}/{seed}/metrics.jsonl reads method and seed from
 * runs/fedprox/3/metrics.jsonl. A {NAME} stands for one character or more but '/', as few
 * as will do; the template is matched against the end of the path, at the start of a name. */
#ifndef FL_TABLE_PATHKEYS_H
#define FL_TABLE_PATHKEYS_H

#include <jansson.h>

#include "base/err.h"

/* FL_EUSAGE for a template without {NAME}, or with one twice or without an end. */
int fl_pathkeys_check(const char *template, struct fl_err *e);
/* The fields as an object of texts, which the caller drops; NULL and FL_EDATA where the
 * path is not of this form. The template has been checked. */
json_t *fl_pathkeys_of(const char *template, const char *path, struct fl_err *e);

#endif

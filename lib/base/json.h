/* Reading JSON by jansson: duplicate keys refused, lack of memory told from
 * malformed text. */
#ifndef FL_BASE_JSON_H
#define FL_BASE_JSON_H

#include <jansson.h>

#include "base/err.h"

/* The array or object in text(n), or NULL: FL_EDATA with the byte, FL_EIO where
 * memory ran out. The caller drops the reference. */
json_t *fl_json_load(const char *text, size_t n, struct fl_err *e);
/* The same for text that people write, in lines: code and place are theirs. */
json_t *fl_json_load_lines(const char *text, enum fl_code code, struct fl_err *e);

#endif

/* What a file is that is no record, and how its content becomes one. */
#ifndef FL_TENSOR_GUESS_H
#define FL_TENSOR_GUESS_H

#include <stddef.h>

enum { FL_GUESS_BYTES = 96 };	/* more are not looked at */

/* By the first bytes p(n) of a file: "is text; a table ...", for a message behind the
 * file's name. NULL: nothing is known. */
const char *fl_guess_file(const unsigned char *p, size_t n);

#endif

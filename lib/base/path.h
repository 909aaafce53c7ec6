/* Names of files and folders: absolute, and the way from one to another. */
#ifndef FL_BASE_PATH_H
#define FL_BASE_PATH_H

#include "base/mem.h"

/* The absolute name, without links, of what need not be there yet, though its folder must:
 * FL_EIO. In a. */
char *fl_path_absolute(const char *path, struct fl_arena *a, struct fl_err *e);
/* The way from the folder `from` to the file `to`, both as the above gives them: "../x/y". */
char *fl_path_relative(const char *from, const char *to, struct fl_arena *a, struct fl_err *e);
/* Whether path is dir, or is in it; both as the above gives them. */
int fl_path_inside(const char *path, const char *dir);

#endif

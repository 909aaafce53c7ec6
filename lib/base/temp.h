/* Temporary files and folders: what is made here goes when a signal ends the program.
 *
 * A signal may come at any instruction of any thread. So what makes, renames or removes a
 * temporary does it between fl_temp_begin() and fl_temp_end(): there the signals wait, one
 * thread is there at a time, and who removes after a signal keeps the place until the
 * program ends. Nothing else can then be made or published. */
#ifndef FL_BASE_TEMP_H
#define FL_BASE_TEMP_H

#include <stddef.h>

#include "base/err.h"

struct fl_temp {
	struct fl_temp *next, *prev;	/* of those that are there */
	int there;
	int (*ours)(const char *name);	/* a folder: which files go with it; NULL: a file */
	char path[];
};

/* From now on, signals that end a program remove what is there first; those that are ignored
 * stay so. For main(). */
void fl_temp_signals(void);

/* One that is not there yet, of the path that is formatted. NULL: no memory. */
struct fl_temp *fl_temp_new(int (*ours)(const char *name), struct fl_err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Makes the file, open and new; XXXXXX stands before the last suffix bytes of its path. Or
 * the folder. -1 with errno. */
int fl_temp_open(struct fl_temp *t, size_t suffix);
int fl_temp_mkdir(struct fl_temp *t);
/* FL_EIO: why errno did not let it be made, for what is written as path. */
int fl_temp_fail(const struct fl_temp *t, const char *path, struct fl_err *e);
/* The file gets its name and is no temporary any more. -1 with errno. */
int fl_temp_rename(struct fl_temp *t, const char *to);
/* It is no temporary any more. Between begin and end. */
void fl_temp_leave(struct fl_temp *t);
/* Removes it where it is there, and frees t. -1 with errno where it cannot be removed. NULL
 * is harmless. */
int fl_temp_remove(struct fl_temp *t);

/* In between, no memory may be asked for or freed, and nothing formatted: the thread that a
 * signal has stopped may hold the locks of these. errno is kept. */
void fl_temp_begin(void);
void fl_temp_end(void);

/* Removes the files of a folder that are ours, then the folder if nothing else is in it: -1
 * with errno. */
int fl_remove_ours(const char *path, int (*ours)(const char *name));

#endif

/* Folders replaced whole: all files are written into a temporary folder beside
 * the old one, and one rename exchanges the two. */
#ifndef FL_BASE_DIR_H
#define FL_BASE_DIR_H

#include "base/io.h"

struct fl_dir {
	char *path;		/* owned */
	struct fl_temp *tmp;	/* owned */
	int fd;			/* of tmp */
	int lock;		/* of the old folder, by fl_dir_keep; -1: none */
	int (*ours)(const char *name);
};

/* ours(name) tells which files of an old folder may be thrown away: a folder
 * that holds others, or that has files but none called marker which begins with
 * begin, is refused (FL_EIO); marker NULL: any folder will do. Temporaries of dead
 * processes are removed. */
int fl_dir_open(struct fl_dir *d, const char *path, int (*ours)(const char *name),
                const char *marker, const char *begin, struct fl_err *e);
/* A new file in it, for fl_out_write and fl_out_commit. Thread-safe. */
int fl_dir_create(const struct fl_dir *d, const char *name, struct fl_out *o, struct fl_err *e);
/* Takes over what the old folder has and the new one has not: one file is changed and
 * others stay. Until d is released, whoever else keeps files of that folder waits.
 * FL_EIO where it holds a folder. */
int fl_dir_keep(struct fl_dir *d, struct fl_err *e);
/* Publishes, then throws the old folder away. After it, or after fl_dir_abort,
 * d is released. sync: waits for the disk, once for all files. */
int fl_dir_commit(struct fl_dir *d, int sync, struct fl_err *e);
/* Throws the temporary away; harmless on a zeroed or released d. */
void fl_dir_abort(struct fl_dir *d);

#endif

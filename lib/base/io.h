/* Descriptors and files: whole reads and writes, and files replaced whole. */
#ifndef FL_BASE_IO_H
#define FL_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/temp.h"

/* Descriptors below this may be kept beside a mapping; more are closed, as a tool may have
 * more files than descriptors. */
#define FL_FD_KEEP 128

/* open() and openat(), close-on-exec, that go on after a signal. */
int fl_open(const char *path, int flags);
int fl_openat(int dir, const char *path, int flags, mode_t mode);

/* A new file without a name in $TMPDIR (unset: /tmp), for what pipes cannot give twice or
 * take out of order; -1 on error. what: "updates", for the message. */
int fl_open_spool(const char *what, struct fl_err *e);

/* Up to n bytes, short only at end of file; -1 on error. EINTR is retried.
 * Messages carry no file name: callers add it with fl_fail_in(). */
ssize_t fl_read_full(int fd, void *buf, size_t n, struct fl_err *e);
/* The same from byte `at` of a file on. */
ssize_t fl_pread_full(int fd, void *buf, size_t n, unsigned long long at, struct fl_err *e);
/* All n bytes or -1: FL_EIO, or FL_EPIPE when the reader went away. */
int fl_write_full(int fd, const void *buf, size_t n, struct fl_err *e);
/* The same at byte at of a file, whose position stays. */
int fl_write_at(int fd, const void *buf, size_t n, size_t at, struct fl_err *e);
/* The n bytes from byte at on of a file, or -1: FL_EIO, also where it ends before. */
int fl_read_at(int fd, void *buf, size_t n, size_t at, struct fl_err *e);

/* Buffered output to a descriptor, or to a file that appears whole at commit:
 * temporary .NAME.PID.XXXXXX.tmp in the same folder, fsync, rename, fsync of
 * the folder. A link is followed, so what it names is replaced. */
struct fl_out {
	int fd;
	char *path;		/* owned; NULL for a descriptor */
	struct fl_temp *tmp;	/* owned; NULL for a descriptor */
	unsigned char *buf;	/* owned */
	size_t used;
	int sync;
	unsigned long long written;	/* bytes so far */
};

/* path "-" is standard output. sync = 0 skips the two fsyncs. A file's leftovers
 * are swept first, which reads the folder; who writes many files into one calls
 * fl_out_sweep("folder/") once and adds FL_OUT_NO_SWEEP to sync. */
#define FL_OUT_NO_SWEEP 2
int fl_out_open(struct fl_out *o, const char *path, int sync, struct fl_err *e);
int fl_out_write(struct fl_out *o, const void *p, size_t n, struct fl_err *e);
int fl_out_flush(struct fl_out *o, struct fl_err *e);
/* Flushes, syncs, publishes; for a descriptor flushes only (the tool closes
 * and checks stdout). After it, or after fl_out_abort, o is released. */
int fl_out_commit(struct fl_out *o, struct fl_err *e);
/* Writes and syncs all of a file without publishing it, and lets the descriptor
 * go: for files of which all or none shall appear. fl_out_commit then renames. */
int fl_out_finish(struct fl_out *o, struct fl_err *e);
/* Throws the temporary away; harmless on a zeroed or released o. */
void fl_out_abort(struct fl_out *o);

/* The folder of path, "." where it names none; the caller frees. */
char *fl_dir_of(const char *path);

/* The PID in file = .NAME.PID.XXXXXX.tmp (any NAME where name is ""), or 0 where
 * it is not of that form. */
long fl_tmp_owner(const char *file, const char *name);

/* Removes .NAME.PID.XXXXXX.tmp files beside path whose process is gone;
 * those of every NAME where path ends in '/'. */
void fl_out_sweep(const char *path);

/* A folder opened for fl_sync_dir, which closes it: what can fail but the sync
 * itself fails before something is published in it. -1 on error. */
int fl_open_dir(const char *path, struct fl_err *e);
int fl_sync_dir(int fd, const char *path, struct fl_err *e);

/* A whole small file, NUL-terminated (not counted in *n); caller frees.
 * Larger than max bytes is FL_EDATA. "-" reads standard input. */
char *fl_read_file(const char *path, size_t max, size_t *n, struct fl_err *e);

#endif

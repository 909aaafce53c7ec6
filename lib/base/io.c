/* Whole reads and writes; atomic replacement (SQLite's and git's protocol). */
#define _GNU_SOURCE
#include "base/io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

#define BUF_SIZE ((size_t)256 << 10)

int fl_openat(int dir, const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dir, path, flags | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int fl_open(const char *path, int flags)
{
	return fl_openat(AT_FDCWD, path, flags, 0);
}

int fl_open_spool(const char *what, struct fl_err *e)
{
	const char *dir = getenv("TMPDIR");
	struct fl_temp *t;
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	if (!(t = fl_temp_new(NULL, e, "%s/fl-XXXXXX", dir)))
		return -1;
	fd = fl_temp_open(t, 0);
	if (fd < 0)
		fl_fail(e, FL_EIO, "%s: cannot keep %s there: %s", dir, what, strerror(errno));
	fl_temp_remove(t);
	return fd;
}

/* From byte *at on, or, where that is NULL, from where the descriptor stands. */
static ssize_t read_all(int fd, char *buf, size_t n, const off_t *at, struct fl_err *e)
{
	size_t got = 0;

	while (got < n) {
		size_t want = n - got < SSIZE_MAX ? n - got : SSIZE_MAX;
		ssize_t r = at ? pread(fd, buf + got, want, *at + (off_t)got) : read(fd, buf + got, want);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fl_fail(e, FL_EIO, "read: %s", strerror(errno));
		if (!r)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

ssize_t fl_read_full(int fd, void *buf, size_t n, struct fl_err *e)
{
	return read_all(fd, buf, n, NULL, e);
}

ssize_t fl_pread_full(int fd, void *buf, size_t n, unsigned long long at, struct fl_err *e)
{
	off_t from = (off_t)at;

	return read_all(fd, buf, n, &from, e);
}

int fl_write_full(int fd, const void *buf, size_t n, struct fl_err *e)
{
	const char *p = buf;

	while (n) {
		ssize_t r = write(fd, p, n < SSIZE_MAX ? n : SSIZE_MAX);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fl_fail(e, errno == EPIPE ? FL_EPIPE : FL_EIO,
			               "write: %s", strerror(errno));
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int fl_write_at(int fd, const void *buf, size_t n, size_t at, struct fl_err *e)
{
	const char *p = buf;

	while (n) {
		ssize_t r = pwrite(fd, p, n < SSIZE_MAX ? n : SSIZE_MAX, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fl_fail(e, FL_EIO, "write: %s", strerror(errno));
		p += r;
		at += (size_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int fl_read_at(int fd, void *buf, size_t n, size_t at, struct fl_err *e)
{
	char *p = buf;

	while (n) {
		ssize_t r = pread(fd, p, n < SSIZE_MAX ? n : SSIZE_MAX, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fl_fail(e, FL_EIO, "read: %s", strerror(errno));
		if (!r)
			return fl_fail(e, FL_EIO, "has become shorter");
		p += r;
		at += (size_t)r;
		n -= (size_t)r;
	}
	return 0;
}

char *fl_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Follows a symbolic link so that its target is what gets replaced. */
static char *target_of(const char *path)
{
	struct stat st;
	char *real;

	if (!lstat(path, &st) && S_ISLNK(st.st_mode) && (real = realpath(path, NULL)))
		return real;
	return strdup(path);
}

/* There is no way to look at the mask but to change it, so this is done once:
 * two threads at it would leave none. */
static pthread_once_t mask_once = PTHREAD_ONCE_INIT;
static mode_t mask;

static void get_mask(void)
{
	umask(mask = umask(0));
}

static int open_tmp(struct fl_out *o, struct fl_err *e)
{
	char *dir = fl_dir_of(o->path);

	pthread_once(&mask_once, get_mask);
	if (!dir)
		return fl_fail_mem(e, strlen(o->path));
	o->tmp = fl_temp_new(NULL, e, "%s/.%s.%ld.XXXXXX.tmp", dir, base_of(o->path), (long)getpid());
	free(dir);
	if (!o->tmp)
		return -1;
	o->fd = fl_temp_open(o->tmp, strlen(".tmp"));
	if (o->fd < 0)
		return fl_temp_fail(o->tmp, o->path, e);
	if (fchmod(o->fd, 0666 & ~mask))
		return fl_fail(e, FL_EIO, "%s: %s", o->path, strerror(errno));
	return 0;
}

int fl_out_open(struct fl_out *o, const char *path, int sync, struct fl_err *e)
{
	struct stat st;

	*o = (struct fl_out){ .fd = -1, .sync = sync & 1 };
	if (!(o->buf = malloc(BUF_SIZE)))
		return fl_fail_mem(e, BUF_SIZE);
	if (!strcmp(path, "-")) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (!(o->path = target_of(path))) {
		fl_fail_mem(e, strlen(path));
		goto fail;
	}
	if (!stat(o->path, &st) && !S_ISREG(st.st_mode)) {
		if (S_ISDIR(st.st_mode)) {
			fl_fail(e, FL_EIO, "%s: is a directory", path);
			goto fail;
		}
		/* A device or FIFO cannot be replaced: write into it. */
		o->fd = fl_open(o->path, O_WRONLY);
		if (o->fd < 0) {
			fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
			goto fail;
		}
		return 0;
	}
	if (!(sync & FL_OUT_NO_SWEEP))
		fl_out_sweep(o->path);
	if (!open_tmp(o, e))
		return 0;
fail:
	fl_out_abort(o);
	return -1;
}

static const char *out_name(const struct fl_out *o)
{
	return o->path ? o->path : "standard output";
}

int fl_out_flush(struct fl_out *o, struct fl_err *e)
{
	size_t n = o->used;

	o->used = 0;
	if (fl_write_full(o->fd, o->buf, n, e))
		return fl_fail_in(e, "%s", out_name(o));
	return 0;
}

int fl_out_write(struct fl_out *o, const void *p, size_t n, struct fl_err *e)
{
	o->written += n;
	if (n > BUF_SIZE - o->used && fl_out_flush(o, e))
		return -1;
	if (n >= BUF_SIZE) {
		if (fl_write_full(o->fd, p, n, e))
			return fl_fail_in(e, "%s", out_name(o));
		return 0;
	}
	if (n)
		memcpy(o->buf + o->used, p, n);
	o->used += n;
	return 0;
}

int fl_open_dir(const char *path, struct fl_err *e)
{
	int fd = fl_open(path, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno)) : fd;
}

int fl_sync_dir(int fd, const char *path, struct fl_err *e)
{
	int rc = 0;

	/* Some file systems do not sync folders; that is not a failure. */
	if (fsync(fd) && errno != EINVAL && errno != EROFS)
		rc = fl_fail(e, FL_EIO, "%s: fsync: %s", path, strerror(errno));
	close(fd);
	return rc;
}

static int close_checked(struct fl_out *o, struct fl_err *e)
{
	int fd = o->fd;

	o->fd = -1;
	if (fd > STDERR_FILENO && close(fd) && errno != EINTR)
		return fl_fail(e, FL_EIO, "%s: close: %s", out_name(o), strerror(errno));
	return 0;
}

static int sync_tmp(struct fl_out *o, struct fl_err *e)
{
	if (o->sync && fsync(o->fd))
		return fl_fail(e, FL_EIO, "%s: fsync: %s", o->path, strerror(errno));
	return close_checked(o, e);
}

static int rename_tmp(struct fl_out *o, struct fl_err *e)
{
	if (o->fd >= 0 && sync_tmp(o, e))
		return -1;
	if (fl_temp_rename(o->tmp, o->path))
		return fl_fail(e, FL_EIO, "%s: rename: %s", o->path, strerror(errno));
	return 0;
}

static int publish_synced(struct fl_out *o, struct fl_err *e)
{
	char *dir = fl_dir_of(o->path);
	int fd = dir ? fl_open_dir(dir, e) : fl_fail_mem(e, strlen(o->path)), rc = -1;

	if (fd >= 0 && !rename_tmp(o, e))
		rc = fl_sync_dir(fd, dir, e);
	else if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

static int publish(struct fl_out *o, struct fl_err *e)
{
	return o->sync ? publish_synced(o, e) : rename_tmp(o, e);
}

int fl_out_finish(struct fl_out *o, struct fl_err *e)
{
	if (fl_out_flush(o, e) || (o->tmp && sync_tmp(o, e)))
		return -1;
	free(o->buf);
	o->buf = NULL;
	return 0;
}

int fl_out_commit(struct fl_out *o, struct fl_err *e)
{
	int rc = fl_out_flush(o, e);

	if (!rc)
		rc = o->tmp ? publish(o, e) : o->path ? close_checked(o, e) : 0;
	fl_out_abort(o);
	return rc;
}

void fl_out_abort(struct fl_out *o)
{
	if (o->path && o->fd > STDERR_FILENO)
		close(o->fd);
	fl_temp_remove(o->tmp);
	free(o->path);
	free(o->buf);
	*o = (struct fl_out){ .fd = -1 };
}

/* Length of NAME in .NAME.PID.XXXXXX.tmp, 0 where file is not of that form. */
static size_t tmp_name_len(const char *file)
{
	size_t len = strlen(file), n = len > 11 ? len - 11 : 0;

	while (n && isdigit((unsigned char)file[n - 1]))
		n--;
	return n > 2 ? n - 2 : 0;
}

long fl_tmp_owner(const char *file, const char *name)
{
	size_t n = *name ? strlen(name) : tmp_name_len(file), len = strlen(file);
	char *end;
	long pid;

	if (!*name)
		name = file + (len > 0);
	if (!n || len < n + 14 || file[0] != '.' || strncmp(file + 1, name, n) || file[n + 1] != '.' ||
	    strcmp(file + len - 4, ".tmp") || !isdigit((unsigned char)file[n + 2]))
		return 0;
	pid = strtol(file + n + 2, &end, 10);
	return *end == '.' && end + 11 == file + len && pid > 0 ? pid : 0;
}

void fl_out_sweep(const char *path)
{
	char *dir = fl_dir_of(path);
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *f;

	while (d && (f = readdir(d))) {
		long pid = fl_tmp_owner(f->d_name, base_of(path));

		if (pid && kill((pid_t)pid, 0) && errno == ESRCH)
			unlinkat(dirfd(d), f->d_name, 0);
	}
	if (d)
		closedir(d);
	free(dir);
}

char *fl_read_file(const char *path, size_t max, size_t *n, struct fl_err *e)
{
	int fd = strcmp(path, "-") ? fl_open(path, O_RDONLY) : STDIN_FILENO;
	char *buf = NULL;
	size_t cap = 0, len = 0;
	ssize_t r = 0;

	if (fd < 0) {
		fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		if (len > max) {
			fl_fail(e, FL_EDATA, "%s: larger than %zu bytes", path, max);
			goto fail;
		}
		if (fl_grow(&buf, &cap, len + 65537, 1, e))
			goto fail;
		r = fl_read_full(fd, buf + len, 65536, e);
		if (r < 0) {
			fl_fail_in(e, "%s", path);
			goto fail;
		}
		len += (size_t)r;
	} while (r == 65536);
	if (fd != STDIN_FILENO)
		close(fd);
	buf[len] = '\0';
	*n = len;
	return buf;
fail:
	if (fd != STDIN_FILENO)
		close(fd);
	free(buf);
	return NULL;
}

/* Folders replaced whole. A kill at any moment leaves the old or the new one
 * under the name, and at worst a temporary that the next run removes; other signals
 * remove it. */
#define _GNU_SOURCE
#include "base/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define BUF_SIZE ((size_t)256 << 10)	/* of one file's output */
#define BEGIN_MAX 64

static int is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* path without slashes at its end and, where it is a link, its target. */
static char *clean(const char *path)
{
	char *real = realpath(path, NULL), *s = real ? real : strdup(path);
	size_t n = s ? strlen(s) : 0;

	while (n > 1 && s[n - 1] == '/')
		s[--n] = '\0';
	return s;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void sweep(const char *parent, const char *name, int (*ours)(const char *))
{
	DIR *f = opendir(parent);
	struct dirent *x;

	while (f && (x = readdir(f))) {
		long pid = fl_tmp_owner(x->d_name, name);
		char *path;

		if (!pid || !kill((pid_t)pid, 0) || errno != ESRCH ||
		    asprintf(&path, "%s/%s", parent, x->d_name) < 0)
			continue;
		fl_remove_ours(path, ours);
		free(path);
	}
	if (f)
		closedir(f);
}

static int begins(int dir, const char *marker, const char *begin)
{
	int fd = fl_openat(dir, marker, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	size_t n = strlen(begin);
	char buf[BEGIN_MAX];
	int same = fd >= 0 && n <= sizeof buf && fl_read_full(fd, buf, n, NULL) == (ssize_t)n &&
	           !memcmp(buf, begin, n);

	if (fd >= 0)
		close(fd);
	return same;
}

/* Whether what is there may be replaced. */
static int check_old(const char *path, int (*ours)(const char *), const char *marker,
                     const char *begin, struct fl_err *e)
{
	int fd = fl_open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK), rc = 0;
	DIR *f = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *x;
	size_t n = 0;

	if (!f) {
		rc = errno == ENOENT ? 0 : fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (x = readdir(f))) {
		if (is_dot(x->d_name))
			continue;
		n++;
		if (!ours(x->d_name))
			rc = fl_fail(e, FL_EIO, "%s: holds '%s', which was not written here: "
			             "the folder is not replaced", path, x->d_name);
	}
	if (!rc && n && marker && !begins(dirfd(f), marker, begin))
		rc = fl_fail(e, FL_EIO, "%s: holds files but no %s of this program: "
		             "the folder is not replaced", path, marker);
	closedir(f);
	return rc;
}

static int make_tmp(struct fl_dir *d, const char *parent, struct fl_err *e)
{
	/* A name that the sweep knows: six characters after the PID. */
	for (unsigned try = 0; try < 1000; try++) {
		fl_temp_remove(d->tmp);
		if (!(d->tmp = fl_temp_new(d->ours, e, "%s/.%s.%ld.%06u.tmp", parent, base_of(d->path),
		                           (long)getpid(), try)))
			return -1;
		if (!fl_temp_mkdir(d->tmp)) {
			d->fd = fl_open(d->tmp->path, O_RDONLY | O_DIRECTORY);
			return d->fd < 0 ? fl_fail(e, FL_EIO, "%s: %s", d->tmp->path, strerror(errno)) : 0;
		}
		if (errno != EEXIST)
			break;
	}
	return fl_temp_fail(d->tmp, d->path, e);
}

int fl_dir_open(struct fl_dir *d, const char *path, int (*ours)(const char *name),
                const char *marker, const char *begin, struct fl_err *e)
{
	char *parent = NULL;
	int rc = -1;

	*d = (struct fl_dir){ .fd = -1, .lock = -1, .ours = ours };
	if (!(d->path = clean(path)) || !(parent = fl_dir_of(d->path)))
		fl_fail_mem(e, strlen(path));
	else if (!check_old(d->path, ours, marker, begin, e)) {
		sweep(parent, base_of(d->path), ours);
		rc = make_tmp(d, parent, e);
	}
	free(parent);
	if (rc)
		fl_dir_abort(d);
	return rc;
}

int fl_dir_create(const struct fl_dir *d, const char *name, struct fl_out *o, struct fl_err *e)
{
	*o = (struct fl_out){ .fd = -1 };
	if (asprintf(&o->path, "%s/%s", d->path, name) < 0)
		o->path = NULL;
	if (!o->path || !(o->buf = malloc(BUF_SIZE))) {
		fl_out_abort(o);
		return fl_fail_mem(e, BUF_SIZE);
	}
	fl_temp_begin();
	o->fd = fl_openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0666);
	fl_temp_end();
	if (o->fd >= 0)
		return 0;
	fl_fail(e, FL_EIO, "%s: %s", o->path, strerror(errno));
	fl_out_abort(o);
	return -1;
}

/* The old folder, open and locked: what goes by its name once the lock is there. -1
 * with e->code 0 where there is none. */
static int lock_old(const char *path, struct fl_err *e)
{
	struct stat a, b;
	int fd;

	while ((fd = fl_open(path, O_RDONLY | O_DIRECTORY)) >= 0) {
		while (flock(fd, LOCK_EX) && errno == EINTR)
			;
		if (!fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino &&
		    a.st_dev == b.st_dev)
			return fd;
		close(fd);
	}
	return errno == ENOENT ? -1 : fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
}

static int keep_one(const struct fl_dir *d, int old, const char *name, struct fl_err *e)
{
	struct stat st;

	if (fstatat(old, name, &st, AT_SYMLINK_NOFOLLOW))
		return fl_fail(e, FL_EIO, "%s/%s: %s", d->path, name, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fl_fail(e, FL_EIO, "%s: holds the folder '%s': it is not replaced", d->path,
		               name);
	if (linkat(old, name, d->fd, name, 0) && errno != EEXIST)
		return fl_fail(e, FL_EIO, "%s/%s: link: %s", d->path, name, strerror(errno));
	return 0;
}

int fl_dir_keep(struct fl_dir *d, struct fl_err *e)
{
	struct fl_err mine = { 0 };
	struct dirent *x;
	int rc = 0;
	DIR *f;

	if ((d->lock = lock_old(d->path, &mine)) < 0) {
		*e = mine;
		return mine.code ? -1 : 0;
	}
	if (!(f = opendir(d->path)))
		return fl_fail(e, FL_EIO, "%s: %s", d->path, strerror(errno));
	while (!rc && (x = readdir(f)))
		if (!is_dot(x->d_name) && !fl_tmp_owner(x->d_name, ""))
			rc = keep_one(d, d->lock, x->d_name, e);
	closedir(f);
	return rc;
}

/* Puts the temporary under the name: it then is the old folder, or nothing, and has left. */
static int put_under_name(const struct fl_dir *d)
{
	const char *tmp = d->tmp->path;
	int rc;

	fl_temp_begin();
	/* rename() replaces an empty folder, on file systems that know no flags too. */
	rc = renameat2(AT_FDCWD, tmp, AT_FDCWD, d->path, RENAME_NOREPLACE) && rename(tmp, d->path);
	if (!rc)
		fl_temp_leave(d->tmp);
	else
		rc = renameat2(AT_FDCWD, tmp, AT_FDCWD, d->path, RENAME_EXCHANGE);
	fl_temp_end();
	return rc;
}

static int exchange(const struct fl_dir *d, struct fl_err *e)
{
	if (!put_under_name(d))
		return 0;
	return fl_fail(e, FL_EIO, "%s: rename: %s%s", d->path, strerror(errno),
	               errno == EINVAL || errno == ENOSYS ?
	               " (this file system cannot exchange folders: remove it first)" : "");
}

/* Publishes, in a folder that is opened before. */
static int exchange_synced(const struct fl_dir *d, struct fl_err *e)
{
	char *parent = fl_dir_of(d->path);
	int fd = parent ? fl_open_dir(parent, e) : fl_fail_mem(e, strlen(d->path)), rc = -1;

	/* One call for the file system: an fsync a file takes minutes for thousands. */
	if (fd >= 0 && syncfs(d->fd))
		fl_fail(e, FL_EIO, "%s: sync: %s", d->path, strerror(errno));
	else if (fd >= 0)
		rc = exchange(d, e);
	if (!rc)
		rc = fl_sync_dir(fd, parent, e);
	else if (fd >= 0)
		close(fd);
	free(parent);
	return rc;
}

int fl_dir_commit(struct fl_dir *d, int sync, struct fl_err *e)
{
	int rc = sync ? exchange_synced(d, e) : exchange(d, e);

	if (!rc && d->tmp->there && fl_remove_ours(d->tmp->path, d->ours))
		fl_say(FL_LOG_WARN, "%s: the old folder stays: %s", d->tmp->path, strerror(errno));
	fl_dir_abort(d);	/* finds a temporary only where nothing was published */
	return rc;
}

void fl_dir_abort(struct fl_dir *d)
{
	if (d->path && d->fd >= 0)
		close(d->fd);
	if (d->path && d->lock >= 0)
		close(d->lock);
	fl_temp_remove(d->tmp);
	free(d->path);
	*d = (struct fl_dir){ .fd = -1, .lock = -1 };
}

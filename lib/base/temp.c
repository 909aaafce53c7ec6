/* Temporaries, and the signals that end a program: what the handler calls is safe there
 * (signal-safety(7); getdents64() is a bare system call). */
#define _GNU_SOURCE
#include "base/temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU };

static atomic_flag busy = ATOMIC_FLAG_INIT;	/* a thread is between begin and end */
static sigset_t before;				/* that thread's mask */
static struct fl_temp *first;			/* temporaries that are there */

static void ending_set(sigset_t *s)
{
	sigemptyset(s);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaddset(s, ending[i]);
}

static void take_place(void)
{
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		poll(NULL, 0, 1);
}

void fl_temp_begin(void)
{
	sigset_t s, was;

	ending_set(&s);
	pthread_sigmask(SIG_BLOCK, &s, &was);
	take_place();
	before = was;
}

void fl_temp_end(void)
{
	sigset_t was = before;

	atomic_flag_clear_explicit(&busy, memory_order_release);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

static int remove_pass(int fd, int (*ours)(const char *name))
{
	_Alignas(struct dirent64) char buf[4096];
	int removed = 0;
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = getdents64(fd, buf, sizeof buf)) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);

			at += d->d_reclen;
			removed += d->d_type != DT_DIR && ours(d->d_name) && !unlinkat(fd, d->d_name, 0);
		}
	return removed;
}

int fl_remove_ours(const char *path, int (*ours)(const char *name))
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Removing may make a file system skip what is still to be read. */
	while (fd >= 0 && remove_pass(fd, ours))
		;
	if (fd >= 0)
		close(fd);
	return rmdir(path);
}

static int remove_now(const struct fl_temp *t)
{
	return t->ours ? fl_remove_ours(t->path, t->ours) : unlink(t->path);
}

/* Removes all there is, then lets the signal do what it does to any program. */
static void on_signal(int sig)
{
	sigset_t s;

	take_place();
	for (const struct fl_temp *t = first; t; t = t->next)
		remove_now(t);
	signal(sig, SIG_DFL);
	sigemptyset(&s);
	sigaddset(&s, sig);
	pthread_sigmask(SIG_UNBLOCK, &s, NULL);
	raise(sig);
}

void fl_temp_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal }, was;

	ending_set(&a.sa_mask);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		if (!sigaction(ending[i], NULL, &was) && was.sa_handler == SIG_DFL)
			sigaction(ending[i], &a, NULL);
}

struct fl_temp *fl_temp_new(int (*ours)(const char *name), struct fl_err *e, const char *fmt, ...)
{
	struct fl_temp *t;
	va_list ap, again;
	size_t n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = (size_t)vsnprintf(NULL, 0, fmt, ap) + 1;
	if (!(t = malloc(sizeof *t + n))) {
		fl_fail_mem(e, sizeof *t + n);
	} else {
		*t = (struct fl_temp){ .ours = ours };
		vsnprintf(t->path, n, fmt, again);
	}
	va_end(again);
	va_end(ap);
	return t;
}

static void enter(struct fl_temp *t)
{
	t->there = 1;
	t->prev = NULL;
	t->next = first;
	if (first)
		first->prev = t;
	first = t;
}

int fl_temp_fail(const struct fl_temp *t, const char *path, struct fl_err *e)
{
	const char *name = strrchr(t->path, '/'), *why = strerror(errno);

	if (errno == ENOENT && name)
		return fl_fail(e, FL_EIO, "%s: %s: there is no folder '%.*s'", path, why,
		               (int)(name - t->path), t->path);
	return fl_fail(e, FL_EIO, "%s: cannot create a %s beside it: %s", path,
	               t->ours ? "folder" : "file", why);
}

void fl_temp_leave(struct fl_temp *t)
{
	t->there = 0;
	if (t->next)
		t->next->prev = t->prev;
	if (t->prev)
		t->prev->next = t->next;
	else
		first = t->next;
}

int fl_temp_open(struct fl_temp *t, size_t suffix)
{
	char *x = t->path + strlen(t->path) - suffix - 6;
	int fd;

	do {
		memset(x, 'X', 6);	/* what was tried last stands there */
		fl_temp_begin();
		fd = mkostemps(t->path, (int)suffix, O_CLOEXEC);
		if (fd >= 0)
			enter(t);
		fl_temp_end();
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int fl_temp_mkdir(struct fl_temp *t)
{
	int rc;

	fl_temp_begin();
	rc = mkdir(t->path, 0777);
	if (!rc)
		enter(t);
	fl_temp_end();
	return rc;
}

int fl_temp_rename(struct fl_temp *t, const char *to)
{
	int rc;

	fl_temp_begin();
	rc = rename(t->path, to);
	if (!rc)
		fl_temp_leave(t);
	fl_temp_end();
	return rc;
}

int fl_temp_remove(struct fl_temp *t)
{
	int rc = 0;

	if (t && t->there) {
		fl_temp_begin();
		rc = remove_now(t);
		fl_temp_leave(t);
		fl_temp_end();
	}
	free(t);
	return rc;
}

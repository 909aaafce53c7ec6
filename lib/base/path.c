/* Names of files and folders. */
#define _GNU_SOURCE
#include "base/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"

char *fl_path_relative(const char *from, const char *to, struct fl_arena *a, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;
	size_t same = 0;
	char *r;

	for (size_t i = 0; ; i++) {
		int end = !from[i] || from[i] == '/';

		if (end && to[i] == '/')
			same = i + 1;
		if (!from[i] || from[i] != to[i])
			break;
	}
	if (same < strlen(from))
		for (const char *p = from + same; *p; p++)
			if (p == from + same || p[-1] == '/')
				fl_str_add(&b, "../");
	fl_str_add(&b, to + same);
	r = fl_str_check(&b, e) ? NULL : fl_arena_str(a, fl_str_c(&b), e);
	fl_str_release(&b);
	return r;
}

char *fl_path_absolute(const char *path, struct fl_arena *a, struct fl_err *e)
{
	char *p = fl_arena_str(a, path, e), *dir = NULL, *real, *r = NULL;
	size_t n = p ? strlen(p) : 0;

	if (!p)
		return NULL;
	while (n > 1 && p[n - 1] == '/')
		p[--n] = '\0';
	if ((real = realpath(p, NULL))) {
		r = fl_arena_str(a, real, e);
	} else if ((dir = fl_dir_of(p)) && (real = realpath(dir, NULL))) {
		const char *slash = strrchr(p, '/');

		r = fl_arena_fmt(a, e, "%s/%s", strcmp(real, "/") ? real : "",
		                 slash ? slash + 1 : p);
	} else {
		fl_fail(e, FL_EIO, "%s: its folder is not there", path);
	}
	free(real);
	free(dir);
	return r;
}

int fl_path_inside(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") ? strlen(dir) : 0;

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* Lists of shell patterns. */
#include "base/glob.h"

#include <fnmatch.h>
#include <string.h>

/* Takes the next pattern from *list, which becomes NULL after the last: its length, and the
 * pattern where it is not too long. */
static size_t take(const char **list, char glob[FL_GLOB_MAX + 1])
{
	size_t n = strcspn(*list, "+");

	if (n <= FL_GLOB_MAX) {
		memcpy(glob, *list, n);
		glob[n] = '\0';
	}
	*list = (*list)[n] ? *list + n + 1 : NULL;
	return n;
}

int fl_glob_match(const char *list, const char *name)
{
	char glob[FL_GLOB_MAX + 1];

	while (list)
		if (take(&list, glob) <= FL_GLOB_MAX && !fnmatch(glob, name, 0))
			return 1;
	return 0;
}

int fl_glob_check(const char *key, const char *list,
                  const char *(*name)(const void *ctx, size_t i), const void *ctx,
                  const char *what, struct fl_err *e)
{
	char glob[FL_GLOB_MAX + 1];

	while (list) {
		size_t i = 0;

		if (take(&list, glob) > FL_GLOB_MAX)
			return fl_fail(e, FL_EUSAGE, "%s: a glob of more than %d bytes", key,
			               FL_GLOB_MAX);
		while (name(ctx, i) && fnmatch(glob, name(ctx, i), 0))
			i++;
		if (!name(ctx, i))
			return fl_fail(e, FL_EUSAGE, "%s=%s names no %s", key, glob, what);
	}
	return 0;
}

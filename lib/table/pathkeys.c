#include "table/pathkeys.h"

#include <string.h>

int fl_pathkeys_check(const char *template, struct fl_err *e)
{
	size_t found = 0;

	for (const char *at = template; (at = strchr(at, '{')); found++) {
		const char *end = at + strcspn(at, "}");
		size_t n = (size_t)(end - at) + 1;

		if (!*end || n < 3)
			return fl_fail(e, FL_EUSAGE, "'%s': a { wants a name and a }", template);
		for (const char *more = end; (more = strchr(more, '{')); more++)
			if (!strncmp(more, at, n))
				return fl_fail(e, FL_EUSAGE, "'%s': %.*s occurs twice", template,
				               (int)n, at);
		at = end;
	}
	return found ? 0 : fl_fail(e, FL_EUSAGE, "'%s': names no field, such as {seed}", template);
}

/* Whether all of path is what the template says; then into has its fields. */
static int match(const char *template, const char *path, json_t *into)
{
	size_t name;

	while (*template && *template != '{')
		if (*template++ != *path++)
			return 0;
	if (!*template)
		return !*path;
	name = strcspn(template, "}");
	for (size_t n = 1; path[n - 1] && path[n - 1] != '/'; n++) {
		if (!match(template + name + 1, path + n, into))
			continue;
		return !json_object_setn_new(into, template + 1, name - 1, json_stringn(path, n));
	}
	return 0;
}

json_t *fl_pathkeys_of(const char *template, const char *path, struct fl_err *e)
{
	json_t *into = json_object();

	if (!into) {
		fl_fail_mem(e, sizeof *path);
		return NULL;
	}
	for (const char *at = path; at; at = strchr(at, '/'), at += at != NULL)
		if (match(template, at, into))
			return into;
	json_decref(into);
	fl_fail(e, FL_EDATA, "%s: is not of the form %s", path, template);
	return NULL;
}

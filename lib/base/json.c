/* jansson reports a failed allocation as any error that comes to hand, or, while
 * it gathers a string, not at all: the character is lost. So its allocator is
 * watched. */
#include "base/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local size_t refused;	/* bytes that were not to be had */

static void *watched_malloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		refused = n;
	return p;
}

static void watch(void)
{
	json_set_alloc_funcs(watched_malloc, free);
}

static json_t *load(const char *text, size_t n, json_error_t *why, struct fl_err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	json_t *root;

	pthread_once(&once, watch);
	refused = 0;
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, why);
	if (refused) {
		json_decref(root);
		fl_fail_mem(e, refused);
		return NULL;
	}
	return root;
}

json_t *fl_json_load(const char *text, size_t n, struct fl_err *e)
{
	json_error_t why;
	json_t *root = load(text, n, &why, e);

	if (!root && !refused)
		fl_fail(e, FL_EDATA, "byte %d: %s", why.position, why.text);
	return root;
}

json_t *fl_json_load_lines(const char *text, enum fl_code code, struct fl_err *e)
{
	json_error_t why;
	json_t *root = load(text, strlen(text), &why, e);

	if (!root && !refused)
		fl_fail(e, code, "line %d, column %d: %s", why.line, why.column, why.text);
	return root;
}

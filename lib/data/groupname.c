/* Names of natural groups. */
#include "data/groupname.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "tensor/st.h"

int fl_groupname_set(const struct fl_groupname *v, size_t n, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	size_t i;
	int rc;

	fl_str_addc(&s, '{');
	for (i = 0; i < n; i++) {
		fl_str_addf(&s, "%s\"%" PRId64 "\":", i ? "," : "", v[i].id);
		if (fl_st_string(&s, v[i].name, NULL))
			break;
	}
	fl_str_addc(&s, '}');
	if (i < n)
		fl_say(FL_LOG_WARN, "group '%s' is not UTF-8: groups keep their numbers, and no names",
		       v[i].name);
	rc = fl_str_check(&s, e) ? -1 : fl_meta_set(rec, "fl.groups", i < n || !n ? NULL : fl_str_c(&s), e);
	fl_str_release(&s);
	return rc;
}

int fl_groupname_ranks(const char *const *name, size_t n, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_groupname *v = fl_alloc(n, sizeof *v, e);
	int rc;

	if (!v)
		return -1;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct fl_groupname){ (int64_t)i, name[i] };
	rc = fl_groupname_set(v, n, rec, e);
	free(v);
	return rc;
}

static int by_id(const void *a, const void *b)
{
	int64_t x = ((const struct fl_groupname *)a)->id, y = ((const struct fl_groupname *)b)->id;

	return (x > y) - (x < y);
}

size_t fl_groupname_sort(struct fl_groupname *v, size_t n)
{
	size_t m = 0;

	if (n)
		qsort(v, n, sizeof *v, by_id);
	for (size_t i = 0; i < n; i++)
		if (!i || v[i].id != v[m - 1].id)
			v[m++] = v[i];
	return m;
}

static int fill(json_t *root, struct fl_arena *a, struct fl_groupname *v, struct fl_err *e)
{
	const char *key;
	json_t *name;

	if (!json_is_object(root))
		return fl_fail(e, FL_EDATA, "is no object of numbers and names");
	json_object_foreach(root, key, name) {
		if (fl_num_i64(key, &v->id) || !json_is_string(name))
			return fl_fail(e, FL_EDATA, "\"%.40s\" is no number of a group with a name", key);
		if (!(v->name = fl_arena_str(a, json_string_value(name), e)))
			return -1;
		v++;
	}
	return 0;
}

int fl_groupname_parse(const char *json, struct fl_arena *a, struct fl_groupname **v, size_t *n,
                       struct fl_err *e)
{
	json_t *root = fl_json_load_lines(json, FL_EDATA, e);
	int rc = -1;

	*n = root ? json_object_size(root) : 0;
	if (root && (*v = fl_arena_get(a, *n, sizeof **v, e)) && !(rc = fill(root, a, *v, e)))
		*n = fl_groupname_sort(*v, *n);
	json_decref(root);
	return rc ? fl_fail_in(e, "fl.groups") : 0;
}

const char *fl_groupname_find(const struct fl_groupname *v, size_t n, int64_t id)
{
	struct fl_groupname key = { id, NULL }, *at = n ? bsearch(&key, v, n, sizeof key, by_id) : NULL;

	return at ? at->name : NULL;
}

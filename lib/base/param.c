/* Parameter tables: defaults, strict setting, canonical printing. */
#include "base/param.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

static void *field(const struct fl_param *p, void *block)
{
	return (char *)block + p->off;
}

static const void *cfield(const struct fl_param *p, const void *block)
{
	return (const char *)block + p->off;
}

static int bad_value(const struct fl_param *p, const char *text, struct fl_err *e)
{
	struct fl_str r = FL_STR_INIT;

	fl_param_range(p, &r);
	fl_fail(e, FL_EUSAGE, "'%s' is not %s%s%s", text,
	        p->type == FL_P_BOOL || p->type == FL_P_ENUM ? "one of " :
	        p->type == FL_P_REAL ? "a number" :
	        p->type == FL_P_SIZE ? "a size such as 64M" :
	        p->type == FL_P_DIMS ? "a list of whole numbers joined by '+'" :
	        "a whole number",
	        r.len && (p->type == FL_P_REAL || p->type == FL_P_INT || p->type == FL_P_SIZE ||
	                  p->type == FL_P_DIMS) ? " in " : "", fl_str_c(&r));
	fl_str_release(&r);
	return -1;
}

static int set_real(const struct fl_param *p, double *v, const char *text, struct fl_err *e)
{
	double x;

	if (fl_num_real(text, &x) || x < p->lo || x > p->hi)
		return bad_value(p, text, e);
	*v = x;
	return 0;
}

static int in_range(const struct fl_param *p, int64_t x)
{
	return (double)x >= p->lo && (double)x <= p->hi;
}

static int set_int(const struct fl_param *p, int64_t *v, const char *text, struct fl_err *e)
{
	int64_t x;

	if (fl_num_i64(text, &x) || !in_range(p, x))
		return bad_value(p, text, e);
	*v = x;
	return 0;
}

static int set_size(const struct fl_param *p, int64_t *v, const char *text, struct fl_err *e)
{
	uint64_t x;

	if (fl_num_size(text, &x) || x > INT64_MAX || !in_range(p, (int64_t)x))
		return bad_value(p, text, e);
	*v = (int64_t)x;
	return 0;
}

static int set_bool(const struct fl_param *p, int *v, const char *text, struct fl_err *e)
{
	if (!strcmp(text, "on") || !strcmp(text, "off")) {
		*v = text[1] == 'n';
		return 0;
	}
	return bad_value(p, text, e);
}

static int set_enum(const struct fl_param *p, int *v, const char *text, struct fl_err *e)
{
	const char *near;
	size_t n = 0;

	for (; p->choice[n]; n++)
		if (!strcmp(text, p->choice[n])) {
			*v = (int)n;
			return 0;
		}
	near = fl_nearest(text, p->choice, n);
	bad_value(p, text, e);
	if (near && e) {
		struct fl_err was = *e;

		fl_fail(e, FL_EUSAGE, "%s; did you mean '%s'?", was.msg, near);
	}
	return -1;
}

static int set_dims(const struct fl_param *p, struct fl_dims *v, const char *text,
                    struct fl_err *e)
{
	struct fl_dims d = { 0 };
	const char *s = text;
	char num[24];

	if (!strcmp(text, "none")) {
		*v = d;
		return 0;
	}
	for (;;) {
		size_t n = strcspn(s, "+");

		if (d.n == FL_DIMS_MAX || n >= sizeof num)
			return bad_value(p, text, e);
		memcpy(num, s, n);
		num[n] = '\0';
		if (fl_num_i64(num, &d.d[d.n]) || !in_range(p, d.d[d.n]))
			return bad_value(p, text, e);
		d.n++;
		if (!s[n])
			break;
		s += n + 1;
	}
	*v = d;
	return 0;
}

static int add_str(struct fl_strs *v, const char *text, struct fl_arena *a, struct fl_err *e)
{
	const char **grown;
	char *s;

	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 8;
		if (!(grown = fl_arena_get(a, v->cap, sizeof *grown, e)))
			return -1;
		if (v->n)
			memcpy(grown, v->v, v->n * sizeof *grown);
		v->v = grown;
	}
	if (!(s = fl_arena_str(a, text, e)))
		return -1;
	v->v[v->n++] = s;
	return 0;
}

int fl_param_set(const struct fl_param *p, void *block, const char *text, struct fl_arena *a,
                 struct fl_err *e)
{
	void *f = field(p, block);

	switch (p->type) {
	case FL_P_REAL: return set_real(p, f, text, e);
	case FL_P_INT: return set_int(p, f, text, e);
	case FL_P_SIZE: return set_size(p, f, text, e);
	case FL_P_BOOL: return set_bool(p, f, text, e);
	case FL_P_ENUM: return set_enum(p, f, text, e);
	case FL_P_DIMS: return set_dims(p, f, text, e);
	case FL_P_STRS: return add_str(f, text, a, e);
	case FL_P_STR:
	case FL_P_RAW:
	case FL_P_PATH:
		return (*(const char **)f = fl_arena_str(a, text, e)) ? 0 : -1;
	default:
		return fl_fail(e, FL_EUSAGE, "parameter of unknown type");
	}
}

static void unset(const struct fl_param *p, void *block)
{
	void *f = field(p, block);

	switch (p->type) {
	case FL_P_REAL: *(double *)f = NAN; break;
	case FL_P_INT:
	case FL_P_SIZE: *(int64_t *)f = FL_UNSET; break;
	case FL_P_BOOL: *(int *)f = 0; break;
	case FL_P_ENUM: *(int *)f = -1; break;
	case FL_P_DIMS: *(struct fl_dims *)f = (struct fl_dims){ 0 }; break;
	case FL_P_STRS: *(struct fl_strs *)f = (struct fl_strs){ 0 }; break;
	case FL_P_STR:
	case FL_P_RAW:
	case FL_P_PATH: *(const char **)f = NULL; break;
	default: break;
	}
}

int fl_param_defaults(const struct fl_param *t, void *block, struct fl_arena *a, struct fl_err *e)
{
	for (; t && t->name; t++) {
		unset(t, block);
		if (t->def && fl_param_set(t, block, t->def, a, e))
			return fl_fail_in(e, "default of %s", t->name);
	}
	return 0;
}

int fl_param_is_set(const struct fl_param *p, const void *block)
{
	const void *f = cfield(p, block);

	switch (p->type) {
	case FL_P_REAL: return !isnan(*(const double *)f);
	case FL_P_INT:
	case FL_P_SIZE: return *(const int64_t *)f != FL_UNSET;
	case FL_P_BOOL: return 1;
	case FL_P_ENUM: return *(const int *)f >= 0;
	case FL_P_DIMS: return p->def || ((const struct fl_dims *)f)->n;
	case FL_P_STRS: return ((const struct fl_strs *)f)->n > 0;
	case FL_P_STR:
	case FL_P_RAW:
	case FL_P_PATH: return *(const char *const *)f != NULL;
	default: return 0;
	}
}

static int is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static int are_same_texts(const struct fl_strs *a, const struct fl_strs *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]))
			return 0;
	return a->n == b->n;
}

static int are_same_dims(const struct fl_dims *a, const struct fl_dims *b)
{
	return a->n == b->n && !memcmp(a->d, b->d, a->n * sizeof *a->d);
}

int fl_param_is_same(const struct fl_param *p, const void *a, const void *b)
{
	const void *x = cfield(p, a), *y = cfield(p, b);

	switch (p->type) {
	case FL_P_REAL: return !memcmp(x, y, sizeof(double));
	case FL_P_INT:
	case FL_P_SIZE: return *(const int64_t *)x == *(const int64_t *)y;
	case FL_P_BOOL:
	case FL_P_ENUM: return *(const int *)x == *(const int *)y;
	case FL_P_DIMS: return are_same_dims(x, y);
	case FL_P_STRS: return are_same_texts(x, y);
	case FL_P_STR:
	case FL_P_RAW:
	case FL_P_PATH: return is_same_text(*(const char *const *)x, *(const char *const *)y);
	default: return 0;
	}
}

static void print_dims(const struct fl_dims *d, struct fl_str *out)
{
	if (!d->n)
		fl_str_add(out, "none");
	for (size_t i = 0; i < d->n; i++)
		fl_str_addf(out, "%s%lld", i ? "+" : "", (long long)d->d[i]);
}

/* Joined by ','; a value's own ',' and '%' are percent-encoded. */
static void print_strs(const struct fl_strs *v, struct fl_str *out)
{
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			fl_str_addc(out, ',');
		for (const char *s = v->v[i]; *s; s++)
			if (*s == ',' || *s == '%')
				fl_str_addf(out, "%%%02X", (unsigned)*s);
			else
				fl_str_addc(out, *s);
	}
}

void fl_param_print(const struct fl_param *p, const void *block, struct fl_str *out)
{
	const void *f = cfield(p, block);

	switch (p->type) {
	case FL_P_REAL: fl_str_addnum(out, *(const double *)f); break;
	case FL_P_INT:
	case FL_P_SIZE: fl_str_addf(out, "%lld", (long long)*(const int64_t *)f); break;
	case FL_P_BOOL: fl_str_add(out, *(const int *)f ? "on" : "off"); break;
	case FL_P_ENUM: fl_str_add(out, p->choice[*(const int *)f]); break;
	case FL_P_DIMS: print_dims(f, out); break;
	case FL_P_STRS: print_strs(f, out); break;
	case FL_P_STR:
	case FL_P_RAW:
	case FL_P_PATH: fl_str_add(out, *(const char *const *)f); break;
	default: break;
	}
}

const struct fl_param *fl_param_find(const struct fl_param *t, const char *name)
{
	for (; t && t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

void fl_param_range(const struct fl_param *p, struct fl_str *out)
{
	char limit[FL_NUM_MAX];

	switch (p->type) {
	case FL_P_BOOL:
		fl_str_add(out, "on|off");
		break;
	case FL_P_ENUM:
		for (size_t i = 0; p->choice[i]; i++)
			fl_str_addf(out, "%s%s", i ? "|" : "", p->choice[i]);
		break;
	case FL_P_REAL:
	case FL_P_INT:
	case FL_P_SIZE:
	case FL_P_DIMS:
		fl_str_addc(out, '[');
		fl_str_add(out, fl_num_brief(limit, p->lo));
		fl_str_addc(out, ',');
		fl_str_add(out, fl_num_brief(limit, p->hi));
		fl_str_addc(out, ']');
		break;
	default:
		break;
	}
}

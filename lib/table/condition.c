#include "table/condition.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static const struct {
	const char *sign;
	enum fl_relation relation;
} signs[] = {		/* longer ones first */
	{ "!=", FL_IS_NOT }, { "<=", FL_AT_MOST }, { ">=", FL_AT_LEAST },
	{ "=", FL_IS }, { "<", FL_BELOW }, { ">", FL_ABOVE },
};

int fl_condition_parse(struct fl_condition *c, const char *text, struct fl_arena *a,
                       struct fl_err *e)
{
	size_t n = strcspn(text, "!<>="), i = 0;

	*c = (struct fl_condition){ .text = text };
	while (i < sizeof signs / sizeof *signs && strncmp(text + n, signs[i].sign, strlen(signs[i].sign)))
		i++;
	if (!n || i == sizeof signs / sizeof *signs)
		return fl_fail(e, FL_EUSAGE,
		               "'%s' is no condition: KEY=VALUE, KEY!=VALUE, KEY>=NUMBER", text);
	c->relation = signs[i].relation;
	if (!(c->key = fl_arena_mem(a, text, n, e)) ||
	    !(c->value = fl_arena_str(a, text + n + strlen(signs[i].sign), e)))
		return -1;
	if (c->relation >= FL_BELOW && fl_num_real(c->value, &c->number))
		return fl_fail(e, FL_EUSAGE, "'%s': '%s' is no number", text, c->value);
	return 0;
}

/* Whether s is value(n), as text or as a number. */
static int is_value(const char *s, const char *value, size_t n)
{
	char buf[FL_NUM_MAX];
	double x, y;

	if (strlen(s) == n && !strncmp(s, value, n))
		return 1;
	if (n >= sizeof buf)
		return 0;
	memcpy(buf, value, n);
	buf[n] = '\0';
	return !fl_num_real(s, &x) && !fl_num_real(buf, &y) && !fl_num_order(s, buf);
}

static int one_of(const char *s, const char *values)
{
	for (size_t n; ; values += n + 1) {
		n = strcspn(values, "|");
		if (is_value(s, values, n))
			return 1;
		if (!values[n])
			return 0;
	}
}

static int holds_text(const struct fl_condition *c, const struct fl_lines *l, int *there,
                      struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc = *there = fl_lines_text(l, c->key, &s, e);

	if (rc >= 0)
		rc = (rc && one_of(fl_str_c(&s), c->value)) == (c->relation == FL_IS);
	fl_str_release(&s);
	return rc;
}

static int holds_number(const struct fl_condition *c, const struct fl_lines *l, int *there,
                        struct fl_err *e)
{
	double v = 0;

	if ((*there = fl_lines_number(l, c->key, &v, e)) <= 0)
		return *there;
	switch (c->relation) {
	case FL_BELOW: return v < c->number;
	case FL_AT_MOST: return v <= c->number;
	case FL_ABOVE: return v > c->number;
	default: return v >= c->number;
	}
}

int fl_condition_holds(struct fl_condition *c, const struct fl_lines *l, struct fl_err *e)
{
	int there, rc = c->relation >= FL_BELOW ? holds_number(c, l, &there, e) :
	                holds_text(c, l, &there, e);

	if (there > 0 && !c->met)
		c->met = 1;
	if (rc > 0)
		c->met = 2;
	return rc;
}

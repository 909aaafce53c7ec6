/* Publication of several outputs together. */
#include "base/outs.h"

#include <string.h>

/* Two outputs to one place: what came first would be lost. */
static int check_apart(const struct fl_outs *s, const struct fl_out *o, const char *path,
                       struct fl_err *e)
{
	for (const struct fl_out *x = s->out; x < o; x++)
		if (o->path && x->path ? o->tmp && x->tmp && !strcmp(o->path, x->path)
		                       : o->path == x->path)
			return fl_fail(e, FL_EUSAGE, "'%s' is where another output is written: "
			               "name another file", path);
	return 0;
}

int fl_outs_open(struct fl_outs *s, const char *path, struct fl_out **o, struct fl_err *e)
{
	struct fl_out *out = &s->out[s->n];

	*o = NULL;
	if (!path)
		return 0;
	if (s->n == FL_OUTS_MAX)
		return fl_fail(e, FL_EUSAGE, "%s: at most %d outputs", path, FL_OUTS_MAX);
	if (fl_out_open(out, path, s->sync, e))
		return -1;
	if (check_apart(s, out, path, e)) {
		fl_out_abort(out);
		return -1;
	}
	s->n++;
	*o = out;
	return 0;
}

int fl_outs_commit(struct fl_outs *s, struct fl_err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->n; i++)
		if (s->out[i].path)
			rc = fl_out_finish(&s->out[i], e);
	for (size_t i = 0; !rc && i < s->n; i++)
		if (!s->out[i].path)
			rc = fl_out_commit(&s->out[i], e);
	for (size_t i = 0; !rc && i < s->n; i++)
		if (s->out[i].path)
			rc = fl_out_commit(&s->out[i], e);
	fl_outs_abort(s);
	return rc;
}

void fl_outs_abort(struct fl_outs *s)
{
	for (size_t i = 0; i < s->n; i++)
		fl_out_abort(&s->out[i]);
	s->n = 0;
}

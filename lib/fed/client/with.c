/* What methods read beside the model: statistics pooled over clients, by --with. */
#include <math.h>
#include <string.h>

#include "fed/client/client.h"

static const char *want(const struct fl_local *l)
{
	return ((const struct fl_method *)l->cfg->method.entry)->with;
}

/* A record of kind stats whose fl.method is a spec of that name. */
static int is_stat(const struct fl_tset *rec, const char *name)
{
	const char *spec = fl_meta_get(rec, "fl.method");
	enum fl_kind kind;
	size_t n = strlen(name);

	return !fl_meta_kind(rec, &kind, NULL) && kind == FL_KIND_STATS && spec &&
	       !strncmp(spec, name, n) && (!spec[n] || spec[n] == ':');
}

const struct fl_tset *fl_local_with(const struct fl_local *l, struct fl_err *e)
{
	for (size_t i = 0; i < l->cfg->nwith; i++)
		if (is_stat(&l->cfg->with[i], want(l)))
			return &l->cfg->with[i];
	fl_fail(e, FL_EUSAGE, "method %s reads statistic %s by --with: fl-stats -m MODEL %s CLIENTS | "
	        "fl-aggregate", l->cfg->method.entry->name, want(l), want(l));
	return NULL;
}

static int check(const struct fl_tensor *mean, const struct fl_tensor *count, size_t C,
                 size_t width, struct fl_err *e)
{
	const float *v;

	if (!mean || !count || mean->dtype != FL_F32 || mean->ndim != 2 || mean->dim[0] != C ||
	    mean->dim[1] != width || count->dtype != FL_I64 || count->ndim != 1 || count->n != C)
		return fl_fail(e, FL_EDATA, "'mean' and 'count' are not of %zu classes and %zu numbers "
		               "each", C, width);
	for (v = mean->data; v < (const float *)mean->data + mean->n; v++)
		if (!isfinite(*v))
			return fl_fail(e, FL_EDATA, "'mean' is not finite");
	return 0;
}

int fl_local_class_means(const struct fl_local *l, size_t width, const float **mean,
                         const int64_t **count, struct fl_err *e)
{
	const struct fl_tset *rec = fl_local_with(l, e);
	const struct fl_tensor *m, *n;

	if (!rec)
		return -1;
	m = fl_tset_find(rec, "mean");
	n = fl_tset_find(rec, "count");
	if (check(m, n, l->net->classes, width, e))
		return fl_fail_in(e, "--with: statistic %s", want(l));
	*mean = m->data;
	*count = n->data;
	return 0;
}

/* What methods read beside the model: statistics pooled over clients, by --with. */
#include "fed/client/client.h"

static const char *want(const struct fl_local *l)
{
	return l->use[l->at].m->with;
}

/* A record of kind stats whose fl.method is a spec of that name. */
static int is_stat(const struct fl_tset *rec, const char *name)
{
	const char *spec = fl_meta_get(rec, "fl.method");
	enum fl_kind kind;

	return !fl_meta_kind(rec, &kind, NULL) && kind == FL_KIND_STATS && spec &&
	       fl_spec_is(spec, name);
}

const struct fl_tset *fl_local_with(const struct fl_local *l, struct fl_err *e)
{
	for (size_t i = 0; i < l->cfg->nwith; i++)
		if (is_stat(&l->cfg->with[i], want(l)))
			return &l->cfg->with[i];
	fl_fail(e, FL_EUSAGE, "method %s reads statistic %s by --with: fl-stats -m MODEL %s CLIENTS | "
	        "fl-aggregate", l->use[l->at].m->e.name, want(l), want(l));
	return NULL;
}

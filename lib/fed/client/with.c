/* What methods read beside the model, by --with. */
#include <stdio.h>

#include "fed/client/client.h"

int fl_local_with_one(const struct fl_local *l, const struct fl_want *want,
                      const struct fl_tset **rec, struct fl_err *e)
{
	char who[64];

	snprintf(who, sizeof who, "method %s", l->use[l->at].m->e.name);
	return fl_with_one(l->cfg->with, want, l->client, who, rec, e);
}

const struct fl_tset *fl_local_with(const struct fl_local *l, struct fl_err *e)
{
	const struct fl_tset *rec = NULL;

	return fl_local_with_one(l, l->use[l->at].m->with, &rec, e) < 0 ? NULL : rec;
}

static size_t count_wants(const struct fl_want *want)
{
	size_t n = 0;

	while (want && want[n].kind)
		n++;
	return n;
}

int fl_methods_with(const struct fl_train *cfg, struct fl_arena *room, struct fl_err *e)
{
	struct fl_want *all;
	struct fl_str who = FL_STR_INIT;
	size_t n = 0;
	int rc = -1;

	for (size_t i = 0; i < cfg->nmethod; i++)
		n += count_wants(((const struct fl_method *)cfg->method[i].entry)->with);
	if (!(all = fl_arena_zero(room, n + 1, sizeof *all, e)))
		return -1;
	n = 0;
	fl_str_add(&who, "method ");
	for (size_t i = 0; i < cfg->nmethod; i++) {
		const struct fl_want *want = ((const struct fl_method *)cfg->method[i].entry)->with;

		fl_str_addf(&who, i ? ",%s" : "%s", cfg->method[i].entry->name);
		for (size_t k = 0; want && want[k].kind; k++)
			all[n++] = want[k];
	}
	if (!fl_str_check(&who, e))
		rc = fl_with_check(cfg->with, all, fl_str_c(&who), e);
	fl_str_release(&who);
	return rc;
}

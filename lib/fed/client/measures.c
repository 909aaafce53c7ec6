/* The family of measurements; its list is generated from the files here. */
#include "fed/client/measure.h"

#include <string.h>

const struct fl_family fl_family_measure = {
	.name = "measure",
	.list = fl_measure_list,
	.doc = "what is measured beside training, where a rule asks for it",
};

const struct fl_param fl_sample_params[] = {
	{ "sample", FL_P_INT, offsetof(struct fl_sample, n), NULL, 1, 9e15, NULL, "n",
	  "examples drawn for it; not set, all" },
	{ 0 }
};

int64_t fl_sample_of(const void *p)
{
	const struct fl_sample *s = p;

	return s && s->n != FL_UNSET ? s->n : 0;
}

struct fl_tensor *fl_fact_add(struct fl_tset *update, const char *name, enum fl_dtype dtype,
                              unsigned ndim, const size_t *dim, struct fl_err *e)
{
	char *full = fl_arena_fmt(&update->arena, e, FL_FACT "%s", name);

	return full ? fl_tset_add(update, full, dtype, ndim, dim, NULL, e) : NULL;
}

/* How the user wants it, the last time where it is there twice; NULL: does not. */
static const struct fl_spec *find_asked(const struct fl_train *cfg, const struct fl_entry *m)
{
	for (size_t i = cfg->nmeasure; i > 0; i--)
		if (cfg->measure[i - 1].entry == m)
			return &cfg->measure[i - 1];
	return NULL;
}

int fl_measure_run(struct fl_local *l, unsigned needs, int after, struct fl_tset *update,
                   struct fl_err *e)
{
	for (const struct fl_entry *const *at = fl_measure_list; *at; at++) {
		const struct fl_measure *m = (const struct fl_measure *)(const void *)*at;
		const struct fl_spec *asked = find_asked(l->cfg, *at);

		if (m->after == after && (asked || m->need & needs) &&
		    m->run(asked ? asked->p : NULL, l, update, e))
			return -1;
	}
	return 0;
}

/* What is trained: where it begins, and the models that it becomes. */
#include <math.h>
#include <string.h>

#include "fed/distill/distill.h"

/* --- before --- */

/* w: the members' mean by examples, in double. */
static int mean_of_members(struct fl_distill_run *r, struct fl_err *e)
{
	const struct fl_member *m = r->member;
	size_t P = r->student->net->P;
	double *sum = fl_arena_zero(r->arena, P, sizeof *sum, e), n = 0;

	if (!sum)
		return -1;
	for (size_t k = 0; k < r->K; k++) {
		for (size_t i = 0; i < P; i++)
			sum[i] += m[k].examples * (double)m[k].w[i];
		n += m[k].examples;
	}
	for (size_t i = 0; i < P; i++)
		r->student->w[i] = (fl_real)(sum[i] / n);
	return 0;
}

/* Whether all members are updates of the model that is trained. */
static int all_of_it(const struct fl_distill_run *r)
{
	size_t k = 0;

	while (k < r->K && r->member[k].update)
		k++;
	return r->K && k == r->K && r->base == r->models;
}

int fl_students_begin(struct fl_distill_run *r, const struct fl_net *net, struct fl_err *e)
{
	r->n = net ? 1 : r->K;
	if (!(r->student = fl_arena_get(r->arena, r->n, sizeof *r->student, e)))
		return -1;
	for (size_t k = 0; k < r->n; k++) {
		struct fl_student *to = &r->student[k];

		*to = (struct fl_student){ .client = net ? -1 : r->member[k].client,
		                           .net = net ? net : r->member[k].net, .loss = NAN };
		if (!(to->w = fl_arena_zero(r->arena, to->net->P, sizeof *to->w, e)))
			return -1;
		if (!net)
			memcpy(to->w, r->member[k].w, to->net->P * sizeof *to->w);
	}
	if (!net)
		return 0;
	if (fl_net_import(net, &r->models->one, "", FL_ABSENT_REFUSE, r->student->w, e))
		return fl_fail_in(e, "%s", r->models->path);
	return all_of_it(r) ? mean_of_members(r, e) : 0;
}

/* --- after --- */

static int make_model(const struct fl_distill_run *r, const struct fl_student *s,
                      const struct fl_tset *was, const char *parent, struct fl_tset *out,
                      struct fl_err *e)
{
	if (fl_net_export(s->net, s->w, "", out, e))
		return -1;
	for (size_t i = 0; i < r->extra.nt; i++)
		if (!fl_tset_copy(out, NULL, &r->extra.t[i], e))
			return -1;
	for (size_t i = 0; i < was->nt; i++)
		if (!fl_tset_find(out, was->t[i].name) && !fl_tset_copy(out, NULL, &was->t[i], e))
			return -1;
	for (size_t i = 0; i < was->nkv; i++)
		if (fl_meta_set(out, was->kv[i].key, was->kv[i].val, e))
			return -1;
	/* What was a part of another model is now one of its own. */
	return fl_meta_set(out, "fl.base", NULL, e) || fl_meta_set(out, "fl.slice", NULL, e) ||
	       (s->client >= 0 && fl_meta_set_i64(out, "fl.client", s->client, e)) ||
	       fl_meta_set_i64(out, "fl.round", r->lesson->round, e) ||
	       fl_meta_set(out, "fl.parent", parent, e) || fl_meta_set(out, "fl.prov", NULL, e) ? -1 : 0;
}

int fl_students_end(struct fl_distill_run *r, struct fl_err *e)
{
	for (size_t k = 0; k < r->n; k++) {
		const struct fl_student *s = &r->student[k];
		struct fl_tset was = { .t = NULL }, *out = fl_distill_add(r, e);
		char parent[FL_HASH_TEXT];
		int rc = !out || fl_models_get(r->models, s->client, &was, parent, e) ||
		         make_model(r, s, &was, parent, out, e) ? -1 : 0;

		fl_tset_release(&was);
		if (rc)
			return -1;
	}
	return 0;
}

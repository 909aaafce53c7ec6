/* A model in, its copy out: what all reshapes share. */
#include "reshape/reshape.h"

#include <stdlib.h>

#include "base/log.h"
#include "model/model.h"
#include "reshape/job.h"
#include "tensor/meta.h"

const struct fl_family fl_family_reshape = {
	.name = "reshape",
	.list = fl_reshape_list,
	.doc = "what a copy of a model is to be",
};

/* That the tensors are those of the net. */
static int check_tensors(const struct fl_net *net, const struct fl_tset *model, struct fl_err *e)
{
	fl_real *w = fl_alloc(net->P, sizeof *w, e);
	int rc = w ? fl_net_import(net, model, "", FL_ABSENT_REFUSE, w, e) : -1;

	free(w);
	return rc;
}

static int open_job(struct fl_reshape_job *j, struct fl_err *e)
{
	if (fl_model_of(&j->net, j->model, e) || check_tensors(&j->net, j->model, e) ||
	    fl_items_open(&j->items, &j->net, &j->arena, e))
		return -1;
	return j->r->rounds && fl_meta_need_i64(j->model, "fl.round", &j->in.round, e) < 0 ? -1 : 0;
}

static int copy_meta(const struct fl_tset *from, struct fl_tset *to, struct fl_err *e)
{
	for (size_t i = 0; i < from->nkv; i++)
		if (fl_meta_set(to, from->kv[i].key, from->kv[i].val, e))
			return -1;
	return 0;
}

/* Whose the copy is: of the model, or of what that was cut from; or a model of its own. */
static int set_base(const struct fl_reshape_job *j, const char *base, struct fl_tset *out,
                    struct fl_err *e)
{
	if (j->part)
		return fl_meta_get(j->model, "fl.base") ? 0 : fl_meta_set(out, "fl.base", base, e);
	return fl_meta_set(out, "fl.base", NULL, e) || fl_meta_set(out, "fl.parent", base, e) ? -1 : 0;
}

static void warn_of_extras(const struct fl_reshape_job *j)
{
	size_t i = 0;

	while (i < j->model->nt && !fl_tensor_is_extra(&j->model->t[i]))
		i++;
	if (j->r->grows && i < j->model->nt)
		fl_say(FL_LOG_WARN, "tensor '%s' and others of methods are left out: what has grown begins "
		       "without", j->model->t[i].name);
}

static int change_values(struct fl_reshape_job *j, struct fl_tset *out, struct fl_err *e)
{
	float **x = fl_arena_get(&j->arena, j->next.nparam, sizeof *x, e);

	if (!x)
		return -1;
	for (size_t i = 0; i < j->next.nparam; i++)
		x[i] = fl_tset_find(out, j->next.param[i].name)->data;
	return j->r->values(j->p, &j->next, x, e);
}

static int make(struct fl_reshape_job *j, const char *base, struct fl_tset *out, struct fl_err *e)
{
	if (open_job(j, e) || fl_reshape_pick(j, e) ||
	    (j->r->layers && j->r->layers(j->p, &j->net, &j->items, e)) ||
	    fl_items_build(&j->items, &j->next, e) || copy_meta(j->model, out, e) ||
	    fl_meta_set(out, "fl.slice", NULL, e) || fl_reshape_copy(j, out, e) ||
	    (j->r->values && change_values(j, out, e)))
		return -1;
	warn_of_extras(j);
	return fl_meta_set(out, "fl.arch", j->next.arch, e) || set_base(j, base, out, e) ? -1 : 0;
}

/* By one of them. */
static int reshape(const struct fl_reshape_from *from, const struct fl_spec *how,
                   struct fl_tset *out, struct fl_err *e)
{
	const struct fl_reshape *r = (const struct fl_reshape *)how->entry;
	struct fl_reshape_job j = { .r = r, .p = how->p, .in.seed = from->seed,
	                            .part = !r->grows && !from->apart, .model = from->model };
	int rc = make(&j, from->base, out, e);

	json_decref(j.items.top);
	if (j.net.layer)
		fl_net_release(&j.net);
	if (j.next.layer)
		fl_net_release(&j.next);
	fl_arena_release(&j.arena);
	return rc ? fl_fail_in(e, "%s", r->e.name) : 0;
}

/* The next of several, of what the one before gave. */
static int go_on(const struct fl_reshape_from *from, const struct fl_spec *how,
                 struct fl_tset *last, struct fl_err *e)
{
	struct fl_reshape_from then = *from;
	struct fl_tset next = { .t = NULL };
	char base[FL_HASH_TEXT];
	int rc = fl_base_text(last, 1, base, e);

	then.model = last;
	then.base = base;
	if (!rc && (rc = reshape(&then, how, &next, e)))
		fl_tset_release(&next);
	fl_tset_release(last);
	*last = next;
	return rc;
}

int fl_reshape_model(const struct fl_reshape_from *from, const struct fl_spec *how, size_t n,
                     struct fl_tset *out, struct fl_err *e)
{
	struct fl_tset last = { .t = NULL };
	int rc = n ? reshape(from, how, &last, e) : fl_tset_clone(&last, from->model, e);

	for (size_t i = 1; i < n && !rc; i++)
		rc = go_on(from, &how[i], &last, e);
	if (rc)
		fl_tset_release(&last);
	else
		*out = last;
	return rc;
}

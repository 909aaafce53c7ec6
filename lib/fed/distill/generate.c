/* Clients' models by a hypernetwork: those tensors that it makes, of the client's number; the
 * others are the base's, one model or each client's own. */
#include <math.h>

#include "fed/distill/distill.h"
#include "fed/distill/hyper.h"

struct params {
	const char *tensors;
};

static const struct fl_param table[] = {
	FL_HYPER_PARAM(struct params, tensors),
	{ 0 }
};

struct job {
	struct fl_distill_run *r;
	struct fl_hyper h;
	struct fl_work work;		/* of one client */
};

/* out: the model was, with what the network makes. */
static int make_record(struct job *j, int64_t client, const struct fl_tset *was, const char *parent,
                       struct fl_tset *out, struct fl_err *e)
{
	const struct fl_net *h = j->h.net;
	const fl_real *v = j->work.act[h->nlayer];
	struct fl_net of;
	int rc;

	j->work.act[0][0] = (fl_real)client;
	fl_net_forward(h, &j->work, j->r->student->w, 1, 0, NULL);
	for (size_t c = 0; c < h->classes; c++)
		if (!isfinite((double)v[c]))
			return fl_fail(e, FL_ENUM, "what the hypernetwork makes is not finite");
	if (fl_tset_clone(out, was, e) || fl_model_of(&of, was, e))
		return -1;
	rc = fl_hyper_fits(&j->h, &of, client, e);
	if (!rc)
		rc = fl_hyper_put(&j->h, &of, v, out, e);
	fl_net_release(&of);
	return rc || fl_meta_set_i64(out, "fl.client", client, e) ||
	       fl_meta_set_i64(out, "fl.round", j->r->lesson->round, e) ||
	       fl_meta_set(out, "fl.parent", parent, e) || fl_meta_set(out, "fl.prov", NULL, e) ? -1 : 0;
}

static int make_client(struct job *j, int64_t client, struct fl_err *e)
{
	struct fl_tset was, *out = fl_distill_add(j->r, e);
	char parent[FL_HASH_TEXT];
	int rc;

	if (!out || fl_models_get(j->r->base, client, &was, parent, e))
		return -1;
	rc = make_record(j, client, &was, parent, out, e);
	fl_tset_release(&was);
	return rc ? fl_fail_in(e, "client %lld", (long long)client) : 0;
}

/* Of all that the network knows or, where the base is a folder, of those that it has. */
static int make_all(struct job *j, struct fl_err *e)
{
	int64_t *id = NULL;
	size_t n = j->h.clients;

	if (j->r->base->folder && !(id = fl_models_list(j->r->base, j->r->arena, &n, e)))
		return -1;
	for (size_t k = 0; k < n; k++)
		if (make_client(j, id ? id[k] : (int64_t)k, e))
			return -1;
	return 0;
}

static int run(const void *pp, struct fl_distill_run *r, struct fl_err *e)
{
	struct job j = { .r = r };
	int rc = -1;

	if (r->base == r->models)
		return fl_fail(e, FL_EUSAGE, "%s wants --base, a model, or folder of models, for what the "
		               "hypernetwork does not make", r->who);
	if (fl_hyper_of(&j.h, r->student->net, ((const struct params *)pp)->tensors, e))
		return -1;
	if (!fl_work_init(&j.work, r->student->net, 1, FL_WORK_FORWARD, e))
		rc = make_all(&j, e);
	fl_work_release(&j.work);
	return rc;
}

const struct fl_distill fl_distill_generate = {
	.e = {
		.name = "generate",
		.title = "Models of a hypernetwork",
		.cite = "Shamsian et al., ICML 2021, arXiv 2103.04628 (pFedHN); Yang, Wang and Wang, ICCV "
			"2023, arXiv 2308.15367 (pFedPG)",
		.doc = "each client's model, of tensors that a hypernetwork makes",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "w_k = base with h(k) in place of `tensors`",
	},
	.needs = FL_DISTILL_OTHER,
	.makes = FL_MAKES_MODELS,
	.run = run,
};

/* The adapters of a model, and means of clients' updates of tensors. */
#include "fed/agg/adapter.h"

#include <math.h>
#include <stdlib.h>

#include "model/model.h"

static double real_of(const struct fl_layer *l, const char *key)
{
	const struct fl_param *p = fl_param_find(l->entry->e.params, key);
	const char *at = (const char *)l->p + (p ? p->off : 0);

	if (!p)
		return NAN;
	return p->type == FL_P_INT ? (double)*(const int64_t *)(const void *)at :
	       *(const double *)(const void *)at;
}

static const struct fl_tensor *part(struct fl_adapters *c, const char *layer, const char *suffix,
                                    struct fl_err *e)
{
	const char *name = fl_arena_fmt(&c->a, e, "%s.%s", layer, suffix);

	return name ? fl_tset_find(c->r->model[0], name) : NULL;
}

/* 1: the layer is an adapter. */
static int get_adapter(struct fl_adapters *c, const struct fl_layer *l, struct fl_lora *t,
                       struct fl_err *e)
{
	*t = (struct fl_lora){
		.name = l->name, .scale = real_of(l, "alpha") / real_of(l, "rank"),
		.W = part(c, l->name, "weight", e),
		.A = part(c, l->name, "lora_A", e),
		.B = part(c, l->name, "lora_B", e),
	};
	if (!t->W || !t->A || !t->B || !isfinite(t->scale))
		return 0;
	t->R = t->A->dim[0];
	t->I = t->A->n / t->R;
	t->O = t->B->n / t->R;
	return t->O * t->I == t->W->n;
}

static int find_all(struct fl_adapters *c, const struct fl_net *net, struct fl_err *e)
{
	if (!(c->v = fl_arena_get(&c->a, net->nlayer, sizeof *c->v, e)))
		return -1;
	for (size_t i = 0; i < net->nlayer; i++) {
		const char *name = fl_arena_str(&c->a, net->layer[i].name, e);

		if (!name)
			return -1;
		if (!get_adapter(c, &net->layer[i], &c->v[c->n], e))
			continue;
		c->v[c->n++].name = name;
	}
	if (!c->n)
		return fl_fail(e, FL_EDATA, "the model has no layer with lora_A and lora_B; rule %s "
		               "combines these", c->rule);
	return 0;
}

static int get_shares(struct fl_adapters *c, int uniform, struct fl_err *e)
{
	double all = 0;

	if (!(c->share = fl_arena_get(&c->a, c->r->K, sizeof *c->share, e)))
		return -1;
	for (size_t k = 0; k < c->r->K; k++)
		all += c->share[k] = uniform ? 1 : (double)c->r->u[k].examples;
	for (size_t k = 0; k < c->r->K; k++)
		c->share[k] /= all;
	return 0;
}

int fl_adapters_find(struct fl_adapters *c, const struct fl_round *r, struct fl_tset *out,
                     const char *rule, int uniform, struct fl_err *e)
{
	struct fl_net net = { .layer = NULL };
	int rc;

	*c = (struct fl_adapters){ .r = r, .out = out, .rule = rule };
	rc = get_shares(c, uniform, e) || fl_model_of(&net, r->model[0], e) || find_all(c, &net, e);
	fl_net_release(&net);
	return rc ? -1 : 0;
}

void fl_adapters_release(struct fl_adapters *c)
{
	fl_arena_release(&c->a);
}

const float *fl_adapters_update(const struct fl_adapters *c, const struct fl_tensor *t, size_t k,
                                struct fl_err *e)
{
	const struct fl_tensor *u = fl_tset_find(c->r->update[k], t->name);

	if (u)
		return u->data;
	fl_fail(e, FL_EDATA, "client %lld: tensor '%s' is missing; rule %s wants the same tensors "
	        "from every client", (long long)c->r->u[k].client, t->name, c->rule);
	return NULL;
}

float *fl_adapters_result(struct fl_adapters *c, const struct fl_tensor *t, struct fl_err *e)
{
	struct fl_tensor *out = fl_tset_add(c->out, t->name, FL_F32, t->ndim, t->dim, NULL, e);

	return out ? out->data : NULL;
}

float *fl_adapters_mean(struct fl_adapters *c, const struct fl_tensor *t, const double *share,
                        struct fl_err *e)
{
	double *sum = fl_arena_zero(&c->a, t->n, sizeof *sum, e);
	float *v = sum ? fl_adapters_result(c, t, e) : NULL;

	for (size_t k = 0; v && k < c->r->K; k++) {
		const float *u = fl_adapters_update(c, t, k, e);

		if (!u)
			return NULL;
		for (size_t i = 0; i < t->n; i++)
			sum[i] += share[k] * (double)u[i];
	}
	for (size_t i = 0; v && i < t->n; i++)
		v[i] = (float)sum[i];
	return v;
}

int fl_adapters_rest(struct fl_adapters *c, struct fl_err *e)
{
	const struct fl_tset *first = c->r->update[0];

	for (size_t i = 0; i < first->nt; i++)
		if (!fl_tensor_is_extra(&first->t[i]) && !fl_tset_find(c->out, first->t[i].name) &&
		    !fl_adapters_mean(c, &first->t[i], c->share, e))
			return -1;
	return 0;
}

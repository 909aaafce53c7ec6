/* The training loop, with methods of the test's own: hooks, roles, phases. */
#include "fed/client/client.h"
#include "model/model.h"
#include "tap.h"

enum { N = 10, D = 6, C = 3 };

static struct fl_net net;
static struct fl_tset model;
static struct fl_data data;
static struct fl_arena arena;

static void make_model(void)
{
	struct fl_err e = { 0 };
	fl_real *w;

	ok(!fl_model_net(&net, "mlp:in=6,hidden=4,out=3", 0, &e), "a net: %s", e.msg);
	w = fl_alloc(net.P, sizeof *w, &e);
	fl_net_init(&net, 1, w);
	ok(!fl_net_export(&net, w, "", &model, &e), "its weights");
	free(w);
}

static void make_data(void)
{
	size_t xdim[2] = { N, D }, ydim = N;
	struct fl_tset rec = { .t = NULL };
	struct fl_err e = { 0 };
	float *x = fl_tset_add(&rec, "x", FL_F32, 2, xdim, NULL, &e)->data;
	int64_t *y = fl_tset_add(&rec, "y", FL_I64, 1, &ydim, NULL, &e)->data;

	for (size_t i = 0; i < N * D; i++)
		x[i] = (float)(i * 7 % 13) / 6 - 1;
	for (size_t i = 0; i < N; i++)
		y[i] = (int64_t)(i % C);
	fl_meta_set_kind(&rec, FL_KIND_DATA, &e);
	fl_meta_set(&rec, "fl.client", "3", &e);
	ok(!fl_data_take(&data, &rec, NULL, "data", &e), "data: %s", e.msg);
}

static struct fl_train plan(const struct fl_method *m)
{
	struct fl_train t = { .epochs = 3, .steps = FL_UNSET, .batch = 4, .shuffle = 1, .round = 1 };
	struct fl_err e = { 0 };

	fl_spec_parse(&fl_family_opt, "sgd:lr=0.1,momentum=0.9", &arena, &t.opt, &e);
	t.method.entry = &m->e;
	return t;
}

/* Trains once; what the record would hold is left in *update. */
static int train(const struct fl_method *m, const struct fl_tset *old, struct fl_tset *state,
                 struct fl_tset *update, struct fl_err *e)
{
	struct fl_train t = plan(m);
	struct fl_room room;
	int rc;

	*update = (struct fl_tset){ .t = NULL };
	if (fl_room_init(&room, &net, e) || fl_room_model(&room, &model, "00000000", e))
		return -1;
	rc = fl_local_train(&t, &room, &data, old, state, update, e);
	fl_room_release(&room);
	return rc;
}

static int same(const struct fl_tset *a, const struct fl_tset *b)
{
	int equal = a->nt == b->nt;

	for (size_t i = 0; equal && i < a->nt; i++) {
		const struct fl_tensor *t = fl_tset_find(b, a->t[i].name);

		equal = t && t->bytes == a->t[i].bytes && !memcmp(t->data, a->t[i].data, t->bytes);
	}
	return equal;
}

/* Update of a method without state. */
static void plain(const struct fl_method *m, struct fl_tset *update)
{
	struct fl_tset none = { .t = NULL };
	struct fl_err e = { 0 };

	ok(!train(m, &none, &none, update, &e), "%s trains%s", m->e.name, e.msg);
}

static void shrink(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	(void)l;
	for (size_t i = 0; i < end - begin; i++)
		g[i] = 0.5f * g[i] + 0.25f * w[i];
}

static void test_whole_gradient(void)
{
	static const struct fl_method fused = { .e = { .name = "fused" }, .grad = shrink };
	static const struct fl_method whole = { .e = { .name = "whole" }, .flags = FL_METHOD_WHOLE,
	                                        .grad = shrink };
	static const struct fl_method none = { .e = { .name = "none" } };
	struct fl_tset a, b, c;

	plain(&fused, &a);
	plain(&whole, &b);
	plain(&none, &c);
	ok(same(&a, &b), "an elementwise hook gives the same bytes in one pass and in two");
	ok(!same(&a, &c), "and it does something");
	fl_tset_release(&a);
	fl_tset_release(&b);
	fl_tset_release(&c);
}

/* Infinite in the third batch of each epoch, alone or for all that see the gradient. */
static void burst(struct fl_local *l, size_t begin, size_t end, const fl_real *w, fl_real *g)
{
	(void)w;
	if (l->loop->idx == NULL && l->loop->i0 == 8 && begin <= net.param[0].off && net.param[0].off < end)
		g[net.param[0].off] = INFINITY;
}

static void test_bad_gradient(void)
{
	static const struct fl_method fused = { .e = { .name = "fused" }, .grad = burst };
	static const struct fl_method whole = { .e = { .name = "whole" }, .flags = FL_METHOD_WHOLE,
	                                        .grad = burst };
	const struct fl_method *m[] = { &fused, &whole };

	for (size_t i = 0; i < 2; i++) {
		struct fl_train t = plan(m[i]);
		struct fl_tset none = { .t = NULL }, update = { .t = NULL };
		struct fl_err e = { 0 };
		struct fl_room room;

		t.shuffle = 0;
		if (fl_room_init(&room, &net, &e) || fl_room_model(&room, &model, "00000000", &e))
			return;
		ok(fl_local_train(&t, &room, &data, &none, &none, &update, &e) && e.code == FL_ENUM,
		   "an infinite gradient is an error of numbers");
		is_str(e.msg, "client 3: epoch 1, step 3: gradient of tensor '0.weight' is not finite",
		       "of the step where it was");
		is_int((int)update.nt, 0, "and no update");
		fl_room_release(&room);
	}
}

static void raise(struct fl_local *l, fl_real *z, const int32_t *y, size_t B, size_t classes)
{
	(void)l;
	(void)y;
	for (size_t i = 0; i < B * classes; i++)
		z[i] += 3;
}

static double extra(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                    size_t classes)
{
	(void)l;
	(void)z;
	(void)y;
	for (size_t i = 0; i < B * classes; i++)
		dz[i] += 0.125f;
	return NAN;
}

static void test_loss_hooks(void)
{
	static const struct fl_method shift = { .e = { .name = "shift" }, .logits = raise };
	static const struct fl_method none = { .e = { .name = "none" } };
	static const struct fl_method bad = { .e = { .name = "bad" }, .loss = extra };
	struct fl_tset a, b, c, empty = { .t = NULL };
	struct fl_err e = { 0 };
	float far = 0;

	plain(&shift, &a);
	plain(&none, &b);
	for (size_t i = 0; i < a.nt; i++) {
		const float *x = a.t[i].data, *y = b.t[i].data;

		for (size_t j = 0; j < a.t[i].n; j++)
			far = fmaxf(far, fabsf(x[j] - y[j]));
	}
	ok(far < 1e-5f, "a constant on all logits changes nothing: %g", (double)far);
	is_int(train(&bad, &empty, &empty, &c, &e), -1, "a method's loss counts");
	is_int(e.code, FL_ENUM, "as a number that is not finite");
	is_str(e.msg, "client 3: epoch 1, step 1: loss is not finite", "where it happened");
	fl_tset_release(&a);
	fl_tset_release(&b);
	fl_tset_release(&c);
}

static enum fl_role role(const void *p, const char *tensor)
{
	(void)p;
	return !strcmp(tensor, "0.bias") ? FL_ROLE_FROZEN :
	       !strncmp(tensor, "2.", 2) ? FL_ROLE_PRIVATE : FL_ROLE_SHARED;
}

static const struct fl_method roles = { .e = { .name = "roles" }, .role = role };

static void test_roles(void)
{
	struct fl_tset first, again, state = { .t = NULL }, next = { .t = NULL };
	struct fl_tset none = { .t = NULL };
	struct fl_err e = { 0 };

	ok(!train(&roles, &none, &state, &first, &e), "roles train: %s", e.msg);
	is_int((long long)first.nt, 1, "an update has the shared tensor only");
	ok(fl_tset_find(&first, "0.weight") != NULL, "which is the first layer's weight");
	is_int((long long)state.nt, 2, "the state has the private ones");
	ok(fl_tset_find(&state, "@private/2.weight") && fl_tset_find(&state, "@private/2.bias"),
	   "under their names");
	ok(!train(&roles, &state, &next, &again, &e), "the next round: %s", e.msg);
	ok(!same(&first, &again) && !same(&state, &next), "begins where the private ones were");
	fl_tset_release(&first);
	fl_tset_release(&again);
	fl_tset_release(&state);
	fl_tset_release(&next);
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	(void)e;
	ok(l->facts.loss0 > 0 && l->facts.gradnorm > 0, "what a method needs is measured before it begins");
	return 0;
}

static void test_needs(void)
{
	static const struct fl_method m = { .e = { .name = "needs" }, .begin = begin,
	                                    .needs = FL_NEED_LOSS0 | FL_NEED_GRADNORM };
	static const struct fl_method none = { .e = { .name = "none" } };
	struct fl_tset a, b;

	plain(&m, &a);
	plain(&none, &b);
	ok(same(&a, &b), "measuring does not change training");
	fl_tset_release(&a);
	fl_tset_release(&b);
}

static int epochs;

static int count(struct fl_local *l, int64_t epoch, struct fl_err *e)
{
	double loss;

	ok(epoch == epochs++, "epoch %lld is done", (long long)epoch);
	return fl_local_measure(l, l->w, 0, &loss, NULL, e);
}

static int phases(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase a = fl_local_phase(l), b = a;
	fl_real *v = fl_local_vec(l, e);

	memcpy(v, l->w0, net.P * sizeof *v);
	a.epoch_done = count;
	b.w = v;
	b.id = 1;
	if (fl_local_run(l, &a, e) || fl_local_run(l, &b, e))
		return -1;
	is_int(a.taken, 9, "three epochs of three steps");
	ok(memcmp(v, l->w, net.P * sizeof *v) != 0, "phases shuffle differently");
	b.id = 0;
	memcpy(v, l->w0, net.P * sizeof *v);
	if (fl_local_run(l, &b, e))
		return -1;
	ok(!memcmp(v, l->w, net.P * sizeof *v), "the same phase again gives the same bytes");
	l->steps = a.taken;
	return 0;
}

static void test_phases(void)
{
	static const struct fl_method m = { .e = { .name = "phases" }, .train = phases };
	static const struct fl_method none = { .e = { .name = "none" } };
	struct fl_tset a, b;

	plain(&m, &a);
	plain(&none, &b);
	is_int(epochs, 3, "epoch_done after each epoch");
	ok(same(&a, &b), "the first phase is the training of a method without train()");
	fl_tset_release(&a);
	fl_tset_release(&b);
}

int main(void)
{
	make_model();
	make_data();
	test_whole_gradient();
	test_bad_gradient();
	test_loss_hooks();
	test_roles();
	test_needs();
	test_phases();
	fl_data_release(&data);
	fl_net_release(&net);
	fl_tset_release(&model);
	fl_arena_release(&arena);
	return tap_done();
}

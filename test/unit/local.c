/* The training loop, with methods of the test's own: hooks, roles, phases. */
#include "fed/client/measure.h"
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

static struct fl_spec spec;

static struct fl_train plan(const struct fl_method *m)
{
	struct fl_train t = { .epochs = 3, .steps = FL_UNSET, .batch = 4, .shuffle = 1, .round = 1 };
	struct fl_err e = { 0 };

	fl_spec_parse(&fl_family_opt, "sgd:lr=0.1,momentum=0.9", &arena, &t.opt, &e);
	spec = (struct fl_spec){ .entry = &m->e };
	t.method = &spec;
	t.nmethod = 1;
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
	static const struct fl_method fused = { .e = { .name = "fused" }, .on.grad = shrink };
	static const struct fl_method whole = { .e = { .name = "whole" }, .flags = FL_METHOD_WHOLE,
	                                        .on.grad = shrink };
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
	static const struct fl_method fused = { .e = { .name = "fused" }, .on.grad = burst };
	static const struct fl_method whole = { .e = { .name = "whole" }, .flags = FL_METHOD_WHOLE,
	                                        .on.grad = burst };
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
	static const struct fl_method shift = { .e = { .name = "shift" }, .on.logits = raise };
	static const struct fl_method none = { .e = { .name = "none" } };
	static const struct fl_method bad = { .e = { .name = "bad" }, .on.loss = extra };
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

/* Trains with several methods. */
static int train_many(const struct fl_method *const *m, size_t n, struct fl_tset *update,
                      struct fl_err *e)
{
	struct fl_spec many[4] = { { .entry = NULL } };
	struct fl_tset none = { .t = NULL };
	struct fl_train t = plan(m[0]);
	struct fl_room room;
	int rc;

	*update = (struct fl_tset){ .t = NULL };
	for (size_t i = 0; i < n; i++)
		many[i].entry = &m[i]->e;
	t.method = many;
	t.nmethod = n;
	if (fl_methods_sort(many, n, e) || fl_room_init(&room, &net, e) ||
	    fl_room_model(&room, &model, "00000000", e))
		return -1;
	rc = fl_local_train(&t, &room, &data, &none, &none, update, e);
	fl_room_release(&room);
	return rc;
}

static int begin_one(struct fl_local *l, struct fl_err *e)
{
	l->priv = fl_arena_zero(l->arena, 1, sizeof(int), e);
	return 0;
}

static void pull_back(struct fl_local *l, size_t a, size_t b, const fl_real *w, fl_real *g)
{
	*(int *)l->priv += 1;
	for (size_t i = 0; i < b - a; i++)
		g[i] += 0.5f * w[i];
}

static void halve(struct fl_local *l, size_t a, size_t b, const fl_real *w, fl_real *g)
{
	(void)l;
	(void)w;
	for (size_t i = 0; i < b - a; i++)
		g[i] *= 0.5f;
}

static double push(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                   size_t classes)
{
	(void)z;
	(void)classes;
	if (l->priv)
		return NAN;	/* the other method's */
	for (size_t b = 0; b < B; b++)
		dz[b * classes + (size_t)y[b]] += 0.0625f;
	return 0;
}

static int end_one(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	(void)e;
	ok(*(int *)l->priv > 0, "a method ends with what it began");
	return 0;
}

static void test_many(void)
{
	static const struct fl_method both = { .e = { .name = "both" }, .on.grad = shrink,
	                                       .on.loss = push };
	static const struct fl_method a = { .e = { .name = "a" }, .begin = begin_one,
	                                    .on.grad = pull_back, .end = end_one };
	static const struct fl_method b = { .e = { .name = "b" }, .on.loss = push, .on.mix = halve };
	static const struct fl_method c = { .e = { .name = "c" }, .on.mix = shrink };
	struct fl_tset one, two, three;
	struct fl_err e = { 0 };

	plain(&both, &one);
	ok(!train_many((const struct fl_method *[]){ &a, &b }, 2, &two, &e), "two methods: %s", e.msg);
	ok(!train_many((const struct fl_method *[]){ &b, &a }, 2, &three, &e), "in any order");
	ok(same(&one, &two) && same(&one, &three),
	   "do what one does that has the hooks of both: what adds before what mixes");
	fl_tset_release(&three);
	ok(train_many((const struct fl_method *[]){ &b, &c }, 2, &three, &e) && e.code == FL_EUSAGE,
	   "those that mix clash");
	is_str(e.msg, "methods b and c clash: each has a hook mix of its own", "by name");
	fl_tset_release(&one);
	fl_tset_release(&two);
}

/* --- phases with examples, order and nets of their own --- */

/* x and y of this test's data from example i0 on, x times scale, in reverse where asked. */
static struct fl_data part(size_t i0, size_t n, float scale, int reverse)
{
	size_t xdim[2] = { n, D };
	struct fl_tset rec = { .t = NULL };
	struct fl_err e = { 0 };
	struct fl_data d;
	float *x = fl_tset_add(&rec, "x", FL_F32, 2, xdim, NULL, &e)->data;
	int64_t *y = fl_tset_add(&rec, "y", FL_I64, 1, &n, NULL, &e)->data;

	for (size_t i = 0; i < n; i++) {
		size_t from = i0 + (reverse ? n - 1 - i : i);

		for (size_t j = 0; j < D; j++)
			x[i * D + j] = scale * ((const float *)data.x->data)[from * D + j];
		y[i] = data.y[from];
	}
	fl_meta_set_kind(&rec, FL_KIND_DATA, &e);
	fl_meta_set(&rec, "fl.client", "3", &e);
	fl_meta_set(&rec, "fl.classes", "3", &e);
	ok(!fl_data_take(&d, &rec, NULL, "part", &e), "part of the data%s", e.msg);
	return d;
}

static int whole_batch;	/* one step an epoch, and losses measured */

extern const struct fl_measure fl_measure_loss;

/* Update of a method in stored order, on d. */
static void in_order(const struct fl_method *m, const struct fl_data *d, struct fl_tset *update)
{
	const struct fl_spec after = { .entry = &fl_measure_loss.e };
	struct fl_tset none = { .t = NULL };
	struct fl_train t = plan(m);
	struct fl_err e = { 0 };
	struct fl_room room;

	*update = (struct fl_tset){ .t = NULL };
	t.shuffle = 0;
	if (whole_batch) {
		t.batch = N;
		t.measure = &after;
		t.nmeasure = 1;
	}
	if (!fl_room_init(&room, &net, &e) && !fl_room_model(&room, &model, "00000000", &e))
		ok(!fl_local_train(&t, &room, d, &none, &none, update, &e), "%s trains%s", m->e.name, e.msg);
	fl_room_release(&room);
}

static size_t last_six(struct fl_local *l, int64_t epoch, uint32_t *v, size_t n)
{
	size_t kept = 0;

	(void)l;
	(void)epoch;
	for (size_t i = 0; i < n; i++)
		if (v[i] >= 4)
			v[kept++] = v[i];
	return kept;
}

static size_t nothing(struct fl_local *l, int64_t epoch, uint32_t *v, size_t n)
{
	(void)l;
	(void)epoch;
	(void)v;
	(void)n;
	return 0;
}

static void twice(struct fl_local *l, fl_real *x, int32_t *y, size_t B, size_t d)
{
	(void)l;
	(void)y;
	for (size_t i = 0; i < B * d; i++)
		x[i] *= 2;
}

static const struct fl_data *other;

static int elsewhere(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);

	ph.data = other;
	return fl_local_run(l, &ph, e);
}

static void test_examples(void)
{
	static const struct fl_method none = { .e = { .name = "none" } };
	static const struct fl_method six = { .e = { .name = "six" }, .on.order = last_six };
	static const struct fl_method zero = { .e = { .name = "zero" }, .on.order = nothing };
	static const struct fl_method twofold = { .e = { .name = "twofold" }, .on.input = twice };
	static const struct fl_method away = { .e = { .name = "away" }, .train = elsewhere };
	struct fl_data rest = part(4, 6, 1, 0), large = part(0, N, 2, 0);
	struct fl_tset want, got;

	other = &rest;
	in_order(&none, &rest, &want);
	in_order(&six, &data, &got);
	ok(same(&want, &got), "an order that leaves out examples is training without them");
	fl_tset_release(&got);
	in_order(&away, &data, &got);
	ok(same(&want, &got), "a phase on other examples is training on them");
	fl_tset_release(&want);
	fl_tset_release(&got);
	in_order(&none, &large, &want);
	in_order(&twofold, &data, &got);
	ok(same(&want, &got), "inputs may be changed after they are loaded");
	fl_tset_release(&got);
	in_order(&zero, &data, &got);
	is_str(fl_meta_get(&got, "fl.steps"), "0", "an order without examples ends training");
	fl_tset_release(&want);
	fl_tset_release(&got);
	fl_data_release(&rest);
	fl_data_release(&large);
}

/* --- examples without a label --- */

static double sum_y(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                    size_t classes)
{
	size_t *last = l->priv;
	int gone = 0;

	(void)z;
	(void)dz;
	(void)classes;
	for (size_t b = 0; b < B; b++) {
		gone += y[b] < 0;
		if (gone && y[b] >= 0)
			return NAN;	/* those without come last */
	}
	*last += (size_t)gone;
	return 0;
}

static int begin_sum(struct fl_local *l, struct fl_err *e)
{
	return (l->priv = fl_arena_zero(l->arena, 1, sizeof(size_t), e)) ? 0 : -1;
}

static int end_sum(struct fl_local *l, struct fl_tset *update, struct fl_err *e)
{
	(void)update;
	(void)e;
	is_int((long long)*(size_t *)l->priv, 12, "hooks see the four without a label in each epoch");
	return 0;
}

/* Refused, for a method without state. */
static void refused_labels(const struct fl_method *m, const struct fl_data *d, const char *why)
{
	struct fl_tset none = { .t = NULL }, update = { .t = NULL };
	struct fl_train t = plan(m);
	struct fl_err e = { 0 };
	struct fl_room room;

	if (!fl_room_init(&room, &net, &e) && !fl_room_model(&room, &model, "00000000", &e))
		ok(fl_local_train(&t, &room, d, &none, &none, &update, &e) && e.code == FL_EDATA,
		   "%s refuses", m->e.name);
	is_str(e.msg, why, "the first row without a label");
	fl_room_release(&room);
}

static void test_unlabelled(void)
{
	static const struct fl_method plain_one = { .e = { .name = "plain" } };
	static const struct fl_method takes = { .e = { .name = "takes" }, .flags = FL_METHOD_UNLABELLED };
	static const struct fl_method sees = { .e = { .name = "sees" }, .flags = FL_METHOD_UNLABELLED,
	                                       .begin = begin_sum, .on.loss = sum_y, .end = end_sum };
	static const struct fl_method looks = { .e = { .name = "looks" },
	                                        .flags = FL_METHOD_UNLABELLED | FL_METHOD_LABELS };
	struct fl_data some = part(0, N, 1, 0), known = part(4, 6, 1, 0);
	struct fl_tset want, got;

	for (size_t i = 0; i < 4; i++)
		some.y[i] = -1;
	some.unlabelled = 4;
	whole_batch = 1;
	in_order(&plain_one, &known, &want);
	in_order(&takes, &some, &got);
	ok(same(&want, &got), "the task's loss is the mean over examples with a label");
	is_str(fl_meta_get(&got, "fl.loss"), fl_meta_get(&want, "fl.loss"), "and so are measurements");
	whole_batch = 0;
	fl_tset_release(&want);
	fl_tset_release(&got);
	in_order(&sees, &some, &got);
	fl_tset_release(&got);
	refused_labels(&plain_one, &some, "client 3: part: row 0 is not labelled (y is -1); of 10 rows 4 are "
	               "not, and a label is wanted here");
	refused_labels(&looks, &some, "client 3: method looks: part: row 0 is not labelled (y is -1); of 10 "
	               "rows 4 are not, and a label is wanted here");
	for (size_t i = 0; i < N; i++)
		some.y[i] = -1;
	some.unlabelled = N;
	in_order(&takes, &some, &got);
	is_int((long long)strspn(fl_meta_get(&got, "fl.steps"), "9"), 1, "without any label nothing is learnt");
	for (size_t i = 0; i < got.nt; i++)
		for (size_t j = 0; j < got.t[i].n; j++)
			if (fabsf(((const float *)got.t[i].data)[j]) > 0)
				ok(0, "%s moved", got.t[i].name);
	fl_tset_release(&got);
	fl_data_release(&some);
	fl_data_release(&known);
}

/* A second net beside the first: two layers more than it. */
struct second {
	struct fl_net net;
	struct fl_room room;
	struct fl_phase ph;
	double apart;			/* between the logits of the two */
};

static int released;

static int begin_second(struct fl_local *l, struct fl_err *e)
{
	struct second *s = fl_arena_zero(l->arena, 1, sizeof *s, e);

	l->priv = s;
	if (fl_model_net(&s->net, "mlp:in=6,hidden=5+4,out=3", 0, e) || fl_room_init(&s->room, &s->net, e))
		return -1;
	fl_net_init(&s->net, 7, s->room.w);
	return 0;
}

static double apart(struct fl_local *l, const fl_real *z, const int32_t *y, fl_real *dz, size_t B,
                    size_t classes)
{
	struct second *s = l->priv;
	const fl_real *zs = fl_phase_logits(&s->ph);

	(void)y;
	(void)dz;
	for (size_t i = 0; i < B * classes; i++)
		s->apart += fabs((double)z[i] - (double)zs[i]);
	return 0;
}

static int train_second(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l), alone;
	struct second *s = l->priv;
	fl_real *beside = fl_arena_get(l->arena, s->net.P, sizeof *beside, e);

	s->ph = ph;
	s->ph.room = &s->room;
	s->ph.w = s->room.w;
	s->ph.on = (struct fl_hooks){ .order = NULL };
	s->ph.id = 1;
	ph.beside = &s->ph;
	if (fl_local_run(l, &ph, e))
		return -1;
	is_int(s->ph.taken, ph.taken, "a step beside every step");
	ok(s->apart > 0, "with the logits of both in sight");
	memcpy(beside, s->room.w, s->net.P * sizeof *beside);
	fl_net_init(&s->net, 7, s->room.w);
	alone = s->ph;
	if (fl_local_run(l, &alone, e))
		return -1;
	ok(!memcmp(beside, s->room.w, s->net.P * sizeof *beside), "and so it goes where it goes alone");
	ok(fabs(alone.loss - s->ph.loss) <= 0, "with that loss");
	l->steps = ph.taken;
	return 0;
}

static void release_second(struct fl_local *l)
{
	struct second *s = l->priv;

	released++;
	fl_room_release(&s->room);
	fl_net_release(&s->net);
}

static int explode(struct fl_local *l, struct fl_err *e)
{
	struct fl_phase ph = fl_local_phase(l);
	struct second *s = l->priv;

	s->ph = ph;
	s->ph.room = &s->room;
	s->ph.w = s->room.w;
	s->ph.on = (struct fl_hooks){ .loss = extra };
	s->ph.id = 1;
	ph.beside = &s->ph;
	return fl_local_run(l, &ph, e);
}

static void test_second(void)
{
	static const struct fl_method none = { .e = { .name = "none" } };
	static const struct fl_method two = {
		.e = { .name = "two" }, .begin = begin_second, .on.loss = apart, .train = train_second,
		.release = release_second,
	};
	static const struct fl_method bad = {
		.e = { .name = "bad" }, .begin = begin_second, .on.loss = apart, .train = explode,
		.release = release_second,
	};
	struct fl_tset want, got, empty = { .t = NULL };
	struct fl_err e = { 0 };

	in_order(&none, &data, &want);
	in_order(&two, &data, &got);
	ok(same(&want, &got), "what goes on beside does not change the first net's training");
	is_int(released, 1, "what a method holds is released");
	fl_tset_release(&want);
	fl_tset_release(&got);
	ok(train(&bad, &empty, &empty, &got, &e) && e.code == FL_ENUM, "an error beside ends training");
	is_str(e.msg, "client 3: phase 2, epoch 1, step 1: loss is not finite", "as one of that phase");
	is_int(released, 3, "where it fails, too: twice, as training is done again to find the step");
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
	test_many();
	test_examples();
	test_unlabelled();
	test_second();
	fl_data_release(&data);
	fl_net_release(&net);
	fl_tset_release(&model);
	fl_arena_release(&arena);
	return tap_done();
}

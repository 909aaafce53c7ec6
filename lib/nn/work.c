/* One step of a net: forward, loss, backward, over buffers got once.
 *
 * A view shares its input's buffer; so does an elementwise layer, unless that
 * buffer is the input, the features, or the output of an elementwise layer,
 * whose backward reads it. Gradients are always taken in place there. What lies
 * between the layers of a fused step has no buffers. */
#include <stdint.h>
#include <string.h>

#include "base/num.h"
#include "nn/net.h"
#include "nn/taps.h"

static fl_real *buffer(struct fl_work *k, size_t B, size_t n, struct fl_err *e)
{
	if (fl_mul(B, n, &n)) {
		fl_fail_mem(e, SIZE_MAX);
		return NULL;
	}
	return fl_arena_get(&k->arena, n, sizeof(fl_real), e);
}

/* Whether another layer, and not as a view, reads the buffer that layer i reads:
 * a block's lists begin at one activation. */
static int read_twice(const struct fl_net *net, const struct fl_work *k, size_t i)
{
	const fl_real *x = k->act[net->layer[i].from];

	for (size_t j = 0; j < net->nlayer; j++) {
		const struct fl_layer *l = &net->layer[j];

		if (j == i || (l->entry->view && j < i))	/* views before are how i reads it */
			continue;
		if ((l->from <= i && k->act[l->from] == x) ||
		    (l->entry->block && l->skip <= i && k->act[l->skip] == x))
			return 1;
	}
	return net->layer[i].entry->block && k->act[net->layer[i].skip] == x;
}

/* Whether features or a tap are what layer i reads, as it is or in another shape. */
static int looked_at(const struct fl_net *net, const struct fl_work *k, size_t i)
{
	const fl_real *x = k->act[net->layer[i].from];
	size_t at = fl_net_feature_at(net);

	if (at <= i && k->act[at] == x)
		return 1;
	for (size_t t = 0; t < net->ntap; t++)
		for (size_t j = 0; j < net->tap[t].nof; j++)
			if ((at = net->tap[t].of[j]) <= i && k->act[at] == x)
				return 1;
	return 0;
}

/* Whether layer i may write over its input. */
static int in_place(const struct fl_net *net, const struct fl_work *k, size_t i)
{
	size_t j = net->layer[i].from;

	if (net->layer[i].entry->view)
		return 1;
	if (!net->layer[i].entry->elementwise)
		return 0;
	if (looked_at(net, k, i))
		return 0;
	while (j && net->layer[j - 1].entry->view)
		j = net->layer[j - 1].from;
	return j && !net->layer[j - 1].entry->elementwise && !read_twice(net, k, i);
}

static const struct fl_layer *first_layer(const struct fl_net *net, const struct fl_net_step *s)
{
	return &net->layer[s->layer];
}

static size_t output_size(const struct fl_net *net, const struct fl_net_step *s)
{
	return fl_shape_count(&net->layer[s->to - 1].out);
}

static int get_activations(struct fl_work *k, const struct fl_net *net, struct fl_err *e)
{
	if (!(k->act[0] = buffer(k, k->B, fl_shape_count(&net->in), e)))
		return -1;
	for (size_t i = 0; i < net->nstep; i++) {
		const struct fl_net_step *s = &net->step[i];

		k->act[s->to] = !s->fused && in_place(net, k, s->layer) ? k->act[s->from] :
		                buffer(k, k->B, output_size(net, s), e);
		if (!k->act[s->to])
			return -1;
	}
	return 0;
}

/* Where no backward pass reads them, steps share one. */
static int get_caches(struct fl_work *k, const struct fl_net *net, enum fl_work_use use,
                      struct fl_err *e)
{
	size_t most = 0;
	fl_real *shared = NULL;

	for (size_t i = 0; i < net->nstep; i++)
		if (net->step[i].cache > most)
			most = net->step[i].cache;
	if (use == FL_WORK_FORWARD && most && !(shared = buffer(k, k->B, most, e)))
		return -1;
	for (size_t i = 0; i < net->nstep; i++) {
		size_t n = net->step[i].cache;

		if (n && !(k->cache[i] = shared ? shared : buffer(k, k->B, n, e)))
			return -1;
	}
	return 0;
}

/* The gradient of activation at, which has readers: the last of them, whose backward
 * pass comes first, writes it, and the others' share d is added. */
static void claim(struct fl_work *k, size_t at, fl_real *d)
{
	if (!k->dact[at])
		k->dact[at] = d;
}

/* Whether a gradient of activation at is wanted: the input's, or past the first layer
 * with parameters. */
static int wanted(const struct fl_net *net, int input, size_t at)
{
	return input || at > net->first;
}

/* Whether the gradient of a step's input stands where that of its output does. */
static int shares_gradient(const struct fl_net *net, const struct fl_net_step *s)
{
	const struct fl_layer_entry *en = first_layer(net, s)->entry;

	return !s->fused && (en->view || en->elementwise);
}

static int get_step_gradients(struct fl_work *k, const struct fl_net *net, int input, size_t i,
                              struct fl_err *e)
{
	const struct fl_net_step *s = &net->step[i];
	const struct fl_layer *l = first_layer(net, s);

	if (!k->dact[s->to] &&	/* taps alone read it */
	    !(k->dact[s->to] = buffer(k, k->B, output_size(net, s), e)))
		return -1;
	if (wanted(net, input, s->from)) {
		k->dx[i] = shares_gradient(net, s) ? k->dact[s->to] :
		           buffer(k, k->B, fl_shape_count(&l->in), e);
		if (!k->dx[i])
			return -1;
		claim(k, s->from, k->dx[i]);
	}
	if (l->entry->block && wanted(net, input, s->skip)) {
		if (!(k->dx2[i] = buffer(k, k->B, fl_shape_count(&l->in2), e)))
			return -1;
		claim(k, s->skip, k->dx2[i]);
	}
	return 0;
}

static int get_gradients(struct fl_work *k, const struct fl_net *net, int input, struct fl_err *e)
{
	if (input && !(k->input = buffer(k, k->B, fl_shape_count(&net->in), e)))
		return -1;
	if (!(k->dact[net->nlayer] = buffer(k, k->B, net->classes, e)))
		return -1;
	for (size_t i = net->nstep; i-- > 0 && wanted(net, input, net->step[i].to);)
		if (get_step_gradients(k, net, input, i, e))
			return -1;
	return 0;
}

static size_t loss_scratch(const struct fl_spec *loss, size_t B, size_t C)
{
	const struct fl_loss_entry *entry = (const struct fl_loss_entry *)loss->entry;

	return entry ? fl_loss_scratch(entry, loss->p, B, C) : 0;
}

static size_t step_scratch(const struct fl_net *net, const struct fl_net_step *s,
                           const struct fl_pass *a)
{
	const struct fl_layer *l = first_layer(net, s);

	if (s->fused && s->fused->scratch)
		return s->fused->scratch(l, a);
	return l->entry->scratch ? l->entry->scratch(l, a) : 0;
}

static int get_scratch(struct fl_work *k, const struct fl_net *net, struct fl_err *e)
{
	struct fl_pass a = { .B = k->B, .threads = net->threads, .precision = net->precision };
	size_t most = 0;

	for (size_t i = 0; i < net->nstep; i++) {
		size_t n = step_scratch(net, &net->step[i], &a);

		if (n > most)
			most = n;
	}
	if (!(k->scratch = buffer(k, 1, most, e)) ||
	    (net->targets && !(k->target = buffer(k, k->B, net->targets, e))))
		return -1;
	most = loss_scratch(&net->loss, k->B, net->classes);
	for (size_t i = 0; i < net->ntap; i++) {
		size_t n = loss_scratch(&net->tap[i].loss, k->B, net->tap[i].C);

		most = n > most ? n : most;
	}
	return (k->loss_scratch = buffer(k, 1, most, e)) ? 0 : -1;
}

int fl_work_init(struct fl_work *k, const struct fl_net *net, size_t B, enum fl_work_use use,
                 struct fl_err *e)
{
	size_t n = net->nlayer + 1, m = net->nstep;

	*k = (struct fl_work){ .B = B };
	if (!(k->act = fl_arena_zero(&k->arena, n, sizeof *k->act, e)) ||
	    !(k->dact = fl_arena_zero(&k->arena, n, sizeof *k->dact, e)) ||
	    !(k->dx = fl_arena_zero(&k->arena, m, sizeof *k->dx, e)) ||
	    !(k->dx2 = fl_arena_zero(&k->arena, m, sizeof *k->dx2, e)) ||
	    !(k->cache = fl_arena_zero(&k->arena, m, sizeof *k->cache, e)) ||
	    get_activations(k, net, e) || get_caches(k, net, use, e) ||
	    (use != FL_WORK_FORWARD && get_gradients(k, net, use == FL_WORK_INPUT, e)) ||
	    get_scratch(k, net, e) || fl_taps_init(k, net, use != FL_WORK_FORWARD, e)) {
		fl_work_release(k);
		return fl_fail_in(e, "buffers for batches of %zu", B);
	}
	return 0;
}

void fl_work_release(struct fl_work *k)
{
	fl_arena_release(&k->arena);
	*k = (struct fl_work){ .act = NULL };
}

/* What step i reads, forward and backward. */
static struct fl_pass step_pass(const struct fl_net *net, const struct fl_work *k, size_t i,
                                const fl_real *w, size_t B)
{
	const struct fl_net_step *s = &net->step[i];

	return (struct fl_pass){
		.B = B, .threads = net->threads, .precision = net->precision, .x = k->act[s->from],
		.x2 = first_layer(net, s)->entry->block ? k->act[s->skip] : NULL, .y = k->act[s->to],
		.cache = k->cache[i], .w = w, .input = k->act[0], .scratch = k->scratch,
	};
}

void fl_net_forward(const struct fl_net *net, struct fl_work *k, const fl_real *w, size_t B,
                    int train, struct fl_rng *rng)
{
	for (size_t i = 0; i < net->nstep; i++) {
		const struct fl_net_step *s = &net->step[i];
		const struct fl_layer *l = first_layer(net, s);
		struct fl_pass a = step_pass(net, k, i, w, B);

		a.train = train;
		a.rng = rng;
		a.stats = train ? k->stats : NULL;
		if (s->fused)
			s->fused->forward(l, &a);
		else if (!l->entry->view)
			l->entry->forward(l, &a);
	}
	for (size_t i = 0; i < net->ntap; i++)
		k->tap[i].add = 0;
}

struct fl_batch fl_work_batch(const struct fl_net *net, const struct fl_work *k, const int32_t *y,
                              size_t B)
{
	return (struct fl_batch){
		.B = B, .y = y, .t = k->target, .scratch = k->loss_scratch,
		.threads = net->threads < FL_LOSS_THREADS ? net->threads : FL_LOSS_THREADS,
		.precision = net->precision,
	};
}

/* The net's own loss by its weight, before those of taps. */
static double own_loss(const struct fl_net *net, struct fl_work *k, const int32_t *y, size_t B,
                       int grad)
{
	const struct fl_loss_entry *loss = (const struct fl_loss_entry *)net->loss.entry;
	struct fl_batch b = fl_work_batch(net, k, y, B);
	size_t n = B * net->classes;
	double value;

	b.C = net->classes;
	b.z = k->act[net->nlayer];
	b.dz = grad ? k->dact[net->nlayer] : NULL;
	if (!(k->weight > 0)) {
		if (grad)
			memset(b.dz, 0, n * sizeof *b.dz);
		return 0;
	}
	value = loss->loss(net->loss.p, &b);
	if (grad && (k->weight < 1 || k->weight > 1))
		for (size_t i = 0; i < n; i++)
			b.dz[i] *= (fl_real)k->weight;
	return k->weight * value;
}

double fl_net_loss(const struct fl_net *net, struct fl_work *k, const int32_t *y, size_t B,
                   int grad)
{
	double sum = own_loss(net, k, y, B, grad);

	return net->ntap ? sum + fl_taps_loss(net, k, y, B, grad) : sum;
}

/* From a step's offsets to the net's parameters. */
struct stretch {
	const struct fl_net *net;
	size_t param, end;	/* the step's, [param, end) */
	fl_done *done;
	void *ctx;
};

static void tell(void *ctx, size_t off, size_t n, fl_real *g)
{
	const struct stretch *s = ctx;
	size_t j = s->end - 1;

	while (j > s->param && s->net->param[j].off > off)
		j--;
	s->done(s->ctx, j, off, off + n, g);
}

/* Where a fused step leaves it to its two layers, the second one's pass is in place. */
static void step_backward(const struct fl_net *net, const struct fl_net_step *s, struct fl_pass *a,
                          fl_real *dy)
{
	const struct fl_layer *l = first_layer(net, s);
	fl_real *dx = a->dx;

	if (s->fused && s->fused->backward) {
		s->fused->backward(l, a);
		return;
	}
	if (s->fused) {
		a->dx = dy;
		l[1].entry->backward(&l[1], a);
		a->dx = dx;
	}
	if (!l->entry->view)
		l->entry->backward(l, a);
}

static size_t step_params(const struct fl_net *net, const struct fl_net_step *s)
{
	size_t n = 0;

	for (size_t j = 0; j < s->n; j++)
		n += net->layer[s->layer + j].nparam;
	return n;
}

static void add(const fl_real *x, fl_real *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += x[i];
}

/* d(n), a reader's share of the gradient of activation at. */
static void share(struct fl_work *k, size_t at, const fl_real *d, size_t n)
{
	if (d && d != k->dact[at])
		add(d, k->dact[at], n);
}

void fl_net_backward(const struct fl_net *net, struct fl_work *k, const fl_real *w, fl_real *dw,
                     size_t B, struct fl_rng *rng, fl_done *done, void *ctx)
{
	struct stretch p = { net, net->nparam, net->nparam, done, ctx };
	int input = k->dinput != FL_DINPUT_NONE, alone = k->dinput == FL_DINPUT_ALONE;

	for (size_t i = net->nstep; i-- > 0 && wanted(net, input, net->step[i].to);) {
		const struct fl_net_step *s = &net->step[i];
		const struct fl_layer *l = first_layer(net, s);
		struct fl_pass a = step_pass(net, k, i, w, B);

		p.end = p.param;
		p.param -= step_params(net, s);
		a.train = 1;
		a.rng = rng;
		a.dy = k->dact[s->to];
		a.dx = wanted(net, input, s->from) ? k->dx[i] : NULL;
		a.dx2 = wanted(net, input, s->skip) ? k->dx2[i] : NULL;
		a.dw = dw;
		a.flags = FL_BACK_FIRST | (alone ? FL_BACK_INPUT : 0);
		a.done = done && !alone ? tell : NULL;
		a.ctx = &p;
		if (net->ntap)
			fl_taps_back(net, k, s->to, B);
		step_backward(net, s, &a, k->dact[s->to]);
		share(k, s->from, a.dx, B * fl_shape_count(&l->in));
		share(k, s->skip, a.dx2, B * fl_shape_count(&l->in2));
		if (k->dfeature && s->layer == net->feature_layer && wanted(net, input, s->from))
			add(k->dfeature, k->dact[s->from], B * net->features);
	}
}

const fl_real *fl_net_features(const struct fl_net *net, const struct fl_work *k)
{
	return k->act[fl_net_feature_at(net)];
}

/* The plan of a net: which layers are computed together, and that this changes no number. */
#include <string.h>

#include "model/model.h"
#include "nn/net.h"
#include "tap.h"

enum { B = 5 };

static struct fl_err e;
static struct fl_arena arena;
static const struct fl_entry *const one_by_one[] = { NULL };

#define NET(in, layers) "{\"input\":[" in "],\"layers\":[" layers "]}"
#define WITH(in, layers, more) "{\"input\":[" in "],\"layers\":[" layers "]," more "}"
#define L(kind) "{\"layer\":\"" kind "\"}"
#define OUT(kind, n) "{\"layer\":\"" kind "\",\"out\":" #n "}"
#define CONV(kind, n) "{\"layer\":\"" kind "\",\"out\":" #n ",\"padding\":1}"
#define NAMED(kind, name, n) "{\"layer\":\"" kind "\",\"name\":\"" name "\",\"out\":" #n "}"
#define BRANCH(kind, from, n) "{\"layer\":\"" kind "\",\"from\":\"" from "\",\"out\":" #n "}"
#define BLOCK(body) "{\"layer\":\"residual\",\"body\":[" body "]}"
#define TAP(of) "\"taps\":[{\"name\":\"t\",\"of\":[\"" of "\"],\"loss\":\"supcon\"}]"
#define RELU L("relu")
#define POOL L("maxpool")
#define END L("flatten") "," OUT("linear", 3)

/* Steps: a layer, or a fused kernel and the first of its layers. */
static const struct sample {
	const char *arch, *plan;
} samples[] = {
	{ "mlp", "linear-relu(linear) linear-relu(linear) linear" },
	{ "lenet5", "conv-pool(conv2d) conv-pool(conv2d) flatten linear-relu(linear) "
	            "linear-relu(linear) linear" },
	{ NET("6", OUT("linear", 5) "," RELU "," RELU), "linear-relu(linear) relu" },
	{ NET("6", OUT("linear", 5) "," L("tanh")), "linear tanh" },
	{ NET("6", RELU "," OUT("linear", 5)), "relu linear" },
	{ NET("4,3", OUT("steplinear", 5) "," RELU "," END), "linear-relu(steplinear) flatten linear" },
	{ NET("6", "{\"layer\":\"lora\",\"out\":4}," RELU), "lora relu" },
	{ NET("2,4,6", CONV("conv2d", 4) "," RELU "," END), "conv-relu(conv2d) flatten linear" },
	{ NET("2,4,6", CONV("wsconv2d", 4) "," RELU "," POOL "," END),
	  "conv-pool(wsconv2d) flatten linear" },
	{ NET("2,4,6", CONV("loraconv2d", 4) "," RELU "," POOL "," END),
	  "conv-pool(loraconv2d) flatten linear" },
	{ NET("16,8,8", CONV("conv2d", 16) "," RELU "," POOL "," CONV("conv2d", 17) "," RELU "," END),
	  "conv-pool(conv2d) conv-relu(conv2d) flatten linear" },
	/* Not in this order, nor by other windows, nor of planes with a row too many. */
	{ NET("2,4,6", CONV("conv2d", 4) "," POOL "," RELU "," END),
	  "conv2d maxpool relu flatten linear" },
	{ NET("2,4,6", CONV("conv2d", 4) "," RELU "," L("avgpool") "," END),
	  "conv-relu(conv2d) avgpool flatten linear" },
	{ NET("2,6,6", CONV("conv2d", 4) "," RELU ",{\"layer\":\"maxpool\",\"kernel\":3}," END),
	  "conv-relu(conv2d) maxpool flatten linear" },
	{ NET("2,5,6", CONV("conv2d", 4) "," RELU "," POOL "," END),
	  "conv-relu(conv2d) maxpool flatten linear" },
	/* What features are or a tap is stays. */
	{ WITH("6", OUT("linear", 5) "," RELU "," OUT("linear", 3), "\"features\":1"),
	  "linear relu linear" },
	{ WITH("6", OUT("linear", 5) "," RELU "," OUT("linear", 3), "\"features\":0"),
	  "linear-relu(linear) linear" },
	{ WITH("2,4,6", CONV("conv2d", 4) "," RELU "," POOL "," END, "\"features\":1"),
	  "conv2d relu maxpool flatten linear" },
	{ WITH("2,4,6", CONV("conv2d", 4) "," RELU "," POOL "," END, "\"features\":2"),
	  "conv-relu(conv2d) maxpool flatten linear" },
	{ WITH("2,4,6", CONV("conv2d", 4) "," RELU "," POOL "," END, "\"features\":3"),
	  "conv-pool(conv2d) flatten linear" },
	{ WITH("6", OUT("linear", 5) "," RELU "," OUT("linear", 3), TAP("0")), "linear relu linear" },
	{ WITH("6", OUT("linear", 5) "," RELU "," OUT("linear", 3), TAP("1")),
	  "linear-relu(linear) linear" },
	{ WITH("2,4,6", CONV("conv2d", 4) "," RELU "," POOL "," END, TAP("1")),
	  "conv-relu(conv2d) maxpool flatten linear" },
	{ WITH("2,4,6", CONV("conv2d", 4) "," RELU "," POOL "," END, TAP("2")),
	  "conv-pool(conv2d) flatten linear" },
	/* And so does what is read elsewhere, too. */
	{ WITH("6", NAMED("linear", "a", 5) "," RELU "," NAMED("linear", "b", 3) ","
	       BRANCH("linear", "a", 4) "," RELU "," OUT("linear", 3), TAP("b")),
	  "linear relu linear linear-relu(linear) linear" },
	{ NET("4", OUT("linear", 4) "," BLOCK(RELU "," OUT("linear", 4) "," RELU) "," OUT("linear", 3)),
	  "linear relu linear-relu(linear) residual linear" },
	{ NET("4", OUT("linear", 4) "," BLOCK(OUT("linear", 4)) "," RELU),
	  "linear linear residual relu" },
};

static const char *plan_text(const struct fl_net *net, struct fl_str *s)
{
	fl_str_release(s);
	for (size_t i = 0; i < net->nstep; i++) {
		const struct fl_net_step *p = &net->step[i];
		const char *first = net->layer[p->layer].entry->e.name;

		fl_str_add(s, i ? " " : "");
		if (p->fused)
			fl_str_addf(s, "%s(%s)", p->fused->e.name, first);
		else
			fl_str_add(s, first);
	}
	return fl_str_c(s);
}

static fl_real *room(size_t n)
{
	return fl_arena_zero(&arena, n + 1, sizeof(fl_real), &e);
}

/* What a step gives: outputs, what its parameters and its input get. */
struct given {
	fl_real *z, *g, *dx;
	double loss;
};

static int take_step(const struct fl_net *net, enum fl_dinput dinput, struct given *out)
{
	size_t nx = fl_shape_count(&net->in) * B, nz = net->classes * B;
	int32_t y[B];
	struct fl_rng r;
	struct fl_work k;
	fl_real *w = room(net->P);

	if (fl_work_init(&k, net, B, FL_WORK_INPUT, &e))
		return -1;
	*out = (struct given){ .z = room(nz), .g = room(net->P), .dx = room(nx) };
	fl_net_init(net, 3, w);
	fl_rng_init(&r, 5, 0, 0, FL_RNG_DATA, 0);
	for (size_t i = 0; i < nx; i++)
		k.act[0][i] = (fl_real)fl_rng_normal(&r);
	for (int i = 0; i < B; i++)
		y[i] = i % (int)net->classes;
	k.dinput = dinput;
	fl_net_forward(net, &k, w, B, 1, &r);
	memcpy(out->z, k.act[net->nlayer], nz * sizeof *out->z);
	out->loss = fl_net_loss(net, &k, y, B, 1);
	fl_net_backward(net, &k, w, out->g, B, &r, NULL, NULL);
	memcpy(out->dx, k.dact[0], nx * sizeof *out->dx);
	fl_work_release(&k);
	return 0;
}

/* Biases of convolutions that are pooled at once are sums of another order: conv_pool.c. */
static int is_pooled_bias(const struct fl_net *net, const struct fl_net_param *p)
{
	for (size_t i = 0; i < net->nstep; i++)
		if (net->step[i].layer == p->layer && net->step[i].n == 3)
			return p->ndim == 1 && strstr(p->name, ".bias") != NULL;
	return 0;
}

static int differing(const struct fl_net *net, const struct given *a, const struct given *b)
{
	int n = 0;

	for (size_t i = 0; i < net->nparam; i++) {
		const struct fl_net_param *p = &net->param[i];

		for (size_t j = p->off; j < p->off + p->n; j++)
			n += is_pooled_bias(net, p) ? !(fabs((double)(a->g[j] - b->g[j])) < 1e-5) :
			     memcmp(&a->g[j], &b->g[j], sizeof *a->g) != 0;
	}
	return n;
}

static void check(const struct sample *s)
{
	struct fl_net net, apart;
	struct fl_str text = FL_STR_INIT;
	struct given one, two;

	if (!ok(!fl_model_net(&net, s->arch, 0, &e) && !fl_model_net(&apart, s->arch, 0, &e) &&
	        !fl_net_plan(&apart, one_by_one, &e), "%.60s builds", s->arch)) {
		printf("# %s\n", e.msg);
		return;
	}
	is_str(plan_text(&net, &text), s->plan, "its plan");
	is_int((long long)apart.nstep, (long long)apart.nlayer, "without fused kernels, a step a layer");
	for (enum fl_dinput d = FL_DINPUT_NONE; d <= FL_DINPUT_ALONE; d++) {
		size_t nx = fl_shape_count(&net.in) * B, nz = net.classes * B;

		if (!ok(!take_step(&net, d, &one) && !take_step(&apart, d, &two), "both take a step"))
			break;
		ok(!memcmp(one.z, two.z, nz * sizeof *one.z) && !memcmp(&one.loss, &two.loss, sizeof one.loss),
		   "outputs and loss are the same");
		if (d != FL_DINPUT_ALONE)
			is_int(differing(&net, &one, &two), 0, "and so are gradients");
		ok(d == FL_DINPUT_NONE || !memcmp(one.dx, two.dx, nx * sizeof *one.dx), "and the input's");
	}
	fl_str_release(&text);
	fl_net_release(&apart);
	fl_net_release(&net);
}

/* Layers above an activation that was within a step, and features in a step's place. */
static void heads(void)
{
	struct fl_net net, head;
	struct fl_str text = FL_STR_INIT;

	if (!ok(!fl_model_net(&net, "lenet5", 0, &e) && !fl_net_head(&head, &net, 1, &e),
	        "what is above a convolution's outputs is a net"))
		return;
	is_str(plan_text(&head, &text), "relu maxpool conv-pool(conv2d) flatten linear-relu(linear) "
	       "linear-relu(linear) linear", "whose plan is its own");
	fl_net_release(&head);
	fl_net_release(&net);
	fl_str_release(&text);
}

/* Every kernel of the table is in some plan, and of a shape that passes can use. */
static void kernels(void)
{
	for (const struct fl_entry *const *p = fl_fused_list; *p; p++) {
		const struct fl_fused *f = (const struct fl_fused *)*p;
		int used = 0;

		ok(f->layers > 1 && (f->backward || f->layers == 2), "%s: its backward pass", f->e.name);
		for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
			struct fl_net net;

			if (fl_model_net(&net, samples[i].arch, 0, &e))
				continue;
			for (size_t j = 0; j < net.nstep; j++)
				used += net.step[j].fused == f;
			fl_net_release(&net);
		}
		ok(used > 0, "%s: a sample has it", f->e.name);
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		check(&samples[i]);
	heads();
	kernels();
	fl_arena_release(&arena);
	return tap_done();
}

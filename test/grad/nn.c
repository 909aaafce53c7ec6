/* Central differences, in double, of every layer and loss of the tables and of
 * whole nets. A layer without a sample here fails the test. */
#include <float.h>
#include <string.h>

#include "nn_golden.h"

static const double TOL = 1e-6, H = 1e-5;

/* Layer `at` of the net is the one under test; its name comes first. */
#define IMAGE(c, h, w) "{\"input\":[" #c "," #h "," #w "],\"layers\":["
#define STEPS(t, n) "{\"input\":[" #t "," #n "],\"layers\":["
#define VECTOR(n) "{\"input\":[" #n "],\"layers\":["
#define OUT "{\"layer\":\"linear\",\"out\":3}"
#define RELU "{\"layer\":\"relu\"}"
#define FLAT "{\"layer\":\"flatten\"}"
#define CONV(kind, n) "{\"layer\":\"" kind "\",\"out\":" #n ",\"padding\":1}"
#define POOLED RELU ",{\"layer\":\"maxpool\"}"
#define DROP "{\"layer\":\"dropout\"}"
#define LIN(n) "{\"layer\":\"linear\",\"out\":" #n "}"
#define BLOCK(body, shortcut) \
	"{\"layer\":\"residual\",\"body\":[" body "],\"shortcut\":[" shortcut "]}"
#define TOWERS(body, shortcut) \
	"{\"layer\":\"concat\",\"body\":[" body "],\"shortcut\":[" shortcut "]}"
#define HALF(at) "{\"layer\":\"slice\",\"begin\":" #at ",\"size\":4}"
#define UNIT "{\"layer\":\"unit\"}"
/* Parts of an example, the second of another shape, and what fuses both. */
#define PARTS "{\"parts\":{\"a\":[3],\"b\":[2,2]},\"layers\":["
#define PART(of) "{\"layer\":\"part\",\"of\":\"" of "\",\"from\":\"input\"}"
#define IMPUTE "{\"layer\":\"impute\"}"
#define BOTH TOWERS(PART("a") "," LIN(4), PART("b") "," FLAT "," LIN(4))
#define FUSE(more) "{\"layer\":\"fuse\"" more "}"
#define LAST "{\"layer\":\"flatten\"},{\"layer\":\"linear\",\"out\":2}"
static const struct sample {
	const char *layer, *json;
	size_t at;
} samples[] = {
	{ "linear", "{\"input\":[7],\"layers\":[{\"layer\":\"linear\",\"out\":5}]}", 0 },
	{ "linear", "{\"input\":[3],\"layers\":[{\"layer\":\"linear\",\"out\":19,\"bias\":false}]}", 0 },
	{ "conv2d", "{\"input\":[2,5,6],\"layers\":[{\"layer\":\"conv2d\",\"out\":3,\"padding\":1}]}", 0 },
	{ "conv2d", "{\"input\":[4,7,6],\"layers\":[{\"layer\":\"conv2d\",\"out\":6,\"kernel\":[3,2],"
	            "\"stride\":[2,3],\"padding\":[0,2],\"groups\":2,\"bias\":false}]}", 0 },
	{ "conv2d", "{\"input\":[1,17,16],\"layers\":[{\"layer\":\"conv2d\",\"out\":2,\"kernel\":1}]}", 0 },
	{ "conv2d", IMAGE(16,5,4) "{\"layer\":\"conv2d\",\"out\":17,\"padding\":1}]}", 0 },
	{ "conv2d", IMAGE(17,4,3) "{\"layer\":\"conv2d\",\"out\":16,\"padding\":[0,2],"
	            "\"bias\":false}]}", 0 },
	{ "maxpool", IMAGE(2,4,44) "{\"layer\":\"maxpool\"}," LAST "]}", 0 },
	{ "maxpool", IMAGE(2,7,6) "{\"layer\":\"maxpool\"}," LAST "]}", 0 },
	{ "maxpool", IMAGE(1,6,9) "{\"layer\":\"maxpool\",\"kernel\":3,\"stride\":[2,1],\"padding\":1}," LAST "]}", 0 },
	{ "maxpool", IMAGE(1,9,9) "{\"layer\":\"maxpool\",\"kernel\":[2,4],\"padding\":[0,2]}," LAST "]}", 0 },
	{ "avgpool", IMAGE(2,7,6) "{\"layer\":\"avgpool\"}," LAST "]}", 0 },
	{ "avgpool", IMAGE(1,6,9) "{\"layer\":\"avgpool\",\"kernel\":3,\"stride\":[2,1],\"padding\":1}," LAST "]}", 0 },
	{ "globalpool", IMAGE(3,4,5) "{\"layer\":\"globalpool\"}," LAST "]}", 0 },
	{ "dropout", "{\"input\":[9],\"layers\":[{\"layer\":\"dropout\",\"p\":0.3},"
	             "{\"layer\":\"linear\",\"out\":3}]}", 0 },
	{ "tanh", VECTOR(9) "{\"layer\":\"tanh\"}," OUT "]}", 0 },
	{ "sigmoid", VECTOR(9) "{\"layer\":\"sigmoid\"}," OUT "]}", 0 },
	{ "gelu", VECTOR(9) "{\"layer\":\"gelu\"}," OUT "]}", 0 },
	{ "gelu", VECTOR(9) "{\"layer\":\"gelu\",\"approximate\":\"none\"}," OUT "]}", 0 },
	{ "leaky", VECTOR(9) "{\"layer\":\"leaky\"}," OUT "]}", 0 },
	{ "groupnorm", IMAGE(6,3,5) "{\"layer\":\"groupnorm\",\"groups\":3}]}", 0 },
	{ "groupnorm", IMAGE(4,17,2) "{\"layer\":\"groupnorm\",\"groups\":1,\"affine\":false}," LAST "]}", 0 },
	{ "layernorm", VECTOR(9) "{\"layer\":\"layernorm\"}]}", 0 },
	{ "layernorm", IMAGE(2,3,20) "{\"layer\":\"layernorm\",\"affine\":false}," LAST "]}", 0 },
	{ "batchnorm", IMAGE(3,4,5) "{\"layer\":\"batchnorm\"}]}", 0 },
	{ "residual", VECTOR(4) "{\"layer\":\"residual\",\"body\":["
	              "{\"layer\":\"linear\",\"out\":4}]}]}", 1 },
	{ "lstm", "{\"input\":[4,3],\"layers\":[{\"layer\":\"lstm\",\"hidden\":5}]}", 0 },
	{ "lstm", "{\"input\":[3,2],\"layers\":[{\"layer\":\"lstm\",\"hidden\":3,\"last\":true}]}", 0 },
	{ "lstm", "{\"input\":[1,2],\"layers\":[{\"layer\":\"lstm\",\"hidden\":2}]}", 0 },
	{ "embedding", "{\"input\":[5],\"layers\":[{\"layer\":\"embedding\",\"num\":3,\"dim\":4}]}", 0 },
	{ "lora", VECTOR(7) "{\"layer\":\"lora\",\"out\":5,\"rank\":2,\"alpha\":3}]}", 0 },
	{ "lora", VECTOR(3) "{\"layer\":\"lora\",\"out\":18,\"rank\":4,\"bias\":false}]}", 0 },
	{ "loraconv2d", IMAGE(2,5,4) "{\"layer\":\"loraconv2d\",\"out\":3,\"padding\":1,"
	                "\"rank\":2,\"alpha\":3}]}", 0 },
	{ "loraconv2d", IMAGE(4,4,3) "{\"layer\":\"loraconv2d\",\"out\":18,\"kernel\":[2,1],"
	                "\"groups\":2,\"bias\":false}]}", 0 },
	{ "loraconv2d", IMAGE(16,3,4) "{\"layer\":\"loraconv2d\",\"out\":16,\"padding\":1}]}", 0 },
	{ "wsconv2d", IMAGE(2,5,4) "{\"layer\":\"wsconv2d\",\"out\":3,\"padding\":1}]}", 0 },
	{ "wsconv2d", IMAGE(16,3,4) "{\"layer\":\"wsconv2d\",\"out\":16,\"padding\":1}]}", 0 },
	{ "wsconv2d", IMAGE(4,3,3) "{\"layer\":\"wsconv2d\",\"out\":18,\"kernel\":2,\"groups\":2,"
	              "\"bias\":false}]}", 0 },
	{ "wsconv2d", IMAGE(1,3,3) "{\"layer\":\"wsconv2d\",\"out\":2,\"kernel\":[1,2],\"eps\":1}]}", 0 },
	{ "attention", STEPS(5, 6) "{\"layer\":\"attention\",\"heads\":2}]}", 0 },
	{ "attention", STEPS(4, 3) "{\"layer\":\"attention\",\"heads\":3,\"causal\":true}]}", 0 },
	{ "attention", STEPS(1, 2) "{\"layer\":\"attention\"}]}", 0 },
	{ "steplinear", STEPS(4, 3) "{\"layer\":\"steplinear\",\"out\":5}]}", 0 },
	{ "tokens", IMAGE(3,2,4) "{\"layer\":\"tokens\"}," LAST "]}", 0 },
	{ "position", STEPS(4, 3) "{\"layer\":\"position\"}]}", 0 },
	{ "prompt", STEPS(4, 3) "{\"layer\":\"prompt\",\"prompts\":2}]}", 0 },
	{ "promptgen", VECTOR(4) "{\"layer\":\"promptgen\",\"prompts\":3,\"dim\":4,\"key\":5}]}", 0 },
	{ "promptgen", STEPS(3, 4) "{\"layer\":\"promptgen\",\"prompts\":3,\"dim\":4,\"key\":2}]}", 0 },
	{ "promptgen", VECTOR(6) LIN(5) ",{\"layer\":\"promptgen\",\"prompts\":1,\"dim\":5,\"key\":18}]}", 1 },
	{ "slice", VECTOR(9) "{\"layer\":\"slice\",\"begin\":2,\"size\":5}," OUT "]}", 0 },
	{ "slice", IMAGE(2,2,3) "{\"layer\":\"slice\",\"size\":12}," OUT "]}", 0 },
	{ "unit", VECTOR(19) "{\"layer\":\"unit\"}," OUT "]}", 0 },
	{ "unit", VECTOR(1) LIN(3) ",{\"layer\":\"unit\"}]}", 1 },
	{ "unit", VECTOR(5) "{\"layer\":\"unit\",\"length\":3}," OUT "]}", 0 },
	{ "softplus", VECTOR(9) "{\"layer\":\"softplus\"}," OUT "]}", 0 },
	{ "product", VECTOR(4) "{\"layer\":\"product\",\"body\":[" LIN(1) "]}]}", 1 },
	{ "product", VECTOR(5) "{\"layer\":\"product\",\"body\":[" LIN(1) "],\"shortcut\":[" LIN(18) "]}]}", 2 },
	{ "product", VECTOR(5) "{\"layer\":\"product\",\"body\":[" LIN(3) "],\"shortcut\":[" LIN(3) "]}]}", 2 },
	{ "product", VECTOR(3) "{\"layer\":\"product\",\"body\":[" LIN(3) "]}]}", 1 },
	{ "part", PARTS PART("b") "," FLAT "," LIN(4) "]}", 0 },
	{ "impute", PARTS PART("b") "," IMPUTE "]}", 1 },
	{ "impute", PARTS PART("a") "," LIN(4) "," IMPUTE "," OUT "]}", 2 },
	{ "impute", PARTS PART("a") ",{\"layer\":\"impute\",\"learnt\":false}," OUT "]}", 1 },
	{ "fuse", PARTS BOTH "," FUSE() "]}", 6 },
	{ "fuse", PARTS BOTH "," FUSE(",\"how\":\"gate\"") "]}", 6 },
	{ "fuse", PARTS BOTH "," FUSE(",\"how\":\"attention\",\"of\":\"b+a\"") "]}", 6 },
	{ "append", VECTOR(4) "{\"layer\":\"append\"}]}", 0 },
	{ "append", VECTOR(2) "{\"layer\":\"append\",\"tensor\":\"t\",\"size\":3,\"init\":-2}," OUT "]}", 0 },
	{ "append", VECTOR(2) "{\"layer\":\"append\",\"scalar\":true}]}", 0 },
	{ "conformal", VECTOR(6) LIN(4) ",{\"layer\":\"conformal\"}," OUT "]}", 1 },
	{ "fixed", VECTOR(7) LIN(4) ",{\"layer\":\"fixed\",\"out\":5}]}", 1 },
	{ "scale", VECTOR(6) "{\"layer\":\"scale\"}," OUT "]}", 0 },
	{ "scale", VECTOR(6) "{\"layer\":\"scale\",\"each\":true,\"init\":2}," OUT "]}", 0 },
	{ "keycache", VECTOR(3) "{\"layer\":\"keycache\",\"keys\":5,\"out\":2}," OUT "]}", 0 },
	{ "keycache", VECTOR(3) "{\"layer\":\"keycache\",\"keys\":18,\"out\":4,\"tune\":true}]}", 0 },
	{ "concat", VECTOR(4) "{\"layer\":\"concat\",\"body\":[" LIN(3) "]}]}", 1 },
	{ "concat", VECTOR(5) "{\"layer\":\"concat\",\"body\":[" LIN(2) "],\"shortcut\":[" LIN(4) "]}]}", 2 },
	{ "scaler", VECTOR(9) "{\"layer\":\"scaler\",\"rate\":0.25}," OUT "]}", 0 },
	{ "reverse", VECTOR(9) "{\"layer\":\"reverse\",\"lambda\":0.5}," OUT "]}", 0 },
	{ "mixup", VECTOR(5) "{\"layer\":\"mixup\",\"share\":1}," OUT "]}", 0 },
	{ "mixup", IMAGE(2,1,3) "{\"layer\":\"mixup\",\"alpha\":2}," OUT "]}", 0 },
	{ "relu", "{\"input\":[9],\"layers\":[{\"layer\":\"relu\"},{\"layer\":\"linear\",\"out\":3}]}", 0 },
	{ "flatten", "{\"input\":[2,3,2],\"layers\":[{\"layer\":\"flatten\"},"
	             "{\"layer\":\"linear\",\"out\":3}]}", 0 },
};

static struct fl_err e;
static struct fl_arena arena;

static fl_real *vec(size_t n)
{
	return fl_arena_zero(&arena, n ? n : 1, sizeof(fl_real), &e);
}

/* Of the B examples in x, every third lacks a part. */
static void lose_parts(const struct fl_layer *l, fl_real *x, size_t B)
{
	for (size_t b = 0; b < B; b++)
		for (size_t i = 0; i < l->nparts; i++)
			for (size_t j = 0; (b + 2 * i) % 3 == 0 && j < l->parts[i].n; j++)
				x[b * l->input + l->parts[i].at + j] = NAN;
}

/* Away from 0, where relu has no derivative. */
static fl_real *noise(size_t n, uint64_t key)
{
	fl_real *v = vec(n);
	struct fl_rng r;

	fl_rng_init(&r, 11, 0, 0, FL_RNG_DATA, key);
	for (size_t i = 0; i < n; i++) {
		v[i] = fl_rng_normal(&r);
		v[i] += v[i] < 0 ? -.01 : .01;
	}
	return v;
}

/* Compares gradient g(n) with differences of f in each of v(n), or in most of
 * them spread evenly; the error is relative to the larger of the two, to a
 * hundredth of the largest gradient, or to the least that differences of values about 1 can
 * tell to within TOL, whichever is largest. */
static double worst_error(double (*f)(void *ctx), void *ctx, fl_real *v, const fl_real *g,
                          size_t n, size_t most, double h)
{
	double worst = 0, top = 0, least = DBL_EPSILON / h / TOL;
	size_t by = n / most + 1;

	for (size_t i = 0; i < n; i++)
		top = fmax(top, fabs(g[i]));
	for (size_t i = 0; i < n; i += by) {
		double was = v[i], d;

		v[i] = was + h;
		d = f(ctx);
		v[i] = was - h;
		d = (d - f(ctx)) / (2 * h);
		v[i] = was;
		worst = fmax(worst, fabs(d - g[i]) / fmax(fmax(fabs(d), fabs(g[i])),
		                                          fmax(.01 * top, least)));
	}
	return worst;
}

/* What turns the gradient that a layer gives its input into the derivative: the sample of
 * gradient reversal has lambda 0.5. */
static double turned(const struct fl_layer *l)
{
	return strcmp(l->entry->e.name, "reverse") ? 1 : -2;
}

static void turn(const struct fl_layer *l, fl_real *dx, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dx[i] *= turned(l);
}

/* One layer: f = <c, y(x, w)>. */
struct alone {
	const struct fl_layer *l;
	struct fl_pass a;
	fl_real *x, *w, *c;
	size_t ny;
};

static double layer_value(void *ctx)
{
	struct alone *t = ctx;
	struct fl_rng r;
	double sum = 0;

	fl_rng_init(&r, 5, 0, 0, FL_RNG_DROPOUT, 0);
	t->a.rng = &r;
	if (t->l->entry->view)
		memcpy(t->a.y, t->x, t->ny * sizeof *t->x);
	else
		t->l->entry->forward(t->l, &t->a);
	for (size_t i = 0; i < t->ny; i++)
		sum += t->c[i] * t->a.y[i];
	return sum;
}

static void layer_gradient(struct alone *t)
{
	layer_value(t);
	if (t->l->entry->view)
		memcpy(t->a.dx, t->c, t->ny * sizeof *t->c);
	else
		t->l->entry->backward(t->l, &t->a);
}

static size_t first_param(const struct fl_net *net, size_t layer)
{
	size_t i = 0;

	while (i < net->nparam && net->param[i].layer != layer)
		i++;
	return i;
}

/* Buffers get no gradient. */
static double param_error(struct alone *t, const struct fl_net_param *p)
{
	double sum = 0;

	if (p->kind == FL_TRAINED)
		return worst_error(layer_value, t, t->w + p->off, t->a.dw + p->off, p->n, p->n, H);
	for (size_t i = p->off; i < p->off + p->n; i++)
		sum += fabs(t->a.dw[i]);
	return sum;
}

static void check_layer(const struct sample *s, size_t B)
{
	struct fl_net net;
	struct alone t;
	size_t nx, n2, scratch;
	double err;
	fl_real *before, *x2, *input;
	int whole = !strcmp(s->layer, "embedding");	/* inputs are 0, 1, 2 */

	if (!ok(!fl_net_build(&net, s->json, &e), "%s: sample builds", s->layer)) {
		printf("# %s\n", e.msg);
		return;
	}
	t.l = &net.layer[s->at];
	is_str(t.l->entry->e.name, s->layer, "and holds the layer");
	nx = B * fl_shape_count(&t.l->in);
	n2 = t.l->entry->block ? B * fl_shape_count(&t.l->in2) : 0;
	x2 = noise(n2, 8);
	t.ny = B * fl_shape_count(&t.l->out);
	t.x = noise(nx, 1);
	input = t.l->from ? noise(B * t.l->input, 4) : t.x;
	lose_parts(t.l, input, B);
	t.w = noise(net.P, 2);
	t.c = noise(t.ny, 3);
	scratch = t.l->entry->scratch ? t.l->entry->scratch(t.l, &(struct fl_pass){ .B = B }) : 0;
	t.a = (struct fl_pass){
		.B = B, .x = t.x, .x2 = x2, .dx2 = vec(n2), .y = vec(t.ny), .w = t.w, .dy = t.c, .dx = vec(nx),
		.dw = vec(net.P), .cache = vec(B * t.l->cache), .scratch = vec(scratch), .input = input,
		.train = 1, .flags = FL_BACK_FIRST,
	};
	for (size_t i = 0; i < nx && whole; i++)
		t.x[i] = (fl_real)(i * 2 % 3);
	layer_gradient(&t);
	turn(t.l, t.a.dx, nx);
	err = whole ? 0 : worst_error(layer_value, &t, t.x, t.a.dx, nx, nx, H);
	ok(err <= TOL, "%s: batch %zu: gradient of the input: %.2g <= %g", s->layer, B, err, TOL);
	if (n2) {
		err = worst_error(layer_value, &t, x2, t.a.dx2, n2, n2, H);
		ok(err <= TOL, "%s: gradient of the second input: %.2g", s->layer, err);
	}
	err = 0;
	for (unsigned j = 0; j < t.l->nparam; j++)
		err = fmax(err, param_error(&t, &net.param[j + first_param(&net, s->at)]));
	ok(err <= TOL, "%s: gradient of the parameters: %.2g", s->layer, err);

	before = vec(net.P);
	memcpy(before, t.a.dw, net.P * sizeof *before);
	t.a.flags = 0;
	layer_gradient(&t);
	err = 0;
	for (unsigned j = 0; j < t.l->nparam; j++)
		err = fmax(err, fabs(t.a.dw[t.l->off[j]] - 2 * before[t.l->off[j]]));
	ok(err <= 1e-12, "%s: a second backward adds to parameter gradients", s->layer);
	fl_net_release(&net);
}

static void layers(void)
{
	for (const struct fl_entry *const *p = fl_layer_list; *p; p++) {
		int seen = 0;

		for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
			if (!strcmp(samples[i].layer, (*p)->name)) {
				check_layer(&samples[i], 1);
				check_layer(&samples[i], 5);
				seen = 1;
			}
		ok(seen, "layer %s has a sample", (*p)->name);
	}
}

struct loss {
	const struct fl_loss_entry *entry;
	const void *p;
	fl_real *z;
	int32_t y[70];
	struct fl_batch b;
};

static double loss_value(void *ctx)
{
	struct loss *t = ctx;

	struct fl_batch b = t->b;

	b.dz = NULL;
	return t->entry->loss(t->p, &b);
}

static void check_loss(const char *text, size_t B, size_t C)
{
	struct fl_spec spec;
	struct loss t = { .p = NULL };
	fl_real *dz = vec(B * C);
	double err;

	if (!ok(!fl_spec_parse(&fl_family_loss, text, &arena, &spec, &e), "loss %s", text))
		return;
	t.entry = (const struct fl_loss_entry *)spec.entry;
	t.p = spec.p;
	t.z = noise(B * C, 4);
	t.b = (struct fl_batch){
		.B = B, .C = C, .z = t.z, .y = t.y, .dz = dz,
		.scratch = vec(fl_loss_scratch(t.entry, t.p, B, C)),
	};
	if (t.entry->targets)
		t.b.t = noise(B * t.entry->targets(t.p, C), 7);
	for (size_t i = 0; i < B; i++)
		t.y[i] = (int32_t)(i * 7 % C);
	is_near(t.entry->loss(t.p, &t.b), loss_value(&t), 1e-15,
	        "the value does not depend on whether a gradient is wanted");
	err = worst_error(loss_value, &t, t.z, dz, B * C, B * C, H);
	ok(err <= TOL, "%s: (%zu,%zu): gradient: %.2g <= %g", text, B, C, err, TOL);
}

/* Whether so many outputs fit a loss with its defaults. */
static int fits(const struct fl_entry *en, size_t C)
{
	const struct fl_loss_entry *l = (const struct fl_loss_entry *)en;
	struct fl_spec spec;

	return !fl_spec_parse(&fl_family_loss, en->name, &arena, &spec, &e) &&
	       (!l->check || !l->check(spec.p, C, &e));
}

static void losses(void)
{
	for (const struct fl_entry *const *p = fl_loss_list; *p; p++) {
		if (((const struct fl_loss_entry *)*p)->reading || !strcmp((*p)->name, "mixco"))
			continue;	/* not all outputs get a gradient: test/grad/adapter.c */
		check_loss((*p)->name, 1, 2);
		check_loss((*p)->name, 3, 10);
		check_loss((*p)->name, 70, fits(*p, 3) ? 3 : 4);	/* more rows than a tile */
	}
	check_loss("ce:smoothing=0.2", 5, 4);
	check_loss("ce:weights=1+0.25+3", 70, 3);
	check_loss("ce:smoothing=0.1,weights=1+0.25+3", 7, 3);
}

struct whole {
	struct fl_net net;
	struct fl_work k;
	fl_real *w, *g;
	int32_t y[8];
	size_t B;
};

static double net_value(void *ctx)
{
	struct whole *t = ctx;
	struct fl_rng r;

	fl_rng_init(&r, 1, 0, 0, FL_RNG_DROPOUT, 0);
	fl_net_forward(&t->net, &t->k, t->w, t->B, 1, &r);
	return fl_net_loss(&t->net, &t->k, t->y, t->B, 0);
}

static void net_gradient(struct whole *t, enum fl_dinput dinput)
{
	struct fl_rng r;

	t->k.dinput = dinput;
	fl_rng_init(&r, 1, 0, 0, FL_RNG_DROPOUT, 0);
	fl_net_forward(&t->net, &t->k, t->w, t->B, 1, &r);
	fl_net_loss(&t->net, &t->k, t->y, t->B, 1);
	fl_net_backward(&t->net, &t->k, t->w, t->g, t->B, &r, NULL, NULL);
}

/* Of inputs that are numbers of rows it is 0. */
static int takes_rows(const struct fl_net *net)
{
	return !strcmp(net->layer[0].entry->e.name, "embedding");
}

/* Losses over pairs give no gradient by a side that an adapter leaves as it came. */
static int fixes_inputs(const struct fl_net *net)
{
	return ((const struct fl_loss_entry *)net->loss.entry)->reading != NULL;
}

/* The gradient of the input, which changes no bit of the parameters', beside them, which
 * are there, and alone. */
static void check_input(struct whole *t, size_t most)
{
	size_t nx = t->B * fl_shape_count(&t->net.in);
	const char *first = t->net.layer[0].entry->e.name;
	fl_real *without = vec(t->net.P), *dx = vec(nx);
	double err = 0;

	memcpy(without, t->g, t->net.P * sizeof *without);
	net_gradient(t, FL_DINPUT_TOO);
	ok(!memcmp(without, t->g, t->net.P * sizeof *without),
	   "%s first: parameters' gradients are the same beside the input's", first);
	memcpy(dx, t->k.dact[0], nx * sizeof *dx);
	for (size_t i = 0; i < nx && takes_rows(&t->net); i++)
		err = fmax(err, fabs(dx[i]));
	turn(&t->net.layer[0], dx, nx);
	if (!takes_rows(&t->net) && !fixes_inputs(&t->net))
		err = worst_error(net_value, t, t->k.act[0], dx, nx, most, 10 * H);
	ok(err <= TOL, "%s first: gradient of the input: %.2g <= %g", first, err, TOL);
	memset(t->k.dact[0], 0x5a, nx * sizeof *dx);
	net_gradient(t, FL_DINPUT_ALONE);
	turn(&t->net.layer[0], t->k.dact[0], nx);
	ok(!memcmp(dx, t->k.dact[0], nx * sizeof *dx), "%s first: the same alone", first);
	memset(t->k.dact[0], 0x5a, nx * sizeof *dx);
	net_gradient(t, FL_DINPUT_NONE);
	ok(!memcmp(without, t->g, t->net.P * sizeof *without),
	   "%s first: and parameters' gradients again", first);
}

static void check_net(const char *arch)
{
	struct whole t = { .B = 5 };
	struct fl_rng r;
	double err;
	size_t nx, most;

	if (!ok(!fl_model_net(&t.net, arch, 0, &e) &&
	        !fl_work_init(&t.k, &t.net, 8, FL_WORK_INPUT, &e), "%.70s builds", arch)) {
		printf("# %s\n", e.msg);
		return;
	}
	most = fl_net_madds(&t.net) < 2e5 ? 100 : 5;
	nx = t.B * fl_shape_count(&t.net.in);
	memcpy(t.k.act[0], noise(nx, 5), nx * sizeof(fl_real));
	for (size_t i = 0; i < nx && takes_rows(&t.net); i++)
		t.k.act[0][i] = (fl_real)(i * 2 % 3);
	lose_parts(t.net.layer, t.k.act[0], t.B);
	fl_rng_init(&r, 7, 0, 0, FL_RNG_DATA, 6);
	for (size_t i = 0; i < t.B; i++)
		t.y[i] = (int32_t)fl_rng_below(&r, t.net.classes);
	t.w = vec(t.net.P);
	t.g = vec(t.net.P);
	fl_net_init(&t.net, 3, t.w);
	net_gradient(&t, FL_DINPUT_NONE);
	for (size_t i = 0; i < t.net.nparam; i++) {
		const struct fl_net_param *p = &t.net.param[i];

		if (p->kind != FL_TRAINED)
			continue;	/* what a layer gives for them: check_layer() */
		err = worst_error(net_value, &t, t.w + p->off, t.g + p->off, p->n, most, H);
		ok(err <= TOL, "%s: gradient of %s: %.2g <= %g", t.net.layer[p->layer].entry->e.name,
		   p->name, err, TOL);
	}
	check_input(&t, most);
	fl_work_release(&t.k);
	fl_net_release(&t.net);
}

static void adapters(void)
{
	check_net("asymvlm:dim=6,hidden=9");
	check_net("asymvlm:dim=6,hidden=9,dist=ps,direction=i2t,tau=3");
	check_net("asymvlm:dim=6,hidden=9,residual=on,kappa=3");
	check_net("asymvlm:dim=6,hidden=9,mean=fixed,dist=ps");
	check_net("asymvlm:dim=6,hidden=9,images=adapted,tau=1000");
	check_net("asymvlm:dim=6,hidden=9,images=adapted,residual=on");
	check_net("pfe:dim=6,hidden=9");
	check_net("pcmepp:dim=6,hidden=9");
	check_net("prolip:dim=6,hidden=9");
	check_net("probvlm:dim=6,hidden=9");
	check_net("probvlm:dim=6,hidden=9,mean=fixed");
}

static int is_small(const char *arch)
{
	struct fl_net net;
	int small = !fl_model_net(&net, arch, 0, &e) && fl_net_madds(&net) < 1e6;

	fl_net_release(&net);
	return small;
}

#define BRANCH(kind, from, rest) "{\"layer\":\"" kind "\",\"from\":\"" from "\"" rest "}"
#define TAP(name, of, rest) "{\"name\":\"" name "\",\"of\":[" of "]" rest "}"
#define CE(weight) ",\"loss\":\"ce\",\"weight\":" #weight

/* Layers that read earlier ones, and losses on what stands between. */
static void tapped_nets(void)
{
	static const char *const how[] = {
		PARTS BOTH "," FUSE(",\"how\":\"gate\"") "," OUT "]}",
		PARTS BOTH "," FUSE(",\"how\":\"attention\"") "," OUT "]}",
		PARTS TOWERS(PART("a") "," IMPUTE "," LIN(4) "," RELU, PART("b") "," FLAT "," LIN(4) "," IMPUTE) ","
		FUSE() "," OUT "]}",
	};

	/* Early exits, the first of several layers; the second reads a relu in place. */
	check_net(VECTOR(6) LIN(5) "," RELU "," LIN(4) ",{\"layer\":\"tanh\"},{\"layer\":\"linear\","
	          "\"out\":3,\"name\":\"a\"}," BRANCH("linear", "1", ",\"out\":7") "," RELU "," OUT
	          "],\"taps\":[" TAP("a", "\"a\"", CE(0.3)) "]}");
	/* Taps of what an elementwise layer would write over, of views, of the outputs. */
	check_net(VECTOR(6) LIN(6) "," RELU "," FLAT "," LIN(4) "," RELU "," OUT
	          "],\"weight\":0.5,\"taps\":["
	          TAP("h", "\"0\",\"2\"", ",\"loss\":\"supcon\"") ","
	          TAP("z", "\"3\",\"4\"", ",\"loss\":\"supcon:tau=0.5\",\"weight\":2") ","
	          TAP("y", "\"5\"", ",\"loss\":\"mse\"") "]}");
	/* The same layer twice, features among branches, the net's own loss left out. */
	check_net(VECTOR(6) LIN(5) ",{\"layer\":\"tanh\"}," OUT ","
	          BRANCH("linear", "1", ",\"out\":3,\"name\":\"b\"") "," BRANCH("relu", "2", "")
	          "],\"features\":3,\"weight\":0,\"taps\":["
	          TAP("twice", "\"b\",\"1\",\"b\"", ",\"loss\":\"supcon\"") ","
	          TAP("b", "\"b\"", CE(1)) "]}");
	/* Branches in blocks, from their input, of a block; taps of what stands there. */
	for (size_t i = 0; i < sizeof how / sizeof *how; i++)
		check_net(how[i]);
	check_net(VECTOR(4) "{\"layer\":\"concat\",\"name\":\"t\",\"body\":[" LIN(3) "," RELU ","
	          BRANCH("linear", "body.0", ",\"out\":2") "],\"shortcut\":[" LIN(3) ","
	          BRANCH("unit", "input", "") "]}," OUT "," BRANCH("linear", "t", ",\"out\":3") ","
	          BRANCH("residual", "1", ",\"body\":[" RELU "]") "],\"taps\":[" TAP("b", "\"2\"", CE(0.5)) ","
	          TAP("c", "\"t.shortcut.0\"", CE(2)) ","
	          TAP("d", "\"t.body.1\",\"t\"", ",\"loss\":\"supcon:tau=1\"") "]}");
	/* Poolings that a convolution may not do itself, as a tap reads them or between. */
	check_net(IMAGE(2,4,6) CONV("conv2d", 4) "," POOLED "," LAST "],\"taps\":["
	          TAP("r", "\"1\"", ",\"loss\":\"supcon\"") "]}");
	check_net(IMAGE(2,4,6) CONV("conv2d", 4) "," POOLED "," LAST "],\"taps\":["
	          TAP("p", "\"2\",\"0\"", ",\"loss\":\"supcon\"") "]}");
	/* A tap before the first parameters has a loss, and no gradient but the input's. */
	check_net(VECTOR(6) RELU "," OUT "],\"taps\":[" TAP("r", "\"0\"", ",\"loss\":\"supcon\"") "]}");
}

static void nets(void)
{
	for (const struct fl_entry *const *p = fl_arch_list; *p; p++)
		if (is_small((*p)->name))	/* the others: test/unit/cases.c */
			check_net((*p)->name);
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		check_net(samples[i].json);	/* the input's gradient, of every layer */
	/* Views and elementwise layers in every place, some of which must not
	 * write over what another reads: first, after each other, at the features. */
	check_net("{\"input\":[2,3],\"layers\":[{\"layer\":\"relu\"},{\"layer\":\"flatten\"},"
	          "{\"layer\":\"linear\",\"out\":7},{\"layer\":\"relu\"},{\"layer\":\"relu\"},"
	          "{\"layer\":\"flatten\"},{\"layer\":\"relu\"},"
	          "{\"layer\":\"linear\",\"out\":6,\"bias\":false},{\"layer\":\"relu\"},"
	          "{\"layer\":\"linear\",\"out\":4},{\"layer\":\"flatten\"}],\"features\":8}");
	/* Blocks: at the start, after each other, in each other; lists that begin and
	 * end with views and elementwise layers, or hold nothing else. */
	check_net(VECTOR(4) BLOCK(RELU "," LIN(4), "") "," BLOCK(LIN(4) "," RELU, RELU) "," RELU ","
	          BLOCK(RELU "," BLOCK(LIN(4), FLAT) "," RELU, FLAT "," LIN(4)) "," OUT "]}");
	check_net(VECTOR(4) LIN(5) "," BLOCK(FLAT "," RELU, LIN(5)) "," BLOCK(FLAT, FLAT) ","
	          BLOCK(LIN(3) "," RELU, RELU "," LIN(3)) "," BLOCK(LIN(3), "") "]}");
	check_net(VECTOR(4) RELU "," BLOCK(RELU, LIN(4)) "," BLOCK(RELU, "") ","
	          BLOCK(LIN(2), LIN(2)) "],\"features\":2}");
	/* Two towers over halves of the input, the second without parameters. */
	check_net(VECTOR(8) TOWERS(HALF(0) "," LIN(6) "," RELU "," LIN(4), HALF(4) "," UNIT) ","
	          "{\"layer\":\"append\"}]}");
	check_net(VECTOR(8) LIN(6) "," TOWERS(HALF(0) "," UNIT, HALF(2) "," LIN(4)) "," RELU ","
	          TOWERS(LIN(2), "") "," OUT "]}");
	/* Convolutions that do the relu and the pooling after them, and where they may not. */
	check_net(IMAGE(2,10,8) CONV("conv2d", 4) "," POOLED "," DROP ",{\"layer\":\"conv2d\",\"out\":6,"
	          "\"groups\":2,\"kernel\":[2,3],\"stride\":[1,2],\"padding\":[0,2]}," POOLED "," LAST "]}");
	check_net(IMAGE(2,4,6) CONV("conv2d", 4) "," BLOCK(POOLED "," CONV("conv2d", 5), POOLED ","
	          CONV("conv2d", 5)) "," RELU "," POOLED "," LAST "]}");
	check_net(IMAGE(16,8,12) CONV("conv2d", 16) "," POOLED "," CONV("conv2d", 17) "," POOLED "," LAST "]}");
	check_net(IMAGE(3,8,8) CONV("wsconv2d", 16) "," POOLED "," CONV("wsconv2d", 16) "," POOLED "," LAST "]}");
	check_net(IMAGE(3,8,8) CONV("loraconv2d", 16) "," POOLED "," CONV("loraconv2d", 16) "," POOLED "," LAST "]}");
	check_net(IMAGE(2,4,6) CONV("conv2d", 4) "," POOLED "," LAST "],\"features\":1}");
	check_net(IMAGE(2,4,6) CONV("conv2d", 4) "," POOLED "," LAST "],\"features\":2}");
	/* Blocks at the start of blocks: several read one activation. */
	check_net(VECTOR(4) LIN(4) "," BLOCK(BLOCK(RELU "," LIN(4), "") "," LIN(4), "") "," OUT "]}");
	check_net(VECTOR(4) LIN(4) "," BLOCK(BLOCK(BLOCK(LIN(4), RELU), FLAT) "," RELU,
	          BLOCK(FLAT "," LIN(4), "")) "," RELU "," BLOCK(BLOCK(RELU, ""), BLOCK(RELU, LIN(4))) "]}");
	/* A view of what an elementwise layer reads, too. */
	check_net(VECTOR(4) LIN(4) "," BLOCK(RELU "," LIN(4), FLAT "," LIN(4)) "," OUT "]}");
	check_net(VECTOR(4) LIN(4) "," BLOCK(RELU "," LIN(4), FLAT) "," OUT "]}");
	check_net("{\"input\":[6],\"layers\":[{\"layer\":\"linear\",\"out\":5},{\"layer\":\"relu\"}]}");
	tapped_nets();
	adapters();
}

/* Features are what their layer read, though a relu follows. */
static void features(void)
{
	struct fl_net net;
	struct fl_work k;
	const fl_real *f;
	fl_real *w;
	int negative = 0;

	if (!ok(!fl_net_build(&net, "{\"input\":[6],\"layers\":[{\"layer\":\"linear\",\"out\":20},"
	                      "{\"layer\":\"relu\"},{\"layer\":\"linear\",\"out\":2}],\"features\":1}",
	                      &e) && !fl_work_init(&k, &net, 1, 0, &e), "features before a relu"))
		return;
	w = vec(net.P);
	fl_net_init(&net, 1, w);
	memcpy(k.act[0], noise(6, 9), 6 * sizeof(fl_real));
	fl_net_forward(&net, &k, w, 1, 0, NULL);
	f = fl_net_features(&net, &k);
	for (size_t i = 0; i < net.features; i++)
		negative += f[i] < 0;
	ok(negative > 0, "survive it");
	fl_work_release(&k);
	fl_net_release(&net);
}

int main(void)
{
	struct golden t;

	layers();
	losses();
	nets();
	features();
	if (ok(!golden_open(&t, &e), "the golden record loads"))
		golden_step(&t, 1e-12);
	golden_close(&t);
	fl_arena_release(&arena);
	return tap_done();
}

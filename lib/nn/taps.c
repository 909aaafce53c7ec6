/* Taps: outputs of named layers side by side, and losses on them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "nn/arch.h"
#include "nn/taps.h"

enum { TAPS_MAX = 64, TAP_NAME = 64, TAP_OF = 64 };

static const char *const tap_keys[] = { "name", "of", "loss", "weight", NULL };

size_t fl_net_tap(const struct fl_net *net, const char *name)
{
	size_t i = 0;

	while (i < net->ntap && strcmp(net->tap[i].name, name))
		i++;
	return i;
}

int fl_net_need_tap(const struct fl_net *net, const char *name, size_t *tap, struct fl_err *e)
{
	struct fl_str all = FL_STR_INIT;
	int rc;

	if ((*tap = fl_net_tap(net, name)) < net->ntap)
		return 0;
	for (size_t i = 0; i < net->ntap; i++)
		fl_str_addf(&all, "%s%s", i ? ", " : "; it has ", net->tap[i].name);
	rc = fl_str_check(&all, e);
	if (!rc)
		rc = fl_fail(e, FL_EDATA, "the model has no tap '%s'%s", name, fl_str_c(&all));
	fl_str_release(&all);
	return rc;
}

void fl_net_tap_layers(const struct fl_net *net, size_t tap, unsigned char *layer)
{
	const struct fl_tap *t = &net->tap[tap];

	for (size_t k = 0; k < t->nof; k++)
		layer[t->of[k] - 1] = 1;
	for (size_t i = net->nlayer; i-- > 0;) {
		const struct fl_layer *l = &net->layer[i];

		if (layer[i] && l->from)
			layer[l->from - 1] = 1;
		if (layer[i] && l->entry->block && l->skip)
			layer[l->skip - 1] = 1;
	}
}

int fl_net_tap_compares(const struct fl_net *net, size_t tap)
{
	return fl_loss_compares((const struct fl_loss_entry *)net->tap[tap].loss.entry);
}

int fl_net_tap_whole(const struct fl_net *net, size_t tap, const unsigned char *has,
                     unsigned char *room)
{
	const struct fl_tap *t = &net->tap[tap];
	unsigned char *all = room, *any = room + net->nlayer;

	for (size_t i = 0; i < net->nlayer; i++) {
		const struct fl_layer *l = &net->layer[i];
		size_t a = l->from - 1, b = l->entry->block ? l->skip - 1 : a;

		if (l->part != SIZE_MAX) {
			all[i] = any[i] = has[l->part];
			continue;
		}
		any[i] = any[a] || any[b];
		all[i] = l->entry->presence ? any[i] : all[a] && all[b];
	}
	for (size_t k = 0; k < t->nof; k++)
		if (!all[t->of[k] - 1])
			return 0;
	return 1;
}

/* --- reading and printing --- */

/* Names stand in specs and in fields of results. */
static int set_name(struct fl_net *net, struct fl_tap *t, const json_t *v, struct fl_err *e)
{
	const char *s = json_string_value(v);
	size_t n = s ? strlen(s) : 0;

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
			n = 0;
	if (!n || n > TAP_NAME)
		return fl_fail(e, FL_EUSAGE, "name: not a word of 1 to %d letters, digits, '_', '-' and "
		               "'.'", TAP_NAME);
	if (fl_net_tap(net, s) < net->ntap)
		return fl_fail(e, FL_EUSAGE, "name: two taps are called '%s'", s);
	return (t->name = fl_arena_str(&net->arena, s, e)) ? 0 : -1;
}

static int set_of(struct fl_net *net, struct fl_tap *t, const json_t *v, struct fl_err *e)
{
	size_t n = json_array_size(v);

	if (!n || n > TAP_OF)
		return fl_fail(e, FL_EUSAGE, "of: not a list of 1 to %d names of layers", TAP_OF);
	if (!(t->of = fl_arena_get(&net->arena, n, sizeof *t->of, e)))
		return -1;
	for (; t->nof < n; t->nof++) {
		const char *s = json_string_value(json_array_get(v, t->nof));
		size_t i;

		if (!s)
			return fl_fail(e, FL_EUSAGE, "of: not a list of names");
		if ((i = fl_arch_layer(net, NULL, s, e)) == SIZE_MAX)
			return fl_fail_in(e, "of");
		t->of[t->nof] = i + 1;
	}
	return 0;
}

static int set_loss(struct fl_net *net, struct fl_tap *t, const json_t *loss,
                    const json_t *weight, struct fl_err *e)
{
	if (!loss && weight)
		return fl_fail(e, FL_EUSAGE, "weight: there is no loss");
	if (!loss)
		return 0;
	if (!json_string_value(loss))
		return fl_fail(e, FL_EUSAGE, "loss: not a word");
	if (fl_spec_parse(&fl_family_loss, json_string_value(loss), &net->arena, &t->loss, e))
		return fl_fail_in(e, "loss");
	return fl_arch_weight(weight, &t->weight, e);
}

static int read_tap(struct fl_net *net, json_t *o, struct fl_tap *t, struct fl_err *e)
{
	*t = (struct fl_tap){ .name = NULL };
	if (!json_is_object(o))
		return fl_fail(e, FL_EUSAGE, "not an object");
	return fl_arch_keys(o, tap_keys, e) || set_name(net, t, json_object_get(o, "name"), e) ||
	       set_of(net, t, json_object_get(o, "of"), e) ||
	       set_loss(net, t, json_object_get(o, "loss"), json_object_get(o, "weight"), e) ? -1 : 0;
}

int fl_taps_read(struct fl_net *net, json_t *v, struct fl_err *e)
{
	size_t n = json_array_size(v);

	if (!v)
		return 0;
	if (!json_is_array(v) || n > TAPS_MAX)
		return fl_fail(e, FL_EUSAGE, "taps: not a list of at most %d taps", TAPS_MAX);
	if (!(net->tap = fl_arena_zero(&net->arena, n, sizeof *net->tap, e)))
		return -1;
	for (; net->ntap < n; net->ntap++)
		if (read_tap(net, json_array_get(v, net->ntap), &net->tap[net->ntap], e))
			return fl_fail_in(e, "taps[%zu]", net->ntap);
	return 0;
}

static void print_tap(const struct fl_net *net, const struct fl_tap *t, struct fl_str *out)
{
	struct fl_str loss = FL_STR_INIT;

	fl_str_addf(out, "{\"name\":\"%s\",\"of\":", t->name);
	for (size_t i = 0; i < t->nof; i++) {
		fl_str_addc(out, i ? ',' : '[');
		fl_arch_quote(net->layer[t->of[i] - 1].name, out);
	}
	fl_str_addc(out, ']');
	if (t->loss.entry) {
		fl_spec_print(&t->loss, &loss);
		fl_str_add(out, ",\"loss\":");
		fl_arch_quote(fl_str_c(&loss), out);
		fl_str_add(out, ",\"weight\":");
		fl_str_addnum(out, t->weight);
	}
	fl_str_release(&loss);
	fl_str_addc(out, '}');
}

void fl_taps_print(const struct fl_net *net, struct fl_str *out)
{
	for (size_t i = 0; i < net->ntap; i++) {
		fl_str_add(out, i ? "," : ",\"taps\":[");
		print_tap(net, &net->tap[i], out);
	}
	if (net->ntap)
		fl_str_addc(out, ']');
}

/* --- shapes --- */

static int tapped(const struct fl_net *net, size_t at)
{
	for (size_t i = 0; i < net->ntap; i++)
		for (size_t k = 0; k < net->tap[i].nof; k++)
			if (net->tap[i].of[k] == at)
				return 1;
	return 0;
}

static int has_reader(const struct fl_net *net, size_t at)
{
	for (size_t i = at; i < net->nlayer; i++)
		if (net->layer[i].from == at || (net->layer[i].entry->block && net->layer[i].skip == at))
			return 1;
	return at == net->nlayer;
}

static int find_leaves(struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < net->nlayer; i++) {
		struct fl_layer *l = &net->layer[i];

		l->leaf = !has_reader(net, i + 1);
		if (l->leaf && !tapped(net, i + 1))
			return fl_fail(e, FL_EUSAGE, "%s: nothing reads its outputs", l->at);
	}
	return 0;
}

static int check_loss(struct fl_net *net, const struct fl_tap *t, struct fl_err *e)
{
	const struct fl_loss_entry *l = (const struct fl_loss_entry *)t->loss.entry;
	size_t n;

	if (!l)
		return 0;
	if (l->classes && t->C != net->classes)
		return fl_fail(e, FL_EUSAGE, "%zu numbers for the net's %zu classes", t->C, net->classes);
	if (l->check && l->check(t->loss.p, t->C, e))
		return -1;
	n = l->targets ? l->targets(t->loss.p, t->C) : 0;
	if (n && net->targets && n != net->targets)
		return fl_fail(e, FL_EUSAGE, "wants targets of %zu numbers where others want %zu", n,
		               net->targets);
	net->targets = n ? n : net->targets;
	return 0;
}

int fl_taps_shape(struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < net->ntap; i++) {
		struct fl_tap *t = &net->tap[i];

		for (size_t k = 0; k < t->nof; k++)
			t->C += fl_shape_count(&net->layer[t->of[k] - 1].out);
		if (t->C > FL_NET_MAX)
			return fl_fail(e, FL_EUSAGE, "taps[%zu]: more than %zu numbers", i, FL_NET_MAX);
		if (check_loss(net, t, e))
			return t->loss.entry ? fl_fail_in(e, "taps[%zu]: loss: %s", i, t->loss.entry->name) : -1;
	}
	return find_leaves(net, e);
}

/* --- a step --- */

int fl_taps_init(struct fl_work *k, const struct fl_net *net, int training, struct fl_err *e)
{
	k->weight = net->weight;
	if (!net->ntap)
		return 0;
	if (!(k->tap = fl_arena_zero(&k->arena, net->ntap, sizeof *k->tap, e)))
		return -1;
	for (size_t i = 0; i < net->ntap; i++) {
		const struct fl_tap *t = &net->tap[i];
		struct fl_tap_work *w = &k->tap[i];
		size_t n;

		w->weight = t->weight;
		if (fl_mul(k->B, t->C, &n))
			return fl_fail_mem(e, SIZE_MAX);
		if ((t->nof > 1 && !(w->z = fl_arena_get(&k->arena, n, sizeof *w->z, e))) ||
		    (training && !(w->dz = fl_arena_get(&k->arena, n, sizeof *w->dz, e))))
			return -1;
	}
	return 0;
}

const fl_real *fl_net_tapped(const struct fl_net *net, struct fl_work *k, size_t tap, size_t B)
{
	const struct fl_tap *t = &net->tap[tap];
	fl_real *z = k->tap[tap].z;

	if (!z)
		return k->act[t->of[0]];
	for (size_t i = 0, at = 0, n; i < t->nof; i++, at += n) {
		const fl_real *x = k->act[t->of[i]];

		n = fl_shape_count(&net->layer[t->of[i] - 1].out);
		for (size_t b = 0; b < B; b++)
			memcpy(z + b * t->C + at, x + b * n, n * sizeof *z);
	}
	return z;
}

static double loss_of(const struct fl_net *net, struct fl_work *k, size_t tap, const int32_t *y,
                      size_t B, fl_real *dz)
{
	const struct fl_tap *t = &net->tap[tap];
	struct fl_batch b = fl_work_batch(net, k, y, B);

	b.C = t->C;
	b.z = fl_net_tapped(net, k, tap, B);
	b.dz = dz;
	return ((const struct fl_loss_entry *)t->loss.entry)->loss(t->loss.p, &b);
}

double fl_net_tap_loss(const struct fl_net *net, struct fl_work *k, size_t tap, const int32_t *y,
                       size_t B)
{
	return loss_of(net, k, tap, y, B, NULL);
}

double fl_taps_loss(const struct fl_net *net, struct fl_work *k, const int32_t *y, size_t B,
                    int grad)
{
	double sum = 0;

	for (size_t i = 0; i < net->ntap; i++) {
		struct fl_tap_work *w = &k->tap[i];
		fl_real by = (fl_real)w->weight;

		if (!net->tap[i].loss.entry || !(w->weight > 0))
			continue;
		sum += w->weight * loss_of(net, k, i, y, B, grad ? w->dz : NULL);
		w->add = grad;
		for (size_t j = 0; grad && j < B * net->tap[i].C; j++)
			w->dz[j] *= by;
	}
	return sum;
}

fl_real *fl_net_tap_gradient(const struct fl_net *net, struct fl_work *k, size_t tap, size_t B)
{
	struct fl_tap_work *w = &k->tap[tap];

	if (!w->add)
		memset(w->dz, 0, B * net->tap[tap].C * sizeof *w->dz);
	w->add = 1;
	return w->dz;
}

/* d(B,n) += columns from at on of the tap's gradient. */
static void add_columns(const struct fl_tap *t, const fl_real *dz, size_t at, fl_real *d, size_t B,
                        size_t n)
{
	for (size_t b = 0; b < B; b++, dz += t->C, d += n)
		for (size_t j = 0; j < n; j++)
			d[j] += dz[at + j];
}

void fl_taps_back(const struct fl_net *net, struct fl_work *k, size_t at, size_t B)
{
	size_t n = fl_shape_count(&net->layer[at - 1].out);

	if (net->layer[at - 1].leaf)
		memset(k->dact[at], 0, B * n * sizeof *k->dact[at]);
	for (size_t i = 0; i < net->ntap; i++) {
		const struct fl_tap *t = &net->tap[i];
		size_t column = 0;

		for (size_t j = 0; j < t->nof && k->tap[i].add; j++) {
			if (t->of[j] == at)
				add_columns(t, k->tap[i].dz, column, k->dact[at], B, n);
			column += fl_shape_count(&net->layer[t->of[j] - 1].out);
		}
	}
}

/* Tensors of a copy: blocks of the model's, or rows and columns of it several times. */
#include <stdint.h>
#include <string.h>

#include "reshape/job.h"
#include "tensor/slice.h"

/* One tensor of the next net. */
struct piece {
	const struct fl_tensor *from;	/* the model's */
	struct fl_block block;
	const double *part;		/* (dim[1]) what each column counts, or NULL */
	int same;			/* it is the whole */
};

/* Where along an activation's first dimension each entry of the copy comes from, times numbers
 * for each entry: into at, which has room for n. Returns how many they are. */
static size_t expand(const struct fl_reshape_job *j, const struct fl_unit_act *act, size_t times,
                     size_t *at, double *part, size_t n)
{
	size_t base = 0, m = 0;

	for (size_t s = 0; s < act->n; s++) {
		size_t g = fl_unit_root(&j->map, act->seg[s].group), units = j->map.group[g].n;
		size_t each = act->seg[s].each * times;
		const struct fl_pick *q = &j->pick[g];

		for (size_t u = 0; u < (q->n ? q->n : units); u++)
			for (size_t k = 0; k < each; k++, m++)
				if (m < n) {
					at[m] = base + (q->n ? q->of[u] : u) * each + k;
					part[m] = q->n ? q->part[u] : 1;
				}
		base += units * each;
	}
	return m;
}

static int is_picked(const struct fl_reshape_job *j, const struct fl_unit_act *act)
{
	size_t s = 0;

	while (s < act->n && !j->pick[fl_unit_root(&j->map, act->seg[s].group)].n)
		s++;
	return s < act->n;
}

/* Dimension d of parameter k of the layer, n long in the copy. */
static int set_dim(struct fl_reshape_job *j, size_t layer, unsigned k, unsigned d, size_t n,
                   struct piece *q, struct fl_err *e)
{
	const struct fl_net *net = &j->net;
	size_t times, old = net->layer[layer].param[k].dim[d], *at;
	int reads;
	size_t a = fl_unit_dim(net, layer, k, d, &times, &reads);
	double *part;

	if (!(at = fl_arena_get(&j->arena, n, sizeof *at, e)) ||
	    !(part = fl_arena_get(&j->arena, n, sizeof *part, e)))
		return -1;
	q->block.dim[d] = n;
	q->block.at[d] = at;
	if (a != SIZE_MAX && is_picked(j, &j->map.act[a])) {
		if (expand(j, &j->map.act[a], times, at, part, n) != n)
			return -1;
		q->part = reads && j->r->grows ? part : q->part;
	} else if (n != old)
		return -1;
	else
		for (size_t i = 0; i < n; i++)
			at[i] = i;
	for (size_t i = 0; i < n; i++)
		q->same &= n == old && at[i] == i;
	return 0;
}

/* The layer of old parameter i, and which of that layer's it is. */
static unsigned place_of(const struct fl_net *net, size_t i, size_t *layer)
{
	unsigned k = 0;

	*layer = net->param[i].layer;
	while (net->layer[*layer].off[k] != net->param[i].off)
		k++;
	return k;
}

/* What parameter i of the model's net becomes as q of the next. */
static int set_piece(struct fl_reshape_job *j, size_t i, const struct fl_net_param *next,
                     struct piece *q, struct fl_err *e)
{
	const struct fl_net_param *old = &j->net.param[i];
	size_t layer;
	unsigned k = place_of(&j->net, i, &layer);
	const struct fl_layer *l = &j->net.layer[layer];

	*q = (struct piece){ .from = fl_tset_find(j->model, old->name), .same = 1 };
	q->block.ndim = old->ndim;
	for (unsigned d = 0; d < old->ndim && old->ndim == next->ndim; d++)
		if (set_dim(j, layer, k, d, next->dim[d], q, e))
			return e && e->code ? -1 : fl_fail(e, FL_EDATA, "%s: %s: tensor '%s' cannot be cut by "
			                                   "units", l->name, l->entry->e.name, old->name);
	if (q->from->dtype != FL_F32)
		return fl_fail(e, FL_EDATA, "tensor '%s' is %s, want F32", old->name,
		               fl_dtype_name(q->from->dtype));
	return old->ndim == next->ndim ? 0 : fl_fail(e, FL_EDATA, "tensor '%s' has other dimensions",
	                                             old->name);
}

/* y = the block of x(as q->from is shaped). */
static void gather(const struct piece *q, const float *x, float *y)
{
	static const size_t only[] = { 0 };
	const struct fl_block *b = &q->block;
	unsigned last = b->ndim ? b->ndim - 1 : 0;
	size_t n = b->ndim ? b->dim[last] : 1, rows = 1;
	const size_t *col = b->ndim ? b->at[last] : only;

	for (unsigned d = 0; d < last; d++)
		rows *= b->dim[d];
	for (size_t row = 0; row < rows; row++, y += n) {
		size_t at = 0, stride = b->ndim ? q->from->dim[last] : 1, rest = row, second = 0;

		for (unsigned d = last; d-- > 0;) {
			second = d == 1 ? rest % b->dim[d] : second;
			at += b->at[d][rest % b->dim[d]] * stride;
			rest /= b->dim[d];
			stride *= q->from->dim[d];
		}
		for (size_t i = 0; i < n; i++)
			y[i] = q->part ? (float)((double)x[at + col[i]] * q->part[last == 1 ? i : second]) :
			                 x[at + col[i]];
	}
}

static int add_copy(const struct piece *q, const char *name, const struct fl_tensor *x,
                    struct fl_tset *out, struct fl_err *e)
{
	struct fl_tensor *t;

	if (q->same)
		return fl_tset_copy(out, name, x, e) ? 0 : -1;
	if (!(t = fl_tset_add(out, name, FL_F32, q->block.ndim, q->block.dim, NULL, e)))
		return -1;
	gather(q, x->data, t->data);
	return 0;
}

/* A new layer changes nothing: weight (o,i,...) is 1 in the middle where o is i. */
static int add_identity(const struct fl_net_param *q, struct fl_tset *out, struct fl_err *e)
{
	struct fl_tensor *t = fl_tset_add(out, q->name, FL_F32, q->ndim, q->dim, NULL, e);
	size_t field = 1;

	if (!t)
		return -1;
	for (unsigned d = 2; d < q->ndim; d++)
		field *= q->dim[d];
	for (size_t o = 0; q->ndim > 1 && o < q->dim[0]; o++)
		((float *)t->data)[(o * q->dim[1] + o) * field + field / 2] = 1;
	return 0;
}

/* --- fl.slice --- */

/* The largest number of ranges: where they end. */
static size_t extent(const json_t *v)
{
	size_t most = json_is_integer(v) && json_integer_value(v) > 0 ? (size_t)json_integer_value(v) : 0;

	for (size_t i = 0; i < json_array_size(v); i++) {
		size_t n = extent(json_array_get(v, i));

		most = n > most ? n : most;
	}
	return most;
}

/* Where the model is a part itself: the block of what that was cut from. */
static int within(struct fl_reshape_job *j, const json_t *ranges, const struct piece *q,
                  struct fl_block *out, struct fl_err *e)
{
	size_t dim[FL_ST_NDIM_MAX];
	struct fl_tensor whole = *q->from;
	struct fl_block outer;

	for (unsigned d = 0; d < whole.ndim; d++) {
		dim[d] = extent(json_array_get(ranges, d));
		if (dim[d] > FL_NET_MAX)
			return fl_fail(e, FL_EDATA, "a range ends at %zu", dim[d]);
	}
	whole.dim = dim;
	return fl_block_read(ranges, q->from, &whole, &j->arena, &outer, e) ||
	       fl_block_within(&q->block, &outer, &j->arena, out, e) ? -1 : 0;
}

static int add_ranges(struct fl_reshape_job *j, const json_t *old, const struct piece *q,
                      struct fl_str *slice, struct fl_err *e)
{
	const json_t *ranges = json_object_get(old, q->from->name);
	struct fl_block b = q->block;

	if (ranges && within(j, ranges, q, &b, e))
		return fl_fail_in(e, "fl.slice: tensor '%s'", q->from->name);
	if (q->same && !ranges)
		return 0;
	fl_str_addc(slice, slice->len ? ',' : '{');
	fl_str_addjson(slice, q->from->name);
	fl_str_addc(slice, ':');
	fl_block_print(&b, slice);
	return 0;
}

static int set_slice(struct fl_str *slice, struct fl_tset *out, struct fl_err *e)
{
	if (slice->len)
		fl_str_addc(slice, '}');
	if (fl_str_check(slice, e))
		return -1;
	return slice->len ? fl_meta_set(out, "fl.slice", fl_str_c(slice), e) : 0;
}

/* --- what methods keep of each parameter --- */

/* The parameter that an extra tensor "@method/NAME" or "@method/what/NAME" is of, or NULL. */
static const struct fl_tensor *parameter_of(const struct fl_tset *model, const struct fl_tensor *x)
{
	const struct fl_tensor *t = NULL;
	const char *name = x->name;

	for (int i = 0; i < 2 && !t && (name = strchr(name, '/')); i++)
		t = fl_tset_find(model, ++name);
	return t && x->dtype == FL_F32 && fl_tensor_same_shape(t, x) ? t : NULL;
}

/* Of a part, extras of a tensor are cut as it is, and go where it goes. */
static int copy_extras(struct fl_reshape_job *j, const struct piece *piece, size_t n,
                       struct fl_tset *out, struct fl_err *e)
{
	for (size_t i = 0; i < j->model->nt; i++) {
		const struct fl_tensor *x = &j->model->t[i], *t;
		size_t k = 0;

		if (!fl_tensor_is_extra(x))
			continue;
		t = parameter_of(j->model, x);
		while (t && k < n && piece[k].from != t)
			k++;
		if (t && k == n)
			continue;
		if (t ? add_copy(&piece[k], x->name, x, out, e) : !fl_tset_copy(out, NULL, x, e))
			return -1;
	}
	return 0;
}

/* --- all --- */

/* Which parameter of the model's net each of its tensors is: (nt) of i + 1. */
static size_t *index_params(struct fl_reshape_job *j, struct fl_err *e)
{
	size_t *at = fl_arena_zero(&j->arena, j->model->nt, sizeof *at, e);

	for (size_t i = 0; at && i < j->net.nparam; i++)
		at[fl_tset_find(j->model, j->net.param[i].name) - j->model->t] = i + 1;
	return at;
}

/* Every tensor of the next net; pieces of the model's go to piece, which has room for all. */
static int copy_params(struct fl_reshape_job *j, const json_t *old, struct piece *piece,
                       size_t *n, struct fl_str *slice, struct fl_tset *out, struct fl_err *e)
{
	size_t *at = index_params(j, e);

	for (size_t i = 0; at && i < j->next.nparam; i++) {
		const struct fl_net_param *q = &j->next.param[i];
		const struct fl_tensor *t = fl_tset_find(j->model, q->name);

		if (!t || !at[t - j->model->t]) {
			if (add_identity(q, out, e))
				return -1;
			continue;
		}
		if (set_piece(j, at[t - j->model->t] - 1, q, &piece[*n], e) ||
		    add_copy(&piece[*n], q->name, t, out, e) ||
		    (j->part && add_ranges(j, old, &piece[*n], slice, e)))
			return -1;
		(*n)++;
	}
	return at ? 0 : -1;
}

int fl_reshape_copy(struct fl_reshape_job *j, struct fl_tset *out, struct fl_err *e)
{
	const char *text = j->part ? fl_meta_get(j->model, "fl.slice") : NULL;
	struct piece *piece = fl_arena_get(&j->arena, j->next.nparam, sizeof *piece, e);
	json_t *old = text && piece ? fl_slice_load(text, e) : NULL;
	struct fl_str slice = FL_STR_INIT;
	size_t n = 0;
	int rc = !piece || (text && !old) ? -1 : 0;

	if (rc && text && piece)
		fl_fail_in(e, "fl.slice");
	if (!rc)
		rc = copy_params(j, old, piece, &n, &slice, out, e) ||
		     (!j->r->grows && copy_extras(j, piece, n, out, e)) ||
		     set_slice(&slice, out, e) ? -1 : 0;
	json_decref(old);
	fl_str_release(&slice);
	return rc;
}

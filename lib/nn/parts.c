/* Parts of an example, as an architecture names them. */
#include "nn/parts.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/arch.h"

static const char first_name[] = "text";

int fl_part_is_name(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
			return 0;
	return n && n <= FL_PART_NAME;
}

int fl_part_order(const char *a, const char *b)
{
	int first = !strcmp(a, first_name), second = !strcmp(b, first_name);

	return first || second ? second - first : strcmp(a, b);
}

static int by_order(const void *a, const void *b)
{
	const struct fl_net_part *p = a, *q = b;

	return fl_part_order(p->name, q->name);
}

/* --- reading and printing --- */

static int read_part(struct fl_net *net, const char *name, const json_t *v, struct fl_net_part *p,
                     struct fl_err *e)
{
	json_t *one;
	int rc;

	if (!fl_part_is_name(name))
		return fl_fail(e, FL_EUSAGE, "'%.80s' is not a word of 1 to %d letters, digits, '_', '-' and "
		               "'.'", name, FL_PART_NAME);
	one = json_is_integer(v) ? json_pack("[O]", v) : json_incref((json_t *)v);
	rc = one ? fl_arch_sizes(one, name, &p->shape, e) : fl_fail_mem(e, sizeof *p);
	json_decref(one);
	if (rc)
		return -1;
	p->n = fl_shape_count(&p->shape);
	return (p->name = fl_arena_str(&net->arena, name, e)) ? 0 : -1;
}

int fl_parts_read(struct fl_net *net, const json_t *v, struct fl_err *e)
{
	size_t n = json_object_size(v), at = 0;
	const char *name;
	json_t *o;

	if (!n || n > FL_PARTS_MAX)
		return fl_fail(e, FL_EUSAGE, "parts: not an object of 1 to %d names and sizes", FL_PARTS_MAX);
	if (!(net->part = fl_arena_zero(&net->arena, n, sizeof *net->part, e)))
		return -1;
	json_object_foreach((json_t *)v, name, o)
		if (read_part(net, name, o, &net->part[net->npart++], e))
			return fl_fail_in(e, "parts");
	qsort(net->part, n, sizeof *net->part, by_order);
	for (size_t i = 0; i < n; i++) {
		net->part[i].at = at;
		if ((at += net->part[i].n) > FL_NET_MAX)
			return fl_fail(e, FL_EUSAGE, "parts: the shape is too large");
	}
	net->in = (struct fl_shape){ 1, { at } };
	return 0;
}

void fl_parts_print(const struct fl_net *net, struct fl_str *out)
{
	for (size_t i = 0; i < net->npart; i++) {
		const struct fl_shape *s = &net->part[i].shape;

		fl_str_addf(out, "%s\"%s\":[", i ? "," : "\"parts\":{", net->part[i].name);
		for (unsigned k = 0; k < s->ndim; k++)
			fl_str_addf(out, "%s%zu", k ? "," : "", s->d[k]);
		fl_str_addc(out, ']');
	}
	fl_str_addc(out, '}');
}

/* --- what layers ask --- */

int fl_parts_check(const struct fl_net *net, struct fl_err *e)
{
	for (size_t i = 0; i < net->nlayer && net->npart; i++) {
		const struct fl_layer *l = &net->layer[i];

		if ((!l->from && !l->entry->part) || (l->entry->block && !l->skip))
			return fl_fail(e, FL_EUSAGE, "%s: %s reads all parts at once; layer part takes one: "
			               "{\"layer\":\"part\",\"of\":\"%s\"}", l->at, l->entry->e.name,
			               net->part[0].name);
	}
	return 0;
}

size_t fl_part_find(const struct fl_layer *l, const char *name, struct fl_err *e)
{
	struct fl_str all = FL_STR_INIT;

	for (size_t i = 0; i < l->nparts; i++)
		if (!strcmp(l->parts[i].name, name))
			return i;
	for (size_t i = 0; i < l->nparts; i++)
		fl_str_addf(&all, "%s%s", i ? ", " : "; there are ", l->parts[i].name);
	if (!fl_str_check(&all, e))
		fl_fail(e, FL_EUSAGE, l->nparts ? "no part is called '%s'%s" : "the architecture has no "
		        "\"parts\", such as '%s'%s", name, fl_str_c(&all));
	fl_str_release(&all);
	return SIZE_MAX;
}

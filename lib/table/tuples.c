#include "table/tuples.h"

#include <stdlib.h>
#include <string.h>

#include "data/words.h"

/* FNV-1a over the texts and their ends; equal in every process, though nothing that is
 * written depends on it. */
static uint64_t hash_texts(const char *const *text, size_t width)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t k = 0; k < width; k++) {
		const char *c = text[k];

		do
			h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		while (*c++);
	}
	return h ^ h >> 32;
}

const char *const *fl_tuples_get(const struct fl_tuples *t, size_t i)
{
	return t->text + i * t->width;
}

int fl_tuples_same(const struct fl_tuples *t, size_t i, const char *const *text)
{
	for (size_t k = 0; k < t->width; k++)
		if (strcmp(fl_tuples_get(t, i)[k], text[k]))
			return 0;
	return 1;
}

/* The slot of this tuple, or the free one where it would go. */
static size_t find_slot(const struct fl_tuples *t, const char *const *text)
{
	size_t at = hash_texts(text, t->width) & (t->nslot - 1);

	while (t->slot[at] && !fl_tuples_same(t, t->slot[at] - 1, text))
		at = (at + 1) & (t->nslot - 1);
	return at;
}

/* Keeps slots at most half full. */
static int grow_slots(struct fl_tuples *t, struct fl_err *e)
{
	if (2 * (t->n + 1) <= t->nslot)
		return 0;
	free(t->slot);
	t->nslot = t->nslot ? 2 * t->nslot : 64;
	if (!(t->slot = fl_alloc(t->nslot, sizeof *t->slot, e)))
		return -1;
	for (size_t i = 0; i < t->n; i++)
		t->slot[find_slot(t, fl_tuples_get(t, i))] = (uint32_t)i + 1;
	return 0;
}

int fl_tuples_add(struct fl_tuples *t, const char *const *text, struct fl_arena *a,
                  uint32_t *number, struct fl_err *e)
{
	size_t at;

	if (grow_slots(t, e))
		return -1;
	at = find_slot(t, text);
	if (t->slot[at]) {
		*number = t->slot[at] - 1;
		return 0;
	}
	if (t->n >= UINT32_MAX / 2)
		return fl_fail(e, FL_EDATA, "more than %zu different keys", t->n);
	if (fl_grow(&t->text, &t->cap, t->n + 1, (t->width ? t->width : 1) * sizeof *t->text, e))
		return -1;
	for (size_t k = 0; k < t->width; k++)
		if (!(t->text[t->n * t->width + k] = fl_arena_str(a, text[k], e)))
			return -1;
	*number = (uint32_t)t->n++;
	t->slot[at] = *number + 1;
	return 0;
}

struct fl_ordered {
	const struct fl_tuples *t;
	uint32_t i;
};

static int in_order(const void *pa, const void *pb)
{
	const struct fl_ordered *a = pa, *b = pb;

	for (size_t k = 0; k < a->t->width; k++) {
		struct fl_word x = fl_word_of(fl_tuples_get(a->t, a->i)[k]);
		struct fl_word y = fl_word_of(fl_tuples_get(b->t, b->i)[k]);
		int order = fl_word_order(&x, &y);

		if (!order)	/* one number, written in two ways */
			order = strcmp(x.s, y.s);
		if (order)
			return order;
	}
	return 0;
}

int fl_tuples_order(const struct fl_tuples *t, uint32_t *place, struct fl_err *e)
{
	struct fl_ordered *o = fl_alloc(t->n ? t->n : 1, sizeof *o, e);

	if (!o)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		o[i] = (struct fl_ordered){ t, (uint32_t)i };
	qsort(o, t->n, sizeof *o, in_order);
	for (size_t i = 0; i < t->n; i++)
		place[o[i].i] = (uint32_t)i;
	free(o);
	return 0;
}

int fl_tuples_move(struct fl_tuples *t, const uint32_t *place, struct fl_err *e)
{
	size_t width = t->width;
	const char **text = fl_alloc(t->n * width + 1, sizeof *text, e);

	if (!text)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < width; k++)
			text[place[i] * width + k] = t->text[i * width + k];
	free(t->text);
	t->text = text;
	return 0;
}

void fl_tuples_say(const struct fl_tuples *t, size_t i, const char *const *name,
                   struct fl_str *out)
{
	for (size_t k = 0; k < t->width; k++)
		fl_str_addf(out, "%s%s=%s", k ? ", " : "", name[k], fl_tuples_get(t, i)[k]);
}

void fl_tuples_label(const struct fl_tuples *t, size_t i, struct fl_str *out)
{
	for (size_t k = 0; k < t->width; k++)
		fl_str_addf(out, "%s%s", k ? ", " : "", fl_tuples_get(t, i)[k]);
}

void fl_tuples_release(struct fl_tuples *t)
{
	free(t->text);
	free(t->slot);
	*t = (struct fl_tuples){ .width = t->width };
}

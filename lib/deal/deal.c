/* A data set dealt out: which example is whose, and what is held out. */
#include "deal/deal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "part/holdout.h"

#define CELLS_MAX ((size_t)1 << 27)	/* of the counts matrix: 1 GiB */

const char *const fl_leaks_name[] = { "warn", "refuse", "allow", NULL };

/* fl.client of the k-th client. */
static int64_t number_of(const struct fl_deal *d, size_t k)
{
	return d->how.first + (int64_t)k;
}

static int check_leaks(const struct fl_deal *d, struct fl_err *e)
{
	const struct fl_part *s = &d->split;
	const char *advice = d->how.groups ? "a scheme with unit=group keeps it with one client" :
	                     "--test-groups holds whole groups out";
	struct fl_leak l;
	char *text;

	if (d->how.leaks == FL_LEAKS_ALLOW)
		return 0;
	if (fl_holdout_leaks(s, d->held, &l, e))
		return -1;
	if (!l.n)
		return 0;
	text = fl_arena_fmt(d->arena, e, "%s: %zu of %zu groups are in both training and test parts, "
	                    "such as group %" PRId64 ", of client %" PRId64 " to train on and of client %"
	                    PRId64 " to test: %s", d->data->name, l.n, l.groups, s->group[l.train],
	                    number_of(d, s->owner[l.train]), number_of(d, s->owner[l.test]), advice);
	if (!text)
		return -1;
	if (d->how.leaks == FL_LEAKS_REFUSE)
		return fl_fail(e, FL_EDATA, "%s", text);
	fl_say(FL_LOG_WARN, "%s", text);
	return 0;
}

static int hold_out(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_holdout how = {
		.frac = d->how.frac, .groups = d->how.groups, .first = d->how.first,
	};

	if (isnan(how.frac))
		return 0;
	d->held = fl_arena_get(d->arena, d->split.N, 1, e);
	return d->held && !fl_holdout_draw(&d->split, &how, d->held, e) ? check_leaks(d, e) : -1;
}

/* Scales and fillings that wait for it, from what is trained on at all clients. */
static int settle(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_part *s = &d->split;
	unsigned char *use = fl_alloc(s->N, 1, e);
	int rc;

	if (!use)
		return -1;
	for (size_t i = 0; i < s->N; i++)
		use[i] = (unsigned char)fl_portion_has(s, d->held, d->held ? FL_PORTION_TRAIN :
		                                       FL_PORTION_ALL, i);
	rc = fl_data_settle(d->data, use, e);
	free(use);
	return rc;
}

/* A client of one group has its name, in whatever part. */
static int name_clients(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_part *s = &d->split;
	const int64_t **one;

	if (!d->data->ncalled)
		return 0;
	one = fl_arena_zero(d->arena, s->K, sizeof *one, e);
	d->name = fl_arena_zero(d->arena, s->K, sizeof *d->name, e);
	if (!one || !d->name)
		return -1;
	for (size_t i = 0; i < s->N; i++) {
		uint32_t k = s->owner[i];

		if (k == FL_PART_DROPPED)
			continue;
		if (!one[k])
			d->name[k] = fl_data_called(d->data, s->group[i]);
		else if (*one[k] != s->group[i])
			d->name[k] = NULL;
		one[k] = &s->group[i];
	}
	return 0;
}

static void inputs(const void *ctx, const uint32_t *idx, size_t n, float *out)
{
	fl_data_batch(ctx, idx, 0, n, out, NULL);
}

/* To a scheme, what is not labelled is a class of its own, after the others. */
static int set_classes(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_data *data = d->data;
	struct fl_part *s = &d->split;
	int32_t *y;

	s->y = data->y;
	s->C = data->C;
	if (!data->unlabelled)
		return 0;
	if (!(y = fl_arena_get(d->arena, data->N, sizeof *y, e)))
		return -1;
	for (size_t i = 0; i < data->N; i++)
		y[i] = data->y[i] < 0 ? (int32_t)data->C : data->y[i];
	s->y = y;
	s->C++;
	return 0;
}

static int count_clients(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_by *by = (const struct fl_by *)d->how.by->entry;
	struct fl_part *s = &d->split;
	size_t cells;

	if (d->how.clients != FL_UNSET)
		s->K = (size_t)d->how.clients;
	else if (!by->clients)
		return fl_fail(e, FL_EUSAGE, "--by %s wants --clients", by->e.name);
	else if (by->clients(d->how.by->p, s, &s->K, e))
		return -1;
	if (s->K > s->N)
		return fl_fail(e, FL_EDATA, "%s: %zu clients want at least as many examples, not %zu: "
		               "client %zu would have 0", d->data->name, s->K, s->N, s->N);
	if (fl_mul(s->K, s->C, &cells) || cells > CELLS_MAX)
		return fl_fail(e, FL_EDATA, "%s: %zu clients times %zu classes: more than %zu counts",
		               d->data->name, s->K, s->C, CELLS_MAX);
	return 0;
}

/* What a scheme is given. */
static int prepare(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_by *by = (const struct fl_by *)d->how.by->entry;
	struct fl_part *s = &d->split;
	int64_t *group;

	*s = (struct fl_part){
		.N = d->data->N, .seed = (uint64_t)d->how.seed,
		.x = d->data->lacking ? NULL : inputs, .ctx = d->data, .d = d->data->d, .arena = d->arena,
	};
	/* Schemes that look at inputs come before it is known what is trained on. */
	if (fl_data_settle(d->data, NULL, e) || set_classes(d, e) ||
	    fl_data_group(d->data, d->arena, &group, e))
		return -1;
	s->group = group;
	if (count_clients(d, e))
		return -1;
	return by->resolve ? by->resolve(d->how.by->p, s, e) : 0;
}

static int split_data(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_by *by = (const struct fl_by *)d->how.by->entry;
	struct fl_part *s = &d->split;
	size_t dropped = 0;

	if (!(s->owner = fl_arena_get(d->arena, s->N, sizeof *s->owner, e)) ||
	    by->split(d->how.by->p, s, e))
		return -1;
	for (size_t i = 0; i < s->N; i++)
		dropped += s->owner[i] == FL_PART_DROPPED;
	if (dropped)
		fl_say(FL_LOG_WARN, "%zu examples left out, as asked", dropped);
	fl_say(FL_LOG_INFO, "%zu examples of %zu classes, %zu not labelled, over %zu clients, %zu tries",
	       s->N, d->data->C, d->data->unlabelled, s->K, s->tries);
	return 0;
}

static int make_lists(struct fl_deal *d, struct fl_err *e)
{
	const struct fl_part_labels labels = { d->data->y, d->data->C };
	const struct fl_part *s = &d->split;

	if (!d->held)
		return fl_lists_make(&d->kept, s, NULL, FL_PORTION_ALL, &labels, e);
	return fl_lists_make(&d->kept, s, d->held, FL_PORTION_TRAIN, &labels, e) ||
	       fl_lists_make(&d->test, s, d->held, FL_PORTION_TEST, &labels, e) ? -1 : 0;
}

int fl_deal_out(struct fl_deal *d, const struct fl_deal_how *how, struct fl_data *data,
                struct fl_arena *a, struct fl_err *e)
{
	*d = (struct fl_deal){ .how = *how, .data = data, .arena = a };
	return prepare(d, e) || split_data(d, e) || hold_out(d, e) || settle(d, e) ||
	       name_clients(d, e) || make_lists(d, e) ? -1 : 0;
}

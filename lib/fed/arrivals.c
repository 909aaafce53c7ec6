/* The data of clients, one record after the other. */
#include "fed/arrivals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int fl_ids_add(struct fl_ids *s, int64_t client, struct fl_err *e)
{
	size_t lo = 0, hi = s->n;

	if (client < 0)
		return 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->id[mid] < client)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->n && s->id[lo] == client)
		return fl_fail(e, FL_EDATA, "client %" PRId64 " occurs twice", client);
	if (fl_grow(&s->id, &s->cap, s->n + 1, sizeof *s->id, e))
		return -1;
	memmove(s->id + lo + 1, s->id + lo, (s->n - lo) * sizeof *s->id);
	s->id[lo] = client;
	s->n++;
	return 0;
}

void fl_ids_release(struct fl_ids *s)
{
	free(s->id);
	*s = (struct fl_ids){ .id = NULL };
}

static int check_number(struct fl_arrivals *c, const struct fl_tset *rec, struct fl_err *e)
{
	int64_t client = -1;

	if (c->numbered ? fl_meta_need_i64(rec, "fl.client", &client, e) < 0 :
	    fl_meta_i64(rec, "fl.client", &client, e) < 0)
		return -1;
	return fl_ids_add(&c->seen, client, e);
}

static int note_input(struct fl_arrival *k, const char *name, struct fl_err *e)
{
	k->name = strdup(name);
	k->dir = fl_dir_of(name);
	return k->name && k->dir ? 0 : fl_fail_mem(e, strlen(name));
}

/* The record itself where it outlives the next read, or nobody else is reading. */
static int keep_record(const struct fl_arrivals *c, struct fl_arrival *k, struct fl_tset *rec,
                       struct fl_err *e)
{
	if (c->ahead && !fl_stream_mapped(c->in.cur))
		return fl_tset_clone(&k->rec, rec, e);
	k->rec = *rec;
	*rec = (struct fl_tset){ .t = NULL };
	return 0;
}

int fl_arrivals_next(struct fl_arrivals *c, struct fl_arrival *k, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc;

	*k = (struct fl_arrival){ .name = NULL };
	c->in.keep = c->ahead;
	if ((rc = fl_inputs_next(&c->in, &rec, e)) <= 0)
		return rc;
	if (note_input(k, fl_inputs_name(&c->in), e) || check_number(c, &rec, e))
		rc = fl_fail_in(e, "%s", fl_inputs_name(&c->in));
	else if ((c->accord && fl_accord_add(c->accord, &rec, k->name, e)) ||
	         keep_record(c, k, &rec, e))
		rc = -1;
	fl_tset_release(&rec);
	if (rc < 0)
		fl_arrival_release(k);
	return rc;
}

int fl_arrival_data(struct fl_arrival *k, struct fl_data *d, struct fl_err *e)
{
	int rc = fl_data_take(d, &k->rec, k->dir, k->name, e);

	fl_tset_release(&k->rec);
	return rc;
}

void fl_arrival_release(struct fl_arrival *k)
{
	fl_tset_release(&k->rec);
	free(k->name);
	free(k->dir);
	*k = (struct fl_arrival){ .name = NULL };
}

void fl_arrivals_release(struct fl_arrivals *c)
{
	fl_inputs_release(&c->in);
	fl_ids_release(&c->seen);
}

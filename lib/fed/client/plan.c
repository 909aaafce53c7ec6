/* A plan of a round: steps and methods by client. */
#include "fed/client/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/words.h"

/* The next word of *at, which ends at '\0'; NULL: none. Moves *at. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\r");
	size_t n = strcspn(word, " \t\r");

	if (!n)
		return NULL;
	*at = word + n;
	if (**at)
		*(*at)++ = '\0';
	return word;
}

static int read_method(struct fl_plan *p, struct fl_plan_line *l, const char *text,
                       struct fl_err *e)
{
	struct fl_specs list = { .n = 0 };

	if (fl_specs_parse(&fl_family_method, text, &p->arena, &list, e))
		return -1;
	if (!list.n)
		return fl_fail(e, FL_EDATA, "names no method");
	l->method = list.v;
	l->nmethod = list.n;
	return fl_methods_sort(l->method, l->nmethod, e);
}

static int read_line(struct fl_plan *p, struct fl_plan_line *l, char *text, struct fl_err *e)
{
	char *client, *steps, *method, *more;

	text[strcspn(text, "#")] = '\0';
	*l = (struct fl_plan_line){ .client = -1, .steps = FL_UNSET };
	if (!(client = next_word(&text)))
		return 0;
	steps = next_word(&text);
	method = next_word(&text);
	more = next_word(&text);
	if (fl_num_i64(client, &l->client) || l->client < 0)
		return fl_fail(e, FL_EDATA, "'%s' is no client: a line is CLIENT STEPS [METHOD]", client);
	if (!steps || more)
		return fl_fail(e, FL_EDATA, "client %s: a line is CLIENT STEPS [METHOD]", client);
	if (strcmp(steps, "-") && (fl_num_i64(steps, &l->steps) || l->steps < 0))
		return fl_fail(e, FL_EDATA, "client %s: '%s' is no number of steps, nor -", client, steps);
	return method && read_method(p, l, method, e) ? fl_fail_in(e, "client %s", client) : 0;
}

static int by_client(const void *a, const void *b)
{
	const struct fl_plan_line *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

static int read_lines(struct fl_plan *p, char *text, struct fl_err *e)
{
	size_t cap = 0, number = 1;

	for (char *at = text, *end; at; at = end, number++) {
		if ((end = strchr(at, '\n')))
			*end++ = '\0';
		if (fl_grow(&p->line, &cap, p->n + 1, sizeof *p->line, e))
			return -1;
		if (read_line(p, &p->line[p->n], at, e)) {
			e->code = e->code == FL_EUSAGE ? FL_EDATA : e->code;
			return fl_fail_in(e, "line %zu", number);
		}
		p->n += p->line[p->n].client >= 0;
	}
	if (p->n)
		qsort(p->line, p->n, sizeof *p->line, by_client);
	for (size_t i = 1; i < p->n; i++)
		if (p->line[i].client == p->line[i - 1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " is there twice", p->line[i].client);
	return 0;
}

int fl_plan_read(struct fl_plan *p, const char *path, struct fl_err *e)
{
	size_t n;
	char *text = fl_text_read(path, &n, e);
	int rc;

	*p = (struct fl_plan){ .n = 0 };
	if (!text)
		return -1;
	rc = read_lines(p, text, e) ? fl_fail_in(e, "%s", path) : 0;
	free(text);
	return rc;
}

void fl_plan_release(struct fl_plan *p)
{
	free(p->line);
	fl_arena_release(&p->arena);
	*p = (struct fl_plan){ .n = 0 };
}

void fl_plan_apply(const struct fl_plan *p, int64_t client, struct fl_train *t)
{
	const struct fl_plan_line key = { .client = client };
	const struct fl_plan_line *l = p->n ? bsearch(&key, p->line, p->n, sizeof key, by_client) : NULL;

	if (l && l->steps != FL_UNSET)
		t->steps = l->steps;
	if (l && l->nmethod) {
		t->method = l->method;
		t->nmethod = l->nmethod;
	}
}

/* Adds those of v(n) whose entry is not there yet. */
static void add_methods(struct fl_spec *all, size_t *count, const struct fl_spec *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < *count && all[k].entry != v[i].entry)
			k++;
		if (k == *count)
			all[(*count)++] = v[i];
	}
}

int fl_plan_methods(struct fl_plan *p, const struct fl_train *run, struct fl_train *out,
                    struct fl_err *e)
{
	size_t n = run->nmethod, families = 0;
	struct fl_spec *all;

	while (fl_method_list[families])
		families++;
	if (!(all = fl_arena_get(&p->arena, families + n, sizeof *all, e)))
		return -1;
	n = 0;
	add_methods(all, &n, run->method, run->nmethod);
	for (size_t i = 0; i < p->n; i++)
		add_methods(all, &n, p->line[i].method, p->line[i].nmethod);
	*out = *run;
	out->method = all;
	out->nmethod = n;
	return 0;
}

const char *fl_plan_keeps(const struct fl_plan *p, const struct fl_train *run)
{
	const char *who = fl_local_keeps(run);

	for (size_t i = 0; i < p->n && !who; i++) {
		struct fl_train t = *run;

		fl_plan_apply(p, p->line[i].client, &t);
		who = fl_local_keeps(&t);
	}
	return who;
}

/* A text of clients and their reshapes. */
#include "reshape/sizes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/words.h"
#include "reshape/reshape.h"

static const char blank[] = " \t\r";

/* The next word of *at, which ends at '\0'; NULL: none. Moves *at. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, blank);
	size_t n = strcspn(word, blank);

	if (!n)
		return NULL;
	*at = word + n;
	if (**at)
		*(*at)++ = '\0';
	return word;
}

static int read_line(struct fl_sizes *s, struct fl_size *z, char *text, struct fl_err *e)
{
	char *client, *how;
	size_t words = 0;

	text[strcspn(text, "#")] = '\0';
	*z = (struct fl_size){ .client = -1 };
	if (!(client = next_word(&text)))
		return 0;
	if (fl_num_i64(client, &z->client) || z->client < 0)
		return fl_fail(e, FL_EDATA, "'%s' is no client: a line is CLIENT HOW [HOW ...]", client);
	for (; (how = next_word(&text)); words++) {
		if (!strcmp(how, "-"))
			continue;
		if (z->n == FL_RESHAPES_MAX)
			return fl_fail(e, FL_EDATA, "client %s: more than %d reshapes", client, FL_RESHAPES_MAX);
		if (fl_spec_parse(&fl_family_reshape, how, &s->arena, &z->how[z->n++], e))
			return fl_fail_in(e, "client %s", client);
	}
	return words ? 0 : fl_fail(e, FL_EDATA, "client %s: a line is CLIENT HOW [HOW ...]", client);
}

static int by_client(const void *a, const void *b)
{
	const struct fl_size *x = a, *y = b;

	return (x->client > y->client) - (x->client < y->client);
}

static int read_lines(struct fl_sizes *s, char *text, struct fl_err *e)
{
	size_t cap = 0, number = 1;

	for (char *at = text, *end; at; at = end, number++) {
		if ((end = strchr(at, '\n')))
			*end++ = '\0';
		if (fl_grow(&s->v, &cap, s->n + 1, sizeof *s->v, e))
			return -1;
		if (read_line(s, &s->v[s->n], at, e)) {
			e->code = e->code == FL_EUSAGE ? FL_EDATA : e->code;
			return fl_fail_in(e, "line %zu", number);
		}
		s->n += s->v[s->n].client >= 0;
	}
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, by_client);
	for (size_t i = 1; i < s->n; i++)
		if (s->v[i].client == s->v[i - 1].client)
			return fl_fail(e, FL_EDATA, "client %" PRId64 " is there twice", s->v[i].client);
	return s->n ? 0 : fl_fail(e, FL_EDATA, "names no client");
}

int fl_sizes_read(struct fl_sizes *s, const char *path, struct fl_err *e)
{
	size_t n;
	char *text = fl_text_read(path, &n, e);
	int rc;

	*s = (struct fl_sizes){ .n = 0 };
	if (!text)
		return -1;
	rc = read_lines(s, text, e) ? fl_fail_in(e, "%s", path) : 0;
	free(text);
	return rc;
}

void fl_sizes_release(struct fl_sizes *s)
{
	free(s->v);
	fl_arena_release(&s->arena);
	*s = (struct fl_sizes){ .n = 0 };
}

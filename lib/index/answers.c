/* Answers printed as TSV and JSON, and read again to be merged. */
#include "index/answers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"

const char *const fl_answer_format_name[] = { "tsv", "json", "trec", NULL };

/* --- out --- */

static void add_score(struct fl_str *out, double s, int f32)
{
	char buf[FL_NUM_MAX];

	fl_str_add(out, f32 ? fl_num_printf32(buf, (float)s) : fl_num_print(buf, s));
}

/* The beginning of a line of TSV. */
static void add_place(struct fl_str *out, int64_t query, size_t place, int64_t id)
{
	const int64_t v[] = { query, (int64_t)place, id };
	char buf[3 * FL_NUM_MAX], *p = buf;

	for (int i = 0; i < 3; i++) {
		p += strlen(fl_num_printi(p, v[i]));
		*p++ = '\t';
	}
	*p = '\0';
	fl_str_add(out, buf);
}

static void print_json(struct fl_str *out, const struct fl_answer *a)
{
	fl_str_addf(out, "{\"schema\":\"" FL_ANSWER_SCHEMA "\",\"kind\":\"%s\",\"query\":%" PRId64
	            ",\"top\":%zu,\"ids\":[", a->reverse ? "reverse" : "hits", a->query, a->top);
	for (size_t i = 0; i < a->n; i++)
		fl_str_addf(out, "%s%" PRId64, i ? "," : "", a->id[i]);
	fl_str_add(out, "],\"scores\":[");
	for (size_t i = 0; i < a->n; i++) {
		if (i)
			fl_str_addc(out, ',');
		add_score(out, a->score[i], a->f32);
	}
	fl_str_add(out, "]}\n");
}

void fl_answer_print(struct fl_str *out, enum fl_answer_format f, const struct fl_answer *a)
{
	if (f == FL_ANSWER_JSON) {
		print_json(out, a);
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		if (f == FL_ANSWER_TSV)
			add_place(out, a->query, i + 1, a->id[i]);
		else
			fl_str_addf(out, "%" PRId64 " Q0 %" PRId64 " %zu ", a->query, a->id[i], i + 1);
		add_score(out, a->score[i], a->f32);
		fl_str_add(out, f == FL_ANSWER_TSV ? "\n" : " fltools\n");
	}
}

/* --- in --- */

static int add_hit(struct fl_answers *a, int64_t query, int64_t id, double score, struct fl_err *e)
{
	if (fl_grow(&a->hit, &a->cap, a->n + 1, sizeof *a->hit, e))
		return -1;
	a->hit[a->n++] = (struct fl_answer_hit){ query, id, score, a->nq - 1 };
	return 0;
}

/* A query's place; the same one elsewhere is found by sorting. */
static int see_query(struct fl_answers *a, int64_t query, struct fl_err *e)
{
	if (fl_grow(&a->query, &a->qcap, a->nq + 1, sizeof *a->query, e))
		return -1;
	a->query[a->nq++] = query;
	return 0;
}

static int tsv_line(struct fl_answers *a, char *line, struct fl_err *e)
{
	char *field[4], *at = line;
	int64_t query, rank, id;
	double score;

	for (int i = 0; i < 4; i++) {
		field[i] = at;
		at += strcspn(at, "\t");
		if (!*at != (i == 3))
			return fl_fail(e, FL_EDATA, "not query, rank, id and score, separated by tabs");
		if (*at)
			*at++ = '\0';
	}
	if (fl_num_i64(field[0], &query) || fl_num_i64(field[1], &rank) || fl_num_i64(field[2], &id) ||
	    fl_num_real(field[3], &score))
		return fl_fail(e, FL_EDATA, "query, rank, id or score is not a number");
	a->tsv = 1;
	if ((!a->nq || a->query[a->nq - 1] != query) && see_query(a, query, e))
		return -1;
	return add_hit(a, query, id, score, e);
}

static int json_hits(struct fl_answers *a, const json_t *o, size_t top, struct fl_err *e)
{
	const json_t *q = json_object_get(o, "query"), *t = json_object_get(o, "top");
	const json_t *ids = json_object_get(o, "ids"), *scores = json_object_get(o, "scores");

	if (!json_is_integer(q) || !json_is_integer(t) || !json_is_array(ids) ||
	    !json_is_array(scores) || json_array_size(ids) != json_array_size(scores))
		return fl_fail(e, FL_EDATA, "not query, top, and as many ids as scores");
	if (json_integer_value(t) < 0 || (size_t)json_integer_value(t) < top)
		return fl_fail(e, FL_EDATA, "query %" JSON_INTEGER_FORMAT ": the first %" JSON_INTEGER_FORMAT
		               " hits alone do not tell the first %zu of all", json_integer_value(q),
		               json_integer_value(t), top);
	a->json = 1;
	if (see_query(a, json_integer_value(q), e))
		return -1;
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i), *s = json_array_get(scores, i);

		if (!json_is_integer(id) || !json_is_number(s))
			return fl_fail(e, FL_EDATA, "hit %zu is not an id with a score", i);
		if (add_hit(a, json_integer_value(q), json_integer_value(id), json_number_value(s), e))
			return -1;
	}
	return 0;
}

static int json_line(struct fl_answers *a, const char *line, size_t n, size_t top, struct fl_err *e)
{
	json_t *o = fl_json_load(line, n, e);
	const char *schema, *kind;
	int rc;

	if (!o)
		return -1;
	schema = json_string_value(json_object_get(o, "schema"));
	kind = json_string_value(json_object_get(o, "kind"));
	if (!schema || strcmp(schema, FL_ANSWER_SCHEMA) || !kind)
		rc = fl_fail(e, FL_EDATA, "no line of " FL_ANSWER_SCHEMA);
	else
		rc = strcmp(kind, "hits") ? 0 : json_hits(a, o, top, e);
	json_decref(o);
	return rc;
}

int fl_answers_add(struct fl_answers *a, const char *text, size_t size, size_t top, struct fl_err *e)
{
	struct fl_str line = FL_STR_INIT;
	size_t number = 0, n;
	int rc = 0;

	for (size_t at = 0; !rc && at < size; at += n + 1) {
		const char *end = memchr(text + at, '\n', size - at);

		n = end ? (size_t)(end - (text + at)) : size - at;
		number++;
		if (!end) {
			rc = fl_fail(e, FL_EDATA, "truncated");
		} else if (memchr(text + at, '\0', n)) {
			rc = fl_fail(e, FL_EDATA, "holds a NUL byte");
		} else if (n && text[at] == '{') {
			rc = json_line(a, text + at, n, top, e);
		} else if (n && text[at] != '#') {
			fl_str_clear(&line);
			fl_str_addn(&line, text + at, n);
			rc = fl_str_check(&line, e) ? -1 : tsv_line(a, line.s, e);
		}
	}
	fl_str_release(&line);
	return rc ? fl_fail_in(e, "line %zu", number) : 0;
}

/* --- together --- */

static int by_rank(const void *va, const void *vb)
{
	const struct fl_answer_hit *a = va, *b = vb;

	if (a->seen != b->seen)
		return a->seen < b->seen ? -1 : 1;
	if (a->score < b->score || a->score > b->score)
		return a->score > b->score ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int by_id(const void *va, const void *vb)
{
	const struct fl_answer_hit *a = va, *b = vb;

	if (a->query != b->query)
		return a->query < b->query ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

struct place {
	int64_t query;
	uint64_t seen;
};

static int place_by_query(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	if (a->query != b->query)
		return a->query < b->query ? -1 : 1;
	return (a->seen > b->seen) - (a->seen < b->seen);
}

static int place_by_seen(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	return (a->seen > b->seen) - (a->seen < b->seen);
}

/* p(a->nq): sorted by query. */
static int check_lists(const struct fl_answers *a, const struct place *p, struct fl_err *e)
{
	size_t least = SIZE_MAX, most = 0, rare = 0, common = 0, from = 0;

	for (size_t i = 0; i < a->nq; i++) {
		size_t n = i + 1 - from;

		if (i + 1 < a->nq && p[i + 1].query == p[from].query)
			continue;
		if (n < least)
			least = n, rare = from;
		if (n > most)
			most = n, common = from;
		from = i + 1;
	}
	return least >= most ? 0 :
	       fl_fail(e, FL_EDATA, "query %" PRId64 " is in %zu answers, query %" PRId64
	               " in %zu: one was cut short", p[rare].query, least, p[common].query, most);
}

/* p(*n) = queries in the order in which they first appeared, and every hit, sorted by
 * query, gets that place of its query. */
static int unite(struct fl_answers *a, struct place *p, size_t *n, struct fl_err *e)
{
	size_t h = 0;

	for (size_t i = 0; i < a->nq; i++)
		p[i] = (struct place){ a->query[i], i };
	if (a->nq)
		qsort(p, a->nq, sizeof *p, place_by_query);
	if (!a->tsv && check_lists(a, p, e))
		return -1;
	*n = 0;
	for (size_t i = 0; i < a->nq; i++) {
		if (i && p[i].query == p[*n - 1].query)
			continue;
		p[(*n)++] = p[i];
		for (; h < a->n && a->hit[h].query == p[i].query; h++)
			a->hit[h].seen = p[i].seen;
	}
	if (*n)
		qsort(p, *n, sizeof *p, place_by_seen);
	return 0;
}

static int check_ids(struct fl_answers *a, struct fl_err *e)
{
	qsort(a->hit, a->n, sizeof *a->hit, by_id);
	for (size_t i = 1; i < a->n; i++)
		if (a->hit[i].query == a->hit[i - 1].query && a->hit[i].id == a->hit[i - 1].id)
			return fl_fail(e, FL_EDATA, "query %" PRId64 ": id %" PRId64
			               " is in two answers; galleries need ids of their own",
			               a->hit[i].query, a->hit[i].id);
	return 0;
}

int fl_answers_merge(struct fl_answers *a, size_t top, enum fl_answer_format f,
                     struct fl_str *out, struct fl_err *e)
{
	size_t most = a->n < top ? a->n : top, h = 0, n;
	int64_t *id = fl_alloc(most, sizeof *id, e);
	double *score = fl_alloc(most, sizeof *score, e);
	struct place *p = fl_alloc(a->nq, sizeof *p, e);
	int rc = -1;

	if (!id || !score || !p || (a->n && check_ids(a, e)) || unite(a, p, &n, e))
		goto out;
	if (a->n)
		qsort(a->hit, a->n, sizeof *a->hit, by_rank);
	for (size_t i = 0; i < n; i++) {
		struct fl_answer one = { .query = p[i].query, .id = id, .score = score, .top = top };

		for (size_t first = h; h < a->n && a->hit[h].seen == p[i].seen; h++)
			if (h - first < top) {
				id[one.n] = a->hit[h].id;
				score[one.n++] = a->hit[h].score;
			}
		fl_answer_print(out, f, &one);
	}
	rc = fl_str_check(out, e);
out:
	free(id);
	free(score);
	free(p);
	return rc;
}

void fl_answers_release(struct fl_answers *a)
{
	free(a->hit);
	free(a->query);
	*a = (struct fl_answers){ .n = 0 };
}

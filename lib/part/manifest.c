/* partition.json. */
#include "part/manifest.h"

#include <inttypes.h>
#include <math.h>

static void add_sizes(const struct fl_lists *l, size_t K, struct fl_str *b)
{
	fl_str_add(b, ",\"sizes\":[");
	for (size_t k = 0; k < K; k++)
		fl_str_addf(b, "%s%zu", k ? "," : "", fl_lists_size(l, k));
	fl_str_add(b, "]");
}

static void add_unlabelled(const struct fl_lists *l, size_t K, struct fl_str *b)
{
	fl_str_add(b, ",\"unlabelled\":[");
	for (size_t k = 0; k < K; k++)
		fl_str_addf(b, "%s%" PRIu64, k ? "," : "", l->unlabelled[k]);
	fl_str_add(b, "]");
}

static void add_names(const struct fl_manifest *m, struct fl_str *b)
{
	fl_str_add(b, ",\"name\":[");
	for (size_t k = 0; k < m->split->K; k++) {
		fl_str_add(b, k ? "," : "");
		if (m->name[k])
			fl_str_addjson(b, m->name[k]);
		else
			fl_str_add(b, "null");
	}
	fl_str_add(b, "]");
}

static void add_counts(const struct fl_lists *l, size_t K, size_t C, struct fl_str *b)
{
	fl_str_add(b, ",\"counts\":[");
	for (size_t k = 0; k < K; k++) {
		fl_str_add(b, k ? ",\n[" : "\n[");
		for (size_t c = 0; c < C; c++)
			fl_str_addf(b, "%s%" PRIu64, c ? "," : "", l->counts[k * C + c]);
		fl_str_add(b, "]");
	}
	fl_str_add(b, "]");
}

static int add_skew(const struct fl_lists *l, size_t K, size_t C, struct fl_str *b, struct fl_err *e)
{
	struct fl_skew w;
	const struct { const char *name; const double *v; } field[] = {
		{ "entropy", &w.entropy }, { "eff_classes", &w.eff_classes }, { "tv", &w.tv },
		{ "tv_max", &w.tv_max }, { "js", &w.js }, { "hellinger", &w.hellinger },
		{ "size_cv", &w.size_cv }, { "size_gini", &w.size_gini },
	};

	if (fl_part_skew(l->counts, K, C, &w, e))
		return -1;
	fl_str_add(b, ",\n\"skew\":{");
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		fl_str_addf(b, "%s\"%s\":", i ? "," : "", field[i].name);
		fl_str_addnum(b, *field[i].v);
	}
	fl_str_add(b, "}");
	return 0;
}

static void add_spec(struct fl_str *b, const char *key, const struct fl_spec *spec)
{
	struct fl_str text = FL_STR_INIT;

	fl_spec_print(spec, &text);
	fl_str_addf(b, ",\"%s\":", key);
	fl_str_addjson(b, fl_str_c(&text));
	b->oom |= text.oom;
	fl_str_release(&text);
}

static void add_split(const struct fl_manifest *m, struct fl_str *b)
{
	const struct fl_part *s = m->split;

	fl_str_addf(b, ",\"seed\":%" PRIu64 ",\"tries\":%zu,\"part\":\"%s\",\"test_frac\":", s->seed,
	            s->tries, fl_portion_name[m->lists->portion]);
	if (isnan(m->frac))
		fl_str_add(b, "null");
	else
		fl_str_addnum(b, m->frac);
	if (m->first)
		fl_str_addf(b, ",\"first\":%" PRId64, m->first);
	fl_str_addf(b, ",\"clients\":%zu,\"classes\":%zu,\"examples\":%zu,\"source_examples\":%zu",
	            s->K, m->C, m->lists->start[s->K], s->N);
}

int fl_manifest_print(const struct fl_manifest *m, struct fl_str *b, struct fl_err *e)
{
	size_t K = m->split->K;

	fl_str_add(b, FL_MANIFEST_BEGIN);
	add_spec(b, "by", m->by);
	if (m->shift->entry)
		add_spec(b, "shift", m->shift);
	add_split(m, b);
	if (m->name)
		add_names(m, b);
	add_sizes(m->lists, K, b);
	if (m->unlabelled)
		add_unlabelled(m->lists, K, b);
	if (add_skew(m->lists, K, m->C, b, e))
		return -1;
	add_counts(m->lists, K, m->C, b);
	fl_str_add(b, "}\n");
	return fl_str_check(b, e);
}

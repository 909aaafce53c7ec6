/* Every entry of every family: names, texts, defaults, ranges, specs. */
#include "families.h"
#include "tap.h"

#include <ctype.h>
#include <unistd.h>

static const struct {
	const struct fl_family *f;
	const char *dir;
} families[] = {
	FAMILIES
};

static int is_phrase(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n && n <= 72 && s[n - 1] != '.' && !strchr(s, '\n');
}

static int is_name(const char *s)
{
	for (const char *c = s; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && !strchr("-_", *c))
			return 0;
	return *s != '\0';
}

/* Keys may be a formula's capital letter. */
static int is_key(const char *s)
{
	return is_name(s) || (isupper((unsigned char)s[0]) && !s[1]);
}

static void check_params(const struct fl_entry *en)
{
	for (const struct fl_param *p = en->params; p && p->name; p++) {
		int numeric = p->type == FL_P_REAL || p->type == FL_P_INT || p->type == FL_P_SIZE;

		ok(is_key(p->name) && is_phrase(p->doc), "%s:%s has a name and a phrase", en->name, p->name);
		ok(p->off < en->psize, "%s:%s lies in its block", en->name, p->name);
		ok(!numeric || (isfinite(p->lo) && isfinite(p->hi) && p->lo <= p->hi),
		   "%s:%s has a finite range", en->name, p->name);
		ok(fl_param_find(en->params, p->name) == p, "%s:%s is unique", en->name, p->name);
	}
}

/* Other names are no entry's own, and no other's. */
static void check_aka(const struct fl_family *f, const struct fl_entry *en)
{
	char word[64];

	for (const char *w = en->aka; w && *w; w += strcspn(w, " "), w += *w == ' ') {
		snprintf(word, sizeof word, "%.*s", (int)strcspn(w, " "), w);
		ok(is_name(word) && fl_family_find(f, word) == en, "%s %s is also called %s", f->name, en->name, word);
	}
}

static void check_entry(const struct fl_family *f, const char *dir, const struct fl_entry *en)
{
	struct fl_arena a = { 0 };
	struct fl_err e = { 0 };
	struct fl_spec s, again;
	struct fl_str one = FL_STR_INIT, two = FL_STR_INIT;
	char path[256];

	snprintf(path, sizeof path, "%s/%s.c", dir, en->name);
	for (char *c = path; *c; c++)
		if (*c == '-')
			*c = '_';
	ok(is_name(en->name) && fl_family_find(f, en->name) == en, "%s %s is named once", f->name, en->name);
	if (access("lib", F_OK) == 0)
		ok(access(path, F_OK) == 0 || (snprintf(path, sizeof path, "%s/%s.c", dir, en->name),
		                               access(path, F_OK) == 0),
		   "%s %s has a file of its name", f->name, en->name);
	ok(is_phrase(en->doc), "%s %s has a phrase", f->name, en->name);
	check_aka(f, en);
	ok(!en->note || en->note[strlen(en->note) - 1] == '.', "%s %s notes in sentences", f->name, en->name);
	ok(en->title && *en->title && en->cite && *en->cite, "%s %s has title and source", f->name, en->name);
	check_params(en);
	if (!ok(!fl_spec_parse(f, en->name, &a, &s, &e), "%s %s: defaults are valid", f->name, en->name)) {
		printf("# %s\n", e.msg);
	} else {
		fl_spec_print(&s, &one);
		if (ok(!fl_spec_parse(f, fl_str_c(&one), &a, &again, &e), "%s parses", fl_str_c(&one))) {
			fl_spec_print(&again, &two);
			is_str(fl_str_c(&two), fl_str_c(&one), "canonical spec is a fixed point");
		}
	}
	fl_str_release(&one);
	fl_str_release(&two);
	fl_arena_release(&a);
}

/* What others call it, or write otherwise. */
static const struct {
	const struct fl_family *f;
	const char *text, *message;
} said[] = {
	{ &fl_family_rule, "medain", "no rule 'medain'; did you mean 'median'?" },
	{ &fl_family_rule, "Median", "no rule 'Median'; did you mean 'median'?" },
	{ &fl_family_rule, "multi_Krum", "no rule 'multi_Krum'; did you mean 'krum'?" },
	{ &fl_family_rule, "nonsense", "no rule 'nonsense'; --list=rule shows them" },
	{ &fl_family_rule, "scaffold", "scaffold is a method: fl-local-train -M scaffold" },
	{ &fl_family_rule, "FedAdam", "fedadam is a server: fl-aggregate -S fedadam" },
	{ &fl_family_rule, "sgd", "sgd is an optimiser: fl-local-train --opt sgd; sgd is a server: fl-aggregate -S sgd" },
	{ &fl_family_method, "qfedavg", "qfedavg is a rule: fl-aggregate -R qfedavg" },
	{ &fl_family_server, "fedavgm", "no server 'fedavgm'; did you mean 'momentum'?" },
	{ &fl_family_server, "adam", "no server 'adam'; did you mean 'fedadam'?" },
	{ &fl_family_shift, "x", "no shift 'x'; there are labelswap, missing, " },
	{ &fl_family_by, "dirichlet,alpha=0.3", "no split 'dirichlet,alpha=0.3'; did you mean 'dirichlet:alpha=0.3'?" },
	{ &fl_family_by, "Dirichlet(0.3)", "no split 'Dirichlet(0.3)'; did you mean 'dirichlet:alpha=0.3'?" },
	{ &fl_family_by, "dirichlet=0.3", "no split 'dirichlet=0.3'; did you mean 'dirichlet:alpha=0.3'?" },
	{ &fl_family_by, "dirichlet:0.3", "dirichlet: '0.3' is not key=value; did you mean 'alpha=0.3'?" },
	{ &fl_family_by, "dirichlet:gt", "dirichlet: 'gt' is not key=value; did you mean 'balance=gt'?" },
	{ &fl_family_by, "iid:alpha=1", "iid has no 'alpha', nor any parameter; " },
	{ &fl_family_opt, "sgd,lr=.1", "no optimiser 'sgd,lr=.1'; did you mean 'sgd:lr=.1'?" },
	{ &fl_family_opt, "sgd:momentun=.9", "sgd has no 'momentun'; did you mean 'momentum'?" },
	{ &fl_family_opt, "sgd:weight_decay=.9", "sgd has no 'weight_decay'; did you mean 'wd'?" },
	{ &fl_family_opt, "sgd:learning-rate=.9", "sgd has no 'learning-rate'; did you mean 'lr'?" },
	{ &fl_family_opt, "sgd:nesterov", "sgd: 'nesterov' wants a value: nesterov=on|off" },
	{ &fl_family_rule, "krum:g=2", "krum has no 'g'; it has f, m" },
	{ &fl_family_rmetric, "R@1", "no ranking metric 'R@1'; did you mean 'hit@1'?" },
	{ &fl_family_arch, "tutorial-cnn:hidden=3", "tutorial-cnn has no 'hidden', nor any parameter; " },
	{ &fl_family_arch, "resnet8-gn:num_classes=3", "resnet8-gn has no 'num_classes'; did you mean 'out'?" },
};

/* Every name that messages send elsewhere is an entry there. */
static void check_known(void)
{
	size_t found = 0, n = 0;

	for (const struct fl_known *k = fl_known; k->name; k++, n++)
		for (size_t i = 0; i < sizeof families / sizeof *families; i++)
			if (!strcmp(k->family, families[i].f->name)) {
				found++;
				ok(fl_family_find(families[i].f, k->name) && *k->option, "%s is a %s, of %s", k->name,
				   k->noun, k->option);
				is_str(k->noun, families[i].f->noun ? families[i].f->noun : families[i].f->name, "noun");
			}
	ok(found > 100, "%zu of %zu names are known", found, n);
}

static void suggestions(void)
{
	struct fl_arena a = { 0 };
	struct fl_err e = { 0 };
	struct fl_spec s;

	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		ok(fl_spec_parse(said[i].f, said[i].text, &a, &s, &e) && e.code == FL_EUSAGE, "%s is usage", said[i].text);
		if (!ok(strstr(e.msg, said[i].message) == e.msg, "%s: %s", said[i].text, said[i].message))
			printf("# %s\n", e.msg);
	}
	ok(!fl_spec_parse(&fl_family_rule, "fedavg:weight=uniform", &a, &s, &e) && !strcmp(s.entry->name, "mean"),
	   "fedavg is a name of mean");
	ok(fl_spec_parse(&fl_family_opt, "sgd:momentum=2", &a, &s, &e) && e.code == FL_EUSAGE &&
	   strstr(e.msg, "[0,1]"), "out of range says the range");
	ok(fl_spec_parse(&fl_family_opt, "sgd:lr=.1,lr=.2", &a, &s, &e) && e.code == FL_EUSAGE, "a key twice");
	ok(fl_spec_parse(&fl_family_opt, "sgd:lr", &a, &s, &e) && e.code == FL_EUSAGE, "a key without value");
	ok(fl_spec_parse(&fl_family_rmetric, "hit@5:k=5", &a, &s, &e) && e.code == FL_EUSAGE, "a key twice, once in short");
	ok(fl_spec_parse(&fl_family_rmetric, "hit@0", &a, &s, &e) && strstr(e.msg, "hit: k: ") == e.msg,
	   "in short, out of range");
	ok(fl_spec_parse(&fl_family_rmetric, "hit@", &a, &s, &e) && e.code == FL_EUSAGE, "in short, empty");
	ok(fl_spec_parse(&fl_family_rmetric, "mrr@5", &a, &s, &e) && strstr(e.msg, "no ranking metric 'mrr@5'"),
	   "in short, without parameters");
	ok(fl_spec_parse(&fl_family_rmetric, "hitt@5", &a, &s, &e) && e.code == FL_EUSAGE, "in short, unknown");
	ok(fl_spec_parse(&fl_family_opt, "sgd:", &a, &s, &e) && e.code == FL_EUSAGE, "a colon without key");
	fl_arena_release(&a);
}

int main(void)
{
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		ok(is_phrase(families[i].f->doc), "family %s has a phrase", families[i].f->name);
		for (size_t j = 0; families[i].f->list[j]; j++)
			check_entry(families[i].f, families[i].dir, families[i].f->list[j]);
	}
	check_known();
	suggestions();
	return tap_done();
}

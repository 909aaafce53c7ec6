/* Tables of options that say what goes with what. */
#include "tap.h"

#include <string.h>

#include "cli/table.h"

struct opts {
	const char *in, *merge, *truth, *model, *output;
	int self, both, hits;
	int64_t folds, top;
};

static const struct fl_opt table[] = {
	FL_OPT_PATH('i', "in", in, "file", "rows", .flags = FL_O_NEED),
	FL_OPT_PATH(0, "merge", merge, "file", "answers", .excludes = "in top"),
	FL_OPT_STR(0, "truth", truth, "pairs", "pairs"),
	FL_OPT_PATH(0, "model", model, "file", "model"),
	FL_OPT_FLAG(0, "self", self, "self"),
	FL_OPT_FLAG(0, "both", both, "both", .excludes = "self"),
	FL_OPT_FLAG(0, "hits", hits, "hits", .needs = "truth|model"),
	FL_OPT_INT(0, "folds", folds, NULL, 2, 9, "n", "folds", .needs = "truth hits",
	  .excludes = "self"),
	FL_OPT_INT(0, "top", top, "10", 0, 99, "n", "top"),
	FL_OPT_OUTPUT,
	FL_OPT_END
};

static const struct fl_tool tool = {
	.name = "x", .operands = "[answer ...]", .operands_need = "merge", .opts = table,
	.osize = sizeof(struct opts),
};

/* What parsing says of the words of line: "" where nothing. */
static const char *parse(const char *line)
{
	static struct fl_err e;
	char text[200], *argv[20] = { text }, *save = NULL;
	struct fl_arena a = { 0 };
	struct fl_cmdline c;
	int n = 1;

	e = (struct fl_err){ 0 };
	snprintf(text, sizeof text, "%s", line);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	if (!fl_opt_parse(&tool, n, argv, &a, &c, &e))
		e.msg[0] = '\0';
	else
		ok(e.code == FL_EUSAGE, "'%s' is usage", line);
	fl_arena_release(&a);
	return e.msg;
}

static const char *told(const char *name)
{
	static struct fl_str b;

	fl_str_clear(&b);
	for (const struct fl_opt *o = table; o->p.name; o++)
		if (!strcmp(o->p.name, name))
			fl_opt_add_goes(&tool, o, &b);
	return fl_str_c(&b);
}

int main(void)
{
	is_str(parse("-i a"), "", "what must be given is");
	is_str(parse(""), "-i (--in) must be given, or --merge", "it is not");
	is_str(parse("--help"), "", "nor need it be with --help");
	is_str(parse("--merge a b c"), "", "what excludes it is in its place, and reads operands");
	is_str(parse("-i a b"), "'b': operands need --merge", "operands without it");
	is_str(parse("--merge a -i b"), "--in and --merge exclude each other; give one of them",
	       "both");
	is_str(parse("--merge a --top 10"), "", "a default is not given");
	is_str(parse("--merge a --top 11"),
	       "--merge and --top exclude each other; give one of them", "another value is");
	is_str(parse("-i a --self --both"),
	       "--self and --both exclude each other; give one of them",
	       "said of one, true of both");
	is_str(parse("-i a --self --both=off"), "", "a flag that is off is not given");
	is_str(parse("-i a --hits"), "--hits needs --truth or --model as well", "none of two");
	is_str(parse("-i a --hits --model b"), "", "one of two");
	is_str(parse("-i a --folds 2 --truth t"), "--folds needs --hits as well",
	       "one of two needed");
	is_str(parse("-i a --folds 2 --hits --model m"), "--folds needs --truth as well",
	       "the other of two needed");
	is_str(parse("-i a --folds 2 --hits --truth t"), "", "all that is needed");
	is_str(told("in"), "required without --merge", "said of what must be given");
	is_str(told("hits"), "needs --truth or --model", "said of what needs");
	is_str(told("folds"), "needs --truth, --hits; not with --self", "and excludes");
	is_str(told("self"), "not with --both, --folds", "said of what is excluded");
	is_str(told("output"), "", "nothing to say");
	return tap_done();
}

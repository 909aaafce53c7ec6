/* An architecture's text -> a net: JSON, a spec of the family, or a JSON file. */
#include "model/model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tensor/guess.h"
#include "tensor/meta.h"
#include "tensor/running.h"

#define JSON_MAX (4u << 20)

/* Size, and how it was trained where it was published. */
static void note(const struct fl_entry *en, struct fl_str *out)
{
	const struct fl_recipe *r = ((const struct fl_arch *)en)->recipe;
	struct fl_net net;

	if (fl_model_net(&net, en->name, 0, NULL))
		return;
	fl_str_addf(out, "; %zu parameters, %.0f multiply-adds", net.weights, fl_net_madds(&net));
	fl_net_release(&net);
	if (r)
		fl_str_addf(out, "; as published, %s for %lld epochs of batches of %lld, the rate "
		            "falling to %g", r->opt, (long long)r->epochs, (long long)r->batch,
		            r->lr_end);
}

const struct fl_family fl_family_arch = {
	.name = "arch",
	.list = fl_arch_list,
	.doc = "architectures of models",
	.note = note,
	.noun = "architecture",
};

static int is_json(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return *s == '{';
}

/* The name before ':' is in the family. */
static int is_spec(const char *s)
{
	size_t n = strcspn(s, ":");

	for (const struct fl_entry *const *p = fl_arch_list; *p; p++)
		if (!strncmp((*p)->name, s, n) && !(*p)->name[n])
			return 1;
	return 0;
}

static int build_spec(struct fl_net *net, const struct fl_spec *spec, struct fl_err *e)
{
	const struct fl_arch *arch = (const struct fl_arch *)spec->entry;
	struct fl_str json = FL_STR_INIT, text = FL_STR_INIT;
	int rc = arch->json(spec->p, &json, e);

	fl_spec_print(spec, &text);
	if (!rc)
		rc = fl_str_check(&text, e);
	if (!rc)
		rc = fl_net_build(net, fl_str_c(&json), e);
	if (!rc && !(net->arch = fl_arena_str(&net->arena, fl_str_c(&text), e))) {
		fl_net_release(net);
		rc = -1;
	}
	fl_str_release(&text);
	fl_str_release(&json);
	return rc ? fl_fail_in(e, "%s", spec->entry->name) : 0;
}

static int from_spec(struct fl_net *net, const char *text, struct fl_err *e)
{
	struct fl_arena a = { 0 };
	struct fl_spec spec;
	int rc = fl_spec_parse(&fl_family_arch, text, &a, &spec, e);

	if (!rc)
		rc = build_spec(net, &spec, e);
	fl_arena_release(&a);
	return rc;
}

static int from_file(struct fl_net *net, const char *path, struct fl_err *e)
{
	size_t n;
	char *text = fl_read_file(path, JSON_MAX, &n, e);
	int rc;

	if (!text)
		return -1;
	if (strlen(text) == n) {
		rc = fl_net_build(net, text, e);
	} else {
		const char *what = fl_guess_file((unsigned char *)text, n);

		rc = fl_fail(e, FL_EUSAGE, "%s: want an architecture in JSON, or a spec",
		             what ? what : "holds a zero byte");
	}
	free(text);
	return rc ? fl_fail_in(e, "%s", path) : 0;
}

int fl_model_net(struct fl_net *net, const char *arch, int file, struct fl_err *e)
{
	*net = (struct fl_net){ .layer = NULL };
	if (is_json(arch))
		return fl_net_build(net, arch, e) ? fl_fail_in(e, "architecture") : 0;
	if (file && !is_spec(arch) && (strpbrk(arch, "./") || !access(arch, F_OK)))
		return from_file(net, arch, e);
	return from_spec(net, arch, e);
}

int fl_model_of(struct fl_net *net, const struct fl_tset *model, struct fl_err *e)
{
	const char *arch = fl_meta_get(model, "fl.arch");

	*net = (struct fl_net){ .layer = NULL };
	if (!arch)
		return fl_fail(e, FL_EDATA, "fl.arch is missing: not a model of ours");
	if (fl_running_check(model, "", e))
		return -1;
	if (!fl_model_net(net, arch, 0, e))
		return 0;
	if (e && e->code == FL_EUSAGE)	/* a bad record, not a bad command line */
		e->code = FL_EDATA;
	return fl_fail_in(e, "fl.arch");
}

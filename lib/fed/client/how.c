/* How an update's steps were taken: its specs, read by the tables that wrote them. */
#include "fed/client/client.h"

static int parse(const struct fl_tset *update, const char *key, const struct fl_family *f,
                 struct fl_arena *a, struct fl_specs *out, struct fl_err *e)
{
	const char *text = fl_meta_get(update, key);

	*out = (struct fl_specs){ .n = 0 };
	if (!text || !fl_specs_parse(f, text, a, out, e))
		return 0;
	if (e->code == FL_EUSAGE)	/* a bad record, not a bad command line */
		e->code = FL_EDATA;
	return fl_fail_in(e, "%s", key);
}

static int read_specs(const struct fl_tset *update, struct fl_arena *a, struct fl_how *out,
                      struct fl_err *e)
{
	struct fl_specs opt, method;

	if (fl_meta_get(update, "fl.opt_kept"))
		return fl_fail(e, FL_EDATA, "its optimiser went on with moments of the round before "
		               "(--keep-opt), which are no gradients of this one");
	if (parse(update, "fl.opt", &fl_family_opt, a, &opt, e) ||
	    parse(update, "fl.method", &fl_family_method, a, &method, e))
		return -1;
	*out = (struct fl_how){ .has_opt = opt.n > 0, .has_method = method.n > 0 };
	if (opt.n) {
		const struct fl_optim *o = (const struct fl_optim *)opt.v->entry;

		if (!o->linear)
			return fl_fail(e, FL_EDATA, "fl.opt is %s, whose steps are not linear in "
			               "the gradients", o->e.name);
		out->opt = o->linear(opt.v->p);
	}
	for (size_t i = 0; i < method.n; i++) {
		const struct fl_method *m = (const struct fl_method *)method.v[i].entry;

		out->pull += m->pull ? m->pull(method.v[i].p) : 0;
	}
	return 0;
}

int fl_method_how(const struct fl_tset *update, struct fl_how *out, struct fl_err *e)
{
	struct fl_arena a = { 0 };
	int rc = read_specs(update, &a, out, e);

	fl_arena_release(&a);
	return rc;
}

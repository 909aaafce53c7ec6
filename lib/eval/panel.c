/* What is measured of every client. */
#include "eval/panel.h"

#include <string.h>

#include "model/loaded.h"

static const char *tap_of(const struct fl_spec *s)
{
	const struct fl_metric *m = (const struct fl_metric *)s->entry;

	return m->tap ? m->tap(s->p) : NULL;
}

static int set_name(struct fl_panel *p, size_t m, struct fl_arena *a, struct fl_err *e)
{
	const struct fl_spec *s = &p->spec[m];
	const struct fl_param *first = s->entry->params;
	const char *tap = tap_of(s);
	struct fl_str text = FL_STR_INIT;
	int rc;

	fl_str_add(&text, s->entry->name);
	if (first && fl_param_is_set(first, s->p)) {
		fl_str_addc(&text, '@');
		fl_param_print(first, s->p, &text);
	}
	if (tap && strcmp(first->name, "tap")) {
		fl_str_addc(&text, '@');
		fl_str_add(&text, tap);
	}
	rc = fl_str_check(&text, e);
	if (!rc && !(p->name[m] = fl_arena_str(a, fl_str_c(&text), e)))
		rc = -1;
	fl_str_release(&text);
	return rc;
}

static void set_view(struct fl_panel *p, size_t m)
{
	const char *tap = tap_of(&p->spec[m]);
	size_t v = tap ? 1 : 0;

	while (tap && v < p->nview && strcmp(p->view[v].tap, tap))
		v++;
	if (v == p->nview)
		p->view[p->nview++].tap = tap;
	p->of[m] = v;
	p->view[v].needs |= fl_panel_metric(p, m)->needs;
	p->needs |= fl_panel_metric(p, m)->needs;
}

static int check_names(const struct fl_panel *p, struct fl_err *e)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(p->name[i], p->name[k]))
				return fl_fail(e, FL_EUSAGE, "%s is given twice", p->name[i]);
	return 0;
}

int fl_panel_init(struct fl_panel *p, const struct fl_specs *metrics, int confusion,
                  struct fl_arena *a, struct fl_err *e)
{
	*p = (struct fl_panel){ .spec = metrics->v, .n = metrics->n, .confusion = confusion, .nview = 1 };
	if (!p->n || p->n > FL_PANEL_MAX)
		return fl_fail(e, FL_EUSAGE, "want 1 to %d", FL_PANEL_MAX);
	if (confusion)
		p->needs = p->view[0].needs = FL_METRIC_COUNTS;
	for (size_t m = 0; m < p->n; m++) {
		if (set_name(p, m, a, e))
			return -1;
		set_view(p, m);
	}
	return check_names(p, e);
}

const char *fl_panel_needing(const struct fl_panel *p, unsigned needs)
{
	for (size_t m = 0; m < p->n; m++)
		if ((fl_panel_metric(p, m)->needs & needs) == needs)
			return p->name[m];
	return NULL;
}

int fl_panel_pools(const struct fl_panel *p, size_t m)
{
	const struct fl_metric *f = fl_panel_metric(p, m);

	return f->pool || f->needs & FL_METRIC_COUNTS;
}

static int tap_fits(unsigned needs, const struct fl_net *net, const char *name, struct fl_err *e)
{
	size_t t;

	if (fl_net_need_tap(net, name, &t, e))
		return -1;
	if (needs & FL_METRIC_LOSS && !net->tap[t].loss.entry)
		return fl_fail(e, FL_EDATA, "the tap has no loss");
	if (needs & FL_METRIC_LOGITS && net->tap[t].C != net->classes)
		return fl_fail(e, FL_EDATA, "the tap has %zu numbers, and there are %zu classes",
		               net->tap[t].C, net->classes);
	return 0;
}

static int has_classes(const struct fl_net *net, struct fl_err *e)
{
	return fl_loaded_classes(net, "loss applies, and vlm-retrieve measures the rest", e);
}

int fl_panel_fits(const struct fl_panel *p, const struct fl_net *net, struct fl_err *e)
{
	for (size_t m = 0; m < p->n; m++) {
		unsigned needs = fl_panel_metric(p, m)->needs;
		const char *tap = p->view[p->of[m]].tap;

		if (tap ? tap_fits(needs, net, tap, e) :
		    needs & FL_METRIC_LOGITS && has_classes(net, e))
			return fl_fail_in(e, "metric %s", p->name[m]);
	}
	return p->confusion && has_classes(net, e) ? fl_fail_in(e, "--confusion") : 0;
}

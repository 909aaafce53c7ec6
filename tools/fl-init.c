/* fl-init: an architecture and a seed -> the model of round 0. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/table.h"
#include "cli/tool.h"
#include "data/names.h"
#include "model/model.h"
#include "nn/layer.h"
#include "tensor/stream.h"

struct opts {
	const char *arch, *output, *weights, *labels;
	int64_t seed, threads;
	int no_prov, no_sync;
};

static const struct fl_opt opts[] = {
	FL_OPT_STR('a', "arch", arch, "arch",
	  "a spec of the arch family, JSON text, or a JSON file",
	  .family = &fl_family_arch, .flags = FL_O_NEED | FL_O_PROV),
	FL_OPT_SEED,
	FL_OPT_PATH(0, "weights", weights, "file",
	  "take the weights from this safetensors file instead of drawing them"),
	FL_OPT_STR(0, "labels", labels, "names",
	  "names of the classes in order: A+B, @FILE with a name a line, or a record's"),
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_PROV,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

static const struct fl_family *const families[] = {
	&fl_family_arch, &fl_family_layer, &fl_family_loss, NULL
};

/* Provenance names the architecture itself, never the file it came from. */
static int canonical_prov(struct fl_run *r, const struct fl_net *net, struct fl_err *e)
{
	struct opts o = *(const struct opts *)r->opts;
	struct fl_str s = FL_STR_INIT;
	int rc;

	o.arch = net->arch;
	fl_opt_prov(r->tool, &o, &s);
	rc = fl_str_check(&s, e);
	if (!rc && !(r->prov = fl_arena_str(&r->arena, fl_str_c(&s), e)))
		rc = -1;
	fl_str_release(&s);
	return rc;
}

static int read_weights(const struct fl_net *net, const char *path, fl_real *w, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc;

	if (fl_stream_load(path, -1, &s, e))
		return -1;
	rc = fl_model_weights(net, &s, w, e) ? fl_fail_in(e, "%s", path) : 0;
	fl_tset_release(&s);
	return rc;
}

/* fl.labels, as many as the net tells classes apart. */
static int set_labels(const struct fl_net *net, const char *list, struct fl_tset *s,
                      struct fl_err *e)
{
	struct fl_names names;
	int rc;

	if (!list)
		return 0;
	if (fl_names_list(&names, list, e))
		return fl_fail_in(e, "--labels");
	if (names.C != net->classes || ((const struct fl_loss_entry *)net->loss.entry)->reading)
		rc = fl_fail(e, FL_EUSAGE, "--labels: %zu names, but the architecture tells %zu classes apart",
		             names.C, ((const struct fl_loss_entry *)net->loss.entry)->reading ? 0 :
		             net->classes);
	else
		rc = fl_names_set(&names, s, e);
	fl_names_release(&names);
	return rc;
}

static int fill(struct fl_run *r, const struct fl_net *net, struct fl_tset *s, struct fl_err *e)
{
	const struct opts *o = r->opts;
	fl_real *w = fl_alloc(net->P, sizeof *w, e);
	int rc = w ? 0 : -1;

	if (!rc && o->weights)
		rc = read_weights(net, o->weights, w, e);
	else if (!rc)
		fl_net_init(net, (uint64_t)o->seed, w);
	if (!rc)
		rc = fl_net_export(net, w, "", s, e);
	free(w);
	return rc || fl_meta_set_kind(s, FL_KIND_MODEL, e) || fl_meta_set_i64(s, "fl.round", 0, e) ||
	       fl_meta_set_i64(s, "fl.seed", o->seed, e) ||
	       fl_meta_set(s, "fl.arch", net->arch, e) || set_labels(net, o->labels, s, e) ||
	       fl_run_add_prov(r, o->no_prov, s, e) ? -1 : 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_out out = { .fd = -1 };
	struct fl_tset s = { .t = NULL };
	struct fl_net net;
	int rc;

	if (fl_model_net(&net, o->arch, 1, e))
		return fl_fail_in(e, "--arch");
	fl_say(FL_LOG_INFO, "%s: %zu parameters, %.0f multiply-adds an example", net.arch,
	       net.weights, fl_net_madds(&net));
	rc = fl_run_output(r, &out, o->output, !o->no_sync, e) || canonical_prov(r, &net, e) ||
	     fill(r, &net, &s, e) || fl_stream_write(&out, &s, e) ||
	     fl_out_commit(&out, e) ? -1 : 0;
	fl_out_abort(&out);
	fl_tset_release(&s);
	fl_net_release(&net);
	return rc;
}

static const struct fl_tool tool = {
	.name = "fl-init",
	.nd = "make the model of round 0 from an architecture and a seed",
	.writes = "model",
	.opts = opts,
	.osize = sizeof(struct opts),
	.families = families,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

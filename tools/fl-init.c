/* fl-init: an architecture and a seed -> the model of round 0. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "cli/tool.h"
#include "data/data.h"
#include "data/names.h"
#include "model/model.h"
#include "nn/layer.h"
#include "tensor/stream.h"

struct opts {
	const char *arch, *data, *output, *weights, *labels;
	int64_t seed, threads;
	int no_prov, no_sync;
};

static const struct fl_opt opts[] = {
	FL_OPT_STR('a', "arch", arch, "arch",
	  "a spec of the arch family, JSON text, or a JSON file",
	  .family = &fl_family_arch, .flags = FL_O_NEED | FL_O_PROV),
	FL_OPT_STR('d', "data", data, "source",
	  "data whose sizes an architecture in JSON takes where it has neither input nor parts"),
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

enum { ARCH_MAX = 4 << 20 };

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

/* --- sizes from data --- */

/* The dimensions of a tensor's rows; one number where rows are single. */
static json_t *sizes_of(const struct fl_tensor *t)
{
	json_t *list = json_array();

	for (unsigned i = 1; i < t->ndim; i++)
		json_array_append_new(list, json_integer((json_int_t)t->dim[i]));
	if (t->ndim < 2)
		json_array_append_new(list, json_integer(1));
	return list;
}

static int set_sizes(json_t *top, const struct fl_data *d)
{
	json_t *parts;

	if (!d->M)
		return json_object_set_new(top, "input", sizes_of(d->x));
	if (!(parts = json_object()))
		return -1;
	for (size_t m = 0; m < d->M; m++)
		json_object_set_new(parts, d->part[m].name, sizes_of(d->part[m].t));
	return json_object_set_new(top, "parts", parts);
}

/* The architecture's own text, or its file's. */
static char *read_arch(const char *arch, struct fl_err *e)
{
	size_t n = strspn(arch, " \t\r\n");
	char *text;

	if (arch[n] != '{')
		return fl_read_file(arch, ARCH_MAX, &n, e);
	if (!(text = strdup(arch)))
		fl_fail_mem(e, strlen(arch));
	return text;
}

/* With --data, the architecture with the data's sizes; in r's arena. */
static const char *sized(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_data d = { .client = -1 };
	char *text, *full = NULL;
	const char *out = NULL;
	json_t *top = NULL;

	if (!o->data)
		return o->arch;
	if (!(text = fl_arena_mem(&r->arena, o->arch, strcspn(o->arch, ":"), e)))
		return NULL;
	if (fl_family_find(&fl_family_arch, text)) {
		fl_fail(e, FL_EUSAGE, "--data is for architectures in JSON; a spec's sizes are its parameters");
		return NULL;
	}
	if ((text = read_arch(o->arch, e)) && (top = fl_json_load_lines(text, FL_EUSAGE, e))) {
		if (json_object_get(top, "input") || json_object_get(top, "parts"))
			fl_fail(e, FL_EUSAGE, "--data: the architecture has sizes of its own: input, or parts");
		else if (!fl_data_open(&d, o->data, &(struct fl_data_how){ .scale = NULL }, e) &&
		         (set_sizes(top, &d) || !(full = json_dumps(top, 0))))
			fl_fail(e, FL_EUSAGE, "architecture: not a JSON object");
	}
	if (full)
		out = fl_arena_str(&r->arena, full, e);
	fl_data_release(&d);
	json_decref(top);
	free(text);
	free(full);
	return out;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_out out = { .fd = -1 };
	struct fl_tset s = { .t = NULL };
	const char *arch = sized(r, e);
	struct fl_net net;
	int rc;

	if (!arch)
		return -1;
	if (fl_model_net(&net, arch, 1, e))
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

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return o->data && !strcmp(o->data, "-");
}

static const struct fl_tool tool = {
	.name = "fl-init",
	.nd = "make the model of round 0 from an architecture and a seed",
	.reads = "data",
	.writes = "model",
	.reads_stdin = reads_stdin,
	.opts = opts,
	.osize = sizeof(struct opts),
	.families = families,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

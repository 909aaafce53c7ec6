/* fl-reshape: a model in, a cut or a grown copy out, or a folder with one for each client. */
#include <inttypes.h>
#include <string.h>

#include "base/dir.h"
#include "base/par.h"
#include "cli/tool.h"
#include "reshape/reshape.h"
#include "reshape/sizes.h"
#include "tensor/stream.h"

struct opts {
	const char *model, *sizes, *output;
	int64_t seed, threads;
	int apart, no_prov, no_sync;
};

static const struct fl_opt options[] = {
	FL_OPT_PATH('m', "model", model, "model", "the model", .flags = FL_O_NEED),
	FL_OPT_PATH(0, "sizes", sizes, "file",
	  "a copy for each client, by lines CLIENT HOW [HOW ...]; -o is a folder",
	  .needs = "output"),
	FL_OPT_FLAG(0, "apart", apart,
	  "a cut copy is a model of its own: its updates are its own, too", .flags = FL_O_PROV),
	FL_OPT_SEED,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_PROV,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

static const struct fl_family *const families[] = { &fl_family_reshape, NULL };

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_tset model;
	struct fl_sizes sizes;
	struct fl_size one;		/* of the operands */
	char base[FL_HASH_TEXT];	/* of the model */
	struct fl_dir dir;		/* of --sizes */
};

/* The provenance line of this call with what made this copy. */
static int add_prov(const struct job *j, const struct fl_size *z, struct fl_tset *rec,
                    struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_str_add(&s, j->run->prov);
	for (size_t i = 0; i < z->n; i++) {
		fl_str_addc(&s, ' ');
		fl_spec_print(&z->how[i], &s);
	}
	rc = fl_str_check(&s, e);
	if (!rc && !j->o->no_prov)
		rc = fl_meta_add_prov(rec, fl_str_c(&s), e);
	fl_str_release(&s);
	return rc;
}

static int make(const struct job *j, const struct fl_size *z, struct fl_tset *out,
                struct fl_err *e)
{
	struct fl_reshape_from from = { .model = &j->model, .base = j->base,
	                                .seed = (uint64_t)j->o->seed, .apart = j->o->apart };

	if (fl_reshape_model(&from, z->how, z->n, out, e) ||
	    (z->client >= 0 && fl_meta_set_i64(out, "fl.client", z->client, e)))
		return -1;
	return add_prov(j, z, out, e);
}

static int write_one(const struct job *j, struct fl_err *e)
{
	struct fl_out out = { .fd = -1 };
	struct fl_tset copy = { .t = NULL };
	int rc = fl_run_output(j->run, &out, j->o->output, !j->o->no_sync, e);

	if (!rc && (rc = make(j, &j->one, &copy, e)))
		fl_fail_in(e, "%s", j->o->model);
	if (!rc)
		rc = fl_stream_write(&out, &copy, e) || fl_out_commit(&out, e) ? -1 : 0;
	fl_out_abort(&out);
	fl_tset_release(&copy);
	return rc;
}

static int write_client(void *ctx, size_t i, int thread, struct fl_err *e)
{
	const struct job *j = ctx;
	const struct fl_size *z = &j->sizes.v[i];
	struct fl_out out = { .fd = -1 };
	struct fl_tset copy = { .t = NULL };
	char name[40];
	int rc = make(j, z, &copy, e);

	(void)thread;
	snprintf(name, sizeof name, "%04" PRId64 ".safetensors", z->client);
	if (rc)
		fl_fail_in(e, "%s: client %" PRId64, j->o->model, z->client);
	else
		rc = fl_dir_create(&j->dir, name, &out, e) || fl_stream_write(&out, &copy, e) ||
		     fl_out_commit(&out, e) ? -1 : 0;
	fl_out_abort(&out);
	fl_tset_release(&copy);
	return rc;
}

/* Whether a file of the old folder is such a model. */
static int is_ours(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n && !strcmp(name + n, ".safetensors");
}

/* A model of each client in the folder, all of them or none. */
static int write_sizes(struct job *j, struct fl_err *e)
{
	int rc = fl_dir_open(&j->dir, j->o->output, is_ours, NULL, NULL, e);

	if (!rc)
		rc = fl_par_for(j->sizes.n, (int)j->o->threads, j, write_client, e);
	if (!rc)
		rc = fl_dir_commit(&j->dir, !j->o->no_sync, e);
	fl_dir_abort(&j->dir);
	return rc;
}

static int read_operands(struct job *j, struct fl_err *e)
{
	struct fl_run *r = j->run;

	j->one.client = -1;
	if (j->o->sizes && r->noperand)
		return fl_fail(e, FL_EUSAGE, "with --sizes the file says how: '%s' has no place",
		               r->operand[0]);
	if (j->o->sizes)
		return fl_sizes_read(&j->sizes, j->o->sizes, e);
	if (!r->noperand)
		return fl_fail(e, FL_EUSAGE, "how must be said; --list=reshape names what there is");
	if (r->noperand > FL_RESHAPES_MAX)
		return fl_fail(e, FL_EUSAGE, "more than %d reshapes", FL_RESHAPES_MAX);
	for (; j->one.n < r->noperand; j->one.n++)
		if (fl_spec_parse(&fl_family_reshape, r->operand[j->one.n], &r->arena,
		                  &j->one.how[j->one.n], e))
			return -1;
	return 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = read_operands(&j, e) || fl_stream_load(j.o->model, FL_KIND_MODEL, &j.model, e) ||
	         fl_base_text(&j.model, (int)j.o->threads, j.base, e) ? -1 : 0;

	if (!rc)
		rc = j.o->sizes ? write_sizes(&j, e) : write_one(&j, e);
	fl_sizes_release(&j.sizes);
	fl_tset_release(&j.model);
	return rc;
}

static const struct fl_tool tool = {
	.name = "fl-reshape",
	.nd = "make a cut or a grown copy of a model",
	.operands = "reshape ...",
	.reads = "model",
	.writes = "model",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

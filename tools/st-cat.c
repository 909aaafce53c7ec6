/* st-cat: join, select and split streams. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/num.h"
#include "cli/tool.h"
#include "tensor/stream.h"

struct opts {
	const char *output, *client, *split;
	struct fl_strs tensor;
	int one, plain, strip_meta, no_prov, no_sync, allow_empty;
	int64_t expect, threads;
};

static const struct fl_opt opts[] = {
	FL_OPT_STR(0, "client", client, "list", "keep the records of these clients, such as 3,5-9"),
	FL_OPT_STRS(0, "tensor", tensor, "pattern",
	  "keep the tensors whose names match; repeatable", .flags = FL_O_PROV),
	FL_OPT_FLAG(0, "plain", plain,
	  "leave out the tensors of methods, whose names start with @", .flags = FL_O_PROV),
	FL_OPT_FLAG(0, "strip-meta", strip_meta, "leave out all metadata"),
	FL_OPT_FLAG('1', "one", one, "write exactly one record, without an end record"),
	FL_OPT_PATH(0, "split", split, "folder", "write each record to a file of its own there", .excludes = "one output"),
	FL_OPT_OUTPUT,
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_NO_PROV,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

struct range {
	int64_t lo, hi;
};

struct cat {
	struct fl_run *r;
	const struct opts *o;
	struct range *client;		/* (nclient) */
	size_t nclient, clientcap;
	unsigned long long written;
	struct fl_out out;		/* of a stream */
	struct fl_out *file;		/* (nfile) with --split */
	size_t nfile, filecap;
	struct fl_tset only;		/* --one: the record, until all input is read */
	int64_t *name;			/* (nname) ascending: files written by --split */
	size_t nname, namecap;
};

/* "3" or "5-9" */
static int parse_range(const char *text, struct range *x)
{
	char buf[2 * FL_NUM_MAX], *dash;

	if (strlen(text) >= sizeof buf)
		return -1;
	strcpy(buf, text);
	if ((dash = strchr(buf, '-')))
		*dash++ = '\0';
	if (fl_num_i64(buf, &x->lo) || fl_num_i64(dash ? dash : buf, &x->hi))
		return -1;
	return x->lo < 0 || x->hi < x->lo ? -1 : 0;
}

static int parse_clients(struct cat *c, struct fl_err *e)
{
	char *s, *next;

	if (!c->o->client)
		return 0;
	if (!(s = fl_arena_str(&c->r->arena, c->o->client, e)))
		return -1;
	for (; s; s = next) {
		if ((next = strchr(s, ',')))
			*next++ = '\0';
		if (fl_grow(&c->client, &c->clientcap, c->nclient + 1, sizeof *c->client, e))
			return -1;
		if (parse_range(s, &c->client[c->nclient++]))
			return fl_fail(e, FL_EUSAGE, "--client: '%s' is neither a client id nor a "
			               "range such as 5-9", s);
	}
	return 0;
}

static int ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && !strcmp(s + n - k, tail);
}

static int check_options(const struct opts *o, struct fl_err *e)
{
	if (!o->split && !o->one && ends_in(o->output, ".safetensors"))
		return fl_fail(e, FL_EUSAGE, "--output: '%s' would hold a stream, which is no "
		               "safetensors file: name it .sts, or give --one", o->output);
	return 0;
}

/* 1: wanted, 0: not, -1. */
static int selected(const struct cat *c, const struct fl_tset *rec, struct fl_err *e)
{
	int64_t client;
	size_t i;
	int rc;

	if (!c->o->client)
		return 1;
	if ((rc = fl_meta_i64(rec, "fl.client", &client, e)) <= 0)
		return rc;
	for (i = 0; i < c->nclient; i++)
		if (client >= c->client[i].lo && client <= c->client[i].hi)
			return 1;
	return 0;
}

static int kept(const struct opts *o, const struct fl_tensor *t)
{
	size_t i;

	if (o->plain && fl_tensor_is_extra(t))
		return 0;
	for (i = 0; i < o->tensor.n; i++)
		if (!fnmatch(o->tensor.v[i], t->name, 0))
			return 1;
	return !o->tensor.n;
}

static int edit_meta(struct cat *c, const struct fl_tset *rec, struct fl_tset *out,
                     struct fl_err *e)
{
	size_t i;

	if (c->o->strip_meta)
		return 0;
	for (i = 0; i < rec->nkv; i++)
		if (fl_meta_set(out, rec->kv[i].key, rec->kv[i].val, e))
			return -1;
	if (c->o->no_prov)
		return fl_meta_set(out, "fl.prov", NULL, e);
	return out->nt < rec->nt ? fl_run_add_prov(c->r, 0, out, e) : 0;
}

/* What is left of rec: views of its tensors. */
static int edit(struct cat *c, const struct fl_tset *rec, struct fl_tset *out, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < rec->nt; i++) {
		const struct fl_tensor *t = &rec->t[i];

		if (kept(c->o, t) &&
		    !fl_tset_add(out, t->name, t->dtype, t->ndim, t->dim, t->data, e))
			return -1;
	}
	return edit_meta(c, rec, out, e);
}

/* Remembers the name of a file; FL_EDATA where it was written before. */
static int claim(struct cat *c, int64_t name, struct fl_err *e)
{
	size_t lo = 0, hi = c->nname;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->name[mid] < name)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < c->nname && c->name[lo] == name)
		return fl_fail(e, FL_EDATA, "a second record for %s/%04" PRId64 ".safetensors",
		               c->o->split, name);
	if (fl_grow(&c->name, &c->namecap, c->nname + 1, sizeof *c->name, e))
		return -1;
	memmove(c->name + lo + 1, c->name + lo, (c->nname - lo) * sizeof *c->name);
	c->name[lo] = name;
	c->nname++;
	return 0;
}

/* Written, but not published before all are. */
static int write_file(struct cat *c, const char *path, struct fl_tset *s, struct fl_err *e)
{
	struct fl_out *f;

	if (fl_grow(&c->file, &c->filecap, c->nfile + 1, sizeof *c->file, e))
		return -1;
	f = &c->file[c->nfile];
	if (fl_out_open(f, path, (c->o->no_sync ? 0 : 1) | FL_OUT_NO_SWEEP, e))
		return -1;
	c->nfile++;
	return fl_stream_write(f, s, e) ? -1 : fl_out_finish(f, e);
}

static int publish_files(struct cat *c, struct fl_err *e)
{
	for (size_t i = 0; i < c->nfile; i++)
		if (fl_out_commit(&c->file[i], e))
			return -1;
	return 0;
}

/* A file's name is a number, never text of the record. */
static int save(struct cat *c, const struct fl_inputs *in, const struct fl_tset *rec,
                struct fl_tset *s, struct fl_err *e)
{
	int64_t name = (int64_t)in->count;
	struct fl_str path = FL_STR_INIT;
	int rc = fl_meta_i64(rec, "fl.client", &name, e) < 0 || claim(c, name, e) ? -1 : 0;

	fl_str_addf(&path, "%s/%04" PRId64 ".safetensors", c->o->split, name);
	if (!rc && !(rc = fl_str_check(&path, e)))
		rc = write_file(c, path.s, s, e);
	fl_str_release(&path);
	return rc;
}

static int write_record(struct cat *c, const struct fl_inputs *in, const struct fl_tset *rec,
                        struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc = edit(c, rec, &s, e);

	if (!rc && c->o->one && c->written)
		rc = fl_fail(e, FL_EDATA, "more than one record, --one given");
	else if (!rc && c->o->one)
		rc = fl_tset_clone(&c->only, &s, e);
	else if (!rc && c->o->split)
		rc = save(c, in, rec, &s, e);
	else if (!rc)
		rc = fl_stream_write(&c->out, &s, e);
	c->written++;
	fl_tset_release(&s);
	return rc;
}

static int copy(struct cat *c, struct fl_inputs *in, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc, want;

	while ((rc = fl_inputs_next(in, &rec, e)) > 0) {
		if ((want = selected(c, &rec, e)) < 0 || (want && write_record(c, in, &rec, e))) {
			if (e->code == FL_EDATA)
				fl_fail_in(e, "%s: record %llu at byte %llu", fl_inputs_name(in),
				           fl_stream_count(in->cur), fl_stream_offset(in->cur));
			rc = -1;
			break;
		}
	}
	fl_tset_release(&rec);
	return rc;
}

static int finish(struct cat *c, struct fl_err *e)
{
	if (c->o->split)
		return publish_files(c, e);
	if (c->o->one && !c->written)
		return fl_fail(e, FL_EDATA, "no record is left, --one given");
	if (c->o->one ? fl_stream_write(&c->out, &c->only, e) :
	                fl_stream_write_end(&c->out, c->written, e))
		return -1;
	return fl_out_commit(&c->out, e);
}

static int start(struct cat *c, struct fl_err *e)
{
	const struct opts *o = c->o;
	const char *folder;

	if (check_options(o, e) || parse_clients(c, e))
		return -1;
	if (!o->split)
		return fl_run_output(c->r, &c->out, o->output, !o->no_sync, e);
	if (mkdir(o->split, 0777) && errno != EEXIST)
		return fl_fail(e, FL_EIO, "%s: %s", o->split, strerror(errno));
	if (!(folder = fl_arena_fmt(&c->r->arena, e, "%s/", o->split)))
		return -1;
	fl_out_sweep(folder);
	return 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct cat c = { .r = r, .o = o, .out = { .fd = -1 } };
	struct fl_inputs in = { .path = r->operand, .n = r->noperand, .allow_empty = o->allow_empty,
	                        .expect = o->expect == FL_UNSET ? -1 : o->expect };
	int rc = start(&c, e);

	if (!rc && !(rc = copy(&c, &in, e)))
		rc = finish(&c, e);
	if (!rc)
		fl_say(FL_LOG_INFO, "%llu records read, %llu written", in.count, c.written);
	fl_out_abort(&c.out);
	for (size_t i = 0; i < c.nfile; i++)
		fl_out_abort(&c.file[i]);
	free(c.file);
	fl_inputs_release(&in);
	fl_tset_release(&c.only);
	free(c.client);
	free(c.name);
	return rc;
}

static const struct fl_tool tool = {
	.name = "st-cat",
	.nd = "join, select and split streams",
	.operands = "[file ...]",
	.reads = "any kind",
	.writes = "the records read",
	.opts = opts,
	.osize = sizeof(struct opts),
	.reads_stdin = fl_run_stdin_default,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

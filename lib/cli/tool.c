/* The one main(): the only place that prints messages and decides the status. */
#include "cli/table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/gemm.h"
#include "kernel/isa.h"
#include "tensor/meta.h"

#define PROSE_MAX ((size_t)1 << 20)

/* A closed descriptor 0..2 would be given to the next file opened. What is put
 * there fails on use, so a closed standard output is still an error. */
static void open_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 1 ? O_RDONLY : O_RDWR) != fd)
			_exit(FL_EIO);
}

static void sink(void *ctx, enum fl_level level, const char *line)
{
	const struct fl_run *r = ctx;

	if (r->verbose >= (int)level)
		fprintf(stderr, "%s: %s\n", r->tool->name, line);
}

static int print(const struct fl_str *s, struct fl_err *e)
{
	if (fl_str_check(s, e))
		return -1;
	fputs(fl_str_c(s), stdout);
	return 0;
}

/* --help and its like: 1 when one was asked for and done. */
static int informational(const struct fl_tool *t, const struct fl_common *m, struct fl_err *e)
{
	struct fl_str out = FL_STR_INIT;
	char *prose = NULL;
	size_t n;
	int rc = 0;

	if (m->help)
		fl_help(t, &out);
	else if (m->version)
		fl_str_addf(&out, "%s (fltools) %s\n", t->name, FL_VERSION);
	else if (m->complete)
		fl_complete(t, &out);
	else if (m->list)
		rc = fl_help_list(t, m->list, &out, e);
	else if (m->man)
		rc = (prose = fl_read_file("-", PROSE_MAX, &n, e)) ? fl_man(t, prose, &out, e) : -1;
	else
		return 0;
	if (!rc)
		rc = print(&out, e);
	free(prose);
	fl_str_release(&out);
	return rc ? -1 : 1;
}

static int prepare(const struct fl_tool *t, const struct fl_cmdline *c, struct fl_run *r,
                   struct fl_str *prov, struct fl_err *e)
{
	const struct fl_common *m = &c->common;

	r->tool = t;
	r->opts = c->opts;
	r->operand = (const char *const *)c->operand;
	r->noperand = c->noperand;
	r->verbose = m->quiet ? -1 : m->verbose;
	r->progress = m->progress == 1 || (!m->progress && !m->quiet && isatty(STDERR_FILENO));
	fl_log_sink(sink, r);
	if (fl_isa_check(e) || (t->env & FL_ENV_BLAS && fl_gemm_init(e)))
		return -1;
	if (fl_opt_prov(t, c->opts, prov))
		return fl_str_check(prov, e);
	r->prov = fl_str_c(prov);
	return 0;
}

static int on_terminal(const struct fl_tool *t, const struct fl_run *r)
{
	struct fl_str s = FL_STR_INIT;

	if (!t->reads_stdin || !t->reads_stdin(r) || !isatty(STDIN_FILENO))
		return 0;
	fl_help_usage(t, &s);
	fputs(fl_str_c(&s), stderr);
	fl_str_release(&s);
	return 1;
}

static int close_stdout(struct fl_err *e)
{
	int bad = ferror(stdout), was = errno;

	if (fflush(stdout)) {
		bad = 1;
		was = errno;
	}
	if (close(STDOUT_FILENO) && errno != EBADF && errno != EINTR) {
		bad = 1;
		was = errno;
	}
	if (!bad)
		return 0;
	return fl_fail(e, was == EPIPE ? FL_EPIPE : FL_EIO, "standard output: write: %s",
	               strerror(was));
}

int fl_tool_main(const struct fl_tool *t, int argc, char **argv)
{
	struct fl_err e = { 0 };
	struct fl_cmdline c;
	struct fl_run r = { 0 };
	struct fl_str prov = FL_STR_INIT;
	int rc;

	open_standard();
	signal(SIGXFSZ, SIG_IGN);	/* a file size limit is an error of write() */
	fl_temp_signals();
	rc = fl_opt_parse(t, argc, argv, &r.arena, &c, &e);
	if (!rc)
		rc = informational(t, &c.common, &e);
	if (!rc && !(rc = prepare(t, &c, &r, &prov, &e))) {
		if (on_terminal(t, &r))
			e.code = FL_EUSAGE;
		else
			rc = t->run(&r, &e);
	}
	fl_run_progress(&r, "");
	if (!e.code || e.code == FL_EFALSE) {
		struct fl_err out = { 0 };

		if (close_stdout(&out))
			e = out;
	}
	if (rc < 0 && !e.code)
		e.code = FL_EIO;
	if (e.code && e.msg[0] && e.code != FL_EPIPE)
		fprintf(stderr, "%s: %s\n", t->name, e.msg);
	fl_str_release(&prov);
	fl_arena_release(&r.arena);
	return e.code;
}

int fl_run_output(struct fl_run *r, struct fl_out *o, const char *path, int sync,
                  struct fl_err *e)
{
	(void)r;
	if (!strcmp(path, "-") && isatty(STDOUT_FILENO))
		return fl_fail(e, FL_EUSAGE,
		               "standard output is a terminal: binary data wants a pipe, a file or -o");
	return fl_out_open(o, path, sync, e);
}

void fl_run_progress(struct fl_run *r, const char *line)
{
	static int drawn;

	if (!r->progress || (!*line && !drawn))
		return;
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
	drawn = *line != '\0';
}

int fl_run_stdin_default(const struct fl_run *r)
{
	for (size_t i = 0; i < r->noperand; i++)
		if (!strcmp(r->operand[i], "-"))
			return 1;
	return !r->noperand;
}

int fl_run_renew_prov(struct fl_run *r, struct fl_err *e)
{
	struct fl_str b = FL_STR_INIT;

	r->prov = fl_opt_prov(r->tool, r->opts, &b) || fl_str_check(&b, e) ? NULL :
	          fl_arena_str(&r->arena, fl_str_c(&b), e);
	fl_str_release(&b);
	return r->prov ? 0 : -1;
}

int fl_run_add_prov(struct fl_run *r, int no_prov, struct fl_tset *s, struct fl_err *e)
{
	return no_prov ? 0 : fl_meta_add_prov(s, r->prov, e);
}

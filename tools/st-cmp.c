/* st-cmp: are two streams equal, or near enough? */
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/num.h"
#include "cli/tool.h"
#include "tensor/stream.h"

#define BLOCK 1024	/* elements converted at a time */

struct opts {
	double rtol, atol;
	struct fl_strs tol;
	const char *output;
	int meta, allow_empty, no_sync;
	int64_t expect, threads;
};

static const struct fl_opt opts[] = {
	FL_OPT_REAL(0, "rtol", rtol, "0", 0, 1e300, "r",
	  "accept differences up to r times the magnitude in b"),
	FL_OPT_REAL(0, "atol", atol, "0", 0, 1e300, "a",
	  "accept differences up to a; both: up to their sum"),
	FL_OPT_STRS(0, "tol", tol, "pattern=r[,a]",
	  "tolerances of the tensors whose names match; repeatable"),
	FL_OPT_FLAG(0, "meta", meta, "compare metadata too"),
	FL_OPT_EXPECT,
	FL_OPT_ALLOW_EMPTY,
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

struct tol {
	const char *pattern;
	double r, a;
};

struct cmp {
	const struct opts *o;
	struct tol *tol;		/* (o->tol.n) */
	unsigned long long record;	/* from 1 */
	unsigned long long differences;
	struct fl_str text;		/* of one pair of records */
	struct fl_out out;
};

/* "pattern=r" or "pattern=r,a"; the last '=' divides, so a pattern may hold one. */
static int parse_tol(const char *text, struct tol *x, struct fl_arena *a, struct fl_err *e)
{
	char *s = fl_arena_str(a, text, e), *eq, *comma;

	if (!s)
		return -1;
	x->pattern = s;
	x->a = 0;
	if (!(eq = strrchr(s, '=')))
		return fl_fail(e, FL_EUSAGE, "--tol: '%s' has no '='", text);
	*eq++ = '\0';
	if ((comma = strchr(eq, ',')))
		*comma++ = '\0';
	if (fl_num_real(eq, &x->r) || x->r < 0 || (comma && (fl_num_real(comma, &x->a) || x->a < 0)))
		return fl_fail(e, FL_EUSAGE, "--tol: '%s': tolerances are numbers of 0 or more", text);
	return 0;
}

/* The last --tol that matches, else --rtol and --atol. */
static struct tol tolerance(const struct cmp *c, const char *name)
{
	size_t i;

	for (i = c->o->tol.n; i; i--)
		if (!fnmatch(c->tol[i - 1].pattern, name, 0))
			return c->tol[i - 1];
	return (struct tol){ NULL, c->o->rtol, c->o->atol };
}

/* Names in a field: what would end the field or the line is escaped. */
static void print_name(struct fl_str *out, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch < 0x20 || ch == 0x7f || ch == '\\')
			fl_str_addf(out, "\\x%02x", ch);
		else
			fl_str_addc(out, *s);
	}
}

/* Starts a line: record, name, what. */
static void report(struct cmp *c, const char *name, const char *what)
{
	c->differences++;
	fl_str_addf(&c->text, "%llu\t", c->record);
	print_name(&c->text, name);
	fl_str_addf(&c->text, "\t%s", what);
}

struct diff {
	double abs, rel;	/* largest; NAN where a difference is none */
	size_t first, count;	/* beyond the tolerance */
};

/* max() that keeps what is not a number. */
static void raise_to(double *m, double v)
{
	if (!isnan(*m) && !(v <= *m))
		*m = v;
}

static void compare_block(const struct tol *tol, const double *x, const double *y, size_t n,
                          const unsigned char *px, const unsigned char *py, size_t size,
                          size_t base, struct diff *d)
{
	size_t i;

	for (i = 0; i < n; i++) {
		double gap;

		if (!memcmp(px + i * size, py + i * size, size))
			continue;
		gap = fabs(x[i] - y[i]);
		raise_to(&d->abs, gap);
		raise_to(&d->rel, gap == 0 ? 0 : gap / fabs(y[i]));
		/* Equal bits were passed over; with no tolerance the rest differ. */
		if (tol->a + tol->r > 0 && isfinite(gap) && gap <= tol->a + tol->r * fabs(y[i]))
			continue;
		if (!d->count++)
			d->first = base + i;
	}
}

/* Values of what is no number are not known: only equal bits are equal. */
static void get_values(const struct fl_tensor *t, const unsigned char *p, double *x, size_t n)
{
	if (fl_dtype_is_number(t->dtype))
		fl_dtype_to_f64(t->dtype, p, x, n);
	else
		for (size_t i = 0; i < n; i++)
			x[i] = NAN;
}

static void compare_values(struct cmp *c, const struct fl_tensor *a, const struct fl_tensor *b)
{
	const unsigned char *pa = a->data, *pb = b->data;
	struct tol tol = tolerance(c, a->name);
	struct diff d = { 0, 0, 0, 0 };
	size_t size = fl_dtype_size(a->dtype), all = a->bytes / size, i, n;
	double x[BLOCK], y[BLOCK];
	char abs[FL_NUM_MAX], rel[FL_NUM_MAX];

	for (i = 0; i < all; i += n) {
		n = all - i < BLOCK ? all - i : BLOCK;
		if (!memcmp(pa + i * size, pb + i * size, n * size))
			continue;
		get_values(a, pa + i * size, x, n);
		get_values(b, pb + i * size, y, n);
		compare_block(&tol, x, y, n, pa + i * size, pb + i * size, size, i, &d);
	}
	if (!d.count)
		return;
	report(c, a->name, "values");
	fl_str_addf(&c->text, "\tmax_abs=%s\tmax_rel=%s\tfirst=%zu\tcount=%zu/%zu\n",
	            fl_num_print(abs, d.abs), fl_num_print(rel, d.rel), d.first, d.count, all);
}

static void compare_tensors(struct cmp *c, const struct fl_tensor *a, const struct fl_tensor *b)
{
	char sa[32 * 21], sb[32 * 21];

	if (a->dtype != b->dtype) {
		report(c, a->name, "dtype");
		fl_str_addf(&c->text, "\t%s\t%s\n", fl_dtype_name(a->dtype),
		            fl_dtype_name(b->dtype));
	} else if (!fl_tensor_same_shape(a, b)) {
		report(c, a->name, "shape");
		fl_str_addf(&c->text, "\t%s\t%s\n", fl_tensor_shape_str(a, sa, sizeof sa),
		            fl_tensor_shape_str(b, sb, sizeof sb));
	} else {
		compare_values(c, a, b);
	}
}

static void only_in(struct cmp *c, const char *name, const char *side)
{
	report(c, name, side);
	fl_str_addc(&c->text, '\n');
}

static void compare_meta(struct cmp *c, const struct fl_tset *a, const struct fl_tset *b)
{
	size_t i, k;

	/* Both are sorted by key. */
	for (i = k = 0; i < a->nkv || k < b->nkv;) {
		int order = i == a->nkv ? 1 : k == b->nkv ? -1 : strcmp(a->kv[i].key, b->kv[k].key);

		if (order < 0) {
			only_in(c, a->kv[i++].key, "meta only in a");
		} else if (order > 0) {
			only_in(c, b->kv[k++].key, "meta only in b");
		} else {
			if (strcmp(a->kv[i].val, b->kv[k].val))
				only_in(c, a->kv[i].key, "meta");
			i++;
			k++;
		}
	}
}

static void compare_records(struct cmp *c, const struct fl_tset *a, const struct fl_tset *b)
{
	const struct fl_tensor *other;
	size_t i;

	for (i = 0; i < a->nt; i++)
		if ((other = fl_tset_find(b, a->t[i].name)))
			compare_tensors(c, &a->t[i], other);
		else
			only_in(c, a->t[i].name, "only in a");
	for (i = 0; i < b->nt; i++)
		if (!fl_tset_find(a, b->t[i].name))
			only_in(c, b->t[i].name, "only in b");
	if (c->o->meta)
		compare_meta(c, a, b);
}

static int flush(struct cmp *c, struct fl_err *e)
{
	int rc = fl_str_check(&c->text, e);

	if (!rc && c->text.len)
		rc = fl_out_write(&c->out, c->text.s, c->text.len, e);
	fl_str_clear(&c->text);
	return rc;
}

static int compare_streams(struct cmp *c, struct fl_inputs in[2], struct fl_err *e)
{
	struct fl_tset rec[2] = { { .t = NULL }, { .t = NULL } };
	int a, b, rc = 0;

	do {
		a = fl_inputs_next(&in[0], &rec[0], e);
		b = a < 0 ? -1 : fl_inputs_next(&in[1], &rec[1], e);
		c->record++;
		if (a > 0 && b > 0)
			compare_records(c, &rec[0], &rec[1]);
		else if (b >= 0 && a + b)
			only_in(c, "-", a ? "record only in a" : "record only in b");
	} while (b >= 0 && !(rc = flush(c, e)) && a + b);
	fl_tset_release(&rec[0]);
	fl_tset_release(&rec[1]);
	return b < 0 ? -1 : rc;
}

static int start(struct cmp *c, struct fl_run *r, struct fl_err *e)
{
	size_t i;

	c->o = r->opts;
	if (r->noperand != 2)
		return fl_fail(e, FL_EUSAGE, "%zu operands, want 2", r->noperand);
	if (!strcmp(r->operand[0], "-") && !strcmp(r->operand[1], "-"))
		return fl_fail(e, FL_EUSAGE, "standard input is given twice");
	if (!(c->tol = fl_arena_zero(&r->arena, c->o->tol.n, sizeof *c->tol, e)))
		return -1;
	for (i = 0; i < c->o->tol.n; i++)
		if (parse_tol(c->o->tol.v[i], &c->tol[i], &r->arena, e))
			return -1;
	return 0;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	const struct opts *o = r->opts;
	struct fl_inputs in[2] = { { .n = 1 }, { .n = 1 } };
	struct cmp c = { .o = o, .text = FL_STR_INIT };
	int rc, i;

	if (start(&c, r, e) || fl_out_open(&c.out, o->output, !o->no_sync, e))
		return -1;
	for (i = 0; i < 2; i++) {
		in[i].path = &r->operand[i];
		in[i].expect = o->expect == FL_UNSET ? -1 : o->expect;
		in[i].allow_empty = o->allow_empty;
	}
	rc = compare_streams(&c, in, e);
	fl_inputs_release(&in[0]);
	fl_inputs_release(&in[1]);
	fl_str_release(&c.text);
	if (!rc)
		rc = fl_out_commit(&c.out, e);
	else if (!strcmp(o->output, "-"))
		fl_out_flush(&c.out, NULL);
	fl_out_abort(&c.out);
	if (!rc && c.differences) {
		e->code = FL_EFALSE;
		rc = -1;
	}
	return rc;
}

/* Without two operands, run() says what is wrong. */
static int reads_stdin(const struct fl_run *r)
{
	return r->noperand == 2 && fl_run_stdin_default(r);
}

static const struct fl_tool tool = {
	.name = "st-cmp",
	.nd = "compare two streams",
	.operands = "a b",
	.reads = "any kind",
	.opts = opts,
	.osize = sizeof(struct opts),
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

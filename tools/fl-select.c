/* fl-select: who takes part in a round. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "cli/tool.h"
#include "policy/clock.h"

struct opts {
	int64_t clients, seed, round, steps, threads, bytes, rounds;
	struct fl_strs with;
	struct fl_spec pace;
	double dropout, stragglers, until, slot;
	const char *plan, *output, *clock;
	int probs, no_sync;
};

static const struct fl_opt options[] = {
	FL_OPT_INT('k', "clients", clients, NULL, 0, 4e9, "n", "the clients are 0 to n-1"),
	FL_OPT_SEED,
	FL_OPT_INT('r', "round", round, "1", 1, 9e15, "n", "the round, from 1",
	           .excludes = "clock"),
	FL_OPT_STRS(0, "with", with, "file",
	            "what is known of the clients: rows by client, or statistics; repeatable"),
	FL_OPT_FLAG(0, "probs", probs, "with each client its probability of being there",
	            .excludes = "clock"),
	FL_OPT_REAL(0, "dropout", dropout, "0", 0, 1, "p", "chance that a chosen client is lost"),
	FL_OPT_PATH(0, "plan", plan, "file", "a plan for fl-local-train, a line a client",
	            .needs = "steps", .excludes = "clock"),
	FL_OPT_INT(0, "steps", steps, NULL, 1, 1e12, "n", "local steps of a client",
	           .needs = "plan|clock"),
	FL_OPT_REAL(0, "stragglers", stragglers, "0", 0, 1, "p",
	            "chance that a client does fewer steps: 1 to all of them", .needs = "plan"),
	FL_OPT_PATH(0, "clock", clock, "file",
	            "virtual time by the clients' speeds in this file: a list of updates"),
	FL_OPT_SPEC(0, "pace", pace, &fl_family_pace, "sync", "pace",
	            "when the server makes the next version", .needs = "clock"),
	FL_OPT_REAL(0, "until", until, NULL, 1e-12, 1e15, "seconds", "end of virtual time",
	            .needs = "clock"),
	FL_OPT_INT(0, "rounds", rounds, NULL, 1, 9e15, "n", "versions after which time ends",
	           .needs = "clock"),
	FL_OPT_SIZE(0, "bytes", bytes, "0", 0, 1e18, "size", "of a model, sent and received",
	            .needs = "clock"),
	FL_OPT_REAL(0, "slot", slot, "1", 1e-9, 1e15, "seconds",
	            "how long a round of availability lasts", .needs = "clock"),
	FL_OPT_THREADS,
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_END
};

static const struct fl_family *const families[] = { &fl_family_policy, &fl_family_pace, NULL };

struct job {
	struct fl_run *run;
	const struct opts *o;
	struct fl_spec policy;
	struct fl_crowd crowd;
	struct fl_choice pick;
	struct fl_out *list;		/* of updates */
};

/* The first operand is the policy, the second the clients. */
static int take_operands(struct job *j, struct fl_err *e)
{
	const struct fl_run *r = j->run;
	int numbered = j->o->clients != FL_UNSET;

	if (!r->noperand)
		return fl_fail(e, FL_EUSAGE, "want a policy; --list=policy shows them");
	if (fl_spec_parse(&fl_family_policy, r->operand[0], &j->run->arena, &j->policy, e))
		return -1;
	if (r->noperand > 2)
		return fl_fail(e, FL_EUSAGE, "'%s' and '%s': one file of clients", r->operand[1],
		               r->operand[2]);
	if (numbered == (r->noperand == 2))
		return fl_fail(e, FL_EUSAGE,
		               numbered ? "--clients says who there is, and so does '%s'"
		                        : "who is there? --clients N, or a file of clients",
		               r->operand[r->noperand - 1]);
	return 0;
}

static int read_crowd(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (o->clients != FL_UNSET ? fl_crowd_number(&j->crowd, (size_t)o->clients, e) :
	    fl_crowd_read(&j->crowd, j->run->operand[1], e))
		return -1;
	for (size_t i = 0; i < o->with.n; i++)
		if (fl_crowd_join(&j->crowd, o->with.v[i], e))
			return fl_fail_in(e, "--with");
	return 0;
}

static int choose(struct job *j, struct fl_err *e)
{
	struct fl_choice *k = &j->pick;
	size_t n = j->crowd.n, chosen = 0;

	*k = (struct fl_choice){ .crowd = &j->crowd, .seed = (uint64_t)j->o->seed,
	                       .round = (uint64_t)j->o->round, .arena = &j->run->arena };
	if (!(k->in = fl_arena_zero(k->arena, n + 1, 1, e)) ||
	    !(k->chance = fl_arena_zero(k->arena, n + 1, sizeof *k->chance, e)) ||
	    fl_policy_pick(&j->policy, k, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		k->in[i] = k->in[i] && !fl_policy_drops(k, i, j->o->dropout);
		k->chance[i] *= 1 - j->o->dropout;
		chosen += k->in[i];
	}
	fl_say(chosen ? FL_LOG_INFO : FL_LOG_WARN, "round %" PRId64 ": %zu of %zu clients",
	       j->o->round, chosen, n);
	return 0;
}

static void print_client(const struct job *j, size_t i, struct fl_str *s)
{
	fl_str_addf(s, "%" PRId64, j->crowd.id[i]);
	if (j->o->probs) {
		fl_str_addc(s, '\t');
		if (isnan(j->pick.chance[i]))
			fl_str_addc(s, '-');
		else
			fl_str_addnum(s, j->pick.chance[i]);
	}
	fl_str_addc(s, '\n');
}

static void print_plan(const struct job *j, size_t i, struct fl_str *s)
{
	fl_str_addf(s, "%" PRId64 " %" PRIu64 "\n", j->crowd.id[i],
	            fl_policy_steps(&j->pick, i, j->o->stragglers, (uint64_t)j->o->steps));
}

/* A line of each chosen client to path. */
static int write_lines(const struct job *j, const char *path, const char *head,
                       void (*print)(const struct job *j, size_t i, struct fl_str *s), struct fl_out *out,
                       struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc = fl_out_open(out, path, !j->o->no_sync, e) || fl_out_write(out, head, strlen(head), e) ? -1 : 0;

	for (size_t i = 0; i < j->crowd.n && !rc; i++) {
		fl_str_clear(&s);
		if (j->pick.in[i])
			print(j, i, &s);
		rc = fl_str_check(&s, e) || fl_out_write(out, fl_str_c(&s), s.len, e) ? -1 : 0;
	}
	fl_str_release(&s);
	return rc;
}

/* --- virtual time --- */

/* An update in the list. */
static int print_update(void *ctx, const struct fl_flight *f, int64_t round, struct fl_err *e)
{
	const struct job *j = ctx;
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_str_addnum(&s, f->time);
	fl_str_addf(&s, "\t%" PRId64 "\t%" PRIu32 "\t%" PRIu64 "\t", j->crowd.id[f->client],
	            f->model, f->version);
	if (f->fresh == FL_CLOCK_NONE)
		fl_str_addc(&s, '-');
	else
		fl_str_addf(&s, "%" PRIu64, f->fresh);
	fl_str_addf(&s, "\t%" PRIu64 "\t", f->steps);
	if (round == FL_CLOCK_LOST)
		fl_str_addc(&s, '-');
	else
		fl_str_addf(&s, "%" PRId64, round);
	fl_str_addc(&s, '\n');
	rc = fl_str_check(&s, e) || fl_out_write(j->list, fl_str_c(&s), s.len, e) ? -1 : 0;
	fl_str_release(&s);
	return rc;
}

static int run_clock(struct job *j, struct fl_err *e)
{
	static const char head[] = "time\tclient\tmodel\tversion\tfresh\tsteps\tround\n";
	const struct opts *o = j->o;
	struct fl_out out = { .fd = -1 };
	struct fl_clock_how how = { .crowd = &j->crowd, .policy = &j->policy, .seed = (uint64_t)o->seed,
		.bytes = (double)o->bytes, .until = isnan(o->until) ? INFINITY : o->until, .slot = o->slot,
		.dropout = o->dropout, .rounds = o->rounds, .steps = o->steps, .sink = print_update, .ctx = j };
	int rc;

	if (isnan(o->until) && o->rounds == FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "--clock wants an end: --until seconds or --rounds n");
	if (fl_crowd_join(&j->crowd, o->clock, e))
		return fl_fail_in(e, "--clock");
	j->list = &out;
	rc = fl_out_open(&out, o->output, !o->no_sync, e) ||
	                     fl_out_write(&out, head, strlen(head), e) ||
	                     fl_clock_run(&how, &o->pace, e) || fl_out_commit(&out, e)
	             ? -1
	             : 0;
	fl_out_abort(&out);
	return rc;
}

/* --- one round --- */

/* The plan before the list that a pipe goes on with. */
static int write_all(const struct job *j, struct fl_err *e)
{
	struct fl_out plan = { .fd = -1 }, out = { .fd = -1 };
	int rc = j->o->plan && write_lines(j, j->o->plan, "", print_plan, &plan, e) ? -1 : 0;

	if (!rc)
		rc = write_lines(j, j->o->output, j->o->probs ? "client\tprobability\n" : "",
		                 print_client, &out, e);
	if (!rc && j->o->plan)
		rc = fl_out_commit(&plan, e);
	if (!rc)
		rc = fl_out_commit(&out, e);
	fl_out_abort(&plan);
	fl_out_abort(&out);
	return rc;
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = take_operands(&j, e) || read_crowd(&j, e) ? -1 : 0;

	if (!rc)
		rc = j.o->clock ? run_clock(&j, e) : choose(&j, e) || write_all(&j, e);

	fl_crowd_release(&j.crowd);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	return r->noperand == 2 && !strcmp(r->operand[1], "-");
}

static const struct fl_tool tool = {
	.name = "fl-select",
	.nd = "who takes part in a round",
	.operands = "policy [file]",
	.reads = "clients",
	.writes = "client ids, one a line",
	.opts = options,
	.osize = sizeof(struct opts),
	.families = families,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

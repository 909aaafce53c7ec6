/* fl-aggregate: combines the updates of a round into the next model. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "cli/tool.h"
#include "fed/agg/collect.h"
#include "fed/agg/kept.h"
#include "fed/agg/memory.h"
#include "fed/agg/sent.h"
#include "fed/client/client.h"
#include "fed/clients.h"
#include "fed/server/step.h"
#include "fed/stat/stat.h"
#include "model/model.h"
#include "tensor/running.h"

/* Without -R and -S: FedAvg. */
#define RULE "mean"
#define SERVER "sgd"

/* --new-state: off, on (said alone), force; as enum fl_memory_begin. */
static const char *const new_state_name[] = { "off", "on", "force", NULL };

struct opts {
	const char *model, *output, *state, *history;
	struct fl_spec rule, server;
	struct fl_strs with;
	int partial, needs, no_sync, no_prov, new_state;
	int64_t expect, threads, memory, stale;
};

static const struct fl_opt opts[] = {
	FL_OPT_PATH('m', "model", model, "model",
	  "the model that was sent out, or a folder of personal models; none: statistics"),
	FL_OPT_SPEC('R', "rule", rule, &fl_family_rule, RULE, "spec",
	  "how updates become one", .flags = FL_O_PROV),
	FL_OPT_SPEC('S', "server", server, &fl_family_server, SERVER, "spec",
	  "what the combined update does to the model", .flags = FL_O_PROV),
	FL_OPT_WITH,
	FL_OPT_PATH(0, "state", state, "file",
	  "what the server keeps from round to round; a folder where a rule keeps updates"),
	FL_OPT_ENUM(0, "new-state", new_state, "off", new_state_name, "force",
	  "begin with empty state, whatever the round; force: though one led to this model",
	  .flags = FL_O_BARE),
	FL_OPT_INT(0, "stale", stale, NULL, 1, 9e15, "n",
	  "accept updates of the last n rounds too, see --history",
	  .needs = "history", .flags = FL_O_PROV),
	FL_OPT_PATH(0, "history", history, "folder", "models that stale updates were trained from",
	  .needs = "stale"),
	FL_OPT_FLAG(0, "partial", partial,
	  "write the exact sums instead of a model, to be combined later"),
	FL_OPT_FLAG(0, "needs", needs, "print what fl-local-train has to --measure, and stop"),
	FL_OPT_INT('n', "expect", expect, NULL, 0, 9e15, "n",
	  "refuse anything but this many clients"),
	FL_OPT_THREADS,
	FL_OPT_SIZE(0, "memory", memory, "1G", 65536, 9e15, "size",
	  "room for tiles of column rules; the result does not depend on it"),
	FL_OPT_OUTPUT,
	FL_OPT_NO_SYNC,
	FL_OPT_NO_PROV,
	FL_OPT_END
};

struct job {
	struct fl_run *run;
	const struct opts *o;
	const struct fl_rule *rule;
	const struct fl_server *server;
	struct fl_str spec, sspec;	/* of the fold's or rule's owner; of the server */
	struct fl_sent sent;
	struct fl_with with;
	struct fl_memory memory;
	struct fl_kept kept;
	struct fl_collect c;
};

/* --- what was asked for --- */

static int keeps_state(const struct job *j)
{
	return j->server->vec[0] || j->server->scalar[0] || fl_collect_nrow(&j->c);
}

/* Whether spec is that of name with nothing set. */
static int is_plain(struct job *j, const struct fl_family *f, const char *name,
                    const struct fl_spec *spec, struct fl_err *e)
{
	struct fl_str a = FL_STR_INIT, b = FL_STR_INIT;
	struct fl_spec plain;
	int same = 0;

	if (!fl_spec_parse(f, name, &j->run->arena, &plain, e)) {
		fl_spec_print(spec, &a);
		fl_spec_print(&plain, &b);
		same = !strcmp(fl_str_c(&a), fl_str_c(&b));
	}
	fl_str_release(&a);
	fl_str_release(&b);
	return same;
}

/* A server's own fold takes the place of the default rule. */
static int own_fold(struct job *j, struct fl_err *e)
{
	if (!is_plain(j, &fl_family_rule, RULE, &j->o->rule, e))
		return fl_fail(e, FL_EUSAGE, "server %s weighs updates itself: rule %s has no place",
		               j->server->e.name, j->rule->e.name);
	j->c.fold = j->server->fold;
	j->c.fp = j->o->server.p;
	j->c.who = fl_arena_fmt(&j->run->arena, e, "server %s", j->server->e.name);
	fl_spec_print(&j->o->server, &j->spec);
	return j->c.who ? 0 : -1;
}

static int choose(struct job *j, struct fl_err *e)
{
	j->rule = (const struct fl_rule *)(const void *)j->o->rule.entry;
	j->server = (const struct fl_server *)(const void *)j->o->server.entry;
	fl_collect_init(&j->c);
	j->c.rule = j->rule;
	j->c.rp = j->o->rule.p;
	j->c.threads = (int)j->o->threads;
	j->c.memory = (size_t)j->o->memory;
	fl_spec_print(&j->o->server, &j->sspec);
	if (j->server->fold)
		return own_fold(j, e);
	if (j->rule->fold.fold) {
		j->c.fold = &j->rule->fold;
		j->c.fp = j->o->rule.p;
	}
	j->c.who = fl_arena_fmt(&j->run->arena, e, "rule %s", j->rule->e.name);
	fl_spec_print(&j->o->rule, &j->spec);
	return j->c.who ? 0 : -1;
}

static int check_personal(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (!is_plain(j, &fl_family_server, SERVER, &j->o->server, e))
		return fl_fail(e, FL_EUSAGE, "rule %s writes personal models: server %s has no place",
		               j->rule->e.name, j->server->e.name);
	if ((o->state && !keeps_state(j)) || o->history)
		return fl_fail(e, FL_EUSAGE, "rule %s has no use for --%s", j->rule->e.name,
		               o->history ? "history" : "state");
	if (!strcmp(o->output, "-"))
		return fl_fail(e, FL_EUSAGE, "rule %s writes a model a client: -o FOLDER",
		               j->rule->e.name);
	return 0;
}

/* Without a model, statistics are pooled, as they say themselves. */
static int check_pool(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (!is_plain(j, &fl_family_rule, RULE, &o->rule, e) ||
	    !is_plain(j, &fl_family_server, SERVER, &o->server, e) || o->state || o->new_state ||
	    o->history || o->partial || o->with.n || o->stale != FL_UNSET)
		return fl_fail(e, FL_EUSAGE, "-m is missing: the model that was sent out; without it, "
		               "statistics are pooled, and nothing but -n and -o has a place");
	return 0;
}

static int check_options(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (!o->model)
		return check_pool(j, e);
	if (!strcmp(o->model, "-") && fl_run_stdin_default(j->run))
		return fl_fail(e, FL_EUSAGE, "standard input cannot be both model and updates");
	if (o->partial && !j->c.fold)
		return fl_fail(e, FL_EUSAGE, "--partial: %s is not a folding rule", j->c.who);
	if (o->partial && j->c.fold->mix)
		return fl_fail(e, FL_EUSAGE, "--partial: %s keeps updates, which no partial holds",
		               j->c.who);
	return j->rule->personal ? check_personal(j, e) : 0;
}

static int open_with(struct job *j, struct fl_err *e)
{
	j->c.with = &j->with;
	return fl_with_open(&j->with, &j->o->with, e) ||
	       fl_with_check(&j->with, j->server->fold ? NULL : j->rule->with, j->c.who, e) ||
	       fl_with_accord(&j->with, &j->c.accord, e) ? -1 : 0;
}

static int print_needs(const struct job *j, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	int rc;

	fl_need_print(j->c.fold ? j->c.fold->needs : j->rule->needs, &s);
	fl_fact_print(j->c.fold ? j->c.fold->facts : j->rule->facts, &s);
	rc = fl_str_check(&s, e);
	if (!rc)
		puts(fl_str_c(&s));
	fl_str_release(&s);
	return rc;
}

/* --- models --- */

/* A rule over models that may differ: all of the folder's, of one round. */
static int open_folder(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	if (keeps_state(j) || o->state || o->history || o->partial)
		return fl_fail(e, FL_EUSAGE, "%s: over a folder of models nothing is kept and nothing "
		               "is partial: no --state, --history or --partial, no rule or server "
		               "that keeps state", o->model);
	/* Each model has a part of it, and what they share would go apart. */
	if (j->server->look)
		return fl_fail(e, FL_EUSAGE, "%s is a folder: server %s looks at the whole update of one "
		               "model", o->model, j->server->e.name);
	if (!strcmp(o->output, "-"))
		return fl_fail(e, FL_EUSAGE, "%s is a folder: a model a client is written, -o FOLDER",
		               o->model);
	return fl_sent_all(&j->sent, e);
}

static int open_models(struct job *j, struct fl_err *e)
{
	struct fl_sent *s = &j->sent;

	*s = (struct fl_sent){ .path = j->o->model, .history = j->o->history, .stale = j->o->stale,
	                       .on_demand = j->rule->personal };
	if (fl_sent_open(s, j->c.threads, e))
		return -1;
	if (s->models.folder)
		return j->rule->personal ? 0 : open_folder(j, e);
	if (fl_accord_add(&j->c.accord, &s->models.one, j->o->model, e))
		return -1;
	if (j->rule->personal)
		return 0;
	j->c.model = &s->models.one;
	j->c.round = s->now.round + 1;
	memcpy(j->c.base, s->now.base, sizeof j->c.base);
	return 0;
}

/* --- state --- */

/* A rule that keeps rows itself shares the state with the server. */
static int rule_keeps(const struct job *j)
{
	return !j->server->fold && fl_collect_nrow(&j->c);
}

/* Where the state is. A rule that keeps updates has a folder, of which it is one file. */
static int place_state(struct job *j, struct fl_err *e)
{
	const struct opts *o = j->o;

	j->memory = (struct fl_memory){
		.path = o->state, .server = j->server->e.name, .nrow = fl_collect_nrow(&j->c),
		.rule = rule_keeps(j) ? j->rule->e.name : NULL, .keeps = keeps_state(j),
		.personal = j->rule->personal, .begin = (enum fl_memory_begin)o->new_state,
		.model = o->model, .round = j->sent.now.round + 1,
	};
	if (!j->c.fold || !j->c.fold->mix)
		return 0;
	if (!o->state)
		return fl_fail(e, FL_EUSAGE, "%s keeps the last update of every client: --state FOLDER",
		               j->c.who);
	j->memory.path = fl_arena_fmt(&j->run->arena, e, "%s/server.sts", o->state);
	if (!j->memory.path || fl_kept_open(&j->kept, o->state, !o->no_sync, e))
		return -1;
	j->c.kept = &j->kept;
	j->c.old = &j->memory.old;
	return 0;
}

static int load_state(struct job *j, struct fl_err *e)
{
	if (fl_memory_load(&j->memory, &j->sent.now, e))
		return -1;
	j->c.rows = j->memory.rows;
	return 0;
}

/* State of a rule over clients' own models: which round it is, updates say. */
static int load_personal_state(struct job *j, struct fl_err *e)
{
	j->memory.round = j->c.round;
	if (load_state(j, e))
		return -1;
	for (size_t k = 0; k < j->c.K; k++)
		if (fl_memory_led(&j->memory, j->c.member[k].u.client, j->c.member[k].from->base, e))
			return -1;
	return 0;
}

/* After a first round that nothing will be known of. */
static void warn_of_loss(const struct job *j)
{
	const char *kind, *name;

	fl_memory_keeper(&j->memory, &kind, &name);
	if (!j->o->state && !j->o->new_state && keeps_state(j))
		fl_say(FL_LOG_WARN, "%s %s keeps state from round to round, and there is no --state FILE: "
		       "round %lld cannot go on from this one", kind, name, (long long)j->c.round + 1);
}

/* base: of the next model; bases(K, 64): of those of a personal rule. */
static int save_state(struct job *j, const char *base, const char *bases, struct fl_err *e)
{
	const char *owner = fl_arena_fmt(&j->run->arena, e, "%s%s%s", fl_str_c(&j->sspec),
	                                 rule_keeps(j) ? " " : "",
	                                 rule_keeps(j) ? fl_str_c(&j->spec) : "");

	j->memory.rows = j->c.rows;	/* which rules may have changed */
	if (!j->o->state)
		return 0;
	if (!owner || fl_memory_add(&j->memory, j->c.seen, j->c.K, bases, e) ||
	    (j->c.kept && fl_kept_state(&j->c, &j->memory.next, e)) ||
	    fl_run_add_prov(j->run, j->o->no_prov, &j->memory.next, e) ||
	    (j->c.kept && fl_kept_commit(&j->kept, e)))
		return -1;
	return fl_memory_save(&j->memory, owner, base, !j->o->no_sync, e);
}

/* --- results --- */

static int copy_meta(struct fl_tset *to, const struct fl_tset *from, struct fl_err *e)
{
	for (size_t i = 0; i < from->nkv; i++)
		if (fl_meta_set(to, from->kv[i].key, from->kv[i].val, e))
			return -1;
	return 0;
}

static int set_meta(struct job *j, struct fl_tset *next, int64_t round, const char *parent,
                    struct fl_err *e)
{
	if (fl_meta_set_kind(next, FL_KIND_MODEL, e) ||
	    fl_meta_set_i64(next, "fl.round", round, e) ||
	    fl_meta_set(next, "fl.parent", parent, e) || fl_meta_set(next, "fl.prov", NULL, e))
		return -1;
	return fl_run_add_prov(j->run, j->o->no_prov, next, e);
}

static int step(struct job *j, const struct fl_received *from, const struct fl_combined *u,
                struct fl_tset *next, struct fl_err *e)
{
	struct fl_server_round r = { .round = j->c.round, .K = j->c.K };
	struct fl_step s = { .server = j->server, .p = j->o->server.p, .u = u,
	                     .model = from->model, .old = &j->memory.old, .threads = j->c.threads };

	memcpy(r.s, j->c.s, sizeof r.s);
	return fl_server_step(&s, &r, next, &j->memory.next, e);
}

/* The state is there before the model: killed in between, the same call gives
 * the same model again. */
static int write_model(struct job *j, struct fl_combined *u, struct fl_err *e)
{
	struct fl_tset next = { .t = NULL };
	struct fl_out out = { .fd = -1 };
	char base[FL_HASH_TEXT];
	int rc = step(j, &j->sent.now, u, &next, e);

	if (!rc && (rc = fl_running_check(&next, "", e)))
		fl_fail_in(e, "the next model, by an update that is wrong");
	if (!rc)
		rc = set_meta(j, &next, j->c.round, j->sent.now.base, e);
	if (!rc)
		rc = fl_run_output(j->run, &out, j->o->output, !j->o->no_sync, e);
	if (!rc)
		rc = j->o->state && fl_base_text(&next, j->c.threads, base, e) ? -1 :
		     save_state(j, base, NULL, e);
	if (!rc)
		rc = fl_stream_write(&out, &next, e);
	if (!rc && !(rc = fl_out_commit(&out, e)))
		warn_of_loss(j);
	fl_out_abort(&out);
	fl_tset_release(&next);
	return rc;
}

/* The next model of a client, in the folder that is made. */
static int save_personal(struct job *j, const struct fl_dir *d, int64_t client,
                         const struct fl_received *from, struct fl_tset *next, struct fl_err *e)
{
	if (fl_running_check(next, "", e))
		return fl_fail_in(e, "the next model of client %" PRId64 ", by an update that is wrong",
		                  client);
	return copy_meta(next, from->model, e) || fl_meta_set_i64(next, "fl.client", client, e) ||
	       set_meta(j, next, from->round + 1, from->base, e) || fl_clients_add(d, next, e) ? -1 : 0;
}

/* One of the folder's models, with what it holds of the combined update. */
static int save_held(struct job *j, const struct fl_dir *d, const struct fl_combined *u,
                     const struct fl_sent_own *h, struct fl_err *e)
{
	struct fl_mark empty = fl_arena_mark(&j->run->arena);
	struct fl_tset next = { .t = NULL };
	struct fl_combined own;
	int rc = fl_combined_of(u, h->r.model, &j->run->arena, &own, e) ||
	         step(j, &h->r, &own, &next, e) ||
	         save_personal(j, d, h->client, &h->r, &next, e) ? -1 : 0;

	fl_tset_release(&next);
	fl_arena_rewind(&j->run->arena, empty);
	return rc ? fl_fail_in(e, "client %" PRId64, h->client) : 0;
}

/* The model that the rule has made of client k of those at hand; base: its fl.base. */
static int save_made(struct job *j, const struct fl_dir *d, size_t k, char *base,
                     struct fl_err *e)
{
	struct fl_tset next = { .t = NULL };
	int rc = fl_collect_personal(&j->c, k, &next, e) ||
	         save_personal(j, d, j->c.member[k].u.client, j->c.member[k].from, &next, e) ||
	         (j->o->state && fl_base_text(&next, j->c.threads, base, e));

	fl_tset_release(&next);
	return rc ? -1 : 0;
}

/* What is combined over a folder of models. */
static int write_folder(struct job *j, const struct fl_combined *u, struct fl_err *e)
{
	struct fl_dir d;
	int rc = fl_clients_open(&d, j->o->output, e);

	for (size_t k = 0; !rc && k < j->sent.n; k++)
		rc = save_held(j, &d, u, j->sent.own[k], e);
	if (!rc)
		rc = fl_clients_commit(&d, !j->o->no_sync, e);
	fl_dir_abort(&d);
	return rc;
}

/* The models that a personal rule has made; the state is there before them: killed anywhere,
 * the same call does the same again. */
static int write_personal(struct job *j, struct fl_err *e)
{
	char *bases = fl_arena_get(&j->run->arena, j->c.K * FL_HASH_TEXT, 1, e), *at = bases;
	struct fl_dir d = { .fd = -1, .lock = -1 };
	int rc = bases ? fl_clients_open(&d, j->o->output, e) : -1;

	/* Each text ends where the next begins, over its NUL. */
	for (size_t k = 0; !rc && k < j->c.K; k++, at += FL_HASH_TEXT - 1)
		rc = save_made(j, &d, k, at, e);
	if (!rc)
		rc = save_state(j, NULL, bases, e);
	if (!rc && !(rc = fl_clients_commit(&d, !j->o->no_sync, e)))
		warn_of_loss(j);
	fl_dir_abort(&d);
	return rc;
}

/* Writes one record, published at the end. */
static int write_one(struct job *j, struct fl_tset *s, struct fl_err *e)
{
	struct fl_out out = { .fd = -1 };
	int rc = fl_run_output(j->run, &out, j->o->output, !j->o->no_sync, e);

	if (!rc)
		rc = fl_stream_write(&out, s, e);
	if (!rc)
		rc = fl_out_commit(&out, e);
	fl_out_abort(&out);
	return rc;
}

static int write_partial(struct job *j, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc = fl_collect_partial(&j->c, &s, e);

	if (!rc)
		rc = write_one(j, &s, e);
	fl_tset_release(&s);
	return rc;
}

static int pool(struct job *j, struct fl_err *e)
{
	struct fl_inputs in = { .path = j->run->operand, .n = j->run->noperand,
	                        .expect = j->o->expect == FL_UNSET ? -1 : j->o->expect };
	struct fl_pooled p;
	int rc = fl_pool_read(&in, &p, e);

	for (size_t k = 0; !rc && k < p.n; k++)
		rc = fl_run_add_prov(j->run, j->o->no_prov, &p.rec[k], e);
	if (!rc && p.personal && !strcmp(j->o->output, "-"))
		rc = fl_fail(e, FL_EUSAGE, "%s gives a record of each client: -o FOLDER",
		             fl_meta_get(&p.rec[0], "fl.method"));
	if (!rc)
		rc = p.personal ? fl_clients_save(j->o->output, p.rec, p.n, !j->o->no_sync, e) :
		     write_one(j, &p.rec[0], e);
	if (!rc)
		fl_say(FL_LOG_INFO, "%zu clients, %s", p.K, fl_meta_get(&p.rec[0], "fl.method"));
	fl_pooled_release(&p);
	fl_inputs_release(&in);
	return rc;
}

static int aggregate(struct job *j, struct fl_err *e)
{
	struct fl_inputs in = { .path = j->run->operand, .n = j->run->noperand,
	                        .expect = j->o->expect == FL_UNSET ? -1 : j->o->expect };
	struct fl_combined u;
	int rc;

	if (open_models(j, e) || open_with(j, e) || place_state(j, e) ||
	    (!j->rule->personal && load_state(j, e)))
		return -1;
	j->c.received = fl_sent_to;
	j->c.past = fl_sent_past;
	j->c.how = fl_method_how;
	j->c.ctx = &j->sent;
	j->c.spec = fl_str_c(&j->spec);
	j->c.keep_bins = j->o->partial;
	rc = fl_collect_read(&j->c, &in, e);
	if (!rc && j->rule->personal)
		rc = load_personal_state(j, e);
	if (!rc && j->o->partial)
		rc = write_partial(j, e);
	else if (!rc && !(rc = fl_collect_combine(&j->c, &u, e)))
		rc = j->rule->personal ? write_personal(j, e) :
		     j->sent.models.folder ? write_folder(j, &u, e) : write_model(j, &u, e);
	if (!rc)
		fl_say(FL_LOG_INFO, "round %lld: %zu clients, %s, server %s", (long long)j->c.round,
		       j->c.K, fl_str_c(&j->spec), fl_str_c(&j->sspec));
	fl_inputs_release(&in);
	return rc;
}

static void release(struct job *j)
{
	fl_collect_release(&j->c);
	fl_sent_release(&j->sent);
	fl_with_release(&j->with);
	fl_kept_release(&j->kept);
	fl_memory_release(&j->memory);
	fl_str_release(&j->spec);
	fl_str_release(&j->sspec);
}

static int run(struct fl_run *r, struct fl_err *e)
{
	struct job j = { .run = r, .o = r->opts };
	int rc = choose(&j, e);

	fl_heap_prepare();
	if (!rc && j.o->needs)
		rc = print_needs(&j, e);
	else if (!rc && !(rc = check_options(&j, e)))
		rc = j.o->model ? aggregate(&j, e) : pool(&j, e);
	release(&j);
	return rc;
}

static int reads_stdin(const struct fl_run *r)
{
	const struct opts *o = r->opts;

	return !o->needs && fl_run_stdin_default(r);
}

static const struct fl_family *const families[] = { &fl_family_rule, &fl_family_server, NULL };

static const struct fl_tool tool = {
	.name = "fl-aggregate",
	.nd = "combine client updates into the next model",
	.operands = "[update ...]",
	.reads = "update, partial, stats",
	.writes = "model, partial, stats",
	.opts = opts,
	.osize = sizeof(struct opts),
	.env = FL_ENV_TMPDIR,
	.families = families,
	.reads_stdin = reads_stdin,
	.run = run,
};

int main(int argc, char **argv)
{
	return fl_tool_main(&tool, argc, argv);
}

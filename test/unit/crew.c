/* Items in, results out in the same order, whatever the number of threads; which failure is
 * reported; that every item is dropped once. Clients that occur twice. */
#include "base/crew.h"
#include "fed/arrivals.h"
#include "tap.h"

#include <sched.h>
#include <stdatomic.h>

#define ITEMS 500

struct item {
	int number, worked;
	void *held;		/* what drop() must release */
};

/* What fails, and what was seen. */
static struct {
	int take_at, work_at[2], give_at, taken, given, wrong;
} plan;
static atomic_int dropped, held, busy[64];

static void begin_plan(void)
{
	memset(&plan, 0, sizeof plan);
	plan.take_at = plan.work_at[0] = plan.work_at[1] = plan.give_at = -1;
	atomic_store(&dropped, 0);
	atomic_store(&held, 0);
}

static int take(void *ctx, void *p, struct fl_err *e)
{
	struct item *it = p;

	plan.wrong += it->number || it->worked || it->held;	/* zeroed, though slots are used again */
	if (plan.taken == *(int *)ctx)
		return 0;
	it->held = malloc(1);
	atomic_fetch_add(&held, 1);
	if (plan.taken == plan.take_at)
		return fl_fail(e, FL_EDATA, "take %d", plan.taken);
	it->number = plan.taken++;
	return 1;
}

/* Later items overtake earlier ones. */
static int work(void *ctx, void *p, int thread, struct fl_err *e)
{
	struct item *it = p;

	(void)ctx;
	plan.wrong += atomic_fetch_add(&busy[thread], 1) != 0;
	for (int i = 0; i < (it->number % 7 ? 0 : 50); i++)
		sched_yield();
	it->worked = it->number * 3;
	atomic_fetch_sub(&busy[thread], 1);
	if (it->number == plan.work_at[0] || it->number == plan.work_at[1])
		return fl_fail(e, FL_EDATA, "work %d", it->number);
	return 0;
}

static int give(void *ctx, void *p, struct fl_err *e)
{
	const struct item *it = p;

	(void)ctx;
	plan.wrong += it->number != plan.given || it->worked != it->number * 3;
	if (it->number == plan.give_at)
		return fl_fail(e, FL_EDATA, "give %d", it->number);
	plan.given++;
	return 0;
}

static void drop(void *p)
{
	struct item *it = p;

	if (it->held)
		atomic_fetch_add(&dropped, 1);
	free(it->held);
	it->held = NULL;
}

static int run(int items, int threads, struct fl_err *e)
{
	const struct fl_crew crew = {
		.ctx = &items, .size = sizeof(struct item), .threads = threads,
		.take = take, .work = work, .give = give, .drop = drop,
	};
	int rc;

	*e = (struct fl_err){ 0 };
	rc = fl_crew_run(&crew, e);
	is_int(plan.wrong, 0, "each thread alone, each item in its turn");
	is_int(atomic_load(&dropped), atomic_load(&held), "what items held is released once");
	return rc;
}

static void test_order(int threads)
{
	struct fl_err e;

	begin_plan();
	is_int(run(ITEMS, threads, &e), 0, "all items");
	is_int(plan.given, ITEMS, "all are given");
	begin_plan();
	is_int(run(0, threads, &e), 0, "no item");
	is_int(plan.given, 0, "none is given");
}

static void test_failures(int threads)
{
	struct fl_err e;

	begin_plan();
	plan.work_at[0] = 21;
	plan.work_at[1] = 22;		/* may well be done first, as 21 is a slow one */
	is_int(run(ITEMS, threads, &e), -1, "work fails");
	is_str(e.msg, "work 21", "the first in order is reported");
	is_int(plan.given, 21, "what is before it is given");
	begin_plan();
	plan.take_at = 13;
	is_int(run(ITEMS, threads, &e), -1, "take fails");
	is_str(e.msg, "take 13", "as it is said");
	is_int(plan.given, 13, "what was taken is given");
	begin_plan();
	plan.give_at = 3;
	is_int(run(ITEMS, threads, &e), -1, "give fails");
	is_str(e.msg, "give 3", "as it is said");
	is_int(plan.given, 3, "nothing is given after it");
}

static void test_ids(void)
{
	static const int64_t id[] = { 7, 3, INT64_MAX, -1, 0, 5, -1, 9, 1 };
	struct fl_ids s = { .id = NULL };
	struct fl_err e = { 0 };
	int bad = 0;

	for (size_t i = 0; i < sizeof id / sizeof *id; i++)
		bad += fl_ids_add(&s, id[i], &e) != 0;
	is_int(bad, 0, "clients, and two without a number");
	for (size_t i = 0; i < sizeof id / sizeof *id; i++)
		bad += fl_ids_add(&s, id[i], &e) != 0;
	is_int(bad, 7, "each number once");
	is_str(e.msg, "client 1 occurs twice", "as it is said");
	fl_ids_release(&s);
}

int main(void)
{
	for (int threads = 1; threads <= 16; threads = threads * 2 + threads % 2) {
		test_order(threads);
		test_failures(threads);
	}
	test_ids();
	return tap_done();
}

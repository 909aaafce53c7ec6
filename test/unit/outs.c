/* Several outputs: all of them appear, or none. */
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/outs.h"

static char dir[] = "/tmp/fl-outs-XXXXXX";
static char path[3][64];

static int appears(const char *name)
{
	return access(name, F_OK) == 0;
}

static void all_or_none(void)
{
	struct fl_outs s = { .sync = 0 };
	struct fl_out *a, *b, *none;
	struct fl_err e = { 0 };

	ok(!fl_outs_open(&s, path[0], &a, &e) && !fl_outs_open(&s, NULL, &none, &e) &&
	   !fl_outs_open(&s, path[1], &b, &e), "two open");
	ok(a && b && !none, "none where there is no path");
	ok(!fl_out_write(a, "a", 1, &e) && !fl_out_write(b, "b", 1, &e), "written");
	ok(!appears(path[0]) && !appears(path[1]), "neither has appeared");
	ok(!fl_outs_commit(&s, &e) && appears(path[0]) && appears(path[1]), "both have");
	fl_outs_abort(&s);
	ok(appears(path[0]) && !s.n, "an abort takes nothing back");
	unlink(path[0]);
	unlink(path[1]);
}

static void nothing_on_failure(void)
{
	struct fl_outs s = { .sync = 0 };
	struct fl_out *a, *full;
	struct fl_err e = { 0 };

	ok(!fl_outs_open(&s, path[0], &a, &e), "a file");
	if (!fl_outs_open(&s, "/dev/full", &full, &e)) {
		ok(!fl_out_write(a, "a", 1, &e) && !fl_out_write(full, "b", 1, &e),
		   "and one that is full");
		is_int(fl_outs_commit(&s, &e), -1, "fails");
		is_int(e.code, FL_EIO, "as the system says");
		ok(!appears(path[0]), "nothing appears");
	}
	fl_outs_abort(&s);
	is_int(fl_outs_open(&s, path[2], &a, &e), -1, "a folder that is not there");
}

static void places(void)
{
	struct fl_outs s = { .sync = 0 };
	struct fl_out *a;
	struct fl_err e = { 0 };

	ok(!fl_outs_open(&s, "-", &a, &e), "standard output");
	is_int(fl_outs_open(&s, "-", &a, &e), -1, "not twice");
	is_int(e.code, FL_EUSAGE, "which is usage");
	is_str(e.msg, "'-' is where another output is written: name another file", "said");
	ok(!fl_outs_open(&s, path[0], &a, &e), "a file");
	is_int(fl_outs_open(&s, path[0], &a, &e), -1, "nor a file twice");
	ok(!fl_outs_open(&s, "/dev/null", &a, &e) && !fl_outs_open(&s, "/dev/null", &a, &e),
	   "what swallows all may");
	fl_outs_abort(&s);
	ok(!appears(path[0]), "aborted");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 4;
	snprintf(path[0], sizeof path[0], "%s/a", dir);
	snprintf(path[1], sizeof path[1], "%s/b", dir);
	snprintf(path[2], sizeof path[2], "%s/none/c", dir);
	all_or_none();
	nothing_on_failure();
	places();
	rmdir(dir);
	return tap_done();
}

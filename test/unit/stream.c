/* Streams: whatever way the bytes come, and whatever is wrong with them. */
#define _GNU_SOURCE
#include "tap.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/str.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

static char dir[] = "/tmp/fl-stream-XXXXXX";
static char path[64], path2[64];

/* Update k: an odd number of bytes, so that what follows is not aligned. */
static void fill(struct fl_tset *s, int k)
{
	float x[3] = { 1, (float)k, -2 };
	uint8_t u[5] = { 1, 2, 3, 4, (uint8_t)k };
	int64_t n = 1000 + k;
	size_t three = 3, five = 5;
	struct fl_tensor t = { .dtype = FL_F32, .ndim = 1, .dim = &three, .n = 3, .bytes = 12, .data = x };

	fl_tset_copy(s, "0.weight", &t, NULL);
	t = (struct fl_tensor){ .dtype = FL_U8, .ndim = 1, .dim = &five, .n = 5, .bytes = 5, .data = u };
	fl_tset_copy(s, "@mask/0.weight", &t, NULL);
	t = (struct fl_tensor){ .dtype = FL_I64, .n = 1, .bytes = 8, .data = &n };
	fl_tset_copy(s, "count", &t, NULL);
	fl_meta_set_kind(s, FL_KIND_UPDATE, NULL);
	fl_meta_set_i64(s, "fl.client", k, NULL);
}

static int same(const struct fl_tset *s, int k)
{
	struct fl_tset w = { .t = NULL };
	size_t i;
	int eq;

	fill(&w, k);
	fl_tset_sort(&w);
	eq = s->nt == w.nt && s->nkv == w.nkv;
	for (i = 0; eq && i < w.nt; i++)
		eq = !strcmp(s->t[i].name, w.t[i].name) && s->t[i].bytes == w.t[i].bytes &&
		     (uintptr_t)s->t[i].data % fl_dtype_size(s->t[i].dtype) == 0 &&
		     !memcmp(s->t[i].data, w.t[i].data, w.t[i].bytes);
	for (i = 0; eq && i < w.nkv; i++)
		eq = !strcmp(s->kv[i].key, w.kv[i].key) && !strcmp(s->kv[i].val, w.kv[i].val);
	fl_tset_release(&w);
	return eq;
}

static void put(struct fl_out *o, int k)
{
	struct fl_tset s = { .t = NULL };

	fill(&s, k);
	if (fl_stream_write(o, &s, NULL))
		abort();
	fl_tset_release(&s);
}

static void make_file(const char *to, int records, int end)
{
	struct fl_out o;
	int k;

	if (fl_out_open(&o, to, 0, NULL))
		abort();
	for (k = 0; k < records; k++)
		put(&o, k);
	if ((end && fl_stream_write_end(&o, (unsigned long long)records, NULL)) || fl_out_commit(&o, NULL))
		abort();
}

static void write_file(const char *to, const void *p, size_t n)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || fl_write_full(fd, p, n, NULL))
		abort();
	close(fd);
}

static unsigned char *slurp(const char *from, size_t *n)
{
	return (unsigned char *)fl_read_file(from, 1 << 20, n, NULL);
}

/* Reads s to its end: 0 and the number of records, or -1; each must be right. */
static int drain(struct fl_stream *s, int *records, int *right, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL };
	int rc;

	*records = 0;
	*right = 1;
	while ((rc = fl_stream_next(s, &rec, e)) > 0) {
		int64_t k = -1;

		fl_meta_i64(&rec, "fl.client", &k, NULL);
		*right &= same(&rec, (int)k);
		++*records;
	}
	fl_tset_release(&rec);
	return rc;
}

static int drain_mem(const void *p, size_t n, int *records, int *right, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_mem(p, n, "mem", e);
	int rc;

	*records = *right = 0;
	if (!s)
		return -1;
	rc = drain(s, records, right, e);
	fl_stream_close(s);
	return rc;
}

/* Descriptor with p(n) in a pipe (n at most what a pipe holds). */
static int pipe_of(const void *p, size_t n)
{
	int fd[2];

	if (pipe(fd) || fl_write_full(fd[1], p, n, NULL))
		abort();
	close(fd[1]);
	return fd[0];
}

static int drain_pipe(const void *p, size_t n, int *records, int *right, struct fl_err *e)
{
	int fd = pipe_of(p, n), rc;
	char name[32];
	struct fl_stream *s;

	snprintf(name, sizeof name, "/dev/fd/%d", fd);
	s = fl_stream_open(name, e);
	close(fd);
	*records = *right = 0;
	if (!s)
		return -1;
	rc = drain(s, records, right, e);
	fl_stream_close(s);
	return rc;
}

static size_t gz(const void *p, size_t n, unsigned char *out, size_t cap)
{
	z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)p, .avail_in = (uInt)n,
	               .next_out = out, .avail_out = (uInt)cap };

	if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return cap - z.avail_out;
}

static void test_ways(void)
{
	unsigned char *p, z[8192];
	struct fl_stream *s;
	int n, right;
	size_t len, zlen;

	make_file(path, 3, 1);
	p = slurp(path, &len);
	s = fl_stream_open(path, NULL);
	ok(fl_stream_mapped(s), "a regular file is mapped");
	ok(!drain(s, &n, &right, NULL) && n == 3 && right, "three records, aligned, from a file");
	ok(fl_stream_ended(s) && fl_stream_count(s) == 3, "an end record, which is not counted");
	fl_stream_close(s);
	ok(!drain_mem(p, len, &n, &right, NULL) && n == 3 && right, "from memory");
	ok(!drain_pipe(p, len, &n, &right, NULL) && n == 3 && right, "from a pipe");
	zlen = gz(p, len, z, sizeof z);
	ok(!drain_mem(z, zlen, &n, &right, NULL) && n == 3 && right, "from gzip in memory");
	ok(!drain_pipe(z, zlen, &n, &right, NULL) && n == 3 && right, "from gzip in a pipe");
	zlen += gz(p, len, z + zlen, sizeof z - zlen);
	write_file(path2, z, zlen);
	s = fl_stream_open(path2, NULL);
	ok(!fl_stream_mapped(s), "records of a gzip file are not views of it");
	ok(!drain(s, &n, &right, NULL) && n == 6 && right, "two gzip members, two end records");
	fl_stream_close(s);
	free(p);
}

/* Records whose data stay in the file: read from there, and then mapped after all. */
static void test_apart(void)
{
	struct fl_stream *s;
	struct fl_tset rec = { .t = NULL };
	unsigned char *p, z[8192], got[4096];
	unsigned long long at;
	int n = 0, absent = 1, right = 1, bound = 1, fd;
	size_t len, zlen;

	make_file(path, 3, 1);
	p = slurp(path, &len);
	s = fl_stream_open_apart(path, NULL);
	for (; fl_stream_next(s, &rec, NULL) > 0; n++) {
		fd = fl_stream_apart(s, &at);
		for (size_t i = 0; i < rec.nt; i++) {
			const struct fl_tensor *t = &rec.t[i];

			absent &= !t->data;
			right &= fl_pread_full(fd, got, t->bytes, at + t->at, NULL) == (ssize_t)t->bytes &&
			         !memcmp(got, p + at + t->at, t->bytes);
		}
		bound &= !fl_stream_bind(s, at, &rec, NULL) && same(&rec, n);
	}
	ok(n == 3 && absent && fl_stream_ended(s), "three records without data and an end record");
	ok(right && bound, "data where they are said to be, and mapped when asked for");
	fl_stream_close(s);
	zlen = gz(p, len, z, sizeof z);
	write_file(path2, z, zlen);
	s = fl_stream_open_apart(path2, NULL);
	ok(fl_stream_apart(s, &at) < 0 && !drain(s, &n, &right, NULL) && n == 3 && right,
	   "a compressed file is read");
	fl_stream_close(s);
	write_file(path2, p, len - 200);
	s = fl_stream_open_apart(path2, NULL);
	while ((n = fl_stream_next(s, &rec, NULL)) > 0)
		;
	ok(n < 0, "a file that ends inside a record is refused");
	fl_stream_close(s);
	free(p);
}

static void test_same_bytes(void)
{
	struct fl_tset rec = { .t = NULL };
	unsigned char *a, *b;
	size_t na, nb;
	struct fl_out o;
	struct fl_stream *s;

	make_file(path, 2, 0);
	s = fl_stream_open(path, NULL);
	fl_out_open(&o, path2, 0, NULL);
	while (fl_stream_next(s, &rec, NULL) > 0)
		fl_stream_write(&o, &rec, NULL);
	fl_out_commit(&o, NULL);
	fl_stream_close(s);
	a = slurp(path, &na);
	b = slurp(path2, &nb);
	ok(na == nb && !memcmp(a, b, na), "what is read and written has equal bytes");
	free(a);
	free(b);
}

/* Every length: fewer records (cut between records), or FL_EDATA; never more,
 * never a wrong record. */
static void test_truncation(void)
{
	unsigned char *p, z[4096];
	struct fl_err e = { 0 };
	int n, right, clean = 0, bad = 0, fault[2] = { 0, 0 };
	size_t len, cut, zlen;

	make_file(path, 2, 1);
	p = slurp(path, &len);
	zlen = gz(p, len, z, sizeof z);
	for (cut = 0; cut < len; cut++) {
		int rc = drain_mem(p, cut, &n, &right, &e);
		int rc2, n2, right2;

		clean += !rc;
		bad += (rc && e.code != FL_EDATA) || (n && !right);
		rc2 = drain_pipe(p, cut, &n2, &right2, &e);
		fault[0] += rc2 != rc || n2 != n || (rc && e.code != FL_EDATA);
	}
	is_int(clean, 3, "a cut shows, unless it is between records");
	is_int(bad, 0, "as FL_EDATA, after the whole records");
	is_int(fault[0], 0, "a pipe behaves as memory does");
	for (cut = 0; cut < zlen; cut++)
		/* One byte of gzip is one byte of a length; none is an empty stream. */
		fault[1] += cut && (!drain_mem(z, cut, &n, &right, &e) || e.code != FL_EDATA);
	is_int(fault[1], 0, "every cut of gzip shows");
	free(p);
}

/* Every bit of every byte; what does not fail must be readable data. */
static void test_flips(void)
{
	unsigned char *p;
	struct fl_err e = { 0 };
	size_t len, i;
	int bit, n, right, odd = 0, refused = 0;

	make_file(path, 2, 1);
	p = slurp(path, &len);
	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++) {
			p[i] ^= (unsigned char)(1 << bit);
			if (drain_mem(p, len, &n, &right, &e)) {
				refused++;
				odd += e.code != FL_EDATA;
			}
			p[i] ^= (unsigned char)(1 << bit);
		}
	is_int(odd, 0, "every flipped bit is read or refused as data");
	ok(refused > (int)len, "most of the header's are refused (%d of %zu)", refused, 8 * len);
	free(p);
}

static void test_gzip_flips(void)
{
	unsigned char *p, z[4096];
	struct fl_err e = { 0 };
	size_t len, zlen, i;
	int n, right, missed = 0;

	make_file(path, 2, 1);
	p = slurp(path, &len);
	zlen = gz(p, len, z, sizeof z);
	/* Bytes 4..9 are time, level and system, which mean nothing. */
	for (i = 10; i < zlen; i++) {
		z[i] ^= 0x10;
		missed += !drain_mem(z, zlen, &n, &right, &e) || e.code != FL_EDATA;
		z[i] ^= 0x10;
	}
	is_int(missed, 0, "gzip's checksum covers every byte");
	z[zlen] = 'x';
	ok(drain_mem(z, zlen + 1, &n, &right, &e) && e.code == FL_EDATA && n == 2, "a byte after gzip is refused");
	free(p);
}

static size_t record(unsigned char *p, const char *json)
{
	size_t n = strlen(json);

	memset(p, 0, 8);
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
	memcpy(p + 8, json, n);
	return 8 + n;
}

static const char *fault_of(const char *json, int way)
{
	static struct fl_err e;
	unsigned char p[512];
	size_t len = record(p, json);
	int n, right;

	e = (struct fl_err){ 0 };
	if (way)
		drain_pipe(p, len, &n, &right, &e);
	else
		drain_mem(p, len, &n, &right, &e);
	return e.msg;
}

static void test_messages(void)
{
	static const char promise[] =
		"{\"a\":{\"dtype\":\"U8\",\"shape\":[1099511627776],\"data_offsets\":[0,1099511627776]}}";
	unsigned char len[8] = { 0 };
	struct fl_err e = { 0 };
	int n, right;

	is_str(fault_of(promise, 0), "mem: record 1 at byte 0: truncated: 0 of 1099511627776 bytes of the buffer",
	       "a promise of a terabyte in memory");
	ok(strstr(fault_of(promise, 1), "truncated: 0 of 1099511627776") != NULL, "and from a pipe");
	is_str(fault_of("{\"__metadata__\":{\"fl.kind\":\"end\"}}", 0),
	       "mem: record 1 at byte 0: end record: fl.count is missing", "an end record without count");
	is_str(fault_of("{\"__metadata__\":{\"fl.kind\":\"end\",\"fl.count\":\"1\"}}", 0),
	       "mem: record 1 at byte 0: end record: fl.count is 1, but 0 records came before", "with a wrong count");
	is_str(fault_of("{\"__metadata__\":{\"fl.kind\":\"end\",\"fl.count\":\"-1\"}}", 0),
	       "mem: record 1 at byte 0: end record: fl.count is '-1', want an integer of 0 or more", "with a negative count");
	is_str(fault_of("{\"__metadata__\":{\"fl.kind\":\"end\",\"fl.count\":\"0\"},"
	                "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0),
	       "mem: record 1 at byte 0: an end record with 1 tensors", "with a tensor");
	is_str(fault_of("{\"__metadata__\":{\"fl.kind\":\"end\",\"fl.count\":\"0\"}}", 0), "", "a right one");
	memset(len, 0xff, 8);
	drain_mem(len, 8, &n, &right, &e);
	is_str(e.msg, "mem: record 1 at byte 0: header of 18446744073709551615 bytes, limit 16777216 (is this a record?)",
	       "a length beyond the limit");
}

/* A foreign header of 35615 bytes begins with gzip's magic. */
static void test_magic(void)
{
	static unsigned char p[8 + 35615];
	int n, right;

	memset(p + 8, ' ', 35615);
	p[0] = 0x1f;
	p[1] = 0x8b;
	p[8] = '{';
	p[9] = '}';
	ok(!drain_mem(p, sizeof p, &n, &right, NULL) && n == 1, "a header that looks like gzip's magic");
}

/* 1 GiB of which nothing is on disk: reading it would fault every page. */
static void test_untouched(void)
{
	static const char json[] =
		"{\"a\":{\"dtype\":\"U8\",\"shape\":[1073741824],\"data_offsets\":[0,1073741824]}}";
	unsigned char p[128];
	struct fl_tset rec = { .t = NULL };
	struct rusage before, after;
	size_t len = record(p, json);
	struct fl_stream *s;

	write_file(path, p, len);
	if (truncate(path, (off_t)(len + (1u << 30))))
		abort();
	getrusage(RUSAGE_SELF, &before);
	s = fl_stream_open(path, NULL);
	is_int(fl_stream_next(s, &rec, NULL), 1, "a record of 1 GiB");
	is_int(fl_stream_next(s, &rec, NULL), 0, "is the only one");
	getrusage(RUSAGE_SELF, &after);
	ok(after.ru_minflt - before.ru_minflt < 200, "the buffer of a mapped file is not touched");
	fl_stream_close(s);
	fl_tset_release(&rec);
}

static void test_scan(void)
{
	struct fl_tset rec = { .t = NULL };
	unsigned char *p;
	size_t len;
	int way, n = 0, bare = 1;

	make_file(path, 3, 1);
	p = slurp(path, &len);
	for (way = 0; way < 2; way++) {
		int fd = pipe_of(p, len);
		char name[32];
		struct fl_stream *s;

		snprintf(name, sizeof name, "/dev/fd/%d", fd);
		s = fl_stream_open(way ? name : path, NULL);
		fl_stream_scan(s);
		while (fl_stream_next(s, &rec, NULL) > 0) {
			n++;
			bare &= rec.nt == 3 && !rec.t[0].data && rec.t[0].bytes == 8;
		}
		fl_stream_close(s);
		close(fd);
	}
	ok(n == 6 && bare, "scanning gives headers without data, mapped and piped");
	fl_tset_release(&rec);
	free(p);
}

/* Runs fl_inputs over p; returns the code, *n records. */
static int inputs(const char *const *p, size_t np, long long expect, int allow_empty, int keep,
                  int *n, struct fl_err *e)
{
	struct fl_inputs in = { .path = p, .n = np, .expect = expect, .allow_empty = allow_empty, .keep = keep };
	struct fl_tset rec = { .t = NULL };
	int rc;

	*e = (struct fl_err){ 0 };
	for (*n = 0; (rc = fl_inputs_next(&in, &rec, e)) > 0; ++*n)
		;
	fl_tset_release(&rec);
	fl_inputs_release(&in);
	return rc ? e->code : 0;
}

static void give_stdin(const void *p, size_t n)
{
	int fd = pipe_of(p, n);

	dup2(fd, STDIN_FILENO);
	close(fd);
}

static void test_inputs(void)
{
	const char *two[] = { path, path2 }, *dash[] = { "-", path, "-" }, *none[] = { "/nonexistent/x" };
	struct fl_err e;
	unsigned char *p, *q;
	size_t np, nq;
	int n;

	make_file(path, 2, 1);
	make_file(path2, 1, 0);
	p = slurp(path, &np);
	q = slurp(path2, &nq);
	is_int(inputs(two, 2, -1, 0, 1, &n, &e), 0, "two files");
	is_int(n, 3, "give their records");
	is_int(inputs(two, 2, 3, 0, 0, &n, &e), 0, "of which 3 were expected");
	is_int(inputs(two, 2, 4, 0, 0, &n, &e), FL_EDATA, "4 expected");
	is_str(e.msg, "3 records, 4 expected", "says how many came");
	is_int(inputs(two, 2, 2, 0, 0, &n, &e), FL_EDATA, "2 expected");
	is_int(n, 2, "stops at the third");
	is_int(inputs(dash, 3, -1, 0, 0, &n, &e), FL_EUSAGE, "standard input twice");
	is_int(inputs(none, 1, -1, 0, 0, &n, &e), FL_EIO, "a file that is not there");
	give_stdin(p, np);
	is_int(inputs(NULL, 0, -1, 0, 0, &n, &e), 0, "standard input with an end record");
	give_stdin(q, nq);
	is_int(inputs(NULL, 0, -1, 0, 0, &n, &e), FL_EDATA, "without");
	ok(n == 1 && strstr(e.msg, "without an end record"), "is found at its end");
	give_stdin(q, nq);
	is_int(inputs(NULL, 0, 1, 0, 0, &n, &e), 0, "without, but with a count");
	give_stdin(q, 0);
	is_int(inputs(NULL, 0, 0, 0, 0, &n, &e), 0, "nothing, as expected");
	give_stdin(q, 0);
	is_int(inputs(NULL, 0, -1, 1, 0, &n, &e), FL_EDATA, "nothing is not an empty stream");
	make_file(path, 0, 1);
	is_int(inputs(two, 1, -1, 0, 0, &n, &e), FL_EDATA, "no record");
	is_int(inputs(two, 1, -1, 1, 0, &n, &e), 0, "no record, allowed");
	free(p);
	free(q);
}

static void test_load(void)
{
	struct fl_tset rec = { .t = NULL };
	struct fl_err e = { 0 };
	unsigned char *p;
	size_t len;

	make_file(path, 1, 0);
	is_int(fl_stream_load(path, FL_KIND_UPDATE, &rec, &e), 0, "load the one record of a file");
	ok(same(&rec, 0), "a copy");
	is_int(fl_stream_save(path2, &rec, 1, &e), 0, "save it");
	fl_tset_release(&rec);
	is_int(fl_stream_load(path2, -1, &rec, &e), 0, "load what was saved");
	ok(same(&rec, 0), "the same");
	fl_tset_release(&rec);
	is_int(fl_stream_load(path, FL_KIND_MODEL, &rec, &e), -1, "another kind");
	ok(e.code == FL_EDATA && strstr(e.msg, "holds update, want kind 'model'") && !rec.nt, "is refused (%s)", e.msg);
	p = slurp(path, &len);
	give_stdin(p, len);
	is_int(fl_stream_load("-", -1, &rec, &e), 0, "one record on standard input");
	fl_tset_release(&rec);
	give_stdin(p, len - 1);
	is_int(fl_stream_load("-", -1, &rec, &e), -1, "cut by a byte");
	free(p);
	make_file(path, 1, 1);
	is_int(fl_stream_load(path, -1, &rec, &e), 0, "one record and an end record");
	fl_tset_release(&rec);
	make_file(path, 2, 0);
	is_int(fl_stream_load(path, -1, &rec, &e), -1, "two records");
	ok(e.code == FL_EDATA && strstr(e.msg, "holds more than one record"), "are too many");
	make_file(path, 0, 1);
	is_int(fl_stream_load(path, -1, &rec, &e), -1, "none");
	is_int(fl_stream_load(dir, -1, &rec, &e), -1, "a folder");
	is_int(e.code, FL_EIO, "is not read");
	is_int(fl_stream_save("/nonexistent/x", &rec, 0, &e), -1, "nowhere to save");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/a", dir);
	snprintf(path2, sizeof path2, "%s/b", dir);
	test_ways();
	test_apart();
	test_same_bytes();
	test_truncation();
	test_flips();
	test_gzip_flips();
	test_messages();
	test_magic();
	test_untouched();
	test_scan();
	test_inputs();
	test_load();
	unlink(path);
	unlink(path2);
	ok(!rmdir(dir), "no litter");
	return tap_done();
}

/* Embeddings: every format against NumPy, what lies beside the rows, shards, refusals. */
#define _GNU_SOURCE
#include "data/embed.h"
#include "tap.h"

#include <unistd.h>

#define DIR "test/golden/embed/"
#define ROWS 7
#define COLS 5
#define BIG (1 << 12)	/* bytes of any file here */

enum { F4, F2, B2, U1 };	/* blocks of want.f32 */
static float want[4][ROWS * COLS];
static const int64_t ids[ROWS] = { 30, 7, -2, INT64_C(1) << 40, 5, 6, 99 };
static const int32_t labels[ROWS] = { 1, 0, 2, 2, 1, 0, 1 };
static char dir[] = "/tmp/fl-embed-XXXXXX";

static size_t slurp(const char *path, unsigned char *buf, size_t n)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return 0;
	n = fread(buf, 1, n, f);
	fclose(f);
	return n;
}

static const char *spill(const char *suffix, const void *p, size_t n)
{
	static char path[80];
	FILE *f;

	snprintf(path, sizeof path, "%s/x%s", dir, suffix);
	if ((f = fopen(path, "wb"))) {
		fwrite(p, 1, n, f);
		fclose(f);
	}
	return path;
}

static void test_format(const char *source, const float *w)
{
	static const uint32_t idx[] = { 6, 0, 0, 3 };
	struct fl_embed m;
	struct fl_err e = { 0 };
	float x[ROWS * COLS];
	int same = 1;

	if (!ok(!fl_embed_open(&m, source, &e), "%s opens", source)) {
		printf("# %s\n", e.msg);
		return;
	}
	ok(m.N == ROWS && m.d == COLS, "%s: sizes", source);
	fl_embed_rows(&m, 0, ROWS, x);
	ok(!memcmp(x, w, sizeof x), "%s: bits are NumPy's", source);
	fl_embed_rows(&m, 5, 2, x);
	ok(!memcmp(x, w + 5 * COLS, 2 * COLS * sizeof *x), "%s: the last rows", source);
	fl_embed_gather(&m, idx, 4, x);
	for (int i = 0; i < 4; i++)
		same &= !memcmp(x + i * COLS, w + idx[i] * COLS, COLS * sizeof *x);
	ok(same, "%s: gathered rows", source);
	fl_embed_release(&m);
}

static void test_formats(void)
{
	static const struct { const char *source; int block; } all[] = {
		{ DIR "f32.safetensors", F4 }, { DIR "bf16.safetensors", B2 },
		{ DIR "f64.safetensors", F4 }, { DIR "f32.safetensors#emb", F4 },
		{ DIR "named.safetensors#image", F2 }, { DIR "named.safetensors#test.text", F4 },
		{ DIR "f4.npy", F4 }, { DIR "f2.npy", F2 }, { DIR "f8.npy", F4 },
		{ DIR "big.npy", F4 }, { DIR "columns.npy", F4 },
		{ DIR "stored.npz#text", F4 }, { DIR "stored.npz#image", F2 },
		{ DIR "deflated.npz", F4 }, { DIR "f4.fvecs", F4 }, { DIR "u1.bvecs", U1 },
		{ DIR "f4.fbin", F4 }, { DIR "f2.hbin", F2 }, { DIR "u1.u8bin", U1 },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		test_format(all[i].source, want[all[i].block]);
}

static void test_gzip(void)
{
	char cmd[200], path[80];

	snprintf(path, sizeof path, "%s/f32.gz", dir);
	snprintf(cmd, sizeof cmd, "gzip -c <" DIR "f32.safetensors >%s", path);
	ok(!system(cmd), "gzip");
	test_format(path, want[F4]);
	/* A name that holds '#' is the file's where there is such a file. */
	snprintf(cmd, sizeof cmd, "cp " DIR "f32.safetensors '%s/a#b'", dir);
	ok(!system(cmd), "cp");
	snprintf(path, sizeof path, "%s/a#b", dir);
	test_format(path, want[F4]);
}

static void test_mapped(void)
{
	static const char *const source[] = { DIR "f32.safetensors", DIR "f4.npy", DIR "f4.fbin",
	                                      DIR "f4.fvecs" };

	for (int i = 0; i < 4; i++) {
		struct fl_embed m;
		struct fl_err e = { 0 };

		if (fl_embed_open(&m, source[i], &e))
			continue;
		ok(m.arena.total < 8192 && m.rec.arena.total < 8192 && (i == 3) == !m.emb->data,
		   "%s: rows lie in the file", source[i]);
		fl_embed_release(&m);
	}
}

static void test_beside(const char *source, int has_id, int has_label)
{
	struct fl_embed m;
	struct fl_err e = { 0 };
	int same = 1;

	if (!ok(!fl_embed_open(&m, source, &e), "%s opens", source))
		return;
	ok(!m.id == !has_id && !m.label == !has_label, "%s: %s ids, %s labels", source,
	   has_id ? "its" : "no", has_label ? "its" : "no");
	for (size_t i = 0; i < ROWS; i++)
		same &= fl_embed_id(&m, i) == (has_id ? ids[i] : (int64_t)i) &&
		        (!m.label || m.label[i] == labels[i]);
	ok(same, "%s: values", source);
	fl_embed_release(&m);
}

static void test_columns(void)
{
	struct fl_embed m;
	struct fl_err e = { 0 };

	test_beside(DIR "f32.safetensors", 1, 1);
	test_beside(DIR "named.safetensors#image", 0, 1);
	test_beside(DIR "named.safetensors#test.text", 1, 0);
	test_beside(DIR "f4.npy", 0, 0);
	if (!fl_embed_open(&m, DIR "f32.safetensors", &e)) {
		ok(fl_embed_beside(&m, "kappa") && !fl_embed_beside(&m, "var"), "kappa beside emb");
		fl_embed_release(&m);
	}
	/* 2^40 does not fit its I32 */
	if (ok(!fl_embed_open(&m, DIR "bf16.safetensors", &e), "I32 ids, I64 labels")) {
		ok(m.id[2] == -2 && m.id[3] == 0 && m.id[6] == 99 && m.label[3] == 2, "converted");
		fl_embed_release(&m);
	}
}

/* A file that loses its end while it is open. */
static void test_shorter(void)
{
	static const unsigned char head[8] = { ROWS, 0, 0, 0, COLS, 0, 0, 0 };
	char path[] = "/tmp/fl-embed-XXXXXX.fbin";
	const char *const source[] = { path };
	int fd = mkstemps(path, 5);
	struct fl_embeds m;
	struct fl_err e = { 0 };
	float x[ROWS * COLS];

	ok(fd >= 0 && write(fd, head, 8) == 8 && write(fd, want[F4], sizeof x) == (ssize_t)sizeof x,
	   "a file of rows");
	if (ok(!fl_embeds_open(&m, source, 1, &e), "opens")) {
		ok(!fl_embeds_read(&m, 1, 2, x, &e) && !memcmp(x, want[F4] + COLS, 2 * COLS * sizeof *x), "is read");
		ok(!ftruncate(fd, 8 + COLS * sizeof *x) && fl_embeds_read(&m, 1, 2, x, &e) && e.code == FL_EIO &&
		   strstr(e.msg, "has become shorter") && strstr(e.msg, path), "and is shorter then");
	}
	fl_embeds_release(&m);
	close(fd);
	unlink(path);
}

static void test_shards(void)
{
	const char *const one[] = { DIR "shards.sts" };
	const char *const two[] = { DIR "f4.npy", DIR "f4.fvecs" };
	static const uint32_t idx[] = { 13, 7, 6, 0 };
	struct fl_embeds m;
	struct fl_err e = { 0 };
	float x[2 * ROWS * COLS];
	size_t row = 0;

	if (ok(!fl_embeds_open(&m, one, 1, &e), "a stream of shards, one of them empty")) {
		ok(m.n == 3 && m.N == ROWS && m.d == COLS, "is one matrix");
		fl_embeds_rows(&m, 0, ROWS, x);
		ok(!memcmp(x, want[F4], ROWS * COLS * sizeof *x), "of all rows");
		memset(x, 0, sizeof x);
		ok(m.part[0].fd && !fl_embeds_read(&m, 0, ROWS, x, &e) &&
		   !memcmp(x, want[F4], ROWS * COLS * sizeof *x), "read from the file, too");
		ok(fl_embeds_id(&m, 3) == ids[3] && fl_embeds_id(&m, 6) == 99, "ids");
		ok(!fl_embeds_find(&m, -2, &row) && row == 2 && !fl_embeds_find(&m, 99, &row) && row == 6,
		   "rows by id");
		ok(fl_embeds_find(&m, 8, &row) && fl_embeds_find(&m, 100, &row), "ids that are not there");
	}
	fl_embeds_release(&m);
	if (ok(!fl_embeds_open(&m, two, 2, &e), "two files")) {
		fl_embeds_rows(&m, 5, 4, x);
		ok(m.N == 2 * ROWS && !memcmp(x, want[F4] + 5 * COLS, 2 * COLS * sizeof *x) &&
		   !memcmp(x + 2 * COLS, want[F4], 2 * COLS * sizeof *x), "rows across the border");
		memset(x, 0, sizeof x);
		ok(m.part[0].fd && m.part[1].fd == 0 && !fl_embeds_read(&m, 5, 4, x, &e) &&
		   !memcmp(x, want[F4] + 5 * COLS, 2 * COLS * sizeof *x) &&
		   !memcmp(x + 2 * COLS, want[F4], 2 * COLS * sizeof *x), "and read, where rows follow each other");
		fl_embeds_gather(&m, idx, 4, x);
		ok(!memcmp(x, want[F4] + 6 * COLS, COLS * sizeof *x) && !memcmp(x + COLS, want[F4], COLS * sizeof *x),
		   "gathered");
		ok(fl_embeds_id(&m, 9) == 9 && !fl_embeds_find(&m, 9, &row) && row == 9, "rows count on");
		ok(fl_embeds_find(&m, 14, &row) && fl_embeds_find(&m, -1, &row), "and end");
	}
	fl_embeds_release(&m);
}

static void refuse(const char *const *source, size_t n, int code, const char *msg)
{
	struct fl_embeds m;
	struct fl_err e = { 0 };

	fl_embeds_open(&m, source, n, &e);
	ok(e.code == code && strstr(e.msg, msg), "%s: %s", source[0], msg);
	if (e.code != code || !strstr(e.msg, msg))
		printf("# %d: %s\n", e.code, e.msg);
	fl_embeds_release(&m);
}

static void test_refusals(void)
{
	static const float wide[2][6] = { { 1 } };
	unsigned char rows[60] = { 1 }, fbin[8 + 4] = { 1, 0, 0, 0, 1 };
	struct fl_embed m;
	struct fl_err e = { 0 };

#define REFUSE(code, msg, ...) do { \
		const char *const s_[] = { __VA_ARGS__ }; \
		refuse(s_, sizeof s_ / sizeof *s_, code, msg); \
	} while (0)
	REFUSE(FL_EIO, "nowhere: No such file", "nowhere");
	REFUSE(FL_EIO, "No such file", "nowhere.npy");
	REFUSE(FL_EIO, "nowhere.fbin: No such file", "nowhere.fbin");
	REFUSE(FL_EDATA, "no tensor 'emb'; it has", DIR "named.safetensors");
	REFUSE(FL_EDATA, "no tensor 'nix'", DIR "named.safetensors#nix");
	REFUSE(FL_EDATA, "'image_label' is 7, not rows", DIR "named.safetensors#image_label");
	REFUSE(FL_EDATA, "holds 2 arrays", DIR "stored.npz");
	REFUSE(FL_EDATA, "no array 'nix'", DIR "stored.npz#nix");
	REFUSE(FL_EDATA, "without a name", DIR "f4.npy#x");
	REFUSE(FL_EDATA, "has ids", DIR "f4.npy", DIR "f32.safetensors");
	REFUSE(FL_EDATA, "id -2 is on rows 2 and 9", DIR "f32.safetensors", DIR "shards.sts");
	memcpy(fbin, (unsigned char[]){ 2, 0, 0, 0, 6 }, 5);
	REFUSE(FL_EDATA, "2x6 promised", spill(".fbin", fbin, sizeof fbin));
	memset(fbin, 0xff, 8);
	REFUSE(FL_EDATA, "too large", spill(".dbin", fbin, sizeof fbin));
	REFUSE(FL_EDATA, "are no rows of", spill(".fvecs", fbin, sizeof fbin));
	memset(rows, 0, sizeof rows);
	rows[0] = 2;
	REFUSE(FL_EDATA, "row 1 has 0 values", spill(".fvecs", rows, sizeof rows));
	REFUSE(FL_EDATA, "rows of no values", spill(".fvecs", rows + 1, 4));
	REFUSE(FL_EDATA, "is empty", spill(".fbin", rows, 0));
	REFUSE(FL_EDATA, "no row", spill(".fbin", (unsigned char[8]){ 0, 0, 0, 0, 6 }, 8));
	memset(rows, 0, sizeof rows);
	rows[0] = 2, rows[4] = 6;
	memcpy(rows + 8, wide, sizeof wide);
	REFUSE(FL_EDATA, "rows of 6 values", DIR "f4.npy", spill(".fbin", rows, 8 + sizeof wide));
	ok(fl_embed_open(&m, DIR "shards.sts", &e) && strstr(e.msg, "more than one record"),
	   "one matrix wanted of several records");
}

static void test_check(void)
{
	float x[3][4] = { { 1, 2, -2, 4 }, { 0, 0, -0.0f, 0 }, { 3, 0, 4, 0 } };
	unsigned char file[8 + sizeof x] = { 3, 0, 0, 0, 4 };
	struct fl_embed m;
	struct fl_err e = { 0 };
	double norm[3];

	memcpy(file + 8, x, sizeof x);
	if (fl_embed_open(&m, spill(".fbin", file, sizeof file), &e))
		return;
	ok(!fl_embed_check(&m, 0, norm, &e), "a row of zeros may be asked for");
	ok(norm[0] == 5 && norm[1] == 0 && norm[2] == 5, "lengths");
	ok(fl_embed_check(&m, 1, NULL, &e) && e.code == FL_EDATA && strstr(e.msg, "row 1 is all zeros"),
	   "a row of zeros by number");
	fl_embed_release(&m);
	x[2][1] = (float)INFINITY;
	memcpy(file + 8, x, sizeof x);
	if (fl_embed_open(&m, spill(".fbin", file, sizeof file), &e))
		return;
	ok(fl_embed_check(&m, 0, NULL, &e) && strstr(e.msg, "row 2: value 1 is not finite"),
	   "what is not finite by row and value");
	fl_embed_release(&m);
}

/* Opens and, where it opens, reads all: 1 where it opened. */
static int try_open(const char *path)
{
	struct fl_embeds m;
	struct fl_err e = { 0 };
	float *x;

	if (fl_embeds_open(&m, &path, 1, &e))
		return 0;
	if ((x = malloc(m.N * m.d * sizeof *x)))
		fl_embeds_rows(&m, 0, m.N, x);
	free(x);
	fl_embeds_check(&m, 1, NULL, &e);
	fl_embeds_release(&m);
	return 1;
}

/* Every truncation is refused, and no changed byte does harm. */
static void test_hostile(const char *name)
{
	unsigned char buf[BIG];
	size_t n = slurp(name, buf, sizeof buf);
	int opened = 0;

	for (size_t i = 0; i < n; i++)
		opened += try_open(spill(strrchr(name, '.'), buf, i));
	is_int(opened, 0, name);
	for (size_t i = 0; i < n; i++) {
		buf[i] ^= 0x81;
		opened += try_open(spill(strrchr(name, '.'), buf, n));
		buf[i] ^= 0x81;
	}
	ok(opened > 0, "%s: bytes changed", name);
}

int main(void)
{
	char cmd[64];

	if (slurp(DIR "want.f32", (unsigned char *)want, sizeof want) != sizeof want || !mkdtemp(dir))
		printf("Bail out! " DIR "want.f32\n");
	test_formats();
	test_gzip();
	test_mapped();
	test_columns();
	test_shorter();
	test_shards();
	test_refusals();
	test_check();
	test_hostile(DIR "f32.safetensors");
	test_hostile(DIR "columns.npy");
	test_hostile(DIR "deflated.npz");
	test_hostile(DIR "f4.fbin");
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	ok(!system(cmd), "no litter");
	return tap_done();
}

/* Data sets: batches against NumPy, subsets, the index form, sources, refusals. */
#include "data/data.h"
#include "data/source.h"
#include "nn/net.h"
#include "tap.h"

#include <math.h>
#include <unistd.h>

#define DIR "test/golden/data/"
#define ROWS 70
#define D 24

static float want[2][ROWS * D];

static void load_want(void)
{
	FILE *f = fopen(DIR "want.f32", "rb");

	if (!f || fread(want, sizeof want, 1, f) != 1)
		printf("Bail out! " DIR "want.f32\n");
	if (f)
		fclose(f);
}

static int open_data(struct fl_data *d, const char *source)
{
	struct fl_err e = { 0 };
	int rc = fl_data_open(d, source, &(struct fl_data_how){ .scale = NULL }, &e);

	if (!ok(!rc, "%s opens", source))
		printf("# %s\n", e.msg);
	return rc;
}

/* Rows idx(n) of w are what a batch gives, in every split of the batch. */
static void check_batch(const struct fl_data *d, const float *w, const uint32_t *idx, size_t n,
                        const char *what)
{
	static float x[200 * D];
	int32_t y[200];
	int same = 1;

	fl_data_batch(d, idx, 0, n, x, y);
	for (size_t i = 0; i < n; i++) {
		size_t k = idx ? idx[i] : i;

		same &= !memcmp(x + i * D, w + k * D, D * sizeof *x) && y[i] == d->y[k];
	}
	ok(same, "%s: bits are NumPy's", what);
}

static void test_batch(const char *file, const float *w)
{
	uint32_t idx[200];
	struct fl_data d;

	if (open_data(&d, file))
		return;
	ok(d.N == ROWS && d.d == D && d.C == 5 && d.client == 3, "%s: sizes", file);
	check_batch(&d, w, NULL, ROWS, "in order");
	for (size_t i = 0; i < 200; i++)
		idx[i] = (uint32_t)(i * 37 % ROWS);
	check_batch(&d, w, idx, 200, "gathered");
	check_batch(&d, w, idx + 5, 1, "one row");
	fl_data_release(&d);
}

static void test_subset(void)
{
	static const uint32_t idx[] = { 2, 3, 5, 7, 69 };
	struct fl_tset rec = { .t = NULL };
	const struct fl_tensor *id;
	struct fl_data d, s;
	float a[5 * D], b[5 * D];
	struct fl_err e = { 0 };

	open_data(&d, DIR "u8.safetensors");
	is_int(fl_data_subset(&d, idx, 5, 9, &rec, &e), 0, "subset");
	id = fl_tset_find(&rec, "id");
	ok(id && id->dtype == FL_I64 && ((const int64_t *)id->data)[4] == 69, "id is the row");
	is_str(fl_meta_get(&rec, "fl.client"), "9", "the client is the new one");
	is_int(fl_data_take(&s, &rec, NULL, "subset", &e), 0, "and a data set again");
	ok(rec.nt == 0, "whose record was taken");
	fl_data_batch(&d, idx, 0, 5, a, NULL);
	fl_data_batch(&s, NULL, 0, 5, b, NULL);
	ok(!memcmp(a, b, sizeof a), "with the same inputs");
	ok(s.y[4] == d.y[69] && s.C == 5, "labels and classes");
	is_int(fl_data_subset(&s, (const uint32_t[]){ 4 }, 1, 1, &rec, &e), 0, "subset of a subset");
	ok(*(const int64_t *)fl_tset_find(&rec, "id")->data == 69, "keeps the first id");
	fl_tset_release(&rec);
	fl_data_release(&s);
	fl_data_release(&d);
}

static void test_index(void)
{
	static const uint32_t idx[] = { 60, 1, 44 };
	struct fl_tset rec = { .t = NULL }, copy = { .t = NULL };
	struct fl_data d, s;
	float a[3 * D], b[3 * D];
	char hash[FL_HASH_TEXT], crc[FL_BASE_CRC];
	struct fl_err e = { 0 };

	open_data(&d, DIR "f32.safetensors");
	fl_data_hash(&d.rec, hash);
	is_int(fl_data_index(&d, idx, 3, 4, "f32.safetensors", hash, &rec, &e), 0,
	       "index form");
	ok(!fl_tset_find(&rec, "x") && fl_tset_find(&rec, "index"), "holds rows, not values");
	fl_tset_clone(&copy, &rec, NULL);
	is_int(fl_data_take(&s, &copy, "test/golden/data", "index", &e), 0, "is followed");
	fl_data_batch(&d, idx, 0, 3, a, NULL);
	fl_data_batch(&s, NULL, 0, 3, b, NULL);
	ok(!memcmp(a, b, sizeof a) && s.y[2] == d.y[44] && s.client == 4 && s.C == 5, "same examples");
	fl_data_release(&s);

	fl_tset_clone(&copy, &rec, NULL);
	fl_meta_set(&copy, "fl.source_hash", NULL, NULL);
	fl_data_crc(&d.rec, crc);
	fl_meta_set(&copy, "fl.source_crc", crc, NULL);
	is_int(fl_data_take(&s, &copy, "test/golden/data", "index", &e), 0, "a CRC-32 is read, too");
	fl_data_release(&s);

	fl_tset_clone(&copy, &rec, NULL);
	fl_meta_set(&copy, "fl.source_hash", "00000000", NULL);
	is_int(fl_data_take(&s, &copy, "test/golden/data", "index", &e), -1, "another source is refused");
	ok(strstr(e.msg, "client 4: fl.source") && strstr(e.msg, "not 00000000"), "%s", e.msg);
	fl_tset_clone(&copy, &rec, NULL);
	((int64_t *)fl_tset_find(&copy, "index")->data)[1] = ROWS;
	is_int(fl_data_take(&s, &copy, "test/golden/data", "index", &e), -1, "row out of range");
	is_str(e.msg, "index: client 4: index[1] is 70, the source has 70 rows", "says which");
	fl_tset_clone(&copy, &rec, NULL);
	is_int(fl_data_take(&s, &copy, NULL, "index", &e), -1, "source not there");
	is_int(e.code, FL_EIO, "is a matter of the system");
	fl_tset_clone(&copy, &rec, NULL);
	fl_meta_set(&copy, "fl.source", "/etc/passwd", NULL);
	is_int(fl_data_take(&s, &copy, NULL, "index", &e), -1, "an absolute source is refused");
	is_int(e.code, FL_EDATA, "as bad data");
	fl_tset_release(&rec);
	fl_data_release(&d);
}

static void test_sources(void)
{
	struct fl_data a, b, c;
	float x[64], y[64];

	if (open_data(&a, "digits") || open_data(&b, "digits:split=test"))
		return;
	ok(a.N == 1437 && b.N == 360 && a.d == 64 && a.C == 10 && b.C == 10, "digits: sizes");
	is_str(fl_data_split(&b), "test", "digits: split");
	/* First row of the first digit, a nought: 0 0 5 13 9 1 0 0, of 16. */
	fl_data_batch(&a, NULL, 0, 1, x, NULL);
	ok(x[1] == 0 && x[2] == 5 / 16.f && x[3] == 13 / 16.f && a.y[0] == 0, "digits: first example");
	fl_data_release(&a);
	fl_data_release(&b);

	if (!open_data(&a, DIR "images-idx3-ubyte," DIR "labels-idx1-ubyte.gz")) {
		open_data(&b, DIR "u8.safetensors");
		ok(a.N == ROWS && a.d == 8 && a.C == 5 && !memcmp(a.y, b.y, ROWS * sizeof *a.y),
		   "IDX pair: sizes and labels");
		fl_data_batch(&a, NULL, 69, 1, x, NULL);
		ok(x[7] == (float)((const uint8_t *)b.x->data)[69 * D + 7], "IDX pair: values as they are");
		fl_data_release(&a);
		fl_data_release(&b);
	}
	if (!open_data(&a, DIR "floats-idx2.gz," DIR "labels-idx1-i32")) {
		open_data(&c, DIR "f32.safetensors");
		ok(a.d == 2 && !memcmp(a.y, c.y, ROWS * sizeof *a.y), "IDX pair: I32 labels");
		fl_data_batch(&a, NULL, 11, 1, x, NULL);
		memcpy(y, (const float *)c.x->data + 11 * D, 2 * sizeof *y);
		ok(!memcmp(x, y, 2 * sizeof *x), "IDX pair: F32 values");
		fl_data_release(&a);
		fl_data_release(&c);
	}
}

static void test_scale(void)
{
	static const struct { const char *json, *why; } bad[] = {
		{ "", "not JSON" }, { "[1]", "must be a JSON object" }, { "{\"div\":0}", "div is 0" },
		{ "{\"div\":-1}", "div is -1" }, { "{\"div\":\"255\"}", "div must be" },
		{ "{\"div\":1e39}", "div is 1e+39" }, { "{\"std\":[0]}", "std[0] is 0" },
		{ "{\"std\":[1e-60]}", "std[0] is 1e-60" }, { "{\"mean\":0.5}", "mean must be an array" },
		{ "{\"mean\":[]}", "mean must be an array" }, { "{\"mean\":[null]}", "mean must be a finite" },
		{ "{\"mean\":[1e300]}", "mean[0] is 1e+300" }, { "{\"mean\":[1,2],\"std\":[1]}", "mean has 2" },
		{ "{\"div\":1,\"div\":2}", "not JSON" }, { "{\"scale\":1}", "has key 'scale'" },
		{ "{\"mean\":[1,2]}", "2 channels, but 'x' has 3" }, { "{} x", "not JSON" },
	};
	struct fl_err e = { 0 };
	struct fl_data d;
	float x[D];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int rc = fl_data_open(&d, DIR "u8.safetensors",
		                      &(struct fl_data_how){ .scale = bad[i].json }, &e);

		ok(rc && strstr(e.msg, bad[i].why), "scale %s: %s", bad[i].json, e.msg);
	}
	is_int(fl_data_open(&d, DIR "u8.safetensors",
	                    &(struct fl_data_how){ .scale = "{\"div\":2}" }, &e), 0, "scale of div alone");
	fl_data_batch(&d, NULL, 0, 1, x, NULL);
	ok(x[0] == ((const uint8_t *)d.x->data)[0] / 2.f, "overrides the record's");
	fl_data_release(&d);
}

/* A record with the given tensors. */
static void build(struct fl_tset *s, enum fl_dtype xt, size_t rows, enum fl_dtype yt, size_t labels)
{
	size_t dim[2] = { rows, 2 };

	*s = (struct fl_tset){ .t = NULL };
	fl_tset_add(s, "x", xt, 2, dim, NULL, NULL);
	fl_tset_add(s, "y", yt, 1, &labels, NULL, NULL);
	fl_meta_set_kind(s, FL_KIND_DATA, NULL);
}

static void refused(struct fl_tset *s, const char *why)
{
	struct fl_err e = { 0 };
	struct fl_data d;
	int rc = fl_data_take(&d, s, NULL, "rec", &e);

	if (!ok(rc && e.code == FL_EDATA && strstr(e.msg, why), "refused: %s", why))
		printf("# rc %d, code %d: %s\n", rc, e.code, e.msg);
	ok(!s->nt && !d.x, "and nothing is left");
	if (!rc)
		fl_data_release(&d);
}

static void *tensor(struct fl_tset *s, const char *name)
{
	return fl_tset_find(s, name)->data;
}

/* Inputs of other types are their values in single precision, and so in records. */
static void test_types(void)
{
	static const double value[] = { 0.1, -3, 1e-300, 16777217, -1e38, 7 };
	uint32_t idx[] = { 2, 0 };
	struct fl_tset s, out = { .t = NULL };
	struct fl_data d;
	float x[6], rounded[6];

	for (size_t i = 0; i < 6; i++)
		rounded[i] = (float)value[i];
	build(&s, FL_F64, 3, FL_U8, 3);
	memcpy(tensor(&s, "x"), value, sizeof value);
	if (!ok(!fl_data_take(&d, &s, NULL, "rec", NULL), "x of F64 is taken"))
		return;
	fl_data_batch(&d, NULL, 0, 3, x, NULL);
	ok(!memcmp(x, rounded, sizeof x), "rounded to single precision");
	is_int(fl_data_subset(&d, idx, 2, 0, &out, NULL), 0, "examples of it");
	ok(fl_tset_find(&out, "x")->dtype == FL_F32 &&
	   !memcmp(tensor(&out, "x"), rounded + 4, 2 * sizeof *x) &&
	   !memcmp((float *)tensor(&out, "x") + 2, rounded, 2 * sizeof *x), "are F32");
	fl_tset_release(&out);
	fl_data_release(&d);
	build(&s, FL_I16, 3, FL_U8, 3);
	((int16_t *)tensor(&s, "x"))[3] = -300;
	if (ok(!fl_data_take(&d, &s, NULL, "rec", NULL), "x of I16 is taken")) {
		fl_data_batch(&d, NULL, 1, 1, x, NULL);
		ok(x[0] == 0 && x[1] == -300, "by value");
		fl_data_release(&d);
	}
}

static void test_refusals(void)
{
	struct fl_tset s;

	build(&s, FL_F8_E4M3, 3, FL_U8, 3);
	refused(&s, "'x' is F8_E4M3, which is not computed with");
	build(&s, FL_F64, 3, FL_U8, 3);
	((double *)tensor(&s, "x"))[5] = 1e39;
	refused(&s, "row 2: tensor 'x' value 1 is inf");
	build(&s, FL_F32, 3, FL_F32, 3);
	refused(&s, "'y' is F32, must be an integer type");
	build(&s, FL_F32, 3, FL_U8, 4);
	refused(&s, "'x' is 3x2 and 'y' is 4");
	build(&s, FL_F32, 0, FL_U8, 0);
	refused(&s, "holds no example");
	build(&s, FL_F32, 3, FL_I64, 3);
	((int64_t *)tensor(&s, "y"))[2] = -2;
	refused(&s, "row 2: label -2 is outside [0,1000000), and is not -1, unlabelled");
	build(&s, FL_F32, 3, FL_U64, 3);
	((uint64_t *)tensor(&s, "y"))[0] = UINT64_MAX;
	refused(&s, "row 0: label 18446744073709551616 is outside");
	build(&s, FL_U8, 3, FL_U8, 3);
	((uint8_t *)tensor(&s, "y"))[1] = 4;
	fl_meta_set(&s, "fl.classes", "4", NULL);
	refused(&s, "row 1: label 4 is outside [0,4)");
	build(&s, FL_F32, 3, FL_U8, 3);
	((float *)tensor(&s, "x"))[3] = NAN;
	refused(&s, "row 1: tensor 'x' value 1 is nan");
	build(&s, FL_F32, 3, FL_U8, 3);
	fl_meta_set(&s, "fl.classes", "0", NULL);
	refused(&s, "fl.classes is 0");
	build(&s, FL_F32, 3, FL_U8, 3);
	fl_meta_set(&s, "fl.client", "-1", NULL);
	refused(&s, "fl.client is '-1'");
	build(&s, FL_F32, 3, FL_U8, 3);
	fl_tset_add(&s, "id", FL_I64, 1, (const size_t[]){ 2 }, NULL, NULL);
	refused(&s, "'id' must hold 3 integers");
	build(&s, FL_F32, 3, FL_U8, 3);
	fl_meta_set_kind(&s, FL_KIND_MODEL, NULL);
	refused(&s, "holds kind 'model'");
	s = (struct fl_tset){ .t = NULL };
	refused(&s, "tensor 'x' is missing");
	s = (struct fl_tset){ .t = NULL };
	fl_tset_add(&s, "index", FL_I64, 1, (const size_t[]){ 2 }, NULL, NULL);
	refused(&s, "neither 'x' nor fl.source");
}

/* The same with an input of one dimension. */
static int fits(const struct fl_data *d, size_t inputs, size_t classes, size_t targets,
                struct fl_err *e)
{
	return fl_data_fits(d, &(struct fl_net){ .in = { 1, { inputs } } }, classes, targets, e);
}

/* Examples of 3x4x2 and a net's input of so many dimensions. */
static void test_layout(const struct fl_data *d)
{
	static const struct { struct fl_shape in; const char *why; } t[] = {
		{ { 3, { 3, 4, 2 } }, NULL }, { { 1, { D } }, NULL }, { { 2, { 12, 2 } }, NULL },
		{ { 3, { 2, 3, 4 } }, "3x4x2, the model takes 2x3x4: channels are last: fl-partition --channels-last" },
		{ { 3, { 4, 3, 2 } }, "3x4x2 (24 values), the model takes 4x3x2 (24)" },
		{ { 3, { 1, 4, 6 } }, "3x4x2 (24 values), the model takes 1x4x6 (24)" },
		{ { 4, { 1, 3, 4, 2 } }, NULL },
		{ { 4, { 1, 2, 3, 4 } }, "3x4x2 (24 values), the model takes 1x2x3x4 (24)" },
	};
	struct fl_err e = { 0 };

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int rc = fl_data_fits(d, &(struct fl_net){ .in = t[i].in }, 5, 0, &e);

		ok(!rc == !t[i].why && (!rc || (e.code == FL_EDATA && strstr(e.msg, t[i].why))),
		   "inputs of %u dimensions, case %zu: %s", t[i].in.ndim, i, rc ? e.msg : "taken");
	}
}

static void test_unlabelled(void)
{
	struct fl_err e = { 0 };
	struct fl_tset s;
	struct fl_data d;

	build(&s, FL_F32, 3, FL_I8, 3);
	memcpy(tensor(&s, "y"), (const int8_t[]){ 4, -1, -1 }, 3);
	is_int(fl_data_take(&d, &s, NULL, "rec", &e), 0, "-1 is an example without a label");
	ok(d.unlabelled == 2 && d.C == 5 && d.y[0] == 4 && d.y[1] == -1, "counted, no class");
	is_int(fl_data_labelled(&d, &e), -1, "where a label is wanted");
	is_str(e.msg, "rec: row 1 is not labelled (y is -1); of 3 rows 2 are not, and a label is wanted "
	       "here", "the first row is named");
	fl_data_release(&d);
	build(&s, FL_F32, 2, FL_I64, 2);
	memset(tensor(&s, "y"), 0xff, 2 * sizeof(int64_t));
	is_int(fl_data_take(&d, &s, NULL, "rec", &e), 0, "no example has a label");
	ok(d.unlabelled == 2 && d.C == 1, "there is one class");
	fl_data_release(&d);
}

static void test_fits(void)
{
	struct fl_err e = { 0 };
	struct fl_data d;

	open_data(&d, DIR "u8.safetensors");
	is_int(fits(&d, D, 5, 0, &e), 0, "fits");
	is_int(fits(&d, 64, 5, 0, &e), -1, "wrong inputs");
	is_str(e.msg, DIR "u8.safetensors: examples are 3x4x2 (24 values), the model takes 64",
	       "names both shapes");
	is_int(fits(&d, D, 4, 0, &e), -1, "too few classes");
	test_layout(&d);
	fl_data_release(&d);
}

/* 4 texts of 3 values, 3 images of 3, 5 pairs; text 1 and image 0 are in none. */
static void build_pairs(struct fl_tset *s)
{
	static const float text[] = { 1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 9 };
	static const uint16_t image[] = { 0x7c00, 0, 0, 0x3c00, 0x4000, 0x4400, 0x4200, 0, 0x4500 };	/* inf 0 0, 1 2 4, 3 0 5 */
	static const int32_t pairs[] = { 0, 2, 2, 1, 3, 2, 0, 1, 2, 2 };

	*s = (struct fl_tset){ .t = NULL };
	fl_tset_add(s, "text", FL_F32, 2, (const size_t[]){ 4, 3 }, NULL, NULL);
	fl_tset_add(s, "image", FL_F16, 2, (const size_t[]){ 3, 3 }, NULL, NULL);
	fl_tset_add(s, "pairs", FL_I32, 2, (const size_t[]){ 5, 2 }, NULL, NULL);
	memcpy(tensor(s, "text"), text, sizeof text);
	memcpy(tensor(s, "image"), image, sizeof image);
	memcpy(tensor(s, "pairs"), pairs, sizeof pairs);
	fl_meta_set(s, "fl.client", "3", NULL);
}

static void test_pairs(void)
{
	static const float all[] = { 1, 2, 3, 3, 0, 5, 4, 5, 6, 1, 2, 4, 7, 8, 9, 3, 0, 5,
	                             1, 2, 3, 1, 2, 4, 4, 5, 6, 3, 0, 5 };
	static const uint32_t idx[] = { 2, 4 };
	static const int64_t want_pairs[] = { 1, 0, 0, 0 };
	struct fl_tset s, out = { .t = NULL };
	struct fl_err e = { 0 };
	struct fl_data d;
	float x[30];
	int32_t y[5];

	build_pairs(&s);
	if (!ok(!fl_data_take(&d, &s, NULL, "pairs", &e), "pairs of texts and images"))
		return;
	ok(d.N == 5 && d.d == 6 && d.C == 1 && d.client == 3, "are examples of both in a row");
	fl_data_batch(&d, NULL, 0, 5, x, y);
	ok(!memcmp(x, all, sizeof all), "with the values of their rows");
	fl_data_batch(&d, idx, 0, 2, x, y);
	ok(!memcmp(x, all + 12, 24) && !memcmp(x + 6, all + 24, 24) && !y[0], "in any order");
	is_int(fl_data_frame(&d, idx, 2, 8, &out, &e), 0, "some of them");
	ok(fl_tset_find(&out, "text")->dim[0] == 2 && fl_tset_find(&out, "image")->dim[0] == 1,
	   "bring the rows that occur");
	ok(!memcmp(tensor(&out, "pairs"), want_pairs, sizeof want_pairs), "and number them anew");
	is_int(fl_data_index(&d, idx, 2, 8, "x", "", &out, &e), -1, "no index form");
	is_int(fits(&d, 5, 1, 0, &e), -1, "wrong inputs");
	is_str(e.msg, "pairs: pairs are a text of 3 and an image of 3 values, the model takes 5 in all",
	       "names both sides");
	fl_data_release(&d);
	is_int(fl_data_take(&d, &out, NULL, "subset", &e), 0, "a part is pairs again");
	fl_data_batch(&d, NULL, 0, 2, x, y);
	ok(!memcmp(x, all + 12, 24) && !memcmp(x + 6, all + 24, 24), "with the same values");
	fl_data_release(&d);

	build_pairs(&s);
	((int32_t *)tensor(&s, "pairs"))[3] = 3;
	refused(&s, "pairs[1]: image row 3, there are 3");
	build_pairs(&s);
	((int32_t *)tensor(&s, "pairs"))[2] = -1;
	refused(&s, "pairs[1]: text row -1, there are 4");
	build_pairs(&s);
	((int32_t *)tensor(&s, "pairs"))[4] = 1;
	refused(&s, "tensor 'text' row 1 is all zeros");
	build_pairs(&s);
	((int32_t *)tensor(&s, "pairs"))[9] = 0;
	refused(&s, "tensor 'image' row 0 is not finite");
	build_pairs(&s);
	fl_tset_add(&s, "y", FL_I64, 1, (const size_t[]){ 4 }, NULL, NULL);
	refused(&s, "tensor 'y' must hold 5 integers");
}

/* The same rows by other names, and 2 of a third part; example 1 lacks an image, 3 a text. */
static void build_parts(struct fl_tset *s)
{
	static const int32_t part[] = { 0, -1, 2, 2, 0, -1, 3, -1, 2, -1, 1, 1, 2, 0, 2 };
	struct fl_tset pairs;

	build_pairs(&pairs);
	*s = (struct fl_tset){ .t = NULL };
	fl_tset_copy(s, "x.text", fl_tset_find(&pairs, "text"), NULL);
	fl_tset_copy(s, "x.image", fl_tset_find(&pairs, "image"), NULL);
	fl_tset_add(s, "x.audio", FL_F32, 3, (const size_t[]){ 2, 1, 2 }, NULL, NULL);
	fl_tset_add(s, "part", FL_I32, 2, (const size_t[]){ 5, 3 }, NULL, NULL);
	memcpy(tensor(s, "part"), part, sizeof part);
	for (int i = 0; i < 4; i++)
		((float *)tensor(s, "x.audio"))[i] = (float)(10 + i);
	fl_tset_release(&pairs);
}

static void test_parts(void)
{
	static const float want_x[] = { 1, 2, 3, NAN, NAN, 3, 0, 5, 4, 5, 6, 10, 11, NAN, NAN, NAN };
	static const uint32_t idx[] = { 3, 0 };
	static const int64_t want_part[] = { -1, 0, 0, 0, -1, 1 };
	struct fl_tset s, out = { .t = NULL };
	struct fl_err e = { 0 };
	struct fl_data d;
	float x[40];
	int same = 1;

	build_parts(&s);
	if (!ok(!fl_data_take(&d, &s, NULL, "parts", &e), "parts, of which examples lack some")) {
		printf("# %s\n", e.msg);
		return;
	}
	ok(d.N == 5 && d.d == 8 && d.M == 3 && d.lacking == 4, "text of 3, audio of 2, image of 3");
	fl_data_batch(&d, NULL, 0, 5, x, NULL);
	for (size_t i = 0; i < 16; i++)
		same &= isnan(want_x[i]) ? isnan(x[i]) : fabsf(x[i] - want_x[i]) <= 0;
	ok(same, "text stands first, the others by name; what is missing is NaN");
	is_int(fl_data_subset(&d, idx, 2, 8, &out, &e), 0, "some of them");
	ok(fl_tset_find(&out, "x.audio")->dim[0] == 1 && fl_tset_find(&out, "x.image")->dim[0] == 2 &&
	   fl_tset_find(&out, "x.text")->dim[0] == 1, "bring the rows that occur");
	ok(!memcmp(tensor(&out, "part"), want_part, sizeof want_part), "and number them anew");
	is_int(fits(&d, 8, 1, 0, &e), -1, "a net that takes all as one");
	is_str(e.msg, "parts: example 0 lacks part 'audio', as 4 of 5 lack some; the model takes all as one: "
	       "\"parts\" of an architecture and its layers part, impute and fuse can do without",
	       "says what to do");
	fl_data_release(&d);
	is_int(fl_data_take(&d, &out, NULL, "subset", &e), 0, "a part is parts again");
	fl_data_batch(&d, NULL, 1, 1, x, NULL);
	for (size_t i = 0; i < 8; i++)
		same &= isnan(want_x[i]) ? isnan(x[i]) : fabsf(x[i] - want_x[i]) <= 0;
	ok(same, "with the same values");
	fl_data_release(&d);

	build_parts(&s);
	((int32_t *)tensor(&s, "part"))[4] = 2;
	refused(&s, "part[1]: audio row 2, there are 2");
	build_parts(&s);
	((int32_t *)tensor(&s, "part"))[5] = -2;
	refused(&s, "part[1]: image row -2, there are 3");
	build_parts(&s);
	((int32_t *)tensor(&s, "part"))[2] = ((int32_t *)tensor(&s, "part"))[0] = -1;
	refused(&s, "part[0]: an example of no part at all");
	build_parts(&s);
	((float *)tensor(&s, "x.audio"))[1] = NAN;
	refused(&s, "tensor 'x.audio' row 0 is not finite");
	build_parts(&s);
	fl_tset_add(&s, "x.a b", FL_F32, 2, (const size_t[]){ 2, 1 }, NULL, NULL);
	refused(&s, "tensor 'x.a b': the name of a part is 1 to 64 letters");
	build_parts(&s);
	fl_tset_add(&s, "x.lidar", FL_F32, 1, (const size_t[]){ 2 }, NULL, NULL);
	refused(&s, "tensor 'x.lidar' is F32 2, must be rows of floats");
	build_parts(&s);
	fl_tset_add(&s, "x.lidar", FL_F32, 2, (const size_t[]){ 0, 2 }, NULL, NULL);
	refused(&s, "tensor 'part' is I32 5x3, must be (N,4) integers");
	s = (struct fl_tset){ .t = NULL };
	fl_tset_add(&s, "part", FL_I64, 2, (const size_t[]){ 2, 1 }, NULL, NULL);
	refused(&s, "tensor 'part' wants 1 to 64 tensors x.NAME beside it");
}

static void test_targets(void)
{
	struct fl_tset s, out = { .t = NULL };
	struct fl_err e = { 0 };
	struct fl_data d;
	float t[2];

	build(&s, FL_F32, 3, FL_U8, 3);
	fl_tset_add(&s, "target", FL_F32, 2, (const size_t[]){ 3, 1 }, NULL, NULL);
	memcpy(tensor(&s, "target"), (const float[]){ 5, 6, 7 }, 12);
	if (!ok(!fl_data_take(&d, &s, NULL, "t", &e), "targets"))
		return;
	is_int(fits(&d, 2, 9, 1, &e), 0, "fit");
	is_int(fits(&d, 2, 9, 2, &e), -1, "or not");
	fl_data_subset(&d, (const uint32_t[]){ 0, 2 }, 2, 1, &out, &e);
	fl_data_release(&d);
	fl_data_take(&d, &out, NULL, "t", &e);
	fl_data_targets(&d, NULL, 0, 2, t);
	ok(t[0] == 5 && t[1] == 7, "go with their examples");
	fl_data_release(&d);
	build(&s, FL_F32, 3, FL_U8, 3);
	fl_tset_add(&s, "target", FL_F32, 2, (const size_t[]){ 2, 1 }, NULL, NULL);
	refused(&s, "tensor 'target' must hold 3 rows");
	build(&s, FL_F32, 3, FL_U8, 3);
	if (!fl_data_take(&d, &s, NULL, "t", &e))
		is_int(fits(&d, 2, 9, 1, &e), -1, "a loss that wants them is refused without");
	fl_data_release(&d);
}

int main(void)
{
	load_want();
	test_batch(DIR "u8.safetensors", want[0]);
	test_batch(DIR "f32.safetensors", want[1]);
	test_subset();
	test_index();
	test_sources();
	test_scale();
	test_types();
	test_refusals();
	test_unlabelled();
	test_fits();
	test_pairs();
	test_parts();
	test_targets();
	return tap_done();
}

/* Element types, sets of tensors, metadata. */
#include "tap.h"

#include <stdint.h>

#include "base/crc.h"
#include "tensor/meta.h"
#include "tensor/running.h"
#include "tensor/tset.h"

static void test_dtype(void)
{
	static const uint16_t f16[] = { 0x3c00, 0xc000, 0x0001, 0x03ff, 0x7bff, 0x8000, 0x7c00, 0xfc00 };
	static const uint16_t bf16[] = { 0x3f80, 0xc000, 0x0001, 0x7f80 };
	static const uint16_t f16nan[] = { 0x7e00, 0x7c01, 0xfe00 };
	static const uint8_t truth[] = { 0, 1, 2 };
	static const int64_t big[] = { INT64_MIN, 16777217, INT64_MAX };
	static const uint64_t ubig[] = { UINT64_MAX };
	enum fl_dtype t;
	double d[8];
	float f[8];

	is_int(fl_dtype_parse("BF16", &t), 0, "BF16 is a dtype");
	is_int(t, FL_BF16, "BF16 is FL_BF16");
	is_int(fl_dtype_parse("f32", &t), -1, "dtypes are upper case");
	is_int(fl_dtype_parse("F8_E9", &t), -1, "a type that is not known");
	ok(!fl_dtype_parse("F8_E4M3", &t) && !fl_dtype_is_number(t) && !fl_dtype_is_integer(t) &&
	   !fl_dtype_is_float(t), "F8 is known, but not as a number");
	fl_dtype_to_f64(FL_F16, f16, d, 8);
	is_near(d[0], 1, 0, "F16 1");
	is_near(d[1], -2, 0, "F16 -2");
	ok(d[2] == 0x1p-24, "smallest subnormal half");
	ok(d[3] == 0x3ffp-24, "largest subnormal half");
	ok(d[4] == 65504, "largest half");
	ok(d[5] == 0 && signbit(d[5]), "half minus zero");
	ok(isinf(d[6]) && d[6] > 0 && isinf(d[7]) && d[7] < 0, "half infinities");
	fl_dtype_to_f32(FL_F16, f16nan, f, 3);
	ok(isnan(f[0]) && isnan(f[1]) && isnan(f[2]), "half not a number");
	fl_dtype_to_f32(FL_BF16, bf16, f, 4);
	ok(f[0] == 1 && f[1] == -2 && f[2] == 0x1p-133f && isinf(f[3]), "BF16");
	fl_dtype_to_f64(FL_BOOL, truth, d, 3);
	ok(d[0] == 0 && d[1] == 1 && d[2] == 1, "BOOL is 0 or 1");
	fl_dtype_to_f32(FL_I64, big, f, 3);
	ok(f[0] == -0x1p63f && f[1] == 16777216.f && f[2] == 0x1p63f, "I64 rounds to nearest F32");
	fl_dtype_to_f64(FL_U64, ubig, d, 1);
	ok(d[0] == 0x1p64, "U64 rounds to nearest F64");
}

static void test_nonfinite(void)
{
	static float f[10001];
	static const double d[] = { 1, -0.0, -INFINITY };
	static const uint16_t h[] = { 0x7bff, 0xfbff, 0xfe00 }, b[] = { 0x7f7f, 0x7f81, 0 };
	static const int32_t n[] = { -1, 0x7f800000 };

	is_int((long long)fl_dtype_nonfinite(FL_F32, f, 10001), 10001, "finite F32");
	f[10000] = NAN;
	is_int((long long)fl_dtype_nonfinite(FL_F32, f, 10001), 10000, "nan in the last F32");
	f[4095] = -INFINITY;
	is_int((long long)fl_dtype_nonfinite(FL_F32, f, 10001), 4095, "infinite F32 before it");
	is_int((long long)fl_dtype_nonfinite(FL_F64, d, 3), 2, "infinite F64");
	is_int((long long)fl_dtype_nonfinite(FL_F16, h, 3), 2, "nan F16");
	is_int((long long)fl_dtype_nonfinite(FL_BF16, b, 3), 1, "nan BF16");
	is_int((long long)fl_dtype_nonfinite(FL_I32, n, 2), 2, "integers are finite");
	is_int((long long)fl_dtype_nonfinite(FL_F32, NULL, 0), 0, "nothing is finite");
}

static void test_order(void)
{
	static const char *const name[] = { "b", "a", "z", "m", "@x/y", "ab" };
	static const enum fl_dtype type[] = { FL_F32, FL_F32, FL_I64, FL_U8, FL_F32, FL_F16 };
	struct fl_tset s = { .t = NULL };
	char got[64] = "";
	size_t dim = 2, i;
	int found = 1;

	for (i = 0; i < 6; i++)
		fl_tset_add(&s, name[i], type[i], 1, &dim, NULL, NULL);
	for (i = 0; i < 6; i++)
		found &= fl_tset_find(&s, name[i]) == &s.t[i];
	ok(found, "find before sort");
	fl_tset_sort(&s);
	for (i = 0; i < s.nt; i++) {
		strcat(got, s.t[i].name);
		strcat(got, " ");
	}
	is_str(got, "z @x/y a b ab m ", "dtype, then name");
	for (i = 0, found = 1; i < s.nt; i++)
		found &= fl_tset_find(&s, s.t[i].name) == &s.t[i];
	ok(found, "find after sort");
	ok(!fl_tset_find(&s, "nope") && !fl_tset_find(&s, "") && !fl_tset_find(&s, "zz"), "absent names");
	ok(fl_tensor_is_extra(fl_tset_find(&s, "@x/y")) && !fl_tensor_is_extra(&s.t[0]), "extras start with @");
	fl_tset_release(&s);
	ok(!s.nt && !fl_tset_find(&s, "a"), "released is empty");
}

static void test_add(void)
{
	struct fl_tset s = { .t = NULL };
	struct fl_err e = { 0 };
	size_t dim[3] = { SIZE_MAX, 2, 0 }, z[3] = { 0, SIZE_MAX, 2 };
	struct fl_tensor *t;
	char buf[64];

	t = fl_tset_add(&s, "s", FL_F64, 0, NULL, NULL, &e);
	ok(t && t->n == 1 && t->bytes == 8 && *(double *)t->data == 0, "a scalar has one zeroed element");
	is_str(fl_tensor_shape_str(t, buf, sizeof buf), "scalar", "shape of a scalar");
	ok(!fl_tset_add(&s, "s", FL_F32, 0, NULL, NULL, &e) && e.code == FL_EDATA, "a name twice is refused");
	is_str(e.msg, "tensor 's' occurs twice", "and said so");
	ok(!fl_tset_add(&s, "o", FL_U8, 3, dim, NULL, &e) && e.code == FL_EDATA, "overflow before a zero is refused");
	ok(!fl_tset_add(&s, "p", FL_F64, 1, dim, NULL, &e) && e.code == FL_EDATA, "overflow of bytes is refused");
	is_int((long long)s.nt, 1, "a refused tensor is not added");
	t = fl_tset_add(&s, "z", FL_F32, 3, z, NULL, &e);
	ok(t && !t->n && !t->bytes && !t->data, "zero dimensions have no data");
	dim[0] = 10;
	dim[1] = 84;
	t = fl_tset_add(&s, "m", FL_U8, 2, dim, NULL, &e);
	is_str(fl_tensor_shape_str(t, buf, sizeof buf), "10x84", "shape of a matrix");
	is_str(fl_tensor_shape_str(t, buf, 4), "10x", "a short buffer cuts the shape");
	ok(!fl_tensor_same_shape(t, fl_tset_find(&s, "z")), "shapes differ");
	fl_tset_release(&s);
}

static void test_clone(void)
{
	struct fl_tset s = { .t = NULL }, c = { .t = NULL };
	float data[2] = { 1, 2 };
	size_t dim = 2, none = 0;

	fl_tset_add(&s, "b", FL_F32, 1, &dim, data, NULL);
	fl_tset_add(&s, "a", FL_F32, 1, &none, NULL, NULL);
	fl_meta_set(&s, "k", "v", NULL);
	is_int(fl_tset_clone(&c, &s, NULL), 0, "clone");
	data[0] = 9;
	fl_tset_release(&s);
	ok(c.nt == 2 && !strcmp(c.t[0].name, "b") && ((float *)c.t[0].data)[0] == 1, "a clone has its own data and order");
	is_str(fl_meta_get(&c, "k"), "v", "and metadata");
	fl_tset_release(&c);
}

static void test_meta(void)
{
	struct fl_tset s = { .t = NULL };
	struct fl_err e = { 0 };
	enum fl_kind k;
	int64_t i = 7;
	double x = 7;

	fl_meta_set(&s, "m", "1", NULL);
	fl_meta_set(&s, "a", "2", NULL);
	fl_meta_set(&s, "z", "3", NULL);
	fl_meta_set(&s, "m", "4", NULL);
	ok(s.nkv == 3 && !strcmp(s.kv[0].key, "a") && !strcmp(s.kv[1].val, "4"), "keys are sorted and unique");
	fl_meta_set(&s, "m", NULL, NULL);
	fl_meta_set(&s, "absent", NULL, NULL);
	ok(s.nkv == 2 && !fl_meta_get(&s, "m"), "NULL removes");
	is_int(fl_meta_i64(&s, "fl.round", &i, &e), 0, "absent is 0");
	is_int(i, 7, "and leaves the value");
	is_int(fl_meta_need_i64(&s, "fl.client", &i, &e), -1, "needed but absent");
	is_str(e.msg, "fl.client is missing", "says which");
	fl_meta_set(&s, "fl.round", "-1", NULL);
	is_int(fl_meta_i64(&s, "fl.round", &i, &e), -1, "negative integers are refused");
	fl_meta_set(&s, "fl.round", "1.0", NULL);
	is_int(fl_meta_i64(&s, "fl.round", &i, &e), -1, "reals are no integers");
	fl_meta_set_i64(&s, "fl.round", INT64_MAX, NULL);
	is_int(fl_meta_i64(&s, "fl.round", &i, &e), 1, "a large integer");
	ok(i == INT64_MAX, "comes back");
	fl_meta_set_real(&s, "fl.loss", 0.1, NULL);
	is_str(fl_meta_get(&s, "fl.loss"), "0.1", "reals print shortest");
	is_int(fl_meta_real(&s, "fl.loss", &x, &e), 1, "and read");
	ok(x == 0.1, "back");
	fl_meta_set(&s, "fl.loss", "nan", NULL);
	is_int(fl_meta_real(&s, "fl.loss", &x, &e), -1, "nan is refused");
	is_int(fl_meta_set_real(&s, "fl.loss", NAN, &e), -1, "nan is not written");
	is_int(e.code, FL_ENUM, "because it is a numeric failure");
	is_int(fl_meta_kind(&s, &k, &e), 0, "a record without fl.kind");
	is_int(k, FL_KIND_NONE, "is of no kind");
	fl_meta_set_kind(&s, FL_KIND_PARTIAL, NULL);
	fl_meta_kind(&s, &k, &e);
	is_int(k, FL_KIND_PARTIAL, "kinds come back");
	fl_meta_set(&s, "fl.kind", "modle", NULL);
	is_int(fl_meta_kind(&s, &k, &e), -1, "unknown kinds are refused");
	fl_meta_set(&s, "fl.v", "2", NULL);
	is_int(fl_meta_kind(&s, &k, &e), -1, "other versions are refused");
	fl_meta_add_prov(&s, "one", NULL);
	fl_meta_add_prov(&s, "two", NULL);
	is_str(fl_meta_get(&s, "fl.prov"), "one\ntwo", "provenance adds lines");
	fl_tset_release(&s);
}

static void test_base(void)
{
	struct fl_tset s = { .t = NULL };
	uint8_t u[3] = { 1, 2, 3 };
	float f = 1;
	size_t three = 3, none = 0;
	char base[FL_BASE_CRC], want[9], hash[FL_HASH_TEXT], again[FL_HASH_TEXT];
	uint32_t crc;

	fl_base_crc(&s, base);
	is_str(base, "00000000", "base of an empty buffer");
	fl_tset_add(&s, "u", FL_U8, 1, &three, u, NULL);
	fl_tset_add(&s, "f", FL_F32, 0, NULL, &f, NULL);
	fl_tset_add(&s, "a", FL_U8, 1, &none, NULL, NULL);
	fl_base_crc(&s, base);
	crc = fl_crc32(fl_crc32(0, &f, 4), u, 3);
	snprintf(want, sizeof want, "%08lx", (unsigned long)crc);
	is_str(base, want, "base is in the format's order, whatever the set's");
	is_int(s.t[0].dtype, FL_U8, "and does not sort");
	fl_base_text(&s, 1, hash, NULL);
	ok(fl_base_is(hash) && fl_base_is(base) && !fl_base_is("12345678x") && !fl_base_is(""),
	   "64 digits, or 8");
	ok(fl_base_names(hash, hash, NULL) && fl_base_names(base, hash, &s) &&
	   !fl_base_names("00000000", hash, &s), "both name the model");
	ok(fl_base_agree(hash, base) && fl_base_agree(base, base) && !fl_base_agree(base, "00000000"),
	   "one cannot be held against the other");
	fl_meta_set(&s, "fl.arch", "relu", NULL);
	fl_meta_set(&s, "fl.round", "7", NULL);
	fl_base_text(&s, 3, again, NULL);
	ok(strcmp(hash, again), "the architecture counts");
	fl_meta_set(&s, "fl.round", "8", NULL);
	fl_base_text(&s, 1, hash, NULL);
	is_str(hash, again, "other metadata does not, nor do threads");
	fl_tset_release(&s);
}

static void test_running(void)
{
	static const char *const is[] = { "0.running_mean", "a.b.running_var", "running_var",
	                                  "0.num_batches_tracked", "@momentum/v/0.running_mean",
	                                  "@private/running_mean" };
	static const char *const is_not[] = { "0.weight", "running_mean.weight", "0.running_means",
	                                      "0.my_running_mean", "", "0.", "0.running_var." };
	struct fl_tensor t = { .name = "0.running_mean" };

	for (size_t i = 0; i < sizeof is / sizeof *is; i++)
		ok(fl_name_is_running(is[i]), "%s is a running statistic", is[i]);
	for (size_t i = 0; i < sizeof is_not / sizeof *is_not; i++)
		ok(!fl_name_is_running(is_not[i]), "'%s' is none", is_not[i]);
	ok(fl_tensor_is_running(&t), "so is a model's tensor");
	t.name = "@momentum/v/0.running_mean";
	ok(!fl_tensor_is_running(&t), "an extra tensor is none");
}

static void test_variance(void)
{
	static const uint16_t half[] = { 0x3c00, 0xbc00 };	/* 1, -1 */
	static float mean[] = { -1, -2 }, zero[] = { 0, -0.0f };
	struct fl_tset s = { .t = NULL };
	struct fl_err e = { 0 };
	size_t two = 2;

	fl_tset_add(&s, "0.running_mean", FL_F32, 1, &two, mean, &e);
	fl_tset_add(&s, "0.running_var", FL_F32, 1, &two, zero, &e);
	fl_tset_add(&s, "@momentum/v/0.running_var", FL_F32, 1, &two, mean, &e);
	is_int(fl_running_check(&s, "", &e), 0, "means and moments below 0, a variance of 0");
	fl_tset_add(&s, "c.running_var", FL_C64, 1, &two, NULL, &e);
	fl_tset_add(&s, "@private/1.running_var", FL_F16, 1, &two, (void *)half, &e);
	is_int(fl_running_check(&s, "", &e), 0, "another prefix");
	is_int(fl_running_check(&s, "@private/", &e), -1, "a variance below 0");
	is_int(e.code, FL_ENUM, "is numeric");
	is_str(e.msg, "tensor '@private/1.running_var': element 1 is -1, but no variance is below 0",
	       "where and what");
	fl_tset_release(&s);
}

int main(void)
{
	test_dtype();
	test_nonfinite();
	test_order();
	test_add();
	test_clone();
	test_meta();
	test_base();
	test_running();
	test_variance();
	return tap_done();
}
